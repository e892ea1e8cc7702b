//! The first start of a flow that begins at the end of its files.

use std::time::Duration;

use kinetail::config::InitialPosition;
use kinetail::tail::holes::Holes;
use kinetail::tail::identity::{Anchor, FileKey, Head, Inode};
use kinetail::tail::memory::MEMORY_MAX;
use kinetail_base::checkpoint::{Checkpoint, Life};

use crate::support::world::World;

#[test]
fn nothing_is_read_before_it_is_checkpointed_where_the_flow_began() {
    let mut world = World::with("*.log", |config| {
        config.initial_position = InitialPosition::EndOfFile;
    });
    world.store_down = true;
    world.append("a.log", b"old|1|\n");
    world.run(Duration::from_secs(1));
    world.append("a.log", b"new|1|\n");
    world.run(Duration::from_secs(1));
    assert!(world.stream.is_empty(), "a crash now would skip what came after this line");
    world.store_down = false;
    world.run(Duration::from_secs(1));
    assert_eq!(world.stream, [b"new|1|\n".to_vec()]);
    // From then on a crash begins where it was, and not at the end.
    world.crash();
    world.append("a.log", b"new|2|\n");
    world.start();
    world.settle();
    assert_eq!(world.stream.last(), Some(&b"new|2|\n".to_vec()));
}

#[test]
fn a_crash_right_after_the_first_step_does_not_begin_at_the_end_again() {
    let mut world = World::with("*.log", |config| {
        config.initial_position = InitialPosition::EndOfFile;
    });
    world.append("a.log", b"old|1|\n");
    world.step();
    world.append("a.log", b"new|1|\n");
    world.crash();
    world.append("a.log", b"new|2|\n");
    world.start();
    world.settle();
    assert_eq!(world.stream, [b"new|1|\n".to_vec(), b"new|2|\n".to_vec()]);
}

#[test]
fn more_missing_files_than_are_looked_for_are_all_named() {
    let mut world = World::new("*.log");
    world.append("a.log", b"a|1|\n");
    world.settle();
    world.stop();
    let known = world.rows().len();
    assert_eq!(known, 1);
    for number in 0..=MEMORY_MAX as u64 {
        world.add_row(Checkpoint {
            file: FileKey(number + 1_000),
            inode: Inode { device: 77, number: number + 1 },
            path: world.path(&format!("gone-{number}.log")),
            real: None,
            head: Head::of(number.to_string().as_bytes()),
            offset: 1,
            anchor: Anchor::of(b"x"),
            life: Life::Live,
            holes: Holes::NONE,
            places: Vec::new(),
            cursor: None,
        });
    }
    world.start();
    world.settle();
    let named = world.transitions("missing");
    // The oldest are not looked for: two of them, for the one that is there is known, too.
    assert_eq!(named, MEMORY_MAX as u64 + 2);
    assert_eq!(world.stream.len(), 2, "in doubt it is sent again");
}
