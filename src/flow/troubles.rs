//! Records that were sent raw, cut or left out: counted at once, logged now and then, with the
//! files that they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::batch::pack::Counts;

/// At most one log line of a kind in this time.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// A log line names this many files.
const FILES_MAX: usize = 5;

/// What happened since the last line.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    raw: Trouble,
    raw_reason: Option<String>,
    truncated: Trouble,
    without_metadata: Trouble,
    not_compared: Trouble,
    skipped: BTreeMap<&'static str, Trouble>,
    next_line: Option<Instant>,
}

/// How many records, and of which files.
#[derive(Debug, Default)]
struct Trouble {
    records: u64,
    files: BTreeSet<PathBuf>,
    /// There are more files than are named.
    more_files: bool,
}

impl Troubles {
    /// Adds what happened to records of a file.
    pub(super) fn add(&mut self, counts: &Counts, file: Option<&Path>) {
        self.raw.add(counts.raw.iter().map(|(_, count)| count).sum(), file);
        self.truncated.add(counts.truncated, file);
        self.without_metadata.add(counts.without_metadata, file);
        self.not_compared.add(counts.not_compared, file);
        if counts.raw_reason.is_some() {
            self.raw_reason.clone_from(&counts.raw_reason);
        }
        for (reason, count) in &counts.skipped {
            self.skipped.entry(reason).or_default().add(*count, file);
        }
    }

    /// Says what happened since the last line; for the end of a flow.
    pub(super) fn log_rest(&mut self, flow: &str, now: Instant) {
        self.next_line = None;
        self.log(flow, now);
    }

    /// Says what happened, if anything did and the last line is long enough ago.
    pub(super) fn log(&mut self, flow: &str, now: Instant) {
        let others = [&self.raw, &self.truncated, &self.without_metadata, &self.not_compared];
        let quiet = self.skipped.is_empty() && others.iter().all(|other| other.records == 0);
        if quiet || self.next_line.is_some_and(|at| now < at) {
            return;
        }
        let told = std::mem::take(self);
        self.next_line = Some(now + LINE_EVERY);
        if let Some((records, files)) = told.raw.told() {
            let reason = told.raw_reason.unwrap_or_default();
            tracing::warn!(%flow, records, %files,
                "sent as they were, because a converter could not read them; the newest reason: \
                 {reason}");
        }
        if let Some((records, files)) = told.truncated.told() {
            tracing::warn!(%flow, records, %files, "cut to the service's greatest record size");
        }
        if let Some((records, files)) = told.without_metadata.told() {
            tracing::warn!(%flow, records, %files, "unable to append metadata, no metadata found");
        }
        if let Some((lines, files)) = told.not_compared.told() {
            tracing::warn!(%flow, lines, %files,
                "took too long to compare with a pattern and were taken not to match");
        }
        for (reason, trouble) in told.skipped {
            if let Some((records, files)) = trouble.told() {
                tracing::info!(%flow, records, reason, %files, "left out");
            }
        }
    }
}

impl Trouble {
    fn add(&mut self, records: u64, file: Option<&Path>) {
        let Some(file) = file.filter(|_| records > 0) else {
            self.records += records;
            return;
        };
        self.records += records;
        if self.files.contains(file) {
            return;
        }
        if self.files.len() < FILES_MAX {
            self.files.insert(file.to_owned());
        } else {
            self.more_files = true;
        }
    }

    /// What is to be said, if there is anything.
    fn told(&self) -> Option<(u64, Files<'_>)> {
        (self.records > 0).then_some((self.records, Files(self)))
    }
}

/// The names of the files, for a log line.
struct Files<'t>(&'t Trouble);

impl fmt::Display for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, file) in self.0.files.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", file.display())?;
        }
        f.write_str(if self.0.more_files { " and others" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_files_up_to_a_limit() {
        let mut trouble = Trouble::default();
        trouble.add(0, Some(Path::new("/none")));
        trouble.add(1, None);
        assert_eq!(
            trouble.told().map(|(records, files)| (records, files.to_string())),
            Some((1, String::new()))
        );
        for name in ["/b", "/a", "/a", "/c", "/d", "/e", "/f"] {
            trouble.add(2, Some(Path::new(name)));
        }
        let (records, files) = trouble.told().unwrap();
        assert_eq!((records, files.to_string().as_str()), (15, "/a, /b, /c, /d, /e and others"));
        assert!(Trouble::default().told().is_none());
    }
}
