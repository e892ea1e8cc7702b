//! Directories that are searched for missing generations at a start, and when they come back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::identity::Inode;
use crate::job::Seek;
use crate::options::Now;
use crate::tailer::Tailer;
use crate::{relocate, work};

/// Looks for the generations of an earlier run in the directories where they lay, under any name.
/// Directories that are not there at a start are searched when they are.
pub(crate) fn search_elsewhere<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    tailer.directories.unsearched.clear();
    search_all(tailer, &Seek::AfterStop, now);
}

/// Looks for them where they lay, in the files that they lay in.
pub(crate) fn search_in_place<D: Disk>(tailer: &mut Tailer<D>, listed: BTreeSet<Inode>, now: Now) {
    search_all(tailer, &Seek::InPlace(Arc::new(listed)), now);
}

/// Searches the directories that were not there before.
pub(crate) fn search_what_came_back<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    for directory in std::mem::take(&mut tailer.directories.unsearched) {
        relocate::search_directory(tailer, directory, Seek::Any);
        work::finish(tailer, now);
    }
}

/// Searches the directories of all missing generations.
fn search_all<D: Disk>(tailer: &mut Tailer<D>, seek: &Seek, now: Now) {
    let mut directories: Vec<PathBuf> = tailer
        .memory
        .iter()
        .flat_map(|content| content.directories().map(Path::to_path_buf))
        .collect();
    directories.sort();
    directories.dedup();
    for directory in directories {
        relocate::search_directory(tailer, directory, seek.clone());
        work::finish(tailer, now);
    }
}
