//! What a sender writes to the log about failures: the first of each kind at once, then a summary
//! now and then, then that it works again. Never a line for each retry. Pure; it decides and the
//! sender writes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A flow writes one line about repeated failures in this time at most.
pub const SUMMARY_INTERVAL: Duration = Duration::from_secs(30);

/// Kinds that are counted by name; an endpoint that makes up codes fills no memory.
const KINDS_MAX: usize = 16;

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
        /// Failures since the last line, and how many of each kind.
        failures: u64,
        /// `code: count`, the commonest first.
        kinds: String,
        /// The time that the summary covers.
        over: Duration,
    },
}

/// The failures of one flow's requests.
#[derive(Debug, Default)]
pub struct Journal {
    /// When each kind was last named in a line of its own.
    named: BTreeMap<String, Instant>,
    /// Failures by kind since the last line that counted them.
    counts: BTreeMap<String, u64>,
    summarised: Option<Instant>,
    /// When the trouble began, if there is any.
    since: Option<Instant>,
    failures: u64,
    /// Whether a line was written about the present trouble.
    spoken: bool,
}

impl Journal {
    /// A request failed, as a whole or for some of its records.
    pub fn on_failure(&mut self, code: &str, now: Instant) -> Option<Line> {
        self.since.get_or_insert(now);
        self.failures += 1;
        let known = self.counts.contains_key(code) || self.counts.len() < KINDS_MAX;
        let kind = if known { code } else { "others" };
        *self.counts.entry(kind.to_owned()).or_default() += 1;
        let summarised = *self.summarised.get_or_insert(now);
        if now.duration_since(summarised) >= SUMMARY_INTERVAL {
            self.spoken = true;
            return Some(self.summary(summarised, now));
        }
        let lately = |at: &Instant| now.duration_since(*at) < SUMMARY_INTERVAL;
        if self.named.get(code).is_some_and(lately) {
            return None;
        }
        self.named.retain(|_, at| lately(at));
        if self.named.len() >= KINDS_MAX {
            return None;
        }
        self.named.insert(code.to_owned(), now);
        self.spoken = true;
        Some(Line::First)
    }

    /// A request succeeded for all of its records.
    pub fn on_success(&mut self, now: Instant) -> Option<Line> {
        let since = self.since.take()?;
        let failures = std::mem::take(&mut self.failures);
        self.counts.clear();
        self.summarised = None;
        let spoken = std::mem::take(&mut self.spoken);
        spoken.then(|| Line::Recovered { failures, lasted: now.duration_since(since) })
    }

    fn summary(&mut self, summarised: Instant, now: Instant) -> Line {
        let counts = std::mem::take(&mut self.counts);
        let failures = counts.values().sum();
        // The summary names them.
        self.named = counts.keys().map(|code| (code.clone(), now)).collect();
        let mut kinds: Vec<(String, u64)> = counts.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let kinds: Vec<String> =
            kinds.into_iter().map(|(code, count)| format!("{code}: {count}")).collect();
        self.summarised = Some(now);
        Line::Summary { failures, kinds: kinds.join(", "), over: now.duration_since(summarised) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_long_outage_is_one_line_then_one_every_half_minute_then_one() {
        let start = Instant::now();
        let mut journal = Journal::default();
        let lines: Vec<Line> = (0..900)
            .filter_map(|step| journal.on_failure("CannotConnect", after(start, step * 100)))
            .collect();
        assert_eq!(lines.len(), 3, "90 seconds: the first, and two summaries: {lines:?}");
        assert_eq!(lines[0], Line::First);
        let Line::Summary { failures, kinds, over } = &lines[1] else {
            panic!("{lines:?}");
        };
        assert_eq!((*failures, kinds.as_str()), (301, "CannotConnect: 301"));
        assert_eq!(*over, SUMMARY_INTERVAL);
        let recovered = Line::Recovered { failures: 900, lasted: Duration::from_secs(90) };
        assert_eq!(journal.on_success(after(start, 90_000)), Some(recovered));
        assert_eq!(journal.on_success(after(start, 90_001)), None);
    }

    #[test]
    fn a_new_kind_is_named_at_once() {
        let start = Instant::now();
        let mut journal = Journal::default();
        assert_eq!(journal.on_failure("A", start), Some(Line::First));
        assert_eq!(journal.on_failure("A", start), None);
        assert_eq!(journal.on_failure("B", start), Some(Line::First));
    }

    #[test]
    fn trouble_that_comes_and_goes_does_not_chatter() {
        let start = Instant::now();
        let mut journal = Journal::default();
        let mut lines = 0;
        for step in 0..3000 {
            let now = after(start, step * 10);
            lines += usize::from(journal.on_failure("SlowDown", now).is_some());
            lines += usize::from(journal.on_success(now).is_some());
        }
        assert_eq!(lines, 2, "30 seconds of it");
    }

    #[test]
    fn made_up_codes_fill_neither_memory_nor_the_log() {
        let start = Instant::now();
        let mut journal = Journal::default();
        let lines =
            (0..1000).filter_map(|n| journal.on_failure(&format!("Code{n}"), start)).count();
        assert_eq!(lines, KINDS_MAX);
        assert!(journal.counts.len() <= KINDS_MAX + 1);
        assert!(journal.named.len() <= KINDS_MAX + 1);
        let Some(Line::Summary { failures, .. }) = journal.on_failure("X", after(start, 30_000))
        else {
            panic!("a summary is due");
        };
        assert_eq!(failures, 1001);
    }
}
