//! What the last scan listed, and what it left to be tried again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::names::Renamed;
use crate::rotation::Entry;
use crate::snapshot::Snapshot;
use crate::trouble::Unmatched;

/// What scans left.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    /// The last listing.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// Files that match and could not be opened; they are tried in turn.
    pub(crate) refused: VecDeque<Entry>,
    /// Directories of missing generations that are not there, or could not be searched wholly.
    pub(crate) unsearched: Vec<PathBuf>,
    /// Renames that inotify reported lately, in order.
    pub(crate) renames: VecDeque<(Instant, Renamed)>,
    /// Since when no file matches.
    pub(crate) unmatched: Option<Unmatched>,
    /// Files that are delivered are removed: then it is well if none is left.
    pub(crate) loses_files: bool,
    /// A file matched, at some time.
    pub(crate) had_match: bool,
}
