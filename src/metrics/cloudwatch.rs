//! CloudWatch: the Java agent's metrics, under the same names, dimensions and units, so that
//! existing dashboards and alarms keep working, and the few that its users missed.
//!
//! Nothing here can slow a flow: reports go into a bounded queue or are dropped and counted,
//! what CloudWatch does not take is dropped and counted, and memory stays below 2 MiB. `aggregate`
//! adds up, `publisher` decides when to send, `service` makes the call, `instance` finds out what
//! the dimension `Instance` says.

mod aggregate;
pub mod instance;
mod publisher;
mod service;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use metrics::{Counter, counter};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;

use self::publisher::Publisher;
use self::service::CloudWatch;
use super::name;
use super::reason::ReportDropped;
use super::totals::FlowTotals;

/// Reports that may wait at most, whatever is asked for: half a minute of 500 requests a second,
/// at 64 bytes each.
const QUEUE_REPORTS_MAX: usize = 16_384;

/// A report of one request holds this many values, which is what the configuration counts.
const VALUES_PER_REPORT: usize = 5;

/// What one request to a stream came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestReport {
    /// Records in the request.
    pub records_attempted: u64,
    /// Records that the service took.
    pub records_sent: u64,
    /// Records that came back with an error code.
    pub record_errors: u64,
    /// Data bytes of the records that it took, without partition keys.
    pub bytes_sent: u64,
    /// There was no answer, or an error instead of one.
    pub service_error: bool,
}

/// How a flow is, now and then.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FlowReport {
    /// Looks and starts in a row that failed while there was something to do.
    pub errors_in_a_row: u64,
    /// What kinetail says alongside the Java agent's metrics, if that is wanted.
    pub extra: Option<ExtraReport>,
}

/// What the Java agent does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ExtraReport {
    /// Bytes written and not acknowledged, now.
    pub lag_bytes: u64,
    /// Seconds since everything that was written was acknowledged, now.
    pub lag_seconds: f64,
    /// Records cut since the last report.
    pub records_truncated: u64,
    /// Records skipped since the last report, by the chain or because the service refused them.
    pub records_skipped: u64,
    /// Bytes gone before they could be read since the last report.
    pub bytes_lost: u64,
}

impl ExtraReport {
    /// What happened between two looks at a flow, and its lag at the second.
    #[must_use]
    pub fn between(before: &FlowTotals, now: &FlowTotals, lag: (u64, f64)) -> Self {
        let skipped = |totals: &FlowTotals| totals.records_skipped + totals.records_refused;
        Self {
            lag_bytes: lag.0,
            lag_seconds: lag.1,
            records_truncated: now.records_truncated.saturating_sub(before.records_truncated),
            records_skipped: skipped(now).saturating_sub(skipped(before)),
            bytes_lost: now.bytes_lost.saturating_sub(before.bytes_lost),
        }
    }
}

/// A report on its way to the publisher. The destination is `KinesisStream:<name>` or
/// `DeliveryStream:<name>`.
#[derive(Debug)]
pub struct Report {
    destination: Arc<str>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Flow(FlowReport),
    Request(RequestReport),
}

/// Where senders and the daemon leave their reports. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reporter {
    reports: mpsc::Sender<Report>,
    dropped: Counter,
}

impl Reporter {
    /// A reporter and the other end, for [`run`]. So many values of requests may wait.
    #[must_use]
    pub fn channel(queue_values_max: usize) -> (Self, mpsc::Receiver<Report>) {
        let room = (queue_values_max / VALUES_PER_REPORT).clamp(1, QUEUE_REPORTS_MAX);
        let (reports, inbox) = mpsc::channel(room);
        let dropped =
            counter!(name::CLOUDWATCH_DROPPED, "reason" => ReportDropped::QueueFull.label());
        (Self { reports, dropped }, inbox)
    }

    /// Leaves a report about a request. Never waits.
    pub fn report(&self, destination: &Arc<str>, request: RequestReport) {
        self.leave(destination, Content::Request(request));
    }

    /// Leaves a report about a flow. Never waits.
    pub(crate) fn report_flow(&self, destination: &Arc<str>, flow: FlowReport) {
        self.leave(destination, Content::Flow(flow));
    }

    fn leave(&self, destination: &Arc<str>, content: Content) {
        let report = Report { destination: Arc::clone(destination), content };
        match self.reports.try_send(report) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => self.dropped.increment(1),
        }
    }
}

/// How metrics are sent.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// `cloudwatch.namespace`.
    pub namespace: String,
    /// `cloudwatch.metricsBufferTimeMillis`.
    pub flush_interval: Duration,
    /// The value of the dimension `Instance`, as far as it is known by now; `None` while metrics
    /// are not told apart by instance.
    pub instance: watch::Receiver<Option<String>>,
}

/// Adds up and publishes until `shutdown` is ready or every [`Reporter`] is gone; then publishes
/// what is left. `shutdown` says how long that may take.
pub async fn run(
    client: Client,
    options: PublisherOptions,
    reports: mpsc::Receiver<Report>,
    shutdown: impl Future<Output = Duration>,
) {
    let flush_interval = options.flush_interval;
    let publisher = Publisher::new(CloudWatch::new(client, options));
    publisher.run(flush_interval, reports, shutdown).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::prometheus::Prometheus;

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (prometheus, recorder) = Prometheus::detached();
        let (reporter, inbox) =
            metrics::with_local_recorder(&recorder, || Reporter::channel(10_000));
        for _ in 0..2_000 + 7 {
            reporter.report(&"KinesisStream:s".into(), RequestReport::default());
        }
        drop(inbox);
        reporter.report_flow(&"KinesisStream:s".into(), FlowReport::default());
        let line = "kinetail_cloudwatch_reports_dropped_total{reason=\"queue_full\"} 8";
        let text = prometheus.render();
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[test]
    fn the_queue_is_never_empty_and_never_huge() {
        for (values, room) in [(1, 1), (10, 2), (usize::MAX, QUEUE_REPORTS_MAX)] {
            assert_eq!(Reporter::channel(values).1.max_capacity(), room);
        }
    }

    #[test]
    fn what_happened_between_two_looks_is_the_difference() {
        let before = FlowTotals {
            records_truncated: 1,
            records_skipped: 2,
            records_refused: 3,
            bytes_lost: 4,
            ..FlowTotals::default()
        };
        let now = FlowTotals {
            records_truncated: 11,
            records_skipped: 22,
            records_refused: 33,
            bytes_lost: 44,
            ..FlowTotals::default()
        };
        let expected = ExtraReport {
            lag_bytes: 5,
            lag_seconds: 1.5,
            records_truncated: 10,
            records_skipped: 50,
            bytes_lost: 40,
        };
        assert_eq!(ExtraReport::between(&before, &now, (5, 1.5)), expected);
        let nothing = ExtraReport::between(&now, &before, (0, 0.0));
        assert_eq!(nothing, ExtraReport::default(), "counters do not run backwards");
    }
}
