//! A disk that hangs from the beginning: a stop is obeyed, and the log names the disk.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use super::endpoint;
use crate::drop_in::java::{JavaDatabase, Row};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::kinesis;
use crate::support::hung_disk::HungDisk;
use crate::support::world::append;

/// Logged before the first step that may wait for a disk.
const STARTING: &str = "Agent: Starting up...";

fn home() -> Home {
    let mut home = Home::new("http://127.0.0.1:9");
    home.set("shutdownTimeoutMillis", json!(2_000));
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"one\n");
    home
}

/// Starts over a disk that hangs and orders a stop as soon as startup has begun. Returns the exit
/// code and the log.
fn stopped_in_the_start(home: &Home, hung: &std::path::Path) -> Option<(Option<i32>, String)> {
    // What the test itself does in these directories it does before.
    let command = home.command("run");
    let disk = HungDisk::over(hung)?;
    let agent = Agent::spawn(command);
    agent.wait_for_log(STARTING, SOON);
    agent.signal(Signal::TERM);
    let outcome = agent.outcome(SOON);
    drop(disk);
    Some(outcome)
}

#[test]
fn a_stop_is_heard_while_the_disk_of_the_checkpoints_hangs_at_the_start() {
    let home = home();
    let database = home.database();
    let state = database.parent().unwrap();
    fs::create_dir(state).unwrap();
    let Some((code, log)) = stopped_in_the_start(&home, state) else { return };
    assert_eq!(code, Some(0), "{log}");
    let named = format!("during startup, which is waiting for checkpointFile, {}", state.display());
    assert!(log.contains(&named), "{log}");
    assert!(
        log.contains(
            "stopped at the shutdown timeout with undelivered records; they will be sent after the \
         next start"
        ),
        "{log}"
    );
}

#[test]
fn a_start_that_hangs_is_told_of_and_a_second_signal_ends_it_at_once() {
    let mut home = home();
    // Longer than the test waits.
    home.set("shutdownTimeoutMillis", json!(600_000));
    let database = home.database();
    let state = database.parent().unwrap();
    fs::create_dir(state).unwrap();
    let command = home.command("run");
    let Some(_disk) = HungDisk::over(state) else { return };
    let agent = Agent::spawn(command);
    agent.wait_for_log("startup is waiting for checkpointFile, ", SOON);
    agent.signal(Signal::TERM);
    agent.wait_for_log("draining; send another signal to stop immediately", SOON);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("stopped immediately"), "{log}");
}

/// A first start after the Java agent, whose checkpoints are of files on a disk that hangs.
#[test]
fn a_stop_is_heard_while_the_disk_of_the_logs_hangs_at_a_takeover() {
    let mut home = home();
    let java = JavaDatabase::new(home.root().join("java"));
    home.set("javaCheckpointFile", json!(java.path));
    let flow = format!("kinesis:s:{}", home.log("*.log").display());
    java.save(&flow, &Row::of(&home.log("a.log"), 4));
    let logs = home.log("");
    let Some((code, log)) = stopped_in_the_start(&home, &logs) else { return };
    assert_eq!(code, Some(0), "{log}");
    let named = format!("which is waiting for the files of {}", home.log("*.log").display());
    assert!(log.contains(&named), "{log}");
}

#[test]
fn a_stop_is_heard_while_the_disk_of_the_java_agents_database_hangs() {
    let mut home = home();
    let directory = home.root().join("java");
    fs::create_dir(&directory).unwrap();
    home.set("javaCheckpointFile", json!(directory.join("checkpoints")));
    let Some((code, log)) = stopped_in_the_start(&home, &directory) else { return };
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("which is waiting for javaCheckpointFile, "), "{log}");
}

#[test]
fn a_log_file_on_a_disk_that_hangs_stops_nothing() {
    let endpoint = endpoint();
    let (mut home, admin) = super::home_with_admin(&endpoint);
    let directory = home.root().join("own");
    fs::create_dir(&directory).unwrap();
    home.set("log.file", json!(directory.join("kinetail.log")));
    home.set("log.level", json!("debug"));
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"one\n");
    let command = home.command("run");
    let Some(_disk) = HungDisk::over(&directory) else { return };
    let agent = Agent::spawn(command);
    for number in 0..200 {
        let line = format!("line {number}\n").into_bytes();
        append(&home.log(&format!("{}.log", number % 20)), &line);
        endpoint.wait_for_all(&kinesis("s"), &[line], SOON, || agent.log());
    }
    assert_eq!(super::page(admin, "/healthz").unwrap().0, 200);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(endpoint.count(&kinesis("s")), 201, "nothing is repeated");
}

/// SIGHUP while the configuration cannot be read: flows continue, and a stop is obeyed.
#[test]
fn a_configuration_on_a_disk_that_hangs_at_a_reload_stops_nothing() {
    let endpoint = endpoint();
    let (mut home, admin) = super::home_with_admin(&endpoint);
    home.set("shutdownTimeoutMillis", json!(2_000));
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"one\n");
    let directory = home.root().join("etc");
    fs::create_dir(&directory).unwrap();
    let config = directory.join("agent.json");
    fs::copy(home.write_config(), &config).unwrap();
    let agent = Agent::spawn(moved(&home.command("run"), &config));
    endpoint.wait_for_all(&kinesis("s"), &[b"one\n".to_vec()], SOON, || agent.log());
    let Some(_disk) = HungDisk::over(&directory) else { return };
    for round in 0..20 {
        agent.signal(Signal::HUP);
        let line = format!("line {round}\n").into_bytes();
        append(&home.log("a.log"), &line);
        endpoint.wait_for_all(&kinesis("s"), &[line], SOON, || agent.log());
        assert_eq!(super::page(admin, "/healthz").unwrap().0, 200);
    }
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(endpoint.count(&kinesis("s")), 21, "nothing is repeated");
}

/// The command with another configuration.
fn moved(command: &std::process::Command, config: &std::path::Path) -> std::process::Command {
    let mut other = std::process::Command::new(command.get_program());
    other.args(["run", "--config"]).arg(config).env_clear().stdin(std::process::Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            other.env(name, value);
        }
    }
    other.current_dir(command.get_current_dir().unwrap());
    other
}
