//! Which content a file holds that was not known a moment ago: a new one, or one that moved.
//!
//! The evidence is always bytes: the head fingerprint and the anchor before the offset. A file
//! is taken for an old content only if both agree; in doubt it is read from byte 0, which repeats
//! and does not lose.

use std::path::Path;
use std::sync::Arc;

use crate::candidate::{self, Candidate, Evidence};
use crate::disk::{Disk, DiskError, Fault, OpenFile};
use crate::identity::{FileKey, Inode, Position};
use crate::memory::{HeadIndex, Loss, Remembered};
use crate::phase::Phase;
use crate::tailer::Tailer;
use crate::whole::{BEGINNING_BYTES_MAX, is_no_mere_beginning};
use crate::{file, whole};

/// File systems stamp files with a clock that ticks this often at most, in nanoseconds; rows are
/// dated in milliseconds.
const CLOCK_TICK_NANOS: i128 = 12_000_000;

/// The content that lay in this inode, if it provably still does.
pub(crate) fn at_its_place<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
) -> Option<FileKey> {
    let born = tailer.problems.doubt.known(candidate.handle.born()).flatten();
    let same = |content: &&Remembered| {
        !content.is_empty()
            && !is_born_later(tailer, born, content)
            && candidate.stat.size >= content.position.offset
            && content.head.agrees(&candidate.head)
            && proves(tailer, &candidate.handle, content)
    };
    // More than one if a file took the place of another one and began alike.
    let here = tailer.memory.at_inode(candidate.inode).into_iter().rev().filter(same);
    here.max_by_key(|content| content.position.offset).map(|content| content.key)
}

/// Whether a file holds all that was read of a content.
fn proves<D: Disk>(tailer: &Tailer<D>, handle: &D::File, content: &Remembered) -> bool {
    proves_up_to(tailer, handle, content, content.position)
}

/// Whether a file holds what was read of a content up to a position.
pub(crate) fn proves_up_to<D: Disk>(
    tailer: &Tailer<D>,
    handle: &D::File,
    content: &Remembered,
    at: Position,
) -> bool {
    let doubt = &tailer.problems.doubt;
    let places = content.trail.iter().copied();
    doubt.is_so(file::proves(handle, at, &content.holes))
        && doubt.is_so(whole::agrees(handle, places, at, &content.holes))
}

/// Whether a file was made after this content was last known: then its inode number was given
/// out again, and equal bytes are a coincidence, as they are where all lines are alike.
pub(crate) fn is_born_later<D: Disk>(
    tailer: &Tailer<D>,
    born_nanos: Option<i128>,
    content: &Remembered,
) -> bool {
    let Some((born, earlier)) = born_nanos.zip(tailer.options.earlier) else { return false };
    content.lost.why == Loss::Stopped && born > earlier.last_known_nanos + CLOCK_TICK_NANOS
}

/// The content without a file that a file provably holds, in its place or as a copy. If it
/// holds the beginning of two, the one of which more was read tells more.
pub(crate) fn proven<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
) -> Option<FileKey> {
    let here = at_its_place(tailer, candidate);
    let copy = copied_from(tailer, &candidate.evidence());
    // Of two equal ones the last is taken: it lies where it lay.
    copy.into_iter().chain(here).max_by_key(|key| offset_of(tailer, *key))
}

/// Whether a file equals a followed one of which more than this was read: then it rather is a
/// copy of that.
pub(crate) fn equals_more<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Evidence<'_, D::File>,
    offset: u64,
    live: &HeadIndex,
) -> bool {
    let equal = equal_to(tailer, candidate, live).and_then(|key| tailer.files.get(key));
    equal.is_some_and(|parent| parent.position.offset > offset)
}

/// Where reading stands in a content without a file.
pub(crate) fn offset_of<D: Disk>(tailer: &Tailer<D>, key: FileKey) -> u64 {
    tailer.memory.get(key).map_or(0, |content| content.position.offset)
}

/// The empty content that lies in this file, as far as the birth of the file tells: its inode
/// number may have been given out again.
pub(crate) fn empty_in<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
) -> Option<FileKey> {
    let key = empty_at(tailer, candidate.inode)?;
    let born = tailer.problems.doubt.known(candidate.handle.born()).flatten();
    let content = tailer.memory.get(key)?;
    (!is_born_later(tailer, born, content)).then_some(key)
}

/// Whether a file that has the inode number of an empty content may be another one, which was made
/// later: it holds something, and nothing tells when it was born.
pub(crate) fn may_be_younger<D: Disk>(tailer: &Tailer<D>, candidate: &Candidate<D::File>) -> bool {
    let born = tailer.problems.doubt.known(candidate.handle.born()).flatten();
    candidate.stat.size > 0 && born.is_none()
}

/// The content that was empty when it lay in this inode. It has no bytes that could be missing,
/// so it is as good as a new one, unless the file turns out to hold something known.
pub(crate) fn empty_at<D: Disk>(tailer: &Tailer<D>, inode: Inode) -> Option<FileKey> {
    tailer.memory.at_inode(inode).iter().find(|content| content.is_empty()).map(|c| c.key)
}

/// The content without a file that this file holds a copy of.
pub(crate) fn copied_from<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Evidence<'_, D::File>,
) -> Option<FileKey> {
    tailer
        .memory
        .alike(candidate.head, candidate.size)
        .into_iter()
        .filter(|content| content.inode != candidate.inode)
        .filter(|content| !tailer.problems.doubt.is_put_off(content.inode))
        .filter(|content| proves(tailer, candidate.handle, content))
        .find(|content| may_be_copy(tailer, candidate, content))
        .map(|content| content.key)
}

/// Whether a file can hold a copy of this content, as far as circumstances tell. Where little
/// was read the bytes tell little: another log may begin with the same few lines, and to take
/// it for a copy would lose them. A copy is made before its original is truncated, and the
/// original stays.
pub(crate) fn may_be_copy<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Evidence<'_, D::File>,
    content: &Remembered,
) -> bool {
    let tells = tailer.problems.doubt.is_so(file::tells_apart(candidate.handle, content.position));
    if content.proves_much() && tells {
        return true;
    }
    match content.lost.why {
        Loss::Truncated => candidate.modified_nanos <= content.lost.by_nanos,
        Loss::Released | Loss::Stopped | Loss::Vanished | Loss::Finished => {
            original_is_there(tailer, content)
        }
    }
}

/// Whether the file in which a content lay is still there, whatever it holds now. If its inode
/// number was given out again it is not.
fn original_is_there<D: Disk>(tailer: &Tailer<D>, content: &Remembered) -> bool {
    let followed = tailer.files.by_inode.get(&content.inode).and_then(|key| tailer.files.get(*key));
    let born = |handle: &D::File| tailer.problems.doubt.known(handle.born()).flatten();
    let born_nanos = match followed {
        Some(file) => file.handle.as_ref().and_then(born),
        None => match file_at(tailer, content) {
            Some(handle) => born(&handle),
            None => return false,
        },
    };
    !is_born_later(tailer, born_nanos, content)
}

/// The file in the directory where a content lay that has its inode number.
fn file_at<D: Disk>(tailer: &Tailer<D>, content: &Remembered) -> Option<D::File> {
    let follow = tailer.options.pattern.follow_links();
    let failed = |error: DiskError| {
        // What may not be seen will not be seen soon.
        if !error.is_missing() && error.fault != Fault::Denied {
            tailer.problems.doubt.is_so(Err(error));
        }
    };
    content.directories().find_map(|directory| {
        let mut names = tailer.disk.list(directory).map_err(failed).ok()?.into_iter();
        let name = names.find(|name| name.number == content.inode.number)?.name;
        let opened = tailer.disk.open(&directory.join(name), follow).map_err(failed);
        opened.ok().map(|(handle, _)| handle)
    })
}

/// The content without a file that this file holds the beginning of, and the last position up
/// to which that is proven: a copy that was made while the original still grew. What little
/// lies behind is read again, for it might be something else.
pub(crate) fn copied_early<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Evidence<'_, D::File>,
) -> Option<(Arc<Path>, Position)> {
    let alike = tailer.memory.beginning_alike(candidate.head).into_iter();
    let doubt = &tailer.problems.doubt;
    let others = alike.filter(|content| content.inode != candidate.inode);
    others.filter(|content| !doubt.is_put_off(content.inode)).find_map(|content| {
        let position = proven_part(tailer, content, candidate.handle, candidate.size)?;
        // Programs that start over together may begin with the same lines. What was copied before a
        // truncation lacks little.
        let is_enough = match content.lost.why {
            Loss::Truncated => is_no_mere_beginning(position, content.position.offset),
            Loss::Stopped => {
                position.offset >= BEGINNING_BYTES_MAX && is_no_new_log(tailer, candidate, content)
            }
            Loss::Released | Loss::Vanished | Loss::Finished => true,
        };
        let accepted = is_enough && may_be_copy(tailer, candidate, content);
        accepted.then(|| (Arc::clone(&content.path), position))
    })
}

/// Whether a file that begins like a content of an earlier run, and is shorter, is no log that
/// starts over with the same lines: the original stays, or it was written before the stop.
fn is_no_new_log<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Evidence<'_, D::File>,
    content: &Remembered,
) -> bool {
    let known = tailer.options.earlier.map(|earlier| earlier.last_known_nanos);
    known.is_some_and(|known| candidate.modified_nanos <= known)
        || original_is_there(tailer, content)
}

/// The followed file that has the same content so far.
pub(crate) fn equal_to<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Evidence<'_, D::File>,
    live: &HeadIndex,
) -> Option<FileKey> {
    live.agreeing(candidate.head).into_iter().find(|key| {
        tailer.files.get(*key).is_some_and(|parent| {
            let offset = parent.position.offset;
            let copied_so_far = candidate.size <= parent.seen.size;
            let doubt = &tailer.problems.doubt;
            let (holes, at) = (parent.gaps.holes(), parent.position);
            let may_be = candidate.size < offset
                || (doubt.is_so(file::proves(candidate.handle, at, holes))
                    && doubt.is_so(whole::agrees(
                        candidate.handle,
                        parent.progress.places(),
                        at,
                        holes,
                    )));
            let other = parent.inode != candidate.inode;
            let same_end = || candidate::same_end(&tailer.disk, candidate, parent);
            other && copied_so_far && may_be && tailer.problems.doubt.is_so(same_end())
        })
    })
}

/// The contents of followed files.
pub(crate) fn live_contents<D: Disk>(tailer: &Tailer<D>) -> HeadIndex {
    let mut index = HeadIndex::default();
    for file in tailer.files.values() {
        if !matches!(file.phase(), Phase::PendingCopy | Phase::New) {
            index.insert(file.head, file.key);
        }
    }
    index
}

/// The last position up to which a shorter file provably holds what was read of a content.
pub(crate) fn proven_part<D: Disk>(
    tailer: &Tailer<D>,
    content: &Remembered,
    handle: &D::File,
    size: u64,
) -> Option<Position> {
    content.covered_at(size).find(|at| proves_up_to(tailer, handle, content, *at))
}
