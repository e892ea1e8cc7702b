//! Generations of a log that were not opened while they were live: they came and went while the
//! flow was stopped, killed or paused, or between two looks.
//!
//! `random` draws such histories from a seed; here are the ones that people met.

mod absent;
mod clocks;
mod compressing;
mod hostile;
mod left;
mod linked;
mod naming;
mod numbers;
mod placed;
mod random;
mod rows;
pub mod scheme;
mod tools;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use kinetail::config::InitialPosition;
use kinetail::tail::rotated::RotatedNames;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use self::scheme::{Compress, SCHEMES, Scheme};
use crate::support::scene::Scene;
use crate::support::world::{World, let_the_clock_tick};

/// Which cases of a table failed: all are tried before a test fails.
#[derive(Default)]
struct Failed(Vec<String>);

impl Failed {
    fn unless(&mut self, fine: bool, case: &dyn Fn() -> String) {
        if !fine {
            self.0.push(case());
        }
    }

    fn check(self) {
        assert!(self.0.is_empty(), "{} cases failed:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// Writes a generation and rotates it away.
fn generation(scene: &mut Scene, scheme: Scheme, name: &str) {
    scene.write("app.log", name, 30);
    scheme.rotate(&scene.files, &scene.path(""), Compress::Never);
}

#[test]
fn rotated_twice_while_stopped_loses_no_generation_in_any_scheme() {
    for pattern in ["app.log", "*.log", "*/app.log"] {
        for scheme in SCHEMES {
            let mut scene = Scene::new(if pattern == "*/app.log" { "*/app.log" } else { pattern });
            let folder = if pattern == "*/app.log" { "live/" } else { "" };
            let dir = scene.path(folder);
            fs::create_dir_all(&dir).unwrap();
            let live = format!("{folder}app.log");
            scene.write(&live, "a", 30);
            scene.settle();
            scene.stop();
            scheme.rotate(&scene.files, &dir, Compress::Never);
            scene.write(&live, "b", 30);
            scheme.rotate(&scene.files, &dir, Compress::Never);
            scene.write(&live, "c", 30);
            scene.start();
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.is_exact(), "{pattern} {scheme:?}: {verdict}");
        }
    }
}

#[test]
fn a_generation_that_was_compressed_while_stopped_is_read_and_counted() {
    for pattern in ["app.log", "app.log*"] {
        let mut scene = Scene::new(pattern);
        scene.write("app.log", "a", 30);
        scene.settle();
        scene.stop();
        for name in ["b", "c"] {
            Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Delayed);
            scene.write("app.log", name, 3000);
        }
        Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Delayed);
        scene.write("app.log", "d", 30);
        assert!(scene.path("app.log.2.gz").is_file() && scene.path("app.log.3.gz").is_file());
        scene.start();
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "{pattern}: {verdict}");
        scene.assert_counted("generation_found");
        // Nothing of it again, whatever its name becomes.
        scene.stop();
        Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Delayed);
        scene.write("app.log", "e", 30);
        scene.start();
        scene.settle_and_check();
    }
}

#[test]
fn several_rotations_between_two_looks_lose_no_generation() {
    for rotations in 1..=5 {
        for scheme in SCHEMES {
            let mut scene = Scene::new("app.log");
            scene.write("app.log", "a", 30);
            scene.settle();
            for round in 0..rotations {
                scheme.rotate(&scene.files, &scene.path(""), Compress::Never);
                scene.write("app.log", &format!("b{round}"), 30);
            }
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.is_exact(), "{rotations} of {scheme:?}: {verdict}");
        }
    }
}

#[test]
fn nothing_old_is_pulled_in_at_the_first_start_nor_later() {
    for position in [InitialPosition::EndOfFile, InitialPosition::StartOfFile] {
        let dir = tempfile::tempdir().unwrap();
        for (name, old) in [("app.log.1", "old"), ("app.log-20200101", "older")] {
            fs::write(dir.path().join(name), old.repeat(500) + "\n").unwrap();
        }
        let_the_clock_tick();
        let mut world = World::within(dir, "app.log", |config| {
            config.initial_position = position;
        });
        world.step();
        let mut scene = Scene::of(world);
        scene.write("app.log", "a", 30);
        scene.settle_and_check();
        for round in 0..3 {
            scene.stop();
            for step in 0..=round {
                Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Never);
                scene.write("app.log", &format!("b{round}.{step}"), 30);
            }
            scene.start();
            scene.settle_and_check();
        }
    }
}

#[test]
fn a_log_reached_by_a_link_is_accounted_for_in_its_real_directory() {
    for rotations in 1..=3 {
        for stopped in [false, true] {
            let mut scene = Scene::new("logs/app.log");
            for dir in ["logs", "data"] {
                fs::create_dir(scene.path(dir)).unwrap();
            }
            symlink(scene.path("data/app.log"), scene.path("logs/app.log")).unwrap();
            scene.write("data/app.log", "a", 30);
            scene.settle();
            if stopped {
                scene.stop();
                scene.write("data/app.log", "a", 30);
            }
            for round in 0..rotations {
                Scheme::Number.rotate(&scene.files, &scene.path("data"), Compress::Never);
                scene.write("data/app.log", &format!("b{round}"), 30);
            }
            if stopped {
                scene.start();
            }
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.is_exact(), "{rotations}, stopped {stopped}: {verdict}");
            assert_eq!(scene.transitions("missing"), 0);
        }
    }
}

#[test]
fn a_link_that_is_swapped_while_stopped_or_between_two_looks_loses_no_dated_file() {
    for stopped in [false, true] {
        let mut scene = Scene::new("logs/current");
        for dir in ["logs", "data"] {
            fs::create_dir(scene.path(dir)).unwrap();
        }
        let lead_to = |scene: &Scene, day: usize| {
            let (link, target) =
                (scene.path("logs/current"), scene.path(&format!("data/app-2026-11-2{day}.log")));
            if link.symlink_metadata().is_ok() {
                fs::remove_file(&link).unwrap();
            }
            symlink(target, link).unwrap();
        };
        for day in 0..4 {
            if day == 1 {
                scene.settle();
                if stopped {
                    scene.stop();
                    // What the old file got last is not lost either.
                    scene.write("data/app-2026-11-20.log", "day0", 5);
                }
            }
            scene.write(&format!("data/app-2026-11-2{day}.log"), &format!("day{day}"), 30);
            lead_to(&scene, day);
        }
        if stopped {
            scene.start();
        }
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "stopped {stopped}: {verdict}");
    }
}

/// Runs on a thread that is not above permissions, also where the test runs as root.
fn without_root(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
            set_capabilities(None, sets).unwrap();
            test();
        });
    });
}

#[test]
fn a_generation_that_cannot_be_read_is_named_and_read_when_it_can_be() {
    without_root(unreadable_generation);
}

fn unreadable_generation() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 30);
    scene.settle();
    scene.stop();
    generation(&mut scene, Scheme::Number, "a");
    generation(&mut scene, Scheme::Number, "b");
    let hidden = scene.path("app.log.1");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    scene.write("app.log", "c", 30);
    scene.start();
    scene.run(Duration::from_secs(3));
    scene.assert_counted("problem");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o644)).unwrap();
    scene.run(Duration::from_secs(12));
    scene.settle();
    let verdict = scene.verdict();
    assert!(verdict.is_complete(), "{verdict}");
}

#[test]
fn names_that_the_user_gives_count_alone() {
    let mut scene = Scene::with("app.log", |config| {
        config.rotated_names = RotatedNames::from_templates(&["old/{name}#*".to_owned()]).unwrap();
    });
    fs::create_dir(scene.path("old")).unwrap();
    let away = |scene: &Scene, name: &str| {
        fs::rename(scene.path("app.log"), scene.path(name)).unwrap();
    };
    scene.write("app.log", "a", 30);
    scene.settle();
    scene.stop();
    away(&scene, "old/app.log#1");
    scene.write("app.log", "b", 30);
    away(&scene, "old/app.log#2");
    // Not of this log any more.
    fs::write(scene.path("app.log.1"), "other\n".repeat(300)).unwrap();
    scene.write("app.log", "c", 30);
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_file_that_appeared_and_was_compressed_while_stopped_is_read() {
    let mut scene = Scene::new("app-*.log");
    scene.write("app-1.log", "one", 30);
    scene.settle();
    scene.stop();
    scene.write("app-2.log", "two", 3000);
    scheme::gzip(&scene.files, &scene.path("app-2.log"));
    scene.write("app-3.log", "three", 30);
    scene.start();
    scene.settle_and_check();
    scene.stop();
    scene.start();
    scene.settle_and_check();
}

#[test]
fn an_archive_that_cannot_be_unpacked_is_named() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 30);
    scene.settle();
    scene.stop();
    generation(&mut scene, Scheme::Number, "a");
    scene.rename("app.log.1", "app.log.2");
    fs::write(scene.path("app.log.1.xz"), b"not for us").unwrap();
    scene.write("app.log", "c", 30);
    scene.start();
    scene.settle_and_check();
    assert!(Path::new(&scene.path("app.log.1.xz")).is_file());
    scene.assert_counted("problem");
}
