//! Scenarios in which calls to the disk fail.

use std::time::Duration;

use crate::generations::scheme::{Compress, Scheme, gzip};
use crate::support::scene::Scene;

/// A scenario: what it is called, which names are followed, and what happens.
pub struct Scenario {
    pub name: &'static str,
    pub pattern: &'static str,
    pub happens: fn(&mut Scene),
}

pub static SCENARIOS: [Scenario; 15] = [
    Scenario { name: "rotated", pattern: "app.log", happens: rotated },
    Scenario { name: "rotated_in_the_pattern", pattern: "app.log*", happens: rotated },
    Scenario { name: "rotated_unseen", pattern: "app.log", happens: rotated_unseen },
    Scenario { name: "rotated_while_stopped", pattern: "*.log", happens: rotated_while_stopped },
    Scenario { name: "copied_and_truncated", pattern: "app.log*", happens: copied },
    Scenario { name: "compressed", pattern: "app.log", happens: compressed },
    Scenario { name: "linked", pattern: "logs/app.log", happens: linked },
    Scenario { name: "copied_elsewhere", pattern: "app.log", happens: copied },
    Scenario { name: "archived_series", pattern: "app-*.log", happens: archived_series },
    Scenario { name: "found_elsewhere", pattern: "app.log", happens: found_elsewhere },
    Scenario { name: "compressed_unseen", pattern: "app.log", happens: compressed_unseen },
    Scenario { name: "deleted_and_replaced", pattern: "**/app.log", happens: replaced },
    Scenario { name: "written_over", pattern: "app.log", happens: written_over },
    Scenario { name: "cut_off", pattern: "app.log", happens: cut_off },
    COMPRESSED_AT_ONCE,
];

/// In which nothing else makes anybody look into compressed files again.
pub const COMPRESSED_AT_ONCE: Scenario =
    Scenario { name: "compressed_at_once", pattern: "app.log*", happens: compressed_at_once };

/// A look, and what follows it.
const SOON: Duration = Duration::from_millis(700);

/// What could not be read is read by then: what happens next destroys it.
const LONG: Duration = Duration::from_secs(12);

fn rotate(scene: &Scene, compress: Compress) {
    Scheme::Number.rotate(&scene.files, &scene.path(""), compress);
}

fn rotated(scene: &mut Scene) {
    scene.write("app.log", "a", 5);
    scene.run(SOON);
    scene.write("app.log", "a", 3);
    rotate(scene, Compress::Never);
    scene.write("app.log", "b", 5);
    scene.run(SOON);
    scene.write("app.log.1", "a", 1);
    scene.run(SOON);
}

fn rotated_unseen(scene: &mut Scene) {
    scene.write("app.log", "a", 5);
    scene.run(SOON);
    for generation in ["b", "c"] {
        rotate(scene, Compress::Never);
        scene.write("app.log", generation, 5);
    }
    scene.hint();
    scene.run(SOON);
}

fn rotated_while_stopped(scene: &mut Scene) {
    scene.write("app.log", "a", 5);
    scene.run(SOON);
    scene.stop();
    scene.write("app.log", "a", 2);
    for generation in ["b", "c"] {
        rotate(scene, Compress::Never);
        scene.write("app.log", generation, 30);
    }
    scene.start();
    scene.run(SOON);
}

fn copied(scene: &mut Scene) {
    scene.write("app.log", "a", 40);
    scene.run(SOON);
    scene.write("app.log", "a", 3);
    let bytes = scene.files.read(&scene.path("app.log")).unwrap();
    scene.files.append(&scene.path("app.log.1"), &bytes);
    drop(scene.files.truncate(&scene.path("app.log")));
    scene.write("app.log", "b", 3);
    scene.run(SOON);
}

fn compressed(scene: &mut Scene) {
    scene.write("app.log", "a", 300);
    scene.run(SOON);
    scene.stop();
    scene.write("app.log", "a", 100);
    rotate(scene, Compress::Now);
    scene.write("app.log", "b", 300);
    rotate(scene, Compress::Delayed);
    scene.write("app.log", "c", 5);
    gzip(&scene.files, &scene.path("app.log.1"));
    scene.start();
    scene.run(SOON);
}

/// A file of a series that came and was compressed between two scans.
fn archived_series(scene: &mut Scene) {
    scene.write("app-1.log", "one", 30);
    scene.run(SOON);
    scene.stop();
    scene.write("app-2.log", "two", 60);
    gzip(&scene.files, &scene.path("app-2.log"));
    scene.write("app-3.log", "three", 5);
    scene.start();
    scene.run(SOON);
}

/// The rest of a content lies under a name that matches nothing.
fn found_elsewhere(scene: &mut Scene) {
    scene.write("app.log", "a", 40);
    scene.run(SOON);
    scene.stop();
    scene.write("app.log", "a", 10);
    scene.files.rename(&scene.path("app.log"), &scene.path("saved-by-hand"));
    scene.write("app.log", "b", 5);
    scene.start();
    scene.run(SOON);
}

/// Several generations are compressed between two looks; one of them is known a little.
fn compressed_unseen(scene: &mut Scene) {
    scene.write("app.log", "a", 4);
    scene.run(SOON);
    scene.crash();
    scene.write("app.log", "a", 20);
    for generation in ["b", "c"] {
        rotate(scene, Compress::Now);
        scene.write("app.log", generation, 40);
    }
    scene.start();
    scene.run(SOON);
    rotate(scene, Compress::Now);
    scene.write("app.log", "d", 5);
    scene.hint();
    scene.run(SOON);
}

/// A generation comes and is compressed between two looks.
fn compressed_at_once(scene: &mut Scene) {
    scene.write("app.log", "a", 5);
    scene.run(SOON);
    for generation in ["b", "c"] {
        rotate(scene, Compress::Now);
        scene.write("app.log", generation, 30);
    }
    scene.hint();
    scene.run(SOON);
}

fn linked(scene: &mut Scene) {
    let files = scene.files.clone();
    files.create_dir(&scene.path("data"));
    files.create_dir(&scene.path("logs"));
    let link = scene.path("logs/app.log");
    for day in 1..4 {
        let dated = format!("data/app-2026-11-2{day}.log");
        scene.write(&dated, &format!("day{day}"), 5);
        if files.is_there(&link) {
            files.remove_file(&link);
        }
        files.symlink(&scene.path(&dated), &link);
        scene.run(SOON);
    }
}

fn replaced(scene: &mut Scene) {
    let files = scene.files.clone();
    files.create_dir(&scene.path("sub"));
    scene.write("sub/app.log", "a", 40);
    scene.run(SOON);
    files.remove_file(&scene.path("sub/app.log"));
    scene.write("sub/app.log", "b", 30);
    scene.run(SOON);
    let all = files.read(&scene.path("sub/app.log")).unwrap();
    files.append(&scene.path("sub/new"), &all);
    scene.write("sub/new", "b", 4);
    files.rename(&scene.path("sub/new"), &scene.path("sub/app.log"));
    scene.run(SOON);
}

/// Lines of the same length, whatever their numbers are.
fn even_lines(scene: &mut Scene, generation: &str, count: usize) -> Vec<u8> {
    let line = |number| format!("{generation}|{number:05}|some text to fill the line\n");
    let text: String = (1..=count).map(line).collect();
    scene.remember(text.as_bytes());
    text.into_bytes()
}

/// A file is written over in place with as many bytes, and truncated and as long at once.
fn written_over(scene: &mut Scene) {
    for generation in ["a", "b"] {
        let text = even_lines(scene, generation, 60);
        if generation == "a" {
            scene.append("app.log", &text);
        } else {
            scene.files.overwrite(&scene.path("app.log"), &text);
        }
        scene.run(LONG);
    }
    let text = even_lines(scene, "c", 60);
    scene.files.truncate(&scene.path("app.log")).append(&text);
    scene.run(LONG);
}

/// The end of a file is cut off, and it grows again.
fn cut_off(scene: &mut Scene) {
    let text = even_lines(scene, "a", 200);
    scene.append("app.log", &text);
    scene.run(LONG);
    let writer = scene.files.writer(&scene.path("app.log")).unwrap();
    writer.set_len(text.len() / 200 * 199);
    scene.write("app.log", "b", 10);
    scene.run(SOON);
}
