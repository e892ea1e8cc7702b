//! A real journal, through the real `journalctl`: `systemd-journal-remote` writes entries into it
//! as they are piped into it. Where it is missing nothing is tested, and that is said.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::json;

use crate::support::agent::{Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::wait::wait_until;

const REMOTE: [&str; 2] =
    ["/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"];

/// Someone writes into a journal.
struct Writer {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Writer {
    fn start(journal: &Path) -> Option<Self> {
        let program = REMOTE.iter().map(PathBuf::from).find(|path| path.is_file())?;
        if !Path::new("/usr/bin/journalctl").is_file() {
            return None;
        }
        let mut command = Command::new(program);
        let mut output = std::ffi::OsString::from("--output=");
        output.push(journal);
        command.arg(output).arg("-").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let stdin = child.stdin.take();
        Some(Self { child, stdin })
    }

    /// Logs a message, in a boot and of a unit.
    fn log(&mut self, number: u64, (boot, unit): (u8, &str), message: &[u8]) {
        let micros = 1_700_000_000_000_000 + number * 1_000;
        let mut entry = format!(
            "__REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot:032x}\n\
             _SYSTEMD_UNIT={unit}\nMESSAGE\n",
            number * 1_000
        )
        .into_bytes();
        entry.extend((message.len() as u64).to_le_bytes());
        entry.extend_from_slice(message);
        entry.extend(b"\n\n");
        self.stdin.as_mut().unwrap().write_all(&entry).unwrap();
        self.stdin.as_mut().unwrap().flush().unwrap();
    }

    fn finish(mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn a_real_journal_is_followed_over_a_restart_and_a_reboot() {
    let endpoint = Endpoint::healthy();
    let mut home = Home::new(&endpoint.handle.url());
    let dir = home.root().join("journal");
    std::fs::create_dir(&dir).unwrap();
    let journal = dir.join("test.journal");
    let Some(mut writer) = Writer::start(&journal) else {
        let message = b"\n*** NOT TESTED with a real journal: no systemd-journal-remote\n\n";
        std::io::stderr().write_all(message).unwrap();
        return;
    };
    home.set(
        "flows",
        json!([{
            "input": "journald", "journalDirectory": dir, "initialPosition": "START_OF_FILE",
            "kinesisStream": "all", "maxBufferAgeMillis": 20,
        }, {
            "input": "journald", "journalDirectory": dir, "initialPosition": "START_OF_FILE",
            "kinesisStream": "web", "journalUnits": ["web.service"], "maxBufferAgeMillis": 20,
        }]),
    );
    let text = |number: u64| match number % 5 {
        0 => format!("message {number}\nwith two lines").into_bytes(),
        1 => [format!("message {number} ").as_bytes(), b"\xff\0"].concat(),
        _ => format!("message {number}").into_bytes(),
    };
    let unit = |number: u64| if number.is_multiple_of(2) { "web.service" } else { "db.service" };
    let (mut all, mut web, mut number) = (Vec::new(), Vec::new(), 0);
    // Each start, and a reboot while nothing runs: the middle of the second boot is logged then.
    for (boot, count, runs) in [(1, 20, true), (1, 20, false), (2, 20, false), (2, 20, true)] {
        let agent = runs.then(|| home.start());
        for _ in 0..count {
            number += 1;
            let message = text(number);
            writer.log(number, (boot, unit(number)), &message);
            let record = [message.as_slice(), b"\n"].concat();
            if number.is_multiple_of(2) {
                web.push(record.clone());
            }
            all.push(record);
        }
        let Some(agent) = agent else { continue };
        let there = || {
            endpoint.count(&kinesis("all")) >= all.len()
                && endpoint.count(&kinesis("web")) >= web.len()
        };
        wait_until("all entries", SOON, there, || agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        assert!(endpoint.data(&kinesis("all")) == all, "each entry once, in order");
        assert!(endpoint.data(&kinesis("web")) == web, "each entry of the unit once, in order");
    }
    writer.finish();
}
