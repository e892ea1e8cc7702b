//! Directories that are renamed, deleted, created again, unmounted and mounted again: nothing lost,
//! nothing sent again, and a new tree is seen by the next scan.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Lines, is_root};
use crate::support::world::{World, append};

/// The patterns under which a directory `sub` with a file `a.log` in it is seen.
const PATTERNS: &[&str] = &["sub/*.log", "*/a.log", "**/*.log", "s*/**/a.log", "**"];

/// A scan, and a little for what it found to be read and sent.
const ONE_SCAN: Duration = Duration::from_millis(300);

#[test]
fn a_directory_that_is_renamed_away_and_back_again_and_again() {
    for pattern in PATTERNS {
        let (mut world, mut lines) = (World::new(pattern), Lines::default());
        fs::create_dir(world.path("sub")).unwrap();
        // Where it goes no pattern matches.
        let elsewhere = tempfile::tempdir_in(world.dir.path().parent().unwrap()).unwrap();
        let away = elsewhere.path().join("away");
        world.append("sub/a.log", &lines.some("a", 10));
        world.run(ONE_SCAN);
        for _ in 0..100 {
            world.append("sub/a.log", &lines.some("a", 3));
            fs::rename(world.path("sub"), &away).unwrap();
            append(&away.join("a.log"), &lines.some("a", 3));
            world.run(ONE_SCAN);
            append(&away.join("a.log"), &lines.some("a", 3));
            fs::rename(&away, world.path("sub")).unwrap();
            world.append("sub/a.log", &lines.some("a", 3));
            world.run(ONE_SCAN);
        }
        world.settle();
        lines.assert_exact(&world);
    }
}

#[test]
fn a_directory_that_is_deleted_and_created_again_is_seen_by_the_next_scan() {
    for pattern in PATTERNS {
        let (mut world, mut lines) = (World::new(pattern), Lines::default());
        for round in 0..100 {
            let generation = format!("g{round}");
            fs::create_dir(world.path("sub")).unwrap();
            world.append("sub/a.log", &lines.some(&generation, 5));
            world.run(ONE_SCAN);
            let all = lines.written.len();
            assert_eq!(world.stream.len(), all, "{pattern}, round {round}: not within a scan");
            world.append("sub/a.log", &lines.some(&generation, 5));
            fs::remove_dir_all(world.path("sub")).unwrap();
            if round % 2 == 0 {
                world.run(ONE_SCAN);
            }
        }
        world.settle();
        lines.assert_exact(&world);
    }
}

#[test]
fn a_directory_that_takes_the_place_of_another_one_is_followed_alongside_it() {
    let (mut world, mut lines) = (World::new("current/*.log"), Lines::default());
    for round in 0..50 {
        let (dir, generation) = (format!("release-{round}"), format!("g{round}"));
        fs::create_dir(world.path(&dir)).unwrap();
        world.append(&format!("{dir}/a.log"), &lines.some(&generation, 5));
        let link = world.path("link");
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        fs::rename(&link, world.path("current")).unwrap();
        world.run(ONE_SCAN);
        if round > 0 {
            // The application still has the file of the last release open.
            let late = lines.some(&format!("g{}", round - 1), 2);
            world.append(&format!("release-{}/a.log", round - 1), &late);
        }
    }
    world.settle();
    lines.assert_exact(&world);
}

#[test]
fn half_a_line_in_a_directory_that_was_away_waits_for_its_end_when_it_is_back() {
    let (mut world, mut lines) = (World::new("sub/*.log"), Lines::default());
    fs::create_dir(world.path("sub")).unwrap();
    let line = lines.some("a", 1);
    let (first, rest) = line.split_at(10);
    world.append("sub/a.log", first);
    world.run(ONE_SCAN);
    world.rename("sub", "away");
    world.run(ONE_SCAN);
    world.rename("away", "sub");
    world.run(Duration::from_secs(10));
    assert!(world.stream.is_empty(), "the file is not rotated, so its line may continue");
    world.append("sub/a.log", rest);
    world.settle();
    lines.assert_exact(&world);
}

#[test]
fn directories_that_are_away_while_descriptors_are_short_come_back_without_repeats() {
    let (mut world, mut lines) = (World::new("sub/*.log"), Lines::default());
    world.crash();
    world.descriptors_max = 3;
    world.start();
    fs::create_dir(world.path("sub")).unwrap();
    for round in 0..3 {
        for file in 0..20 {
            world.append(&format!("sub/{file}.log"), &lines.some(&format!("f{file}"), 5));
        }
        world.settle();
        world.rename("sub", "away");
        world.run(Duration::from_secs(if round == 2 { 90 } else { 5 }));
        world.rename("away", "sub");
        world.settle();
    }
    lines.assert_exact(&world);
}

#[test]
fn a_file_system_that_comes_back_under_another_device_number_after_a_stop_is_not_sent_again() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    // Short files and long ones, and some that begin alike.
    let banner = b"# the same first lines everywhere, more than the head covers\n".repeat(40);
    for file in 0..10 {
        let name = format!("{file}.log");
        if file % 2 == 0 {
            world.append(&name, &banner);
            let banner_lines = banner.split_inclusive(|byte| *byte == b'\n');
            lines.written.extend(banner_lines.map(<[u8]>::to_vec));
        }
        world.append(&name, &lines.some(&format!("f{file}"), 5));
    }
    // The beginning of an older file is all that a newer one holds.
    let long: Vec<Vec<u8>> =
        (0..50).map(|n| format!("line {n} of what two files begin with\n").into_bytes()).collect();
    for (name, part) in [("10.log", &long[..]), ("11.log", &long[..40])] {
        world.append(name, &part.concat());
        lines.written.extend_from_slice(part);
        world.run(Duration::from_secs(1));
    }
    world.run(Duration::from_secs(20));
    world.stop();
    world.change_device_numbers();
    for file in 0..12 {
        world.append(&format!("{file}.log"), &lines.some(&format!("f{file}"), 5));
    }
    world.start();
    world.settle();
    lines.assert_exact(&world);
    // And the new number is what is known from then on.
    world.stop();
    world.start();
    world.settle();
    lines.assert_exact(&world);
}

/// A file system in a file, on a loop device, unmounted at the end. Needs root.
struct Disk {
    image: tempfile::NamedTempFile,
    device: String,
    mounted_at: std::path::PathBuf,
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Disk {
    fn mount_new(at: &Path) -> Option<Self> {
        let image = tempfile::NamedTempFile::new().ok()?;
        image.as_file().set_len(8 * 1024 * 1024).ok()?;
        run("mkfs.ext4", &["-q", "-F", image.path().to_str()?])?;
        let mut disk = Self { image, device: String::new(), mounted_at: at.to_path_buf() };
        disk.change_device()?;
        disk.mount()?;
        Some(disk)
    }

    /// Puts the file behind another loop device, which has another device number.
    fn change_device(&mut self) -> Option<()> {
        let next = run("losetup", &["--find", "--show", self.image.path().to_str()?])?;
        let before = std::mem::replace(&mut self.device, next);
        if !before.is_empty() {
            run("losetup", &["--detach", &before])?;
        }
        Some(())
    }

    fn mount(&self) -> Option<()> {
        run("mount", &[&self.device, self.mounted_at.to_str()?]).map(|_| ())
    }

    /// Unmounts it although files are open: they keep it alive until they are closed.
    fn unmount(&self) -> Option<()> {
        run("umount", &["-l", self.mounted_at.to_str()?]).map(|_| ())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = self.unmount();
        if unmounted.is_none() || run("losetup", &["--detach", &self.device]).is_none() {
            eprintln!("{} may still be mounted", self.mounted_at.display());
        }
    }
}

#[test]
fn a_file_system_that_is_unmounted_and_mounted_again_is_not_sent_again() {
    let (mut world, mut lines) = (World::new("sub/**/*.log"), Lines::default());
    fs::create_dir(world.path("sub")).unwrap();
    let disk = is_root().then(|| Disk::mount_new(&world.path("sub"))).flatten();
    let Some(mut disk) = disk else {
        println!("SKIPPED: no file system can be mounted here");
        return;
    };
    fs::create_dir(world.path("sub/deep")).unwrap();
    for round in 0..6 {
        world.append("sub/a.log", &lines.some("a", 50));
        world.append("sub/deep/b.log", &lines.some("b", 1));
        world.run(Duration::from_secs(1));
        if round % 2 == 0 {
            disk.unmount().unwrap();
            world.run(Duration::from_secs(1));
        } else {
            world.stop();
            disk.unmount().unwrap();
            disk.change_device().unwrap();
            world.start();
            world.run(Duration::from_secs(1));
        }
        disk.mount().unwrap();
        world.run(Duration::from_secs(1));
    }
    world.settle();
    lines.assert_exact(&world);
    // Nothing may hold the mount when it is taken down.
    world.stop();
    drop(disk);
}
