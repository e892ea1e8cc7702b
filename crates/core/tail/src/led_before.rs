//! The directory to which a symbolic link led before it was led to another one.
//!
//! Part of [`crate::tailer`]. While a file is open the kernel knows its name. After a start only its
//! inode number is known: it is looked for in directories that differ from the present one in one
//! part of the path, such as those of two containers or of two releases.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::disk::{Disk, Kind, OpenFile};
use crate::identity::Inode;
use crate::rotated::RotatedNames;
use crate::tailer::Tailer;

/// Which part of the path may differ, counted from its end.
const LEVELS_MAX: usize = 3;

/// So many directories are looked into for each of them.
const SIBLINGS_MAX: usize = 256;

/// Where the youngest known content of a log lies, if that is not the directory of the file to which
/// the link leads now.
pub(crate) fn file_before<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    target: &Path,
) -> Option<PathBuf> {
    let key = tailer.history.logs.get(live)?.last_known()?;
    let now = target.parent()?;
    if let Some(file) = tailer.files.get(key) {
        let name = file.handle.as_ref()?.name_now().ok()?;
        return Some(name).filter(|name| name.parent() != Some(now));
    }
    let inode = tailer.memory.get(key)?.inode;
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

fn name_in<D: Disk>(tailer: &Tailer<D>, directory: &Path, inode: Inode) -> Option<PathBuf> {
    let names = tailer.disk.list(directory).ok()?.into_iter();
    let mut files = names.filter(|name| name.kind == Kind::File);
    files.find(|name| name.number == inode.number).map(|name| directory.join(name.name))
}
