//! The life of a generation: the phases that it can be in, and what takes it from one to the next.
//!
//! [`TRANSITIONS`] is the whole table. Every change of a phase goes through `pass`; one that is not
//! in the table fails every build with debug assertions. Pure.

use std::time::Instant;

use super::identity::FileKey;

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
    /// It has its first name again.
    Returned,
    /// A longer file took its place, and begins with all of it.
    Replaced,
    /// It is followed under another name or number.
    Resolved,
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

/// A file that is identical so far to another one: perhaps a copy in progress. It is not read until
/// that is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingCopy {
    /// The generation that it equals.
    pub(crate) original: FileKey,
    /// When it was first as long as that: a copy is complete then.
    pub(crate) complete_since: Option<Instant>,
}

impl PendingCopy {
    /// A file that equals this generation so far.
    pub(crate) fn of(original: FileKey) -> Self {
        Self { original, complete_since: None }
    }
}

/// Which name leads to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// Its first one, which matches.
    First,
    /// Another one, which matches.
    Renamed { since: Instant },
    /// None that matches.
    Lost { since: Instant, rotated: Instant },
}

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unseen,
    New,
    PendingCopy(PendingCopy),
    Followed,
    AwaitingAcks,
    Ignored,
    Overwritten,
    Unpacked,
    Missing,
}

/// The life of a generation that has a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    stage: Stage,
    naming: Naming,
}

impl Life {
    /// A file that is opened and looked at.
    pub(crate) fn unseen() -> Self {
        Self { stage: Stage::Unseen, naming: Naming::First }
    }

    /// The file of a generation that had none.
    pub(crate) fn missing() -> Self {
        Self { stage: Stage::Missing, naming: Naming::First }
    }

    /// The same, of a generation that was rotated.
    pub(crate) fn with_rotated(self, rotated: bool, now: Instant) -> Self {
        if rotated { Self { naming: Naming::Renamed { since: now }, ..self } } else { self }
    }

    /// The file's bytes are those of a new generation, which has the file's name.
    pub(crate) fn of_next_generation(self) -> Self {
        Self { stage: Stage::Unseen, ..self }
    }

    /// Where it is.
    pub(crate) fn phase(&self) -> Phase {
        match (self.stage, self.naming) {
            (Stage::Unseen, _) => Phase::Unseen,
            (Stage::New, _) => Phase::New,
            (Stage::PendingCopy(_), _) => Phase::PendingCopy,
            (Stage::Followed, Naming::First) => Phase::Live,
            (Stage::Followed, Naming::Renamed { .. }) => Phase::Rotated,
            (Stage::Followed, Naming::Lost { .. }) => Phase::Unlisted,
            (Stage::AwaitingAcks, _) => Phase::AwaitingAcks,
            (Stage::Ignored, _) => Phase::Ignored,
            (Stage::Overwritten, _) => Phase::Overwritten,
            (Stage::Unpacked, _) => Phase::Unpacked,
            (Stage::Missing, _) => Phase::Missing,
        }
    }

    /// It is read from now on.
    pub(crate) fn follow(&mut self, fact: Fact) {
        self.change(fact, |life| life.stage = Stage::Followed);
    }

    /// Its bytes have to be compared first.
    pub(crate) fn compare(&mut self, fact: Fact) {
        self.change(fact, |life| life.stage = Stage::New);
    }

    /// It is not read until it is known whether it becomes a copy.
    pub(crate) fn wait_as_copy(&mut self, pending: PendingCopy) {
        let stage = Stage::PendingCopy(pending);
        self.change(Fact::Identical, |life| life.stage = stage);
    }

    /// Nothing of it is read until everything read is acknowledged.
    pub(crate) fn await_acks(&mut self) {
        if self.stage == Stage::Followed {
            self.change(Fact::ChangedAtEnd, |life| life.stage = Stage::AwaitingAcks);
        }
    }

    /// Its wait for acknowledgements is over.
    pub(crate) fn end_wait(&mut self) {
        if self.stage == Stage::AwaitingAcks {
            self.follow(Fact::Acknowledged);
        }
    }

    /// It is not read: its encoding is not supported.
    pub(crate) fn ignore(&mut self) {
        if self.stage != Stage::Ignored {
            self.change(Fact::InvalidEncoding, |life| life.stage = Stage::Ignored);
        }
    }

    /// It is not read: it was overwritten.
    pub(crate) fn overwrite(&mut self, fact: Fact) {
        if self.stage != Stage::Overwritten {
            self.change(fact, |life| life.stage = Stage::Overwritten);
        }
    }

    /// It is read from a compressed file.
    pub(crate) fn unpack(&mut self, now: Instant) {
        self.naming = Naming::Lost { since: now, rotated: now };
        self.change(Fact::FoundInArchive, |life| life.stage = Stage::Unpacked);
    }

    /// It has a name that matches, which is another one than before or the same.
    pub(crate) fn rename(&mut self, same_path: bool, now: Instant) {
        let naming = match self.naming {
            _ if !same_path => Naming::Renamed { since: now },
            // Only its directory was away for a while: it is written to as before.
            Naming::Lost { since, rotated } if since == rotated => Naming::First,
            Naming::Lost { rotated, .. } => Naming::Renamed { since: rotated },
            Naming::First | Naming::Renamed { .. } => self.naming,
        };
        let fact = if same_path { Fact::Returned } else { Fact::Renamed };
        self.change(fact, |life| life.naming = naming);
    }

    /// It lost the last name that matches.
    pub(crate) fn lose_name(&mut self, now: Instant) {
        let rotated = self.rotated().unwrap_or(now);
        self.change(Fact::NameLost, |life| life.naming = Naming::Lost { since: now, rotated });
    }

    /// It was found under a name that does not match, where rotated files lie.
    pub(crate) fn found_outside(&mut self, now: Instant) {
        let lost = Naming::Lost { since: now, rotated: now };
        self.change(Fact::NameLost, |life| life.naming = lost);
    }

    /// The file is a copy of a generation that had none. That was rotated: the name of the copy is
    /// not its first one.
    pub(crate) fn of_known_generation(self, now: Instant) -> Self {
        let naming = match self.naming {
            Naming::First | Naming::Renamed { .. } => Naming::Renamed { since: now },
            Naming::Lost { since, .. } => Naming::Lost { since, rotated: now },
        };
        Self { stage: Stage::Missing, naming }
    }

    /// The file takes the place of the one that it replaces.
    pub(crate) fn replace(from: Self) -> Self {
        let mut life = from;
        life.change(Fact::Replaced, |life| {
            *life = Self { stage: Stage::Followed, naming: Naming::First };
        });
        life
    }

    /// Whether it has a name that matches.
    pub(crate) fn is_listed(&self) -> bool {
        !matches!(self.naming, Naming::Lost { .. })
    }

    /// Since when it has no name that matches.
    pub(crate) fn unlisted_since(&self) -> Option<Instant> {
        match self.naming {
            Naming::Lost { since, .. } => Some(since),
            Naming::First | Naming::Renamed { .. } => None,
        }
    }

    /// When it was renamed or lost its name: its last line may never get a newline after that.
    pub(crate) fn rotated(&self) -> Option<Instant> {
        match self.naming {
            Naming::First => None,
            Naming::Renamed { since } => Some(since),
            Naming::Lost { rotated, .. } => Some(rotated),
        }
    }

    /// What it may become a copy of.
    pub(crate) fn pending_copy(&self) -> Option<PendingCopy> {
        match self.stage {
            Stage::PendingCopy(pending) => Some(pending),
            _ => None,
        }
    }

    /// Notes what was found out of the copy that it may become.
    pub(crate) fn update_copy(&mut self, pending: PendingCopy) {
        if let Stage::PendingCopy(known) = &mut self.stage {
            *known = pending;
        }
    }

    /// Whether what is written to it is read.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.stage, Stage::Followed | Stage::Unpacked | Stage::Overwritten)
    }

    fn change(&mut self, fact: Fact, change: impl FnOnce(&mut Self)) {
        let before = self.phase();
        change(self);
        let after = self.phase();
        if before != after {
            pass(before, fact, after);
        }
    }
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

    pub(super) fn note(row: Option<usize>) {
        MADE.with_borrow_mut(|made| made.extend(row));
    }

    /// The rows that were made on this thread since the last call.
    #[must_use]
    pub fn take() -> BTreeSet<Transition> {
        let rows = MADE.with_borrow_mut(std::mem::take);
        rows.into_iter().filter_map(|row| TRANSITIONS.get(row).copied()).collect()
    }
}
