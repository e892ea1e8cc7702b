//! F03 with the rotating handlers of Python's logging module and the real binary.
//!
//! The handlers rename in a chain and delete the oldest file. The agent holds what it reads, so not
//! even a deleted line is lost. Without Python these tests pass with a loud message, or fail if
//! `KINETAIL_REQUIRE_EMULATOR=1`, as in `.ci/run`: the emulator needs Python, too.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::oracle::judge;
use crate::support::shipment::{QUIET, wait_for_quiet};

/// Runs the script with this handler under an agent with two flows, one whose pattern covers the
/// rotated names and one that has the exact name.
fn ship(kind: &str, lines: u64, deleted_min: usize) {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("app.log*", ("kinesisStream", "all"), &json!({}));
    home.flow("app.log", ("kinesisStream", "exact"), &json!({}));
    let streams = [kinesis("all"), kinesis("exact")];
    fs::write(home.log("app.log"), b"first\n").unwrap();
    let agent = home.start();
    for stream in &streams {
        endpoint.wait_for_all(stream, &[b"first\n".to_vec()], SOON, || agent.log());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/rotating_handler.py");
    let python = Command::new("python3")
        .arg(script)
        .arg(kind)
        .arg(home.log("app.log"))
        .stdin(Stdio::null())
        .status();
    let Ok(status) = python else {
        assert!(
            std::env::var_os("KINETAIL_REQUIRE_EMULATOR").is_none_or(|set| set != "1"),
            "no python3"
        );
        // Past the capture of the test harness: this must not look like a pass.
        let message = b"\n*** NOT TESTED with Python's handlers: no python3\n\n";
        return std::io::stderr().write_all(message).unwrap();
    };
    assert!(status.success(), "{status}");
    let line = |number| format!("{kind}|{number}|{}\n", "x".repeat(180)).into_bytes();
    let mut written: Vec<Vec<u8>> = (1..=lines).map(line).collect();
    written.insert(0, b"first\n".to_vec());
    for stream in &streams {
        endpoint.wait_for_all(stream, &written, SOON, || agent.log());
        wait_for_quiet(&endpoint, stream, QUIET, || agent.log());
        let verdict = judge(&written, &endpoint.data(stream));
        // A line does not say which file it went to, and files are read side by side.
        assert!(
            verdict.is_complete() && verdict.repeated.is_empty(),
            "{stream}: {verdict}\n{}",
            agent.log()
        );
    }
    let deleted = agent.log().matches("kind=\"deleted\"").count();
    assert!(deleted >= deleted_min, "{deleted} files were deleted\n{}", agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

/// F03. `RotatingFileHandler`, 57 rotations of which 8 are kept: nothing lost, nothing repeated.
#[test]
fn python_rotating_file_handler() {
    // Many are; the log names five and then says how many more there were.
    ship("size", 6_000, 5);
}

/// F03. `TimedRotatingFileHandler`, a rotation every second of which 2 are kept: the same.
#[test]
fn python_timed_rotating_file_handler() {
    ship("time", 4_500, 1);
}
