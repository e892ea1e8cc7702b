//! Names that others gave to files, in what each command says.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Output, Stdio};

use kinetail::shown::is_control;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::names::{assert_tame, home, names};
use crate::drop_in::java::{JavaDatabase, Row};
use crate::support::agent::{Home, SOON};
use crate::support::wait::wait_until;

/// The first of the files get another offset.
const SETS_MAX: usize = 2;

/// Runs it, and insists that it writes lines of its own only.
fn tame(mut command: Command) -> String {
    tame_output(&command.output().unwrap())
}

fn tame_output(output: &Output) -> String {
    assert_tame(&output.stdout);
    assert_tame(&output.stderr);
    let text = String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap();
    for line in text.lines() {
        assert!(!line.starts_with("2026-11-29"), "forged: {line}");
        assert!(!line.starts_with("kinetail 9, up 9 d"), "forged: {line}");
    }
    text
}

/// All texts in it that are somewhere below a key of this name.
fn texts<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(keys) => {
            found.extend(keys.get(key).and_then(Value::as_str));
            keys.values().for_each(|item| texts(item, key, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The JSON is tame, is JSON, and has the names whole.
fn has_names(text: &str, key: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let mut found = Vec::new();
    texts(&value, key, &mut found);
    for char in ['\n', '\u{9b}', '\u{202e}'] {
        assert!(found.iter().any(|name| name.contains(char)), "{char:?}: {found:?}");
    }
}

/// The same, with an order that a command gives.
fn commands(home: &Home, seed: u64) {
    let run = |name: &str, arguments: &[&str]| {
        let mut command = home.command(name);
        command.args(arguments);
        tame(command)
    };
    let status = run("status", &["--files"]);
    let forged = r"\nkinetail 9, up 9 d: all is well: lag 2 B";
    assert!(status.contains(forged), "{status}");
    has_names(&run("status", &["--json"]), "path");
    let listed = run("checkpoints", &["list"]);
    assert_eq!(listed.lines().count(), names(seed).len(), "{listed}");
    has_names(&run("checkpoints", &["export"]), "file");
    run("plan", &[]);
    run("reload", &[]);
    let archive = home.root().join("\n2026-11-29 \u{1b}[31m.tar");
    run("diagnose", &["-o", archive.to_str().unwrap()]);
    for (place, name) in names(seed).into_iter().enumerate() {
        let path = home.log("x").with_file_name(&name);
        let mut explain = home.command("explain");
        explain.arg(&path);
        let text = tame(explain);
        assert!(text.contains("its pattern matches"), "{text}");
        // Each restarts the flow, which takes seconds.
        if place < SETS_MAX {
            let mut set = home.command("checkpoints");
            let flow = OsStr::new("kinesis:s");
            set.args([OsStr::new("set"), flow, path.as_os_str(), OsStr::new("1")]);
            tame(set);
        }
        process(home, name.to_string_lossy().as_ref());
    }
}

/// What a record is, is shown as it is on standard output, and on standard error it is tame.
fn process(home: &Home, name: &str) {
    let mut command = home.command("process");
    command.args(["--explain", "--path", name]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(name.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    tame_output(&output);
}

#[test]
fn no_name_forges_a_line_of_what_a_command_says() {
    for seed in 20..21 {
        let mut home = home(seed);
        let socket = home.root().join("k.sock");
        home.set("admin.socket", json!(socket));
        let agent = home.start();
        let count = names(seed).len();
        let followed = || {
            let mut list = home.command("checkpoints");
            let list = list.arg("list").output().unwrap();
            socket.try_exists().unwrap()
                && String::from_utf8_lossy(&list.stdout).lines().count() == count
        };
        wait_until("checkpoints of all files", SOON, followed, || agent.log());
        let behind = || {
            let mut status = home.command("status");
            let status = status.arg("--files").output().unwrap();
            String::from_utf8_lossy(&status.stdout).matches("2 B").count() > count
        };
        wait_until("all files in the status", SOON, behind, || agent.log());
        commands(&home, seed);
        agent.signal(Signal::TERM);
        agent.outcome(SOON);
    }
}

#[test]
fn a_takeover_of_files_with_such_names_is_told_in_lines_of_its_own() {
    let mut home = home(30);
    let java = JavaDatabase::new(home.root().join("java"));
    home.set("javaCheckpointFile", json!(java.path));
    let flow = format!("kinesis:s:{}", home.log("**/*").display());
    for name in names(30).iter().filter(|name| name.to_str().is_some()) {
        java.save(&flow, &Row::of(&home.log("x").with_file_name(name), 1));
    }
    java.save("kinesis:\u{1b}[31m\nother", &Row::of(&home.log(""), 1));
    let mut import = home.command("import");
    import.arg("--dry-run");
    let text = tame(import);
    assert!(text.contains(r"\nother is not configured; its checkpoint is not imported"), "{text}");
    assert!(text.contains(r"\nkinetail 9, up 9 d"), "{text}");
}

#[test]
fn no_name_changes_the_urgency_of_a_line_of_the_journal() {
    let home = home(40);
    let path = home.root().join("journal");
    let journal = std::fs::File::create(&path).unwrap();
    let meta = journal.metadata().unwrap();
    let mut command = home.command("run");
    command.env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino()));
    let mut child = command.stderr(journal).spawn().unwrap();
    let said = || std::fs::read(&path).unwrap();
    let text = || String::from_utf8_lossy(&said()).into_owned();
    wait_until("something of the links", SOON, || text().contains("loops"), text);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    assert_tame(&said());
    for line in text().lines() {
        let rest = line.get(3..).unwrap_or_default();
        assert!(["<3>", "<4>", "<6>", "<7>"].iter().any(|p| line.starts_with(p)), "{line}");
        assert!(!rest.starts_with("2026") && !rest.starts_with("kinetail 9"), "{line}");
        assert!(!line.chars().any(is_control), "{line}");
    }
}
