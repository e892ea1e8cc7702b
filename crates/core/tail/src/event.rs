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

kinetail_base::labels! {
    /// What can happen to a file. The names are the label `kind` of the metric
    /// `kinetail_file_transitions_total` and are explained in `docs/tailing.md`.
    #[derive(Hash)]
    pub enum EventKind {
        /// A compressed file that holds the rest of a known content: reading continues in it.
        CompressedCopy = "compressed_copy",
        /// A copy of a known content: reading continues in it where it ended in the original.
        CopyRecognized = "copy_recognized",
        /// Its last name is gone and it is deleted; read to its end through the open descriptor.
        Deleted = "deleted",
        /// A new file; read from byte 0, or from its end at a flow's very first start.
        Appeared = "discovered",
        /// Bytes at the end of what was read were rewritten: continued at the last place that is
        /// proven.
        EndRewritten = "end_rewritten",
        /// A file outside the pattern that holds the rest of a known content.
        FoundElsewhere = "found_elsewhere",
        /// A generation of a log that came and went between two scans: read from byte 0.
        GenerationFound = "generation_found",
        /// A hole that was skipped was written to later: what was filled in is read.
        HoleFilled = "hole_filled",
        /// There are too many holes in a file; what is written to this one later is not read.
        HoleForgotten = "hole_forgotten",
        /// A stretch that was never written was skipped.
        HoleSkipped = "hole_skipped",
        /// A device and inode number that belonged to another content.
        InodeReused = "inode_reused",
        /// Bytes that were never read are gone with the file.
        Abandoned = "lost",
        /// Known from the checkpoints and nowhere to be found at the start.
        Missing = "missing",
        /// It has no name that matches any more; read to its end through the open descriptor.
        MovedAway = "moved_away",
        /// A rotated file has a name that does not tell of its log.
        NameNotCovered = "name_not_covered",
        /// A rotated file was written over with other bytes, which are not read.
        Overwritten = "overwritten",
        /// It equals another file so far; it waits until that is decided.
        Shadow = "pending_copy",
        /// It cannot be opened, examined or read.
        Problem = "problem",
        /// What was a problem works again.
        Recovered = "recovered",
        /// It is read and acknowledged to its end, nothing came for a while, and it was released.
        Released = "released",
        /// The same file has another device number: its file system was mounted again.
        Remounted = "remounted",
        /// It has another name that matches.
        Renamed = "renamed",
        /// Known from the checkpoints; continued at its offset.
        Resumed = "resumed",
        /// It has a name that matches again.
        Returned = "returned",
        /// Its end was cut off: continued at the last place that is proven.
        Shortened = "shortened",
        /// After a start it begins as it did and is shorter than what was read of it.
        Shrunk = "shrunk",
        /// It is shorter than what was read of it, or other bytes stand there: read from byte 0.
        Truncated = "truncated",
    }
}
