//! What a sender knows of its destination, and all batches of the flow share. Pure.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::batch::BatchId;
use crate::repeats::Repeats;
use crate::send::answer::Answer;
use crate::send::classify::{Verdict, classify, is_throttle};
use crate::send::delivery::{Delivery, Progress};
use crate::send::gate::Gate;
use crate::send::pace::{self, Pace};
use crate::send::retry;
use crate::send::shards::Shards;
use crate::send::transport::CallError;

/// Never locked across an await.
#[derive(Debug)]
pub(super) struct State {
    pub(super) gate: Gate,
    /// Requests that failed as a whole.
    pub(super) failures: Repeats,
    /// Records that failed in requests that were let in: another trouble, of its own length.
    pub(super) records: Repeats,
    pub(super) parks: Repeats,
    pub(super) pace: Pace,
    /// Batches that wait for their turn.
    waiting: BTreeSet<BatchId>,
    shards: Shards,
    pub(super) rng: fastrand::Rng,
}

impl State {
    /// Nothing is known of the destination.
    pub(super) fn new(seed: u64, now: Instant) -> Self {
        Self {
            gate: Gate::default(),
            failures: Repeats::default(),
            records: Repeats::default(),
            parks: Repeats::default(),
            pace: Pace::new(now),
            waiting: BTreeSet::new(),
            shards: Shards::default(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Learns how much the destination takes, and which shards have room, and moves the delivery
    /// on.
    pub(super) fn learn(
        &mut self,
        delivery: &mut Delivery,
        answer: &Answer,
        sent: Sent,
        now: Instant,
    ) -> Progress {
        let movable = delivery.has_random_keys();
        if movable && self.pace.is_current(sent.at) {
            self.shards.on_answer(sent.records, answer, |place| delivery.random_key(place));
        }
        let refused = answer.failed.iter().filter(|entry| is_throttle(&entry.code)).count();
        self.note(sent, refused, movable, now);
        delivery.on_answer(answer, || self.shards.draw(&mut self.rng))
    }

    /// Learns the same from a request that failed as a whole.
    pub(super) fn learn_from_error(&mut self, error: &CallError, sent: Sent, now: Instant) {
        if classify(error) == Verdict::Throttled {
            if self.pace.is_current(sent.at) {
                self.shards.on_throttled(sent.records);
            }
            self.note(sent, sent.records, true, now);
        }
        if let Some(wish) = error.retry_after() {
            self.pace.pause(now + wish.min(retry::RETRY_AFTER_MAX));
        }
    }

    /// Records whose keys may change can go elsewhere as long as half of the shards have room.
    fn note(&mut self, sent: Sent, refused: usize, movable: bool, now: Instant) {
        let cost = pace::cost(sent.records, sent.bytes);
        let refused = cost * pace::part(refused, sent.records);
        let crowded = if movable { self.shards.crowded() } else { None };
        if self.pace.on_answer(sent.at, (cost, refused), crowded, now) {
            self.shards.look_anew();
        }
    }

    /// Whether it is this batch's turn to make a request, of as many records as the destination
    /// takes at a time. If not, when to ask again, unless something changes.
    pub(super) fn take_turn(&mut self, delivery: &mut Delivery, now: Instant) -> Turn {
        let batch = delivery.batch();
        self.waiting.insert(batch);
        // The oldest first: what it holds up has waited longest.
        if self.waiting.first() != Some(&batch) {
            return Turn::AfterAnother;
        }
        let at = self.pace.ready_at(now);
        if at > now {
            return Turn::At(at);
        }
        self.waiting.remove(&batch);
        let cost_max = self.pace.cost_max();
        let Some(request) = delivery.request() else { return Turn::Now };
        let cost = pace::cost(request.records, request.bytes);
        let fitting = pace::fitting(request.records, cost, cost_max);
        delivery.limit(fitting, || self.shards.draw(&mut self.rng));
        self.pace.on_request(cost.min(cost_max), now);
        Turn::Now
    }
}

/// A request that was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// When a batch may make its next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Another batch comes first.
    AfterAnother,
    /// Then.
    At(Instant),
    /// Now.
    Now,
}
