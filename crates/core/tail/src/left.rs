//! Places where a log was before its live name led elsewhere: behind a link that was led to another
//! file, replaced or removed, or where the last known file was moved.
//!
//! Part of [`crate::tailer`].

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::pattern::is_compressed_name;
use crate::places::{Listed, Place};
use crate::rotated::Rank;
use crate::tailer::Tailer;
use crate::{file, led_before};

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
            places.push(Place { directory, live, linked: true, home: home.clone() });
        }
        places.push(Place { directory: home.clone(), live, linked: true, home });
        // The link led to it; to a compressed file no link of a log leads.
        let plain = Some(&path).filter(|path| !path.file_name().is_some_and(is_compressed_name));
        if let Some(Ok(stat)) = plain.map(|path| file::stat_path(&tailer.disk, path)) {
            let (rank, series) = (Some(Rank::Unknown), path.clone());
            let listed = Listed::new(path, stat.inode);
            all.push(Listed { rank, series, behind_link: true, ..listed });
        }
    }
}

/// Adds the place to which the last known file was moved, and the file with the live name there.
pub(crate) fn add_moved<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    places: &mut Vec<Place>,
    all: &mut Vec<Listed>,
) {
    let Some(path) = in_moved_directory(tailer, live) else { return };
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return };
    if places.iter().any(|place| place.directory == directory) {
        return;
    }
    let (directory, live) = (directory.to_path_buf(), name.as_bytes().to_vec());
    places.push(Place { home: directory.clone(), directory, live, linked: false });
    if let Ok(stat) = file::stat_path(&tailer.disk, &path) {
        let series = path.clone();
        let listed = Listed::new(path, stat.inode);
        all.push(Listed { rank: Some(Rank::Unknown), series, ..listed });
    }
}

/// The live name in the directory where the last known file lies now, if that is another one: the
/// file was moved there with its directory, or alone, as others may have been.
fn in_moved_directory<D: Disk>(tailer: &Tailer<D>, live: &Path) -> Option<PathBuf> {
    let last = tailer.history.logs.get(live)?.last_known()?;
    let now = tailer.files.get(last)?.name_now()?;
    Some(now.with_file_name(live.file_name()?)).filter(|path| path != live)
}
