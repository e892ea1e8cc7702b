//! When a batch is sent: at once when it is full, at its age when it is not.

use std::collections::VecDeque;
use std::time::Duration;

use kinetail::batch::{Aggregation, Format};
use kinetail::config::{Destination, FlowConfig, PartitionKey};
use kinetail::sandbox::user_records;
use proptest::prelude::*;

use crate::support::world::World;

/// Nothing here may be sent because it is old.
const NEVER: Duration = Duration::from_mins(15);

/// Enough for a file to be found and read on the flow's clock.
const SOON: Duration = Duration::from_secs(2);

fn world(change: impl FnOnce(&mut FlowConfig)) -> World {
    World::with("app.log", |config| {
        config.max_buffer_age = NEVER;
        change(config);
    })
}

fn line(bytes: usize) -> Vec<u8> {
    let mut line = vec![b'x'; bytes - 1];
    line.push(b'\n');
    line
}

#[test]
fn a_batch_of_one_record_does_not_wait_for_a_second_line() {
    let mut world = world(|config| config.max_buffer_records = 1);
    world.append("app.log", b"one\n");
    world.run(SOON);
    assert_eq!(world.stream, [b"one\n"]);
}

#[test]
fn five_hundred_of_five_hundred_records_are_sent_at_once() {
    let mut world = world(|_| {});
    world.append("app.log", &b"line\n".repeat(499));
    world.run(SOON);
    assert_eq!(world.stream.len(), 0, "a batch that has room waits");
    world.append("app.log", b"line\n");
    world.run(SOON);
    assert_eq!(world.stream.len(), 500);
}

#[test]
fn a_batch_that_is_exactly_at_its_limit_of_bytes_is_sent_at_once() {
    // A random key counts 8 bytes.
    let mut world = world(|config| config.max_buffer_bytes = 3 * 100);
    world.append("app.log", &line(92).repeat(3));
    world.run(SOON);
    assert_eq!(world.stream.len(), 3);
}

#[test]
fn a_batch_with_less_room_than_the_smallest_record_needs_is_sent_at_once() {
    let room_for = |left: usize, key: PartitionKey| {
        let mut world = world(|config| {
            config.max_buffer_bytes = 300 + left;
            config.partition_key = key.clone();
        });
        let key_bytes = if key == PartitionKey::Random { 8 } else { 32 };
        world.append("app.log", &line(150 - key_bytes).repeat(2));
        world.run(SOON);
        world.stream.len()
    };
    assert_eq!(room_for(8, PartitionKey::Random), 2);
    assert_eq!(room_for(9, PartitionKey::Random), 0, "an empty line would fit");
    assert_eq!(room_for(32, PartitionKey::Deterministic), 2);
    assert_eq!(room_for(33, PartitionKey::Deterministic), 0, "an empty line would fit");
}

#[test]
fn a_full_batch_leaves_when_its_request_is_free_and_not_at_the_next_line() {
    let mut world = world(|config| {
        config.max_buffer_records = 10;
        config.max_in_flight_requests = 1;
    });
    world.endpoint_down = true;
    world.append("app.log", &b"line\n".repeat(20));
    world.run(SOON);
    world.endpoint_down = false;
    world.run(SOON);
    assert_eq!(world.stream.len(), 20);
}

/// How many requests are in flight at most after each of six round trips.
fn most_in_flight(world: &mut World) -> Vec<usize> {
    let round_trip = |_| {
        world.endpoint_down = true;
        for _ in 0..80 {
            world.step();
        }
        world.endpoint_down = false;
        world.step();
        world.most_in_flight()
    };
    (0..6).map(round_trip).collect()
}

fn world_with_a_backlog() -> World {
    let world = world(|config| {
        config.max_buffer_records = 10;
        config.max_in_flight_requests = 64;
    });
    world.append("app.log", &b"line\n".repeat(10 * 200));
    world
}

#[test]
fn requests_in_flight_double_with_each_round_trip_to_a_slow_endpoint() {
    let mut world = world_with_a_backlog();
    world.answers_take = Duration::from_millis(50);
    assert_eq!(most_in_flight(&mut world), [1, 2, 4, 8, 16, 32]);
}

#[test]
fn a_fast_endpoint_that_becomes_slow_is_busy_and_gets_no_more_requests() {
    let mut world = world_with_a_backlog();
    assert_eq!(most_in_flight(&mut world), [1; 6]);
    world.answers_take = Duration::from_millis(50);
    assert_eq!(most_in_flight(&mut world), [1; 6]);
}

/// The batches that lines of these sizes make, by the rules of the documentation: as many records
/// as the limits allow, each batch whole. Returns how many lines are in full ones.
fn in_full_batches(sizes: &[usize], records_max: usize, bytes_max: usize, key: usize) -> usize {
    let smallest = key + 1;
    let (mut sent, mut open) = (0, VecDeque::new());
    for size in sizes {
        let counted = size + key;
        let bytes: usize = open.iter().sum();
        if !open.is_empty() && bytes + counted > bytes_max {
            sent += open.len();
            open.clear();
        }
        open.push_back(counted);
        let bytes: usize = open.iter().sum();
        if open.len() >= records_max || bytes + smallest > bytes_max {
            sent += open.len();
            open.clear();
        }
    }
    sent
}

fn aggregation(format: Format, bytes_max: usize, records_max: usize) -> Aggregation {
    Aggregation { format, bytes_max, records_max }
}

/// The lines that arrived, whatever they were put together into.
fn arrived(world: &World) -> Vec<u8> {
    let lines = |record: &Vec<u8>| user_records("k", record).into_iter().map(|user| user.data);
    world.stream.iter().flat_map(lines).flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For all limits, formats and lines: what waits for its age has room for one more line. Either
    /// an empty line waits, too, or it leaves with all that waited for it.
    #[test]
    fn no_batch_of_aggregates_waits_without_room(
        kpl in any::<bool>(),
        firehose in any::<bool>(),
        own_keys in any::<bool>(),
        joined_bytes in 5_usize..200,
        joined_records in 1_usize..6,
        records_max in 1_usize..=5,
        bytes_max in 200_usize..500,
        sizes in prop::collection::vec(2_usize..60, 1..20),
    ) {
        let format = if kpl && !firehose { Format::Kpl } else { Format::Newline };
        let mut world = world(|config| {
            config.max_buffer_records = records_max;
            config.max_buffer_bytes = bytes_max;
            config.max_in_flight_requests = 64;
            config.aggregation = Some(aggregation(format, joined_bytes, joined_records));
            if own_keys {
                config.partition_key = PartitionKey::Deterministic;
            }
            if firehose {
                config.destination = Destination::Firehose { delivery_stream: "s".to_owned() };
            }
        });
        let mut written = Vec::new();
        for size in sizes {
            written.extend(line(size));
            world.append("app.log", &line(size));
            world.run(SOON);
            let before = arrived(&world);
            prop_assert!(written.starts_with(&before));
            written.push(b'\n');
            world.append("app.log", b"\n");
            world.run(SOON);
            let after = arrived(&world);
            prop_assert!(after == before || after == written, "{:?} {:?}", before, written);
        }
    }

    /// For all limits, lines and times at which they come: what is in full batches is sent, and
    /// nothing else is.
    #[test]
    fn exactly_the_full_batches_are_sent(
        records_max in 1_usize..=8,
        bytes_max in 40_usize..400,
        firehose in any::<bool>(),
        in_flight in 1_usize..=3,
        bursts in prop::collection::vec(prop::collection::vec(1_usize..120, 1..12), 1..6),
    ) {
        let mut world = world(|config| {
            config.max_buffer_records = records_max;
            config.max_buffer_bytes = bytes_max;
            config.max_in_flight_requests = in_flight;
            if firehose {
                config.destination = Destination::Firehose { delivery_stream: "s".to_owned() };
            }
        });
        let key = if firehose { 0 } else { 8 };
        let mut written = Vec::new();
        for burst in bursts {
            let bytes: Vec<u8> = burst.iter().flat_map(|size| line(*size)).collect();
            world.append("app.log", &bytes);
            written.extend(burst);
            world.run(SOON);
            let expected = in_full_batches(&written, records_max, bytes_max, key);
            prop_assert_eq!(world.stream.len(), expected);
        }
    }
}

#[test]
fn a_batch_of_one_record_does_not_wait_for_a_second_one_to_be_joined() {
    let mut world = world(|config| {
        config.max_buffer_records = 1;
        config.destination = Destination::Firehose { delivery_stream: "s".to_owned() };
        config.aggregation = Some(aggregation(Format::Newline, 10, 500));
    });
    world.append("app.log", &line(20));
    world.run(SOON);
    assert_eq!(world.stream, [line(20)], "it is longer than what is joined");
    world.append("app.log", &line(5));
    world.run(SOON);
    assert_eq!(world.stream.len(), 1, "another line can be joined to it");
    world.append("app.log", &line(5));
    world.run(SOON);
    assert_eq!(world.stream[1..], [line(5).repeat(2)], "and now none");
}

/// As long as the shards are not known, each record has a key of its own.
#[test]
fn five_hundred_records_that_cannot_be_put_together_are_sent_at_once() {
    let mut world = world(|config| {
        config.partition_key = PartitionKey::Deterministic;
        config.aggregation = Some(aggregation(Format::Kpl, 51_200, 500));
    });
    let lines = |range: std::ops::Range<u32>| range.flat_map(|n| format!("{n}\n").into_bytes());
    world.append("app.log", &lines(0..499).collect::<Vec<_>>());
    world.run(SOON);
    assert_eq!(world.stream.len(), 0, "a batch that has room waits");
    world.append("app.log", &lines(499..500).collect::<Vec<_>>());
    world.run(SOON);
    assert_eq!(world.stream.len(), 500);
}

#[test]
fn a_stop_does_not_wait_for_a_batch_that_has_only_skipped_lines() {
    let mut world = world(|config| config.skip_header_lines = 1);
    world.append("app.log", b"header\n");
    world.run(SOON);
    world.stop();
    assert_eq!(world.stream.len(), 0);
}
