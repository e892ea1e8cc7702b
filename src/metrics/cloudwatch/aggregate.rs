//! Adds reports up until they are sent: one statistic set for each destination and metric, as
//! the Java agent formed them. No clock and no I/O, and a bound on what it keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cloudwatch::types::StandardUnit;

use super::{FlowReport, RequestReport};
use crate::metrics::float;

/// Destinations that are told apart. A report for one more is dropped: at about 2 KiB for each
/// (eleven sums, and as many datums while they are sent) this keeps the whole below 1 MiB.
pub(super) const DESTINATIONS_MAX: usize = 200;

const _: () = assert!(Metric::ALL.len() == 11, "the bound above counts eleven sums");

/// What CloudWatch is told about a series of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
}

kinetail_base::labels! {
    /// What is sent, by the exact names: the Java agent's six, and kinetail's own.
    pub(super) enum Metric {
        BytesLost = "BytesLost",
        BytesSent = "BytesSent",
        ConsecutiveProcessingErrors = "ConsecutiveProcessingErrors",
        LagBytes = "LagBytes",
        LagSeconds = "LagSeconds",
        RecordSendAttempts = "RecordSendAttempts",
        RecordSendErrors = "RecordSendErrors",
        RecordsSent = "RecordsSent",
        RecordsSkipped = "RecordsSkipped",
        RecordsTruncated = "RecordsTruncated",
        ServiceErrors = "ServiceErrors",
    }
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
        let answered = |metric, count| (!report.service_error).then_some((metric, float(count)));
        let values = [
            Some((Metric::RecordSendAttempts, float(report.records_attempted))),
            Some((Metric::ServiceErrors, f64::from(u8::from(report.service_error)))),
            answered(Metric::RecordsSent, report.records_sent),
            answered(Metric::RecordSendErrors, report.record_errors),
            answered(Metric::BytesSent, report.bytes_sent),
        ];
        self.put(destination, values.into_iter())
    }

    /// Adds a look at a flow. What happened seldom is sent only when it happened: each series
    /// costs money, and an alarm on a sum needs no zeros.
    pub(super) fn add_flow(
        &mut self,
        destination: &Arc<str>,
        report: &FlowReport,
    ) -> Result<(), Full> {
        let seldom = |metric, count: u64| (count > 0).then_some((metric, float(count)));
        let extra = report.extra.map(|extra| {
            [
                Some((Metric::LagBytes, float(extra.lag_bytes))),
                Some((Metric::LagSeconds, extra.lag_seconds)),
                seldom(Metric::RecordsTruncated, extra.records_truncated),
                seldom(Metric::RecordsSkipped, extra.records_skipped),
                seldom(Metric::BytesLost, extra.bytes_lost),
            ]
        });
        let errors = (Metric::ConsecutiveProcessingErrors, float(report.errors_in_a_row));
        self.put(destination, [Some(errors)].into_iter().chain(extra.into_iter().flatten()))
    }

    fn put(
        &mut self,
        destination: &Arc<str>,
        values: impl Iterator<Item = Option<(Metric, f64)>>,
    ) -> Result<(), Full> {
        let room = self.destinations.len() < DESTINATIONS_MAX;
        if !room && !self.destinations.contains_key(destination) {
            return Err(Full);
        }
        let metrics = self.destinations.entry(Arc::clone(destination)).or_default();
        for (metric, value) in values.flatten() {
            metrics
                .entry(metric)
                .and_modify(|statistics: &mut Statistics| statistics.add(value))
                .or_insert_with(|| Statistics::of(value));
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

impl Datum {
    /// The value of the dimension `Destination`. The Java agent names the stream alone for one of
    /// its metrics; alarms are set on that.
    pub(super) fn destination(&self) -> &str {
        let whole = &*self.destination;
        match (self.metric, whole.split_once(':')) {
            (Metric::ConsecutiveProcessingErrors, Some((_, stream))) => stream,
            _ => whole,
        }
    }
}

impl Metric {
    /// The unit in CloudWatch.
    pub(super) fn unit(self) -> StandardUnit {
        match self {
            Self::BytesLost | Self::BytesSent | Self::LagBytes => StandardUnit::Bytes,
            Self::LagSeconds => StandardUnit::Seconds,
            Self::ConsecutiveProcessingErrors
            | Self::RecordSendAttempts
            | Self::RecordSendErrors
            | Self::RecordsSent
            | Self::RecordsSkipped
            | Self::RecordsTruncated
            | Self::ServiceErrors => StandardUnit::Count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ExtraReport;
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

    /// The Java agent's metrics, as its documentation and its source have them.
    #[test]
    fn names_units_and_destinations_are_the_java_agents() {
        let mut sums = Aggregator::default();
        sums.add(&"DeliveryStream:d".into(), &ok(1, 1, 1)).unwrap();
        sums.add_flow(&"DeliveryStream:d".into(), &FlowReport::default()).unwrap();
        let datums = sums.drain();
        let mut found: Vec<_> =
            datums.iter().map(|d| (d.metric.label(), d.metric.unit(), d.destination())).collect();
        found.sort_by_key(|row| row.0);
        assert_eq!(
            found,
            [
                ("BytesSent", StandardUnit::Bytes, "DeliveryStream:d"),
                ("ConsecutiveProcessingErrors", StandardUnit::Count, "d"),
                ("RecordSendAttempts", StandardUnit::Count, "DeliveryStream:d"),
                ("RecordSendErrors", StandardUnit::Count, "DeliveryStream:d"),
                ("RecordsSent", StandardUnit::Count, "DeliveryStream:d"),
                ("ServiceErrors", StandardUnit::Count, "DeliveryStream:d"),
            ]
        );
    }

    #[test]
    fn lag_is_always_told_and_what_is_seldom_only_when_it_happened() {
        let (stream, mut sums) = ("KinesisStream:s".into(), Aggregator::default());
        let extra = ExtraReport { lag_bytes: 7, lag_seconds: 0.5, ..ExtraReport::default() };
        let quiet = FlowReport { errors_in_a_row: 2, extra: Some(extra) };
        sums.add_flow(&stream, &quiet).unwrap();
        let datums = sums.drain();
        assert_eq!(datums.len(), 3);
        assert_eq!(found(&datums, Metric::LagBytes), [1.0, 7.0, 7.0, 7.0]);
        assert_eq!(found(&datums, Metric::LagSeconds), [1.0, 0.5, 0.5, 0.5]);
        assert_eq!(found(&datums, Metric::ConsecutiveProcessingErrors), [1.0, 2.0, 2.0, 2.0]);
        let extra =
            ExtraReport { records_truncated: 1, records_skipped: 2, bytes_lost: 3, ..extra };
        sums.add_flow(&stream, &FlowReport { extra: Some(extra), ..quiet }).unwrap();
        let datums = sums.drain();
        assert_eq!(datums.len(), 6);
        assert_eq!(found(&datums, Metric::BytesLost), [1.0, 3.0, 3.0, 3.0]);
        for (metric, unit) in [
            (Metric::BytesLost, StandardUnit::Bytes),
            (Metric::LagBytes, StandardUnit::Bytes),
            (Metric::LagSeconds, StandardUnit::Seconds),
            (Metric::RecordsSkipped, StandardUnit::Count),
            (Metric::RecordsTruncated, StandardUnit::Count),
        ] {
            let datum = datums.iter().find(|datum| datum.metric == metric).unwrap();
            assert_eq!((datum.metric.unit(), datum.destination()), (unit, "KinesisStream:s"));
            assert_eq!(metric.label(), format!("{metric:?}"));
        }
    }
}
