//! The stop: flows drain until a deadline, then what they did is checkpointed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::service_manager::State;
use super::{Daemon, Stopped, clock, hung};
use crate::checkpoint::store::Store;
use crate::flow::Message;

/// CloudWatch may take this long to take the last metrics ...
const LAST_METRICS_TIME_MAX: Duration = Duration::from_secs(3);

/// ... and this long if the time to stop is over.
const LAST_METRICS_TIME_MIN: Duration = Duration::from_millis(500);

/// The checkpoint store may take this long to write its last and to close.
const LAST_COMMIT_TIME_MAX: Duration = Duration::from_secs(5);

impl Daemon {
    pub(super) async fn drain(mut self, stop_now: impl Future<Output = ()>) -> Stopped {
        let timeout = self.shutdown_timeout;
        let asked = clock::now().instant;
        tracing::info!(name: "agent_stopping", "Agent: Shutting down...");
        tracing::info!(
            name: "agent_draining",
            "draining: delivering records already read, for at most {} ms",
            timeout.as_millis()
        );
        self.service_manager.tell(State::Stopping);
        self.shared.inputs.finish();
        for flow in self.flows.values() {
            flow.tell(Message::Drain);
        }
        let count = self.threads().count();
        let mut stopped = tokio::select! {
            () = all_ended(&mut self.ended, count) => Stopped::Drained,
            () = tokio::time::sleep(timeout) => Stopped::TimedOut,
            () = stop_now => Stopped::Forced,
        };
        let now = clock::now().instant;
        for flow in self.threads() {
            if let Some(hung) = flow.hung_at_stop(now) {
                hung::report_at_stop(flow, hung);
            }
        }
        self.shared.inputs.report_lost();
        let undelivered = self.threads().filter(|flow| flow.report_undelivered()).count();
        if stopped == Stopped::Drained && undelivered > 0 {
            stopped = Stopped::Paused;
        }
        self.finish_work(LAST_COMMIT_TIME_MAX).await;
        let left = timeout.saturating_sub(clock::now().instant.saturating_duration_since(asked));
        let time = match stopped {
            Stopped::Forced => Duration::ZERO,
            Stopped::Drained | Stopped::TimedOut | Stopped::Paused | Stopped::Unwritten => {
                left.clamp(LAST_METRICS_TIME_MIN, LAST_METRICS_TIME_MAX)
            }
        };
        self.watchers.finish(time).await;
        self.tasks.abort_all();
        drop(self.flows);
        if let Err(unwritten) = close(self.store).await {
            stopped = unwritten;
        }
        let now = clock::now().instant;
        tracing::info!(
            name: "agent_stopped",
            "Agent: Shut down completed in {} ms. Uptime: {} ms",
            now.saturating_duration_since(asked).as_millis(),
            now.saturating_duration_since(self.started).as_millis()
        );
        stopped
    }
}

/// Has the last checkpoints written, within a bound: a disk that hangs must not keep the process.
async fn close(store: Store) -> Result<(), Stopped> {
    let closing = tokio::task::spawn_blocking(move || store.close());
    let closing =
        async { closing.await.map_err(|bug| bug.to_string())?.map_err(|error| error.to_string()) };
    match tokio::time::timeout(LAST_COMMIT_TIME_MAX, closing).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => tracing::error!(
            name: "checkpoint_close_failed",
            error,
            "cannot close checkpoint database cleanly; duplicates possible after the next start"
        ),
        Err(_) => tracing::error!(
            name: "checkpoint_close_hung",
            seconds = LAST_COMMIT_TIME_MAX.as_secs(),
            "no response from the disk of the checkpoint database; final checkpoints might not be \
             written, duplicates possible after the next start"
        ),
    }
    Err(Stopped::Unwritten)
}

async fn all_ended(ended: &mut mpsc::Receiver<Arc<str>>, count: usize) {
    for _ in 0..count {
        if ended.recv().await.is_none() {
            return;
        }
    }
}
