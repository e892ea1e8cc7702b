//! The checkpoint database, damaged at random: what is read from it was written to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use kinetail::checkpoint::store::{OpenReport, Store, StoreOptions};
use kinetail::checkpoint::{Change, Checkpoint, Life};
use kinetail_base::holes::Holes;
use kinetail_base::identity::{Anchor, FileKey, Head, Inode};
use tempfile::TempDir;

use super::fuzz;

const FLOWS: [&str; 2] = ["kinesis:s:/var/log/app.log*", "fh:d:/srv/*.log"];
const FILES: u64 = 4;

const WORDS: &[&[u8]] =
    &[b"\0", b"\xFF\xFF\xFF\xFF", b"kinesis:s:", b"SQLite format 3\0", b"app.log"];

fn options() -> StoreOptions {
    StoreOptions { flows: FLOWS.map(Arc::from).to_vec() }
}

fn row(number: u64) -> Checkpoint {
    let text = format!("line {number} of a file\n").repeat(20);
    Checkpoint {
        file: FileKey(number),
        inode: Inode { device: 7, number: 100 + number },
        path: PathBuf::from(format!("/var/log/app.log.{number}")),
        real: number.is_multiple_of(2).then(|| PathBuf::from(format!("/data/{number}.log"))),
        head: Head::of(text.as_bytes()),
        offset: text.len() as u64,
        anchor: Anchor::of(text.as_bytes()),
        life: Life::of_rotated(number % 2 == 1),
        holes: Holes::NONE,
        places: Vec::new(),
        cursor: None,
    }
}

/// Memory is faster than a disk, where there is a directory for it.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Writes a database, and gives its bytes.
fn database() -> Vec<u8> {
    let dir = directory();
    let path = dir.path().join("checkpoints.db");
    let (store, _) = Store::open(&path, &options()).unwrap();
    for flow in FLOWS {
        let (done, written) = mpsc::channel();
        let changes = (1..=FILES).map(|number| Change::Save(row(number))).collect();
        let tell = Box::new(move |result| done.send(result).unwrap());
        store.handle().commit(&Arc::from(flow), changes, tell).unwrap();
        written.recv().unwrap();
    }
    store.close().unwrap();
    fs::read(path).unwrap()
}

fn check(path: &Path, saved: &BTreeMap<FileKey, Checkpoint>) {
    // What is newer, or another program's, is refused; that is no loss.
    let Ok((store, report)) = Store::open(path, &options()) else { return };
    for flow in FLOWS {
        let loaded = store.load(&Arc::from(flow)).unwrap();
        assert!(loaded.known_flow, "{report:?}: {flow} would begin at the end of its files");
        for row in &loaded.rows {
            assert_eq!(saved.get(&row.file), Some(row), "{report:?}: a row that was not written");
            assert!(loaded.next_file_key > row.file.0, "{report:?}: keys are used twice");
        }
        if report == OpenReport::Opened {
            assert_eq!(loaded.rows.len(), saved.len(), "rows are missing of {flow}");
        }
    }
    store.close().unwrap();
}

#[test]
fn rows_of_a_damaged_database_are_those_that_were_written() {
    let saved: BTreeMap<_, _> = (1..=FILES).map(|number| (FileKey(number), row(number))).collect();
    let database = database();
    fuzz(&[&database], WORDS, |bytes| {
        let dir = directory();
        let path = dir.path().join("checkpoints.db");
        fs::write(&path, bytes).unwrap();
        check(&path, &saved);
    });
}
