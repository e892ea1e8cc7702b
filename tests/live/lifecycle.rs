//! Starts and stops of the real binary: how soon a line arrives, how a stop ends, what the next
//! start repeats.

use std::time::{Duration, Instant};

use fastrand::Rng;
use kinetail::sandbox::{Fault, FaultPlan, SandboxOptions, Scope};
use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::{Lines, LoadOptions, RotatingLoad, Rotation};
use crate::support::oracle::judge;
use crate::support::wait::{pace, wait_until};
use crate::support::world::append;

/// How much later than its timeout a stop may end: the process has to notice and to exit.
const GRACE: Duration = Duration::from_secs(1);

fn one_flow(endpoint: &Endpoint) -> Home {
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app*.log*", ("kinesisStream", "s"), &json!({}));
    home
}

#[test]
fn an_appended_line_arrives_within_two_seconds() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let defaults = json!({ "maxBufferAgeMillis": 1000 });
    home.flow("app.log", ("kinesisStream", "s"), &defaults);
    append(&home.log("app.log"), b"there before\n");
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &[b"there before\n".to_vec()], SOON, || agent.log());
    for round in 0..5 {
        // A file that was quiet is looked at less often: the longer it was, the worse the case.
        pace(Duration::from_millis(300 * round));
        let line = format!("line {round}\n").into_bytes();
        append(&home.log("app.log"), &line);
        endpoint.wait_for_all(&kinesis("s"), &[line], Duration::from_secs(2), || agent.log());
    }
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn stops_under_load_repeat_nothing_and_lose_nothing() {
    let endpoint = Endpoint::healthy();
    let mut home = one_flow(&endpoint);
    home.set("shutdownTimeoutMillis", json!(5000));
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let load = RotatingLoad::start(LoadOptions {
        dir: home.log(""),
        stem: "app".to_owned(),
        files: 3,
        rotation: Rotation::Renamed,
        writes_per_rotation: 25,
        seed,
    });
    let stream = kinesis("s");
    for _ in 0..5 {
        let before = endpoint.count(&stream);
        let agent = home.start();
        wait_until("record", SOON, || endpoint.count(&stream) > before, || agent.log());
        pace(Duration::from_millis(rng.u64(..300)));
        assert_eq!(agent.stop(Duration::from_secs(5) + GRACE), Some(0));
    }
    let agent = home.start();
    let written = load.stop();
    endpoint.wait_for_all(&stream, &written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let verdict = judge(&written, &endpoint.data(&stream));
    // Several requests at a time are not in order, so only the rest of the verdict counts.
    assert!(verdict.is_complete() && verdict.repeated.is_empty(), "seed {seed}: {verdict}");
}

/// The endpoint takes connections and answers nothing: the worst of all dead endpoints.
fn dead() -> Endpoint {
    let endpoint = Endpoint::healthy();
    for _ in 0..1000 {
        endpoint.handle.script(Scope::AnyPut, Fault::Hang).unwrap();
    }
    endpoint
}

#[test]
fn a_stop_while_nothing_answers_keeps_its_deadline_and_loses_nothing() {
    let timeout = Duration::from_millis(1500);
    for endpoint in [dead(), Endpoint::start(refusing())] {
        let mut home = one_flow(&endpoint);
        home.set("shutdownTimeoutMillis", json!(timeout.as_millis()));
        let (mut lines, mut rng) = (Lines::default(), Rng::with_seed(1));
        let stream = kinesis("s");
        append(&home.log("app.log"), &lines.some("a", 3000, &mut rng));
        let agent = home.start();
        let asked = || endpoint.handle.stats().requests > 0;
        wait_until("request", SOON, asked, || agent.log());
        let start = Instant::now();
        let (code, log) = {
            agent.signal(Signal::TERM);
            agent.outcome(timeout + GRACE)
        };
        assert_eq!(code, Some(0), "{log}");
        assert!(start.elapsed() >= timeout, "it gave up early: {log}");
        assert!(log.contains("batches not acknowledged before shutdown"), "{log}");
        assert!(log.contains("they will be sent after the next start"), "{log}");
        assert_eq!(endpoint.count(&stream), 0);
        // What was written while it was down is not forgotten either.
        append(&home.log("app.log"), &lines.some("a", 100, &mut rng));
        let (endpoint, agent) = revive(endpoint, &mut home);
        endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        let verdict = judge(&lines.written, &endpoint.data(&stream));
        assert!(verdict.is_complete() && verdict.repeated.is_empty(), "{verdict}");
    }
}

/// Every request gets a 503.
fn refusing() -> SandboxOptions {
    let mut faults = FaultPlan { error_request_ratio: 1.0, ..FaultPlan::default() };
    faults.error_request.status = 503;
    SandboxOptions { faults, ..SandboxOptions::default() }
}

/// The endpoint is well again, and the agent runs.
fn revive(dead: Endpoint, home: &mut Home) -> (Endpoint, crate::support::agent::Agent) {
    drop(dead);
    let endpoint = Endpoint::healthy();
    for service in ["kinesis", "firehose", "cloudwatch"] {
        home.set(&format!("{service}.endpoint"), json!(endpoint.handle.url()));
    }
    let agent = home.start();
    (endpoint, agent)
}

#[test]
fn a_second_signal_stops_at_once() {
    let endpoint = dead();
    let mut home = one_flow(&endpoint);
    home.set("shutdownTimeoutMillis", json!(60_000));
    append(&home.log("app.log"), b"a|1|\n");
    let agent = home.start();
    wait_until("request", SOON, || endpoint.handle.stats().requests > 0, || agent.log());
    agent.signal(Signal::TERM);
    agent.wait_for_log("another signal to stop immediately", SOON);
    agent.signal(Signal::INT);
    let (code, log) = agent.outcome(Duration::from_secs(3));
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("stopped immediately"), "{log}");
}

#[test]
fn a_service_that_is_told_to_reload_does_and_continues() {
    let endpoint = Endpoint::healthy();
    let home = one_flow(&endpoint);
    append(&home.log("app.log"), b"before\n");
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &[b"before\n".to_vec()], SOON, || agent.log());
    agent.signal(Signal::HUP);
    agent.wait_for_log("configuration reloaded unchanged=1 changed=0", SOON);
    append(&home.log("app.log"), b"after\n");
    endpoint.wait_for_all(&kinesis("s"), &[b"after\n".to_vec()], SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}
