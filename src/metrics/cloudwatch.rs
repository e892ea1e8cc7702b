//! The Java agent's CloudWatch metrics, under the same names, dimensions and units, so that
//! dashboards and alarms made for it go on working.
//!
//! Nothing here can slow a flow: reports go into a bounded queue or are dropped and counted,
//! what CloudWatch does not take is dropped and counted, and memory stays below 1 MiB.
//! `ConsecutiveProcessingErrors` is not sent: it counts a state that kinetail does not have.

mod aggregate;

use std::error::Error;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use metrics::{Counter, counter};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use self::aggregate::{Aggregator, Datum, Metric};
use super::name;

/// Reports that may wait: two seconds of 500 requests a second, at 64 bytes each.
const QUEUE_REPORTS_MAX: usize = 1_024;

/// Datums in one call. The service takes 1,000 and 1 MB; the Java agent sent 20. Calls cost
/// money, and 200 are a body of about 60 KB.
const CALL_DATUMS_MAX: usize = 200;

/// One call may take this long, the SDK's retries included.
const CALL_TIME_MAX: Duration = Duration::from_secs(20);

/// The last flush may hold the end of the program up this long.
const LAST_FLUSH_TIME_MAX: Duration = Duration::from_secs(3);

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

/// A [`RequestReport`] on its way to the publisher.
#[derive(Debug)]
pub struct Report {
    destination: Arc<str>,
    request: RequestReport,
}

/// Where senders leave their reports. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reporter {
    reports: mpsc::Sender<Report>,
    dropped: Counter,
}

impl Reporter {
    /// A reporter and the other end, for [`run`].
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Report>) {
        let (reports, inbox) = mpsc::channel(QUEUE_REPORTS_MAX);
        let dropped = counter!(name::CLOUDWATCH_DROPPED, "reason" => "queue_full");
        (Self { reports, dropped }, inbox)
    }

    /// Leaves a report for `KinesisStream:<name>` or `DeliveryStream:<name>`. Never waits.
    pub fn report(&self, destination: &Arc<str>, request: RequestReport) {
        let report = Report { destination: Arc::clone(destination), request };
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
    /// The value of the dimension `Instance`, if metrics are told apart by instance.
    pub instance: Option<String>,
}

/// Adds up and publishes until `shutdown` is ready or every [`Reporter`] is gone; then publishes
/// what is left, within three seconds.
pub async fn run(
    client: Client,
    options: PublisherOptions,
    reports: mpsc::Receiver<Report>,
    shutdown: impl Future<Output = ()>,
) {
    let flush_interval = options.flush_interval;
    let publisher = Publisher::new(CloudWatch { client, options: options.into() });
    publisher.run(flush_interval, reports, shutdown).await;
}

/// One `PutMetricData`; tests have their own.
trait Sink: Clone + Send + 'static {
    fn put(&self, datums: &[Datum]) -> impl Future<Output = Result<(), String>> + Send;
}

/// A flush under way; it ends with the last error, if there was one.
type Flush = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

struct Publisher<S> {
    sink: S,
    sums: Aggregator,
    failing: bool,
    dropped: Counter,
}

impl<S: Sink> Publisher<S> {
    fn new(sink: S) -> Self {
        let dropped = counter!(name::CLOUDWATCH_DROPPED, "reason" => "too_many_destinations");
        Self { sink, sums: Aggregator::default(), failing: false, dropped }
    }

    /// Goes on taking reports while a flush is under way, however slow CloudWatch is.
    async fn run(
        mut self,
        flush_interval: Duration,
        mut reports: mpsc::Receiver<Report>,
        shutdown: impl Future<Output = ()>,
    ) {
        let mut shutdown = pin!(shutdown);
        let mut tick = interval_at(Instant::now() + flush_interval, flush_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flush: Option<Flush> = None;
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                report = reports.recv() => match report {
                    Some(report) => self.add(&report),
                    None => break,
                },
                _ = tick.tick(), if flush.is_none() => flush = self.start_flush(),
                outcome = finished(&mut flush) => {
                    flush = None;
                    self.note(outcome);
                }
            }
        }
        while let Ok(report) = reports.try_recv() {
            self.add(&report);
        }
        let last = async {
            if flush.is_some() {
                let outcome = finished(&mut flush).await;
                self.note(outcome);
            }
            if let Some(flush) = self.start_flush() {
                let outcome = flush.await;
                self.note(outcome);
            }
        };
        if timeout(LAST_FLUSH_TIME_MAX, last).await.is_err() {
            tracing::warn!("CloudWatch did not take the last metrics in time");
        }
    }

    fn add(&mut self, report: &Report) {
        if self.sums.add(&report.destination, &report.request).is_err() {
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
            let mut outcome = Ok(());
            for chunk in datums.chunks(CALL_DATUMS_MAX) {
                let result = timeout(CALL_TIME_MAX, sink.put(chunk))
                    .await
                    .unwrap_or_else(|_| Err("it does not answer".to_owned()));
                let label = if result.is_ok() { "ok" } else { "failed" };
                counter!(name::CLOUDWATCH_PUBLISHES, "result" => label).increment(1);
                outcome = outcome.and(result);
            }
            outcome
        }))
    }

    /// One log line a change of state.
    fn note(&mut self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) if self.failing => {
                tracing::info!("CloudWatch takes metrics again");
                self.failing = false;
            }
            Err(error) if !self.failing => {
                tracing::warn!(
                    %error,
                    "CloudWatch does not take metrics; they are dropped, log data is not affected"
                );
                self.failing = true;
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Waits for the flush under way, for ever if there is none.
async fn finished(flush: &mut Option<Flush>) -> Result<(), String> {
    match flush {
        Some(flush) => flush.await,
        None => pending().await,
    }
}

/// The real thing.
#[derive(Debug, Clone)]
struct CloudWatch {
    client: Client,
    options: Arc<PublisherOptions>,
}

impl Sink for CloudWatch {
    async fn put(&self, datums: &[Datum]) -> Result<(), String> {
        let datums = datums.iter().map(|datum| self.metric_datum(datum)).collect();
        let call = self
            .client
            .put_metric_data()
            .namespace(&self.options.namespace)
            .set_metric_data(Some(datums))
            .send();
        // The SDK's future is large; it lives on the heap and not in ours.
        Box::pin(call).await.map(drop).map_err(|error| chain(&error))
    }
}

impl CloudWatch {
    /// Without a timestamp, as the Java agent sent it: CloudWatch takes the time of arrival.
    fn metric_datum(&self, datum: &Datum) -> MetricDatum {
        let unit = match datum.metric {
            Metric::BytesSent => StandardUnit::Bytes,
            Metric::RecordSendAttempts
            | Metric::RecordSendErrors
            | Metric::RecordsSent
            | Metric::ServiceErrors => StandardUnit::Count,
        };
        let statistics = StatisticSet::builder()
            .sample_count(datum.statistics.count)
            .sum(datum.statistics.sum)
            .minimum(datum.statistics.minimum)
            .maximum(datum.statistics.maximum)
            .build();
        let instance = self.options.instance.as_ref().map(|id| dimension("Instance", id));
        let mut dimensions = vec![dimension("Destination", &datum.destination)];
        dimensions.extend(instance);
        MetricDatum::builder()
            .metric_name(datum.metric.name())
            .set_dimensions(Some(dimensions))
            .unit(unit)
            .statistic_values(statistics)
            .build()
    }
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

/// The SDK's errors say what happened only in their sources.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        below = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Credentials, Region};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;
    use crate::metrics::prometheus::Prometheus;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);
    const OFTEN: Duration = Duration::from_millis(5);

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
    async fn a_slow_cloudwatch_holds_nobody_up_and_what_waited_comes_with_the_next_flush() {
        let (sink, mut calls) = mpsc::channel(1);
        let (reporter, inbox) = Reporter::channel();
        let stream: Arc<str> = "KinesisStream:s".into();
        let publisher = Publisher::new(Scripted(sink)).run(OFTEN, inbox, pending());
        let script = async {
            reporter.report(&stream, REQUEST);
            let (first, slow) = next(&mut calls).await;
            assert!((sum_of(&first, Metric::RecordsSent) - 499.0).abs() < 0.1);
            for _ in 0..3 * QUEUE_REPORTS_MAX {
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
    async fn a_full_queue_drops_and_counts() {
        let (prometheus, recorder) = Prometheus::detached();
        let (reporter, inbox) = metrics::with_local_recorder(&recorder, Reporter::channel);
        for _ in 0..QUEUE_REPORTS_MAX + 7 {
            reporter.report(&"KinesisStream:s".into(), REQUEST);
        }
        drop(inbox);
        reporter.report(&"KinesisStream:s".into(), REQUEST);
        let line = "kinetail_cloudwatch_reports_dropped_total{reason=\"queue_full\"} 8";
        let text = prometheus.render();
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[tokio::test]
    async fn the_shutdown_publishes_what_is_left() {
        let (sink, mut calls) = mpsc::channel(1);
        let (reporter, inbox) = Reporter::channel();
        reporter.report(&"DeliveryStream:d".into(), REQUEST);
        let shutdown = std::future::ready(());
        let publisher = Publisher::new(Scripted(sink)).run(PATIENCE, inbox, shutdown);
        let script = async {
            let (datums, answer) = next(&mut calls).await;
            assert_eq!(datums.len(), 5);
            answer.send(Ok(())).unwrap();
        };
        tokio::join!(publisher, script);
    }

    #[tokio::test]
    async fn many_datums_go_in_several_calls() {
        let (sink, mut calls) = mpsc::channel(1);
        let (reporter, inbox) = Reporter::channel();
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

    /// Reads one HTTP request and gives this answer; returns the request.
    async fn serve_once(listener: TcpListener, status: &str) -> Vec<u8> {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            stream.read_buf(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request).to_lowercase();
            let Some(head_end) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let length: usize = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap();
            if request.len() >= head_end + 4 + length {
                break;
            }
        }
        let answer = format!(
            "HTTP/1.1 {status}\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-type: \
             application/cbor\r\ncontent-length: 1\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.write_all(b"\xa0").await.unwrap();
        request
    }

    async fn put_over_http(status: &str) -> (Result<(), String>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKID", "SECRET", None, None, "test"))
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        let options = PublisherOptions {
            namespace: "AWSKinesisAgent".to_owned(),
            flush_interval: OFTEN,
            instance: Some("i-0123".to_owned()),
        };
        let sink = CloudWatch { client: Client::from_conf(config), options: options.into() };
        let mut sums = Aggregator::default();
        sums.add(&"KinesisStream:orders".into(), &REQUEST).unwrap();
        let datums = sums.drain();
        let both = async { tokio::join!(sink.put(&datums), serve_once(listener, status)) };
        timeout(PATIENCE, both).await.unwrap()
    }

    #[tokio::test]
    async fn the_service_gets_the_java_agents_names_and_dimensions() {
        let (result, request) = put_over_http("200 OK").await;
        result.unwrap();
        let text = String::from_utf8_lossy(&request);
        for word in [
            "PutMetricData",
            "AWSKinesisAgent",
            "RecordSendAttempts",
            "ServiceErrors",
            "RecordsSent",
            "RecordSendErrors",
            "BytesSent",
            "Destination",
            "KinesisStream:orders",
            "Instance",
            "i-0123",
            "SampleCount",
            "Bytes",
            "Count",
        ] {
            assert!(text.contains(word), "{word} is not in the request: {text}");
        }
        assert!(!text.contains("Timestamp"), "CloudWatch takes the time of arrival");
    }

    #[tokio::test]
    async fn an_error_says_what_happened_and_no_secret() {
        let (result, _) = put_over_http("500 Internal Server Error").await;
        let error = result.unwrap_err();
        assert!(error.contains("service error"), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}
