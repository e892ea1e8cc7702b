//! `whenDone`: a file is removed once all of it is in the stream, its checkpoint is durable and it
//! is quiet, and not a line is lost by that.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use kinetail::config::WhenDone;
use kinetail::disk::disposal::Disposal;
use kinetail::metrics::name;
use kinetail::tail::done::private_name;
use kinetail::tail::identity::Inode;

use crate::support::world::World;

const QUIET: Duration = Duration::from_secs(30);

fn world(disposal: &Disposal) -> World {
    World::with("*.log", |config| {
        config.when_done = Some(WhenDone { disposal: disposal.clone(), quiet: QUIET });
    })
}

fn is_there(world: &World, name: &str) -> bool {
    world.path(name).try_exists().unwrap()
}

fn lines(world: &World) -> Vec<String> {
    world.stream.iter().map(|record| String::from_utf8(record.clone()).unwrap()).collect()
}

#[test]
fn a_delivered_file_goes_when_it_was_quiet_and_not_before() {
    let mut world = world(&Disposal::Delete);
    world.append("a.log", b"one\ntwo\n");
    world.append("half.log", b"one\nhal");
    world.append("empty.log", b"");
    world.settle();
    world.run(QUIET / 2);
    world.append("a.log", b"three\n");
    world.run(QUIET.mul_f64(0.8));
    assert!(is_there(&world, "a.log"), "it was not quiet for long enough");
    world.run(QUIET);
    assert!(!is_there(&world, "a.log"));
    assert_eq!(world.counted(name::FILES_DISPOSED, "removed"), 1);
    world.run(QUIET * 20);
    assert!(is_there(&world, "half.log"), "its last line has no end");
    assert!(is_there(&world, "empty.log"), "nothing of it was delivered");
    let mut lines = lines(&world);
    lines.sort();
    assert_eq!(lines, ["one\n", "one\n", "three\n", "two\n"]);
}

#[test]
fn nothing_goes_that_is_not_acknowledged_or_not_checkpointed() {
    let mut world = world(&Disposal::Delete);
    world.endpoint_down = true;
    world.append("a.log", b"one\n");
    world.run(QUIET * 3);
    assert!(is_there(&world, "a.log"), "it is not acknowledged");
    world.store_down = true;
    world.endpoint_down = false;
    world.run(QUIET * 3);
    assert_eq!(lines(&world), ["one\n"]);
    assert!(is_there(&world, "a.log"), "its checkpoint is not durable");
    world.store_down = false;
    world.run(QUIET * 3);
    assert!(!is_there(&world, "a.log"));
    assert_eq!(lines(&world), ["one\n"]);
}

#[test]
fn a_file_that_was_delivered_before_a_restart_goes_after_it() {
    let mut world = world(&Disposal::Delete);
    world.append("a.log", b"one\n");
    world.settle();
    world.stop();
    world.start();
    world.run(QUIET * 2);
    assert!(!is_there(&world, "a.log"));
    assert_eq!(lines(&world), ["one\n"]);
}

#[test]
fn an_empty_directory_is_well_once_a_file_of_it_was_removed() {
    let mut world = world(&Disposal::Delete);
    world.run(QUIET);
    assert_eq!(world.status().problems_total, 1, "nothing matched yet: is the pattern right?");
    world.append("a.log", b"one\n");
    world.run(QUIET * 3);
    assert!(!is_there(&world, "a.log"));
    assert_eq!(world.status().problems_total, 0);
    world.stop();
    world.start();
    world.run(QUIET);
    assert_eq!(world.status().problems_total, 0, "nor after a restart");
    fs::remove_dir(world.path("")).unwrap();
    world.run(QUIET);
    assert_eq!(world.status().problems_total, 1, "the directory is gone");
    fs::create_dir(world.path("")).unwrap();
}

#[test]
fn lines_that_are_written_after_the_deletion_arrive() {
    let mut world = world(&Disposal::Delete);
    let mut writer =
        OpenOptions::new().create(true).append(true).open(world.path("a.log")).unwrap();
    writer.write_all(b"one\n").unwrap();
    world.run(QUIET * 2);
    assert!(!is_there(&world, "a.log"));
    writer.write_all(b"two\n").unwrap();
    world.settle();
    assert_eq!(lines(&world), ["one\n", "two\n"]);
}

#[test]
fn a_moved_file_is_whole_in_the_directory_and_is_not_sent_again() {
    let done = tempfile::tempdir_in("target").unwrap();
    let mut world = World::within(tempfile::tempdir_in("target").unwrap(), "*.log", |config| {
        let disposal = Disposal::Move(done.path().to_owned());
        config.when_done = Some(WhenDone { disposal, quiet: QUIET });
    });
    for round in ["one\n", "two\n"] {
        world.append("a.log", round.as_bytes());
        world.run(QUIET * 2);
        assert!(!is_there(&world, "a.log"));
    }
    assert_eq!(fs::read_to_string(done.path().join("a.log")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(done.path().join("a.log.1")).unwrap(), "two\n");
    world.stop();
    world.start();
    world.settle();
    assert_eq!(lines(&world), ["one\n", "two\n"]);
}

#[test]
fn a_file_that_cannot_be_removed_stays_is_counted_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let missing: PathBuf = dir.path().join("missing");
    let mut world = world(&Disposal::Move(missing.clone()));
    world.append("a.log", b"one\n");
    world.run(QUIET * 2);
    assert!(is_there(&world, "a.log"));
    let failed = world.counted(name::FILES_DISPOSED, "failed");
    assert!((1..=3).contains(&failed), "{failed} attempts");
    // On the file system of the logs or not: what is asked is that it is tried again.
    fs::create_dir(&missing).unwrap();
    world.run(Duration::from_mins(2));
    let removed = world.counted(name::FILES_DISPOSED, "removed");
    assert_eq!(removed == 1, !is_there(&world, "a.log"));
    assert!(removed == 1 || world.counted(name::FILES_DISPOSED, "failed") > failed);
}

/// Gives a file the name that a kill in the middle of its removal leaves.
fn half_removed(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    let meta = fs::metadata(&path).unwrap();
    let inode = Inode { device: meta.dev(), number: meta.ino() };
    let private = world.path(private_name(inode, name.as_ref()).to_str().unwrap());
    fs::rename(path, &private).unwrap();
    private
}

/// Whether the store knows a part of it to be delivered.
fn has_row(world: &World, name: &str) -> bool {
    let Ok(meta) = fs::metadata(world.path(name)) else { return false };
    world.rows().values().any(|row| row.inode.number == meta.ino() && row.offset > 0)
}

#[test]
fn a_removal_that_a_kill_interrupted_is_finished_after_the_next_start() {
    let done = tempfile::tempdir_in("target").unwrap();
    for pattern in ["*.log", "*"] {
        for disposal in [Disposal::Delete, Disposal::Move(done.path().to_owned())] {
            let dir = tempfile::tempdir_in("target").unwrap();
            let mut world = World::within(dir, pattern, |config| {
                config.when_done = Some(WhenDone { disposal: disposal.clone(), quiet: QUIET });
            });
            world.append("a.log", b"one\n");
            world.append("b.log", b"one more\n");
            world.settle();
            world.crash();
            let quiet = half_removed(&world, "a.log");
            // Older than what is followed without a name that matches.
            let file = OpenOptions::new().append(true).open(&quiet).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(24)).unwrap();
            let written = half_removed(&world, "b.log");
            OpenOptions::new().append(true).open(&written).unwrap().write_all(b"two\n").unwrap();
            world.start();
            world.endpoint_down = true;
            world.run(QUIET * 2);
            assert!(written.try_exists().unwrap(), "its last line is not acknowledged");
            world.endpoint_down = false;
            world.run(QUIET * 2);
            for file in [&quiet, &written] {
                assert!(!file.try_exists().unwrap(), "{pattern}, {disposal:?}, {file:?}");
            }
            let mut lines = lines(&world);
            lines.sort();
            assert_eq!(lines, ["one\n", "one more\n", "two\n"], "{pattern}, {disposal:?}");
            world.run(QUIET * 10);
            assert_eq!(world.counted(name::FILES_DISPOSED, "removed"), 2);
            assert_eq!(world.counted(name::FILES_DISPOSED, "failed"), 0);
        }
    }
    assert_eq!(fs::read(done.path().join("a.log")).unwrap(), b"one\n");
    assert_eq!(fs::read(done.path().join("b.log")).unwrap(), b"one more\ntwo\n");
}

/// Writers that pause for longer or shorter than a file has to be quiet, an endpoint and a store
/// that fail, kills: whatever was written is in the stream at least once, and in the end no file is
/// left.
#[test]
fn no_line_is_lost_whatever_happens_in_between() {
    for seed in 0..12 {
        let mut random = Rng::with_seed(seed);
        let mut world = world(&Disposal::Delete);
        let (mut written, mut number) = (BTreeSet::new(), 0);
        for _ in 0..40 {
            match random.u8(0..8) {
                0..=3 => {
                    let file = format!("{}.log", random.u8(0..4));
                    for _ in 0..random.u8(1..20) {
                        number += 1;
                        let line = format!("{seed} {number} {file}\n");
                        world.append(&file, line.as_bytes());
                        written.insert(line);
                    }
                }
                4 => world.endpoint_down = random.bool(),
                5 => world.store_down = random.bool(),
                6 => {
                    world.crash();
                    // Killed in the middle of a removal, or not.
                    let file = format!("{}.log", random.u8(0..4));
                    if random.bool() && has_row(&world, &file) {
                        half_removed(&world, &file);
                    }
                    world.start();
                }
                _ => world.run(QUIET.mul_f64(random.f64() * 2.0)),
            }
            world.run(Duration::from_secs(random.u64(0..40)));
        }
        (world.endpoint_down, world.store_down) = (false, false);
        world.run(QUIET * 3);
        let arrived: BTreeSet<String> = lines(&world).into_iter().collect();
        let lost: Vec<_> = written.difference(&arrived).collect();
        assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
        let left: Vec<_> = fs::read_dir(world.path("")).unwrap().collect();
        assert!(left.is_empty(), "seed {seed}: {left:?}");
    }
}
