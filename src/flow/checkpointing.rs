//! From acknowledged records to rows in the store: what is settled, what is handed over, and when.

use std::time::{Duration, Instant};

use super::{Flow, Outlet, requests_at_a_time};
use crate::batch::BatchId;
use crate::checkpoint::Change;
use crate::checkpoint::store::{CommitResult, Refused};
use crate::tail::disk::Disk;
use crate::tail::file::Tailed;
use crate::tail::identity::FileKey;

/// Whoever waits for the store for longer continues without it.
const COMMIT_LATE_AFTER: Duration = Duration::from_secs(10);

/// Under load what is acknowledged within this time is checkpointed together: at 3,000 requests a
/// second that is one transaction for some of them instead of one for each.
const GATHER_CHANGES_FOR: Duration = Duration::from_millis(5);

/// Changes that found no room in the store's queue are offered again after this long.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// An answer of the store may wait for so long while nothing depends on it. To wake the thread for
/// it costs as much as a tenth of a transaction or more.
const PATIENCE: Duration = Duration::from_millis(50);

/// How the store takes changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handing {
    /// It took the last ones.
    Open,
    /// Its queue has been full since then.
    Full {
        /// When the first commit was refused.
        since: Instant,
    },
    /// It has ended. Changes stay with the flow.
    Closed,
}

/// A commit that is not answered yet.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) token: u64,
    /// What it brings up to date.
    positions: Vec<(FileKey, u64)>,
    since: Instant,
}

impl<D: Disk> Flow<D> {
    /// Every record of the batch met its fate: what that completes is to be checkpointed.
    pub(super) fn acknowledge(&mut self, batch: BatchId, now: Instant) {
        // Rows of before this, which may not take the place of newer ones.
        self.collect_changes();
        for (file, position) in self.ledger.acknowledge(batch) {
            self.acknowledge_feed(position.offset);
            match self.tailer.acknowledge(file, position, now) {
                Some(row) => {
                    self.changes.insert(file, Change::Save(row));
                }
                // The content is gone for good and has no row any more.
                None => self.ledger.written(file, position.offset),
            }
        }
    }

    pub(super) fn on_checkpoint_result(&mut self, token: u64, result: CommitResult) {
        if let Some(writing) = self.writing.take() {
            debug_assert_eq!(writing.token, token, "one commit at a time");
            self.start_is_kept = true;
            // What the store could not write it keeps and writes later; delivery continues.
            if result == CommitResult::Deferred {
                tracing::debug!(flow = %self.config.id, "checkpoints are deferred");
            } else if let Some(disposing) = &mut self.disposing {
                disposing.note_durable(&writing.positions);
            }
            for (file, offset) in writing.positions {
                self.ledger.written(file, offset);
            }
        }
        self.settle();
    }

    /// Forgets batches that are checkpointed. When none is left the flow begins again with one at
    /// a time, which keeps the order within each file.
    pub(super) fn settle(&mut self) {
        let settled = self.ledger.take_settled();
        if !settled.is_empty() && self.ledger.unsettled() == 0 && self.packer.open().is_none() {
            self.in_flight.on_idle();
            self.under_way.drop_spare();
            self.release_memory();
        }
    }

    /// Hands to the store what has changed. Under load what was acknowledged within some
    /// milliseconds is one change: a transaction costs a tenth of a request.
    pub(super) fn write_checkpoints(&mut self, now: Instant, outlet: &mut impl Outlet) {
        self.collect_changes();
        self.pass_over_a_late_commit(now);
        self.purge(outlet);
        let introduction = !self.introduced && self.tailer.has_scanned();
        let has_something = !self.changes.is_empty() || introduction;
        if self.writing.is_some() || !has_something || self.handing == Handing::Closed {
            return;
        }
        if !introduction && self.may_gather(now) {
            return;
        }
        self.gather_until = now + GATHER_CHANGES_FOR;
        self.complete_rows();
        let changes: Vec<Change> = std::mem::take(&mut self.changes).into_values().collect();
        let positions = changes.iter().map(position_of).collect();
        let token = self.next_token;
        self.next_token += 1;
        match outlet.commit(changes, token) {
            Ok(()) => {
                self.handing = Handing::Open;
                self.purge_due |= introduction && self.feeding.is_none();
                self.introduced = true;
                self.writing = Some(Writing { token, positions, since: now });
                self.purge(outlet);
            }
            Err(refused) => self.keep(refused, now),
        }
    }

    /// What the store did not take is offered again, with what is newer by then. Nothing is lost:
    /// a commit that comes later costs repeats after a crash.
    fn keep(&mut self, refused: Refused, now: Instant) {
        let changes = match refused {
            Refused::Full(changes) => {
                self.gather_until = now + ROOM_PAUSE;
                if self.handing == Handing::Open {
                    self.handing = Handing::Full { since: now };
                }
                changes
            }
            Refused::Closed(changes) => {
                self.handing = Handing::Closed;
                // As where the store cannot write: delivery continues.
                self.start_is_kept = true;
                tracing::error!(
                    name: "checkpoint_store_exited",
                    flow = %self.config.id,
                    "checkpoint store exited; checkpoints are no longer written; delivery \
                     continues, duplicates possible after the next start; restart kinetail"
                );
                changes
            }
        };
        // None of them was changed since they were taken out.
        self.changes.extend(changes.into_iter().map(|change| (position_of(&change).0, change)));
        self.pass_over_a_late_commit(now);
    }

    fn purge(&mut self, outlet: &mut impl Outlet) {
        if self.purge_due {
            let keep = self.tailer.files().map(Tailed::key).collect();
            self.purge_due = !outlet.purge(keep);
        }
    }

    /// Whether there is something to hand to the store, and nothing to wait for.
    pub(super) fn waits_to_commit(&self) -> bool {
        let is_refused = matches!(self.handing, Handing::Full { .. });
        self.writing.is_none()
            && self.handing != Handing::Closed
            && (is_refused || !self.changes.is_empty())
    }

    /// Whether an answer of the store may wait until the flow wakes up for something else: nothing
    /// waits for it, and the flow will soon.
    #[must_use]
    pub fn is_patient(&self, wake_at: Instant, now: Instant) -> bool {
        wake_at <= now + PATIENCE
            && self.start_is_kept
            && !self.draining
            && self.changes.is_empty()
            && self.disposing.is_none()
            && self.ledger.unsettled() < requests_at_a_time(&self.config)
    }

    fn collect_changes(&mut self) {
        for change in self.tailer.take_changes() {
            let file = match &change {
                Change::Forget(file) => *file,
                Change::Save(row) => row.file,
            };
            self.changes.insert(file, change);
        }
    }

    /// The disk of the store hangs, or the store has ended: what is acknowledged stays in memory
    /// and is committed later, as where it fails, and delivery continues.
    fn pass_over_a_late_commit(&mut self, now: Instant) {
        let is_late = |since: Instant| now.saturating_duration_since(since) >= COMMIT_LATE_AFTER;
        let is_due = match (&self.writing, self.handing) {
            (Some(writing), _) => is_late(writing.since),
            (None, Handing::Full { since }) => is_late(since),
            (None, Handing::Closed) => true,
            (None, Handing::Open) => false,
        };
        if !is_due {
            return;
        }
        let writing = self.writing.as_mut().map(|writing| std::mem::take(&mut writing.positions));
        let acknowledged = self.changes.values().map(position_of);
        for (file, offset) in writing.into_iter().flatten().chain(acknowledged) {
            self.ledger.written(file, offset);
        }
        self.settle();
    }

    /// Whether what has changed can wait for more: requests are in flight, and there is room for
    /// more than one alongside what is not checkpointed yet.
    fn may_gather(&self, now: Instant) -> bool {
        let has_room = self.ledger.unsettled() + 1 < requests_at_a_time(&self.config);
        !self.draining && now < self.gather_until && self.ledger.in_flight() > 0 && has_room
    }
}

fn position_of(change: &Change) -> (FileKey, u64) {
    match change {
        Change::Forget(file) => (*file, u64::MAX),
        Change::Save(row) => (row.file, row.offset),
    }
}
