//! What happens to the checkpoint database while it is in use.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// Some time of the store's looks at its files, with room for a busy machine.
const NOTICED: Duration = Duration::from_secs(30);

fn sidecar(database: &Path, suffix: &str) -> std::path::PathBuf {
    format!("{}{suffix}", database.display()).into()
}

/// How far the only file is checkpointed, as the next start would see it.
fn offset(database: &Path) -> u64 {
    let copy = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        if fs::copy(sidecar(database, suffix), copy.path().join(format!("db{suffix}"))).is_err() {
            return 0;
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let opened = Connection::open_with_flags(copy.path().join("db"), flags);
    let read = opened.and_then(|db| db.query_row(OFFSET, [], |row| row.get::<_, i64>(0)));
    read.ok().and_then(|offset| offset.try_into().ok()).unwrap_or(0)
}

const OFFSET: &str = "SELECT max(offset) FROM checkpoints";

/// What happens to the files of a database, and whether by a kill or a stop the agent ends.
type Case = (&'static str, fn(&Path), bool);

#[test]
fn nothing_is_repeated_whatever_happened_to_the_database_before_the_end() {
    let cases: [Case; 4] = [
        ("log removed, killed", |db| fs::remove_file(sidecar(db, "-wal")).unwrap(), true),
        ("emptied, killed", |db| fs::File::create(db).map(drop).unwrap(), true),
        ("directory removed, killed", |db| fs::remove_dir_all(db.parent().unwrap()).unwrap(), true),
        (
            "directory removed, stopped",
            |db| fs::remove_dir_all(db.parent().unwrap()).unwrap(),
            false,
        ),
    ];
    for (what, meddle, kill) in cases {
        let endpoint = Endpoint::healthy();
        let mut home = Home::new(&endpoint.handle.url());
        home.flow("a.log", ("kinesisStream", "s"), &json!({}));
        let (mut lines, log) = (Lines::default(), home.log("a.log"));
        let agent = home.start();
        for _ in 0..1_000 {
            append(&log, &lines.one("a", 50));
        }
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
        let size = fs::metadata(&log).unwrap().len();
        let database = home.database();
        wait_until("checkpoint", SOON, || offset(&database) == size, || agent.log());
        meddle(&database);
        if kill {
            agent.wait_for_log("checkpoint database rebuilt from memory", NOTICED);
            wait_until("checkpoint", SOON, || offset(&database) == size, || agent.log());
            agent.kill();
        } else {
            agent.signal(Signal::TERM);
            let (code, text) = agent.outcome(SOON);
            assert_eq!(code, Some(0), "{what}: {text}");
            assert!(
                text.contains("all records that were read have been delivered"),
                "{what}: {text}"
            );
        }
        let agent = home.start();
        append(&log, &lines.one("a", 50));
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        assert_eq!(endpoint.count(&kinesis("s")), lines.written.len(), "{what}");
    }
}

/// Who opens the database in the usual way, as an operator with `sqlite3` does, meets the agent's
/// locks: without them SQLite takes its files for abandoned, and cuts off what the agent has mapped
/// or removes its log.
#[test]
fn a_reader_of_the_database_leaves_the_agent_and_its_files_alone() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    let (mut lines, log) = (Lines::default(), home.log("a.log"));
    let agent = home.start();
    for round in 1..=4 {
        append(&log, &lines.one("a", 50));
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
        let (database, size) = (home.database(), fs::metadata(&log).unwrap().len());
        let flags = match round % 2 {
            0 => OpenFlags::SQLITE_OPEN_READ_WRITE,
            _ => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        // What the agent wrote is there for others to see.
        let read = || {
            let reader = Connection::open_with_flags(&database, flags).unwrap();
            let offset = reader.query_row(OFFSET, [], |row| row.get::<_, Option<i64>>(0));
            offset.unwrap().and_then(|offset| offset.try_into().ok()) == Some(size)
        };
        wait_until("checkpoint", SOON, read, || agent.log());
        assert!(fs::metadata(sidecar(&database, "-wal")).unwrap().len() > 0);
        assert!(fs::metadata(sidecar(&database, "-shm")).unwrap().len() >= 32 * 1024);
        if round == 2 {
            agent.signal(Signal::HUP);
            agent.wait_for_log("configuration reloaded unchanged=1 changed=0", SOON);
        }
    }
    agent.signal(Signal::TERM);
    let (code, text) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains(" ERROR ") && !text.contains("rebuilt"), "{text}");
    assert_eq!(endpoint.count(&kinesis("s")), lines.written.len());
}

#[test]
fn a_stop_that_could_not_write_the_last_checkpoints_says_so() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    let (mut lines, log) = (Lines::default(), home.log("a.log"));
    let agent = home.start();
    append(&log, &lines.one("a", 50));
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    // Another program's database is left alone.
    let (database, other) = (home.database(), home.root().join("other.db"));
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    fs::rename(&other, &database).unwrap();
    append(&log, &lines.one("a", 50));
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    agent.signal(Signal::TERM);
    let (code, text) = agent.outcome(SOON);
    assert_eq!(code, Some(1), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.contains("duplicates possible after the next start"), "{text}");
    assert!(!text.contains("all records that were read have been delivered"), "{text}");
}

#[test]
fn a_limit_on_the_size_of_files_does_not_end_the_agent() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    // The database begins below this, and its log grows beyond it.
    let agent = home.start_with_file_size(160);
    let mut lines = Lines::default();
    for round in 0..8 {
        for file in 0..40 {
            let name = format!("{file}-of-round-{round}.log");
            append(&home.log(&name), &lines.one(&name, 50));
        }
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    }
    agent.wait_for_log("cannot write checkpoints; delivery continues", SOON);
    agent.signal(Signal::TERM);
    let (code, text) = agent.outcome(SOON);
    assert!(code.is_some(), "it was ended by a signal: {text}");
    assert_eq!(endpoint.count(&kinesis("s")), lines.written.len(), "{text}");
}
