//! Logs without a live file: rotated, and nothing written to a new one yet.

use std::time::Duration;

use kinetail::tail::rotated::RotatedNames;

use super::Failed;
use super::scheme::{Compress, SCHEMES, Scheme};
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

const PATTERNS: [&str; 3] = ["*.log", "app.log", "app.log*"];

/// Longer than what is given to clocks that lag.
const WHILE: Duration = Duration::from_mins(2);

fn scene(pattern: &str) -> Scene {
    let mut scene = Scene::of(World::within(Ground::in_memory(), pattern, |_| {}));
    scene.run(WHILE);
    scene
}

fn rotate(scene: &Scene, scheme: Scheme, compress: Compress) {
    scheme.rotate(&scene.files, &scene.path(""), compress);
}

/// Tries every scheme, compressed or not.
fn each_scheme(test: impl Fn(&str, Scheme, Compress, &mut Failed)) {
    let mut failed = Failed::default();
    for pattern in PATTERNS {
        for scheme in SCHEMES {
            for compress in [Compress::Never, Compress::Now] {
                test(pattern, scheme, compress, &mut failed);
            }
        }
    }
    failed.check();
}

#[test]
fn a_log_that_is_absent_at_the_stop_or_at_the_start_loses_no_generation() {
    each_scheme(|pattern, scheme, compress, failed| {
        for rotated_before in [false, true] {
            let mut scene = scene(pattern);
            scene.write("app.log", "a", 60);
            scene.run(WHILE);
            if rotated_before {
                rotate(&scene, scheme, compress);
                scene.run(WHILE);
            }
            scene.stop();
            scene.pass_for_all(WHILE);
            if !rotated_before {
                rotate(&scene, scheme, compress);
            }
            scene.write("app.log", "b", 60);
            scene.pass_for_all(WHILE);
            rotate(&scene, scheme, compress);
            scene.start();
            scene.run(WHILE);
            scene.write("app.log", "c", 60);
            scene.run(WHILE);
            let verdict = scene.verdict();
            failed.unless(verdict.is_exact(), &|| {
                format!("{pattern} {scheme:?} {compress:?}, before {rotated_before}: {verdict}")
            });
        }
    });
}

#[test]
fn a_log_behind_a_link_that_leads_nowhere_for_a_time_loses_no_generation() {
    let mut failed = Failed::default();
    for scheme in SCHEMES {
        for compress in [Compress::Never, Compress::Now] {
            for stopped in [false, true] {
                let ground = Ground::in_memory();
                let files = ground.files();
                for dir in ["logs", "data"] {
                    files.create_dir(&ground.path().join(dir));
                }
                let (data, link) = (ground.path().join("data"), ground.path().join("logs/app.log"));
                files.symlink(&data.join("app.log"), &link);
                let mut scene = Scene::of(World::within(ground, "logs/app.log", |_| {}));
                scene.write("data/app.log", "a", 60);
                scene.run(WHILE);
                if stopped {
                    scene.stop();
                }
                for generation in ["b", "c"] {
                    scheme.rotate(&files, &data, compress);
                    scene.write("data/app.log", generation, 60);
                }
                scheme.rotate(&files, &data, compress);
                if stopped {
                    scene.start();
                }
                scene.run(WHILE);
                scene.write("data/app.log", "d", 60);
                scene.run(WHILE);
                let verdict = scene.verdict();
                failed.unless(verdict.is_exact(), &|| {
                    format!("{scheme:?} {compress:?}, stopped {stopped}: {verdict}")
                });
            }
        }
    }
    failed.check();
}

#[test]
fn a_log_that_is_absent_while_the_flow_runs_loses_no_generation() {
    each_scheme(|pattern, scheme, compress, failed| {
        let mut scene = scene(pattern);
        scene.write("app.log", "a", 60);
        scene.run(WHILE);
        rotate(&scene, scheme, compress);
        scene.run(WHILE);
        for generation in ["b", "c"] {
            scene.write("app.log", generation, 60);
            rotate(&scene, scheme, compress);
        }
        scene.run(WHILE);
        scene.write("app.log", "d", 60);
        scene.run(WHILE);
        let verdict = scene.verdict();
        failed.unless(verdict.is_exact(), &|| {
            format!("{pattern} {scheme:?} {compress:?}: {verdict}")
        });
    });
}

#[test]
fn a_log_that_is_seen_for_the_first_time_when_it_is_rotated_is_read() {
    each_scheme(|pattern, scheme, compress, failed| {
        for stopped in [false, true] {
            let mut scene = scene(pattern);
            scene.write("other.log", "other", 60);
            if pattern != "*.log" {
                scene.written.clear();
            }
            scene.run(WHILE);
            // A flow that never saw anything has no start. Where the name does not match and does
            // not begin with that of the log nothing says that there is such a log.
            let tells = matches!(scheme, Scheme::Number | Scheme::Date | Scheme::Seconds);
            let matches = pattern == "*.log" && scheme != Scheme::DatedDirectory;
            if !matches && (stopped || (pattern != "app.log" && !tells)) {
                continue;
            }
            if stopped {
                scene.stop();
                scene.pass_for_all(WHILE);
            }
            scene.write("app.log", "b", 60);
            rotate(&scene, scheme, compress);
            if stopped {
                scene.start();
            }
            scene.run(WHILE);
            let verdict = scene.verdict();
            failed.unless(verdict.is_exact(), &|| {
                format!("{pattern} {scheme:?} {compress:?}, stopped {stopped}: {verdict}")
            });
        }
    });
}

#[test]
fn the_rest_of_a_log_that_is_only_in_an_archive_is_read() {
    each_scheme(|pattern, scheme, compress, failed| {
        if compress == Compress::Never {
            return;
        }
        for lines in [5, 400] {
            for (live, killed) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut scene = scene(pattern);
                scene.write("app.log", "a", lines);
                scene.run(WHILE);
                if killed {
                    scene.crash();
                } else {
                    scene.stop();
                }
                scene.write("app.log", "a", lines);
                scene.pass_for_all(WHILE);
                rotate(&scene, scheme, compress);
                if live {
                    scene.write("app.log", "b", 5);
                }
                scene.start();
                scene.run(WHILE);
                scene.write("app.log", "c", 5);
                scene.run(WHILE);
                let verdict = scene.verdict();
                failed.unless(verdict.is_exact(), &|| {
                    format!("{pattern} {scheme:?} {lines}, live {live}, killed {killed}: {verdict}")
                });
            }
        }
    });
}

#[test]
fn generations_that_are_in_archives_alone_are_read_with_the_rest_of_the_one_before() {
    each_scheme(|pattern, scheme, compress, failed| {
        for lines in [5, 400] {
            let mut scene = scene(pattern);
            scene.write("app.log", "a", lines);
            scene.run(WHILE);
            scene.stop();
            scene.write("app.log", "a", lines);
            for generation in ["b", "c"] {
                scene.pass_for_all(WHILE);
                rotate(&scene, scheme, compress);
                scene.write("app.log", generation, lines);
            }
            scene.pass_for_all(WHILE);
            rotate(&scene, scheme, compress);
            scene.start();
            scene.run(WHILE);
            let verdict = scene.verdict();
            failed.unless(verdict.lost.is_empty() && verdict.foreign.is_empty(), &|| {
                format!("{pattern} {scheme:?} {compress:?} {lines}: {verdict}")
            });
        }
    });
}

/// Nothing of the log was ever seen; what is known is only when its name led to nothing.
#[test]
fn a_log_that_comes_and_is_rotated_in_one_downtime_is_read_if_its_name_has_no_wildcard() {
    let mut failed = Failed::default();
    for pattern in ["logs/app.log", "l*s/app.log", "**/app.log"] {
        for scheme in SCHEMES.into_iter().filter(|scheme| *scheme != Scheme::DatedDirectory) {
            for compress in [Compress::Never, Compress::Now] {
                let ground = Ground::in_memory();
                let (files, logs) = (ground.files(), ground.path().join("logs"));
                files.create_dir(&logs);
                let mut scene = Scene::of(World::within(ground, pattern, |_| {}));
                scene.run(WHILE);
                scene.stop();
                scene.pass_for_all(WHILE);
                for generation in ["a", "b"] {
                    scene.write("logs/app.log", generation, 60);
                    scene.pass_for_all(WHILE);
                    scheme.rotate(&files, &logs, compress);
                }
                scene.start();
                scene.run(WHILE);
                scene.write("logs/app.log", "c", 60);
                scene.run(WHILE);
                let verdict = scene.verdict();
                failed.unless(verdict.is_exact(), &|| {
                    format!("{pattern} {scheme:?} {compress:?}: {verdict}")
                });
            }
        }
    }
    failed.check();
}

#[test]
fn an_absent_log_with_a_name_like_a_rotated_one_loses_no_generation_after_a_start() {
    let mut failed = Failed::default();
    for pattern in ["*.log", "app.log*"] {
        for neighbour in [false, true] {
            for compress in [Compress::Never, Compress::Now] {
                let mut scene = scene(pattern);
                if neighbour {
                    scene.write("app.log", "neighbour", 20);
                }
                let rotate = |scene: &Scene| {
                    let (files, directory) = (&scene.files, scene.path(""));
                    Scheme::DatedDirectory.rotate_log(files, &directory, "app.log.old", compress);
                };
                scene.write("app.log.old.log", "a", 60);
                scene.run(WHILE);
                // Its last lines are acknowledged when it has another name.
                scene.write("app.log.old.log", "a", 5);
                rotate(&scene);
                scene.run(WHILE);
                scene.stop();
                scene.pass_for_all(WHILE);
                scene.write("app.log.old.log", "b", 60);
                rotate(&scene);
                scene.start();
                scene.run(WHILE);
                let verdict = scene.verdict();
                // What is compressed at once is gone before it is read to its end.
                let fine = if compress == Compress::Never {
                    verdict.is_exact()
                } else {
                    verdict.is_complete()
                };
                failed.unless(fine, &|| format!("{pattern} {neighbour} {compress:?}: {verdict}"));
            }
        }
    }
    failed.check();
}

#[test]
fn a_log_next_to_another_one_is_none_of_its_rotated_files_where_those_lie_elsewhere() {
    let ground = Ground::in_memory();
    for folder in ["data", "old"] {
        ground.files().create_dir(&ground.path().join(folder));
    }
    let mut scene = Scene::of(World::within(ground, "data/*.log", |config| {
        let template = "../old/{name}.*".to_owned();
        config.rotated_names = RotatedNames::from_templates(&[template]).unwrap();
    }));
    for name in ["app.log", "app.log.old.log"] {
        scene.write(&format!("data/{name}"), name, 20);
    }
    scene.settle();
    for number in 1..=2 {
        scene.write("data/app.log.old.log", &number.to_string(), 20);
        scene.rename("data/app.log.old.log", &format!("old/app.log.old.log.{number}"));
    }
    scene.write("data/app.log.old.log", "last", 20);
    scene.settle();
    scene.run(WHILE);
    scene.check();
}

#[test]
fn a_clock_that_is_set_back_while_there_is_no_live_file_loses_no_generation() {
    let mut failed = Failed::default();
    // By numbers that count up, and by days alone, nothing tells once the clock is right again.
    let tells = [Scheme::Number, Scheme::Date, Scheme::Seconds, Scheme::Prefix];
    for scheme in SCHEMES {
        for passes in [Duration::ZERO, 5 * WHILE] {
            if passes > WHILE && !tells.contains(&scheme) {
                continue;
            }
            let mut scene = scene("app.log");
            scene.write("app.log", "a", 60);
            scene.run(WHILE);
            rotate(&scene, scheme, Compress::Never);
            scene.run(WHILE);
            scene.stop();
            scene.files.set_clock_back(2 * WHILE + Duration::from_mins(1));
            for generation in ["b", "c"] {
                scene.write("app.log", generation, 60);
                rotate(&scene, scheme, Compress::Never);
                scene.pass_for_all(passes);
            }
            scene.start();
            scene.run(WHILE);
            let verdict = scene.verdict();
            failed.unless(verdict.is_complete(), &|| format!("{scheme:?} {passes:?}: {verdict}"));
        }
    }
    failed.check();
}
