//! The rows of a checkpoint: how far each file is acknowledged, kept across restarts.

use std::path::PathBuf;
use std::sync::Arc;

use crate::holes::Holes;
use crate::identity::{Anchor, FileKey, Head, Inode, Position};

/// One file generation of one flow and how far it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the generation within the flow; grows with each new one and is never used again.
    pub file: FileKey,
    /// Device and inode when it was last seen.
    pub inode: Inode,
    /// The path it was last seen under.
    pub path: PathBuf,
    /// The same without symbolic links, as they led when it was opened; `None` if there were none,
    /// or it is not known. By now they may lead elsewhere.
    pub real: Option<PathBuf>,
    /// The fingerprint of the first bytes.
    pub head: Head,
    /// Everything before this byte is acknowledged.
    pub offset: u64,
    /// The proof of the bytes just before `offset`.
    pub anchor: Anchor,
    /// Where the generation is in its life.
    pub life: Life,
    /// What was skipped in front of `offset`.
    pub holes: Holes,
    /// Places in front of `offset` that are proven, too, of a generation that was rotated: a copy
    /// that ends before `offset` is known by them.
    pub places: Vec<Position>,
    /// Of a journal: the entry at which `offset` lies, by its cursor. It and all before it are
    /// acknowledged.
    pub cursor: Option<Arc<str>>,
}

crate::labels! {
    /// Where a generation is in its life.
    pub enum Life {
        /// The live name led to it.
        Live = "live",
        /// It was rotated, so its last line may never get a line end.
        Rotated = "rotated",
        /// Everything in it is acknowledged and its file is gone. It is kept for a while, so that a
        /// compressed copy of it is known.
        Finished = "finished",
        /// It belongs to a log and was found after it had been rotated; nothing of it was read yet.
        Found = "found",
    }
}

impl Life {
    /// A generation that is not finished.
    #[must_use]
    pub fn of_rotated(rotated: bool) -> Self {
        if rotated { Self::Rotated } else { Self::Live }
    }

    /// The number that stands for it in a database.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Live => 0,
            Self::Rotated => 1,
            Self::Finished => 2,
            Self::Found => 3,
        }
    }

    /// What a number in a database stands for.
    #[must_use]
    pub fn of_number(number: i64) -> Option<Self> {
        [Self::Live, Self::Rotated, Self::Finished, Self::Found]
            .into_iter()
            .find(|life| i64::from(life.number()) == number)
    }
}

/// What a flow asks the store to write, in one transaction together with other flows' changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The generation is gone for good: its row may go.
    Forget(FileKey),
    /// Insert or replace the generation's row.
    Save(Checkpoint),
}
