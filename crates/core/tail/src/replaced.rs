//! A file that is put in the place of a followed one and begins with all of it: what rsync and
//! editors do. Reading continues behind what the old file held.
//!
//! Part of [`crate::tailer`].

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::adopt;
use crate::candidate::{Candidate, end_position, last_newline, position_at};
use crate::disk::{Disk, DiskError, OpenFile};
use crate::event::EventKind;
use crate::file::{self, Tailed};
use crate::holes::Holes;
use crate::identity::{FileKey, Inode, Position};
use crate::life::Life;
use crate::options::Now;
use crate::phase::Fact;
use crate::rotated::is_backup_name;
use crate::row::{checkpoint, checkpoint_at_ack};
use crate::tailer::Tailer;
use crate::whole::BEGINNING_BYTES_MAX;
use kinetail_base::checkpoint::Change;

/// Less than this in common proves nothing, in bytes.
const COMMON_BYTES_MIN: u64 = 256;

/// Compared as a whole up to this size, in bytes; of larger files this much at both ends.
const COMPARED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Compared at a time, in bytes.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The followed file whose place a new one took, if that begins with all that the old one
/// held and the old one is deleted, or kept as a backup outside of the pattern.
///
/// What takes the place of another one is there before that is deleted. A file that was made after
/// that is a log that starts over, with the same lines as the last time.
pub(crate) fn replaced_by<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
    alike: &[FileKey],
) -> Option<FileKey> {
    let doubt = &tailer.problems.doubt;
    let is_deleted = |handle: &D::File| {
        let born = || doubt.known(candidate.handle.born()).flatten();
        let stat = doubt.known(handle.stat()).filter(|stat| stat.links == 0);
        stat.is_some_and(|stat| born().is_none_or(|born| born <= stat.changed_nanos))
    };
    alike.iter().copied().find(|key| {
        let Some(old) = tailer.files.get(*key) else { return false };
        let Some(handle) = &old.handle else { return false };
        let kept = || {
            let name = handle.name_now();
            !old.is_listed() && name.is_ok_and(|name| is_backup_of(&name, &candidate.path))
        };
        old.path == candidate.path
            && begins_with_all(tailer, candidate, old)
            && (is_deleted(handle) || kept())
    })
}

/// The same where the old file is followed under the name of its backup: what lies before the
/// position is read there.
pub(crate) fn continues_backup<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
    alike: &[FileKey],
) -> Option<(Arc<Path>, Position)> {
    let doubt = &tailer.problems.doubt;
    alike.iter().copied().find_map(|key| {
        let old = tailer.files.get(key)?;
        let is_it = old.life.is_read()
            && is_backup_of(&old.path, &candidate.path)
            && begins_with_all(tailer, candidate, old);
        let size = doubt.known(old.handle.as_ref().filter(|_| is_it)?.stat())?.size;
        let end = doubt.known(last_newline(&candidate.handle, size))?;
        let position = doubt.known(position_at(&candidate.handle, end, &Holes::NONE))?;
        Some((Arc::clone(&old.path), position))
    })
}

/// Whether a file is a backup of another one, by its name.
pub(crate) fn is_backup_of(path: &Path, live: &Path) -> bool {
    let names = path.file_name().zip(live.file_name());
    names.is_some_and(|(name, live)| is_backup_name(name.as_bytes(), live.as_bytes()))
}

/// Whether a file begins with all that a followed one holds, which is no text that repeats itself.
fn begins_with_all<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
    old: &Tailed<D::File>,
) -> bool {
    let Some(handle) = &old.handle else { return false };
    let doubt = &tailer.problems.doubt;
    let Some(stat) = doubt.known(handle.stat()) else { return false };
    stat.size >= COMMON_BYTES_MIN
        && candidate.stat.size >= stat.size
        && doubt.is_so(begins_with(&candidate.handle, handle, stat.size))
        && doubt.is_so(file::tells_apart(&candidate.handle, old.position))
}

/// The file is continued as the one that it replaced.
pub(crate) fn take_place<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    key: FileKey,
    now: Now,
) {
    tailer.files.close(key);
    let Some(old) = tailer.files.remove(key) else { return };
    forget_inode(tailer, old.inode, key);
    let detail = format!(
        "file replaced by one that begins with all of it; resumed at offset {} of {}",
        old.position.offset, candidate.stat.size
    );
    let life = Life::replace(old.life);
    let mut file = candidate.into_file(key, life, old.position, now.instant);
    file.progress = old.progress.of_replacement();
    file.know_holes(old.gaps.holes().before(old.position.offset));
    let path = Arc::clone(&file.path);
    tailer.out.changes.extend(checkpoint_at_ack(&file).map(Change::Save));
    tailer.out.event(EventKind::CopyRecognized, &path, detail);
    adopt::insert(tailer, file);
}

/// The followed file whose place an older copy of it took, which holds the beginning of what
/// was read and nothing else, and where its last line ends.
pub(crate) fn put_back<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
    alike: &[FileKey],
) -> Option<(FileKey, Position)> {
    let size = candidate.stat.size;
    let doubt = &tailer.problems.doubt;
    alike.iter().copied().find_map(|key| {
        let old = tailer.files.get(key)?;
        let handle = old.handle.as_ref()?;
        let stat = doubt.known(handle.stat())?;
        let is_older = candidate.stat.modified_nanos < stat.modified_nanos;
        // A program that starts its log over writes the same first lines.
        let is_copy = size >= BEGINNING_BYTES_MAX || (is_older && size >= COMMON_BYTES_MIN);
        let is_it = stat.links == 0
            && old.path == candidate.path
            && old.acked() == old.position.offset
            && is_copy
            && size <= old.position.offset
            && doubt.is_so(begins_with(&candidate.handle, handle, size));
        let end = is_it.then(|| doubt.known(end_position(candidate, 0)))??;
        let tells = doubt.is_so(file::tells_apart(&candidate.handle, end));
        tells.then_some((key, end))
    })
}

/// The older copy is a file of its own of which everything was read.
pub(crate) fn begin_where_put_back<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    key: FileKey,
    position: Position,
    now: Now,
) {
    let read = tailer.files.get(key).map_or(0, |old| old.position.offset);
    let detail = format!(
        "file replaced by an older copy ({read} bytes read, size {}); resumed at offset {}",
        candidate.stat.size, position.offset
    );
    let new_key = tailer.files.new_key();
    let mut file = candidate.into_file(new_key, Life::unseen(), position, now.instant);
    file.life.follow(Fact::Distinct);
    let path = Arc::clone(&file.path);
    tailer.out.changes.push(Change::Save(checkpoint(&file, position)));
    tailer.out.event(EventKind::Shortened, &path, detail);
    adopt::insert(tailer, file);
}

fn forget_inode<D: Disk>(tailer: &mut Tailer<D>, inode: Inode, key: FileKey) {
    if tailer.files.by_inode.get(&inode) == Some(&key) {
        tailer.files.by_inode.remove(&inode);
    }
}

/// Whether a file begins with the first `len` bytes of another one.
fn begins_with<F: OpenFile>(file: &F, other: &F, len: u64) -> Result<bool, DiskError> {
    let whole = len <= 2 * COMPARED_BYTES_MAX;
    let first = if whole { len } else { COMPARED_BYTES_MAX };
    let last = if whole { len } else { len - COMPARED_BYTES_MAX };
    Ok(is_same(file, other, 0, first)? && is_same(file, other, last, len)?)
}

fn is_same<F: OpenFile>(file: &F, other: &F, from: u64, to: u64) -> Result<bool, DiskError> {
    let mut at = from;
    while at < to {
        let len = usize::try_from(CHUNK_BYTES.min(to - at)).unwrap_or(0);
        if file::read_at(file, at, len)? != file::read_at(other, at, len)? {
            return Ok(false);
        }
        at += len as u64;
    }
    Ok(true)
}
