//! Turns: a huge backlog does not hold the others up, and thousands of busy files go on alike.

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
    assert!(of_backlog > at_append - before, "and it went on, too");
}

#[test]
fn a_thousand_busy_files_go_on_alike() {
    let mut world = World::new("*.log");
    world.stop();
    let files = 1000;
    for file in 0..files {
        let line = format!("{file}|{}\n", "x".repeat(150));
        world.append(&format!("{file}.log"), line.repeat(200).as_bytes());
    }
    world.start();
    while world.stream.len() < files * 100 {
        world.step();
    }
    let mut progress: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for record in &world.stream {
        let name = record.split(|byte| *byte == b'|').next().unwrap_or_default();
        *progress.entry(name.to_vec()).or_default() += 1;
    }
    let (min, max) = (progress.values().min().unwrap(), progress.values().max().unwrap());
    println!("{} files, least {min} lines, most {max}", progress.len());
}
