//! Contents: has a file grown, is it still the same, may it be let go.
//!
//! Part of [`Tailer`]. A look costs one `fstat`. Files that were busy lately are hot and looked at
//! every few milliseconds; the rest is swept through twice a second.

use std::sync::Arc;
use std::time::Duration;

use super::disk::{Disk, DiskError, Fault, OpenFile};
use super::event::EventKind;
use super::file::{self, STAMP_SETTLES_AFTER, Stat, Tailed};
use super::identity::{FileKey, Head, Position};
use super::life::{self, Fact, Phase};
use super::lookahead::Lookahead;
use super::memory::{Loss, Remembered};
use super::pace::LOOK_EVERY_MAX;
use super::tailer::{Now, Tailer, checkpoint, ending_of};
use kinetail_base::checkpoint::Change;

/// A look at a quiet file costs up to 1 microsecond; this much time to the next one for each file
/// keeps quiet files below one per cent of a core, however many they are.
const SWEEP_EVERY_PER_FILE: Duration = Duration::from_micros(350);

/// A truncated file has its new size for a moment before it has its new time of modification. This
/// often it is asked for that, with a moment in between; 2 ms together.
const STAMP_TRIES: u32 = 20;

/// The longest time between two looks at a quiet file.
const SWEEP_EVERY_MAX: Duration = Duration::from_secs(5);

impl<D: Disk> Tailer<D> {
    pub(super) fn look_at_hot_files(&mut self, now: Now) {
        if self.next_hot_look.is_none_or(|due| now.instant < due) {
            return;
        }
        let mut hot = std::mem::take(&mut self.hot);
        self.next_hot_look = None;
        hot.retain(|key| {
            let Some(file) = self.files.get(key) else { return false };
            if now.instant >= file.pace.next() {
                self.look_at(*key, now);
            }
            let Some(file) = self.files.get_mut(key) else { return false };
            let (active, next) = (!file.pace.is_idle(), file.pace.next());
            file.pace.set_active(active);
            if active {
                let due = self.next_hot_look.map_or(next, |due| due.min(next));
                self.next_hot_look = Some(due);
            }
            active
        });
        // What became hot meanwhile is behind the others.
        hot.append(&mut self.hot);
        self.hot = hot;
    }

    /// Looks at every file that is not hot.
    pub(super) fn sweep(&mut self, now: Now) {
        let every = self.paced(SWEEP_EVERY_PER_FILE, LOOK_EVERY_MAX, SWEEP_EVERY_MAX);
        self.next_sweep = now.instant + every;
        let stirred: Vec<FileKey> = self
            .files
            .values_mut()
            .filter_map(|file| {
                (!file.pace.is_active() && !file.is_at_rest(now.instant)).then_some(file.key)
            })
            .collect();
        for key in stirred {
            self.look_at(key, now);
        }
        let held = self.bound_held_files(now);
        self.close_idle_files(held);
    }

    pub(super) fn look_at(&mut self, key: FileKey, now: Now) {
        if self.is_compressed(key) {
            return self.look_at_compressed(key, now);
        }
        let Some(file) = self.files.get_mut(&key) else { return };
        let stat = match &file.handle {
            Some(handle) => handle.stat(),
            None => file::stat_path(&self.disk, &file.path),
        };
        let stat = match stat {
            Ok(stat) if stat.inode == file.inode => stat,
            // The name leads to another file now.
            Ok(_) => return self.lost_its_place(key, now),
            Err(error) => return self.look_failed(key, error, now),
        };
        if file.lag_bytes() == 0 {
            file.pace.note_caught_up(now.instant);
        }
        if !self.problems.is_empty() {
            let path = Arc::clone(&file.path);
            self.looks_well(&path);
        }
        let Some(file) = self.files.get_mut(&key) else { return };
        let unsure = file.pace.is_unsettled()
            || file.phase() == Phase::AwaitingAcks
            || !file.gaps.holes().is_empty();
        if unsure || !stat.is_like(&file.seen) {
            self.look_closely(key, stat, now);
        } else {
            file.pace.poll_later(now.instant);
        }
        self.probe(key);
        let key = self.decide(key, now);
        if let Some(pending) = self.files.get(&key).and_then(|file| file.life.pending_copy()) {
            self.judge_shadow(key, pending, now);
        }
        self.queue_if_readable(key, now);
        self.release_if_done(key, now);
    }

    fn look_failed(&mut self, key: FileKey, error: DiskError, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.pace.poll_later(now.instant);
        if error.is_gone() {
            return self.lost_its_place(key, now);
        }
        if error.fault == Fault::Stale {
            return self.reopen_by_name(key, now);
        }
        let path = Arc::clone(&file.path);
        self.trouble_at_look(&path, error);
    }

    /// Something about the file changed: is it still the same content?
    fn look_closely(&mut self, key: FileKey, stat: Stat, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.life.end_wait();
        let is_cut = stat.size < file.position.offset;
        let stat = if is_cut { stamped(&self.disk, file, stat) } else { stat };
        let grew = stat.size != file.seen.size;
        let settle = i128::try_from(STAMP_SETTLES_AFTER.as_nanos()).unwrap_or(i128::MAX);
        if file.pace.is_unsettled() || stat.modified_nanos != file.seen.modified_nanos {
            // Reserved space is written to without the file getting longer.
            file.ahead.try_again();
            file.gaps.note_change();
        }
        file.pace.set_unsettled(now.wall_nanos - stat.changed_nanos < settle);
        file.seen = stat;
        file.gaps.note_size(stat.size, now.instant);
        if grew {
            file.pace.note_growth(now.instant);
        } else if file.pace.is_unsettled() && now.wall_nanos >= stat.changed_nanos {
            file.pace.poll_once_soon(now.instant);
        } else {
            file.pace.poll_later(now.instant);
        }
        if file.phase() == Phase::Overwritten {
            return file.overwrite(stat, Fact::OverwrittenInPlace);
        }
        if stat.size < file.position.offset {
            return self.begin_new_generation(key, "it is shorter than what was read", now);
        }
        if !file.pace.is_idle() {
            self.hot_again(key);
        }
        match self.verify(key, now) {
            Ok(true) => self.fill_in(key, now),
            Ok(false) => {}
            Err(error) => {
                let Some(file) = self.files.get(&key) else { return };
                let path = Arc::clone(&file.path);
                self.trouble_at_look(&path, error);
            }
        }
    }

    /// Compares the head and the bytes before the position with what they were. Says whether they
    /// agree.
    fn verify(&mut self, key: FileKey, now: Now) -> Result<bool, DiskError> {
        // Reading proves the content, too, but a file without anything to read is not read.
        // It may be long until it is, and a file that became shorter is another one by now.
        let at_once = |file: &Tailed<D::File>| {
            let before = file.unread_bytes() == 0 || file.seen.size < file.pace.grown_to();
            before || !file.gaps.holes().is_empty()
        };
        if self.files.get(&key).is_some_and(at_once) {
            self.ensure_open(key, now);
        }
        let Some(file) = self.files.get(&key) else { return Ok(false) };
        let Some(handle) = &file.handle else { return Ok(false) };
        let head = file.read_head(handle)?;
        if !file.head.agrees(&head) || !file::proves(handle, file.position, file.gaps.holes())? {
            self.begin_new_generation(key, "other bytes stand where it was read", now);
            return Ok(false);
        }
        if let Some(file) = self.files.get_mut(&key) {
            file.pace.grow_to(file.seen.size);
            if !file.head.is_full() {
                // A copy of it may appear before anything of it is read.
                file.head = Head::of(&head);
            }
        }
        Ok(true)
    }

    fn queue_if_readable(&mut self, key: FileKey, now: Now) {
        let Some(file) = self.files.get(&key) else { return };
        if file.unread_bytes() == 0 || !file.life.is_read() {
            return;
        }
        let ending = ending_of(file, &self.options, now.instant);
        if file.gap_is_over(now) || file.ahead.tried() != Some((file.seen.size, ending)) {
            self.requeue(key);
        }
    }

    /// Whether reading goes on in a file whose bytes changed, or is over for good.
    fn is_continued(&mut self, key: FileKey, stat: Stat, now: Now) -> bool {
        if self.continue_where_proven(key, stat, now) {
            return true;
        }
        if self.is_overwritten(key, stat) {
            self.give_up_overwritten(key, stat);
            return true;
        }
        false
    }

    /// The bytes of this file are not those of its generation any more. The old content is
    /// remembered, for a copy of it may appear; the file is read from byte 0.
    pub(super) fn begin_new_generation(&mut self, key: FileKey, why: &str, now: Now) {
        let Some(file) = self.files.get(&key) else { return };
        let stat = file.handle.as_ref().and_then(|handle| handle.stat().ok());
        let stat = stat.unwrap_or(file.seen);
        if self.is_continued(key, stat, now) {
            return;
        }
        let Some(mut file) = self.files.remove(&key) else { return };
        let (path, inode) = (Arc::clone(&file.path), file.inode);
        let old = Remembered {
            key,
            inode,
            path: Arc::clone(&path),
            head: file.head,
            position: file.position,
            trail: file.progress.take_places(),
            acked: file.acked(),
            holes: file.gaps.reset(stat.size, now.instant),
            seen_size: file.pace.grown_to(),
            rotated: file.is_rotated(),
            since: now.instant,
            lost_by_nanos: stat.modified_nanos,
            loss: Loss::Truncated,
            located: false,
        };
        self.event(
            EventKind::Truncated,
            &path,
            format!("{why}; {} bytes of the old content were read", file.position.offset),
        );
        life::pass(file.phase(), Fact::Changed, Phase::Missing);
        if !file.is_listed() && file.seen.links > 0 {
            // Outside the pattern only the content that was followed there is our business.
            self.by_inode.remove(&inode);
            self.open_count -= usize::from(file.handle.is_some());
            self.remember(old);
            return self.find_copy_of(key, now);
        }
        file.key = self.new_key();
        file.seen = stat;
        file.head = Head::default();
        file.position = Position::start();
        file.ahead = Lookahead::from(0);
        self.changes.extend(file.progress.reset().map(Change::Forget));
        if file.phase() == Phase::Ignored {
            self.may_be_lines(&path);
        }
        file.life = file.life.of_next_generation();
        file.life.compare(Fact::NotCompared);
        file.pace.reset(now.instant);
        let new_key = file.key;
        self.by_inode.insert(inode, new_key);
        self.changes.push(Change::Save(checkpoint(&file, Position::start())));
        self.files.insert(new_key, file);
        self.order.arrived.push(new_key);
        self.hot_again(new_key);
        self.grow_head(new_key);
        self.remember(old);
        self.find_copy_of(key, now);
        let new_key = self.decide(new_key, now);
        self.queue_if_readable(new_key, now);
    }
}

/// Waits for the time of a truncation, by which copies that were made before are told from other
/// files that begin alike.
fn stamped<D: Disk>(disk: &D, file: &Tailed<D::File>, first: Stat) -> Stat {
    let mut stat = first;
    for _ in 0..STAMP_TRIES {
        if stat.modified_nanos != file.seen.modified_nanos {
            break;
        }
        disk.let_stamps_settle();
        let again = match &file.handle {
            Some(handle) => handle.stat(),
            None => file::stat_path(disk, &file.path),
        };
        match again {
            Ok(again) if again.inode == first.inode => stat = again,
            Ok(_) | Err(_) => break,
        }
    }
    stat
}
