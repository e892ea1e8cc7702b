//! The life of a generation: the phases that it can be in, and what takes it from one to the next.
//!
//! [`TRANSITIONS`] is the whole table, and docs/tailing.md shows it. Every change of a phase goes
//! through `pass`; one that is not in the table fails every build with debug assertions. Pure.

/// Where a generation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not known: before it is discovered.
    Unseen,
    /// It belongs to a log and cannot be read yet: not readable, or a compressed file whose turn
    /// has not come.
    Waiting,
    /// Followed; its bytes are not compared with the known generations yet.
    New,
    /// Followed; identical so far to another followed file, perhaps a copy in progress.
    PendingCopy,
    /// Followed and read; its name matches and is the one that it had first.
    Live,
    /// Followed and read; it was renamed and its name matches.
    Rotated,
    /// Followed and read; no name matches: moved away, deleted, or found outside the pattern.
    Unlisted,
    /// Reading continues at an earlier offset as soon as everything read is acknowledged.
    AwaitingAcks,
    /// Its encoding is not supported; it is not read.
    Ignored,
    /// It was overwritten after it was rotated; it is not read.
    Overwritten,
    /// Read from a compressed file.
    Unpacked,
    /// It has no file at the moment; copies and archives of it are looked for.
    Missing,
    /// All of it is acknowledged and its file is deleted; known for a while, so that an archive of
    /// it is not taken for another generation.
    Finished,
    /// Forgotten.
    Gone,
}

impl Phase {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 14] = [
        Self::Unseen,
        Self::Waiting,
        Self::New,
        Self::PendingCopy,
        Self::Live,
        Self::Rotated,
        Self::Unlisted,
        Self::AwaitingAcks,
        Self::Ignored,
        Self::Overwritten,
        Self::Missing,
        Self::Unpacked,
        Self::Finished,
        Self::Gone,
    ];

    /// Its name in docs/tailing.md.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Waiting => "waiting",
            Self::New => "new",
            Self::PendingCopy => "pending copy",
            Self::Live => "live",
            Self::Rotated => "rotated",
            Self::Unlisted => "unlisted",
            Self::AwaitingAcks => "awaiting acks",
            Self::Ignored => "ignored",
            Self::Overwritten => "overwritten",
            Self::Unpacked => "unpacked",
            Self::Missing => "missing",
            Self::Finished => "finished",
            Self::Gone => "gone",
        }
    }
}

/// What takes a generation from one phase to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Everything that was read of it is acknowledged.
    Acknowledged,
    /// Other bytes were found where it was read, and none of its places is proven.
    Changed,
    /// Its end changed and an earlier place is proven.
    ChangedAtEnd,
    /// The file holds a known generation, which takes the file.
    CopyOfKnown,
    /// An archive of it is damaged.
    Damaged,
    /// It is in the checkpoints of an earlier run.
    Checkpointed,
    /// It is in the checkpoints, and was read to its end.
    CheckpointedFinished,
    /// It is in the checkpoints as one that could not be read.
    CheckpointedWaiting,
    /// It was deleted before it could be read.
    Deleted,
    /// Its bytes do not belong to another generation.
    Distinct,
    /// It was not seen for so long, or there are so many, that it is not looked for any longer.
    Expired,
    /// A file or a copy of it was found.
    Found,
    /// A compressed file that holds it was found.
    FoundInArchive,
    /// It was found overwritten.
    FoundOverwritten,
    /// It was empty, and the file at its place is empty.
    FoundEmpty,
    /// An archive or a file holds more of it than was known.
    HasMore,
    /// It begins with the byte order mark of UTF-16.
    InvalidEncoding,
    /// It is identical so far to another followed file.
    Identical,
    /// No name matches any longer.
    NameLost,
    /// It cannot be read yet.
    NotReadable,
    /// Too little of it is known to compare it.
    NotCompared,
    /// A rotated file has other bytes and the same size.
    OverwrittenInPlace,
    /// All of it is read and acknowledged, and its file is deleted.
    ReadToEnd,
    /// Its file was released: read to its end, over a limit, or not at its place.
    Released,
    /// It has another name, which matches.
    Renamed,
    /// It has its first name again, or the live one of a log.
    Returned,
    /// A longer file took its place, and begins with all of it.
    Replaced,
    /// It is followed under another name or number.
    Resolved,
}

impl Fact {
    /// What it is in docs/tailing.md.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Acknowledged => "everything read is acknowledged",
            Self::Changed => "its bytes are not there any longer",
            Self::ChangedAtEnd => "its end changed; an earlier offset is proven",
            Self::CopyOfKnown => "it is a copy of a known generation, which continues in the file",
            Self::Damaged => "its archive is corrupt",
            Self::Checkpointed => "it has a checkpoint",
            Self::CheckpointedFinished => "it has a checkpoint, and was read to its end",
            Self::CheckpointedWaiting => "it has a checkpoint, and could not be read",
            Self::Deleted => "it is deleted before it can be read",
            Self::Distinct => "its bytes are those of no other generation",
            Self::Expired => "nothing of it is unread, or it is missing for too long",
            Self::Found => "a file holds it",
            Self::FoundInArchive => "a compressed file holds it",
            Self::FoundOverwritten => "its file was overwritten",
            Self::FoundEmpty => "it was empty, and its file is",
            Self::HasMore => "a compressed file holds more than was read",
            Self::InvalidEncoding => "it begins with the byte order mark of UTF-16",
            Self::Identical => "it is identical so far to a followed file",
            Self::NameLost => "no name matches any longer",
            Self::NotReadable => "it cannot be read yet",
            Self::NotCompared => "nothing is known of its bytes",
            Self::OverwrittenInPlace => "it has other bytes and the same size",
            Self::ReadToEnd => "it is read and acknowledged to its end, and deleted",
            Self::Released => "its file is closed",
            Self::Renamed => "it has another name that matches",
            Self::Returned => "it has its name again, or a live one",
            Self::Replaced => "a longer file took its place and begins with all of it",
            Self::Resolved => "it is followed under another number",
        }
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
