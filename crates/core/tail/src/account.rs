//! Accounts for every generation of a log: when a live name leads to another content than before,
//! the files that came and went in between are looked for where rotated files of that log lie.
//!
//! Part of [`crate::tailer`]. It runs behind every full scan, after the live names are followed:
//! what was rotated away while the directory was being listed is found by the next one, which is
//! due at once. Which files are younger than what is known is decided in [`super::generations`].

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compressed::generation;
use crate::disk::Disk;
use crate::examine::{self, Look};
use crate::generations::Found;
use crate::identity::FileKey;
use crate::options::Now;
use crate::places::{self, Listings};
use crate::rotated::{Rank, unpacked_name};
use crate::snapshot::{Snapshot, Stamp};
use crate::tailer::Tailer;
use crate::{absent, file, turns};

/// After so many scans in a row that something changed under, the next one is made when it is due.
const UNSURE_SCANS_MAX: u8 = 3;

/// Accounts for all logs whose live name leads to another content than before.
/// `looked_nanos`: when the scan began.
pub(crate) fn account<D: Disk>(
    tailer: &mut Tailer<D>,
    snapshot: &Snapshot,
    looked_nanos: i128,
    now: Now,
) {
    let first_ever = tailer.options.earlier.is_none() && !tailer.schedule.first_scan_done;
    if first_ever {
        tailer.history.logs.begin(looked_nanos);
    }
    let (mut unsure, mut unlinked) = (false, None);
    let mut listings = Listings::default();
    let absent = absent::absent_logs(&tailer.options, snapshot);
    for live in live_names(tailer, snapshot, &absent) {
        let newest = content_at(tailer, &live, snapshot);
        let before = tailer.history.logs.get(&live).and_then(|log| log.newest);
        tailer.history.order.note_live(&live, before, newest);
        let stamp = match newest {
            Some(_) => None,
            None => stamp_of_absent(tailer, &live, snapshot),
        };
        let log = tailer.history.logs.entry(&live);
        // A crash may have come between following a live file and accounting for its log.
        let same = log.newest == newest
            && (newest.is_some() || (stamp.is_some() && stamp == log.stamp))
            && tailer.schedule.first_scan_done;
        if first_ever || (same && !log.unsure) {
            log.accounted(newest, stamp, looked_nanos);
            if first_ever {
                places::note_target(tailer, &live, &mut unlinked);
            }
            note_home(tailer, &live, snapshot, first_ever);
            continue;
        }
        let look = account_for(tailer, &live, &mut listings, now);
        let log = tailer.history.logs.entry(&live);
        log.unsure = look.unsure || look.blocked;
        log.last = log.last.max(look.last);
        unsure |= look.unsure;
        if !log.unsure && !look.hidden {
            log.target = look.target;
            log.accounted(newest, stamp, looked_nanos);
            note_home(tailer, &live, snapshot, true);
        }
    }
    places::report_places(tailer, &listings);
    unsure |= accept_lone_archives(tailer, snapshot, now);
    tailer.schedule.unsure_scans =
        if unsure { tailer.schedule.unsure_scans.saturating_add(1) } else { 0 };
    if unsure {
        if tailer.schedule.unsure_scans <= UNSURE_SCANS_MAX {
            tailer.schedule.next_scan = now.instant;
        }
    } else if listings.unlisted.is_empty() {
        tailer.history.logs.looked(looked_nanos);
    }
    forget_old_logs(tailer, snapshot, &absent);
}

/// Notes in which directory the file of a log lies: should that be moved away, it is known by its
/// inode. Behind a link it is asked for if something changed.
fn note_home<D: Disk>(
    tailer: &mut Tailer<D>,
    live: &Arc<Path>,
    snapshot: &Snapshot,
    changed: bool,
) {
    let Some(log) = tailer.history.logs.get(live) else { return };
    let home = match log.target.as_deref().and_then(Path::parent) {
        None => live.parent().and_then(|directory| snapshot.inode_of(directory)),
        Some(_) if !changed && log.home.is_some() => return,
        Some(directory) => tailer.disk.stat(directory).ok().map(|stat| stat.inode),
    };
    tailer.history.logs.entry(live).home = home;
}

/// What tells whether something came or went in the directory of a log that is absent. Where its
/// files may lie elsewhere, too, nothing does: behind a link that leads nowhere, for example.
fn stamp_of_absent<D: Disk>(tailer: &Tailer<D>, live: &Path, snapshot: &Snapshot) -> Option<Stamp> {
    let one_place = tailer.options.rotated_names.directories().next().is_none()
        && snapshot.listing.at(live).is_none()
        && !tailer.disk.is_link(live).unwrap_or_else(|error| !error.is_missing());
    live.parent().filter(|_| one_place).and_then(|directory| snapshot.settled_stamp(directory))
}

/// The names in a listing under which logs are written: those that are not rotated names of
/// another one, and those that were seen before and are not there now.
fn live_names<D: Disk>(
    tailer: &Tailer<D>,
    snapshot: &Snapshot,
    absent: &BTreeSet<Arc<Path>>,
) -> Vec<Arc<Path>> {
    let listed = snapshot.listing.entries.iter().map(|entry| &entry.path);
    let mut lives: Vec<Arc<Path>> =
        listed.filter(|path| !is_rotated_name(tailer, path, snapshot)).cloned().collect();
    let is_there = |path: &Path| snapshot.listing.at(path).is_some();
    let gone = tailer.history.logs.names().filter(|live| !is_there(live));
    lives.extend(gone.cloned());
    lives.extend(absent.iter().filter(|live| !tailer.history.logs.contains(live)).cloned());
    lives
}

/// Whether a name is the rotated one of a log that is known or listed.
fn is_rotated_name<D: Disk>(tailer: &Tailer<D>, path: &Path, snapshot: &Snapshot) -> bool {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return false;
    };
    if tailer.history.logs.contains(path) {
        return false;
    }
    let readings = tailer.options.rotated_names.readings_nearby(name.as_bytes()).into_iter();
    // `app-2.log` may be a log of its own next to `app.log`; to be both does no harm.
    readings.filter(|reading| !matches!(reading.rank, Rank::Counter(_))).any(|reading| {
        let live = directory.join(OsStr::from_bytes(&reading.live));
        snapshot.listing.at(&live).is_some() || tailer.history.logs.contains(&live)
    })
}

/// The content that a live name led to in a listing.
fn content_at<D: Disk>(tailer: &Tailer<D>, live: &Path, snapshot: &Snapshot) -> Option<FileKey> {
    let entry = snapshot.listing.at(live)?;
    tailer.files.by_inode.get(&entry.inode).copied()
}

/// Looks for generations of a log that were not followed, and follows them, the oldest first.
fn account_for<D: Disk>(
    tailer: &mut Tailer<D>,
    live: &Arc<Path>,
    listings: &mut Listings,
    now: Now,
) -> Look {
    let mut look = Look::default();
    let places = places::list_places(tailer, live, listings);
    look.unsure = listings.unsure;
    look.blocked = places.blocked;
    look.target = places.target;
    look.hidden = places.hidden;
    for listed in places.listed {
        examine::examine_generation(tailer, live, &listed, &mut look, now);
    }
    // The live name must still lead to what is followed, or something came in between.
    if let Ok(stat) = file::stat_path(&tailer.disk, live) {
        look.unsure |= !tailer.files.by_inode.contains_key(&stat.inode)
            && !tailer.directories.refused.iter().any(|entry| entry.path == *live);
    }
    let Some(log) = tailer.history.logs.get(live).cloned() else { return look };
    let now_nanos = tailer.disk.now_nanos(now.wall_nanos);
    let found = std::mem::take(&mut look.found);
    let between = tailer.history.logs.between(&log, look.mark.as_ref(), found, now_nanos);
    let mut keys = Vec::new();
    for found in between {
        if found.packed {
            look.unsure |= !generation::accept_archive(tailer, found.inode, &found.path);
        } else if let Some(key) = examine::follow_generation(tailer, &found, &mut look, now) {
            keys.push(key);
        }
    }
    look.last = keys.last().copied();
    // They are read before what is written now.
    for key in keys.into_iter().rev() {
        tailer.turns.queue.retain(|queued| *queued != key);
        if let Some(file) = tailer.files.get_mut(key) {
            file.pace.set_queued(false);
        }
        turns::requeue_first(tailer, key);
    }
    look
}

/// Compressed files of a series in which each generation has a name of its own, such as
/// `app-2026-11-29.log`: one that came and was compressed between two scans.
///
/// Says whether one of them could not be looked at: it is looked at again.
fn accept_lone_archives<D: Disk>(tailer: &mut Tailer<D>, snapshot: &Snapshot, now: Now) -> bool {
    let mut unsure = false;
    if tailer.options.earlier.is_none() && !tailer.schedule.first_scan_done {
        return unsure;
    }
    let now_nanos = tailer.disk.now_nanos(now.wall_nanos);
    for path in &snapshot.packed {
        let Some(name) = path.file_name() else { continue };
        let plain = path.with_file_name(OsStr::from_bytes(unpacked_name(name.as_bytes()).0));
        let there = snapshot.listing.at(&plain).is_some();
        if there {
            continue;
        }
        let stat = match file::stat_path(&tailer.disk, path) {
            Ok(stat) => stat,
            Err(error) => {
                unsure |= !error.is_missing() && is_of_series(tailer, &plain);
                continue;
            }
        };
        let inode = stat.inode;
        let found = Found {
            inode,
            path: path.clone(),
            rank: Rank::Unknown,
            series: plain.clone(),
            packed: true,
            behind_link: false,
            changed: false,
            born_nanos: None,
            modified_nanos: stat.modified_nanos,
        };
        let plain: Arc<Path> = Arc::from(plain);
        let log = tailer.history.logs.fresh();
        if !tailer.history.logs.between(&log, None, vec![found], now_nanos).is_empty()
            && !is_known_name(tailer, &plain)
            && is_of_series(tailer, &plain)
            && !generation::accept_archive(tailer, inode, path)
        {
            unsure = true;
        }
    }
    unsure
}

/// Whether a name that matches has a date or a number in it, and no log is known without it.
fn is_of_series<D: Disk>(tailer: &Tailer<D>, plain: &Path) -> bool {
    let Some(name) = plain.file_name() else { return false };
    let readings = tailer.options.rotated_names.readings(name.as_bytes());
    let dated = readings.iter().filter(|reading| reading.rank != Rank::Unknown);
    let lives: Vec<PathBuf> =
        dated.map(|reading| plain.with_file_name(OsStr::from_bytes(&reading.live))).collect();
    !lives.is_empty() && !lives.iter().any(|live| tailer.history.logs.contains(live))
}

/// Whether a content is known that had this name.
fn is_known_name<D: Disk>(tailer: &Tailer<D>, path: &Path) -> bool {
    tailer.files.values().any(|file| *file.path == *path)
        || tailer.memory.iter().any(|content| *content.path == *path)
}

/// Live names that are gone, and with them all that was known of them.
fn forget_old_logs<D: Disk>(
    tailer: &mut Tailer<D>,
    snapshot: &Snapshot,
    absent: &BTreeSet<Arc<Path>>,
) {
    let Tailer { history, files, memory, .. } = tailer;
    history.logs.retain(|live, log| {
        // What costs least is asked first.
        log.unsure
            || log
                .last_known()
                .is_some_and(|key| files.contains_key(key) || memory.get(key).is_some())
            || absent.contains(live)
            || snapshot.listing.at(live).is_some()
    });
    history.logs.note_unsure();
}
