//! Contents without a file: where they might be, and when they are given up.
//!
//! Part of [`Tailer`]. Only directories where a content lay are searched, and only among files
//! that do not match the pattern; the others are the scan's.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::candidate::Candidate;
use super::disk::{Disk, Kind};
use super::event::EventKind;
use super::identity::FileKey;
use super::life::{self, Fact, Phase};
use super::memory::{Loss, Remembered};
use super::pattern::is_compressed_name;
use super::tailer::{MOVED_LINGER, Now, Tailer};
use kinetail_base::checkpoint::Change;

/// Bytes that were never read of a truncated file are given up when no copy appeared by then.
pub(super) const COPY_APPEARS_WITHIN: Duration = Duration::from_mins(1);

/// A directory is searched for a lost content among at most this many files.
const SEARCH_FILES_MAX: usize = 4096;

/// What is done with a file that was found.
type Take<'t, D> = dyn Fn(&mut Tailer<D>, Candidate<<D as Disk>::File>, Now) + 't;

impl<D: Disk> Tailer<D> {
    /// A file was truncated: looks for a copy of what it held, among the files that wait for this
    /// decision and then in its directory, whether the name matches or not.
    pub(super) fn find_copy_of(&mut self, lost: FileKey, now: Now) {
        let waiting: Vec<FileKey> = self
            .files
            .values()
            .filter(|file| file.life.pending_copy().is_some_and(|copy| copy.original == lost))
            .map(|file| file.key)
            .collect();
        for key in waiting {
            self.settle_shadow(key, lost, now);
        }
        self.hint(now.instant);
        let Some(content) = self.memory.get(lost) else { return };
        if let Some(dir) = content.path.parent().map(Path::to_path_buf)
            && !self.search_directory(&dir, now, &Self::take_back)
            && !self.unsearched.contains(&dir)
        {
            self.unsearched.push(dir);
        }
    }

    /// Looks for contents of an earlier run in the directories where they lay, under any name.
    /// Directories that are not there at a start are searched when they are.
    pub(super) fn search_elsewhere(&mut self, now: Now) {
        self.unsearched = self.search(now, &Self::take_back_after_stop);
    }

    /// Searches the directories that were not there before.
    pub(super) fn search_what_came_back(&mut self, now: Now) {
        let dirs = std::mem::take(&mut self.unsearched);
        let still_away = |dir: &PathBuf| !self.search_directory(dir, now, &Self::take_back);
        self.unsearched = dirs.into_iter().filter(still_away).collect();
    }

    /// Shows every file outside the pattern, in the directories where remembered contents lay, to
    /// `take`. Gives back the directories that could not be listed.
    pub(super) fn search(&mut self, now: Now, take: &Take<'_, D>) -> Vec<PathBuf> {
        let mut dirs: Vec<_> = self
            .memory
            .iter()
            .filter_map(|content| content.path.parent().map(Path::to_path_buf))
            .collect();
        dirs.sort();
        dirs.dedup();
        dirs.retain(|dir| !self.search_directory(dir, now, take));
        dirs
    }

    /// `false` if the directory cannot be listed, or a file in it cannot be looked at: then it is
    /// searched again.
    fn search_directory(&mut self, dir: &Path, now: Now, take: &Take<'_, D>) -> bool {
        let Ok(names) = self.disk.list(dir) else { return false };
        let files = names.into_iter().filter(|name| name.kind == Kind::File);
        // Names that match are the scan's business.
        let outside = files
            .map(|name| dir.join(name.name))
            .filter(|path| !self.options.pattern.matches_path(path));
        let mut paths: Vec<_> = outside.take(SEARCH_FILES_MAX).collect();
        paths.sort();
        let mut all = true;
        for path in paths {
            if self.memory.is_empty() {
                return true;
            }
            let follow = self.options.pattern.follow_links();
            let candidate = match Candidate::open(&self.disk, &path, follow) {
                Ok(candidate) => candidate,
                Err(error) => {
                    all &= error.is_gone() || error.is_refusal();
                    continue;
                }
            };
            // A copy from an earlier rotation may just have been written over.
            if let Some(followed) = self.by_inode.get(&candidate.inode).copied() {
                self.look_at(followed, now);
            }
            if !self.by_inode.contains_key(&candidate.inode) {
                take(self, candidate, now);
            }
        }
        all
    }

    /// Follows a file outside the pattern if it is the one that a known content lay in and holds
    /// more of it. If it holds no more, no other file is taken for that content any longer.
    pub(super) fn take_back_from_place(&mut self, candidate: Candidate<D::File>, now: Now) {
        let here = self.at_its_place(&candidate);
        let Some(key) = here.filter(|key| self.proven(&candidate) == Some(*key)) else { return };
        if let Some(content) = self.memory.get_mut(key) {
            content.located = true;
        }
        self.follow_outside(candidate, key, now);
    }

    /// Follows a file outside the pattern if it holds the unread rest of a known content.
    fn take_back(&mut self, candidate: Candidate<D::File>, now: Now) {
        if let Some(key) = self.proven(&candidate) {
            self.follow_outside(candidate, key, now);
        }
    }

    /// The same at a start, when the file may also have been written and renamed meanwhile. Of a
    /// content that was empty only the inode number is left to go by, which may be another file's
    /// by now. To leave it alone could lose lines, so it is taken if its name was made of the old
    /// one.
    fn take_back_after_stop(&mut self, candidate: Candidate<D::File>, now: Now) {
        let found = self.proven(&candidate).or_else(|| {
            let empty = self.empty_at(candidate.inode)?;
            let content = self.memory.get(empty)?;
            is_named_after(&candidate.path, &content.path).then_some(empty)
        });
        if let Some(key) = found {
            self.follow_outside(candidate, key, now);
        }
    }

    /// A generation of a log is one that is known: follows it if it holds more than was read.
    pub(super) fn take_back_known(
        &mut self,
        candidate: Candidate<D::File>,
        key: FileKey,
        now: Now,
    ) {
        if let Some(content) = self.memory.get_mut(key)
            && content.inode == candidate.inode
        {
            content.located = true;
        }
        self.follow_outside(candidate, key, now);
    }

    fn follow_outside(&mut self, candidate: Candidate<D::File>, key: FileKey, now: Now) {
        let Some(content) = self.memory.get(key) else { return };
        let rest = content.position.offset < candidate.stat.size;
        // As while the flow runs, what was rotated lately may still be written to.
        let age_nanos = now.wall_nanos - candidate.stat.modified_nanos;
        let lingers = i128::try_from(MOVED_LINGER.as_nanos()).unwrap_or(i128::MAX);
        let awaited = content.inode == candidate.inode
            && content.loss == Loss::Stopped
            && candidate.stat.links > 0
            && age_nanos < lingers;
        if !rest && !awaited {
            return;
        }
        let kind = if rest { EventKind::FoundElsewhere } else { EventKind::Resumed };
        self.resume(candidate, key, kind, now);
        if let Some(file) = self.files.get_mut(&key) {
            file.life.found_outside(now.instant);
        }
    }

    /// Remembers a content that has no file.
    pub(super) fn remember(&mut self, content: Remembered) {
        let dropped = self.memory.insert(content);
        self.tell_of_dropped(dropped);
    }

    /// There are so many contents without a file that one is not looked for any more. What is not
    /// read of it is named.
    pub(super) fn tell_of_dropped(&mut self, dropped: impl IntoIterator<Item = Remembered>) {
        let why = "so many files are missing that it is not looked for any more";
        for content in dropped {
            life::pass(Phase::Missing, Fact::Expired, Phase::Gone);
            let offset = content.position.offset;
            let unread = content.seen_size.saturating_sub(offset);
            if unread > 0 {
                self.abandon(&content.path, unread, why);
            } else if content.loss == Loss::Stopped {
                let detail = format!("{why}; what was written behind byte {offset} is not read");
                self.event(EventKind::Missing, &content.path, detail);
            }
        }
    }

    /// Says which contents of an earlier run are nowhere to be found: what was written to them
    /// behind their offsets while nobody watched can never be read.
    pub(super) fn report_missing(&mut self) {
        let missing: Vec<(Arc<Path>, u64, usize)> = self
            .memory
            .iter()
            .filter(|content| content.loss == Loss::Stopped && !content.located)
            .map(|content| {
                let Remembered { key, path, position, .. } = content;
                (Arc::clone(path), position.offset, self.ambiguous(*key))
            })
            .collect();
        for (path, offset, ambiguous) in missing {
            let hint = match ambiguous {
                0 => String::new(),
                files => format!(
                    "; {files} compressed files begin with the little that is known of it, and \
                     none is taken for it"
                ),
            };
            let detail =
                format!("not found; what was written behind byte {offset} is not read{hint}");
            self.event(EventKind::Missing, &path, detail);
        }
        self.forget_missing_empty();
    }

    /// What was empty and is not found at once is never looked for again: by its inode number
    /// another file would be taken for it.
    fn forget_missing_empty(&mut self) {
        let empty = self.memory.iter().filter(|content| content.is_empty());
        for key in empty.map(|content| content.key).collect::<Vec<_>>() {
            self.memory.remove(key);
            life::pass(Phase::Missing, Fact::Expired, Phase::Gone);
            self.changes.push(Change::Forget(key));
        }
    }

    /// Gives up truncated contents of which no copy appeared.
    pub(super) fn expire_memory(&mut self, now: Instant) {
        if self.hunt.is_busy() {
            // It may lie in a compressed file that was not looked into yet.
            return;
        }
        let expired: Vec<FileKey> = self
            .memory
            .iter()
            .filter(|content| is_expired(content, now))
            .map(|content| content.key)
            .collect();
        for key in expired {
            let Some(content) = self.memory.remove(key) else { continue };
            life::pass(Phase::Missing, Fact::Expired, Phase::Gone);
            self.changes.push(Change::Forget(key));
            let unread = content.seen_size.saturating_sub(content.position.offset);
            if unread > 0 {
                self.abandon(&content.path, unread, "the file was truncated and no copy appeared");
            }
        }
    }
}

/// Whether a rotating tool may have made this name of the other one, without compressing the file:
/// it has in it what the other one begins with.
fn is_named_after(path: &Path, original: &Path) -> bool {
    let (Some(name), Some(original)) = (path.file_name(), original.file_name()) else {
        return false;
    };
    let stem = original.as_bytes().split(|byte| *byte == b'.').find(|part| !part.is_empty());
    let stem = stem.unwrap_or_else(|| original.as_bytes());
    !is_compressed_name(name) && memchr::memmem::find(name.as_bytes(), stem).is_some()
}

fn is_expired(content: &Remembered, now: Instant) -> bool {
    content.loss == Loss::Truncated
        && content.acked >= content.position.offset
        && now.saturating_duration_since(content.since) >= COPY_APPEARS_WITHIN
}
