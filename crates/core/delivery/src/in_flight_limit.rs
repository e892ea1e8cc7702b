//! How many requests a flow may have unacknowledged. Pure; the flow's thread owns it.
//!
//! One at a time keeps a file's records in order, so it stays at one until the network, and not
//! the reading, holds the flow back: it grows by one when a full batch had to wait for room and
//! the request before it took longer than a local one would. It halves when the service pushes
//! back, but once for all the requests that were in flight together.

use std::time::Duration;

/// A request that is faster than this gains nothing from company.
pub(crate) const SLOW_REQUEST: Duration = Duration::from_millis(5);

/// What a flow tells the window about a batch that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// From the first attempt to the last answer.
    pub took: Duration,
    /// Whether any of its requests failed as a whole.
    pub pushed_back: bool,
    /// Whether a full batch was waiting for room meanwhile.
    pub was_blocked: bool,
}

/// The number of requests that may be in flight.
#[derive(Debug, Clone)]
pub struct InFlightLimit {
    current: usize,
    max: usize,
    /// Batches that were in flight when it last shrank, and that are still to come back.
    round_left: usize,
}

impl InFlightLimit {
    /// A window of one, which may grow to `max` (at least 1).
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { current: 1, max: max.max(1), round_left: 0 }
    }

    /// From now on it may grow to another `max` (at least 1).
    pub fn limit(&mut self, max: usize) {
        self.max = max.max(1);
        self.current = self.current.min(self.max);
    }

    /// How many may be in flight now.
    #[must_use]
    pub fn current(&self) -> usize {
        self.current
    }

    /// Learns from a batch that is done.
    pub fn on_finished(&mut self, finished: Finished) {
        let same_round = self.round_left > 0;
        self.round_left = self.round_left.saturating_sub(1);
        if finished.pushed_back {
            if !same_round {
                // The others of this round were sent under the old window: what they meet was
                // already answered by this step.
                self.round_left = self.current - 1;
                self.current = (self.current / 2).max(1);
            }
        } else if finished.was_blocked && finished.took > SLOW_REQUEST {
            self.current = (self.current + 1).min(self.max);
        }
    }

    /// The flow was idle: the next burst starts in order again.
    pub fn on_idle(&mut self) {
        self.current = 1;
        self.round_left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLOW: Duration = Duration::from_millis(20);
    const GOOD: Finished = Finished { took: SLOW, pushed_back: false, was_blocked: true };
    const BAD: Finished = Finished { took: SLOW, pushed_back: true, was_blocked: true };

    fn opened(max: usize) -> InFlightLimit {
        let mut window = InFlightLimit::new(max);
        (0..max).for_each(|_| window.on_finished(GOOD));
        window
    }

    #[test]
    fn it_starts_at_one_and_opens_up_to_the_maximum() {
        let mut window = InFlightLimit::new(3);
        assert_eq!(window.current(), 1);
        let grown: Vec<usize> = (0..4)
            .map(|_| {
                window.on_finished(GOOD);
                window.current()
            })
            .collect();
        assert_eq!(grown, [2, 3, 3, 3]);
    }

    #[test]
    fn a_fast_endpoint_or_a_slow_log_keeps_order() {
        let mut window = InFlightLimit::new(8);
        for _ in 0..100 {
            window.on_finished(Finished { took: Duration::from_millis(1), ..GOOD });
            window.on_finished(Finished { was_blocked: false, ..GOOD });
        }
        assert_eq!(window.current(), 1);
    }

    #[test]
    fn it_halves_once_a_round() {
        let mut window = opened(8);
        assert_eq!(window.current(), 8);
        (0..8).for_each(|_| window.on_finished(BAD));
        assert_eq!(window.current(), 4, "all eight were in flight together");
        window.on_finished(BAD);
        assert_eq!(window.current(), 2);
    }

    #[test]
    fn another_maximum_counts_from_now_on() {
        let mut window = opened(8);
        window.limit(3);
        assert_eq!(window.current(), 3);
        window.on_finished(GOOD);
        assert_eq!(window.current(), 3);
        window.limit(4);
        window.on_finished(GOOD);
        assert_eq!(window.current(), 4);
    }

    #[test]
    fn an_idle_flow_starts_over() {
        let mut window = opened(8);
        window.on_idle();
        assert_eq!(window.current(), 1);
        window.on_finished(BAD);
        assert_eq!(window.current(), 1);
    }

    proptest! {
        /// For all histories the window stays between one and the maximum.
        #[test]
        fn it_stays_within_bounds(
            max in 0_usize..20,
            history in prop::collection::vec((0_u64..50, any::<bool>(), any::<bool>()), 0..200),
        ) {
            let mut window = InFlightLimit::new(max);
            for (millis, pushed_back, was_blocked) in history {
                let took = Duration::from_millis(millis);
                window.on_finished(Finished { took, pushed_back, was_blocked });
                prop_assert!((1..=max.max(1)).contains(&window.current()));
            }
        }
    }
}
