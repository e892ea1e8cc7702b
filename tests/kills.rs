//! SIGKILL at any instant: nothing is lost, and what is repeated was in flight.
//!
//! The real binary ships files that are written and rotated all the while, to a sandbox in this
//! process. Each life of the agent signs with keys of its own. After a kill the sandbox takes only
//! the next life's keys, so that a request of the dead one that is still on its way is refused,
//! and the time of that change tells to which life a stored record belongs.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use kinetail::sandbox::{FaultPlan, SandboxOptions, SigningKeys, StreamId};
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, firehose, kinesis};
use crate::support::load::{LoadOptions, RotatingLoad};
use crate::support::oracle::judge;
use crate::support::wait::{pace, wait_until};

/// A flow has this many requests in flight, at most.
const IN_FLIGHT_MAX: usize = 4;

/// Records in a request, at most.
const REQUEST_RECORDS_MAX: usize = 500;

/// A life ends within this time, in milliseconds: long enough to ship for a while, and short
/// enough that some lives end while the agent still starts.
const LIFE_MILLIS_MAX: u64 = 1_000;

/// What is left when the killing is over.
struct Aftermath {
    /// The lines that were written for each stream.
    written: Vec<(StreamId, Vec<Vec<u8>>)>,
    endpoint: Endpoint,
    /// When each life but the last was over: records that came later belong to later lives.
    ends: Vec<Timestamp>,
    seed: u64,
}

#[test]
fn kills_under_load_lose_nothing_and_repeat_only_what_was_in_flight() {
    let faults = FaultPlan {
        throttle_record_ratio: 0.20,
        error_request_ratio: 0.05,
        ..FaultPlan::default()
    };
    let aftermath = kill(kills_wanted(25), faults, "*");
    for (stream, written) in &aftermath.written {
        aftermath.assert_complete(stream, written);
        aftermath.assert_repeats_were_in_flight(stream);
    }
}

#[test]
fn kills_while_answers_get_lost_lose_nothing() {
    let faults = FaultPlan {
        throttle_record_ratio: 0.10,
        commit_then_drop_ratio: 0.05,
        commit_then_500_ratio: 0.05,
        malformed_answer_ratio: 0.02,
        drop_connection_before_answer_ratio: 0.03,
        ..FaultPlan::default()
    };
    let aftermath = kill(kills_wanted(8), faults, "*");
    for (stream, written) in &aftermath.written {
        aftermath.assert_complete(stream, written);
    }
}

/// Rotated files lie outside of the pattern, so generations that came and went while nobody looked
/// have to be looked for.
#[test]
fn kills_while_logs_are_rotated_out_of_the_pattern_lose_nothing() {
    let aftermath = kill(kills_wanted(20), FaultPlan::default(), "");
    for (stream, written) in &aftermath.written {
        aftermath.assert_complete(stream, written);
        aftermath.assert_repeats_were_in_flight(stream);
    }
}

/// `KINETAIL_KILLS` asks for more.
fn kills_wanted(default: usize) -> usize {
    std::env::var("KINETAIL_KILLS").map_or(default, |text| text.parse().unwrap())
}

/// `KINETAIL_SEED` repeats the choices of a run; the machine's timing stays its own.
fn seed() -> u64 {
    std::env::var("KINETAIL_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap())
}

/// Starts the agent and kills it, again and again, under load; then lets it catch up.
fn kill(kills: usize, faults: FaultPlan, rotated: &str) -> Aftermath {
    let seed = seed();
    println!("KINETAIL_SEED={seed} KINETAIL_KILLS={kills}");
    let mut rng = Rng::with_seed(seed);
    let options = SandboxOptions { faults, seed: rng.u64(..), ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut home = Home::new(&endpoint.handle.url());
    let retries = json!({ "maxInFlightRequests": IN_FLIGHT_MAX, "retryMaxBackoffMillis": 500 });
    home.flow(&format!("app-*.log{rotated}"), ("kinesisStream", "killed"), &retries);
    home.flow(&format!("web-*.log{rotated}"), ("deliveryStream", "killed"), &retries);
    // What is rotated out of the pattern before a flow's first start is older than the flow; from
    // then on everything counts.
    begin_life(&endpoint, &mut home, 0);
    let agent = home.start();
    wait_until("the first start", SOON, || flows_known(&home) == 2, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let loads = ["app", "web"].map(|stem| {
        RotatingLoad::start(LoadOptions {
            dir: home.log(""),
            stem: stem.to_owned(),
            files: 3,
            writes_per_rotation: 25,
            seed: rng.u64(..),
        })
    });
    let mut ends = Vec::new();
    begin_life(&endpoint, &mut home, 0);
    for life in 1..=kills {
        let agent = home.start();
        pace(Duration::from_millis(rng.u64(..LIFE_MILLIS_MAX)));
        agent.kill();
        begin_life(&endpoint, &mut home, life);
        ends.push(Timestamp::now());
        pace(Duration::from_millis(rng.u64(..50)));
    }
    let agent = home.start();
    pace(Duration::from_millis(LIFE_MILLIS_MAX));
    let written =
        [kinesis("killed"), firehose("killed")].into_iter().zip(loads.map(RotatingLoad::stop));
    let written: Vec<_> = written.collect();
    for (stream, lines) in &written {
        endpoint.wait_for_all(stream, lines, 2 * SOON, || agent.log());
    }
    assert_eq!(agent.stop(SOON), Some(0));
    Aftermath { written, endpoint, ends, seed }
}

/// How many flows have a row of their own.
fn flows_known(home: &Home) -> i64 {
    let Ok(database) = rusqlite::Connection::open(home.database()) else { return 0 };
    let sql = "SELECT count(*) FROM flows";
    database.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
}

/// From now on only requests of this life are taken.
fn begin_life(endpoint: &Endpoint, home: &mut Home, life: usize) {
    let key = format!("life-{life}");
    home.sign_with(&key);
    let keys = SigningKeys { access_key_id: key.clone(), secret_access_key: key };
    endpoint.handle.set_keys(Some(keys));
}

impl Aftermath {
    fn assert_complete(&self, stream: &StreamId, written: &[Vec<u8>]) {
        let verdict = judge(written, &self.endpoint.data(stream));
        assert!(verdict.is_complete(), "KINETAIL_SEED={}, {stream}: {verdict}", self.seed);
    }

    /// A record is repeated only across a kill, and at each kill no more are than the requests
    /// in flight can have held.
    fn assert_repeats_were_in_flight(&self, stream: &StreamId) {
        let mut newest: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut repeated_after = vec![0; self.ends.len() + 1];
        let mut records = 0;
        for record in self.endpoint.handle.records(stream) {
            records += 1;
            let life = self.ends.partition_point(|end| *end <= record.arrived_at);
            let text = String::from_utf8_lossy(&record.data).into_owned();
            if let Some(earlier) = newest.insert(record.data, life) {
                assert_ne!(
                    earlier, life,
                    "KINETAIL_SEED={}, {stream}: repeated without a kill in life {life}: {text}",
                    self.seed
                );
                repeated_after[earlier] += 1;
            }
        }
        println!("{stream}: {records} records, repeated after each kill: {repeated_after:?}");
        for (life, repeated) in repeated_after.iter().enumerate() {
            assert!(
                *repeated <= IN_FLIGHT_MAX * REQUEST_RECORDS_MAX,
                "KINETAIL_SEED={}, {stream}: {repeated} records repeated after kill {life}",
                self.seed
            );
        }
    }
}
