//! Where a log was before its live name led elsewhere: in a directory that was moved away. What it
//! led to by links is in [`crate::led_before`].
//!
//! Part of [`crate::tailer`].

use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::tailer::Tailer;

/// The live name in the directory where the last known file lies now, if that is another one: the
/// directory was moved away, with what was rotated in it.
pub(crate) fn in_moved_directory<D: Disk>(tailer: &Tailer<D>, live: &Path) -> Option<PathBuf> {
    let last = tailer.history.logs.get(live)?.last_known()?;
    let now = tailer.files.get(last)?.name_now()?;
    Some(now.with_file_name(live.file_name()?)).filter(|path| path != live)
}
