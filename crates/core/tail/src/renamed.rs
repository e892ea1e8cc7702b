//! Files that had a matching name so shortly that no scan saw it: inotify tells of the rename.
//!
//! Part of [`Tailer`]. A file that is rotated out of the pattern within milliseconds is followed
//! all the same, under its new name. Without inotify such a file is missed; `docs/tailing.md` says
//! so.

use std::path::Path;
use std::time::{Duration, Instant};

use super::candidate::Candidate;
use super::disk::Disk;
use super::file;
use super::memory::HeadIndex;
use super::names::Renamed;
use super::recognize::Came;
use super::tailer::{Now, Tailer};

/// A chain of renames may still be told of this long after its first one.
const RENAMES_KEPT_FOR: Duration = Duration::from_secs(2);

/// Renames that are kept, at most.
const RENAMES_MAX: usize = 256;

impl<D: Disk> Tailer<D> {
    /// Notes a rename; the next look, which is due at once, follows the file if nobody does.
    pub fn on_renamed(&mut self, renamed: Renamed, now: Instant) {
        self.hint(now);
        self.renames.push_back((now, renamed));
        if self.renames.len() > RENAMES_MAX {
            self.renames.pop_front();
        }
    }

    /// Follows files that had a matching name, have none any more, and were never opened.
    pub(super) fn follow_renamed(&mut self, now: Now) {
        let recent = |at: Instant| now.instant.saturating_duration_since(at) < RENAMES_KEPT_FOR;
        self.renames.retain(|(at, _)| recent(*at));
        let had_name = |renamed: &Renamed| self.options.pattern.matches_path(&renamed.from);
        let moved: Vec<Box<Path>> = self
            .renames
            .iter()
            .enumerate()
            .filter(|(_, (_, renamed))| had_name(renamed))
            .map(|(at, (_, renamed))| self.name_after(at + 1, &renamed.to).into())
            .collect();
        for path in moved {
            // A name that matches is the scan's business.
            if !self.options.pattern.matches_path(&path) && self.is_unknown(&path) {
                self.follow_outside_name(&path, now);
            }
        }
    }

    /// What a name became by the renames after the first `skip`.
    fn name_after<'p>(&'p self, skip: usize, name: &'p Path) -> &'p Path {
        let later = self.renames.iter().skip(skip).map(|(_, renamed)| renamed);
        later.fold(name, |name, renamed| if renamed.from == name { &renamed.to } else { name })
    }

    fn is_unknown(&self, path: &Path) -> bool {
        file::stat_path(&self.disk, path).is_ok_and(|stat| {
            !self.by_inode.contains_key(&stat.inode) && self.memory.at_inode(stat.inode).is_empty()
        })
    }

    fn follow_outside_name(&mut self, path: &Path, now: Now) {
        // It may be gone by now; then nobody can read it.
        let follow = self.options.pattern.follow_links();
        let Ok(candidate) = Candidate::open(&self.disk, path, follow) else { return };
        let inode = candidate.inode;
        self.follow(candidate, &HeadIndex::default(), Came::Renamed, now);
        let key = self.by_inode.get(&inode).copied();
        if let Some(file) = key.and_then(|key| self.files.get_mut(&key)) {
            file.life.found_outside(now.instant);
        }
    }
}
