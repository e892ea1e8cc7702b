//! When the database is written and what a failure means. Time comes in as an argument; the
//! database is a [`Backend`], so every failure can be played.
//!
//! A failure never stops the flows: the mirror keeps what they commit, the answer is `Deferred`,
//! and the database is tried again with growing pauses until it holds the whole mirror.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, gauge};
use parking_lot::Mutex;

use super::Change;
use super::backend::{Backend, Remedy, WriteError};
use super::error::chain;
use super::mirror::Mirror;
use super::store::{CommitDone, CommitResult, StoreHealth};
use crate::log_throttle::{FailureLine, FailureLog};
use crate::metrics::name;

/// The pause after the first failure.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(100);

/// Pauses double up to this.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);

/// The files are looked at with each write, and this often if there is none.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// The last write is tried so often: what failed once may be put right in between.
const LAST_TRIES: u32 = 3;

/// Owns the mirror and the database; lives on the store's thread.
#[derive(Debug)]
pub(super) struct Writer<B> {
    backend: B,
    mirror: Mirror,
    waiting: Vec<Ticket>,
    trouble: Option<Trouble>,
    check_at: Instant,
    failures: FailureLog,
    health: Arc<Mutex<StoreHealth>>,
    committed: Counter,
    failed: Counter,
    failing: Gauge,
}

/// The database failed and has not been written since.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    remedy: Remedy,
    delay: Duration,
    retry_at: Instant,
}

impl<B: Backend> Writer<B> {
    /// Takes a database and what it holds.
    pub(super) fn new(
        backend: B,
        mirror: Mirror,
        health: Arc<Mutex<StoreHealth>>,
        now: Instant,
    ) -> Self {
        let failing = gauge!(name::CHECKPOINT_FAILING);
        failing.set(0.0);
        Self {
            backend,
            mirror,
            waiting: Vec::new(),
            trouble: None,
            check_at: now + CHECK_EVERY,
            failures: FailureLog::default(),
            health,
            committed: counter!(name::CHECKPOINT_COMMITS, "result" => "ok"),
            failed: counter!(name::CHECKPOINT_COMMITS, "result" => "failed"),
            failing,
        }
    }

    pub(super) fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    pub(super) fn mirror_mut(&mut self) -> &mut Mirror {
        &mut self.mirror
    }

    /// Takes a flow's changes; the answer comes with the next [`Self::flush`].
    pub(super) fn commit(
        &mut self,
        flow: &Arc<str>,
        changes: Vec<Change>,
        ticket: Ticket,
        now_millis: i64,
    ) {
        self.mirror.apply(flow, changes, now_millis);
        self.waiting.push(ticket);
    }

    /// When to call [`Self::flush`] again even without commits.
    pub(super) fn wake_at(&self) -> Instant {
        self.deadline().unwrap_or(self.check_at)
    }

    /// When what failed is tried again.
    fn deadline(&self) -> Option<Instant> {
        self.trouble.map(|trouble| trouble.retry_at)
    }

    /// Writes what there is to write, unless a pause is on, and answers everybody who waits.
    pub(super) fn flush(&mut self, now: Instant) {
        let durable = match self.trouble {
            Some(trouble) if now < trouble.retry_at => false,
            None if self.mirror.dirty().is_empty() && now < self.check_at => true,
            _ => {
                self.check_at = now + CHECK_EVERY;
                let result = self.attempt();
                self.settle(result, now)
            }
        };
        self.answer(if durable { CommitResult::Durable } else { CommitResult::Deferred });
    }

    /// The last write. It is tried at once, whatever pause is on.
    ///
    /// # Errors
    /// In words, why what is in memory could not be written.
    pub(super) fn finish(mut self) -> Result<(), String> {
        let mut result = self.recover().and_then(|()| self.backend.finish(&self.mirror));
        for _ in 1..LAST_TRIES {
            let Err(error) = &result else { break };
            tracing::warn!(name: "checkpoint_final_retry",
                error = %chain(error), "writing the last checkpoints again");
            self.mirror.mark_all_dirty();
            let remedy = error.remedy().max(self.trouble.map_or(Remedy::Reopen, |t| t.remedy));
            result = self
                .backend
                .recover(&self.mirror, remedy)
                .and_then(|()| self.backend.finish(&self.mirror));
        }
        match result {
            Ok(()) => {
                self.mirror.mark_clean();
                self.answer(CommitResult::Durable);
                Ok(())
            }
            Err(error) => {
                self.failed.increment(1);
                self.answer(CommitResult::Deferred);
                Err(chain(&error))
            }
        }
    }

    /// Writes what there is to write. A database that was modified is rebuilt immediately: until
    /// then a kill would repeat what was acknowledged.
    fn attempt(&mut self) -> Result<(), WriteError> {
        self.recover()?;
        let result = if self.mirror.dirty().is_empty() {
            self.backend.check()
        } else {
            self.backend.write(&self.mirror)
        };
        match result {
            Err(error) if error.is_meddling() && self.trouble.is_none() => {
                tracing::error!(name: "checkpoint_database_lost",
                    error = %chain(&error), "checkpoint database lost; rebuilding it");
                self.mirror.mark_all_dirty();
                self.backend.recover(&self.mirror, error.remedy())?;
                self.backend.write(&self.mirror)
            }
            result => result,
        }
    }

    fn recover(&mut self) -> Result<(), WriteError> {
        if let Some(trouble) = &mut self.trouble {
            self.backend.recover(&self.mirror, trouble.remedy)?;
            // What failed is in order again; the next failure decides again.
            trouble.remedy = Remedy::Reopen;
        }
        Ok(())
    }

    /// Draws the conclusions from an attempt. Returns whether it succeeded.
    fn settle(&mut self, result: Result<(), WriteError>, now: Instant) -> bool {
        match result {
            Ok(()) => {
                // A mere look is no commit.
                self.committed.increment(u64::from(!self.mirror.dirty().is_empty()));
                self.mirror.mark_clean();
                if self.trouble.take().is_some() {
                    self.report(StoreHealth::Ok);
                }
                match self.failures.on_success(now) {
                    Some(FailureLine::Recovered { failures, lasted, .. }) => tracing::info!(
                        name: "checkpoint_writes_recovered",
                        failures,
                        seconds = lasted.as_secs(),
                        "checkpoint writes recovered; no checkpoint was lost"
                    ),
                    Some(FailureLine::Brief { outages, failures, over, .. }) => tracing::warn!(
                        name: "checkpoint_writes_intermittent",
                        outages,
                        failures,
                        seconds = over.as_secs(),
                        "checkpoint writes failed intermittently; no checkpoint was lost"
                    ),
                    Some(FailureLine::First | FailureLine::Summary { .. }) | None => {}
                }
                true
            }
            Err(error) => {
                self.failed.increment(1);
                self.mirror.mark_all_dirty();
                let reason = chain(&error);
                match self.failures.on_failure("write", now) {
                    Some(FailureLine::First) => tracing::error!(
                        name: "checkpoint_writes_failing",
                        error = %reason,
                        "cannot write checkpoints; delivery continues, but a restart now would \
                         cause duplicates"
                    ),
                    Some(FailureLine::Summary { failures, over, .. }) => tracing::error!(
                        name: "checkpoint_writes_failing",
                        error = %reason,
                        failures,
                        seconds = over.as_secs(),
                        "still cannot write checkpoints; delivery continues, but a restart now \
                         would cause duplicates"
                    ),
                    Some(FailureLine::Brief { .. } | FailureLine::Recovered { .. }) | None => {}
                }
                let since = self.failures.since().unwrap_or(now);
                self.report(StoreHealth::Failing { reason, since });
                self.trouble = Some(Trouble::after(self.trouble, &error, now));
                false
            }
        }
    }

    fn report(&self, health: StoreHealth) {
        self.failing.set(if health == StoreHealth::Ok { 0.0 } else { 1.0 });
        // A poisoned lock holds a value that is overwritten here anyway.
        *self.health.lock() = health;
    }

    fn answer(&mut self, result: CommitResult) {
        self.waiting.drain(..).for_each(|ticket| ticket.settle(result));
    }
}

impl Trouble {
    /// The next pause. A remedy that is due only gets stronger: an I/O error is not forgotten
    /// because the attempt to fix it met a full disk.
    fn after(before: Option<Self>, error: &WriteError, now: Instant) -> Self {
        let delay =
            before.map_or(RETRY_DELAY_MIN, |trouble| (trouble.delay * 2).min(RETRY_DELAY_MAX));
        let remedy = before.map_or(Remedy::Reopen, |trouble| trouble.remedy).max(error.remedy());
        Self { remedy, delay, retry_at: now + delay }
    }
}

/// A commit's claim to an answer. It is given exactly once, also when the store dies.
pub(super) struct Ticket(Option<CommitDone>);

impl Ticket {
    pub(super) fn new(done: CommitDone) -> Self {
        Self(Some(done))
    }

    /// Gives the answer.
    pub(super) fn settle(mut self, result: CommitResult) {
        self.call(result);
    }

    /// The answer never comes: the requester learns it from an error instead.
    pub(super) fn withdraw(mut self) {
        self.0 = None;
    }

    fn call(&mut self, result: CommitResult) {
        let Some(done) = self.0.take() else { return };
        // One flow's bug must not end the thread that all flows share.
        if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
            tracing::error!(name: "checkpoint_callback_panicked",
                "flow panicked in its checkpoint callback");
        }
    }
}

kinetail_base::debug_only!(Ticket {});

impl Drop for Ticket {
    fn drop(&mut self) {
        self.call(CommitResult::Deferred);
    }
}

#[cfg(test)]
pub(super) mod tests;
