//! Different files that begin with the same bytes.

use std::fs::{self, File};
use std::time::Duration;

use crate::support::scene::Scene;

#[test]
fn a_file_that_begins_like_a_longer_one_and_then_differs_is_not_held_back() {
    let mut scene = Scene::new("*.log");
    let banner: Vec<u8> =
        (0..100).flat_map(|n| format!("banner {n} of all\n").into_bytes()).collect();
    for line in banner.split_inclusive(|b| *b == b'\n') {
        scene.written.push(line.to_vec());
        scene.written.push(line.to_vec());
    }
    scene.append("a.log", &banner);
    scene.write("a.log", "a", 5000);
    scene.settle();
    scene.append("b.log", &banner);
    scene.hint();
    for _ in 0..40 {
        scene.write("b.log", "b", 1);
        scene.run(Duration::from_secs(1));
    }
    scene.check();
}

#[test]
fn two_files_that_grow_alike_are_both_sent() {
    let mut scene = Scene::new("*.log");
    let line = scene.lines("both", 1);
    scene.written.push(line.clone());
    scene.append("a.log", &line);
    scene.settle();
    scene.append("b.log", &line);
    scene.hint();
    for _ in 0..40 {
        let line = scene.lines("both", 1);
        scene.append("a.log", &line);
        scene.append("b.log", &line);
        scene.run(Duration::from_secs(1));
    }
    assert_eq!(scene.stream.len(), 2 * 41);
}

#[test]
fn a_new_file_that_begins_like_a_truncated_one_is_a_file_of_its_own() {
    let mut scene = Scene::new("*.log");
    scene.written.push(b"starting\n".to_vec());
    scene.append("a.log", b"starting\n");
    scene.settle();
    scene.truncate("a.log");
    scene.write("a.log", "a", 1);
    scene.settle();
    scene.written.push(b"starting\n".to_vec());
    scene.append("b.log", b"starting\n");
    scene.write("b.log", "b", 3);
    // The kernel's stamps tick too slowly for a test.
    let truncated = fs::metadata(scene.path("a.log")).unwrap().modified().unwrap();
    let b = File::options().write(true).open(scene.path("b.log")).unwrap();
    b.set_modified(truncated + Duration::from_secs(1)).unwrap();
    scene.settle_and_check();
}

#[test]
fn a_new_file_that_equals_one_that_is_truncated_at_once_and_continues_is_a_file_of_its_own() {
    let mut scene = Scene::new("*.log");
    for name in ["a.log", "b.log"] {
        scene.written.push(b"starting\n".to_vec());
        scene.append(name, b"starting\n");
        scene.hint();
        scene.run(Duration::from_secs(1));
    }
    File::create(scene.path("a.log")).unwrap();
    scene.write("b.log", "b", 3);
    // The kernel's stamps tick too slowly for a test.
    let truncated = fs::metadata(scene.path("a.log")).unwrap().modified().unwrap();
    let b = File::options().write(true).open(scene.path("b.log")).unwrap();
    b.set_modified(truncated + Duration::from_secs(1)).unwrap();
    scene.settle_and_check();
}

#[test]
fn a_new_file_that_begins_like_one_that_was_deleted_while_down_is_a_file_of_its_own() {
    let mut scene = Scene::new("*.log");
    scene.written.push(b"starting\n".to_vec());
    scene.append("a.log", b"starting\n");
    scene.settle();
    scene.stop();
    let keep = File::open(scene.path("a.log")).unwrap();
    fs::remove_file(scene.path("a.log")).unwrap();
    scene.written.push(b"starting\n".to_vec());
    scene.append("b.log", b"starting\n");
    scene.write("b.log", "b", 3);
    drop(keep);
    scene.start();
    scene.settle_and_check();
}
