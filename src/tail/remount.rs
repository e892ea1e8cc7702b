//! Files whose file system was mounted anew: the same inode numbers under another device number.
//!
//! Part of [`Tailer`]. Device numbers of network file systems, of overlays, of btrfs and of loop
//! devices are given out at mounting, so the same file may have another one after that, or after
//! a restart of the machine. Such a file is the same if its path, its inode number and its bytes
//! are: it is continued and not sent again.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::candidate::Candidate;
use super::event::EventKind;
use super::file;
use super::identity::{FileKey, Head, Position};
use super::rotation::{Entry, Listing};
use super::tailer::{Now, Tailer, checkpoint_at_ack};
use crate::checkpoint::Change;

/// A name and an inode number, which stay when the device number changes.
type Place<'p> = (&'p Path, u64);

impl Tailer {
    /// Finds followed and remembered contents in files that differ from theirs in nothing but the
    /// device number.
    pub(super) fn find_remounted(&mut self, listing: &Listing, now: Now) {
        let unknown = |entry: &&Entry| {
            !self.by_inode.contains_key(&entry.inode)
                && self.memory.at_inode(entry.inode).is_empty()
        };
        let unknown: Vec<&Entry> = listing.entries.iter().filter(unknown).collect();
        if unknown.is_empty() {
            return;
        }
        let mut places: HashMap<Place<'_>, FileKey> = HashMap::new();
        for content in self.memory.iter() {
            places.insert((&content.path, content.inode.number), content.key);
        }
        for file in self.files.values() {
            places.insert((&file.path, file.inode.number), file.key);
        }
        // The inode itself is unknown, so whatever is found here differs by its device.
        let found: Vec<(FileKey, Arc<Path>)> = unknown
            .into_iter()
            .filter_map(|entry| {
                let key = places.get(&(&*entry.path, entry.inode.number))?;
                Some((*key, Arc::clone(&entry.path)))
            })
            .collect();
        for (key, path) in found {
            // What cannot be opened now is looked at by the scan as any other file.
            let Ok(candidate) = Candidate::open(&path) else { continue };
            if self.files.contains_key(&key) {
                self.rebind(key, candidate, now);
            } else {
                self.resume_remounted(key, candidate, now);
            }
        }
    }

    fn rebind(&mut self, key: FileKey, candidate: Candidate, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let longer_before = file
            .handle
            .as_ref()
            .and_then(|handle| file::stat(handle).ok())
            .is_some_and(|before| before.size > candidate.stat.size);
        if longer_before || !holds(&candidate, file.head, file.position) {
            return;
        }
        let before = std::mem::replace(&mut file.inode, candidate.inode);
        file.seen = candidate.stat;
        file.unsettled = true;
        file.warm_up(now.instant);
        self.open_count += usize::from(file.handle.replace(candidate.handle).is_none());
        let detail = told(before.device, candidate.inode.device, file.position.offset);
        let row = checkpoint_at_ack(file);
        self.by_inode.remove(&before);
        self.by_inode.insert(candidate.inode, key);
        self.changes.extend(row.map(Change::Save));
        self.event(EventKind::Remounted, &candidate.path, detail);
        self.hot_again(key);
    }

    fn resume_remounted(&mut self, key: FileKey, candidate: Candidate, now: Now) {
        let Some(content) = self.memory.get(key) else { return };
        // A content of which nothing was read proves nothing.
        if content.position.offset == 0 || !holds(&candidate, content.head, content.position) {
            return;
        }
        let rotated = content.rotated;
        self.resume(candidate, key, EventKind::Remounted, now);
        if let Some(file) = self.files.get_mut(&key) {
            // Its name is the one that it had: it is not rotated by this.
            file.rotated = rotated.then_some(now.instant);
        }
    }
}

/// Whether a file has the content that was known by this head and position.
fn holds(candidate: &Candidate, head: Head, position: Position) -> bool {
    candidate.stat.size >= position.offset
        && head.agrees(&candidate.head)
        && file::proves(&candidate.handle, position).unwrap_or(false)
}

fn told(before: u64, after: u64, offset: u64) -> String {
    format!("its device number was {before} and is {after}; continued at byte {offset}")
}
