//! When a batch may make a request, and of which of its records: the rate of each shard, of the
//! whole destination, and the caps of the configuration. Pure; time is an argument.
//!
//! Each shard has a [`Pace`], and so has the destination as a whole, for what names no shard:
//! Firehose, and requests that are refused in one. A record belongs to the shard that its key
//! hashes to. As long as that shard has no room the record is held back, and what belongs to others
//! continues. One whose key is random gets another key instead, of a shard that has room.
//!
//! What an older batch waits for, a younger one does not take before it: records of one key change
//! places no more than they must.

mod choosing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use self::choosing::Choosing;
use super::call::CallError;
use super::classify::{Verdict, classify, is_throttle};
use super::delivery::{Choice, Delivery, Progress};
use super::pace::{self, Pace};
use super::request_size::RequestSize;
use super::response::{PutResponse, ShardNumber};
use super::retry;
use super::shards::{Portion, Shards};
use crate::BatchId;
use crate::body::{RandomKey, key_hash};
use crate::bucket::Bucket;
use crate::hash::ShardMap;

/// A request is of this much time's worth at most.
const PIECE: Duration = Duration::from_millis(500);

/// The same where a cap holds it: a second has little more than what is allowed.
const CAP_PIECE: Duration = Duration::from_millis(100);

/// What a shard of Kinesis takes, in its seconds a second. It is held to that when it is found to
/// be full for the first time.
const SHARD_RATE: f64 = 1.0;

/// So many keys are drawn for one whose shard has room.
const DRAWS_MAX: u32 = 8;

/// Where no key was found for any record, this is waited for at least.
const DRAW_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Nothing got through for so long: an outage, whose end many wait for.
const OUTAGE: Duration = Duration::from_secs(10);

/// What a flow may send in a second, whatever its destination takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// Records of the service.
    pub records: Option<u32>,
    /// Bytes of their data.
    pub bytes: Option<u32>,
}

/// A request that was made.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// How many records are in it.
    pub records: usize,
    /// Bytes of data in them.
    pub bytes: usize,
}

/// When a batch may make its next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Another batch comes first.
    AfterAnother,
    /// Then.
    At(Instant),
    /// Now.
    Now,
}

/// How fast a flow sends.
#[derive(Debug)]
pub struct Rate {
    /// Of the destination as a whole.
    whole: Pace,
    shards: Shards,
    /// Batches that wait for their turn, and for which shards.
    waiting: BTreeMap<BatchId, BTreeSet<usize>>,
    record_cap: Option<Bucket>,
    byte_cap: Option<Bucket>,
    /// What its link carries in time.
    size: RequestSize,
    /// Nothing got through since.
    failing_since: Option<Instant>,
}

impl Rate {
    /// No limit but the caps.
    #[must_use]
    pub fn new(caps: Caps, now: Instant) -> Self {
        let bucket = |cap: Option<u32>| {
            cap.map(|cap| Bucket::new(f64::from(cap.max(1)), (CAP_PIECE, 0.0), now))
        };
        Self {
            whole: Pace::new(PIECE, now),
            shards: Shards::default(),
            waiting: BTreeMap::new(),
            record_cap: bucket(caps.records),
            byte_cap: bucket(caps.bytes),
            size: RequestSize::default(),
            failing_since: None,
        }
    }

    /// Whether requests may be made as they come.
    #[must_use]
    pub fn is_free(&self, now: Instant) -> bool {
        self.record_cap.is_none()
            && self.byte_cap.is_none()
            && self.size.bytes_max().is_none()
            && self.whole.is_free(now)
            && !self.shards.any_limited(now)
    }

    /// The open shards are these.
    pub fn set_map(&mut self, map: &ShardMap, now: Instant) {
        self.shards.set_map(map, now);
        self.waiting.values_mut().for_each(BTreeSet::clear);
    }

    /// Nothing more is to be sent of this batch.
    pub fn forget(&mut self, batch: BatchId) {
        self.waiting.remove(&batch);
    }

    /// Whether it is this batch's turn to make a request, of as many records as there is room for.
    /// If not, when to ask again, unless something changes.
    pub fn take_turn(
        &mut self,
        delivery: &mut Delivery,
        rng: &mut fastrand::Rng,
        now: Instant,
    ) -> Turn {
        let batch = delivery.batch();
        // The oldest first: what it holds up has waited longest. None of their shards means all.
        let is_behind = self.waiting.range(..batch).any(|(_, shards)| shards.is_empty());
        if is_behind {
            self.waiting.entry(batch).or_default();
            return Turn::AfterAnother;
        }
        let at = self.ready_at(now);
        if at > now {
            self.waiting.insert(batch, BTreeSet::new());
            return Turn::At(at);
        }
        let fitting = self.fitting(delivery);
        if self.shards.any_limited(now) {
            match self.choose(delivery, fitting, rng, now) {
                Turn::Now => {}
                turn => return turn,
            }
        } else {
            delivery.limit(fitting);
            self.waiting.remove(&batch);
        }
        if let Some((records, bytes)) = delivery.next_size() {
            self.on_request(records, bytes, now);
        }
        Turn::Now
    }

    /// When the destination as a whole, and the caps, let a request through.
    fn ready_at(&mut self, now: Instant) -> Instant {
        let caps = [&mut self.record_cap, &mut self.byte_cap];
        let caps = caps.into_iter().flatten().map(|cap| cap.ready_at(now)).max();
        self.whole.ready_at(now).max(caps.unwrap_or(now))
    }

    /// How many of the next records they let through.
    fn fitting(&self, delivery: &Delivery) -> usize {
        let Some((records, bytes)) = delivery.next_size() else { return 0 };
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let fits = |cost: f64, max: Option<f64>| {
            max.map_or(records, |max| pace::fitting(records, cost, max))
        };
        fits(pace::cost(records, bytes), Some(self.whole.cost_max()))
            .min(fits(number(bytes), self.size.bytes_max().map(number)))
            .min(fits(number(records), self.record_cap.as_ref().map(Bucket::piece)))
            .min(fits(number(bytes), self.byte_cap.as_ref().map(Bucket::piece)))
            .max(1)
    }

    fn on_request(&mut self, records: usize, bytes: usize, now: Instant) {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.whole.on_request(pace::cost(records, bytes), now);
        for (cap, count) in [(&mut self.record_cap, records), (&mut self.byte_cap, bytes)] {
            if let Some(cap) = cap {
                cap.take(number(count), now);
            }
        }
    }

    /// Chooses the records whose shards have room.
    fn choose(
        &mut self,
        delivery: &mut Delivery,
        records_max: usize,
        rng: &mut fastrand::Rng,
        now: Instant,
    ) -> Turn {
        let batch = delivery.batch();
        let mut reserved: BTreeSet<usize> = BTreeSet::new();
        self.waiting.range(..batch).for_each(|(_, shards)| reserved.extend(shards));
        let mut choosing =
            Choosing { rate: self, reserved, rng, now, in_vain: 0, portions: BTreeMap::new() };
        let mut lacking = BTreeSet::new();
        let mut moves = false;
        let mut left = records_max;
        let mut choices = Vec::new();
        for record in delivery.next_records() {
            let choice = if left == 0 { Err(None) } else { choosing.choose(record) };
            left -= usize::from(choice.is_ok());
            choices.push(choice.unwrap_or(Choice::Wait));
            // A record that any shard may have waits for none of them.
            match choice {
                Err(Some(_)) if record.movable => moves = true,
                Err(Some(shard)) => drop(lacking.insert(shard)),
                Err(None) | Ok(_) => {}
            }
        }
        let Choosing { portions, reserved, .. } = choosing;
        if portions.is_empty() {
            let own: Vec<usize> = lacking.difference(&reserved).copied().collect();
            let ready =
                own.into_iter().filter_map(|place| Some(self.shards.pace(place)?.ready_at(now)));
            let own = ready.min();
            // A shard may have room although no key of it was drawn: it is looked for again.
            let any = self.shards.first_ready(&reserved, now).filter(|_| moves);
            let any = any.map(|at| if at > now { at } else { now + DRAW_AGAIN_AFTER });
            self.wait_for(batch, lacking);
            return own.into_iter().chain(any).min().map_or(Turn::AfterAnother, Turn::At);
        }
        for (place, portion) in portions {
            if let Some(pace) = place.and_then(|place| self.shards.pace(place)) {
                pace.on_request(portion.cost(), now);
            }
        }
        self.wait_for(batch, lacking);
        delivery.choose(&choices);
        Turn::Now
    }

    /// Younger batches leave these shards to this one.
    fn wait_for(&mut self, batch: BatchId, shards: BTreeSet<usize>) {
        if shards.is_empty() {
            self.waiting.remove(&batch);
        } else {
            self.waiting.insert(batch, shards);
        }
    }

    /// Learns how much the destination takes, and moves the delivery on.
    pub fn learn(
        &mut self,
        delivery: &mut Delivery,
        answer: &PutResponse,
        sent: Sent,
        (rng, now): (&mut fastrand::Rng, Instant),
    ) -> Progress {
        if answer.failed.len() < sent.records {
            self.failing_since = None;
        }
        self.size.on_answer(sent.bytes, now.saturating_duration_since(sent.at));
        let refused = answer.failed.iter().filter(|entry| is_throttle(&entry.code)).count();
        let mut unattributed = refused;
        if delivery.is_keyed() && (refused > 0 || self.shards.any_limited(now)) {
            unattributed = self.learn_of_shards(delivery, answer, sent, now);
        }
        let cost = pace::cost(sent.records, sent.bytes);
        let part = |records| cost * pace::part(records, sent.records);
        // What a shard refused says nothing about the destination.
        let here = (cost - part(refused - unattributed), part(unattributed));
        self.whole.on_answer(sent.at, here, 0.0, now);
        self.shards.forget_silent(now);
        delivery.on_answer(answer, || self.draw(rng, now))
    }

    /// Returns how many records were refused without a known shard.
    fn learn_of_shards(
        &mut self,
        delivery: &mut Delivery,
        answer: &PutResponse,
        sent: Sent,
        now: Instant,
    ) -> usize {
        let named: BTreeMap<usize, ShardNumber> = answer
            .failed
            .iter()
            .filter_map(|entry| Some((entry.index, ShardNumber::find_in(&entry.message)?)))
            .chain(answer.shards.iter().copied())
            .collect();
        for number in named.values().collect::<BTreeSet<_>>() {
            self.shards.place(*number, now);
        }
        let is_refused = |place: usize| {
            let failed = answer.failed.binary_search_by_key(&place, |entry| entry.index).ok();
            failed.and_then(|at| answer.failed.get(at)).is_some_and(|f| is_throttle(&f.code))
        };
        let mut portions: BTreeMap<usize, Portion> = BTreeMap::new();
        let mut unattributed = 0;
        for (place, record) in delivery.next_records().iter().enumerate() {
            let refused = usize::from(is_refused(place));
            let shard = match named.get(&place) {
                Some(number) => {
                    self.shards.learn(*number, record.hash);
                    self.shards.place(*number, now)
                }
                None => self.shards.place_of(record.hash),
            };
            let Some(shard) = shard else {
                unattributed += refused;
                continue;
            };
            let portion = portions.entry(shard).or_default();
            *portion = portion.with(record.bytes);
            portion.refused += refused;
        }
        let (lately, all) = (self.whole.lately(now), pace::cost(sent.records, sent.bytes));
        for (place, portion) in portions {
            let Some(pace) = self.shards.pace(place) else { continue };
            let (cost, part) = (portion.cost(), pace::part(portion.refused, portion.records));
            let share = lately * cost / all.max(f64::MIN_POSITIVE);
            // Of the first request of all nothing can be told.
            let share = if share > 0.0 { share } else { SHARD_RATE };
            pace.on_answer(sent.at, (cost, cost * part), share.min(SHARD_RATE), now);
        }
        unattributed
    }

    /// Learns the same from a request that failed as a whole.
    pub fn learn_from_error(&mut self, error: &CallError, sent: Sent, now: Instant) {
        let is_late = matches!(error, CallError::Deadline(_));
        if is_late && self.size.on_deadline(sent.bytes) {
            // The link may be slow: whether nothing gets through is seen with less.
        } else if classify(error) == Verdict::Throttled {
            self.failing_since = None;
            let cost = pace::cost(sent.records, sent.bytes);
            self.whole.on_answer(sent.at, (cost, cost), 0.0, now);
        } else if now.saturating_duration_since(*self.failing_since.get_or_insert(now)) >= OUTAGE {
            self.whole.brake(now);
        }
        if let Some(wish) = error.retry_after() {
            self.whole.pause(now + wish.min(retry::RETRY_AFTER_MAX));
        }
    }

    /// A random key, of a shard that has room, if that can be helped.
    fn draw(&mut self, rng: &mut fastrand::Rng, now: Instant) -> RandomKey {
        let first = RandomKey::of(rng.u32(..));
        let mut key = first;
        for _ in 0..DRAWS_MAX {
            let place = self.shards.place_of(key_hash(key.as_str().as_bytes()));
            match place.and_then(|at| self.shards.pace(at)) {
                Some(shard) if shard.has_room(now) => return key,
                // Where the shard is unknown there need be no room.
                None if key == first => return key,
                Some(_) | None => key = RandomKey::of(rng.u32(..)),
            }
        }
        first
    }
}

#[cfg(test)]
mod tests;
