//! What a test sees of a flow.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use kinetail::admin::status::FlowStatus;
use kinetail::checkpoint::{Checkpoint, Life};
use kinetail::metrics::name;
use kinetail::tail::identity::FileKey;

use super::World;

impl World {
    /// The acknowledged records that a crash at this moment may repeat.
    pub fn unwritten_records(&self) -> &[Vec<u8>] {
        &self.unwritten
    }

    /// How many batches were in flight at a time since the last start, at most.
    pub fn most_in_flight(&self) -> usize {
        self.outlet.most
    }

    /// How many full scans the flow made.
    pub fn scans(&self) -> u64 {
        self.flow.as_ref().expect("the flow runs").full_scans()
    }

    /// How many files of this world are open, whoever has them open in this process.
    pub fn open_files(&self) -> usize {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let ours = |path: PathBuf| path.starts_with(self.dir.path());
        open.filter(|fd| fs::read_link(fd.path()).is_ok_and(ours)).count()
    }

    /// What the flow said of itself last.
    pub fn status(&self) -> Arc<FlowStatus> {
        Arc::clone(&self.reports.as_ref().expect("the flow was started").borrow())
    }

    /// The flow's clock.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How often something of this kind happened to a file.
    pub fn transitions(&self, kind: &str) -> u64 {
        self.counted(name::FILE_TRANSITIONS, &format!("kind=\"{kind}\""))
    }

    /// The value of a counter or gauge of the flow whose labels hold this text; 0 if there is
    /// none.
    pub fn counted(&self, metric: &str, label: &str) -> u64 {
        let text = self.counted.render();
        let series = |line: &&str| line.starts_with(&format!("{metric}{{")) && line.contains(label);
        let line = text.lines().find(series);
        line.and_then(|line| line.rsplit(' ').next()).map_or(0, |value| value.parse().unwrap())
    }

    /// What happened to files so far, a line for each kind of event.
    pub fn all_transitions(&self) -> String {
        let text = self.counted.render().replace(&self.dir.path().display().to_string(), "");
        let is_one = |line: &&str| line.starts_with(&format!("{}{{", name::FILE_TRANSITIONS));
        let mut lines: Vec<&str> = text.lines().filter(is_one).collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// The rows that survive a crash, but for those of finished contents, which are kept for a
    /// while only so that copies of them are known.
    pub fn rows(&self) -> BTreeMap<FileKey, Checkpoint> {
        let open = self.rows.iter().filter(|(_, row)| row.life != Life::Finished);
        open.map(|(key, row)| (*key, row.clone())).collect()
    }

    /// How many rows there are in all.
    pub fn rows_kept(&self) -> usize {
        self.rows.len()
    }
}
