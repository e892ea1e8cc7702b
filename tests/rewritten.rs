//! Contents that are taken for others, and files whose bytes change behind what was read.

mod cut;
mod report;
mod starts_over;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::support::scene::Scene;
use crate::support::world::World;

fn same_lines(count: usize) -> Vec<u8> {
    b"the same line again and again\n".repeat(count)
}

#[test]
fn a_new_file_of_equal_lines_is_not_taken_for_the_deleted_one() {
    for kept in [false, true] {
        let mut world = World::new("app.log");
        world.append("app.log", &same_lines(1_000));
        world.settle();
        assert_eq!(world.stream.len(), 1_000);
        world.stop();
        if kept {
            // So that its inode number is not given out again.
            fs::hard_link(world.path("app.log"), world.path("kept")).unwrap();
        }
        fs::remove_file(world.path("app.log")).unwrap();
        std::thread::yield_now();
        wait_for_the_clock();
        world.append("app.log", &same_lines(1_500));
        world.start();
        world.settle();
        assert_eq!(world.stream.len(), 2_500, "kept {kept}");
    }
}

/// Stamps of files are at most this coarse.
fn wait_for_the_clock() {
    let probe = tempfile::tempdir().unwrap();
    let first = probe.path().join("0");
    fs::write(&first, b"").unwrap();
    let begin = fs::metadata(&first).unwrap().modified().unwrap();
    for number in 1.. {
        let path = probe.path().join(number.to_string());
        fs::write(&path, b"").unwrap();
        let now = fs::metadata(&path).unwrap().modified().unwrap();
        if now.duration_since(begin).unwrap_or_default() > Duration::from_millis(40) {
            return;
        }
    }
}

#[test]
fn a_rotated_file_that_is_shredded_is_not_sent() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        scene.write("app.log", "a", 5_000);
        scene.settle();
        scene.shift(3);
        scene.write("app.log", "b", 10);
        scene.settle();
        let path = scene.path("app.log.1");
        let size = fs::metadata(&path).unwrap().len();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let filled = size.next_multiple_of(4096);
        // Three passes, in pieces, looked at in between; the last block is filled.
        for pass in 0..3 {
            let mut at = 0;
            while at < filled {
                let len = usize::try_from((filled - at).min(50_000)).unwrap();
                let bytes: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
                file.write_all_at(&bytes, at).unwrap();
                at += len as u64;
                scene.run(Duration::from_millis(if pass == 0 { 60 } else { 600 }));
            }
        }
        file.set_len(0).unwrap();
        scene.settle();
        fs::remove_file(&path).unwrap();
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "{pattern}: {verdict}");
        scene.write("app.log", "c", 10);
        scene.settle_and_check();
    }
}

#[test]
fn a_rotated_file_that_is_shredded_between_scans_is_not_sent() {
    let mut random = fastrand::Rng::with_seed(11);
    for (pattern, killed, ones) in
        [("app.log*", false, false), ("app.log*", true, true), ("app.log", false, true)]
    {
        let mut scene = Scene::new(pattern);
        scene.write("app.log", "a", 5_000);
        scene.settle();
        scene.shift(3);
        scene.write("app.log", "b", 10);
        scene.settle();
        for round in 0..3 {
            if killed {
                scene.crash();
            } else {
                scene.stop();
            }
            if round == 0 {
                // What is rotated between two scans is destroyed as well.
                scene.shift(3);
                scene.write("app.log", "c", 10);
            }
            let path = scene.path("app.log.2");
            let filled = fs::metadata(&path).unwrap().len().next_multiple_of(4096);
            let len = usize::try_from(filled).unwrap();
            let bytes: Vec<u8> =
                (0..len).map(|_| if ones { 0xff } else { random.u8(..) }).collect();
            OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&bytes, 0).unwrap();
            scene.start();
            scene.settle_and_check();
            scene.assert_counted("overwritten");
        }
        fs::remove_file(scene.path("app.log.2")).unwrap();
        scene.write("app.log", "c", 10);
        scene.settle_and_check();
    }
}

/// How a file that lies elsewhere gets the name of another one.
#[derive(Debug, Clone, Copy)]
enum PutBack {
    /// By a rename: the old file is deleted.
    Moved,
    /// Its bytes are written into the old file.
    Copied,
}

#[test]
fn an_older_copy_that_is_put_back_is_not_sent_again_whole() {
    for how in [PutBack::Moved, PutBack::Copied] {
        for stopped in [false, true] {
            let mut scene = Scene::new("app.log");
            scene.write("app.log", "a", 4_000);
            scene.settle();
            let old = scene.path("backup-of-it");
            fs::copy(scene.path("app.log"), &old).unwrap();
            scene.write("app.log", "a", 1_500);
            scene.settle();
            if stopped {
                scene.stop();
            }
            match how {
                PutBack::Moved => fs::rename(&old, scene.path("app.log")).unwrap(),
                PutBack::Copied => drop(fs::copy(&old, scene.path("app.log")).unwrap()),
            }
            if stopped {
                scene.start();
            }
            scene.settle();
            scene.assert_counted(if stopped && matches!(how, PutBack::Moved) {
                "copy_recognized"
            } else {
                "shortened"
            });
            scene.write("app.log", "b", 50);
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.is_complete(), "{how:?} {stopped}: {verdict}");
            let repeated = verdict.repeated.len();
            assert!(repeated <= 800, "{how:?} {stopped}: {verdict}");
        }
    }
}

/// A program that writes the same lines first, each time that it starts.
#[test]
fn a_log_that_starts_over_with_the_same_lines_is_read_from_its_start() {
    let setting = |number| format!("setting.{number} = {}", number * 7919);
    let banner = (0..60).map(setting).collect::<Vec<_>>().join("\n") + "\n";
    for stopped in [false, true] {
        for made in ["truncated", "deleted", "moved"] {
            let mut world = World::new("app.log");
            world.append("app.log", banner.as_bytes());
            world.settle();
            for number in 0..800 {
                world.append("app.log", format!("first run, line {number}\n").as_bytes());
                if number % 40 == 0 {
                    world.run(Duration::from_millis(50));
                }
            }
            world.settle();
            if stopped {
                world.stop();
            }
            let path = world.path("app.log");
            match made {
                "truncated" => drop(File::create(&path).unwrap()),
                "deleted" => fs::remove_file(&path).unwrap(),
                _ => fs::rename(&path, world.path("elsewhere")).unwrap(),
            }
            if stopped {
                wait_for_the_clock();
            }
            world.append("app.log", banner.as_bytes());
            world.append("app.log", b"second run\n");
            if stopped {
                world.start();
            }
            world.settle();
            let banners =
                world.stream.iter().filter(|line| line.starts_with(b"setting.59 ")).count();
            let seconds =
                world.stream.iter().filter(|line| line.starts_with(b"second run")).count();
            assert_eq!((banners, seconds), (2, 1), "{made}, stopped {stopped}");
        }
    }
}

#[test]
fn an_array_that_is_added_to_between_scans_is_not_sent_again_whole() {
    for killed in [false, true] {
        let mut world = World::new("app.log");
        let row = |number: usize| format!("{{\"n\": {number}, \"pad\": \"{}\"}}", "x".repeat(60));
        let first: Vec<String> = (0..500).map(row).collect();
        world.append("app.log", format!("[\n{}\n]", first.join(",\n")).as_bytes());
        world.settle();
        let file = OpenOptions::new().write(true).open(world.path("app.log")).unwrap();
        for number in 500..520 {
            let down = number % 5 == 4;
            if down && killed {
                world.crash();
            } else if down {
                world.stop();
            }
            let end = file.metadata().unwrap().len() - 2;
            file.write_all_at(format!(",\n{}\n]", row(number)).as_bytes(), end).unwrap();
            if down {
                world.start();
            }
            world.settle();
        }
        world.append("app.log", b"\n");
        world.settle();
        for number in 0..520 {
            let part = format!("{{\"n\": {number}, ");
            let found = world.stream.iter().any(|record| record.starts_with(part.as_bytes()));
            assert!(found, "killed {killed}: row {number} is missing");
        }
        assert!(world.stream.len() <= 502 + 20 * 5, "killed {killed}: {}", world.stream.len());
    }
}

#[test]
fn a_longer_file_that_is_renamed_over_the_live_name_is_continued() {
    for stopped in [false, true] {
        let mut scene = Scene::new("app.log");
        scene.write("app.log", "a", 60);
        scene.settle();
        for round in 0..5 {
            if stopped {
                scene.stop();
            }
            let mut bytes = fs::read(scene.path("app.log")).unwrap();
            bytes.extend(scene.lines(&format!("b{round}"), 20));
            fs::write(scene.path(".app.log.tmp"), &bytes).unwrap();
            fs::rename(scene.path(".app.log.tmp"), scene.path("app.log")).unwrap();
            if stopped {
                scene.start();
            }
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.is_exact(), "stopped {stopped}, {round}: {verdict}");
        }
    }
}

#[test]
fn a_file_that_replaces_another_one_and_only_looks_like_it_is_a_file_of_its_own() {
    let mut world = World::new("app.log");
    world.append("app.log", &same_lines(100));
    world.settle();
    // Deleted and made again by an application that writes the same.
    fs::write(world.path("new"), same_lines(150)).unwrap();
    fs::rename(world.path("new"), world.path("app.log")).unwrap();
    world.settle();
    assert_eq!(world.stream.len(), 250, "in doubt it is sent again");
}

#[test]
fn lines_whose_file_changes_neither_size_nor_time_arrive() {
    // As through a mapping: the file has its size from the start, and its stamps do not move.
    let mut world = World::new("app.log");
    let file = File::create(world.path("app.log")).unwrap();
    file.set_len(64 * 1024).unwrap();
    file.write_all_at(&vec![0; 64 * 1024], 0).unwrap();
    let stamp = file.metadata().unwrap().modified().unwrap();
    world.wall_nanos = Some(i128::MAX / 2);
    let mut at = 0;
    for number in 0..50 {
        let line = format!("line {number} through a mapping\n");
        // Half of some lines is there first.
        let half = if number % 3 == 0 { line.len() / 2 } else { 0 };
        for (from, to) in [(0, half), (half, line.len())] {
            file.write_all_at(&line.as_bytes()[from..to], at + from as u64).unwrap();
            file.set_modified(stamp).unwrap();
            world.run(Duration::from_millis(700));
        }
        at += line.len() as u64;
        let arrived = world.stream.len();
        assert_eq!(arrived, number + 1, "line {number}");
    }
    assert!(world.stream.iter().all(|record| record.starts_with(b"line ")));
}

#[test]
fn a_file_whose_last_line_is_written_over_at_each_append_is_not_sent_again_whole() {
    // As writers of JSON arrays do: what closes the array is overwritten, with a line end or not.
    for (close, back) in [("]\n", 2), ("\n]", 2), ("\n]\n", 3)] {
        let mut world = World::new("app.log");
        let row = |number: usize| format!("{{\"n\": {number}, \"pad\": \"{}\"}}", "x".repeat(60));
        let first: Vec<String> = (0..500).map(row).collect();
        world.append("app.log", format!("[\n{}{close}", first.join(",\n")).as_bytes());
        world.settle();
        let file = OpenOptions::new().write(true).open(world.path("app.log")).unwrap();
        for number in 500..520 {
            let end = file.metadata().unwrap().len() - back;
            let text = format!(",\n{}{close}", row(number));
            file.write_all_at(text.as_bytes(), end).unwrap();
            world.settle();
        }
        world.append("app.log", b"\n");
        world.settle();
        for number in 0..520 {
            let part = format!("{{\"n\": {number}, ");
            let found = world.stream.iter().any(|record| record.starts_with(part.as_bytes()));
            assert!(found, "{close:?}: row {number} is missing");
        }
        let records = world.stream.len();
        assert!(records <= 502 + 20 * 4, "{close:?}: {records} records");
        assert_eq!(world.transitions("truncated"), 0, "{close:?}");
    }
}

/// Writes other bytes of the same length into a file, without a look in between.
fn write_over(scene: &mut Scene, name: &str, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(scene.path(name)).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    scene.remember(bytes);
}

#[test]
fn a_file_that_got_its_name_by_a_rename_is_read_after_a_rewrite_of_the_same_length() {
    for temporary in ["app.log.tmp", "app.log.1"] {
        for restart in [false, true] {
            let mut scene = Scene::new("app.log*");
            scene.write_text(temporary, b"the first 20 bytes.\n");
            scene.settle();
            scene.rename(temporary, "app.log");
            scene.settle();
            if restart {
                scene.stop();
                scene.start();
                scene.settle();
            }
            write_over(&mut scene, "app.log", b"20 other bytes here\n");
            scene.settle();
            scene.write("app.log", "b", 10);
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.lost.is_empty(), "{temporary}, restart {restart}: {verdict}");
            assert_eq!(scene.transitions("overwritten"), 0);
        }
    }
}

#[test]
fn a_possible_copy_that_is_rotated_and_overwritten_is_read() {
    let mut scene = Scene::new("app.log*");
    scene.write_text("app.log", b"one line of the log\n");
    scene.settle();
    fs::copy(scene.path("app.log"), scene.path("app.log.copy")).unwrap();
    scene.run(Duration::from_millis(100));
    scene.rename("app.log.copy", "app.log.1");
    scene.run(Duration::from_millis(200));
    write_over(&mut scene, "app.log.1", b"other bytes of same\n");
    scene.settle();
    let verdict = scene.verdict();
    assert!(verdict.lost.is_empty(), "{verdict}");
}
