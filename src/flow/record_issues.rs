//! Records that were sent raw, cut or skipped: counted at once, logged at once the first time and
//! then less and less often, with how many there were and the files that they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::batch::dead_letter::Reason;
use crate::batch::pack::Counts;
use crate::log_throttle::{LogPacer, PacerDecision};
use crate::process::Skip;

/// A log line names this many files.
const FILES_MAX: usize = 5;

/// What can happen to a record. The reasons are the packer's, so there are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum IssueKind {
    DeadLetter(Reason),
    KeyMissing,
    KeyTooLong,
    NotCompared,
    Oversize(&'static str),
    Raw,
    Skipped(Skip),
    Truncated,
    WithoutMetadata,
}

/// What happened since the last line about it: how many records, and of which files.
#[derive(Debug, Default)]
struct IssueCount {
    records: u64,
    files: BTreeSet<PathBuf>,
    /// There are more files than are named.
    more_files: bool,
    pace: LogPacer,
}

/// What happened to the records of a flow.
#[derive(Debug, Default)]
pub(super) struct RecordIssues {
    kinds: BTreeMap<IssueKind, IssueCount>,
    raw_reason: Option<String>,
    /// Where the newest overlong line begins.
    oversize_at: Option<(Arc<Path>, u64)>,
}

impl RecordIssues {
    /// Adds what happened to records of a file.
    pub(super) fn add(&mut self, counts: &Counts, file: Option<&Path>) {
        let raw = counts.raw.iter().map(|(_, count)| count).sum();
        let skipped =
            counts.skipped.iter().map(|(reason, count)| (IssueKind::Skipped(*reason), *count));
        let others = [
            (IssueKind::Raw, raw),
            (IssueKind::Truncated, counts.truncated),
            (IssueKind::WithoutMetadata, counts.without_metadata),
            (IssueKind::NotCompared, counts.not_compared),
            (IssueKind::KeyMissing, counts.keys.missing),
            (IssueKind::KeyTooLong, counts.keys.too_long),
        ];
        for (kind, records) in others.into_iter().chain(skipped) {
            if records > 0 {
                self.kinds.entry(kind).or_default().add(records, file);
            }
        }
        if counts.raw_reason.is_some() {
            self.raw_reason.clone_from(&counts.raw_reason);
        }
    }

    /// Adds what was longer than a line may be, and where the newest of it begins.
    pub(super) fn add_oversize(
        &mut self,
        count: u64,
        policy: &'static str,
        at: Option<(Arc<Path>, u64)>,
    ) {
        let file = at.as_ref().map(|(path, _)| &**path);
        self.kinds.entry(IssueKind::Oversize(policy)).or_default().add(count, file);
        self.oversize_at = at;
    }

    /// Adds a record of a file that was written to the dead letters.
    pub(super) fn add_dead(&mut self, reason: Reason, file: Option<&Path>) {
        self.kinds.entry(IssueKind::DeadLetter(reason)).or_default().add(1, file);
    }

    /// Says what happened since the last line; for the end of a flow.
    pub(super) fn log_rest(&mut self, flow: &str) {
        for (kind, records, files) in self.take(|_| true) {
            self.write(flow, kind, records, &files);
        }
    }

    /// Says what happened, if anything did and the last line about it is long enough ago.
    pub(super) fn log(&mut self, flow: &str, now: Instant) {
        for (kind, records, files) in self.take(|pace| pace.turn(now) != PacerDecision::Same) {
            self.write(flow, kind, records, &files);
        }
    }

    fn take(
        &mut self,
        mut is_due: impl FnMut(&mut LogPacer) -> bool,
    ) -> Vec<(IssueKind, u64, String)> {
        let waiting = self.kinds.iter_mut().filter(|(_, trouble)| trouble.records > 0);
        waiting
            .filter_map(|(kind, trouble)| {
                let due = is_due(&mut trouble.pace);
                due.then(|| {
                    let (records, files) = trouble.told();
                    (*kind, records, files)
                })
            })
            .collect()
    }

    fn write(&self, flow: &str, kind: IssueKind, records: u64, files: &str) {
        match kind {
            IssueKind::DeadLetter(reason) => {
                let reason = reason.label();
                tracing::warn!(name: "dead_lettered", %flow, records, reason, %files,
                    "records written to dead letters and not delivered");
            }
            IssueKind::KeyMissing => tracing::warn!(name: "partition_key_missing",
                %flow, records, %files,
                "partition key missing; sent with the key of partitionKeyMissing"),
            IssueKind::KeyTooLong => tracing::warn!(name: "partition_key_cut",
                %flow, records, %files,
                "partition key longer than 256 characters; sent with the first 256"),
            IssueKind::NotCompared => tracing::warn!(name: "pattern_limit_exceeded",
                %flow, lines = records, %files,
                "pattern match exceeded its step limit; treated lines as non-matching"),
            IssueKind::Oversize(policy) => {
                let offset = self.oversize_at.as_ref().map_or(0, |(_, offset)| *offset);
                let newest = self.oversize_at.as_ref().map(|(path, _)| path.display());
                let file = newest.map_or_else(String::new, |path| path.to_string());
                tracing::warn!(name: "lines_oversize",
                    %flow, %file, offset, policy, lines = records,
                    "lines exceeded maxLineBytes");
            }
            IssueKind::Raw => {
                let reason = self.raw_reason.as_deref().unwrap_or_default();
                tracing::warn!(name: "conversion_failed", %flow, records, %files,
                    "conversion failed; sent records unconverted; last reason: {reason}");
            }
            IssueKind::Skipped(reason) => {
                tracing::info!(name: "records_skipped",
                    %flow, records, reason = reason.label(), %files, "skipped records");
            }
            IssueKind::Truncated => tracing::warn!(name: "records_truncated",
                %flow, records, %files,
                "truncated records to the size limit"),
            // In the Java agent's words.
            IssueKind::WithoutMetadata => tracing::warn!(name: "metadata_missing",
                %flow, records, %files,
                "Unable to append metadata, no metadata found"),
        }
    }
}

impl IssueCount {
    fn add(&mut self, records: u64, file: Option<&Path>) {
        self.records += records;
        let Some(file) = file.filter(|file| !self.files.contains(*file)) else { return };
        if self.files.len() < FILES_MAX {
            self.files.insert(file.to_owned());
        } else {
            self.more_files = true;
        }
    }

    /// Takes what is to be said: how many records, and the names of files.
    fn told(&mut self) -> (u64, String) {
        let Self { records, files, more_files, .. } = self;
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let others = if std::mem::take(more_files) { " and others" } else { "" };
        files.clear();
        (std::mem::take(records), names.join(", ") + others)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::RawReason;

    #[test]
    fn a_line_names_the_files_up_to_a_limit() {
        let mut trouble = IssueCount::default();
        trouble.add(1, None);
        assert_eq!(trouble.told(), (1, String::new()));
        for name in ["/b", "/a", "/a", "/c", "/d", "/e", "/f"] {
            trouble.add(2, Some(Path::new(name)));
        }
        assert_eq!(trouble.told(), (14, "/a, /b, /c, /d, /e and others".to_owned()));
        assert_eq!(trouble.told(), (0, String::new()));
    }

    #[test]
    fn an_hour_of_bad_records_is_a_few_lines_that_count_them_all() {
        let (start, mut troubles) = (Instant::now(), RecordIssues::default());
        let counts = Counts {
            raw: vec![(RawReason::NotJson, 1)],
            truncated: 2,
            skipped: vec![(Skip::NoMatch, 3), (Skip::Header, 0)],
            ..Counts::default()
        };
        let (mut lines, mut told) = (0, 0);
        for second in 0..3_600 {
            troubles.add(&counts, None);
            let now = start + Duration::from_secs(second);
            for (_, records, _) in troubles.take(|pace| pace.turn(now) != PacerDecision::Same) {
                (lines, told) = (lines + 1, told + records);
            }
        }
        assert_eq!(lines, 3 * 10, "ten for each kind");
        let rest: u64 = troubles.take(|_| true).iter().map(|(_, records, _)| records).sum();
        assert_eq!(told + rest, 6 * 3_600);
    }
}
