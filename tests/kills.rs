//! SIGKILL at any instant: nothing is lost, and what is repeated was in flight.
//!
//! The real binary ships files that are written and rotated all the while, to a sandbox in this
//! process. Each life of the agent signs with keys of its own. After a kill the sandbox takes only
//! the next life's keys, so that a request of the dead one that is still on its way is refused,
//! and the time of that change tells to which life a stored record belongs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use kinetail::sandbox::{FaultPlan, SandboxOptions, SigningKeys, StreamId};
use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, firehose, kinesis};
use crate::support::load::{LoadOptions, RotatingLoad, Rotation, seed};
use crate::support::oracle::judge;
use crate::support::wait::{pace, wait_until};

/// A flow has this many requests in flight, at most.
const IN_FLIGHT_MAX: usize = 4;

/// Records in a request, at most.
const REQUEST_RECORDS_MAX: usize = 500;

/// A life ends within this time, in milliseconds: long enough to ship for a while, and short
/// enough that some lives end while the agent still starts.
const LIFE_MILLIS_MAX: u64 = 1_000;

/// Where the logs are, and what becomes of their files.
#[derive(Clone, Copy)]
struct Logs {
    /// Three files of each flow, or one, which the pattern names exactly.
    files: usize,
    /// What follows `.log` in the pattern.
    rotated: &'static str,
    /// The pattern names a link, which leads to another directory.
    behind_links: bool,
    rotation: Rotation,
}

/// Three files of each flow, renamed within the pattern.
const PLAIN: Logs =
    Logs { files: 3, rotated: "*", behind_links: false, rotation: Rotation::Renamed };

/// One file of each flow, renamed out of the pattern.
const EXACT: Logs = Logs { files: 1, rotated: "", ..PLAIN };

/// What is left when the killing is over.
struct Aftermath {
    /// The lines that were written for each stream.
    written: Vec<(StreamId, Vec<Vec<u8>>)>,
    endpoint: Endpoint,
    /// When each life but the last was over: records that came later belong to later lives.
    ends: Vec<Timestamp>,
    seed: u64,
    /// What all lives logged.
    log: String,
}

#[test]
fn kills_under_load_lose_nothing_and_repeat_only_what_was_in_flight() {
    let faults = FaultPlan {
        throttle_record_ratio: 0.20,
        error_request_ratio: 0.05,
        ..FaultPlan::default()
    };
    let aftermath = kill(kills_wanted(25), faults, PLAIN);
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
    let aftermath = kill(kills_wanted(8), faults, PLAIN);
    for (stream, written) in &aftermath.written {
        aftermath.assert_complete(stream, written);
    }
}

/// Rotated files lie outside of the pattern, so generations that came and went between two scans
/// have to be looked for.
#[test]
fn kills_while_logs_are_rotated_out_of_the_pattern_lose_nothing() {
    lose_nothing(20, Logs { rotated: "", ..PLAIN });
}

#[test]
fn kills_while_a_log_with_an_exact_name_is_rotated_lose_nothing() {
    lose_nothing(10, EXACT);
}

#[test]
fn kills_while_a_log_behind_a_link_is_rotated_lose_nothing() {
    lose_nothing(10, Logs { behind_links: true, ..EXACT });
}

#[test]
fn kills_while_a_log_is_rotated_and_compressed_lose_nothing() {
    lose_nothing(10, Logs { rotation: Rotation::Compressed, ..EXACT });
}

fn lose_nothing(kills: usize, logs: Logs) {
    let aftermath = kill(kills_wanted(kills), FaultPlan::default(), logs);
    for (stream, written) in &aftermath.written {
        aftermath.assert_complete(stream, written);
        aftermath.assert_repeats_were_in_flight(stream);
    }
}

/// Old generations are destroyed, also while kinetail is dead. One of which only a part arrived is
/// logged; one of which no line arrived was never known.
#[test]
fn kills_while_old_generations_are_destroyed_lose_none_that_was_begun_without_naming_it() {
    let logs = Logs { rotation: Rotation::Kept(2), ..EXACT };
    let aftermath = kill(kills_wanted(10), FaultPlan::default(), logs);
    for (stream, written) in &aftermath.written {
        let begun = aftermath.begun_and_not_whole(stream, written);
        let stem = if *stream == kinesis("killed") { "app" } else { "web" };
        let is_about = |line: &&str| {
            let lost = ["kind=\"missing\"", "kind=\"lost\""];
            line.contains(&format!("{stem}.log")) && lost.iter().any(|kind| line.contains(kind))
        };
        let named = aftermath.log.lines().filter(is_about).count();
        println!("{stream}: {} begun and not whole, {named} lines name one", begun.len());
        assert!(
            named >= begun.len(),
            "KINETAIL_SEED={}, {stream}: {begun:?}\n{}",
            aftermath.seed,
            aftermath.log
        );
    }
}

/// `KINETAIL_KILLS` asks for more.
fn kills_wanted(default: usize) -> usize {
    std::env::var("KINETAIL_KILLS").map_or(default, |text| text.parse().unwrap())
}

/// Starts the agent and kills it, again and again, under load; then lets it catch up.
fn kill(kills: usize, faults: FaultPlan, logs: Logs) -> Aftermath {
    let seed = seed();
    println!("KINETAIL_SEED={seed} KINETAIL_KILLS={kills}");
    let mut rng = Rng::with_seed(seed);
    let options = SandboxOptions { faults, seed: rng.u64(..), ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut home = Home::new(&endpoint.handle.url());
    let retries = json!({ "maxInFlightRequests": IN_FLIGHT_MAX, "retryMaxBackoffMillis": 500 });
    let many = if logs.files == 1 { "" } else { "-*" };
    for (stem, destination) in [("app", "kinesisStream"), ("web", "deliveryStream")] {
        let pattern = format!("{stem}{many}.log{}", logs.rotated);
        home.flow(&pattern, (destination, "killed"), &retries);
    }
    let dir = logs.prepare(&home);
    // What is rotated out of the pattern before a flow's first start is older than the flow; from
    // then on everything counts.
    begin_life(&endpoint, &mut home, 0);
    let agent = home.start();
    wait_until("the first start", SOON, || flows_known(&home) == 2, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let loads = ["app", "web"].map(|stem| {
        RotatingLoad::start(LoadOptions {
            dir: dir.clone(),
            stem: stem.to_owned(),
            files: logs.files,
            rotation: logs.rotation,
            writes_per_rotation: 25,
            seed: rng.u64(..),
        })
    });
    let (mut ends, mut log) = (Vec::new(), String::new());
    begin_life(&endpoint, &mut home, 0);
    for life in 1..=kills {
        let agent = home.start();
        pace(Duration::from_millis(rng.u64(..LIFE_MILLIS_MAX)));
        log.push_str(&agent.log());
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
        // Where files are destroyed the newest lines tell that it has caught up.
        let first = if logs.destroys() { lines.len() - 1 } else { 0 };
        endpoint.wait_for_all(stream, &lines[first..], 2 * SOON, || agent.log());
    }
    agent.signal(Signal::TERM);
    let (code, last) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{last}");
    log.push_str(&last);
    Aftermath { written, endpoint, ends, seed, log }
}

impl Logs {
    fn destroys(self) -> bool {
        matches!(self.rotation, Rotation::Kept(_))
    }

    /// Makes links and directories. Returns the directory that is written to.
    fn prepare(self, home: &Home) -> PathBuf {
        if !self.behind_links {
            return home.log("");
        }
        let data = home.root().join("data");
        fs::create_dir(&data).unwrap();
        for stem in ["app", "web"] {
            symlink(data.join(format!("{stem}.log")), home.log(&format!("{stem}.log"))).unwrap();
        }
        data
    }
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
    /// Generations of which some lines arrived and others did not.
    fn begun_and_not_whole(&self, stream: &StreamId, written: &[Vec<u8>]) -> BTreeSet<String> {
        let generation = |line: &Vec<u8>| {
            let text = String::from_utf8_lossy(line);
            text.split('|').next().unwrap_or_default().to_owned()
        };
        let arrived: HashSet<Vec<u8>> = self.endpoint.data(stream).into_iter().collect();
        let begun: BTreeSet<String> = arrived.iter().map(generation).collect();
        let lost = written.iter().filter(|line| !arrived.contains(*line)).map(generation);
        lost.filter(|generation| begun.contains(generation)).collect()
    }

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
