//! The store with a real database, and with one that waits or fails.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::checkpoint::backend::{Remedy, WriteError};
use crate::checkpoint::mirror::tests::{checkpoint, scratch};
use crate::checkpoint::writer::tests::new_database;
use kinetail_base::identity::{Anchor, Digest128, Head, Inode};
use std::sync::mpsc::Receiver;

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
        real: Some(std::ffi::OsString::from_vec(b"/data/\xff.log".to_vec()).into()),
        head: Head { len: u16::MAX, digest: Digest128([0xff; 16]) },
        offset: u64::MAX,
        anchor: Anchor(Digest128([0; 16])),
        life: crate::checkpoint::Life::Finished,
        holes: kinetail_base::holes::Holes::NONE,
        places: Vec::new(),
        cursor: None,
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
    assert!(error.to_string().contains("owned by uid"), "{error}");
    chmod(0o600, &path);
    std::fs::remove_file(files::sidecar(&path, "-wal")).unwrap();
    std::fs::remove_file(files::sidecar(&path, "-shm")).unwrap();
    chmod(0o500, dir.path());
    let error = without_privileges();
    assert!(matches!(&error, StoreError::ReadOnly { path, .. } if path == dir.path()), "{error:?}");
    chmod(0o700, dir.path());
}

/// Makes permission bits count for this thread even when the tests run as root.
fn drop_privileges() {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).unwrap();
}

/// A backend that waits at its first write until the test releases it.
struct Gated {
    circuit: Receiver<()>,
    writes: SyncSender<()>,
}

impl Backend for Gated {
    fn write(&mut self, _: &Mirror) -> Result<(), WriteError> {
        self.circuit.recv_timeout(PATIENCE).unwrap();
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
    let (open_gate, circuit) = mpsc::sync_channel(100);
    let (writes, written) = mpsc::sync_channel(100);
    let store = Store::start("x".into(), Gated { circuit, writes }, Mirror::default()).unwrap();
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
    let (open_gate, circuit) = mpsc::sync_channel(100);
    let (writes, written) = mpsc::sync_channel(100);
    let backend = Gated { circuit, writes };
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
    // The thread may have taken any number of them before it met the circuit.
    assert!(count <= 2, "{count} transactions for 51 commits");
    store.close().unwrap();
}

#[test]
fn commit_of_a_flow_never_waits_for_a_full_queue() {
    let (open_gate, circuit) = mpsc::sync_channel(10_000);
    let (writes, _written) = mpsc::sync_channel(10_000);
    let store = Store::start("x".into(), Gated { circuit, writes }, Mirror::default()).unwrap();
    let handle = store.handle();
    let mut taken = Vec::new();
    let changes = |file| vec![Change::Save(checkpoint(file, 1))];
    // The thread takes a part and then waits for its disk; the queue holds the rest.
    let refused = loop {
        let (done, told) = answer();
        let file = u64::try_from(taken.len()).unwrap();
        match handle.try_commit(&flow(), changes(file), done) {
            Ok(()) => taken.push(told),
            Err(refused) => break (file, refused),
        }
        assert!(taken.len() <= QUEUE_REQUESTS_MAX * 2, "it is full some time");
    };
    assert!(taken.len() >= QUEUE_REQUESTS_MAX);
    assert_eq!(refused.1, Refused::Full(changes(refused.0)), "the changes come back");
    assert_eq!(handle.purge(&flow(), &[], Duration::ZERO), Ok(false));
    (0..QUEUE_REQUESTS_MAX * 2).for_each(|_| open_gate.send(()).unwrap());
    for told in taken {
        assert!(told.recv_timeout(PATIENCE).is_ok(), "each is told once");
    }
    store.close().ok();
    let (done, told) = answer();
    let refused = handle.try_commit(&flow(), changes(7), done);
    assert_eq!(refused, Err(Refused::Closed(changes(7))));
    assert!(told.recv_timeout(PATIENCE).is_err(), "who is refused is not told otherwise");
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
