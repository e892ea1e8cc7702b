//! Slots that are reserved and filled later, in any order.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::support::oracle::judge;
use crate::support::scene::Scene;
use crate::support::world::World;

/// Longer than a hole is waited for.
const HOLE_OVER: Duration = Duration::from_secs(12);

#[test]
fn slots_that_are_filled_in_any_order_are_sent_once_and_no_hole_is() {
    for (slots, millis) in [(40, 100), (600, 10)] {
        let mut world = World::new("app.log");
        let slot = |number: u64| format!("slot {number:06} of the file\n").into_bytes();
        let len = slot(0).len() as u64;
        let file = File::create(world.path("app.log")).unwrap();
        world.hint();
        for first in [1, 0] {
            for number in (first..slots).step_by(2) {
                file.write_all_at(&slot(number), number * len).unwrap();
                world.run(Duration::from_millis(millis));
            }
        }
        world.run(HOLE_OVER);
        let expected: Vec<Vec<u8>> = (0..slots).map(slot).collect();
        let nul = world.stream.iter().filter(|record| record.contains(&0)).count();
        assert_eq!(nul, 0, "{slots}: no record has a hole in it");
        let mut arrived = world.stream.clone();
        arrived.sort();
        arrived.dedup();
        assert_eq!(arrived, expected, "{slots} slots");
        assert!(
            world.stream.len() <= expected.len() * 3 / 2,
            "{slots}: {} records",
            world.stream.len()
        );
    }
}

#[test]
fn a_hole_that_is_not_filled_is_skipped_and_read_when_it_is_filled_after_all() {
    let mut world = World::new("app.log");
    let file = File::create(world.path("app.log")).unwrap();
    file.write_all_at(b"first line of the file\n", 0).unwrap();
    file.write_all_at(b"third line of the file\n", 47).unwrap();
    world.run(HOLE_OVER);
    assert_eq!(world.stream, [b"first line of the file\n", b"third line of the file\n"]);
    assert!(world.transitions("hole_skipped") > 0);
    file.write_all_at(b"second line of the file\n", 23).unwrap();
    world.run(HOLE_OVER);
    assert!(world.stream.contains(&b"second line of the file\n".to_vec()));
    assert_eq!(world.stream.iter().filter(|r| r.starts_with(b"first")).count(), 1);
    assert!(world.transitions("hole_filled") > 0);
}

#[test]
fn nul_bytes_of_a_line_stay_in_it() {
    let mut world = World::new("app.log");
    world.append("app.log", b"a\0\0\0\0\0\0b\n\0\0c\nd\n");
    world.settle();
    assert_eq!(world.stream, [&b"a\0\0\0\0\0\0b\n"[..], b"\0\0c\n", b"d\n"]);
}

/// A writer that reserves slots and fills them in any order.
struct Slots {
    file: File,
    len: u64,
    base: u64,
    written: Vec<Vec<u8>>,
}

impl Slots {
    fn new(world: &World, len: u64) -> Self {
        let path = world.path("app.log");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
        let base = file.metadata().unwrap().len();
        Self { file, len, base, written: Vec::new() }
    }

    /// Bytes that read as NUL, up to the end of this slot.
    fn reserve(&self, slots: u64) {
        let size = self.file.metadata().unwrap().len();
        let end = self.base + slots * self.len;
        let missing = usize::try_from(end.saturating_sub(size)).unwrap();
        self.file.write_all_at(&vec![0; missing], size).unwrap();
    }

    fn line(&self, number: u64) -> Vec<u8> {
        let width = usize::try_from(self.len).unwrap() - 1;
        let mut line = format!("slot {number} ").into_bytes();
        line.resize(width, b'.');
        line.push(b'\n');
        line
    }

    fn fill(&mut self, number: u64) {
        let line = self.line(number);
        self.file.write_all_at(&line, self.base + number * self.len).unwrap();
        self.written.push(line);
    }

    fn fill_all(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.fill(*number);
        }
    }

    fn assert_once(&self, world: &World, what: &str) {
        let verdict = judge(&self.written, &world.stream);
        let exact =
            verdict.lost.is_empty() && verdict.repeated.is_empty() && verdict.foreign.is_empty();
        assert!(exact, "{what}: {verdict}");
    }
}

#[test]
fn a_hole_that_is_filled_anywhere_is_read_there_and_nothing_else_again() {
    for len in [30, 64, 4096, 100_000] {
        for order in [[3, 1, 2, 4], [4, 3, 2, 1], [2, 4, 1, 3]] {
            let mut world = World::new("app.log");
            let mut slots = Slots::new(&world, len);
            slots.reserve(6);
            slots.fill(0);
            slots.fill(5);
            world.hint();
            world.run(HOLE_OVER);
            slots.assert_once(&world, "before");
            for number in order {
                slots.fill(number);
                world.settle();
                slots.assert_once(&world, &format!("{len} {order:?} {number}"));
            }
            assert_eq!(world.transitions("truncated"), 0);
        }
    }
}

#[test]
fn a_slot_that_is_filled_close_to_the_end_repeats_nothing() {
    let mut scene = Scene::new("app.log");
    scene.write("app.log", "front", 2_000);
    let mut slots = Slots::new(&scene, 64);
    slots.reserve(4);
    slots.fill(0);
    slots.fill(3);
    scene.run(HOLE_OVER);
    for number in [2, 1] {
        slots.fill(number);
        scene.settle();
    }
    slots.written.append(&mut scene.written);
    slots.assert_once(&scene, "near the end");
}

#[test]
fn holes_that_are_filled_between_scans_are_read_at_the_start() {
    for crash in [false, true] {
        let mut world = World::new("app.log");
        let mut slots = Slots::new(&world, 64);
        slots.reserve(12);
        slots.fill_all(&[0, 3, 5, 11]);
        world.hint();
        world.run(HOLE_OVER);
        if crash {
            world.crash();
        } else {
            world.stop();
        }
        slots.fill_all(&[1, 4, 10]);
        world.start();
        world.settle();
        slots.assert_once(&world, &format!("crash {crash}"));
        world.stop();
        slots.fill_all(&[2, 6, 9]);
        world.start();
        slots.fill_all(&[7, 8]);
        world.settle();
        slots.assert_once(&world, &format!("crash {crash}, again"));
    }
}

#[test]
fn any_number_of_holes_is_known_or_the_ones_that_are_not_are_told() {
    for (count, told) in [(40, false), (600, false), (1_100, true)] {
        let mut world = World::new("app.log");
        let mut slots = Slots::new(&world, 64);
        slots.reserve(2 * count);
        (0..count).for_each(|number| slots.fill(2 * number + 1));
        world.hint();
        world.run(HOLE_OVER);
        (0..count).for_each(|number| slots.fill(2 * number));
        world.run(Duration::from_mins(1));
        assert_eq!(world.transitions("hole_forgotten") > 0, told, "{count}");
        if !told {
            slots.assert_once(&world, &format!("{count}"));
        }
    }
}

#[test]
fn records_that_are_padded_with_nul_bytes_do_not_wait_for_each_other() {
    let padded = |number: usize| {
        let mut record = format!("record {number} of the file\n").into_bytes();
        record.resize(128, 0);
        record
    };
    let mut world = World::new("app.log");
    (0..60).for_each(|number| world.append("app.log", &padded(number)));
    world.hint();
    world.run(HOLE_OVER);
    assert_eq!(world.stream.len(), 60);
    // A writer that continues: nothing waits for longer than a moment.
    for number in 60..90 {
        world.append("app.log", &padded(number));
        world.run(Duration::from_millis(200));
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.stream.len(), 90);
    assert!(world.stream.iter().all(|record| !record.contains(&0)));
    // What was not written to for long is not waited for at all.
    let mut world = World::new("app.log");
    (0..60).for_each(|number| world.append("app.log", &padded(number)));
    let file = File::options().write(true).open(world.path("app.log")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_mins(1)).unwrap();
    world.hint();
    world.run(Duration::from_secs(2));
    assert_eq!(world.stream.len(), 60);
}

#[test]
fn half_a_line_in_a_hole_waits_for_its_end() {
    let mut world = World::new("app.log");
    let mut slots = Slots::new(&world, 64);
    slots.reserve(4);
    slots.fill(0);
    slots.fill(3);
    world.hint();
    world.run(HOLE_OVER);
    let line = slots.line(1);
    slots.file.write_all_at(&line[..20], 64).unwrap();
    world.settle();
    slots.assert_once(&world, "half");
    slots.fill(1);
    world.settle();
    slots.assert_once(&world, "whole");
}

/// Draws what a writer and a daemon do: slots that are reserved and filled in any order, lines at
/// the end, stops, crashes. Nothing may be lost or made up, and nothing repeated but by a crash.
#[test]
fn slots_lines_stops_and_crashes_at_random() {
    let first = std::env::var("KINETAIL_FIRST_SEED").ok().and_then(|text| text.parse().ok());
    let seeds = std::env::var("KINETAIL_SLOTS").ok().and_then(|text| text.parse().ok());
    let first: u64 = first.unwrap_or(0);
    for seed in first..first + seeds.unwrap_or(60) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::new("app.log");
        let mut slots = Slots::new(&world, random.u64(32..200));
        let (mut free, mut reserved, mut crashed) = (Vec::new(), 0, false);
        let mut trace = Vec::new();
        for _ in 0..40 {
            let drawn = random.u8(0..12);
            match drawn {
                0 | 1 => {
                    let more = random.u64(1..20);
                    free.extend(reserved..reserved + more);
                    reserved += more;
                    slots.reserve(reserved);
                }
                2..=6 if !free.is_empty() => {
                    for _ in 0..random.usize(1..4).min(free.len()) {
                        let number = free.swap_remove(random.usize(..free.len()));
                        trace.push(format!("fill {number}"));
                        slots.fill(number);
                    }
                }
                7 => {
                    slots.fill(reserved);
                    reserved += 1;
                }
                8 | 9 => world.run(Duration::from_millis(random.u64(10..2_000))),
                10 => world.run(HOLE_OVER),
                11 if random.bool() => {
                    crashed = true;
                    world.crash();
                    trace.push("crash".to_owned());
                }
                11 => {
                    world.stop();
                    trace.push("stop".to_owned());
                }
                _ => {}
            }
            trace.push(format!("{drawn}"));
            if drawn == 11 {
                for _ in 0..random.usize(..4).min(free.len()) {
                    let number = free.swap_remove(random.usize(..free.len()));
                    trace.push(format!("fill {number}"));
                    slots.fill(number);
                }
                world.start();
            }
        }
        slots.fill(reserved);
        world.run(Duration::from_secs(40));
        let verdict = judge(&slots.written, &world.stream);
        let repeats = !crashed && !verdict.repeated.is_empty();
        assert!(verdict.is_complete() && !repeats, "seed {seed}: {verdict}; {trace:?}");
    }
}
