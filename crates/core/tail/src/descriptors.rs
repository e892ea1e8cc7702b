//! Descriptors: which files are open, and which are closed when descriptors run short.
//!
//! Part of [`crate::tailer`]. A file that can be opened again by a name may be closed at any time;
//! one without a name is looked for in the directory where it was. Deleted files are never closed
//! here: their bytes would be gone; [`super::unlinked`] bounds them.

use std::sync::Arc;

use crate::disk::Disk;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::links::FollowLinks;
use crate::options::Now;
use crate::tailer::Tailer;
use crate::{displaced, located, trouble};

/// Files that may be closed are chosen this many at a time, at least, so that going through all
/// files is not paid for each of them.
const CHOICE_MIN: usize = 16;

/// And this many at most.
const CHOICE_MAX: usize = 1024;

/// A file that was chosen to be closed, and whether it waited to be read then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closable {
    key: FileKey,
    queued: bool,
}

pub(crate) fn ensure_open<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(file) = tailer.files.get(key) else { return };
    if file.handle.is_some() || tailer.hunt.is_reading(key) {
        return;
    }
    let (path, inode) = (Arc::clone(&file.path), file.inode);
    make_room(tailer);
    match tailer.disk.open(&path, FollowLinks::Always) {
        Ok((handle, stat)) if stat.inode == inode => {
            trouble::recovered(tailer, &path);
            if let Some(file) = tailer.files.get_mut(key) {
                file.handle = Some(handle);
                tailer.files.open_count += 1;
            }
        }
        Ok(_) => displaced::lost_its_place(tailer, key, now),
        Err(error) if error.is_gone() => {
            displaced::lost_its_place(tailer, key, now);
        }
        Err(error) => {
            if let Some(file) = tailer.files.get_mut(key) {
                file.pace.poll_later(now.instant);
            }
            trouble::trouble(tailer, &path, error);
        }
    }
}

/// Closes a file that can be opened again when descriptors run short: an idle one if there is
/// any. More open files than allowed would leave none for the connection that they all wait
/// for. If there is nothing but deleted files, which cannot be opened again, one descriptor
/// more is taken; all files with a name share that.
pub(crate) fn make_room<D: Disk>(tailer: &mut Tailer<D>) {
    if tailer.files.open_count < tailer.options.open_files_max() {
        return;
    }
    if let Some(key) = next_closable(tailer) {
        tailer.files.close(key);
    } else if let Some((key, path)) = located::moved_away_file(tailer) {
        tailer.files.close(key);
        if let Some(file) = tailer.files.get_mut(key) {
            file.path = path;
        }
    }
}

/// Closes files until there are no more open than allowed. If `held` deleted files are open,
/// one descriptor more is left to the others.
pub(crate) fn close_idle_files<D: Disk>(tailer: &mut Tailer<D>, held: usize) {
    while tailer.files.open_count > tailer.options.open_files_max().max(held + 1) {
        let before = tailer.files.open_count;
        make_room(tailer);
        if tailer.files.open_count == before {
            return;
        }
    }
}

/// The next of the files that were chosen to be closed. Those that became busy since then, or
/// lost their name, are not taken.
fn next_closable<D: Disk>(tailer: &mut Tailer<D>) -> Option<FileKey> {
    while let Some(chosen) = tailer.files.closable.pop() {
        let still =
            |file: &Tailed<D::File>| may_close(file) && (chosen.queued || !file.pace.is_queued());
        if tailer.files.get(chosen.key).is_some_and(still) {
            return Some(chosen.key);
        }
    }
    tailer.files.closable = choose_closable(tailer);
    tailer.files.closable.pop().map(|chosen| chosen.key)
}

/// Some open files with a name, the one that is missed least last.
fn choose_closable<D: Disk>(tailer: &Tailer<D>) -> Vec<Closable> {
    let mut open: Vec<_> = tailer
        .files
        .values()
        .filter(|file| may_close(file))
        .map(|file| {
            let queued = file.pace.is_queued() || tailer.history.order.is_parked(file.key);
            let idle = (!queued, file.unread_bytes() == 0, file.pace.every());
            // What may be a copy is compared again and again.
            ((file.life.pending_copy().is_none(), idle), Closable { key: file.key, queued })
        })
        .collect();
    open.sort_by_key(|(rank, _)| *rank);
    let wanted = (tailer.options.open_files_max() / 8).clamp(CHOICE_MIN, CHOICE_MAX);
    let first = open.len().saturating_sub(wanted);
    open.split_off(first).into_iter().map(|(_, chosen)| chosen).collect()
}

/// Whether a file is open and can be opened again by its name.
fn may_close<F>(file: &Tailed<F>) -> bool {
    file.handle.is_some() && file.is_listed()
}

/// The descriptor of a file on a network file system leads nowhere any more, since the server
/// or the mount was replaced. Its name may, and is tried at once: when the file is deleted or
/// replaced nothing leads to it.
pub(crate) fn reopen_by_name<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    tailer.files.close(key);
    ensure_open(tailer, key, now);
}
