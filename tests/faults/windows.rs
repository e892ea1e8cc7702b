//! Where a line can be missed or is repeated: the rows of the tables in `docs/tailing.md`, each
//! with what it says about counting. A row that gets better here is to be fixed there.

use std::fs;
use std::time::Duration;

use kinetail::metrics::name;
use kinetail::tail::tailer::{DELETED_LINGER, MOVED_LINGER};

use crate::support::scene::{LOOKED_AT, Scene};

/// Emptied without a copy while the agent lags: what the last look had seen is counted when no copy
/// came within a minute, and nothing else is missed.
#[test]
fn window_emptied_without_a_copy() {
    // One batch in flight and a full one behind it: what is more than that is not read.
    let mut scene = Scene::with("app.log", |config| config.max_in_flight_requests = 1);
    let read = 2 * scene.config.max_buffer_records;
    scene.write("app.log", "a", 100);
    scene.settle_and_check();
    scene.endpoint_down = true;
    scene.write("app.log", "b", read + 2000);
    scene.run(LOOKED_AT);
    scene.truncate("app.log");
    scene.write("app.log", "c", 100);
    scene.endpoint_down = false;
    scene.settle();
    assert_eq!(scene.transitions("lost"), 0, "a copy may still come");
    scene.run(Duration::from_mins(1));
    let verdict = scene.verdict();
    let lost: usize = verdict.lost.iter().map(String::len).sum();
    assert!(verdict.lost.iter().all(|line| line.starts_with("b|")), "{verdict}");
    assert_eq!(verdict.lost.len(), 2000, "{verdict}");
    assert!(verdict.repeated.is_empty() && verdict.foreign.is_empty(), "{verdict}");
    assert_eq!(scene.transitions("lost"), 1);
    assert_eq!(scene.counted(name::BYTES_LOST, "file_gone"), lost as u64);
}

/// Created, renamed out of the pattern and never opened: followed if inotify tells of the rename,
/// or if its name is one of a rotated file of a log that matches. Missed if it does neither.
#[test]
fn window_renamed_out_of_the_pattern_before_it_was_opened() {
    for (pattern, told, name) in [
        ("app.log", true, "app.log.1"),
        ("app.log", false, "app.log.1"),
        ("*.log", true, "app.log.1"),
        ("*.log", false, "app.log.1"),
        ("*.log", true, "done"),
        ("*.log", false, "done"),
    ] {
        let mut scene = Scene::new(pattern);
        scene.settle();
        scene.write("app.log", "a", 10);
        scene.rename("app.log", name);
        if told {
            scene.tell_renamed("app.log", name);
        }
        scene.settle();
        let missed = name == "done" && !told;
        let lost = scene.verdict().lost.len();
        assert_eq!(lost, if missed { 10 } else { 0 }, "{pattern} {told} {name}");
    }
}

/// A writer that keeps a deleted file open and pauses: what comes within a minute arrives, what
/// comes later is missed. Moved out of the pattern: an hour.
#[test]
fn window_a_deleted_file_is_written_after_a_long_pause() {
    for (deleted, linger) in [(true, DELETED_LINGER), (false, MOVED_LINGER)] {
        let mut scene = Scene::new("app.log");
        let open = scene.open("app.log");
        scene.write_to(&open, "a", 10);
        scene.settle();
        if deleted {
            fs::remove_file(scene.path("app.log")).unwrap();
        } else {
            scene.rename("app.log", "moved");
            // Without a new one its directory would be gone through again and again.
            drop(scene.open("app.log"));
        }
        scene.settle();
        for _ in 0..3 {
            scene.leap(linger.mul_f64(0.9));
            scene.write_to(&open, "a", 10);
            scene.settle();
            scene.check();
        }
        scene.leap(linger + Duration::from_secs(1));
        scene.settle();
        scene.write_to(&open, "b", 10);
        scene.settle();
        assert_eq!(scene.verdict().lost.len(), 10);
        assert_eq!(scene.transitions("released"), 1);
    }
}

/// Descriptors run short, a file with an unread rest is closed for others and deleted: the rest is
/// counted.
#[test]
fn window_a_closed_file_is_deleted() {
    let mut scene = Scene::new("*.log");
    scene.crash();
    scene.descriptors_max = 1;
    scene.start();
    scene.write("a.log", "a", 10);
    scene.settle();
    scene.endpoint_down = true;
    scene.write("a.log", "a", 3000);
    scene.run(LOOKED_AT);
    scene.write("b.log", "b", 10);
    scene.run(LOOKED_AT);
    fs::remove_file(scene.path("a.log")).unwrap();
    scene.run(LOOKED_AT);
    scene.endpoint_down = false;
    scene.settle();
    assert_eq!(scene.transitions("lost"), 0, "it may have another name");
    scene.run(Duration::from_mins(2));
    let verdict = scene.verdict();
    let lost: usize = verdict.lost.iter().map(String::len).sum();
    assert!(lost > 0 && verdict.lost.iter().all(|line| line.starts_with("a|")), "{verdict}");
    assert_eq!(scene.counted(name::BYTES_LOST, "file_gone"), lost as u64);
}

/// Rotated and deleted while the agent is stopped: the unread rest is missed, and the start says
/// so.
#[test]
fn window_rotated_and_deleted_while_the_agent_is_stopped() {
    let mut scene = Scene::new("app.log*");
    scene.write("app.log", "a", 10);
    scene.settle();
    scene.stop();
    scene.write("app.log", "a", 10);
    scene.shift(1);
    fs::remove_file(scene.path("app.log.1")).unwrap();
    scene.write("app.log", "b", 10);
    scene.start();
    scene.settle();
    let verdict = scene.verdict();
    assert!(verdict.lost.len() == 10 && verdict.lost.iter().all(|line| line.starts_with("a|")));
    assert_eq!(scene.transitions("missing"), 1);
}

/// A deleted file of which something is unread: a stop sends it first, a kill cannot.
#[test]
fn window_killed_while_only_a_descriptor_held_the_file() {
    for killed in [false, true] {
        let mut scene = Scene::new("app.log");
        scene.write("app.log", "a", 10);
        scene.settle();
        scene.endpoint_down = true;
        scene.write("app.log", "a", 3000);
        scene.run(LOOKED_AT);
        fs::remove_file(scene.path("app.log")).unwrap();
        scene.run(LOOKED_AT);
        if killed {
            scene.crash();
        }
        scene.endpoint_down = false;
        if !killed {
            scene.stop();
        }
        scene.start();
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.repeated.is_empty(), "{verdict}");
        assert_eq!(verdict.lost.len(), if killed { 3000 } else { 0 }, "{verdict}");
    }
}

/// A copy that stays alongside an original that is not truncated, or whose original is deleted, is
/// a file of its own: both are sent.
#[test]
fn repeats_a_copy_of_a_file_that_was_not_truncated() {
    for deleted in [false, true] {
        let mut scene = Scene::new("app.log*");
        scene.write("app.log", "a", 10);
        scene.settle_and_check();
        fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
        if deleted {
            fs::remove_file(scene.path("app.log")).unwrap();
        }
        scene.run(Duration::from_secs(2));
        scene.check();
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_complete(), "{verdict}");
        assert_eq!(verdict.repeated.len(), 10, "{verdict}");
    }
}
