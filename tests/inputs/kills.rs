//! SIGKILL at any instant while the journal is followed.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use kinetail::sandbox::{FaultPlan, SandboxOptions, SigningKeys};
use serde_json::json;

use super::stand_in::StandIn;
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::seed;
use crate::support::oracle::judge;
use crate::support::wait::pace;

/// How often the agent is killed.
const KILLS: usize = 50;

/// A life ends within this time, in milliseconds.
const LIFE_MILLIS_MAX: u64 = 400;

/// Requests in flight, at most.
const IN_FLIGHT_MAX: usize = 4;

/// Records in a request, at most.
const REQUEST_RECORDS_MAX: usize = 50;

#[test]
fn fifty_kills_lose_no_entry_and_repeat_only_what_was_in_flight() {
    let seed = seed();
    println!("KINETAIL_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let faults = FaultPlan {
        throttle_record_ratio: 0.10,
        error_request_ratio: 0.05,
        ..FaultPlan::default()
    };
    let options = SandboxOptions { faults, seed: rng.u64(..), ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut journal = StandIn::new();
    let mut home = Home::new(&endpoint.handle.url());
    home.set(
        "flows",
        json!([journal.flow(&json!({
            "maxInFlightRequests": IN_FLIGHT_MAX,
            "maxBufferSizeRecords": REQUEST_RECORDS_MAX,
            "retryMaxBackoffMillis": 200,
        }))]),
    );
    let (mut written, mut ends) = (Vec::new(), Vec::new());
    let mut life = 0;
    begin_life(&endpoint, &mut home, life);
    while life < KILLS {
        let agent = home.start();
        for _ in 0..rng.usize(1..5) {
            log(&mut journal, &mut written, rng.usize(1..100));
            pace(Duration::from_millis(rng.u64(..LIFE_MILLIS_MAX / 4)));
        }
        agent.kill();
        life += 1;
        begin_life(&endpoint, &mut home, life);
        ends.push(Timestamp::now());
    }
    let agent = home.start();
    log(&mut journal, &mut written, 100);
    endpoint.wait_for_all(&kinesis("journal"), &written, 2 * SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&written, &endpoint.data(&kinesis("journal")));
    assert!(verdict.is_complete(), "KINETAIL_SEED={seed}: {verdict}");
    assert_repeats_were_in_flight(&endpoint, &ends);
}

fn log(journal: &mut StandIn, written: &mut Vec<Vec<u8>>, count: usize) {
    let first = written.len();
    let message = |number| {
        let end = if number % 7 == 0 { "\nsecond line" } else { "" };
        format!("j|{number}|message{end}\n").into_bytes()
    };
    written.extend((first..first + count).map(message));
    let new: Vec<&[u8]> = written[first..].iter().map(|line| &line[..line.len() - 1]).collect();
    journal.log(&new);
}

/// From now on only requests of this life are taken.
fn begin_life(endpoint: &Endpoint, home: &mut Home, life: usize) {
    let key = format!("life-{life}");
    home.sign_with(&key);
    let keys = SigningKeys { access_key_id: key.clone(), secret_access_key: key };
    endpoint.handle.set_keys(Some(keys));
}

fn assert_repeats_were_in_flight(endpoint: &Endpoint, ends: &[Timestamp]) {
    let mut newest: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut repeated_after = vec![0; ends.len() + 1];
    for record in endpoint.handle.records(&kinesis("journal")) {
        let life = ends.partition_point(|end| *end <= record.arrived_at);
        let text = String::from_utf8_lossy(&record.data).into_owned();
        if let Some(earlier) = newest.insert(record.data, life) {
            assert_ne!(earlier, life, "repeated without a kill in life {life}: {text}");
            repeated_after[earlier] += 1;
        }
    }
    println!("{} records, repeated after each kill: {repeated_after:?}", newest.len());
    let bound = IN_FLIGHT_MAX * REQUEST_RECORDS_MAX;
    assert!(repeated_after.iter().all(|repeated| *repeated <= bound), "{repeated_after:?}");
}
