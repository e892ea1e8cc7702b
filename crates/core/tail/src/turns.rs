//! Whose turn it is: files that have something to read, and those that are polled often.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::disk::Disk;
use crate::identity::FileKey;
use crate::pace::LOOK_EVERY_MAX;
use crate::phase::Phase;
use crate::tailer::Tailer;

/// A look at a quiet file costs up to 1 microsecond; this much time to the next one for each file
/// keeps quiet files below one per cent of a core, however many they are.
const SWEEP_EVERY_PER_FILE: Duration = Duration::from_micros(350);

/// The longest time between two looks at a quiet file.
const SWEEP_EVERY_MAX: Duration = Duration::from_secs(5);

/// Files in turn.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Files that have something to read, in turn.
    pub(crate) queue: VecDeque<FileKey>,
    /// Files that are polled more often than idle ones.
    pub(crate) active: Vec<FileKey>,
    /// When the first of them is due; `None` if there are none.
    pub(crate) next_active: Option<Instant>,
    /// How often a file is polled that does not stop growing, if that is less than others.
    pub(crate) steady_every: Duration,
    /// Whoever runs the tailer can learn of the next write to a file.
    pub(crate) arms: bool,
    /// Quiet files that wait to be armed.
    pub(crate) offered: Vec<FileKey>,
}

/// Puts a file back in front: its turn came and there was no room for anything of it.
pub(crate) fn requeue_first<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    if let Some(file) = tailer.files.get_mut(key)
        && !file.pace.is_queued()
        && file.phase() != Phase::PendingCopy
        && !tailer.history.order.park(key)
    {
        file.pace.set_queued(true);
        tailer.turns.queue.push_front(key);
    }
}

/// Puts a file back: it has more to read.
pub(crate) fn requeue<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    if let Some(file) = tailer.files.get_mut(key)
        && !file.pace.is_queued()
        && file.life.is_read()
        && !tailer.history.order.park(key)
    {
        file.pace.set_queued(true);
        tailer.turns.queue.push_back(key);
    }
}

/// Makes a file one of those that are polled often.
pub(crate) fn poll_soon<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    let next = file.pace.next();
    tailer.turns.next_active = Some(tailer.turns.next_active.map_or(next, |due| due.min(next)));
    if !file.pace.set_active(true) {
        tailer.turns.active.push(key);
    }
}

/// Some file is polled by nothing but sweeps from now on.
pub(crate) fn sweep_soon<D: Disk>(tailer: &mut Tailer<D>) {
    let by = tailer.schedule.looked_at + sweep_every(tailer);
    tailer.schedule.sweep_by(by);
}

/// How often quiet files are polled.
pub(crate) fn sweep_every<D: Disk>(tailer: &Tailer<D>) -> Duration {
    tailer.files.paced(SWEEP_EVERY_PER_FILE, LOOK_EVERY_MAX, SWEEP_EVERY_MAX)
}
