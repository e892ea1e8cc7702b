//! The life of a file: which name leads to it, and what is done with it. Every change is one of the
//! table in [`super::phase`]. Pure.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::identity::FileKey;
use crate::phase::{Fact, Phase, pass};

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

/// What a name is that a file gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewName {
    /// The one that it had before.
    Same,
    /// The live one of a log.
    Live,
    /// Another one.
    Rotated,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    stage: Stage,
    naming: Naming,
    /// Where it lies, if links were on its path when it was opened.
    real: Option<Arc<Path>>,
}

impl Life {
    /// A file that is opened and looked at.
    pub(crate) fn unseen() -> Self {
        Self { stage: Stage::Unseen, naming: Naming::First, real: None }
    }

    /// The file of a generation that had none.
    pub(crate) fn missing() -> Self {
        Self { stage: Stage::Missing, naming: Naming::First, real: None }
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

    /// It has a name that matches.
    pub(crate) fn rename(&mut self, name: NewName, now: Instant) {
        let naming = match (name, self.naming) {
            (NewName::Rotated, _) => Naming::Renamed { since: now },
            (NewName::Live, _) => Naming::First,
            // Only its directory was away for a while: it is written to as before.
            (NewName::Same, Naming::Lost { since, rotated }) if since == rotated => Naming::First,
            (NewName::Same, Naming::Lost { rotated, .. }) => Naming::Renamed { since: rotated },
            (NewName::Same, naming) => naming,
        };
        let fact = if name == NewName::Rotated { Fact::Renamed } else { Fact::Returned };
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
        Self { stage: Stage::Missing, naming, real: self.real }
    }

    /// The file takes the place of the one that it replaces.
    pub(crate) fn replace(from: Self) -> Self {
        let mut life = from;
        life.change(Fact::Replaced, |life| {
            (life.stage, life.naming) = (Stage::Followed, Naming::First);
        });
        life
    }

    /// The same, of a file that lies there.
    pub(crate) fn lying_at(self, real: Option<Arc<Path>>) -> Self {
        Self { real, ..self }
    }

    /// Where it lies, if links were on its path when it was opened.
    pub(crate) fn real(&self) -> Option<&Arc<Path>> {
        self.real.as_ref()
    }

    /// It was found to lie there.
    pub(crate) fn set_real(&mut self, real: Option<Arc<Path>>) {
        self.real = real;
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
