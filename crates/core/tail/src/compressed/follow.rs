//! The compressed file that is being read: from the proof that it is the right one to its end.
//!
//! Part of [`crate::tailer`]. For the rest of a flow it is a file like any other, without a name
//! that matches and without a handle; only looking, filling the window and the end are different.

use std::sync::Arc;

use crate::candidate::Candidate;
use crate::compressed::state::{Archive, Reading};
use crate::compressed::stream::End;
use crate::compressed::unpacked::{Scanned, Unpacked};
use crate::compressed::{alike, inspect};
use crate::disk::{Disk, DiskError, OpenFile};
use crate::event::EventKind;
use crate::file::Tailed;
use crate::identity::{Anchor, FileKey};
use crate::life::Life;
use crate::options::{Fill, Now};
use crate::phase::{self, Fact, Phase};
use crate::problems::FileError;
use crate::row::checkpoint;
use crate::tailer::Tailer;
use crate::window::{Refill, Window};
use crate::{descriptors, missing, trouble, turns, uncovered, waiting};
use kinetail_base::checkpoint::Change;

/// A compressed file that is not read any more, and what it was for the rest of a flow.
type Taken<F> = (Reading<F>, Tailed<F>);

/// Goes on with a known content in a compressed file that provably holds it.
pub(crate) fn read_compressed<D: Disk>(
    tailer: &mut Tailer<D>,
    found: Archive<D::File>,
    unpacked: Unpacked<D::File>,
    key: FileKey,
    now: Now,
) {
    let handle = found.handle.clone();
    let Some(content) = tailer.memory.remove(key) else { return };
    waiting::stop_waiting(tailer, found.inode);
    let Archive { path, real, inode, stat, head, .. } = found;
    trouble::recovered(tailer, &path);
    let beginning = head.clone();
    let candidate = Candidate { path, real, inode, handle: found.handle, stat, head };
    let mut file = candidate.into_file(key, Life::missing(), content.position, now.instant);
    file.handle = None;
    file.progress.set_acked(content.acked);
    file.life.unpack(now.instant);
    let detail = format!(
        "resuming inside a compressed rotated file, was {}, at decompressed offset {}",
        content.path.display(),
        content.position.offset
    );
    tailer.out.event(EventKind::CompressedCopy, &Arc::clone(&file.path), detail);
    uncovered::note_name(tailer, &content.path, &file.path);
    if content.acked == content.position.offset {
        tailer.out.changes.push(Change::Save(checkpoint(&file, content.position)));
    }
    let reading = Reading { key, unpacked, handle, stat, content, head: beginning };
    file.seen.size = reading.size_at_least();
    tailer.hunt.reading = Some(reading);
    descriptors::make_room(tailer);
    tailer.files.open_count += 1;
    tailer.files.by_inode.insert(inode, key);
    tailer.files.insert(key, file);
    turns::requeue(tailer, key);
}

/// What `Reader::fill` does for a compressed file.
pub(crate) fn fill_compressed<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    window: &mut Window,
    now: Now,
) -> Fill {
    let reading = tailer.hunt.reading.as_mut().filter(|reading| reading.key == key);
    let (Some(reading), Some(file)) = (reading, tailer.files.get_mut(key)) else {
        return Fill::Nothing;
    };
    let path = Arc::clone(&file.path);
    let inode = file.inode;
    let failed = match reading.unpacked.fill(window, key, file.position) {
        Ok(Refill::Filled) => {
            file.seen.size = reading.size_at_least();
            file.agrees_from_start(window.beginning(key));
            return Fill::Ready;
        }
        Ok(Refill::Changed) => None,
        Err(error) => Some(error),
    };
    window.clear();
    give_back(tailer, key, now);
    match failed {
        Some(error) => {
            // The file is as it was; the disk may read it the next time.
            tailer.hunt.look_again(&path);
            inspect::fails_to_read(tailer, &path, Some(inode), error);
        }
        None => trouble::trouble(tailer, &path, FileError::Changed),
    }
    Fill::Nothing
}

/// What `Reader::scan_for_line_end` does for a compressed file.
pub(crate) fn scan_compressed<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    from: u64,
) -> Option<Result<Scanned, DiskError>> {
    let reading = tailer.hunt.reading.as_mut().filter(|reading| reading.key == key)?;
    let scanned = reading.unpacked.scan(from);
    if let Some(file) = tailer.files.get_mut(key) {
        file.seen.size = reading.size_at_least();
    }
    Some(scanned)
}

/// What `Reader::position_at` needs for a compressed file.
pub(crate) fn anchor_in_compressed<D: Disk>(
    tailer: &Tailer<D>,
    key: FileKey,
    end: u64,
) -> Option<Anchor> {
    tailer.hunt.reading(key)?.unpacked.anchor_at(end)
}

/// What a look is for a compressed file: continues reading, or releases it at its end.
pub(crate) fn look_at_compressed<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let (Some(reading), Some(file)) = (tailer.hunt.reading.as_ref(), tailer.files.get_mut(key))
    else {
        return;
    };
    if let Ok(stat) = reading.handle.stat() {
        file.seen.links = stat.links;
    }
    file.seen.size = reading.size_at_least();
    if file.lag_bytes() == 0 {
        file.pace.note_caught_up(now.instant);
    }
    let ending = reading.ending();
    let tried = file.ahead.tried() == Some((file.seen.size, ending));
    let Some(end) = reading.unpacked.end().cloned() else { return turns::requeue(tailer, key) };
    if file.unread_bytes() > 0 && !tried {
        return turns::requeue(tailer, key);
    }
    match end {
        End::Complete if file.acked() < file.position.offset => {}
        End::Complete => finish_compressed(tailer, key, now),
        // It was whole when it was checked: a program writes to it.
        End::Cut | End::Damaged(_) => give_back(tailer, key, now),
    }
}

/// Everything is acknowledged.
fn finish_compressed<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some((reading, file)) = take_reading(tailer, key) else { return };
    let detail =
        format!("released compressed file at decompressed offset {}", file.position.offset);
    tailer.out.event(EventKind::Released, &file.path, detail);
    tailer.hunt.leave(&file.path, reading.stat);
    tailer.hunt.generations.settle(&reading.stat);
    let mistakable = alike::is_mistakable(tailer, key, &reading.head, file.position.offset);
    let phase = file.phase();
    missing::finish(tailer, phase, reading.content_of(file, now), mistakable);
}

/// The content is one without a file again, until this file changes or another one turns up.
fn give_back<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some((reading, file)) = take_reading(tailer, key) else { return };
    tailer.hunt.leave(&file.path, reading.stat);
    phase::pass(file.phase(), Fact::Changed, Phase::Missing);
    missing::remember(tailer, reading.content_of(file, now));
}

fn take_reading<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) -> Option<Taken<D::File>> {
    let reading = tailer.hunt.reading.take_if(|reading| reading.key == key)?;
    let file = tailer.files.remove(key)?;
    // An inode number may have been given to another file since this one was deleted.
    if tailer.files.by_inode.get(&file.inode) == Some(&key) {
        tailer.files.by_inode.remove(&file.inode);
    }
    tailer.files.open_count -= 1;
    Some((reading, file))
}
