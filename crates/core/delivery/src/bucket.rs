//! What may be sent now of something that refills steadily. Pure; time is an argument.

use std::time::{Duration, Instant};

/// Requests that were not made when they could have been may be made later, up to this much time's
/// worth.
const CREDIT: Duration = Duration::from_millis(100);

/// No clock that is waited for is finer.
const CLOCK_STEP: Duration = Duration::from_millis(1);

/// A request may be made as long as the credit is not below zero, where its cost may take it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// Refilled in a second.
    rate: f64,
    credit: f64,
    /// A request is of this much time's worth at most, ...
    piece: Duration,
    /// ... but may be of as much as this.
    piece_min: f64,
    /// When the credit was brought up to date.
    at: Instant,
}

impl Bucket {
    /// Nothing was saved, and nothing is owed.
    pub(crate) fn new(rate: f64, (piece, piece_min): (Duration, f64), now: Instant) -> Self {
        Self { rate, credit: 0.0, piece, piece_min, at: now }
    }

    /// As after the largest request.
    pub(crate) fn in_debt(self) -> Self {
        Self { credit: -self.piece(), ..self }
    }

    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// The largest cost that a request may have.
    pub(crate) fn piece(&self) -> f64 {
        (self.rate * self.piece.as_secs_f64()).max(self.piece_min)
    }

    /// When the next request may be made.
    pub(crate) fn ready_at(&mut self, now: Instant) -> Instant {
        self.refill(now);
        if self.credit >= 0.0 {
            return now;
        }
        let debt = Duration::try_from_secs_f64(-self.credit / self.rate).unwrap_or_default();
        // Rounded up, or it would be asked for again and again in the same instant.
        now + debt + CLOCK_STEP
    }

    /// A request is made that costs this much.
    pub(crate) fn take(&mut self, cost: f64, now: Instant) {
        self.refill(now);
        self.credit -= cost;
    }

    /// From now on it is refilled so fast.
    pub(crate) fn change(&mut self, rate: f64, now: Instant) {
        self.refill(now);
        self.rate = rate;
    }

    fn refill(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.at).as_secs_f64();
        self.credit = (self.credit + self.rate * time).min(self.rate * CREDIT.as_secs_f64());
        self.at = now;
    }
}
