//! Whose turn it is: files that have something to read, and those that are polled often.

use std::collections::VecDeque;
use std::time::Instant;

use crate::disk::Disk;
use crate::identity::FileKey;
use crate::phase::Phase;
use crate::tailer::Tailer;

/// Files in turn.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Files that have something to read, in turn.
    pub(crate) queue: VecDeque<FileKey>,
    /// Files that are polled more often than idle ones.
    pub(crate) active: Vec<FileKey>,
    /// When the first of them is due; `None` if there are none.
    pub(crate) next_active: Option<Instant>,
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
