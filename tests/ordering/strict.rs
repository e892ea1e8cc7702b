//! `ordering: strict` of whole flows: within a partition key, which is in the records here, nothing
//! arrives before what was written before it. The service's own faults are played in
//! `crates/core/delivery`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use kinetail::batch::key::template::{KeyTemplate, MissingKey, Surroundings};
use kinetail::config::{FlowConfig, Ordering, PartitionKey};

use crate::support::world::World;

/// Keys of the records.
const KEYS: u64 = 5;

fn strict(config: &mut FlowConfig) {
    let surroundings = Surroundings { host: None, variable: &|_| None };
    let template = KeyTemplate::parse("{record.k}", None, MissingKey::Random, surroundings);
    config.partition_key = PartitionKey::Template(Arc::new(template.unwrap()));
    config.ordering = Ordering::Strict;
}

/// A writer of numbered records, each with one of some keys.
struct Writer {
    random: fastrand::Rng,
    number: u64,
}

impl Writer {
    fn write(&mut self, world: &World, lines: usize) {
        let mut text = String::new();
        for _ in 0..lines {
            self.number += 1;
            let key = self.random.u64(..KEYS);
            writeln!(text, "{{\"k\":\"k{key}\",\"n\":{}}}", self.number).unwrap();
        }
        world.append("app.log", text.as_bytes());
    }
}

/// Records arrive in order within their key, and none is missing.
fn check(world: &World, written: u64) {
    let mut seen = BTreeSet::new();
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    for record in &world.stream {
        let line: serde_json::Value = serde_json::from_slice(record).unwrap();
        let (key, number) = (line["k"].as_str().unwrap(), line["n"].as_u64().unwrap());
        if seen.insert(number) {
            let newest = newest.entry(key.to_owned()).or_default();
            assert!(number > *newest, "{number} of {key} came behind {newest}");
            *newest = number;
        }
    }
    assert_eq!(seen.len() as u64, written);
}

#[test]
fn records_of_a_key_arrive_in_order_through_stalls_kills_and_rotations() {
    for seed in 1..=6 {
        let pattern = if seed % 2 == 0 { "app.log" } else { "app.log*" };
        let mut world = World::with(pattern, strict);
        let mut writer = Writer { random: fastrand::Rng::with_seed(seed), number: 0 };
        for _ in 0..30 {
            let lines = writer.random.usize(1..60);
            writer.write(&world, lines);
            match writer.random.u8(..6) {
                0 => {
                    for number in (0..4).rev() {
                        let from = if number == 0 {
                            "app.log".to_owned()
                        } else {
                            format!("app.log.{number}")
                        };
                        if world.path(&from).is_file() {
                            world.rename(&from, &format!("app.log.{}", number + 1));
                        }
                    }
                    writer.write(&world, 1);
                    world.hint();
                }
                1 => {
                    world.crash();
                    world.start();
                }
                2 => world.endpoint_down = !world.endpoint_down,
                _ => {}
            }
            world.run(Duration::from_millis(writer.random.u64(..600)));
            assert!(world.most_in_flight() <= 1, "one batch at a time");
        }
        world.endpoint_down = false;
        world.run(Duration::from_mins(3));
        check(&world, writer.number);
    }
}

/// No two records of one key are in one request.
#[test]
fn a_request_has_one_record_of_a_key() {
    let mut world = World::with("app.log", strict);
    world.acks_per_step = 1;
    world.append("app.log", b"{\"k\":\"a\"}\n{\"k\":\"b\"}\n{\"k\":\"a\"}\n{\"k\":\"c\"}\n");
    let mut batches = Vec::new();
    for _ in 0..60 {
        let before = world.keys.len();
        world.step();
        if world.keys.len() > before {
            batches.push(world.keys[before..].to_vec());
        }
    }
    assert_eq!(batches, [vec!["a", "b"], vec!["a", "c"]]);
}
