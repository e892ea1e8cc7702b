//! A batch is one request under construction: its wire body and the byte ranges it accounts for.
//!
//! `body` encodes records straight into the bytes that go on the wire; `limits` names the
//! service's limits. Nothing here knows time, files or the network.

pub mod body;
pub mod pack;

pub use kinetail_base::limits;

use kinetail_base::identity::{Anchor, FileKey};

/// A number that names a batch within its flow; it grows by one with each batch.
pub type BatchId = u64;

/// The bytes `start..end` of one file generation that a batch accounts for: the records in it and
/// the lines that were skipped between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which file generation.
    pub file: FileKey,
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one; always a record boundary.
    pub end: u64,
    /// The proof of what lies just before `end`, for the checkpoint.
    pub anchor: Anchor,
}
