//! Files that lose their end.

use std::fs::{self, OpenOptions};

use super::same_lines;
use crate::support::scene::Scene;
use crate::support::world::World;

#[test]
fn a_file_that_is_cut_or_whose_end_is_rewritten_while_stopped_is_not_sent_again_whole() {
    for cut in [false, true] {
        let mut scene = Scene::new("app.log");
        scene.write("app.log", "a", 5_000);
        scene.settle();
        scene.stop();
        cut_last_lines(&scene, 10);
        scene.write("app.log", "b", if cut { 3 } else { 300 });
        scene.start();
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_complete(), "{cut}: {verdict}");
        assert!(verdict.repeated.len() <= 20, "{cut}: {verdict}");
        scene.assert_counted(if cut { "shortened" } else { "end_rewritten" });
    }
}

#[test]
fn a_file_that_is_cut_at_its_end_is_not_sent_again_whole() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "a", 1_000);
    scene.settle();
    let bytes = fs::read(scene.path("app.log")).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let kept: usize = lines[..990].iter().map(|line| line.len()).sum();
    OpenOptions::new()
        .write(true)
        .open(scene.path("app.log"))
        .unwrap()
        .set_len(kept as u64)
        .unwrap();
    scene.settle();
    let repeated = scene.stream.len() - 1_000;
    assert!(repeated <= 20, "{repeated} lines came again");
    scene.assert_counted("shortened");
    scene.write("app.log", "b", 10);
    scene.settle();
    let verdict = scene.verdict();
    assert!(verdict.is_complete(), "{verdict}");
    assert!(verdict.repeated.len() <= 20, "{verdict}");
}

#[test]
fn a_truncated_file_that_begins_alike_is_no_cut_one() {
    let mut world = World::new("app.log");
    world.append("app.log", &same_lines(1_000));
    world.settle();
    fs::write(world.path("app.log"), same_lines(500)).unwrap();
    world.settle();
    assert_eq!(world.stream.len(), 1_500);
}

#[test]
fn a_file_that_is_cut_and_regrown_between_two_looks_is_not_sent_again_whole() {
    for added in [10, 12, 500] {
        let mut scene = Scene::new("app.log");
        scene.write("app.log", "a", 5_000);
        scene.settle();
        cut_last_lines(&scene, 10);
        scene.write("app.log", "b", added);
        scene.settle();
        let verdict = scene.verdict();
        assert!(verdict.is_complete(), "{added}: {verdict}");
        assert!(verdict.repeated.len() <= 20, "{added}: {verdict}");
    }
}

#[test]
fn what_is_in_flight_when_a_file_is_cut_survives_a_crash() {
    for regrown in [false, true] {
        let mut scene = Scene::new("app.log");
        scene.endpoint_down = true;
        scene.write("app.log", "a", 1_000);
        scene.settle();
        cut_last_lines(&scene, 10);
        let cut = scene.written.split_off(990);
        if regrown {
            scene.write("app.log", "b", 20);
        }
        scene.settle();
        scene.crash();
        scene.endpoint_down = false;
        scene.start();
        scene.settle();
        scene.written.extend(cut);
        let verdict = scene.verdict();
        assert!(verdict.lost.len() <= 10, "{regrown}: {verdict}");
        assert!(scene.stream.len() <= 1_030, "{regrown}: {verdict}");
    }
}

fn cut_last_lines(scene: &Scene, count: usize) {
    let bytes = fs::read(scene.path("app.log")).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let kept: usize = lines[..lines.len() - count].iter().map(|line| line.len()).sum();
    let file = OpenOptions::new().write(true).open(scene.path("app.log")).unwrap();
    file.set_len(kept as u64).unwrap();
}
