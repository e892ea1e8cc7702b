//! Tests of `database`.

use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use kinetail_base::holes::Holes;
use kinetail_base::identity::FileKey;
use proptest::prelude::*;

use super::*;
use crate::checkpoint::mirror::tests::{checkpoint, scratch};
use crate::checkpoint::schema::Maker;
use crate::checkpoint::{Change, Checkpoint};

/// A mirror of one flow, "f", with these files at offset 10.
pub(in crate::checkpoint) fn mirror_of(files: std::ops::Range<u64>) -> Mirror {
    let mut mirror = Mirror::default();
    let flow: Arc<str> = "f".into();
    mirror.apply(&flow, files.map(|file| Change::Save(checkpoint(file, 10))).collect(), 1);
    mirror
}

fn fresh(path: &Path) -> Database {
    replace(path, &Mirror::default(), None).unwrap();
    Database::open(path).unwrap().0
}

/// What another process would find after this one was killed now.
pub(in crate::checkpoint) fn after_a_kill(path: &Path) -> Mirror {
    let dir = scratch();
    let copy = dir.path().join("db");
    std::fs::copy(path, &copy).unwrap();
    let log = files::sidecar(path, "-wal");
    if log.try_exists().unwrap() {
        std::fs::copy(log, files::sidecar(&copy, "-wal")).unwrap();
    }
    Database::open(&copy).unwrap().1
}

#[test]
fn files_are_private_and_odd_names_work() {
    let dir = scratch();
    let name = std::ffi::OsString::from_vec(b"a b%20?x=1#y\xff'\"".to_vec());
    let path = dir.path().join(name);
    let mut database = fresh(&path);
    database.write(&mirror_of(0..3)).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    drop(database);
    let (_, mirror) = Database::open(&path).unwrap();
    assert_eq!(mirror.load("f"), mirror_of(0..3).load("f"));
}

#[test]
fn a_write_survives_a_kill_and_a_finish_leaves_everything_in_one_file() {
    let dir = scratch();
    let path = dir.path().join("db");
    let mut database = fresh(&path);
    let mirror = mirror_of(0..5);
    database.write(&mirror).unwrap();
    assert_eq!(after_a_kill(&path).load("f"), mirror.load("f"));
    database.finish(&mirror).unwrap();
    let log = std::fs::metadata(files::sidecar(&path, "-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the log was copied into the database");
    assert_eq!(Database::open(&path).unwrap().1.load("f"), mirror.load("f"));
}

#[test]
fn the_log_does_not_grow_without_bound() {
    let dir = scratch();
    let path = dir.path().join("db");
    let mut database = fresh(&path);
    let mut mirror = mirror_of(0..1);
    for offset in 0..5_000 {
        mirror.apply(&"f".into(), vec![Change::Save(checkpoint(0, offset))], 1);
        database.write(&mirror).unwrap();
        mirror.mark_clean();
    }
    let log = std::fs::metadata(files::sidecar(&path, "-wal")).unwrap().len();
    assert!(log < 16 * 1024 * 1024, "{log} bytes");
}

#[test]
fn a_database_that_was_deleted_is_noticed_and_rebuilt() {
    let dir = scratch();
    let path = dir.path().join("db");
    let mut database = fresh(&path);
    let mut mirror = mirror_of(0..2);
    std::fs::remove_file(&path).unwrap();
    let error = database.write(&mirror).unwrap_err();
    assert!(matches!(error, WriteError::Changed(_)), "{error}");
    mirror.mark_all_dirty();
    database.recover(&mirror, error.remedy()).unwrap();
    database.write(&mirror).unwrap();
    assert_eq!(after_a_kill(&path).load("f"), mirror.load("f"));
}

#[test]
fn another_programs_database_that_took_the_place_is_left_alone() {
    let dir = scratch();
    let path = dir.path().join("db");
    let mut database = fresh(&path);
    let mirror = mirror_of(0..2);
    let other = dir.path().join("other");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    let before = std::fs::read(&other).unwrap();
    std::fs::rename(&other, &path).unwrap();
    for remedy in [Remedy::Reopen, Remedy::Replace, Remedy::SetAside] {
        let error = database.recover(&mirror, remedy).unwrap_err();
        assert!(matches!(error, WriteError::Foreign(Maker::Other)), "{remedy:?}: {error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn the_old_log_is_not_played_into_the_new_database() {
    let dir = scratch();
    let path = dir.path().join("db");
    let mut database = fresh(&path);
    database.write(&mirror_of(0..5)).unwrap();
    database.recover(&mirror_of(7..9), Remedy::Replace).unwrap();
    assert_eq!(after_a_kill(&path).load("f"), mirror_of(7..9).load("f"));
}

#[test]
fn each_remedy_ends_with_a_sound_database_and_keeps_only_damaged_ones() {
    for (remedy, kept) in [(Remedy::Reopen, 0), (Remedy::Replace, 0), (Remedy::SetAside, KEPT_MAX)]
    {
        let dir = scratch();
        let path = dir.path().join("db");
        let mut database = fresh(&path);
        let mut mirror = mirror_of(0..2);
        mirror.mark_all_dirty();
        for _ in 0..KEPT_MAX + 2 {
            database.recover(&mirror, remedy).unwrap();
            database.write(&mirror).unwrap();
        }
        assert_eq!(after_a_kill(&path).load("f"), mirror.load("f"), "{remedy:?}");
        let names = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name());
        let found = names
            .filter(|name| {
                let name = name.to_string_lossy();
                name.contains(".corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm")
            })
            .count();
        assert_eq!(u32::try_from(found).unwrap(), kept, "{remedy:?}");
    }
}

#[test]
fn the_index_of_the_log_has_no_holes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut database = fresh(&path);
    database.write(&mirror_of(0..3)).unwrap();
    let index = std::fs::metadata(files::sidecar(&path, "-shm")).unwrap();
    assert!(index.blocks() * 512 >= index.len(), "{index:?}");
    std::fs::remove_file(files::sidecar(&path, "-shm")).unwrap();
    assert!(files::reserve_index(&path).unwrap().is_none());
}

/// One change of a history: of which file, and to what.
#[derive(Debug, Clone, Copy)]
enum Step {
    Forget(usize),
    /// With everything that a row can have.
    Full(usize),
    /// With its row alone.
    Plain(usize),
    /// The transaction fails, and what the database holds is not known.
    Unsure,
    Write,
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0_usize..3;
    prop_oneof![
        2 => file.clone().prop_map(Step::Forget),
        4 => file.clone().prop_map(Step::Full),
        4 => file.prop_map(Step::Plain),
        1 => Just(Step::Unsure),
        3 => Just(Step::Write),
    ]
}

/// Only a journal's row has a cursor, and it keeps it.
fn plain(file: u64, offset: u64) -> Checkpoint {
    let full = checkpoint(file, offset);
    Checkpoint { holes: Holes::NONE, places: Vec::new(), real: None, ..full }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After each write the database holds what is in memory, whatever its rows had before.
    #[test]
    fn a_database_holds_what_rows_have_now(history in prop::collection::vec(step(), 1..24)) {
        let dir = scratch();
        let path = dir.path().join("db");
        let (mut database, mut mirror) = (fresh(&path), Mirror::default());
        let flow: Arc<str> = "f".into();
        // A file that is forgotten gets another key when it comes back.
        let mut keys = [0_u64, 1, 2];
        for (at, step) in history.into_iter().chain([Step::Write]).enumerate() {
            let at = at as u64;
            match step {
                Step::Forget(file) => {
                    let key = std::mem::replace(&mut keys[file], 3 + at);
                    mirror.apply(&flow, vec![Change::Forget(FileKey(key))], 1);
                }
                Step::Full(file) => {
                    let row = checkpoint(keys[file], at + 10);
                    mirror.apply(&flow, vec![Change::Save(row)], 1);
                }
                Step::Plain(file) => {
                    let row = plain(keys[file], at + 10);
                    mirror.apply(&flow, vec![Change::Save(row)], 1);
                }
                Step::Unsure => mirror.mark_all_dirty(),
                Step::Write => {
                    database.write(&mirror).unwrap();
                    mirror.mark_clean();
                    prop_assert_eq!(after_a_kill(&path).load("f"), mirror.load("f"));
                }
            }
        }
    }
}
