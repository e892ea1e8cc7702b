//! Files that are delivered to their end and quiet: what a spool directory needs no longer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk::{Disk, OpenFile, Stat};
use super::file::Tailed;
use super::identity::FileKey;
use super::life::Phase;
use super::tailer::{Tailer, checkpoint_at_ack};
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

impl<D: Disk> Tailer<D> {
    /// The files of which every byte is acknowledged, and to which nothing was written for
    /// `quiet`. An empty file is none of them: its writer may be about to begin.
    #[must_use]
    pub fn done(&self, quiet: Duration, now: Instant) -> Vec<DoneFile> {
        let done = self.files().filter(|file| is_done(file, quiet, now));
        done.map(|file| DoneFile { key: file.key, path: Arc::clone(&file.path), seen: file.seen })
            .collect()
    }

    /// Has the checkpoint of a file written again, so that it is known to be durable.
    pub fn save_row(&mut self, key: FileKey) {
        let row = self.file(key).and_then(checkpoint_at_ack);
        self.changes.extend(row.map(Change::Save));
    }
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
