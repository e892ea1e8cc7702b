//! F06 to F08, F11, F20 and F21: files that are emptied, cut, or rewritten under the same name.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Duration;

use fastrand::Rng;
use kinetail::tail::identity::HEAD_BYTES_MAX;

use crate::support::scene::{LOOKED_AT, Scene};
use crate::support::world::copy_truncate;

/// F06. copytruncate of a file that was read to its end, the writer paused around it: nothing lost,
/// nothing repeated, whether the pattern covers the copies or not. 500 rotations in all.
#[test]
fn f06_copytruncate_when_everything_was_read() {
    for pattern in ["app.log", "app.log*"] {
        let mut scene = Scene::new(pattern);
        for round in 0..250 {
            scene.write("app.log", &format!("g{round}"), 5);
            scene.run(LOOKED_AT);
            scene.shift_copies(5);
            copy_truncate(&scene.path("app.log"), &scene.path("app.log.1"));
            scene.run(Duration::from_millis(50));
        }
        scene.settle_and_check();
    }
}

/// F07. copytruncate while the endpoint is slow, so that the unread rest is only in the copy:
/// nothing lost, and the copy is continued where the original was left, so nothing is repeated.
/// 20 rotations with the copies in the pattern, 20 with the exact name.
#[test]
fn f07_copytruncate_when_the_unread_rest_is_only_in_the_copy() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        for round in 0..20 {
            let generation = format!("g{round}");
            scene.write("app.log", &generation, 40);
            scene.run(LOOKED_AT);
            // One request is unanswered and the next one is full: most of this is not read.
            scene.endpoint_down = true;
            scene.write("app.log", &generation, 2500);
            scene.run(LOOKED_AT);
            scene.shift_copies(5);
            copy_truncate(&scene.path("app.log"), &scene.path("app.log.1"));
            scene.write("app.log", &format!("h{round}"), 10);
            scene.run(Duration::from_millis(100));
            scene.endpoint_down = false;
            scene.run(LOOKED_AT);
        }
        scene.settle_and_check();
        assert_eq!(scene.transitions("lost"), 0);
    }
}

/// F07. The same when a few lines more were written than the last look saw: they are only in the
/// copy. 200 rotations each.
#[test]
fn f07_copytruncate_right_after_a_write() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        for round in 0..200 {
            let generation = format!("g{round}");
            scene.write("app.log", &generation, 40);
            if pattern == "app.log" || round % 2 == 0 {
                scene.run(Duration::from_millis(40));
            }
            scene.write("app.log", &generation, 20);
            scene.shift_copies(5);
            copy_truncate(&scene.path("app.log"), &scene.path("app.log.1"));
            scene.run(Duration::from_millis(60));
        }
        scene.settle_and_check();
    }
}

/// F08. Truncated and grown past the old offset between two looks: seen each time, nothing of the
/// new content lost, nothing repeated. 1,000 of 1,000.
#[test]
fn f08_truncated_and_regrown_past_the_old_offset() {
    let mut scene = Scene::new("app.log");
    for round in 0..1000 {
        File::create(scene.path("app.log")).unwrap();
        scene.write("app.log", &format!("g{round}"), 10 + round % 50);
        scene.run(Duration::from_millis(100));
    }
    scene.settle_and_check();
    assert_eq!(scene.transitions("truncated"), 999, "each but the first");
}

/// F08. Truncated and grown to exactly the old size between two looks: seen each time, nothing
/// lost, nothing repeated. 1,000 of 1,000.
#[test]
fn f08_truncated_and_regrown_to_exactly_the_old_size() {
    let mut scene = Scene::new("app.log");
    for round in 0..1000 {
        File::create(scene.path("app.log")).unwrap();
        let content: Vec<u8> =
            (0..10).flat_map(|line| format!("{round:06}|{line:04}|x\n").into_bytes()).collect();
        scene.write_text("app.log", &content);
        scene.run(Duration::from_millis(100));
    }
    scene.settle_and_check();
    assert_eq!(scene.transitions("truncated"), 999, "each but the first");
}

/// F11. Truncated while half a line waits for its end: no record is ever made of two contents.
/// 200 truncations.
#[test]
fn f11_half_a_line_that_was_truncated_away_never_meets_the_next_one() {
    let mut scene = Scene::new("app.log");
    let mut rng = Rng::with_seed(11);
    for round in 0..200 {
        scene.write("app.log", &format!("g{round}"), 3);
        scene.run(LOOKED_AT);
        let half = "half of a line that never ends ".repeat(10);
        scene.append("app.log", &half.as_bytes()[..rng.usize(1..half.len())]);
        scene.run(Duration::from_millis(rng.u64(..200)));
        let new = scene.lines(&format!("h{round}"), rng.usize(1..20));
        File::create(scene.path("app.log")).unwrap().write_all(&new).unwrap();
        scene.run(LOOKED_AT);
        scene.truncate("app.log");
    }
    scene.settle_and_check();
}

/// F20. Saved by an editor, which writes another file and renames it over the old one. What begins
/// with all of the old file is continued behind that; what does not is read from its start. Both
/// are counted. 20 saves each.
#[test]
fn f20_replaced_by_an_editor() {
    let mut scene = Scene::new("app.log");
    let mut content = scene.lines("a", 100);
    scene.append("app.log", &content);
    scene.settle_and_check();
    for round in 1..=20 {
        // What is saved is what was there and one more line.
        content.extend(scene.lines("a", 1));
        fs::write(scene.path(".app.log.swp"), &content).unwrap();
        scene.rename(".app.log.swp", "app.log");
        scene.hint();
        scene.settle_and_check();
        assert_eq!(scene.transitions("deleted"), round);
        assert_eq!(scene.transitions("copy_recognized"), round);
    }
    for round in 1..=20 {
        // The first line is taken out.
        let first = content.iter().position(|byte| *byte == b'\n').unwrap();
        content.drain(..=first);
        scene.forget();
        fs::write(scene.path(".app.log.swp"), &content).unwrap();
        scene.remember(&content);
        scene.rename(".app.log.swp", "app.log");
        scene.hint();
        scene.settle_and_check();
        assert_eq!(scene.transitions("discovered"), round + 1);
    }
}

/// F20. Written over by a shell's `>`: the same, and counted as `truncated`. 20 times.
#[test]
fn f20_written_over_in_place() {
    let mut scene = Scene::new("app.log");
    for round in 0..20 {
        let content = scene.lines(&format!("g{round}"), 20);
        fs::write(scene.path("app.log"), &content).unwrap();
        scene.settle_and_check();
        assert_eq!(scene.transitions("truncated"), round);
    }
}

/// F21. After a power cut a file is shorter than what was read of it: no later line is lost, and
/// at most the file is repeated. The start says so.
#[test]
fn f21_shorter_after_a_power_cut() {
    for kept in [1, 100, 4000, 5000] {
        let mut scene = Scene::new("app.log");
        scene.write("app.log", "a", 200);
        scene.settle_and_check();
        scene.crash();
        let content = &fs::read(scene.path("app.log")).unwrap()[..kept];
        let torn = content.rsplit(|byte| *byte == b'\n').next().unwrap();
        fs::write(scene.path("app.log"), content).unwrap();
        // The application begins a line of its own.
        scene.append("app.log", b"\n");
        scene.written.push([torn, b"\n"].concat());
        scene.write("app.log", "b", 10);
        scene.start();
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_complete(), "{kept} bytes kept: {verdict}");
        let again = content.split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(verdict.repeated.len(), again, "{kept} bytes kept: {verdict}");
        // Less than the known beginning could be anything.
        let told = if kept < HEAD_BYTES_MAX { "inode_reused" } else { "shrunk" };
        scene.assert_counted(told);
    }
}
