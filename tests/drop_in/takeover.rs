//! The takeover as a command and as a part of the start: where the database is, who uses it, what
//! is wrong with it, and that it happens once.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::json;

use super::java::Row;
use super::scene::{Scene, text};
use crate::support::agent::SOON;

#[test]
fn a_configuration_that_names_the_java_agents_database_works_unchanged() {
    let mut scene = Scene::new("app.log*");
    scene.home.unset("javaCheckpointFile");
    scene.home.set("checkpointFile", json!(scene.java.path));
    scene.sent("app.log", 100);
    scene.checkpoint("app.log");
    scene.unsent("app.log", 100);
    scene.continues();
    assert!(scene.home.database().is_file(), "its own is in the state directory");
    // The Java agent's goes away, as it does with a reboot.
    fs::remove_file(&scene.java.path).unwrap();
    let agent = scene.home.start();
    agent.wait_for_log("opened checkpoint database", SOON);
    scene.unsent("app.log", 10);
    scene.delivers(&agent);
    assert_eq!(agent.stop(SOON), Some(0));
    assert!(!scene.java.path.is_file());
}

#[test]
fn an_import_by_hand_says_what_it_does_and_does_it_once() {
    let mut scene = Scene::new("app.log*");
    scene.home.set("javaCheckpointFile", json!("off"));
    scene.sent("app.log", 100);
    scene.checkpoint("app.log");
    scene.unsent("app.log", 30);
    let from = scene.java.path.to_str().unwrap().to_owned();
    scene.java.save("fh:gone:/x/y", &Row::of(&scene.path("app.log"), 0));

    let dry = scene.import(&["--from", &from, "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", text(&dry.stderr));
    let said = text(&dry.stdout);
    assert!(said.contains("continued ") && said.contains("to send"), "{said}");
    assert!(said.contains("flow fh:gone:/x/y is not configured"), "{said}");
    assert!(said.contains("nothing was written") && !scene.home.database().is_file(), "{said}");

    let first = scene.import(&["--from", &from]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("imported"), "{}", text(&first.stdout));
    let rows = |scene: &Scene| -> Vec<u8> { fs::read(scene.home.database()).unwrap() };
    let after_first = rows(&scene);
    let second = scene.import(&["--from", &from]);
    assert_eq!(second.status.code(), Some(0));
    let said = text(&second.stdout);
    assert!(said.contains("kinetail already has checkpoints for this flow"), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(rows(&scene), after_first);
    let agent = scene.home.start();
    let log = scene.delivers(&agent);
    assert!(!log.contains("imported Java agent"), "{log}");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_database_in_use_is_not_imported() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 10);
    scene.checkpoint("app.log");
    let open = Connection::open(&scene.java.path).unwrap();
    open.query_row("SELECT count(*) FROM FILE_CHECKPOINTS", [], |_| Ok(())).unwrap();
    let refused = scene.import(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("stop the Java agent first"), "{said}");
    let looked = scene.import(&["--dry-run"]);
    assert_eq!(looked.status.code(), Some(0), "to look is harmless");
    assert!(text(&looked.stdout).contains("importing now would fail"), "{looked:?}");
    let (code, log) = scene.home.start().outcome(SOON);
    assert_eq!(code, Some(1));
    assert!(log.contains("stop the Java agent first"), "{log}");
    drop(open);
    scene.unsent("app.log", 10);
    scene.continues();
}

#[test]
fn an_import_is_refused_while_kinetail_runs() {
    let mut scene = Scene::new("app.log*");
    scene.unsent("app.log", 10);
    let agent = scene.home.start();
    scene.delivers(&agent);
    for arguments in [&["--dry-run"][..], &[]] {
        let refused = scene.import(arguments);
        assert_eq!(refused.status.code(), Some(1));
        let said = text(&refused.stderr);
        assert!(said.contains("another kinetail (pid"), "{said}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_nothing_starts() {
    let scene = Scene::new("app.log*");
    let path = scene.java.path.clone();
    let fails_with = |expected: &str| {
        let refused = scene.import(&[]);
        assert_eq!(refused.status.code(), Some(1));
        let said = text(&refused.stderr);
        assert!(said.contains(expected), "{said}");
        let (code, log) = scene.home.start().outcome(SOON);
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains(expected), "{log}");
    };
    fs::write(&path, "these are not the checkpoints you are looking for").unwrap();
    fails_with("database is corrupt");
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    fails_with("is not the Java agent's checkpoint database");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_err() {
        // Not for root, who may read everything.
        fails_with("Permission denied");
    }
    fs::remove_file(&path).unwrap();
    let missing = scene.import(&[]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("specify it with --from"), "{}", text(&missing.stderr));
    // Without a database there is nothing to import, and that is no reason not to start.
    let agent = scene.home.start();
    agent.wait_for_log("opened checkpoint database", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
}

/// A writer that was killed leaves a journal: the database is read as it was before its last
/// transaction, and the journal stays for the Java agent.
#[test]
fn a_hot_journal_is_honoured_and_left_alone() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 100);
    scene.checkpoint("app.log");
    let whole = fs::metadata(scene.path("app.log")).unwrap().len();
    scene.unsent("app.log", 100);
    let killed = scene.home.root().join("killed");
    let journal = |path: &PathBuf| PathBuf::from(format!("{}-journal", path.display()));
    let conn = Connection::open(&scene.java.path).unwrap();
    let filler = "INSERT INTO FILE_CHECKPOINTS VALUES(?1, ?2, '', 1, 1, 1, '')";
    conn.execute_batch("BEGIN").unwrap();
    for number in 0..200 {
        conn.execute(filler, ("other".repeat(500), number.to_string())).unwrap();
    }
    // A cache of one page makes SQLite write into the database before the commit.
    conn.execute_batch("COMMIT; PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN").unwrap();
    conn.execute("UPDATE FILE_CHECKPOINTS SET offset = ?1", [(whole + 7).cast_signed()]).unwrap();
    fs::copy(&scene.java.path, &killed).unwrap();
    fs::copy(journal(&scene.java.path), journal(&killed)).unwrap();
    drop(conn);
    fs::copy(&killed, scene.home.root().join("torn")).unwrap();
    let torn = Connection::open(scene.home.root().join("torn")).unwrap();
    let sql = "SELECT max(offset) FROM FILE_CHECKPOINTS";
    let uncommitted: i64 = torn.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(uncommitted.cast_unsigned(), whole + 7, "without its journal it tells a lie");
    scene.java.path = killed;
    scene.home.set("javaCheckpointFile", json!(scene.java.path));
    scene.continues();
    assert!(journal(&scene.java.path).is_file());
}
