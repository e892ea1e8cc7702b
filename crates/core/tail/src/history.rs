//! What is known of the generations of all logs, and in which order they are read.

use std::collections::BTreeMap;

use crate::generations::Logs;
use crate::identity::{FileKey, Inode};
use crate::order::Order;
use crate::waiting::Waiting;

/// The generations of all logs.
#[derive(Debug)]
pub(crate) struct History {
    /// What is known of the generations of each live name.
    pub(crate) logs: Logs,
    /// Which generation is read after which.
    pub(crate) order: Order,
    /// Generations that were found and cannot be read yet.
    pub(crate) waiting: BTreeMap<Inode, Waiting>,
    /// It was told that names of rotated files tell nothing of their log.
    pub(crate) told_uncovered: bool,
}

impl History {
    /// Whether a generation cannot be read yet.
    pub(crate) fn is_waiting(&self, key: FileKey) -> bool {
        self.waiting.values().any(|waiting| waiting.key == key)
    }
}
