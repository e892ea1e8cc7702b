//! Another configuration while everything runs.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::{LoadOptions, RotatingLoad, Rotation};
use crate::support::oracle::judge;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// How many reloads the long test makes; the variable `KINETAIL_RELOADS` asks for more.
const RELOADS: usize = 40;

fn home(endpoint: &Endpoint) -> Home {
    let mut home = Home::new(&endpoint.handle.url());
    let socket = home.root().join("run/kinetail.sock");
    home.set("admin.socket", json!(socket));
    home
}

fn reload(home: &Home) -> Output {
    home.command("reload").output().unwrap()
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

/// Has the configuration on disk read and expects this exit code.
fn reload_to(home: &Home, agent: &Agent, code: i32) -> String {
    let output = reload(home);
    assert_eq!(output.status.code(), Some(code), "{}\n{}", text(&output), agent.log());
    text(&output)
}

/// Waits until commands are taken.
fn listens(home: &Home, agent: &Agent) {
    let socket = home.root().join("run/kinetail.sock");
    wait_until("socket", SOON, || socket.try_exists().unwrap(), || agent.log());
    agent.wait_for_log("Startup completed", SOON);
}

#[test]
fn flows_come_change_and_go_and_those_that_stay_are_not_touched() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    home.flow("stay*.log", ("kinesisStream", "stay"), &json!({}));
    home.flow("change*.log", ("kinesisStream", "change"), &json!({}));
    home.flow("go*.log", ("kinesisStream", "go"), &json!({}));
    for name in ["stay", "change", "go", "new"] {
        append(&home.log(&format!("{name}.log")), format!("{name} 1\n").as_bytes());
    }
    let agent = home.start();
    listens(&home, &agent);
    for name in ["stay", "change", "go"] {
        let line = [format!("{name} 1\n").into_bytes()];
        endpoint.wait_for_all(&kinesis(name), &line, SOON, || agent.log());
    }
    let kept = open_files(&agent, "stay.log");
    home.set("flows", json!([]));
    home.flow("new*.log", ("kinesisStream", "new"), &json!({}));
    home.flow("change*.log", ("kinesisStream", "change"), &json!({"skipHeaderLines": 1}));
    home.flow("stay*.log", ("kinesisStream", "stay"), &json!({}));
    let told = reload_to(&home, &agent, 0);
    for part in ["changed: kinesis:change:", "added: kinesis:new:", "removed: kinesis:go:"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(told.contains("unchanged flows: 1"), "{told}");
    for name in ["stay", "change", "go", "new"] {
        append(&home.log(&format!("{name}.log")), format!("{name} 2\n").as_bytes());
    }
    endpoint.wait_for_all(&kinesis("new"), &[b"new 2\n".to_vec()], SOON, || agent.log());
    endpoint.wait_for_all(&kinesis("change"), &[b"change 2\n".to_vec()], SOON, || agent.log());
    endpoint.wait_for_all(&kinesis("stay"), &[b"stay 2\n".to_vec()], SOON, || agent.log());
    assert_eq!(endpoint.count(&kinesis("change")), 2, "it resumed where it was: {}", agent.log());
    assert_eq!(endpoint.count(&kinesis("go")), 1, "{}", agent.log());
    assert_eq!(open_files(&agent, "stay.log"), kept, "its descriptor was touched");
    assert_eq!(open_files(&agent, "go.log"), Vec::<String>::new());
    // What was removed resumes where it stopped when it comes back.
    home.flow("go*.log", ("kinesisStream", "go"), &json!({}));
    reload_to(&home, &agent, 0);
    endpoint.wait_for_all(&kinesis("go"), &[b"go 2\n".to_vec()], SOON, || agent.log());
    assert_eq!(endpoint.count(&kinesis("go")), 2, "{}", agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

/// The numbers of the descriptors that lead to a file of this name.
fn open_files(agent: &Agent, name: &str) -> Vec<String> {
    let directory = format!("/proc/{}/fd", agent.pid());
    let entries = fs::read_dir(directory).unwrap().flatten();
    let leads = |path: &Path| fs::read_link(path).is_ok_and(|to| to.ends_with(name));
    let mut found: Vec<String> = entries
        .filter(|entry| leads(&entry.path()))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    found
}

#[test]
fn another_stream_for_the_same_files_continues_where_the_other_stopped() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    home.flow("a*.log", ("kinesisStream", "first"), &json!({"initialPosition": "END_OF_FILE"}));
    append(&home.log("a.log"), b"old\n");
    let agent = home.start();
    listens(&home, &agent);
    agent.wait_for_log("a.log", SOON);
    append(&home.log("a.log"), b"one\n");
    endpoint.wait_for_all(&kinesis("first"), &[b"one\n".to_vec()], SOON, || agent.log());
    home.set("flows", json!([]));
    home.flow("a*.log", ("kinesisStream", "second"), &json!({"initialPosition": "END_OF_FILE"}));
    // Written before the reload, and perhaps not read yet.
    append(&home.log("a.log"), b"two\n");
    reload_to(&home, &agent, 0);
    append(&home.log("a.log"), b"three\n");
    endpoint.wait_for_all(&kinesis("second"), &[b"three\n".to_vec()], SOON, || agent.log());
    // And back: what went to the other meanwhile is not sent again.
    home.set("flows", json!([]));
    home.flow("a*.log", ("kinesisStream", "first"), &json!({"initialPosition": "END_OF_FILE"}));
    let told = reload_to(&home, &agent, 0);
    assert!(told.contains("replacing its own"), "{told}");
    append(&home.log("a.log"), b"four\n");
    endpoint.wait_for_all(&kinesis("first"), &[b"four\n".to_vec()], SOON, || agent.log());
    let mut both = [endpoint.data(&kinesis("first")), endpoint.data(&kinesis("second"))].concat();
    both.sort();
    let mut lines: Vec<Vec<u8>> = ["one\n", "two\n", "three\n", "four\n"].map(Vec::from).into();
    lines.sort();
    assert_eq!(both, lines, "{}", agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_bad_file_changes_nothing_and_says_so() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    home.set("admin.address", json!("127.0.0.1:0"));
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let agent = home.start();
    listens(&home, &agent);
    endpoint.wait_for_all(&kinesis("s"), &[b"1\n".to_vec()], SOON, || agent.log());
    let good = fs::read_to_string(home.write_config()).unwrap();
    let config = home.write_config();
    let kept = open_files(&agent, "a.log");
    let mut rng = fastrand::Rng::with_seed(11);
    let before = loaded(&home);
    let mut refused = 0;
    for round in 0..100 {
        let at = rng.usize(..good.len());
        let bad = match round % 5 {
            0 => good.split_at(at).0.to_owned(),
            1 => good.replacen("kinesisStream", "kinesisstream", 1),
            2 => good.replacen("\"flows\"", "\"flowz\"", 1),
            3 => good.replacen("\"s\"", "\"no/such stream\"", 1).replacen("20", "-1", 1),
            _ => format!("[{}", good.split_at(at).1),
        };
        fs::write(&config, bad).unwrap();
        // The command does not write the configuration again.
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kinetail"));
        let socket = home.root().join("run/kinetail.sock");
        command.arg("reload").arg("--socket").arg(socket).env_clear();
        let output = command.output().unwrap();
        if output.status.code() == Some(1) {
            refused += 1;
        }
    }
    assert_eq!(refused, 100, "{}", agent.log());
    assert_eq!(loaded(&home).to_bits(), before.to_bits(), "none of them is active");
    let status = status(&home);
    assert_eq!(status["reload"]["outcome"], "refused", "{status}");
    assert!(!status["reload"]["lines"][0].as_str().unwrap().is_empty());
    agent.wait_for_log("reload rejected; keeping the active configuration", SOON);
    fs::write(&config, &good).unwrap();
    append(&home.log("a.log"), b"2\n");
    endpoint.wait_for_all(&kinesis("s"), &[b"2\n".to_vec()], SOON, || agent.log());
    assert_eq!(endpoint.count(&kinesis("s")), 2);
    assert_eq!(open_files(&agent, "a.log"), kept);
    let is_later = || reload(&home).status.success() && loaded(&home) > before;
    wait_until("a later configuration", SOON, is_later, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

/// `/status`, over the socket.
fn status(home: &Home) -> Value {
    serde_json::from_str(&page(home, "/status")).unwrap()
}

/// When the configuration was loaded, in seconds since 1970.
fn loaded(home: &Home) -> f64 {
    let metrics = page(home, "/metrics");
    let mut lines = metrics.lines();
    let value = lines.find_map(|l| l.strip_prefix("kinetail_config_loaded_timestamp_seconds "));
    value.unwrap().parse().unwrap()
}

/// A page, over the socket.
fn page(home: &Home, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let socket = home.root().join("run/kinetail.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn keys_that_need_a_restart_are_told() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    let agent = home.start();
    listens(&home, &agent);
    home.set("memoryBudgetBytes", json!(8_000_000));
    let told = reload_to(&home, &agent, 2);
    assert!(told.contains("changes only with a restart: memoryBudgetBytes"), "{told}");
    agent.wait_for_log("some keys change only with a restart", SOON);
    // It is not in force because it was read once, and what is in force needs no restart.
    let told = reload_to(&home, &agent, 2);
    assert!(told.contains("changes only with a restart: memoryBudgetBytes"), "{told}");
    home.unset("memoryBudgetBytes");
    let told = reload_to(&home, &agent, 0);
    assert!(!told.contains("restart"), "{told}");
    // A signal does the same.
    home.flow("b*.log", ("kinesisStream", "t"), &json!({}));
    home.write_config();
    append(&home.log("b.log"), b"b\n");
    agent.signal(Signal::HUP);
    endpoint.wait_for_all(&kinesis("t"), &[b"b\n".to_vec()], SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_flow_whose_destination_does_not_work_is_replaced() {
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    home.set("shutdownTimeoutMillis", json!(300));
    // Nobody listens there: requests fail and are made again and again.
    let nowhere = json!({"endpoint": "http://127.0.0.1:9"});
    home.flow("a*.log", ("kinesisStream", "s"), &nowhere);
    append(&home.log("a.log"), b"1\n");
    let agent = home.start();
    listens(&home, &agent);
    agent.wait_for_log("request failed; retrying", SOON);
    home.set("flows", json!([]));
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    reload_to(&home, &agent, 0);
    endpoint.wait_for_all(&kinesis("s"), &[b"1\n".to_vec()], SOON, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

fn number_in(agent: &Agent, file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/{file}", agent.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn many_reloads_under_load_lose_nothing_repeat_nothing_and_keep_nothing() {
    let reloads = std::env::var("KINETAIL_RELOADS").ok();
    let reloads = reloads.map_or(RELOADS, |count| count.parse().unwrap());
    let endpoint = Endpoint::healthy();
    let mut home = home(&endpoint);
    let set = |home: &mut Home, round: usize| {
        home.set("flows", json!([]));
        home.flow("stay-*.log*", ("kinesisStream", "stay"), &json!({}));
        let millis = json!({"maxBufferAgeMillis": 20 + round % 7});
        home.flow("change-*.log*", ("kinesisStream", "change"), &millis);
        if round.is_multiple_of(2) {
            home.flow("go-*.log*", ("kinesisStream", "go"), &json!({}));
        }
    };
    set(&mut home, 0);
    let agent = home.start();
    listens(&home, &agent);
    let loads = ["stay", "change", "go"].map(|stem| {
        RotatingLoad::start(LoadOptions {
            dir: home.log("x").parent().unwrap().to_path_buf(),
            stem: stem.to_owned(),
            files: 2,
            rotation: Rotation::Renamed,
            // Nobody deletes generations, and a flow that starts looks at all of them.
            writes_per_rotation: 60 * reloads.div_ceil(RELOADS),
            seed: 7,
        })
    });
    let count = |agent: &Agent| fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().count();
    let mut settled = (0, 0, 0);
    for round in 1..=reloads {
        set(&mut home, round);
        reload_to(&home, &agent, 0);
        if round == reloads.div_ceil(4) {
            settled = (count(&agent), number_in(&agent, "status", "Threads:"), 0);
            settled.2 = number_in(&agent, "status", "VmRSS:");
        }
    }
    set(&mut home, 0);
    reload_to(&home, &agent, 0);
    let written = loads.map(RotatingLoad::stop);
    for (stem, written) in ["stay", "change", "go"].into_iter().zip(&written) {
        let timeout = Duration::from_mins(1);
        endpoint.wait_for_all(&kinesis(stem), written, timeout, || agent.log());
        let verdict = judge(written, &endpoint.data(&kinesis(stem)));
        assert!(verdict.is_complete() && verdict.repeated.is_empty(), "{stem}: {verdict}");
    }
    let (descriptors, threads, memory) = settled;
    // Files are rotated meanwhile, and every one of them may be open.
    let rotated = fs::read_dir(home.log("x").parent().unwrap()).unwrap().count();
    assert!(count(&agent) <= descriptors + rotated, "{} descriptors", count(&agent));
    assert!(number_in(&agent, "status", "Threads:") <= threads + 3, "threads: {threads}");
    let now = number_in(&agent, "status", "VmRSS:");
    assert!(now < memory + memory / 2 + 8_192, "{memory} KiB became {now} KiB");
    println!("{reloads} reloads: {memory} KiB, then {now} KiB; {descriptors} descriptors");
    assert_eq!(agent.stop(SOON), Some(0));
}
