//! What each flow delivered and how far it was behind over the last hour, in few points.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::status::{FlowFeed, FlowStatus};
use crate::metrics::float;

/// A point is kept this often.
const EVERY: Duration = Duration::from_secs(10);

/// Points of a flow: one hour.
const POINTS_MAX: usize = 361;

/// Points of all flows. With more than a hundred flows each has a shorter past.
const ALL_POINTS_MAX: usize = 100 * POINTS_MAX;

/// Points that any flow has.
const POINTS_MIN: usize = 12;

/// A rate covers at least this much time, if there is as much.
const RATE_TIME: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy)]
struct Point {
    at: Instant,
    records: u64,
    bytes: u64,
    lag_bytes: u64,
    lag_seconds: f64,
}

impl Point {
    fn of(status: &FlowStatus, at: Instant) -> Self {
        Self {
            at,
            records: status.totals.records_delivered,
            bytes: status.totals.bytes_delivered,
            lag_bytes: status.lag_bytes,
            lag_seconds: status.lag_seconds,
        }
    }
}

/// What a flow delivers at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rate {
    pub(super) records_per_second: f64,
    pub(super) bytes_per_second: f64,
}

/// The points of all flows.
#[derive(Debug, Default)]
pub struct History(Mutex<BTreeMap<Arc<str>, VecDeque<Point>>>);

/// The past of one flow, the oldest first, for charts.
#[derive(Debug, Default, Serialize)]
pub(super) struct Past {
    /// How long ago each point was, in seconds.
    seconds_ago: Vec<u64>,
    records_per_second: Vec<f64>,
    lag_bytes: Vec<u64>,
    lag_seconds: Vec<f64>,
}

impl History {
    /// Keeps a point of each flow, if it is time for one. Flows that are gone are forgotten.
    pub fn sample(&self, feeds: &[FlowFeed], now: Instant) {
        let max = (ALL_POINTS_MAX / feeds.len().max(1)).clamp(POINTS_MIN, POINTS_MAX);
        let statuses: Vec<Arc<FlowStatus>> =
            feeds.iter().map(|feed| Arc::clone(&feed.borrow())).collect();
        let mut flows = self.0.lock();
        flows.retain(|known, _| statuses.iter().any(|status| status.flow == *known));
        for status in statuses {
            let points = flows.entry(Arc::clone(&status.flow)).or_default();
            let due = |last: &Point| now.saturating_duration_since(last.at) >= EVERY;
            if !points.back().is_none_or(due) {
                continue;
            }
            points.push_back(Point::of(&status, now));
            while points.len() > max {
                points.pop_front();
            }
        }
    }

    /// What a flow delivers now.
    pub(super) fn rate(&self, status: &FlowStatus, now: Instant) -> Rate {
        let flows = self.0.lock();
        let Some(points) = flows.get(&status.flow) else { return Rate::default() };
        let old = |point: &&Point| now.saturating_duration_since(point.at) >= RATE_TIME;
        let Some(from) = points.iter().rev().find(old).or_else(|| points.front()) else {
            return Rate::default();
        };
        rate(from, &Point::of(status, now))
    }

    /// All of it.
    pub(super) fn past(&self, now: Instant) -> BTreeMap<String, Past> {
        let flows = self.0.lock();
        flows.iter().map(|(flow, points)| (flow.to_string(), past(points, now))).collect()
    }
}

fn past(points: &VecDeque<Point>, now: Instant) -> Past {
    let mut past = Past::default();
    for (before, point) in points.iter().zip(points.iter().skip(1)) {
        past.seconds_ago.push(now.saturating_duration_since(point.at).as_secs());
        past.records_per_second.push(rate(before, point).records_per_second);
        past.lag_bytes.push(point.lag_bytes);
        past.lag_seconds.push(tenths(point.lag_seconds));
    }
    past
}

fn rate(from: &Point, to: &Point) -> Rate {
    let seconds = to.at.saturating_duration_since(from.at).as_secs_f64();
    if seconds < 0.5 {
        return Rate::default();
    }
    let per_second =
        |before: u64, after: u64| tenths(float(after.saturating_sub(before)) / seconds);
    Rate {
        records_per_second: per_second(from.records, to.records),
        bytes_per_second: per_second(from.bytes, to.bytes),
    }
}

/// Nobody reads more digits.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    fn feed(flow: &str, records: u64, now: Instant) -> FlowFeed {
        let mut status = FlowStatus::starting(flow.into(), "x".to_owned(), now);
        status.totals.records_delivered = records;
        status.totals.bytes_delivered = records * 100;
        status.lag_bytes = records;
        watch::channel(Arc::new(status)).1
    }

    #[test]
    fn rates_are_taken_from_the_past_which_has_an_end() {
        let history = History::default();
        let start = Instant::now();
        for second in 0..5_000 {
            let now = start + Duration::from_secs(second);
            history.sample(&[feed("f", second * 7, now)], now);
        }
        let now = start + Duration::from_secs(5_000);
        let status = Arc::clone(&feed("f", 35_000, now).borrow());
        let rate = history.rate(&status, now);
        assert_eq!(rate, Rate { records_per_second: 7.0, bytes_per_second: 700.0 });
        let past = history.past(now);
        let flow = &past["f"];
        assert_eq!(flow.records_per_second.len(), POINTS_MAX - 1);
        assert!(flow.records_per_second.iter().all(|rate| (rate - 7.0).abs() < 0.1));
        assert!(flow.seconds_ago.iter().all(|ago| *ago <= 3_600), "{:?}", flow.seconds_ago);
    }

    #[test]
    fn flows_that_are_gone_are_forgotten_and_many_have_a_short_past() {
        let history = History::default();
        let start = Instant::now();
        for step in 0..60 {
            let now = start + EVERY * step;
            let feeds: Vec<FlowFeed> = (0..2_000).map(|i| feed(&format!("{i}"), 1, now)).collect();
            history.sample(&feeds, now);
        }
        assert!(history.0.lock().values().map(VecDeque::len).sum::<usize>() <= ALL_POINTS_MAX);
        history.sample(&[feed("x", 1, start)], start);
        assert_eq!(history.0.lock().len(), 1);
    }
}
