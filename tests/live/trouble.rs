//! What a person gets wrong, and what goes wrong around the real binary.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Duration;

use kinetail::sandbox::{SandboxOptions, StreamPolicy};
use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, firehose, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::wait::wait_until;
use crate::support::world::append;

fn some_lines(generation: &str, count: usize) -> Lines {
    let mut lines = Lines::default();
    for _ in 0..count {
        lines.one(generation, 50);
    }
    lines
}

#[test]
fn a_stream_that_does_not_exist_pauses_its_flow_and_no_other() {
    let streams = StreamPolicy::Only(vec![kinesis("there"), firehose("there")]);
    let endpoint = Endpoint::start(SandboxOptions { streams, ..SandboxOptions::default() });
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a*.log", ("kinesisStream", "there"), &json!({}));
    home.flow("b*.log", ("kinesisStream", "missing"), &json!({}));
    home.flow("c*.log", ("deliveryStream", "missing"), &json!({}));
    home.flow("d*.log", ("deliveryStream", "there"), &json!({}));
    home.set("shutdownTimeoutMillis", json!(500));
    // More than the memory of all flows together holds: a paused flow must not keep it.
    home.set("memoryBudgetBytes", json!(4 * 1024 * 1024));
    let lines = some_lines("a", 60_000);
    for name in ["a1.log", "b1.log", "c1.log", "d1.log"] {
        append(&home.log(name), &lines.written.concat());
    }
    let agent = home.start();
    for there in [kinesis("there"), firehose("there")] {
        endpoint.wait_for_all(&there, &lines.written, SOON, || agent.log());
    }
    agent.wait_for_log("kinesis:missing:", SOON);
    agent.wait_for_log("fh:missing:", SOON);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    let paused: Vec<&str> = log.lines().filter(|line| line.contains("delivery paused")).collect();
    assert_eq!(paused.len(), 2, "each flow says it once: {log}");
    assert!(paused.iter().all(|line| line.contains("ResourceNotFoundException")), "{log}");
    // A probe is made once a minute; a restart asks at once.
    for missing in [kinesis("missing"), firehose("missing")] {
        assert_eq!(endpoint.count(&missing), 0);
        endpoint.handle.create_stream(&missing, 1);
    }
    let agent = home.start();
    for stream in [kinesis("missing"), firehose("missing")] {
        endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    }
    assert_eq!(agent.stop(SOON), Some(0));
    for stream in [kinesis("there"), firehose("there"), kinesis("missing"), firehose("missing")] {
        let verdict = judge(&lines.written, &endpoint.data(&stream));
        assert!(verdict.is_complete() && verdict.repeated.is_empty(), "{stream}: {verdict}");
    }
}

#[test]
fn every_mistake_of_a_configuration_is_told_and_nothing_starts() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.set("memoryBudgetBytes", json!("much"));
    home.set("admin.address", json!("0.0.0.0:9470"));
    home.flow("a.log", ("kinesisStream", "s"), &json!({ "maxBufferSizeRecords": 501 }));
    home.flow("b.log", ("kinesisStream", "not a name"), &json!({}));
    home.flow("c.log", ("kinesisStream", "s"), &json!({ "filePatern": "x", "filePattern": 1 }));
    append(&home.log("a.log"), b"a|1|\n");
    let (code, log) = home.start().outcome(SOON);
    assert_eq!(code, Some(1));
    let told = ["memoryBudgetBytes", "admin.address", "501", "not a name", "filePattern"];
    for mistake in told {
        let error = format!("{mistake} is not reported");
        assert!(log.lines().any(|l| l.contains("error") && l.contains(mistake)), "{error}: {log}");
    }
    assert!(log.contains("filePatern"), "the unknown key is a warning: {log}");
    assert!(log.contains("agent.json:"), "each has its place: {log}");
    assert!(!home.database().is_file(), "nothing was started");
    assert_eq!(endpoint.handle.stats().requests, 0);
}

#[test]
fn a_corrupt_checkpoint_database_is_moved_aside_and_files_are_read_from_their_start() {
    let endpoint = Endpoint::healthy();
    let stream = kinesis("s");
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    let lines = some_lines("a", 1000);
    let agent = home.start();
    append(&home.log("a.log"), &lines.written.concat());
    endpoint.wait_for_all(&stream, &lines.written, SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let mut database = fs::File::options().write(true).open(home.database()).unwrap();
    database.seek(SeekFrom::Start(0)).unwrap();
    database.write_all(&[0xa5; 4096]).unwrap();
    drop(database);
    // Even with the end as the initial position: what is not known to be sent is sent.
    home.set("flows", json!([]));
    let position = json!({ "initialPosition": "END_OF_FILE" });
    home.flow("*.log", ("kinesisStream", "s"), &position);
    let agent = home.start();
    let twice = || endpoint.count(&stream) == 2 * lines.written.len();
    wait_until("arrival of all lines again", SOON, twice, || agent.log());
    agent.wait_for_log("ERROR", SOON);
    agent.wait_for_log("checkpoint database is corrupt; moved it aside", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
    let state = home.database();
    let aside: Vec<String> = fs::read_dir(state.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("checkpoints.db.corrupt-20") && name.ends_with('Z'))
        .collect();
    assert_eq!(aside.len(), 1, "the evidence is kept, with the time: {aside:?}");
    // From then on it is an ordinary database.
    let agent = home.start();
    agent.wait_for_log("opened checkpoint database", SOON);
    append(&home.log("a.log"), b"a|5000|\n");
    endpoint.wait_for_all(&stream, &[b"a|5000|\n".to_vec()], SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(endpoint.count(&stream), 2 * lines.written.len() + 1);
}

#[test]
fn a_second_instance_on_the_same_checkpoints_refuses_and_names_the_first() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    let first = home.start();
    first.wait_for_log("checkpoint database", SOON);
    let (code, log) = home.start().outcome(SOON);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&format!("another kinetail (pid {})", first.pid())), "{log}");
    // The first one continues, and after a SIGKILL of it nothing has to be cleaned up.
    append(&home.log("a.log"), b"a|1|\n");
    endpoint.wait_for_all(&kinesis("s"), &[b"a|1|\n".to_vec()], SOON, || first.log());
    first.kill();
    let third = home.start();
    third.wait_for_log("opened checkpoint database", Duration::from_secs(5));
    assert_eq!(third.stop(SOON), Some(0));
}
