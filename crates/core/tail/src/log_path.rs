//! Under which name the log of a file is matched: that of the live file, whatever the file itself
//! is called since it was rotated. Part of [`crate::tailer`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::identity::FileKey;
use crate::rotated::Rank;
use crate::tailer::Tailer;

/// The path under which the log of a content is matched. It is the same before and after a
/// rotation, as long as the rotated name is one of `rotatedNames`.
#[must_use]
pub(crate) fn log_path<D: Disk>(tailer: &Tailer<D>, key: FileKey) -> Option<Arc<Path>> {
    let path = path_of(tailer, key)?;
    if let Some(exact) = tailer.options.pattern.exact_path() {
        return Some(Arc::from(exact));
    }
    if tailer.history.logs.contains(path) {
        return Some(Arc::clone(path));
    }
    Some(live_of(tailer, path).map_or_else(|| Arc::clone(path), Arc::from))
}

/// The live name that a path is a rotated one of.
fn live_of<D: Disk>(tailer: &Tailer<D>, path: &Path) -> Option<PathBuf> {
    let (directory, name) = (path.parent()?, path.file_name()?);
    let names = &tailer.options.rotated_names;
    let readings = names.readings(name.as_bytes());
    let mut numbered = None;
    for reading in &readings {
        let live_name = OsStr::from_bytes(&reading.live);
        let live = directory.join(live_name);
        if tailer.history.logs.contains(&live) {
            return Some(live);
        }
        let nearby = |log: &&Arc<Path>| {
            let place = |below: &str| log.parent().map(|home| normal(&home.join(below)));
            log.file_name() == Some(live_name)
                && names.directories().any(|below| place(below).as_deref() == Some(directory))
        };
        if names.directories().next().is_some()
            && let Some(log) = tailer.history.logs.names().find(nearby)
        {
            return Some(log.to_path_buf());
        }
        // A small number behind the whole name is no live file's, though the live one may
        // not be there now. A date may be.
        let is_number = matches!(reading.rank, Rank::Index(_));
        if numbered.is_none() && is_number && tailer.options.pattern.matches_path(&live) {
            numbered = Some(live);
        }
    }
    numbered
}

/// A path without `.` and `..`, as far as its text tells.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// Where a generation is, or was last.
pub(crate) fn path_of<D: Disk>(tailer: &Tailer<D>, key: FileKey) -> Option<&Arc<Path>> {
    let followed = tailer.files.get(key).map(|file| &file.path);
    followed.or_else(|| tailer.memory.get(key).map(|content| &content.path))
}
