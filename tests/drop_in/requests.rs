//! What the tests of the Java agent's senders and buffers show, shown on the wire: which records
//! are sent again after an answer, in which order, and how many a request holds.

use serde_json::{Value, json};

use kinetail::sandbox::{Fault, Scope, StreamId};

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, firehose, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

const DESTINATIONS: [&str; 2] = ["kinesisStream", "deliveryStream"];

fn stream_of(key: &str) -> StreamId {
    if key == "kinesisStream" { kinesis("s") } else { firehose("s") }
}

/// Sends the lines `0`, `1`, … of one file with these keys, while requests fail as scripted. Gives
/// the number of each line and of the request that brought it, counted from the first that did.
fn delivered(destination: &str, count: usize, faults: &[Fault], keys: &Value) -> Vec<(usize, u64)> {
    let endpoint = Endpoint::healthy();
    for fault in faults {
        endpoint.handle.script(Scope::AnyPut, fault.clone()).unwrap();
    }
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log", (destination, "s"), keys);
    let lines: Vec<String> = (0..count).map(|number| format!("{number}\n")).collect();
    append(&home.log("app.log"), lines.concat().as_bytes());
    let agent = home.start();
    let stream = stream_of(destination);
    wait_until("all lines", SOON, || endpoint.count(&stream) >= count, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let records = endpoint.handle.records(&stream);
    let first = records.iter().map(|record| record.request_number).min().unwrap();
    let number = |data: &[u8]| std::str::from_utf8(data).unwrap().trim().parse().unwrap();
    let delivered = records.iter().map(|record| (number(&record.data), record.request_number));
    delivered.map(|(line, request)| (line, request - first)).collect()
}

/// Without a pause between two attempts.
fn at_once() -> Value {
    json!({ "retryInitialBackoffMillis": 1, "retryMaxBackoffMillis": 1 })
}

#[test]
fn only_the_records_that_failed_are_sent_again_and_in_their_order() {
    for destination in DESTINATIONS {
        let faults = [vec![2, 4, 6, 8, 9], vec![0, 1], vec![1]].map(Fault::FailRecords);
        let got = delivered(destination, 10, &faults, &at_once());
        let want = [(0, 0), (1, 0), (3, 0), (5, 0), (7, 0), (6, 1), (8, 1), (9, 1), (2, 2), (4, 3)];
        assert_eq!(got, want, "{destination}");
    }
}

#[test]
fn a_request_whose_records_all_fail_is_sent_again_as_a_whole() {
    for destination in DESTINATIONS {
        let faults = [vec![0, 1, 2, 3, 4], vec![0, 4]].map(Fault::FailRecords);
        let got = delivered(destination, 5, &faults, &at_once());
        assert_eq!(got, [(1, 0), (2, 0), (3, 0), (0, 1), (4, 1)], "{destination}");
    }
}

#[test]
fn a_request_that_is_never_answered_rightly_is_sent_again_as_a_whole() {
    for destination in DESTINATIONS {
        let faults = [Fault::DropBeforeAnswer, Fault::GarbageAnswer(b"{}".to_vec())];
        let got = delivered(destination, 3, &faults[..1], &at_once());
        assert_eq!(got, [(0, 0), (1, 0), (2, 0)], "{destination}");
        // The second fault stores before it answers: at least once, all of them.
        let mut got = delivered(destination, 3, &faults[1..], &at_once());
        got.sort_unstable();
        got.dedup_by_key(|(line, _)| *line);
        assert_eq!(got.len(), 3, "{destination}");
    }
}

#[test]
fn no_request_holds_more_records_than_asked_for() {
    for destination in DESTINATIONS {
        for (keys, count, most) in
            [(json!({}), 1_200, 500), (json!({"maxBufferSizeRecords": 7}), 50, 7)]
        {
            let got = delivered(destination, count, &[], &keys);
            let requests = got.iter().map(|(_, request)| *request).max().unwrap() + 1;
            for request in 0..requests {
                let held = got.iter().filter(|(_, number)| *number == request).count();
                assert!(held <= most, "{destination}: {held} of {most} in request {request}");
            }
            // Several requests may be under way: between them there is no order.
            let mut lines: Vec<usize> = got.iter().map(|(line, _)| *line).collect();
            lines.sort_unstable();
            assert_eq!(lines, (0..count).collect::<Vec<_>>(), "{destination}");
        }
    }
}

#[test]
fn records_are_the_same_in_either_encoding_and_auto_finds_out_what_is_taken() {
    for (wire, requests_in_cbor) in [("auto", 1..=2), ("json", 0..=0), ("cbor", 3..=3)] {
        let endpoint = Endpoint::healthy();
        let mut home = Home::new(&endpoint.handle.url());
        // One request at a time, so that what the first is answered counts for the second.
        let keys = json!({ "wire": wire, "maxBufferSizeRecords": 400, "maxInFlightRequests": 1 });
        home.flow("app.log", ("kinesisStream", "s"), &keys);
        let lines: Vec<String> = (0..1_200).map(|number| format!("{number} \u{1F980}\n")).collect();
        append(&home.log("app.log"), lines.concat().as_bytes());
        let agent = home.start();
        let stream = kinesis("s");
        wait_until("all lines", SOON, || endpoint.count(&stream) >= 1_200, || agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        let data: Vec<u8> = endpoint.data(&stream).concat();
        assert_eq!(data, lines.concat().as_bytes(), "{wire}");
        let counted = endpoint.handle.stats().cbor_requests;
        assert!(requests_in_cbor.contains(&counted), "{wire}: {counted}");
    }
}
