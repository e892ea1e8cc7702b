//! Generations whose times say nothing: the clock was set back, or the file system keeps no births.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::Failed;
use super::scheme::{Compress, SCHEMES, Scheme};
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

const PATTERNS: [&str; 3] = ["*.log", "app.log", "app.log*"];

fn scene(pattern: &str) -> Scene {
    Scene::of(World::within(Ground::in_memory(), pattern, |_| {}))
}

#[test]
fn a_clock_that_is_set_back_while_stopped_or_running_loses_no_generation() {
    let hour = Duration::from_hours(1);
    let mut failed = Failed::default();
    for scheme in SCHEMES {
        for pattern in PATTERNS {
            for (stopped, by, later) in [
                (true, hour, Duration::ZERO),
                (true, hour, 3 * hour),
                (true, 3 * hour, hour),
                (false, hour, Duration::ZERO),
            ] {
                let mut scene = scene(pattern);
                scene.write("app.log", "first", 60);
                scene.settle();
                // What is there from before is not of the same minute.
                scene.pass_for_all(5 * hour);
                scheme.rotate(&scene.files, &scene.path(""), Compress::Never);
                scene.write("app.log", "a", 60);
                scene.settle();
                if stopped {
                    scene.stop();
                }
                scene.files.set_clock_back(by);
                for generation in ["b", "c"] {
                    scheme.rotate(&scene.files, &scene.path(""), Compress::Never);
                    scene.write("app.log", generation, 60);
                }
                scene.pass_for_all(later);
                if stopped {
                    scene.start();
                }
                scene.settle();
                let verdict = scene.verdict();
                failed.unless(verdict.is_exact(), &|| {
                    format!("{pattern} {scheme:?}, stopped {stopped}, {by:?}, {later:?}: {verdict}")
                });
            }
        }
    }
    failed.check();
}

#[test]
fn nothing_from_before_the_first_start_is_sent_because_the_clock_was_set_back() {
    let hour = Duration::from_hours(1);
    let mut failed = Failed::default();
    for scheme in SCHEMES {
        let ground = Ground::in_memory();
        let files = ground.files();
        for old in 0..3 {
            files.append(
                &ground.path().join("app.log"),
                format!("old {old}\n").repeat(99).as_bytes(),
            );
            scheme.rotate(&files, ground.path(), Compress::Never);
        }
        let mut scene = Scene::of(World::within(ground, "app.log", |_| {}));
        scene.pass_for_all(5 * hour);
        scene.write("app.log", "a", 60);
        scene.settle();
        scene.stop();
        scene.files.set_clock_back(hour);
        for generation in ["b", "c"] {
            scheme.rotate(&scene.files, &scene.path(""), Compress::Never);
            scene.write("app.log", generation, 60);
        }
        scene.start();
        scene.settle();
        let verdict = scene.verdict();
        failed.unless(verdict.is_exact(), &|| format!("{scheme:?}: {verdict}"));
    }
    failed.check();
}

/// The name of a generation of which the day comes first.
fn day_first(scene: &Scene, day: usize) {
    let (from, to) = (scene.path("app.log"), scene.path(&format!("app-{day:02}-11-2026.log")));
    scene.files.rename(&from, &to);
}

#[test]
fn without_births_generations_are_read_in_order_and_none_is_lost() {
    let mut failed = Failed::default();
    for pattern in ["app.log", "*.log", "app.log*"] {
        for scheme in SCHEMES.into_iter().map(Some).chain([None]) {
            for compress in [Compress::Never, Compress::Now, Compress::Delayed] {
                for stopped in [false, true] {
                    if scheme.is_none() && compress != Compress::Never {
                        continue;
                    }
                    let mut scene = scene(pattern);
                    scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
                    let rotate = |scene: &Scene, day| match scheme {
                        Some(scheme) => {
                            let dir: &Path = &scene.path("");
                            scheme.rotate(&scene.files, dir, compress);
                        }
                        None => day_first(scene, day),
                    };
                    scene.write("app.log", "a", 60);
                    scene.run(Duration::from_mins(2));
                    if stopped {
                        scene.stop();
                    }
                    for (day, generation) in (29..=31).zip(["b", "c", "d"]) {
                        scene.pass_for_all(Duration::from_mins(2));
                        rotate(&scene, day);
                        scene.write("app.log", generation, 60);
                    }
                    if stopped {
                        scene.start();
                    }
                    scene.settle();
                    scene.run(Duration::from_secs(20));
                    let text = format!("{pattern} {scheme:?} {compress:?}, stopped {stopped}");
                    let verdict = scene.verdict();
                    failed.unless(verdict.is_exact(), &|| format!("{text}: {verdict}"));
                    let order = order(&scene);
                    let fine = compress != Compress::Never || order == ["a", "b", "c", "d"];
                    failed.unless(fine, &|| format!("{text}: {order:?}"));
                }
            }
        }
    }
    failed.check();
}

/// The generations in the order in which they arrived.
fn order(scene: &Scene) -> Vec<String> {
    let generation = |line: &Vec<u8>| {
        String::from_utf8_lossy(line).split('|').next().unwrap_or_default().to_owned()
    };
    let mut order: Vec<String> = scene.world.stream.iter().map(generation).collect();
    order.dedup();
    order
}

#[test]
fn numbers_order_generations_that_are_as_old_as_each_other() {
    let mut scene = scene("app.log");
    scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
    scene.write("app.log", "a", 60);
    scene.settle();
    scene.stop();
    for generation in ["b", "c", "d"] {
        Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Never);
        scene.write("app.log", generation, 60);
    }
    let time = scene.files.modified(&scene.path("app.log"));
    for number in 1..=2 {
        scene.files.set_modified(&scene.path(&format!("app.log.{number}")), time);
    }
    scene.start();
    scene.settle();
    scene.check();
    assert_eq!(order(&scene), ["a", "b", "c", "d"]);
}
