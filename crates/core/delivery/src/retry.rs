//! How long to wait before the next attempt: full jitter, so that many agents that failed together
//! do not come back together. Pure: the generator is passed in.

use std::time::Duration;

use crate::RetryConfig;

/// A service that asks to be left alone is obeyed for this long at most.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Doubling stops here: 2^30 times any delay is beyond every bound that makes sense.
const DOUBLINGS_MAX: u32 = 30;

/// The delay before the next attempt, after `failures` failures (1 or more) since the last
/// success: uniform between zero and `initial` doubled with each failure, bounded by `max`. A
/// service's own wish is a lower bound.
pub fn delay(
    config: RetryConfig,
    failures: u32,
    retry_after: Option<Duration>,
    rng: &mut fastrand::Rng,
) -> Duration {
    let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
    let bound = config.initial.saturating_mul(1 << doublings).min(config.max);
    let bound_micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    let jittered = Duration::from_micros(rng.u64(0..=bound_micros));
    jittered.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
}

/// How many failures count after an answer that follows `failures` of them. As long as half of a
/// request is taken, what is left is sent again soon.
#[must_use]
pub fn failures(failures: u32, taken: usize, failed: usize) -> u32 {
    match (taken >= failed, failed) {
        (_, 0) => 0,
        (true, _) => 1,
        (false, _) => failures.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: RetryConfig =
        RetryConfig { initial: Duration::from_millis(100), max: Duration::from_secs(10) };

    fn largest(failures: u32) -> Duration {
        let mut rng = fastrand::Rng::with_seed(1);
        (0..2000).map(|_| delay(CONFIG, failures, None, &mut rng)).max().unwrap_or_default()
    }

    #[test]
    fn the_bound_doubles_up_to_the_maximum() {
        let bounds = [(0, 100), (1, 100), (2, 200), (3, 400), (7, 6400), (8, 10_000), (99, 10_000)];
        for (failures, bound) in bounds {
            let bound = Duration::from_millis(bound);
            let largest = largest(failures);
            assert!(largest <= bound && largest > bound * 9 / 10, "{failures}: {largest:?}");
        }
    }

    #[test]
    fn failures_add_up_while_less_than_half_is_taken() {
        assert_eq!(failures(0, 0, 500), 1);
        assert_eq!(failures(1, 0, 500), 2);
        assert_eq!(failures(2, 249, 251), 3);
        assert_eq!(failures(3, 250, 250), 1);
        assert_eq!(failures(3, 500, 0), 0);
    }

    #[test]
    fn delays_are_spread_over_the_whole_range() {
        let mut rng = fastrand::Rng::with_seed(2);
        let below_half = (0..2000)
            .filter(|_| delay(CONFIG, 1, None, &mut rng) < Duration::from_millis(50))
            .count();
        assert!((800..1200).contains(&below_half), "{below_half}");
    }

    #[test]
    fn the_services_wish_is_a_lower_bound_within_reason() {
        let mut rng = fastrand::Rng::with_seed(3);
        let wish = Some(Duration::from_secs(2));
        assert_eq!(delay(CONFIG, 1, wish, &mut rng), Duration::from_secs(2));
        let unreasonable = Some(Duration::from_hours(24));
        assert_eq!(delay(CONFIG, 1, unreasonable, &mut rng), RETRY_AFTER_MAX);
    }

    proptest! {
        /// For all configurations and counts: never more than the maximum, and never a panic.
        #[test]
        fn no_delay_exceeds_the_maximum(
            initial in 0_u64..=u64::MAX,
            max in 0_u64..=u64::MAX,
            failures in any::<u32>(),
            seed in any::<u64>(),
        ) {
            let config = RetryConfig {
                initial: Duration::from_millis(initial),
                max: Duration::from_millis(max),
            };
            let mut rng = fastrand::Rng::with_seed(seed);
            prop_assert!(delay(config, failures, None, &mut rng) <= config.max);
        }
    }
}
