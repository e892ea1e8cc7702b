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
    let inode = tailer.memory.get(log.last_known()?)?.inode;
    let (directory, place) = nearby(tailer, target.parent()?, inode)?;
    // As if it had not been moved into a directory that is named after a time.
    Some(directory.join(place.file_name()?))
}

/// A directory that differs from this one in one part of the path and has a file in it, and where
/// that lies; nothing if the file lies in this one.
pub(crate) fn nearby<D: Disk>(
    tailer: &Tailer<D>,
    now: &Path,
    inode: Inode,
) -> Option<(PathBuf, PathBuf)> {
    if place_in(tailer, now, inode).is_some() {
        return None;
    }
    (0..LEVELS_MAX).find_map(|level| {
        siblings(tailer, now, level)?.find_map(|sibling| {
            let place = place_in(tailer, &sibling, inode)?;
            Some((sibling, place))
        })
    })
}

/// Where a directory lies now that was moved away from a path, if it differs from that in one part.
pub(crate) fn moved_nearby<D: Disk>(
    tailer: &Tailer<D>,
    path: &Path,
    inode: Inode,
) -> Option<PathBuf> {
    let is_it = |path: &Path| tailer.disk.stat(path).is_ok_and(|stat| stat.inode == inode);
    if is_it(path) {
        return None;
    }
    (0..LEVELS_MAX).find_map(|level| siblings(tailer, path, level)?.find(|path| is_it(path)))
}

/// Directories that differ from this one in one part of the path.
fn siblings<'t, D: Disk>(
    tailer: &'t Tailer<D>,
    path: &'t Path,
    level: usize,
) -> Option<impl Iterator<Item = PathBuf> + 't> {
    let directory = path.ancestors().nth(level)?;
    // Next to the root everything may be mounted.
    let above = directory.parent().filter(|above| above.parent().is_some())?;
    let below = path.strip_prefix(directory).ok()?;
    let names = tailer.disk.list(above).ok()?.into_iter();
    let siblings = names.filter(|name| name.kind == Kind::Directory).take(SIBLINGS_MAX);
    Some(siblings.map(move |name| above.join(name.name).join(below)))
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

/// Where a file lies in a directory, or in one below it that is named after a time.
fn place_in<D: Disk>(tailer: &Tailer<D>, directory: &Path, inode: Inode) -> Option<PathBuf> {
    let names = tailer.disk.list(directory).ok()?;
    let dated = dated::dated_among(tailer, directory, &names).into_iter();
    let found_in = |directory: &Path, names: Vec<DirName>| {
        let is_it = |name: &DirName| name.kind == Kind::File && name.number == inode.number;
        let found = names.into_iter().find(is_it)?;
        Some(directory.join(found.name))
    };
    found_in(directory, names).or_else(|| {
        let mut dated = dated.filter_map(|dated| Some((tailer.disk.list(&dated).ok()?, dated)));
        dated.find_map(|(names, dated)| found_in(&dated, names))
    })
}
