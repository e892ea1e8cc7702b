//! Files that get the live name by a rename, and links that are led elsewhere.

use std::time::Duration;

use super::Failed;
use super::scheme::{Compress, Scheme};
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

fn scene(pattern: &str) -> Scene {
    Scene::of(World::within(Ground::in_memory(), pattern, |_| {}))
}

/// Writes the second half of a line a while after the first. Says whether it arrives as one.
fn is_live(scene: &mut Scene) -> bool {
    scene.forget();
    scene.append("app.log", b"half of ");
    scene.run(Duration::from_secs(20));
    scene.append("app.log", b"a line\n");
    scene.remember(b"half of a line\n");
    scene.settle();
    scene.verdict().is_exact()
}

#[test]
fn a_file_under_the_live_name_is_the_live_file_however_it_got_there() {
    let mut failed = Failed::default();
    for pattern in ["app.log", "app.log*", "*"] {
        for before in ["app.log.tmp", "app.log.new", "tmp-app.log", ".app.log.Xy12", "app.log.1"] {
            for stopped in [false, true] {
                let mut scene = scene(pattern);
                scene.write(before, "a", 30);
                scene.settle();
                if stopped {
                    scene.stop();
                }
                scene.rename(before, "app.log");
                scene.tell_renamed(before, "app.log");
                if stopped {
                    scene.start();
                }
                scene.settle();
                // What the pattern does not cover before a first start is not sent.
                let verdict = scene.verdict();
                let text = format!("{pattern} {before}, stopped {stopped}");
                let unseen = stopped && !before.starts_with(pattern.trim_end_matches('*'));
                failed.unless(verdict.is_exact() || unseen || pattern == "app.log", &|| {
                    format!("{text}: {verdict}")
                });
                let live = is_live(&mut scene);
                failed.unless(live, &|| format!("{text}: {}", scene.verdict()));
            }
        }
    }
    failed.check();
}

#[test]
fn a_log_that_is_put_back_under_its_live_name_is_live() {
    let mut failed = Failed::default();
    for pattern in ["app.log", "app.log*", "*"] {
        for (stopped_before, stopped) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let mut scene = scene(pattern);
            scene.write("app.log", "a", 30);
            scene.settle();
            if stopped_before {
                scene.stop();
            }
            scene.rename("app.log", "app.log.1");
            if stopped_before {
                scene.start();
            }
            scene.settle();
            if stopped {
                scene.stop();
            }
            scene.rename("app.log.1", "app.log");
            if stopped {
                scene.start();
            }
            scene.settle();
            let live = is_live(&mut scene);
            let text = format!("{pattern}, stopped {stopped_before} {stopped}");
            failed.unless(live, &|| format!("{text}: {}", scene.verdict()));
        }
    }
    failed.check();
}

#[test]
fn half_a_line_of_a_rotated_file_is_still_sent() {
    for pattern in ["app.log", "app.log*", "*"] {
        for stopped in [false, true] {
            let mut scene = scene(pattern);
            scene.write("app.log", "a", 30);
            scene.settle();
            if stopped {
                scene.stop();
            }
            scene.write_text("app.log", b"half a line");
            Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Never);
            scene.write("app.log", "b", 30);
            if stopped {
                scene.start();
            }
            scene.settle();
            scene.run(Duration::from_secs(10));
            let verdict = scene.verdict();
            assert!(verdict.is_exact(), "{pattern} {stopped}: {verdict}");
        }
    }
}

#[test]
fn a_longer_file_that_replaces_a_log_is_continued_also_where_the_old_one_is_kept_as_a_backup() {
    let mut failed = Failed::default();
    for pattern in ["app.log", "app.log*", "*"] {
        for backup in [None, Some("app.log~"), Some("app.log.bak"), Some("app.log.~1~")] {
            for linked in [false, true] {
                for stopped in [false, true] {
                    let mut scene = scene(pattern);
                    scene.write("app.log", "a", 60);
                    scene.settle();
                    if stopped {
                        scene.stop();
                    }
                    let mut longer = scene.files.read(&scene.path("app.log")).unwrap();
                    longer.extend(scene.lines("a", 30));
                    match backup {
                        Some(backup) if linked => {
                            let (live, second) = (scene.path("app.log"), scene.path(backup));
                            scene.files.hard_link(&live, &second);
                        }
                        Some(backup) => scene.rename("app.log", backup),
                        None => {}
                    }
                    let hidden = scene.path("").join("elsewhere.tmp");
                    let outside = scene.dir.path().parent().unwrap().join("outside.tmp");
                    let new = if pattern == "*" { outside } else { hidden };
                    scene.files.create_new(&new).append(&longer);
                    scene.files.rename(&new, &scene.path("app.log"));
                    if stopped {
                        scene.start();
                    }
                    scene.settle();
                    scene.write("app.log", "a", 10);
                    scene.settle();
                    scene.run(Duration::from_secs(10));
                    let verdict = scene.verdict();
                    failed.unless(verdict.is_exact(), &|| {
                        let how = format!("linked {linked}, stopped {stopped}");
                        format!("{pattern} {backup:?} {how}: {verdict}")
                    });
                }
            }
        }
    }
    failed.check();
}

#[test]
fn a_log_that_starts_again_with_the_same_lines_is_no_replacement() {
    for pattern in ["app.log", "app.log*"] {
        let mut scene = scene(pattern);
        let lines: Vec<String> =
            (0..40).map(|line| format!("setting {line} of the program\n")).collect();
        let banner = lines.concat();
        scene.write_text("app.log", banner.as_bytes());
        scene.settle();
        scene.rename("app.log", "app.log.1");
        scene.write_text("app.log", banner.as_bytes());
        scene.write("app.log", "b", 30);
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "{pattern}: {verdict}");
    }
}

#[test]
fn a_linked_directory_that_is_led_elsewhere_loses_nothing_in_the_old_one() {
    let mut failed = Failed::default();
    for stopped in [false, true] {
        for rotations in 0..=2 {
            let ground = Ground::in_memory();
            let files = ground.files();
            for dir in ["app", "app/1", "app/2"] {
                files.create_dir(&ground.path().join(dir));
            }
            let link = ground.path().join("app/current");
            files.symlink(&ground.path().join("app/1"), &link);
            let mut scene = Scene::of(World::within(ground, "app/current/app.log", |_| {}));
            scene.write("app/1/app.log", "first", 60);
            scene.settle();
            if stopped {
                scene.stop();
            }
            scene.write("app/1/app.log", "first", 20);
            for rotation in 0..rotations {
                Scheme::Number.rotate(&scene.files, &scene.path("app/1"), Compress::Never);
                scene.write("app/1/app.log", &format!("first.{rotation}"), 20);
            }
            scene.files.remove_file(&link);
            scene.files.symlink(&scene.path("app/2"), &link);
            scene.write("app/2/app.log", "second", 60);
            if stopped {
                scene.start();
            }
            scene.settle();
            scene.run(Duration::from_secs(10));
            let verdict = scene.verdict();
            failed.unless(verdict.is_exact(), &|| {
                format!("stopped {stopped}, {rotations} rotations: {verdict}")
            });
        }
    }
    failed.check();
}

/// A log that is reached by a chain of links, as kubelet and the container runtime make them.
struct Chain {
    scene: Scene,
    hops: usize,
}

impl Chain {
    fn new(hops: usize) -> Self {
        let ground = Ground::in_memory();
        let files = ground.files();
        for dir in
            ["containers", "pods", "pods/p", "runtime", "runtime/0", "runtime/1", "runtime/2"]
        {
            files.create_dir(&ground.path().join(dir));
        }
        let mut chain =
            Self { scene: Scene::of(World::within(ground, "containers/*.log", |_| {})), hops };
        chain.lead_to(0);
        chain
    }

    /// Where the container writes that was started so many times.
    fn real(&self, restart: usize) -> String {
        match self.hops {
            1 => format!("runtime/{restart}/app.log"),
            _ => format!("runtime/{restart}/id-json.log"),
        }
    }

    fn lead_to(&mut self, restart: usize) {
        let real = self.real(restart);
        if !self.scene.files.is_there(&self.scene.path(&real)) {
            self.scene.write(&real, &format!("r{restart}"), 60);
        }
        let files = self.scene.files.clone();
        let replace = |target: &str, link: &str| {
            let link = self.scene.path(link);
            if files.is_there(&link) {
                files.remove_file(&link);
            }
            files.symlink(&self.scene.path(target), &link);
        };
        if self.hops == 1 {
            replace(&real, "containers/x.log");
        } else {
            let pod = format!("pods/p/{restart}.log");
            replace(&real, &pod);
            replace(&pod, "containers/x.log");
        }
    }
}

#[test]
fn a_link_that_is_led_to_another_directory_loses_nothing_in_the_old_one() {
    let mut failed = Failed::default();
    for hops in [1, 2] {
        for stopped in [false, true] {
            for rotations in 0..=2 {
                let mut chain = Chain::new(hops);
                chain.scene.settle();
                if stopped {
                    chain.scene.stop();
                }
                let old = chain.real(0);
                chain.scene.write(&old, "r0", 20);
                for rotation in 0..rotations {
                    let to = format!("{old}.2026112{rotation}-101010");
                    chain.scene.rename(&old, &to);
                    chain.scene.write(&old, &format!("r0.{rotation}"), 20);
                }
                chain.lead_to(1);
                if stopped {
                    chain.scene.start();
                }
                chain.scene.settle();
                chain.scene.run(Duration::from_secs(10));
                let verdict = chain.scene.verdict();
                failed.unless(verdict.is_exact(), &|| {
                    format!("{hops} hops, stopped {stopped}, {rotations} rotations: {verdict}")
                });
            }
        }
    }
    failed.check();
}
