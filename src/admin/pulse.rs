//! What a flow's thread does at the moment and since when, for those who see to it that it lives.
//!
//! A disk may hang, and a flow that waits for its disk cannot report anything. It says what it is
//! about to do before it does it, in two numbers that others read.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A flow that does the same for this long waits for something that does not answer: a step is a
/// matter of milliseconds.
pub(crate) const HUNG_AFTER: Duration = Duration::from_secs(10);

/// Where every flow hangs for this long, a restart may help.
pub(crate) const ALL_HUNG_MAX: Duration = Duration::from_mins(1);

kinetail_base::labels! {
    /// What a flow does.
    #[repr(u8)]
    pub enum Doing {
        /// Waits to be told something, or for the time of its next step.
        Nothing = "nothing",
        /// Lists directories, looks at files.
        Look = "poll files",
        /// Reads files.
        Read = "read",
        /// Hands checkpoints over.
        Commit = "checkpoint store",
        /// Asks to be told of changes in its directories.
        Watch = "watch directories",
        /// Acts on what it was told.
        News = "poll acknowledged files",
        /// Writes dead letters.
        DeadLetters = "write dead letters",
    }
}

/// A flow that hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hung {
    /// In what.
    pub doing: Doing,
    /// For how long.
    pub lasting: Duration,
}

impl std::fmt::Display for Hung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.doing == Doing::Commit { "" } else { "its disk: " };
        write!(f, "waits for {what}{}, {} s", self.doing.label(), self.lasting.as_secs())
    }
}

/// What a flow does and since when. Written by its thread, read by others.
#[derive(Debug)]
pub struct Pulse {
    doing: AtomicU8,
    /// Milliseconds after `start`.
    since: AtomicU64,
    start: Instant,
}

impl Pulse {
    /// Nothing is done yet.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { doing: AtomicU8::new(Doing::Nothing as u8), since: AtomicU64::new(0), start }
    }

    /// A step begins.
    pub fn begin(&self, doing: Doing, now: Instant) {
        let since = now.saturating_duration_since(self.start).as_millis();
        self.since.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.continue_with(doing);
    }

    /// The step continues with something else.
    pub(crate) fn continue_with(&self, doing: Doing) {
        // Who sees what is done sees the time of its step, too.
        self.doing.store(doing as u8, Ordering::Release);
    }

    /// Whether the flow hangs.
    #[must_use]
    pub fn hung(&self, now: Instant) -> Option<Hung> {
        self.busy(now).filter(|hung| hung.lasting >= HUNG_AFTER)
    }

    /// What the flow does, if it does anything.
    #[must_use]
    pub fn busy(&self, now: Instant) -> Option<Hung> {
        let doing = usize::from(self.doing.load(Ordering::Acquire));
        let doing = Doing::ALL.get(doing).copied().unwrap_or(Doing::Nothing);
        let since = self.start + Duration::from_millis(self.since.load(Ordering::Relaxed));
        let lasting = now.saturating_duration_since(since);
        (doing != Doing::Nothing).then_some(Hung { doing, lasting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_hangs_and_waiting_for_news_does_not() {
        let start = Instant::now();
        let pulse = Pulse::new(start);
        let later = start + Duration::from_hours(1);
        assert_eq!(pulse.hung(later), None);
        for doing in Doing::ALL {
            pulse.begin(doing, later);
            let nearly = HUNG_AFTER.checked_sub(Duration::from_millis(1)).unwrap();
            assert_eq!(pulse.hung(later + nearly), None);
            let lasting = HUNG_AFTER;
            let expected = (doing != Doing::Nothing).then_some(Hung { doing, lasting });
            assert_eq!(pulse.hung(later + HUNG_AFTER), expected);
        }
        pulse.begin(Doing::Look, later);
        pulse.continue_with(Doing::Read);
        let hung = pulse.hung(later + Duration::from_secs(62)).unwrap();
        assert_eq!(hung.to_string(), "waits for its disk: read, 62 s");
        pulse.continue_with(Doing::Commit);
        let hung = pulse.hung(later + Duration::from_secs(62)).unwrap();
        assert_eq!(hung.to_string(), "waits for checkpoint store, 62 s");
        pulse.continue_with(Doing::Nothing);
        assert_eq!(pulse.hung(later + Duration::from_hours(1)), None);
    }
}
