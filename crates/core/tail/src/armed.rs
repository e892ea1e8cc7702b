//! Files whose next write is notified: they are hardly polled.
//!
//! Whoever runs the tailer may be able to learn of the next write to a file (one-shot inotify). A
//! file that falls quiet is offered for that, and polled once after it is armed, because of what
//! was written in between. A notification is a hint: an armed file is still polled from time to
//! time, and a file that has grown without a notification is polled as others are.

use std::time::{Duration, Instant};

use crate::disk::Disk;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::options::Now;
use crate::pace::Arming;
use crate::tailer::Tailer;
use crate::{turns, work};

/// A file is offered once its polls are this far apart: sooner, a busy file would be armed between
/// two of its writes, which costs the writer more than the polls cost this side.
const ARM_FROM: Duration = Duration::from_millis(20);

/// An armed file is polled this often, should a notification be lost.
pub(crate) const ARMED_POLL_EVERY: Duration = Duration::from_secs(30);

/// A file that cannot be armed is offered again after this long.
const OFFER_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// A file that grew without a notification is offered again after this long: what writes to it is
/// not seen by this kernel.
const BLIND_FOR: Duration = Duration::from_hours(1);

/// Offers a file, if it is quiet.
pub(crate) fn offer<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Instant) {
    if !tailer.turns.arms {
        return;
    }
    let Some(file) = tailer.files.get_mut(key) else { return };
    if file.is_open()
        && file.is_settled()
        && file.unread_bytes() == 0
        && file.pace.every() >= ARM_FROM
        && file.pace.arming().may_be_offered(now)
    {
        file.pace.set_arming(Arming::Offered);
        tailer.turns.offered.push(key);
    }
}

/// Up to `max` of the files that are offered.
pub(crate) fn take<D: Disk>(tailer: &mut Tailer<D>, max: usize) -> Vec<(FileKey, D::File)> {
    let Tailer { turns, files, .. } = tailer;
    let first = turns.offered.len().saturating_sub(max);
    let (mut taken, mut closed) = (Vec::new(), false);
    for key in turns.offered.drain(first..) {
        let Some(file) = files.get_mut(key) else { continue };
        if file.pace.arming() != Arming::Offered {
            continue;
        }
        // One that was closed meanwhile is offered again when it is open.
        let Some(handle) = file.handle.clone() else {
            file.pace.set_arming(Arming::Unarmed);
            closed = true;
            continue;
        };
        taken.push((key, handle));
    }
    if closed {
        turns::sweep_soon(tailer);
    }
    taken
}

/// Whether files wait to be armed.
pub(crate) fn has_offered<D: Disk>(tailer: &Tailer<D>) -> bool {
    !tailer.turns.offered.is_empty()
}

/// The next write to a file is notified. What was written before that is found here.
pub(crate) fn armed<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.pace.set_arming(Arming::Armed { poll_at: now.instant + ARMED_POLL_EVERY });
    work::poll(tailer, key, now);
}

/// A file cannot be armed, for now.
pub(crate) fn not_armed<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Instant) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.pace.set_arming(Arming::Refused { until: now + OFFER_AGAIN_AFTER });
    turns::sweep_soon(tailer);
}

/// Something was written to a file: it is polled with the next look, which is due.
pub(crate) fn written<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Instant) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    if file.lag_bytes() == 0 {
        file.pace.note_caught_up(now);
    }
    // Whatever was refused before: this file's writes are notified.
    file.pace.set_arming(Arming::Unarmed);
    file.pace.poll_now(now);
    turns::poll_soon(tailer, key);
}

/// Notifications were lost: every armed file is polled with the next look, which is due.
pub(crate) fn lost<D: Disk>(tailer: &mut Tailer<D>, now: Instant) {
    let is_armed = |file: &&Tailed<D::File>| matches!(file.pace.arming(), Arming::Armed { .. });
    let armed = tailer.files.values().filter(is_armed);
    for key in armed.map(|file| file.key).collect::<Vec<_>>() {
        written(tailer, key, now);
    }
}

/// Polls an armed file whose time has come, should its notification be lost.
pub(crate) fn poll_to_be_sure<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(seen) = tailer.files.get(key).map(|file| file.seen) else { return };
    work::poll(tailer, key, now);
    let Some(file) = tailer.files.get_mut(key) else { return };
    if file.seen.is_like(&seen) {
        rearm(file, now.instant);
    } else {
        file.pace.set_arming(Arming::Refused { until: now.instant + BLIND_FOR });
    }
}

/// An armed file was polled to be sure, and nothing was missed. Says when that is due again.
pub(crate) fn rearm<F>(file: &mut Tailed<F>, now: Instant) -> Instant {
    let poll_at = now + ARMED_POLL_EVERY;
    file.pace.set_arming(Arming::Armed { poll_at });
    poll_at
}
