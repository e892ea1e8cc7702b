//! Compressed files: read as the continuation of a content that is known and has no file any more,
//! from the exact byte on where its reading ended, or as a generation of a log that came, was
//! rotated and compressed between two scans.
//!
//! `stream` unpacks a file from its beginning, with `zstandard` for one of the formats; `proof`
//! compares what comes out with what is remembered; `unpacked` lets a flow read on from there.
//! `hunt` goes from file to file, with `state` for where it is: `round` lists them, `inspect` looks
//! at the first bytes of one, `alike` says what it could be mistaken for, `judge` what becomes of
//! it, `claim` whether a followed file holds it anyway, `generation` whether it was never followed.
//! `follow` reads the one that was found. All offsets are those of the unpacked bytes, in
//! checkpoints as well. One file is open at a time, so the memory that all this takes is bounded,
//! and it is borrowed from the budget.

pub(crate) mod alike;
pub(crate) mod claim;
pub(crate) mod follow;
pub(crate) mod generation;
pub(crate) mod hunt;
pub(crate) mod inspect;
pub(crate) mod judge;
pub(crate) mod proof;
pub(crate) mod round;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod unpacked;
pub(crate) mod zstandard;

pub use unpacked::Scanned;

/// What reading a compressed file may take in memory, in bytes: a decoder and its block (9 MiB),
/// the beginning of a record that is longer than a window (5 MiB and a window), and a search for
/// its end.
pub const UNPACKING_BYTES_MAX: usize = stream::DECODER_BYTES_MAX + 6 * 1024 * 1024;
