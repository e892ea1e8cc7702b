//! A summary: quantiles of the last minute, and the sum and the number of all values.
//!
//! Values are counted in classes, each 2 % wider than the one before, so that a quantile is 1 % off
//! at most. The exporter's own summaries are exact to a hundredth of that, take 270 kB a flow for
//! it, and keep every value until they are asked or tended to.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use metrics::HistogramFn;
use parking_lot::Mutex;

/// How much greater the end of a class is than that of the one before.
const CLASS_GROWTH: f64 = 1.02;

/// Values are forgotten after this long...
const SPAN: Duration = Duration::from_mins(1);

/// ... in parts of this length.
const PART: Duration = Duration::from_secs(20);

/// What is shown: the least, the median and so on up to the largest.
pub(super) const QUANTILES: [f64; 7] = [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0];

/// How many values fell into each class, by the number of the class; `None` are those of 0.
type Classes = BTreeMap<Option<i32>, u64>;

/// A summary that several threads may use.
#[derive(Debug, Default)]
pub(super) struct Summary(Mutex<Values>);

#[derive(Debug, Default)]
struct Values {
    /// The parts of the last minute and when each began, the oldest first.
    parts: VecDeque<(Instant, Classes)>,
    sum: f64,
    count: u64,
}

/// What a summary says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summed {
    /// Of [`QUANTILES`]; 0 if there is no value.
    pub(super) quantiles: [f64; QUANTILES.len()],
    /// Of all values ever.
    pub(super) sum: f64,
    /// Of all values ever.
    pub(super) count: u64,
}

impl Summary {
    /// What is to be shown now.
    pub(super) fn summed(&self, now: Instant) -> Summed {
        let mut values = self.0.lock();
        values.forget_old(now);
        Summed { quantiles: values.quantiles(), sum: values.sum, count: values.count }
    }
}

impl HistogramFn for Summary {
    fn record(&self, value: f64) {
        self.0.lock().add(value, Instant::now());
    }
}

impl Values {
    fn add(&mut self, value: f64, now: Instant) {
        self.forget_old(now);
        let is_over = |begin: Instant| now.saturating_duration_since(begin) >= PART;
        if self.parts.back().is_none_or(|(begin, _)| is_over(*begin)) {
            self.parts.push_back((now, Classes::new()));
        }
        if let Some((_, classes)) = self.parts.back_mut() {
            *classes.entry(class_of(value)).or_default() += 1;
        }
        self.sum += value;
        self.count += 1;
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |begin: Instant| now.saturating_duration_since(begin) >= SPAN;
        while self.parts.front().is_some_and(|(begin, _)| is_old(*begin)) {
            self.parts.pop_front();
        }
    }

    fn quantiles(&self) -> [f64; QUANTILES.len()] {
        let mut all = Classes::new();
        for (class, count) in self.parts.iter().flat_map(|(_, classes)| classes) {
            *all.entry(*class).or_default() += count;
        }
        let total: u64 = all.values().sum();
        QUANTILES.map(|quantile| {
            let rank = rank(quantile, total);
            let mut below = 0;
            let found = all.iter().find(|(_, count)| {
                below += **count;
                below >= rank
            });
            found.and_then(|(class, _)| *class).map_or(0.0, value_of)
        })
    }
}

/// The how manieth value a quantile is.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the number of values of a minute"
)]
fn rank(quantile: f64, total: u64) -> u64 {
    ((quantile * total as f64).ceil() as u64).max(1)
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float stops at the largest")]
fn class_of(value: f64) -> Option<i32> {
    (value > 0.0).then(|| (value.ln() / CLASS_GROWTH.ln()).ceil() as i32)
}

/// The value in a class that no other one in it is further from than by 1 %.
fn value_of(class: i32) -> f64 {
    CLASS_GROWTH.powi(class) * 2.0 / (1.0 + CLASS_GROWTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_close(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= wanted * 0.0101
    }

    #[test]
    fn quantiles_are_one_percent_off_at_most() {
        let now = Instant::now();
        for exponent in -6..=4 {
            let unit = 10_f64.powi(exponent);
            let value = |number: u32| unit * f64::from(number);
            let mut values = Values::default();
            (1..=1_000).rev().for_each(|number| values.add(value(number), now));
            for (found, rank) in values.quantiles().iter().zip([1, 500, 900, 950, 990, 999, 1_000])
            {
                assert!(is_close(*found, value(rank)), "{found} for {}", value(rank));
            }
            assert!(is_close(values.sum, unit * 500_500.0));
        }
    }

    #[test]
    fn values_are_forgotten_after_a_minute_and_sums_are_not() {
        let (summary, start) = (Summary::default(), Instant::now());
        for second in 0..600_u32 {
            summary.0.lock().add(f64::from(second + 1), start + Duration::from_secs(second.into()));
        }
        let at_end = summary.summed(start + Duration::from_secs(599));
        assert!(at_end.quantiles[0] >= 539.0 * 0.99, "{at_end:?}");
        assert!(is_close(at_end.quantiles[6], 600.0), "{at_end:?}");
        assert!(summary.0.lock().parts.len() <= 3);
        let later = summary.summed(start + Duration::from_mins(12));
        assert!(later.quantiles.into_iter().all(|quantile| is_close(quantile, 0.0)), "{later:?}");
        assert!(later.count == 600 && is_close(later.sum, at_end.sum), "{later:?}");
    }

    #[test]
    fn what_takes_no_time_and_what_is_no_time_is_counted() {
        let summary = Summary::default();
        for value in [0.0, -1.0, f64::INFINITY, f64::NAN] {
            summary.record(value);
        }
        assert_eq!(summary.summed(Instant::now()).count, 4);
    }
}
