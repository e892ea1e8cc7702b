//! Names that cannot be opened, are excluded, vanish, lead nowhere, or are no files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use kinetail::tail::exclude::Exclude;
use rustix::fs::{FileType, Mode};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use super::{Lines, is_root};
use crate::support::world::{World, append};

/// A scan, and a little for what it found to be read and sent.
const ONE_SCAN: Duration = Duration::from_millis(300);

/// Makes this thread obey permissions even if root runs it. Says whether it does.
fn obey_permissions() -> bool {
    let Ok(mut sets) = capabilities(None) else { return !is_root() };
    let all = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    sets = CapabilitySets { effective: sets.effective - all, ..sets };
    set_capabilities(None, sets).is_ok()
}

fn chmod(world: &World, name: &str, mode: u32) {
    fs::set_permissions(world.path(name), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn permission_that_is_granted_later_is_seen_by_the_next_scan() {
    if !obey_permissions() {
        println!("SKIPPED: this thread cannot give up root's rights");
        return;
    }
    let (mut world, mut lines) = (World::new("**/*.log"), Lines::default());
    fs::create_dir(world.path("sub")).unwrap();
    world.append("a.log", &lines.some("a", 3));
    world.append("sub/b.log", &lines.some("b", 3));
    chmod(&world, "a.log", 0o000);
    chmod(&world, "sub", 0o000);
    world.run(Duration::from_secs(6));
    assert!(world.stream.is_empty());
    chmod(&world, "a.log", 0o644);
    world.run(ONE_SCAN);
    assert_eq!(world.stream.len(), 3, "a file");
    chmod(&world, "sub", 0o755);
    world.run(ONE_SCAN);
    assert_eq!(world.stream.len(), 6, "a directory");
    lines.assert_exact(&world);
}

#[test]
fn a_directory_that_can_be_listed_and_not_searched_takes_no_file_away() {
    if !obey_permissions() {
        println!("SKIPPED: this thread cannot give up root's rights");
        return;
    }
    let (mut world, mut lines) = (World::new("sub/*.log"), Lines::default());
    fs::create_dir(world.path("sub")).unwrap();
    let line = lines.some("a", 1);
    let (first, rest) = line.split_at(10);
    world.append("sub/a.log", first);
    world.run(ONE_SCAN);
    chmod(&world, "sub", 0o444);
    world.run(Duration::from_secs(10));
    chmod(&world, "sub", 0o755);
    world.append("sub/a.log", rest);
    world.settle();
    lines.assert_exact(&world);
}

#[test]
fn what_is_excluded_is_not_followed() {
    let text = ["*.tmp", "archive"].map(|text| Exclude::parse(text).unwrap());
    let mut world = World::with("**", |config| {
        config.pattern = config.pattern.clone().excluding(text.to_vec());
    });
    let mut lines = Lines::default();
    for dir in ["archive", "sub", "sub/archive"] {
        fs::create_dir(world.path(dir)).unwrap();
    }
    for name in ["a.tmp", "archive/a.log", "sub/archive/b.log", "sub/c.tmp"] {
        world.append(name, b"unwanted\n");
    }
    for name in ["a.log", "sub/b.log", "sub/archives"] {
        world.append(name, &lines.some(name, 3));
    }
    world.settle();
    lines.assert_exact(&world);
}

#[test]
fn non_regular_files_are_ignored_without_blocking() {
    let (mut world, mut lines) = (World::new("**/*.log"), Lines::default());
    for (name, kind) in [("fifo.log", FileType::Fifo), ("device.log", FileType::CharacterDevice)] {
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            world.path(name),
            kind,
            Mode::RUSR | Mode::WUSR,
            rustix::fs::makedev(1, 3),
        );
        assert!(made.is_ok() || kind == FileType::CharacterDevice, "{name}: {made:?}");
    }
    let _socket = UnixListener::bind(world.path("socket.log")).unwrap();
    fs::create_dir(world.path("dir.log")).unwrap();
    // Reading this one would wait for the kernel to say something.
    symlink("/proc/kmsg", world.path("kmsg.log")).unwrap();
    symlink("/proc/self/status", world.path("status.log")).unwrap();
    world.append("a.log", &lines.some("a", 3));
    world.run(Duration::from_secs(30));
    world.append("a.log", &lines.some("a", 3));
    world.settle();
    lines.assert_exact(&world);
    // A file that takes the name of what was none is followed.
    fs::remove_file(world.path("fifo.log")).unwrap();
    world.append("fifo.log", &lines.some("f", 3));
    world.run(ONE_SCAN);
    lines.assert_exact(&world);
}

#[test]
fn links_that_lead_nowhere_or_to_themselves_cost_no_scans_and_are_seen_when_they_are_fixed() {
    let (mut world, mut lines) = (World::new("**/*.log"), Lines::default());
    world.wall_nanos = Some(i128::MAX / 2);
    // Nothing in the directories that are listed changes with what lies here.
    let elsewhere = tempfile::tempdir().unwrap();
    let (target, nowhere) = (elsewhere.path().join("target"), elsewhere.path().join("nowhere"));
    symlink(&nowhere, world.path("dangling.log")).unwrap();
    symlink("loop.log", world.path("loop.log")).unwrap();
    append(&target, &lines.some("t", 3));
    symlink(&target, world.path("link.log")).unwrap();
    world.run(Duration::from_secs(1));
    lines.assert_exact(&world);
    let scans = world.scans();
    world.run(Duration::from_secs(9));
    assert!(world.scans() - scans <= 1, "a link among the names makes no scan a full one");
    append(&nowhere, &lines.some("n", 3));
    world.run(ONE_SCAN);
    lines.assert_exact(&world);
    fs::rename(&target, elsewhere.path().join("target.1")).unwrap();
    append(&target, &lines.some("u", 3));
    world.run(ONE_SCAN);
    lines.assert_exact(&world);
}

#[test]
fn a_link_that_is_swapped_all_the_time_loses_nothing_and_leaves_no_descriptors() {
    let (mut world, mut lines) = (World::new("current.log"), Lines::default());
    for round in 0..30 {
        let name = format!("target-{round}");
        world.append(&name, &lines.some(&format!("g{round}"), 100));
        symlink(&name, world.path("next")).unwrap();
        world.rename("next", "current.log");
        world.hint();
    }
    world.settle();
    lines.assert_exact(&world);
    world.run(Duration::from_hours(2));
    assert_eq!(world.open_files(), 1, "only the last one is still held");
}

#[test]
fn names_that_change_all_the_time_in_a_large_directory_are_not_listed_for_each_hint() {
    let mut world = World::with("*.log", |config| config.scan_interval = Duration::from_secs(1));
    let mut lines = Lines::default();
    for file in 0..4000 {
        world.append(&format!("{file}.txt"), b"");
    }
    world.append("a.log", &lines.some("a", 3));
    world.run(Duration::from_secs(2));
    let scans = world.scans();
    for round in 0..250 {
        world.rename(&format!("{round}.txt"), &format!("{round}.old"));
        world.hint();
    }
    let listed = world.scans() - scans;
    assert!((5..=30).contains(&listed), "{listed} listings in five seconds");
    world.append("b.log", &lines.some("b", 3));
    world.hint();
    world.run(Duration::from_millis(600));
    lines.assert_exact(&world);
}

#[test]
fn files_that_vanish_between_listing_and_opening_are_no_trouble() {
    let (mut world, mut lines) = (World::new("**"), Lines::default());
    let stop = std::sync::atomic::AtomicBool::new(false);
    let dir = world.dir.path().to_path_buf();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                round += 1;
                let sub = dir.join(format!("sub{}", round % 7));
                fs::create_dir_all(&sub).unwrap();
                fs::write(sub.join("empty"), b"").unwrap();
                fs::remove_dir_all(&sub).unwrap();
            }
        });
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            world.append("a.log", &lines.some("a", 1));
            world.hint();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    world.settle();
    lines.assert_exact(&world);
}
