//! The generations of one log are read oldest first: what an older one still holds is handed on
//! before the first byte of a younger one.
//!
//! Part of [`crate::tailer`]. `lineage` says which generation is older; here a younger one waits
//! for it, out of the queue. The wait has bounds, so that a live file is never starved:
//!
//! * in bytes: what the older one holds at the moment when the younger one has its first bytes.
//!   What is written to a rotated file after that is read in turn with the younger one;
//! * in time: nothing is waited for that is not there. Half a line at the end of the older one is
//!   not (but with `strict`), a multi-line record is for as long as it is held back anyway, a file
//!   that cannot be read is for `UNREADABLE_PATIENCE`, a compressed one that has to be found for
//!   `SEARCH_PATIENCE`, and a file that is read all the time for `OVERTAKEN_AFTER` of reading.
//!
//! While there is no room to send nothing is read, of no file, and none overtakes.

use std::time::Duration;

use crate::disk::Disk;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::options::{Now, ROTATED_HOLD};
use crate::phase::Phase;
use crate::splitter::Ending;
use crate::tailer::Tailer;
use crate::{turns, waiting, work};

/// An older generation that cannot be read, or of which it is not known yet what it is, is waited
/// for this long.
const UNREADABLE_PATIENCE: Duration = Duration::from_secs(1);

/// An older generation that is being looked for in compressed files is waited for this long.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10);

/// With `strict` an older generation that cannot be read, or has to be found, is waited for this
/// long.
const STRICT_PATIENCE: Duration = Duration::from_mins(1);

/// Looks at a quiet file are so far apart, and some more: what is due by time shows by then.
const LOOKS_APART: Duration = Duration::from_secs(2);

/// What is to be done about a generation that waits.
enum Judgement {
    Wait,
    /// Nothing is left to wait for.
    Free,
    /// The older one is read; the one before that may not be.
    Behind(FileKey),
}

/// Has the generations read that waited for older ones which are read by now.
pub(crate) fn keep_order<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    let parked: Vec<FileKey> = tailer.history.order.parked.iter().copied().collect();
    for key in parked {
        judge_parked(tailer, key, now);
    }
}

fn judge_parked<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    if !tailer.files.contains_key(key) {
        tailer.history.order.parked.remove(&key);
        return;
    }
    // No chain is longer than there are links.
    for _ in 0..=tailer.history.order.links.len() {
        match judge_link(tailer, key, now) {
            Judgement::Wait => return,
            Judgement::Behind(before) => tailer.history.order.wait_for(key, before),
            Judgement::Free => break,
        }
    }
    tailer.history.order.links.remove(&key);
    tailer.history.order.parked.remove(&key);
    turns::requeue(tailer, key);
}

fn judge_link<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) -> Judgement {
    let Some(link) = tailer.history.order.links.get(&key) else { return Judgement::Free };
    let (older, until) = (link.older, link.until);
    if tailer.files.contains_key(older) && until.is_none() {
        work::poll(tailer, older, now);
        fix_bound(tailer, key, older);
    }
    let until = tailer.history.order.links.get(&key).and_then(|link| link.until);
    let Some(file) = tailer.files.get(older) else { return judge_absent(tailer, key, older, now) };
    let left_for_later =
        tailer.history.order.is_draining() && !tailer.files.is_lost_after_stop(older);
    let unpacked = tailer.hunt.ending(file.key) == Some(Ending::Final);
    let is_read = until.is_some_and(|until| file.position.offset >= until)
        || (unpacked && file.unread_bytes() == 0);
    if is_read || left_for_later {
        return behind(tailer, older);
    }
    // It waits, too, and is judged for itself. A record that spans generations needs that even
    // where the older one had no turn yet.
    if tailer.history.order.is_parked(older)
        || (tailer.history.order.spans_generations && tailer.history.order.park(older))
    {
        return Judgement::Wait;
    }
    let (queued, offset) = (file.pace.is_queued(), file.position.offset);
    let patience = if queued { None } else { Some(patience(tailer, file)) };
    let Some(link) = tailer.history.order.links.get_mut(&key) else { return Judgement::Free };
    let is_late = link.is_late(offset, now.instant) && !tailer.options.strict_order;
    let is_stuck = link.is_stuck(patience, now.instant);
    if is_late || is_stuck { Judgement::Free } else { Judgement::Wait }
}

/// A younger generation has its first bytes: what the older one holds now was written before.
fn fix_bound<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, older: FileKey) {
    let Some(file) = tailer.files.get(older) else { return };
    // How much is in a compressed file is known at its end.
    let size = if tailer.hunt.is_reading(older) { u64::MAX } else { file.seen.size };
    if let Some(link) = tailer.history.order.links.get_mut(&key) {
        link.until = Some(size);
    }
}

fn behind<D: Disk>(tailer: &Tailer<D>, older: FileKey) -> Judgement {
    let before = tailer.history.order.links.get(&older).map(|link| link.older);
    before.map_or(Judgement::Free, Judgement::Behind)
}

/// The older generation has no file that is followed. It may be a compressed one that is looked
/// for, or the copy of one may just be about to be found.
fn judge_absent<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    older: FileKey,
    now: Now,
) -> Judgement {
    let known = tailer.memory.get(older).is_some() || tailer.history.is_waiting(older);
    let searching = tailer.hunt.is_busy()
        || waiting::waits_packed(tailer)
        || tailer.schedule.next_scan <= now.instant;
    // An archive is there after the next start, too; what waits for it may not be.
    let left_for_later = tailer.history.order.is_draining();
    // Compressed files are read one at a time: no other is looked for before this one is read.
    if !known || !searching || left_for_later || tailer.hunt.is_reading(key) {
        return behind(tailer, older);
    }
    let patience = if tailer.options.strict_order { STRICT_PATIENCE } else { SEARCH_PATIENCE };
    let Some(link) = tailer.history.order.links.get_mut(&key) else { return Judgement::Free };
    if link.is_stuck(Some(patience), now.instant) {
        return behind(tailer, older);
    }
    Judgement::Wait
}

/// How long an older generation is waited for that has something to read and is not in the
/// queue: all of its complete records are read, or it cannot be read now.
fn patience<D: Disk>(tailer: &Tailer<D>, file: &Tailed<D::File>) -> Duration {
    let strict = tailer.options.strict_order;
    if matches!(file.phase(), Phase::Ignored | Phase::Overwritten) {
        return Duration::ZERO;
    }
    let tried = file.ahead.tried().filter(|(size, _)| *size == file.seen.size);
    match (tried, tailer.options.multi_line_hold) {
        // What is left of it continues in the younger one.
        (Some((_, Ending::Final)), _) if tailer.history.order.spans_generations => Duration::ZERO,
        (Some(_), _) if tailer.history.order.spans_generations => ROTATED_HOLD + LOOKS_APART,
        // Its last record is held back for more lines, and will be sent.
        (Some((_, Ending::Open)), Some(hold)) => hold + LOOKS_APART,
        (Some(_), _) if strict => ROTATED_HOLD + LOOKS_APART,
        (Some(_), _) => Duration::ZERO,
        (None, _) if strict => STRICT_PATIENCE,
        (None, _) => UNREADABLE_PATIENCE,
    }
}
