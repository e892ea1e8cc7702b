//! The log as the journal gets it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;
use crate::support::world::append;

#[test]
fn the_journal_gets_priorities_and_no_second_time_stamp() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    home.flow("none*.log", ("kinesisStream", "t"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let path = home.root().join("journal");
    let journal = File::create(&path).unwrap();
    let meta = journal.metadata().unwrap();
    let mut command = home.command("run");
    // What systemd says of the stream that it hands over.
    command.env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino()));
    let mut child = command.stderr(journal).spawn().unwrap();
    let said = || fs::read_to_string(&path).unwrap();
    let told = || said().contains("Startup completed") && said().contains("no file matches");
    wait_until("a warning", SOON, told, said);
    endpoint.wait_for_all(&kinesis("s"), &[b"1\n".to_vec()], SOON, said);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success(), "{}", said());
    let lines = said();
    let warning = lines.lines().find(|line| line.contains("no file matches")).unwrap();
    assert!(warning.starts_with("<4>"), "{warning}");
    for line in lines.lines() {
        let rest = line.get(3..).unwrap_or_default();
        assert!(["<3>", "<4>", "<6>", "<7>"].iter().any(|p| line.starts_with(p)), "{line}");
        assert!(!rest.trim_start().starts_with("20"), "dated twice: {line}");
    }
}
