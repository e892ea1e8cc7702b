//! Inode numbers that are used again where nothing tells when files were born.

use std::collections::BTreeMap;
use std::time::Duration;

use super::scheme::gzip;
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

/// A log on a file system without births, followed for a while.
fn without_births(pattern: &str) -> Scene {
    let ground = Ground::in_memory();
    for folder in ["logs", "data"] {
        ground.files().create_dir(&ground.path().join(folder));
    }
    let scene = Scene::of(World::within(ground, pattern, |_| {}));
    scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
    scene
}

/// The number of the empty file that the flow knew is that of this one.
fn give_number_of_the_empty_file(scene: &mut Scene, name: &str) {
    let empty = scene.rows().values().find(|row| row.offset == 0).unwrap().inode;
    let file = scene.files.writer(&scene.path(name)).unwrap().inode();
    scene.change_inode(empty, file);
}

fn lead_to(scene: &Scene, target: &str) {
    let (target, link) = (scene.path(target), scene.path("logs/app.log"));
    if scene.files.is_there(&link) {
        scene.files.remove_file(&link);
    }
    scene.files.symlink(&target, &link);
}

#[test]
fn a_younger_file_with_the_number_of_an_empty_one_hides_no_generation_of_a_link() {
    let mut scene = without_births("logs/app.log");
    lead_to(&scene, "data/app.log-0001");
    scene.write("data/app.log-0001", "a", 20);
    scene.settle();
    scene.append("data/app.log-0002", b"");
    lead_to(&scene, "data/app.log-0002");
    scene.settle();
    scene.stop();
    scene.pass_for_all(Duration::from_mins(1));
    scene.files.remove_file(&scene.path("data/app.log-0002"));
    for (name, generation) in [("data/app.log-0003", "b"), ("data/app.log-0004", "c")] {
        scene.write(name, generation, 20);
        lead_to(&scene, name);
    }
    give_number_of_the_empty_file(&mut scene, "data/app.log-0004");
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_rotated_file_with_the_number_of_an_empty_one_hides_no_compressed_generation() {
    let mut scene = without_births("logs/app.log*");
    scene.append("logs/app.log", b"");
    scene.settle();
    scene.stop();
    scene.pass_for_all(Duration::from_mins(1));
    scene.files.remove_file(&scene.path("logs/app.log"));
    scene.write("logs/app.log", "a", 20);
    scene.rename("logs/app.log", "logs/app.log.2");
    gzip(&scene.files, &scene.path("logs/app.log.2"));
    scene.write("logs/app.log", "b", 20);
    scene.rename("logs/app.log", "logs/app.log.1");
    scene.write("logs/app.log", "c", 20);
    give_number_of_the_empty_file(&mut scene, "logs/app.log.1");
    scene.start();
    scene.run(Duration::from_secs(30));
    scene.settle_and_check();
}
