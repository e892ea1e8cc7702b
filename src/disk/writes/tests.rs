//! What is notified of real files.

use std::fs::{File, OpenOptions, remove_file};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::*;

/// For what must come.
const SOON: Duration = Duration::from_secs(20);

fn open(path: &Path) -> (File, OsFile) {
    let writer = OpenOptions::new().append(true).create(true).open(path).unwrap();
    (writer, OsFile::from(File::open(path).unwrap()))
}

fn only(key: u64) -> Written {
    Written { files: vec![FileKey(key)], is_incomplete: false }
}

async fn next(writes: &mut Writes) -> Written {
    timeout(SOON, writes.written()).await.expect("a notification")
}

#[tokio::test]
async fn the_first_write_is_notified_and_the_next_one_only_if_the_file_is_armed_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut writes = Writes::new(Room::of(9)).unwrap();
    let (mut a, a_file) = open(&dir.path().join("a"));
    let (mut b, b_file) = open(&dir.path().join("b"));
    assert!(writes.arm(FileKey(1), &a_file) && writes.arm(FileKey(2), &b_file));
    a.write_all(b"one").unwrap();
    assert_eq!(next(&mut writes).await, only(1));
    // Not notified, so that the next notification is the other file's.
    a.write_all(b"two").unwrap();
    b.write_all(b"one").unwrap();
    assert_eq!(next(&mut writes).await, only(2));
    assert!(writes.arm(FileKey(1), &a_file));
    a.write_all(b"three").unwrap();
    assert_eq!(next(&mut writes).await, only(1));
}

#[tokio::test]
async fn a_truncation_and_a_deletion_are_notified_and_a_rename_does_not_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rotated) = (dir.path().join("a"), dir.path().join("a.1"));
    let mut writes = Writes::new(Room::of(9)).unwrap();
    let (mut log, file) = open(&path);
    log.write_all(b"line\n").unwrap();
    assert!(writes.arm(FileKey(1), &file));
    log.set_len(0).unwrap();
    assert_eq!(next(&mut writes).await, only(1));
    assert!(writes.arm(FileKey(1), &file));
    fs::rename(&path, &rotated).unwrap();
    log.write_all(b"line\n").unwrap();
    assert_eq!(next(&mut writes).await, only(1));
    assert!(writes.arm(FileKey(1), &file));
    remove_file(&rotated).unwrap();
    assert_eq!(next(&mut writes).await, only(1));
}

#[tokio::test]
async fn room_is_bounded_and_given_back_by_a_shot_by_forgetting_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let room = Room::of(2);
    let mut writes = Writes::new(room.clone()).unwrap();
    let files: Vec<_> = (0..3).map(|name| open(&dir.path().join(name.to_string()))).collect();
    let mut first = &files[0].0;
    assert!(writes.arm(FileKey(0), &files[0].1) && writes.arm(FileKey(1), &files[1].1));
    assert!(!writes.arm(FileKey(2), &files[2].1), "two is all there is room for");
    first.write_all(b"x").unwrap();
    assert_eq!(next(&mut writes).await, only(0));
    assert!(writes.arm(FileKey(2), &files[2].1));
    WriteWatch::<OsFile>::retain(&mut writes, |key| key != FileKey(2));
    assert!(writes.arm(FileKey(0), &files[0].1));
    // Arming what is armed takes no more room.
    WriteWatch::<OsFile>::retain(&mut writes, |key| key == FileKey(0));
    assert!(writes.arm(FileKey(0), &files[0].1));
    drop(writes);
    assert_eq!(room.0.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn more_events_than_are_read_at_once_all_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let mut writes = Writes::new(Room::of(2000)).unwrap();
    let files: Vec<_> = (0..600).map(|name| open(&dir.path().join(name.to_string()))).collect();
    for (key, (_, file)) in (0..).zip(&files) {
        assert!(writes.arm(FileKey(key), file));
    }
    for (log, _) in &files {
        let mut log = log;
        log.write_all(b"x").unwrap();
    }
    let mut written = next(&mut writes).await.files;
    while written.len() < files.len() {
        written.extend(next(&mut writes).await.files);
    }
    written.sort();
    assert_eq!(written, (0..600).map(FileKey).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_for_which_no_watch_is_left_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut writes = Writes::new(Room::of(1)).unwrap();
    let (mut a, a_file) = open(&dir.path().join("a"));
    let (_b, b_file) = open(&dir.path().join("b"));
    assert!(writes.arm(FileKey(1), &a_file) && !is_short(&mut writes));
    assert!(!writes.arm(FileKey(2), &b_file) && is_short(&mut writes));
    assert!(!is_short(&mut writes), "it was told");
    a.write_all(b"one").unwrap();
    assert_eq!(next(&mut writes).await, only(1));
    assert!(writes.arm(FileKey(2), &b_file) && !is_short(&mut writes));
}

fn is_short(writes: &mut Writes) -> bool {
    WriteWatch::<OsFile>::take_short(writes)
}
