//! The life of a generation: the phases that it can be in, and what takes it from one to the next.
//!
//! [`TRANSITIONS`] is the whole table, and docs/tailing.md shows it. Every change of a phase goes
//! through `pass`; one that is not in the table fails every build with debug assertions. Pure.

kinetail_base::labels! {
    /// Where a generation is in its life.
    pub enum Phase {
        /// Not known: before it is discovered.
        Unseen = "unseen",
        /// It belongs to a log and cannot be read yet: not readable, or a compressed file whose
        /// turn has not come.
        Waiting = "waiting",
        /// Followed; its bytes are not compared with the known generations yet.
        New = "new",
        /// Followed; identical so far to another followed file, perhaps a copy in progress.
        PendingCopy = "pending copy",
        /// Followed and read; its name matches and is the one that it had first.
        Live = "live",
        /// Followed and read; it was renamed and its name matches.
        Rotated = "rotated",
        /// Followed and read; no name matches: moved away, deleted, or found outside the pattern.
        Unlisted = "unlisted",
        /// Reading continues at an earlier offset as soon as everything read is acknowledged.
        AwaitingAcks = "awaiting acks",
        /// Its encoding is not supported; it is not read.
        Ignored = "ignored",
        /// It was overwritten after it was rotated; it is not read.
        Overwritten = "overwritten",
        /// It has no file at the moment; copies and archives of it are looked for.
        Missing = "missing",
        /// Read from a compressed file.
        Unpacked = "unpacked",
        /// All of it is acknowledged and its file is deleted; known for a while, so that an archive
        /// of it is not taken for another generation.
        Finished = "finished",
        /// Forgotten.
        Gone = "gone",
    }
}

kinetail_base::labels! {
    /// What takes a generation from one phase to the next.
    pub enum Fact {
        /// Everything that was read of it is acknowledged.
        Acknowledged = "everything read is acknowledged",
        /// Other bytes were found where it was read, and none of its places is proven.
        Changed = "its bytes are not there any longer",
        /// Its end changed and an earlier place is proven.
        ChangedAtEnd = "its end changed; an earlier offset is proven",
        /// The file holds a known generation, which takes the file.
        CopyOfKnown = "it is a copy of a known generation, which continues in the file",
        /// An archive of it is damaged.
        Damaged = "its archive is corrupt",
        /// It is in the checkpoints of an earlier run.
        Checkpointed = "it has a checkpoint",
        /// It is in the checkpoints, and was read to its end.
        CheckpointedFinished = "it has a checkpoint, and was read to its end",
        /// It is in the checkpoints as one that could not be read.
        CheckpointedWaiting = "it has a checkpoint, and could not be read",
        /// It was deleted before it could be read.
        Deleted = "it is deleted before it can be read",
        /// Its bytes do not belong to another generation.
        Distinct = "its bytes are those of no other generation",
        /// It was not seen for so long, or there are so many, that it is not looked for any longer.
        Expired = "nothing of it is unread, or it is missing for too long",
        /// A file or a copy of it was found.
        Found = "a file holds it",
        /// A compressed file that holds it was found.
        FoundInArchive = "a compressed file holds it",
        /// It was found overwritten.
        FoundOverwritten = "its file was overwritten",
        /// It was empty, and the file at its place is empty.
        FoundEmpty = "it was empty, and its file is",
        /// An archive or a file holds more of it than was known.
        HasMore = "a compressed file holds more than was read",
        /// It begins with the byte order mark of UTF-16.
        InvalidEncoding = "it begins with the byte order mark of UTF-16",
        /// It is identical so far to another followed file.
        Identical = "it is identical so far to a followed file",
        /// No name matches any longer.
        NameLost = "no name matches any longer",
        /// It cannot be read yet.
        NotReadable = "it cannot be read yet",
        /// Too little of it is known to compare it.
        NotCompared = "nothing is known of its bytes",
        /// A rotated file has other bytes and the same size.
        OverwrittenInPlace = "it has other bytes and the same size",
        /// All of it is read and acknowledged, and its file is deleted.
        ReadToEnd = "it is read and acknowledged to its end, and deleted",
        /// Its file was released: read to its end, over a limit, or not at its place.
        Released = "its file is closed",
        /// It has another name, which matches.
        Renamed = "it has another name that matches",
        /// It has its first name again, or the live one of a log.
        Returned = "it has its name again, or a live one",
        /// A longer file took its place, and begins with all of it.
        Replaced = "a longer file took its place and begins with all of it",
        /// It is followed under another name or number.
        Resolved = "it is followed under another number",
    }
}

use Fact as F;
use Phase as P;

/// A row: in this phase, by this fact, to that phase.
pub type Transition = (Phase, Fact, Phase);

/// All changes of phase that there are.
pub const TRANSITIONS: &[Transition] = &[
    (P::Unseen, F::Distinct, P::Live),
    (P::Unseen, F::NotCompared, P::New),
    (P::Unseen, F::Identical, P::PendingCopy),
    (P::Unseen, F::NotReadable, P::Waiting),
    (P::Unseen, F::Checkpointed, P::Missing),
    (P::Unseen, F::CheckpointedFinished, P::Finished),
    (P::Unseen, F::CheckpointedWaiting, P::Waiting),
    (P::Waiting, F::FoundInArchive, P::Missing),
    (P::Waiting, F::Resolved, P::Gone),
    (P::Waiting, F::Deleted, P::Gone),
    (P::New, F::Distinct, P::Live),
    (P::New, F::Distinct, P::Rotated),
    (P::New, F::Distinct, P::Unlisted),
    (P::New, F::Identical, P::PendingCopy),
    (P::New, F::CopyOfKnown, P::Gone),
    (P::New, F::Changed, P::Missing),
    (P::New, F::Released, P::Missing),
    (P::New, F::Released, P::Gone),
    (P::PendingCopy, F::Distinct, P::Live),
    (P::PendingCopy, F::Distinct, P::Rotated),
    (P::PendingCopy, F::Distinct, P::Unlisted),
    (P::PendingCopy, F::CopyOfKnown, P::Gone),
    (P::PendingCopy, F::Changed, P::Missing),
    (P::PendingCopy, F::Released, P::Missing),
    (P::Live, F::Renamed, P::Rotated),
    (P::Live, F::NameLost, P::Unlisted),
    (P::Live, F::ChangedAtEnd, P::AwaitingAcks),
    (P::Live, F::Changed, P::Missing),
    (P::Live, F::InvalidEncoding, P::Ignored),
    (P::Live, F::OverwrittenInPlace, P::Overwritten),
    (P::Rotated, F::NameLost, P::Unlisted),
    (P::Rotated, F::Returned, P::Live),
    (P::Rotated, F::ChangedAtEnd, P::AwaitingAcks),
    (P::Rotated, F::Changed, P::Missing),
    (P::Rotated, F::InvalidEncoding, P::Ignored),
    (P::Rotated, F::OverwrittenInPlace, P::Overwritten),
    (P::Unlisted, F::Renamed, P::Rotated),
    (P::Unlisted, F::Returned, P::Live),
    (P::Unlisted, F::Returned, P::Rotated),
    (P::Unlisted, F::Replaced, P::Live),
    (P::Unlisted, F::ChangedAtEnd, P::AwaitingAcks),
    (P::Unlisted, F::Changed, P::Missing),
    (P::Unlisted, F::InvalidEncoding, P::Ignored),
    (P::Unlisted, F::OverwrittenInPlace, P::Overwritten),
    (P::Unlisted, F::Released, P::Missing),
    (P::Unlisted, F::ReadToEnd, P::Finished),
    (P::Unlisted, F::Released, P::Gone),
    (P::AwaitingAcks, F::Acknowledged, P::Live),
    (P::AwaitingAcks, F::Acknowledged, P::Rotated),
    (P::AwaitingAcks, F::Acknowledged, P::Unlisted),
    (P::Ignored, F::Changed, P::Missing),
    (P::Ignored, F::Released, P::Missing),
    (P::Overwritten, F::ReadToEnd, P::Finished),
    (P::Overwritten, F::Released, P::Missing),
    (P::Missing, F::Found, P::Live),
    (P::Missing, F::Found, P::Rotated),
    (P::Missing, F::Found, P::Unlisted),
    (P::Missing, F::FoundEmpty, P::New),
    (P::Missing, F::FoundOverwritten, P::Overwritten),
    (P::Missing, F::FoundInArchive, P::Unpacked),
    (P::Missing, F::ReadToEnd, P::Finished),
    (P::Missing, F::Damaged, P::Gone),
    (P::Missing, F::Expired, P::Gone),
    (P::Missing, F::Resolved, P::Gone),
    (P::Unpacked, F::ReadToEnd, P::Finished),
    (P::Unpacked, F::Changed, P::Missing),
    (P::Finished, F::HasMore, P::Missing),
    (P::Finished, F::Expired, P::Gone),
];

/// A generation changes its phase. Says to which one.
pub(crate) fn pass(from: Phase, fact: Fact, to: Phase) {
    let row = TRANSITIONS.iter().position(|row| *row == (from, fact, to));
    debug_assert!(row.is_some(), "{from:?} cannot become {to:?} by {fact:?}: see TRANSITIONS");
    #[cfg(any(test, feature = "memory-disk"))]
    made::note(row);
}

/// Which rows were made on this thread: tests hold the table to what happens.
#[cfg(any(test, feature = "memory-disk"))]
pub mod made {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::{TRANSITIONS, Transition};

    thread_local! {
        static MADE: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Also where builds have no debug assertions.
    pub(super) fn note(row: Option<usize>) {
        assert!(row.is_some(), "a change of phase that is not in the table");
        MADE.with_borrow_mut(|made| made.extend(row));
    }

    /// The rows that were made on this thread since the last call.
    #[must_use]
    pub fn take() -> BTreeSet<Transition> {
        let rows = MADE.with_borrow_mut(std::mem::take);
        rows.into_iter().filter_map(|row| TRANSITIONS.get(row).copied()).collect()
    }
}
