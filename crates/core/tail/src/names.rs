//! What tailing wants to hear of names, and what it is told.

use std::path::PathBuf;

/// A rename within the directories that are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The old name.
    pub from: PathBuf,
    /// The new name.
    pub to: PathBuf,
}

/// What a flow wants to hear of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Directories: names in them that come and go.
    pub directories: Vec<PathBuf>,
    /// Paths that may lead somewhere else one day, or to nothing: directories that may be
    /// recreated, and symbolic links in the middle of a path.
    pub paths: Vec<PathBuf>,
}
