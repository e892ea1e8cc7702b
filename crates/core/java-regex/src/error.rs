//! What can be wrong with a pattern.

/// Why a text is not a pattern that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is not a Java regular expression.
    #[error("{what} at position {position}")]
    Syntax {
        /// What is wrong.
        what: String,
        /// Counted in characters, from 1.
        position: usize,
    },
    /// It would take too much memory.
    #[error("the pattern is too large: {what}; use smaller repetition counts")]
    TooLarge {
        /// What is too large.
        what: String,
    },
    /// It is one, but no engine here does what it says.
    #[error("{construct} at position {position} is not supported")]
    Unsupported {
        /// The construct by its name and as it is written.
        construct: String,
        /// Counted in characters, from 1.
        position: usize,
    },
}

/// Matching was given up: the text is too long for the pattern, or there are too many ways in
/// which the pattern might match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pattern needs too many steps on this text")]
pub struct OverLimit;
