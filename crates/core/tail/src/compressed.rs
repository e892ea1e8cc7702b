//! Compressed files: read as the continuation of a content that is known and has no file any more,
//! from the exact byte on where its reading ended, or as a generation of a log that came, was
//! rotated and compressed while nobody looked.
//!
//! `stream` unpacks a file from its beginning, with `zstandard` for one of the formats; `proof`
//! compares what comes out with what is remembered; `unpacked` lets a flow read on from there;
//! `hunt` says which files are looked into, `claim` which of them hold what is followed anyway,
//! `generation` which hold what nobody ever followed, and `follow` reads the one that was found.
//! All offsets are those of the unpacked bytes, in checkpoints as well. One file is open at a
//! time, so the memory that all this takes is bounded, and it is borrowed from the budget.

mod claim;
mod follow;
mod generation;
mod hunt;
mod proof;
mod stream;
mod unpacked;
mod zstandard;

pub(super) use hunt::Hunt;
pub use unpacked::Scanned;

/// What reading a compressed file may take in memory, in bytes: a decoder and its block (9 MiB),
/// the beginning of a record that is longer than a window (5 MiB and a window), and a search for
/// its end.
pub const UNPACKING_BYTES_MAX: usize = stream::DECODER_BYTES_MAX + 6 * 1024 * 1024;
