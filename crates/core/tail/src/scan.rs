//! Names: which files came, went, or go by another name since the last scan.
//!
//! Part of [`crate::tailer`]. Names are believed only after contents were looked at again, because
//! a file may have been rewritten and then renamed or copied since the last look.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::candidate::Candidate;
use crate::compressed::hunt;
use crate::disk::Disk;
use crate::event::EventKind;
use crate::names::Wanted;
use crate::options::Now;
use crate::rotation::{self, Entry, Known, Transition};
use crate::snapshot::Snapshot;
use crate::tailer::Tailer;
use crate::{
    account, discover, located, missing, remount, renamed, renaming, row, search_again, trouble,
    turns, waiting_tries, work,
};

/// Directories are listed this often even if nothing says that they changed, as long as the
/// files are few.
const FULL_SCAN_EVERY: Duration = Duration::from_secs(10);

/// A listing costs 2 to 5 microseconds a file; this much time to the next one for each file
/// keeps listings for nothing below a quarter of a per cent of a core.
const FULL_SCAN_EVERY_PER_FILE: Duration = Duration::from_millis(5);

/// The longest time between two such listings.
const FULL_SCAN_EVERY_MAX: Duration = Duration::from_mins(1);

/// A listing, and what follows it, costs up to 5 microseconds a name; this much time to the next
/// one for each keeps a directory whose names change all the time below a tenth of a core.
const LISTING_PAUSE_PER_NAME: Duration = Duration::from_micros(50);

/// Of the files that could not be opened this many are tried again in one scan.
const REFUSED_TRIES_MAX: usize = 256;

pub(crate) fn scan<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    tailer.schedule.next_scan = now.instant + tailer.options.scan_interval;
    let current = tailer
        .directories
        .snapshot
        .as_ref()
        .is_some_and(|snapshot| snapshot.is_current(&tailer.disk));
    let opens = some_refused_file_opens(tailer) || waiting_tries::some_waiting_file_opens(tailer);
    // What was told of renames is looked at before it is forgotten, whatever the stamps say.
    let told = !tailer.directories.renames.is_empty() || tailer.history.logs.is_unsure();
    if current && !opens && !told && now.instant < tailer.schedule.next_full_scan {
        return;
    }
    let looked_nanos = tailer.disk.now_nanos(now.wall_nanos);
    let every = tailer.files.paced(FULL_SCAN_EVERY_PER_FILE, FULL_SCAN_EVERY, FULL_SCAN_EVERY_MAX);
    tailer.schedule.next_full_scan = now.instant + every;
    tailer.schedule.scans += 1;
    let mut snapshot = Snapshot::take(&tailer.disk, &tailer.options.pattern, now.wall_nanos);
    if let Some(earlier) = &tailer.directories.snapshot {
        snapshot.share_names(earlier);
    }
    let snapshot = Arc::new(snapshot);
    let names = u32::try_from(snapshot.names_listed).unwrap_or(u32::MAX);
    let pause = LISTING_PAUSE_PER_NAME.saturating_mul(names).min(tailer.options.scan_interval);
    tailer.schedule.no_scan_before = now.instant + pause;
    trouble::report_problems(tailer, &snapshot.problems);
    trouble::report_match(tailer, &snapshot);
    apply(tailer, &snapshot, now);
    trouble::rename_refused(tailer);
    tailer.directories.snapshot = Some(Arc::clone(&snapshot));
    renamed::follow_renamed(tailer, now);
    account::account(tailer, &snapshot, looked_nanos, now);
    waiting_tries::try_waiting(tailer, now);
    if now.instant >= tailer.schedule.next_save {
        row::save_time(tailer, now.instant);
    }
    if !tailer.schedule.first_scan_done {
        tailer.schedule.first_scan_done = true;
        search_again::search_elsewhere(tailer, now);
        hunt::report_missing_after_hunt(tailer);
    } else if !tailer.directories.unsearched.is_empty() {
        search_again::search_what_came_back(tailer, now);
    }
    // Before the next search begins: while one is under way nothing is given up.
    missing::expire_memory(tailer, now.instant);
    missing::give_up_vanished(tailer, now.instant);
    missing::forget_finished(tailer, now.instant);
    hunt::hunt_soon(tailer);
}

/// Tries files that matched and could not be opened: permission may have been granted, which
/// leaves no trace in their directory. Says whether one of them can be opened now.
fn some_refused_file_opens<D: Disk>(tailer: &mut Tailer<D>) -> bool {
    for _ in 0..tailer.directories.refused.len().min(REFUSED_TRIES_MAX) {
        let Some(entry) = tailer.directories.refused.pop_front() else { return false };
        match Candidate::open(&tailer.disk, &entry.path, tailer.options.pattern.follow_links()) {
            Ok(_) => {
                // What was in the way of this one may have been in the way of the others.
                let others = tailer.directories.refused.len().min(REFUSED_TRIES_MAX);
                drop(tailer.directories.refused.drain(..others));
                return true;
            }
            Err(_) => tailer.directories.refused.push_back(entry),
        }
    }
    false
}

fn apply<D: Disk>(tailer: &mut Tailer<D>, snapshot: &Snapshot, now: Now) {
    remount::find_remounted(tailer, &snapshot.listing, now);
    tailer.directories.refused.retain(|refused| snapshot.listing.contains(refused));
    if transitions(tailer, snapshot).is_empty() {
        return;
    }
    // Before names are believed, contents are: a file may have been rewritten and then
    // renamed or copied since the last look.
    for key in tailer.files.keys().copied().collect::<Vec<_>>() {
        work::poll(tailer, key, now);
    }
    let (mut appeared, mut unlisted) = (Vec::new(), Vec::new());
    for transition in transitions(tailer, snapshot) {
        match transition {
            Transition::Appeared(entry) => appeared.push(entry),
            Transition::Renamed { key, path } => {
                renaming::rename(tailer, key, &path, EventKind::Renamed, now.instant);
            }
            Transition::Returned { key, path } => {
                renaming::rename(tailer, key, &path, EventKind::Returned, now.instant);
            }
            Transition::Unlisted { key } => unlisted.push(key),
        }
    }
    located::locate(tailer, &unlisted);
    for key in unlisted {
        renaming::unlist(tailer, key, now.instant);
    }
    discover::take_in(tailer, &appeared, now);
    turns::sweep_soon(tailer);
}

fn transitions<D: Disk>(tailer: &Tailer<D>, snapshot: &Snapshot) -> Vec<Transition> {
    let known: Vec<Known> = tailer
        .files
        .values()
        .map(|file| Known {
            key: file.key,
            inode: file.inode,
            path: Arc::clone(&file.path),
            listed: file.is_listed(),
        })
        .collect();
    let mut found = rotation::transitions(&known, &snapshot.listing);
    if !tailer.directories.refused.is_empty() {
        let refused: BTreeSet<&Entry> = tailer.directories.refused.iter().collect();
        found.retain(|transition| match transition {
            Transition::Appeared(entry) => !refused.contains(entry),
            Transition::Renamed { .. }
            | Transition::Returned { .. }
            | Transition::Unlisted { .. } => true,
        });
    }
    found
}

/// What the last scan went through, to be watched.
pub(crate) fn wanted<D: Disk>(tailer: &Tailer<D>) -> Wanted {
    let Some(snapshot) = &tailer.directories.snapshot else { return Wanted::default() };
    let there = snapshot.directories.iter().filter(|(_, stamp)| stamp.is_some());
    let base = tailer.options.pattern.base_dir();
    // A link in the path of the base directory may lead elsewhere one day.
    let is_link = |path: &&Path| tailer.disk.is_link(path).unwrap_or(false);
    let links = base.ancestors().skip(1).filter(is_link);
    Wanted {
        directories: there.map(|(path, _)| path.clone()).collect(),
        paths: std::iter::once(base).chain(links).map(Path::to_path_buf).collect(),
    }
}
