//! A program in the place of `journalctl`, and the journal that it shows.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The directory of the program, with the journal and what it did.
pub struct StandIn {
    dir: tempfile::TempDir,
    entries: u64,
}

impl StandIn {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("journalctl");
        fs::write(&program, include_bytes!("journalctl.py")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("journal.export"), "").unwrap();
        Self { dir, entries: 0 }
    }

    /// A flow that reads this journal from its oldest entry on, with more keys.
    pub fn flow(&self, more: &Value) -> Value {
        let mut flow = json!({
            "input": "journald",
            "journalCommand": self.path("journalctl"),
            "initialPosition": "START_OF_FILE",
            "maxBufferAgeMillis": 20,
            "kinesisStream": "journal",
        });
        for (key, value) in more.as_object().unwrap() {
            flow[key] = value.clone();
        }
        flow
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Has the next process do something; see the program.
    pub fn order(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Logs messages.
    pub fn log(&mut self, messages: &[&[u8]]) {
        let mut bytes = Vec::new();
        for message in messages {
            self.entries += 1;
            bytes.extend(entry(self.entries, message));
        }
        let mut journal = OpenOptions::new().append(true).open(self.path("journal.export"));
        journal.as_mut().unwrap().write_all(&bytes).unwrap();
    }

    /// Takes all entries out of the journal, as vacuuming does.
    pub fn vacuum(&self) {
        fs::write(self.path("journal.export"), "").unwrap();
    }

    /// The arguments of each call, in order.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// Processes that still run.
    pub fn running(&self) -> Vec<String> {
        let ids =
            self.calls().into_iter().filter_map(|call| Some(call.split_once(' ')?.0.to_owned()));
        ids.filter(|id| Path::new("/proc").join(id).is_dir()).collect()
    }
}

/// An entry as `journalctl --output=export` shows it. The program wants one more line end behind.
fn entry(number: u64, message: &[u8]) -> Vec<u8> {
    let mut out = format!("__CURSOR=s=f;i={number:x}\n_SYSTEMD_UNIT=web.service\n").into_bytes();
    out.extend(b"PRIORITY=6\nMESSAGE\n");
    out.extend((message.len() as u64).to_le_bytes());
    out.extend_from_slice(message);
    out.extend(b"\n\n\n");
    out
}
