//! How often in a row the Java agent would have failed by now: alarms are set on that number.
//!
//! That agent's tailer tries again and again, and counts each round. A flow here waits for what is
//! to come, so the rounds are those that fit into the time.

use std::time::{Duration, Instant};

/// The Java agent's tailer begins a round so long after one that failed
/// (`minTimeBetweenFilePollsMillis`).
const JAVA_ROUND: Duration = Duration::from_millis(100);

/// Counts while something fails.
#[derive(Debug, Default)]
pub(super) struct FailedRounds {
    /// Up to when rounds are counted; `None` while nothing fails.
    counted_to: Option<Instant>,
}

impl FailedRounds {
    /// The rounds that failed since the last call.
    pub(super) fn count(&mut self, fails: bool, now: Instant) -> u64 {
        let Some(since) = self.counted_to.filter(|_| fails) else {
            self.counted_to = fails.then_some(now);
            // The round that shows it.
            return u64::from(fails);
        };
        let passed = now.saturating_duration_since(since).as_millis();
        let rounds = u32::try_from(passed / JAVA_ROUND.as_millis()).unwrap_or(u32::MAX);
        self.counted_to = since.checked_add(JAVA_ROUND * rounds).or(Some(now));
        u64::from(rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_rounds_fail_in_a_second_however_often_it_is_looked() {
        for every_millis in [30, 100, 350, 500, 2_000] {
            let (mut rounds, start) = (FailedRounds::default(), Instant::now());
            let mut counted = 0;
            for look in 0..=60_000 / every_millis {
                counted += rounds.count(true, start + Duration::from_millis(look * every_millis));
            }
            assert!((590..=601).contains(&counted), "{counted} every {every_millis} ms");
        }
    }

    #[test]
    fn what_works_counts_nothing_and_a_new_failure_starts_over() {
        let (mut rounds, start) = (FailedRounds::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(rounds.count(false, start), 0);
        assert_eq!(rounds.count(true, after(5_000)), 1);
        assert_eq!(rounds.count(true, after(5_450)), 4);
        assert_eq!(rounds.count(false, after(6_000)), 0);
        assert_eq!(rounds.count(true, after(9_000)), 1);
    }
}
