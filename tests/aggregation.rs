//! Aggregated records of the real binary, read back by readers that are not ours.

use std::collections::BTreeMap;
use std::time::Duration;

use kinetail::batch::hash::{ShardMap, ShardRange, hash_key};
use kinetail::batch::response::ShardNumber;
use kinetail::sandbox::{
    ErrorResponse, Fault, Operation, SandboxOptions, Scope, StreamId, UserRecord, user_records,
};
use serde_json::{Value, json};

use crate::seams::{home_with_admin, page};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::Endpoint;
use crate::support::readers::{Reader, Stored};
use crate::support::wait::wait_until;
use crate::support::world::append;

const LINES: usize = 4_000;

fn stream() -> StreamId {
    StreamId::kinesis("s").unwrap()
}

fn line(number: usize) -> Vec<u8> {
    format!("{{\"k\":\"key-{}\",\"n\":{number}}}\n", number * 7 % 23).into_bytes()
}

fn start(endpoint: &Endpoint, keys: &Value) -> (Home, Agent) {
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("*.log", ("kinesisStream", "s"), keys);
    let agent = home.start();
    (home, agent)
}

fn users(endpoint: &Endpoint) -> Vec<UserRecord> {
    let stored = endpoint.handle.records(&stream());
    let of = |key: &Option<String>| key.clone().unwrap_or_default();
    stored
        .iter()
        .flat_map(|record| user_records(&of(&record.partition_key), &record.data))
        .collect()
}

/// Writes all lines, the first of them alone: what was found out a moment before it comes is known
/// to the flow when it comes to the others.
fn write_all(endpoint: &Endpoint, home: &Home, agent: &Agent) {
    append(&home.log("a.log"), &line(0));
    wait_for(endpoint, 1, agent);
    append(&home.log("a.log"), &(1..LINES).flat_map(line).collect::<Vec<u8>>());
    wait_for(endpoint, LINES, agent);
}

/// Writes a few lines at a time until those of one write arrive in fewer records: the flow knows by
/// then that the stream takes aggregates. Says how many lines that were.
fn write_until_aggregated(endpoint: &Endpoint, home: &Home, agent: &Agent) -> usize {
    const AT_ONCE: usize = 5;
    let mut written = 0;
    let is_aggregated = || {
        let before = endpoint.count(&stream());
        let lines: Vec<u8> = (written..written + AT_ONCE).flat_map(line).collect();
        append(&home.log("a.log"), &lines);
        written += AT_ONCE;
        wait_for(endpoint, written, agent);
        endpoint.count(&stream()) < before + AT_ONCE
    };
    wait_until("an aggregate", SOON, is_aggregated, || agent.log());
    written
}

fn wait_for(endpoint: &Endpoint, count: usize, agent: &Agent) {
    wait_until("records", 3 * SOON, || users(endpoint).len() >= count, || agent.log());
}

/// The range of a shard of a stream with so many, by its id.
fn range(shards: u64, id: &str) -> (u128, u128) {
    let number = ShardNumber::find_in(id).unwrap().0;
    let width = (u128::MAX - u128::from(shards - 1)) / u128::from(shards) + 1;
    let end = if number + 1 == shards { u128::MAX } else { u128::from(number + 1) * width - 1 };
    (u128::from(number) * width, end)
}

/// Each line once, in the order of its key, with its key, and on the shard where that belongs: so
/// say the Kinesis Client Library, which drops what is elsewhere, and a Python package.
#[test]
fn two_other_readers_find_each_line_once_in_order_where_its_key_belongs() {
    let endpoint = Endpoint::start(SandboxOptions { shards: 4, ..SandboxOptions::default() });
    let keys = json!({ "aggregation": "kpl", "partitionKey": "{record.k}" });
    let (home, agent) = start(&endpoint, &keys);
    agent.wait_for_log("shard map updated", SOON);
    write_all(&endpoint, &home, &agent);
    let stored: Vec<Stored> = endpoint
        .handle
        .records(&stream())
        .into_iter()
        .map(|record| Stored {
            key: record.partition_key.unwrap(),
            data: record.data,
            range: range(4, &record.shard_id),
        })
        .collect();
    assert!(stored.len() < LINES / 10, "{} records for {LINES} lines", stored.len());
    for record in &stored {
        assert!((record.range.0..=record.range.1).contains(&hash_key(&record.key)));
    }
    for reader in [Reader::Java, Reader::Python] {
        let Some(found) = reader.read(&stored) else { continue };
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        let mut numbers = Vec::new();
        for (key, data) in &found {
            let value: Value = serde_json::from_slice(data).unwrap();
            assert_eq!(value["k"], json!(key), "{reader:?}");
            let number = value["n"].as_u64().unwrap();
            let before = newest.insert(key, number);
            assert!(before.is_none_or(|before| before < number), "{reader:?}: order of {key}");
            numbers.push(number);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..LINES as u64).collect::<Vec<_>>(), "{reader:?}");
    }
    agent.stop(SOON);
}

/// A shard that is split while aggregates for it are on their way: the client library still finds
/// all of them, and the map is renewed.
#[test]
fn a_split_loses_nothing_for_the_client_library() {
    let endpoint = Endpoint::start(SandboxOptions { shards: 2, ..SandboxOptions::default() });
    let keys = json!({ "aggregation": "kpl", "partitionKey": "{record.k}" });
    let (home, agent) = start(&endpoint, &keys);
    agent.wait_for_log("shard map updated", SOON);
    let first = "shardId-000000000000";
    assert!(endpoint.handle.split_shard(&stream(), first, 1 << 126));
    // A record that fails is sent again, to wherever its key belongs by then.
    let throttled = Fault::ThrottleRecords(vec![0]);
    endpoint.handle.script(Scope::Stream(stream()), throttled).unwrap();
    write_all(&endpoint, &home, &agent);
    let map = ShardMap::new(vec![
        ShardRange { start: 0, end: (1 << 126) - 1, number: ShardNumber(2) },
        ShardRange { start: 1 << 126, end: (1 << 127) - 1, number: ShardNumber(3) },
        ShardRange { start: 1 << 127, end: u128::MAX, number: ShardNumber(1) },
    ])
    .unwrap();
    let mut found = 0;
    for record in endpoint.handle.records(&stream()) {
        let shard = ShardNumber::find_in(&record.shard_id).unwrap();
        for user in user_records(&record.partition_key.unwrap(), &record.data) {
            let belongs = map.ranges()[map.place_of(user.hash_key).unwrap()];
            assert_eq!(belongs.number, shard, "the client library would drop it");
            found += 1;
        }
    }
    assert_eq!(found, LINES);
    // An answer of nothing but successes tells of no shard; the map is renewed every 30 to 60 s.
    wait_until(
        "a new map",
        5 * SOON,
        || agent.log().matches("shard map updated").count() >= 2,
        || agent.log(),
    );
    agent.stop(SOON);
}

#[test]
fn a_stream_that_distributes_records_itself_gets_no_aggregates_and_an_error_says_why() {
    let endpoint = Endpoint::healthy();
    endpoint.handle.set_auto_distribution(&stream(), true);
    let (home, agent) = start(&endpoint, &json!({ "aggregation": "kpl" }));
    agent.wait_for_log("aggregation kpl rejected", SOON);
    write_all(&endpoint, &home, &agent);
    assert_eq!(endpoint.count(&stream()), LINES, "each line is a record");
    agent.stop(SOON);
}

#[test]
fn without_permission_to_ask_it_continues_and_says_what_was_not_checked() {
    let endpoint = Endpoint::healthy();
    let denied =
        || Fault::Respond(ErrorResponse::new(400, "AccessDeniedException", "not authorized"));
    let scope = Scope::Operation(Operation::DescribeStreamSummary);
    endpoint.handle.script(scope, denied()).unwrap();
    let (home, agent) = start(&endpoint, &json!({ "aggregation": "kpl" }));
    agent.wait_for_log("not checked: RecordDistributionStrategy", SOON);
    write_all(&endpoint, &home, &agent);
    assert!(endpoint.count(&stream()) < LINES / 10);
    agent.stop(SOON);
}

#[test]
fn a_large_record_is_sent_whole_to_a_stream_that_says_so() {
    let large = SandboxOptions {
        kinesis_record_bytes_max: 4 * 1024 * 1024,
        kinesis_request_bytes_max: 10 * 1024 * 1024,
        ..SandboxOptions::default()
    };
    let endpoint = Endpoint::start(large);
    let mut home = Home::new(&endpoint.handle.url());
    let line = [vec![b'x'; 3 * 1024 * 1024], b"\n".to_vec()].concat();
    append(&home.log("a.log"), &line);
    home.flow("*.log", ("kinesisStream", "s"), &json!({ "maxRecordBytes": "auto" }));
    let agent = home.start();
    wait_until("a record", 3 * SOON, || endpoint.count(&stream()) > 0, || agent.log());
    assert!(endpoint.data(&stream()) == [line], "not cut");
    assert_eq!(agent.stop(Duration::from_secs(30)), Some(0));
}

/// As while it is resharded.
#[test]
fn list_of_shards_with_a_gap_is_reported_once_and_asked_for_again() {
    let endpoint = Endpoint::healthy();
    let shard = json!({
        "ShardId": "shardId-000000000000",
        "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "10" },
        "SequenceNumberRange": { "StartingSequenceNumber": "0" },
    });
    let fault = || Fault::RawAnswer {
        status: 200,
        content_type: "application/x-amz-json-1.1".to_owned(),
        body: json!({ "Shards": [shard] }).to_string().into_bytes(),
    };
    for _ in 0..3 {
        endpoint.handle.script(Scope::Operation(Operation::ListShards), fault()).unwrap();
    }
    let keys = json!({ "aggregation": "kpl", "partitionKey": "{record.k}" });
    let (home, agent) = start(&endpoint, &keys);
    agent.wait_for_log("listed shards overlap or have gaps", SOON);
    agent.wait_for_log("shard map updated", SOON);
    write_all(&endpoint, &home, &agent);
    assert_eq!(endpoint.handle.scripted_faults_waiting(), 0);
    assert_eq!(agent.log().matches("overlap or have gaps").count(), 1, "{}", agent.log());
    agent.stop(SOON);
}

/// All records in it are counted, and what is behind it arrives.
#[test]
fn aggregate_that_is_refused_for_good_counts_as_its_records() {
    const AGGREGATE: usize = 10;
    let endpoint = Endpoint::healthy();
    let (mut home, admin) = home_with_admin(&endpoint);
    home.flow("*.log", ("kinesisStream", "s"), &json!({ "aggregation": "kpl" }));
    let agent = home.start();
    let before = write_until_aggregated(&endpoint, &home, &agent);
    let refused = ErrorResponse::new(400, "ValidationException", "not this one");
    endpoint.handle.script(Scope::Stream(stream()), Fault::Respond(refused)).unwrap();
    let lines: Vec<u8> = (before..before + AGGREGATE).flat_map(line).collect();
    append(&home.log("a.log"), &lines);
    let is_refused = || endpoint.handle.scripted_faults_waiting() == 0;
    wait_until("the refusal", SOON, is_refused, || agent.log());
    // That another is accepted is the evidence against the one.
    append(&home.log("a.log"), &line(before + AGGREGATE));
    wait_for(&endpoint, before + 1, &agent);
    let skipped = || {
        let (_, text) = page(admin, "/metrics").unwrap();
        let mut lines = text.lines().filter(|line| line.contains("reason=\"refused_by_service\""));
        let value = lines.find_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
        value.unwrap_or_default()
    };
    wait_until("the count", SOON, || skipped() == AGGREGATE, || agent.log());
    assert_eq!(users(&endpoint).len(), before + 1, "{}", agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}
