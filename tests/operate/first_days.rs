//! What a person runs into in the first days: a stop too early, a second sandbox, a database that
//! is not there yet, a bug report without a configuration, and what "all is well" may not hide.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use kinetail::sandbox::SandboxOptions;
use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

/// What a pipe holds.
const PIPE_BYTES: usize = 65_536;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetail"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

#[test]
fn a_stop_before_the_configuration_is_read_is_a_clean_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["run", "--config", "/dev/stdin"]).current_dir(dir.path());
    command.stdin(Stdio::piped());
    let mut agent = Agent::spawn(command);
    let mut writer = agent.take_stdin();
    // More than a pipe holds: it succeeds when the agent has begun to read.
    writer.write_all(&vec![b' '; 2 * PIPE_BYTES]).unwrap();
    assert_eq!(agent.stop(SOON), Some(0), "not by the signal");
    drop(writer);
}

#[test]
fn a_second_sandbox_is_told_what_to_change() {
    let mut home = Home::new("http://127.0.0.1:9");
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    let run = || {
        let mut command = home.command("run");
        command.arg("--sandbox");
        command
    };
    let first = Agent::spawn(run());
    first.wait_for_log("Startup completed", SOON);
    let (code, text) = said(&mut run());
    assert_eq!(code, Some(1), "{text}");
    for part in ["sandbox is in use by another kinetail (pid ", "--sandbox-output"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(!text.contains("checkpointFile"), "it does not help here:\n{text}");
    assert_eq!(first.stop(SOON), Some(0));
}

#[test]
fn without_a_database_it_is_told_what_that_is_and_when_it_comes() {
    let mut home = Home::new("http://127.0.0.1:9");
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    for arguments in [&["checkpoints", "list"][..], &["checkpoints", "export"]] {
        let (code, text) = said(home.command(arguments[0]).args(&arguments[1..]));
        assert_eq!(code, Some(1), "{text}");
        let database = home.database();
        for part in [
            &format!("cannot read checkpoints: no checkpoint database at {}", database.display()),
            "kinetail creates it at its first start",
            "with -c",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
    }
}

#[test]
fn an_archive_for_a_bug_report_has_the_configuration_of_the_agent_or_says_that_it_lacks_it() {
    let endpoint = Endpoint::start(SandboxOptions::default());
    let mut home = Home::new(&endpoint.handle.url());
    let socket = home.root().join("k.sock");
    home.set("admin.socket", json!(socket));
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    let agent = home.start();
    wait_until("socket", SOON, || socket.try_exists().unwrap(), || agent.log());
    let archive = |name: &str| {
        let mut command = program();
        command.arg("diagnose").arg("--socket").arg(&socket).arg("-o").arg(home.root().join(name));
        command.current_dir("/");
        said(&mut command)
    };
    let (code, text) = archive("running.tar");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("configuration/agent.json ("), "{text}");
    assert_eq!(agent.stop(SOON), Some(0));
    let is_default = |path: &str| fs::exists(path).unwrap();
    if is_default("/etc/kinetail/kinetail.yaml") || is_default("/etc/aws-kinesis/agent.json") {
        return;
    }
    let (code, text) = archive("stopped.tar");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("omitted: configuration: no configuration file: "), "{text}");
}

#[test]
fn all_is_not_well_while_a_reload_is_rejected_or_dead_letters_wait() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let socket = home.root().join("k.sock");
    home.set("admin.socket", json!(socket));
    let letters = home.root().join("letters");
    let keys = json!({
        "deadLetterDirectory": letters,
        "dataProcessingOptions": [{"optionName": "PARSEJSON", "onUnparsable": "deadLetter"}],
    });
    home.flow("*.log", ("kinesisStream", "s"), &keys);
    append(&home.log("a.log"), b"{}\n");
    let agent = home.start();
    endpoint.wait_for_all(&kinesis("s"), &[b"{}\n".to_vec()], SOON, || agent.log());
    let by_socket = |subcommand: &str| {
        let mut command = program();
        command.arg(subcommand).arg("--socket").arg(&socket);
        said(&mut command)
    };
    let status_says = |code: i32, parts: &[&str]| {
        let mut last = (None, String::new());
        let right = || {
            last = by_socket("status");
            last.0 == Some(code) && parts.iter().all(|part| last.1.contains(part))
        };
        wait_until(parts[0], SOON, right, || agent.log());
    };
    status_says(0, &["all is well"]);
    let config = home.root().join("agent.json");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace("kinesisStream", "kinesisstreem")).unwrap();
    assert_eq!(by_socket("reload").0, Some(1));
    status_says(2, &[": the last reload was rejected", "the flow has no destination"]);
    fs::write(&config, good).unwrap();
    assert_eq!(by_socket("reload").0, Some(0));
    status_says(0, &["all is well"]);
    append(&home.log("a.log"), b"no json\n");
    let directory = letters.display().to_string();
    let parts = ["records are not delivered: dead letters in", &directory, "1 file, ", "resend"];
    status_says(2, &parts);
    // Another run does not forget them.
    assert_eq!(agent.stop(SOON), Some(0));
    let agent = home.start();
    let (code, text) = {
        let mut last = (None, String::new());
        let right = || {
            last = by_socket("status");
            last.1.contains("records are not delivered")
        };
        wait_until("letters of the run before", SOON, right, || agent.log());
        last
    };
    assert_eq!(code, Some(2), "{text}");
    agent.signal(Signal::TERM);
}
