//! F15, F17, F18, F22 and F23: links that swap, files that are deleted or live shortly, directories
//! that come and go, many files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use kinetail::metrics::name;
use kinetail::tail::identity::Inode;

use crate::support::scene::{LOOKED_AT, Scene};

/// F15. A symbolic link that is swapped at once from file to file: nothing lost of any of them,
/// nothing repeated, and the descriptors are given back. 30 files of 100 lines.
#[test]
fn f15_a_link_that_is_swapped() {
    let mut scene = Scene::new("current.log");
    for round in 0..30 {
        let (name, generation) = (format!("{round}.txt"), format!("g{round}"));
        scene.write(&name, &generation, 50);
        symlink(&name, scene.path("next")).unwrap();
        scene.rename("next", "current.log");
        // inotify tells of it; the step after it is the only one before the next swap.
        scene.hint();
        scene.write(&name, &generation, 45);
        if round > 0 {
            // The application notices only now.
            scene.write(&format!("{}.txt", round - 1), &format!("g{}", round - 1), 5);
        }
    }
    scene.write("29.txt", "g29", 5);
    scene.settle_and_check();
    assert_eq!(scene.written.len(), 3000);
    scene.leap(Duration::from_hours(1));
    scene.settle();
    assert_eq!(scene.open_files(), 1, "the others were quiet for an hour");
}

/// F15. A link that leads nowhere for 10 s and one that leads to itself: the flow does not spin,
/// says so at most once, and reads the file when there is one.
#[test]
fn f15_a_link_that_leads_nowhere_and_one_that_leads_to_itself() {
    let mut scene = Scene::new("*.log");
    symlink("loop.log", scene.path("loop.log")).unwrap();
    symlink("late.txt", scene.path("late.log")).unwrap();
    scene.write("there.log", "t", 10);
    scene.settle_and_check();
    let before = scene.counted(name::SCANS, "");
    for _ in 0..500 {
        let wake_at = scene.step().wake_at;
        assert!(wake_at > scene.now(), "it wants to be stepped again at once");
    }
    let scans = scene.counted(name::SCANS, "") - before;
    assert!(scans <= 101, "{scans} scans in 10 s, one every 100 ms is asked for");
    assert_eq!(scene.transitions("problem"), 2, "each link once");
    scene.write("late.txt", "l", 10);
    scene.settle_and_check();
}

/// F17. Deleted while it is open and written for 10 s more: nothing lost, the last line without
/// an end included, and its disk space is freed a minute later.
#[test]
fn f17_deleted_while_it_is_open_and_still_written() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 10);
    scene.run(Duration::from_millis(200));
    let mut open = scene.open("app.log");
    fs::remove_file(scene.path("app.log")).unwrap();
    for _ in 0..10 {
        scene.write_to(&open, "a", 5);
        scene.run(Duration::from_secs(1));
    }
    open.write_all(b"a|999|without an end").unwrap();
    scene.remember(b"a|999|without an end");
    drop(open);
    scene.run(Duration::from_secs(10));
    scene.check();
    assert_eq!(scene.open_files(), 1, "more may come");
    scene.run(Duration::from_secs(55));
    assert_eq!(scene.open_files(), 0);
    scene.assert_counted("released");
    assert!(scene.rows().is_empty(), "a file that is gone leaves no row");
    scene.run(Duration::from_mins(3));
    assert_eq!(scene.rows_kept(), 0, "and after a while not even the memory of it");
}

/// F17. Deleted, read to its end, and stopped soon after: nothing of it is missing at the start.
#[test]
fn f17_bytes_read_of_a_deleted_file_are_not_missing_after_a_stop() {
    let mut scene = Scene::new("*.log");
    scene.write("a.log", "a", 100);
    scene.settle();
    fs::remove_file(scene.path("a.log")).unwrap();
    scene.run(Duration::from_secs(2));
    scene.stop();
    assert_eq!(scene.rows().len(), 0);
    scene.start();
    scene.settle_and_check();
    assert_eq!(scene.transitions("missing"), 0);
}

/// F17. What is written to a deleted file right before a stop is read first.
#[test]
fn f17_what_is_written_to_a_deleted_file_right_before_a_stop_is_read() {
    for count in [1, 3_000] {
        let mut scene = Scene::new("*.log");
        scene.write("a.log", "a", 100);
        let open = scene.open("a.log");
        scene.settle();
        fs::remove_file(scene.path("a.log")).unwrap();
        scene.run(Duration::from_secs(20));
        scene.write_to(&open, "a", count);
        scene.stop();
        scene.check();
        scene.start();
        scene.settle_and_check();
        assert_eq!(scene.transitions("missing"), 0);
    }
}

/// F18. A directory that is renamed and comes back, as one on a mount that blinks: nothing lost,
/// nothing repeated. 100 times.
#[test]
fn f18_a_directory_that_goes_and_comes_back() {
    let mut scene = Scene::new("sub/*.log");
    fs::create_dir(scene.path("sub")).unwrap();
    for _ in 0..100 {
        scene.write("sub/a.log", "a", 10);
        scene.run(Duration::from_millis(300));
        scene.rename("sub", "elsewhere");
        scene.run(Duration::from_millis(300));
        scene.write("elsewhere/a.log", "a", 10);
        scene.run(Duration::from_millis(300));
        scene.rename("elsewhere", "sub");
        scene.run(Duration::from_millis(300));
    }
    scene.settle_and_check();
}

/// F18. A directory that is deleted with its files and made again: nothing lost, nothing repeated,
/// and the new file is followed after one scan. 100 times.
#[test]
fn f18_a_directory_that_is_deleted_and_created_again() {
    let mut scene = Scene::new("*/sub/*.log");
    for round in 0..100 {
        fs::create_dir_all(scene.path("top/sub")).unwrap();
        scene.write("top/sub/a.log", &format!("g{round}"), 10);
        // A scan, and a look at the file.
        let scan_interval = scene.config.scan_interval;
        scene.run(scan_interval + Duration::from_millis(200));
        assert_eq!(scene.transitions("discovered"), round + 1);
        scene.write("top/sub/a.log", &format!("g{round}"), 3);
        fs::remove_dir_all(scene.path("top")).unwrap();
        scene.run(Duration::from_millis(200));
    }
    scene.settle_and_check();
}

/// F18. The device has another number after a reboot or a new mount: every file is continued at
/// its byte, nothing is repeated, however short the file is.
#[test]
fn f18_the_device_has_another_number_after_a_restart() {
    let mut scene = Scene::new("*.log");
    scene.write("short.log", "s", 1);
    scene.write("long.log", "l", 500);
    scene.settle_and_check();
    for _ in 0..5 {
        scene.stop();
        let inodes: Vec<Inode> = scene.rows().values().map(|row| row.inode).collect();
        for from in inodes {
            scene.change_inode(from, Inode { device: from.device + 1, ..from });
        }
        scene.write("long.log", "l", 10);
        scene.start();
        scene.write("short.log", "s", 1);
        scene.settle_and_check();
    }
    assert_eq!(scene.transitions("truncated"), 0);
}

/// F22. Files that all have much to read get on alike: none is ever more than twice as far as
/// another one, after the first turn of each.
#[test]
fn f22_files_with_much_to_read_get_on_alike() {
    const TURN_BYTES: usize = 256 * 1024;
    let mut scene = Scene::new("*.log");
    for file in 0..8 {
        scene.write(&format!("{file}.log"), &format!("f{file}"), 25_000);
    }
    scene.run(Duration::from_secs(20));
    scene.check();
    let mut progress: BTreeMap<u8, usize> = (b'0'..b'8').map(|file| (file, 0)).collect();
    let total = scene.stream.iter().filter(|line| line[1] == b'0').map(Vec::len).sum::<usize>();
    assert!(total > 3 * TURN_BYTES);
    for line in &scene.stream {
        *progress.get_mut(&line[1]).unwrap() += line.len();
        let (least, most) = (progress.values().min().unwrap(), progress.values().max().unwrap());
        assert!(*least < TURN_BYTES || most <= &(2 * least + line.len()), "{progress:?}");
    }
}

/// F23. Files that are created, written and deleted within 20 ms, the flow having been told of
/// the name: nothing lost. 1,000 files.
#[test]
fn f23_files_that_live_for_twenty_milliseconds() {
    let mut scene = Scene::new("*.log");
    for file in 0..1000 {
        let name = format!("{file}.log");
        scene.write(&name, &format!("f{file}"), 1);
        scene.hint();
        fs::remove_file(scene.path(&name)).unwrap();
    }
    scene.settle_and_check();
}

/// F23. The same without notification: what lives longer than the scan interval is never lost,
/// and what lives shorter may be. 200 files of each kind.
#[test]
fn f23_without_notification_files_must_outlive_a_scan() {
    let mut scene = Scene::new("*.log");
    scene.settle();
    for file in 0..200 {
        let name = format!("{file}.log");
        scene.write(&name, &format!("f{file}"), 1);
        let scan_interval = scene.config.scan_interval;
        scene.run(scan_interval + Duration::from_millis(20));
        fs::remove_file(scene.path(&name)).unwrap();
        scene.run(Duration::from_millis(20));
    }
    scene.settle_and_check();
    scene.forget();
    for file in 0..200 {
        let name = format!("{file}.log");
        scene.write(&name, &format!("s{file}"), 1);
        scene.run(Duration::from_millis(40));
        fs::remove_file(scene.path(&name)).unwrap();
        scene.run(Duration::from_millis(40));
    }
    scene.run(LOOKED_AT);
    let verdict = scene.verdict();
    println!("lived 40 ms of 100 ms: {} of 200 were missed", verdict.lost.len());
    assert!(verdict.repeated.is_empty() && verdict.foreign.is_empty(), "{verdict}");
    assert!(!verdict.lost.is_empty() && verdict.lost.len() < 200, "{verdict}");
}
