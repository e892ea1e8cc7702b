//! Where a log was before its live name led elsewhere: behind a link that was led to another file,
//! replaced or removed, or in a directory that was moved away.
//!
//! Part of [`crate::tailer`].

use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::led_before;
use crate::tailer::Tailer;

/// A path that a live name may have led to.
pub(crate) struct Left {
    pub(crate) path: PathBuf,
    /// By a link, so that rotated files there may be named like something else.
    pub(crate) linked: bool,
}

/// Paths that the live name may have led to, in directories that it does not lead to now. `target`:
/// what it leads to through links now.
pub(crate) fn left_places<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    target: Option<&Path>,
) -> Vec<Left> {
    let known = match target {
        Some(target) => led_before::file_before(tailer, live, target),
        // It was a link when the log was accounted for, and is none now.
        None => tailer.history.logs.get(live).and_then(|log| log.target.clone()),
    };
    let names = &tailer.options.rotated_names;
    let now = target.unwrap_or(live);
    let led_to = known.into_iter().flat_map(|known| led_before::live_names(names, &known, now));
    let by_link = led_to.map(|path| Left { path, linked: true });
    let moved = in_moved_directory(tailer, live).map(|path| Left { path, linked: false });
    by_link.chain(moved).filter(|left| left.path != live).collect()
}

/// The live name in the directory where the last known file lies now, if that is another one: the
/// directory was moved away, with what was rotated in it.
fn in_moved_directory<D: Disk>(tailer: &Tailer<D>, live: &Path) -> Option<PathBuf> {
    let last = tailer.history.logs.get(live)?.last_known()?;
    let now = tailer.files.get(last)?.name_now()?;
    Some(now.with_file_name(live.file_name()?))
}
