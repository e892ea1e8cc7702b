//! Which files are polled when. Files that were busy lately are active and polled every few
//! milliseconds; the others twice a second, and those whose next write is notified hardly ever.

use std::time::Instant;

use crate::disk::Disk;
use crate::options::Now;
use crate::pace::Arming;
use crate::tailer::Tailer;
use crate::{armed, descriptors, turns, unlinked, work};

pub(crate) fn poll_active_files<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    if tailer.turns.next_active.is_none_or(|due| now.instant < due) {
        return;
    }
    let mut hot = std::mem::take(&mut tailer.turns.active);
    tailer.turns.next_active = None;
    let mut cooled = false;
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
        cooled |= !active && !file.pace.is_armed(now.instant);
        if active {
            let due = tailer.turns.next_active.map_or(next, |due| due.min(next));
            tailer.turns.next_active = Some(due);
        }
        active
    });
    // What became hot meanwhile is behind the others.
    hot.append(&mut tailer.turns.active);
    tailer.turns.active = hot;
    if cooled {
        turns::sweep_soon(tailer);
    }
}

/// Looks at every file that is not hot. While each of them is armed there is nothing to look at.
pub(crate) fn poll_idle_files<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    let soon = now.instant + turns::sweep_every(tailer);
    let (mut stirred, mut doubtful, mut quiet) = (Vec::new(), Vec::new(), Vec::new());
    let (mut is_needed, mut next_poll) = (false, None);
    for file in tailer.files.values_mut().filter(|file| !file.pace.is_active()) {
        if let Arming::Armed { poll_at } = file.pace.arming() {
            let poll_at = if now.instant < poll_at {
                poll_at
            } else if file.is_at_rest(now.instant) {
                armed::rearm(file, now.instant)
            } else {
                doubtful.push(file.key);
                soon
            };
            // One without a name may have to be released.
            is_needed |= !file.is_listed();
            next_poll = Some(next_poll.map_or(poll_at, |next: Instant| next.min(poll_at)));
            continue;
        }
        is_needed = true;
        if file.is_at_rest(now.instant) {
            quiet.push(file.key);
        } else {
            stirred.push(file.key);
        }
    }
    let next = if is_needed { None } else { next_poll };
    tailer.schedule.next_sweep = next.map_or(soon, |next| next.max(soon));
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
