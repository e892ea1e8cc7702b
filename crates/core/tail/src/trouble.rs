//! What the tailer notes about what is in its way, and when it is over.
//!
//! Part of [`Tailer`]. `problems` has the list; here is when something enters and leaves it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ahead::UTF16_REFUSED;
use super::disk::Disk;
use super::event::EventKind;
use super::file::Tailed;
use super::life::Phase;
use super::problems::{FileError, FileProblem, Reason};
use super::snapshot::{Problem, Snapshot};
use super::tailer::Tailer;

/// A rotation leaves a moment without a file that matches. This is longer.
const NO_MATCH_AFTER: Duration = Duration::from_secs(10);

/// What is in the way of a whole flow.
#[derive(Debug)]
pub(super) struct Unmatched {
    since: Instant,
    /// From then on it is a problem.
    told_at: Instant,
    /// What a person has to know beside that nothing matches.
    what: String,
}

impl<D: Disk> Tailer<D> {
    /// Notes a problem, and tells it once, until it is gone.
    pub(super) fn trouble(&mut self, path: &Path, error: impl Into<FileError>) {
        self.note(FileProblem::of(path, &error.into(), self.looked_at));
    }

    /// The same of a file that could not be looked at: the next look tells whether it is over.
    pub(super) fn trouble_at_look(&mut self, path: &Path, error: impl Into<FileError>) {
        let problem = FileProblem::of(path, &error.into(), self.looked_at);
        self.note(FileProblem { at_look: true, ..problem });
    }

    /// The bytes of a file cannot be read as lines.
    pub(super) fn trouble_with_encoding(&mut self, path: &Path, what: &str) {
        self.note(FileProblem {
            path: Arc::from(path),
            reason: Reason::Encoding,
            what: what.to_owned(),
            since: self.looked_at,
            at_look: false,
        });
    }

    fn note(&mut self, problem: FileProblem) {
        let (path, sentence) = (Arc::clone(&problem.path), problem.sentence());
        if self.problems.note(problem) {
            self.event(EventKind::Problem, &path, sentence);
        }
    }

    /// Whether something that is there cannot be opened, examined or read.
    #[must_use]
    pub fn has_troubles(&self) -> bool {
        self.problems.errors().any(|problem| self.disk.is_link(&problem.path).is_ok())
    }

    /// What is in the way now, in the order of the paths.
    pub fn problems(&self) -> impl Iterator<Item = &FileProblem> {
        self.problems.iter()
    }

    /// A file can be opened, or a directory be listed, that could not.
    pub(super) fn recovered(&mut self, path: &Path) {
        self.is_over(path, |problem| problem.reason != Reason::Encoding);
    }

    /// A file was read.
    pub(super) fn reads_again(&mut self, path: &Path) {
        let failed = |reason| matches!(reason, Reason::IoError | Reason::DescriptorLimit);
        self.is_over(path, |problem| failed(problem.reason));
    }

    /// A file was looked at.
    pub(super) fn looks_well(&mut self, path: &Path) {
        self.is_over(path, |problem| problem.at_look);
    }

    /// A file holds another content than the one that could not be read as lines.
    pub(super) fn may_be_lines(&mut self, path: &Path) {
        self.is_over(path, |problem| problem.reason == Reason::Encoding);
    }

    fn is_over(&mut self, path: &Path, is_over: impl FnOnce(&FileProblem) -> bool) {
        if self.problems.take(path, is_over).is_some() {
            self.event(EventKind::Recovered, &Arc::from(path), "it can be followed again");
        }
    }

    /// Compares what a scan could not see with what the last one could not.
    pub(super) fn report_problems(&mut self, problems: &[Problem]) {
        let still: BTreeSet<&OsStr> = problems.iter().map(|p| p.path.as_os_str()).collect();
        let over: Vec<PathBuf> = self
            .snapshot
            .iter()
            .flat_map(|last| last.problems.iter().map(|problem| &problem.path))
            .filter(|path| !still.contains(path.as_os_str()))
            .cloned()
            .collect();
        for path in over {
            if self.disk.is_link(&path).is_ok() {
                self.recovered(&path);
            }
        }
        // What is gone is no problem any more, and nobody will say so.
        let Self { problems: known, disk, .. } = self;
        known.retain(|problem| match problem.reason {
            Reason::Encoding | Reason::NoMatch => true,
            Reason::DanglingLink
            | Reason::DescriptorLimit
            | Reason::DirectoryUnreadable
            | Reason::IoError
            | Reason::LinkLoop
            | Reason::LinkRefused
            | Reason::NotAFile
            | Reason::PermissionDenied => {
                still.contains(problem.path.as_os_str()) || disk.is_link(&problem.path).is_ok()
            }
        });
        for problem in problems {
            let mut noted =
                FileProblem::of(&problem.path, &problem.error.clone().into(), self.looked_at);
            if problem.is_directory && noted.reason == Reason::PermissionDenied {
                noted.reason = Reason::DirectoryUnreadable;
            }
            self.note(noted);
        }
    }

    /// A content that is no text may have another name now, or be gone.
    pub(super) fn rename_refused(&mut self) {
        let listed = |file: &&Tailed<D::File>| file.phase() == Phase::Ignored && file.is_listed();
        let refused = self.files.values().filter(listed);
        let paths: Vec<Arc<Path>> = refused.map(|file| Arc::clone(&file.path)).collect();
        self.problems
            .retain(|problem| problem.reason != Reason::Encoding || paths.contains(&problem.path));
        for path in paths {
            self.trouble_with_encoding(&path, UTF16_REFUSED);
        }
    }

    /// Takes in whether a scan found anything.
    pub(super) fn report_match(&mut self, snapshot: &Snapshot) {
        let hidden = snapshot.problems.iter().any(|problem| {
            FileProblem::of(&problem.path, &problem.error.clone().into(), self.looked_at)
                .reason
                .degrades()
        });
        if !snapshot.listing.entries.is_empty() || hidden {
            self.unmatched = None;
            let text = self.options.pattern.text().to_owned();
            self.problems.take(Path::new(&text), |problem| problem.reason == Reason::NoMatch);
            return;
        }
        let missing = snapshot.directories.iter().find(|(_, stamp)| stamp.is_none());
        let what = match missing {
            Some((directory, _)) => {
                format!("no file matches: there is no directory {}", directory.display())
            }
            None => "no file matches".to_owned(),
        };
        let now = self.looked_at;
        let told_at = if self.first_scan_done { now + NO_MATCH_AFTER } else { now };
        let unmatched =
            self.unmatched.get_or_insert(Unmatched { since: now, told_at, what: String::new() });
        unmatched.what = what;
    }

    /// A pattern without a file is a problem when that lasts longer than a rotation.
    pub(super) fn note_no_match(&mut self, now: Instant) {
        let Some(unmatched) = self.unmatched.as_ref().filter(|none| now >= none.told_at) else {
            return;
        };
        let problem = FileProblem {
            path: Arc::from(Path::new(self.options.pattern.text())),
            reason: Reason::NoMatch,
            what: unmatched.what.clone(),
            since: unmatched.since,
            at_look: false,
        };
        // It is the flow's and no file's: the flow tells it.
        self.problems.note(problem);
    }
}
