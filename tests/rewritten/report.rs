//! Reports that a job writes again: each begins and ends with the same lines, is as long as the one
//! before, and differs in its middle.

use std::time::Duration;

use crate::generations::scheme::gzip;
use crate::support::ground::Ground;
use crate::support::world::World;

/// Lines of a report.
const LINES: usize = 60;

/// The report of a day: one of its lines says so.
fn report(day: usize) -> Vec<u8> {
    let line = |number: usize| {
        let found = if number == 20 + day { "[WARN]" } else { "[ OK ]" };
        format!("{number:03} checking one of the many files of this system for changes {found}\n")
    };
    (0..LINES).map(line).collect::<String>().into_bytes()
}

fn world(pattern: &str) -> World {
    let mut world = World::within(Ground::in_memory(), pattern, |_| {});
    world.append("report.log", &report(0));
    world.settle();
    assert_eq!(world.stream.len(), LINES);
    world
}

fn has_arrived(world: &mut World, days: usize, how: &str) {
    world.settle();
    let warnings = world.stream.iter().filter(|line| line.ends_with(b"[WARN]\n"));
    assert_eq!(warnings.count(), days, "{how}");
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for day in 0..days {
        let day = report(day);
        expected.extend(day.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    expected.sort_unstable();
    let mut arrived = world.stream.clone();
    arrived.sort_unstable();
    assert!(arrived == expected, "{how}: {} lines of {}", arrived.len(), expected.len());
}

/// How the next report takes the place of the one before.
#[derive(Debug, Clone, Copy)]
enum Written {
    Deleted,
    InPlace,
    Renamed,
    Rotated,
    RotatedAndPacked,
}

const WAYS: [Written; 5] = [
    Written::Deleted,
    Written::InPlace,
    Written::Renamed,
    Written::Rotated,
    Written::RotatedAndPacked,
];

fn write(world: &World, day: usize, how: Written) {
    let (files, path) = (&world.files, world.path("report.log"));
    match how {
        Written::Deleted => files.remove_file(&path),
        Written::InPlace => return files.truncate(&path).append(&report(day)),
        Written::Renamed => {
            world.append("new", &report(day));
            return files.rename(&world.path("new"), &path);
        }
        Written::Rotated | Written::RotatedAndPacked => {
            let rotated = world.path(&format!("report.log-2026112{day}"));
            files.rename(&path, &rotated);
            if matches!(how, Written::RotatedAndPacked) {
                gzip(files, &rotated);
            }
        }
    }
    world.append("report.log", &report(day));
}

#[test]
fn a_report_that_differs_in_its_middle_is_sent_after_a_stop_or_a_kill() {
    for how in WAYS {
        for killed in [false, true] {
            let mut world = world("*.log");
            for day in 1..4 {
                if killed {
                    world.crash();
                } else {
                    world.stop();
                }
                world.pass_for_all(Duration::from_secs(100));
                write(&world, day, how);
                world.start();
                has_arrived(&mut world, day + 1, &format!("{how:?}, killed {killed}, day {day}"));
            }
        }
    }
}

#[test]
fn a_report_that_differs_in_its_middle_is_sent_while_the_flow_runs() {
    for how in WAYS {
        let mut world = world("*.log");
        for day in 1..4 {
            world.pass_for_all(Duration::from_secs(100));
            write(&world, day, how);
            has_arrived(&mut world, day + 1, &format!("{how:?}, day {day}"));
        }
    }
}

#[test]
fn reports_that_were_rotated_and_packed_together_are_sent() {
    let mut world = world("report.log");
    world.stop();
    for day in 1..4 {
        world.pass_for_all(Duration::from_secs(100));
        world.files.rename(&world.path("report.log"), &world.path("report.log.1"));
        gzip(&world.files, &world.path("report.log.1"));
        world.append("report.log", &report(day));
        for number in (1..=day).rev() {
            let name = |number: usize| world.path(&format!("report.log.{number}.gz"));
            world.files.rename(&name(number), &name(number + 1));
        }
    }
    world.start();
    has_arrived(&mut world, 4, "packed together");
}
