//! Many flows and a stream, with a clock that the test moves: nothing but what `rate`, `delivery`
//! and `retry` decide.
#![expect(clippy::print_stdout, reason = "the figures of a run")]

mod scenes;

use std::collections::BTreeMap;

use super::*;
use crate::body::{Body, Envelope};
use crate::delivery::Record;
use crate::hash::ShardRange;
use crate::response::FailedEntry;
use crate::{RetryConfig, Submission};

/// How long the service takes for an answer.
const ANSWERS_AFTER: Duration = Duration::from_millis(12);

const RETRY: RetryConfig =
    RetryConfig { initial: Duration::from_millis(100), max: Duration::from_secs(10) };

#[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
fn some_time() -> Instant {
    Instant::now()
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

/// A shard: a second's worth of records, refilled steadily, and what became of them.
struct Shard {
    range: ShardRange,
    rate: f64,
    level: f64,
    at: Instant,
    taken: usize,
}

impl Shard {
    fn take(&mut self, now: Instant) -> bool {
        let time = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level, self.at) = ((self.level + self.rate * time).min(self.rate), now);
        let fits = self.level >= 1.0;
        self.level -= if fits { 1.0 } else { 0.0 };
        self.taken += usize::from(fits);
        fits
    }
}

struct Stream {
    shards: Vec<Shard>,
    sent: usize,
    next_number: u64,
}

impl Stream {
    fn new(rates: &[f64], now: Instant) -> Self {
        let count = rates.len() as u128;
        let width = u128::MAX / count;
        let shard = |(at, rate): (usize, &f64)| {
            let start = at as u128 * width;
            let end = if at + 1 == rates.len() { u128::MAX } else { start + width - 1 };
            let range = ShardRange { start, end, number: ShardNumber(at as u64) };
            Shard { range, rate: *rate, level: *rate, at: now, taken: 0 }
        };
        let shards = rates.iter().enumerate().map(shard).collect();
        Self { shards, sent: 0, next_number: rates.len() as u64 }
    }

    fn split(&mut self, at: usize, now: Instant) {
        let old = self.shards.remove(at);
        let middle = old.range.start + (old.range.end - old.range.start) / 2;
        for (start, end) in [(old.range.start, middle), (middle + 1, old.range.end)] {
            let range = ShardRange { start, end, number: ShardNumber(self.next_number) };
            self.next_number += 1;
            let shard = Shard { range, rate: old.rate, level: old.rate, at: now, taken: 0 };
            self.shards.push(shard);
        }
    }

    fn map(&self) -> ShardMap {
        ShardMap::new(self.shards.iter().map(|shard| shard.range).collect()).expect("a map")
    }

    fn taken(&self) -> usize {
        self.shards.iter().map(|shard| shard.taken).sum()
    }

    fn put(&mut self, records: &[Record], now: Instant) -> PutResponse {
        let mut answer = PutResponse::default();
        self.sent += records.len();
        for (index, record) in records.iter().enumerate() {
            let hash = u128::from(record.hash) << 64;
            let mut shards = self.shards.iter_mut();
            let shard = shards.find(|s| (s.range.start..=s.range.end).contains(&hash));
            let shard = shard.expect("each hash is of a shard");
            if shard.take(now) {
                answer.shards.push((index, shard.range.number));
            } else {
                let id = shard.range.number.0;
                let message = format!("Rate exceeded for shard shardId-{id:012} in stream s");
                let code = "ProvisionedThroughputExceededException".to_owned();
                answer.failed.push(FailedEntry { index, code, message });
            }
        }
        if answer.failed.is_empty() {
            answer.shards.clear();
        }
        answer
    }
}

/// What happens to a batch next.
#[derive(Clone, Copy)]
enum Step {
    /// It asks for its turn.
    Ask,
    /// The request of this time is answered.
    PutResponse(Sent),
}

/// A flow with so many slots.
struct Agent {
    rate: Rate,
    rng: fastrand::Rng,
    deliveries: BTreeMap<BatchId, Delivery>,
    next: BatchId,
    steps: Vec<(Instant, BatchId, Step)>,
}

impl Agent {
    fn new(seed: u64, caps: Caps, now: Instant) -> Self {
        Self {
            rate: Rate::new(caps, now),
            rng: fastrand::Rng::with_seed(seed),
            deliveries: BTreeMap::new(),
            next: 1,
            steps: Vec::new(),
        }
    }

    fn submit(&mut self, body: Body, now: Instant) {
        let delivery = Delivery::new(Submission { batch: self.next, body });
        self.deliveries.insert(self.next, delivery);
        self.steps.push((now, self.next, Step::Ask));
        self.next += 1;
    }

    /// The next time at which something happens.
    fn due(&self) -> Option<Instant> {
        self.steps.iter().map(|(at, ..)| *at).min()
    }

    /// Does what is due; `None` for an answer is an outage.
    fn step(&mut self, now: Instant, mut put: impl FnMut(&[Record]) -> Option<PutResponse>) {
        self.steps.sort_by_key(|(at, batch, _)| (*at, *batch));
        let due = self.steps.partition_point(|(at, ..)| *at <= now);
        for (_, batch, step) in self.steps.drain(..due).collect::<Vec<_>>() {
            let Some(delivery) = self.deliveries.get_mut(&batch) else { continue };
            match step {
                Step::Ask => {
                    let turn = self.rate.take_turn(delivery, &mut self.rng, now);
                    let next = match turn {
                        Turn::AfterAnother => (now + Duration::from_millis(5), Step::Ask),
                        Turn::At(at) => (at, Step::Ask),
                        Turn::Now => {
                            let (records, bytes) = delivery.next_size().expect("not done");
                            delivery.on_attempt();
                            let sent = Sent { at: now, records, bytes };
                            (now + ANSWERS_AFTER, Step::PutResponse(sent))
                        }
                    };
                    self.steps.push((next.0, batch, next.1));
                }
                Step::PutResponse(sent) => {
                    let failures = if let Some(answer) = put(&delivery.next_records()) {
                        let failed = answer.failed.len();
                        let taken = sent.records - failed;
                        self.rate.learn(delivery, &answer, sent, (&mut self.rng, now));
                        retry::failures(0, taken, failed)
                    } else {
                        let error = CallError::Deadline(Duration::ZERO);
                        self.rate.learn_from_error(&error, sent, now);
                        delivery.on_failure(classify(&error));
                        99
                    };
                    if delivery.is_done() {
                        self.rate.forget(batch);
                        self.deliveries.remove(&batch);
                        continue;
                    }
                    let delay = if failures == 0 {
                        Duration::ZERO
                    } else {
                        retry::delay(RETRY, failures, None, &mut self.rng)
                    };
                    self.steps.push((now + delay, batch, Step::Ask));
                }
            }
        }
    }
}

/// Keys of records, by their numbers.
type Keys = Option<fn(u32) -> String>;

fn body(keys: Keys, records: usize, rng: &mut fastrand::Rng) -> Body {
    let mut body = Body::new(&Envelope::kinesis("s"));
    for _ in 0..records {
        let random = rng.u32(..);
        match keys {
            Some(keys) => body.push(b"0123456789\n", &keys(random)),
            None => body.push_with_random_key(b"0123456789\n", RandomKey::of(random)),
        }
    }
    body
}

/// What a flow that always has more to send came to.
struct Figures {
    amplification: f64,
    /// Records taken a second, from the tenth second on.
    goodput: f64,
}

fn run(rates: &[f64], keys: Keys, mapped: bool, split: Option<usize>) -> Figures {
    run_seed(1, rates, (keys, mapped), split)
}

/// Ten seconds from the tenth on count. If a shard is split, that is after ten seconds, and those
/// from the twentieth on count.
fn run_seed(
    seed: u64,
    rates: &[f64],
    (keys, mapped): (Keys, bool),
    split: Option<usize>,
) -> Figures {
    let start = some_time();
    let mut stream = Stream::new(rates, start);
    let mut agent = Agent::new(seed, Caps::default(), start);
    let mut rng = fastrand::Rng::with_seed(seed + 1);
    let (mut now, mut split, mut before) = (start, split, None);
    let from = Duration::from_secs(if split.is_some() { 20 } else { 10 });
    if mapped {
        agent.rate.set_map(&stream.map(), now);
    }
    while now < start + from + Duration::from_secs(10) {
        if now >= start + from {
            before = before.or_else(|| Some((now, stream.taken())));
        }
        if now >= start + Duration::from_secs(10)
            && let Some(at) = split.take()
        {
            let taken = stream.taken();
            stream.split(at, now);
            // What was taken by the shard that is gone counts, too.
            stream.shards[0].taken += taken - stream.taken();
            if mapped {
                agent.rate.set_map(&stream.map(), now);
            }
        }
        while agent.deliveries.len() < 8 {
            agent.submit(body(keys, 500, &mut rng), now);
        }
        agent.step(now, |records| Some(stream.put(records, now)));
        now = agent.due().unwrap_or(now).max(now);
    }
    let (since, taken) = before.expect("it ran so long");
    let time = now.saturating_duration_since(since).as_secs_f64();
    Figures {
        amplification: number(stream.sent) / number(stream.taken()),
        goodput: number(stream.taken() - taken) / time,
    }
}

fn even(random: u32) -> String {
    format!("key-{random:08x}")
}

/// Two records in five have one key.
fn skewed(random: u32) -> String {
    if random % 5 < 2 { "hot".to_owned() } else { even(random) }
}

fn check(what: &str, figures: &Figures, limit: f64) {
    let Figures { amplification, goodput } = figures;
    let share = goodput / limit;
    println!("{what}: {:.1} % of the limit, {amplification:.3} sent for each taken", share * 100.0);
    assert!(*amplification <= 1.2, "{what}: {amplification:.3} sent for each taken");
    assert!(share >= 0.9, "{what}: {goodput:.0} a second of {limit:.0}");
}

#[test]
fn f52_and_f61_what_shards_take_is_used_within_ten_seconds() {
    for shards in [1, 4, 16] {
        let rates = vec![1_000.0; shards];
        let limit = 1_000.0 * number(shards);
        // The shard of the hot key has its part of the others as well.
        let hot = 1_000.0 / (0.4 + 0.6 / number(shards));
        for mapped in if shards == 16 { vec![true] } else { vec![false, true] } {
            let what = |keys| format!("{shards} shards, {keys} keys, map {mapped}");
            check(&what("random"), &run(&rates, None, mapped, None), limit);
            check(&what("even"), &run(&rates, Some(even), mapped, None), limit);
            check(&what("skewed"), &run(&rates, Some(skewed), mapped, None), hot);
        }
    }
}

#[test]
fn f61_a_split_is_followed_with_a_map_and_without() {
    for mapped in [false, true] {
        let what = |keys| format!("4 shards of which one is split, {keys} keys, map {mapped}");
        let random = run(&[1_000.0; 4], None, mapped, Some(1));
        check(&what("random"), &random, 5_000.0);
        // Three quarters of the records are of the others, which take what they took.
        let even = run(&[1_000.0; 4], Some(even), mapped, Some(1));
        check(&what("even"), &even, 4_000.0);
    }
}

/// What holds does not hang on one course of chance.
#[test]
fn f52_other_random_choices_come_to_the_same() {
    for seed in 2..6 {
        for mapped in [false, true] {
            for (keys, name) in [(None, "random"), (Some(even as fn(u32) -> String), "even")] {
                let figures = run_seed(seed, &[1_000.0], (keys, mapped), None);
                check(&format!("seed {seed}, {name} keys, map {mapped}"), &figures, 1_000.0);
            }
        }
    }
}

/// Each key is a log that is followed: what of one shard waits does not stand in front of others.
#[test]
fn f61_a_full_shard_slows_the_others_by_five_percent_at_most() {
    // What the others get is what they got when nothing was full.
    let without = run(&[1_000.0; 4], None, true, None);
    for left in [0.0, 100.0] {
        let with = run(&[1_000.0, left, 1_000.0, 1_000.0], None, true, None);
        let others = (with.goodput - left) / 3.0;
        let before = without.goodput / 4.0;
        println!("others get {others:.0} a second each instead of {before:.0}");
        assert!(others >= before * 0.95, "{others:.0} of {before:.0}");
    }
}

/// Keys that cannot change: as long as the batches at hand are not full of the hot shard's records,
/// all others continue.
#[test]
fn records_of_other_shards_do_not_wait_for_a_full_one() {
    let start = some_time();
    let mut stream = Stream::new(&[1_000.0, 50.0, 1_000.0, 1_000.0], start);
    let mut agent = Agent::new(1, Caps::default(), start);
    agent.rate.set_map(&stream.map(), start);
    let mut rng = fastrand::Rng::with_seed(2);
    for _ in 0..8 {
        agent.submit(body(Some(even), 500, &mut rng), start);
    }
    let mut now = start;
    while now < start + Duration::from_secs(3) {
        agent.step(now, |records| Some(stream.put(records, now)));
        let Some(due) = agent.due() else { break };
        now = due.max(now);
    }
    let taken: Vec<usize> = stream.shards.iter().map(|shard| shard.taken).collect();
    let others: usize = taken.iter().sum::<usize>() - taken[1];
    let left: usize = agent.deliveries.values_mut().map(|d| d.next_records().len()).sum();
    assert!(others + taken[1] < 4_000, "the full shard has not taken everything");
    assert!(taken[1] <= 50 + 3 * 50 + 1, "{taken:?}");
    assert!(others >= 2_900, "what is not the full shard's is there: {taken:?}, {left} left");
}
