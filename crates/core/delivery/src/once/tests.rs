//! `ordering: strict` against a service that fails in every way: of one key no record arrives
//! before the one in front of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kinetail_base::identity::{FileKey, Position};
use kinetail_records::splitter::Ending;
use serde_json::Value;

use crate::body::RandomKey;
use crate::circuit_breaker::CircuitBreaker;
use crate::classify::Verdict;
use crate::delivery::{Delivery, Next};
use crate::key::template::{KeyTemplate, MissingKey, Surroundings};
use crate::ledger::Ledger;
use crate::pack::{Packer, Source, Stop};
use crate::response::{FailedEntry, PutResponse};
use crate::{Destination, OversizeLine, PackOptions, PartitionKey, Submission};

/// Keys of the records.
const KEYS: u64 = 7;

/// Requests of a script.
const REQUESTS: usize = 10_000;

const LOST: Verdict = Verdict::Transient { ambiguous: true, alarm: false };

/// A log with its generations, a flow that reads them oldest first, and a stream.
struct Script {
    random: fastrand::Rng,
    strict: bool,
    aggregation: Option<crate::Aggregation>,
    packer: Packer,
    ledger: Ledger,
    circuit: CircuitBreaker,
    /// Generations, the oldest first; the last one is written to.
    files: Vec<Vec<u8>>,
    /// Up to where everything is checkpointed, by generation.
    written: Vec<u64>,
    /// Up to where everything is read.
    read: Vec<u64>,
    lines: u64,
    requests: usize,
    kills: usize,
    /// What arrived: key and number of the line.
    stream: Vec<(String, u64)>,
    /// Lines that the service refuses for good.
    refused: Vec<u64>,
}

fn packer_with(strict: bool, aggregation: Option<crate::Aggregation>) -> Packer {
    let surroundings = Surroundings { host: None, variable: &|_| None };
    let template = KeyTemplate::parse("{record.k}", None, MissingKey::Random, surroundings);
    let key = PartitionKey::Template(Arc::new(template.expect("a template")));
    let destination = Destination::Kinesis { stream: "s".to_owned() };
    let options = PackOptions {
        destination: &destination,
        max_buffer_records: 500,
        max_buffer_bytes: 1024 * 1024,
        partition_key: &key,
        multi_line_start: None,
        max_line_bytes: 1024,
        oversize_line: OversizeLine::Truncate,
        dead_letters: true,
        file_footer: None,
        aggregated_record_bytes: 0,
        aggregation,
        compression: crate::Compression::None,
        compression_level: 6,
        max_record_bytes: kinetail_base::limits::KINESIS_RECORD_BYTES_MAX,
        one_of_a_key: strict,
        truncated_record_terminator: b"\n",
        converters: &[],
    };
    Packer::new(&options, 1)
}

impl Script {
    fn new(seed: u64, strict: bool, aggregation: Option<crate::Aggregation>) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            strict,
            aggregation,
            packer: packer_with(strict, aggregation),
            ledger: Ledger::default(),
            circuit: CircuitBreaker::default(),
            files: vec![Vec::new()],
            written: vec![0],
            read: vec![0],
            lines: 0,
            requests: 0,
            kills: 0,
            stream: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn write(&mut self) {
        for _ in 0..self.random.usize(..20) {
            self.lines += 1;
            let key = self.random.u64(..KEYS);
            let line = format!("{{\"k\":\"k{key}\",\"n\":{}}}\n", self.lines);
            if let Some(live) = self.files.last_mut() {
                live.extend_from_slice(line.as_bytes());
            }
        }
        if self.random.u8(..6) == 0 {
            self.files.push(Vec::new());
            self.written.push(0);
            self.read.push(0);
        }
    }

    /// Takes from the oldest generation that has something, until a batch is full or nothing is
    /// left.
    fn fill(&mut self, now: Instant) {
        for (number, bytes) in self.files.iter().enumerate() {
            let read = &mut self.read[number];
            let from = usize::try_from(*read).expect("small");
            let file = FileKey(number as u64);
            let source = Source { file, offset: *read, ending: Ending::Open, at_end: false };
            let taken = self.packer.take(source, &bytes[from..], now);
            *read += taken.used as u64;
            if taken.stop == Stop::BatchFull {
                return;
            }
        }
    }

    /// Sends one batch. `false` if the process dies meanwhile.
    fn send(&mut self) -> bool {
        let Some((id, batch)) = self.packer.close() else { return true };
        self.ledger.open(id, &batch.spans);
        let mut delivery = Delivery::new(Submission { batch: id, body: batch.body });
        while let Some(request) = delivery.request() {
            if self.random.u8(..60) == 0 {
                // Whether the service got it is unknown.
                if self.random.bool() {
                    self.take(&request.body.bytes, 0);
                }
                return false;
            }
            self.requests += 1;
            delivery.on_attempt();
            self.answer(&mut delivery, &request.body.bytes);
            if delivery.next(&mut self.circuit) == Next::Done {
                break;
            }
        }
        for record in delivery.into_outcome(std::time::Duration::ZERO).rejected {
            assert_eq!(record.code, "ValidationException");
        }
        for (file, Position { offset, .. }) in self.ledger.acknowledge(id) {
            self.written[usize::try_from(file.0).expect("small")] = offset;
            self.ledger.written(file, offset);
        }
        assert_eq!(self.ledger.take_settled(), [id], "one batch at a time");
        true
    }

    fn answer(&mut self, delivery: &mut Delivery, body: &[u8]) {
        // With an aggregate the lines around a bad one are refused with it.
        let bad = |number: &u64| self.aggregation.is_none() && number.is_multiple_of(211);
        let refused: Vec<u64> = records(body)
            .into_iter()
            .flat_map(|(_, lines)| lines)
            .filter(|number| bad(number))
            .collect();
        if !refused.is_empty() {
            self.refused.extend(refused);
            return delivery.on_refusal("ValidationException", "no", &self.circuit);
        }
        match self.random.u8(..10) {
            // Nothing of it arrives.
            0 => drop(delivery.on_failure(Verdict::Throttled)),
            // Some of it arrives, and the answer does not.
            1 => {
                self.take(body, 30);
                delivery.on_failure(LOST);
            }
            2..5 => {
                let failed = self.take(body, 40);
                delivery.on_answer(&PutResponse { failed, ..PutResponse::default() }, || {
                    RandomKey::of(0)
                });
                self.circuit.on_accepted();
            }
            _ => {
                self.take(body, 0);
                delivery.on_answer(&PutResponse::default(), || RandomKey::of(0));
                self.circuit.on_accepted();
            }
        }
    }

    /// The service takes records, but for this many of a hundred.
    fn take(&mut self, body: &[u8], failing: u8) -> Vec<FailedEntry> {
        let mut failed = Vec::new();
        for (index, record) in records(body).into_iter().enumerate() {
            if self.random.u8(..100) < failing {
                let code = "ProvisionedThroughputExceededException".to_owned();
                failed.push(FailedEntry { index, code, message: String::new() });
            } else {
                let (key, lines) = record;
                self.stream.extend(lines.into_iter().map(|number| (key.clone(), number)));
            }
        }
        failed
    }

    fn restart(&mut self) {
        self.kills += 1;
        self.packer = packer_with(self.strict, self.aggregation);
        self.ledger = Ledger::default();
        self.circuit = CircuitBreaker::default();
        self.read.clone_from(&self.written);
    }

    /// Runs the script. Says how many records arrived behind a later one of their key.
    fn run(mut self) -> usize {
        let now = some_time();
        while self.requests < REQUESTS {
            self.write();
            self.fill(now);
            if !self.send() {
                self.restart();
            }
        }
        while self.read.iter().zip(&self.files).any(|(read, file)| *read < file.len() as u64)
            || self.packer.open().is_some()
        {
            self.fill(now);
            if !self.send() {
                self.restart();
            }
        }
        assert!(self.kills > 50 && self.files.len() > 50, "{} kills", self.kills);
        let mut arrived: Vec<u64> = self.stream.iter().map(|record| record.1).collect();
        arrived.extend(&self.refused);
        arrived.sort_unstable();
        arrived.dedup();
        assert_eq!(arrived.len() as u64, self.lines, "nothing is lost");
        inversions(&self.stream)
    }
}

/// The keys of the records of a request, and the numbers of the lines in each.
fn records(body: &[u8]) -> Vec<(String, Vec<u64>)> {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let records = body["Records"].as_array().expect("records");
    let record = |record: &Value| {
        let data = base64_simd::STANDARD.decode_to_vec(record["Data"].as_str().expect("data"));
        let text = String::from_utf8(data.expect("base64")).expect("text");
        let key = record["PartitionKey"].as_str().expect("a key").to_owned();
        let number = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("a line");
            assert_eq!(line["k"], key.as_str());
            line["n"].as_u64().expect("a number")
        };
        (key.clone(), text.lines().map(number).collect())
    };
    records.iter().map(record).collect()
}

/// Records that came for the first time behind a later one of their key.
fn inversions(stream: &[(String, u64)]) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut inversions = 0;
    for (key, number) in stream {
        if !seen.insert(*number) {
            continue;
        }
        let newest = newest.entry(key).or_insert(*number);
        inversions += usize::from(number < newest);
        *newest = (*newest).max(*number);
    }
    inversions
}

#[test]
fn ten_thousand_requests_with_faults_keep_the_order_of_each_key() {
    assert_eq!(Script::new(1, true, None).run(), 0);
}

/// An aggregate arrives as a whole or not at all.
#[test]
fn aggregates_keep_the_order_of_each_key_through_the_same_faults() {
    let format = crate::Format::Newline;
    for records_max in [2, 500] {
        let aggregation = crate::Aggregation { format, bytes_max: 51_200, records_max };
        assert_eq!(Script::new(2, true, Some(aggregation)).run(), 0, "{records_max}");
    }
}

#[test]
fn without_strict_the_same_script_does_not() {
    assert!(Script::new(1, false, None).run() > 100);
}

/// As where the stream does not take aggregates, or asking is not permitted.
#[test]
fn strict_without_aggregates_still_has_many_records_in_a_request() {
    let format = crate::Format::Kpl;
    let aggregation = crate::Aggregation { format, bytes_max: 51_200, records_max: 500 };
    let mut packer = packer_with(true, Some(aggregation));
    packer.allow_aggregates(false);
    let line = |n| format!("{{\"n\":{n},\"k\":\"k{}\"}}\n", n % 5);
    let file = (0..9).map(line).collect::<Vec<_>>().concat();
    let (ending, at_end) = (Ending::Final, true);
    let source = Source { file: FileKey(1), offset: 0, ending, at_end };
    let taken = packer.take(source, file.as_bytes(), some_time());
    assert_eq!(taken.stop, Stop::BatchFull, "the sixth has the key of the first");
    let (_, batch) = packer.close().expect("a batch");
    assert_eq!(batch.body.records(), 5);
}

/// Firehose knows no keys: one record is a batch there.
#[test]
fn without_keys_a_record_is_a_batch() {
    let mut once = super::Once::new(false);
    let key = crate::key::Key::Random(RandomKey::of(1));
    assert!(once.admits(&key));
    assert!(once.note(&key), "nothing else has room");
    assert!(!once.admits(&crate::key::Key::Random(RandomKey::of(2))));
    once.clear();
    assert!(once.admits(&key));
}

#[expect(clippy::disallowed_methods, reason = "no other moment can be made")]
fn some_time() -> Instant {
    Instant::now()
}
