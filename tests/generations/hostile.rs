//! Generations among files that look alike: equal contents, names of other programs, times that a
//! tool set, links, and directories that cannot be listed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use kinetail::tail::exclude::Exclude;
use kinetail::tail::rotated::RotatedNames;

use super::scheme::{Compress, SCHEMES, Scheme, gzip};
use super::{generation, without_root};
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::{World, let_the_clock_pass, let_the_clock_tick};

/// A scene whose first generation was delivered, stopped.
fn stopped(pattern: &str) -> Scene {
    let mut scene = Scene::new(pattern);
    scene.write("app.log", "a", 30);
    scene.settle();
    scene.stop();
    scene
}

fn set_modified(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn long_ago() -> SystemTime {
    SystemTime::now() - Duration::from_hours(1000)
}

#[test]
fn a_directory_that_cannot_be_listed_is_told_and_its_generations_are_read_when_it_can_be() {
    for running in [false, true] {
        without_root(|| {
            let mut scene = Scene::new("d/app.log");
            fs::create_dir(scene.path("d")).unwrap();
            scene.write("d/app.log", "a", 30);
            scene.settle();
            if !running {
                scene.stop();
            }
            for name in ["b", "c"] {
                Scheme::Number.rotate(&scene.files, &scene.path("d"), Compress::Never);
                scene.write("d/app.log", name, 30);
            }
            let lock = |scene: &Scene, mode| {
                fs::set_permissions(scene.path("d"), fs::Permissions::from_mode(mode)).unwrap();
            };
            lock(&scene, 0o311);
            if !running {
                scene.start();
            }
            // Longer than finished contents are known otherwise.
            scene.run(Duration::from_mins(3));
            scene.assert_counted("problem");
            lock(&scene, 0o755);
            scene.run(Duration::from_secs(20));
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.lost.is_empty(), "running {running}: {verdict}");
            assert!(verdict.is_exact(), "running {running}: {verdict}");
            scene.assert_counted("recovered");
        });
    }
}

#[test]
fn equal_generations_are_each_delivered() {
    // Where they are compressed at once equal ones may be taken for each other.
    for scheme in SCHEMES {
        for running in [false, true] {
            let mut scene = Scene::new("app.log");
            let lines: Vec<String> = (0..60).map(|line| format!("report line {line}\n")).collect();
            let report = lines.concat();
            scene.write_text("app.log", report.as_bytes());
            scene.settle();
            if !running {
                scene.stop();
                let_the_clock_pass(Duration::from_millis(20));
            }
            for _ in 0..3 {
                scheme.rotate(&scene.files, &scene.path(""), Compress::Never);
                let_the_clock_tick();
                scene.write_text("app.log", report.as_bytes());
            }
            if !running {
                scene.start();
            }
            scene.settle();
            scene.run(Duration::from_secs(30));
            let verdict = scene.verdict();
            assert!(verdict.lost.is_empty(), "{scheme:?} {running}: {verdict}");
        }
    }
}

#[test]
fn a_link_that_led_to_files_of_other_names_loses_none_of_their_generations() {
    let mut scene = Scene::new("containers/x.log");
    for dir in ["containers", "pod"] {
        fs::create_dir(scene.path(dir)).unwrap();
    }
    let link = |scene: &Scene, name: &str| {
        let path = scene.path("containers/x.log");
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).unwrap();
        }
        symlink(scene.path(&format!("pod/{name}")), path).unwrap();
    };
    scene.write("pod/0.log", "a", 30);
    link(&scene, "0.log");
    scene.settle();
    scene.stop();
    for restart in 0..3 {
        for hour in 10..12 {
            let live = format!("pod/{restart}.log");
            scene.rename(&live, &format!("{live}.20261129-{hour}0000"));
            scene.write(&live, &format!("r{restart}h{hour}"), 30);
        }
        scene.write(&format!("pod/{}.log", restart + 1), &format!("r{restart}"), 30);
        link(&scene, &format!("{}.log", restart + 1));
    }
    scene.start();
    scene.settle_and_check();
}

#[test]
fn an_archive_whose_time_was_set_is_judged_by_its_name() {
    let mut scene = stopped("app.log");
    generation(&mut scene, Scheme::Number, "a2");
    generation(&mut scene, Scheme::Number, "b");
    let packed = gzip(&scene.files, &scene.path("app.log.1"));
    set_modified(&packed, long_ago());
    scene.write("app.log", "c", 30);
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_log_with_a_number_in_its_name_is_a_log_of_its_own() {
    let mut scene = stopped("*.log");
    scene.write("app-2.log", "b", 30);
    scene.rename("app-2.log", "app-2.log.1");
    scene.write("app-2.log", "c", 30);
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_rotated_file_behind_a_link_is_read() {
    let mut scene = stopped("logs/app.log");
    for dir in ["logs", "archive"] {
        fs::create_dir(scene.path(dir)).unwrap();
    }
    // The log itself begins in the directory that the pattern names.
    scene.start();
    scene.write("logs/app.log", "a", 30);
    scene.settle();
    scene.written.drain(..30);
    scene.stop();
    scene.rename("logs/app.log", "logs/app.log.2");
    scene.write("logs/app.log", "b", 30);
    scene.rename("logs/app.log", "archive/app.log.1");
    symlink(scene.path("archive/app.log.1"), scene.path("logs/app.log.1")).unwrap();
    scene.write("logs/app.log", "c", 30);
    scene.start();
    scene.settle_and_check();
}

#[test]
fn names_of_usual_tools_belong_to_their_log() {
    let names = [
        "out__2026-11-29_00-00-00.log",
        "out.log.29Nov2026",
        "out.log.2026-11-29 10:00:00",
        "out.log.1.old",
        "out.log.2026-W48",
        "out.log.2026-11-29-10-AM",
        "out.log.2026-November-29",
        "out.log.20261129T100000Z",
        "out-2026-11-29.log",
    ];
    for name in names {
        let readings = RotatedNames::Common.readings(name.as_bytes());
        assert!(readings.iter().any(|reading| reading.live == b"out.log"), "{name}: {readings:?}");
    }
    let others =
        ["out-error.log", "out.log.lock", "out.log.2026-errors", "out.log.1.pos", "out-beta2.log"];
    for name in others {
        let readings = RotatedNames::Common.readings(name.as_bytes());
        assert!(!readings.iter().any(|reading| reading.live == b"out.log"), "{name}: {readings:?}");
    }
}

#[test]
fn a_generation_whose_name_is_excluded_is_skipped() {
    let mut scene = Scene::with("app.log", |config| {
        let excludes = vec![Exclude::parse("*.1").unwrap()];
        config.pattern = config.pattern.clone().excluding(excludes);
    });
    scene.write("app.log", "a", 30);
    scene.settle();
    scene.stop();
    scene.rename("app.log", "app.log.2");
    fs::write(scene.path("app.log.1"), "skipped\n".repeat(100)).unwrap();
    scene.write("app.log", "c", 30);
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_log_of_another_program_with_a_number_is_no_generation_of_a_log_that_is_rotated_otherwise() {
    let mut scene = stopped("app.log");
    fs::write(scene.path("app-2.log"), "of another program\n".repeat(30)).unwrap();
    Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Never);
    scene.write("app.log", "b", 30);
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_log_of_another_program_with_a_day_in_its_name_is_no_generation_of_a_log_with_numbers() {
    for births in [true, false] {
        let mut scene = Scene::of(World::within(Ground::in_memory(), "app.log", |_| {}));
        if !births {
            scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
        }
        for day in ["Mon", "Tue"] {
            // It was there before, and it grows; or it is as young as the log.
            scene.append(&format!("app-{day}.log"), "of another program\n".repeat(60).as_bytes());
            scene.write("app.log", day, 60);
            scene.settle();
            scene.pass_for_all(Duration::from_mins(5));
            scene.append("app-Mon.log", "of another program\n".repeat(60).as_bytes());
            Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Never);
        }
        scene.write("app.log", "last", 30);
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "births {births}: {verdict}");
    }
}

#[test]
fn old_generations_that_were_restored_with_their_times_are_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        let old = dir.path().join(format!("app.log.{number}"));
        fs::write(&old, format!("old {number}\n").repeat(300)).unwrap();
        set_modified(&old, long_ago());
    }
    let_the_clock_tick();
    let mut scene = Scene::of(World::within(dir, "app.log", |_| {}));
    // Enough to be known again by its bytes.
    scene.write("app.log", "a", 60);
    scene.settle();
    scene.stop();
    for entry in fs::read_dir(scene.path("")).unwrap() {
        let path = entry.unwrap().path();
        let (bytes, modified) = (fs::read(&path).unwrap(), path.metadata().unwrap().modified());
        let new = path.with_extension("restoring");
        fs::write(&new, bytes).unwrap();
        set_modified(&new, modified.unwrap());
        fs::rename(&new, &path).unwrap();
    }
    scene.write("app.log", "b", 30);
    Scheme::Number.rotate(&scene.files, &scene.path(""), Compress::Never);
    scene.write("app.log", "c", 30);
    scene.start();
    scene.settle_and_check();
}
