//! Files whose bytes change behind what was read: cut at their end, rewritten there, or written
//! over after they were rotated.
//!
//! Part of [`crate::tailer`]. Where the bytes prove that reading can continue somewhere it does, so
//! that nothing is sent again that need not be; in doubt a file is read from byte 0.

use std::sync::Arc;

use crate::candidate::position_at;
use crate::destroyed::is_no_text;
use crate::disk::{Disk, Stat};
use crate::event::EventKind;
use crate::gaps::ReadBefore;
use crate::holes::Holes;
use crate::identity::{Digest128, FileKey, Head, Position};
use crate::options::Now;
use crate::phase::{Fact, Phase};
use crate::row::checkpoint;
use crate::tailer::Tailer;
use crate::whole::is_no_mere_beginning;
use crate::window::Window;
use crate::{file, identify, log_path, turns, whole};
use kinetail_base::checkpoint::Change;

/// Tools that destroy a file fill its last block (shred(1)), in bytes.
const BLOCK_BYTES: u64 = 4096;

/// So many bytes behind the position are compared where neither size nor times tell of a change:
/// what is written through a mapping changes neither until much later.
const PROBE_BYTES: usize = 64 * 1024;

/// Distances behind the end of what was read at which places are proven, in bytes; each doubles.
const MARK_BYTES_MIN: u64 = 256;

/// The beginnings of so many lines at the end are proven places, too.
const LAST_LINES: usize = 3;

/// See [`MARK_BYTES_MIN`].
const MARK_BYTES_MAX: u64 = 128 * 1024;

/// Reading continues at an earlier place of the same file. What was handed on behind it counts as
/// another generation: an acknowledgement that comes for it later changes nothing.
pub(crate) fn restart_at<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    position: Position,
    before: Option<ReadBefore>,
    now: Now,
) -> Option<FileKey> {
    let mut file = tailer.files.remove(key)?;
    let until = before.as_ref().map(|before| before.to.offset);
    file.gaps.restart(position.offset, before);
    let new_key = tailer.files.new_key();
    file.key = new_key;
    file.position = position;
    file.ahead.restart(position.offset);
    file.life.end_wait();
    file.pace.restart(file.seen.size, now.instant);
    tailer.out.changes.extend(file.progress.restart(position.offset, until, key));
    if until.is_none() {
        tailer.out.changes.push(Change::Save(checkpoint(&file, position)));
    }
    tailer.files.by_inode.insert(file.inode, new_key);
    tailer.history.logs.rename(key, new_key);
    tailer.history.order.rename(key, new_key);
    tailer.files.insert(new_key, file);
    turns::poll_soon(tailer, new_key);
    turns::requeue(tailer, new_key);
    Some(new_key)
}

/// Bytes in front of the position are not the ones that were read, or are gone. The file is
/// provably the same up to a place, so only its end was cut off or rewritten, and reading goes
/// on there. Says whether it does.
pub(crate) fn continue_where_proven<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    place: Position,
    stat: Stat,
    now: Now,
) -> bool {
    if holds_for_acknowledgements(tailer, key) {
        return true;
    }
    let Some(file) = tailer.files.get(key) else { return false };
    let (path, read, size) = (Arc::clone(&file.path), file.position.offset, stat.size);
    if restart_at(tailer, key, place, None, now).is_none() {
        return false;
    }
    let (kind, what) = if size < read {
        (EventKind::Shortened, "end of file removed")
    } else {
        (EventKind::EndRewritten, "end of file rewritten")
    };
    let detail = format!(
        "{what} ({read} bytes read, size {size}); resumed at offset {}, data after it is sent \
         again",
        place.offset
    );
    tailer.out.event(kind, &path, detail);
    true
}

/// The last place up to which a file is provably the one that was read. What cannot be compared is
/// in doubt.
pub(crate) fn last_proven_place<D: Disk>(
    tailer: &Tailer<D>,
    key: FileKey,
    stat: Stat,
) -> Option<Position> {
    let doubt = &tailer.problems.doubt;
    let file = tailer.files.get(key)?;
    let handle = file.handle.as_ref()?;
    if stat.size == 0 || !file.head.is_full() {
        return None;
    }
    doubt.known(file.read_head(handle)).filter(|head| file.head.agrees(head))?;
    let mut places: Vec<Position> = file.progress.places().collect();
    places.sort_by_key(|at| std::cmp::Reverse(at.offset));
    let holes = file.gaps.holes();
    let is_whole = |at: Position| whole::agrees(handle, file.progress.places(), at, holes);
    places.into_iter().find(|at| {
        is_no_mere_beginning(*at, file.position.offset)
            && at.offset <= stat.size
            && doubt.is_so(file::proves(handle, *at, holes))
            && doubt.is_so(file::tells_apart(handle, *at))
            && doubt.is_so(is_whole(*at))
    })
}

/// Reading may continue elsewhere in a file only when all that was read of it is acknowledged:
/// what is in flight belongs to places in front of that, and a crash would lose it. Until then
/// nothing of the file is read. Says whether it is so.
pub(crate) fn holds_for_acknowledgements<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) -> bool {
    let Some(file) = tailer.files.get_mut(key) else { return false };
    let waits = file.acked() < file.position.offset;
    if waits {
        file.life.await_acks();
    } else {
        file.life.end_wait();
    }
    waits
}

/// Whether a rotated file was overwritten to destroy it: it is not longer, and has other bytes,
/// which are not text. Nothing of that is sent. Text is read, as after a restart: a name that a
/// file got by a rename may be that of a live log, and in doubt lines are repeated, not lost. What
/// cannot be read is in doubt.
pub(crate) fn is_overwritten<D: Disk>(tailer: &Tailer<D>, key: FileKey, stat: Stat) -> bool {
    let Some(file) = tailer.files.get(key) else { return false };
    let before = file.pace.grown_to().max(file.position.offset);
    let head = file.handle.as_ref().map(file::read_head);
    let head = head.and_then(|head| tailer.problems.doubt.known(head));
    // A copy of another log that was put in its place is known by its beginning.
    let strange = head.is_some_and(|head| {
        is_no_text(&head)
            && tailer.memory.beginning_alike(&head).is_empty()
            && identify::live_contents(tailer).agreeing(&head).iter().all(|other| *other == key)
    });
    // Of a possible copy nothing was read: what becomes of it is decided with its original.
    let is_rotated = || match file.phase() {
        Phase::Rotated | Phase::Unlisted => true,
        // It may have been found under its rotated name. To ask for that takes longest.
        Phase::Live => log_path::has_rotated_name(tailer, &file.path),
        _ => false,
    };
    let has_its_size = before > 0 && (stat.size == before || stat.size == filled_up(before));
    has_its_size && strange && is_rotated()
}

/// Notes that a file was written over. What of it was not read is lost.
pub(crate) fn give_up_overwritten<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, stat: Stat) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    let unread = file.pace.grown_to().saturating_sub(file.position.offset);
    let path = Arc::clone(&file.path);
    file.overwrite(stat, Fact::OverwrittenInPlace);
    file.gaps.keep_only(Holes::NONE);
    let at_end = file.handle.as_ref().and_then(|handle| {
        let head = file::read_head(handle).ok()?;
        Some((Head::of(&head), position_at(handle, stat.size, &Holes::NONE).ok()?))
    });
    if let Some((head, position)) = at_end {
        file.head = head;
        file.position = position;
    }
    let row = checkpoint(file, file.position);
    tailer.out.changes.push(Change::Save(row));
    if unread > 0 {
        tailer.out.abandon(&path, unread, "rotated file was overwritten");
    }
    let detail = "rotated file was overwritten; the new bytes are not read";
    tailer.out.event(EventKind::Overwritten, &path, detail);
}

/// Whether bytes changed behind the position though size and times are as they were.
pub(crate) fn probe<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    if file.ahead.tried().is_none() || file.unread_bytes() == 0 {
        return;
    }
    let Some(handle) = &file.handle else { return };
    let Ok(bytes) = file::read_at(handle, file.position.offset, PROBE_BYTES) else { return };
    let seen = Digest128::of(&bytes);
    file.ahead.note_probe(file.position.offset, seen);
}

/// Proves places at doubling distances behind the position, where lines end: should the end of
/// the file be cut off, little of it is sent again. Of a short one all of it is known by them.
pub(crate) fn mark_places<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, window: &Window) {
    if tailer.options.multi_line_hold.is_some() {
        // A line end need not be the end of a record there.
        return;
    }
    let Some(file) = tailer.files.get_mut(key) else { return };
    let end = file.position.offset;
    if !file.progress.begin_marks(end) {
        return;
    }
    let mut marks = whole::places_of(key, end, file.progress.marks(), window);
    let mut distance = MARK_BYTES_MAX;
    while distance >= MARK_BYTES_MIN {
        if let Some(from) = end.checked_sub(distance)
            && let Some(held) = window.from(key, from)
            && let Some(at) = memchr::memchr(b'\n', held)
            && from + (at as u64) + 1 < end
            && let Some(anchor) = window.anchor_at(key, from + at as u64 + 1)
        {
            marks.push(Position { offset: from + at as u64 + 1, anchor });
        }
        distance /= 2;
    }
    marks.extend(starts_of_last_lines(key, end, window));
    marks.sort_unstable_by_key(|at| at.offset);
    marks.dedup_by_key(|at| at.offset);
    file.progress.set_marks(marks);
}

/// How long a file of a length is when its last block is filled.
pub(crate) fn filled_up(len: u64) -> u64 {
    len.next_multiple_of(BLOCK_BYTES)
}

/// Where the last lines that were read begin: some writers write what closes a file again with each
/// addition.
fn starts_of_last_lines(key: FileKey, end: u64, window: &Window) -> Vec<Position> {
    let mut distance = MARK_BYTES_MAX;
    let held = loop {
        let from = end.saturating_sub(distance);
        match window.from(key, from) {
            Some(held) => break held.get(..usize::try_from(end - from).unwrap_or(usize::MAX)),
            None if distance <= MARK_BYTES_MIN => break None,
            None => distance /= 2,
        }
    };
    let Some(before) = held.and_then(|held| held.split_last()).map(|(_, before)| before) else {
        return Vec::new();
    };
    let from = end - before.len() as u64 - 1;
    let lines = memchr::memrchr_iter(b'\n', before).take(LAST_LINES);
    let offsets = lines.map(|at| from + at as u64 + 1);
    let place = |offset| Some(Position { offset, anchor: window.anchor_at(key, offset)? });
    offsets.filter_map(place).collect()
}
