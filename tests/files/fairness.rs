//! Turns: a huge backlog does not hold the others up, and thousands of busy files progress alike.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Lines;
use crate::support::world::World;

#[test]
fn lines_of_small_files_overtake_a_backlog_of_fifty_megabytes() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    for file in 0..50 {
        world.append(&format!("small-{file}.log"), &lines.some(&format!("s{file}"), 1));
    }
    world.settle();
    let before = world.stream.len();
    let line = [b'x'; 199];
    let backlog: Vec<u8> = line.into_iter().chain(*b"\n").collect();
    world.append("huge.log", &backlog.repeat(250_000));
    world.run(Duration::from_millis(400));
    let at_append = world.stream.len();
    assert!(at_append > before, "the backlog is being read");
    for file in 0..50 {
        world.append(&format!("small-{file}.log"), &lines.some(&format!("s{file}"), 1));
    }
    // Half a second until a quiet file is looked at, and two turns.
    world.run(Duration::from_millis(700));
    let small = world.stream.iter().filter(|record| record.first() == Some(&b's')).count();
    assert_eq!(small, 100, "each small file had its turn");
    assert!(world.stream.len() < 250_000, "the backlog is not done, or this shows nothing");
    let of_backlog = world.stream.len() - 100;
    assert!(of_backlog > at_append - before, "and it continued, too");
}

/// What the least and the most advanced file have in the stream, by the name before the first `|`.
fn progress(world: &World) -> (usize, usize, usize) {
    let mut lines: BTreeMap<&[u8], usize> = BTreeMap::new();
    for record in &world.stream {
        let name = record.split(|byte| *byte == b'|').next().unwrap_or_default();
        *lines.entry(name).or_default() += 1;
    }
    let least = lines.values().copied().min().unwrap_or(0);
    (lines.len(), least, lines.values().copied().max().unwrap_or(0))
}

#[test]
fn files_with_large_backlogs_progress_alike() {
    let mut world = World::new("*.log");
    world.stop();
    let (files, lines_each) = (12, 12_500);
    for file in 0..files {
        let line = format!("{file}|{}\n", "x".repeat(196));
        world.append(&format!("{file}.log"), line.repeat(lines_each).as_bytes());
    }
    world.start();
    for part in [3, 2, 1] {
        while world.stream.len() < files * lines_each / (part + 1) {
            world.step();
        }
        let (seen, least, most) = progress(&world);
        assert_eq!(seen, files);
        assert!(most <= 2 * least, "the least {least} lines, the most {most}");
    }
}

#[test]
fn a_thousand_files_that_are_all_written_to_progress_alike() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    let files = 1000;
    for round in 1..=20 {
        for file in 0..files {
            world.append(&format!("{file}.log"), &lines.some(&format!("f{file}"), 1));
        }
        // The endpoint takes a little more than is written.
        world.run(Duration::from_millis(200));
        let (seen, least, most) = progress(&world);
        assert!(round == 1 || seen == files, "{seen} files had a turn");
        assert!(most <= 2 * least, "the least {least} lines, the most {most}");
    }
    world.settle();
    lines.assert_exact(&world);
}
