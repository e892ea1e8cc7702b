//! What the tailer notes about what is in its way, and when it is over.
//!
//! Part of [`crate::tailer`]. `problems` has the list; here is when something enters and leaves it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::Disk;
use crate::event::EventKind;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::phase::Phase;
use crate::problems::{FileError, FileProblem, Reason};
use crate::snapshot::{Problem, Snapshot};
use crate::tailer::Tailer;

/// A rotation leaves a moment without a file that matches. This is longer.
const NO_MATCH_AFTER: Duration = Duration::from_secs(10);

/// What is said of a file in UTF-16.
pub(super) const UTF16_REFUSED: &str = "not reading UTF-16 file (byte order mark found)";

/// What is in the way of a whole flow.
#[derive(Debug)]
pub(crate) struct Unmatched {
    since: Instant,
    /// From then on it is a problem.
    told_at: Instant,
    /// What a person has to know in addition to that nothing matches.
    what: String,
}

/// Notes a problem, and tells it once, until it is gone.
pub(crate) fn trouble<D: Disk>(tailer: &mut Tailer<D>, path: &Path, error: impl Into<FileError>) {
    note(tailer, FileProblem::of(path, &error.into(), tailer.schedule.looked_at));
}

/// The same of a file that could not be looked at: the next look tells whether it is over.
pub(crate) fn trouble_at_look<D: Disk>(
    tailer: &mut Tailer<D>,
    path: &Path,
    error: impl Into<FileError>,
) {
    let problem = FileProblem::of(path, &error.into(), tailer.schedule.looked_at);
    note(tailer, FileProblem { at_look: true, ..problem });
}

/// The bytes of a file cannot be read as lines.
pub(super) fn trouble_with_encoding<D: Disk>(tailer: &mut Tailer<D>, path: &Path, what: &str) {
    note(
        tailer,
        FileProblem {
            path: Arc::from(path),
            reason: Reason::Encoding,
            what: what.to_owned(),
            since: tailer.schedule.looked_at,
            at_look: false,
        },
    );
}

fn note<D: Disk>(tailer: &mut Tailer<D>, problem: FileProblem) {
    let (path, sentence) = (Arc::clone(&problem.path), problem.sentence());
    if tailer.problems.note(problem) {
        tailer.out.event(EventKind::Problem, &path, sentence);
    }
}

/// Whether something that is there cannot be opened, examined or read.
#[must_use]
pub(crate) fn has_troubles<D: Disk>(tailer: &Tailer<D>) -> bool {
    tailer.problems.errors().any(|problem| tailer.disk.is_link(&problem.path).is_ok())
}

/// A file can be opened, or a directory be listed, that could not.
pub(crate) fn recovered<D: Disk>(tailer: &mut Tailer<D>, path: &Path) {
    is_over(tailer, path, |problem| problem.reason != Reason::Encoding);
}

/// A directory can be listed that could not. One that has a name of a file is none all the same.
pub(crate) fn can_be_listed<D: Disk>(tailer: &mut Tailer<D>, path: &Path) {
    let other = |reason| matches!(reason, Reason::Encoding | Reason::NotAFile);
    is_over(tailer, path, |problem| !other(problem.reason));
}

/// A file was read.
pub(crate) fn reads_again<D: Disk>(tailer: &mut Tailer<D>, path: &Path) {
    let failed = |reason| matches!(reason, Reason::IoError | Reason::DescriptorLimit);
    is_over(tailer, path, |problem| failed(problem.reason));
}

/// A file was looked at.
pub(crate) fn looks_well<D: Disk>(tailer: &mut Tailer<D>, path: &Path) {
    is_over(tailer, path, |problem| problem.at_look);
}

/// A file holds another content than the one that could not be read as lines.
pub(crate) fn may_be_lines<D: Disk>(tailer: &mut Tailer<D>, path: &Path) {
    is_over(tailer, path, |problem| problem.reason == Reason::Encoding);
}

fn is_over<D: Disk>(
    tailer: &mut Tailer<D>,
    path: &Path,
    is_over: impl FnOnce(&FileProblem) -> bool,
) {
    if tailer.problems.take(path, is_over).is_some() {
        tailer.out.event(EventKind::Recovered, &Arc::from(path), "file is readable again");
    }
}

/// Compares what a scan could not see with what the last one could not.
pub(crate) fn report_problems<D: Disk>(tailer: &mut Tailer<D>, problems: &[Problem]) {
    let still: BTreeSet<&OsStr> = problems.iter().map(|p| p.path.as_os_str()).collect();
    let over: Vec<PathBuf> = tailer
        .directories
        .snapshot
        .iter()
        .flat_map(|last| last.problems.iter().map(|problem| &problem.path))
        .filter(|path| !still.contains(path.as_os_str()))
        .cloned()
        .collect();
    for path in over {
        if tailer.disk.is_link(&path).is_ok() {
            recovered(tailer, &path);
        }
    }
    // What is gone is no problem any more, and nothing reports it.
    let Tailer { problems: known, disk, .. } = tailer;
    known.retain(|problem| match problem.reason {
        Reason::Encoding | Reason::NoMatch => true,
        Reason::DanglingLink
        | Reason::DescriptorLimit
        | Reason::DirectoryUnreadable
        | Reason::Compression
        | Reason::IoError
        | Reason::LinkLoop
        | Reason::LinkRefused
        | Reason::NotAFile
        | Reason::PermissionDenied => {
            still.contains(problem.path.as_os_str()) || disk.is_link(&problem.path).is_ok()
        }
    });
    for problem in problems {
        let mut noted = FileProblem::of(
            &problem.path,
            &problem.error.clone().into(),
            tailer.schedule.looked_at,
        );
        if problem.is_directory && noted.reason == Reason::PermissionDenied {
            noted.reason = Reason::DirectoryUnreadable;
        }
        note(tailer, noted);
    }
}

/// A content that is no text may have another name now, or be gone.
pub(crate) fn rename_refused<D: Disk>(tailer: &mut Tailer<D>) {
    let listed = |file: &&Tailed<D::File>| file.phase() == Phase::Ignored && file.is_listed();
    let refused = tailer.files.values().filter(listed);
    let paths: Vec<Arc<Path>> = refused.map(|file| Arc::clone(&file.path)).collect();
    tailer
        .problems
        .retain(|problem| problem.reason != Reason::Encoding || paths.contains(&problem.path));
    for path in paths {
        trouble_with_encoding(tailer, &path, UTF16_REFUSED);
    }
}

/// Takes in whether a scan found anything.
pub(crate) fn report_match<D: Disk>(tailer: &mut Tailer<D>, snapshot: &Snapshot) {
    let hidden = snapshot.problems.iter().any(|problem| {
        FileProblem::of(&problem.path, &problem.error.clone().into(), tailer.schedule.looked_at)
            .reason
            .degrades()
    });
    let missing = snapshot.directories.iter().find(|(_, stamp)| stamp.is_none());
    tailer.directories.had_match |= !snapshot.listing.entries.is_empty();
    let had_match = tailer.directories.had_match || tailer.options.earlier.is_some();
    let is_emptied = tailer.directories.loses_files && missing.is_none() && had_match;
    if !snapshot.listing.entries.is_empty() || hidden || is_emptied {
        tailer.directories.unmatched = None;
        let text = tailer.options.pattern.text().to_owned();
        tailer.problems.take(Path::new(&text), |problem| problem.reason == Reason::NoMatch);
        return;
    }
    let what = match missing {
        Some((directory, _)) => {
            format!("no file matches: directory {} does not exist", directory.display())
        }
        None => "no file matches".to_owned(),
    };
    let now = tailer.schedule.looked_at;
    let told_at = if tailer.schedule.first_scan_done { now + NO_MATCH_AFTER } else { now };
    let unmatched = tailer.directories.unmatched.get_or_insert(Unmatched {
        since: now,
        told_at,
        what: String::new(),
    });
    unmatched.what = what;
}

/// A pattern without a file is a problem when that lasts longer than a rotation.
pub(crate) fn note_no_match<D: Disk>(tailer: &mut Tailer<D>, now: Instant) {
    let Some(unmatched) = tailer.directories.unmatched.as_ref().filter(|none| now >= none.told_at)
    else {
        return;
    };
    let problem = FileProblem {
        path: Arc::from(Path::new(tailer.options.pattern.text())),
        reason: Reason::NoMatch,
        what: unmatched.what.clone(),
        since: unmatched.since,
        at_look: false,
    };
    // It is the flow's and no file's: the flow tells it.
    if tailer.problems.note(problem) {
        tailer.out.changes_seen += 1;
    }
}

/// Leaves a file alone whose bytes would be sent as garbage.
pub(crate) fn refuse<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.life.ignore();
    let path = Arc::clone(&file.path);
    trouble_with_encoding(tailer, &path, UTF16_REFUSED);
}

/// Whether a file begins with the byte order mark of UTF-16, little or big endian. (UTF-32 in
/// little endian begins the same.)
pub(crate) fn is_utf16(beginning: &[u8]) -> bool {
    beginning.starts_with(&[0xff, 0xfe]) || beginning.starts_with(&[0xfe, 0xff])
}
