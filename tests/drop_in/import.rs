//! A Java agent stopped at some byte, things happened to its files, and kinetail resumes: every
//! line that it had not sent arrives once, and none that it had sent arrives again.
//!
//! The databases are made here, in that agent's schema; the files are real, and so is the binary.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use kinetail::sandbox::StreamId;
use serde_json::json;

use super::java::{Row, millis, set_modified, tells_birth};
use super::scene::{Scene, text};
use crate::support::agent::SOON;
use crate::support::wait::pace;
use crate::support::world::append;

const HOUR_MILLIS: u64 = 60 * 60 * 1000;

#[test]
fn a_file_that_was_left_alone_is_not_sent_again() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 500);
    scene.checkpoint("app.log");
    let log = scene.continues();
    assert!(log.contains("imported Java agent checkpoints"), "{log}");
    assert!(log.contains("kind=\"continued\""), "{log}");
}

#[test]
fn lines_that_were_appended_are_sent_from_the_exact_byte_with_either_initial_position() {
    for position in ["END_OF_FILE", "START_OF_FILE"] {
        let mut scene = Scene::with("app.log*", &json!({ "initialPosition": position }));
        scene.sent("app.log", 300);
        scene.checkpoint("app.log");
        scene.unsent("app.log", 200);
        scene.continues();
    }
}

#[test]
fn a_row_in_the_middle_of_a_file_is_continued_there() {
    let mut scene = Scene::new("app.log");
    scene.sent("app.log", 100);
    let offset = fs::metadata(scene.path("app.log")).unwrap().len();
    scene.unsent("app.log", 100);
    scene.java.save(&scene.flow, &Row::of(&scene.path("app.log"), offset));
    scene.continues();
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
        let log = scene.continues();
        assert!(log.contains("was ") && log.contains("kind=\"new\""), "{log}");
    }
}

#[test]
fn a_file_that_was_moved_into_a_subdirectory_is_continued_there() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        scene.sent("app.log", 300);
        scene.checkpoint("app.log");
        scene.unsent("app.log", 50);
        fs::create_dir_all(scene.path("old/2026")).unwrap();
        fs::rename(scene.path("app.log"), scene.path("old/2026/app.log-1")).unwrap();
        scene.unsent("app.log", 20);
        let log = scene.continues();
        assert!(!log.contains("NOT FOUND") && log.contains("old/2026/app.log-1"), "{log}");
    }
}

#[test]
fn rotated_twice_while_no_agent_ran_every_generation_arrives() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    scene.unsent("app.log", 50);
    fs::rename(scene.path("app.log"), scene.path("app.log.2")).unwrap();
    scene.unsent("app.log", 50);
    fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.unsent("app.log", 50);
    scene.continues();
}

#[test]
fn a_gzipped_file_is_known_by_what_it_holds() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    let modified = millis(fs::metadata(scene.path("app.log")).unwrap().modified().unwrap());
    let content = fs::read(scene.path("app.log")).unwrap();
    gzip(&scene.path("app.log.1.gz"), &content);
    set_modified(&scene.path("app.log.1.gz"), modified);
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.unsent("app.log", 20);
    let log = scene.continues();
    assert!(log.contains("kind=\"finished\""), "nothing of it was left to send: {log}");
}

/// Whatever the name pattern is, however little was sent, and also where the next file got the
/// inode number of the one that was compressed.
#[test]
fn the_rest_of_a_gzipped_file_is_found_by_its_position() {
    for (pattern, count, reused) in
        [("app.log*", 300, false), ("app.log", 300, true), ("app.log*", 3, true)]
    {
        let mut scene = Scene::new(pattern);
        scene.sent("app.log", count);
        let path = scene.path("app.log");
        let offset = fs::metadata(&path).unwrap().len();
        let row = Row::of(&path, offset);
        let mut content = fs::read(&path).unwrap();
        content.extend(scene.unsent.one("to gz", 10));
        content.extend(scene.unsent.one("to gz", 20));
        gzip(&scene.path("app.log.1.gz"), &content);
        fs::remove_file(&path).unwrap();
        pace(Duration::from_millis(20));
        scene.unsent("app.log", 20);
        let file_id = if reused { Row::of(&path, 0).file_id } else { row.file_id.clone() };
        // Without a time of birth the inode speaks for the new file: it is larger than the row.
        let updated_millis = row.modified_millis;
        scene.java.save(&scene.flow, &Row { file_id, updated_millis, ..row });
        let output = scene.import(&["--dry-run"]);
        let said = text(&output.stdout);
        if reused && !tells_birth(&path) && !said.contains("compressed") {
            continue;
        }
        let gz = scene.path("app.log.1.gz");
        let expected =
            format!("compressed  {}: resume at decompressed offset {offset}", gz.display());
        assert!(said.contains(&expected), "{said}");
        let log = scene.continues();
        assert!(log.contains("kind=\"compressed\""), "{log}");
    }
}

/// Of two compressed files the older one is the one that the Java agent was reading; the other
/// one came after it, and it was not read.
#[test]
fn an_unread_compressed_file_is_named() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    let path = scene.path("app.log");
    // All of this was before the import.
    let modified = millis(fs::metadata(&path).unwrap().modified().unwrap()) - 9 * HOUR_MILLIS;
    set_modified(&path, modified);
    scene.checkpoint("app.log");
    let mut content = fs::read(&path).unwrap();
    content.extend(scene.unsent.one("to gz", 10));
    gzip(&scene.path("app.log.2.gz"), &content);
    gzip(&scene.path("app.log.1.gz"), b"never read\n");
    gzip(&scene.path("app.log.3.gz"), b"the Java agent left this long ago\n");
    set_modified(&scene.path("app.log.3.gz"), modified - HOUR_MILLIS);
    set_modified(&scene.path("app.log.2.gz"), modified + HOUR_MILLIS);
    set_modified(&scene.path("app.log.1.gz"), modified + 2 * HOUR_MILLIS);
    fs::remove_file(&path).unwrap();
    scene.unsent("app.log", 20);
    set_modified(&path, modified + 3 * HOUR_MILLIS);
    let output = scene.import(&["--dry-run"]);
    assert_eq!(output.status.code(), Some(2), "there is a gap");
    let said = text(&output.stdout);
    let unread = format!("NOT READ    {}: ", scene.path("app.log.1.gz").display());
    assert!(said.contains(&unread) && !said.contains("app.log.3.gz"), "{said}");
    let log = scene.continues();
    assert!(log.contains("kind=\"NOT READ\""), "{log}");
}

fn gzip(path: &Path, content: &[u8]) {
    let file = File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap();
}

#[test]
fn a_truncated_file_is_read_from_its_start() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 300);
    scene.checkpoint("app.log");
    File::create(scene.path("app.log")).unwrap();
    scene.unsent("app.log", 50);
    let log = scene.continues();
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
        let log = scene.continues();
        assert!(log.contains("kind=\"copy\""), "{log}");
    }
}

/// The truncated file is as long again as the Java agent saw it, and no line ends at the offset.
#[test]
fn a_truncated_file_that_grew_again_is_continued_in_its_copy() {
    let mut scene = Scene::new("app.log*");
    scene.sent("app.log", 3);
    scene.checkpoint("app.log");
    pace(Duration::from_millis(20));
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    File::create(scene.path("app.log")).unwrap();
    append(&scene.path("app.log"), &scene.unsent.one("long", 4_000));
    let log = scene.continues();
    assert!(log.contains("kind=\"copy\""), "{log}");
}

#[test]
fn a_file_that_was_truncated_and_then_rotated_out_of_the_pattern_is_read_from_its_start() {
    let mut scene = Scene::new("app.log");
    scene.sent("app.log", 100);
    scene.checkpoint("app.log");
    scene.unsent("app.log", 10);
    pace(Duration::from_millis(20));
    fs::copy(scene.path("app.log"), scene.path("app.log.2")).unwrap();
    File::create(scene.path("app.log")).unwrap();
    scene.unsent("app.log", 20);
    fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.unsent("app.log", 30);
    let log = scene.continues();
    assert!(log.contains("kind=\"copy\"") && log.contains("kind=\"STARTS OVER\""), "{log}");
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
    assert!(
        said.contains("NOT FOUND")
            && said.contains("no file in its directory or below it has its inode"),
        "{said}"
    );
    let log = scene.continues();
    assert!(log.contains("data after the offset will not be sent"), "{log}");
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
    let log = scene.continues();
    assert!(log.contains("kind=\"STARTS OVER\""), "{log}");

    let mut scene = Scene::new("app.log*");
    scene.unsent("app.log", 100);
    let path = scene.path("app.log");
    let row = Row::of(&path, fs::metadata(&path).unwrap().len() - 3);
    scene.java.save(&scene.flow, &row);
    let log = scene.continues();
    assert!(log.contains("no newline before"), "{log}");

    let mut scene = Scene::new("app.log*");
    scene.unsent("app.log", 100);
    let path = scene.path("app.log");
    if tells_birth(&path) {
        let size = fs::metadata(&path).unwrap().len();
        let row = Row { modified_millis: hour_ago, ..Row::of(&path, size) };
        scene.java.save(&scene.flow, &row.updated(hour_ago));
        let log = scene.continues();
        assert!(
            log.contains("inode reused: the file was created after the Java agent's checkpoint"),
            "{log}"
        );
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
    let log = scene.continues();
    for kind in ["continued", "finished", "skipped"] {
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
    scene.continues();
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
    scene.continues();
    let moved = StreamId::firehose("moved").unwrap();
    // What was appended after the restart, and nothing that came before.
    let later = scene.unsent.written.split_off(100);
    let agent = scene.home.start();
    scene.endpoint.wait_for_all(&moved, &later, SOON, || agent.log());
    assert_eq!(scene.endpoint.data(&moved), later);
}
