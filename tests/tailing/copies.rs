//! Files that are copied and truncated.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use kinetail::tail::identity::Inode;

use crate::support::scene::Scene;
use crate::support::world::copy_truncate;

#[test]
fn a_copy_that_exists_before_the_truncation_is_not_sent() {
    let mut scene = Scene::new("app.log*");
    scene.write("app.log", "a", 100);
    scene.settle();
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.run(Duration::from_millis(500));
    scene.truncate("app.log");
    scene.write("app.log", "b", 100);
    scene.settle_and_check();
}

#[test]
fn truncated_while_down_with_and_without_a_copy_in_the_glob() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        scene.write("app.log", "g", 100);
        scene.settle();
        scene.stop();
        scene.write("app.log", "g", 50);
        copy_truncate(&scene.path("app.log"), &scene.path("app.log.1"));
        scene.write("app.log", "h", 200);
        scene.start();
        scene.settle_and_check();
    }
}

#[test]
fn a_copy_that_was_made_while_the_original_still_grew_repeats_a_few_lines_at_most() {
    let mut scene = Scene::new("app.log*");
    for _ in 0..20 {
        scene.write("app.log", "g", 5);
        scene.run(Duration::from_millis(60));
    }
    // The copy ends here; the original grows on and is read before it is truncated.
    let copied = fs::read(scene.path("app.log")).unwrap();
    scene.write("app.log", "g", 5);
    scene.run(Duration::from_millis(60));
    fs::write(scene.path("app.log.1"), copied).unwrap();
    scene.truncate("app.log");
    scene.write("app.log", "h", 5);
    scene.settle();
    let verdict = scene.verdict();
    assert!(verdict.is_complete() && verdict.repeated.len() <= 5, "{verdict}");
}

#[test]
fn a_file_that_was_truncated_before_anything_was_read_is_found_in_its_copy() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        // Nothing can be sent, and one batch is full, so the second file is seen and not read.
        scene.write("app.log", "a", 1);
        scene.settle();
        scene.truncate("app.log");
        scene.run(Duration::from_millis(700));
        scene.endpoint_down = true;
        scene.write("app.log", "b", 3000);
        scene.run(Duration::from_millis(700));
        copy_truncate(&scene.path("app.log"), &scene.path("app.log.1"));
        scene.run(Duration::from_millis(700));
        scene.endpoint_down = false;
        scene.settle_and_check();
    }
}

#[test]
fn a_copy_that_is_seen_while_it_is_empty_is_still_a_copy() {
    let mut scene = Scene::new("app.log*");
    scene.write("app.log", "a", 100);
    scene.settle();
    scene.append("app.log.1", b"");
    scene.run(Duration::from_millis(300));
    let content = fs::read(scene.path("app.log")).unwrap();
    scene.append("app.log.1", &content);
    scene.truncate("app.log");
    scene.write("app.log", "b", 100);
    scene.settle_and_check();
}

#[test]
fn a_short_copy_that_is_seen_before_its_original_is_truncated_is_not_sent_again() {
    let mut scene = Scene::new("app.log*");
    scene.write("app.log", "a", 2);
    scene.settle();
    fs::copy(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    scene.hint();
    scene.run(Duration::from_secs(1));
    File::create(scene.path("app.log")).unwrap();
    scene.write("app.log", "b", 2);
    scene.settle_and_check();
}

/// A file outside the watched directory with the inode number that a file had which was truncated,
/// deleted while it was empty, and not forgotten because the process died.
fn with_the_number_of_an_empty_file(scene: &mut Scene) -> PathBuf {
    scene.write("app.log", "a", 20);
    scene.settle();
    File::create(scene.path("app.log")).unwrap();
    scene.settle();
    let row = scene.rows().values().find(|row| row.offset == 0).unwrap().inode;
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.crash();
    // Numbers cannot be chosen, but what was checkpointed can be changed.
    let name = scene.path("elsewhere/spare");
    fs::create_dir(scene.path("elsewhere")).unwrap();
    let spare = File::create(&name).unwrap().metadata().unwrap();
    scene.change_inode(row, Inode { device: spare.dev(), number: spare.ino() });
    name
}

#[test]
fn a_copy_outside_the_pattern_with_the_inode_of_a_file_that_was_empty_is_not_sent_again() {
    let mut scene = Scene::new("app.log");
    let spare = with_the_number_of_an_empty_file(&mut scene);
    scene.start();
    scene.write("app.log", "b", 20);
    scene.settle();
    fs::copy(scene.path("app.log"), &spare).unwrap();
    fs::rename(&spare, scene.path("app.log.1")).unwrap();
    File::create(scene.path("app.log")).unwrap();
    scene.settle_and_check();
    scene.stop();
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_copy_in_the_pattern_with_the_inode_of_a_file_that_was_empty_is_recognised() {
    let mut scene = Scene::new("app.log*");
    let spare = with_the_number_of_an_empty_file(&mut scene);
    scene.write("app.log", "b", 20);
    scene.start();
    scene.settle();
    fs::copy(scene.path("app.log"), &spare).unwrap();
    fs::rename(&spare, scene.path("app.log.1")).unwrap();
    scene.hint();
    scene.run(Duration::from_secs(1));
    File::create(scene.path("app.log")).unwrap();
    scene.settle_and_check();
}

#[test]
fn a_copy_is_known_even_if_its_original_was_closed_for_others() {
    let mut scene = Scene::new("*.log*");
    scene.descriptors_max = 1;
    scene.crash();
    scene.start();
    for name in ["a.log", "b.log", "c.log"] {
        scene.write(name, name, 20);
        scene.settle();
    }
    for name in ["a.log", "b.log", "c.log"] {
        fs::copy(scene.path(name), scene.path(&format!("{name}.1"))).unwrap();
        scene.hint();
        scene.run(Duration::from_millis(200));
        File::create(scene.path(name)).unwrap();
        scene.write(name, name, 1);
        scene.settle();
    }
    scene.check();
}

#[test]
fn a_copy_whose_original_is_deleted_before_a_crash_is_continued_where_it_was_acknowledged() {
    let mut scene = Scene::new("app.log*");
    scene.write("app.log", "a", 20);
    scene.settle();
    scene.endpoint_down = true;
    scene.write("app.log", "a", 5);
    scene.run(Duration::from_secs(1));
    copy_truncate(&scene.path("app.log"), &scene.path("app.log.1"));
    scene.run(Duration::from_secs(1));
    fs::remove_file(scene.path("app.log")).unwrap();
    scene.crash();
    scene.endpoint_down = false;
    scene.start();
    scene.settle_and_check();
}

#[test]
fn a_copy_with_the_inode_of_a_file_that_began_alike_is_known_by_the_longer_one() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 20);
    scene.settle();
    scene.stop();
    // What both hold is sent twice: too little of it was read to tell.
    scene.written.extend_from_within(..);
    fs::copy(scene.path("app.log"), scene.path("new")).unwrap();
    scene.write("new", "a", 20);
    scene.rename("new", "app.log");
    fs::create_dir(scene.path("elsewhere")).unwrap();
    let spare = scene.path("elsewhere/spare");
    let meta = File::create(&spare).unwrap().metadata().unwrap();
    let old = scene.rows().values().next().unwrap().inode;
    scene.change_inode(old, Inode { device: meta.dev(), number: meta.ino() });
    scene.start();
    scene.settle();
    fs::copy(scene.path("app.log"), &spare).unwrap();
    fs::rename(&spare, scene.path("app.log.1")).unwrap();
    File::create(scene.path("app.log")).unwrap();
    scene.settle();
    let (mut written, mut arrived) = (scene.written.clone(), scene.stream.clone());
    written.sort();
    arrived.sort();
    assert_eq!(arrived, written);
}
