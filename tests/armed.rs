//! Quiet files whose next write is notified: they are not polled, and nothing is missed.

use std::time::Duration;

use crate::support::ground::Ground;
use crate::support::world::World;

/// After this long a quiet file is armed.
const QUIET: Duration = Duration::from_secs(2);

/// A poll of an armed file comes after this long, whatever was notified.
const TO_BE_SURE: Duration = Duration::from_secs(31);

/// A notified line is delivered within so many steps: one for the poll, and those for which a
/// batch waits.
const STEPS: usize = 6;

fn world(pattern: &str) -> World {
    let mut world = World::within(Ground::in_memory(), pattern, |_| {});
    world.crash();
    world.notifies_writes = true;
    world.start();
    world
}

fn texts(world: &World) -> Vec<&str> {
    world.stream.iter().map(|record| std::str::from_utf8(record).unwrap().trim_end()).collect()
}

/// A world with one line delivered and its file armed.
fn armed() -> World {
    let mut world = world("app.log");
    world.append("app.log", b"one\n");
    world.run(QUIET);
    assert_eq!(texts(&world), ["one"]);
    assert_eq!(world.shots().len(), 1);
    world
}

fn polls(world: &mut World, time: Duration) -> u64 {
    let before = world.disk.script.borrow().calls;
    world.run(time);
    world.disk.script.borrow().calls - before
}

fn step(world: &mut World) {
    for _ in 0..STEPS {
        world.step();
    }
}

#[test]
fn a_line_in_a_quiet_file_is_read_with_its_notification_and_the_file_is_armed_again() {
    let mut world = armed();
    for line in ["two", "three"] {
        world.append("app.log", format!("{line}\n").as_bytes());
        step(&mut world);
        assert_eq!(texts(&world).last(), Some(&line));
        world.run(QUIET);
        assert_eq!(world.shots().len(), 1);
    }
    assert_eq!(texts(&world), ["one", "two", "three"]);
}

#[test]
fn an_armed_file_is_hardly_polled() {
    let mut armed = armed();
    let mut polled = world("app.log");
    polled.crash();
    polled.notifies_writes = false;
    polled.start();
    polled.append("app.log", b"one\n");
    polled.run(QUIET);
    let time = Duration::from_secs(20);
    let (with, without) = (polls(&mut armed, time), polls(&mut polled, time));
    // The scans of names are the same in both.
    assert!(without - with > 30, "{with} calls where {without} are made without notifications");
}

#[test]
fn what_is_written_between_the_last_poll_and_the_arming_is_read() {
    let mut world = world("app.log");
    let (files, path) = (world.files.clone(), world.path("app.log"));
    world.append("app.log", b"one\n");
    // The file is idle by the time at which it is offered again.
    world.shots().refuses = true;
    world.run(QUIET);
    world.shots().refuses = false;
    world.shots().before = Some(Box::new(move || files.append(&path, b"two\n")));
    while world.shots().before.is_some() {
        world.step();
    }
    step(&mut world);
    assert_eq!(texts(&world), ["one", "two"]);
    world.run(QUIET);
    assert_eq!(world.shots().len(), 1);
}

#[test]
fn after_an_overflow_every_armed_file_is_polled() {
    let mut world = world("*.log");
    for name in ["a.log", "b.log", "c.log"] {
        world.append(name, b"one\n");
    }
    world.run(QUIET);
    assert_eq!(world.shots().len(), 3);
    world.shots().overflows = true;
    for name in ["a.log", "c.log"] {
        world.append(name, b"two\n");
    }
    step(&mut world);
    assert_eq!(world.stream.len(), 5);
}

#[test]
fn a_line_that_is_not_notified_is_found_all_the_same_and_the_file_is_polled_from_then_on() {
    let mut world = armed();
    world.shots().is_blind = true;
    world.append("app.log", b"two\n");
    world.run(TO_BE_SURE);
    assert_eq!(texts(&world), ["one", "two"]);
    world.append("app.log", b"three\n");
    world.run(QUIET);
    assert_eq!(texts(&world), ["one", "two", "three"]);
}

#[test]
fn a_truncation_is_seen_before_the_file_is_as_long_as_it_was() {
    let mut world = armed();
    let path = world.path("app.log");
    world.files.truncate(&path);
    step(&mut world);
    world.append("app.log", b"another\n");
    step(&mut world);
    assert_eq!(texts(&world), ["one", "another"]);
}

#[test]
fn a_file_that_is_rotated_and_gone_is_not_armed_any_more() {
    let mut world = armed();
    world.rename("app.log", "app.log.1");
    world.append("app.log", b"two\n");
    world.hint();
    world.append("app.log.1", b"late\n");
    world.run(QUIET);
    let mut lines = texts(&world);
    lines.sort_unstable();
    assert_eq!(lines, ["late", "one", "two"]);
    let path = world.path("app.log.1");
    world.files.remove_file(&path);
    world.run(Duration::from_mins(1));
    assert_eq!(world.shots().len(), 1, "the new file is");
}
