//! Under which name the log of a file is matched: that of the live file, whatever the file itself
//! is called since it was rotated. Part of [`crate::tailer`].

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::identity::FileKey;
use crate::rotated::{Rank, Reading, RotatedNames, is_dated_directory};
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
        let dated = above_dated(names, directory).map(|home| home.join(live_name));
        let known = |live: &PathBuf| tailer.history.logs.contains(live);
        if let Some(live) = std::iter::once(live.clone()).chain(dated).find(known) {
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

/// Whether a file lies under a rotated name, or a younger one of its series is known: then it was
/// rotated, though it may have been found like that.
pub(crate) fn has_rotated_name<D: Disk>(tailer: &Tailer<D>, path: &Path) -> bool {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let names = &tailer.options.rotated_names;
    let home = above_dated(names, directory);
    names.readings(name.as_bytes()).iter().any(|reading| {
        let live = |home: &Path| home.join(OsStr::from_bytes(&reading.live));
        let mut lives = std::iter::once(directory).chain(home).map(live);
        match reading.rank {
            // `app-2.log` may be a log of its own next to `app.log`.
            Rank::Counter(_) | Rank::Chain(_) => false,
            Rank::Index(_) => lives.any(|live| {
                tailer.history.logs.contains(&live) || tailer.options.pattern.matches_path(&live)
            }),
            Rank::Date(_) => {
                lives.any(|live| tailer.history.logs.contains(&live))
                    || has_younger(tailer, directory, reading)
            }
            Rank::Unknown => lives.any(|live| tailer.history.logs.contains(&live)),
        }
    })
}

/// Whether a file in a directory is known whose name says that it is younger.
fn has_younger<D: Disk>(tailer: &Tailer<D>, directory: &Path, reading: &Reading) -> bool {
    let followed = tailer.files.values().map(|file| &file.path);
    let paths = followed.chain(tailer.memory.iter().map(|content| &content.path));
    let mut paths = paths.filter(|path| path.parent() == Some(directory));
    paths.any(|path| {
        let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        let other = tailer.options.rotated_names.reading_of(&reading.live, name);
        let order = other.and_then(|other| other.rank.age_against(&reading.rank, None));
        order.is_some_and(Ordering::is_gt)
    })
}

/// Words in names that files have until they are ready.
const UNREADY: &[&[u8]] = &[b"tmp", b"temp", b"new", b"part", b"swp"];

/// Whether a name is a live one, and not that of a rotated file. A file may get its live name by
/// being renamed, from the name `before`: when it is ready, or when it is put back.
pub(crate) fn is_live_name<D: Disk>(tailer: &Tailer<D>, path: &Path, before: &Path) -> bool {
    if tailer.options.pattern.exact_path().as_deref() == Some(path) {
        return true;
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return false;
    };
    let readings = tailer.options.rotated_names.readings(name.as_bytes());
    if path == before {
        return readings.is_empty();
    }
    let is_rotated = readings.iter().any(|reading| {
        let live = directory.join(OsStr::from_bytes(&reading.live));
        // `app-2.log` may be a log of its own next to `app.log`.
        let known =
            !matches!(reading.rank, Rank::Counter(_)) && tailer.history.logs.contains(&live);
        let numbered = matches!(reading.rank, Rank::Index(_));
        live == before || known || (numbered && tailer.options.pattern.matches_path(&live))
    });
    !is_rotated
        && (tailer.history.logs.contains(path)
            || before.file_name().is_some_and(|before| is_unready(before.as_bytes(), name)))
}

/// Whether a file may have had this name until it was ready, or after it was rotated.
fn is_unready(before: &[u8], live: &OsStr) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(before, part).is_some();
    before.starts_with(b".") || has(live.as_bytes()) || UNREADY.iter().any(|word| has(word))
}

/// The directory of the logs whose rotated files may lie in one that is named after a time.
pub(crate) fn above_dated<'p>(names: &RotatedNames, directory: &'p Path) -> Option<&'p Path> {
    let name = directory.file_name()?.as_bytes();
    directory.parent().filter(|_| names.in_dated_directories() && is_dated_directory(name))
}

/// A path without `.` and `..`, as far as its text tells.
pub(crate) fn normal(path: &Path) -> PathBuf {
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
