//! A flow that the Java agent ran until it was stopped, and kinetail in its place.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use kinetail::sandbox::StreamId;
use serde_json::{Value, json};

use super::java::{JavaDatabase, Row};
use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::world::append;

/// A flow that the Java agent ran, and what of its files it had sent.
pub(super) struct Scene {
    pub(super) endpoint: Endpoint,
    pub(super) home: Home,
    pub(super) stream: StreamId,
    pub(super) java: JavaDatabase,
    pub(super) flow: String,
    /// What the Java agent sent.
    pub(super) sent: Lines,
    /// What kinetail has to send.
    pub(super) unsent: Lines,
}

impl Scene {
    pub(super) fn new(name_pattern: &str) -> Self {
        Self::with(name_pattern, &json!({}))
    }

    pub(super) fn with(name_pattern: &str, more: &Value) -> Self {
        let endpoint = Endpoint::healthy();
        let mut home = Home::new(&endpoint.handle.url());
        home.flow(name_pattern, ("kinesisStream", "moved"), more);
        let java = JavaDatabase::new(home.root().join("checkpoints"));
        home.set("javaCheckpointFile", json!(java.path));
        let flow = format!("kinesis:moved:{}", home.log(name_pattern).display());
        Self {
            endpoint,
            home,
            stream: kinesis("moved"),
            java,
            flow,
            sent: Lines::default(),
            unsent: Lines::default(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.log(name)
    }

    /// Lines that the Java agent read and sent.
    pub(super) fn sent(&mut self, name: &str, count: usize) {
        let bytes: Vec<u8> = (0..count).flat_map(|n| self.sent.one("sent", n % 90)).collect();
        append(&self.path(name), &bytes);
    }

    /// Lines that it did not send.
    pub(super) fn unsent(&mut self, name: &str, count: usize) {
        // Each call is a generation of its own: no order is promised between files.
        let generation = format!("{name} from {}", self.unsent.written.len());
        let bytes: Vec<u8> =
            (0..count).flat_map(|n| self.unsent.one(&generation, n % 90)).collect();
        append(&self.path(name), &bytes);
    }

    /// The Java agent stores that it sent everything that is in the file now.
    pub(super) fn checkpoint(&self, name: &str) {
        let size = fs::metadata(self.path(name)).unwrap().len();
        self.java.save(&self.flow, &Row::of(&self.path(name), size));
    }

    /// Starts kinetail and sees to it that exactly the lines that were not sent arrive; then once
    /// more after a restart, which has nothing to import any more. Gives what it logged first.
    pub(super) fn continues(&mut self) -> String {
        let before = self.java.state();
        let agent = self.home.start();
        agent.wait_for_log("import: ", SOON);
        let log = self.delivers(&agent);
        assert_eq!(agent.stop(SOON), Some(0));
        let agent = self.home.start();
        agent.wait_for_log("opened checkpoint database", SOON);
        let newest = self.newest();
        self.unsent(&newest, 5);
        self.delivers(&agent);
        assert!(!agent.log().contains("imported Java agent"), "{}", agent.log());
        assert_eq!(agent.stop(SOON), Some(0));
        assert_eq!(self.java.state(), before, "the Java agent's database was not modified");
        log
    }

    /// A file that is written to: it matches, and the application has it.
    fn newest(&self) -> String {
        if self.path("app.log").is_file() { "app.log".to_owned() } else { "app.log.new".to_owned() }
    }

    pub(super) fn delivers(&self, agent: &Agent) -> String {
        self.endpoint.wait_for_all(&self.stream, &self.unsent.written, SOON, || agent.log());
        let verdict = judge(&self.unsent.written, &self.endpoint.data(&self.stream));
        assert!(verdict.is_exact(), "{verdict}\n{}", agent.log());
        agent.log()
    }

    pub(super) fn import(&self, arguments: &[&str]) -> Output {
        self.home.command("import").args(arguments).output().unwrap()
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
