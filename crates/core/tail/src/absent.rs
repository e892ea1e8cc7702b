//! Logs whose live name leads to nothing: they were rotated, and nothing is written to a new file
//! yet. Their rotated files, and what is known of them, tell of them; a name without wildcards is
//! known anyway, in each directory.
//!
//! Part of [`crate::tailer`].

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::generations::Logs;
use crate::log_path;
use crate::options::TailOptions;
use crate::rotated::{Rank, Reading, unpacked_name};
use crate::snapshot::Snapshot;

/// The live names that match and are not there: those without wildcards, and those of which
/// rotated files are next to those that match.
pub(crate) fn absent_logs(options: &TailOptions, snapshot: &Snapshot) -> BTreeSet<Arc<Path>> {
    let others = snapshot.others.iter();
    let told = others.flat_map(|path| live_names(options, path, tells_of_log));
    let named = options.pattern.exact_path().into_iter().chain(snapshot.vacant.iter().cloned());
    let absent = told.chain(named).filter(|live| snapshot.listing.at(live).is_none());
    absent.map(Arc::from).collect()
}

/// The live name of the log that a rotated content belongs to, by the path under which it is known.
pub(crate) fn log_of_rotated(options: &TailOptions, path: &Path) -> Option<PathBuf> {
    // Of a file that matches a part of its own name is no tag.
    let matches = options.pattern.matches_path(path);
    let tells =
        |name: &[u8], reading: &Reading| !matches || name.starts_with(reading.live.as_slice());
    let live = live_names(options, path, tells).into_iter().next();
    let itself = || {
        let name = path.file_name()?;
        let rotated = !options.rotated_names.readings_nearby(name.as_bytes()).is_empty();
        (!rotated && matches).then(|| path.to_path_buf())
    };
    live.or_else(itself)
}

/// Whether a file may have been made of the live one of a log that is known.
pub(crate) fn is_of_known_log(options: &TailOptions, logs: &Logs, path: &Path) -> bool {
    live_names(options, path, |_, _| true).iter().any(|live| logs.contains(live))
}

/// The live names that match of which a file may have been made, as far as a test of the readings
/// goes; none that looks like a rotated name of another one.
fn live_names(
    options: &TailOptions,
    path: &Path,
    tells: impl Fn(&[u8], &Reading) -> bool,
) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let name = name.as_bytes();
    let homes = homes(options, directory);
    let readings = options.rotated_names.readings(name).into_iter();
    let lives = |reading: Reading| {
        let live = OsStr::from_bytes(&reading.live).to_owned();
        homes.iter().map(move |home| home.join(&live))
    };
    let names = readings.filter(|reading| tells(name, reading)).flat_map(lives);
    names.filter(|live| is_root(options, live)).collect()
}

/// The directories of which this one may be that of the rotated files: itself, the one above it if
/// it is named after a time, and those from which a template leads to it.
fn homes(options: &TailOptions, directory: &Path) -> Vec<PathBuf> {
    let names = &options.rotated_names;
    let base = options.pattern.base_dir();
    let led_from = names.directories().flat_map(|below| {
        let below = Path::new(below);
        let above = directory.ancestors().nth(below.components().count());
        let above = above.filter(|_| directory.ends_with(below));
        let leads = log_path::normal(&base.join(below)) == log_path::normal(directory);
        above.into_iter().chain(leads.then_some(base))
    });
    let own = std::iter::once(directory).chain(log_path::above_dated(names, directory));
    own.chain(led_from).map(Path::to_path_buf).collect()
}

/// Whether a file by itself tells that there is a log of that name. A compressed one does only if
/// it has a number or a date after the whole name: others may be of anything.
fn tells_of_log(name: &[u8], reading: &Reading) -> bool {
    let after = unpacked_name(name).0.starts_with(&reading.live);
    match reading.rank {
        Rank::Index(_) => after,
        Rank::Date(_) => after || !reading.packed,
        Rank::Unknown => after && !reading.packed && !name.ends_with(b"~"),
        Rank::Counter(_) | Rank::Chain(_) => false,
    }
}

fn is_root(options: &TailOptions, live: &Path) -> bool {
    let Some(name) = live.file_name().map(OsStr::as_bytes) else { return false };
    let shorter = |reading: &Reading| {
        name.starts_with(&reading.live)
            && options.pattern.matches_path(&live.with_file_name(OsStr::from_bytes(&reading.live)))
    };
    options.pattern.matches_path(live)
        && !options.rotated_names.readings_nearby(name).iter().any(shorter)
}
