//! The journal, through a program that stands for `journalctl`.

use kinetail::sandbox::StreamId;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::stand_in::StandIn;
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;

/// A journal, where it goes, and who reads it.
struct Scene {
    journal: StandIn,
    endpoint: Endpoint,
    home: Home,
}

impl Scene {
    fn new(more: &Value) -> Self {
        let (journal, endpoint) = (StandIn::new(), Endpoint::healthy());
        let mut home = Home::new(&endpoint.handle.url());
        home.set("flows", json!([journal.flow(more)]));
        Self { journal, endpoint, home }
    }

    /// Everything that arrived, as text.
    fn arrived(&self) -> Vec<String> {
        let data = self.endpoint.data(&stream());
        data.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect()
    }

    fn wait_for(&self, wanted: &[&str], agent: &Agent) {
        let there = || self.arrived().len() >= wanted.len();
        wait_until("records", SOON, there, || format!("{:?}\n{}", self.arrived(), agent.log()));
        assert_eq!(self.arrived(), wanted);
    }
}

fn stream() -> StreamId {
    kinesis("journal")
}

#[test]
fn entries_arrive_once_whatever_they_hold_and_a_restart_resumes_after_them() {
    let mut scene = Scene::new(&json!({}));
    scene.journal.log(&[b"one", b"two\nlines\n\0\0\0\0", b"", b"\x10n \xff", b"three"]);
    let wanted = ["one\n", "two\nlines\n\0\0\0\0\n", "\n", "\u{10}n \u{fffd}\n", "three\n"];
    let agent = scene.home.start();
    scene.wait_for(&wanted, &agent);
    scene.journal.log(&[b"four"]);
    let wanted = [wanted.as_slice(), &["four\n"]].concat();
    scene.wait_for(&wanted, &agent);
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(scene.journal.running(), Vec::<String>::new());
    scene.journal.log(&[b"five"]);
    let agent = scene.home.start();
    scene.wait_for(&[wanted.as_slice(), &["five\n"]].concat(), &agent);
    assert!(!agent.log().contains("is missing"), "{}", agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    let calls = scene.journal.calls();
    assert!(calls[0].contains("--merge --follow --no-tail") && !calls[0].contains("--cursor"));
    assert!(calls[1].contains("--cursor=s=f;i=6"), "{calls:?}");
    assert_eq!(calls.len(), 2, "{calls:?}");
}

#[test]
fn a_flow_that_begins_with_what_is_logged_from_now_on_says_so_until_something_is_acknowledged() {
    let scene = Scene::new(&json!({"initialPosition": "END_OF_FILE", "journalUnits": ["a", "b"],
        "journalIdentifiers": ["c"], "journalPriority": "warning"}));
    let mut sinces = Vec::new();
    for start in 0..3 {
        let agent = scene.home.start();
        let called = || scene.journal.calls().len() > start;
        wait_until("journalctl", SOON, called, || agent.log());
        agent.wait_for_log("following the journal", SOON);
        assert_eq!(agent.stop(SOON), Some(0));
        let call = scene.journal.calls()[start].clone();
        let since = call.split("--since=@").nth(1).and_then(|rest| rest.split(' ').next());
        sinces.push(since.unwrap().parse::<f64>().unwrap());
        assert!(call.contains("--unit=a --unit=b --identifier=c --priority=warning"), "{call}");
    }
    assert!(sinces[1] <= sinces[0] && sinces[2] <= sinces[0], "{sinces:?}");
}

#[test]
fn entries_that_were_deleted_after_the_checkpoint_are_named() {
    let mut scene = Scene::new(&json!({}));
    scene.journal.log(&[b"one", b"two"]);
    let agent = scene.home.start();
    scene.wait_for(&["one\n", "two\n"], &agent);
    assert_eq!(agent.stop(SOON), Some(0));
    scene.journal.log(&[b"lost", b"lost, too"]);
    scene.journal.vacuum();
    scene.journal.log(&[b"five"]);
    let agent = scene.home.start();
    scene.wait_for(&["one\n", "two\n", "five\n"], &agent);
    let lines = agent.log();
    let line =
        lines.lines().find(|line| line.contains("checkpointed journal entry is missing")).unwrap();
    assert!(line.contains("lost_at_most=2") && line.contains("i=2"), "{line}");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_journalctl_that_ends_is_restarted_after_the_last_entry() {
    let mut scene = Scene::new(&json!({}));
    scene.journal.log(&[b"one", b"two", b"three"]);
    scene.journal.order("dies", "2");
    let agent = scene.home.start();
    scene.wait_for(&["one\n", "two\n", "three\n"], &agent);
    let log = agent.log();
    let line = log.lines().find(|line| line.contains("journalctl ended and is restarted")).unwrap();
    assert!(line.contains("boom") && line.contains("exit status: 1"), "{line}");
    assert_eq!(agent.stop(SOON), Some(0));
    assert!(scene.journal.calls()[1].contains("--cursor=s=f;i=2"));
}

#[test]
fn why_the_journal_cannot_be_read_is_told() {
    let mut scene = Scene::new(&json!({}));
    scene.journal.log(&[b"one"]);
    scene.journal.order("silent", "");
    let agent = scene.home.start();
    scene.wait_for(&["one\n"], &agent);
    assert!(agent.log().contains("due to insufficient permissions"), "{}", agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_journalctl_that_hangs_in_an_entry_is_replaced() {
    let mut scene = Scene::new(&json!({}));
    scene.journal.log(&[b"one"]);
    scene.journal.order("hangs", "");
    let agent = scene.home.start();
    scene.wait_for(&["one\n"], &agent);
    assert!(agent.log().contains("incomplete entry"), "{}", agent.log());
    assert_eq!(scene.journal.running().len(), 1, "the one that hung is gone");
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_huge_entry_is_cut_as_a_line_is_and_those_behind_it_arrive() {
    let mut scene = Scene::new(&json!({"maxLineBytes": 2000}));
    let huge = vec![b'x'; 3 * 1024 * 1024];
    scene.journal.log(&[b"one", &huge, b"two"]);
    let agent = scene.home.start();
    let cut = format!("{}\n", "x".repeat(1999));
    scene.wait_for(&["one\n", &cut, "two\n"], &agent);
    agent.signal(Signal::TERM);
    let (code, log) = agent.outcome(SOON);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("lines exceeded maxLineBytes"), "{log}");
}

#[test]
fn chosen_fields_are_an_object_and_steps_work_on_it() {
    let fields = json!(["MESSAGE", "_SYSTEMD_UNIT", "NONE"]);
    let steps = json!([{"optionName": "PARSEJSON"},
        {"optionName": "ADDFIELDS", "fields": {"from": "{file}"}}]);
    let more = json!({"journalFields": fields, "dataProcessingOptions": steps});
    let mut scene = Scene::new(&more);
    scene.journal.log(&[b"a\n\"b\""]);
    let agent = scene.home.start();
    let wanted = r#"{"MESSAGE":"a\n\"b\"","_SYSTEMD_UNIT":"web.service","from":"journald"}"#;
    scene.wait_for(&[&format!("{wanted}\n")], &agent);
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn lines_of_a_trace_that_are_entries_of_their_own_become_one_record() {
    let mut scene = Scene::new(&json!({"multiline": "indented", "multiLineHoldMillis": 100}));
    scene.journal.log(&[b"Error", b"  at a", b"  at b\n  in c", b"next"]);
    let agent = scene.home.start();
    scene.wait_for(&["Error\n  at a\n  at b\n  in c\n", "next\n"], &agent);
    assert_eq!(agent.stop(SOON), Some(0));
}

#[test]
fn a_reload_with_other_fields_resumes_after_the_last_entry() {
    let mut scene = Scene::new(&json!({}));
    scene.journal.log(&[b"one"]);
    let agent = scene.home.start();
    scene.wait_for(&["one\n"], &agent);
    let fields = json!({"journalFields": ["MESSAGE"]});
    scene.home.set("flows", json!([scene.journal.flow(&fields)]));
    scene.home.write_config();
    agent.signal(Signal::HUP);
    let again = || scene.journal.calls().len() == 2;
    wait_until("another journalctl", SOON, again, || agent.log());
    scene.journal.log(&[b"two"]);
    scene.wait_for(&["one\n", "{\"MESSAGE\":\"two\"}\n"], &agent);
    assert_eq!(agent.stop(SOON), Some(0));
    assert!(scene.journal.calls()[1].contains("--cursor=s=f;i=1"));
}

#[test]
fn entries_without_what_is_asked_for_are_skipped_and_a_filter_that_changed_loses_none() {
    let mut scene = Scene::new(&json!({"journalFields": ["NONE"]}));
    scene.journal.log(&[b"one"]);
    let agent = scene.home.start();
    let called = || scene.journal.calls().len() == 1;
    wait_until("journalctl", SOON, called, || agent.log());
    assert_eq!(agent.stop(SOON), Some(0));
    scene.home.set("flows", json!([scene.journal.flow(&json!({}))]));
    scene.journal.log(&[b"two"]);
    let agent = scene.home.start();
    // Nothing was acknowledged: what was skipped is looked at again.
    scene.wait_for(&["one\n", "two\n"], &agent);
    assert_eq!(agent.stop(SOON), Some(0));
}
