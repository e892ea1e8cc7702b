//! When a flow brings its status up to date: soon after something happened, and hardly ever while
//! nothing does.

use std::time::{Duration, Instant};

/// How often the status and the lag gauges are brought up to date, as long as files are few.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// A report goes through all files; this much time for each keeps that far below one per cent of a
/// core.
const REPORT_EVERY_PER_FILE: Duration = Duration::from_micros(200);

/// The longest time between two reports while something happens.
const REPORT_EVERY_MAX: Duration = Duration::from_secs(2);

/// Where nothing happened since the last report, and nothing is under way, it would say the same.
const REPORT_AT_REST_EVERY: Duration = Duration::from_secs(30);

/// Reports, past and to come.
#[derive(Debug)]
pub(super) struct Reporting {
    next: Instant,
    /// The next report is not made sooner, whatever happens.
    not_before: Instant,
    has_news: bool,
    /// What the tailer had noticed by then.
    changes_seen: u64,
}

impl Reporting {
    /// The first report is due.
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, not_before: now, has_news: true, changes_seen: 0 }
    }

    /// Something happened that a report says.
    pub(super) fn note_news(&mut self) {
        self.has_news = true;
    }

    /// Files changed so often since the start.
    pub(super) fn note_changes(&mut self, seen: u64) {
        self.has_news |= std::mem::replace(&mut self.changes_seen, seen) != seen;
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Instant {
        if self.has_news { self.next.min(self.not_before) } else { self.next }
    }

    /// Until then everything is as the last one said, or close to it.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// One is made about so many files. If nothing `is_under_way`, and nothing happens, the next
    /// one has time.
    pub(super) fn begin(&mut self, files: usize, is_under_way: bool, now: Instant) {
        let files = u32::try_from(files).unwrap_or(u32::MAX);
        let every = REPORT_EVERY_PER_FILE.saturating_mul(files);
        self.not_before = now + every.clamp(REPORT_EVERY, REPORT_EVERY_MAX);
        let had_news = std::mem::take(&mut self.has_news);
        let has_time = !had_news && !is_under_way;
        self.next = if has_time { now + REPORT_AT_REST_EVERY } else { self.not_before };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_rests_reports_once_more_and_then_hardly_ever_until_something_happens() {
        let start = Instant::now();
        let mut reporting = Reporting::new(start);
        assert_eq!(reporting.next(), start);
        reporting.begin(1, false, start);
        let second = start + REPORT_EVERY;
        assert_eq!(reporting.next(), second, "after news one follows that says how it ended");
        reporting.begin(1, false, second);
        assert_eq!(reporting.next(), second + REPORT_AT_REST_EVERY);
        reporting.note_changes(0);
        assert_eq!(reporting.next(), second + REPORT_AT_REST_EVERY);
        reporting.note_changes(1);
        assert_eq!(reporting.next(), second + REPORT_EVERY, "as if it had not rested");
    }

    #[test]
    fn while_something_is_under_way_reports_come_as_ever() {
        let start = Instant::now();
        let mut reporting = Reporting::new(start);
        for (files, every) in [(1, REPORT_EVERY), (5_000, Duration::from_secs(1))] {
            for _ in 0..3 {
                reporting.begin(files, true, start);
                assert_eq!(reporting.next(), start + every);
            }
        }
        reporting.begin(1_000_000, true, start);
        assert_eq!(reporting.next(), start + REPORT_EVERY_MAX);
    }
}
