//! Sources of credentials that do not answer.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{endpoint, home_with_admin, page};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

/// A home whose only credentials come from this script; each start of it writes its id down.
fn home_with_script(endpoint: &Endpoint, script: &str) -> (Home, std::net::SocketAddr) {
    let (mut home, admin) = home_with_admin(endpoint);
    home.unset("awsAccessKeyId");
    home.unset("awsSecretAccessKey");
    home.set("shutdownTimeoutMillis", json!(1_000));
    for name in ["a", "b"] {
        home.flow(&format!("{name}.log"), ("kinesisStream", name), &json!({}));
        append(&home.log(&format!("{name}.log")), b"x\n");
    }
    let root = home.root().display().to_string();
    let text = format!("echo $$ >> {root}/started\ncd {root}\n{script}\n");
    fs::write(home.root().join("script.sh"), text).unwrap();
    let profile = format!("[default]\ncredential_process = /bin/sh {root}/script.sh\n");
    fs::write(home.root().join("aws"), profile).unwrap();
    (home, admin)
}

fn start(home: &Home) -> Agent {
    let file = home.root().join("aws");
    let path = ("PATH", "/usr/local/bin:/usr/bin:/bin");
    let agent = home.start_with(&[("AWS_CONFIG_FILE", file.to_str().unwrap()), path]);
    agent.wait_for_log("admin endpoint listening on", SOON);
    agent
}

fn starts(home: &Home) -> Vec<u32> {
    let text = fs::read_to_string(home.root().join("started")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// The flow of this stream, as the admin page has it.
fn flow(admin: std::net::SocketAddr, stream: &str) -> Value {
    let (_, text) = page(admin, "/status").unwrap();
    let status: Value = serde_json::from_str(&text).unwrap();
    let flows = status["flows"].as_array().unwrap();
    let id = format!("kinesis:{stream}:");
    flows.iter().find(|flow| flow["flow"].as_str().unwrap().starts_with(&id)).unwrap().clone()
}

fn is_retrying(flow: &Value, source: &str) -> bool {
    let reason = flow["reason"].as_str().unwrap_or_default();
    flow["health"] == "retrying" && reason.contains(source) && reason.contains(" since 20")
}

/// Whether a process is gone, or is a zombie.
fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

#[test]
fn a_credential_process_that_hangs_is_one_child_is_named_and_ends_with_the_agent() {
    let endpoint = endpoint();
    let (home, admin) = home_with_script(&endpoint, "sleep 1000 &\necho $! > sleeper\nwait");
    let agent = start(&home);
    for stream in ["a", "b"] {
        let named = || is_retrying(&flow(admin, stream), "credential_process");
        wait_until("health that names the source", SOON, named, || agent.log());
    }
    let tried = || {
        let (_, text) = page(admin, "/metrics").unwrap();
        let tries = text.lines().filter(|line| line.contains("outcome=\"Credentials\""));
        let tries = tries.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap());
        tries.sum::<u32>() >= 5
    };
    wait_until("more tries", SOON, tried, || agent.log());
    let started = starts(&home);
    assert_eq!(started.len(), 1, "{}", agent.log());
    let (_, text) = page(admin, "/metrics").unwrap();
    let duplicated =
        text.lines().filter(|line| line.starts_with("kinetail_records_maybe_duplicated_total{"));
    for line in duplicated {
        assert!(line.ends_with(" 0"), "nothing was sent: {line}");
    }
    let sleeper = fs::read_to_string(home.root().join("sleeper")).unwrap();
    let sleeper: u32 = sleeper.trim().parse().unwrap();
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(endpoint.handle.stats().requests, 0, "{log}");
    for pid in [started[0], sleeper] {
        wait_until("end of the children", Duration::from_secs(5), || is_gone(pid), || log.clone());
    }
}

#[test]
fn what_a_shell_left_it_when_it_became_kinetail_is_not_ended() {
    let endpoint = endpoint();
    let (mut home, _) = home_with_admin(&endpoint);
    home.flow("a.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"x\n");
    let script = "sleep 1000 & echo $! > other; exec \"$0\" run --config \"$1\"";
    let mut shell = std::process::Command::new("/bin/sh");
    shell.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_kinetail")).arg(home.write_config());
    shell.current_dir(home.root()).stdin(std::process::Stdio::null());
    let mut agent = shell.stderr(std::process::Stdio::null()).spawn().unwrap();
    endpoint.wait_for_all(&kinesis("s"), &[b"x\n".to_vec()], SOON, String::new);
    let of = |pid: u32| Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(of(agent.id()), Signal::TERM).unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(0));
    let other = fs::read_to_string(home.root().join("other")).unwrap();
    let other: u32 = other.trim().parse().unwrap();
    assert!(!is_gone(other));
    kill_process(of(other), Signal::KILL).unwrap();
}

#[test]
fn an_answer_that_comes_late_is_taken_by_all_flows() {
    let endpoint = endpoint();
    let keys = r#"{"Version":1,"AccessKeyId":"late","SecretAccessKey":"late"}"#;
    let script = format!("while [ ! -e go ]; do sleep 0.05; done\necho '{keys}'");
    let (home, admin) = home_with_script(&endpoint, &script);
    let agent = start(&home);
    let named = || is_retrying(&flow(admin, "a"), "credential_process");
    wait_until("health that names the source", SOON, named, || agent.log());
    fs::write(home.root().join("go"), "").unwrap();
    for stream in ["a", "b"] {
        endpoint.wait_for_all(&kinesis(stream), &[b"x\n".to_vec()], SOON, || agent.log());
        let well = || flow(admin, stream)["health"] == "ok";
        wait_until("health", SOON, well, || agent.log());
    }
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_role_that_hangs_stops_its_flows_and_no_other() {
    let endpoint = endpoint();
    let (mut home, admin) = home_with_admin(&endpoint);
    // It takes connections and never answers.
    let sts = TcpListener::bind("127.0.0.1:0").unwrap();
    home.set("sts.endpoint", json!(format!("http://{}", sts.local_addr().unwrap())));
    home.set("shutdownTimeoutMillis", json!(1_000));
    let role = json!({ "assumeRoleARN": "arn:aws:iam::123456789012:role/slow" });
    home.flow("a.log", ("kinesisStream", "waits"), &role);
    home.flow("b.log", ("kinesisStream", "works"), &json!({}));
    append(&home.log("a.log"), b"x\n");
    append(&home.log("b.log"), b"x\n");
    let agent = home.start();
    agent.wait_for_log("admin endpoint listening on", SOON);
    let named = || is_retrying(&flow(admin, "waits"), "arn:aws:iam::123456789012:role/slow");
    wait_until("health that names the role", SOON, named, || agent.log());
    append(&home.log("b.log"), b"y\n");
    let lines = [b"x\n".to_vec(), b"y\n".to_vec()];
    endpoint.wait_for_all(&kinesis("works"), &lines, SOON, || agent.log());
    assert_eq!(flow(admin, "works")["health"], "ok");
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(endpoint.count(&kinesis("works")), 2);
}
