//! The directory to which a symbolic link led before it was led to another one.
//!
//! Part of [`crate::tailer`]. Rows say where their files lay. Where one does not (an older kinetail
//! wrote it) only the inode number of the file is known: it is looked for in directories that
//! differ from the present one in one part of the path, such as those of two containers or of two
//! releases.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::dated;
use crate::disk::{DirName, Disk, Kind};
use crate::generations::Log;
use crate::identity::Inode;
use crate::rotated::RotatedNames;
use crate::tailer::Tailer;

/// Which part of the path may differ, counted from its end.
const LEVELS_MAX: usize = 3;

/// So many directories are looked into for each of them.
const SIBLINGS_MAX: usize = 256;

/// Where a live name leads to, if a directory on its path is a link that is followed.
pub(crate) fn through_linked_directory<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
) -> Option<PathBuf> {
    let is_link = |path: &&Path| tailer.disk.is_link(path).unwrap_or(false);
    live.ancestors().skip(1).find(is_link)?;
    let directory = live.parent()?;
    tailer.disk.may_follow(directory, tailer.options.pattern.follow_links()).ok()?;
    Some(tailer.disk.real_path(directory).ok()?.join(live.file_name()?))
}

/// The files to which a live name led since everything was accounted for, apart from the one to
/// which it leads now, if it leads anywhere.
pub(crate) fn files_before<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    target: Option<&Path>,
) -> BTreeSet<PathBuf> {
    let Some(log) = tailer.history.logs.get(live) else { return BTreeSet::new() };
    if log.target.is_none() && log.led.is_empty() {
        return target.and_then(|target| sought(tailer, log, target)).into_iter().collect();
    }
    let known = log.target.iter().chain(&log.led);
    known.filter(|known| Some(known.as_path()) != target).cloned().collect()
}

/// Where the youngest known content of a log lies, if no row says so, and it is not the directory
/// of the file to which the link leads now.
fn sought<D: Disk>(tailer: &Tailer<D>, log: &Log, target: &Path) -> Option<PathBuf> {
    let now = target.parent()?;
    let inode = tailer.memory.get(log.last_known()?)?.inode;
    if name_in(tailer, now, inode).is_some() {
        return None;
    }
    (0..LEVELS_MAX).find_map(|level| {
        let directory = now.ancestors().nth(level)?;
        // Next to the root everything may be mounted.
        let above = directory.parent().filter(|above| above.parent().is_some())?;
        let below = now.strip_prefix(directory).ok()?;
        let names = tailer.disk.list(above).ok()?.into_iter();
        let siblings = names.filter(|name| name.kind == Kind::Directory).take(SIBLINGS_MAX);
        let mut directories = siblings.map(|name| above.join(name.name).join(below));
        directories.find_map(|sibling| name_in(tailer, &sibling, inode))
    })
}

/// The names under which the link may have led to a file there: that of the file itself, those of
/// which it may have been made, and that to which the link leads now.
pub(crate) fn live_names(names: &RotatedNames, known: &Path, target: &Path) -> Vec<PathBuf> {
    let name = known.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let lives = names.readings(name).into_iter().map(|reading| OsString::from_vec(reading.live));
    let now = target.file_name().map(OsStr::to_owned);
    let mut paths: Vec<PathBuf> = lives.chain(now).map(|name| known.with_file_name(name)).collect();
    paths.push(known.to_path_buf());
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// Where a file lies in a directory, as if it had not been moved into one that is named after a
/// time.
fn name_in<D: Disk>(tailer: &Tailer<D>, directory: &Path, inode: Inode) -> Option<PathBuf> {
    let names = tailer.disk.list(directory).ok()?;
    let is_it = |name: &&DirName| name.kind == Kind::File && name.number == inode.number;
    let dated = || {
        let dated = dated::dated_among(tailer, directory, &names).into_iter();
        let mut names = dated.filter_map(|dated| tailer.disk.list(&dated).ok()).flatten();
        names.find(|name| is_it(&name))
    };
    let found = names.iter().find(is_it).cloned().or_else(dated)?;
    Some(directory.join(found.name))
}
