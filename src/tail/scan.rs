//! Names: which files came, went, or go by another name since the last scan.
//!
//! Part of [`Tailer`]. Names are believed only after contents were looked at again, because a
//! file may have been written anew and then renamed or copied since the last look.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::EventKind;
use super::file::{self, Name};
use super::identity::FileKey;
use super::rotation::{Known, Transition, transitions};
use super::snapshot::{Problem, Snapshot};
use super::tailer::{Now, Tailer, checkpoint_at_ack};
use crate::checkpoint::Change;

/// Directories are listed this often even if nothing says that they changed, as long as the
/// files are few.
const FULL_SCAN_EVERY: Duration = Duration::from_secs(10);

/// A listing costs 2 to 5 microseconds a file; this much time to the next one for each file
/// keeps listings for nothing below a quarter of a per cent of a core.
const FULL_SCAN_EVERY_PER_FILE: Duration = Duration::from_millis(5);

/// The longest time between two such listings.
const FULL_SCAN_EVERY_MAX: Duration = Duration::from_mins(1);

impl Tailer {
    pub(super) fn scan(&mut self, now: Now) {
        self.next_scan = now.instant + self.options.scan_interval;
        let current = self.snapshot.as_ref().is_some_and(Snapshot::is_current);
        if current && now.instant < self.next_full_scan {
            return;
        }
        let every = self.paced(FULL_SCAN_EVERY_PER_FILE, FULL_SCAN_EVERY, FULL_SCAN_EVERY_MAX);
        self.next_full_scan = now.instant + every;
        self.scans += 1;
        let mut snapshot = Snapshot::take(&self.options.pattern, now.wall_nanos);
        let problems = std::mem::take(&mut snapshot.problems);
        self.report_problems(&problems);
        self.apply(&snapshot, now);
        self.snapshot = Some(snapshot);
        self.follow_renamed(now);
        if !self.first_scan_done {
            self.first_scan_done = true;
            self.search_elsewhere(now);
            self.report_missing();
        } else if !self.unsearched.is_empty() {
            self.search_what_came_back(now);
        }
        self.expire_memory(now.instant);
    }

    fn report_problems(&mut self, problems: &[Problem]) {
        let still: HashSet<&Path> = problems.iter().map(|p| p.path.as_path()).collect();
        let gone: Vec<PathBuf> = self
            .troubled
            .iter()
            .filter(|path| {
                // Problems with opening a file are over when it opens, not here.
                !still.contains(path.as_path()) && path.is_dir()
            })
            .cloned()
            .collect();
        for path in gone {
            self.recovered(&path);
        }
        for problem in problems {
            self.trouble(&problem.path, &problem.error);
        }
    }

    fn apply(&mut self, snapshot: &Snapshot, now: Now) {
        if self.transitions(snapshot).is_empty() {
            return;
        }
        // Before names are believed, contents are: a file may have been written anew and then
        // renamed or copied since the last look.
        for key in self.files.keys().copied().collect::<Vec<_>>() {
            self.look_at(key, now);
        }
        let mut appeared = Vec::new();
        for transition in self.transitions(snapshot) {
            match transition {
                Transition::Appeared(entry) => appeared.push(entry),
                Transition::Renamed { key, path } => {
                    self.rename(key, &path, EventKind::Renamed, now.instant);
                }
                Transition::Returned { key, path } => {
                    self.rename(key, &path, EventKind::Returned, now.instant);
                }
                Transition::Unlisted { key } => self.unlist(key, now.instant),
            }
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
                listed: file.name == Name::Listed,
            })
            .collect();
        transitions(&known, &snapshot.listing)
    }

    fn rename(&mut self, key: FileKey, path: &Arc<Path>, kind: EventKind, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let old = std::mem::replace(&mut file.path, Arc::clone(path));
        file.name = Name::Listed;
        if old != *path {
            file.rotated = Some(now);
        }
        let row = checkpoint_at_ack(file);
        self.changes.extend(row.map(Change::Save));
        self.event(kind, path, format!("was {}", old.display()));
    }

    fn unlist(&mut self, key: FileKey, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.name = Name::Unlisted { since: now };
        file.rotated = Some(now);
        file.warm_up(now);
        let deleted = match file.handle.as_ref().map(file::stat) {
            Some(Ok(stat)) => {
                file.seen.links = stat.links;
                stat.links == 0
            }
            Some(Err(_)) | None => false,
        };
        let kind = if deleted { EventKind::Deleted } else { EventKind::MovedAway };
        let (path, unread) = (Arc::clone(&file.path), file.unread_bytes());
        if deleted && file.is_empty() {
            // After a start nothing but its inode number would be left to find it by.
            self.changes.push(Change::Forget(key));
        }
        self.hot_again(key);
        self.event(kind, &path, format!("{unread} bytes seen and not yet read"));
    }
}
