//! How far away an endpoint is: what a request to it takes at least. Pure.
//!
//! All flows that send to one endpoint learn it together. One of them alone cannot tell a distance
//! from the queue in which the requests of all wait.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was seen is forgotten after one to two times this: the way may have become longer.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The least times of requests, by the order of magnitude of their size: large ones take longer
/// on a slow link.
#[derive(Debug, Default)]
pub struct Distance {
    /// Since when the newest are gathered.
    since: Option<Instant>,
    newest: BTreeMap<u32, Duration>,
    before: BTreeMap<u32, Duration>,
}

impl Distance {
    /// A request of so many bytes took so long. Gives the least that such requests took lately.
    pub fn learn(&mut self, bytes: usize, took: Duration, now: Instant) -> Duration {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= REMEMBERED {
            self.before = std::mem::take(&mut self.newest);
            self.since = Some(now);
        }
        let magnitude = bytes.checked_ilog2().unwrap_or_default();
        let newest = self.newest.entry(magnitude).or_insert(took);
        *newest = took.min(*newest);
        let newest = *newest;
        self.before.get(&magnitude).map_or(newest, |before| newest.min(*before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn it_is_the_least_time_lately_of_requests_of_that_size() {
        let (mut distance, now) = (Distance::default(), some_time());
        assert_eq!(distance.learn(1_000, 20 * MILLI, now), 20 * MILLI);
        assert_eq!(distance.learn(1_000, 10 * MILLI, now), 10 * MILLI);
        assert_eq!(distance.learn(1_000, 30 * MILLI, now), 10 * MILLI);
        assert_eq!(distance.learn(1_000_000, 80 * MILLI, now), 80 * MILLI, "they take longer");
        assert_eq!(distance.learn(0, MILLI, now), MILLI);
    }

    #[test]
    fn a_way_that_becomes_longer_is_learned_after_a_while() {
        let (mut distance, now) = (Distance::default(), some_time());
        distance.learn(1_000, 10 * MILLI, now);
        let later = now + REMEMBERED;
        assert_eq!(distance.learn(1_000, 50 * MILLI, later), 10 * MILLI);
        assert_eq!(distance.learn(1_000, 60 * MILLI, later + REMEMBERED), 50 * MILLI);
    }

    #[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
    fn some_time() -> Instant {
        Instant::now()
    }
}
