//! The rows of a checkpoint: how far each file is acknowledged, kept across restarts.

use std::path::PathBuf;

use crate::identity::{Anchor, FileKey, Head, Inode};

/// One file generation of one flow and how far it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the generation within the flow; grows with each new one and is never used again.
    pub file: FileKey,
    /// Device and inode when it was last seen.
    pub inode: Inode,
    /// The path it was last seen under.
    pub path: PathBuf,
    /// The fingerprint of the first bytes.
    pub head: Head,
    /// Everything before this byte is acknowledged.
    pub offset: u64,
    /// The proof of the bytes just before `offset`.
    pub anchor: Anchor,
    /// Whether the file was rotated, so that its last line may never get a line end.
    pub rotated: bool,
}

/// What a flow asks the store to write, in one transaction together with other flows' changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The generation is gone for good: its row may go.
    Forget(FileKey),
    /// Insert or replace the generation's row.
    Save(Checkpoint),
}
