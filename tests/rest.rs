//! What a flow does while nothing happens, and while little does: counted, on its own clock.

use std::time::Duration;

use crate::support::ground::Ground;
use crate::support::world::World;

/// By then files are armed and everything is checkpointed.
const SETTLED: Duration = Duration::from_mins(2);

const TEN_MINUTES: Duration = Duration::from_mins(10);

/// The scans for names: one a second, as configured.
const SCANS: u64 = 600;

/// What a flow did.
#[derive(Debug)]
struct Did {
    steps: u64,
    /// Calls to the disk.
    calls: u64,
    transactions: u64,
}

fn world(pattern: &str, is_notified: bool) -> World {
    let mut world = World::within(Ground::in_memory(), pattern, |config| {
        config.scan_interval = Duration::from_secs(1);
    });
    world.crash();
    world.notifies_writes = is_notified;
    world.start();
    world
}

fn during(world: &mut World, time: Duration) -> Did {
    let count = |world: &World| Did {
        steps: world.steps,
        calls: world.disk.script.borrow().calls,
        transactions: world.transactions(),
    };
    let before = count(world);
    world.run(time);
    let after = count(world);
    Did {
        steps: after.steps - before.steps,
        calls: after.calls - before.calls,
        transactions: after.transactions - before.transactions,
    }
}

#[test]
fn a_flow_at_rest_wakes_up_for_its_scans_and_for_little_else() {
    let mut world = world("app.log", true);
    world.append("app.log", b"one\n");
    world.run(SETTLED);
    let did = during(&mut world, TEN_MINUTES);
    // Every half minute a report and a poll, should a notification be lost; every minute a row is
    // saved for its time.
    assert!(did.steps <= SCANS + 20 + 20 + 50, "{did:?}");
    // Each looks at the directory; every ten seconds it is listed.
    assert!(did.calls <= SCANS + 60 * 12 + 20, "{did:?}");
    assert!(did.transactions <= 10, "{did:?}");
    assert_eq!(world.stream, [b"one\n"]);
}

#[test]
fn many_files_at_rest_are_looked_at_twice_a_minute_and_when_directories_are_listed() {
    let mut world = world("*.log", true);
    for number in 0..200 {
        world.append(&format!("{number}.log"), b"one\n");
    }
    world.run(SETTLED);
    assert_eq!(world.shots().len(), 200);
    let did = during(&mut world, TEN_MINUTES);
    assert!(did.steps <= SCANS + 20 + 20 + 50, "{did:?}");
    let (polls, listings) = (20, 60);
    assert!(did.calls <= SCANS + 200 * (polls + listings) + 60 * 20, "{did:?}");
}

#[test]
fn without_notifications_quiet_files_are_polled_twice_a_second_as_before() {
    let mut world = world("app.log", false);
    world.append("app.log", b"one\n");
    world.run(SETTLED);
    let did = during(&mut world, TEN_MINUTES);
    assert!(did.calls > SCANS + 1_000, "{did:?}");
}

#[test]
fn what_happens_to_a_flow_at_rest_is_reported_soon() {
    let mut world = world("app.log", true);
    world.append("app.log", b"one\n");
    world.run(SETTLED);
    world.append("app.log", b"half a line");
    world.run(Duration::from_secs(1));
    assert_eq!(world.status().lag_bytes, 11);
    world.run(SETTLED);
    world.append("app.log", b" and its end\n");
    world.run(Duration::from_secs(2));
    let status = world.status();
    assert_eq!((status.lag_bytes, status.totals.records_delivered), (0, 2));
}

#[test]
fn that_no_file_matches_any_longer_is_reported_soon() {
    let mut world = world("app.log", true);
    world.append("app.log", b"one\n");
    world.run(SETTLED);
    let path = world.path("app.log");
    world.files.remove_file(&path);
    // The next scan finds that it is gone, and after ten seconds that is a problem.
    world.run(Duration::from_secs(13));
    assert_eq!(world.status().problems_total, 1);
}

#[test]
fn where_nothing_follows_a_checkpoint_does_not_wait() {
    let mut world = World::within(Ground::in_memory(), "app.log", |config| {
        config.max_buffer_records = 10;
        config.max_in_flight_requests = 8;
    });
    world.append("app.log", b"one\n");
    world.run(SETTLED);
    for _ in 0..2 {
        let before = world.transactions();
        world.append("app.log", &b"line\n".repeat(10));
        world.run(Duration::from_millis(60));
        assert_eq!(world.transactions() - before, 1);
    }
}
