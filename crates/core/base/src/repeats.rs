//! What is said about something that goes wrong again and again: the first time at once, then a
//! summary with a count, less and less often, then that it is over. Never a line for each time.
//! Pure; who uses it has the clock and writes the line.
//!
//! Whatever can fail in a loop, and whatever an endpoint or a file can make happen as often as it
//! likes, is logged through [`Repeats`] or paced by [`Pace`]. An hour of failures is about ten
//! lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The first summary comes after this long; each further one after twice as long as the last.
pub const SUMMARY_INTERVAL: Duration = Duration::from_secs(30);

/// Summaries come this often at least. What did not happen for this long is new when it happens.
pub const SUMMARY_INTERVAL_MAX: Duration = Duration::from_mins(10);

/// Kinds that are counted by name; an endpoint that makes up codes fills no memory.
const KINDS_MAX: usize = 16;

/// Whether a line about something that repeats may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It did not happen for a long time, or never.
    First,
    /// It goes on, and the time of the last line is over.
    Next {
        /// Since the last [`Turn::First`] or [`Turn::Next`].
        over: Duration,
    },
    /// It goes on, and there was a line lately.
    Same,
}

/// Spaces lines about something that repeats: windows of time that get longer while it goes on.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// When the window began, how long it is, and when it last happened.
    window: Option<(Instant, Duration, Instant)>,
}

impl Pace {
    /// It happens now.
    pub fn turn(&mut self, now: Instant) -> Turn {
        let going_on = self
            .window
            .filter(|(_, _, last)| now.saturating_duration_since(*last) < SUMMARY_INTERVAL_MAX);
        let Some((start, every, _)) = going_on else {
            self.window = Some((now, SUMMARY_INTERVAL, now));
            return Turn::First;
        };
        let over = now.saturating_duration_since(start);
        if over < every {
            self.window = Some((start, every, now));
            return Turn::Same;
        }
        self.window = Some((now, (every * 2).min(SUMMARY_INTERVAL_MAX), now));
        Turn::Next { over }
    }

    /// Whether the present window is over, so that what was held back may be told.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.window.is_none_or(|(start, every, _)| now.saturating_duration_since(start) >= every)
    }
}

/// A line to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A failure of a kind that was not named lately.
    First,
    /// It works again.
    Recovered {
        /// Failures since it last worked.
        failures: u64,
        /// For how long it failed.
        lasted: Duration,
    },
    /// Failures go on.
    Summary {
        /// Failures since the last summary.
        failures: u64,
        /// How many of each kind, `kind: count`, the commonest first.
        kinds: String,
        /// The time that the summary covers.
        over: Duration,
    },
}

/// The failures of one thing, by kind.
#[derive(Debug, Default)]
pub struct Repeats {
    pace: Pace,
    /// Kinds that had a line of their own in the present window.
    named: Vec<String>,
    /// Failures by kind since the last summary.
    counts: BTreeMap<String, u64>,
    /// When the trouble began, if there is any.
    since: Option<Instant>,
    failures: u64,
    /// Whether a line was written about the present trouble.
    spoken: bool,
}

impl Repeats {
    /// It failed.
    pub fn on_failure(&mut self, kind: &str, now: Instant) -> Option<Line> {
        self.since.get_or_insert(now);
        self.failures += 1;
        let turn = self.pace.turn(now);
        if turn == Turn::First {
            self.named.clear();
            self.counts.clear();
        }
        let known = self.counts.contains_key(kind) || self.counts.len() < KINDS_MAX;
        *self.counts.entry(if known { kind } else { "others" }.to_owned()).or_default() += 1;
        if let Turn::Next { over } = turn {
            self.spoken = true;
            return Some(self.summary(over));
        }
        if self.named.iter().any(|named| named == kind) || self.named.len() >= KINDS_MAX {
            return None;
        }
        self.named.push(kind.to_owned());
        self.spoken = true;
        Some(Line::First)
    }

    /// It succeeded.
    pub fn on_success(&mut self, now: Instant) -> Option<Line> {
        let since = self.since.take()?;
        let failures = std::mem::take(&mut self.failures);
        let spoken = std::mem::take(&mut self.spoken);
        let lasted = now.saturating_duration_since(since);
        spoken.then_some(Line::Recovered { failures, lasted })
    }

    /// Whether it fails at the moment.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.since.is_some()
    }

    fn summary(&mut self, over: Duration) -> Line {
        let counts = std::mem::take(&mut self.counts);
        let failures = counts.values().sum();
        // The summary names them.
        self.named = counts.keys().take(KINDS_MAX).cloned().collect();
        let mut kinds: Vec<(String, u64)> = counts.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let kinds: Vec<String> =
            kinds.into_iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        Line::Summary { failures, kinds: kinds.join(", "), over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
    fn start() -> Instant {
        Instant::now()
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_long_outage_is_one_line_then_summaries_ever_less_often_then_one() {
        let start = start();
        let mut repeats = Repeats::default();
        let lines: Vec<Line> = (0..36_000)
            .filter_map(|step| repeats.on_failure("CannotConnect", after(start, step * 100)))
            .collect();
        assert_eq!(lines.len(), 10, "an hour: the first, and nine summaries: {lines:?}");
        assert_eq!(lines[0], Line::First);
        let Line::Summary { failures, kinds, over } = &lines[1] else {
            panic!("{lines:?}");
        };
        assert_eq!((*failures, kinds.as_str()), (301, "CannotConnect: 301"));
        assert_eq!(*over, SUMMARY_INTERVAL);
        let Some(Line::Summary { over, .. }) = lines.last() else { panic!("{lines:?}") };
        assert_eq!(*over, SUMMARY_INTERVAL_MAX);
        assert!(repeats.is_failing());
        let lasted = Duration::from_hours(1);
        let recovered = Line::Recovered { failures: 36_000, lasted };
        assert_eq!(repeats.on_success(after(start, 3_600_000)), Some(recovered));
        assert_eq!(repeats.on_success(after(start, 3_600_001)), None);
        assert!(!repeats.is_failing());
    }

    #[test]
    fn what_did_not_happen_for_long_is_new_again() {
        let start = start();
        let mut repeats = Repeats::default();
        assert_eq!(repeats.on_failure("A", start), Some(Line::First));
        assert!(repeats.on_success(start).is_some());
        assert_eq!(repeats.on_failure("A", start), None);
        let later = start + SUMMARY_INTERVAL_MAX;
        assert_eq!(repeats.on_failure("A", later), Some(Line::First));
        let Some(Line::Recovered { failures, .. }) = repeats.on_success(later) else {
            panic!("it was said that it fails");
        };
        assert_eq!(failures, 2, "the one that was not told is in the count");
    }

    #[test]
    fn a_pace_says_when_its_window_is_over() {
        let start = start();
        let mut pace = Pace::default();
        assert!(pace.is_over(start));
        assert_eq!(pace.turn(start), Turn::First);
        assert!(!pace.is_over(after(start, 29_999)));
        assert!(pace.is_over(after(start, 30_000)));
        assert_eq!(pace.turn(after(start, 29_999)), Turn::Same);
        let next = Turn::Next { over: SUMMARY_INTERVAL };
        assert_eq!(pace.turn(after(start, 30_000)), next);
        assert!(!pace.is_over(after(start, 89_999)), "the next window is twice as long");
    }

    #[test]
    fn a_new_kind_is_named_at_once() {
        let start = start();
        let mut repeats = Repeats::default();
        assert_eq!(repeats.on_failure("A", start), Some(Line::First));
        assert_eq!(repeats.on_failure("A", start), None);
        assert_eq!(repeats.on_failure("B", start), Some(Line::First));
    }

    #[test]
    fn trouble_that_comes_and_goes_does_not_chatter() {
        let start = start();
        let mut repeats = Repeats::default();
        let mut lines = 0;
        for step in 0..36_000 {
            let now = after(start, step * 100);
            lines += usize::from(repeats.on_failure("SlowDown", now).is_some());
            lines += usize::from(repeats.on_success(now).is_some());
        }
        assert_eq!(lines, 20, "an hour of it: each line and that it is over");
    }

    #[test]
    fn made_up_codes_fill_neither_memory_nor_the_log() {
        let start = start();
        let mut repeats = Repeats::default();
        let lines =
            (0..1000).filter_map(|n| repeats.on_failure(&format!("Code{n}"), start)).count();
        assert_eq!(lines, KINDS_MAX);
        assert!(repeats.counts.len() <= KINDS_MAX + 1);
        assert!(repeats.named.len() <= KINDS_MAX + 1);
        let Some(Line::Summary { failures, .. }) = repeats.on_failure("X", after(start, 30_000))
        else {
            panic!("a summary is due");
        };
        assert_eq!(failures, 1001);
    }
}
