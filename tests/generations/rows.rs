//! What rows tell of the last file of a log: some of them are of files that lost their names, or
//! were deleted, long before the flow was stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Failed;
use super::scheme::gzip;
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

/// Longer than what is finished is remembered, and than what is given to clocks that lag.
const WHILE: Duration = Duration::from_mins(3);

fn scene(pattern: &str, births: bool) -> Scene {
    let ground = Ground::in_memory();
    ground.files().create_dir(&ground.path().join("logs"));
    let scene = Scene::of(World::within(ground, pattern, |_| {}));
    if !births {
        scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
    }
    scene
}

/// Everything arrives, and what is finished is forgotten.
fn pass(scene: &mut Scene) {
    scene.settle();
    scene.leap(WHILE);
    scene.settle();
    scene.leap(WHILE);
    scene.settle();
}

/// A generation that came, was rotated and was compressed between two looks; then the log has no
/// live file, or has one again that is deleted.
fn with_an_archive(scene: &mut Scene) {
    scene.rename("logs/app.log", "logs/app.log.2");
    scene.write("logs/app.log", "between", 30);
    scene.rename("logs/app.log", "logs/app.log.1");
    gzip(&scene.files, &scene.path("logs/app.log.1"));
    pass(scene);
}

#[test]
fn a_file_that_lost_its_name_when_it_was_read_does_not_make_archives_younger_after_a_start() {
    let mut failed = Failed::default();
    for births in [false, true] {
        for killed in [false, true] {
            let mut scene = scene("logs/app.log", births);
            scene.write("logs/app.log", "first", 30);
            pass(&mut scene);
            with_an_archive(&mut scene);
            scene.append("logs/app.log", b"");
            pass(&mut scene);
            scene.files.remove_file(&scene.path("logs/app.log"));
            pass(&mut scene);
            if killed {
                scene.crash();
            } else {
                scene.stop();
            }
            scene.pass_for_all(WHILE);
            scene.start();
            scene.run(Duration::from_secs(30));
            scene.settle();
            let verdict = scene.verdict();
            failed.unless(verdict.is_exact(), &|| format!("{births} {killed}: {verdict}"));
        }
    }
    failed.check();
}

#[test]
fn a_live_file_that_was_deleted_long_ago_does_not_make_archives_younger_after_a_start() {
    let mut scene = scene("logs/app.log", false);
    scene.write("logs/app.log", "first", 30);
    pass(&mut scene);
    scene.stop();
    // It lies where it is not searched for, until it is put back under a rotated name.
    scene.files.create_dir(&scene.path("elsewhere"));
    scene.rename("logs/app.log", "elsewhere/first");
    scene.pass_for_all(WHILE);
    scene.write("logs/app.log", "second", 30);
    scene.start();
    pass(&mut scene);
    with_an_archive(&mut scene);
    scene.stop();
    scene.rename("elsewhere/first", "logs/app.log.3");
    scene.pass_for_all(WHILE);
    scene.start();
    scene.run(Duration::from_secs(30));
    scene.settle_and_check();
}

#[test]
fn of_many_places_where_a_link_led_the_last_one_is_known_after_a_start() {
    let ground = Ground::in_memory();
    for number in 0..12 {
        ground.files().create_dir(&ground.path().join(format!("release-{number}")));
    }
    ground.files().create_dir(&ground.path().join("logs"));
    let mut scene = Scene::of(World::within(ground, "logs/current/app.log", |_| {}));
    for number in 0..11 {
        lead_to(&scene, number);
        scene.write("logs/current/app.log", &format!("{number:02}"), 30);
        scene.settle();
    }
    scene.stop();
    scene.pass_for_all(WHILE);
    scene.rename("release-10/app.log", "release-10/app.log.1");
    scene.write("logs/current/app.log", "again", 30);
    lead_to(&scene, 11);
    scene.write("logs/current/app.log", "last", 30);
    scene.start();
    scene.settle_and_check();
}

fn lead_to(scene: &Scene, number: usize) {
    let (target, link) = (scene.path(&format!("release-{number}")), scene.path("logs/current"));
    if scene.files.is_there(&link) {
        scene.files.remove_file(&link);
    }
    scene.files.symlink(&target, &link);
}
