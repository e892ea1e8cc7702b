//! Files that scans discover: identifies the generation that each holds and follows it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::adopt::{self, Came};
use crate::candidate::Candidate;
use crate::disk::Disk;
use crate::event::EventKind;
use crate::identity::Inode;
use crate::life::PendingCopy;
use crate::memory::HeadIndex;
use crate::options::Now;
use crate::pending_copy::LOOK_AGAIN_MAX;
use crate::rotation::Entry;
use crate::tailer::Tailer;
use crate::{earlier, identify, renaming, replaced, search_again, trouble, work};

/// Begins to follow files that appeared. Contents that still lie where they lay come first, so
/// that a copy cannot take the place of its original.
pub(crate) fn take_in<D: Disk>(tailer: &mut Tailer<D>, appeared: &[Entry], now: Now) {
    let live = identify::live_contents(tailer);
    let mut others = Vec::new();
    for entry in appeared {
        let known = !tailer.memory.at_inode(entry.inode).is_empty();
        if !(known && take_in_one(tailer, entry, |tailer, found| stay(tailer, found, &live, now))) {
            others.push(entry);
        }
    }
    if !tailer.schedule.first_scan_done {
        // Before bytes alone are believed, contents are looked for where they lay.
        let listed: BTreeSet<Inode> = appeared.iter().map(|entry| entry.inode).collect();
        search_again::search_in_place(tailer, listed, now);
    }
    // At a start the backup of a file that was replaced is followed by now.
    let stayed = if tailer.schedule.first_scan_done {
        HeadIndex::default()
    } else {
        identify::live_contents(tailer)
    };
    for entry in others {
        take_in_one(tailer, entry, |tailer, found| {
            if let Some(found) = follow_behind_backup(tailer, found, &stayed, now) {
                follow(tailer, found, &live, Came::Listed, now);
            }
            true
        });
    }
}

/// Opens a file and hands it on; says what became of it.
fn take_in_one<D: Disk>(
    tailer: &mut Tailer<D>,
    entry: &Entry,
    hand_on: impl FnOnce(&mut Tailer<D>, Candidate<D::File>) -> bool,
) -> bool {
    match Candidate::open(&tailer.disk, &entry.path, tailer.options.pattern.follow_links()) {
        Ok(mut candidate) => {
            // The listing that it is from has the name, too.
            candidate.path = Arc::clone(&entry.path);
            if candidate.inode != entry.inode {
                // What was listed has another name by now, which may not be its for long.
                tailer.schedule.hint(tailer.schedule.looked_at);
            }
            trouble::recovered(tailer, &candidate.path);
            hand_on(tailer, candidate)
        }
        Err(error) if error.is_gone() => {
            tailer.schedule.hint(tailer.schedule.looked_at);
            true
        }
        Err(error) => {
            trouble::trouble(tailer, &entry.path, error);
            tailer.directories.refused.push_back(entry.clone());
            true
        }
    }
}

/// Follows a file if it provably holds what it held before.
fn stay<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    live: &HeadIndex,
    now: Now,
) -> bool {
    let Some(key) = identify::at_its_place(tailer, &candidate) else { return false };
    let offset = identify::offset_of(tailer, key);
    // A content of which nothing was read proves little: inode numbers are used again. At a
    // start every content may still be found in its place.
    let other = tailer.schedule.first_scan_done
        && (identify::proven(tailer, &candidate) != Some(key)
            || identify::equals_more(tailer, &candidate.evidence(), offset, live));
    if offset == 0 || other {
        return false;
    }
    adopt::resume(tailer, candidate, key, EventKind::Resumed, now);
    true
}

/// Follows a file that took the place of one which is followed under the name of its backup. Gives
/// it back if it did not.
fn follow_behind_backup<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    live: &HeadIndex,
    now: Now,
) -> Option<Candidate<D::File>> {
    let alike = live.agreeing(&candidate.head);
    let known = tailer.files.by_inode.contains_key(&candidate.inode);
    match replaced::continues_backup(tailer, &candidate, &alike).filter(|_| !known) {
        Some((backup, position)) => {
            adopt::begin_behind(tailer, candidate, &backup, position, now);
            None
        }
        None => Some(candidate),
    }
}

pub(crate) fn follow<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    live: &HeadIndex,
    came: Came,
    now: Now,
) {
    if let Some(key) = tailer.files.by_inode.get(&candidate.inode).copied() {
        // It was found under another name a moment ago, where a link in the pattern leads to.
        if tailer.files.get(key).is_some_and(|file| !file.is_listed()) {
            renaming::rename(tailer, key, &candidate.path, EventKind::Returned, now.instant);
        }
        return;
    }
    if let Some(key) = identify::proven(tailer, &candidate)
        && !identify::equals_more(
            tailer,
            &candidate.evidence(),
            identify::offset_of(tailer, key),
            live,
        )
    {
        let stayed = tailer.memory.get(key).is_some_and(|c| c.inode == candidate.inode);
        let kind = if stayed { EventKind::Resumed } else { EventKind::CopyRecognized };
        return adopt::resume(tailer, candidate, key, kind, now);
    }
    if let Some((original, position)) = identify::copied_early(tailer, &candidate.evidence()) {
        return adopt::begin_behind(tailer, candidate, &original, position, now);
    }
    let alike = live.agreeing(&candidate.head);
    if let Some(key) = replaced::replaced_by(tailer, &candidate, &alike) {
        return replaced::take_place(tailer, candidate, key, now);
    }
    let Some(candidate) = follow_behind_backup(tailer, candidate, live, now) else { return };
    if let Some((key, position)) = replaced::put_back(tailer, &candidate, &alike) {
        return replaced::begin_where_put_back(tailer, candidate, key, position, now);
    }
    let parent = identify::equal_to(tailer, &candidate.evidence(), live);
    if parent.is_none() && look_again(tailer, &candidate.head, live, now) {
        // The original was truncated while it was being compared.
        return follow(tailer, candidate, &HeadIndex::default(), came, now);
    }
    if parent.is_none()
        && let Some(key) = identify::empty_at(tailer, candidate.inode)
    {
        return adopt::resume(tailer, candidate, key, EventKind::Resumed, now);
    }
    let parented = parent.is_some();
    let left = if parented {
        Some(candidate)
    } else {
        earlier::follow_what_is_left(tailer, candidate, now)
    };
    let Some(candidate) = left else { return };
    adopt::tell_what_lay_here(tailer, &candidate);
    adopt::begin(tailer, candidate, parent.map(PendingCopy::of), came, now);
}

/// Looks again at the files that begin alike; says whether one of them holds another content
/// now.
fn look_again<D: Disk>(tailer: &mut Tailer<D>, head: &[u8], live: &HeadIndex, now: Now) -> bool {
    let mut changed = false;
    for key in live.agreeing(head).into_iter().take(LOOK_AGAIN_MAX) {
        if tailer.files.contains_key(key) {
            work::poll(tailer, key, now);
            changed |= !tailer.files.contains_key(key);
        }
    }
    changed
}
