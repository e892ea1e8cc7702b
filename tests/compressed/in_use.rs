//! Files that are compressed while they are read, or before their next turn.

use std::fs::{self, File};
use std::time::Duration;

use super::{FORMATS, Format, Writer, compress, rotate};
use crate::support::oracle::judge;
use crate::support::world::World;

#[test]
fn f19_compressed_in_place_while_it_is_read_is_sent_once() {
    let mut world = World::new("app.log*");
    let mut writer = Writer::default();
    for round in 0..20 {
        world.append("app.log", &writer.lines(&format!("g{round}"), 400));
        world.run(Duration::from_millis(120));
        world.append("app.log", &writer.lines(&format!("g{round}"), 400));
        rotate(&world);
        world.step();
        compress(Format::Gzip, &world.path("app.log.1"));
        let to = format!("app.log.1.gz-{round}.gz");
        world.rename("app.log.1.gz", &to);
    }
    world.run(Duration::from_secs(70));
    writer.check(&world, "running");
}

#[test]
fn a_file_that_begins_like_a_missing_one_and_is_compressed_while_it_is_read_is_sent_once() {
    for killed in [false, true] {
        let mut world = World::new("app.log*");
        let mut writer = Writer::default();
        let beginning = writer.lines("a", 5);
        world.append("app.log", &beginning);
        world.settle();
        world.crash();
        // It is rewritten and longer, as an editor does, and its old file is gone for good.
        let rest = writer.lines("a", 9);
        world.append("app.log.new", &[beginning.clone(), rest].concat());
        world.rename("app.log.new", "app.log");
        world.start();
        world.settle();
        // Both begin alike, so the beginning is sent again; this is undecidable.
        let sent_again = beginning.split_inclusive(|byte| *byte == b'\n');
        writer.written.extend(sent_again.map(<[u8]>::to_vec));
        world.append("app.log", &writer.lines("a", 3));
        world.settle();
        rotate(&world);
        world.run(Duration::from_millis(100));
        compress(Format::Gzip, &world.path("app.log.1"));
        if killed {
            world.crash();
            world.start();
        }
        world.run(Duration::from_secs(70));
        // What is missing is looked for again when something is new, and after each start.
        world.rename("app.log.1.gz", "app.log.2.gz");
        world.append("app.log", &writer.lines("b", 3));
        world.settle();
        world.stop();
        world.start();
        world.settle();
        let verdict = judge(&writer.written, &world.stream);
        let exact = verdict.is_complete() && verdict.repeated.is_empty();
        assert!(exact, "killed: {killed}: {verdict}");
    }
}

#[test]
fn copytruncate_with_a_copy_that_is_compressed_at_once() {
    for format in FORMATS {
        let mut world = World::new("app.log");
        let mut writer = Writer::default();
        world.append("app.log", &writer.lines("a", 400));
        world.settle();
        world.append("app.log", &writer.lines("a", 300));
        fs::copy(world.path("app.log"), world.path("app.log.1")).unwrap();
        compress(format, &world.path("app.log.1"));
        File::options().write(true).open(world.path("app.log")).unwrap().set_len(0).unwrap();
        world.append("app.log", &writer.lines("b", 30));
        world.settle();
        writer.check(&world, &format!("{format:?}"));
    }
}

#[test]
fn f14_closed_for_others_and_compressed_before_its_next_turn() {
    let mut world = World::new("*.log");
    let mut writer = Writer::default();
    for number in 0..4 {
        world.append(&format!("{number}.log"), &writer.lines(&number.to_string(), 50));
    }
    world.settle();
    world.stop();
    world.descriptors_max = 2;
    world.start();
    world.settle();
    world.endpoint_down = true;
    for _ in 0..8 {
        for number in 0..4 {
            world.append(&format!("{number}.log"), &writer.lines(&number.to_string(), 1_000));
        }
        world.run(Duration::from_millis(100));
    }
    for number in 0..4 {
        compress(Format::Gzip, &world.path(&format!("{number}.log")));
    }
    world.run(Duration::from_secs(2));
    world.endpoint_down = false;
    world.run(Duration::from_secs(20));
    writer.check(&world, "closed");
}
