//! SIGKILL at any instant while the entries of a container are written, in many lines and files.
//! The real program ships them to a sandbox in this process, which takes only requests of the life
//! that runs: see `tests/kills.rs`.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use kinetail::sandbox::{FaultPlan, SandboxOptions, SigningKeys, StreamId};
use serde_json::json;

use super::entries::{PIECE_BYTES, ROTATIONS_OF_AN_ENTRY, line, lines, long_entries};
use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::seed;
use crate::support::wait::pace;

/// A life writes for at most so long, in milliseconds.
const LIFE_MILLIS_MAX: u64 = 300;

/// Requests in flight, at most.
const IN_FLIGHT_MAX: usize = 2;

/// Records in a request, at most.
const REQUEST_RECORDS_MAX: usize = 10;

/// The service's limits for large records.
const LARGE_BYTES: usize = 10 * 1024 * 1024;

/// A container that says long things to one stream and short ones to the other.
struct Container {
    dir: PathBuf,
    file: File,
    rng: Rng,
    /// Entries that it will say, as they come out.
    entries: VecDeque<String>,
    /// What is left of the newest one.
    pieces: VecDeque<String>,
    written: Vec<Vec<u8>>,
    /// Each line has a time of its own.
    lines: u64,
    rotations: usize,
}

impl Container {
    fn new(dir: PathBuf, rng: Rng, entries: VecDeque<String>) -> Self {
        let file = File::create(dir.join("0.log")).unwrap();
        let (pieces, written) = (VecDeque::new(), Vec::new());
        Self { dir, file, rng, entries, pieces, written, lines: 0, rotations: 0 }
    }

    fn is_done(&self) -> bool {
        self.pieces.is_empty() && self.entries.is_empty()
    }

    /// Writes a line, and sometimes one of the other stream.
    fn write(&mut self) {
        if self.rng.u8(..) < 50 {
            let text = format!("error {}", self.written.len());
            self.put(&line("stderr", "F", &text));
            self.written.push(format!("{text}\n").into_bytes());
        }
        if self.pieces.is_empty() {
            let Some(entry) = self.entries.pop_front() else { return };
            self.pieces = lines("stdout", &entry, PIECE_BYTES).into();
            self.written.push(format!("{entry}\n").into_bytes());
        }
        let piece = self.pieces.pop_front().unwrap_or_default();
        self.put(&piece);
    }

    fn put(&mut self, line: &str) {
        self.lines += 1;
        let nanos = format!(".{:09}Z", self.lines);
        let line = line.replacen(".000000000Z", &nanos, 1);
        self.file.write_all(line.as_bytes()).unwrap();
    }

    /// As kubelet does it: a new name, and a new file at once.
    fn rotate(&mut self) {
        self.rotations += 1;
        let number = self.rotations;
        let name =
            format!("0.log.20261129-{:02}{:02}{:02}", number / 3600, number / 60 % 60, number % 60);
        fs::rename(self.dir.join("0.log"), self.dir.join(name)).unwrap();
        self.file = File::create(self.dir.join("0.log")).unwrap();
    }
}

/// Each entry of 10 MB is written over ten lives of the program and some rotations. An entry that
/// is open over a rotation takes the program some seconds once it catches up, so all of the
/// rotations are made only where more entries are asked for.
#[test]
fn entries_of_10_megabytes_survive_rotations_and_kills_of_the_program() {
    let seed = seed();
    println!("KINETAIL_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let faults = FaultPlan {
        throttle_record_ratio: 0.10,
        error_request_ratio: 0.05,
        ..FaultPlan::default()
    };
    let endpoint = Endpoint::start(SandboxOptions {
        faults,
        seed: rng.u64(..),
        kinesis_record_bytes_max: LARGE_BYTES,
        kinesis_request_bytes_max: LARGE_BYTES,
        ..SandboxOptions::default()
    });
    let mut home = Home::new(&endpoint.handle.url());
    let keys = json!({
        "dataProcessingOptions": [{"optionName": "PARSECRI"}],
        "maxBufferSizeBytes": LARGE_BYTES,
        "maxBufferSizeRecords": REQUEST_RECORDS_MAX,
        "maxInFlightRequests": IN_FLIGHT_MAX,
        "maxLineBytes": LARGE_BYTES,
        "maxRecordBytes": LARGE_BYTES,
        "retryMaxBackoffMillis": 200,
    });
    home.flow("0.log", ("kinesisStream", "cri"), &keys);
    let entries: VecDeque<String> = long_entries().into();
    let kills = entries.len() * ROTATIONS_OF_AN_ENTRY;
    let lives_of_a_file = if kills < 100 { 4 } else { 1 };
    let pieces = entries.iter().map(|entry| entry.len() / PIECE_BYTES + 1).sum::<usize>();
    let mut container = Container::new(home.log(""), Rng::with_seed(rng.u64(..)), entries);
    // Files that were rotated before the first start would be none of this flow.
    begin_life(&endpoint, &mut home, 0);
    let agent = home.start();
    agent.wait_for_log("flow started", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
    let mut ends = Vec::new();
    begin_life(&endpoint, &mut home, 0);
    for life in 1..=kills {
        let agent = home.start();
        if rng.bool() {
            agent.wait_for_log("flow started", SOON);
        }
        let (count, rotate_at) = (pieces / kills + 1, rng.usize(..pieces / kills));
        let pause = Duration::from_millis(rng.u64(..LIFE_MILLIS_MAX) / 8);
        for number in 0..count {
            container.write();
            if number == rotate_at && life % lives_of_a_file == 0 {
                container.rotate();
            }
            if number % (count / 8 + 1) == 0 {
                pace(pause);
            }
        }
        agent.kill();
        begin_life(&endpoint, &mut home, life);
        ends.push(Timestamp::now());
    }
    while !container.is_done() {
        container.write();
    }
    let agent = home.start();
    let patience = SOON * u32::try_from(2 + kills / 10).unwrap();
    endpoint.wait_for_all(&kinesis("cri"), &container.written, patience, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(container.rotations, kills / lives_of_a_file);
    assert_whole_and_repeated_only_in_flight(&endpoint, &container.written, &ends);
}

/// From now on only requests of this life are taken.
fn begin_life(endpoint: &Endpoint, home: &mut Home, life: usize) {
    let key = format!("life-{life}");
    home.sign_with(&key);
    let keys = SigningKeys { access_key_id: key.clone(), secret_access_key: key };
    endpoint.handle.set_keys(Some(keys));
}

fn assert_whole_and_repeated_only_in_flight(
    endpoint: &Endpoint,
    written: &[Vec<u8>],
    ends: &[Timestamp],
) {
    let stream: StreamId = kinesis("cri");
    let mut newest: HashMap<&[u8], Option<usize>> =
        written.iter().map(|entry| (entry.as_slice(), None)).collect();
    let mut repeated_after = vec![0; ends.len() + 1];
    for record in endpoint.handle.records(&stream) {
        let life = ends.partition_point(|end| *end <= record.arrived_at);
        let Some(known) = newest.get_mut(record.data.as_slice()) else {
            let start = record.data.get(..60).unwrap_or(&record.data);
            panic!("{} bytes are no entry: {start:?}", record.data.len());
        };
        if let Some(earlier) = known.replace(life) {
            assert_ne!(earlier, life, "repeated without a kill in life {life}");
            repeated_after[earlier] += 1;
        }
    }
    assert!(newest.values().all(Option::is_some), "an entry is lost");
    println!("{} entries, repeated after each kill: {repeated_after:?}", written.len());
    let bound = IN_FLIGHT_MAX * REQUEST_RECORDS_MAX;
    assert!(repeated_after.iter().all(|repeated| *repeated <= bound), "{repeated_after:?}");
}
