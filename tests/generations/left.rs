//! Links that are replaced or removed, and directories that are moved away: a log leaves the
//! directory in which it was rotated.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::Failed;
use super::scheme::gzip;
use crate::support::ground::{Files, Ground};
use crate::support::oracle::Verdict;
use crate::support::scene::Scene;
use crate::support::world::World;

/// What comes where a link was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    File,
    Nothing,
    /// Nothing, and a file some looks later.
    FileLater,
}

/// A log whose real file is `data/NAME`, and the link that leads to it.
struct Linked {
    scene: Scene,
    real: &'static str,
    link: &'static str,
    live: &'static str,
}

impl Linked {
    /// A link to a file, or to a directory.
    fn new(to_directory: bool, real: &'static str) -> Self {
        let ground = Ground::in_memory();
        let files = ground.files();
        files.create_dir(&ground.path().join("data"));
        files.create_dir(&ground.path().join("logs"));
        let (link, live, target) = if to_directory {
            ("logs/current", "logs/current/app.log", "data".to_owned())
        } else {
            ("logs/app.log", "logs/app.log", format!("data/{real}"))
        };
        files.symlink(&ground.path().join(target), &ground.path().join(link));
        Self { scene: Scene::of(World::within(ground, live, |_| {})), real, link, live }
    }

    fn write_real(&mut self, generation: &str) {
        self.scene.write(&format!("data/{}", self.real), generation, 60);
    }

    fn rotate(&self) {
        rotate(&self.scene, &format!("data/{}", self.real));
    }

    fn replace(&mut self, to_directory: bool, then: Then) {
        self.scene.files.remove_file(&self.scene.path(self.link));
        if then == Then::FileLater {
            self.scene.settle();
        }
        if then != Then::Nothing {
            if to_directory {
                self.scene.files.create_dir(&self.scene.path(self.link));
            }
            self.scene.write(self.live, "last", 60);
        }
    }
}

/// `NAME` becomes `NAME.1`, and each older one gets the next number.
fn rotate(scene: &Scene, name: &str) {
    let numbered = |number: usize| match number {
        0 => name.to_owned(),
        number => format!("{name}.{number}"),
    };
    let is_there = |number: &usize| scene.files.is_there(&scene.path(&numbered(*number)));
    let count = (0..9).take_while(is_there).count();
    for number in (0..count).rev() {
        scene.rename(&numbered(number), &numbered(number + 1));
    }
}

#[test]
fn a_link_that_is_replaced_or_removed_loses_nothing_of_what_was_rotated_behind_it() {
    let mut failed = Failed::default();
    for (to_directory, real) in [(false, "app.log"), (false, "real.log"), (true, "app.log")] {
        for then in [Then::File, Then::Nothing, Then::FileLater] {
            for rotations in 0..=3 {
                let mut linked = Linked::new(to_directory, real);
                linked.write_real("first");
                linked.scene.settle();
                linked.write_real("first");
                for rotation in 0..rotations {
                    linked.rotate();
                    linked.write_real(&format!("next.{rotation}"));
                }
                linked.replace(to_directory, then);
                linked.scene.settle();
                linked.scene.run(Duration::from_secs(10));
                let verdict = linked.scene.verdict();
                failed.unless(verdict.is_exact(), &|| {
                    let link = if to_directory { "directory" } else { real };
                    format!("link to {link}, then {then:?}, {rotations} rotations: {verdict}")
                });
            }
        }
    }
    failed.check();
}

#[test]
fn what_comes_into_the_old_directory_after_the_link_was_removed_is_not_sent() {
    for to_directory in [false, true] {
        let mut linked = Linked::new(to_directory, "app.log");
        linked.write_real("first");
        linked.scene.settle();
        linked.replace(to_directory, Then::FileLater);
        linked.scene.settle();
        // The file that was followed is read to its end; the next one is not followed.
        linked.rotate();
        linked.scene.append("data/app.log", "not followed\n".repeat(60).as_bytes());
        linked.scene.rename(linked.live, &format!("{}.1", linked.live));
        linked.scene.write(linked.live, "later", 60);
        linked.scene.settle();
        linked.scene.run(Duration::from_secs(10));
        let verdict = linked.scene.verdict();
        assert!(verdict.is_exact(), "directory {to_directory}: {verdict}");
    }
}

#[test]
fn a_directory_that_is_moved_away_loses_nothing_of_what_was_rotated_in_it() {
    let mut failed = Failed::default();
    for down in [Down::No, Down::Stopped, Down::Killed] {
        for again in [false, true] {
            // A directory that is not there after a start is searched when it appears.
            if down != Down::No && !again {
                continue;
            }
            for (directory, moved) in [("x", "x"), ("up/x", "up/x"), ("up/x", "up")] {
                for rotations in 0..=3 {
                    let verdict = move_directory(down, again, (directory, moved), rotations);
                    failed.unless(verdict.is_exact(), &|| {
                        let text = format!("{down:?}, {moved} of {directory}, again {again}");
                        format!("{text}, {rotations} rotations: {verdict}")
                    });
                }
            }
        }
    }
    failed.check();
}

/// Whether the flow is down while a directory is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Down {
    No,
    Stopped,
    Killed,
}

/// The directory of a log, or the one above it, is moved away, and made again or not.
fn move_directory(
    down: Down,
    again: bool,
    (directory, moved): (&str, &str),
    rotations: usize,
) -> Verdict {
    let ground = Ground::in_memory();
    let make = |files: &Files, root: &Path| {
        let all: Vec<&Path> = Path::new(directory).ancestors().collect();
        let missing = all.iter().rev().filter(|path| !files.is_dir(&root.join(path)));
        missing.for_each(|path| files.create_dir(&root.join(path)));
    };
    make(&ground.files(), ground.path());
    let live = format!("{directory}/app.log");
    let mut scene = Scene::of(World::within(ground, &live, |_| {}));
    scene.write(&live, "first", 60);
    scene.settle();
    match down {
        Down::No => {}
        Down::Stopped => scene.stop(),
        Down::Killed => scene.crash(),
    }
    scene.write(&live, "first", 20);
    for rotation in 0..rotations {
        rotate(&scene, &live);
        scene.write(&live, &format!("next.{rotation}"), 60);
    }
    scene.rename(moved, &format!("{moved}.old"));
    if again {
        let root = scene.path("");
        make(&scene.files, &root);
        scene.write(&live, "last", 60);
    }
    if down != Down::No {
        scene.start();
    }
    scene.settle();
    scene.run(Duration::from_secs(10));
    scene.verdict()
}

#[test]
fn a_directory_that_is_moved_away_with_one_named_after_a_time_in_it_loses_nothing() {
    let mut failed = Failed::default();
    for births in [true, false] {
        for rotations in 1..=3 {
            let ground = Ground::in_memory();
            ground.files().create_dir(&ground.path().join("x"));
            let mut scene = Scene::of(World::within(ground, "x/app.log", |_| {}));
            if !births {
                scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
            }
            scene.write("x/app.log", "first", 60);
            scene.settle();
            scene.files.create_dir(&scene.path("x/2026-11"));
            for rotation in 0..rotations {
                scene.rename("x/app.log", &format!("x/2026-11/app-{rotation}.log"));
                scene.write("x/app.log", &format!("next.{rotation}"), 60);
            }
            scene.rename("x", "x.old");
            scene.files.create_dir(&scene.path("x"));
            scene.write("x/app.log", "last", 60);
            scene.settle();
            scene.run(Duration::from_secs(10));
            let verdict = scene.verdict();
            failed.unless(verdict.is_exact(), &|| {
                format!("births {births}, {rotations} rotations: {verdict}")
            });
        }
    }
    failed.check();
}

#[test]
fn a_file_that_is_moved_alone_brings_no_files_of_others_with_it() {
    let mut failed = Failed::default();
    for births in [true, false] {
        for packed in [false, true] {
            let ground = Ground::in_memory();
            for directory in ["x", "archive"] {
                ground.files().create_dir(&ground.path().join(directory));
            }
            let mut scene = Scene::of(World::within(ground, "x/app.log", |_| {}));
            if !births {
                scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
            }
            let others = "of another service\n".repeat(60);
            // Its live file has the same name, and so do its archives.
            scene.append("archive/app.log", others.as_bytes());
            scene.append("archive/app.log.7", others.as_bytes());
            scene.write("x/app.log", "first", 60);
            scene.settle();
            scene.pass_for_all(Duration::from_mins(2));
            scene.settle();
            scene.append("archive/app.log", others.as_bytes());
            scene.append("archive/app.log.7", others.as_bytes());
            if packed {
                gzip(&scene.files, &scene.path("archive/app.log.7"));
            }
            scene.write("x/app.log", "first", 20);
            scene.rename("x/app.log", "archive/app.log.8");
            scene.write("x/app.log", "next", 60);
            scene.settle();
            scene.run(Duration::from_secs(10));
            let verdict = scene.verdict();
            failed.unless(verdict.is_exact(), &|| {
                format!("births {births}, packed {packed}: {verdict}")
            });
        }
    }
    failed.check();
}
