//! A sender against a service that takes a steady amount: shards with a thousand records and a
//! mebibyte a second each. The clock is virtual; a minute takes as long as its records.

use std::collections::VecDeque;

use base64_simd::STANDARD;
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;

use super::*;
use crate::batch::body::{Body, Envelope, RandomKey};
use crate::send::Outcome;
use crate::send::in_flight_limit::{Finished, InFlightLimit};
use crate::send::response::{FailedEntry, ShardNumber};
use crate::send::transport::Payload;
use kinetail_delivery::distance::Distance;

/// How long the service takes for an answer.
const ANSWERS_AFTER: Duration = Duration::from_millis(12);

/// Slots of a flow, as by default.
const SLOTS: usize = 8;

/// A second's worth of something, refilled steadily.
struct Bucket {
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(rate: f64) -> Self {
        Self { rate, level: rate, at: Instant::now() }
    }

    fn take(&mut self, amount: f64) -> bool {
        let now = Instant::now();
        let refill = self.rate * (now - self.at).as_secs_f64();
        (self.level, self.at) = ((self.level + refill).min(self.rate), now);
        let fits = self.level >= amount;
        self.level -= if fits { amount } else { 0.0 };
        fits
    }
}

struct Service {
    shards: Vec<(Bucket, Bucket)>,
    sent: usize,
    taken: usize,
    /// Records that were taken by each second.
    by_second: Vec<usize>,
    start: Instant,
    /// Refuses whole requests instead of records.
    whole: bool,
    /// Refuses this part of the records, however few they are, and no others.
    at_random: f64,
    rng: fastrand::Rng,
}

struct SentRecord<'a> {
    data: &'a str,
    partition_key: &'a str,
}

/// The records of a request. No string in it has an escaped quote, so what is between two of them
/// is one; to read it as JSON takes most of the time of an unoptimized test.
fn records_of(body: &[u8]) -> Vec<SentRecord<'_>> {
    let mut parts = std::str::from_utf8(body).expect("text").split('"');
    let mut records = Vec::new();
    while let Some(name) = parts.next() {
        if name == "Data" {
            let data = parts.nth(1).expect("data");
            assert_eq!(parts.nth(1), Some("PartitionKey"));
            records.push(SentRecord { data, partition_key: parts.nth(1).expect("a key") });
        }
    }
    records
}

impl Service {
    fn new(records_per_second: &[f64]) -> Self {
        let shard = |rate: &f64| (Bucket::new(*rate), Bucket::new(1024.0 * 1024.0));
        Self {
            shards: records_per_second.iter().map(shard).collect(),
            sent: 0,
            taken: 0,
            by_second: Vec::new(),
            start: Instant::now(),
            whole: false,
            at_random: 0.0,
            rng: fastrand::Rng::with_seed(3),
        }
    }

    fn put(&mut self, body: &[u8]) -> Result<PutResponse, CallError> {
        let records = records_of(body);
        let mut answer = PutResponse::default();
        self.sent += records.len();
        if self.whole {
            let count = u32::try_from(records.len()).expect("500 at most");
            if !self.shards[0].0.take(f64::from(count)) {
                let (code, message) = ("ThrottlingException".to_owned(), String::new());
                return Err(CallError::Service { status: 400, code, message, retry_after: None });
            }
            self.note_taken(records.len());
            return Ok(answer);
        }
        for (index, record) in records.iter().enumerate() {
            let hash = u128::from_be_bytes(Md5::digest(record.partition_key).into()) >> 64;
            let place = usize::try_from((hash * self.shards.len() as u128) >> 64).expect("a shard");
            let bytes = STANDARD.decoded_length(record.data.as_bytes()).expect("base64");
            let (records_left, bytes_left) = &mut self.shards[place];
            let bytes =
                f64::from(u32::try_from(bytes + record.partition_key.len()).expect("small"));
            let taken = if self.at_random > 0.0 {
                self.rng.f64() >= self.at_random
            } else {
                records_left.take(1.0) && bytes_left.take(bytes)
            };
            if taken {
                answer.shards.push((index, ShardNumber(place as u64)));
            } else {
                let message = format!("Rate exceeded for shard shardId-{place:012} in stream s");
                let code = "ProvisionedThroughputExceededException".to_owned();
                answer.failed.push(FailedEntry { index, code, message });
            }
        }
        if answer.failed.is_empty() {
            answer.shards.clear();
        }
        self.note_taken(records.len() - answer.failed.len());
        Ok(answer)
    }

    fn note_taken(&mut self, count: usize) {
        let second = usize::try_from(self.start.elapsed().as_secs()).expect("short");
        self.by_second.resize(self.by_second.len().max(second + 1), 0);
        self.by_second[second] += count;
        self.taken += count;
    }
}

struct Throttling(Arc<Mutex<Service>>);

impl Transport for Throttling {
    async fn put(&self, body: Payload, _: usize) -> Result<PutResponse, CallError> {
        sleep(ANSWERS_AFTER).await;
        self.0.lock().put(&body.bytes)
    }
}

/// Keys of a flow's records.
#[derive(Clone, Copy)]
enum Keys {
    Random,
    /// Different for each record, and never changed.
    Fixed,
    /// So many in a hundred have the same one.
    Hot(u32),
}

struct Load {
    keys: Keys,
    line: Vec<u8>,
    rng: fastrand::Rng,
    next: u64,
}

impl Load {
    fn batch(&mut self) -> Submission {
        let mut body = Body::new(&Envelope::kinesis("s"));
        while body.records() < 500 && body.counted_bytes() + self.line.len() < 4 * 1024 * 1024 {
            let number = self.rng.u32(..);
            match self.keys {
                Keys::Random => body.push_with_random_key(&self.line, RandomKey::of(number)),
                Keys::Hot(share) if self.rng.u32(..100) < share => body.push(&self.line, "hot"),
                Keys::Hot(_) | Keys::Fixed => body.push(&self.line, &format!("{number:032x}")),
            }
        }
        self.next += 1;
        Submission { batch: self.next, body }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

/// What a run came to.
#[derive(Debug, PartialEq)]
struct Figures {
    /// Records sent for each that was taken.
    amplification: f64,
    /// Records taken a second, from the tenth second on.
    goodput: f64,
}

/// A flow that always has more to send, for so long.
async fn run_flow(service: Service, keys: Keys, line_bytes: usize, time: Duration) -> Figures {
    run_seed(9, service, (keys, line_bytes), time).await
}

/// The same with other random choices.
async fn run_seed(
    seed: u64,
    service: Service,
    (keys, line_bytes): (Keys, usize),
    time: Duration,
) -> Figures {
    let service = Arc::new(Mutex::new(service));
    let (submit, submissions) = mpsc::channel(SLOTS);
    let (tell, mut told) = mpsc::channel(4 * SLOTS);
    let events: EventSink = Arc::new(move |event| {
        if let SenderEvent::Outcome(outcome) = event {
            tell.try_send(outcome).expect("one for each slot");
        }
    });
    let config = SenderConfig {
        flow: "f".to_owned(),
        retry: RetryConfig { initial: Duration::from_millis(100), max: Duration::from_secs(10) },
        max_in_flight: SLOTS,
        caps: Caps::default(),
        facts: None,
        seed: 5,
        metrics: FlowMetrics::new("f"),
        observer: Arc::new(NoObserver),
        stopping: CancellationToken::new(),
    };
    let sender = run(Throttling(Arc::clone(&service)), submissions, events, config);
    let flow = async {
        let rng = fastrand::Rng::with_seed(seed);
        let mut load = Load { keys, line: vec![b'x'; line_bytes], rng, next: 0 };
        let (mut window, mut in_flight) = (InFlightLimit::new(SLOTS), 0);
        let mut distance = Distance::default();
        let end = Instant::now() + time;
        while Instant::now() < end {
            while in_flight < window.current() {
                submit.send(load.batch()).await.expect("the sender runs");
                in_flight += 1;
            }
            let Ok(Some(outcome)) = timeout_at(end, told.recv()).await else { break };
            in_flight -= 1;
            let Outcome { took, pushed_back, .. } = outcome;
            let distance = distance.learn(1, took, Instant::now().into_std());
            let (worked, was_blocked) = (Duration::ZERO, true);
            window.on_finished(Finished { took, worked, distance, pushed_back, was_blocked });
        }
    };
    tokio::select! {
        biased;
        () = flow => {}
        () = sender => unreachable!("it ends without submissions"),
    }
    let service = service.lock();
    let late: VecDeque<usize> = service.by_second.iter().copied().skip(10).collect();
    let goodput = number(late.iter().sum()) / number(late.len());
    Figures { amplification: number(service.sent) / number(service.taken), goodput }
}

/// A chance that is rare is not judged by one run.
const SEEDS: [u64; 3] = [1, 2, 3];

const RUN: Duration = Duration::from_secs(20);

async fn check(what: &str, service: Service, load: (Keys, usize), limit: f64, most: f64) {
    // Long enough for thousands of records after the tenth second.
    let time = match limit {
        few if few < 200.0 => 2 * RUN,
        many if many > 10_000.0 => RUN * 3 / 4,
        _ => RUN,
    };
    let Figures { amplification, goodput } = run_flow(service, load.0, load.1, time).await;
    let share = goodput / limit;
    assert!(amplification <= most, "{what}: {amplification:.3} sent for each taken");
    assert!(share >= 0.9, "{what}: {goodput:.0} a second of {limit:.0}");
}

/// However busy the machine is: what happens at one virtual time happens in one order.
#[tokio::test(start_paused = true)]
async fn a_run_comes_to_the_same_each_time() {
    let run = || {
        let service = Service::new(&[500.0, 1_000.0]);
        run_flow(service, Keys::Random, 50, Duration::from_secs(12))
    };
    let first = run().await;
    for _ in 0..3 {
        assert_eq!(run().await, first);
    }
}

#[tokio::test(start_paused = true)]
async fn a_steady_limit_is_used_and_hardly_more_is_sent() {
    for shards in [1, 2, 4, 16] {
        for (keys, name) in [(Keys::Random, "random"), (Keys::Fixed, "fixed")] {
            let what = format!("{shards} shards, {name} keys");
            let service = Service::new(&vec![1_000.0; shards]);
            check(&what, service, (keys, 50), 1_000.0 * number(shards), 1.2).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_bytes_is_used_too() {
    for shards in [1, 4] {
        let line = 10_000;
        let limit = 1024.0 * 1024.0 * number(shards) / 10_008.0;
        let service = Service::new(&vec![1_000.0; shards]);
        check(&format!("{shards} shards, bytes"), service, (Keys::Random, line), limit, 1.2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whole_requests_that_are_refused_are_hardly_more() {
    for limit in [1_000.0, 2_000.0, 8_000.0] {
        let service = Service { whole: true, ..Service::new(&[limit]) };
        check(&format!("{limit} in whole requests"), service, (Keys::Random, 50), limit, 1.2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_that_is_hot_blocks_nothing_more_than_it_must() {
    for (shards, share) in [(2, 60), (4, 40), (4, 80), (16, 30)] {
        let rest = f64::from(100 - share) / 100.0 / number(shards);
        let hottest = f64::from(share) / 100.0 + rest;
        let what = format!("{shards} shards, {share} of 100 have one key");
        let service = Service::new(&vec![1_000.0; shards]);
        check(&what, service, (Keys::Hot(share), 50), 1_000.0 / hottest, 1.2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn random_keys_avoid_a_shard_that_others_fill() {
    for left in [0.0, 100.0, 500.0] {
        for shards in [4, 16] {
            let mut rates = vec![1_000.0; shards];
            rates[1] = left;
            let limit: f64 = rates.iter().sum();
            let what = format!("{shards} shards, one with room for {left}");
            // The first key of a record is anybody's.
            let most = 1.2 + 1.0 / number(shards);
            for seed in SEEDS {
                let service = Service::new(&rates);
                let figures = run_seed(seed, service, (Keys::Random, 50), RUN).await;
                let Figures { amplification, goodput } = figures;
                assert!(amplification <= most, "{what}: {amplification:.3} sent for each taken");
                let enough = goodput >= 0.9 * limit;
                assert!(enough, "{what}, {seed}: {goodput:.0} a second of {limit:.0}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_that_sending_less_does_not_end_do_not_end_in_sending_nothing() {
    for (part, keys) in [(0.02, Keys::Fixed), (0.1, Keys::Random), (0.2, Keys::Fixed)] {
        let service = Service { at_random: part, ..Service::new(&[1_000.0; 4]) };
        let Figures { goodput, .. } = run_flow(service, keys, 50, Duration::from_secs(12)).await;
        assert!(goodput > 2_000.0, "{goodput:.0} a second with {part} refused at random");
    }
}
