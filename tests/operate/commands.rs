//! What an operator asks of an agent that runs: status, explain, checkpoints, diagnose.

use std::fs;
use std::process::Output;

use rustix::process::Signal;
use serde_json::{Value, json};

use kinetail::sandbox::{SandboxOptions, StreamPolicy};

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

struct Scene {
    endpoint: Endpoint,
    home: Home,
    agent: Agent,
}

impl Scene {
    /// An agent with a flow over `a*.log`, to a stream that is there or is not.
    fn start(there: bool) -> Self {
        let names = if there { vec![kinesis("s")] } else { Vec::new() };
        let streams = StreamPolicy::Only(names);
        let endpoint = Endpoint::start(SandboxOptions { streams, ..SandboxOptions::default() });
        let mut home = Home::new(&endpoint.handle.url());
        home.set("admin.socket", json!(home.root().join("run/kinetail.sock")));
        home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
        append(&home.log("a.log"), b"one\ntwo\nthree\n");
        let agent = home.start();
        let socket = home.root().join("run/kinetail.sock");
        wait_until("socket", SOON, || socket.try_exists().unwrap(), || agent.log());
        Self { endpoint, home, agent }
    }

    fn arrived(&self, lines: &[&str]) {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| format!("{line}\n").into()).collect();
        let log = || self.agent.log();
        self.endpoint.wait_for_all(&kinesis("s"), &lines, SOON, log);
    }

    fn run(&self, subcommand: &str, arguments: &[&str]) -> Output {
        self.home.command(subcommand).args(arguments).output().unwrap()
    }

    /// Runs it until it exits with this code: figures are a moment old.
    fn text(&self, subcommand: &str, arguments: &[&str], code: i32) -> String {
        let mut last = String::new();
        let right = || {
            let output = self.run(subcommand, arguments);
            let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
            last = String::from_utf8(both).unwrap();
            output.status.code() == Some(code)
        };
        wait_until("exit code", SOON, right, || self.agent.log());
        last
    }
}

#[test]
fn status_says_at_a_glance_that_all_is_well() {
    let scene = Scene::start(true);
    scene.arrived(&["one", "two", "three"]);
    let text = scene.text("status", &[], 0);
    assert!(text.contains("all is well") && text.contains("kinesis:s:"), "{text}");
    // A flow tells of itself twice a second.
    let delivered = || {
        let json = scene.text("status", &["--json"], 0);
        let page: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(page["flows"][0]["rotated_names"], "common");
        page["flows"][0]["totals"]["records_delivered"] == 3
    };
    wait_until("figures of the records", SOON, delivered, || scene.agent.log());
    let text = scene.text("status", &["--files"], 0);
    assert!(text.contains("a.log: lag 0 B, delivered to offset 14"), "{text}");
    assert_eq!(scene.agent.stop(SOON), Some(0));
    // It is gone: its health is unknown.
    let output = scene.home.command("status").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot reach kinetail"), "{text}");
}

#[test]
fn status_says_what_is_wrong_since_when_and_what_to_do() {
    let scene = Scene::start(false);
    scene.agent.wait_for_log("delivery paused", SOON);
    let text = scene.text("status", &[], 2);
    for part in ["trouble in 1 of 1 flow", "paused", "ResourceNotFound", "since 20", "fix: "] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    scene.agent.signal(Signal::TERM);
}

#[test]
fn explain_tells_all_about_a_file() {
    let scene = Scene::start(true);
    scene.arrived(&["one", "two", "three"]);
    let path = scene.home.log("a.log");
    let text = scene.text("explain", &[path.to_str().unwrap()], 0);
    for part in ["regular file of 14 bytes", "its pattern matches", "can read it", "kinetail runs"]
    {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    // Which files count as rotated ones of it is told, and of which log one of them is.
    assert!(text.contains("rotated files: common naming schemes; of a.log: none now"), "{text}");
    let rotated = scene.home.log("a.log.1");
    append(&rotated, b"old\n");
    let text = scene.text("explain", &[path.to_str().unwrap()], 0);
    assert!(text.contains("of a.log: a.log.1; searched in /"), "{text}");
    let text = scene.text("explain", &[rotated.to_str().unwrap()], 2);
    let counts = format!("a rotated file of {} (rotatedNames)", path.display());
    assert!(text.contains(&counts), "{text}");
    let other = scene.home.log("b.log");
    append(&other, b"x\n");
    let text = scene.text("explain", &[other.to_str().unwrap()], 2);
    assert!(text.contains("its name is not a*.log") && text.contains("no flow follows"), "{text}");
    assert_eq!(scene.agent.stop(SOON), Some(0));
    // Without a daemon the database is asked.
    let output = scene.home.command("explain").arg(&path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("checkpoint: delivered to offset 14"), "{text}");
    assert!(text.contains("next: only data written from now on"), "{text}");
}

#[test]
fn explain_tells_of_the_file_and_not_of_an_older_one_with_its_name() {
    let scene = Scene::start(true);
    scene.arrived(&["one", "two", "three"]);
    let path = scene.home.log("a.log");
    fs::rename(&path, scene.home.log("a.log.old")).unwrap();
    append(&path, b"four\n");
    scene.arrived(&["one", "two", "three", "four"]);
    let told = || scene.text("explain", &[path.to_str().unwrap()], 0);
    let new = "followed: live, read to offset 5, delivered to offset 5 of 5, lag 0 bytes";
    wait_until("the new file", SOON, || told().contains(new), told);
    let old = scene.home.log("a.log.old");
    let text = scene.text("explain", &[old.to_str().unwrap()], 0);
    assert!(text.contains("followed: moved_away, read to offset 14"), "{text}");
    // The old file is listed by the name that it has now, and which file it is.
    let listed = scene.text("status", &["--files"], 0);
    let told = format!("{} (was {}; device ", old.display(), path.display());
    assert!(listed.contains(&told), "{listed}");
}

#[test]
fn positions_are_listed_set_and_forgotten_while_it_runs_and_while_it_does_not() {
    let scene = Scene::start(true);
    scene.arrived(&["one", "two", "three"]);
    let path = scene.home.log("a.log");
    let path = path.to_str().unwrap();
    let listed = || scene.text("checkpoints", &["list"], 0);
    wait_until("the checkpoint", SOON, || listed().contains("a.log  14  live"), listed);
    let exported = scene.text("checkpoints", &["export"], 0);
    let rows: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(rows[0]["offset"], 14, "{exported}");
    // In the middle of a line nothing begins.
    let text = scene.text("checkpoints", &["set", "kinesis:s", path, "5"], 1);
    assert!(text.contains("begins at byte 4"), "{text}");
    // Nobody reads this.
    let other = scene.home.log("other.log");
    append(&other, b"one\n");
    let other = other.to_str().unwrap();
    let text = scene.text("checkpoints", &["set", "kinesis:s", other, "end"], 1);
    assert!(text.contains("does not follow") && text.contains("explain"), "{text}");
    scene.text("checkpoints", &["set", "kinesis:s", path, "4"], 0);
    append(&scene.home.log("a.log"), b"four\n");
    scene.arrived(&["four"]);
    let expected = ["one", "two", "three", "two", "three", "four"].map(|l| format!("{l}\n"));
    let data = || scene.endpoint.data(&kinesis("s"));
    assert_eq!(data(), expected.map(String::into_bytes), "{}", scene.agent.log());
    scene.text("checkpoints", &["forget", "kinesis:s", path], 0);
    let count = || scene.endpoint.count(&kinesis("s")) == 10;
    wait_until("all again", SOON, count, || scene.agent.log());
    let Scene { endpoint, home, agent } = scene;
    assert_eq!(agent.stop(SOON), Some(0));
    let set = |position: &str| {
        let mut command = home.command("checkpoints");
        command.args(["set", "kinesis:s", path, position]).status().unwrap().code()
    };
    let mut command = home.command("checkpoints");
    command.args(["set", "kinesis:s", other, "end"]);
    assert_eq!(command.status().unwrap().code(), Some(1), "nor while it does not run");
    assert_eq!(set("end"), Some(0));
    assert_eq!(set("14"), Some(0));
    let agent = home.start();
    let count = || endpoint.count(&kinesis("s")) == 11;
    wait_until("the last line again", SOON, count, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(endpoint.count(&kinesis("s")), 11, "and nothing else");
}

#[test]
fn diagnose_writes_an_archive_without_secrets() {
    let scene = Scene::start(true);
    scene.arrived(&["one"]);
    let archive = scene.home.root().join("d.tar");
    let text = scene.text("diagnose", &["-o", archive.to_str().unwrap()], 0);
    for name in ["status.json", "metrics.txt", "configuration/agent.json", "process/limits.txt"] {
        assert!(text.contains(name), "{name} is missing:\n{text}");
    }
    let bytes = fs::read(&archive).unwrap();
    let all = String::from_utf8_lossy(&bytes);
    assert!(all.contains("kinesis:s:") && all.contains("(hidden)"));
    assert!(!all.contains("test-key"), "a key is in the archive");
    // The contents of log files are private.
    assert!(!all.contains("three"), "a line is in the archive");
    let mode = std::os::unix::fs::PermissionsExt::mode(&archive.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(scene.agent.stop(SOON), Some(0));
}
