//! Tests of the sender with a scripted service and a clock that only the test moves.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Once;

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::batch::body::{Body, Envelope};
use crate::send::Outcome;
use crate::send::classify::SHORT_PROBE;
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
        let requests = self.requests.lock().expect("no panic");
        requests.iter().map(|(at, _)| at.as_secs()).collect()
    }

    fn contents(&self) -> Vec<Vec<String>> {
        let requests = self.requests.lock().expect("no panic");
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
        self.requests.lock().expect("no panic").push((at, contents));
        {
            let mut in_flight = self.in_flight.lock().expect("no panic");
            in_flight.0 += 1;
            in_flight.1 = in_flight.1.max(in_flight.0);
        }
        let step = self.script.lock().expect("no panic").pop_front();
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
        self.in_flight.lock().expect("no panic").0 -= 1;
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

#[derive(Default)]
struct Reports(Mutex<Vec<RequestReport>>);

impl Observer for Reports {
    fn on_request(&self, report: RequestReport) {
        self.0.lock().expect("no panic").push(report);
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
    let emit = move |event| sink.lock().expect("no panic").push(event);
    run(Arc::clone(transport), receiver, Arc::new(emit), config).await;
    let mut run =
        Run { outcomes: Vec::new(), health: Vec::new(), reports: Vec::new(), given_up: Vec::new() };
    for event in events.lock().expect("no panic").drain(..) {
        match event {
            SenderEvent::GivenUp(batch) => run.given_up.push(batch),
            SenderEvent::Health(health) => run.health.push(health),
            SenderEvent::Outcome(outcome) => run.outcomes.push(outcome),
        }
    }
    run.reports.append(&mut reports.0.lock().expect("no panic"));
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
async fn a_paused_destination_is_probed_by_one_request_a_minute() {
    let transport = Scripted::new((0..5).map(|_| Step::Error(400, "AccessDeniedException")));
    let batches = (1..=3).map(|batch| submission(batch, &["a"])).collect();
    let run = run_all(&transport, batches, 3).await;
    assert_eq!(transport.seconds(), [0, 60, 120, 180, 240, 300, 300, 300]);
    let paused = DestinationHealth::Paused { reason: reason("AccessDeniedException") };
    assert_eq!(run.health, [paused, DestinationHealth::Ok]);
    assert!(run.outcomes.iter().all(|outcome| outcome.records_delivered == 1));
}

/// Keys that end, keys that are taken away, a clock that is wrong, and a source of credentials that
/// is down for ten minutes: in the end each record is there once.
#[tokio::test(start_paused = true)]
async fn f59_credentials_that_are_good_again_are_found_within_five_seconds() {
    let refused = [
        "ExpiredTokenException",
        "InvalidSignatureException",
        "RequestExpired",
        "UnrecognizedClientException",
    ];
    let refused = refused.map(|code| (Step::Error(400, code), code, "words", 3));
    let missing = (Step::MissingCredentials, "Credentials", "no credentials: none", 0);
    let down = (Step::UnavailableCredentials, "Credentials", "no credentials: down", 3);
    let outage = Duration::from_mins(10);
    let probes = usize::try_from(outage.as_secs() / SHORT_PROBE.as_secs()).expect("few");
    for (step, code, words, patience) in refused.into_iter().chain([missing, down]) {
        let failures = std::iter::repeat_n(step, probes + patience);
        let transport = Scripted::new(failures);
        let batches = (1..=3).map(|batch| submission(batch, &["a", "b"])).collect();
        let run = run_all(&transport, batches, 3).await;
        // A few attempts of all batches, then one probe each five seconds, and all of it at once.
        let seconds = transport.seconds();
        let last = seconds[seconds.len() - 1];
        assert_eq!(seconds[seconds.len() - 3..], [last; 3], "{code}");
        let single = &seconds[patience + 3..seconds.len() - 2];
        assert!(single.windows(2).all(|two| two[1] - two[0] == 5), "{code}: {seconds:?}");
        assert!(last <= outage.as_secs() + SHORT_PROBE.as_secs(), "{code}: {last}");
        let paused = DestinationHealth::Paused { reason: format!("{code}: {words}") };
        assert!(run.health.contains(&paused), "{code}: {:?}", run.health);
        assert_eq!(run.health.last(), Some(&DestinationHealth::Ok), "{code}");
        // Nothing is lost, nothing is there twice, and no message says that it might be.
        for outcome in &run.outcomes {
            assert_eq!((outcome.records_delivered, outcome.rejected.len()), (2, 0), "{code}");
            assert!(!outcome.maybe_duplicated, "{code}");
        }
        let batches: BTreeSet<u64> = run.outcomes.iter().map(|outcome| outcome.batch).collect();
        assert_eq!((batches.len(), run.outcomes.len()), (3, 3), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn f60_what_a_person_has_to_fix_is_probed_each_minute_and_loses_nothing() {
    for code in [
        "ResourceNotFoundException",
        "AccessDeniedException",
        "KMSDisabledException",
        "KMSAccessDeniedException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
    ] {
        let transport = Scripted::new((0..3).map(|_| Step::Error(400, code)));
        let batches = (1..=2).map(|batch| submission(batch, &["a", "b"])).collect();
        let run = run_all(&transport, batches, 2).await;
        assert_eq!(transport.seconds(), [0, 60, 120, 180, 180], "{code}");
        let paused = DestinationHealth::Paused { reason: reason(code) };
        assert_eq!(run.health, [paused, DestinationHealth::Ok], "{code}");
        let delivered = run.outcomes.iter().map(|outcome| outcome.records_delivered);
        assert_eq!(delivered.collect::<Vec<_>>(), [2, 2], "{code}");
        assert!(run.outcomes.iter().all(|outcome| outcome.rejected.is_empty()), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_in_flight_before_can_open_a_paused_destination() {
    let slow = Step::Slow(Duration::from_secs(1));
    let transport = Scripted::new([slow, Step::Error(400, "ResourceNotFoundException")]);
    let batches = (1..=3).map(|batch| submission(batch, &["a"])).collect();
    let run = run_all(&transport, batches, 3).await;
    assert_eq!(transport.seconds(), [0, 0, 1, 1]);
    assert_eq!(run.outcomes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_looked_for_often() {
    let transport = Scripted::new((0..3).map(|_| Step::MissingCredentials));
    run_all(&transport, vec![submission(1, &["a"])], 1).await;
    let probe = SHORT_PROBE.as_secs();
    assert_eq!(transport.seconds(), [0, probe, 2 * probe, 3 * probe]);
}

#[tokio::test(start_paused = true)]
async fn probes_do_not_wait_for_the_backoff_as_well() {
    let failures = (0..20).map(|_| Step::Error(500, "InternalFailure"));
    let missing = (0..20).map(|_| Step::MissingCredentials);
    let transport = Scripted::new(failures.chain(missing));
    run_all(&transport, vec![submission(1, &["a"])], 1).await;
    let seconds = transport.seconds();
    assert_eq!(seconds[40] - seconds[20], 20 * SHORT_PROBE.as_secs());
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
async fn a_destination_that_refuses_every_record_is_paused() {
    let transport = Scripted::new((0..5).map(|_| Step::Error(400, "InvalidArgumentException")));
    let run = run_all(&transport, vec![submission(1, &["a", "b"])], 1).await;
    let outcome = &run.outcomes[0];
    assert_eq!((outcome.records_delivered, outcome.rejected.len()), (2, 0));
    assert_eq!(transport.seconds(), [0, 0, 0, 60, 120, 180, 180]);
    let paused = DestinationHealth::Paused { reason: reason("InvalidArgumentException") };
    assert_eq!(run.health, [paused, DestinationHealth::Ok]);
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
    assert_eq!(transport.in_flight.lock().expect("no panic").1, 2);
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

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_destination_that_is_paused() {
    let denied = || Step::Error(400, "AccessDeniedException");
    let transport = Scripted::new((0..1_000).map(|_| denied()));
    let stopping = CancellationToken::new();
    let batches = vec![submission(1, &["a"]), submission(2, &["b"])];
    let stop_later = async {
        sleep(Duration::from_secs(90)).await;
        stopping.cancel();
    };
    let start = Instant::now();
    let (run, ()) = tokio::join!(run_until(&transport, batches, 2, stopping.clone()), stop_later);
    assert_eq!(start.elapsed(), Duration::from_secs(90), "it ended at once");
    let mut given_up = run.given_up;
    given_up.sort_unstable();
    assert_eq!((given_up, run.outcomes.len()), (vec![1, 2], 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_probe_that_is_under_way() {
    let denied = || Step::Error(400, "AccessDeniedException");
    // The probe after a minute gets through, slowly.
    let transport = Scripted::new([denied(), Step::Slow(Duration::from_secs(5))]);
    let stopping = CancellationToken::new();
    let batches = vec![submission(1, &["a"]), submission(2, &["b"])];
    let stop_later = async {
        sleep(Duration::from_secs(62)).await;
        stopping.cancel();
    };
    let (run, ()) = tokio::join!(run_until(&transport, batches, 2, stopping.clone()), stop_later);
    assert_eq!((run.given_up.len(), run.outcomes.len()), (0, 2));
    assert_eq!(run.health.last(), Some(&DestinationHealth::Ok));
}

thread_local! {
    /// What this thread logs, while a test captures it.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Hears what the thread logs that it is used on.
///
/// One subscriber for all threads, because a place that is met for the first time on a thread
/// without one, in a test alongside this one, would stay mute for all others too.
struct Listener;

impl Listener {
    fn start() {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            let log = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Self).finish();
            tracing::subscriber::set_global_default(log).expect("it is set once");
        });
        tracing::callsite::rebuild_interest_cache();
        LOG.set(Some(Vec::new()));
    }

    fn stop() -> String {
        String::from_utf8(LOG.take().expect("it was started")).expect("text")
    }
}

impl std::io::Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the service does with each request.
type Script = Box<dyn Fn(usize) -> Step>;

#[tokio::test(start_paused = true)]
async fn an_hour_of_failures_is_a_few_lines() {
    let denied = || Step::Error(400, "AccessDeniedException");
    let expired = || Step::Error(400, "ExpiredTokenException");
    let busy = || Step::Error(503, "ServiceUnavailable");
    let throttled = || Step::Error(400, "ThrottlingException");
    let kinds: [(&str, Script); 4] = [
        ("always busy", Box::new(move |_| busy())),
        ("paused", Box::new(move |_| denied())),
        ("no credentials", Box::new(|_| Step::MissingCredentials)),
        (
            "paused and let in by turns",
            Box::new(move |turn| match turn % 8 {
                0..4 => expired(),
                4..6 => throttled(),
                _ => Step::PutResponse(&[0]),
            }),
        ),
    ];
    for (what, step) in kinds {
        Listener::start();
        let transport = Scripted::new((0..40_000).map(step));
        let batches = (0..8).map(|batch| submission(batch, &["a"])).collect();
        let hour = Duration::from_hours(1);
        let ended = timeout(hour, run_all(&transport, batches, 8)).await;
        let text = Listener::stop();
        assert!(ended.is_err(), "{what}: it continues");
        let requests = transport.seconds().len();
        let lines = text.lines().count();
        assert!(requests >= 60, "{what}: {requests} requests");
        assert!((2..=40).contains(&lines), "{what}: {requests} requests, {lines} lines:\n{text}");
        assert!(text.contains("failures="), "{what}: the summaries count:\n{text}");
    }
}
