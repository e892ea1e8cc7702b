//! Few descriptors, many files; files that are held; disks that fill up.

use std::fs;
use std::time::Duration;

use kinetail::tail::space::{Space, SpaceGuard};
use serde_json::json;

use super::Lines;
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::world::{World, append};

#[test]
fn two_hundred_files_with_sixty_four_descriptors() {
    let endpoint = Endpoint::healthy();
    let stream = kinesis("few");
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("*.log", ("kinesisStream", "few"), &json!({}));
    let agent = home.start_with_descriptors(64);
    let mut lines = Lines::default();
    for round in 0..3 {
        for file in 0..200 {
            let path = home.log(&format!("{file}.log"));
            append(&path, &lines.some(&format!("f{file}"), 20));
            if round > 0 && file % 4 == 0 {
                fs::rename(&path, home.log(&format!("{file}.log.{round}"))).unwrap();
            }
        }
        endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    }
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(endpoint.count(&stream), lines.written.len(), "nothing is repeated");
}

#[test]
fn ten_thousand_files_with_a_hundred_descriptors() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    world.crash();
    world.descriptors_max = 100;
    world.start();
    for file in 0..10_000 {
        world.append(&format!("{file}.log"), &lines.some(&format!("f{file}"), 1));
    }
    world.run(Duration::from_secs(2));
    assert!(world.open_files() <= 100);
    for file in (0..10_000).step_by(7) {
        world.append(&format!("{file}.log"), &lines.some(&format!("f{file}"), 1));
    }
    world.run(Duration::from_secs(10));
    lines.assert_exact(&world);
}

#[test]
fn a_closed_file_that_is_moved_out_of_the_pattern_is_found_in_its_directory() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    world.crash();
    world.descriptors_max = 2;
    world.endpoint_down = true;
    world.start();
    for file in 0..20 {
        world.append(&format!("{file}.log"), &lines.some(&format!("f{file}"), 1000));
    }
    world.settle();
    for file in 0..20 {
        world.rename(&format!("{file}.log"), &format!("{file}.log.1"));
    }
    world.settle();
    for file in 0..20 {
        world.rename(&format!("{file}.log.1"), &format!("{file}.log.2"));
        world.append(&format!("{file}.log.2"), &lines.some(&format!("f{file}"), 1));
    }
    world.settle();
    assert!(world.open_files() <= 3);
    world.endpoint_down = false;
    world.run(Duration::from_secs(20));
    lines.assert_exact(&world);
}

#[test]
fn files_that_are_deleted_while_they_are_open_are_read_though_descriptors_are_short() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    world.crash();
    world.descriptors_max = 4;
    world.start();
    for file in 0..3 {
        world.append(&format!("{file}.log"), &lines.some(&format!("f{file}"), 1000));
    }
    world.endpoint_down = true;
    world.settle();
    for file in 0..3 {
        fs::remove_file(world.path(&format!("{file}.log"))).unwrap();
    }
    world.settle();
    for file in 3..20 {
        world.append(&format!("{file}.log"), &lines.some(&format!("f{file}"), 100));
    }
    world.settle();
    world.endpoint_down = false;
    world.run(Duration::from_secs(20));
    lines.assert_exact(&world);
}

#[test]
fn of_more_deleted_files_than_descriptors_the_oldest_is_given_up() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    world.crash();
    world.descriptors_max = 1;
    world.endpoint_down = true;
    world.start();
    world.append("0.log", &lines.some("fills the batches", 3000));
    world.settle();
    world.append("a.log", &Lines::default().some("given up", 10));
    world.settle();
    fs::remove_file(world.path("a.log")).unwrap();
    world.settle();
    world.append("b.log", &lines.some("b", 10));
    world.settle();
    assert_eq!(world.open_files(), 2, "a deleted file is not what makes room");
    fs::remove_file(world.path("b.log")).unwrap();
    world.settle();
    assert!(world.open_files() <= 2);
    world.endpoint_down = false;
    world.settle();
    lines.assert_exact(&world);
}

fn world_with_space(pattern: &str) -> World {
    let mut world = World::new(pattern);
    world.crash();
    world.space = SpaceGuard { min_free_percent: 5 };
    world.start();
    set_free(&world, 1000);
    world
}

/// Per mille of free space that the disk claims to have.
fn set_free(world: &World, per_mille: u64) {
    let space = Space { available_bytes: per_mille, total_bytes: 1000 };
    world.disk.script.borrow_mut().space = Some(space);
}

#[test]
fn a_deleted_file_that_is_read_gives_its_space_back_when_the_disk_fills() {
    let (mut world, mut lines) = (world_with_space("*.log"), Lines::default());
    world.append("a.log", &lines.some("a", 10));
    world.settle();
    fs::remove_file(world.path("a.log")).unwrap();
    world.run(Duration::from_secs(2));
    assert_eq!(world.open_files(), 1, "more may be written to it");
    set_free(&world, 49);
    world.run(Duration::from_secs(1));
    assert_eq!(world.open_files(), 0);
    lines.assert_exact(&world);
    assert!(world.rows().is_empty());
}

#[test]
fn an_unread_deleted_file_is_kept_until_the_disk_is_nearly_full_and_then_the_oldest_goes() {
    let (mut world, mut lines) = (world_with_space("*.log"), Lines::default());
    world.endpoint_down = true;
    world.append("0.log", &lines.some("fills the batches", 3000));
    world.settle();
    let mut kept = Lines::default();
    for file in 1..4 {
        // The first of them is given up.
        let of = if file == 1 { &mut Lines::default() } else { &mut kept };
        world.append(&format!("{file}.log"), &of.some(&format!("f{file}"), 10));
        world.settle();
        fs::remove_file(world.path(&format!("{file}.log"))).unwrap();
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.open_files(), 4);
    set_free(&world, 49);
    world.run(Duration::from_secs(5));
    assert_eq!(world.open_files(), 4, "they are not read");
    set_free(&world, 9);
    for _ in 0..50 {
        if world.open_files() == 4 {
            world.step();
        }
    }
    set_free(&world, 1000);
    world.run(Duration::from_secs(5));
    assert_eq!(world.open_files(), 3, "one at a time");
    world.endpoint_down = false;
    world.settle();
    lines.written.extend(kept.written);
    lines.assert_exact(&world);
}

#[test]
fn a_deleted_file_that_cannot_be_delivered_is_given_up_after_a_week() {
    let (mut world, mut lines) = (World::new("*.log"), Lines::default());
    world.endpoint_down = true;
    world.append("0.log", &lines.some("fills the batches", 3000));
    world.settle();
    world.append("1.log", &Lines::default().some("given up", 10));
    world.settle();
    fs::remove_file(world.path("1.log")).unwrap();
    world.run(Duration::from_secs(10));
    assert_eq!(world.open_files(), 2);
    world.pass(Duration::from_hours(7 * 24));
    world.run(Duration::from_secs(1));
    assert_eq!(world.open_files(), 1);
    world.endpoint_down = false;
    world.settle();
    lines.assert_exact(&world);
}
