//! The generations of one log arrive in the order in which they were written, and no live file
//! waits indefinitely for an older one.
//!
//! All lines of a log have one tag here, so the judge compares their order over all rotations.

mod random;
mod strict;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use kinetail::config::{FlowConfig, Ordering};
use kinetail::process::LineStart;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::generations::scheme::{Compress, SCHEMES};
use crate::support::scene::Scene;

/// Bytes of a turn, and some more: a file with so much to read gives way to others in between.
const LINES_OF_TWO_TURNS: usize = 14_000;

/// Where the first record with this text stands in the stream.
fn place(scene: &Scene, text: &str) -> Option<usize> {
    let text = text.as_bytes();
    scene.stream.iter().position(|record| record.windows(text.len()).any(|part| part == text))
}

#[test]
fn a_backlog_over_three_rotations_arrives_in_order() {
    for pattern in ["app.log", "app.log*", "*.log"] {
        let mut scene = Scene::new(pattern);
        scene.write("app.log", "app", 100);
        scene.settle();
        scene.endpoint_down = true;
        for _ in 0..3 {
            scene.write("app.log", "app", LINES_OF_TWO_TURNS);
            scene.run(Duration::from_millis(200));
            scene.shift(5);
            scene.write("app.log", "app", 100);
            scene.hint();
        }
        // A stall is no reason to overtake.
        scene.run(Duration::from_mins(30));
        scene.endpoint_down = false;
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "{pattern}: {verdict}");
    }
}

#[test]
fn rotated_while_stopped_arrives_in_order_in_any_scheme() {
    for pattern in ["app.log", "*app*"] {
        for scheme in SCHEMES {
            for compress in [Compress::Never, Compress::Delayed] {
                let mut scene = Scene::new(pattern);
                scene.write("app.log", "app", 30);
                random::note_births(&scene);
                scene.settle();
                scene.stop();
                for _ in 0..3 {
                    scene.write("app.log", "app", 3_000);
                    random::note_births(&scene);
                    let dir = scene.path("");
                    scheme.rotate(&scene.files, &dir, compress);
                }
                scene.write("app.log", "app", 3_000);
                random::note_births(&scene);
                scene.start();
                scene.settle();
                let verdict = scene.verdict();
                assert!(verdict.is_exact(), "{pattern} {scheme:?} {compress:?}: {verdict}");
            }
        }
    }
}

#[test]
fn the_rest_of_a_truncated_file_comes_from_its_copy_before_what_is_written_now() {
    for pattern in ["app.log", "app.log*"] {
        let mut scene = Scene::new(pattern);
        scene.write("app.log", "app", 100);
        scene.settle();
        scene.endpoint_down = true;
        for _ in 0..3 {
            scene.write("app.log", "app", LINES_OF_TWO_TURNS);
            scene.run(Duration::from_secs(1));
            scene.shift_copies(5);
            crate::support::world::copy_truncate(&scene.path("app.log"), &scene.path("app.log.1"));
            scene.write("app.log", "app", 10);
            scene.hint();
            scene.run(Duration::from_secs(1));
        }
        scene.endpoint_down = false;
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "{pattern}: {verdict}");
    }
}

/// Records begin with a date.
fn multi_line(config: &mut FlowConfig) {
    config.multi_line_start = Some(LineStart::compile(r"\d{4}-").unwrap());
}

#[test]
fn a_stack_trace_cut_by_a_rotation_is_two_records_the_first_half_first() {
    for pattern in ["app.log", "app.log*"] {
        for stopped in [false, true] {
            let mut scene = Scene::with(pattern, multi_line);
            scene.append("app.log", b"2026-11-29 started\n");
            scene.settle();
            if stopped {
                scene.stop();
            }
            scene.append("app.log", b"2026-11-29 error\n  at first\n");
            if !stopped {
                scene.hint();
            }
            scene.shift(3);
            scene.append("app.log", b"  at second\n2026-11-29 next\n");
            if stopped {
                scene.start();
            }
            scene.settle();
            let texts: Vec<_> =
                scene.stream.iter().map(|record| String::from_utf8_lossy(record)).collect();
            let want = [
                "2026-11-29 started\n",
                "2026-11-29 error\n  at first\n",
                "  at second\n",
                "2026-11-29 next\n",
            ];
            assert_eq!(texts, want, "{pattern}, stopped {stopped}");
        }
    }
}

/// Half a line may never get its end, and nothing is behind it.
#[test]
fn the_end_of_half_a_line_blocks_nothing() {
    let mut scene = Scene::new("app.log*");
    scene.append("app.log", b"a|1|\na|2|half");
    scene.hint();
    scene.shift(3);
    scene.append("app.log", b"a|3|\n");
    scene.hint();
    scene.run(Duration::from_millis(700));
    assert_eq!(scene.stream, [b"a|1|\n", b"a|3|\n"]);
    scene.settle();
    assert_eq!(scene.stream[2], b"a|2|half");
}

#[test]
fn with_strict_order_half_a_line_of_a_rotated_file_is_waited_for() {
    let mut scene = Scene::with("app.log*", |config| config.ordering = Ordering::Strict);
    scene.append("app.log", b"a|1|\na|2|half");
    scene.hint();
    scene.shift(3);
    scene.append("app.log", b"a|3|\n");
    scene.settle();
    assert_eq!(scene.stream, [b"a|1|\n".as_slice(), b"a|2|half", b"a|3|\n"]);
}

/// What a program writes to a rotated file does not hold up the live one, however much it is.
#[test]
fn a_rotated_file_that_grows_indefinitely_does_not_starve_the_live_one() {
    let mut scene = Scene::new("app.log*");
    let old = scene.open("app.log");
    scene.write_to(&old, "old", 100);
    scene.hint();
    // One batch of 500 a step is less than what is written.
    scene.acks_per_step = 1;
    scene.shift(3);
    scene.write_to(&old, "old", 20_000);
    scene.write("app.log", "live", 10);
    scene.hint();
    for _ in 0..150 {
        scene.write_to(&old, "old", 2_000);
        scene.step();
    }
    let (live, before) = (place(&scene, "live|"), scene.stream.len());
    let live = live.expect("a line of the live file");
    assert!(live < before && live >= 20_000, "at {live} of {before}");
}

#[test]
fn an_older_generation_that_cannot_be_read_blocks_nothing() {
    // Root reads whatever its permissions.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
            set_capabilities(None, sets).unwrap();
            unreadable();
        });
    });
}

fn unreadable() {
    let mut scene = Scene::new("app.log*");
    scene.write("app.log", "app", 10);
    scene.settle();
    scene.stop();
    scene.write("app.log", "app", 10);
    scene.shift(3);
    fs::set_permissions(scene.path("app.log.1"), fs::Permissions::from_mode(0o000)).unwrap();
    scene.write("app.log", "live", 10);
    scene.start();
    scene.run(Duration::from_secs(3));
    assert!(place(&scene, "live|").is_some());
    fs::set_permissions(scene.path("app.log.1"), fs::Permissions::from_mode(0o644)).unwrap();
    scene.run(Duration::from_secs(12));
    scene.settle_and_check();
}

/// A log with much to read in several generations has one turn, as others do.
#[test]
fn the_backlog_of_one_log_does_not_starve_another() {
    let mut scene = Scene::new("*.log*");
    scene.write("app.log", "app", 10);
    scene.write("web.log", "web", 10);
    scene.settle();
    scene.endpoint_down = true;
    for _ in 0..3 {
        scene.write("app.log", "app", LINES_OF_TWO_TURNS);
        scene.run(Duration::from_millis(200));
        scene.shift(5);
        scene.hint();
    }
    scene.write("app.log", "app", LINES_OF_TWO_TURNS);
    scene.write("web.log", "web", 2_000);
    scene.hint();
    scene.endpoint_down = false;
    scene.settle_and_check();
    let before = scene.stream.iter().rposition(|record| record.starts_with(b"web|")).unwrap();
    assert!(before < 2 * LINES_OF_TWO_TURNS, "the last line of the other log came at {before}");
}

/// A file that is read for ten minutes and is not at its end yet is read alongside the live one.
#[test]
fn hours_of_backlog_are_overtaken_in_the_end() {
    // A request of ten records a second.
    let mut scene = Scene::with("app.log*", |config| config.max_buffer_records = 10);
    scene.acks_per_step = 0;
    scene.write("app.log", "old", 10_000);
    scene.hint();
    scene.shift(3);
    scene.write("app.log", "live", 10);
    scene.hint();
    let mut seconds = 0;
    while !scene.stream.last().is_some_and(|record| record.starts_with(b"live|")) {
        scene.acks_per_step = 1;
        scene.step();
        scene.acks_per_step = 0;
        scene.leap(Duration::from_millis(980));
        seconds += 1;
        assert!(seconds < 900, "the live file is starved");
    }
    let at = place(&scene, "live|").unwrap();
    assert!((5_000..9_000).contains(&at), "at {at}");
    scene.acks_per_step = usize::MAX;
    scene.run(Duration::from_mins(1));
    scene.check();
}
