//! Which files are polled when. Files that were busy lately are active and polled every few
//! milliseconds; the others twice a second, and those whose next write is notified hardly ever.

use std::time::Duration;

use crate::disk::Disk;
use crate::options::Now;
use crate::pace::{Arming, LOOK_EVERY_MAX};
use crate::tailer::Tailer;
use crate::{armed, descriptors, unlinked, work};

/// A look at a quiet file costs up to 1 microsecond; this much time to the next one for each file
/// keeps quiet files below one per cent of a core, however many they are.
const SWEEP_EVERY_PER_FILE: Duration = Duration::from_micros(350);

/// The longest time between two looks at a quiet file.
const SWEEP_EVERY_MAX: Duration = Duration::from_secs(5);

pub(crate) fn poll_active_files<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    if tailer.turns.next_active.is_none_or(|due| now.instant < due) {
        return;
    }
    let mut hot = std::mem::take(&mut tailer.turns.active);
    tailer.turns.next_active = None;
    hot.retain(|key| {
        let Some(file) = tailer.files.get(*key) else { return false };
        if now.instant >= file.pace.next() {
            work::poll(tailer, *key, now);
            armed::offer(tailer, *key, now.instant);
        }
        let Some(file) = tailer.files.get_mut(*key) else { return false };
        let is_quiet = file.pace.is_idle() || file.pace.is_armed(now.instant);
        let (active, next) = (!is_quiet, file.pace.next());
        file.pace.set_active(active);
        if active {
            let due = tailer.turns.next_active.map_or(next, |due| due.min(next));
            tailer.turns.next_active = Some(due);
        }
        active
    });
    // What became hot meanwhile is behind the others.
    hot.append(&mut tailer.turns.active);
    tailer.turns.active = hot;
}

/// Looks at every file that is not hot.
pub(crate) fn poll_idle_files<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    let every = tailer.files.paced(SWEEP_EVERY_PER_FILE, LOOK_EVERY_MAX, SWEEP_EVERY_MAX);
    tailer.schedule.next_sweep = now.instant + every;
    let (mut stirred, mut doubtful, mut quiet) = (Vec::new(), Vec::new(), Vec::new());
    for file in tailer.files.values_mut() {
        if file.pace.is_active() || file.pace.is_armed(now.instant) {
            continue;
        }
        match file.pace.arming() {
            Arming::Armed { .. } => doubtful.push(file.key),
            _ if file.is_at_rest(now.instant) => quiet.push(file.key),
            _ => stirred.push(file.key),
        }
    }
    for key in stirred {
        work::poll(tailer, key, now);
    }
    for key in doubtful {
        armed::poll_to_be_sure(tailer, key, now);
    }
    for key in quiet {
        armed::offer(tailer, key, now.instant);
    }
    let held = unlinked::bound_held_files(tailer, now);
    descriptors::close_idle_files(tailer, held);
}
