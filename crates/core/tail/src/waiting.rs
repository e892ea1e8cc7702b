//! Generations that belong to a log and were not read yet: they cannot be opened, or are compressed
//! and wait for their turn. Each has a row from the moment it is found, so that a stop or a crash
//! does not hide it.
//!
//! Part of [`crate::tailer`]. A file is known by its inode number here, for rotations keep renaming
//! it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, Stat};
use crate::file;
use crate::holes::Holes;
use crate::identity::{FileKey, Head, Inode, Position};
use crate::phase::{self, Fact, Phase};
use crate::tailer::Tailer;
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// Of the generations that wait, this many are tried in one scan.
pub(crate) const TRIES_MAX: usize = 256;

/// A generation that keeps being renamed is put off by so many rounds of a search.
const ROUNDS_MAX: u8 = 3;

/// A generation that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(super) key: FileKey,
    pub(super) path: PathBuf,
    /// Where it lies, if links are on that path.
    real: Option<PathBuf>,
    /// Bytes, compressed ones where it is; 0 if it is not known.
    size: u64,
    /// The state in which it could not be read.
    pub(super) left: Option<Stat>,
    /// How many rounds of a search it was put off.
    rounds: u8,
    /// The disk failed: its state says nothing.
    failed: bool,
}

impl Waiting {
    /// What an earlier run left.
    pub(super) fn of(row: &Checkpoint) -> Self {
        Self {
            key: row.file,
            path: row.path.clone(),
            real: row.real.clone(),
            size: 0,
            left: None,
            rounds: 0,
            failed: false,
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        is_packed(&self.path)
    }

    /// Whether it may be put off by another round of a search.
    pub(super) fn may_wait_for_a_round(&mut self) -> bool {
        self.rounds = self.rounds.saturating_add(1);
        self.rounds <= ROUNDS_MAX
    }
}

fn is_packed(path: &Path) -> bool {
    path.file_name().is_some_and(|name| super::rotated::unpacked_name(name.as_bytes()).1)
}

/// A generation is found that is not to be read now. It gets a row.
pub(crate) fn wait_for<D: Disk>(tailer: &mut Tailer<D>, inode: Inode, path: &Path, size: u64) {
    if let Some(waiting) = tailer.history.waiting.get_mut(&inode) {
        waiting.size = size;
        return;
    }
    let key = tailer.files.new_key();
    let real = tailer.disk.real_path(path).ok().filter(|real| real != path);
    let path = path.to_path_buf();
    let waiting = Waiting { key, path, real, size, left: None, rounds: 0, failed: false };
    phase::pass(Phase::Unseen, Fact::NotReadable, Phase::Waiting);
    tailer.out.changes.push(row_of(inode, &waiting));
    tailer.history.waiting.insert(inode, waiting);
    tailer.history.order.arrived.push(key);
}

/// Another number for a generation that waits: an older one was found after it.
pub(crate) fn renumber_waiting<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) -> Option<FileKey> {
    let new = tailer.files.new_key();
    let mut waiting = tailer.history.waiting.iter_mut();
    let (inode, waiting) = waiting.find(|(_, waiting)| waiting.key == key)?;
    waiting.key = new;
    let row = row_of(*inode, waiting);
    tailer.out.changes.extend([Change::Forget(key), row]);
    tailer.history.order.rename(key, new);
    Some(new)
}

/// A generation is read now, or known by another name.
pub(crate) fn stop_waiting<D: Disk>(tailer: &mut Tailer<D>, inode: Inode) {
    if let Some(waiting) = tailer.history.waiting.remove(&inode) {
        phase::pass(Phase::Waiting, Fact::Resolved, Phase::Gone);
        tailer.out.changes.push(Change::Forget(waiting.key));
    }
}

/// A generation could not be read: the next scan has it tried again.
pub(crate) fn try_later<D: Disk>(tailer: &mut Tailer<D>, inode: Inode) {
    if let Some(waiting) = tailer.history.waiting.get_mut(&inode) {
        waiting.failed = true;
    }
}

/// A generation is tried again, whatever its state.
pub(crate) fn try_again<D: Disk>(tailer: &mut Tailer<D>, inode: Inode) {
    if let Some(waiting) = tailer.history.waiting.get_mut(&inode) {
        waiting.left = None;
    }
}

/// Whether a compressed one waits that was not looked into yet.
pub(crate) fn waits_packed<D: Disk>(tailer: &Tailer<D>) -> bool {
    tailer.history.waiting.values().any(|waiting| waiting.is_packed() && waiting.left.is_none())
}

pub(crate) fn is_packed_waiting<D: Disk>(tailer: &Tailer<D>, inode: Inode) -> bool {
    tailer.history.waiting.get(&inode).is_some_and(Waiting::is_packed)
}

/// Whether a generation that waits has its name; if it has another one by now that is noted.
/// If it has none it is lost, and said to be.
pub(crate) fn is_in_place<D: Disk>(tailer: &mut Tailer<D>, inode: Inode) -> bool {
    let Some(waiting) = tailer.history.waiting.get(&inode) else { return false };
    // Links on the path may lead elsewhere by now.
    let paths: Vec<PathBuf> =
        std::iter::once(waiting.path.clone()).chain(waiting.real.clone()).collect();
    for (at, path) in paths.iter().enumerate() {
        match tailer.disk.stat(path) {
            Ok(stat) if stat.inode == inode && at == 0 => return true,
            Ok(stat) if stat.inode == inode => return takes_name(tailer, inode, path),
            Ok(_) => {}
            Err(error) if error.is_missing() => {}
            // It cannot be examined now.
            Err(_) => return false,
        }
    }
    let mut named = Ok(None);
    for path in &paths {
        match name_of(tailer, inode, path) {
            Ok(None) => {}
            Ok(Some(name)) => {
                named = Ok(Some(name));
                break;
            }
            Err(error) => named = Err(error),
        }
    }
    match named {
        Ok(Some(name)) => takes_name(tailer, inode, &name),
        // Its directory cannot be listed now.
        Err(_) => false,
        Ok(None) => {
            let Some(waiting) = tailer.history.waiting.remove(&inode) else { return false };
            phase::pass(Phase::Waiting, Fact::Deleted, Phase::Gone);
            tailer.out.changes.push(Change::Forget(waiting.key));
            let why = "found after rotation, and deleted before it could be read";
            tailer.out.abandon(&waiting.path.into(), waiting.size, why);
            false
        }
    }
}

/// A generation that waits has another name.
fn takes_name<D: Disk>(tailer: &mut Tailer<D>, inode: Inode, name: &Path) -> bool {
    let real = tailer.disk.real_path(name).ok().filter(|real| real != name);
    if let Some(waiting) = tailer.history.waiting.get_mut(&inode) {
        waiting.path = name.to_path_buf();
        waiting.real = real;
        tailer.out.changes.push(row_of(inode, waiting));
    }
    true
}

/// The name that a rotated file has now in its directory, where it belongs to the same log.
fn name_of<D: Disk>(
    tailer: &Tailer<D>,
    inode: Inode,
    before: &Path,
) -> Result<Option<PathBuf>, DiskError> {
    let (Some(dir), Some(old)) = (before.parent(), before.file_name()) else {
        return Ok(None);
    };
    let mut names = tailer.disk.list(dir)?.into_iter();
    let same =
        names.find(|name| name.number == inode.number && is_same_log(tailer, old, &name.name));
    Ok(same.map(|same| dir.join(same.name)))
}

fn is_same_log<D: Disk>(tailer: &Tailer<D>, a: &OsStr, b: &OsStr) -> bool {
    let readings = tailer.options.rotated_names.readings(a.as_bytes());
    let others = tailer.options.rotated_names.readings(b.as_bytes());
    readings.iter().any(|a| others.iter().any(|b| a.live == b.live))
}

/// A compressed file that could not be read is looked into again when it changed. One that was not
/// looked into, because it could not be examined then, is now.
pub(crate) fn renew_packed<D: Disk>(tailer: &mut Tailer<D>, inode: Inode) {
    let Some(waiting) = tailer.history.waiting.get_mut(&inode) else { return };
    let Some(left) = waiting.left else { return tailer.hunt.begin_soon() };
    let stat = file::stat_path(&tailer.disk, &waiting.path);
    if std::mem::take(&mut waiting.failed) || stat.is_ok_and(|stat| !stat.is_same_content(&left)) {
        waiting.left = None;
        tailer.hunt.begin_soon();
    }
}

fn row_of(inode: Inode, waiting: &Waiting) -> Change {
    let start = Position::start();
    Change::Save(Checkpoint {
        file: waiting.key,
        inode,
        path: waiting.path.clone(),
        real: waiting.real.clone(),
        head: Head::default(),
        offset: start.offset,
        anchor: start.anchor,
        life: RowLife::Found,
        holes: Holes::NONE,
        places: Vec::new(),
        cursor: None,
    })
}
