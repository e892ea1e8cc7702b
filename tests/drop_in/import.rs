//! A Java agent stopped at some byte, things happened to its files, and kinetail goes on: every
//! line that it had not sent arrives once, and none that it had sent arrives again.
//!
//! The databases are made here, in that agent's schema; the files are real, and so is the binary.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use kinetail::sandbox::StreamId;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::java::{JavaDatabase, Row, millis, set_modified, tells_birth};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::wait::pace;
use crate::support::world::append;

const HOUR_MILLIS: u64 = 60 * 60 * 1000;

/// A flow that the Java agent ran, and what of its files it had sent.
struct Scene {
    endpoint: Endpoint,
    home: Home,
    stream: StreamId,
    java: JavaDatabase,
    flow: String,
    /// What the Java agent sent.
    sent: Lines,
    /// What kinetail has to send.
    unsent: Lines,
}

impl Scene {
    fn new(name_pattern: &str) -> Self {
        Self::with(name_pattern, &json!({}))
    }

    fn with(name_pattern: &str, more: &Value) -> Self {
        let endpoint = Endpoint::healthy();
        let mut home = Home::new(&endpoint.handle.url());
        home.flow(name_pattern, ("kinesisStream", "moved"), more);
        let java = JavaDatabase::new(home.root().join("checkpoints"));
        home.set("javaCheckpointFile", json!(java.path));
        let flow = format!("kinesis:moved:{}", home.log(name_pattern).display());
        Self {
            endpoint,
            home,
            stream: kinesis("moved"),
            java,
            flow,
            sent: Lines::default(),
            unsent: Lines::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.log(name)
    }

    /// Lines that the Java agent read and sent.
    fn sent(&mut self, name: &str, count: usize) {
        let bytes: Vec<u8> = (0..count).flat_map(|n| self.sent.one("sent", n % 90)).collect();
        append(&self.path(name), &bytes);
    }

    /// Lines that it did not send.
    fn unsent(&mut self, name: &str, count: usize) {
        // Each call is a generation of its own: no order is promised between files.
        let generation = format!("{name} from {}", self.unsent.written.len());
        let bytes: Vec<u8> =
            (0..count).flat_map(|n| self.unsent.one(&generation, n % 90)).collect();
        append(&self.path(name), &bytes);
    }

    /// The Java agent writes down that it sent everything that is in the file now.
    fn checkpoint(&self, name: &str) {
        let size = fs::metadata(self.path(name)).unwrap().len();
        self.java.save(&self.flow, &Row::of(&self.path(name), size));
    }

    /// Starts kinetail and sees to it that exactly the lines that were not sent arrive; then once
    /// more after a restart, which has nothing to take over any more. Gives what it logged first.
    fn goes_on(&mut self) -> String {
        let before = self.java.state();
        let agent = self.home.start();
        agent.wait_for_log("taking over: ", SOON);
        let log = self.delivers(&agent);
        assert_eq!(agent.stop(SOON), Some(0));
        let agent = self.home.start();
        agent.wait_for_log("opened the checkpoint database", SOON);
        let newest = self.newest();
        self.unsent(&newest, 5);
        self.delivers(&agent);
        assert!(!agent.log().contains("took over"), "{}", agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        assert_eq!(self.java.state(), before, "the old database is as it was");
        log
    }

    /// A file that is written to: it matches, and the application has it.
    fn newest(&self) -> String {
        if self.path("app.log").is_file() { "app.log".to_owned() } else { "app.log.new".to_owned() }
    }

    fn delivers(&self, agent: &Agent) -> String {
        self.endpoint.wait_for_all(&self.stream, &self.unsent.written, SOON, || agent.log());
        let verdict = judge(&self.unsent.written, &self.endpoint.data(&self.stream));
        assert!(verdict.is_exact(), "{verdict}\n{}", agent.log());
        agent.log()
    }

    fn import(&self, arguments: &[&str]) -> Output {
        self.home.command("import").args(arguments).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_file_that_was_left_alone_is_not_sent_again() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 500);
    scene.checkpoint("app.log");
    let log = scene.goes_on();
    assert!(log.contains("took over the Java agent's positions"), "{log}");
    assert!(log.contains("kind=\"continued\""), "{log}");
}

#[test]
fn lines_that_were_appended_are_sent_from_the_exact_byte_with_either_initial_position() {
    for position in ["END_OF_FILE", "START_OF_FILE"] {
        let mut scene = Scene::with("app.log*", &json!({ "initialPosition": position }));
        scene.sent("app.log", 300);
        scene.checkpoint("app.log");
        scene.unsent("app.log", 200);
        scene.goes_on();
    }
}

#[test]
fn a_row_in_the_middle_of_a_file_is_continued_there() {
    let mut scene = Scene::new("app.log");
    scene.sent("app.log", 100);
    let offset = fs::metadata(scene.path("app.log")).unwrap().len();
    scene.unsent("app.log", 100);
    scene.java.save(&scene.flow, &Row::of(&scene.path("app.log"), offset));
    scene.goes_on();
}

#[test]
fn a_renamed_file_is_continued_inside_and_outside_of_the_pattern() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        scene.sent("app.log", 300);
        scene.checkpoint("app.log");
        scene.unsent("app.log", 50);
        fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
        scene.unsent("app.log", 20);
        let log = scene.goes_on();
        assert!(log.contains("was ") && log.contains("kind=\"new\""), "{log}");
    }
}

#[test]
fn rotated_twice_while_nobody_ran_every_generation_arrives() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    scene.unsent("app.log", 50);
    fs::rename(scene.path("app.log"), scene.path("app.log.2")).unwrap();
    scene.unsent("app.log", 50);
    fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.unsent("app.log", 50);
    scene.goes_on();
}

#[test]
fn a_gzipped_file_is_known_by_what_it_holds() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    let modified = millis(fs::metadata(scene.path("app.log")).unwrap().modified().unwrap());
    let content = fs::read(scene.path("app.log")).unwrap();
    let gz = File::create(scene.path("app.log.1.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(gz, flate2::Compression::fast());
    encoder.write_all(&content).unwrap();
    encoder.finish().unwrap();
    set_modified(&scene.path("app.log.1.gz"), modified);
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.unsent("app.log", 20);
    let log = scene.goes_on();
    assert!(log.contains("kind=\"finished\""), "nothing of it was left to send: {log}");
}

#[test]
fn the_rest_of_a_gzipped_file_is_found_by_its_position() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    let path = scene.path("app.log");
    let offset = fs::metadata(&path).unwrap().len();
    let mut content = fs::read(&path).unwrap();
    content.extend(scene.unsent.one("to gz", 10));
    let gz = File::create(scene.path("app.log.1.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(gz, flate2::Compression::fast());
    encoder.write_all(&content).unwrap();
    encoder.finish().unwrap();
    fs::remove_file(&path).unwrap();
    let output = scene.import(&["--dry-run"]);
    let said = text(&output.stdout);
    let expected = format!("compressed  {}: from byte {offset}", path.display());
    assert!(said.contains(&expected.replace("app.log:", "app.log.1.gz:")), "{said}");
}

#[test]
fn a_truncated_file_is_read_from_its_start() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    File::create(scene.path("app.log")).unwrap();
    scene.unsent("app.log", 50);
    let log = scene.goes_on();
    assert!(log.contains("kind=\"STARTS OVER\"") && log.contains("kind=\"NOT FOUND\""), "{log}");
}

#[test]
fn a_truncated_file_is_continued_in_its_copy_and_read_from_its_start() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        scene.sent("app.log", 300);
        scene.checkpoint("app.log");
        scene.unsent("app.log", 50);
        // File systems stamp files by a clock that ticks every few milliseconds.
        pace(Duration::from_millis(20));
        fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
        File::create(scene.path("app.log")).unwrap();
        scene.unsent("app.log", 40);
        let log = scene.goes_on();
        assert!(log.contains("kind=\"copy\""), "{log}");
    }
}

#[test]
fn a_deleted_file_is_named_and_what_follows_it_is_sent() {
    let mut scene = Scene::with("app.log*", &json!({ "initialPosition": "END_OF_FILE" }));
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    fs::rename(scene.path("app.log"), scene.home.root().join("elsewhere")).unwrap();
    scene.unsent("app.log", 50);
    let output = scene.import(&["--dry-run"]);
    assert_eq!(output.status.code(), Some(2), "there is a gap");
    let said = text(&output.stdout);
    assert!(said.contains("NOT FOUND") && said.contains("no file has its inode"), "{said}");
    let log = scene.goes_on();
    assert!(log.contains("what was written behind the offset is not read"), "{log}");
}

/// The inode number of a deleted file is given to the next one: here the row claims so.
#[test]
fn another_file_with_the_same_inode_is_read_from_its_start() {
    let mut scene = Scene::new("app.log*");
    scene.unsent("app.log", 100);
    let path = scene.path("app.log");
    let size = fs::metadata(&path).unwrap().len();
    let row = Row::of(&path, size);
    let hour_ago = row.updated_millis - HOUR_MILLIS;
    let longer = Row { size: size + 1, offset: size + 1, modified_millis: hour_ago, ..row.clone() };
    scene.java.save(&scene.flow, &longer.updated(hour_ago));
    let log = scene.goes_on();
    assert!(log.contains("kind=\"STARTS OVER\""), "{log}");

    let mut scene = Scene::new("app.log*");
    scene.unsent("app.log", 100);
    let path = scene.path("app.log");
    let row = Row::of(&path, fs::metadata(&path).unwrap().len() - 3);
    scene.java.save(&scene.flow, &row);
    let log = scene.goes_on();
    assert!(log.contains("no line ends before"), "{log}");

    let mut scene = Scene::new("app.log*");
    scene.unsent("app.log", 100);
    let path = scene.path("app.log");
    if tells_birth(&path) {
        let size = fs::metadata(&path).unwrap().len();
        let row = Row { modified_millis: hour_ago, ..Row::of(&path, size) };
        scene.java.save(&scene.flow, &row.updated(hour_ago));
        let log = scene.goes_on();
        assert!(log.contains("it was made after that agent read it"), "{log}");
    }
}

#[test]
fn files_that_the_java_agent_had_left_are_continued_or_finished() {
    let mut scene = Scene::new("app.log*");
    let now = millis(std::time::SystemTime::now());
    // Left long ago: its end went out with the beginning of the next file.
    scene.sent("app.log.3", 50);
    let left = scene.path("app.log.3");
    let row = Row::of(&left, fs::metadata(&left).unwrap().len());
    scene.sent("app.log.3", 10);
    set_modified(&left, row.modified_millis);
    scene.java.save(&scene.flow, &row);
    // Left a moment ago, and read to its end.
    scene.sent("app.log.2", 50);
    set_modified(&scene.path("app.log.2"), now + 3 * HOUR_MILLIS - 1_000);
    scene.checkpoint("app.log.2");
    // No row of its own, and older than what the agent read last.
    scene.sent("app.log.4", 50);
    // Where it was.
    scene.sent("app.log", 100);
    set_modified(&scene.path("app.log"), now + 3 * HOUR_MILLIS);
    let size = fs::metadata(scene.path("app.log")).unwrap().len();
    let last = Row::of(&scene.path("app.log"), size).updated(now + 3 * HOUR_MILLIS);
    scene.java.save(&scene.flow, &last);
    scene.unsent("app.log", 50);
    set_modified(&scene.path("app.log"), now + 3 * HOUR_MILLIS + 1);
    let log = scene.goes_on();
    for kind in ["continued", "finished", "passed over"] {
        assert!(log.contains(&format!("kind=\"{kind}\"")), "{kind}: {log}");
    }
}

#[test]
fn lines_that_came_late_to_a_file_that_the_java_agent_had_left_are_sent() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log.1", 50);
    let late = millis(std::time::SystemTime::now());
    let row =
        Row::of(&scene.path("app.log.1"), fs::metadata(scene.path("app.log.1")).unwrap().len());
    scene.java.save(&scene.flow, &row.updated(late));
    scene.sent("app.log", 50);
    let size = fs::metadata(scene.path("app.log")).unwrap().len();
    let now = millis(std::time::SystemTime::now());
    let last = Row::of(&scene.path("app.log"), size).updated(now.max(late + 1));
    scene.java.save(&scene.flow, &last);
    scene.unsent("app.log.1", 20);
    scene.unsent("app.log", 20);
    scene.goes_on();
}

#[test]
fn each_flow_has_its_own_position_in_the_same_file() {
    let mut scene = Scene::new("app.log*");
    scene.home.flow("app.log*", ("deliveryStream", "moved"), &json!({}));
    scene.sent("app.log", 100);
    let path = scene.path("app.log");
    let half = fs::metadata(&path).unwrap().len();
    scene.unsent("app.log", 100);
    let whole = fs::metadata(&path).unwrap().len();
    let firehose = scene.flow.replacen("kinesis:", "fh:", 1);
    scene.java.save(&scene.flow, &Row::of(&path, half));
    scene.java.save(&firehose, &Row::of(&path, whole));
    scene.goes_on();
    let moved = StreamId::firehose("moved").unwrap();
    // What was appended after the restart, and nothing that came before.
    let later = scene.unsent.written.split_off(100);
    let agent = scene.home.start();
    scene.endpoint.wait_for_all(&moved, &later, SOON, || agent.log());
    assert_eq!(scene.endpoint.data(&moved), later);
}

#[test]
fn a_configuration_that_names_the_java_agents_database_works_as_it_stands() {
    let mut scene = Scene::new("app.log*");
    scene.home.unset("javaCheckpointFile");
    scene.home.set("checkpointFile", json!(scene.java.path));
    scene.sent("app.log", 100);
    scene.checkpoint("app.log");
    scene.unsent("app.log", 100);
    scene.goes_on();
    assert!(scene.home.database().is_file(), "its own is in the state directory");
    // The Java agent's goes away, as it does with a reboot.
    fs::remove_file(&scene.java.path).unwrap();
    let agent = scene.home.start();
    agent.wait_for_log("opened the checkpoint database", SOON);
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
    assert!(said.contains("not configured here: flow fh:gone:/x/y"), "{said}");
    assert!(said.contains("nothing was written") && !scene.home.database().is_file(), "{said}");

    let first = scene.import(&["--from", &from]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("taken over"), "{}", text(&first.stdout));
    let rows = |scene: &Scene| -> Vec<u8> { fs::read(scene.home.database()).unwrap() };
    let after_first = rows(&scene);
    let second = scene.import(&["--from", &from]);
    assert_eq!(second.status.code(), Some(0));
    let said = text(&second.stdout);
    assert!(said.contains("kinetail has its own positions already"), "{said}");
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(rows(&scene), after_first);
    let agent = scene.home.start();
    let log = scene.delivers(&agent);
    assert!(!log.contains("took over"), "{log}");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_database_that_somebody_uses_is_not_taken_over() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 10);
    scene.checkpoint("app.log");
    let open = Connection::open(&scene.java.path).unwrap();
    open.query_row("SELECT count(*) FROM FILE_CHECKPOINTS", [], |_| Ok(())).unwrap();
    let refused = scene.import(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("has it open; stop the Java agent first"), "{said}");
    let looked = scene.import(&["--dry-run"]);
    assert_eq!(looked.status.code(), Some(0), "to look is harmless");
    assert!(text(&looked.stdout).contains("now it would be refused"), "{looked:?}");
    let (code, log) = scene.home.start().outcome(SOON);
    assert_eq!(code, Some(1));
    assert!(log.contains("has it open; stop the Java agent first"), "{log}");
    drop(open);
    scene.unsent("app.log", 10);
    scene.goes_on();
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
    fails_with("the database is damaged");
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
    assert!(text(&missing.stderr).contains("name it with --from"), "{}", text(&missing.stderr));
    // Without a database there is nothing to take over, and that is no reason not to start.
    let agent = scene.home.start();
    agent.wait_for_log("the checkpoint database", SOON);
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
    conn.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN").unwrap();
    conn.execute("UPDATE FILE_CHECKPOINTS SET offset = ?1", [(whole + 7).cast_signed()]).unwrap();
    let filler = "INSERT INTO FILE_CHECKPOINTS VALUES(?1, ?2, '', 1, 1, 1, '')";
    for number in 0..200 {
        conn.execute(filler, ("other".repeat(500), number.to_string())).unwrap();
    }
    fs::copy(&scene.java.path, &killed).unwrap();
    fs::copy(journal(&scene.java.path), journal(&killed)).unwrap();
    drop(conn);
    scene.java.path = killed;
    scene.home.set("javaCheckpointFile", json!(scene.java.path));
    scene.goes_on();
    assert!(journal(&scene.java.path).is_file());
}
