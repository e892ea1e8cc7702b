//! What is logged about something that fails again and again, by outage: the first failure at once,
//! then summaries less and less often, then one line when it is over. Never a line for each
//! failure. Pure; the caller has the clock and writes the line.
//!
//! An *outage* lasts from the first failure to the next success. It has its own beginning, count
//! and kinds: nothing of an outage that is over appears in a line about a later one. Outages that
//! follow each other closely and are short do not get lines of their own; they are summed up
//! together, as what they are ([`FailureLine::Brief`]).
//!
//! Whatever can fail in a loop, and whatever an endpoint or a file can make happen as often as it
//! likes, is logged through [`FailureLog`] or paced by [`LogPacer`]. An hour of failures is about
//! ten lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The first summary comes after this long; each further one after twice as long as the last. An
/// outage that lasts this long is told, however many came before it.
pub(crate) const SUMMARY_INTERVAL: Duration = Duration::from_secs(30);

/// Summaries come this often at least. What did not happen for this long is new when it happens.
pub(crate) const SUMMARY_INTERVAL_MAX: Duration = Duration::from_mins(10);

/// Kinds that are counted by name; an endpoint that makes up codes fills no memory.
const KINDS_MAX: usize = 16;

/// Whether a line about something that repeats may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacerDecision {
    /// It did not happen for a long time, or never.
    First,
    /// It continues, and the time of the last line is over.
    Next {
        /// Since the last [`PacerDecision::First`] or [`PacerDecision::Next`].
        over: Duration,
    },
    /// It continues, and there was a line lately.
    Same,
}

/// Spaces lines about something that repeats: windows of time that get longer while it continues.
#[derive(Debug, Clone, Default)]
pub struct LogPacer {
    /// When the window began, how long it is, and when it last happened.
    window: Option<(Instant, Duration, Instant)>,
}

impl LogPacer {
    /// It happens now.
    pub fn turn(&mut self, now: Instant) -> PacerDecision {
        let ongoing = self
            .window
            .filter(|(_, _, last)| now.saturating_duration_since(*last) < SUMMARY_INTERVAL_MAX);
        let Some((start, every, _)) = ongoing else {
            self.window = Some((now, SUMMARY_INTERVAL, now));
            return PacerDecision::First;
        };
        let over = now.saturating_duration_since(start);
        if over < every {
            self.window = Some((start, every, now));
            return PacerDecision::Same;
        }
        self.window = Some((now, (every * 2).min(SUMMARY_INTERVAL_MAX), now));
        PacerDecision::Next { over }
    }

    /// Whether it did not happen for so long that it is new when it happens.
    fn is_quiet(&self, now: Instant) -> bool {
        self.window
            .is_none_or(|(_, _, last)| now.saturating_duration_since(last) >= SUMMARY_INTERVAL_MAX)
    }

    /// Whether the present window is over, so that what was held back may be told.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.window.is_none_or(|(start, every, _)| now.saturating_duration_since(start) >= every)
    }
}

/// A line to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureLine {
    /// Short outages that came and went since the last line, none of which was told.
    Brief {
        /// How many there were.
        outages: u64,
        /// Failures in them.
        failures: u64,
        /// How many of each kind, `kind: count`, the commonest first.
        kinds: String,
        /// From the beginning of the first to the end of the last.
        over: Duration,
    },
    /// An outage begins, or a failure of a kind that was not named lately.
    First,
    /// The outage is over.
    Recovered {
        /// Failures in it.
        failures: u64,
        /// How many of each kind, `kind: count`, the commonest first.
        kinds: String,
        /// For how long it failed.
        lasted: Duration,
    },
    /// The outage continues.
    Summary {
        /// Failures since it began.
        failures: u64,
        /// How many of each kind, `kind: count`, the commonest first.
        kinds: String,
        /// The time since it began.
        over: Duration,
    },
}

/// Failures by kind.
#[derive(Debug, Default)]
struct Counts {
    by_kind: BTreeMap<String, u64>,
    failures: u64,
}

impl Counts {
    fn add(&mut self, kind: &str, count: u64) {
        self.failures += count;
        let known = self.by_kind.contains_key(kind) || self.by_kind.len() < KINDS_MAX;
        *self.by_kind.entry(if known { kind } else { "others" }.to_owned()).or_default() += count;
    }

    fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.by_kind {
            self.add(kind, *count);
        }
    }

    /// `kind: count`, the commonest first.
    fn text(&self) -> String {
        let mut kinds: Vec<(&String, &u64)> = self.by_kind.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let kinds: Vec<String> =
            kinds.into_iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        kinds.join(", ")
    }
}

/// From the first failure to the next success.
#[derive(Debug)]
struct Outage {
    since: Instant,
    counts: Counts,
    /// When its summaries are due.
    pace: LogPacer,
    /// Whether it has a line.
    told: bool,
}

/// Outages that are over and had no line.
#[derive(Debug)]
struct Untold {
    outages: u64,
    counts: Counts,
    since: Instant,
    until: Instant,
}

/// The failures of one thing, by kind.
#[derive(Debug, Default)]
pub struct FailureLog {
    /// How often an outage that begins gets a line.
    pace: LogPacer,
    /// Kinds that had a line of their own lately.
    named: Vec<String>,
    outage: Option<Outage>,
    untold: Option<Untold>,
}

impl FailureLog {
    /// It failed.
    pub fn on_failure(&mut self, kind: &str, now: Instant) -> Option<FailureLine> {
        if self.outage.is_none() && self.may_tell_a_new_outage(now) {
            self.named.clear();
        }
        let outage = self.outage.get_or_insert_with(|| Outage {
            since: now,
            counts: Counts::default(),
            pace: LogPacer::default(),
            told: false,
        });
        outage.counts.add(kind, 1);
        let turn = outage.pace.turn(now);
        let over = now.saturating_duration_since(outage.since);
        // One that was too soon after the last to be told is told when it lasts.
        if over >= SUMMARY_INTERVAL && (turn != PacerDecision::Same || !outage.told) {
            outage.told = true;
            // The summary names them.
            self.named = outage.counts.by_kind.keys().take(KINDS_MAX).cloned().collect();
            let (failures, kinds) = (outage.counts.failures, outage.counts.text());
            return Some(FailureLine::Summary { failures, kinds, over });
        }
        if self.named.iter().any(|named| named == kind) || self.named.len() >= KINDS_MAX {
            return None;
        }
        self.named.push(kind.to_owned());
        outage.told = true;
        Some(FailureLine::First)
    }

    /// It succeeded.
    pub fn on_success(&mut self, now: Instant) -> Option<FailureLine> {
        if let Some(outage) = self.outage.take() {
            if outage.told {
                return Some(FailureLine::Recovered {
                    failures: outage.counts.failures,
                    kinds: outage.counts.text(),
                    lasted: now.saturating_duration_since(outage.since),
                });
            }
            let untold = self.untold.get_or_insert_with(|| Untold {
                outages: 0,
                counts: Counts::default(),
                since: outage.since,
                until: now,
            });
            untold.outages += 1;
            untold.counts.merge(&outage.counts);
            untold.until = now;
        }
        let untold = self.untold.take_if(|_| self.pace.is_over(now))?;
        self.pace.turn(now);
        self.named = untold.counts.by_kind.keys().take(KINDS_MAX).cloned().collect();
        Some(FailureLine::Brief {
            outages: untold.outages,
            failures: untold.counts.failures,
            kinds: untold.counts.text(),
            over: untold.until.saturating_duration_since(untold.since),
        })
    }

    /// Whether it fails at the moment.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.outage.is_some()
    }

    /// When the present outage began, if there is one.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.outage.as_ref().map(|outage| outage.since)
    }

    /// Whether an outage that begins now gets a line at once.
    fn may_tell_a_new_outage(&mut self, now: Instant) -> bool {
        // It comes and goes: the next success sums that up.
        let flaps = self.untold.is_some() && self.pace.is_over(now) && !self.pace.is_quiet(now);
        !flaps && self.pace.turn(now) != PacerDecision::Same
    }
}

#[cfg(test)]
mod tests;
