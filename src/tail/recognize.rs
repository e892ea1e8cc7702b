//! Which content a file holds that was not known a moment ago: a new one, or one that moved.
//!
//! The evidence is always bytes: the head fingerprint and the anchor before the offset. A file
//! is taken for an old content only if both agree; in doubt it is read from byte 0, which repeats
//! and does not lose.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::EventKind;
use super::file::{self, LOOK_EVERY_MIN, Name, Shadow, Stat, Tailed};
use super::identity::{Anchor, FileKey, Head, Inode, Position};
use super::memory::{HeadIndex, Loss, Remembered};
use super::rotation::Entry;
use super::splitter::last_boundary;
use super::tailer::{Now, Tailer, checkpoint};
use crate::checkpoint::Change;

/// A file that equals another one waits this long, after it last grew, for the other one to be
/// truncated. Copying tools truncate at once after copying.
pub(super) const SHADOW_HOLD: Duration = Duration::from_secs(3);

/// Bytes that were never read of a truncated file are given up when no copy appeared by then.
pub(super) const COPY_APPEARS_WITHIN: Duration = Duration::from_mins(1);

/// Of the files that begin like a new one, this many are looked at again.
const LOOK_AGAIN_MAX: usize = 8;

/// A directory is searched for a lost content among at most this many files.
const SEARCH_FILES_MAX: usize = 4096;

/// Searching backwards for the last line end reads this many bytes at a time.
const BACKWARD_CHUNK_BYTES: u64 = 64 * 1024;

/// What a file shows of itself.
struct Evidence<'f> {
    inode: Inode,
    handle: &'f File,
    size: u64,
    modified_nanos: i128,
    head: &'f [u8],
}

/// A file that was opened and looked at, and is not followed yet.
struct Candidate {
    path: Arc<Path>,
    inode: Inode,
    handle: File,
    stat: Stat,
    head: Vec<u8>,
}

impl Tailer {
    /// Begins to follow files that appeared. Contents that still lie where they lay come first, so
    /// that a copy cannot take the place of its original.
    pub(super) fn take_in(&mut self, appeared: &[Entry], now: Now) {
        let live = self.live_contents();
        let mut others = Vec::new();
        for entry in appeared {
            let known = !self.memory.at_inode(entry.inode).is_empty();
            if !(known && self.take_in_one(entry, |tailer, found| tailer.stay(found, now))) {
                others.push(entry);
            }
        }
        for entry in others {
            self.take_in_one(entry, |tailer, found| {
                tailer.follow(found, &live, now);
                true
            });
        }
    }

    /// Opens a file and hands it on; says what became of it.
    fn take_in_one(
        &mut self,
        entry: &Entry,
        hand_on: impl FnOnce(&mut Self, Candidate) -> bool,
    ) -> bool {
        match Candidate::open(&entry.path) {
            Ok(candidate) => {
                self.recovered(&candidate.path);
                hand_on(self, candidate)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                self.trouble(&entry.path, &error);
                true
            }
        }
    }

    /// Follows a file if it provably holds what it held before.
    fn stay(&mut self, candidate: Candidate, now: Now) -> bool {
        // A content of which nothing was read proves nothing: inode numbers are used again.
        let here = self
            .at_its_place(&candidate)
            .filter(|key| self.memory.get(*key).is_some_and(|c| c.position.offset > 0));
        let Some(key) = here else { return false };
        self.resume(candidate, key, EventKind::Resumed, now);
        true
    }

    fn follow(&mut self, candidate: Candidate, live: &HeadIndex, now: Now) {
        if self.by_inode.contains_key(&candidate.inode) {
            return;
        }
        if let Some(key) = self.copied_from(&candidate.evidence()) {
            return self.resume(candidate, key, EventKind::CopyRecognized, now);
        }
        if let Some(key) = self.at_its_place(&candidate) {
            return self.resume(candidate, key, EventKind::Resumed, now);
        }
        if let Some((original, position)) = self.copied_early(&candidate.evidence()) {
            return self.begin_behind(candidate, &original, position, now);
        }
        let parent = self.equal_to(&candidate.evidence(), live);
        if parent.is_none() && self.look_again(&candidate.head, live, now) {
            // The original was truncated while it was being compared.
            return self.follow(candidate, &HeadIndex::default(), now);
        }
        if let Some(before) = self.memory.at_inode(candidate.inode).first() {
            let detail = format!("it held {} before", before.path.display());
            self.event(EventKind::InodeReused, &candidate.path, detail);
        }
        self.begin(candidate, parent.map(Shadow::of), now);
    }

    /// Looks again at the files that begin alike; says whether one of them holds another content
    /// now.
    fn look_again(&mut self, head: &[u8], live: &HeadIndex, now: Now) -> bool {
        let mut changed = false;
        for key in live.agreeing(head).into_iter().take(LOOK_AGAIN_MAX) {
            if self.files.contains_key(&key) {
                self.look_at(key, now);
                changed |= !self.files.contains_key(&key);
            }
        }
        changed
    }

    /// The content that lay in this inode, if it still does.
    fn at_its_place(&self, candidate: &Candidate) -> Option<FileKey> {
        let same = |content: &&Remembered| {
            candidate.stat.size >= content.position.offset
                && content.head.agrees(&candidate.head)
                && file::proves(&candidate.handle, content.position).unwrap_or(false)
        };
        self.memory.at_inode(candidate.inode).into_iter().find(same).map(|content| content.key)
    }

    /// The content without a file that this file holds a copy of.
    fn copied_from(&self, candidate: &Evidence<'_>) -> Option<FileKey> {
        self.memory
            .alike(candidate.head, candidate.size)
            .into_iter()
            .filter(|content| content.inode != candidate.inode)
            .filter(|content| file::proves(candidate.handle, content.position).unwrap_or(false))
            .find(|content| self.may_be_copy(candidate, content))
            .map(|content| content.key)
    }

    /// Whether a file can hold a copy of this content, as far as circumstances tell. Where little
    /// was read the bytes tell little: another log may begin with the same few lines, and to take
    /// it for a copy would lose them. A copy is made before its original is truncated, and the
    /// original stays.
    fn may_be_copy(&self, candidate: &Evidence<'_>, content: &Remembered) -> bool {
        if content.proves_much() {
            return true;
        }
        match content.loss {
            Loss::Truncated => candidate.modified_nanos <= content.lost_by_nanos,
            Loss::Released | Loss::Stopped => {
                self.by_inode.contains_key(&content.inode) || original_is_there(content)
            }
        }
    }

    /// The content without a file that this file holds the beginning of, and the last position up
    /// to which that is proven: a copy that was made while the original still grew. What little
    /// lies behind is read again, for it might be something else.
    fn copied_early(&self, candidate: &Evidence<'_>) -> Option<(Arc<Path>, Position)> {
        let alike = self.memory.beginning_alike(candidate.head).into_iter();
        alike.filter(|content| content.inode != candidate.inode).find_map(|content| {
            let position = proven_part(content, candidate.handle, candidate.size)?;
            let accepted = self.may_be_copy(candidate, content);
            accepted.then(|| (Arc::clone(&content.path), position))
        })
    }

    /// Follows a new content from a position on; what lies before it was read elsewhere.
    fn begin_behind(
        &mut self,
        candidate: Candidate,
        original: &Path,
        position: Position,
        now: Now,
    ) {
        let key = self.new_key();
        let file = candidate.into_file(key, position, now.instant);
        let detail =
            format!("its first {} bytes were read as {}", position.offset, original.display());
        self.event(EventKind::CopyRecognized, &Arc::clone(&file.path), detail);
        self.changes.push(Change::Save(checkpoint(&file, position)));
        self.insert(file);
    }

    /// The followed file that has the same content so far.
    fn equal_to(&self, candidate: &Evidence<'_>, live: &HeadIndex) -> Option<FileKey> {
        live.agreeing(candidate.head).into_iter().find(|key| {
            self.files.get(key).is_some_and(|parent| {
                let offset = parent.position.offset;
                let copied_so_far = candidate.size <= parent.seen.size;
                let may_be = candidate.size < offset
                    || file::proves(candidate.handle, parent.position).unwrap_or(false);
                let other = parent.inode != candidate.inode;
                other && copied_so_far && may_be && same_end(candidate, parent)
            })
        })
    }

    /// The contents of followed files.
    fn live_contents(&self) -> HeadIndex {
        let mut index = HeadIndex::default();
        for file in self.files.values() {
            if file.shadow.is_none() && !file.undecided {
                index.insert(file.head, file.key);
            }
        }
        index
    }

    /// Goes on in this file where the content with this key was left.
    fn resume(&mut self, candidate: Candidate, key: FileKey, kind: EventKind, now: Now) {
        let Some(content) = self.memory.remove(key) else { return };
        let (offset, size) = (content.position.offset, candidate.stat.size);
        let detail = if content.path == candidate.path {
            format!("continued at byte {offset} of {size}")
        } else {
            format!("was {}, continued at byte {offset} of {size}", content.path.display())
        };
        let moved = content.path != candidate.path || content.inode != candidate.inode;
        let mut file = candidate.into_file(key, content.position, now.instant);
        file.acked = content.acked;
        file.rotated = (moved || content.rotated).then_some(now.instant);
        file.grown_to = file.seen.size;
        if moved && content.acked == content.position.offset {
            self.changes.push(Change::Save(checkpoint(&file, content.position)));
        }
        self.event(kind, &Arc::clone(&file.path), detail);
        self.insert(file);
    }

    /// Begins a content that was never seen.
    fn begin(&mut self, candidate: Candidate, shadow: Option<Shadow>, now: Now) {
        let key = self.new_key();
        let at_end = self.options.start_at_end && !self.first_scan_done;
        let position = if at_end {
            match end_position(&candidate, self.options.skip_header_lines) {
                Ok(position) => position,
                Err(error) => return self.trouble(&candidate.path, &error),
            }
        } else {
            Position::start()
        };
        let mut file = candidate.into_file(key, position, now.instant);
        file.head = Head::default();
        file.shadow = if at_end { None } else { shadow };
        file.undecided = !at_end && file.seen.size == 0;
        file.acked = position.offset;
        let detail = match file.shadow.and_then(|shadow| self.files.get(&shadow.parent)) {
            Some(parent) => format!("equals {} so far", parent.path.display()),
            None => format!("read from byte {} of {}", position.offset, file.seen.size),
        };
        let kind = if file.shadow.is_some() { EventKind::Shadow } else { EventKind::Appeared };
        self.event(kind, &Arc::clone(&file.path), detail);
        self.insert(file);
        self.grow_head(key);
        if let Some(file) = self.files.get(&key)
            && file.shadow.is_none()
        {
            let row = checkpoint(file, position);
            self.changes.push(Change::Save(row));
        }
    }

    fn insert(&mut self, file: Tailed) {
        let key = file.key;
        self.make_room();
        self.open_count += 1;
        self.by_inode.insert(file.inode, key);
        self.files.insert(key, file);
        self.hot_again(key);
        if self.files.get(&key).is_some_and(|file| file.unread_bytes() > 0) {
            self.requeue(key);
        }
    }

    /// Decides what a file is that was empty when it was first seen and is not any more. Says by
    /// which key it is followed from now on.
    pub(super) fn decide(&mut self, key: FileKey, now: Now) -> FileKey {
        let Some(file) = self.files.get(&key).filter(|file| file.undecided) else { return key };
        let Some(handle) = file.handle.as_ref().filter(|_| file.seen.size > 0) else { return key };
        let Ok(head) = file::read_head(handle) else { return key };
        let Stat { size, modified_nanos, .. } = file.seen;
        let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head: &head };
        let copied = self.copied_from(&evidence);
        let early = self.copied_early(&evidence);
        let live = self.live_contents();
        let parent = self.equal_to(&evidence, &live);
        let unknown = copied.is_none() && early.is_none() && parent.is_none();
        if unknown && self.look_again(&head, &live, now) {
            // The original was truncated while it was being compared. This ends, because a
            // generation that changed is not among the files that begin alike any more.
            return self.decide(key, now);
        }
        let Some(file) = self.files.get_mut(&key) else { return key };
        file.undecided = false;
        if let Some(content) = copied {
            self.changes.push(Change::Forget(key));
            self.hand_over(key, content, now);
            return content;
        }
        if let Some((_, position)) = early {
            self.stand_alone(key, position, now);
        } else if let Some(parent) = parent {
            file.shadow = Some(Shadow::of(parent));
            let path = Arc::clone(&file.path);
            self.event(EventKind::Shadow, &path, "equals another file so far");
        }
        key
    }

    /// Decides whether a file that equals another one is a copy of it.
    pub(super) fn judge_shadow(&mut self, key: FileKey, shadow: Shadow, now: Now) {
        if !self.files.contains_key(&shadow.parent) {
            return self.settle_shadow(key, shadow, now);
        }
        if !self.is_own_content(key, shadow) {
            return self.wait_for_truncation(key, shadow, now);
        }
        // The last look at the original may be older than the bytes that were compared, and it
        // may have been truncated or grown since.
        self.look_at(shadow.parent, now);
        if self.files.get(&key).is_some_and(|file| file.shadow.is_some())
            && self.is_own_content(key, shadow)
        {
            self.stand_alone(key, Position::start(), now);
        }
    }

    /// Whether a file that began like another one is longer than that, or goes on differently.
    fn is_own_content(&self, key: FileKey, shadow: Shadow) -> bool {
        let (Some(file), Some(parent)) = (self.files.get(&key), self.files.get(&shadow.parent))
        else {
            return false;
        };
        let Some(handle) = &file.handle else { return false };
        let Stat { size, modified_nanos, .. } = file.seen;
        // Only the end is compared, so the head is not needed.
        let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head: &[] };
        size > parent.seen.size || (parent.handle.is_some() && !same_end(&evidence, parent))
    }

    /// Gives the original some time to be truncated, and then the file its own life. A copy is
    /// quiet once it is complete; a file that goes on growing in step with the other one is not.
    fn wait_for_truncation(&mut self, key: FileKey, shadow: Shadow, now: Now) {
        let parent_size = self.files.get(&shadow.parent).map(|parent| parent.seen.size);
        let Some(file) = self.files.get_mut(&key) else { return };
        let mut shadow = shadow;
        if shadow.complete_since.is_none() && parent_size == Some(file.seen.size) {
            shadow.complete_since = Some(now.instant);
            file.shadow = Some(shadow);
        }
        let complete_for = shadow
            .complete_since
            .map_or(Duration::ZERO, |since| now.instant.saturating_duration_since(since));
        if file.quiet_for(now.instant).max(complete_for) >= SHADOW_HOLD {
            self.stand_alone(key, Position::start(), now);
        }
    }

    /// The original is gone or was truncated: this file holds its content now, or never did.
    fn settle_shadow(&mut self, key: FileKey, shadow: Shadow, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        // It was complete before its original was truncated, but perhaps not at the last look.
        if let Some(Ok(stat)) = file.handle.as_ref().map(file::stat) {
            file.seen = stat;
            file.unsettled = true;
        }
        let Some(file) = self.files.get(&key) else { return };
        let holds = self.memory.get(shadow.parent).is_some_and(|content| {
            file.seen.size >= content.position.offset
                && file
                    .handle
                    .as_ref()
                    .is_some_and(|handle| file::proves(handle, content.position).unwrap_or(false))
        });
        if holds {
            return self.hand_over(key, shadow.parent, now);
        }
        let part = self.memory.get(shadow.parent).zip(file.handle.as_ref());
        let part = part.and_then(|(content, handle)| proven_part(content, handle, file.seen.size));
        self.stand_alone(key, part.unwrap_or_else(Position::start), now);
    }

    /// The file takes over the generation that its bytes belong to.
    fn hand_over(&mut self, key: FileKey, content: FileKey, now: Now) {
        let Some(content) = self.memory.remove(content) else { return };
        let Some(mut file) = self.files.remove(&key) else { return };
        file.key = content.key;
        file.shadow = None;
        file.position = content.position;
        file.acked = content.acked;
        file.head = content.head;
        file.rotated = Some(now.instant);
        file.grown_to = file.seen.size;
        file.tried = None;
        file.queued = false;
        file.hot = false;
        file.warm_up(now.instant);
        let detail = format!(
            "was {}, continued at byte {} of {}",
            content.path.display(),
            content.position.offset,
            file.seen.size
        );
        self.event(EventKind::CopyRecognized, &Arc::clone(&file.path), detail);
        if content.acked == content.position.offset {
            self.changes.push(Change::Save(checkpoint(&file, content.position)));
        }
        self.by_inode.insert(file.inode, content.key);
        let unread = file.unread_bytes() > 0;
        self.files.insert(content.key, file);
        self.hot_again(content.key);
        if unread {
            self.requeue(content.key);
        }
    }

    /// The file is a content of its own, read from a position on.
    fn stand_alone(&mut self, key: FileKey, position: Position, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.shadow = None;
        file.position = position;
        file.acked = position.offset;
        file.warm_up(now.instant);
        let path = Arc::clone(&file.path);
        let row = checkpoint(file, position);
        self.changes.push(Change::Save(row));
        let detail = format!("a content of its own; read from byte {}", position.offset);
        self.event(EventKind::Appeared, &path, detail);
        self.hot_again(key);
        self.requeue(key);
    }

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
            self.search_directory(&dir, now);
        }
    }

    /// Looks for contents of an earlier run in the directories where they lay.
    pub(super) fn search_elsewhere(&mut self, now: Now) {
        let mut dirs: Vec<_> = self
            .memory
            .iter()
            .filter_map(|content| content.path.parent().map(Path::to_path_buf))
            .collect();
        dirs.sort();
        dirs.dedup();
        for dir in dirs {
            self.search_directory(&dir, now);
        }
    }

    fn search_directory(&mut self, dir: &Path, now: Now) {
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
                self.take_back(candidate, now);
            }
        }
    }

    /// Follows a file outside the pattern if it holds the unread rest of a known content.
    fn take_back(&mut self, candidate: Candidate, now: Now) {
        let here = self.memory.at_inode(candidate.inode).into_iter().find(|content| {
            content.head.agrees(&candidate.head)
                && file::proves(&candidate.handle, content.position).unwrap_or(false)
        });
        let found =
            here.map(|content| content.key).or_else(|| self.copied_from(&candidate.evidence()));
        let Some(key) = found else { return };
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

/// Whether the directory where a content lay still holds the file that it lay in.
fn original_is_there(content: &Remembered) -> bool {
    let entries = content.path.parent().and_then(|dir| std::fs::read_dir(dir).ok());
    entries
        .is_some_and(|entries| entries.flatten().any(|entry| entry.ino() == content.inode.number))
}

/// The last position up to which a shorter file provably holds what was read of a content.
fn proven_part(content: &Remembered, handle: &File, size: u64) -> Option<Position> {
    content.covered_at(size).find(|at| file::proves(handle, *at).unwrap_or(false))
}

/// Whether the last bytes of the candidate are the ones that the other file has there.
fn same_end(candidate: &Evidence<'_>, parent: &Tailed) -> bool {
    let len = Anchor::len_at(candidate.size);
    let from = candidate.size - len as u64;
    let Some(handle) = &parent.handle else { return false };
    match (file::read_at(candidate.handle, from, len), file::read_at(handle, from, len)) {
        (Ok(a), Ok(b)) => a == b,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// Where the lines begin that will be written from now on: behind the last line end, and behind
/// the header.
fn end_position(candidate: &Candidate, header_lines: u64) -> io::Result<Position> {
    let mut end = candidate.stat.size;
    let mut boundary = 0;
    while end > 0 {
        let start = end.saturating_sub(BACKWARD_CHUNK_BYTES);
        let len = usize::try_from(end - start).unwrap_or(0);
        let chunk = file::read_at(&candidate.handle, start, len)?;
        let at = last_boundary(&chunk);
        if at > 0 {
            boundary = start + at as u64;
            break;
        }
        end = start;
    }
    if header_lines > 0 && !has_lines(&candidate.handle, header_lines)? {
        return Ok(Position::start());
    }
    position_at(&candidate.handle, boundary)
}

/// The position at an offset of a file, with the anchor of what stands before it.
fn position_at(handle: &File, offset: u64) -> io::Result<Position> {
    let len = Anchor::len_at(offset);
    let before = file::read_at(handle, offset - len as u64, len)?;
    Ok(Position { offset, anchor: Anchor::of(&before) })
}

/// Whether the file has at least this many complete lines.
fn has_lines(handle: &File, wanted: u64) -> io::Result<bool> {
    let mut left = wanted;
    let mut offset = 0;
    loop {
        let chunk = file::read_at(handle, offset, 64 * 1024)?;
        if chunk.is_empty() {
            return Ok(false);
        }
        let found = memchr::memchr_iter(b'\n', &chunk).count() as u64;
        if found >= left {
            return Ok(true);
        }
        left -= found;
        offset += chunk.len() as u64;
    }
}

impl Candidate {
    fn open(path: &Path) -> io::Result<Self> {
        let handle = file::open(path)?;
        let stat = file::stat(&handle)?;
        let head = file::read_head(&handle)?;
        let inode = stat
            .inode
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has no inode number"))?;
        Ok(Self { path: Arc::from(path), inode, handle, stat, head })
    }

    fn evidence(&self) -> Evidence<'_> {
        let Self { inode, handle, stat, head, .. } = self;
        let Stat { size, modified_nanos, .. } = *stat;
        Evidence { inode: *inode, handle, size, modified_nanos, head }
    }

    fn into_file(self, key: FileKey, position: Position, now: Instant) -> Tailed {
        Tailed {
            key,
            inode: self.inode,
            path: self.path,
            name: Name::Listed,
            rotated: None,
            handle: Some(self.handle),
            head: Head::of(&self.head),
            position,
            trail: Vec::new(),
            acked: position.offset,
            seen: self.stat,
            grown_to: self.stat.size,
            unsettled: true,
            last_growth: now,
            caught_up: now,
            next_look: now + LOOK_EVERY_MIN,
            look_every: LOOK_EVERY_MIN,
            scanned_to: position.offset,
            tried: None,
            shadow: None,
            undecided: false,
            queued: false,
            hot: false,
        }
    }
}
