//! `whenDone`: what becomes of a file once every byte of it is in the stream, its checkpoint is
//! durable, and it has been quiet for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{Flow, Outlet};
use crate::config::WhenDone;
use crate::log_throttle::{LogPacer, PacerDecision};
use crate::tail::disk::Disk;
use crate::tail::done::{DoneFile, own_name};
use crate::tail::identity::FileKey;

/// How often files are looked through.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A file that could not be removed is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// So many files are removed in one step of the flow; the others wait for the next look.
const FILES_PER_LOOK_MAX: usize = 100;

/// The files of a flow that are to be removed.
#[derive(Debug)]
pub(super) struct Disposing {
    config: WhenDone,
    next_look: Instant,
    /// Up to where the checkpoints of files are durable, as far as this run wrote them.
    durable: BTreeMap<FileKey, u64>,
    /// When to try again, of files that were tried: a removed one is followed until the next scan.
    next_try: BTreeMap<FileKey, Instant>,
    /// What is removed. A file whose removal a kill had interrupted is in no scan that would tell.
    removed: BTreeSet<FileKey>,
    pace: LogPacer,
}

impl Disposing {
    pub(super) fn new(config: WhenDone, now: Instant) -> Self {
        Self {
            config,
            next_look: now,
            durable: BTreeMap::new(),
            next_try: BTreeMap::new(),
            removed: BTreeSet::new(),
            pace: LogPacer::default(),
        }
    }

    /// These checkpoints survive a crash.
    pub(super) fn note_durable(&mut self, positions: &[(FileKey, u64)]) {
        self.durable.extend(positions.iter().copied());
    }
}

impl<D: Disk> Flow<D> {
    /// Removes the files that are done.
    pub(super) fn dispose_of_done_files(&mut self, now: Instant, outlet: &mut impl Outlet) {
        let Some(disposing) = &mut self.disposing else { return };
        if now < disposing.next_look || self.draining {
            return;
        }
        disposing.next_look = now + LOOK_EVERY;
        let done = self.tailer.done(disposing.config.quiet, now);
        let tailer = &self.tailer;
        disposing.durable.retain(|key, _| tailer.file(*key).is_some());
        disposing.next_try.retain(|key, _| tailer.file(*key).is_some());
        disposing.removed.retain(|key| tailer.file(*key).is_some());
        let due = done.into_iter().filter(|file| !disposing.removed.contains(&file.key));
        let due = due.filter(|file| {
            disposing.next_try.get(&file.key).is_none_or(|retry_at| now >= *retry_at)
        });
        let due: Vec<DoneFile> = due.take(FILES_PER_LOOK_MAX).collect();
        for file in due {
            self.dispose_of(&file, now, outlet);
        }
    }

    /// Removes one, if its checkpoint is durable; else asks for it to be written.
    fn dispose_of(&mut self, file: &DoneFile, now: Instant, outlet: &mut impl Outlet) {
        let Some(disposing) = &mut self.disposing else { return };
        if disposing.durable.get(&file.key) != Some(&file.seen.size) {
            self.tailer.control().save_row(file.key);
            return;
        }
        match outlet.dispose(file, &disposing.config.disposal) {
            Ok(moved_to) => {
                self.metrics.file_disposed(true);
                let name = file.path.file_name();
                if name.is_some_and(|name| own_name(file.seen.inode, name).is_some()) {
                    disposing.removed.insert(file.key);
                }
                disposing.next_try.insert(file.key, now + RETRY_AFTER);
                self.tailer.control().hint(now);
                let moved_to = moved_to.as_ref().map(|path| path.display().to_string());
                tracing::info!(flow = %self.config.id, file = %file.path.display(),
                    bytes = file.seen.size, moved_to, event = "file_done",
                    "file delivered completely and removed (whenDone)");
            }
            Err(error) => {
                self.metrics.file_disposed(false);
                disposing.next_try.insert(file.key, now + RETRY_AFTER);
                if disposing.pace.turn(now) != PacerDecision::Same {
                    tracing::warn!(flow = %self.config.id, file = %file.path.display(), %error,
                        event = "file_not_removed",
                        "cannot remove a delivered file (whenDone); retrying, no data lost");
                }
            }
        }
    }
}
