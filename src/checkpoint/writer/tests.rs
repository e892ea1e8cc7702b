//! Faults at every call, and people who touch the files.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use metrics_exporter_prometheus::PrometheusBuilder;
use proptest::prelude::*;
use rusqlite::ffi::{SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR_FSYNC};

use super::*;
use crate::checkpoint::database::Database;
use crate::checkpoint::database::tests::after_a_kill;
use crate::checkpoint::files::sidecar;
use crate::checkpoint::lock::InstanceLock;
use crate::checkpoint::mirror::tests::{checkpoint, scratch};
use crate::checkpoint::rebuild::replace;
use kinetail_base::identity::FileKey;

/// A database on which chosen calls fail, before or after they did their work.
#[derive(Debug)]
struct Faulty {
    database: Database,
    calls: usize,
    fail_from: usize,
    fail_count: usize,
    after_the_work: bool,
    code: i32,
}

impl Faulty {
    fn call(
        &mut self,
        work: impl FnOnce(&mut Database) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.calls += 1;
        let last = self.fail_from + self.fail_count;
        let fault = (self.fail_from..last).contains(&self.calls);
        if !fault || self.after_the_work {
            work(&mut self.database)?;
        }
        if !fault {
            return Ok(());
        }
        let source = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(self.code), None);
        Err(WriteError::Sqlite { doing: "inject a fault into", source })
    }
}

impl Backend for Faulty {
    fn write(&mut self, mirror: &Mirror) -> Result<(), WriteError> {
        self.call(|database| database.write(mirror))
    }
    fn check(&mut self) -> Result<(), WriteError> {
        self.call(Database::check)
    }
    fn recover(&mut self, mirror: &Mirror, remedy: Remedy) -> Result<(), WriteError> {
        self.call(|database| database.recover(mirror, remedy))
    }
    fn finish(&mut self, mirror: &Mirror) -> Result<(), WriteError> {
        self.call(|database| database.finish(mirror))
    }
}

pub(in crate::checkpoint) fn new_database(path: &Path) -> Database {
    replace(path, &Mirror::default(), None).unwrap();
    Database::open(path).unwrap().0
}

fn writer<B: Backend>(backend: B) -> (Writer<B>, Arc<Mutex<StoreHealth>>) {
    let health = Arc::new(Mutex::new(StoreHealth::Ok));
    let now = Instant::now();
    (Writer::new(backend, Mirror::default(), Arc::clone(&health), now), health)
}

/// Commits one row and returns the answer.
fn commit<B: Backend>(
    writer: &mut Writer<B>,
    file: u64,
    offset: u64,
    now: Instant,
) -> CommitResult {
    let (tell, told) = mpsc::sync_channel(1);
    let ticket = Ticket::new(Box::new(move |result| tell.send(result).unwrap()));
    let change = Change::Save(checkpoint(file, offset));
    writer.commit(&"f".into(), vec![change], ticket, 1);
    writer.flush(now);
    told.try_recv().unwrap()
}

/// Twelve commits with a fault somewhere; after each answer of `Durable` the process could be
/// killed. Returns whether the fault was met at all.
fn run_with_a_fault(fail_from: usize, fail_count: usize, after: bool, code: i32) -> bool {
    let dir = scratch();
    let path = dir.path().join("db");
    let database = new_database(&path);
    let backend = Faulty { database, calls: 0, fail_from, fail_count, after_the_work: after, code };
    let (mut writer, health) = writer(backend);
    let mut now = Instant::now();
    for round in 0..12 {
        let result = commit(&mut writer, round % 3, round, now);
        if result == CommitResult::Durable {
            assert_eq!(after_a_kill(&path).load("f"), writer.mirror().load("f"));
            assert_eq!(*health.lock(), StoreHealth::Ok);
        } else {
            assert!(matches!(&*health.lock(), StoreHealth::Failing { .. }));
        }
        now = writer.deadline().unwrap_or(now);
    }
    let met = writer.backend.calls >= fail_from;
    let expected = writer.mirror().load("f");
    assert_eq!(expected.rows.len(), 3);
    match writer.finish() {
        Ok(()) => assert_eq!(Database::open(&path).unwrap().1.load("f"), expected),
        Err(reason) => assert!(reason.contains("inject a fault"), "{reason}"),
    }
    met
}

#[test]
fn a_fault_at_any_call_is_never_answered_with_durable() {
    for code in [SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_CORRUPT] {
        for (fail_count, after) in [(1, false), (1, true), (3, false), (3, true)] {
            let mut fail_from = 1;
            while run_with_a_fault(fail_from, fail_count, after, code) {
                fail_from += 1;
            }
            assert!(fail_from > 12, "each of the commits met the fault once");
        }
    }
}

#[test]
fn pauses_grow_to_five_seconds_and_commits_in_them_do_not_touch_the_database() {
    let dir = scratch();
    let database = new_database(&dir.path().join("db"));
    let (fail_from, fail_count) = (1, usize::MAX - 1);
    let backend = Faulty {
        database,
        calls: 0,
        fail_from,
        fail_count,
        after_the_work: false,
        code: SQLITE_FULL,
    };
    let (mut writer, _) = writer(backend);
    let mut now = Instant::now();
    let mut pauses = Vec::new();
    for offset in 0..8 {
        assert_eq!(commit(&mut writer, 1, offset, now), CommitResult::Deferred);
        let calls = writer.backend.calls;
        assert_eq!(commit(&mut writer, 1, offset, now), CommitResult::Deferred);
        assert_eq!(writer.backend.calls, calls, "no attempt in the pause");
        let next = writer.deadline().unwrap();
        pauses.push((next - now).as_millis());
        now = next;
    }
    assert_eq!(pauses, vec![100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert!(writer.finish().unwrap_err().contains("inject a fault"));
}

#[test]
fn a_full_disk_defers_and_is_caught_up_with_when_there_is_space_again() {
    let dir = scratch();
    let path = dir.path().join("db");
    let database = new_database(&path);
    let limit = Arc::clone(&database.page_limit);
    let recorder = PrometheusBuilder::new().build_recorder();
    let scrape = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let (mut writer, health) = writer(database);
        let mut now = Instant::now();
        limit.store(1, Ordering::SeqCst);
        let mut file = 0;
        while commit(&mut writer, file, 7, now) == CommitResult::Durable {
            file += 1;
            assert!(file < 1_000, "a database of a few pages holds this many rows");
        }
        let reason = match &*health.lock() {
            StoreHealth::Failing { reason, .. } => reason.clone(),
            other => panic!("{other:?}"),
        };
        assert!(reason.contains("full"), "{reason}");
        assert!(scrape.render().contains("kinetail_checkpoint_failing 1"));
        for more in 0..50 {
            now = writer.deadline().unwrap();
            assert_eq!(commit(&mut writer, file + more, 8, now), CommitResult::Deferred);
        }
        writer.mirror_mut().purge(&"f".into(), &[FileKey(0)], 0);
        limit.store(u32::MAX, Ordering::SeqCst);
        writer.flush(writer.deadline().unwrap());
        assert_eq!(after_a_kill(&path).load("f"), writer.mirror().load("f"));
        assert_eq!(*health.lock(), StoreHealth::Ok);
        assert!(writer.deadline().is_none());
    });
    let text = scrape.render();
    assert!(text.contains("kinetail_checkpoint_failing 0"), "{text}");
    assert!(text.contains("kinetail_checkpoint_commits_total{result=\"failed\"} 51"), "{text}");
    assert!(text.contains("kinetail_checkpoint_commits_total{result=\"ok\"}"), "{text}");
}

#[test]
fn a_database_that_went_back_in_time_gets_every_row_again() {
    let dir = scratch();
    let path = dir.path().join("db");
    let (mut writer, _) = writer(new_database(&path));
    let old = dir.path().join("old");
    std::fs::copy(&path, &old).unwrap();
    let now = Instant::now();
    assert_eq!(commit(&mut writer, 1, 5, now), CommitResult::Durable);
    std::fs::rename(&old, &path).unwrap();
    std::fs::remove_file(sidecar(&path, "-wal")).unwrap();
    assert_eq!(commit(&mut writer, 2, 6, now), CommitResult::Durable);
    assert_eq!(writer.mirror().load("f").rows.len(), 2);
    assert_eq!(after_a_kill(&path).load("f"), writer.mirror().load("f"));
}

/// What people, scripts and disks do to files that are in use.
type Meddling = fn(&Path);

const MEDDLING: [(&str, Meddling); 10] = [
    ("log removed", |path| std::fs::remove_file(sidecar(path, "-wal")).unwrap()),
    ("log truncated", |path| truncate(&sidecar(path, "-wal"), 0)),
    ("log scribbled on", |path| scribble(&sidecar(path, "-wal"), 40)),
    ("index removed", |path| std::fs::remove_file(sidecar(path, "-shm")).unwrap()),
    ("database removed", |path| std::fs::remove_file(path).unwrap()),
    ("database emptied", |path| truncate(path, 0)),
    ("database cut", |path| truncate(path, 5_000)),
    ("header scribbled on", |path| scribble(path, 3)),
    ("page scribbled on", |path| scribble(path, 4_200)),
    ("directory removed", |path| std::fs::remove_dir_all(path.parent().unwrap()).unwrap()),
];

fn truncate(path: &Path, size: u64) {
    std::fs::File::options().write(true).open(path).unwrap().set_len(size).unwrap();
}

fn scribble(path: &Path, at: u64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(b"scribble", at).unwrap();
    // Clocks of file systems tick in milliseconds; a test is faster than anybody's hand.
    let now = std::time::SystemTime::now() + Duration::from_secs(1);
    file.set_modified(now).unwrap();
}

/// A database in a directory of its own, with a few rows.
fn written(root: &Path) -> (std::path::PathBuf, Writer<Database>) {
    let path = root.join("state/db");
    std::fs::create_dir(root.join("state")).unwrap();
    let (mut writer, _) = writer(new_database(&path));
    for file in 0..50 {
        assert_eq!(commit(&mut writer, file, 5, Instant::now()), CommitResult::Durable);
    }
    (path, writer)
}

#[test]
fn whatever_happens_to_the_files_the_next_commit_is_durable_again() {
    let recorder = PrometheusBuilder::new().build_recorder();
    for (what, meddle) in MEDDLING {
        let dir = scratch();
        let scrape = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let (path, mut writer) = written(dir.path());
            meddle(&path);
            let now = Instant::now();
            assert_eq!(commit(&mut writer, 99, 6, now), CommitResult::Durable, "{what}");
            assert_eq!(after_a_kill(&path).load("f"), writer.mirror().load("f"), "{what}");
        });
        let text = scrape.render();
        assert!(text.contains("kinetail_checkpoint_rebuilds_total"), "{what}: {text}");
    }
}

#[test]
fn it_is_noticed_without_commits() {
    for (what, meddle) in MEDDLING {
        let dir = scratch();
        let (path, mut writer) = written(dir.path());
        meddle(&path);
        writer.flush(writer.wake_at());
        assert_eq!(after_a_kill(&path).load("f"), writer.mirror().load("f"), "{what}");
        writer.flush(writer.wake_at());
        assert!(writer.deadline().is_none(), "{what}");
    }
}

#[test]
fn a_clean_stop_writes_everything_whatever_happened_to_the_files() {
    for (what, meddle) in MEDDLING {
        let dir = scratch();
        let (path, writer) = written(dir.path());
        let expected = writer.mirror().load("f");
        meddle(&path);
        writer.finish().unwrap();
        assert_eq!(Database::open(&path).unwrap().1.load("f"), expected, "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// For all orders of commits, looks and meddling: what was answered with durable is there
    /// after a kill, unless the files were modified since; and after the next commit or look
    /// all of it is.
    #[test]
    fn what_is_durable_survives_meddling(
        schedule in prop::collection::vec((0_usize..MEDDLING.len() + 6, 0_u64..6), 1..20),
    ) {
        let dir = scratch();
        let (path, mut writer) = written(dir.path());
        for (offset, (choice, file)) in schedule.into_iter().enumerate() {
            if let Some((_, meddle)) = MEDDLING.get(choice) {
                let is_there = |suffix| sidecar(&path, suffix).try_exists().unwrap();
                if ["", "-wal", "-shm"].into_iter().all(is_there) {
                    meddle(&path);
                }
                continue;
            }
            if choice % 2 == 0 {
                let answer = commit(&mut writer, file, offset as u64, Instant::now());
                prop_assert_eq!(answer, CommitResult::Durable);
            } else {
                writer.flush(writer.wake_at());
            }
            prop_assert_eq!(after_a_kill(&path).load("f"), writer.mirror().load("f"));
        }
        let expected = writer.mirror().load("f");
        writer.finish().unwrap();
        prop_assert_eq!(Database::open(&path).unwrap().1.load("f"), expected);
    }
}

#[test]
fn a_removed_lock_is_taken_again() {
    let dir = scratch();
    let path = dir.path().join("db");
    let mut database = new_database(&path);
    database.hold(InstanceLock::take(&path).unwrap());
    let (mut writer, _) = writer(database);
    std::fs::remove_file(sidecar(&path, ".lock")).unwrap();
    writer.flush(writer.wake_at());
    assert!(InstanceLock::take(&path).is_err());
}

#[test]
fn a_panicking_requester_does_no_harm_and_a_lost_ticket_is_answered() {
    Ticket::new(Box::new(|_| panic!("a bug in a flow"))).settle(CommitResult::Durable);
    let (tell, told) = mpsc::sync_channel(1);
    drop(Ticket::new(Box::new(move |result| tell.send(result).unwrap())));
    assert_eq!(told.recv().unwrap(), CommitResult::Deferred);
    Ticket::new(Box::new(|_| panic!("withdrawn"))).withdraw();
}
