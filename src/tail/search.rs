//! Contents without a file: where they might be, and when they are given up.
//!
//! Part of [`Tailer`]. Only directories where a content lay are searched, and only among files
//! that do not match the pattern; the others are the scan's.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::candidate::Candidate;
use super::event::EventKind;
use super::file::{Name, Shadow};
use super::identity::FileKey;
use super::memory::{Loss, Remembered};
use super::tailer::{Now, Tailer};
use crate::checkpoint::Change;

/// Bytes that were never read of a truncated file are given up when no copy appeared by then.
pub(super) const COPY_APPEARS_WITHIN: Duration = Duration::from_mins(1);

/// A directory is searched for a lost content among at most this many files.
const SEARCH_FILES_MAX: usize = 4096;

impl Tailer {
    /// A file was truncated: looks for a copy of what it held, among the files that wait for this
    /// decision and then in its directory, whether the name matches or not.
    pub(super) fn find_copy_of(&mut self, lost: FileKey, now: Now) {
        let waiting: Vec<FileKey> = self
            .files
            .values()
            .filter(|file| file.shadow.is_some_and(|shadow| shadow.parent == lost))
            .map(|file| file.key)
            .collect();
        for key in waiting {
            self.settle_shadow(key, Shadow::of(lost), now);
        }
        self.hint(now.instant);
        let Some(content) = self.memory.get(lost) else { return };
        if let Some(dir) = content.path.parent().map(Path::to_path_buf) {
            self.search_directory(&dir, now, Self::take_back);
        }
    }

    /// Looks for contents of an earlier run in the directories where they lay, under any name.
    pub(super) fn search_elsewhere(&mut self, now: Now) {
        self.search(now, Self::take_back_after_stop);
    }

    /// Shows every file outside the pattern, in the directories where remembered contents lay, to
    /// `take`.
    pub(super) fn search(&mut self, now: Now, take: fn(&mut Self, Candidate, Now)) {
        let mut dirs: Vec<_> = self
            .memory
            .iter()
            .filter_map(|content| content.path.parent().map(Path::to_path_buf))
            .collect();
        dirs.sort();
        dirs.dedup();
        for dir in dirs {
            self.search_directory(&dir, now, take);
        }
    }

    fn search_directory(&mut self, dir: &Path, now: Now, take: fn(&mut Self, Candidate, Now)) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        let files = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_file()));
        let mut paths: Vec<_> = files.map(|entry| entry.path()).take(SEARCH_FILES_MAX).collect();
        // Names that match are the scan's business.
        paths.retain(|path| !self.options.pattern.matches_path(path));
        paths.sort();
        for path in paths {
            if self.memory.is_empty() {
                return;
            }
            let Ok(candidate) = Candidate::open(&path) else { continue };
            // A copy from an earlier rotation may just have been written over.
            if let Some(followed) = self.by_inode.get(&candidate.inode).copied() {
                self.look_at(followed, now);
            }
            if !self.by_inode.contains_key(&candidate.inode) {
                take(self, candidate, now);
            }
        }
    }

    /// Follows a file outside the pattern if it is the one that a known content lay in and holds
    /// more of it. If it holds no more, no other file is taken for that content any longer.
    pub(super) fn take_back_from_place(&mut self, candidate: Candidate, now: Now) {
        let Some(key) = self.at_its_place(&candidate) else { return };
        if let Some(content) = self.memory.get_mut(key) {
            content.located = true;
        }
        self.follow_outside(candidate, key, now);
    }

    /// Follows a file outside the pattern if it holds the unread rest of a known content.
    fn take_back(&mut self, candidate: Candidate, now: Now) {
        let found =
            self.at_its_place(&candidate).or_else(|| self.copied_from(&candidate.evidence()));
        if let Some(key) = found {
            self.follow_outside(candidate, key, now);
        }
    }

    /// The same at a start, when the file may also have been written and renamed meanwhile. Of a
    /// content that was empty only the inode number is left to go by, which may be another file's
    /// by now; but that is unlikely, and to leave the file alone could lose lines.
    fn take_back_after_stop(&mut self, candidate: Candidate, now: Now) {
        let found = self
            .at_its_place(&candidate)
            .or_else(|| self.copied_from(&candidate.evidence()))
            .or_else(|| self.empty_at(candidate.inode));
        if let Some(key) = found {
            self.follow_outside(candidate, key, now);
        }
    }

    fn follow_outside(&mut self, candidate: Candidate, key: FileKey, now: Now) {
        let rest = self.memory.get(key).is_some_and(|c| c.position.offset < candidate.stat.size);
        if !rest {
            return;
        }
        self.resume(candidate, key, EventKind::FoundElsewhere, now);
        if let Some(file) = self.files.get_mut(&key) {
            file.name = Name::Unlisted { since: now.instant };
            file.rotated = Some(now.instant);
        }
    }

    /// Says which contents of an earlier run are nowhere to be found: what was written to them
    /// behind their offsets while nobody watched can never be read.
    pub(super) fn report_missing(&mut self) {
        let missing: Vec<(Arc<Path>, u64)> = self
            .memory
            .iter()
            .filter(|content| content.loss == Loss::Stopped)
            .map(|content| (Arc::clone(&content.path), content.position.offset))
            .collect();
        for (path, offset) in missing {
            let detail = format!("not found; what was written behind byte {offset} is not read");
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
            self.changes.push(Change::Forget(key));
        }
    }

    /// Gives up truncated contents of which no copy appeared.
    pub(super) fn expire_memory(&mut self, now: Instant) {
        let expired: Vec<FileKey> = self
            .memory
            .iter()
            .filter(|content| is_expired(content, now))
            .map(|content| content.key)
            .collect();
        for key in expired {
            let Some(content) = self.memory.remove(key) else { continue };
            self.changes.push(Change::Forget(key));
            let unread = content.seen_size.saturating_sub(content.position.offset);
            if unread > 0 {
                self.abandon(&content.path, unread, "the file was truncated and no copy appeared");
            }
        }
    }
}

fn is_expired(content: &Remembered, now: Instant) -> bool {
    content.loss == Loss::Truncated
        && content.acked >= content.position.offset
        && now.saturating_duration_since(content.since) >= COPY_APPEARS_WITHIN
}
