//! Tests of the sender with a scripted service and a clock that only the test moves.

mod log_lines;
mod paused;

use std::collections::VecDeque;

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::batch::body::{Body, Envelope};
use crate::send::Outcome;
use crate::send::response::FailedEntry;
use crate::send::transport::{CredentialFault, Payload};

/// What the service does with one request.
#[derive(Clone, Copy)]
enum Step {
    /// Fails the records at these places.
    PutResponse(&'static [usize]),
    Error(u16, &'static str),
    Hang,
    MissingCredentials,
    UnavailableCredentials,
    /// Takes everything, after this time.
    Slow(Duration),
    Wish(Duration),
}

/// A service that follows a script and, at its end, takes everything. It notes when each request
/// came and what was in it.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Step>>,
    requests: Mutex<Vec<(Duration, Vec<String>)>>,
    in_flight: Mutex<(usize, usize)>,
    start: Option<Instant>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Step>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { script, start: Some(Instant::now()), ..Self::default() })
    }

    /// Seconds from the start to each request.
    fn seconds(&self) -> Vec<u64> {
        let requests = self.requests.lock();
        requests.iter().map(|(at, _)| at.as_secs()).collect()
    }

    fn contents(&self) -> Vec<Vec<String>> {
        let requests = self.requests.lock();
        requests.iter().map(|(_, records)| records.clone()).collect()
    }
}

fn service_error(status: u16, code: &str, retry_after: Option<Duration>) -> CallError {
    CallError::Service { status, code: code.to_owned(), message: "words".to_owned(), retry_after }
}

impl Transport for Arc<Scripted> {
    async fn put(&self, body: Payload, records: usize) -> Result<PutResponse, CallError> {
        let body: Value = serde_json::from_slice(&body.bytes).expect("JSON");
        let data = |record: &Value| {
            let data = record["Data"].as_str().expect("data");
            let bytes = base64_simd::STANDARD.decode_to_vec(data).expect("base64");
            String::from_utf8(bytes).expect("text")
        };
        let contents: Vec<String> =
            body["Records"].as_array().expect("records").iter().map(data).collect();
        assert_eq!(contents.len(), records);
        let at = self.start.map_or(Duration::ZERO, |start| start.elapsed());
        self.requests.lock().push((at, contents));
        {
            let mut in_flight = self.in_flight.lock();
            in_flight.0 += 1;
            in_flight.1 = in_flight.1.max(in_flight.0);
        }
        let step = self.script.lock().pop_front();
        let result = match step.unwrap_or(Step::PutResponse(&[])) {
            Step::PutResponse(places) => {
                let entry = |place: &usize| FailedEntry {
                    index: *place,
                    code: "ProvisionedThroughputExceededException".to_owned(),
                    message: String::new(),
                };
                Ok(PutResponse {
                    failed: places.iter().map(entry).collect(),
                    ..PutResponse::default()
                })
            }
            Step::Error(status, code) => Err(service_error(status, code, None)),
            Step::Hang => std::future::pending().await,
            Step::MissingCredentials => Err(CallError::Credentials {
                fault: CredentialFault::Missing,
                reason: "none".to_owned(),
            }),
            Step::UnavailableCredentials => Err(CallError::Credentials {
                fault: CredentialFault::Unavailable,
                reason: "down".to_owned(),
            }),
            Step::Slow(time) => {
                sleep(time).await;
                Ok(PutResponse::default())
            }
            Step::Wish(time) => Err(service_error(503, "SlowDown", Some(time))),
        };
        self.in_flight.lock().0 -= 1;
        result
    }
}

fn submission(batch: u64, records: &[&str]) -> Submission {
    let mut body = Body::new(&Envelope::kinesis("s"));
    for record in records {
        body.push(record.as_bytes(), "k");
    }
    Submission { batch, body }
}

#[derive(Debug, Default)]
struct Reports(Mutex<Vec<RequestReport>>);

impl Observer for Reports {
    fn on_request(&self, report: RequestReport) {
        self.0.lock().push(report);
    }
}

struct Run {
    outcomes: Vec<Outcome>,
    health: Vec<DestinationHealth>,
    reports: Vec<RequestReport>,
    given_up: Vec<u64>,
}

/// Sends these batches and waits for the end.
async fn run_all(transport: &Arc<Scripted>, submissions: Vec<Submission>, window: usize) -> Run {
    run_until(transport, submissions, window, CancellationToken::new()).await
}

/// The same with a flow that stops.
async fn run_until(
    transport: &Arc<Scripted>,
    submissions: Vec<Submission>,
    window: usize,
    stopping: CancellationToken,
) -> Run {
    let (sender, receiver) = mpsc::channel(submissions.len().max(1));
    for submission in submissions {
        sender.send(submission).await.expect("there is room");
    }
    drop(sender);
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let reports = Arc::new(Reports::default());
    let config = SenderConfig {
        flow: "kinesis:s:/var/log/*.log".to_owned(),
        retry: RetryConfig { initial: Duration::from_millis(100), max: Duration::from_secs(10) },
        max_in_flight: window,
        caps: Caps::default(),
        facts: None,
        seed: 1,
        metrics: FlowMetrics::new("f"),
        observer: Arc::<Reports>::clone(&reports),
        stopping,
    };
    let emit = move |event| sink.lock().push(event);
    run(Arc::clone(transport), receiver, Arc::new(emit), config).await;
    let mut run =
        Run { outcomes: Vec::new(), health: Vec::new(), reports: Vec::new(), given_up: Vec::new() };
    for event in events.lock().drain(..) {
        match event {
            SenderEvent::GivenUp(batch) => run.given_up.push(batch),
            SenderEvent::Health(health) => run.health.push(health),
            SenderEvent::Outcome(outcome) => run.outcomes.push(outcome),
        }
    }
    run.reports.append(&mut reports.0.lock());
    run
}

fn reason(code: &str) -> String {
    format!("{code}: words")
}

#[test]
fn a_sender_can_be_spawned() {
    fn spawnable<F: Future + Send>(make: impl FnOnce(Arc<Scripted>) -> F) {
        drop(make);
    }
    spawnable(|transport| async move { run_all(&transport, Vec::new(), 1).await });
}

#[tokio::test(start_paused = true)]
async fn each_batch_has_one_outcome() {
    let transport = Scripted::new([]);
    let batches = vec![submission(1, &["a", "b"]), submission(2, &["c"])];
    let run = run_all(&transport, batches, 1).await;
    let told: Vec<(u64, usize)> =
        run.outcomes.iter().map(|outcome| (outcome.batch, outcome.records_delivered)).collect();
    assert_eq!(told, [(1, 2), (2, 1)]);
    assert_eq!(transport.contents(), [vec!["a", "b"], vec!["c"]]);
    assert!(run.health.is_empty(), "{:?}", run.health);
}

#[tokio::test(start_paused = true)]
async fn failed_records_alone_are_sent_again() {
    let transport = Scripted::new([Step::PutResponse(&[0, 2]), Step::PutResponse(&[1])]);
    let run = run_all(&transport, vec![submission(1, &["a", "b", "c"])], 1).await;
    assert_eq!(transport.contents(), [vec!["a", "b", "c"], vec!["a", "c"], vec!["c"]]);
    let outcome = &run.outcomes[0];
    assert_eq!((outcome.records_delivered, outcome.attempts), (3, 3));
    assert!(outcome.throttled && !outcome.maybe_duplicated && !outcome.pushed_back);
    let report = |attempted, sent, errors| RequestReport {
        records_attempted: attempted,
        records_sent: sent,
        record_errors: errors,
        bytes_sent: sent,
        service_error: false,
    };
    assert_eq!(run.reports, [report(3, 1, 2), report(2, 1, 1), report(1, 1, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_given_up_and_made_again() {
    let transport = Scripted::new([Step::Hang]);
    let run = run_all(&transport, vec![submission(1, &["a"])], 1).await;
    let outcome = &run.outcomes[0];
    assert!(outcome.maybe_duplicated && outcome.pushed_back);
    assert!(outcome.took >= CALL_DEADLINE && outcome.took < Duration::from_secs(36));
    assert_eq!(transport.seconds(), [0, 35]);
}

#[tokio::test(start_paused = true)]
async fn whole_failures_are_retried_indefinitely_with_growing_delays() {
    let transport = Scripted::new((0..200).map(|_| Step::Error(500, "InternalFailure")));
    let run = run_all(&transport, vec![submission(1, &["a"])], 1).await;
    assert_eq!((run.outcomes[0].attempts, run.outcomes[0].records_delivered), (201, 1));
    let seconds = transport.seconds();
    let (first, last) = (seconds[5], seconds[200] - seconds[190]);
    assert!(first < 4 && (20..100).contains(&last), "{first} {last}");
    assert_eq!(
        run.health,
        [DestinationHealth::Retrying { reason: reason("InternalFailure") }, DestinationHealth::Ok]
    );
    assert!(run.reports.iter().take(200).all(|report| report.service_error));
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_is_rejected_and_its_neighbours_are_not() {
    let poison = || Step::Error(400, "ValidationException");
    // The whole, its first half, then the first record of it; the rest is taken.
    let transport = Scripted::new([poison(), poison(), poison()]);
    let run = run_all(&transport, vec![submission(1, &["a", "b", "c", "d"])], 1).await;
    let outcome = &run.outcomes[0];
    assert_eq!(outcome.records_delivered, 3);
    assert_eq!((outcome.rejected.len(), outcome.rejected[0].index), (1, 0));
    assert_eq!(outcome.rejected[0].message, "words");
    assert_eq!(transport.seconds(), [0; 5], "it is not awaited");
}

/// A proxy in between refuses requests for their size, now and then or always.
#[tokio::test(start_paused = true)]
async fn a_small_record_is_never_given_up_for_its_size() {
    let too_large = || Step::Error(413, "Http413");
    let transport = Scripted::new([too_large(), too_large()]);
    let run = run_all(&transport, vec![submission(1, &["a", "b"])], 1).await;
    assert_eq!((run.outcomes[0].records_delivered, run.outcomes[0].rejected.len()), (2, 0));
    // One that is large enough is taken at its word.
    let large = "x".repeat(20_000);
    let transport = Scripted::new([too_large(), too_large()]);
    let run = run_all(&transport, vec![submission(1, &[&large, "b"])], 1).await;
    assert_eq!((run.outcomes[0].records_delivered, run.outcomes[0].rejected.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_services_wish_is_obeyed() {
    let transport = Scripted::new([Step::Wish(Duration::from_secs(3))]);
    run_all(&transport, vec![submission(1, &["a"])], 1).await;
    assert_eq!(transport.seconds(), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_services_wish_goes_for_every_batch_of_the_flow() {
    let transport = Scripted::new([Step::Wish(Duration::from_secs(3))]);
    let batches = (1..=3).map(|batch| submission(batch, &["a"])).collect();
    let run = run_all(&transport, batches, 2).await;
    assert_eq!(run.outcomes.len(), 3);
    assert_eq!(transport.seconds(), [0, 3, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn no_more_batches_are_in_flight_than_allowed_and_none_waits_for_a_slow_one() {
    let slow = Step::Slow(Duration::from_secs(20));
    let quick = (0..4).map(|_| Step::Slow(Duration::from_secs(1)));
    let transport = Scripted::new(std::iter::once(slow).chain(quick));
    let batches = (1..=5).map(|batch| submission(batch, &["a"])).collect();
    let run = run_all(&transport, batches, 2).await;
    assert_eq!(transport.in_flight.lock().1, 2);
    let order: Vec<u64> = run.outcomes.iter().map(|outcome| outcome.batch).collect();
    assert_eq!(order, [2, 3, 4, 5, 1]);
    assert_eq!(transport.seconds(), [0, 0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_sender_stops_it_at_once() {
    let transport = Scripted::new([Step::Hang]);
    let running = run_all(&transport, vec![submission(1, &["a"]), submission(2, &["b"])], 1);
    assert!(timeout(Duration::from_secs(10), running).await.is_err());
    sleep(Duration::from_mins(10)).await;
    assert_eq!(transport.contents(), [vec!["a"]]);
}

#[tokio::test(start_paused = true)]
async fn requests_retries_and_possible_duplicates_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let guard = metrics::set_default_local_recorder(&recorder);
    let lost = || Step::Error(500, "InternalFailure");
    let nothing_sent = [Step::MissingCredentials, Step::Error(418, "Teapot")];
    let script = [lost(), lost(), lost()].into_iter().chain(nothing_sent);
    let script = script.chain([Step::PutResponse(&[0])]);
    run_all(&Scripted::new(script), vec![submission(1, &["a", "b"])], 1).await;
    drop(guard);
    let rendered = handle.render();
    for line in [
        "kinetail_records_maybe_duplicated_total{flow=\"f\"} 2",
        "kinetail_records_retried_total{flow=\"f\"} 11",
        "kinetail_requests_total{flow=\"f\",outcome=\"InternalFailure\"} 3",
        "kinetail_requests_total{flow=\"f\",outcome=\"other\"} 1",
        "kinetail_requests_total{flow=\"f\",outcome=\"partial\"} 1",
        "kinetail_requests_total{flow=\"f\",outcome=\"ok\"} 1",
        "kinetail_destination_paused{flow=\"f\"} 0",
    ] {
        assert!(rendered.contains(line), "{line} is not in\n{rendered}");
    }
}
