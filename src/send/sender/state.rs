//! What a sender knows of its destination, and all batches of the flow share. Pure.

use std::sync::Arc;
use std::time::Instant;

use crate::batch::hash::ShardMap;
use crate::log_throttle::FailureLog;
use crate::send::circuit_breaker::CircuitBreaker;
use crate::send::delivery::{Delivery, Progress};
use crate::send::rate::{Caps, Rate, Sent, Turn};
use crate::send::response::PutResponse;

/// Never locked across an await.
#[derive(Debug)]
pub(super) struct State {
    pub(super) circuit: CircuitBreaker,
    /// Requests that failed as a whole.
    pub(super) failures: FailureLog,
    /// Records that failed in requests that were let in: another trouble, of its own length.
    pub(super) records: FailureLog,
    pub(super) pauses: FailureLog,
    pub(super) rate: Rate,
    /// The newest map of the shards that the rates follow.
    pub(super) map: Option<Arc<ShardMap>>,
    pub(super) rng: fastrand::Rng,
}

impl State {
    /// Nothing is known of the destination.
    pub(super) fn new(seed: u64, caps: Caps, now: Instant) -> Self {
        Self {
            circuit: CircuitBreaker::default(),
            failures: FailureLog::default(),
            records: FailureLog::default(),
            pauses: FailureLog::default(),
            rate: Rate::new(caps, now),
            map: None,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Learns how much the destination takes, and moves the delivery on.
    pub(super) fn learn(
        &mut self,
        delivery: &mut Delivery,
        answer: &PutResponse,
        sent: Sent,
        now: Instant,
    ) -> Progress {
        self.rate.learn(delivery, answer, sent, (&mut self.rng, now))
    }

    /// Whether it is this batch's turn to make a request.
    pub(super) fn take_turn(&mut self, delivery: &mut Delivery, now: Instant) -> Turn {
        self.rate.take_turn(delivery, &mut self.rng, now)
    }
}
