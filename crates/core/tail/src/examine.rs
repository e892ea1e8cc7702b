//! What a file is that may be a generation of a log: known, a copy, one that nobody followed, or
//! one that cannot be opened now.
//!
//! Part of [`Tailer`].

use std::path::Path;

use super::candidate::Candidate;
use super::disk::{Disk, OpenFile};
use super::file::{self, Tailed};
use super::generations::{Found, Mark};
use super::identity::FileKey;
use super::memory::Loss;
use super::places::Listed;
use super::recognize::proven_part;
use super::rotated::Rank;
use super::tailer::{Now, Tailer};

/// What looking at the places of a log came to.
#[derive(Default)]
pub(super) struct Look {
    pub(super) found: Vec<Found>,
    pub(super) mark: Option<Mark>,
    /// Something changed its name meanwhile.
    pub(super) unsure: bool,
    /// A directory in which generations may lie cannot be listed.
    pub(super) blocked: bool,
}

impl<D: Disk> Tailer<D> {
    pub(super) fn examine_generation(
        &mut self,
        live: &Path,
        listed: &Listed,
        look: &mut Look,
        now: Now,
    ) {
        if let Some(key) = self.by_inode.get(&listed.inode).copied() {
            return self.note_mark(live, key, listed, look);
        }
        if listed.packed {
            return self.examine_packed(listed, look);
        }
        // The scan follows what matches, whatever its age.
        if self.options.pattern.matches_path(&listed.path) {
            return;
        }
        match Candidate::open(&self.disk, &listed.path, self.options.pattern.follow_links()) {
            Ok(candidate) if self.is_what_was_listed(&candidate, listed) => {
                self.recovered(&listed.path);
                self.examine_plain(live, (listed, candidate), look, now);
            }
            // It has another name by now, and another file has its.
            Ok(_) => look.unsure = true,
            Err(error) if error.is_gone() => look.unsure = true,
            Err(_) => self.find_unopened(listed, look),
        }
    }

    /// Some file systems list other inode numbers than they show of a file (overlayfs). Then the
    /// name must still lead to what was opened.
    fn is_what_was_listed(&self, candidate: &Candidate<D::File>, listed: &Listed) -> bool {
        candidate.inode == listed.inode
            || (!self.by_inode.contains_key(&candidate.inode)
                && file::stat_path(&self.disk, &listed.path)
                    .is_ok_and(|stat| stat.inode == candidate.inode))
    }

    fn examine_plain(
        &mut self,
        live: &Path,
        (listed, candidate): (&Listed, Candidate<D::File>),
        look: &mut Look,
        now: Now,
    ) {
        let born_nanos = candidate.handle.born().ok().flatten();
        if let Some(key) = self.proven(&candidate) {
            if self.logs.get(live).is_some_and(|log| log.newest == Some(key))
                && let Some(rank) = listed.rank.clone()
            {
                let modified_nanos = Some(candidate.stat.modified_nanos);
                look.mark = Some(Mark { rank, born_nanos, modified_nanos });
            }
            return self.take_back_known(candidate, key, now);
        }
        let Some(rank) = listed.rank.clone() else { return };
        if self.is_read_copy(live, &candidate, (&rank, born_nanos)) {
            return;
        }
        look.found.push(Found {
            inode: candidate.inode,
            path: listed.path.clone(),
            rank,
            packed: false,
            behind_link: listed.behind_link,
            changed: !self.memory.at_inode(candidate.inode).is_empty(),
            born_nanos,
            modified_nanos: candidate.stat.modified_nanos,
        });
    }

    fn examine_packed(&self, listed: &Listed, look: &mut Look) {
        let Some(rank) = listed.rank.clone() else { return };
        let follow = self.options.pattern.follow_links();
        match self.disk.open(&listed.path, follow) {
            Ok((_, stat)) => {
                look.found.push(Found {
                    inode: stat.inode,
                    path: listed.path.clone(),
                    rank,
                    packed: true,
                    behind_link: listed.behind_link,
                    changed: false,
                    born_nanos: None,
                    modified_nanos: stat.modified_nanos,
                });
            }
            Err(error) if error.is_gone() => look.unsure = true,
            Err(_) => self.find_unopened(listed, look),
        }
    }

    /// A file that is followed tells how old the newest known content is, if it is that.
    fn note_mark(&self, live: &Path, key: FileKey, listed: &Listed, look: &mut Look) {
        let newest = self.logs.get(live).and_then(|log| log.newest);
        if let (true, Some(rank)) = (newest == Some(key), listed.rank.clone()) {
            let file = self.files.get(&key);
            let handle = file.and_then(|file| file.handle.as_ref());
            let born_nanos = handle.and_then(|handle| handle.born().ok().flatten());
            let modified_nanos = file.map(|file| file.seen.modified_nanos);
            look.mark = Some(Mark { rank, born_nanos, modified_nanos });
        }
    }

    /// Whether everything in a file was read elsewhere: a copy that a tool made before it truncated
    /// the original. In doubt it is a file of its own, and read.
    fn is_read_copy(
        &self,
        live: &Path,
        candidate: &Candidate<D::File>,
        (rank, born_nanos): (&Rank, Option<i128>),
    ) -> bool {
        let original = self.equal_to(&candidate.evidence(), &self.live_contents());
        if let Some(original) = original.and_then(|key| self.files.get(&key)) {
            // Rotation copies the live file; backups may be made of any.
            let is_live = *original.path == *live && original.is_listed();
            let copied = is_live || *rank == Rank::Unknown;
            return copied && is_copied_from(original, candidate, born_nanos);
        }
        let size = candidate.stat.size;
        self.memory.beginning_alike(&candidate.head).into_iter().any(|content| {
            content.loss == Loss::Truncated
                && content.head.is_full()
                && size <= content.position.offset
                && proven_part(content, &candidate.handle, size).is_some()
        })
    }

    /// Follows a generation that came and went. Says by which key.
    pub(super) fn follow_generation(
        &mut self,
        found: &Found,
        look: &mut Look,
        now: Now,
    ) -> Option<FileKey> {
        match Candidate::open(&self.disk, &found.path, self.options.pattern.follow_links()) {
            Ok(candidate) if candidate.inode == found.inode => self.follow_between(candidate, now),
            Ok(_) => {
                look.unsure = true;
                None
            }
            Err(error) if error.is_gone() => {
                look.unsure = true;
                None
            }
            Err(error) => {
                let size = file::stat_path(&self.disk, &found.path).map_or(0, |stat| stat.size);
                self.wait_for(found.inode, &found.path, size);
                self.trouble(&found.path, error);
                None
            }
        }
    }

    /// A file that cannot be opened: a look from outside shows whether it is young enough. Each
    /// scan tries it again.
    fn find_unopened(&self, listed: &Listed, look: &mut Look) {
        let rank: Option<Rank> = listed.rank.clone();
        let Some(rank) = rank else { return };
        let stat = match file::stat_path(&self.disk, &listed.path) {
            Ok(stat) => stat,
            Err(error) => {
                // Nobody knows what it holds: its log is looked at again.
                look.unsure |= error.is_missing();
                look.blocked |= !error.is_missing();
                return;
            }
        };
        look.found.push(Found {
            inode: stat.inode,
            path: listed.path.clone(),
            rank,
            packed: listed.packed,
            behind_link: listed.behind_link,
            changed: false,
            born_nanos: None,
            modified_nanos: stat.modified_nanos,
        });
    }
}

/// Whether a file that equals a followed one can be a copy of it: the original was there before it.
/// A program may write the same again and again. Where births are not known, all of it must have
/// been read there: in doubt it is repeated.
fn is_copied_from<F: OpenFile>(
    original: &Tailed<F>,
    candidate: &Candidate<F>,
    born_nanos: Option<i128>,
) -> bool {
    let original_born = original.handle.as_ref().and_then(|handle| handle.born().ok().flatten());
    match original_born.zip(born_nanos) {
        Some((original, copy)) => original <= copy,
        None => candidate.stat.size <= original.position.offset,
    }
}
