//! Generations that belong to a log and were not read yet: they cannot be opened, or are compressed
//! and wait for their turn. Each has a row from the moment it is found, so that a stop or a crash
//! does not hide it.
//!
//! Part of [`Tailer`]. A file is known by its inode number here, for rotations go on renaming it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::candidate::Candidate;
use super::disk::{Disk, DiskError};
use super::file::{self, Stat};
use super::holes::Holes;
use super::identity::{FileKey, Head, Inode, Position};
use super::life::{self, Fact, Phase};
use super::recognize::Came;
use super::tailer::{Now, Tailer};
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// Of the generations that wait, this many are tried in one scan.
const TRIES_MAX: usize = 256;

/// A generation that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) key: FileKey,
    pub(super) path: PathBuf,
    /// Bytes, compressed ones where it is; 0 if it is not known.
    size: u64,
    /// The state in which it could not be read.
    pub(super) left: Option<Stat>,
    /// How many rounds of a search it was put off.
    rounds: u8,
    /// The disk failed: its state says nothing.
    failed: bool,
}

/// A generation that goes on being renamed is put off by so many rounds of a search.
const ROUNDS_MAX: u8 = 3;

impl Waiting {
    /// What an earlier run left.
    pub(super) fn of(row: &Checkpoint) -> Self {
        Self {
            key: row.file,
            path: row.path.clone(),
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

impl<D: Disk> Tailer<D> {
    /// A generation is found that is not to be read now. It gets a row.
    pub(super) fn wait_for(&mut self, inode: Inode, path: &Path, size: u64) {
        if let Some(waiting) = self.waiting.get_mut(&inode) {
            waiting.size = size;
            return;
        }
        let key = self.new_key();
        let waiting =
            Waiting { key, path: path.to_path_buf(), size, left: None, rounds: 0, failed: false };
        life::pass(Phase::Unseen, Fact::NotReadable, Phase::Waiting);
        self.changes.push(row_of(inode, &waiting));
        self.waiting.insert(inode, waiting);
        self.order.arrived.push(key);
    }

    /// Another number for a generation that waits: an older one was found after it.
    pub(super) fn renumber_waiting(&mut self, key: FileKey) -> Option<FileKey> {
        let new = self.new_key();
        let mut waiting = self.waiting.iter_mut();
        let (inode, waiting) = waiting.find(|(_, waiting)| waiting.key == key)?;
        waiting.key = new;
        let row = row_of(*inode, waiting);
        self.changes.extend([Change::Forget(key), row]);
        self.order.rename(key, new);
        Some(new)
    }

    /// A generation is read now, or known by another name.
    pub(super) fn stop_waiting(&mut self, inode: Inode) {
        if let Some(waiting) = self.waiting.remove(&inode) {
            life::pass(Phase::Waiting, Fact::Resolved, Phase::Gone);
            self.changes.push(Change::Forget(waiting.key));
        }
    }

    /// Whether one that could not be opened can be now.
    pub(super) fn some_waiting_file_opens(&self) -> bool {
        let plain = self.waiting.values().filter(|waiting| !waiting.is_packed());
        let follow = self.options.pattern.follow_links();
        plain.take(TRIES_MAX).any(|waiting| self.disk.open(&waiting.path, follow).is_ok())
    }

    /// Looks after the generations that wait: where they are, and whether they can be read.
    pub(super) fn try_waiting(&mut self, now: Now) {
        let inodes: Vec<Inode> = self.waiting.keys().copied().take(TRIES_MAX).collect();
        for inode in inodes {
            match (self.is_in_place(inode), self.is_packed_waiting(inode)) {
                (true, false) => self.follow_waiting(inode, now),
                (true, true) => self.renew_packed(inode),
                (false, _) => {}
            }
        }
    }

    /// A generation could not be read: the next scan has it tried again.
    pub(super) fn try_later(&mut self, inode: Inode) {
        if let Some(waiting) = self.waiting.get_mut(&inode) {
            waiting.failed = true;
        }
    }

    /// A generation is tried again, whatever its state.
    pub(super) fn try_again(&mut self, inode: Inode) {
        if let Some(waiting) = self.waiting.get_mut(&inode) {
            waiting.left = None;
        }
    }

    /// Whether a compressed one waits that was not looked into yet.
    pub(super) fn waits_packed(&self) -> bool {
        self.waiting.values().any(|waiting| waiting.is_packed() && waiting.left.is_none())
    }

    fn is_packed_waiting(&self, inode: Inode) -> bool {
        self.waiting.get(&inode).is_some_and(Waiting::is_packed)
    }

    /// Whether a generation that waits has its name; if it has another one by now that is noted.
    /// If it has none it is lost, and said to be.
    pub(super) fn is_in_place(&mut self, inode: Inode) -> bool {
        let Some(waiting) = self.waiting.get(&inode) else { return false };
        let path = waiting.path.clone();
        match self.disk.stat(&path) {
            Ok(stat) if stat.inode == inode => return true,
            Ok(_) => {}
            Err(error) if error.is_gone() => {}
            // It cannot be examined now.
            Err(_) => return false,
        }
        match self.name_of(inode, &path) {
            Ok(Some(name)) => {
                if let Some(waiting) = self.waiting.get_mut(&inode) {
                    waiting.path = name;
                    self.changes.push(row_of(inode, waiting));
                }
                true
            }
            // Its directory cannot be listed now.
            Err(_) => false,
            Ok(None) => {
                let Some(waiting) = self.waiting.remove(&inode) else { return false };
                life::pass(Phase::Waiting, Fact::Deleted, Phase::Gone);
                self.changes.push(Change::Forget(waiting.key));
                let why = "it was found after it had been rotated, and deleted before it could be \
                           read";
                self.abandon(&waiting.path.into(), waiting.size, why);
                false
            }
        }
    }

    /// The name that a rotated file has now in its directory, where it belongs to the same log.
    fn name_of(&self, inode: Inode, before: &Path) -> Result<Option<PathBuf>, DiskError> {
        let (Some(dir), Some(old)) = (before.parent(), before.file_name()) else {
            return Ok(None);
        };
        let mut names = self.disk.list(dir)?.into_iter();
        let same =
            names.find(|name| name.number == inode.number && self.is_same_log(old, &name.name));
        Ok(same.map(|same| dir.join(same.name)))
    }

    fn is_same_log(&self, a: &OsStr, b: &OsStr) -> bool {
        let readings = self.options.rotated_names.readings(a.as_bytes());
        let others = self.options.rotated_names.readings(b.as_bytes());
        readings.iter().any(|a| others.iter().any(|b| a.live == b.live))
    }

    /// A compressed file that could not be read is looked into again when it changed.
    fn renew_packed(&mut self, inode: Inode) {
        let Some(waiting) = self.waiting.get_mut(&inode) else { return };
        let Some(left) = waiting.left else { return };
        let stat = file::stat_path(&self.disk, &waiting.path);
        if std::mem::take(&mut waiting.failed)
            || stat.is_ok_and(|stat| !stat.is_same_content(&left))
        {
            waiting.left = None;
            self.hunt.begin_soon();
        }
    }

    fn follow_waiting(&mut self, inode: Inode, now: Now) {
        let Some(path) = self.waiting.get(&inode).map(|waiting| waiting.path.clone()) else {
            return;
        };
        if self.by_inode.contains_key(&inode) {
            return self.stop_waiting(inode);
        }
        match Candidate::open(&self.disk, &path, self.options.pattern.follow_links()) {
            Ok(candidate) if candidate.inode == inode => {
                self.recovered(&path);
                self.follow_between(candidate, now);
            }
            // The next scan finds its new name.
            Ok(_) => self.hint(now.instant),
            Err(error) => self.trouble(&path, error),
        }
    }

    /// Follows a generation that came and went. Says by which key.
    pub(super) fn follow_between(
        &mut self,
        candidate: Candidate<D::File>,
        now: Now,
    ) -> Option<FileKey> {
        let inode = candidate.inode;
        let contents = self.live_contents();
        self.follow(candidate, &contents, Came::Between, now);
        self.stop_waiting(inode);
        let key = self.by_inode.get(&inode).copied()?;
        let file = self.files.get_mut(&key)?;
        file.life.found_outside(now.instant);
        Some(key)
    }
}

fn row_of(inode: Inode, waiting: &Waiting) -> Change {
    let start = Position::start();
    Change::Save(Checkpoint {
        file: waiting.key,
        inode,
        path: waiting.path.clone(),
        head: Head::default(),
        offset: start.offset,
        anchor: start.anchor,
        life: RowLife::Found,
        holes: Holes::NONE,
        places: Vec::new(),
        cursor: None,
    })
}
