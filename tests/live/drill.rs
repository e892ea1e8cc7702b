//! An operator's drill with the real binary: for each thing that goes wrong, one look at `/status`
//! names the cause, since when, which host or file, and what to do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};

use kinetail::sandbox::{ErrorResponse, FaultPlan, SandboxOptions, StreamPolicy};
use serde_json::{Value, json};

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::Endpoint;
use crate::support::required;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// The user that nothing belongs to.
const NOBODY: u32 = 65_534;

/// A home whose agent serves its admin pages, and where.
fn drill(url: &str) -> (Home, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = listener.local_addr().unwrap();
    drop(listener);
    let mut home = Home::new(url);
    home.set("admin.address", json!(admin.to_string()));
    home.set("shutdownTimeoutMillis", json!(200));
    (home, admin)
}

/// The same with one flow that has a line to ship.
fn drill_with_a_line(url: &str) -> (Home, SocketAddr) {
    let (mut home, admin) = drill(url);
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"a line\n");
    (home, admin)
}

fn get(admin: SocketAddr, page: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    let request = format!("GET {page} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn status(admin: SocketAddr) -> Option<Value> {
    let text = get(admin, "/status").ok()?;
    serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
}

/// Waits until the only flow has this health, and gives all of the page.
fn wait_for_health(agent: &Agent, admin: SocketAddr, health: &str) -> Value {
    let mut page = Value::Null;
    wait_until(
        health,
        SOON,
        || {
            page = status(admin).unwrap_or_default();
            page["flows"][0]["health"] == health
        },
        || format!("{:#}\n{}", status(admin).unwrap_or_default(), agent.log()),
    );
    page
}

/// What a flow of which something is wrong says, whatever it is.
fn assert_tells(flow: &Value, reason: &str, fix: &str) {
    let text = |key: &str| flow[key].as_str().unwrap_or_default().to_owned();
    assert!(text("reason").contains(reason), "{reason} is not the reason: {flow:#}");
    assert!(text("fix").contains(fix), "{fix} is not what to do: {flow:#}");
    let since: jiff::Timestamp = text("since").parse().expect("a time");
    let age = jiff::Timestamp::now().duration_since(since);
    assert!(age.as_secs() < 120, "{flow:#}");
    assert_eq!(text("region"), "us-east-1");
    assert_eq!(text("credentials"), "static keys in the configuration (awsAccessKeyId)");
    assert!(!flow.to_string().contains("test-key"), "no secret: {flow:#}");
}

fn assert_endpoint(flow: &Value, url: &str) {
    assert_eq!(flow["endpoint"], url, "host and port: {flow:#}");
}

#[test]
fn an_endpoint_that_is_down_is_named_with_host_and_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (home, admin) = drill_with_a_line(&url);
    let agent = home.start();
    let page = wait_for_health(&agent, admin, "retrying");
    let flow = &page["flows"][0];
    assert_tells(flow, "CannotConnect", "network");
    assert_endpoint(flow, &url);
    assert_eq!(flow["last_error"]["code"], "CannotConnect");
    assert!(flow["last_error"]["time"].is_string() && flow["last_success"].is_null(), "{flow:#}");
    agent.wait_for_log("request failed; retrying", SOON);
    let log = agent.log();
    let line = log.lines().find(|line| line.contains("request failed; retrying")).unwrap();
    for words in [&format!("endpoint={url}"), "region=us-east-1", "credentials=static keys in"] {
        assert!(line.contains(words), "{words} is not in {line}");
    }
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn an_endpoint_that_hangs_is_no_ok_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (home, admin) = drill_with_a_line(&url);
    // The kernel accepts; there is no reader.
    let agent = home.start();
    let page = wait_for_health(&agent, admin, "waiting");
    let flow = &page["flows"][0];
    assert_tells(flow, &format!("no response from {url}"), "endpoint");
    assert_endpoint(flow, &url);
    assert!(flow["last_error"].is_null(), "nothing failed yet: {flow:#}");
    agent.kill();
    drop(listener);
}

#[test]
fn a_wrong_role_is_named_with_the_credentials_and_when_it_is_probed() {
    let endpoint = Endpoint::healthy();
    let denied = "User: arn:aws:sts::1:assumed-role/web is not authorized to perform";
    endpoint
        .handle
        .set_faults(FaultPlan {
            error_request_ratio: 1.0,
            error_request: ErrorResponse::new(400, "AccessDeniedException", denied),
            ..FaultPlan::default()
        })
        .unwrap();
    let (home, admin) = drill_with_a_line(&endpoint.handle.url());
    let agent = home.start();
    let page = wait_for_health(&agent, admin, "paused");
    let flow = &page["flows"][0];
    assert_tells(flow, "assumed-role/web", "kinesis:PutRecords");
    assert_endpoint(flow, &endpoint.handle.url());
    let probe: jiff::Timestamp = flow["next_probe"].as_str().unwrap().parse().unwrap();
    assert!(probe > jiff::Timestamp::now(), "{flow:#}");
    agent.wait_for_log("delivery paused", SOON);
    let log = agent.log();
    let line = log.lines().find(|line| line.contains("delivery paused")).unwrap();
    assert!(line.contains("endpoint=http://127.0.0.1:"), "{line}");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_stream_that_does_not_exist_is_named() {
    let streams = StreamPolicy::Only(Vec::new());
    let endpoint = Endpoint::start(SandboxOptions { streams, ..SandboxOptions::default() });
    let (home, admin) = drill_with_a_line(&endpoint.handle.url());
    let agent = home.start();
    let page = wait_for_health(&agent, admin, "paused");
    let flow = &page["flows"][0];
    assert_tells(flow, "ResourceNotFoundException", "create the stream");
    assert_eq!(flow["destination"], "KinesisStream:s");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn throttling_is_named_while_it_lasts_although_some_records_get_through() {
    let endpoint = Endpoint::healthy();
    let plan = FaultPlan { throttle_record_ratio: 1.0, ..FaultPlan::default() };
    endpoint.handle.set_faults(plan).unwrap();
    let (home, admin) = drill_with_a_line(&endpoint.handle.url());
    let agent = home.start();
    let page = wait_for_health(&agent, admin, "retrying");
    assert_tells(&page["flows"][0], "ProvisionedThroughputExceededException", "shards");
    endpoint.handle.set_faults(FaultPlan::default()).unwrap();
    let page = wait_for_health(&agent, admin, "ok");
    let flow = &page["flows"][0];
    assert!(flow["last_success"].is_string() && flow["fix"].is_null(), "{flow:#}");
    assert_eq!(flow["last_error"]["code"], "ProvisionedThroughputExceededException");
    agent.wait_for_log("delivery recovered", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_file_that_may_not_be_read_is_named_until_it_may() {
    let endpoint = Endpoint::healthy();
    let (home, admin) = drill_with_a_line(&endpoint.handle.url());
    let path = home.log("a.log");
    let close = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    close(0o000);
    let agent = if rustix::process::geteuid().is_root() {
        home.write_config();
        for dir in ["", "logs", "state"] {
            chown(home.root().join(dir), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        home.start_as(NOBODY)
    } else {
        home.start()
    };
    let page = wait_for_health(&agent, admin, "degraded");
    let flow = &page["flows"][0];
    assert_tells(flow, path.to_str().unwrap(), "chmod");
    let problem = &flow["problems"][0];
    assert_eq!(problem["file"], path.to_str().unwrap());
    assert_eq!(problem["reason"], "permission_denied");
    assert!(problem["what"].as_str().unwrap().contains("Permission denied"), "{problem:#}");
    let gauge = "reason=\"permission_denied\"} 1";
    assert!(
        get(admin, "/metrics")
            .unwrap()
            .lines()
            .any(|line| { line.starts_with("kinetail_file_problems{") && line.ends_with(gauge) })
    );
    close(0o644);
    let page = wait_for_health(&agent, admin, "ok");
    assert_eq!(page["flows"][0]["problems_total"], 0);
    agent.wait_for_log("kind=\"recovered\"", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_pattern_that_matches_nothing_is_named() {
    let endpoint = Endpoint::healthy();
    let (mut home, admin) = drill(&endpoint.handle.url());
    home.flow("nowhere/*.log", ("kinesisStream", "s"), &json!({}));
    let agent = home.start();
    let page = wait_for_health(&agent, admin, "degraded");
    let directory = home.log("nowhere").display().to_string();
    assert_tells(
        &page["flows"][0],
        &format!("directory {directory} does not exist"),
        "filePattern",
    );
    agent.wait_for_log("no file is read: no file matches", SOON);
    assert_eq!(agent.stop(SOON), Some(0));
}

/// Fills the disk of the checkpoints when a file `fill` appears.
const FULL_DISK: &str = "
mount -t tmpfs -o size=1m tmpfs state || exit 1
(for try in $(seq 1200); do [ -e fill ] && break; sleep 0.05; done
 cat /dev/zero > state/filler 2>/dev/null; touch filled) &
exec \"$0\" \"$@\"
";

#[test]
fn a_full_disk_for_checkpoints_is_named_with_the_file() {
    let endpoint = Endpoint::healthy();
    let (home, admin) = drill_with_a_line(&endpoint.handle.url());
    let Some(agent) = home.start_in_a_namespace(FULL_DISK) else {
        required::not_tested("MOUNTS", "this machine does not let the test mount a disk");
        return;
    };
    wait_for_health(&agent, admin, "ok");
    fs::write(home.root().join("fill"), b"").unwrap();
    let filled = || home.root().join("filled").is_file();
    wait_until("full disk", SOON, filled, || agent.log());
    let mut page = Value::Null;
    let failing = || {
        append(&home.log("a.log"), b"another line\n");
        page = status(admin).unwrap_or_default();
        page["checkpoints"]["health"] == "failing"
    };
    wait_until("failing checkpoints", SOON, failing, || agent.log());
    let checkpoints = &page["checkpoints"];
    assert_eq!(checkpoints["file"], home.database().to_str().unwrap());
    assert!(checkpoints["reason"].as_str().unwrap().contains("full"), "{checkpoints:#}");
    assert!(checkpoints["fix"].as_str().unwrap().contains("free or repair"), "{checkpoints:#}");
    assert!(checkpoints["since"].is_string(), "{checkpoints:#}");
    agent.kill();
}

/// The only line on standard error, which is one of the log in JSON.
fn fatal(log: &str) -> Value {
    let line = log.lines().last().expect("it says why");
    let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {log}"));
    assert_eq!(line["level"], "ERROR", "{line}");
    assert!(line["timestamp"].is_string(), "{line}");
    line
}

#[test]
fn with_a_log_in_json_a_failure_to_start_is_json_too() {
    let endpoint = Endpoint::healthy();
    let (mut home, _) = drill_with_a_line(&endpoint.handle.url());
    home.set("log.format", json!("json"));
    // Behind the start of the log.
    fs::create_dir_all(home.database()).unwrap();
    let (code, log) = home.start().outcome(SOON);
    assert_eq!(code, Some(1), "{log}");
    let message = fatal(&log)["fields"]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("kinetail: cannot "), "{message}");
    // Before it, in a configuration that cannot be used.
    home.set("admin.address", json!("0.0.0.0:9470"));
    let (code, log) = home.start().outcome(SOON);
    assert_eq!(code, Some(1), "{log}");
    let message = fatal(&log)["fields"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("admin.address"), "{message}");
    home.unset("log.format");
    let (_, log) = home.start().outcome(SOON);
    assert!(!log.starts_with('{'), "text without that key: {log}");
}
