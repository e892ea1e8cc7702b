//! Holes that are written to after they were skipped.
//!
//! Part of [`crate::tailer`]. Reading goes back to what was filled in, and jumps from there to
//! where it was: nothing that was handed on before is sent again.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::candidate::position_at;
use crate::disk::{Disk, DiskError, OpenFile};
use crate::event::EventKind;
use crate::gaps::{HOLE_HOLD, ReadBefore};
use crate::hole::{self, Looked, RESERVED_BYTES_MIN};
use crate::holes::{Hole, Holes};
use crate::identity::{FileKey, Head};
use crate::options::Now;
use crate::tailer::Tailer;
use crate::{file, rewritten, trouble, turns};

/// So much of what was filled in is looked at to see whether it is complete, in bytes.
const FILLED_BYTES_MAX: u64 = 64 * 1024;

/// Where many holes are filled, so many looks are taken for the next one at once.
const LOOKS_AHEAD_MAX: usize = 64;

/// Keeps a hole that is skipped: it may be filled later.
pub(crate) fn keep_hole<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, start: u64, end: u64) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    let forgotten = file.gaps.insert(Hole { start, end });
    // It may be filled in by now, and what is there has no part in the fingerprint.
    let head = file.handle.as_ref().filter(|_| u64::from(file.head.len) > start);
    let head = head.and_then(|handle| file::read_head(handle).ok());
    if let Some(mut head) = head.filter(|head| file.head.agrees(head)) {
        file.gaps.holes().mask(&mut head, 0);
        file.head = Head::of(&head);
    }
    let Some(forgotten) = forgotten else { return };
    let path = Arc::clone(&file.path);
    let detail = format!(
        "too many sparse holes in the file; data written to the one at offset {} to {} from now on \
         is not read",
        forgotten.start, forgotten.end
    );
    tailer.out.event(EventKind::HoleForgotten, &path, detail);
}

/// Looks at some of the holes of a file; where one was filled, reading goes back to that.
pub(crate) fn fill_in<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    if file.gaps.holes().is_empty() || file.gaps.read_before().is_some() {
        return;
    }
    let Some(handle) = &file.handle else { return };
    match hole::first_filled(handle, file.gaps.holes(), file.gaps.examined_to()) {
        Ok(Looked::All) => file.gaps.end_round(),
        Ok(Looked::UpTo(offset)) => {
            file.gaps.examine_from(offset);
            if file.gaps.is_due() {
                file.pace.poll_sooner(now.instant);
                turns::poll_soon(tailer, key);
            }
        }
        Ok(Looked::Filled(hole, at)) => {
            file.gaps.examine_from(hole.start);
            if is_complete(tailer, key, hole, at, now.instant)
                && !rewritten::holds_for_acknowledgements(tailer, key)
            {
                go_back(tailer, key, hole, at, now);
            }
        }
        Err(error) => {
            let path = Arc::clone(&file.path);
            trouble::trouble_at_look(tailer, &path, error);
        }
    }
}

/// Whether what was filled in ends with a line end, or nothing was added to it for a while.
fn is_complete<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    hole: Hole,
    at: u64,
    now: Instant,
) -> bool {
    let Some(file) = tailer.files.get_mut(key) else { return false };
    let Some(handle) = &file.handle else { return false };
    let Some((end, complete)) = what_is_written(handle, hole, at) else { return false };
    if complete {
        return true;
    }
    now.saturating_duration_since(file.gaps.filled_since(end, now)) >= HOLE_HOLD
}

fn go_back<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, hole: Hole, at: u64, now: Now) {
    let Some(file) = tailer.files.get(key) else { return };
    let Some(handle) = &file.handle else { return };
    let Ok(position) = position_at(handle, at, file.gaps.holes()) else { return };
    let path = Arc::clone(&file.path);
    let holes = file.gaps.holes().clone();
    let before = ReadBefore { from: hole.end, to: file.position, holes };
    if rewritten::restart_at(tailer, key, position, Some(before), now).is_some() {
        tell_of_filled(tailer, &path, hole, at);
    }
}

fn tell_of_filled<D: Disk>(tailer: &mut Tailer<D>, path: &Arc<Path>, hole: Hole, at: u64) {
    let detail = format!(
        "skipped hole at offset {} to {} was filled from offset {at} on; reading it now",
        hole.start, hole.end
    );
    tailer.out.event(EventKind::HoleFilled, path, detail);
}

/// Reading came to what was handed on before. Says where it continues: at what is filled in
/// next, or where it was; nowhere if the file provably is another one by now.
///
/// # Errors
///
/// Why that cannot be found out now.
pub(crate) fn pass_already<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
) -> Result<Option<u64>, DiskError> {
    let Some(file) = tailer.files.get_mut(key) else { return Ok(None) };
    let (Some(before), Some(handle)) = (file.gaps.read_before(), &file.handle) else {
        return Ok(None);
    };
    match file::proves(handle, before.to, &before.holes) {
        Ok(true) => {}
        Ok(false) => {
            drop(file.gaps.take_read_before());
            let holes = file.gaps.holes().before(file.position.offset);
            file.gaps.keep_only(holes);
            return Ok(None);
        }
        Err(error) => {
            file.ahead.try_again();
            let path = Arc::clone(&file.path);
            trouble::trouble_at_look(tailer, &path, error.clone());
            return Err(error);
        }
    }
    let from = before.from.max(file.position.offset);
    let filled = next_filled(handle, file.gaps.holes(), from);
    let Some(before) = file.gaps.take_read_before() else { return Ok(None) };
    let Some((hole, at)) = filled else { return Ok(Some(before.to.offset)) };
    file.gaps.continue_in(hole, at, before);
    let path = Arc::clone(&file.path);
    tell_of_filled(tailer, &path, hole, at);
    Ok(Some(at))
}

/// The next hole into which lines were written, as far as a few looks show.
fn next_filled<F: OpenFile>(handle: &F, holes: &Holes, from: u64) -> Option<(Hole, u64)> {
    let mut from = from;
    for _ in 0..LOOKS_AHEAD_MAX {
        match hole::first_filled(handle, holes, from).ok()? {
            Looked::All => return None,
            Looked::UpTo(offset) => from = offset,
            Looked::Filled(hole, at) => match what_is_written(handle, hole, at) {
                Some((_, true)) => return Some((hole, at)),
                Some((_, false)) | None => from = hole.end,
            },
        }
    }
    None
}

/// Up to where something is written in a hole, from `at` on, and whether that is complete: it ends
/// with a line end, or is longer than what is looked at.
fn what_is_written<F: OpenFile>(handle: &F, hole: Hole, at: u64) -> Option<(u64, bool)> {
    let len = usize::try_from((hole.end - at).min(FILLED_BYTES_MAX)).ok()?;
    let bytes = file::read_at(handle, at, len).ok()?;
    let end = memchr::memmem::find(&bytes, &[0; RESERVED_BYTES_MIN]);
    let written = bytes.get(..end.unwrap_or(bytes.len()))?;
    let complete = written.len() as u64 == FILLED_BYTES_MAX || written.ends_with(b"\n");
    Some((at + written.len() as u64, complete))
}
