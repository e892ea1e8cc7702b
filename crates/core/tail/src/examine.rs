//! What a file is that may be a generation of a log: known, a copy, one that was not followed, or
//! one that cannot be opened now.
//!
//! Part of [`crate::tailer`].

use std::path::{Path, PathBuf};

use crate::candidate::Candidate;
use crate::compressed::inspect;
use crate::disk::{Disk, OpenFile};
use crate::doubt::be_sure;
use crate::file::{self, Tailed};
use crate::generations::{Found, Log, Mark};
use crate::identify::{self, proven_part};
use crate::identity::FileKey;
use crate::memory::Loss;
use crate::options::Now;
use crate::places::Listed;
use crate::rotated::Rank;
use crate::tailer::Tailer;
use crate::{relocate, replaced, trouble, waiting, waiting_tries};

/// What looking at the places of a log came to.
#[derive(Default)]
pub(crate) struct Look {
    pub(super) found: Vec<Found>,
    pub(super) mark: Option<Mark>,
    /// The live name is a link that leads nowhere: nothing is known of where it led.
    pub(super) hidden: bool,
    /// What the live name leads to, through links.
    pub(super) target: Option<PathBuf>,
    /// The youngest one that is followed now.
    pub(super) last: Option<FileKey>,
    /// Something changed its name meanwhile.
    pub(super) unsure: bool,
    /// A directory in which generations may lie cannot be listed.
    pub(super) blocked: bool,
}

pub(crate) fn examine_generation<D: Disk>(
    tailer: &mut Tailer<D>,
    live: &Path,
    listed: &Listed,
    look: &mut Look,
    now: Now,
) {
    let followed = !listed.packed || inspect::is_followed(tailer, listed.inode);
    if let Some(key) = tailer.files.by_inode.get(&listed.inode).copied().filter(|_| followed) {
        return note_mark(tailer, live, key, listed, look);
    }
    if listed.packed {
        return examine_packed(tailer, listed, look);
    }
    // The scan follows what matches, whatever its age.
    if tailer.options.pattern.matches_path(&listed.path) {
        return;
    }
    match Candidate::open(&tailer.disk, &listed.path, tailer.options.pattern.follow_links()) {
        Ok(candidate) if is_what_was_listed(tailer, &candidate, listed) => {
            examine_plain(tailer, live, (listed, candidate), look, now);
        }
        // It has another name by now, and another file has its.
        Ok(_) => look.unsure = true,
        Err(error) if error.is_gone() => look.unsure = true,
        Err(_) => find_unopened(tailer, listed, look),
    }
}

/// Some file systems list other inode numbers than they show of a file (overlayfs). Then the
/// name must still lead to what was opened.
fn is_what_was_listed<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
    listed: &Listed,
) -> bool {
    candidate.inode == listed.inode
        || (!tailer.files.by_inode.contains_key(&candidate.inode)
            && file::stat_path(&tailer.disk, &listed.path)
                .is_ok_and(|stat| stat.inode == candidate.inode))
}

fn examine_plain<D: Disk>(
    tailer: &mut Tailer<D>,
    live: &Path,
    (listed, candidate): (&Listed, Candidate<D::File>),
    look: &mut Look,
    now: Now,
) {
    tailer.problems.doubt.begin();
    let born_nanos = tailer.problems.doubt.known(candidate.handle.born()).flatten();
    let proven = identify::proven(tailer, &candidate);
    let is_copy = |rank| is_read_copy(tailer, live, &candidate, (rank, born_nanos));
    let is_copy = proven.is_none() && listed.rank.as_ref().is_some_and(is_copy);
    if let Err(error) = be_sure(tailer, candidate.inode, &candidate.path, now) {
        // What it holds is not known: its log is looked at again.
        look.unsure = true;
        return trouble::trouble(tailer, &listed.path, error);
    }
    trouble::recovered(tailer, &listed.path);
    tailer.problems.doubt.decided(candidate.inode);
    if let Some(key) = proven {
        let log = tailer.history.logs.get(live);
        if log.is_some_and(|log| log.last_known() == Some(key))
            && let Some(rank) = listed.rank.clone()
        {
            let modified_nanos = Some(candidate.stat.modified_nanos);
            let was_live = log.is_some_and(|log| log.newest == Some(key));
            let real =
                tailer.memory.get(key).and_then(|content| content.whereabouts.real.as_deref());
            let renamed = was_live && real != Some(listed.path.as_path());
            let changed_nanos = renamed.then_some(candidate.stat.changed_nanos);
            let series = listed.series.clone();
            let path = listed.path.clone();
            look.mark =
                Some(Mark { rank, series, path, born_nanos, modified_nanos, changed_nanos });
        }
        return relocate::take_back_known(tailer, candidate, key, now);
    }
    let Some(rank) = listed.rank.clone().filter(|_| !is_copy) else { return };
    // Among files of others a name tells nothing, and only a birth that this one is of this log.
    let rank = if listed.shared { Rank::Unknown } else { rank };
    if listed.shared && born_nanos.is_none() {
        return;
    }
    look.found.push(Found {
        inode: candidate.inode,
        path: listed.path.clone(),
        rank,
        series: listed.series.clone(),
        packed: false,
        behind_link: listed.behind_link,
        changed: !tailer.memory.at_inode(candidate.inode).is_empty(),
        born_nanos,
        modified_nanos: candidate.stat.modified_nanos,
    });
}

fn examine_packed<D: Disk>(tailer: &Tailer<D>, listed: &Listed, look: &mut Look) {
    // Only a birth tells a generation from a file of others.
    let Some(rank) = listed.rank.clone().filter(|_| !listed.shared) else { return };
    let follow = tailer.options.pattern.follow_links();
    match tailer.disk.open(&listed.path, follow) {
        Ok((_, stat)) => {
            look.found.push(Found {
                inode: stat.inode,
                path: listed.path.clone(),
                rank,
                series: listed.series.clone(),
                packed: true,
                behind_link: listed.behind_link,
                changed: false,
                born_nanos: None,
                modified_nanos: stat.modified_nanos,
            });
        }
        Err(error) if error.is_gone() => look.unsure = true,
        Err(_) => find_unopened(tailer, listed, look),
    }
}

/// A file that is followed tells how old the newest known content is, if it is that.
fn note_mark<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    key: FileKey,
    listed: &Listed,
    look: &mut Look,
) {
    let log = tailer.history.logs.get(live);
    let is_last = log.and_then(Log::last_known) == Some(key);
    if let (true, Some(rank)) = (is_last, listed.rank.clone()) {
        let file = tailer.files.get(key);
        let handle = file.and_then(|file| file.handle.as_ref());
        let born_nanos = handle.and_then(|handle| handle.born().ok().flatten());
        let modified_nanos = file.map(|file| file.seen.modified_nanos);
        // An empty file may be another one that got its inode number: then its name tells nothing
        // about what is known.
        let is_certain = born_nanos.is_some() || file.is_none_or(|file| !file.is_empty());
        let rank = if is_certain { rank } else { Rank::Unknown };
        let was_live = log.is_some_and(|log| log.newest == Some(key));
        // Where a link was led elsewhere its file keeps its name.
        let real = file.and_then(|file| file.life.real()).map(|real| &**real);
        let renamed = was_live && real != Some(listed.path.as_path());
        let stat = handle.filter(|_| renamed).and_then(|handle| handle.stat().ok());
        let changed_nanos = stat.map(|stat| stat.changed_nanos);
        let series = listed.series.clone();
        let path = listed.path.clone();
        look.mark = Some(Mark { rank, series, path, born_nanos, modified_nanos, changed_nanos });
    }
}

/// Whether everything in a file was read elsewhere: a copy that a tool made before it truncated
/// the original. In doubt it is a file of its own, and read.
fn is_read_copy<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    candidate: &Candidate<D::File>,
    (rank, born_nanos): (&Rank, Option<i128>),
) -> bool {
    let original =
        identify::equal_to(tailer, &candidate.evidence(), &identify::live_contents(tailer));
    if let Some(original) = original.and_then(|key| tailer.files.get(key)) {
        // Rotation copies the live file; backups may be made of any.
        let is_live = *original.path == *live && original.is_listed();
        let copied = is_live || *rank == Rank::Unknown;
        // A backup is older than what took its place.
        let is_backup = replaced::is_backup_of(&candidate.path, live)
            && candidate.stat.size <= original.position.offset;
        return copied && (is_backup || is_copied_from(tailer, original, candidate, born_nanos));
    }
    let size = candidate.stat.size;
    tailer.memory.beginning_alike(&candidate.head).into_iter().any(|content| {
        content.lost.why == Loss::Truncated
            && content.head.is_full()
            && size <= content.position.offset
            && proven_part(tailer, content, &candidate.handle, size).is_some()
    })
}

/// Follows a generation that came and went. Says by which key.
pub(crate) fn follow_generation<D: Disk>(
    tailer: &mut Tailer<D>,
    found: &Found,
    look: &mut Look,
    now: Now,
) -> Option<FileKey> {
    match Candidate::open(&tailer.disk, &found.path, tailer.options.pattern.follow_links()) {
        Ok(candidate) if candidate.inode == found.inode => {
            waiting_tries::follow_between(tailer, candidate, now)
        }
        Ok(_) => {
            look.unsure = true;
            None
        }
        Err(error) if error.is_gone() => {
            look.unsure = true;
            None
        }
        Err(error) => {
            let size = file::stat_path(&tailer.disk, &found.path).map_or(0, |stat| stat.size);
            waiting::wait_for(tailer, found.inode, &found.path, size);
            trouble::trouble(tailer, &found.path, error);
            None
        }
    }
}

/// A file that cannot be opened: a look from outside shows whether it is young enough. Each
/// scan tries it again.
fn find_unopened<D: Disk>(tailer: &Tailer<D>, listed: &Listed, look: &mut Look) {
    let rank: Option<Rank> = listed.rank.clone().filter(|_| !listed.shared);
    let Some(rank) = rank else { return };
    let stat = match file::stat_path(&tailer.disk, &listed.path) {
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
        series: listed.series.clone(),
        packed: listed.packed,
        behind_link: listed.behind_link,
        changed: false,
        born_nanos: None,
        modified_nanos: stat.modified_nanos,
    });
}

/// Whether a file that equals a followed one can be a copy of it: the original was there before it.
/// A program may write the same again and again. Where births are not known, all of it must have
/// been read there: in doubt it is repeated.
fn is_copied_from<D: Disk>(
    tailer: &Tailer<D>,
    original: &Tailed<D::File>,
    candidate: &Candidate<D::File>,
    born_nanos: Option<i128>,
) -> bool {
    let born = |handle: &D::File| tailer.problems.doubt.known(handle.born()).flatten();
    let original_born = original.handle.as_ref().and_then(born);
    match original_born.zip(born_nanos) {
        Some((original, copy)) => original <= copy,
        None => candidate.stat.size <= original.position.offset,
    }
}
