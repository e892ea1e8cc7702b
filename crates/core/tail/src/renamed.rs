//! Files that had a matching name so shortly that no scan saw it: inotify tells of the rename.
//!
//! Part of [`crate::tailer`]. A file that is rotated out of the pattern within milliseconds is
//! followed all the same, under its new name. Without inotify such a file is missed;
//! `docs/tailing.md` says so.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::adopt::Came;
use crate::candidate::Candidate;
use crate::disk::Disk;
use crate::memory::HeadIndex;
use crate::names::Renamed;
use crate::options::Now;
use crate::tailer::Tailer;
use crate::{discover, file, row, trouble};

/// A chain of renames may still be told of this long after its first one.
const RENAMES_KEPT_FOR: Duration = Duration::from_secs(2);

/// Renames that are kept, at most.
const RENAMES_MAX: usize = 256;

/// Follows files that had a matching name, have none any more, and were never opened.
pub(crate) fn follow_renamed<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    let recent = |at: Instant| now.instant.saturating_duration_since(at) < RENAMES_KEPT_FOR;
    tailer.directories.renames.retain(|(at, _)| recent(*at));
    let had_name = |renamed: &Renamed| tailer.options.pattern.matches_path(&renamed.from);
    let moved: Vec<Box<Path>> = tailer
        .directories
        .renames
        .iter()
        .enumerate()
        .filter(|(_, (_, renamed))| had_name(renamed))
        .map(|(at, (_, renamed))| {
            name_after(&tailer.directories.renames, at + 1, &renamed.to).into()
        })
        .collect();
    for path in moved {
        // A name that matches is the scan's business.
        if !tailer.options.pattern.matches_path(&path) && is_unknown(tailer, &path) {
            follow_outside_name(tailer, &path, now);
        }
    }
}

/// What a name became by the renames after the first `skip`.
fn name_after<'p>(
    renames: &'p VecDeque<(Instant, Renamed)>,
    skip: usize,
    name: &'p Path,
) -> &'p Path {
    let later = renames.iter().skip(skip).map(|(_, renamed)| renamed);
    later.fold(name, |name, renamed| if renamed.from == name { &renamed.to } else { name })
}

fn is_unknown<D: Disk>(tailer: &Tailer<D>, path: &Path) -> bool {
    file::stat_path(&tailer.disk, path).is_ok_and(|stat| {
        !tailer.files.by_inode.contains_key(&stat.inode)
            && tailer.memory.at_inode(stat.inode).is_empty()
    })
}

fn follow_outside_name<D: Disk>(tailer: &mut Tailer<D>, path: &Path, now: Now) {
    // It may be gone by now; then it cannot be read.
    let follow = tailer.options.pattern.follow_links();
    let Ok(candidate) = Candidate::open(&tailer.disk, path, follow) else { return };
    let inode = candidate.inode;
    let found = discover::follow(tailer, candidate, &HeadIndex::default(), Came::Renamed, now);
    if let Err(error) = found {
        // The next scan tries it again.
        trouble::trouble(tailer, path, error);
        return tailer.schedule.hint(now.instant);
    }
    trouble::recovered(tailer, path);
    if let Some(key) = tailer.files.by_inode.get(&inode).copied() {
        row::save_found_outside(tailer, key, now.instant);
    }
}

/// Notes a rename.
pub(crate) fn note<D: Disk>(tailer: &mut Tailer<D>, renamed: Renamed, now: Instant) {
    tailer.schedule.hint(now);
    tailer.directories.renames.push_back((now, renamed));
    if tailer.directories.renames.len() > RENAMES_MAX {
        tailer.directories.renames.pop_front();
    }
}
