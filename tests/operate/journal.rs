//! The log as the journal gets it.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Stdio;

use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::required;
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

#[test]
fn journald_gets_the_event_and_the_fields_of_each_line() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    home.flow("a*.log", ("kinesisStream", "s"), &json!({}));
    append(&home.log("a.log"), b"1\n");
    let place = home.root().join("journal");
    fs::create_dir(&place).unwrap();
    let journald = UnixDatagram::bind(place.join("socket")).unwrap();
    journald.set_read_timeout(Some(SOON)).unwrap();
    let script = format!(
        "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
         mount --bind {} /run/systemd/journal && exec \"$0\" \"$@\"",
        place.display()
    );
    let Some(mut command) = home.in_a_namespace(&script) else {
        required::not_tested("MOUNTS", "this machine does not let the test mount a disk");
        return;
    };
    // As systemd hands it over.
    let (theirs, _ours) = UnixStream::pair().unwrap();
    let theirs = OwnedFd::from(theirs);
    let stat = rustix::fs::fstat(&theirs).unwrap();
    command.env("JOURNAL_STREAM", format!("{}:{}", stat.st_dev, stat.st_ino));
    let mut child = command.stdout(Stdio::null()).stderr(theirs).spawn().unwrap();
    let mut entry = vec![0; 65_536];
    let mut seen = String::new();
    while !seen.contains("KINETAIL_EVENT=flow_started\n") {
        let count = journald.recv(&mut entry).unwrap_or_else(|error| panic!("{error}:\n{seen}"));
        seen += std::str::from_utf8(&entry[..count]).unwrap();
    }
    let (_, started) = seen.rsplit_once("PRIORITY=6\n").unwrap();
    for part in [
        "SYSLOG_IDENTIFIER=kinetail\n",
        "KINETAIL_FLOW=kinesis:s:",
        "KINETAIL_DESTINATION=KinesisStream:s\n",
        "KINETAIL_FILES=1\n",
    ] {
        assert!(started.contains(part), "{part} is missing in\n{started}");
    }
    let message = started.lines().last().unwrap();
    assert!(message.starts_with("MESSAGE=") && message.contains("flow started flow="), "{message}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}
