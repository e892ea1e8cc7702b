//! Places where a log was before its live name led elsewhere: behind a link that was led to another
//! file, replaced or removed, or where the last known file was moved.
//!
//! Part of [`crate::tailer`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::candidate::Candidate;
use crate::disk::Disk;
use crate::file::Tailed;
use crate::identity::Inode;
use crate::log_path::above_dated;
use crate::memory::{Loss, Remembered};
use crate::pattern::is_compressed_name;
use crate::places::{Listed, Place};
use crate::rotated::Rank;
use crate::tailer::Tailer;
use crate::{file, identify, led_before};

/// So many files of a directory are looked for, the youngest ones, to find out where it is now.
const KNOWN_MAX: usize = 3;

/// Where directories are that were looked for.
pub(crate) type Searched = BTreeMap<PathBuf, Option<PathBuf>>;

/// Adds the file that a link led to, and the places of its rotated files.
pub(crate) fn add_led_to<D: Disk>(
    tailer: &Tailer<D>,
    known: &Path,
    target: &Path,
    places: &mut Vec<Place>,
    all: &mut Vec<Listed>,
) {
    for path in led_before::live_names(&tailer.options.rotated_names, known, target) {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let live = name.as_bytes().to_vec();
        let home = directory.to_path_buf();
        for below in tailer.options.rotated_names.directories() {
            let (directory, live) = (directory.join(below), live.clone());
            let home = home.clone();
            places.push(Place { directory, live, linked: true, home, shared: false });
        }
        places.push(Place { directory: home.clone(), live, linked: true, home, shared: false });
        // The link led to it; to a compressed file no link of a log leads.
        let plain = Some(&path).filter(|path| !path.file_name().is_some_and(is_compressed_name));
        if let Some(Ok(stat)) = plain.map(|path| file::stat_path(&tailer.disk, path)) {
            let (rank, series) = (Some(Rank::Unknown), path.clone());
            let listed = Listed::new(path, stat.inode);
            all.push(Listed { rank, series, behind_link: true, ..listed });
        }
    }
}

/// Adds the place to which the last known file was moved. If its directory was moved, the file with
/// the live name there is one of the log, too. If it was moved alone, others may lie there that are
/// not of this log: of those with a name of it the ones count that were born meanwhile.
pub(crate) fn add_moved<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    (places, all): (&mut Vec<Place>, &mut Vec<Listed>),
    searched: &mut Searched,
) {
    let Some(moved) = moved_directory(tailer, live, searched) else { return };
    let (Some(directory), Some(name)) = (moved.live.parent(), moved.live.file_name()) else {
        return;
    };
    if places.iter().any(|place| place.directory == directory) {
        return;
    }
    let (directory, live) = (directory.to_path_buf(), name.as_bytes().to_vec());
    let home = directory.clone();
    places.push(Place { home, directory, live, linked: false, shared: !moved.whole });
    if let Some(Ok(stat)) = moved.whole.then(|| file::stat_path(&tailer.disk, &moved.live)) {
        let series = moved.live.clone();
        let listed = Listed::new(moved.live, stat.inode);
        all.push(Listed { rank: Some(Rank::Unknown), series, ..listed });
    }
}

/// Where the last known file lies now, if that is another directory.
struct Moved {
    /// The live name there.
    live: PathBuf,
    /// The directory was moved, and not the file alone.
    whole: bool,
}

fn moved_directory<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    searched: &mut Searched,
) -> Option<Moved> {
    let log = tailer.history.logs.get(live)?;
    let name = live.file_name()?;
    let last = log.last_known().and_then(|key| tailer.files.get(key));
    let names = &tailer.options.rotated_names;
    let home_of = |file: PathBuf| {
        let directory = file.parent()?;
        Some(above_dated(names, directory).unwrap_or(directory).join(name))
    };
    let now = last.and_then(Tailed::name_now).and_then(home_of);
    let Some(now) = now.filter(|now| now != live) else {
        let own = log.target.as_deref().unwrap_or(live);
        let directory = match log.home {
            Some(home) => led_before::moved_nearby(tailer, own.parent()?, home)?,
            None => moved_while_stopped(tailer, live, searched)?,
        };
        return Some(Moved { live: directory.join(own.file_name()?), whole: true });
    };
    // What is not known of a directory is looked at as if it were the one, and a link leads to
    // several.
    let directory = now.parent()?;
    let other = |home: Inode| tailer.disk.stat(directory).is_ok_and(|stat| stat.inode != home);
    let is_linked = log.target.is_some() || !log.led.is_empty();
    let whole = is_linked || !log.home.is_some_and(other);
    Some(Moved { live: now, whole })
}

/// Where the directory of a log is, if it was moved away while the flow was stopped, and created
/// again: next to where it was, or next to one above that. The files that were known in it tell.
fn moved_while_stopped<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    searched: &mut Searched,
) -> Option<PathBuf> {
    let log = tailer.history.logs.get(live)?;
    let again = !tailer.schedule.first_scan_done || log.unsure;
    let directory = live.parent().filter(|_| again)?;
    if let Some(found) = searched.get(directory) {
        return found.clone();
    }
    let missing = tailer.memory.iter().filter(|content| is_missing_in(content, directory));
    let mut missing: Vec<&Remembered> = missing.collect();
    missing.sort_unstable_by_key(|content| Reverse(content.key));
    let found = missing.into_iter().take(KNOWN_MAX).find_map(|content| {
        let (moved, file) = led_before::nearby(tailer, directory, content.inode)?;
        let follow = tailer.options.pattern.follow_links();
        let candidate = Candidate::open(&tailer.disk, &file, follow).ok()?;
        (identify::at_its_place(tailer, &candidate) == Some(content.key)).then_some(moved)
    });
    searched.insert(directory.to_path_buf(), found.clone());
    found
}

/// Whether a content is known of an earlier run that lay in this directory, and tells something.
fn is_missing_in(content: &Remembered, directory: &Path) -> bool {
    content.lost.why == Loss::Stopped
        && !content.whereabouts.located
        && !content.is_empty()
        // What a link led to is looked for where that is.
        && content.whereabouts.real.is_none()
        && content.path.parent() == Some(directory)
}
