//! Logs that start over with the lines of a log that was deleted, or of another one.

use std::time::Duration;

use crate::support::ground::Ground;
use crate::support::world::World;

#[test]
fn a_log_that_starts_over_with_the_lines_of_the_deleted_one_is_read() {
    for more in [0, 1] {
        let mut world = World::within(Ground::in_memory(), "app.log", |_| {});
        let lines = |count: usize| -> Vec<u8> {
            let line = |number| format!("starting step {number} of the same program as ever\n");
            (0..count).map(line).collect::<String>().into_bytes()
        };
        world.append("app.log", &lines(60));
        world.settle();
        world.files.remove_file(&world.path("app.log"));
        world.pass(Duration::from_millis(50));
        world.append("app.log", &lines(60 + more));
        world.settle();
        assert_eq!(world.stream.len(), 120 + more);
    }
}

/// Two workers write the same first lines and lines of their own.
fn worker(name: &str, own: usize) -> Vec<u8> {
    let banner = (0..34).map(|number| format!("this worker has read option {number} of many\n"));
    let own = (0..own).map(|number| format!("{name} has done {number}\n"));
    banner.chain(own).collect::<String>().into_bytes()
}

#[test]
fn two_logs_that_start_over_together_with_the_same_lines_are_no_copies() {
    for between in [Duration::ZERO, Duration::from_millis(20)] {
        let mut world = World::within(Ground::in_memory(), "*.log", |_| {});
        for name in ["a.log", "b.log"] {
            world.append(name, &worker(name, 66));
        }
        world.settle();
        assert_eq!(world.stream.len(), 200);
        for name in ["a.log", "b.log"] {
            world.files.truncate(&world.path(name)).append(&worker(name, 0));
            world.run(between);
        }
        world.run(Duration::from_millis(1_500));
        for name in ["a.log", "b.log"] {
            world.append(name, &worker(name, 20)[worker(name, 0).len()..]);
        }
        world.settle();
        assert_eq!(world.stream.len(), 200 + 2 * 54, "{between:?} between");
    }
}

#[test]
fn a_log_that_starts_over_with_the_lines_of_another_one_is_no_copy_of_it() {
    let mut world = World::within(Ground::in_memory(), "*.log", |_| {});
    for name in ["a.log", "b.log"] {
        world.append(name, &worker(name, 66));
    }
    world.settle();
    assert_eq!(world.stream.len(), 200);
    for name in ["a.log", "b.log"] {
        world.files.truncate(&world.path(name));
        world.run(Duration::from_millis(20));
    }
    for name in ["a.log", "b.log"] {
        world.append(name, &worker(name, 0));
        world.run(Duration::from_millis(20));
    }
    world.settle();
    assert_eq!(world.stream.len(), 200 + 68);
}
