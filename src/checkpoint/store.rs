//! The checkpoint store: one SQLite database, one thread that owns it, group commits.
//!
//! The thread takes a request, whatever else is queued behind it, writes all of it in one
//! transaction, and then tells each requester. A commit that cannot be written is answered with
//! [`CommitResult::Deferred`]: the store keeps it in memory and writes it when it can. Losing the
//! last commits costs repeated records, never lost ones.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use super::backend::Backend;
use super::error::{StoreClosed, StoreError};
use super::files;
use super::lock::InstanceLock;
use super::mirror::Mirror;
use super::open;
use super::strangers;
use super::writer::{Ticket, Writer};
use super::{Change, Checkpoint};
use kinetail_base::identity::FileKey;

/// Requests that may wait. Each flow keeps one commit in flight, so this is never reached by
/// fewer than a thousand flows; more only makes them wait for a moment.
const QUEUE_REQUESTS_MAX: usize = 1_024;

/// Who must not block asks again for room in the queue after this long.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// Requests in one transaction.
const GROUP_REQUESTS_MAX: usize = 256;

/// A disk that did not answer for this long is named.
const HUNG_AFTER: Duration = Duration::from_secs(10);

/// Told on the store's thread what became of a commit; must not block.
pub type CommitDone = Box<dyn FnOnce(CommitResult) + Send>;

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitResult {
    /// It could not be written now. The store keeps the latest state of each file in memory and
    /// writes it as soon as it can; shipping goes on.
    Deferred,
    /// It survives the death of the process. (A power cut may take the last commits back; that
    /// repeats records.)
    Durable,
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

/// What [`Store::open`] needs to know beside the path.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// The ids of the configured flows. If the database has to be made anew because it was
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

impl OpenReport {
    /// Whether positions were lost, so that every flow begins at the start of existing files.
    #[must_use]
    pub fn fresh_after_corruption(&self) -> bool {
        matches!(self, Self::SetAside { .. })
    }
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

/// Since when the thread waits for its disk, if it does.
#[derive(Debug, Clone, Default)]
struct AtDisk(Arc<Mutex<Option<Instant>>>);

impl AtDisk {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How somebody is told what a flow resumes from.
#[derive(Debug)]
enum Reply {
    Task(oneshot::Sender<Loaded>),
    Thread(SyncSender<Loaded>),
}

impl Reply {
    /// Whether somebody still waited.
    fn send(self, loaded: Loaded) -> bool {
        match self {
            Self::Task(task) => task.send(loaded).is_ok(),
            Self::Thread(thread) => thread.send(loaded).is_ok(),
        }
    }
}

#[derive(Debug)]
enum Request {
    All { reply: oneshot::Sender<Vec<(Arc<str>, Vec<Checkpoint>)>> },
    Close,
    Commit { flow: Arc<str>, changes: Vec<Change>, ticket: Ticket },
    Load { flow: Arc<str>, reply: Reply },
    Purge { flow: Arc<str>, keep: Vec<FileKey>, older_than: Duration },
}

impl Store {
    /// Opens or makes the database at `path`, takes the instance lock and starts the thread.
    ///
    /// # Errors
    /// See [`StoreError`]. A corrupt database is no error: it is moved aside and reported.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<(Self, OpenReport), StoreError> {
        let path = files::prepare(path)?;
        // Before anything is made: what is not ours stays without so much as a lock beside it.
        strangers::refuse(&path)?;
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
            Ok(Ok(())) => "the store ended by itself".to_owned(),
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
    /// Blocks only while more requests wait than there are flows.
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
    pub async fn load_async(&self, flow: &Arc<str>) -> Result<Loaded, StoreClosed> {
        loop {
            let (reply, answer) = oneshot::channel();
            let request = Request::Load { flow: Arc::clone(flow), reply: Reply::Task(reply) };
            match self.requests.try_send(request) {
                Ok(()) => return answer.await.map_err(|_| StoreClosed),
                Err(TrySendError::Disconnected(_)) => return Err(StoreClosed),
                Err(TrySendError::Full(_)) => tokio::time::sleep(ROOM_PAUSE).await,
            }
        }
    }

    /// Every row of every flow, configured or not. Waits as [`Self::load_async`].
    ///
    /// # Errors
    /// As there.
    pub async fn all_async(&self) -> Result<Vec<(Arc<str>, Vec<Checkpoint>)>, StoreClosed> {
        loop {
            let (reply, answer) = oneshot::channel();
            match self.requests.try_send(Request::All { reply }) {
                Ok(()) => return answer.await.map_err(|_| StoreClosed),
                Err(TrySendError::Disconnected(_)) => return Err(StoreClosed),
                Err(TrySendError::Full(_)) => tokio::time::sleep(ROOM_PAUSE).await,
            }
        }
    }

    /// Deletes the flow's rows that are not in `keep` (the files that exist) and were last saved
    /// longer ago than `older_than`. Does not wait for it.
    ///
    /// # Errors
    /// [`StoreClosed`] if the thread has ended.
    pub fn purge(
        &self,
        flow: &Arc<str>,
        keep: &[FileKey],
        older_than: Duration,
    ) -> Result<(), StoreClosed> {
        self.requests
            .send(Request::Purge { flow: Arc::clone(flow), keep: keep.to_vec(), older_than })
            .map_err(|_| StoreClosed)
    }

    /// Since when the disk does not answer, if that is for long.
    #[must_use]
    pub fn hung_since(&self, now: Instant) -> Option<Instant> {
        let is_long = |since: &Instant| now.saturating_duration_since(*since) >= HUNG_AFTER;
        self.at_disk.since().filter(is_long)
    }

    /// How the store is doing now.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        let now = Instant::now();
        if let Some(since) = self.hung_since(now) {
            let seconds = now.saturating_duration_since(since).as_secs();
            let reason = format!("its disk has not answered for {seconds} s");
            return StoreHealth::Failing { reason, since };
        }
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Says that the store is closed however its thread ends.
#[derive(Debug)]
struct ClosedAtEnd(Arc<Mutex<StoreHealth>>);

impl Drop for ClosedAtEnd {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = StoreHealth::Closed;
    }
}

/// The thread: until somebody closes the store or the last handle is gone.
fn run<B: Backend>(
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
                tracing::debug!("nobody waits for the checkpoints any more");
            }
        }
        Request::Close => return false,
        Request::Commit { flow, changes, ticket } => {
            writer.commit(&flow, changes, ticket, now_millis());
        }
        Request::Load { flow, reply } => {
            if !reply.send(writer.mirror().load(&flow)) {
                tracing::debug!(%flow, "nobody waits for the checkpoints any more");
            }
        }
        Request::Purge { flow, keep, older_than } => {
            let ttl = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
            let cutoff = now_millis().saturating_sub(ttl);
            let count = writer.mirror_mut().purge(&flow, &keep, cutoff);
            if count > 0 {
                tracing::info!(%flow, count, "deleted the checkpoints of files that are gone");
            }
        }
    }
    true
}

/// Milliseconds since 1970, for people and for the purge; a clock before 1970 counts as 1970.
fn now_millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::checkpoint::backend::{Remedy, WriteError};
    use crate::checkpoint::mirror::tests::{checkpoint, scratch};
    use crate::checkpoint::writer::tests::new_database;
    use kinetail_base::identity::{Anchor, Digest128, Head, Inode};

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn flow() -> Arc<str> {
        "kinesis:s:/var/log/app.log*".into()
    }

    fn open(path: &Path) -> (Store, OpenReport) {
        Store::open(path, &StoreOptions::default()).unwrap()
    }

    /// A callback and where its answer arrives.
    fn answer() -> (CommitDone, Receiver<CommitResult>) {
        let (tell, told) = mpsc::sync_channel(1);
        (Box::new(move |result| tell.send(result).unwrap()), told)
    }

    fn commit(store: &Store, changes: Vec<Change>) -> CommitResult {
        let (done, told) = answer();
        store.handle().commit(&flow(), changes, done).unwrap();
        told.recv_timeout(PATIENCE).unwrap()
    }

    #[test]
    fn rows_come_back_as_they_went_in_extremes_and_odd_names_included() {
        use std::os::unix::ffi::OsStringExt;
        let dir = scratch();
        let path = dir.path().join("state/db");
        let odd = Checkpoint {
            file: FileKey(u64::MAX),
            inode: Inode { device: u64::MAX, number: u64::MAX - 1 },
            path: std::ffi::OsString::from_vec(b"/var/log/\xff\xfe\n\"x\".log".to_vec()).into(),
            head: Head { len: u16::MAX, digest: Digest128([0xff; 16]) },
            offset: u64::MAX,
            anchor: Anchor(Digest128([0; 16])),
            life: crate::checkpoint::Life::Finished,
            holes: kinetail_base::holes::Holes::NONE,
            places: Vec::new(),
        };
        let (store, report) = open(&path);
        assert_eq!(report, OpenReport::Created);
        let changes = vec![Change::Save(checkpoint(0, 0)), Change::Save(odd.clone())];
        assert_eq!(commit(&store, changes), CommitResult::Durable);
        store.close().unwrap();

        let (store, report) = open(&path);
        assert_eq!(report, OpenReport::Opened);
        let loaded = store.load(&flow()).unwrap();
        assert_eq!(loaded.rows, vec![checkpoint(0, 0), odd]);
        assert_eq!((loaded.known_flow, loaded.next_file_key), (true, u64::MAX));
        store.close().unwrap();
    }

    #[test]
    fn a_first_start_is_told_from_a_start_without_files() {
        let dir = scratch();
        let path = dir.path().join("db");
        let (store, _) = open(&path);
        assert!(!store.load(&flow()).unwrap().known_flow);
        assert_eq!(commit(&store, Vec::new()), CommitResult::Durable);
        store.close().unwrap();
        let (store, _) = open(&path);
        let loaded = store.load(&flow()).unwrap();
        assert!(loaded.known_flow && loaded.rows.is_empty());
        assert!(!store.load(&"another flow".into()).unwrap().known_flow);
    }

    #[test]
    fn a_second_store_on_the_same_file_is_refused_until_the_first_is_closed() {
        let dir = scratch();
        let path = dir.path().join("db");
        let (first, _) = open(&path);
        let error = Store::open(&path, &StoreOptions::default()).unwrap_err();
        assert!(matches!(error, StoreError::InUse { pid: Some(_), .. }), "{error}");
        first.close().unwrap();
        open(&path);
    }

    #[test]
    fn dropping_store_and_handles_still_writes_and_releases_the_lock() {
        let dir = scratch();
        let path = dir.path().join("db");
        let (store, _) = open(&path);
        let (done, told) = answer();
        store.handle().commit(&flow(), vec![Change::Save(checkpoint(1, 5))], done).unwrap();
        let Store { thread, handle, .. } = store;
        drop(handle);
        thread.join().unwrap().unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), CommitResult::Durable);
        let (store, _) = open(&path);
        assert_eq!(store.load(&flow()).unwrap().rows, vec![checkpoint(1, 5)]);
    }

    #[test]
    fn after_the_close_everybody_is_told() {
        let dir = scratch();
        let (store, _) = open(&dir.path().join("db"));
        let handle = store.handle();
        assert_eq!(handle.health(), StoreHealth::Ok);
        store.close().unwrap();
        let refused = handle.commit(&flow(), Vec::new(), Box::new(|_| panic!("called")));
        assert_eq!(refused, Err(StoreClosed));
        assert_eq!(handle.load(&flow()), Err(StoreClosed));
        assert_eq!(handle.purge(&flow(), &[], Duration::ZERO), Err(StoreClosed));
        assert_eq!(handle.health(), StoreHealth::Closed);
    }

    #[test]
    fn purged_rows_stay_away() {
        let dir = scratch();
        let path = dir.path().join("db");
        let (store, _) = open(&path);
        let changes = (0..3).map(|file| Change::Save(checkpoint(file, 1))).collect();
        commit(&store, changes);
        let (handle, week) = (store.handle(), Duration::from_hours(7 * 24));
        handle.purge(&flow(), &[], week).unwrap();
        assert_eq!(store.load(&flow()).unwrap().rows.len(), 3, "they are young");
        // Rows of this very millisecond are not older than zero.
        let waited = mpsc::sync_channel::<()>(1).1.recv_timeout(Duration::from_millis(5));
        assert!(waited.is_err());
        handle.purge(&flow(), &[FileKey(1)], Duration::ZERO).unwrap();
        store.close().unwrap();
        let (store, _) = open(&path);
        let loaded = store.load(&flow()).unwrap();
        assert_eq!(loaded.rows, vec![checkpoint(1, 1)]);
        assert_eq!(loaded.next_file_key, 3, "keys are not used again");
    }

    #[test]
    fn files_that_only_root_may_write_are_refused_with_the_owner() {
        let dir = scratch();
        let path = dir.path().join("db");
        open(&path).0.close().unwrap();
        let chmod = |mode, path: &Path| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let without_privileges = || {
            let path = path.clone();
            std::thread::spawn(move || {
                drop_privileges();
                Store::open(&path, &StoreOptions::default()).map(drop).unwrap_err()
            })
            .join()
            .unwrap()
        };
        chmod(0o400, &path);
        let error = without_privileges();
        assert!(matches!(&error, StoreError::ReadOnly { path, .. } if path.ends_with("db")));
        assert!(error.to_string().contains("belongs to uid"), "{error}");
        chmod(0o600, &path);
        std::fs::remove_file(files::beside(&path, "-wal")).unwrap();
        std::fs::remove_file(files::beside(&path, "-shm")).unwrap();
        chmod(0o500, dir.path());
        let error = without_privileges();
        assert!(
            matches!(&error, StoreError::ReadOnly { path, .. } if path == dir.path()),
            "{error:?}"
        );
        chmod(0o700, dir.path());
    }

    /// Makes permission bits count for this thread even when the tests run as root.
    fn drop_privileges() {
        use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, sets).unwrap();
    }

    /// A backend that waits at its first write until the test lets it go on.
    struct Gated {
        gate: Receiver<()>,
        writes: SyncSender<()>,
    }

    impl Backend for Gated {
        fn write(&mut self, _: &Mirror) -> Result<(), WriteError> {
            self.gate.recv_timeout(PATIENCE).unwrap();
            self.writes.send(()).unwrap();
            Ok(())
        }
        fn check(&mut self) -> Result<(), WriteError> {
            Ok(())
        }
        fn recover(&mut self, _: &Mirror, _: Remedy) -> Result<(), WriteError> {
            Ok(())
        }
        fn finish(&mut self, _: &Mirror) -> Result<(), WriteError> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_does_not_answer_is_named() {
        let (open_gate, gate) = mpsc::sync_channel(100);
        let (writes, written) = mpsc::sync_channel(100);
        let store = Store::start("x".into(), Gated { gate, writes }, Mirror::default()).unwrap();
        let handle = store.handle();
        let (done, told) = answer();
        handle.commit(&flow(), vec![Change::Save(checkpoint(1, 1))], done).unwrap();
        let began = loop {
            match handle.at_disk.since() {
                Some(since) => break since,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(handle.hung_since(began + Duration::from_secs(9)), None);
        assert_eq!(handle.hung_since(began + HUNG_AFTER), Some(began));
        open_gate.send(()).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), CommitResult::Durable);
        written.recv_timeout(PATIENCE).unwrap();
        store.close().unwrap();
        assert_eq!(handle.hung_since(began + HUNG_AFTER), None);
    }

    #[test]
    fn commits_that_wait_together_share_one_transaction() {
        let (open_gate, gate) = mpsc::sync_channel(100);
        let (writes, written) = mpsc::sync_channel(100);
        let backend = Gated { gate, writes };
        let store = Store::start("x".into(), backend, Mirror::default()).unwrap();
        let handle = store.handle();
        let told: Vec<_> = (0..51)
            .map(|file| {
                let (done, told) = answer();
                handle.commit(&flow(), vec![Change::Save(checkpoint(file, 1))], done).unwrap();
                told
            })
            .collect();
        (0..51).for_each(|_| open_gate.send(()).unwrap());
        for told in told {
            assert_eq!(told.recv_timeout(PATIENCE).unwrap(), CommitResult::Durable);
        }
        let count = written.try_iter().count();
        // The thread may have taken any number of them before it met the gate.
        assert!(count <= 2, "{count} transactions for 51 commits");
        store.close().unwrap();
    }

    #[test]
    fn a_store_that_fails_to_the_end_says_so() {
        let dir = scratch();
        let path = dir.path().join("db");
        let database = new_database(&path);
        database.page_limit.store(1, std::sync::atomic::Ordering::SeqCst);
        let store = Store::start(path, database, Mirror::default()).unwrap();
        let changes = (0..500).map(|file| Change::Save(checkpoint(file, 1))).collect();
        assert_eq!(commit(&store, changes), CommitResult::Deferred);
        assert_eq!(store.load(&flow()).unwrap().rows.len(), 500, "a flow may restart meanwhile");
        assert!(matches!(store.handle().health(), StoreHealth::Failing { .. }));
        let error = store.close().unwrap_err();
        assert!(matches!(error, StoreError::Unwritten { .. }), "{error}");
    }
}
