//! Contents that are known and have no file at the moment: truncated, moved away, or not yet
//! found again after a start.
//!
//! A content is found again by device and inode together with its bytes, or by its bytes alone
//! (a copy). Pure: who asks brings the bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::holes::Holes;
use super::identity::{FileKey, Head, Inode, Position};
use super::real_path;

/// How many contents without a file are remembered, per flow. Older ones are not looked for any
/// more, and stay in the checkpoint database until they expire.
pub const MEMORY_MAX: usize = 20_000;

/// Why a content has no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It was released: moved away, read to its end and acknowledged.
    Released,
    /// It is known from an earlier run only.
    Stopped,
    /// The file it lived in was truncated or rewritten.
    Truncated,
    /// Its file was closed for others to be opened, and is gone.
    Vanished,
    /// Everything in it is acknowledged, and its file is gone.
    Finished,
}

/// How a generation came to have no file.
#[derive(Debug, Clone, Copy)]
pub struct Lost {
    /// Why.
    pub why: Loss,
    /// Since when.
    pub since: Instant,
    /// When the file it lived in was last modified, as it was found to be lost: a file that was
    /// modified later is no copy that was made before. Nanoseconds since 1970.
    pub by_nanos: i128,
}

/// Where the file of a content is, as far as that is known.
#[derive(Debug, Clone, Default)]
pub struct Whereabouts {
    /// Where it lay, if links were on its path when it was opened: they may lead elsewhere by now.
    pub real: Option<Arc<Path>>,
    /// The file it lay in was found outside the pattern, with nothing more to read: no other file
    /// is taken for it.
    pub located: bool,
}

/// A content without a file.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// Its name within the flow.
    pub key: FileKey,
    /// Where it lived.
    pub inode: Inode,
    /// Under which path.
    pub path: Arc<Path>,
    /// Its first bytes.
    pub head: Head,
    /// Where reading continues.
    pub position: Position,
    /// Where reading stood before that, oldest first.
    pub trail: Vec<Position>,
    /// Everything before this is acknowledged.
    pub acked: u64,
    /// What was skipped of it.
    pub holes: Holes,
    /// The largest size that was seen; 0 if it is not known.
    pub seen_size: u64,
    /// Whether it was rotated, so that its last line may never get a line end.
    pub rotated: bool,
    /// Why it has no file.
    pub lost: Lost,
    /// Where its file is, as far as that is known.
    pub whereabouts: Whereabouts,
}

impl Remembered {
    /// Whether a file of `size` bytes that begins with `head` may hold this content to its end. The
    /// bytes before the position still have to be compared.
    #[must_use]
    pub(crate) fn may_live_in(&self, head: &[u8], size: u64) -> bool {
        // Where little was read, equal first bytes prove little: then a copy must be complete.
        let enough = if self.proves_much() { self.position.offset } else { self.seen_size.max(1) };
        let known = self.position.offset > 0 || self.seen_size > 0;
        known
            && !self.whereabouts.located
            && self.head.len > 0
            && size >= enough
            && self.head.agrees(head)
    }

    /// The directories in which it may be found again.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        real_path::directories(&self.path, self.whereabouts.real.as_deref())
    }

    /// Whether it was empty when it was last seen. Then no bytes can prove that a file holds it,
    /// and its inode number alone proves nothing, for numbers are used again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.len == 0 && self.position.offset == 0
    }

    /// The earlier positions at which a copy of `size` bytes may prove that it holds the beginning
    /// of what was read, newest first.
    pub(crate) fn covered_at(&self, size: u64) -> impl Iterator<Item = Position> {
        let shorter = size < self.position.offset && !self.whereabouts.located;
        let mut places: Vec<Position> = self
            .trail
            .iter()
            .copied()
            .filter(|at| shorter && at.offset > 0 && at.offset <= size)
            .collect();
        places.sort_by_key(|at| std::cmp::Reverse(at.offset));
        places.into_iter()
    }

    /// Whether so much of it was read that an equal beginning is no coincidence. Many a log begins
    /// with the same few lines.
    #[must_use]
    pub(crate) fn proves_much(&self) -> bool {
        self.head.is_full() && self.position.offset > 0
    }
}

/// Finds contents by their first bytes without comparing with each of them.
#[derive(Debug, Default)]
pub struct HeadIndex {
    keys: BTreeMap<Head, Vec<FileKey>>,
    /// How many heads there are of each length, so that a look-up tries only those.
    lengths: BTreeMap<u16, usize>,
}

impl HeadIndex {
    /// Adds a content. An empty head proves nothing and is not kept.
    pub fn insert(&mut self, head: Head, key: FileKey) {
        if head.len > 0 {
            self.keys.entry(head).or_default().push(key);
            *self.lengths.entry(head.len).or_default() += 1;
        }
    }

    /// Takes a content out.
    pub fn remove(&mut self, head: Head, key: FileKey) {
        let Some(keys) = self.keys.get_mut(&head) else { return };
        let before = keys.len();
        keys.retain(|other| *other != key);
        let removed = before - keys.len();
        if keys.is_empty() {
            self.keys.remove(&head);
        }
        if let Some(count) = self.lengths.get_mut(&head.len) {
            *count = count.saturating_sub(removed);
            if *count == 0 {
                self.lengths.remove(&head.len);
            }
        }
    }

    /// The contents that a file which begins with `bytes` agrees with, newest first.
    #[must_use]
    pub(crate) fn agreeing(&self, bytes: &[u8]) -> Vec<FileKey> {
        let mut found: Vec<FileKey> = self
            .lengths
            .keys()
            .filter_map(|len| bytes.get(..usize::from(*len)))
            .filter_map(|prefix| self.keys.get(&Head::of(prefix)))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }
}

/// All contents of a flow that have no file.
#[derive(Debug, Default)]
pub struct Memory {
    contents: BTreeMap<FileKey, Remembered>,
    by_inode: BTreeMap<Inode, Vec<FileKey>>,
    by_head: HeadIndex,
}

impl Memory {
    /// Remembers a content. Gives back the oldest one if there are too many: it is known no longer.
    #[must_use]
    pub fn insert(&mut self, content: Remembered) -> Option<Remembered> {
        self.by_inode.entry(content.inode).or_default().push(content.key);
        self.by_head.insert(content.head, content.key);
        self.contents.insert(content.key, content);
        let oldest = self.contents.keys().next().copied();
        oldest.filter(|_| self.contents.len() > MEMORY_MAX).and_then(|key| self.remove(key))
    }

    /// Takes a content out: it has a file again, or is gone for good.
    pub fn remove(&mut self, key: FileKey) -> Option<Remembered> {
        let content = self.contents.remove(&key)?;
        self.by_head.remove(content.head, key);
        if let Some(keys) = self.by_inode.get_mut(&content.inode) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.by_inode.remove(&content.inode);
            }
        }
        Some(content)
    }

    /// The content with this key.
    #[must_use]
    pub fn get(&self, key: FileKey) -> Option<&Remembered> {
        self.contents.get(&key)
    }

    /// The content with this key, to note an acknowledgement.
    pub fn get_mut(&mut self, key: FileKey) -> Option<&mut Remembered> {
        self.contents.get_mut(&key)
    }

    /// All contents, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Remembered> {
        self.contents.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// The contents that lived in this inode, newest first.
    #[must_use]
    pub(crate) fn at_inode(&self, inode: Inode) -> Vec<&Remembered> {
        let keys = self.by_inode.get(&inode).map_or(&[][..], Vec::as_slice);
        keys.iter().rev().filter_map(|key| self.contents.get(key)).collect()
    }

    /// The contents that a file which begins with `head` may hold, newest first.
    #[must_use]
    pub fn alike(&self, head: &[u8], size: u64) -> Vec<&Remembered> {
        self.by_head
            .agreeing(head)
            .into_iter()
            .filter_map(|key| self.contents.get(&key))
            .filter(|content| content.may_live_in(head, size))
            .collect()
    }

    /// The contents whose beginning a file that begins with `head` may hold, newest first.
    #[must_use]
    pub(crate) fn beginning_alike(&self, head: &[u8]) -> Vec<&Remembered> {
        self.by_head.agreeing(head).into_iter().filter_map(|key| self.contents.get(&key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::Anchor;
    use super::*;

    fn content(key: u64, bytes: &[u8], offset: u64) -> Remembered {
        Remembered {
            key: FileKey(key),
            inode: Inode { device: 1, number: key },
            path: Arc::from(Path::new("/l/a")),
            head: Head::of(bytes),
            position: Position { offset, anchor: Anchor::default() },
            trail: Vec::new(),
            acked: offset,
            holes: Holes::NONE,
            seen_size: bytes.len() as u64,
            rotated: false,
            lost: Lost { why: Loss::Truncated, since: crate::testing::now(), by_nanos: 0 },
            whereabouts: Whereabouts::default(),
        }
    }

    #[test]
    fn a_content_is_found_by_its_first_bytes() {
        let mut memory = Memory::default();
        assert!(memory.insert(content(1, b"one\n", 4)).is_none());
        assert!(memory.insert(content(2, b"two\n", 4)).is_none());
        let keys: Vec<_> = memory.alike(b"two\nmore\n", 9).iter().map(|c| c.key).collect();
        assert_eq!(keys, [FileKey(2)]);
        assert!(memory.remove(FileKey(2)).is_some());
        assert!(memory.alike(b"two\nmore\n", 9).is_empty());
        assert!(memory.at_inode(Inode { device: 1, number: 2 }).is_empty());
    }

    #[test]
    fn a_short_content_is_found_only_in_a_complete_copy() {
        let mut memory = Memory::default();
        assert!(memory.insert(content(1, b"head\nmore\n", 5)).is_none());
        assert!(memory.alike(b"head\nmor", 8).is_empty());
        assert_eq!(memory.alike(b"head\nmore\n", 10).len(), 1);
    }

    #[test]
    fn a_content_of_which_nothing_was_read_is_found_in_a_complete_copy_only() {
        let mut memory = Memory::default();
        assert!(memory.insert(content(1, b"head\n", 0)).is_none());
        assert_eq!(memory.alike(b"head\n", 5).len(), 1);
        let never_seen = Remembered { seen_size: 0, ..content(2, b"other\n", 0) };
        assert!(memory.insert(never_seen).is_none());
        assert!(memory.alike(b"other\n", 6).is_empty());
    }

    #[test]
    fn a_copy_that_lacks_the_end_is_tried_at_earlier_positions() {
        let at = |offset| Position { offset, anchor: Anchor::default() };
        let content = Remembered { trail: vec![at(0), at(10), at(20)], ..content(1, b"x", 30) };
        let offsets = |size| content.covered_at(size).map(|at| at.offset).collect::<Vec<_>>();
        assert_eq!(offsets(25), [20, 10]);
        assert!(offsets(30).is_empty(), "it is complete");
    }

    #[test]
    fn the_oldest_content_is_dropped_when_there_are_too_many() {
        let mut memory = Memory::default();
        for key in 0..=MEMORY_MAX as u64 {
            let dropped = memory.insert(content(key, b"x", 1));
            assert_eq!(dropped.is_some(), key == MEMORY_MAX as u64);
        }
        assert_eq!(memory.len(), MEMORY_MAX);
        assert!(memory.get(FileKey(0)).is_none());
    }
}
