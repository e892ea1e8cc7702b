//! Names: which files came, went, or go by another name since the last scan.
//!
//! Part of [`Tailer`]. Names are believed only after contents were looked at again, because a
//! file may have been written anew and then renamed or copied since the last look.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::candidate::Candidate;
use super::disk::{Disk, OpenFile};
use super::event::EventKind;
use super::identity::FileKey;
use super::rotation::{Entry, Known, Transition, transitions};
use super::snapshot::Snapshot;
use super::tailer::{Now, Tailer, checkpoint_at_ack};
use kinetail_base::checkpoint::Change;

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

impl<D: Disk> Tailer<D> {
    pub(super) fn scan(&mut self, now: Now) {
        self.next_scan = now.instant + self.options.scan_interval;
        let current =
            self.snapshot.as_ref().is_some_and(|snapshot| snapshot.is_current(&self.disk));
        let opens = self.some_refused_file_opens() || self.some_waiting_file_opens();
        // What was told of renames is looked at before it is forgotten, whatever the stamps say.
        let told = !self.renames.is_empty() || self.logs.is_unsure();
        if current && !opens && !told && now.instant < self.next_full_scan {
            return;
        }
        let looked_nanos = self.disk.now_nanos(now.wall_nanos);
        let every = self.paced(FULL_SCAN_EVERY_PER_FILE, FULL_SCAN_EVERY, FULL_SCAN_EVERY_MAX);
        self.next_full_scan = now.instant + every;
        self.scans += 1;
        let snapshot = Arc::new(Snapshot::take(&self.disk, &self.options.pattern, now.wall_nanos));
        let names = u32::try_from(snapshot.names_listed).unwrap_or(u32::MAX);
        let pause = LISTING_PAUSE_PER_NAME.saturating_mul(names).min(self.options.scan_interval);
        self.no_scan_before = now.instant + pause;
        self.report_problems(&snapshot.problems);
        self.report_match(&snapshot);
        self.apply(&snapshot, now);
        self.rename_refused();
        self.snapshot = Some(Arc::clone(&snapshot));
        self.follow_renamed(now);
        self.account(&snapshot, looked_nanos, now);
        self.try_waiting(now);
        if now.instant >= self.next_save {
            self.save_time(now.instant);
        }
        if !self.first_scan_done {
            self.first_scan_done = true;
            self.search_elsewhere(now);
            self.report_missing_after_hunt();
        } else if !self.unsearched.is_empty() {
            self.search_what_came_back(now);
        }
        // Before the next search begins: while one is under way nothing is given up.
        self.expire_memory(now.instant);
        self.give_up_vanished(now.instant);
        self.forget_finished(now.instant);
        self.hunt_soon();
    }

    /// Tries files that matched and could not be opened: permission may have been granted, which
    /// leaves no trace in their directory. Says whether one of them can be opened now.
    fn some_refused_file_opens(&mut self) -> bool {
        for _ in 0..self.refused.len().min(REFUSED_TRIES_MAX) {
            let Some(entry) = self.refused.pop_front() else { return false };
            match Candidate::open(&self.disk, &entry.path, self.options.pattern.follow_links()) {
                Ok(_) => return true,
                Err(_) => self.refused.push_back(entry),
            }
        }
        false
    }

    fn apply(&mut self, snapshot: &Snapshot, now: Now) {
        self.find_remounted(&snapshot.listing, now);
        self.refused.retain(|refused| snapshot.listing.contains(refused));
        if self.transitions(snapshot).is_empty() {
            return;
        }
        // Before names are believed, contents are: a file may have been written anew and then
        // renamed or copied since the last look.
        for key in self.files.keys().copied().collect::<Vec<_>>() {
            self.look_at(key, now);
        }
        let (mut appeared, mut unlisted) = (Vec::new(), Vec::new());
        for transition in self.transitions(snapshot) {
            match transition {
                Transition::Appeared(entry) => appeared.push(entry),
                Transition::Renamed { key, path } => {
                    self.rename(key, &path, EventKind::Renamed, now.instant);
                }
                Transition::Returned { key, path } => {
                    self.rename(key, &path, EventKind::Returned, now.instant);
                }
                Transition::Unlisted { key } => unlisted.push(key),
            }
        }
        self.locate(&unlisted);
        for key in unlisted {
            self.unlist(key, now.instant);
        }
        self.take_in(&appeared, now);
    }

    fn transitions(&self, snapshot: &Snapshot) -> Vec<Transition> {
        let known: Vec<Known> = self
            .files
            .values()
            .map(|file| Known {
                key: file.key,
                inode: file.inode,
                path: Arc::clone(&file.path),
                listed: file.is_listed(),
            })
            .collect();
        let mut found = transitions(&known, &snapshot.listing);
        if !self.refused.is_empty() {
            let refused: BTreeSet<&Entry> = self.refused.iter().collect();
            found.retain(|transition| match transition {
                Transition::Appeared(entry) => !refused.contains(entry),
                Transition::Renamed { .. }
                | Transition::Returned { .. }
                | Transition::Unlisted { .. } => true,
            });
        }
        found
    }

    pub(super) fn rename(&mut self, key: FileKey, path: &Arc<Path>, kind: EventKind, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let old = std::mem::replace(&mut file.path, Arc::clone(path));
        file.life.rename(old == *path, now);
        let row = checkpoint_at_ack(file);
        self.changes.extend(row.map(Change::Save));
        self.event(kind, path, format!("was {}", old.display()));
    }

    fn unlist(&mut self, key: FileKey, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.life.lose_name(now);
        file.pace.poll_sooner(now);
        let deleted = match file.handle.as_ref().map(OpenFile::stat) {
            Some(Ok(stat)) => {
                file.seen.links = stat.links;
                stat.links == 0
            }
            // A closed one without a name is looked for with the next look.
            Some(Err(_)) | None => false,
        };
        let kind = if deleted { EventKind::Deleted } else { EventKind::MovedAway };
        let (path, unread) = (Arc::clone(&file.path), file.unread_bytes());
        if deleted && file.is_empty() {
            // After a start nothing but its inode number would be left to find it by.
            self.changes.push(Change::Forget(key));
        }
        self.hot_again(key);
        let what = if deleted {
            "the file is deleted"
        } else {
            "no name matches the pattern any more; the file was moved away"
        };
        let rest = if unread == 0 {
            "all of it is read".to_owned()
        } else {
            format!("{unread} bytes of it are left to read")
        };
        let detail = format!("{what}; {rest}, it stays open and is read to its end");
        self.event(kind, &path, detail);
    }
}
