//! When what was added up is sent, and what is said when that fails.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::time::Duration;

use metrics::{Counter, counter};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::aggregate::{Aggregator, Datum};
use super::{Content, Report};
use crate::log_throttle::{FailureLine, FailureLog};
use crate::metrics::name;
use crate::metrics::reason::ReportDropped;

/// Datums in one call. The service takes 1,000 and 1 MB; the Java agent sent 20. Calls cost
/// money, and 200 are a body of about 60 KB.
const CALL_DATUMS_MAX: usize = 200;

/// One call may take this long, the SDK's retries included.
const CALL_TIME_MAX: Duration = Duration::from_secs(20);

/// One `PutMetricData`; tests have their own.
pub(super) trait Sink: Clone + Send + 'static {
    fn put(&self, datums: &[Datum]) -> impl Future<Output = Result<(), String>> + Send;
}

/// What a flush came to.
#[derive(Debug, Default)]
struct Flushed {
    published: usize,
    lost: usize,
    /// Why the last call failed, if one did.
    error: Option<String>,
}

/// A flush under way.
type Flush = Pin<Box<dyn Future<Output = Flushed> + Send>>;

pub(super) struct Publisher<S> {
    sink: S,
    sums: Aggregator,
    failures: FailureLog,
    dropped: Counter,
}

impl<S: Sink> Publisher<S> {
    pub(super) fn new(sink: S) -> Self {
        let reason = ReportDropped::TooManyDestinations.label();
        let dropped = counter!(name::CLOUDWATCH_DROPPED, "reason" => reason);
        Self { sink, sums: Aggregator::default(), failures: FailureLog::default(), dropped }
    }

    /// Goes on taking reports while a flush is under way, however slow CloudWatch is.
    pub(super) async fn run(
        mut self,
        flush_interval: Duration,
        mut reports: mpsc::Receiver<Report>,
        shutdown: impl Future<Output = Duration>,
    ) {
        let mut shutdown = pin!(shutdown);
        let mut tick = interval_at(Instant::now() + flush_interval, flush_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flush: Option<Flush> = None;
        let time = loop {
            tokio::select! {
                time = &mut shutdown => break time,
                report = reports.recv() => match report {
                    Some(report) => self.add(&report),
                    None => break CALL_TIME_MAX,
                },
                _ = tick.tick(), if flush.is_none() => flush = self.start_flush(),
                outcome = finished(&mut flush) => {
                    flush = None;
                    self.note(&outcome);
                }
            }
        };
        while let Ok(report) = reports.try_recv() {
            self.add(&report);
        }
        let last = async {
            if flush.is_some() {
                let outcome = finished(&mut flush).await;
                self.note(&outcome);
            }
            if let Some(flush) = self.start_flush() {
                let outcome = flush.await;
                self.note(&outcome);
            }
        };
        if timeout(time, last).await.is_err() {
            tracing::warn!(name: "metrics_final_unpublished",
                "final metrics were not published to CloudWatch in time");
        }
    }

    fn add(&mut self, report: &Report) {
        let added = match &report.content {
            Content::Flow(flow) => self.sums.add_flow(&report.destination, flow),
            Content::Request(request) => self.sums.add(&report.destination, request),
        };
        if added.is_err() {
            self.dropped.increment(1);
        }
    }

    /// `None` if there is nothing to send.
    fn start_flush(&mut self) -> Option<Flush> {
        let datums = self.sums.drain();
        if datums.is_empty() {
            return None;
        }
        let sink = self.sink.clone();
        Some(Box::pin(async move {
            let mut flushed = Flushed::default();
            for chunk in datums.chunks(CALL_DATUMS_MAX) {
                let result = timeout(CALL_TIME_MAX, sink.put(chunk))
                    .await
                    .unwrap_or_else(|_| Err("no response".to_owned()));
                let label = if result.is_ok() { "ok" } else { "failed" };
                counter!(name::CLOUDWATCH_PUBLISHES, "result" => label).increment(1);
                match result {
                    Ok(()) => flushed.published += chunk.len(),
                    Err(error) => {
                        flushed.lost += chunk.len();
                        flushed.error = Some(error);
                    }
                }
            }
            flushed
        }))
    }

    fn note(&mut self, flushed: &Flushed) {
        let now = Instant::now().into_std();
        let Some(error) = &flushed.error else {
            tracing::debug!("Successfully published {} datums.", flushed.published);
            match self.failures.on_success(now) {
                Some(FailureLine::Recovered { failures, lasted, .. }) => {
                    let seconds = lasted.as_secs();
                    tracing::info!(name: "metrics_publish_recovered",
                        failures, seconds, "CloudWatch publishing recovered");
                }
                Some(FailureLine::Brief { outages, failures, over, .. }) => {
                    let seconds = over.as_secs();
                    tracing::warn!(
                        name: "metrics_publish_intermittent",
                        outages,
                        failures,
                        seconds,
                        "CloudWatch publishing failed intermittently; log delivery is not affected"
                    );
                }
                Some(FailureLine::First | FailureLine::Summary { .. }) | None => {}
            }
            return;
        };
        match self.failures.on_failure("PutMetricData", now) {
            Some(FailureLine::First) => tracing::warn!(
                name: "metrics_publish_failed",
                %error,
                "Could not publish {} datums to CloudWatch; dropped, log delivery is not affected",
                flushed.lost
            ),
            Some(FailureLine::Summary { failures, over, .. }) => {
                let seconds = over.as_secs();
                tracing::warn!(name: "metrics_publish_failing", %error, failures, seconds,
                    "CloudWatch publishing still failing; log delivery is not affected");
            }
            Some(FailureLine::Brief { .. } | FailureLine::Recovered { .. }) | None => {}
        }
    }
}

/// Waits for the flush under way, indefinitely if there is none.
async fn finished(flush: &mut Option<Flush>) -> Flushed {
    match flush {
        Some(flush) => flush.await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::super::aggregate::Metric;
    use super::super::{FlowReport, Reporter, RequestReport};
    use super::*;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);
    const OFTEN: Duration = Duration::from_millis(5);
    const QUEUE_VALUES: usize = 5 * 1_024;

    const REQUEST: RequestReport = RequestReport {
        records_attempted: 500,
        records_sent: 499,
        record_errors: 1,
        bytes_sent: 4_990,
        service_error: false,
    };

    type Call = (Vec<Datum>, oneshot::Sender<Result<(), String>>);

    /// Hands every call to the test and waits for its answer.
    #[derive(Clone)]
    struct Scripted(mpsc::Sender<Call>);

    impl Sink for Scripted {
        async fn put(&self, datums: &[Datum]) -> Result<(), String> {
            let (answer, answered) = oneshot::channel();
            self.0.send((datums.to_vec(), answer)).await.unwrap();
            answered.await.unwrap()
        }
    }

    async fn next(calls: &mut mpsc::Receiver<Call>) -> Call {
        timeout(PATIENCE, calls.recv()).await.unwrap().unwrap()
    }

    fn sum_of(datums: &[Datum], metric: Metric) -> f64 {
        datums.iter().filter(|d| d.metric == metric).map(|d| d.statistics.sum).sum()
    }

    #[tokio::test]
    async fn a_slow_cloudwatch_blocks_nothing_and_what_waited_comes_with_the_next_flush() {
        let (sink, mut calls) = mpsc::channel(1);
        let (reporter, inbox) = Reporter::channel(QUEUE_VALUES);
        let stream: Arc<str> = "KinesisStream:s".into();
        let publisher = Publisher::new(Scripted(sink)).run(OFTEN, inbox, pending());
        let script = async {
            reporter.report(&stream, REQUEST);
            let (first, slow) = next(&mut calls).await;
            assert!((sum_of(&first, Metric::RecordsSent) - 499.0).abs() < 0.1);
            for _ in 0..3 * 1_024 {
                reporter.report(&stream, REQUEST);
                tokio::task::yield_now().await;
            }
            slow.send(Err("throttled".to_owned())).unwrap();
            let mut attempts = 0.0;
            while attempts < 500.0 * 3.0 * 1_024.0 - 0.5 {
                let (datums, answer) = next(&mut calls).await;
                attempts += sum_of(&datums, Metric::RecordSendAttempts);
                answer.send(Ok(())).unwrap();
            }
            drop(reporter);
        };
        timeout(PATIENCE, async { tokio::join!(publisher, script) }).await.unwrap();
    }

    #[tokio::test]
    async fn the_shutdown_publishes_what_is_left() {
        let (sink, mut calls) = mpsc::channel(1);
        let (reporter, inbox) = Reporter::channel(QUEUE_VALUES);
        reporter.report(&"DeliveryStream:d".into(), REQUEST);
        reporter.report_flow(&"DeliveryStream:d".into(), FlowReport::default());
        let shutdown = std::future::ready(PATIENCE);
        let publisher = Publisher::new(Scripted(sink)).run(PATIENCE, inbox, shutdown);
        let script = async {
            let (datums, answer) = next(&mut calls).await;
            assert_eq!(datums.len(), 6);
            answer.send(Ok(())).unwrap();
        };
        tokio::join!(publisher, script);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_flush_keeps_to_its_time() {
        let (sink, mut calls) = mpsc::channel(1);
        let (reporter, inbox) = Reporter::channel(QUEUE_VALUES);
        reporter.report(&"DeliveryStream:d".into(), REQUEST);
        let shutdown = std::future::ready(Duration::from_millis(500));
        let start = Instant::now();
        let publisher = Publisher::new(Scripted(sink)).run(PATIENCE, inbox, shutdown);
        // The call is never answered.
        let ((), call) = tokio::join!(publisher, calls.recv());
        assert!(call.is_some());
        assert_eq!(start.elapsed(), Duration::from_millis(500));
    }

    #[tokio::test]
    async fn many_datums_go_in_several_calls() {
        let (sink, mut calls) = mpsc::channel(1);
        let (reporter, inbox) = Reporter::channel(QUEUE_VALUES);
        for number in 0..90 {
            reporter.report(&format!("KinesisStream:{number}").into(), REQUEST);
        }
        drop(reporter);
        let publisher = Publisher::new(Scripted(sink)).run(PATIENCE, inbox, pending());
        let script = async {
            let mut sizes = Vec::new();
            for answer in ["one fails", "", ""] {
                let (datums, reply) = next(&mut calls).await;
                sizes.push(datums.len());
                let answer = if answer.is_empty() { Ok(()) } else { Err(answer.to_owned()) };
                reply.send(answer).unwrap();
            }
            assert_eq!(sizes, vec![200, 200, 50]);
        };
        tokio::join!(publisher, script);
    }
}
