//! What the Java agent's own tests show of rotated files, shown of kinetail.

use std::fs;
use std::time::Duration;

use kinetail::config::InitialPosition;

use super::scenarios::{check, some};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::world::{World, copy_truncate};

/// How a file is rotated.
#[derive(Debug, Clone, Copy)]
enum Rotator {
    Copy,
    Create,
    Rename,
    Truncate,
}

impl Rotator {
    const ALL: [Self; 4] = [Self::Copy, Self::Create, Self::Rename, Self::Truncate];

    fn pattern(self) -> &'static str {
        match self {
            Self::Copy => "app.log",
            Self::Create => "app-*.log",
            Self::Rename | Self::Truncate => "app.log*",
        }
    }

    /// The name that is written to.
    fn name(self, round: usize) -> String {
        match self {
            Self::Create => format!("app-{round:03}.log"),
            Self::Copy | Self::Rename | Self::Truncate => "app.log".to_owned(),
        }
    }

    fn rotate(self, world: &World, round: usize) {
        let rotated = format!("app.log.{round}");
        match self {
            Self::Copy => {
                fs::copy(world.path("app.log"), world.path(&rotated)).unwrap();
            }
            Self::Create => {}
            Self::Rename => world.rename("app.log", &rotated),
            Self::Truncate => copy_truncate(&world.path("app.log"), &world.path(&rotated)),
        }
    }
}

#[test]
fn each_rotation_while_it_runs_loses_and_repeats_nothing() {
    for rotator in Rotator::ALL {
        let mut world = World::new(rotator.pattern());
        let mut lines = Lines::default();
        for round in 0..20 {
            world.append(&rotator.name(round), &some(&mut lines, &format!("g{round}"), 30));
            world.run(Duration::from_millis(200));
            rotator.rotate(&world, round);
            world.run(Duration::from_millis(200));
        }
        world.settle();
        let verdict = judge(&lines.written, &world.stream);
        assert!(verdict.is_exact(), "{rotator:?}: {verdict}");
    }
}

#[test]
fn a_checkpoint_is_resumed_after_none_one_and_many_rotations() {
    for rotator in Rotator::ALL {
        for rotations in [0, 1, 5] {
            let mut world = World::new(rotator.pattern());
            let mut lines = Lines::default();
            world.append(&rotator.name(0), &some(&mut lines, "before", 30));
            world.settle();
            world.stop();
            for round in 0..rotations {
                let generation = format!("down {round}");
                world.append(&rotator.name(round), &some(&mut lines, &generation, 30));
                rotator.rotate(&world, round);
            }
            world.append(&rotator.name(rotations), &some(&mut lines, "last", 30));
            world.start();
            world.settle();
            let verdict = judge(&lines.written, &world.stream);
            assert!(verdict.is_complete(), "{rotator:?}, {rotations} rotations: {verdict}");
            assert!(verdict.repeated.is_empty(), "{rotator:?}, {rotations} rotations: {verdict}");
        }
    }
}

#[test]
fn a_checkpoint_whose_file_is_gone_does_not_keep_the_others_from_being_read() {
    for position in [InitialPosition::StartOfFile, InitialPosition::EndOfFile] {
        let mut world = World::with("app.log*", |config| config.initial_position = position);
        let mut lines = Lines::default();
        world.settle();
        world.append("app.log", &some(&mut lines, "a", 30));
        world.settle();
        world.stop();
        fs::remove_file(world.path("app.log")).unwrap();
        world.append("app.log.new", &some(&mut lines, "b", 30));
        world.start();
        world.settle();
        check(&world, &lines);
    }
}

#[test]
fn all_files_may_go_and_others_may_come() {
    let mut world = World::new("app.log*");
    let mut lines = Lines::default();
    for round in 0..5 {
        for name in ["app.log", "app.log.1"] {
            world.append(name, &some(&mut lines, &format!("{name} {round}"), 10));
        }
        world.settle();
        for name in ["app.log", "app.log.1"] {
            fs::remove_file(world.path(name)).unwrap();
        }
        world.run(Duration::from_secs(1));
    }
    check(&world, &lines);
}

#[test]
fn compressed_names_are_no_logs() {
    let mut world = World::new("app*");
    let mut lines = Lines::default();
    for name in ["app.gz", "app.BZ2", "app.log.zip"] {
        world.append(name, b"no line\n");
    }
    world.append("app.log", &some(&mut lines, "a", 3));
    world.settle();
    check(&world, &lines);
}
