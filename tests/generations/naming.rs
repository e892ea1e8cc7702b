//! Names that tools give to rotated files: those that tell of their log, and those that do not.

use super::Failed;
use super::scheme::gzip;
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

use kinetail::tail::rotated::RotatedNames;

fn scene(pattern: &str) -> Scene {
    Scene::of(World::within(Ground::in_memory(), pattern, |_| {}))
}

/// What was told about names that `rotatedNames` does not cover.
fn told(scene: &Scene) -> u64 {
    scene.transitions("name_not_covered")
}

/// Two rotations, to two names.
fn rotate_twice(scene: &mut Scene, live: &str, names: [&str; 2]) {
    for (name, generation) in names.into_iter().zip(["b", "c"]) {
        scene.rename(live, name);
        scene.write(live, generation, 60);
    }
}

#[test]
fn two_rotations_while_stopped_lose_nothing_under_names_of_known_tools() {
    let mut failed = Failed::default();
    for (live, names) in [
        ("server.log", ["server.log00001", "server.log00002"]),
        ("log.txt", ["log.txt20261129", "log.txt20261130"]),
        ("postgresql.log", ["postgresql-Mon.log", "postgresql-Tue.log"]),
        ("app.log", ["app.log.Sun", "app.log.Mon"]),
        ("app.log", ["app.log.Wednesday", "app.log.Thursday"]),
        ("app.log", ["app-Nov-29-2026.log", "app-Nov-30-2026.log"]),
        ("app.log", ["app.log.Nov", "app.log.Dec"]),
        ("app.log", ["app.log.~1~", "app.log.~2~"]),
        ("app.log", ["app(1).log", "app(2).log"]),
        ("app.log", ["app.log(1)", "app.log(2)"]),
        ("app.log", ["app.log.001.txt", "app.log.002.txt"]),
        ("app.log", ["app.log.2026-11-29.txt", "app.log.2026-11-30.txt"]),
        ("app.log", ["app.log@20261129T120000", "app.log@20261129T130000"]),
        ("app.log", ["app.log 2026-11-29", "app.log 2026-11-30"]),
        ("app.log", ["app.log.older", "app.log.old"]),
    ] {
        for (stopped, packed) in [(true, false), (true, true), (false, false)] {
            let mut scene = scene(live);
            scene.write(live, "a", 60);
            scene.settle();
            if stopped {
                scene.stop();
            }
            rotate_twice(&mut scene, live, names);
            if packed {
                for name in names {
                    gzip(&scene.files, &scene.path(name));
                }
            }
            if stopped {
                scene.start();
            }
            scene.settle();
            let verdict = scene.verdict();
            let is_fine = verdict.is_exact() && told(&scene) == 0;
            failed.unless(is_fine, &|| {
                format!("{live} {names:?}, stopped {stopped}, packed {packed}: {verdict}")
            });
        }
    }
    failed.check();
}

/// No scheme is known in which these are rotated files, so a generation that is rotated to such a
/// name between two looks is not read. That is never silent.
#[test]
fn a_rotated_name_that_tells_nothing_is_named_once() {
    let mut failed = Failed::default();
    for name in ["app.log.aa", "app.log.v1", "app.log.done", "app-error.log", "away/app.log"] {
        for (stopped, packed) in [(false, false), (true, false), (true, true)] {
            let mut scene = scene("app.log");
            scene.files.create_dir(&scene.path("away"));
            scene.write("app.log", "a", 60);
            scene.settle();
            if stopped {
                scene.stop();
            }
            scene.rename("app.log", name);
            if packed {
                gzip(&scene.files, &scene.path(name));
            }
            scene.write("app.log", "b", 60);
            if stopped {
                scene.start();
            }
            scene.settle();
            // What left the directory while kinetail was stopped is `missing`.
            let is_missing = stopped && name.starts_with("away");
            let expected = u64::from(!is_missing);
            failed.unless(told(&scene) == expected, &|| {
                format!("{name}, stopped {stopped}, packed {packed}: {}", scene.all_transitions())
            });
            scene.rename("app.log", "app.log.again");
            scene.write("app.log", "c", 60);
            scene.settle();
            failed.unless(told(&scene) == 1, &|| format!("{name} again: {}", told(&scene)));
        }
    }
    failed.check();
}

#[test]
fn names_that_are_no_rotation_are_not_complained_about() {
    let covered = |pattern: &str, names: RotatedNames, live: &str, to: &str| {
        let world = World::within(Ground::in_memory(), pattern, |config| {
            config.rotated_names = names;
        });
        let mut scene = Scene::of(world);
        for directory in ["old", "2026-11", "logs"] {
            scene.files.create_dir(&scene.path(directory));
        }
        scene.write(live, "a", 60);
        scene.settle();
        scene.rename(live, to);
        scene.settle();
        assert_eq!(told(&scene), 0, "{pattern} {live} {to}: {}", scene.all_transitions());
    };
    let templates = |text: &str| RotatedNames::from_templates(&[text.to_owned()]).unwrap();
    covered("app.log", RotatedNames::Common, "app.log", "app.log.1");
    covered("app.log", RotatedNames::Common, "app.log", "app.log~");
    covered("app.log", RotatedNames::Common, "app.log", "2026-11/app-2026-11-29.log");
    covered("app.log", templates("old/{name}#*"), "app.log", "old/app.log#x");
    covered("app.log", RotatedNames::Off, "app.log", "app.log.aa");
    // It is followed whatever its name says.
    covered("*.log", RotatedNames::Common, "app.log", "app-error.log");
    // A series in which each generation has a name of its own.
    covered("app-*.log", RotatedNames::Common, "app-2026-11-29.log", "old-2026-11-29.txt");
    // The directory was moved, and not the file.
    covered("logs/app.log", RotatedNames::Common, "logs/app.log", "logs/app.log.1");
    let mut scene = scene("logs/app.log");
    scene.files.create_dir(&scene.path("logs"));
    scene.write("logs/app.log", "a", 60);
    scene.settle();
    scene.rename("logs", "logs.old");
    scene.settle();
    assert_eq!(told(&scene), 0, "{}", scene.all_transitions());
}

#[test]
fn behind_a_link_the_names_next_to_its_target_count() {
    for (to, expected) in [("data/real.log.1", 0), ("data/real.log.aa", 1)] {
        let ground = Ground::in_memory();
        ground.files().create_dir(&ground.path().join("data"));
        ground.files().create_dir(&ground.path().join("logs"));
        let link = ground.path().join("logs/app.log");
        ground.files().symlink(&ground.path().join("data/real.log"), &link);
        let mut scene = Scene::of(World::within(ground, "logs/app.log", |_| {}));
        scene.write("data/real.log", "a", 60);
        scene.settle();
        scene.rename("data/real.log", to);
        scene.write("data/real.log", "b", 60);
        scene.settle();
        assert_eq!(told(&scene), expected, "{to}: {}", scene.all_transitions());
        // A link that is led to another file says nothing of names.
        scene.write("data/other.log", "c", 60);
        scene.files.remove_file(&link);
        scene.files.symlink(&scene.path("data/other.log"), &link);
        scene.settle();
        assert_eq!(told(&scene), expected, "{to}: {}", scene.all_transitions());
    }
}

/// An editor makes a new file, which was born later than the log. Where numbers count up a greater
/// number is younger, so the birth decides: to repeat is better than to lose.
#[test]
fn a_greater_number_that_was_born_later_is_read() {
    let mut scene = scene("app.log");
    scene.append("app.log.1", "old\n".repeat(90).as_bytes());
    scene.run(std::time::Duration::from_secs(10));
    scene.write("app.log", "a", 60);
    scene.settle();
    scene.stop();
    scene.files.remove_file(&scene.path("app.log.1"));
    scene.write("app.log.2", "edited", 60);
    scene.rename("app.log", "app.log.1");
    scene.write("app.log", "b", 60);
    scene.start();
    scene.settle_and_check();
}
