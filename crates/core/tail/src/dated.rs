//! Directories that are named after a time, in which rotated files of one month or day may lie.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::disk::{DirName, Disk, Kind};
use crate::rotated::is_dated_directory;
use crate::tailer::Tailer;

/// Of the directories that are named after a time so many are looked into.
const DATED_MAX: usize = 4;

/// The directories in another one that are named after a time.
pub(crate) fn dated_in<D: Disk>(tailer: &Tailer<D>, directory: &Path) -> Vec<PathBuf> {
    if !tailer.options.rotated_names.in_dated_directories() {
        return Vec::new();
    }
    let names = tailer.disk.list(directory).unwrap_or_default();
    dated_among(tailer, directory, &names)
}

/// The directories that are named after a time, the youngest ones.
pub(crate) fn dated_among<D: Disk>(
    tailer: &Tailer<D>,
    path: &Path,
    names: &[DirName],
) -> Vec<PathBuf> {
    if !tailer.options.rotated_names.in_dated_directories() {
        return Vec::new();
    }
    let directories = names.iter().filter(|name| name.kind == Kind::Directory);
    let mut dated: Vec<PathBuf> = directories
        .filter(|name| is_dated_directory(name.name.as_bytes()))
        .map(|name| path.join(&name.name))
        .collect();
    dated.sort_unstable_by(|a, b| b.cmp(a));
    dated.truncate(DATED_MAX);
    dated
}
