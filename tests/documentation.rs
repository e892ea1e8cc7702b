//! The pages tell what the code does: the sample output of the README, the table of file events and
//! the reasons of metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kinetail::batch::dead_letter::{self, Why};
use kinetail::disk::watch::Degraded;
use kinetail::metrics::name;
use kinetail::metrics::reason::{BytesLost, KeyReplaced, LineLost, ReportDropped};
use kinetail::process::{RawReason, Skip};
use kinetail::tail::event::EventKind;
use kinetail::tail::problems;
use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::agent::SOON;
use crate::support::wait::wait_until;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The sample output in README.md, as far as kinetail wrote it.
fn sample() -> Vec<String> {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = page.split_once("You should see this").unwrap();
    let (rest, _) = rest.split_once("## Ship to AWS").unwrap();
    let blocks = rest.split("\n```text\n").skip(1).filter_map(|rest| rest.split("\n```\n").next());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// What is the same in every run: for a line of the log its level, its message and the names of
/// its fields; for others the words without numbers and paths.
fn constant(line: &str) -> Option<String> {
    let log = Regex::new(r"^\S+Z +(INFO|WARN|ERROR) (.*)$").unwrap();
    let field = Regex::new(r#" (\w+)=("[^"]*"|\S*)"#).unwrap();
    let change = Regex::new(r"\S*/\S*|\d[\d.]*|\bkB\b|\bMB\b|\bbytes\b").unwrap();
    let Some(log) = log.captures(line) else {
        let told = ["sandbox listening on ", "  ", "press Ctrl-C ", "records received, in "];
        let told = told.iter().find(|words| line.starts_with(**words))?;
        return Some((*told).to_owned());
    };
    let (level, text) = (&log[1], &log[2]);
    let names: Vec<String> = field.captures_iter(text).map(|f| f[1].to_owned()).collect();
    let message = field.split(text).next().unwrap();
    // The flow's id, in the Java agent's lines.
    let message = message.split(" for file ").next().unwrap();
    Some(format!("{level} {} {names:?}", change.replace_all(message, "#")))
}

/// Runs the quickstart, with a directory of its own in the place of the machine's logs.
fn quickstart() -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("log")).unwrap();
    fs::write(dir.path().join("log/system.log"), "a line\n").unwrap();
    let config = fs::read_to_string(root().join("config/quickstart.yaml")).unwrap();
    assert!(config.contains("/var/log/*.log"), "the machine's logs");
    let logs = format!("{}/log/*.log", dir.path().display());
    let config = config.replace("/var/log/*.log", &logs);
    let config =
        config.replace("/tmp/kinetail-quickstart", &format!("{}/own", dir.path().display()));
    let path = dir.path().join("quickstart.yaml");
    fs::write(&path, config + "\nadmin.address: 127.0.0.1:0\n").unwrap();
    let output = dir.path().join("output");
    let file = fs::File::create(&output).unwrap();
    let sandbox = dir.path().join("sandbox");
    let mut child = Command::new(env!("CARGO_BIN_EXE_kinetail"))
        .args(["run", "--sandbox", "--sandbox-output"])
        .arg(&sandbox)
        .arg("--config")
        .arg(&path)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let text = || fs::read_to_string(&output).unwrap_or_default();
    let streams = ["firehose-quickstart-csv", "kinesis-quickstart-access-logs"];
    let arrived = || {
        streams.iter().all(|name| sandbox.join(format!("{name}.ndjson")).is_file())
            && text().contains("reason=\"no_match\"")
            && text().contains("admin endpoint listening on")
            && text().contains("no file is read")
    };
    wait_until("the samples", SOON, arrived, text);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success(), "{}", text());
    text()
}

#[test]
fn the_sample_output_of_the_readme_is_what_the_quickstart_says() {
    let (sample, output) = (sample(), quickstart());
    let told: Vec<String> = sample.iter().filter_map(|line| constant(line)).collect();
    let real: Vec<String> = output.lines().filter_map(constant).collect();
    assert!(told.len() > 10, "the sample was found: {told:?}");
    let stale: Vec<_> = told.iter().filter(|line| !real.contains(line)).collect();
    assert!(stale.is_empty(), "README.md has {stale:#?}\nwhich is not in\n{output}");
    // What a flow says comes from its own thread, at any time, and the log from another one than
    // the rest.
    for is_of_the_log in [true, false] {
        let whole = |line: &&String| {
            let has_no_flow = line.ends_with("[]") || !line.ends_with(']');
            line.starts_with("INFO ") == is_of_the_log && has_no_flow && line.trim() != ""
        };
        let mut rest = real.iter().filter(whole);
        for line in told.iter().filter(whole) {
            assert!(rest.any(|next| next == line), "{line} is not in this order in\n{output}");
        }
    }
    // The progress line is for terminals.
    let progress = fs::read_to_string(root().join("src/cli/progress.rs")).unwrap();
    let progress = Regex::new(r"\{[^}]*\} ?").unwrap().replace_all(&progress, "");
    let line = sample.iter().find(|line| line.contains("records delivered")).unwrap();
    let words = Regex::new(r"[\d.]+ ((?:records|files|retries)(?:\s|$))?(bytes|kB|MB)? ?")
        .unwrap()
        .replace_all(line, "");
    for part in words.split(" | ").map(str::trim) {
        assert!(progress.contains(part), "{part} is in no progress line");
    }
}

#[test]
fn every_kind_of_file_event_stands_in_the_table_of_the_docs_and_no_other() {
    let docs = fs::read_to_string(root().join("docs/tailing.md")).unwrap();
    let (_, table) = docs.split_once("\n## What can happen to a file\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let told: Vec<&str> = rows.filter(|row| *row != "kind").collect();
    let kinds: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.label()).collect();
    assert_eq!(told, kinds, "in alphabetical order");
}

/// Every metric with the label `reason`, and the values of that.
fn reasons() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let labels = [
        (name::BYTES_LOST, BytesLost::ALL.map(BytesLost::label).to_vec()),
        (name::CLOUDWATCH_DROPPED, ReportDropped::ALL.map(ReportDropped::label).to_vec()),
        (name::DEAD_LETTERS, dead_letter::Reason::ALL.map(dead_letter::Reason::label).to_vec()),
        (name::DEAD_LETTERS_DROPPED, Why::ALL.map(Why::label).to_vec()),
        (name::FILE_PROBLEMS, problems::Reason::ALL.map(problems::Reason::label).to_vec()),
        (name::LOG_LINES_LOST, LineLost::ALL.map(LineLost::label).to_vec()),
        (name::NOTIFY_DEGRADED, Degraded::ALL.map(Degraded::label).to_vec()),
        (name::PARTITION_KEYS_REPLACED, KeyReplaced::ALL.map(KeyReplaced::label).to_vec()),
        (name::RECORDS_RAW_FALLBACK, RawReason::ALL.map(RawReason::label).to_vec()),
        (name::RECORDS_SKIPPED, Skip::ALL.map(Skip::label).to_vec()),
    ];
    labels.into_iter().map(|(name, labels)| (name, labels.into_iter().collect())).collect()
}

#[test]
fn the_page_has_every_reason_in_the_row_of_its_metric_and_no_other() {
    let page = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let row =
        Regex::new(r"(?m)^\| `(\w+)` \| (?:counter|gauge)[^|]*`reason` \| ([^|]*) \|").unwrap();
    // Keys of the configuration have upper case in them, paths a slash, other metrics an ending.
    let reason = Regex::new("`([a-z_]+)`").unwrap();
    let told: BTreeMap<String, BTreeSet<&str>> = row
        .captures_iter(&page)
        .map(|row| row.extract())
        .map(|(_, [name, meaning])| {
            let words = reason.captures_iter(meaning).map(|found| found.extract::<1>().1[0]);
            let reasons = words.filter(|word| !word.ends_with("_total"));
            (format!("kinetail_{name}"), reasons.collect())
        })
        .collect();
    let known = reasons().into_iter().map(|(name, labels)| (name.to_owned(), labels));
    assert_eq!(told, known.collect());
}
