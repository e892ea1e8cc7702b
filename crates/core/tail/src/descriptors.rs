//! Descriptors: which files are open, and which are closed when descriptors run short.
//!
//! Part of [`Tailer`]. A file that can be opened again by a name may be closed at any time; one
//! without a name is looked for in the directory where it was. Deleted files are never closed
//! here: their bytes would be gone; [`super::held`] bounds them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, OpenFile};
use super::file::{self, Tailed};
use super::identity::FileKey;
use super::links::FollowLinks;
use super::pattern::is_compressed_name;
use super::tailer::{Now, Tailer};

/// Files that may be closed are chosen this many at a time, at least, so that going through all
/// files is not paid for each of them.
const CHOICE_MIN: usize = 16;

/// And this many at most.
const CHOICE_MAX: usize = 1024;

/// A file that was chosen to be closed, and whether it waited to be read then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closable {
    key: FileKey,
    queued: bool,
}

impl<D: Disk> Tailer<D> {
    pub(super) fn ensure_open(&mut self, key: FileKey, now: Now) {
        let Some(file) = self.files.get(&key) else { return };
        if file.handle.is_some() || self.is_compressed(key) {
            return;
        }
        let (path, inode) = (Arc::clone(&file.path), file.inode);
        self.make_room();
        match self.disk.open(&path, FollowLinks::Always) {
            Ok((handle, stat)) if stat.inode == inode => {
                self.recovered(&path);
                if let Some(file) = self.files.get_mut(&key) {
                    file.handle = Some(handle);
                    self.open_count += 1;
                }
            }
            Ok(_) => self.lost_its_place(key, now),
            Err(error) if error.is_gone() => {
                self.lost_its_place(key, now);
            }
            Err(error) => {
                if let Some(file) = self.files.get_mut(&key) {
                    file.pace.poll_later(now.instant);
                }
                self.trouble(&path, error);
            }
        }
    }

    /// Closes a file that can be opened again when descriptors run short: an idle one if there is
    /// any. More open files than allowed would leave none for the connection that they all wait
    /// for. If there is nothing but deleted files, which cannot be opened again, one descriptor
    /// more is taken; all files with a name share that.
    pub(super) fn make_room(&mut self) {
        if self.open_count < self.descriptors_max() {
            return;
        }
        if let Some(key) = self.next_closable() {
            self.close(key);
        } else if let Some((key, path)) = self.moved_away_file() {
            self.close(key);
            if let Some(file) = self.files.get_mut(&key) {
                file.path = path;
            }
        }
    }

    /// Closes files until there are no more open than allowed. If `held` deleted files are open,
    /// one descriptor beside them is left to the others.
    pub(super) fn close_idle_files(&mut self, held: usize) {
        while self.open_count > self.descriptors_max().max(held + 1) {
            let before = self.open_count;
            self.make_room();
            if self.open_count == before {
                return;
            }
        }
    }

    /// From now on so many files may be open.
    pub fn set_descriptors_max(&mut self, max: usize) {
        self.options.descriptors_max = max;
    }

    pub(super) fn descriptors_max(&self) -> usize {
        self.options.descriptors_max.max(1)
    }

    pub(super) fn close(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(&key)
            && file.handle.take().is_some()
        {
            self.open_count -= 1;
        }
    }

    /// The descriptor of a file on a network file system leads nowhere any more, since the server
    /// or the mount was replaced. Its name may.
    pub(super) fn reopen_by_name(&mut self, key: FileKey, now: Now) {
        self.close(key);
        self.lost_its_place(key, now);
    }

    /// The next of the files that were chosen to be closed. Those that became busy since then, or
    /// lost their name, are left out.
    fn next_closable(&mut self) -> Option<FileKey> {
        while let Some(chosen) = self.closable.pop() {
            let still = |file: &Tailed<D::File>| {
                may_close(file) && (chosen.queued || !file.pace.is_queued())
            };
            if self.files.get(&chosen.key).is_some_and(still) {
                return Some(chosen.key);
            }
        }
        self.closable = self.choose_closable();
        self.closable.pop().map(|chosen| chosen.key)
    }

    /// Some open files with a name, the one that is missed least last.
    fn choose_closable(&self) -> Vec<Closable> {
        let mut open: Vec<_> = self
            .files
            .values()
            .filter(|file| may_close(file))
            .map(|file| {
                let queued = file.pace.is_queued() || self.order.is_parked(file.key);
                let idle = (!queued, file.unread_bytes() == 0, file.pace.every());
                // What may be a copy is compared again and again.
                ((file.life.pending_copy().is_none(), idle), Closable { key: file.key, queued })
            })
            .collect();
        open.sort_by_key(|(rank, _)| *rank);
        let wanted = (self.descriptors_max() / 8).clamp(CHOICE_MIN, CHOICE_MAX);
        let first = open.len().saturating_sub(wanted);
        open.split_off(first).into_iter().map(|(_, chosen)| chosen).collect()
    }

    /// An open file that lost its matching name and has another one, which the kernel knows.
    fn moved_away_file(&self) -> Option<(FileKey, Arc<Path>)> {
        let moved = self.files.values().filter(|file| !file.is_listed());
        moved.filter(|file| file.seen.links > 0).find_map(|file| {
            let handle = file.handle.as_ref()?;
            let name = handle.name_now().ok()?;
            let same = file::stat_path(&self.disk, &name).ok()?.inode == file.inode;
            same.then(|| (file.key, Arc::from(name)))
        })
    }

    /// Looks for closed files in the directories where they had their names: they may have others
    /// now. Says which were found; their paths are brought up to date.
    pub(super) fn locate(&mut self, keys: &[FileKey]) -> Vec<FileKey> {
        let mut wanted: BTreeMap<PathBuf, BTreeMap<u64, FileKey>> = BTreeMap::new();
        for file in keys.iter().filter_map(|key| self.files.get(key)) {
            if let Some(dir) = file.path.parent().filter(|_| file.handle.is_none()) {
                wanted.entry(dir.to_path_buf()).or_default().insert(file.inode.number, file.key);
            }
        }
        let mut found = Vec::new();
        for (dir, numbers) in wanted {
            // A directory that cannot be listed now is looked at again with the next look.
            let Ok(names) = self.disk.list(&dir) else { continue };
            for name in names {
                let Some(key) = numbers.get(&name.number) else { continue };
                if self.adopt_name(*key, &dir.join(&name.name)) {
                    found.push(*key);
                }
            }
        }
        found
    }

    /// Takes a path for a file's name, if it leads to it.
    fn adopt_name(&mut self, key: FileKey, path: &Path) -> bool {
        let Some(file) = self.files.get_mut(&key) else { return false };
        let stat = file::stat_path(&self.disk, path);
        // The inode number of a file that is gone may be that of a compressed one by now.
        let same = stat.is_ok_and(|stat| stat.inode == file.inode)
            && !path.file_name().is_some_and(is_compressed_name);
        if same {
            file.path = Arc::from(path);
        }
        same
    }
}

/// Whether a file is open and can be opened again by its name.
fn may_close<F>(file: &Tailed<F>) -> bool {
    file.handle.is_some() && file.is_listed()
}
