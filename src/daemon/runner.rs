//! What a flow's thread does: steps the flow, waits, and hands over what comes out of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::clock;
use crate::checkpoint::Change;
use crate::checkpoint::store::StoreHandle;
use crate::disk::OsDisk;
use crate::disk::watch::{Hint, Watch};
use crate::flow::{Flow, Inbox, Mailbox, Message, Outlet};
use crate::send::Submission;
use crate::tail::identity::FileKey;

/// Tells the daemon that the thread ends, however it ends.
pub(super) struct Farewell {
    pub(super) flow: Arc<str>,
    pub(super) ended: mpsc::Sender<Arc<str>>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        // The queue has room for every flow; without a daemon nobody needs to know.
        if self.ended.try_send(Arc::clone(&self.flow)).is_err() {
            tracing::debug!(flow = %self.flow, "the daemon is gone");
        }
    }
}

/// A flow and what it is connected to.
pub(super) struct Runner {
    pub(super) flow: Flow<OsDisk>,
    pub(super) inbox: Inbox,
    pub(super) outlet: FlowOutlet,
    pub(super) watch: Watch,
}

impl Runner {
    /// Steps the flow until it is drained or nobody can talk to it any more.
    pub(super) fn run(mut self, hint: &Hint) {
        loop {
            let stepped = self.flow.step(clock::now(), &mut self.outlet);
            // Without a sender nothing would ever be acknowledged: the daemon starts both again.
            if stepped.drained || self.outlet.submissions.is_closed() {
                return;
            }
            self.flow.watch_directories(&self.watch, hint, clock::now().instant);
            let mut wait = stepped.wake_at.saturating_duration_since(clock::now().instant);
            loop {
                self.flow.rest();
                match self.inbox.wait(wait) {
                    Ok(Some(message)) => self.on_message(message),
                    Ok(None) => break,
                    Err(_) => return,
                }
                wait = Duration::ZERO;
            }
        }
    }

    fn on_message(&mut self, message: Message) {
        let now: Instant = clock::now().instant;
        self.flow.on_message(message, now);
    }
}

/// Hands a flow's batches to its sender and its changes to the store.
pub(super) struct FlowOutlet {
    pub(super) flow: Arc<str>,
    pub(super) submissions: mpsc::Sender<Submission>,
    pub(super) store: StoreHandle,
    pub(super) checkpoint_ttl: Duration,
    pub(super) mailbox: Mailbox,
    pub(super) stopping: CancellationToken,
}

impl Outlet for FlowOutlet {
    fn submit(&mut self, submission: Submission) -> bool {
        self.submissions.try_send(submission).is_ok()
    }

    fn commit(&mut self, changes: Vec<Change>, token: u64) -> bool {
        let mailbox = self.mailbox.clone();
        let done = Box::new(move |result| mailbox.send(Message::Written { token, result }));
        self.store.commit(&self.flow, changes, done).is_ok()
    }

    fn stop_waiting_for_parked(&mut self) {
        self.stopping.cancel();
    }

    fn purge(&mut self, keep: Vec<FileKey>) {
        if self.store.purge(&self.flow, &keep, self.checkpoint_ttl).is_err() {
            tracing::debug!(flow = %self.flow, "the checkpoint store has ended");
        }
    }
}
