//! What tools of several kinds do: compression that is not supported, and schemes of names.

use super::Failed;
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

fn scene(pattern: &str) -> Scene {
    Scene::of(World::within(Ground::in_memory(), pattern, |_| {}))
}

#[test]
fn compressed_files_of_every_kind_are_never_followed() {
    let mut failed = Failed::default();
    for ending in [
        "gz", "GZ", "bz2", "zip", "zst", "xz", "XZ", "lz4", "LZ4", "Z", "z", "lzma", "br", "7z",
        "7Z", "lz", "lzo", "rar", "tgz", "sz",
    ] {
        for pattern in ["app.log*", "*"] {
            let mut scene = scene(pattern);
            scene.write("app.log", "a", 60);
            scene.settle();
            scene.rename("app.log", "app.log.2");
            scene.write("app.log", "b", 60);
            let mut random = fastrand::Rng::with_seed(7);
            let bytes: Vec<u8> = (0..20_000).map(|_| random.u8(..)).collect();
            let packed = scene.path(&format!("app.log.1.{ending}"));
            scene.files.create_new(&packed).append(&bytes);
            scene.settle();
            let verdict = scene.verdict();
            failed.unless(verdict.is_exact(), &|| format!("{pattern} {ending}: {verdict}"));
            let told = scene.transitions("problem") + scene.transitions("lost") > 0;
            failed.unless(told, &|| format!("{pattern} {ending}: {}", scene.all_transitions()));
        }
    }
    failed.check();
}

/// A chain in which the file with the number 0 is written to.
fn counts_from_zero(name: fn(usize) -> String, patterns: &[&str]) {
    let mut failed = Failed::default();
    for pattern in patterns {
        for stopped in [false, true] {
            for rotations in 1..=4 {
                let mut scene = scene(pattern);
                scene.write(&name(0), "a", 60);
                scene.settle();
                if stopped {
                    scene.stop();
                }
                for rotation in 0..rotations {
                    for number in (0..8).rev() {
                        if scene.files.is_there(&scene.path(&name(number))) {
                            scene.rename(&name(number), &name(number + 1));
                        }
                    }
                    scene.write(&name(0), &format!("b{rotation}"), 60);
                }
                if stopped {
                    scene.start();
                }
                scene.settle();
                let verdict = scene.verdict();
                let text = format!("{pattern}, stopped {stopped}, {rotations}");
                failed.unless(verdict.is_exact(), &|| format!("{text}: {verdict}"));
            }
        }
    }
    failed.check();
}

#[test]
fn java_util_logging_loses_no_generation() {
    counts_from_zero(|number| format!("app0.log.{number}"), &["app0.log.0", "app*.log.*"]);
    counts_from_zero(|number| format!("app.{number}.log"), &["app.0.log", "app.*.log", "*.log"]);
}

#[test]
fn another_program_with_a_number_in_its_name_is_left_alone() {
    for names in [["worker-0.log", "worker-1.log"], ["worker.0.log", "worker.1.log"]] {
        let mut scene = scene(names[0]);
        scene.write(names[0], "a", 60);
        scene.settle();
        scene.stop();
        scene.rename(names[0], &format!("{}.1", names[0]));
        scene.write(names[0], "b", 60);
        scene.append(names[1], "of another program\n".repeat(60).as_bytes());
        scene.start();
        scene.settle_and_check();
    }
}

#[test]
fn multilog_loses_no_generation() {
    for stopped in [false, true] {
        let mut scene = scene("current");
        scene.write("current", "a", 60);
        scene.settle();
        if stopped {
            scene.stop();
        }
        for rotation in 0..4 {
            scene.rename("current", &format!("@40000000674b{rotation:02x}0d1f2c3a4b.s"));
            scene.write("current", &format!("b{rotation}"), 60);
        }
        if stopped {
            scene.start();
        }
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_exact(), "stopped {stopped}: {verdict}");
    }
}

#[test]
fn generations_in_dated_directories_are_found() {
    for stopped in [false, true] {
        for pack in [false, true] {
            let mut scene = scene("app.log");
            scene.write("app.log", "a", 60);
            scene.settle();
            if stopped {
                scene.stop();
            }
            for month in 10..=12 {
                let folder = scene.path(&format!("2026-{month}"));
                scene.files.create_dir(&folder);
                for number in 1..=2 {
                    let to = folder.join(format!("app-2026-{month}-30-{number}.log"));
                    scene.files.rename(&scene.path("app.log"), &to);
                    if pack {
                        super::scheme::gzip(&scene.files, &to);
                    }
                    scene.write("app.log", &format!("b{month}.{number}"), 60);
                }
            }
            if stopped {
                scene.start();
            }
            scene.settle();
            let verdict = scene.verdict();
            assert!(verdict.is_exact(), "stopped {stopped}, packed {pack}: {verdict}");
        }
    }
}
