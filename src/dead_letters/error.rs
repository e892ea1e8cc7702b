//! What can be wrong with the directory of dead letters.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What failed, where, and what to do.
#[derive(Debug, Error)]
pub enum DeadLetterError {
    /// The system refused.
    #[error(
        "cannot {doing} {}: {source}; {}",
        path.display(), fix(source)
    )]
    Io {
        /// What was about to be done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others could read or replace what is written there.
    #[error("cannot use {}: {why}; {fix}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        fix: &'static str,
    },
}

/// What to do about a refusal.
fn fix(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            "set deadLetterDirectory to a directory"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let kinetail's user write there"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space on its disk",
        _ => "free space on its disk, and let kinetail's user write there",
    }
}

impl DeadLetterError {
    pub(super) fn io(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { doing, path: path.to_owned(), source: source.into() }
    }
}
