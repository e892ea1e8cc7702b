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
    /// Whose checkpoints were asked for since every file had its turn.
    asked: BTreeSet<FileKey>,
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
            asked: BTreeSet::new(),
            pace: LogPacer::default(),
        }
    }

    /// The files that go in this look, and those whose checkpoints are asked for. However many
    /// wait for their checkpoints, those that need not wait go; and each of those has its turn.
    fn choose(&mut self, due: Vec<DoneFile>) -> (Vec<DoneFile>, Vec<FileKey>) {
        let is_durable = |file: &DoneFile| self.durable.get(&file.key) == Some(&file.seen.size);
        let (mut durable, waiting): (Vec<_>, Vec<_>) = due.into_iter().partition(is_durable);
        durable.truncate(FILES_PER_LOOK_MAX);
        if waiting.iter().all(|file| self.asked.contains(&file.key)) {
            self.asked.clear();
        }
        let others = waiting.iter().map(|file| file.key).filter(|key| !self.asked.contains(key));
        let to_ask: Vec<FileKey> = others.take(FILES_PER_LOOK_MAX).collect();
        self.asked.extend(&to_ask);
        (durable, to_ask)
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
        let due: Vec<DoneFile> = due.collect();
        let (durable, to_ask) = disposing.choose(due);
        for key in to_ask {
            self.tailer.control().save_row(key);
        }
        for file in durable {
            self.dispose_of(&file, now, outlet);
        }
    }

    /// Removes one whose checkpoint is durable.
    fn dispose_of(&mut self, file: &DoneFile, now: Instant, outlet: &mut impl Outlet) {
        let Some(disposing) = &mut self.disposing else { return };
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
                tracing::info!(name: "file_done",
                    flow = %self.config.id, file = %file.path.display(),
                    bytes = file.seen.size, moved_to,
                    "file delivered completely and removed (whenDone)");
            }
            Err(error) => {
                self.metrics.file_disposed(false);
                disposing.next_try.insert(file.key, now + RETRY_AFTER);
                if disposing.pace.turn(now) != PacerDecision::Same {
                    tracing::warn!(name: "file_not_removed",
                        flow = %self.config.id, file = %file.path.display(), %error,
                        "cannot remove a delivered file (whenDone); retrying, no data lost");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::disposal::Disposal;
    use crate::tail::disk::{Kind, Stat};
    use crate::tail::identity::Inode;

    fn file(key: u64) -> DoneFile {
        let inode = Inode { device: 1, number: key };
        let seen = Stat {
            kind: Kind::File,
            inode,
            size: 7,
            modified_nanos: 0,
            changed_nanos: 0,
            links: 1,
            allocated: 7,
        };
        DoneFile { key: FileKey(key), path: std::path::Path::new("/f").into(), seen }
    }

    #[test]
    fn files_that_may_go_do_not_wait_behind_those_that_may_not() {
        let config = WhenDone { disposal: Disposal::Delete, quiet: Duration::ZERO };
        let mut disposing = Disposing::new(config, Instant::now());
        let all = || (0..250).map(file).collect::<Vec<_>>();
        disposing.note_durable(&[(FileKey(249), 7), (FileKey(1), 6)]);
        let mut turns = Vec::new();
        for _ in 0..4 {
            let (durable, to_ask) = disposing.choose(all());
            let durable: Vec<u64> = durable.iter().map(|file| file.key.0).collect();
            assert_eq!(durable, [249], "behind all that wait");
            turns.push((to_ask.first().unwrap().0, to_ask.len()));
        }
        assert_eq!(turns, [(0, 100), (100, 100), (200, 49), (0, 100)], "each has its turn");
    }
}
