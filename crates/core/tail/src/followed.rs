//! All generations of a flow that have a file.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::descriptors::Closable;
use crate::disk::OpenFile;
use crate::file::{self, Tailed};
use crate::identity::{FileKey, Head, Inode};

/// The files of a flow.
#[derive(Debug)]
pub(crate) struct Followed<F> {
    by_key: BTreeMap<FileKey, Tailed<F>>,
    pub(crate) by_inode: BTreeMap<Inode, FileKey>,
    pub(crate) next_key: u64,
    pub(crate) open_count: usize,
    /// Files that may be closed to make room for others, the best one last.
    pub(crate) closable: Vec<Closable>,
}

impl<F> Followed<F> {
    /// No files; the next generation has this number.
    pub(crate) fn new(next_key: u64) -> Self {
        let (by_key, by_inode) = (BTreeMap::new(), BTreeMap::new());
        Self { by_key, by_inode, next_key, open_count: 0, closable: Vec::new() }
    }

    /// A number that no generation had before.
    pub(crate) fn new_key(&mut self) -> FileKey {
        let key = FileKey(self.next_key);
        self.next_key += 1;
        key
    }

    pub(crate) fn get(&self, key: FileKey) -> Option<&Tailed<F>> {
        self.by_key.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: FileKey) -> Option<&mut Tailed<F>> {
        self.by_key.get_mut(&key)
    }

    pub(crate) fn contains_key(&self, key: FileKey) -> bool {
        self.by_key.contains_key(&key)
    }

    pub(crate) fn insert(&mut self, key: FileKey, file: Tailed<F>) {
        self.by_key.insert(key, file);
    }

    pub(crate) fn remove(&mut self, key: FileKey) -> Option<Tailed<F>> {
        self.by_key.remove(&key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &FileKey> {
        self.by_key.keys()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Tailed<F>> {
        self.by_key.values()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Tailed<F>> {
        self.by_key.values_mut()
    }

    /// Those with smaller numbers, in order.
    pub(crate) fn before(&self, key: FileKey) -> impl Iterator<Item = (&FileKey, &Tailed<F>)> {
        self.by_key.range(..key)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Closes a file, which is followed all the same.
    pub(crate) fn close(&mut self, key: FileKey) {
        if let Some(file) = self.by_key.get_mut(&key)
            && file.handle.take().is_some()
        {
            self.open_count -= 1;
        }
    }

    /// Closes a file and takes it out.
    pub(crate) fn forget(&mut self, key: FileKey) -> Option<Tailed<F>> {
        self.close(key);
        let file = self.by_key.remove(&key)?;
        // The number of a file that is gone may be another one's by now.
        if self.by_inode.get(&file.inode) == Some(&key) {
            self.by_inode.remove(&file.inode);
        }
        Some(file)
    }

    /// Whether a file is deleted: after a stop it could not be found again.
    pub(crate) fn is_lost_after_stop(&self, key: FileKey) -> bool {
        self.by_key.get(&key).is_some_and(|file| !file.is_listed() && file.seen.links == 0)
    }

    /// A pause that grows with the number of files, so that what is done to each of them takes the
    /// same share of the processor however many there are.
    pub(crate) fn paced(&self, per_file: Duration, min: Duration, max: Duration) -> Duration {
        let files = u32::try_from(self.by_key.len()).unwrap_or(u32::MAX);
        per_file.saturating_mul(files).clamp(min, max)
    }
}

impl<F: OpenFile> Followed<F> {
    /// The fingerprint grows with the file until it is full.
    pub(crate) fn grow_head(&mut self, key: FileKey) {
        let Some(file) = self.by_key.get_mut(&key) else { return };
        if file.head.is_full() || file.seen.size <= u64::from(file.head.len) {
            return;
        }
        let Some(Ok(bytes)) = file.handle.as_ref().map(file::read_head) else { return };
        if file.head.agrees(&bytes) {
            file.head = Head::of(&bytes);
        }
    }
}
