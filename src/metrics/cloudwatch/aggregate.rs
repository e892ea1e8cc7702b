//! Adds reports up until they are sent: one statistic set for each destination and metric, as
//! the Java agent formed them. No clock and no I/O, and a bound on what it keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::RequestReport;

/// Destinations that are told apart. A report for one more is dropped: at about 1 KiB for each
/// (five sums, and five datums while they are sent) this keeps the whole below 1 MiB.
pub(super) const DESTINATIONS_MAX: usize = 200;

/// What CloudWatch is told about a series of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
}

/// The Java agent's metrics, by their exact names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    BytesSent,
    RecordSendAttempts,
    RecordSendErrors,
    RecordsSent,
    ServiceErrors,
}

/// One metric of one destination.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Datum {
    pub(super) destination: Arc<str>,
    pub(super) metric: Metric,
    pub(super) statistics: Statistics,
}

/// The sums since the last [`Aggregator::drain`].
#[derive(Debug, Default)]
pub(super) struct Aggregator {
    destinations: BTreeMap<Arc<str>, BTreeMap<Metric, Statistics>>,
}

/// There are too many destinations for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Aggregator {
    /// Adds one request. A request without an answer only says that it was tried and failed, as
    /// the Java agent had it.
    pub(super) fn add(
        &mut self,
        destination: &Arc<str>,
        report: &RequestReport,
    ) -> Result<(), Full> {
        let room = self.destinations.len() < DESTINATIONS_MAX;
        if !room && !self.destinations.contains_key(destination) {
            return Err(Full);
        }
        let metrics = self.destinations.entry(Arc::clone(destination)).or_default();
        let mut put = |metric, value: u64| {
            let value = as_f64(value);
            metrics
                .entry(metric)
                .and_modify(|statistics: &mut Statistics| statistics.add(value))
                .or_insert_with(|| Statistics::of(value));
        };
        put(Metric::RecordSendAttempts, report.records_attempted);
        put(Metric::ServiceErrors, u64::from(report.service_error));
        if !report.service_error {
            put(Metric::RecordsSent, report.records_sent);
            put(Metric::RecordSendErrors, report.record_errors);
            put(Metric::BytesSent, report.bytes_sent);
        }
        Ok(())
    }

    /// Takes everything out, in a fixed order.
    pub(super) fn drain(&mut self) -> Vec<Datum> {
        std::mem::take(&mut self.destinations)
            .into_iter()
            .flat_map(|(destination, metrics)| {
                metrics.into_iter().map(move |(metric, statistics)| Datum {
                    destination: Arc::clone(&destination),
                    metric,
                    statistics,
                })
            })
            .collect()
    }
}

impl Statistics {
    fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, minimum: value, maximum: value }
    }

    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
    }
}

impl Metric {
    /// The name in CloudWatch.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BytesSent => "BytesSent",
            Self::RecordSendAttempts => "RecordSendAttempts",
            Self::RecordSendErrors => "RecordSendErrors",
            Self::RecordsSent => "RecordsSent",
            Self::ServiceErrors => "ServiceErrors",
        }
    }
}

/// CloudWatch takes floating point numbers.
#[expect(clippy::cast_precision_loss, reason = "one request's counts are far below 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(attempted: u64, sent: u64, bytes: u64) -> RequestReport {
        RequestReport {
            records_attempted: attempted,
            records_sent: sent,
            record_errors: attempted - sent,
            bytes_sent: bytes,
            service_error: false,
        }
    }

    fn found(datums: &[Datum], metric: Metric) -> Vec<f64> {
        datums
            .iter()
            .filter(|datum| datum.metric == metric)
            .flat_map(|d| {
                let s = d.statistics;
                [s.count, s.sum, s.minimum, s.maximum]
            })
            .collect()
    }

    #[test]
    fn requests_of_a_destination_are_merged() {
        let (stream, mut sums) = ("KinesisStream:s".into(), Aggregator::default());
        sums.add(&stream, &ok(500, 490, 4_000)).unwrap();
        sums.add(&stream, &ok(10, 10, 100)).unwrap();
        let datums = sums.drain();
        assert_eq!(found(&datums, Metric::RecordSendAttempts), vec![2.0, 510.0, 10.0, 500.0]);
        assert_eq!(found(&datums, Metric::RecordsSent), vec![2.0, 500.0, 10.0, 490.0]);
        assert_eq!(found(&datums, Metric::RecordSendErrors), vec![2.0, 10.0, 0.0, 10.0]);
        assert_eq!(found(&datums, Metric::BytesSent), vec![2.0, 4_100.0, 100.0, 4_000.0]);
        assert_eq!(found(&datums, Metric::ServiceErrors), vec![2.0, 0.0, 0.0, 0.0]);
        assert!(sums.drain().is_empty());
    }

    #[test]
    fn a_request_without_an_answer_says_nothing_about_records() {
        let mut sums = Aggregator::default();
        let report = RequestReport { service_error: true, ..ok(500, 0, 0) };
        sums.add(&"DeliveryStream:d".into(), &report).unwrap();
        let datums = sums.drain();
        assert_eq!(datums.len(), 2);
        assert_eq!(found(&datums, Metric::RecordSendAttempts), vec![1.0, 500.0, 500.0, 500.0]);
        assert_eq!(found(&datums, Metric::ServiceErrors), vec![1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn destinations_are_bounded() {
        let mut sums = Aggregator::default();
        for number in 0..DESTINATIONS_MAX {
            sums.add(&format!("KinesisStream:{number}").into(), &ok(1, 1, 1)).unwrap();
        }
        assert_eq!(sums.add(&"KinesisStream:more".into(), &ok(1, 1, 1)), Err(Full));
        sums.add(&"KinesisStream:0".into(), &ok(1, 1, 1)).unwrap();
        assert_eq!(sums.drain().len(), DESTINATIONS_MAX * 5);
    }
}
