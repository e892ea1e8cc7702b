//! Checkpoints: how far each file is acknowledged, kept across restarts.
//!
//! `store` owns the SQLite database on a thread of its own. A row says which file generation
//! (identity), how far (offset, always a record boundary) and the proof of what lies before the
//! offset (anchor). Nothing here reads log files or decides what to resume.
//!
//! `mirror` is the whole content in memory and the truth while the process lives; `writer` decides
//! when it is written and what a failure means; `open` decides what a file that is found there
//! is; `schema` has the tables; `database`, `connect`, `rebuild` and `files` are the shells around
//! SQLite and the directory; `lock` keeps a second agent out. `place` says where the database is
//! when `checkpointFile` names the Java agent's, `private_copy` reads one that must not change.

pub mod error;
pub mod place;
pub mod private_copy;
pub mod store;

mod backend;
mod connect;
mod database;
mod files;
mod lock;
mod mirror;
mod open;
mod rebuild;
mod schema;
mod writer;

use std::path::PathBuf;

use crate::tail::identity::{Anchor, FileKey, Head, Inode};

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
