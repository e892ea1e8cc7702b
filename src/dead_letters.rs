//! Dead letters on disk: what `deadLetterDirectory` holds, who writes it and who reads it.
//!
//! The letters of a flow lie in files named after the flow and the time. Whoever holds the lock of
//! a file (`flock(2)`, which dies with its process) may append to it or remove letters from it: a
//! flow that runs holds that of the file it writes, `dead-letters resend` and `purge` that of the
//! file they work on. A flow never appends to a file of an earlier run, and every file is complete
//! up to its last newline: a part of a letter behind that was never acknowledged, so its record is
//! read from the log again.
//!
//! The format and the arithmetic are in [`crate::batch::dead_letter`]. Nothing here knows flows,
//! streams or what letters mean.

mod directory;
mod error;
mod file;
mod writer;

pub use directory::{Directory, Listed};
pub use error::DeadLetterError;
pub use file::{LetterFile, Letters, Line};
pub use writer::{Dropped, KeptLetters, Moment, Writer};

#[cfg(test)]
mod tests;
