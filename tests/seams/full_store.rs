//! A flow makes its requests on the thread that hands changes to the checkpoint store, so it never
//! waits for room there: it keeps the changes and offers them again.

use std::time::Duration;

use crate::support::world::{StoreState, World};

/// Longer than a flow waits for the store before it continues without.
const LATE: Duration = Duration::from_secs(11);

fn lines(world: &World) -> usize {
    world.stream.len()
}

/// The checkpointed offset of the only file.
fn checkpointed(world: &World) -> u64 {
    world.rows().values().map(|row| row.offset).sum()
}

#[test]
fn flow_keeps_what_the_store_has_no_room_for_and_hands_it_over_later() {
    let mut world = World::new("*.log");
    world.append("a.log", b"1\n");
    world.settle();
    assert_eq!((lines(&world), checkpointed(&world)), (1, 2));

    world.set_store(StoreState::Full);
    world.append("a.log", b"2\n");
    world.run(Duration::from_secs(1));
    world.append("a.log", b"3\n");
    world.run(Duration::from_secs(1));
    assert_eq!((lines(&world), checkpointed(&world)), (3, 2), "delivered, not yet written");

    // There is room again: one commit has all of it.
    world.set_store(StoreState::Open);
    world.run(Duration::from_secs(1));
    assert_eq!(checkpointed(&world), 6);
    world.crash();
    world.start();
    world.settle();
    assert_eq!(lines(&world), 3, "nothing is repeated");
    world.stop();
}

#[test]
fn flow_ships_on_past_its_in_flight_limit_while_the_store_takes_nothing() {
    for state in [StoreState::Full, StoreState::Closed] {
        let mut world = World::with("*.log", |config| config.max_in_flight_requests = 2);
        world.append("a.log", b"0\n");
        world.settle();
        world.set_store(state);
        for batch in 1..=20_usize {
            world.append("a.log", b"x\n");
            world.run(LATE);
            assert_eq!(lines(&world), 1 + batch, "{state:?}");
        }
        assert_eq!(checkpointed(&world), 2, "{state:?}");
        world.set_store(StoreState::Open);
        world.run(Duration::from_secs(1));
        // A store that has ended does not come back; the flow does not ask it again.
        let expected = if state == StoreState::Full { 42 } else { 2 };
        assert_eq!(checkpointed(&world), expected, "{state:?}");
        world.stop();
    }
}

#[test]
fn first_commit_is_made_when_there_is_room() {
    let mut world = World::new("*.log");
    world.crash();
    world.start();
    world.set_store(StoreState::Full);
    world.run(Duration::from_secs(1));
    world.set_store(StoreState::Open);
    world.run(Duration::from_secs(1));
    world.append("a.log", b"1\n");
    world.settle();
    assert_eq!((lines(&world), checkpointed(&world)), (1, 2));
    world.stop();
}
