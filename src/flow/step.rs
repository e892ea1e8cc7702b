//! A step of a flow: everything that can be done now, and when to look again.

use std::time::{Duration, Instant};

use super::checkpointing::Handing;
use super::dead_letters::DeadLetters;
use super::{Flow, Outlet, requests_at_a_time};
use crate::admin::pulse::Doing;
use crate::tail::compressed::UNPACKING_BYTES_MAX;
use crate::tail::disk::Disk;
use crate::tail::tailer::Now;

/// A flow that waits for memory asks again after this long.
const MEMORY_RETRY: Duration = Duration::from_millis(50);

/// What a step leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    /// Step again then, unless a message comes first.
    pub wake_at: Instant,
    /// The flow was asked to drain, and nothing is left to deliver or to checkpoint.
    pub drained: bool,
}

impl<D: Disk> Flow<D> {
    /// Does everything that can be done now.
    pub fn step(&mut self, now: Now, outlet: &mut impl Outlet) -> Stepped {
        self.pulse.begin(Doing::Look, now.instant);
        self.began = now.instant;
        self.learn_of_stream();
        let scans = self.tailer.scans();
        if self.tailer.control().wants_loan() {
            self.loan = self.account.lend(UNPACKING_BYTES_MAX);
            self.tailer.control().lend(self.loan.is_some());
        }
        if self.draining && !std::mem::replace(&mut self.time_is_saved, true) {
            // Within a step, so that no acknowledgement comes between it and what is checkpointed.
            self.tailer.control().save_time(now.instant);
            self.tailer.control().save_places();
        }
        self.tailer.look(now);
        if !self.tailer.control().has_loan() {
            self.loan = None;
        }
        self.metrics.scans.increment(self.tailer.scans() - scans);
        self.report_events(now.instant);
        self.pulse.continue_with(Doing::Read);
        self.packer.set_time(unix_millis(now));
        if let Some(machine) = &self.machine {
            self.packer.set_facts(machine.known());
        }
        self.look_after_carried(now);
        if self.may_read() {
            self.pump(now, outlet);
        }
        self.settle();
        self.close_due_batch(now.instant, outlet);
        self.write_letters(now);
        self.make_room_in_feed(now.instant, outlet);
        self.settle();
        self.look_after_feed();
        if self.is_drained() {
            self.tailer.control().let_deleted_go(now);
            self.report_events(now.instant);
        }
        self.dispose_of_done_files(now.instant, outlet);
        self.pulse.continue_with(Doing::Commit);
        self.write_checkpoints(now.instant, outlet);
        self.reporting.note_changes(self.tailer.control().changes_seen());
        if now.instant >= self.reporting.next() {
            self.report(now.instant);
        } else if now.instant >= self.reporting.not_before() {
            self.log_what_is_due(now.instant);
        }
        if self.draining && !self.has_unrecoverable_bytes() {
            outlet.stop_waiting_for_paused();
        }
        let drained = self.is_drained();
        if drained {
            self.report(now.instant);
            self.record_issues.log_rest(&self.config.id);
        }
        Stepped { wake_at: self.wake_at(now.instant), drained }
    }

    /// Where a flow began at the end of its files is checkpointed before it reads on: after a crash
    /// it would begin at the end again, behind lines that came meanwhile.
    fn may_read(&self) -> bool {
        (self.start_is_kept || !self.tailer.starts_at_end()) && !self.waits_for_stream()
    }

    /// Closes the open batch if it is full, as old as a batch may be, or if the flow drains. A full
    /// batch must not wait for a record that does not fit to show that it is.
    fn close_due_batch(&mut self, now: Instant, outlet: &mut impl Outlet) {
        let due = self.packer.open().is_some_and(|batch| {
            self.draining || batch.full || now >= batch.opened_at + self.config.max_buffer_age
        });
        if due && self.has_free_request() && !self.gave_up {
            self.submit(now, outlet);
        }
    }

    /// Whether one more batch may be submitted: a crash repeats what is not checkpointed, so all of
    /// that together is bounded, too.
    pub(super) fn has_free_request(&self) -> bool {
        self.ledger.in_flight() < self.in_flight.current()
            && self.ledger.unsettled() < requests_at_a_time(&self.config)
    }

    /// Whether a deleted file still has unacknowledged bytes. Everything
    /// else is read again after the next start.
    pub(super) fn has_unrecoverable_bytes(&self) -> bool {
        self.tailer.files().any(|file| file.lag_bytes() > 0 && self.is_lost_after_stop(file.key()))
    }

    fn is_drained(&self) -> bool {
        let delivered = self.packer.open().is_none() && self.ledger.unsettled() == 0;
        // Batches whose letters cannot be written are read again after the next start.
        let stuck = self.dead.as_ref().is_some_and(DeadLetters::is_failing);
        let given_up =
            (self.gave_up || stuck) && self.under_way.is_empty() && !self.has_unrecoverable_bytes();
        self.draining
            && (delivered || given_up)
            && self.writing.is_none()
            && (self.changes.is_empty() || self.handing == Handing::Closed)
            && !self.feed_must_drain()
            && !self
                .tailer
                .files()
                .any(|file| file.unread_bytes() > 0 && self.is_lost_after_stop(file.key()))
    }

    pub(super) fn wake_at(&self, now: Instant) -> Instant {
        let age = self
            .packer
            .open()
            .filter(|_| self.has_free_request())
            .map(|batch| batch.opened_at + self.config.max_buffer_age);
        let can_read = self.may_read() && self.can_take_more();
        let more = (self.tailer.has_readable() && can_read).then_some({
            // Other flows return memory without a notification to this one.
            if self.waiting_for_memory { now + MEMORY_RETRY } else { now }
        });
        let commit = self.waits_to_commit().then_some(self.gather_until);
        let letters = self.dead.as_ref().map(|dead| dead.wake_at(now));
        [Some(self.tailer.wake_at()), Some(self.reporting.next()), age, more, commit, letters]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now)
    }
}

/// The wall clock, for converters that write it.
fn unix_millis(now: Now) -> i64 {
    const NANOS_A_MILLI: i128 = 1_000_000;
    i64::try_from(now.wall_nanos / NANOS_A_MILLI).unwrap_or_default()
}
