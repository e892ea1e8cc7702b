//! What endpoints and networks do to requests, by the numbers of the table in `docs/delivery.md`.
//! A fault of one flow never shows in another, and whatever happens, each line arrives.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use kinetail::sandbox::{ErrorResponse, Fault, Scope};
use serde_json::{Value, json};

use crate::seams::{home_with_admin, page};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::slow_link::SlowLink;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// What makes retries fast.
fn retries() -> Value {
    json!({ "retryInitialBackoffMillis": 10, "retryMaxBackoffMillis": 50 })
}

fn some(lines: &mut Lines, name: &str, count: usize, fill: usize) -> Vec<u8> {
    (0..count).flat_map(|_| lines.one(name, fill)).collect()
}

/// Stops the agent, and insists on each line exactly once.
fn stops_exact(agent: Agent, endpoint: &Endpoint, stream: &str, lines: &Lines) {
    endpoint.wait_for_all(&kinesis(stream), &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&lines.written, &endpoint.data(&kinesis(stream)));
    let (lost, repeated) = (verdict.lost.len(), verdict.repeated.len());
    assert_eq!((lost, repeated, verdict.foreign.len()), (0, 0, 0), "{verdict}");
}

/// Some of the numbers below `all`: the first, which each batch has however small it is, and up to
/// `count` others.
fn places(random: &mut Rng, all: usize, count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (1..all).collect();
    random.shuffle(&mut places);
    places.truncate(count);
    places.push(0);
    places
}

#[test]
fn f53_partial_failures_resend_exactly_the_failed_records() {
    const REQUESTS: usize = 20;
    let endpoint = Endpoint::healthy();
    let mut random = Rng::with_seed(53);
    for request in 0..REQUESTS {
        let count = random.usize(1..500);
        let fault = if request % 2 == 0 { Fault::FailRecords } else { Fault::ThrottleRecords };
        endpoint.handle.script(Scope::AnyPut, fault(places(&mut random, 500, count))).unwrap();
    }
    // All of them, and a count that says something else than the entries do.
    let all = Fault::FailRecords((0..500).collect());
    for fault in [all, Fault::LyingFailedCount(7), Fault::ExplicitNulls] {
        endpoint.handle.script(Scope::AnyPut, fault).unwrap();
    }
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a.log", ("kinesisStream", "s"), &retries());
    let mut lines = Lines::default();
    append(&home.log("a.log"), &some(&mut lines, "a", REQUESTS * 500, 100));
    let agent = home.start();
    let served = || endpoint.handle.scripted_faults_waiting() == 0;
    wait_until("all faults", SOON, served, || agent.log());
    stops_exact(agent, &endpoint, "s", &lines);
    // How many of the places a batch has depends on its size; its first record it always has.
    let stats = endpoint.handle.stats().stream(&kinesis("s"));
    let half = (REQUESTS / 2) as u64;
    assert!(stats.failed_records > half && stats.throttled_records >= half, "{stats:?}");
}

#[test]
fn f54_lost_responses_repeat_their_batch_at_most_and_are_counted() {
    const BATCH: usize = 100;
    let endpoint = Endpoint::healthy();
    let faults =
        [Fault::CommitThenDrop, Fault::CommitThenRespond(ErrorResponse::internal_failure())];
    let count = faults.len();
    for fault in faults {
        endpoint.handle.script(Scope::AnyPut, fault).unwrap();
    }
    let (mut home, admin) = home_with_admin(&endpoint);
    let mut flow = retries();
    flow["maxBufferSizeRecords"] = json!(BATCH);
    flow["maxInFlightRequests"] = json!(1);
    home.flow("a.log", ("kinesisStream", "s"), &flow);
    let mut lines = Lines::default();
    append(&home.log("a.log"), &some(&mut lines, "a", 10 * BATCH, 100));
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    let arrived = || endpoint.count(&kinesis("s")) >= lines.written.len() + count * BATCH;
    wait_until("the repeats", SOON, arrived, || agent.log());
    let counted = || {
        let (_, text) = page(admin, "/metrics").unwrap();
        let of = |line: &str| line.starts_with("kinetail_records_maybe_duplicated_total{");
        let value = text.lines().filter(|line| of(line)).filter_map(|line| line.rsplit(' ').next());
        value.map(|value| value.parse::<usize>().unwrap()).sum::<usize>()
    };
    wait_until("the count", SOON, || counted() == BATCH, || counted().to_string());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&lines.written, &endpoint.data(&kinesis("s")));
    assert!(verdict.is_complete(), "{verdict}");
    assert_eq!(verdict.repeated.len(), count * BATCH, "{verdict}");
}

/// A field of `/proc/PID/status`, in KiB.
fn memory(agent: &Agent, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}

#[test]
fn f55_senseless_responses_are_retried_in_bounded_memory() {
    const HUGE_BYTES: usize = 100 * 1024 * 1024;
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a.log", ("kinesisStream", "s"), &retries());
    let mut lines = Lines::default();
    append(&home.log("a.log"), &some(&mut lines, "a", 1_000, 100));
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    let before = memory(&agent, "VmHWM:");
    let raw = |status, body: Vec<u8>| Fault::RawAnswer {
        status,
        content_type: "text/html".to_owned(),
        body,
    };
    let unknown = ErrorResponse::new(400, "SomethingNobodyKnowsException", "?");
    let faults = (0..20).map(|_| Fault::Respond(ErrorResponse::internal_failure()));
    let faults = faults.chain([
        Fault::Respond(ErrorResponse::new(503, "ServiceUnavailable", "")),
        raw(502, b"<html>Bad gateway</html>".to_vec()),
        raw(200, b"<html>Log in</html>".to_vec()),
        raw(500, vec![b'x'; HUGE_BYTES]),
        raw(200, vec![b'{'; HUGE_BYTES]),
        Fault::GarbageAnswer(b"{\"Records\":[{\"".to_vec()),
        Fault::WrongEntryCount(3),
        Fault::TruncateAnswer,
        Fault::DropBeforeRead,
        Fault::Respond(unknown),
    ]);
    for fault in faults {
        endpoint.handle.script(Scope::AnyPut, fault).unwrap();
    }
    append(&home.log("a.log"), &some(&mut lines, "a", 1_000, 100));
    let served = || endpoint.handle.scripted_faults_waiting() == 0;
    wait_until("all faults", SOON, served, || agent.log());
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    let grown = memory(&agent, "VmHWM:") - before;
    assert!(grown < 16 * 1024, "{grown} KiB more for responses of {HUGE_BYTES} bytes");
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&lines.written, &endpoint.data(&kinesis("s")));
    assert!(verdict.is_complete(), "{verdict}");
}

/// Takes connections and swallows what comes, until it is told where it leads.
struct BlackHole {
    address: SocketAddr,
    leads_to: Arc<Mutex<Option<SocketAddr>>>,
    connections: Arc<AtomicUsize>,
}

impl BlackHole {
    fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), None)
    }

    fn on(listener: TcpListener, leads_to: Option<SocketAddr>) -> Self {
        let address = listener.local_addr().unwrap();
        let leads_to = Arc::new(Mutex::new(leads_to));
        let connections = Arc::default();
        let hole = Self { address, leads_to, connections };
        let (to, count) = (Arc::clone(&hole.leads_to), Arc::clone(&hole.connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, SeqCst);
                let to = *to.lock().unwrap();
                std::thread::spawn(move || match to {
                    None => std::io::copy(&mut &stream, &mut std::io::sink()).map(drop),
                    Some(address) => {
                        let there = TcpStream::connect(address)?;
                        let back = (there.try_clone()?, stream.try_clone()?);
                        std::thread::spawn(move || std::io::copy(&mut &back.0, &mut &back.1));
                        std::io::copy(&mut &stream, &mut &there).map(drop)
                    }
                });
            }
        });
        hole
    }
}

#[test]
fn f56_black_hole_delays_its_flow_by_one_deadline_and_no_other_flow() {
    let (endpoint, black) = (Endpoint::healthy(), BlackHole::start());
    let mut home = Home::new(&endpoint.handle.url());
    let mut blocked = retries();
    blocked["endpoint"] = json!(format!("http://{}", black.address));
    home.flow("a.log", ("kinesisStream", "blocked"), &blocked);
    home.flow("b.log", ("kinesisStream", "free"), &retries());
    let (mut a, mut b) = (Lines::default(), Lines::default());
    append(&home.log("a.log"), &some(&mut a, "a", 10, 100));
    let agent = home.start();
    let taken = || black.connections.load(SeqCst) > 0;
    wait_until("a connection", SOON, taken, || agent.log());
    // The hole leads on from the next connection: the one that hangs is given up by itself.
    *black.leads_to.lock().unwrap() = Some(endpoint.handle.address());
    for _ in 0..20 {
        append(&home.log("b.log"), &some(&mut b, "b", 50, 100));
        endpoint.wait_for_all(&kinesis("free"), &b.written, SOON, || agent.log());
    }
    assert_eq!(endpoint.count(&kinesis("blocked")), 0, "{}", agent.log());
    endpoint.wait_for_all(&kinesis("blocked"), &a.written, SOON, || agent.log());
    assert_eq!(black.connections.load(SeqCst), 2, "{}", agent.log());
    stops_exact(agent, &endpoint, "free", &b);
}

/// A listener whose queue is full of connections that are never accepted: the kernel drops any
/// further ones.
fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(1).unwrap().into_std().unwrap()
    });
    listener.set_nonblocking(false).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        filling.push(stream);
        assert!(filling.len() < 100, "its queue is endless");
    }
    (listener, filling)
}

#[test]
fn f56_connections_that_are_never_accepted_are_given_up_and_tried_again() {
    let endpoint = Endpoint::healthy();
    let (listener, filling) = full_listener();
    let mut home = Home::new(&format!("http://{}", listener.local_addr().unwrap()));
    home.flow("a.log", ("kinesisStream", "s"), &retries());
    let mut lines = Lines::default();
    append(&home.log("a.log"), &some(&mut lines, "a", 10, 100));
    let agent = home.start();
    // Nothing was sent, so nothing can be there twice.
    agent.wait_for_log("code=CannotConnect", SOON);
    drop(filling);
    BlackHole::on(listener, Some(endpoint.handle.address()));
    stops_exact(agent, &endpoint, "s", &lines);
}

/// Runs an agent with a hosts file of its own and an endpoint at `localhost`. `None` where the
/// machine gives no mount namespace.
fn with_hosts(endpoint: &Endpoint, hosts: &str) -> Option<(Home, Agent)> {
    let url = format!("http://localhost:{}", endpoint.handle.address().port());
    let mut home = Home::new(&url);
    home.flow("a.log", ("kinesisStream", "s"), &retries());
    fs::write(home.root().join("hosts"), hosts).unwrap();
    // Nothing but this file is asked.
    fs::write(home.root().join("nsswitch"), "hosts: files\n").unwrap();
    let root = home.root().display();
    let script = format!(
        "mount --bind {root}/hosts /etc/hosts && mount --bind {root}/nsswitch /etc/nsswitch.conf \
         && exec \"$0\" \"$@\""
    );
    let agent = home.start_in_a_namespace(&script)?;
    Some((home, agent))
}

#[test]
fn f57_name_is_resolved_again_for_each_connection() {
    let endpoint = Endpoint::healthy();
    let Some((home, agent)) = with_hosts(&endpoint, "") else { return };
    let mut lines = Lines::default();
    append(&home.log("a.log"), &some(&mut lines, "a", 10, 100));
    // No such name; then an address at which nothing responds; then the right one.
    agent.wait_for_log("code=CannotConnect", SOON);
    let wrong = TcpListener::bind(("127.0.0.9", endpoint.handle.address().port())).unwrap();
    fs::write(home.root().join("hosts"), "127.0.0.9 localhost\n").unwrap();
    drop(wrong.accept().unwrap());
    assert_eq!(endpoint.count(&kinesis("s")), 0);
    fs::write(home.root().join("hosts"), "127.0.0.1 localhost\n").unwrap();
    stops_exact(agent, &endpoint, "s", &lines);
}

#[test]
fn f62_slow_link_is_used_for_records_and_memory_stays_flat() {
    let endpoint = Endpoint::healthy();
    let link = SlowLink::start(endpoint.handle.address());
    let mut home = Home::new(&link.url());
    home.flow("a.log", ("kinesisStream", "s"), &json!({ "wire": "cbor" }));
    let mut lines = Lines::default();
    append(&home.log("a.log"), &some(&mut lines, "a", 100, 1_000));
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    let before = memory(&agent, "VmRSS:");
    // Far more than the link takes at a time.
    append(&home.log("a.log"), &some(&mut lines, "a", 600, 1_000));
    endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    let grown = memory(&agent, "VmRSS:").saturating_sub(before);
    assert!(grown <= 4 * 1024, "{grown} KiB more");
    stops_exact(agent, &endpoint, "s", &lines);
    let data: u64 = lines.written.iter().map(|line| line.len() as u64).sum();
    let sent = link.sent();
    assert!(data * 10 >= sent * 8, "{sent} bytes were sent for {data} bytes of records");
}

#[test]
fn f63_hung_metrics_cost_the_data_nothing() {
    let (endpoint, black) = (Endpoint::healthy(), BlackHole::start());
    let (mut home, admin) = home_with_admin(&endpoint);
    home.set("cloudwatch.emitMetrics", json!(true));
    home.set("cloudwatch.endpoint", json!(format!("http://{}", black.address)));
    home.set("cloudwatch.metricsBufferTimeMillis", json!(10));
    home.flow("a.log", ("kinesisStream", "s"), &retries());
    let agent = home.start();
    let taken = || black.connections.load(SeqCst) > 0;
    wait_until("a publication that hangs", SOON, taken, || agent.log());
    // Scrapes that ask and never read.
    let scrapes: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(admin).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n").unwrap();
            stream
        })
        .collect();
    let before = memory(&agent, "VmRSS:");
    let mut lines = Lines::default();
    for _ in 0..20 {
        append(&home.log("a.log"), &some(&mut lines, "a", 500, 100));
        endpoint.wait_for_all(&kinesis("s"), &lines.written, SOON, || agent.log());
    }
    let grown = memory(&agent, "VmRSS:").saturating_sub(before);
    assert!(grown <= 8 * 1024, "{grown} KiB more");
    stops_exact(agent, &endpoint, "s", &lines);
    for mut scrape in scrapes {
        // The end of the process ends them, not an answer.
        let mut rest = Vec::new();
        scrape.read_to_end(&mut rest).ok();
        assert!(rest.is_empty());
    }
}

#[test]
fn f64_endpoint_is_reached_where_one_address_family_is_dead() {
    let endpoint = Endpoint::healthy();
    let hosts = "::1 localhost\n127.0.0.1 localhost\n";
    let Some((home, agent)) = with_hosts(&endpoint, hosts) else { return };
    let mut lines = Lines::default();
    append(&home.log("a.log"), &some(&mut lines, "a", 10, 100));
    stops_exact(agent, &endpoint, "s", &lines);
}
