//! F01 to F05: files that get another name.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use fastrand::Rng;

use crate::support::scene::Scene;

/// F01. Rename and create, with the exact name as the pattern: nothing lost, nothing repeated, each
/// generation in order. 1,000 rotations, 10 ms to 1 s apart.
#[test]
fn f01_rename_and_create_a_thousand_times() {
    let mut scene = Scene::new("app.log");
    let mut rng = Rng::with_seed(1);
    for round in 0..1000 {
        let generation = format!("g{round}");
        let open = scene.open("app.log");
        scene.hint();
        scene.write_to(&open, &generation, rng.usize(..20));
        // From 10 ms to 1 s, and short ones as often as long ones.
        scene.run(Duration::from_secs_f64(0.01 * 100f64.powf(rng.f64())));
        scene.write_to(&open, &generation, rng.usize(..20));
        scene.shift(1);
        // The application keeps writing to the file that it has open.
        scene.write_to(&open, &generation, 3);
        if rng.bool() {
            scene.step();
            scene.write_to(&open, &generation, 3);
        }
    }
    scene.settle_and_check();
}

/// F02. A new name for each file: nothing lost, nothing repeated, late lines of the old file
/// included. 1,000 names.
#[test]
fn f02_a_new_name_for_each_file_a_thousand_times() {
    let mut scene = Scene::new("app-*.log");
    for round in 0..1000 {
        scene.write(&format!("app-{round}.log"), &format!("g{round}"), 10);
        if round > 0 {
            scene.write(&format!("app-{}.log", round - 1), &format!("g{}", round - 1), 2);
        }
        scene.run(Duration::from_millis(60));
    }
    scene.settle_and_check();
}

/// F03. A chain of five renames whose oldest file is deleted, while the endpoint stalls for 30 s:
/// nothing lost, nothing repeated, for the descriptors are held. 200 rotations.
#[test]
fn f03_a_chain_of_renames_while_the_endpoint_stalls() {
    for pattern in ["app.log", "app.log*"] {
        let mut scene = Scene::new(pattern);
        scene.endpoint_down = true;
        for round in 0..200 {
            let generation = format!("g{round}");
            scene.write("app.log", &generation, 20);
            scene.hint();
            scene.write("app.log", &generation, 10);
            scene.run(Duration::from_millis(130));
            scene.shift(5);
        }
        assert!(scene.open_files() >= 195, "deleted files are held until they are read");
        scene.endpoint_down = false;
        scene.settle_and_check();
        assert_eq!(scene.transitions("lost"), 0);
        // The space of deleted files is freed in the end.
        scene.leap(Duration::from_secs(61));
        scene.settle();
        assert!(scene.open_files() <= 6, "{} files are open", scene.open_files());
    }
}

/// F04. Moved to another directory, out of the pattern, in the middle of a line: nothing lost,
/// nothing repeated, the line whole. 100 moves.
#[test]
fn f04_moved_to_another_directory_in_the_middle_of_a_line() {
    let mut scene = Scene::new("app.log");
    fs::create_dir(scene.path("archive")).unwrap();
    for round in 0..100 {
        let generation = format!("g{round}");
        let mut open = scene.open("app.log");
        scene.write_to(&open, &generation, 10);
        scene.hint();
        let line = scene.lines(&generation, 1);
        let (first, rest) = line.split_at(round % line.len());
        open.write_all(first).unwrap();
        if round % 2 == 0 {
            scene.run(Duration::from_millis(100));
        }
        scene.rename("app.log", &format!("archive/app.log.{round}"));
        scene.hint();
        open.write_all(rest).unwrap();
        scene.write_to(&open, &generation, 3);
        scene.run(Duration::from_millis(100));
    }
    scene.settle_and_check();
    assert_eq!(scene.transitions("moved_away"), 100);
}

/// F05. Rotated once, twice, three times while the agent is down: continued at the exact byte,
/// nothing lost of what the pattern covers, nothing repeated.
#[test]
fn f05_rotated_while_the_agent_is_down() {
    for (pattern, rotations) in [("app.log*", 1), ("app.log*", 2), ("app.log*", 3), ("app.log", 1)]
    {
        let mut scene = Scene::new(pattern);
        scene.write("app.log", "g", 100);
        scene.settle();
        scene.stop();
        scene.write("app.log", "g", 50);
        for round in 0..rotations {
            scene.shift(5);
            scene.write("app.log", &format!("h{round}"), 50);
        }
        scene.start();
        scene.settle_and_check();
        assert_eq!(scene.transitions("missing"), 0);
    }
}
