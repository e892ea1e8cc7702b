//! What is different for a flow that reads no files: what is acknowledged leaves its feed, rows say
//! where in the journal that is, and what a pipe gave away is delivered before the flow ends.

use std::time::Instant;

use super::{Flow, Outlet};
use crate::checkpoint::Change;
use crate::input::feed::Attached;
use crate::tail::disk::Disk;
use crate::tail::file::Tailed;
use crate::tail::identity::FileKey;

/// The feed of a flow.
#[derive(Debug)]
pub struct Feeding {
    /// Where the bytes are.
    pub feed: Attached,
    /// The cursor of the newest checkpoint: what the previous flow acknowledged.
    pub cursor: Option<std::sync::Arc<str>>,
    /// Rows of flows before this one, which go when there is a newer one.
    pub old_rows: Vec<FileKey>,
}

impl<D: Disk> Flow<D> {
    /// Whether what is not acknowledged of a file when the flow ends is gone for good.
    pub(super) fn is_lost_after_stop(&self, key: FileKey) -> bool {
        match &self.feeding {
            Some(feeding) => feeding.feed.is_lost_after_stop(),
            None => self.tailer.is_lost_after_stop(key),
        }
    }

    /// Whether a file of which nothing is found again goes no further when the flow drains.
    pub(super) fn ends_by_draining(&self, key: FileKey) -> bool {
        self.draining && self.feeding.is_none() && self.tailer.is_lost_after_stop(key)
    }

    /// Whether the batch has to go, full or not: only acknowledgements make room.
    pub(super) fn feed_is_full(&self) -> bool {
        self.feeding.as_ref().is_some_and(|feeding| feeding.feed.is_full())
    }

    /// Whether a drain must continue, for bytes that cannot be read again.
    pub(super) fn feed_must_drain(&self) -> bool {
        self.feeding.as_ref().is_some_and(|feeding| feeding.feed.must_drain())
    }

    /// Tells the feed how far it is acknowledged.
    pub(super) fn acknowledge_feed(&self, offset: u64) {
        if let Some(feeding) = &self.feeding {
            feeding.feed.acknowledge(offset);
        }
    }

    /// Looks after the feed once a step.
    pub(super) fn look_after_feed(&mut self) {
        let Some(feeding) = &self.feeding else { return };
        let searched = self.tailer.files().map(Tailed::scanned_to).max();
        let idle = self.packer.open().is_none() && self.ledger.unsettled() == 0;
        if let (Some(searched), true) = (searched, idle) {
            feeding.feed.note_searched(searched);
        }
        if idle && self.writing.is_none() && self.changes.is_empty() {
            feeding.feed.tell_if_delivered();
        }
    }

    /// Hands the open batch on if the feed is full.
    pub(super) fn make_room_in_feed(&mut self, now: Instant, outlet: &mut impl Outlet) {
        if self.feed_is_full() && self.packer.open().is_some() && self.has_free_request() {
            self.submit(now, outlet);
        }
    }

    /// Says in each row where in the journal it is. Older rows go in the same transaction.
    pub(super) fn complete_rows(&mut self) {
        let Some(feeding) = &mut self.feeding else { return };
        feeding.cursor = feeding.feed.cursor().or_else(|| feeding.cursor.take());
        let mut saves = false;
        for change in self.changes.values_mut() {
            if let Change::Save(row) = change {
                row.cursor.clone_from(&feeding.cursor);
                saves = true;
            }
        }
        if saves {
            let old = std::mem::take(&mut feeding.old_rows);
            self.changes.extend(old.into_iter().map(|key| (key, Change::Forget(key))));
        }
    }
}
