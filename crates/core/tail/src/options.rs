//! What a tailer is told: the configuration of its flow, earlier runs, and the time.

use std::time::{Duration, Instant};

use crate::pattern::FilePattern;
use crate::rotated::RotatedNames;
use crate::space::SpaceGuard;

/// A last line without a line end waits this long for the rest after its file was rotated.
pub const ROTATED_HOLD: Duration = Duration::from_secs(3);

/// A deleted file is released when nothing was written to it for this long. It holds disk space.
pub const DELETED_LINGER: Duration = Duration::from_mins(1);

/// A file that was moved out of the pattern is released when nothing was written for this long.
pub const MOVED_LINGER: Duration = Duration::from_hours(1);

/// The moment of a step, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For everything that is measured.
    pub instant: Instant,
    /// For comparing with file stamps only: nanoseconds since 1970.
    pub wall_nanos: i128,
}

/// What a tailer needs to know from the configuration.
#[derive(Debug, Clone)]
pub struct TailOptions {
    /// Which files.
    pub pattern: FilePattern,
    /// How often to look for new names without a notification.
    pub scan_interval: Duration,
    /// Begin behind the last line of files found by the very first scan.
    pub start_at_end: bool,
    /// Header lines at the start of each file; they are never skipped by starting at the end.
    pub skip_header_lines: u64,
    /// How long a complete multi-line record waits for more lines; `None` for single lines.
    pub multi_line_hold: Option<Duration>,
    /// A last line without a line end is sent after this long; `None`: it waits.
    pub partial_line_hold: Option<Duration>,
    /// Whether files that begin with the mark of UTF-16 are ignored.
    pub refuse_utf16: bool,
    /// How many descriptors files may take.
    pub descriptors_max: usize,
    /// When held files have to give their disk space back.
    pub space: SpaceGuard,
    /// Which names rotated files get.
    pub rotated_names: RotatedNames,
    /// Whether a younger generation of a log waits for an older one however long that takes.
    pub strict_order: bool,
    /// When the flow ran before; `None` at its very first start.
    pub earlier: Option<Earlier>,
}

/// Times of earlier runs, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// The flow's very first start. What is older was left alone then, and is so for good.
    pub first_start_nanos: i128,
    /// When a checkpoint was written last: by then the flow had looked at its files.
    pub last_known_nanos: i128,
}

/// What filling the window for a file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The file is not there any more or cannot be read now; it is looked at again later.
    Nothing,
    /// The window holds the bytes behind the file's position.
    Ready,
}

impl TailOptions {
    /// How many files may be open.
    pub(crate) fn open_files_max(&self) -> usize {
        self.descriptors_max.max(1)
    }
}
