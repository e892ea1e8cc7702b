//! The checkpoint store: one SQLite database, one thread that owns it, group commits.
//!
//! The thread takes a request, whatever else is queued behind it, writes all of it in one
//! transaction, and then tells each requester. A commit that cannot be written is answered with
//! [`CommitResult::Deferred`]: the store keeps it in memory and writes it when it can. Losing the
//! last commits costs repeated records, never lost ones.

mod thread;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::counter;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use self::thread::{AtDisk, ClosedAtEnd, Reply, Request, now_millis, run};
use super::backend::Backend;
use super::error::{StoreClosed, StoreError};
use super::files;
use super::lock::InstanceLock;
use super::mirror::Mirror;
use super::open;
use super::strangers;
use super::writer::{Ticket, Writer};
use super::{Change, Checkpoint};
use crate::metrics::name;
use kinetail_base::identity::FileKey;

/// Requests that may wait. Each flow keeps one commit in flight, so fewer than a thousand flows
/// never fill it; with more, a flow keeps its changes and offers them again.
const QUEUE_REQUESTS_MAX: usize = 1_024;

/// Who must not block asks again for room in the queue after this long.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// A disk that did not answer for this long is named.
const HUNG_AFTER: Duration = Duration::from_secs(10);

/// Told on the store's thread what became of a commit; must not block.
pub type CommitDone = Box<dyn FnOnce(CommitResult) + Send>;

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitResult {
    /// It could not be written now. The store keeps the latest state of each file in memory and
    /// writes it as soon as it can; delivery continues.
    Deferred,
    /// It survives the death of the process. (A power cut may take the last commits back; that
    /// repeats records.)
    Durable,
}

/// A commit that the store did not take. The changes are still the flow's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// More requests wait than the queue holds. There is room again when the disk responds.
    Full(Vec<Change>),
    /// Its thread has ended.
    Closed(Vec<Change>),
}

/// How the store is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    /// Its thread has ended.
    Closed,
    /// Checkpoints cannot be written at the moment.
    Failing {
        /// Why the last attempt failed.
        reason: String,
        /// Since when.
        since: Instant,
    },
    /// The last commit was written.
    Ok,
}

/// What [`Store::open`] needs to know alongside the path.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// The ids of the configured flows. If the database has to be recreated because it was
    /// corrupt, these count as flows that have run before, so that existing files are read from
    /// their start: repeats, not loss.
    pub flows: Vec<Arc<str>>,
}

/// What [`Store::open`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenReport {
    /// There was no database; there is one now.
    Created,
    /// The database was there and sound.
    Opened,
    /// The database was damaged and was moved away; a new one holds no positions.
    SetAside {
        /// Where the damaged one lies now.
        moved_to: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
}

/// What a flow resumes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Whether the flow has ever committed, even without changes. The initial position applies
    /// only while it has not.
    pub known_flow: bool,
    /// When the flow first committed, and when it last saved a row, in milliseconds since 1970.
    pub times: Option<FlowTimes>,
    /// This key and greater ones have never been used.
    pub next_file_key: u64,
    /// All rows of the flow, by file key.
    pub rows: Vec<Checkpoint>,
}

/// When a flow ran, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowTimes {
    /// Its first commit.
    pub first_started_millis: i64,
    /// The last time that a row which is still there was saved.
    pub last_saved_millis: i64,
}

/// Owns the thread. Dropping it without [`Store::close`] lets the thread finish when the last
/// handle is gone.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    handle: StoreHandle,
    thread: JoinHandle<Result<(), String>>,
}

/// What flows hold.
#[derive(Debug, Clone)]
pub struct StoreHandle {
    requests: SyncSender<Request>,
    health: Arc<Mutex<StoreHealth>>,
    at_disk: AtDisk,
}

impl Store {
    /// Opens or makes the database at `path`, takes the instance lock and starts the thread.
    ///
    /// # Errors
    /// See [`StoreError`]. A corrupt database is no error: it is moved aside and reported.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<(Self, OpenReport), StoreError> {
        let path = files::prepare(path)?;
        // Before anything is made: what is not ours stays without so much as a lock alongside it.
        strangers::refuse(&path)?;
        open::refuse_others(&path)?;
        let lock = InstanceLock::take(&path)?;
        let (mut database, mirror, report) = open::open_or_make(&path, options, now_millis())?;
        database.hold(lock);
        let store = Self::start(path, database, mirror)?;
        Ok((store, report))
    }

    /// For the flows. Cheap to clone.
    #[must_use]
    pub fn handle(&self) -> StoreHandle {
        self.handle.clone()
    }

    /// See [`StoreHandle::load`].
    ///
    /// # Errors
    /// [`StoreClosed`] if the thread has ended.
    pub fn load(&self, flow: &Arc<str>) -> Result<Loaded, StoreClosed> {
        self.handle.load(flow)
    }

    /// Writes everything that was committed before this call, waits for the disk and ends the
    /// thread. Flows should have ended before: a later commit is answered with `Deferred` or
    /// [`StoreClosed`].
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] if the database still cannot be written.
    pub fn close(self) -> Result<(), StoreError> {
        // If the thread is gone already, joining it tells why.
        let reached = self.handle.requests.send(Request::Close).is_ok();
        let outcome = self.thread.join();
        let detail = match outcome {
            Ok(Ok(())) if reached => return Ok(()),
            Ok(Ok(())) => "checkpoint store exited unexpectedly".to_owned(),
            Ok(Err(detail)) => detail,
            Err(_) => "the store's thread panicked".to_owned(),
        };
        Err(StoreError::Unwritten { path: self.path, detail })
    }

    fn start<B: Backend>(path: PathBuf, backend: B, mirror: Mirror) -> Result<Self, StoreError> {
        let (requests, inbox) = mpsc::sync_channel(QUEUE_REQUESTS_MAX);
        let health = Arc::new(Mutex::new(StoreHealth::Ok));
        let guard = ClosedAtEnd(Arc::clone(&health));
        let writer = Writer::new(backend, mirror, Arc::clone(&health), Instant::now());
        let at_disk = AtDisk::default();
        let told = at_disk.clone();
        let thread = std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || {
                let _guard = guard;
                run(writer, &inbox, &told)
            })
            .map_err(|source| StoreError::Io {
                doing: "start the thread for",
                path: path.clone(),
                source,
            })?;
        Ok(Self { path, handle: StoreHandle { requests, health, at_disk }, thread })
    }
}

impl StoreHandle {
    /// Hands a flow's changes over. `done` is called exactly once, unless this returns an error.
    /// The flow's first commit, even an empty one, makes it known: commit the positions that the
    /// initial position stands for before anything is shipped.
    ///
    /// For threads that may wait: blocks while the queue is full.
    ///
    /// # Errors
    /// [`StoreClosed`] if the thread has ended; `done` is not called then.
    pub fn commit(
        &self,
        flow: &Arc<str>,
        changes: Vec<Change>,
        done: CommitDone,
    ) -> Result<(), StoreClosed> {
        let ticket = Ticket::new(done);
        let request = Request::Commit { flow: Arc::clone(flow), changes, ticket };
        self.requests.send(request).map_err(|refused| {
            if let Request::Commit { ticket, .. } = refused.0 {
                ticket.withdraw();
            }
            StoreClosed
        })
    }

    /// As [`Self::commit`], for a flow, whose requests are made on the same thread: never blocks.
    ///
    /// # Errors
    /// [`Refused`] with the changes; `done` is not called then.
    pub(crate) fn try_commit(
        &self,
        flow: &Arc<str>,
        changes: Vec<Change>,
        done: CommitDone,
    ) -> Result<(), Refused> {
        let ticket = Ticket::new(done);
        let request = Request::Commit { flow: Arc::clone(flow), changes, ticket };
        match self.requests.try_send(request) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(request)) => Err(Refused::Full(withdrawn(request))),
            Err(TrySendError::Disconnected(request)) => {
                counter!(name::CHECKPOINT_COMMITS, "result" => "refused").increment(1);
                Err(Refused::Closed(withdrawn(request)))
            }
        }
    }

    /// What the flow resumes from: everything committed so far, durable or not.
    ///
    /// # Errors
    /// [`StoreClosed`] if the thread has ended.
    pub fn load(&self, flow: &Arc<str>) -> Result<Loaded, StoreClosed> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.requests
            .send(Request::Load { flow: Arc::clone(flow), reply: Reply::Thread(reply) })
            .map_err(|_| StoreClosed)?;
        answer.recv().map_err(|_| StoreClosed)
    }

    /// As [`StoreHandle::load`], for who must not block. Waits for as long as the store's disk does
    /// not answer.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn load_async(&self, flow: &Arc<str>) -> Result<Loaded, StoreClosed> {
        self.ask(|reply| Request::Load { flow: Arc::clone(flow), reply: Reply::Task(reply) }).await
    }

    /// Every row of every flow, configured or not. Waits as [`Self::load_async`].
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn all_async(&self) -> Result<Vec<(Arc<str>, Vec<Checkpoint>)>, StoreClosed> {
        self.ask(|reply| Request::All { reply }).await
    }

    async fn ask<T>(
        &self,
        request: impl Fn(oneshot::Sender<T>) -> Request,
    ) -> Result<T, StoreClosed> {
        loop {
            let (reply, answer) = oneshot::channel();
            match self.requests.try_send(request(reply)) {
                Ok(()) => return answer.await.map_err(|_| StoreClosed),
                Err(TrySendError::Disconnected(_)) => return Err(StoreClosed),
                Err(TrySendError::Full(_)) => tokio::time::sleep(ROOM_PAUSE).await,
            }
        }
    }

    /// Deletes the flow's rows that are not in `keep` (the files that exist) and were last saved
    /// longer ago than `older_than`. Waits for nothing: `false` if the queue has no room now.
    ///
    /// # Errors
    /// [`StoreClosed`] if the thread has ended.
    pub fn purge(
        &self,
        flow: &Arc<str>,
        keep: &[FileKey],
        older_than: Duration,
    ) -> Result<bool, StoreClosed> {
        let request = Request::Purge { flow: Arc::clone(flow), keep: keep.to_vec(), older_than };
        match self.requests.try_send(request) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Disconnected(_)) => Err(StoreClosed),
        }
    }

    /// Since when the disk does not answer, if that is for long.
    #[must_use]
    pub(crate) fn hung_since(&self, now: Instant) -> Option<Instant> {
        let is_long = |since: &Instant| now.saturating_duration_since(*since) >= HUNG_AFTER;
        self.at_disk.since().filter(is_long)
    }

    /// Whether all is well and nothing is written.
    #[must_use]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.at_disk.since().is_none() && self.health() == StoreHealth::Ok
    }

    /// How the store is doing now.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        let now = Instant::now();
        if let Some(since) = self.hung_since(now) {
            let seconds = now.saturating_duration_since(since).as_secs();
            let reason = format!("no response from its disk for {seconds} s");
            return StoreHealth::Failing { reason, since };
        }
        self.health.lock().clone()
    }
}

/// The changes of a commit that was not taken.
fn withdrawn(request: Request) -> Vec<Change> {
    match request {
        Request::Commit { changes, ticket, .. } => {
            ticket.withdraw();
            changes
        }
        Request::All { .. } | Request::Close | Request::Load { .. } | Request::Purge { .. } => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
