//! Standard input.

use std::io::Write as _;
use std::process::{ChildStdin, Stdio};

use kinetail::sandbox::{FaultPlan, SandboxOptions, StreamId};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::oracle::judge;
use crate::support::wait::wait_until;

fn stream() -> StreamId {
    kinesis("app")
}

/// An agent that reads what the test writes.
fn start(endpoint: &Endpoint, more: &Value) -> (Home, Agent, ChildStdin) {
    let mut home = Home::new(&endpoint.handle.url());
    let mut flow = json!({"input": "stdin", "maxBufferAgeMillis": 20, "kinesisStream": "app"});
    for (key, value) in more.as_object().unwrap() {
        flow[key] = value.clone();
    }
    home.set("flows", json!([flow]));
    let mut command = home.command("run");
    command.stdin(Stdio::piped());
    let mut agent = Agent::spawn(command);
    let stdin = agent.take_stdin();
    (home, agent, stdin)
}

fn lines(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("a|{number}|text of a line\n").into_bytes()).collect()
}

fn assert_once(endpoint: &Endpoint, written: &[Vec<u8>]) {
    let verdict = judge(written, &endpoint.data(&stream()));
    assert!(verdict.is_complete() && verdict.repeated.is_empty(), "{verdict}");
}

#[test]
fn the_end_of_the_input_delivers_everything_and_ends_the_program() {
    let endpoint = Endpoint::healthy();
    let (_home, agent, mut stdin) = start(&endpoint, &json!({}));
    let mut written = lines(20_000);
    written.push(b"a|20000|no line end".to_vec());
    stdin.write_all(&written.concat()).unwrap();
    drop(stdin);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("a crash or kill loses lines that were read and not delivered"), "{log}");
    assert_once(&endpoint, &written);
}

#[test]
fn an_input_without_a_byte_ends_the_program() {
    let endpoint = Endpoint::healthy();
    let (_home, agent, stdin) = start(&endpoint, &json!({}));
    drop(stdin);
    assert_eq!(agent.outcome(SOON).0, Some(0));
    assert_eq!(endpoint.count(&stream()), 0);
}

#[test]
fn a_stop_delivers_what_is_in_the_pipe() {
    let endpoint = Endpoint::healthy();
    let (_home, agent, mut stdin) = start(&endpoint, &json!({}));
    agent.wait_for_log("reading standard input", SOON);
    let mut written = lines(1_000);
    written.push(b"a|1000|half a line".to_vec());
    stdin.write_all(&written.concat()).unwrap();
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert_once(&endpoint, &written);
}

#[test]
fn a_bad_endpoint_is_waited_for_at_the_end_of_the_input() {
    let faults =
        FaultPlan { throttle_record_ratio: 0.3, error_request_ratio: 0.5, ..FaultPlan::default() };
    let endpoint = Endpoint::start(SandboxOptions { faults, ..SandboxOptions::default() });
    let more = json!({"maxBufferSizeRecords": 50, "retryMaxBackoffMillis": 50});
    let (mut home, agent, mut stdin) = start(&endpoint, &more);
    home.set("shutdownTimeoutMillis", json!(1));
    let written = lines(600);
    stdin.write_all(&written.concat()).unwrap();
    drop(stdin);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    let verdict = judge(&written, &endpoint.data(&stream()));
    assert!(verdict.lost.is_empty() && verdict.repeated.is_empty(), "{verdict}");
}

#[test]
fn more_than_a_feed_holds_comes_through_and_any_byte_may_begin_a_line() {
    let endpoint = Endpoint::healthy();
    let (_home, agent, mut stdin) = start(&endpoint, &json!({"maxLineBytes": 100_000}));
    let line = |number: usize| {
        [format!("\0\0\0\0a|{number}|").as_bytes(), &vec![b'x'; 50_000], b"\n"].concat()
    };
    let written: Vec<Vec<u8>> = (0..500).map(line).collect();
    for line in &written {
        stdin.write_all(line).unwrap();
    }
    drop(stdin);
    assert_eq!(agent.outcome(SOON).0, Some(0));
    assert!(endpoint.data(&stream()) == written, "the same lines in the same order");
}

#[test]
fn a_line_that_is_longer_than_a_feed_is_cut() {
    let endpoint = Endpoint::healthy();
    let (_home, agent, mut stdin) = start(&endpoint, &json!({"maxLineBytes": 2000}));
    stdin.write_all(b"one\n").unwrap();
    for _ in 0..20 {
        stdin.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
    }
    stdin.write_all(b"\ntwo\n").unwrap();
    drop(stdin);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    let cut = [vec![b'x'; 1999], b"\n".to_vec()].concat();
    assert_eq!(endpoint.data(&stream()), [b"one\n".to_vec(), cut, b"two\n".to_vec()]);
    assert!(log.contains("lines exceeded maxLineBytes"), "{log}");
}

#[test]
fn what_a_stop_leaves_of_the_input_is_named() {
    let endpoint = Endpoint::start(SandboxOptions {
        faults: FaultPlan { error_request_ratio: 1.0, ..FaultPlan::default() },
        ..SandboxOptions::default()
    });
    let mut home = Home::new(&endpoint.handle.url());
    let flow = json!({"input": "stdin", "maxBufferAgeMillis": 20, "kinesisStream": "app"});
    home.set("flows", json!([flow]));
    home.set("shutdownTimeoutMillis", json!(300));
    let mut command = home.command("run");
    command.stdin(Stdio::piped());
    let mut agent = Agent::spawn(command);
    let mut stdin = agent.take_stdin();
    stdin.write_all(b"lost\n").unwrap();
    agent.wait_for_log("reading standard input", SOON);
    let tried = || endpoint.handle.stats().requests > 0;
    wait_until("a request", SOON, tried, || agent.log());
    agent.signal(Signal::TERM);
    let (_, log) = agent.outcome(SOON);
    let line = log.lines().find(|line| line.contains("data lost")).unwrap_or_default();
    assert!(line.contains("bytes=5"), "{log}");
}

#[test]
fn a_reload_keeps_what_was_read() {
    let endpoint = Endpoint::healthy();
    let (mut home, agent, mut stdin) = start(&endpoint, &json!({}));
    let written = lines(3_000);
    let (first, second) = written.split_at(2_500);
    stdin.write_all(&first.concat()).unwrap();
    let some = || endpoint.count(&stream()) > 0;
    wait_until("a record", SOON, some, || agent.log());
    // Half a line waits for its end, in whichever flow that comes.
    let (half, rest) = second[0].split_at(5);
    stdin.write_all(half).unwrap();
    let flow = json!({"input": "stdin", "maxBufferAgeMillis": 30, "kinesisStream": "app"});
    home.set("flows", json!([flow]));
    home.write_config();
    agent.signal(Signal::HUP);
    agent.wait_for_log("configuration reloaded", SOON);
    stdin.write_all(rest).unwrap();
    stdin.write_all(&second[1..].concat()).unwrap();
    drop(stdin);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert_once(&endpoint, &written);
}
