//! F12 to F14 and F16: which file is which.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use kinetail::checkpoint::Checkpoint;
use kinetail::tail::pattern::FilePattern;

use crate::support::scene::{LOOKED_AT, Scene};
use crate::support::world::World;

/// A directory where a new file gets the inode number of one that was just deleted, as on ext4.
/// Elsewhere (tmpfs, btrfs) numbers are not used again; then the tests that need it check the rest
/// and say so.
fn where_numbers_are_used_again() -> (tempfile::TempDir, bool) {
    let places = [std::env::temp_dir(), env!("CARGO_TARGET_TMPDIR").into(), "/var/tmp".into()];
    for place in places.iter().filter(|place| place.is_dir()) {
        let Ok(dir) = tempfile::tempdir_in(place) else { continue };
        let path = dir.path().join("probe");
        let number = || {
            File::create(&path).unwrap();
            let number = fs::metadata(&path).unwrap().ino();
            fs::remove_file(&path).unwrap();
            number
        };
        let numbers: Vec<u64> = (0..20).map(|_| number()).collect();
        if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return (dir, true);
        }
    }
    eprintln!("*** inode numbers are not used again on this machine: tested without that");
    (tempfile::tempdir().unwrap(), false)
}

fn number_of(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

/// How many lines the next file has: fewer, as many and more than the one before.
const LINES: [usize; 9] = [20, 10, 10, 30, 30, 5, 40, 40, 1];

/// F12. An inode number is used again while the agent runs, by a file that is shorter, as long or
/// longer: always a new file, nothing lost, nothing repeated. 36 files.
#[test]
fn f12_an_inode_number_is_used_again() {
    let (dir, used_again) = where_numbers_are_used_again();
    let mut scene = Scene::of(World::within(dir, "app.log", |_| {}));
    let mut before = 0;
    let mut reused = 0;
    for (round, lines) in LINES.repeat(4).into_iter().enumerate() {
        scene.write("app.log", &format!("g{:02}", round % 10), lines);
        let number = number_of(&scene.path("app.log"));
        reused += usize::from(number == before);
        before = number;
        scene.settle_and_check();
        fs::remove_file(scene.path("app.log")).unwrap();
        scene.settle();
        // Its number is free when it was quiet for a minute.
        scene.leap(Duration::from_secs(61));
        scene.leap(Duration::from_secs(1));
        assert_eq!(scene.open_files(), 0);
    }
    println!("{reused} numbers were used again");
    assert!(reused > 0 || !used_again);
}

/// F12. The same for a file that was closed because descriptors were short, so that its number was
/// free at once.
#[test]
fn f12_the_inode_number_of_a_closed_file_is_used_again() {
    let (dir, used_again) = where_numbers_are_used_again();
    let mut scene = Scene::of(World::within(dir, "*.log", |_| {}));
    scene.crash();
    scene.descriptors_max = 1;
    scene.start();
    let mut before = 0;
    let mut reused = 0;
    for (round, lines) in LINES.repeat(4).into_iter().enumerate() {
        scene.write("a.log", &format!("a{:02}", round % 10), lines);
        let number = number_of(&scene.path("a.log"));
        reused += usize::from(number == before);
        before = number;
        scene.settle();
        // Now this one is open, and the other one is not.
        scene.write("b.log", &format!("b{round}"), 10);
        scene.settle_and_check();
        fs::remove_file(scene.path("a.log")).unwrap();
    }
    println!("{reused} numbers were used again");
    assert!(reused > 0 || !used_again);
}

/// F13. Inode numbers are used again while the agent is down, among the rows of 10,000 files that
/// are gone: always new files, nothing lost, nothing repeated.
#[test]
fn f13_inode_numbers_are_used_again_while_the_agent_is_down() {
    const FILES: usize = 1000;
    let (dir, used_again) = where_numbers_are_used_again();
    let mut scene = Scene::of(World::within(dir, "*.log", |_| {}));
    for file in 0..FILES {
        scene.write(&format!("{file}.log"), &format!("old{file}"), 1);
    }
    scene.settle_and_check();
    scene.stop();
    let mut numbers = Vec::new();
    for file in 0..FILES {
        let path = scene.path(&format!("{file}.log"));
        numbers.push(number_of(&path));
        fs::remove_file(path).unwrap();
    }
    let rows: Vec<Checkpoint> = scene.rows().values().cloned().collect();
    for more in 1..10 {
        for row in &rows {
            let mut row = row.clone();
            row.file.0 += 1_000_000 * more;
            row.inode.number += more;
            row.path.set_extension(format!("{more}.log"));
            scene.add_row(row);
        }
    }
    assert_eq!(scene.rows().len(), 10_000);
    numbers.sort_unstable();
    let mut reused = 0;
    for file in 0..200 {
        // Under an old name or a new one; shorter, as long, longer.
        let name = format!("{}.log", if file % 2 == 0 { file } else { 10_000 + file });
        scene.write(&name, &format!("new{file}"), file % 4);
        reused += usize::from(numbers.binary_search(&number_of(&scene.path(&name))).is_ok());
    }
    println!("{reused} numbers were used again");
    assert!(reused > 0 || !used_again);
    scene.start();
    scene.settle_and_check();
}

/// F14. A hundred files with the same first 4 KiB, which are rotated: each is sent whole, once.
#[test]
fn f14_a_hundred_files_with_the_same_first_four_kilobytes() {
    let mut scene = Scene::new("*.log*");
    let banner = b"# a banner line that is the same everywhere\n".repeat(100);
    for file in 0..100 {
        let name = format!("{file}.log");
        scene.write_text(&name, &banner);
        if file % 3 == 0 {
            scene.run(Duration::from_millis(40));
        }
        scene.write(&name, &format!("f{file}"), 10);
    }
    scene.run(Duration::from_secs(20));
    scene.check();
    for file in (0..100).step_by(2) {
        let name = format!("{file}.log");
        scene.rename(&name, &format!("{name}.1"));
        scene.write_text(&name, &banner);
        scene.write(&name, &format!("g{file}"), 10);
    }
    scene.run(Duration::from_secs(20));
    scene.check();
}

/// F16. A file with several names, by hard and symbolic links, is sent once by each flow.
#[test]
fn f16_two_names_of_one_file_are_read_once_by_each_flow() {
    let mut scene = Scene::new("*.log");
    scene.write("a.log", "a", 10);
    fs::hard_link(scene.path("a.log"), scene.path("b.log")).unwrap();
    std::os::unix::fs::symlink(scene.path("a.log"), scene.path("c.log")).unwrap();
    // Another flow comes to the same file by its second name.
    let pattern = FilePattern::parse(scene.path("b*").to_str().unwrap()).unwrap();
    let mut other = World::with("unused", |config| config.pattern = pattern);
    let mut second = "b.log";
    for round in 0..20 {
        scene.write(["a.log", second, "c.log"][round % 3], "a", 3);
        scene.run(LOOKED_AT);
        other.run(LOOKED_AT);
        let next = if second == "b.log" { "b2.log" } else { "b.log" };
        scene.rename(second, next);
        second = next;
    }
    scene.settle_and_check();
    other.settle();
    assert_eq!(other.stream, scene.written);
}
