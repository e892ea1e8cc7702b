//! When a file is polled next, and what earlier polls found.

use std::time::{Duration, Instant};

/// A file that grew is polled again after this long; each poll that finds nothing doubles it.
pub(crate) const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);

/// A file that grew at so many polls in a row is polled less often than that: what it holds by then
/// is read at once.
const STEADY_AFTER: u8 = 10;

/// How often at least. The batch of a steady log is not ready sooner if it is read in more parts.
const STEADY_EVERY_MAX: Duration = Duration::from_millis(50);

/// A file is polled this often however long it was quiet.
pub const LOOK_EVERY_MAX: Duration = Duration::from_millis(500);

/// How often a file is polled that does not stop growing: a small part of the time for which its
/// lines may wait anyway.
pub(crate) fn steady_every(age_max: Duration) -> Duration {
    (age_max / 20).clamp(LOOK_EVERY_MIN, STEADY_EVERY_MAX)
}

/// Whether the next write to a file is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arming {
    /// It is not.
    Unarmed,
    /// The file waits for its turn to be armed.
    Offered,
    /// It is; the file is polled all the same at a time.
    Armed {
        /// That time.
        poll_at: Instant,
    },
    /// It cannot be, until a time.
    Refused {
        /// That time.
        until: Instant,
    },
}

impl Arming {
    /// Whether a quiet file is to be armed.
    pub(crate) fn may_be_offered(self, now: Instant) -> bool {
        match self {
            Self::Unarmed => true,
            Self::Offered | Self::Armed { .. } => false,
            Self::Refused { until } => now >= until,
        }
    }
}

/// The polls of one file.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The largest size at which the bytes were still this generation's.
    grown_to: u64,
    /// The last change was so recent that a further one may hide behind the same time stamps.
    unsettled: bool,
    /// When the bytes last changed, as far as polls can tell.
    last_growth: Instant,
    /// When it last was acknowledged to its end.
    caught_up: Instant,
    /// When to poll next.
    next: Instant,
    /// How long until the poll after that.
    every: Duration,
    /// At so many polls in a row it had grown.
    grew_in_a_row: u8,
    /// It is polled more often than idle files.
    active: bool,
    /// It waits in the queue of files to read.
    queued: bool,
    /// Whether its next write is notified.
    arming: Arming,
}

impl Pace {
    /// Of a file that is discovered with this size.
    pub(crate) fn new(size: u64, now: Instant) -> Self {
        Self {
            grown_to: size,
            unsettled: true,
            last_growth: now,
            caught_up: now,
            next: now + LOOK_EVERY_MIN,
            every: LOOK_EVERY_MIN,
            grew_in_a_row: 0,
            active: false,
            queued: false,
            arming: Arming::Unarmed,
        }
    }

    /// The file holds another generation, of which nothing was read.
    pub(crate) fn reset(&mut self, now: Instant) {
        *self = Self::new(0, now);
    }

    /// The file is another one now, or another generation's.
    pub(crate) fn restart(&mut self, size: u64, now: Instant) {
        self.grown_to = size;
        self.leave_lists();
        self.poll_sooner(now);
    }

    /// It goes by another number: it is in no list of files under that.
    pub(crate) fn leave_lists(&mut self) {
        (self.active, self.queued) = (false, false);
    }

    /// The largest size at which the bytes were still this generation's.
    pub(crate) fn grown_to(&self) -> u64 {
        self.grown_to
    }

    /// The file has this size, and its bytes are this generation's.
    pub(crate) fn grow_to(&mut self, size: u64) {
        self.grown_to = self.grown_to.max(size);
    }

    /// The file is this generation's up to this size, whatever it was before.
    pub(crate) fn set_grown_to(&mut self, size: u64) {
        self.grown_to = size;
    }

    /// Whether the next poll compares bytes whatever the time stamps say.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// The next poll compares bytes, or need not.
    pub(crate) fn set_unsettled(&mut self, unsettled: bool) {
        self.unsettled = unsettled;
    }

    /// How long the bytes have been the same.
    pub(crate) fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_growth)
    }

    /// When the bytes last changed.
    pub(crate) fn last_growth(&self) -> Instant {
        self.last_growth
    }

    /// The size changed. A file that does not stop growing is polled after `steady_every`.
    pub(crate) fn note_growth(&mut self, steady_every: Duration, now: Instant) {
        self.last_growth = now;
        self.poll_sooner(now);
        self.grew_in_a_row = self.grew_in_a_row.saturating_add(1);
        if self.grew_in_a_row > STEADY_AFTER {
            self.next = now + steady_every.max(LOOK_EVERY_MIN);
        }
    }

    /// When it last was acknowledged to its end.
    pub(crate) fn caught_up(&self) -> Instant {
        self.caught_up
    }

    /// It is acknowledged to its end.
    pub(crate) fn note_caught_up(&mut self, now: Instant) {
        self.caught_up = now;
    }

    /// When to poll next.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// How long until the poll after that.
    pub(crate) fn every(&self) -> Duration {
        self.every
    }

    /// Whether polls are as far apart as they get.
    pub(crate) fn is_idle(&self) -> bool {
        self.every >= LOOK_EVERY_MAX
    }

    /// Whether it is polled more often than idle files.
    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// It is polled more often than idle files, or not. Returns what it was.
    pub(crate) fn set_active(&mut self, active: bool) -> bool {
        std::mem::replace(&mut self.active, active)
    }

    /// Whether it waits in the queue of files to read.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    /// It waits in the queue of files to read, or not.
    pub(crate) fn set_queued(&mut self, queued: bool) {
        self.queued = queued;
    }

    /// Whether the next write is notified.
    pub(crate) fn arming(&self) -> Arming {
        self.arming
    }

    /// The next write is notified, or not.
    pub(crate) fn set_arming(&mut self, arming: Arming) {
        self.arming = arming;
    }

    /// Whether the next write is notified, so that no poll is due yet.
    pub(crate) fn is_armed(&self, now: Instant) -> bool {
        matches!(self.arming, Arming::Armed { poll_at } if now < poll_at)
    }

    /// Something was written: the next poll is due, and nothing more is notified.
    pub(crate) fn poll_now(&mut self, now: Instant) {
        self.poll_sooner(now);
        self.next = now;
    }

    /// Something may follow soon, whatever was found.
    pub(crate) fn poll_once_soon(&mut self, now: Instant) {
        self.next = now + LOOK_EVERY_MIN;
    }

    /// Notes that something was found and makes the next poll soon.
    pub(crate) fn poll_sooner(&mut self, now: Instant) {
        if !matches!(self.arming, Arming::Refused { .. }) {
            self.arming = Arming::Unarmed;
        }
        self.every = LOOK_EVERY_MIN;
        self.next = now + self.every;
    }

    /// Notes that nothing was found and makes the next poll later.
    pub(crate) fn poll_later(&mut self, now: Instant) {
        self.grew_in_a_row = 0;
        self.every = (self.every * 2).min(LOOK_EVERY_MAX);
        self.next = now + self.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_stop_growing_is_polled_less_often_until_it_pauses() {
        let start = crate::testing::now();
        let (mut pace, steady) = (Pace::new(0, start), Duration::from_millis(25));
        let mut now = start;
        for _ in 0..STEADY_AFTER {
            pace.note_growth(steady, now);
            assert_eq!(pace.next(), now + LOOK_EVERY_MIN);
            now = pace.next();
        }
        for _ in 0..100 {
            pace.note_growth(steady, now);
            assert_eq!(pace.next(), now + steady);
            now = pace.next();
        }
        pace.poll_later(now);
        assert_eq!(pace.next(), now + 2 * LOOK_EVERY_MIN, "as any file in which nothing is found");
        pace.note_growth(steady, now);
        assert_eq!(pace.next(), now + LOOK_EVERY_MIN);
    }
}
