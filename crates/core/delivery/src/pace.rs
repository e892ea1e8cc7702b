//! How fast a flow sends to a shard, or to a destination that names none, learned from what it
//! takes. Pure; time is an argument.
//!
//! As long as nothing is throttled there is no limit. From the first throttled record on requests
//! are spaced so that what is sent is what was taken, and a little more: each look lowers the rate
//! by the part that was refused, or raises it while nothing is. The steps up grow, so that a stream
//! that got more shards is soon used, and are small again after each refusal. So a destination that
//! takes a steady amount gets hardly more than that, and all of it. What is refused however little
//! is sent, `baseline` finds out, and that does not count.
//!
//! After an outage it begins with what was usual before it: whoever else waited for its end does
//! so, too. A limit that held nothing up for a while is forgotten.
//!
//! The amount is that of a Kinesis shard's second: 1,000 records or 1 MiB, whichever is more of it.
//! For Firehose, whose limits are others, the measure is the same; only its steadiness matters.

mod baseline;

use std::time::{Duration, Instant};

use self::baseline::Baseline;
use crate::bucket::Bucket;

/// A shard's second in records.
const SHARD_RECORDS: f64 = 1_000.0;

/// A shard's second in bytes.
const SHARD_BYTES: f64 = 1024.0 * 1024.0;

/// Answers are looked at together for this long.
const LOOK: Duration = Duration::from_millis(500);

/// And until this part of what may be sent in that time was, but not longer than this.
const LOOK_PART: f64 = 0.75;
const LOOK_MAX: Duration = Duration::from_secs(5);

/// ... and until so much was, in shard seconds: of fewer than 100 records so many may be refused by
/// chance that many small flows together send half as much again as is taken.
const LOOK_SENT_MIN: f64 = 0.1;

/// The first rate is what was taken in this long: less says too little about a destination that
/// lends a second's worth.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// The lowest rate, in shard seconds a second: five records. Ten thousand agents that are all
/// refused must not be too many.
const RATE_MIN: f64 = 0.005;

/// Less than this may be refused without consequence; it takes some to know where the limit is.
const REFUSED_HIGH: f64 = 0.04;

/// Standard deviations that are chance.
const CHANCE: f64 = 2.0;

/// Less than this is as good as nothing.
const REFUSED_LOW: f64 = 0.01;

/// The first step up, and the largest, as parts of the rate; and how much steps grow.
const STEP_MIN: f64 = 0.04;
const STEP_MAX: f64 = 0.15;
const STEP_GROWTH: f64 = 1.3;

/// The step up to this part of a limit that was met before.
const STEP_BACK: f64 = 1.0;
const BACK_TO: f64 = 0.8;

/// The largest step down: a destination that takes nothing for a while says little of its limit.
const KEPT_MIN: f64 = 0.5;

/// A request may be of ten records, or ten KiB, however low the rate is.
const PIECE_MIN: f64 = 0.01;

/// After no request nothing is sent for longer than this. A large record costs ten shard seconds,
/// which at a low rate is half an hour.
const DEBT_MAX: Duration = Duration::from_secs(30);

/// After an outage the rate does not rise for so long: others come back as late.
const HELD: Duration = Duration::from_secs(10);

/// What the newest look counts in what is usual.
const USUAL_WEIGHT: f64 = 0.05;

/// A limit that held nothing up, and was not met, for this long is none any more.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// The rate of one flow.
#[derive(Debug)]
pub struct Pace {
    /// A request is of this much time's worth at most.
    piece: Duration,
    /// In shard seconds; `None` while there is no limit.
    bucket: Option<Bucket>,
    /// When the limit held something up, or was met.
    limited_at: Instant,
    /// What was taken in a second, on average, in shard seconds.
    usual: f64,
    /// It continues as usual after an outage.
    is_braked: bool,
    /// Before, the rate is not raised.
    held_until: Instant,
    /// Nothing is sent before.
    paused_until: Instant,
    step: f64,
    /// The limit that was met last; infinite if none is known.
    met: f64,
    baseline: Baseline,
    /// The part that was refused when the rate was raised last.
    raised_at: f64,
    /// Requests that were made before say nothing about the rate.
    changed_at: Option<Instant>,
    look: Look,
    /// What was taken in the look before, and how long that was.
    before: (f64, Duration),
}

/// What happened since the last conclusion.
#[derive(Debug, Clone, Copy)]
struct Look {
    since: Instant,
    sent: f64,
    taken: f64,
    /// A request had to wait for its turn.
    waited: bool,
}

impl Look {
    fn new(since: Instant) -> Self {
        Self { since, sent: 0.0, taken: 0.0, waited: false }
    }
}

/// How much of a shard's second a request takes.
#[must_use]
pub fn cost(records: usize, bytes: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    (number(records) / SHARD_RECORDS).max(number(bytes) / SHARD_BYTES)
}

/// How many of the records of a request that costs this much fit into `cost_max`.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive part of a number of records"
)]
pub(crate) fn fitting(records: usize, cost: f64, cost_max: f64) -> usize {
    if cost <= cost_max {
        return records;
    }
    (f64::from(u32::try_from(records).unwrap_or(u32::MAX)) * cost_max / cost) as usize
}

/// Which part of the records that is.
#[must_use]
pub fn part(of: usize, records: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if records == 0 { 0.0 } else { number(of) / number(records) }
}

impl Pace {
    /// No limit.
    #[must_use]
    pub fn new(piece: Duration, now: Instant) -> Self {
        Self {
            piece,
            bucket: None,
            limited_at: now,
            usual: 0.0,
            is_braked: false,
            held_until: now,
            paused_until: now,
            step: STEP_MIN,
            met: f64::INFINITY,
            baseline: Baseline::default(),
            raised_at: 0.0,
            changed_at: None,
            look: Look::new(now),
            before: (0.0, Duration::ZERO),
        }
    }

    /// Whether requests may be made as they come.
    #[must_use]
    pub fn is_free(&self, now: Instant) -> bool {
        self.bucket.is_none() && self.paused_until <= now
    }

    /// When the next request may be made. Ask again if an answer comes meanwhile.
    pub(crate) fn ready_at(&mut self, now: Instant) -> Instant {
        let ready = self.bucket.as_mut().map_or(now, |bucket| bucket.ready_at(now));
        let at = self.paused_until.max(ready);
        if at > now {
            self.look.waited = true;
            self.limited_at = now;
        }
        at
    }

    /// Whether something may be sent now.
    #[must_use]
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.room_at(now) <= now
    }

    /// When something may be sent, where it is not awaited.
    pub(crate) fn room_at(&self, now: Instant) -> Instant {
        let ready = self.bucket.map_or(now, |mut bucket| bucket.ready_at(now));
        self.paused_until.max(ready)
    }

    /// Whether the cost of a request may grow, from nothing or from what is chosen for it.
    pub(crate) fn admits(&mut self, (before, after): (f64, f64), now: Instant) -> bool {
        let fits = before <= 0.0 || after <= self.cost_max();
        if !fits {
            self.look.waited = true;
            self.limited_at = now;
        }
        fits && self.ready_at(now) <= now
    }

    /// The largest cost that a request may have.
    #[must_use]
    pub(crate) fn cost_max(&self) -> f64 {
        self.bucket.as_ref().map_or(f64::INFINITY, Bucket::piece)
    }

    /// A request is made that costs this much.
    pub fn on_request(&mut self, cost: f64, now: Instant) {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(cost.min(bucket.rate() * DEBT_MAX.as_secs_f64()), now);
        }
    }

    /// What was taken lately, in shard seconds a second.
    #[must_use]
    pub(crate) fn lately(&self, now: Instant) -> f64 {
        let (taken, time) = self.before;
        let time = time + now.saturating_duration_since(self.look.since);
        (taken + self.look.taken) / time.max(FIRST_LOOK).as_secs_f64()
    }

    /// Nothing got through for a while: it continues with the usual rate.
    pub(crate) fn brake(&mut self, now: Instant) {
        if std::mem::replace(&mut self.is_braked, true) {
            return;
        }
        let usual = self.usual.max(RATE_MIN);
        let rate = self.bucket.as_ref().map_or(usual, |bucket| bucket.rate().min(usual));
        self.change(rate, now);
        (self.step, self.met, self.changed_at) = (STEP_MIN, f64::INFINITY, Some(now));
        self.look = Look::new(now);
    }

    /// Nothing is sent until then: the service wants to be left alone.
    pub fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Whether a request that was made then was made at the rate of now.
    #[must_use]
    pub fn is_current(&self, made_at: Instant) -> bool {
        self.changed_at.is_none_or(|changed| made_at >= changed)
    }

    /// Learns from a request that was made at `made_at`, of which this much was refused for being
    /// too much. `lately` is what was taken in a second if that was seen elsewhere; 0 if not.
    pub fn on_answer(
        &mut self,
        made_at: Instant,
        (sent, refused): (f64, f64),
        lately: f64,
        now: Instant,
    ) {
        if !self.is_current(made_at) {
            return;
        }
        if std::mem::take(&mut self.is_braked) {
            self.held_until = now + HELD;
        }
        self.look.sent += sent;
        self.look.taken += sent - refused;
        let long = now.saturating_duration_since(self.look.since);
        let part = 1.0 - self.look.taken / self.look.sent.max(f64::MIN_POSITIVE);
        let part = part.clamp(0.0, 1.0);
        let Some(rate) = self.bucket.as_ref().map(Bucket::rate) else {
            if part > 0.0 {
                self.begin(lately, now);
            } else if long >= LOOK {
                self.look_again(now, long);
            }
            return;
        };
        if refused > 0.0 {
            self.limited_at = now;
        }
        if now.saturating_duration_since(self.limited_at) >= FORGOTTEN_AFTER {
            self.bucket = None;
        } else if self.has_seen_enough(rate, long) {
            self.conclude(rate, part, long, now);
            self.look_again(now, long);
        }
    }

    /// Changes the rate, if `part` of what was sent in a look was refused.
    fn conclude(&mut self, rate: f64, part: f64, long: Duration, now: Instant) {
        let records = self.look.sent * SHARD_RECORDS;
        let more = self.baseline.on_look(part, rate, records);
        // Of few records a few more are refused by chance.
        let chance = CHANCE * (part * (1.0 - part) / records.max(1.0)).sqrt();
        if more > REFUSED_HIGH + chance {
            // Where the rate did not hold it up, it was sent slower than that.
            let sent = self.look.sent / long.as_secs_f64();
            let used = if self.look.waited { rate } else { rate.min(sent) };
            self.lower(used, more, part, now);
        } else if more > REFUSED_HIGH {
            // It may be chance, or the limit: neither more nor less is sent, and steps are small.
            self.step = STEP_MIN;
        } else if self.look.waited && self.held_until <= now {
            self.raise(rate, part, chance, now);
        }
    }

    fn lower(&mut self, rate: f64, more: f64, part: f64, now: Instant) {
        self.changed_at = Some(now);
        if let Some(before) = self.baseline.adopt(rate, self.usual) {
            self.met = f64::INFINITY;
            self.change(before, now);
            return;
        }
        let kept = 1.0 - more;
        if kept > KEPT_MIN {
            self.met = rate * kept;
        }
        self.change((rate * kept.max(KEPT_MIN)).max(RATE_MIN), now);
        self.step = STEP_MIN;
        self.baseline.on_lowered(part);
    }

    fn raise(&mut self, rate: f64, part: f64, chance: f64, now: Instant) {
        // What was refused before it was raised is not refused because it was raised.
        if part - self.raised_at > REFUSED_LOW + chance {
            self.step = STEP_MIN;
        }
        self.raised_at = part;
        if rate < self.met * BACK_TO {
            self.change((rate * (1.0 + STEP_BACK)).min(self.met), now);
        } else {
            self.change(rate * (1.0 + self.step), now);
            self.step = (self.step * STEP_GROWTH).min(STEP_MAX);
        }
    }

    /// A few records that are sent again say little.
    fn has_seen_enough(&self, rate: f64, long: Duration) -> bool {
        let enough = (rate * LOOK.as_secs_f64() * LOOK_PART).max(LOOK_SENT_MIN);
        let much = self.look.sent >= enough;
        long >= LOOK && (much || long >= LOOK_MAX)
    }

    /// The first limit: what was taken lately.
    fn begin(&mut self, lately: f64, now: Instant) {
        let long = now.saturating_duration_since(self.look.since);
        let seen = if lately > 0.0 { lately } else { self.lately(now) };
        let rate = seen.max(RATE_MIN);
        self.bucket = Some(Bucket::new(rate, (self.piece, PIECE_MIN), now).in_debt());
        self.met = rate;
        (self.changed_at, self.limited_at) = (Some(now), now);
        self.look_again(now, long);
    }

    fn change(&mut self, rate: f64, now: Instant) {
        match &mut self.bucket {
            Some(bucket) => bucket.change(rate, now),
            // Without a limit before there is no credit either.
            None => self.bucket = Some(Bucket::new(rate, (self.piece, PIECE_MIN), now)),
        }
        self.limited_at = now;
    }

    fn look_again(&mut self, now: Instant, long: Duration) {
        let second = long.max(LOOK).as_secs_f64();
        self.usual += (self.look.taken / second - self.usual) * USUAL_WEIGHT;
        // Of a long time without requests nothing can be learned.
        self.before = (self.look.taken, long.min(FIRST_LOOK));
        self.look = Look::new(now);
    }
}

#[cfg(test)]
mod tests;
