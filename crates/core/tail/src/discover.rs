//! Files that scans discover: identifies the generation that each holds and follows it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::adopt::{self, Came};
use crate::candidate::Candidate;
use crate::disk::{Disk, DiskError};
use crate::doubt::be_sure;
use crate::event::EventKind;
use crate::identity::{FileKey, Inode, Position};
use crate::life::PendingCopy;
use crate::memory::HeadIndex;
use crate::options::Now;
use crate::pending_copy::LOOK_AGAIN_MAX;
use crate::rotation::Entry;
use crate::tailer::Tailer;
use crate::{earlier, identify, renaming, replaced, search_again, trouble, work};

/// What a file holds that is known.
enum Held {
    /// All that was read of a generation without a file.
    Known(FileKey),
    /// What was read elsewhere, under this name, up to a position.
    ReadAs(Arc<Path>, Position),
    /// All that a followed file holds whose place it took.
    Replaced(FileKey),
    /// The beginning of a followed file whose place it took.
    PutBack(FileKey, Position),
    /// The same as a followed file so far.
    Followed(FileKey),
}

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
            tailer.problems.doubt.begin();
            let behind = behind_backup(tailer, &found, &stayed);
            be_sure(tailer, found.inode, &found.path, now)?;
            match behind {
                Some(held) => take(tailer, found, held, now),
                None => follow(tailer, found, &live, Came::Listed, now)?,
            }
            Ok(true)
        });
    }
}

/// Opens a file and hands it on; says whether it is dealt with for now. What fails is tried again.
fn take_in_one<D: Disk>(
    tailer: &mut Tailer<D>,
    entry: &Entry,
    hand_on: impl FnOnce(&mut Tailer<D>, Candidate<D::File>) -> Result<bool, DiskError>,
) -> bool {
    let follow = tailer.options.pattern.follow_links();
    let opened = Candidate::open(&tailer.disk, &entry.path, follow);
    let taken = opened.and_then(|mut candidate| {
        // The listing that it is from has the name, too.
        candidate.path = Arc::clone(&entry.path);
        if candidate.inode != entry.inode {
            // What was listed has another name by now, which may not be its for long.
            tailer.schedule.hint(tailer.schedule.looked_at);
        }
        let taken = hand_on(tailer, candidate)?;
        trouble::recovered(tailer, &entry.path);
        Ok(taken)
    });
    match taken {
        Ok(taken) => taken,
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

/// Follows a file if it provably holds what it held before. Says whether it does.
fn stay<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    live: &HeadIndex,
    now: Now,
) -> Result<bool, DiskError> {
    tailer.problems.doubt.begin();
    let stays = identify::at_its_place(tailer, &candidate).filter(|key| {
        let offset = identify::offset_of(tailer, *key);
        // A content of which nothing was read proves little: inode numbers are used again. At a
        // start every content may still be found in its place.
        offset > 0
            && (!tailer.schedule.first_scan_done
                || (identify::proven(tailer, &candidate) == Some(*key)
                    && !identify::equals_more(tailer, &candidate.evidence(), offset, live)))
    });
    be_sure(tailer, candidate.inode, &candidate.path, now)?;
    let Some(key) = stays else { return Ok(false) };
    tailer.problems.doubt.decided(candidate.inode);
    adopt::resume(tailer, candidate, key, EventKind::Resumed, now);
    Ok(true)
}

/// Whether a file took the place of one which is followed under the name of its backup.
fn behind_backup<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
    live: &HeadIndex,
) -> Option<Held> {
    let known = tailer.files.by_inode.contains_key(&candidate.inode);
    let alike = if known { Vec::new() } else { live.agreeing(&candidate.head) };
    let behind = replaced::continues_backup(tailer, candidate, &alike);
    behind.map(|(backup, position)| Held::ReadAs(backup, position))
}

/// Finds out what a file holds, and follows it.
///
/// # Errors
///
/// Why something that it depends on cannot be compared now: then it is not followed.
pub(crate) fn follow<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    live: &HeadIndex,
    came: Came,
    now: Now,
) -> Result<(), DiskError> {
    let inode = candidate.inode;
    if let Some(key) = tailer.files.by_inode.get(&inode).copied() {
        // It was found under another name a moment ago, where a link in the pattern leads to.
        if tailer.files.get(key).is_some_and(|file| !file.is_listed()) {
            renaming::rename(tailer, key, &candidate.path, EventKind::Returned, now.instant);
        }
        return Ok(());
    }
    tailer.problems.doubt.begin();
    let held = held_in(tailer, &candidate, live);
    be_sure(tailer, inode, &candidate.path, now)?;
    if let Some(held) = held {
        take(tailer, candidate, held, now);
    } else if look_again(tailer, &candidate.head, live, now) {
        // The original was truncated while it was being compared.
        return follow(tailer, candidate, &HeadIndex::default(), came, now);
    } else {
        follow_unknown(tailer, candidate, came, now)?;
    }
    tailer.problems.doubt.decided(inode);
    Ok(())
}

/// What a file holds that is known. What cannot be compared is in doubt.
fn held_in<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
    live: &HeadIndex,
) -> Option<Held> {
    let evidence = candidate.evidence();
    let proven = identify::proven(tailer, candidate).filter(|key| {
        !identify::equals_more(tailer, &evidence, identify::offset_of(tailer, *key), live)
    });
    let alike = live.agreeing(&candidate.head);
    let early = || identify::copied_early(tailer, &evidence);
    proven
        .map(Held::Known)
        .or_else(|| early().map(|(original, position)| Held::ReadAs(original, position)))
        .or_else(|| replaced::replaced_by(tailer, candidate, &alike).map(Held::Replaced))
        .or_else(|| behind_backup(tailer, candidate, live))
        .or_else(|| {
            let put_back = replaced::put_back(tailer, candidate, &alike);
            put_back.map(|(key, position)| Held::PutBack(key, position))
        })
        .or_else(|| identify::equal_to(tailer, &evidence, live).map(Held::Followed))
}

/// Follows a file as what it holds.
fn take<D: Disk>(tailer: &mut Tailer<D>, candidate: Candidate<D::File>, held: Held, now: Now) {
    match held {
        Held::Known(key) => {
            let stayed = tailer.memory.get(key).is_some_and(|c| c.inode == candidate.inode);
            let kind = if stayed { EventKind::Resumed } else { EventKind::CopyRecognized };
            adopt::resume(tailer, candidate, key, kind, now);
        }
        Held::ReadAs(original, position) => {
            adopt::begin_behind(tailer, candidate, &original, position, now);
        }
        Held::Replaced(key) => replaced::take_place(tailer, candidate, key, now),
        Held::PutBack(key, position) => {
            replaced::begin_where_put_back(tailer, candidate, key, position, now);
        }
        Held::Followed(original) => {
            adopt::tell_what_lay_here(tailer, &candidate);
            // It waits, however it came.
            let pending = Some(PendingCopy::of(original));
            adopt::begin(tailer, candidate, pending, Came::Listed, now);
        }
    }
}

/// Follows a file that holds nothing that is known, unless it is what is left of something.
fn follow_unknown<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    came: Came,
    now: Now,
) -> Result<(), DiskError> {
    tailer.problems.doubt.begin();
    let empty = identify::empty_in(tailer, &candidate);
    let left = empty.is_none().then(|| earlier::what_is_left(tailer, &candidate)).flatten();
    let may_be_younger = identify::may_be_younger(tailer, &candidate);
    be_sure(tailer, candidate.inode, &candidate.path, now)?;
    if let Some(key) = empty {
        if may_be_younger {
            // As the known one it would tell that what was rotated before it is older than that.
            adopt::begin(tailer, candidate, None, came, now);
        } else {
            adopt::resume(tailer, candidate, key, EventKind::Resumed, now);
        }
        return Ok(());
    }
    if let Some(left) = left {
        earlier::follow_what_is_left(tailer, candidate, left, now);
        return Ok(());
    }
    adopt::tell_what_lay_here(tailer, &candidate);
    adopt::begin(tailer, candidate, None, came, now);
    Ok(())
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
