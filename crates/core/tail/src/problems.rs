//! What is in the way of files: what cannot be listed, opened, read or split into lines, and
//! patterns that match nothing. Each problem has a reason, a beginning and something to do about
//! it, and stays here until it is over. Pure.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::disk::{DiskError, Fault};
use super::doubt::Doubt;

kinetail_base::labels! {
    /// Why something cannot be followed. The names are the label `reason` of the metric
    /// `kinetail_file_problems` and `reason` in `/status`.
    pub enum Reason {
        /// A compressed file that cannot be unpacked: `.xz`, `.zip` and others.
        Compression = "compression",
        /// A symbolic link that leads nowhere.
        DanglingLink = "dangling_link",
        /// No file descriptor is free.
        DescriptorLimit = "descriptor_limit",
        /// A directory that cannot be listed.
        DirectoryUnreadable = "directory_unreadable",
        /// The bytes are no lines: UTF-16.
        Encoding = "encoding",
        /// The file system fails, or a compressed file is damaged.
        IoError = "io_error",
        /// Symbolic links that lead to each other.
        LinkLoop = "link_loop",
        /// A symbolic link that `followLinks` does not let through.
        LinkRefused = "link_refused",
        /// No file matches the pattern.
        NoMatch = "no_match",
        /// A directory, a socket, a file of the kernel: nothing that can be followed.
        NotAFile = "not_a_file",
        /// kinetail's user may not read it.
        PermissionDenied = "permission_denied",
    }
}

impl Reason {
    /// What a person does about it.
    #[must_use]
    pub fn fix(self) -> &'static str {
        match self {
            Self::Compression => {
                "decompress it to a name that matches filePattern; let the rotation compress with \
                 gzip, zstd or bzip2"
            }
            Self::DanglingLink => "create the target of the link, or remove the link",
            Self::DescriptorLimit => "raise the limit on open files (LimitNOFILE=, ulimit -n)",
            Self::DirectoryUnreadable => {
                "grant kinetail's user list access (group adm, an ACL or chmod)"
            }
            Self::Encoding => "write it as UTF-8, or set encoding: raw",
            Self::IoError => "check the disk or the mount (dmesg); a damaged archive is not read",
            Self::LinkLoop => "point the link to a file, or remove it",
            Self::LinkRefused => {
                "let root or the owner of its target make the link, or set followLinks: always"
            }
            Self::NoMatch => {
                "compare filePattern with the names that are there (kinetail check); compressed \
                 files do not count"
            }
            Self::NotAFile => "narrow filePattern, or exclude files with excludePatterns",
            Self::PermissionDenied => {
                "grant kinetail's user read access (group adm, an ACL or chmod)"
            }
        }
    }

    /// Whether lines may be missing because of it. What can hold no lines is only named.
    #[must_use]
    pub fn degrades(self) -> bool {
        self != Self::NotAFile
    }

    /// Whether the Java agent counted it as an error of its tailer.
    fn is_error(self) -> bool {
        !matches!(self, Self::DanglingLink | Self::NoMatch)
    }

    fn of(error: &FileError) -> Self {
        let FileError::Disk(DiskError { fault, .. }) = error else {
            let is_unknown = matches!(error, FileError::UnknownFormat);
            return if is_unknown { Self::Compression } else { Self::IoError };
        };
        match fault {
            Fault::Denied => Self::PermissionDenied,
            Fault::Gone => Self::DanglingLink,
            Fault::KernelMade | Fault::NotRegular => Self::NotAFile,
            Fault::Loop => Self::LinkLoop,
            Fault::Refused(_) => Self::LinkRefused,
            Fault::TooManyOpen => Self::DescriptorLimit,
            Fault::NotADirectory | Fault::Stale | Fault::Other(_) => Self::IoError,
        }
    }
}

/// Why a file cannot be followed now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The file system says so.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A compressed file changed while it was read.
    #[error("compressed file changed while it was read; will retry")]
    Changed,
    /// A compressed file is still being written, or whoever wrote it died.
    #[error("compressed file is incomplete; will retry when it changes")]
    CutShort,
    /// It is compressed in a format that is not known here.
    #[error("unsupported compression of a rotated file that was never read")]
    UnknownFormat,
}

/// One thing that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// Where: a file, a directory, or the pattern that matches nothing.
    pub path: Arc<Path>,
    /// Of which kind.
    pub reason: Reason,
    /// What the system says.
    pub what: String,
    /// Since when, as far as it was looked at.
    pub since: Instant,
    /// It was found by looking at the file, not by reading it: the next look tells whether it is
    /// over.
    pub(super) at_look: bool,
}

impl FileProblem {
    /// A problem as an error tells of it.
    #[must_use]
    pub fn of(path: &Path, error: &FileError, since: Instant) -> Self {
        let (reason, what) = (Reason::of(error), error.to_string());
        Self { path: Arc::from(path), reason, what, since, at_look: false }
    }

    /// What it is and what to do, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.reason {
            // What a refused link is told with has what to do in it.
            Reason::LinkRefused | Reason::NotAFile => format!("ignoring path: {}", self.what),
            Reason::Compression
            | Reason::DanglingLink
            | Reason::DescriptorLimit
            | Reason::DirectoryUnreadable
            | Reason::Encoding
            | Reason::IoError
            | Reason::LinkLoop
            | Reason::NoMatch
            | Reason::PermissionDenied => format!("{}; {}", self.what, self.reason.fix()),
        }
    }
}

/// The problems of a flow.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    by_path: BTreeMap<Arc<Path>, FileProblem>,
    /// Comparisons that failed.
    pub(super) doubt: Doubt,
}

impl Problems {
    /// Notes one. Says whether it is new, or another than before.
    pub(super) fn note(&mut self, problem: FileProblem) -> bool {
        let before = self.by_path.get_mut(&problem.path);
        if let Some(before) = before.filter(|before| before.reason == problem.reason) {
            before.what = problem.what;
            before.at_look = problem.at_look;
            return false;
        }
        self.by_path.insert(Arc::clone(&problem.path), problem);
        true
    }

    /// Takes the problem of a path away if it is of this sort.
    pub(super) fn take(
        &mut self,
        path: &Path,
        is_over: impl FnOnce(&FileProblem) -> bool,
    ) -> Option<FileProblem> {
        let over = self.by_path.get(path).is_some_and(is_over);
        over.then(|| self.by_path.remove(path)).flatten()
    }

    /// Keeps those for which this is true.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&FileProblem) -> bool) {
        self.by_path.retain(|_, problem| keep(problem));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// In the order of their paths.
    pub(super) fn iter(&self) -> impl Iterator<Item = &FileProblem> {
        self.by_path.values()
    }

    /// Those that the Java agent would have counted as errors.
    pub(super) fn errors(&self) -> impl Iterator<Item = &FileProblem> {
        self.iter().filter(|problem| problem.reason.is_error())
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Call;
    use super::*;

    fn problem(path: &str, fault: Fault) -> FileProblem {
        let error = DiskError { call: Call::Open, fault };
        FileProblem::of(Path::new(path), &error.into(), crate::testing::now())
    }

    #[test]
    fn an_error_has_a_reason_and_something_to_do() {
        let cases = [
            (Fault::Denied, "permission_denied"),
            (Fault::Gone, "dangling_link"),
            (Fault::Loop, "link_loop"),
            (Fault::TooManyOpen, "descriptor_limit"),
            (Fault::Other(5), "io_error"),
            (Fault::NotRegular, "not_a_file"),
        ];
        for (fault, label) in cases {
            let problem = problem("/a", fault);
            assert_eq!(problem.reason.label(), label);
            assert!(!problem.reason.fix().is_empty() && !problem.sentence().is_empty());
        }
        let labels: Vec<&str> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        assert!(labels.is_sorted(), "{labels:?}");
    }

    #[test]
    fn the_same_problem_again_keeps_its_beginning_and_another_has_its_own() {
        let mut problems = Problems::default();
        let first = problem("/a", Fault::Denied);
        assert!(problems.note(first.clone()));
        assert!(!problems.note(problem("/a", Fault::Denied)));
        assert_eq!(problems.iter().next().map(|p| p.since), Some(first.since));
        assert!(problems.note(problem("/a", Fault::Other(5))), "it is another one");
        assert!(problems.take(Path::new("/a"), |p| p.reason == Reason::Encoding).is_none());
        assert!(problems.take(Path::new("/a"), |_| true).is_some());
        assert!(problems.is_empty());
    }
}
