//! Names that tools give to rotated files: those that tell of their log, and those that do not.

use super::Failed;
use super::scheme::gzip;
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

fn scene(pattern: &str) -> Scene {
    Scene::of(World::within(Ground::in_memory(), pattern, |_| {}))
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
            failed.unless(verdict.is_exact(), &|| {
                format!("{live} {names:?}, stopped {stopped}, packed {packed}: {verdict}")
            });
        }
    }
    failed.check();
}
