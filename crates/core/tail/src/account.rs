//! Accounts for every generation of a log: when a live name leads to another content than before,
//! the files that came and went in between are looked for where rotated files of that log lie.
//!
//! Part of [`Tailer`]. It runs behind every full scan, after the live names are followed: what was
//! rotated away while the directory was being listed is found by the next one, which is due at
//! once. Which files are younger than what is known is decided in [`super::generations`].

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::disk::Disk;
use super::event::EventKind;
use super::examine::Look;
use super::file;
use super::generations::Found;
use super::identity::FileKey;
use super::places::Listings;
use super::rotated::{Rank, Reading, unpacked_name};
use super::snapshot::Snapshot;
use super::tailer::{Now, Tailer};

/// After so many scans in a row that something changed under, the next one is made when it is due.
const UNSURE_SCANS_MAX: u8 = 3;

impl<D: Disk> Tailer<D> {
    /// Accounts for all logs whose live name leads to another content than before.
    /// `looked_nanos`: when the scan began.
    pub(super) fn account(&mut self, snapshot: &Snapshot, looked_nanos: i128, now: Now) {
        let first_ever = self.options.earlier.is_none() && !self.first_scan_done;
        if first_ever {
            self.logs.begin(looked_nanos);
        }
        let mut unsure = false;
        let mut listings = Listings::default();
        for live in self.live_names(snapshot) {
            let newest = self.content_at(&live, snapshot);
            let before = self.logs.get(&live).and_then(|log| log.newest);
            self.order.note_live(&live, before, newest);
            let log = self.logs.entry(&live);
            // A crash may have come between following a live file and accounting for its log.
            let same = log.newest == newest && newest.is_some() && self.first_scan_done;
            if first_ever || (same && !log.unsure) {
                log.newest = newest;
                log.since_nanos = looked_nanos;
                continue;
            }
            let look = self.account_for(&live, &mut listings, now);
            let log = self.logs.entry(&live);
            log.unsure = look.unsure || look.blocked;
            unsure |= look.unsure;
            if !log.unsure {
                log.newest = newest;
                log.since_nanos = looked_nanos;
            }
        }
        self.report_places(&listings);
        unsure |= self.accept_lone_archives(snapshot, now);
        self.unsure_scans = if unsure { self.unsure_scans.saturating_add(1) } else { 0 };
        if unsure {
            if self.unsure_scans <= UNSURE_SCANS_MAX {
                self.next_scan = now.instant;
            }
        } else if listings.unlisted.is_empty() {
            self.logs.looked(looked_nanos);
        }
        self.forget_old_logs(snapshot);
    }

    /// The names in a listing under which logs are written: those that are not rotated names of
    /// another one, and those that were seen before and are not there now.
    fn live_names(&self, snapshot: &Snapshot) -> Vec<Arc<Path>> {
        let listed = snapshot.listing.entries.iter().map(|entry| &entry.path);
        let there: BTreeSet<&OsStr> = listed.clone().map(|path| path.as_os_str()).collect();
        let mut lives: Vec<Arc<Path>> =
            listed.filter(|path| !self.is_rotated_name(path, &there)).cloned().collect();
        let gone = self.logs.names().filter(|live| !there.contains(live.as_os_str()));
        lives.extend(gone.cloned());
        // A name without wildcards is known before there is a file.
        let exact = self
            .options
            .pattern
            .exact_path()
            .filter(|live| !there.contains(live.as_os_str()) && !self.logs.contains(live));
        lives.extend(exact.map(Arc::from));
        lives
    }

    /// Whether a name is the rotated one of a log that is known or listed.
    fn is_rotated_name(&self, path: &Path, listed: &BTreeSet<&OsStr>) -> bool {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        if self.logs.contains(path) {
            return false;
        }
        let readings = self.options.rotated_names.readings(name.as_bytes()).into_iter();
        // `app-2.log` may be a log of its own beside `app.log`; to be both does no harm.
        readings.filter(|reading| !matches!(reading.rank, Rank::Counter(_))).any(|reading| {
            let live = directory.join(OsStr::from_bytes(&reading.live));
            listed.contains(live.as_os_str()) || self.logs.contains(&live)
        })
    }

    /// The content that a live name led to in a listing.
    fn content_at(&self, live: &Path, snapshot: &Snapshot) -> Option<FileKey> {
        let entry = snapshot.listing.at(live)?;
        self.by_inode.get(&entry.inode).copied()
    }

    /// Looks for generations of a log that nobody followed, and follows them, the oldest first.
    fn account_for(&mut self, live: &Arc<Path>, listings: &mut Listings, now: Now) -> Look {
        let mut look = Look::default();
        let places = self.list_places(live, listings);
        look.unsure = listings.unsure;
        look.blocked = places.blocked;
        for listed in places.listed {
            self.examine_generation(live, &listed, &mut look, now);
        }
        // The live name must still lead to what is followed, or something came in between.
        if let Ok(stat) = file::stat_path(&self.disk, live) {
            look.unsure |= !self.by_inode.contains_key(&stat.inode)
                && !self.refused.iter().any(|entry| entry.path == *live);
        }
        let Some(log) = self.logs.get(live).cloned() else { return look };
        let now_nanos = self.disk.now_nanos(now.wall_nanos);
        let found = std::mem::take(&mut look.found);
        let between = self.logs.between(&log, look.mark.as_ref(), found, now_nanos);
        let mut keys = Vec::new();
        for found in between {
            if found.packed {
                look.unsure |= !self.accept_archive(found.inode, &found.path);
            } else if let Some(key) = self.follow_generation(&found, &mut look, now) {
                keys.push(key);
            }
        }
        // They are read before what is written now.
        for key in keys.into_iter().rev() {
            self.queue.retain(|queued| *queued != key);
            if let Some(file) = self.files.get_mut(&key) {
                file.pace.set_queued(false);
            }
            self.requeue_first(key);
        }
        look
    }

    /// Compressed files of a series in which each generation has a name of its own, such as
    /// `app-2026-11-29.log`: one that came and was compressed while nobody looked.
    ///
    /// Says whether one of them could not be looked at: it is looked at again.
    fn accept_lone_archives(&mut self, snapshot: &Snapshot, now: Now) -> bool {
        let mut unsure = false;
        if self.options.earlier.is_none() && !self.first_scan_done {
            return unsure;
        }
        let now_nanos = self.disk.now_nanos(now.wall_nanos);
        for path in &snapshot.packed {
            let Some(name) = path.file_name() else { continue };
            let plain = path.with_file_name(OsStr::from_bytes(unpacked_name(name.as_bytes()).0));
            let there = snapshot.listing.at(&plain).is_some();
            if there {
                continue;
            }
            let stat = match file::stat_path(&self.disk, path) {
                Ok(stat) => stat,
                Err(error) => {
                    unsure |= !error.is_missing() && self.is_of_known_series(&plain);
                    continue;
                }
            };
            let inode = stat.inode;
            let found = Found {
                inode,
                path: path.clone(),
                rank: Rank::Unknown,
                packed: true,
                behind_link: false,
                changed: false,
                born_nanos: None,
                modified_nanos: stat.modified_nanos,
            };
            let plain: Arc<Path> = Arc::from(plain);
            let log = self.logs.fresh();
            if !self.logs.between(&log, None, vec![found], now_nanos).is_empty()
                && !self.is_known_name(&plain)
                && self.is_of_known_series(&plain)
                && !self.accept_archive(inode, path)
            {
                unsure = true;
            }
        }
        unsure
    }

    /// Whether a content is known whose name differs from this one in a date or a number alone,
    /// and no live name without them.
    fn is_of_known_series(&self, plain: &Path) -> bool {
        let names = &self.options.rotated_names;
        let dated = |path: &Path| {
            let readings = path.file_name().map(|name| names.readings(name.as_bytes()));
            let readings = readings.unwrap_or_default().into_iter();
            readings.filter(|reading| reading.rank != Rank::Unknown).collect::<Vec<_>>()
        };
        let readings = dated(plain);
        let live = |reading: &Reading| plain.with_file_name(OsStr::from_bytes(&reading.live));
        if readings.is_empty() || readings.iter().any(|reading| self.logs.contains(&live(reading)))
        {
            return false;
        }
        let known = self.files.values().map(|file| &file.path);
        let mut known = known.chain(self.memory.iter().map(|content| &content.path));
        known.any(|path| {
            path.parent() == plain.parent()
                && dated(path).iter().any(|other| {
                    readings.iter().any(|r| r.live == other.live && r.rank.is_like(&other.rank))
                })
        })
    }

    /// Whether a content is known that had this name.
    fn is_known_name(&self, path: &Path) -> bool {
        self.files.values().any(|file| *file.path == *path)
            || self.memory.iter().any(|content| *content.path == *path)
    }

    /// Live names that are gone, and with them all that was known of them.
    fn forget_old_logs(&mut self, snapshot: &Snapshot) {
        let exact = self.options.pattern.exact_path();
        let Self { logs, files, memory, .. } = self;
        logs.retain(|live, log| {
            snapshot.listing.at(live).is_some()
                || exact.as_deref() == Some(&**live)
                || log
                    .newest
                    .is_some_and(|key| files.contains_key(&key) || memory.get(key).is_some())
        });
    }

    /// Tells of a generation that is read though nobody saw it live.
    pub(super) fn tell_of_generation(&mut self, path: &Arc<Path>, size: u64) {
        let detail = format!(
            "it was rotated while nobody looked at its directory; read from byte 0 of {size}"
        );
        self.event(EventKind::GenerationFound, path, detail);
    }
}
