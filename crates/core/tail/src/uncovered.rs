//! Rotated files whose names do not tell of their log. A known file is read under any name, but the
//! next generation that comes and goes between two looks would not be found. That is told once.
//!
//! Part of [`crate::tailer`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::absent;
use crate::disk::Disk;
use crate::event::EventKind;
use crate::places;
use crate::rotated::RotatedNames;
use crate::tailer::Tailer;

/// A known generation has another name now, which no pattern covers.
pub(crate) fn note_name<D: Disk>(tailer: &mut Tailer<D>, known: &Path, now: &Path) {
    let is_off = matches!(tailer.options.rotated_names, RotatedNames::Off);
    // Files that are removed when they are read get names of ours.
    let is_ours = tailer.directories.loses_files;
    if tailer.history.told_uncovered || is_off || is_ours {
        return;
    }
    // What matches is followed whatever its name says.
    if known == now || tailer.options.pattern.matches_path(now) {
        return;
    }
    let Some(live) = absent::log_of_rotated(&tailer.options, known) else { return };
    let Some(why) = why_uncovered(tailer, &live, now) else { return };
    tailer.history.told_uncovered = true;
    let detail = format!(
        "{} was rotated to {why}; a generation that gets such a name while kinetail is stopped or \
         paused is not found; add a template, or let filePattern match the name",
        live.display()
    );
    tailer.out.event(EventKind::NameNotCovered, &Arc::from(now), detail);
}

/// Why a file would not be found as a rotated one of a log.
fn why_uncovered<D: Disk>(tailer: &Tailer<D>, live: &Path, now: &Path) -> Option<&'static str> {
    let known = tailer.history.logs.get(live).and_then(|log| log.target.clone());
    let target = known.or_else(|| places::target_now(tailer, live));
    let name = now.file_name()?;
    let readings = tailer.options.rotated_names.all_readings(name.as_bytes());
    let no_name = "a name that does not belong to it";
    if let Some(target) = target {
        // The link may have led to a file of another name, which has not changed.
        let renamed = now.parent() == target.parent() && is_made_of(name, target.file_name()?);
        return (readings.is_empty() && renamed).then_some(no_name);
    }
    let live_name = live.file_name()?.as_bytes();
    let directory = live.parent()?;
    // The whole directory was moved, or is not there for a while.
    tailer.disk.stat(directory).ok()?;
    if now.file_name() != live.file_name() && !readings.iter().any(|r| r.live == live_name) {
        return Some(no_name);
    }
    let searched = |path: &Path| -> bool {
        let directories: Vec<PathBuf> = places::directories_of_log(tailer, live);
        directories.iter().any(|directory| Some(&**directory) == path.parent())
    };
    let is_searched = now.parent() == Some(directory) || searched(now);
    (!is_searched).then_some("a directory that is not searched")
}

/// Whether a name begins with another one and has something behind it.
fn is_made_of(name: &OsStr, original: &OsStr) -> bool {
    name != original && name.as_bytes().starts_with(original.as_bytes())
}
