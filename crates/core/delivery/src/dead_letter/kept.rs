//! Which files of dead letters are kept: arithmetic over sizes and ages.

use std::time::Duration;

/// What a flow keeps of its dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `deadLetterMaxBytes`: so many bytes in all files of the flow.
    pub bytes_max: u64,
    /// `deadLetterMaxAgeHours`: none older than this.
    pub age_max: Duration,
}

/// A file of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its size.
    pub bytes: u64,
    /// How long ago it was written to; zero where the clock says that is still to come.
    pub age: Duration,
}

kinetail_base::labels! {
    /// Why a file is dropped.
    pub enum Why {
        /// It is older than `deadLetterMaxAgeHours`.
        Age = "age",
        /// There are more bytes than `deadLetterMaxBytes`, and it is the oldest.
        Bytes = "bytes",
    }
}

/// Which of these files, the oldest first, are dropped before `more` bytes are written. What is
/// about to be written is always kept, and the newest file if nothing is.
#[must_use]
pub fn to_drop(files: &[Kept], more: u64, bounds: Bounds) -> Vec<(usize, Why)> {
    let mut total = files.iter().fold(more, |sum, file| sum.saturating_add(file.bytes));
    let mut dropped = Vec::new();
    for (place, file) in files.iter().enumerate() {
        let why = if file.age > bounds.age_max {
            Why::Age
        } else if total > bounds.bytes_max && (more > 0 || place + 1 < files.len()) {
            Why::Bytes
        } else {
            continue;
        };
        total = total.saturating_sub(file.bytes);
        dropped.push((place, why));
    }
    dropped
}
