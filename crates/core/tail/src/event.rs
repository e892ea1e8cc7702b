//! What happened to files, by name. Every event is counted, and most are a log line.

use std::path::Path;
use std::sync::Arc;

/// One event on one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEvent {
    /// What happened.
    pub kind: EventKind,
    /// To which file.
    pub path: Arc<Path>,
    /// The rest of the story: an old name, an offset, an error.
    pub detail: String,
    /// How many bytes are lost by it; 0 for everything but [`EventKind::Abandoned`].
    pub bytes: u64,
}

/// What can happen to a file. The names are the label `kind` of the metric
/// `kinetail_file_transitions_total` and are explained in `docs/tailing.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A new file; read from byte 0, or from its end at a flow's very first start.
    Appeared,
    /// A compressed file that holds the rest of a known content: reading continues in it.
    CompressedCopy,
    /// A copy of a known content: reading continues in it where it ended in the original.
    CopyRecognized,
    /// Its last name is gone and it is deleted; read to its end through the open descriptor.
    Deleted,
    /// Bytes that were never read are gone with the file.
    Abandoned,
    /// Bytes at the end of what was read were rewritten: continued at the last place that is
    /// proven.
    EndRewritten,
    /// A file outside the pattern that holds the rest of a known content.
    FoundElsewhere,
    /// A generation of a log that came and went between two scans: read from byte 0.
    GenerationFound,
    /// A hole that was skipped was written to later: what was filled in is read.
    HoleFilled,
    /// There are too many holes in a file; what is written to this one later is not read.
    HoleForgotten,
    /// A stretch that was never written was skipped.
    HoleSkipped,
    /// A device and inode number that belonged to another content.
    InodeReused,
    /// Known from the checkpoints and nowhere to be found at the start.
    Missing,
    /// It has no name that matches any more; read to its end through the open descriptor.
    MovedAway,
    /// A rotated file has a name that does not tell of its log.
    NameNotCovered,
    /// A rotated file was written over with other bytes, which are not read.
    Overwritten,
    /// It cannot be opened, examined or read.
    Problem,
    /// What was a problem works again.
    Recovered,
    /// It is read and acknowledged to its end, nothing came for a while, and it was released.
    Released,
    /// The same file has another device number: its file system was mounted again.
    Remounted,
    /// It has another name that matches.
    Renamed,
    /// Known from the checkpoints; continued at its offset.
    Resumed,
    /// It has a name that matches again.
    Returned,
    /// It equals another file so far; it waits until that is decided.
    Shadow,
    /// Its end was cut off: continued at the last place that is proven.
    Shortened,
    /// After a start it begins as it did and is shorter than what was read of it.
    Shrunk,
    /// It is shorter than what was read of it, or other bytes stand there: read from byte 0.
    Truncated,
}

impl EventKind {
    /// All of them, in the order of their labels.
    pub const ALL: &[Self] = &[
        Self::CompressedCopy,
        Self::CopyRecognized,
        Self::Deleted,
        Self::Appeared,
        Self::EndRewritten,
        Self::FoundElsewhere,
        Self::GenerationFound,
        Self::HoleFilled,
        Self::HoleForgotten,
        Self::HoleSkipped,
        Self::InodeReused,
        Self::Abandoned,
        Self::Missing,
        Self::MovedAway,
        Self::NameNotCovered,
        Self::Overwritten,
        Self::Shadow,
        Self::Problem,
        Self::Recovered,
        Self::Released,
        Self::Remounted,
        Self::Renamed,
        Self::Resumed,
        Self::Returned,
        Self::Shortened,
        Self::Shrunk,
        Self::Truncated,
    ];

    /// The label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Abandoned => "lost",
            Self::Appeared => "discovered",
            Self::CompressedCopy => "compressed_copy",
            Self::CopyRecognized => "copy_recognized",
            Self::Deleted => "deleted",
            Self::EndRewritten => "end_rewritten",
            Self::FoundElsewhere => "found_elsewhere",
            Self::GenerationFound => "generation_found",
            Self::HoleFilled => "hole_filled",
            Self::HoleForgotten => "hole_forgotten",
            Self::HoleSkipped => "hole_skipped",
            Self::InodeReused => "inode_reused",
            Self::Missing => "missing",
            Self::MovedAway => "moved_away",
            Self::NameNotCovered => "name_not_covered",
            Self::Overwritten => "overwritten",
            Self::Problem => "problem",
            Self::Recovered => "recovered",
            Self::Released => "released",
            Self::Remounted => "remounted",
            Self::Renamed => "renamed",
            Self::Resumed => "resumed",
            Self::Returned => "returned",
            Self::Shadow => "pending_copy",
            Self::Shortened => "shortened",
            Self::Shrunk => "shrunk",
            Self::Truncated => "truncated",
        }
    }
}
