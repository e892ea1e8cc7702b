//! Tries generations that could not be read yet again.

use std::sync::Arc;

use crate::adopt::Came;
use crate::candidate::Candidate;
use crate::disk::Disk;
use crate::identity::{FileKey, Inode};
use crate::options::Now;
use crate::tailer::Tailer;
use crate::waiting::{self, TRIES_MAX};
use crate::{discover, identify, row, trouble};

/// Looks after the generations that wait: where they are, and whether they can be read.
pub(crate) fn try_waiting<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    let inodes: Vec<Inode> = tailer.history.waiting.keys().copied().take(TRIES_MAX).collect();
    for inode in inodes {
        match (waiting::is_in_place(tailer, inode), waiting::is_packed_waiting(tailer, inode)) {
            (true, false) => follow_waiting(tailer, inode, now),
            (true, true) => waiting::renew_packed(tailer, inode),
            (false, _) => {}
        }
    }
}

fn follow_waiting<D: Disk>(tailer: &mut Tailer<D>, inode: Inode, now: Now) {
    let Some(path) = tailer.history.waiting.get(&inode).map(|waiting| waiting.path.clone()) else {
        return;
    };
    if tailer.files.by_inode.contains_key(&inode) {
        return waiting::stop_waiting(tailer, inode);
    }
    match Candidate::open(&tailer.disk, &path, tailer.options.pattern.follow_links()) {
        Ok(candidate) if candidate.inode == inode => {
            follow_between(tailer, candidate, now);
        }
        // The next scan finds its new name.
        Ok(_) => tailer.schedule.hint(now.instant),
        Err(error) => trouble::trouble(tailer, &path, error),
    }
}

/// Follows a generation that came and went. Says by which key.
pub(crate) fn follow_between<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    now: Now,
) -> Option<FileKey> {
    let (inode, size, path) = (candidate.inode, candidate.stat.size, Arc::clone(&candidate.path));
    let contents = identify::live_contents(tailer);
    if let Err(error) = discover::follow(tailer, candidate, &contents, Came::Between, now) {
        waiting::wait_for(tailer, inode, &path, size);
        trouble::trouble(tailer, &path, error);
        return None;
    }
    trouble::recovered(tailer, &path);
    waiting::stop_waiting(tailer, inode);
    let key = tailer.files.by_inode.get(&inode).copied()?;
    row::save_found_outside(tailer, key, now.instant);
    Some(key)
}

/// Whether one that could not be opened can be now.
pub(crate) fn some_waiting_file_opens<D: Disk>(tailer: &Tailer<D>) -> bool {
    let plain = tailer.history.waiting.values().filter(|waiting| !waiting.is_packed());
    let follow = tailer.options.pattern.follow_links();
    plain.take(TRIES_MAX).any(|waiting| tailer.disk.open(&waiting.path, follow).is_ok())
}
