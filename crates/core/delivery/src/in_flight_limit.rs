//! How many requests a flow may have unacknowledged. Pure; the flow's thread owns it.
//!
//! One at a time keeps a file's records in order, so it stays at one until the network, and not
//! the reading, holds the flow back: a full batch had to wait for room, and the request before it
//! took longer than a local one would. From then on it doubles with each round trip, until no full
//! batch waits, or requests take several times as long as the distance to the endpoint explains:
//! then they wait in a queue, which more of them would only lengthen. It halves when the service
//! pushes back, but once for all the requests that were in flight together, and grows by one a
//! round trip after that.

use std::time::Duration;

/// A request that is faster than this gains nothing from company.
pub(crate) const SLOW_REQUEST: Duration = Duration::from_millis(5);

/// A request that takes more than so many times as long as one has to waits in a queue.
const QUEUED_FACTOR: u32 = 4;

/// A flow with several requests in flight gains from more if it waits for at least one part in so
/// many of a request's time. The rest of the time it works.
const WAITING_PART: u32 = 8;

/// What a flow tells the window about a batch that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// From the first attempt to the last answer.
    pub took: Duration,
    /// For how much of that the flow was at work itself, which is no fault of the network.
    pub worked: Duration,
    /// What such a request takes at least ([`crate::distance::Distance`]).
    pub distance: Duration,
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
    /// After the service pushed back: by how many batches it would have grown in this round trip.
    careful: Option<usize>,
}

impl InFlightLimit {
    /// A window of one, which may grow to `max` (at least 1).
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { current: 1, max: max.max(1), round_left: 0, careful: None }
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
            self.careful = Some(0);
            if !same_round {
                // The others of this round were sent under the old window: what they meet was
                // already answered by this step.
                self.round_left = self.current - 1;
                self.current = (self.current / 2).max(1);
            }
        } else if self.would_gain(finished) {
            self.grow();
        }
    }

    /// The flow was idle: the next burst starts in order again.
    pub fn on_idle(&mut self) {
        *self = Self::new(self.max);
    }

    /// Whether the flow waits for the network, which has room for more.
    fn would_gain(&self, finished: Finished) -> bool {
        let Finished { took, distance, .. } = finished;
        let waited = took.saturating_sub(finished.worked);
        let least = if self.current == 1 { SLOW_REQUEST } else { took / WAITING_PART };
        finished.was_blocked
            && took > SLOW_REQUEST
            && waited > least
            && took <= distance * QUEUED_FACTOR
    }

    fn grow(&mut self) {
        let whole_round = match &mut self.careful {
            None => true,
            Some(grown) => {
                *grown += 1;
                *grown >= self.current
            }
        };
        if whole_round {
            self.careful = self.careful.map(|_| 0);
            self.current = (self.current + 1).min(self.max);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::time::Instant;

    use super::*;
    use crate::distance::Distance;
    use proptest::prelude::*;

    const SLOW: Duration = Duration::from_millis(20);

    fn good() -> Finished {
        let worked = Duration::ZERO;
        Finished { took: SLOW, worked, distance: SLOW, pushed_back: false, was_blocked: true }
    }

    fn bad() -> Finished {
        Finished { pushed_back: true, ..good() }
    }

    fn opened(max: usize) -> InFlightLimit {
        let mut window = InFlightLimit::new(max);
        (0..max).for_each(|_| window.on_finished(good()));
        window
    }

    /// An endpoint that does one thing at a time, and a flow that always has more to send.
    struct Endpoint {
        /// From the last byte of a request to its answer.
        distance: Duration,
        /// What it takes to do what a request asks for.
        work: Duration,
        /// Requests under way: when they are answered, of which the soonest comes out first, and
        /// when they were made.
        under_way: BinaryHeap<(Reverse<Instant>, Instant)>,
        now: Instant,
        free_at: Instant,
        known: Distance,
    }

    impl Endpoint {
        fn new(distance_millis: u64, work_micros: u64) -> Self {
            Self {
                distance: Duration::from_millis(distance_millis),
                work: Duration::from_micros(work_micros),
                under_way: BinaryHeap::new(),
                now: some_time(),
                free_at: some_time(),
                known: Distance::default(),
            }
        }

        /// Sends as many as it may, until so much time went by.
        fn serve(&mut self, window: &mut InFlightLimit, millis: u64) {
            let end = self.now + Duration::from_millis(millis);
            while self.now < end {
                while self.under_way.len() < window.current() {
                    self.free_at = self.free_at.max(self.now) + self.work;
                    let answered = Reverse(self.free_at + self.distance);
                    self.under_way.push((answered, self.now));
                }
                let Some((Reverse(at), made)) = self.under_way.pop() else { break };
                self.now = self.now.max(at);
                let took = self.now - made;
                let distance = self.known.learn(1, took, self.now);
                window.on_finished(Finished { took, distance, ..good() });
            }
        }
    }

    #[test]
    fn it_starts_at_one_and_opens_up_to_the_maximum() {
        let mut window = InFlightLimit::new(3);
        assert_eq!(window.current(), 1);
        let grown: Vec<usize> = (0..4)
            .map(|_| {
                window.on_finished(good());
                window.current()
            })
            .collect();
        assert_eq!(grown, [2, 3, 3, 3]);
    }

    #[test]
    fn it_doubles_with_each_round_trip() {
        let (mut endpoint, mut window) = (Endpoint::new(50, 1), InFlightLimit::new(256));
        for least in [2, 4, 8, 16, 32, 64, 128, 256] {
            endpoint.serve(&mut window, 51);
            assert!(window.current() >= least, "{} of {least}", window.current());
        }
    }

    #[test]
    fn an_endpoint_that_has_enough_gets_no_more() {
        // Ten at a time are all that it can do.
        let (mut endpoint, mut window) = (Endpoint::new(45, 5_000), InFlightLimit::new(256));
        endpoint.serve(&mut window, 400);
        assert!(window.current() >= 10, "{}", window.current());
        // By the time the first of four times as many are back it has grown once more.
        endpoint.serve(&mut window, 20_000);
        assert!(window.current() <= 2 * 4 * 10 + 2, "{}", window.current());
    }

    #[test]
    fn who_waits_in_a_queue_of_others_sends_no_more() {
        let mut window = InFlightLimit::new(8);
        let distance = Duration::from_millis(1);
        (0..100).for_each(|_| window.on_finished(Finished { distance, ..good() }));
        assert_eq!(window.current(), 1);
    }

    #[test]
    fn after_a_refusal_it_grows_by_one_a_round_trip() {
        let (mut endpoint, mut window) = (Endpoint::new(50, 1), InFlightLimit::new(256));
        endpoint.serve(&mut window, 300);
        window.on_finished(bad());
        let halved = window.current();
        endpoint.serve(&mut window, 500);
        let grown = window.current() - halved;
        assert!((5..=14).contains(&grown), "by {grown} from {halved} in ten round trips");
    }

    #[test]
    fn a_fast_endpoint_or_a_slow_log_keeps_order() {
        let mut window = InFlightLimit::new(8);
        for _ in 0..100 {
            window.on_finished(Finished { took: Duration::from_millis(1), ..good() });
            window.on_finished(Finished { was_blocked: false, ..good() });
        }
        assert_eq!(window.current(), 1);
    }

    #[test]
    fn the_time_in_which_the_flow_works_is_no_fault_of_the_network() {
        let worked = SLOW.saturating_sub(Duration::from_millis(2));
        let mut window = InFlightLimit::new(8);
        (0..100).for_each(|_| window.on_finished(Finished { worked, ..good() }));
        assert_eq!(window.current(), 1, "a disk that hangs");
        window.on_finished(good());
        let worked = SLOW * 2 / 3;
        (0..100).for_each(|_| window.on_finished(Finished { worked, ..good() }));
        assert_eq!(window.current(), 8, "it works while it waits, and waits all the same");
        let mut window = opened(2);
        window.limit(8);
        (0..100).for_each(|_| window.on_finished(Finished { worked: SLOW, ..good() }));
        assert_eq!(window.current(), 2, "it never waits");
    }

    #[test]
    fn it_halves_once_a_round() {
        let mut window = opened(8);
        assert_eq!(window.current(), 8);
        (0..8).for_each(|_| window.on_finished(bad()));
        assert_eq!(window.current(), 4, "all eight were in flight together");
        window.on_finished(bad());
        assert_eq!(window.current(), 2);
    }

    #[test]
    fn another_maximum_counts_from_now_on() {
        let mut window = opened(8);
        window.limit(3);
        assert_eq!(window.current(), 3);
        window.on_finished(good());
        assert_eq!(window.current(), 3);
        window.limit(4);
        (0..3).for_each(|_| window.on_finished(good()));
        assert_eq!(window.current(), 4);
    }

    #[test]
    fn an_idle_flow_starts_over() {
        let mut window = opened(8);
        window.on_idle();
        assert_eq!(window.current(), 1);
        window.on_finished(bad());
        assert_eq!(window.current(), 1);
    }

    proptest! {
        /// For all histories the window stays between one and the maximum.
        #[test]
        fn it_stays_within_bounds(
            max in 0_usize..20,
            history in prop::collection::vec(
                (0_u64..50, 0_u64..50, 0_u64..50, any::<bool>(), any::<bool>()),
                0..200,
            ),
        ) {
            let mut window = InFlightLimit::new(max);
            for (took, worked, distance, pushed_back, was_blocked) in history {
                let [took, worked, distance] = [took, worked, distance].map(Duration::from_millis);
                let finished = Finished { took, worked, distance, pushed_back, was_blocked };
                window.on_finished(finished);
                prop_assert!((1..=max.max(1)).contains(&window.current()));
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
    fn some_time() -> Instant {
        Instant::now()
    }
}
