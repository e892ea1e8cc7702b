//! Files that are delivered to their end and quiet: what a spool directory needs no longer.
//!
//! Whoever removes such a file gives it a private name first, which has its own in it. A kill may
//! leave it there; after the next start it is found by that name, and its removal is finished.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::{Disk, OpenFile, Stat};
use crate::file::Tailed;
use crate::identity::{FileKey, Inode};
use crate::phase::Phase;
use crate::row::checkpoint_at_ack;
use crate::tailer::Tailer;
use kinetail_base::checkpoint::Change;

/// How a private name begins; the inode number, a dash and the file's own name follow.
const PRIVATE: &str = ".kinetail-done-";

/// File systems allow no longer names: the private one is cut.
const NAME_BYTES_MAX: usize = 255;

/// A file with a private name was quiet before it got that, and is followed for an hour
/// ([`crate::options::MOVED_LINGER`]).
const HALF_REMOVED_QUIET_MAX: Duration = Duration::from_mins(30);

/// The name that a file has while it is removed.
#[must_use]
pub fn private_name(inode: Inode, name: &OsStr) -> OsString {
    let mut private = format!("{PRIVATE}{}-", inode.number).into_bytes();
    private.extend(name.as_bytes());
    private.truncate(NAME_BYTES_MAX);
    OsString::from_vec(private)
}

/// The file's own name in a private one.
#[must_use]
pub fn own_name(inode: Inode, private: &OsStr) -> Option<&OsStr> {
    let begin = format!("{PRIVATE}{}-", inode.number);
    private.as_bytes().strip_prefix(begin.as_bytes()).map(OsStr::from_bytes)
}

/// Whether a kill left a file in the middle of its removal.
pub(crate) fn is_half_removed(inode: Inode, path: &Path) -> bool {
    path.file_name().is_some_and(|name| own_name(inode, name).is_some())
}

/// A file that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneFile {
    /// Which.
    pub key: FileKey,
    /// The name under which it matches, or its private one.
    pub path: Arc<Path>,
    /// What it was when it was last looked at: all of it is acknowledged.
    pub seen: Stat,
}

/// The files of which every byte is acknowledged, and to which nothing was written for `quiet`. An
/// empty file is none of them: its writer may be about to begin.
pub(crate) fn done<D: Disk>(tailer: &Tailer<D>, quiet: Duration, now: Instant) -> Vec<DoneFile> {
    let done = tailer.files.values().filter(|file| is_done(file, quiet, now));
    done.map(|file| DoneFile { key: file.key, path: Arc::clone(&file.path), seen: file.seen })
        .collect()
}

/// Saves the checkpoint of a file again, so that it is known to be durable.
pub(crate) fn save_row<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) {
    let row = tailer.files.get(key).and_then(checkpoint_at_ack);
    tailer.out.changes.extend(row.map(Change::Save));
}

/// Its descriptor must be open: bytes that are written after it lost its name are read by that.
fn is_done<F: OpenFile>(file: &Tailed<F>, quiet: Duration, now: Instant) -> bool {
    let size = file.seen.size;
    let is_read = size > 0 && file.position.offset == size && file.acked() == size;
    let quiet = match file.phase() {
        Phase::Live | Phase::Rotated if file.is_listed() => quiet,
        Phase::Unlisted if is_half_removed(file.inode, &file.path) => {
            quiet.min(HALF_REMOVED_QUIET_MAX)
        }
        _ => return false,
    };
    is_read && file.is_open() && file.gaps.are_none() && file.pace.quiet_for(now) >= quiet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_name_has_the_files_own_in_it() {
        let inode = Inode { device: 1, number: 42 };
        let private = private_name(inode, OsStr::new("a-b.log"));
        assert_eq!(private, ".kinetail-done-42-a-b.log");
        assert_eq!(own_name(inode, &private), Some(OsStr::new("a-b.log")));
        let other = Inode { device: 1, number: 4 };
        assert_eq!(own_name(other, &private), None);
        assert!(!is_half_removed(inode, Path::new("/l/a.log")));
        let long = private_name(inode, OsStr::new(&"x".repeat(NAME_BYTES_MAX)));
        assert_eq!(long.len(), NAME_BYTES_MAX);
        assert!(is_half_removed(inode, &Path::new("/l").join(long)));
    }
}
