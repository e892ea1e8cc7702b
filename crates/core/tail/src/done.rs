//! Files that are delivered to their end and quiet: what a spool directory needs no longer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::{Disk, OpenFile, Stat};
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::phase::Phase;
use crate::row::checkpoint_at_ack;
use crate::tailer::Tailer;
use kinetail_base::checkpoint::Change;

/// A file that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneFile {
    /// Which.
    pub key: FileKey,
    /// The name under which it matches.
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
    let is_followed = matches!(file.phase(), Phase::Live | Phase::Rotated);
    is_read
        && is_followed
        && file.is_listed()
        && file.is_open()
        && file.gaps.are_none()
        && file.pace.quiet_for(now) >= quiet
}
