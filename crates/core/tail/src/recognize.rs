//! Which content a file holds that was not known a moment ago: a new one, or one that moved.
//!
//! The evidence is always bytes: the head fingerprint and the anchor before the offset. A file
//! is taken for an old content only if both agree; in doubt it is read from byte 0, which repeats
//! and does not lose.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::ahead::is_utf16;
use super::candidate::{Candidate, Evidence, end_position, same_end};
use super::disk::{Disk, OpenFile};
use super::event::EventKind;
use super::file::{self, Tailed};
use super::identity::{FileKey, Head, Inode, Position};
use super::life::{self, Fact, Life, PendingCopy, Phase};
use super::memory::{HeadIndex, Loss, Remembered};
use super::progress::Progress;
use super::rewritten::BEGINNING_BYTES_MAX;
use super::rotation::Entry;
use super::tailer::{Now, Tailer, checkpoint, checkpoint_at_ack};
use kinetail_base::checkpoint::Change;

/// Of the files that begin like a new one, this many are looked at again.
const LOOK_AGAIN_MAX: usize = 8;

/// File systems stamp files with a clock that ticks this often at most, in nanoseconds; rows are
/// dated in milliseconds.
const CLOCK_TICK_NANOS: i128 = 12_000_000;

/// How a file that nobody followed came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Under a name that matches.
    Listed,
    /// By a rename that was told of.
    Renamed,
    /// As a generation of a log that came and went between two looks.
    Between,
}

impl<D: Disk> Tailer<D> {
    /// Begins to follow files that appeared. Contents that still lie where they lay come first, so
    /// that a copy cannot take the place of its original.
    pub(super) fn take_in(&mut self, appeared: &[Entry], now: Now) {
        let live = self.live_contents();
        let mut others = Vec::new();
        for entry in appeared {
            let known = !self.memory.at_inode(entry.inode).is_empty();
            if !(known && self.take_in_one(entry, |tailer, found| tailer.stay(found, &live, now))) {
                others.push(entry);
            }
        }
        if !self.first_scan_done {
            // Before bytes alone are believed, contents are looked for where they lay.
            let listed: BTreeSet<Inode> = appeared.iter().map(|entry| entry.inode).collect();
            self.search(now, &|tailer, candidate, now| {
                // What a symbolic link leads to may match by the name of the link.
                if !listed.contains(&candidate.inode) {
                    tailer.take_back_from_place(candidate, now);
                }
            });
        }
        for entry in others {
            self.take_in_one(entry, |tailer, found| {
                tailer.follow(found, &live, Came::Listed, now);
                true
            });
        }
    }

    /// Opens a file and hands it on; says what became of it.
    fn take_in_one(
        &mut self,
        entry: &Entry,
        hand_on: impl FnOnce(&mut Self, Candidate<D::File>) -> bool,
    ) -> bool {
        match Candidate::open(&self.disk, &entry.path, self.options.pattern.follow_links()) {
            Ok(candidate) => {
                if candidate.inode != entry.inode {
                    // What was listed has another name by now, which may not be its for long.
                    self.hint(self.looked_at);
                }
                self.recovered(&candidate.path);
                hand_on(self, candidate)
            }
            Err(error) if error.is_gone() => {
                self.hint(self.looked_at);
                true
            }
            Err(error) => {
                self.trouble(&entry.path, error);
                self.refused.push_back(entry.clone());
                true
            }
        }
    }

    /// Follows a file if it provably holds what it held before.
    fn stay(&mut self, candidate: Candidate<D::File>, live: &HeadIndex, now: Now) -> bool {
        let Some(key) = self.at_its_place(&candidate) else { return false };
        let offset = self.offset_of(key);
        // A content of which nothing was read proves little: inode numbers are used again. At a
        // start every content may still be found in its place.
        let other = self.first_scan_done
            && (self.proven(&candidate) != Some(key)
                || self.equals_more(&candidate.evidence(), offset, live));
        if offset == 0 || other {
            return false;
        }
        self.resume(candidate, key, EventKind::Resumed, now);
        true
    }

    pub(super) fn follow(
        &mut self,
        candidate: Candidate<D::File>,
        live: &HeadIndex,
        came: Came,
        now: Now,
    ) {
        if let Some(key) = self.by_inode.get(&candidate.inode).copied() {
            // It was found under another name a moment ago, where a link in the pattern leads to.
            if self.files.get(&key).is_some_and(|file| !file.is_listed()) {
                self.rename(key, &candidate.path, EventKind::Returned, now.instant);
            }
            return;
        }
        if let Some(key) = self.proven(&candidate)
            && !self.equals_more(&candidate.evidence(), self.offset_of(key), live)
        {
            let stayed = self.memory.get(key).is_some_and(|c| c.inode == candidate.inode);
            let kind = if stayed { EventKind::Resumed } else { EventKind::CopyRecognized };
            return self.resume(candidate, key, kind, now);
        }
        if let Some((original, position)) = self.copied_early(&candidate.evidence()) {
            return self.begin_behind(candidate, &original, position, now);
        }
        let alike = live.agreeing(&candidate.head);
        if let Some(key) = self.replaced_by(&candidate, &alike) {
            return self.take_place(candidate, key, now);
        }
        if let Some((key, position)) = self.put_back(&candidate, &alike) {
            return self.begin_where_put_back(candidate, key, position, now);
        }
        let parent = self.equal_to(&candidate.evidence(), live);
        if parent.is_none() && self.look_again(&candidate.head, live, now) {
            // The original was truncated while it was being compared.
            return self.follow(candidate, &HeadIndex::default(), came, now);
        }
        if parent.is_none()
            && let Some(key) = self.empty_at(candidate.inode)
        {
            return self.resume(candidate, key, EventKind::Resumed, now);
        }
        let parented = parent.is_some();
        let left =
            if parented { Some(candidate) } else { self.follow_what_is_left(candidate, now) };
        let Some(candidate) = left else { return };
        self.tell_what_lay_here(&candidate);
        self.begin(candidate, parent.map(PendingCopy::of), came, now);
    }

    /// Names what became of the content that lay in this inode, which is read from byte 0 now.
    fn tell_what_lay_here(&mut self, candidate: &Candidate<D::File>) {
        let Some(before) = self.memory.at_inode(candidate.inode).first().copied() else { return };
        let read = before.position.offset;
        // As after a power cut: what was written last never reached the disk.
        let shrunk = candidate.stat.size < read
            && before.head.len > 0
            && before.head.agrees(&candidate.head);
        let (kind, detail) = if shrunk {
            let size = candidate.stat.size;
            (EventKind::Shrunk, format!("{read} bytes of it were read, and it has {size}"))
        } else {
            (EventKind::InodeReused, format!("it held {} before", before.path.display()))
        };
        self.event(kind, &candidate.path, detail);
    }

    /// Looks again at the files that begin alike; says whether one of them holds another content
    /// now.
    pub(super) fn look_again(&mut self, head: &[u8], live: &HeadIndex, now: Now) -> bool {
        let mut changed = false;
        for key in live.agreeing(head).into_iter().take(LOOK_AGAIN_MAX) {
            if self.files.contains_key(&key) {
                self.look_at(key, now);
                changed |= !self.files.contains_key(&key);
            }
        }
        changed
    }

    /// The content that lay in this inode, if it provably still does.
    pub(super) fn at_its_place(&self, candidate: &Candidate<D::File>) -> Option<FileKey> {
        let born = candidate.handle.born().ok().flatten();
        let same = |content: &&Remembered| {
            !content.is_empty()
                && !self.is_born_later(born, content)
                && candidate.stat.size >= content.position.offset
                && content.head.agrees(&candidate.head)
                && file::proves(&candidate.handle, content.position, &content.holes)
                    .unwrap_or(false)
        };
        // More than one if a file took the place of another one and began alike.
        let here = self.memory.at_inode(candidate.inode).into_iter().rev().filter(same);
        here.max_by_key(|content| content.position.offset).map(|content| content.key)
    }

    /// Whether a file was made after this content was last known: then its inode number was given
    /// out again, and equal bytes are a coincidence, as they are where all lines are alike.
    pub(super) fn is_born_later(&self, born_nanos: Option<i128>, content: &Remembered) -> bool {
        let Some((born, earlier)) = born_nanos.zip(self.options.earlier) else { return false };
        content.loss == Loss::Stopped && born > earlier.last_known_nanos + CLOCK_TICK_NANOS
    }

    /// The content without a file that a file provably holds, in its place or as a copy. If it
    /// holds the beginning of two, the one of which more was read tells more.
    pub(super) fn proven(&self, candidate: &Candidate<D::File>) -> Option<FileKey> {
        let here = self.at_its_place(candidate);
        let copy = self.copied_from(&candidate.evidence());
        // Of two equal ones the last is taken: it lies where it lay.
        copy.into_iter().chain(here).max_by_key(|key| self.offset_of(*key))
    }

    /// Whether a file equals a followed one of which more than this was read: then it rather is a
    /// copy of that.
    pub(super) fn equals_more(
        &self,
        candidate: &Evidence<'_, D::File>,
        offset: u64,
        live: &HeadIndex,
    ) -> bool {
        let equal = self.equal_to(candidate, live).and_then(|key| self.files.get(&key));
        equal.is_some_and(|parent| parent.position.offset > offset)
    }

    /// Where reading stands in a content without a file.
    pub(super) fn offset_of(&self, key: FileKey) -> u64 {
        self.memory.get(key).map_or(0, |content| content.position.offset)
    }

    /// The content that was empty when it lay in this inode. It has no bytes that could be missing,
    /// so it is as good as a new one, unless the file turns out to hold something known.
    pub(super) fn empty_at(&self, inode: Inode) -> Option<FileKey> {
        self.memory.at_inode(inode).iter().find(|content| content.is_empty()).map(|c| c.key)
    }

    /// The content without a file that this file holds a copy of.
    pub(super) fn copied_from(&self, candidate: &Evidence<'_, D::File>) -> Option<FileKey> {
        self.memory
            .alike(candidate.head, candidate.size)
            .into_iter()
            .filter(|content| content.inode != candidate.inode)
            .filter(|content| {
                file::proves(candidate.handle, content.position, &content.holes).unwrap_or(false)
            })
            .find(|content| self.may_be_copy(candidate, content))
            .map(|content| content.key)
    }

    /// Whether a file can hold a copy of this content, as far as circumstances tell. Where little
    /// was read the bytes tell little: another log may begin with the same few lines, and to take
    /// it for a copy would lose them. A copy is made before its original is truncated, and the
    /// original stays.
    pub(super) fn may_be_copy(
        &self,
        candidate: &Evidence<'_, D::File>,
        content: &Remembered,
    ) -> bool {
        let tells = file::tells_apart(candidate.handle, content.position).unwrap_or(false);
        if content.proves_much() && tells {
            return true;
        }
        match content.loss {
            Loss::Truncated => candidate.modified_nanos <= content.lost_by_nanos,
            Loss::Released | Loss::Stopped | Loss::Vanished | Loss::Finished => {
                self.original_is_there(content)
            }
        }
    }

    /// Whether the file in which a content lay is still there, whatever it holds now. If its inode
    /// number was given out again it is not.
    fn original_is_there(&self, content: &Remembered) -> bool {
        let followed = self.by_inode.get(&content.inode).and_then(|key| self.files.get(key));
        let born = |handle: &D::File| handle.born().ok().flatten();
        let born_nanos = match followed {
            Some(file) => file.handle.as_ref().and_then(born),
            None => match self.file_at(content) {
                Some(handle) => born(&handle),
                None => return false,
            },
        };
        !self.is_born_later(born_nanos, content)
    }

    /// The file in the directory where a content lay that has its inode number.
    fn file_at(&self, content: &Remembered) -> Option<D::File> {
        let directory = content.path.parent()?;
        let mut names = self.disk.list(directory).ok()?.into_iter();
        let name = names.find(|name| name.number == content.inode.number)?.name;
        let follow = self.options.pattern.follow_links();
        self.disk.open(&directory.join(name), follow).ok().map(|(handle, _)| handle)
    }

    /// The content without a file that this file holds the beginning of, and the last position up
    /// to which that is proven: a copy that was made while the original still grew. What little
    /// lies behind is read again, for it might be something else.
    pub(super) fn copied_early(
        &self,
        candidate: &Evidence<'_, D::File>,
    ) -> Option<(Arc<Path>, Position)> {
        let alike = self.memory.beginning_alike(candidate.head).into_iter();
        alike.filter(|content| content.inode != candidate.inode).find_map(|content| {
            let position = proven_part(content, candidate.handle, candidate.size)?;
            let accepted = self.may_be_copy(candidate, content)
                && (content.loss != Loss::Stopped
                    || (position.offset >= BEGINNING_BYTES_MAX
                        && self.is_no_new_log(candidate, content)));
            accepted.then(|| (Arc::clone(&content.path), position))
        })
    }

    /// Whether a file that begins like a content of an earlier run, and is shorter, is no log that
    /// begins anew with the same lines: the original stays, or it was written before the stop.
    fn is_no_new_log(&self, candidate: &Evidence<'_, D::File>, content: &Remembered) -> bool {
        let known = self.options.earlier.map(|earlier| earlier.last_known_nanos);
        known.is_some_and(|known| candidate.modified_nanos <= known)
            || self.original_is_there(content)
    }

    /// Follows a new content from a position on; what lies before it was read elsewhere.
    fn begin_behind(
        &mut self,
        candidate: Candidate<D::File>,
        original: &Path,
        position: Position,
        now: Now,
    ) {
        let key = self.new_key();
        let mut file = candidate.into_file(key, Life::unseen(), position, now.instant);
        file.life.follow(Fact::Distinct);
        let detail =
            format!("its first {} bytes were read as {}", position.offset, original.display());
        self.event(EventKind::CopyRecognized, &Arc::clone(&file.path), detail);
        self.changes.push(Change::Save(checkpoint(&file, position)));
        self.insert(file);
    }

    /// The followed file that has the same content so far.
    pub(super) fn equal_to(
        &self,
        candidate: &Evidence<'_, D::File>,
        live: &HeadIndex,
    ) -> Option<FileKey> {
        live.agreeing(candidate.head).into_iter().find(|key| {
            self.files.get(key).is_some_and(|parent| {
                let offset = parent.position.offset;
                let copied_so_far = candidate.size <= parent.seen.size;
                let may_be = candidate.size < offset
                    || file::proves(candidate.handle, parent.position, parent.gaps.holes())
                        .unwrap_or(false);
                let other = parent.inode != candidate.inode;
                other && copied_so_far && may_be && same_end(&self.disk, candidate, parent)
            })
        })
    }

    /// The contents of followed files.
    pub(super) fn live_contents(&self) -> HeadIndex {
        let mut index = HeadIndex::default();
        for file in self.files.values() {
            if !matches!(file.phase(), Phase::PendingCopy | Phase::New) {
                index.insert(file.head, file.key);
            }
        }
        index
    }

    /// Goes on in this file where the content with this key was left.
    pub(super) fn resume(
        &mut self,
        candidate: Candidate<D::File>,
        key: FileKey,
        kind: EventKind,
        now: Now,
    ) {
        let Some(content) = self.memory.remove(key) else { return };
        let (offset, size) = (content.position.offset, candidate.stat.size);
        let detail = if content.path == candidate.path {
            format!("continued at byte {offset} of {size}")
        } else {
            format!("was {}, continued at byte {offset} of {size}", content.path.display())
        };
        let renamed = content.path != candidate.path;
        let moved = renamed || content.inode != candidate.inode;
        let rotated = renamed || content.rotated;
        let life = Life::missing().with_rotated(rotated, now.instant);
        let mut file = candidate.into_file(key, life, content.position, now.instant);
        file.progress = Progress::resumed(content.acked, content.trail.clone());
        file.know_holes(content.holes.before(content.position.offset));
        if content.is_empty() && size == 0 {
            file.life.compare(Fact::FoundEmpty);
        } else {
            file.life.follow(Fact::Found);
        }
        // The more of its first bytes are written down, the surer it is found the next time.
        let more = moved || file.head != content.head;
        if more {
            self.changes.extend(checkpoint_at_ack(&file).map(Change::Save));
        }
        self.event(kind, &Arc::clone(&file.path), detail);
        self.insert(file);
    }

    /// Begins a content that was never seen.
    fn begin(
        &mut self,
        candidate: Candidate<D::File>,
        pending: Option<PendingCopy>,
        came: Came,
        now: Now,
    ) {
        let key = self.new_key();
        let at_end = self.options.start_at_end && !self.first_scan_done;
        let refused = self.options.refuse_utf16 && at_end && is_utf16(&candidate.head);
        let position = if at_end {
            match end_position(&candidate, self.options.skip_header_lines) {
                Ok(position) => position,
                Err(error) => return self.trouble(&candidate.path, error),
            }
        } else {
            Position::start()
        };
        let mut file = candidate.into_file(key, Life::unseen(), position, now.instant);
        file.head = Head::default();
        match pending.filter(|_| !at_end) {
            Some(pending) => file.life.wait_as_copy(pending),
            None if !at_end && file.seen.size == 0 => file.life.compare(Fact::NotCompared),
            None => file.life.follow(Fact::Distinct),
        }
        let original = file.life.pending_copy().and_then(|copy| self.files.get(&copy.original));
        let detail = match original {
            Some(parent) => format!("equals {} so far", parent.path.display()),
            None => format!("read from byte {} of {}", position.offset, file.seen.size),
        };
        let (path, size) = (Arc::clone(&file.path), file.seen.size);
        if file.phase() == Phase::PendingCopy {
            self.event(EventKind::Shadow, &path, detail);
        } else if came == Came::Between {
            self.tell_of_generation(&path, size);
        } else {
            self.event(EventKind::Appeared, &path, detail);
        }
        self.insert(file);
        if refused {
            self.refuse(key);
        }
        self.grow_head(key);
        if let Some(file) = self.files.get(&key)
            && file.phase() != Phase::PendingCopy
        {
            let row = checkpoint(file, position);
            self.changes.push(Change::Save(row));
        }
    }

    pub(super) fn insert(&mut self, file: Tailed<D::File>) {
        let key = file.key;
        while let Some(empty) = self.empty_at(file.inode) {
            // Another content lies where it lay.
            self.memory.remove(empty);
            life::pass(Phase::Missing, Fact::Resolved, Phase::Gone);
            self.changes.push(Change::Forget(empty));
        }
        self.make_room();
        self.open_count += 1;
        self.by_inode.insert(file.inode, key);
        self.files.insert(key, file);
        self.order.arrived.push(key);
        self.hot_again(key);
        if self.files.get(&key).is_some_and(|file| file.unread_bytes() > 0) {
            self.requeue(key);
        }
    }
}

/// The last position up to which a shorter file provably holds what was read of a content.
pub(super) fn proven_part<F: OpenFile>(
    content: &Remembered,
    handle: &F,
    size: u64,
) -> Option<Position> {
    content.covered_at(size).find(|at| file::proves(handle, *at, &content.holes).unwrap_or(false))
}
