//! One poll of a file: has it grown, and does it still hold the same bytes? A poll costs one
//! `fstat`; bytes are compared where something changed.

use std::sync::Arc;

use crate::compressed::follow;
use crate::disk::{Disk, DiskError, Fault, OpenFile, Stat};
use crate::file::{self, STAMP_SETTLES_AFTER, Tailed};
use crate::identity::{FileKey, Head};
use crate::job::{Job, Then};
use crate::options::Now;
use crate::phase::{Fact, Phase};
use crate::row::ending_of;
use crate::tailer::Tailer;
use crate::{
    descriptors, displaced, filled, rewritten, trouble, truncated, turns, unlinked, whole,
};

/// A truncated file has its new size for a moment before it has its new time of modification. This
/// often it is asked for that, with a moment in between; 2 ms together.
const STAMP_TRIES: u32 = 20;

/// Polls a file: looks at its size and its times.
pub(crate) fn poll<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    if tailer.hunt.is_reading(key) {
        return follow::look_at_compressed(tailer, key, now);
    }
    let Some(file) = tailer.files.get_mut(key) else { return };
    let stat = match &file.handle {
        Some(handle) => handle.stat(),
        None => file::stat_path(&tailer.disk, &file.path),
    };
    let stat = match stat {
        Ok(stat) if stat.inode == file.inode => stat,
        // The name leads to another file now.
        Ok(_) => return displaced::lost_its_place(tailer, key, now),
        Err(error) => return poll_failed(tailer, key, error, now),
    };
    if file.lag_bytes() == 0 {
        file.pace.note_caught_up(now.instant);
    }
    if !tailer.problems.is_empty() {
        let path = Arc::clone(&file.path);
        trouble::looks_well(tailer, &path);
    }
    tailer.work.push(Job::Polled(key));
    let Some(file) = tailer.files.get_mut(key) else { return };
    let unsure = file.pace.is_unsettled()
        || file.phase() == Phase::AwaitingAcks
        || !file.gaps.holes().is_empty();
    if unsure || !stat.is_like(&file.seen) {
        compare(tailer, key, stat, now);
    } else {
        file.pace.poll_later(now.instant);
    }
}

fn poll_failed<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, error: DiskError, now: Now) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.pace.poll_later(now.instant);
    if error.is_gone() {
        return displaced::lost_its_place(tailer, key, now);
    }
    if error.fault == Fault::Stale {
        return descriptors::reopen_by_name(tailer, key, now);
    }
    let path = Arc::clone(&file.path);
    trouble::trouble_at_look(tailer, &path, error);
}

/// The size and the bytes are known: what is it?
pub(crate) fn polled<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    rewritten::probe(tailer, key);
    tailer.work.push(Job::Identify(key, Then::Poll));
}

/// It is decided what it is: reads it, or releases it.
pub(crate) fn finish<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    queue_if_readable(tailer, key, now);
    unlinked::release_if_done(tailer, key, now);
}

/// Compares the head and the bytes before the position with what they were.
pub(crate) fn verify<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    let Some(handle) = &file.handle else { return };
    match is_same(file, handle) {
        Ok(Some(head)) => {
            if !file.head.is_full() {
                // A copy of it may appear before anything of it is read.
                file.head = Head::of(&head);
            }
            note_size_of_same(tailer, key);
            filled::fill_in(tailer, key, now);
        }
        Ok(None) => {
            let why = "bytes before the offset changed";
            truncated::begin_new_generation(tailer, key, why, now);
        }
        Err(error) => {
            // The next poll compares them, whatever the times say.
            file.pace.set_unsettled(true);
            let path = Arc::clone(&file.path);
            trouble::trouble_at_look(tailer, &path, error);
        }
    }
}

/// A file that still is the one that it was has this size now. What is cut off behind the position
/// is no part of it any longer: mostly room that its writer had reserved.
fn note_size_of_same<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    let (before, size) = (file.pace.grown_to(), file.seen.size);
    file.pace.set_grown_to(size);
    let examined = file.ahead.examined_to().max(file.position.offset);
    let lost = before.saturating_sub(size.max(examined));
    if lost > 0 && file.life.is_read() {
        let path = Arc::clone(&file.path);
        tailer.out.abandon(&path, lost, "cut off at the end of the file before it was read");
    }
}

/// The first bytes of a file, if those and the bytes before the position are what they were. One
/// that changed and did not grow may have been rewritten: then it is compared as a whole.
fn is_same<F: OpenFile>(file: &Tailed<F>, handle: &F) -> Result<Option<Vec<u8>>, DiskError> {
    let head = file.read_head(handle)?;
    let (at, holes) = (file.position, file.gaps.holes());
    let same = file.head.agrees(&head)
        && file::proves(handle, at, holes)?
        && (file.unread_bytes() > 0 || whole::agrees(handle, file.progress.places(), at, holes)?);
    Ok(same.then_some(head))
}

/// Something about the file changed: is it still the same content?
fn compare<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, stat: Stat, now: Now) {
    tailer.out.changes_seen += 1;
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.life.end_wait();
    let is_cut = stat.size < file.position.offset;
    let stat = if is_cut { stamped(&tailer.disk, file, stat) } else { stat };
    let grew = stat.size != file.seen.size;
    let settle = i128::try_from(STAMP_SETTLES_AFTER.as_nanos()).unwrap_or(i128::MAX);
    if file.pace.is_unsettled() || stat.modified_nanos != file.seen.modified_nanos {
        // Reserved space is written to without the file getting longer.
        file.ahead.try_again();
        file.gaps.note_change();
    }
    file.pace.set_unsettled(now.wall_nanos - stat.changed_nanos < settle);
    file.seen = stat;
    file.gaps.note_size(stat.size, now.instant);
    if grew {
        file.pace.note_growth(tailer.turns.steady_every, now.instant);
    } else if file.pace.is_unsettled() && now.wall_nanos >= stat.changed_nanos {
        file.pace.poll_once_soon(now.instant);
    } else {
        file.pace.poll_later(now.instant);
    }
    if file.phase() == Phase::Overwritten {
        return file.overwrite(stat, Fact::OverwrittenInPlace);
    }
    if stat.size < file.position.offset {
        return truncated::begin_new_generation(tailer, key, "size is below the last offset", now);
    }
    let is_idle = file.pace.is_idle();
    if !is_idle {
        turns::poll_soon(tailer, key);
    }
    let Some(file) = tailer.files.get(key) else { return };
    // Reading proves the bytes, too, but a file without anything to read is not read. It may be
    // long until it is, and a file that became shorter is another one by now.
    let at_once = file.unread_bytes() == 0
        || file.phase() == Phase::Ignored
        || file.seen.size < file.pace.grown_to()
        || !file.gaps.holes().is_empty();
    tailer.work.push(Job::Verify(key));
    if at_once {
        descriptors::ensure_open(tailer, key, now);
    }
}

pub(crate) fn queue_if_readable<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(file) = tailer.files.get(key) else { return };
    if file.unread_bytes() == 0 || !file.life.is_read() {
        return;
    }
    let ending = ending_of(file, &tailer.options, now.instant);
    if file.gap_is_over(now) || file.ahead.tried() != Some((file.seen.size, ending)) {
        turns::requeue(tailer, key);
    }
}

/// Waits for the time of a truncation, by which copies that were made before are told from other
/// files that begin alike.
fn stamped<D: Disk>(disk: &D, file: &Tailed<D::File>, first: Stat) -> Stat {
    let mut stat = first;
    for _ in 0..STAMP_TRIES {
        if stat.modified_nanos != file.seen.modified_nanos {
            break;
        }
        disk.let_stamps_settle();
        let again = match &file.handle {
            Some(handle) => handle.stat(),
            None => file::stat_path(disk, &file.path),
        };
        match again {
            Ok(again) if again.inode == first.inode => stat = again,
            Ok(_) | Err(_) => break,
        }
    }
    stat
}
