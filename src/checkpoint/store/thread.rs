//! The thread of the store: takes requests, has them written, answers.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{Loaded, StoreHealth};
use crate::checkpoint::backend::Backend;
use crate::checkpoint::writer::{Ticket, Writer};
use crate::checkpoint::{Change, Checkpoint};
use kinetail_base::identity::FileKey;

/// Requests in one transaction.
const GROUP_REQUESTS_MAX: usize = 256;

/// Where the reply with a flow's checkpoints goes.
#[derive(Debug)]
pub(super) enum Reply {
    Task(oneshot::Sender<Loaded>),
    Thread(SyncSender<Loaded>),
}

impl Reply {
    /// Whether the receiver still waited.
    fn send(self, loaded: Loaded) -> bool {
        match self {
            Self::Task(task) => task.send(loaded).is_ok(),
            Self::Thread(thread) => thread.send(loaded).is_ok(),
        }
    }
}

#[derive(Debug)]
pub(super) enum Request {
    All { reply: oneshot::Sender<Vec<(Arc<str>, Vec<Checkpoint>)>> },
    Close,
    Commit { flow: Arc<str>, changes: Vec<Change>, ticket: Ticket },
    Load { flow: Arc<str>, reply: Reply },
    Purge { flow: Arc<str>, keep: Vec<FileKey>, older_than: Duration },
}

/// Since when the thread waits for its disk, if it does.
#[derive(Debug, Clone, Default)]
pub(super) struct AtDisk(Arc<Mutex<Option<Instant>>>);

impl AtDisk {
    pub(super) fn set(&self, since: Option<Instant>) {
        *self.0.lock() = since;
    }

    pub(super) fn since(&self) -> Option<Instant> {
        *self.0.lock()
    }
}

/// Says that the store is closed however its thread ends.
#[derive(Debug)]
pub(super) struct ClosedAtEnd(pub(super) Arc<Mutex<StoreHealth>>);

impl Drop for ClosedAtEnd {
    fn drop(&mut self) {
        *self.0.lock() = StoreHealth::Closed;
    }
}

/// The thread: until the store is closed or the last handle is gone.
pub(super) fn run<B: Backend>(
    mut writer: Writer<B>,
    inbox: &Receiver<Request>,
    at_disk: &AtDisk,
) -> Result<(), String> {
    let mut open = true;
    while open {
        match next(inbox, writer.wake_at()) {
            Ok(request) => {
                open = take(&mut writer, request);
                for request in inbox.try_iter().take(GROUP_REQUESTS_MAX - 1) {
                    open &= take(&mut writer, request);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => open = false,
        }
        if open {
            let now = Instant::now();
            at_disk.set(Some(now));
            writer.flush(now);
            at_disk.set(None);
        }
    }
    for request in inbox.try_iter() {
        take(&mut writer, request);
    }
    writer.finish()
}

fn next(inbox: &Receiver<Request>, until: Instant) -> Result<Request, RecvTimeoutError> {
    inbox.recv_timeout(until.saturating_duration_since(Instant::now()))
}

/// Takes one request. Returns whether the store stays open.
fn take<B: Backend>(writer: &mut Writer<B>, request: Request) -> bool {
    match request {
        Request::All { reply } => {
            let flows = writer.mirror().flows();
            let rows = flows.map(|(flow, _)| (Arc::clone(flow), writer.mirror().load(flow).rows));
            if reply.send(rows.collect()).is_err() {
                tracing::debug!("checkpoint reply discarded: the receiver is gone");
            }
        }
        Request::Close => return false,
        Request::Commit { flow, changes, ticket } => {
            writer.commit(&flow, changes, ticket, now_millis());
        }
        Request::Load { flow, reply } => {
            if !reply.send(writer.mirror().load(&flow)) {
                tracing::debug!(%flow, "checkpoint reply discarded: the receiver is gone");
            }
        }
        Request::Purge { flow, keep, older_than } => {
            let ttl = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
            let cutoff = now_millis().saturating_sub(ttl);
            let count = writer.mirror_mut().purge(&flow, &keep, cutoff);
            if count > 0 {
                tracing::info!(name: "checkpoints_expired",
                    %flow, count, "expired checkpoints of missing files");
            }
        }
    }
    true
}

/// Milliseconds since 1970, for people and for the purge; a clock before 1970 counts as 1970.
pub(super) fn now_millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
