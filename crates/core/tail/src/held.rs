//! Files without a name: held until they are read and acknowledged, and bounded by their number,
//! by age and by free disk space.
//!
//! Part of [`Tailer`]. Whatever is given up with bytes that were not read is an event of its own,
//! counted and named.

use std::time::{Duration, Instant};

use super::disk::{Disk, OpenFile};
use super::event::EventKind;
use super::file::{self, Tailed};
use super::identity::FileKey;
use super::life::{self, Fact, Phase};
use super::memory::{Loss, Remembered};
use super::search::COPY_APPEARS_WITHIN;
use super::space::Pressure;
use super::tailer::{DELETED_LINGER, MOVED_LINGER, Now, Tailer};
use super::trail;
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// A deleted file of which something could not be delivered in this time is given up.
pub(super) const DELETED_HELD_MAX: Duration = Duration::from_hours(7 * 24);

/// A finished content is known for this long; longer than the doubt about when files were born.
const FINISHED_KEPT_FOR: Duration = Duration::from_mins(2);

/// Where directories cannot be looked at, finished contents are known for longer, up to this many.
const FINISHED_KEPT_MAX: usize = 4096;

impl<D: Disk> Tailer<D> {
    /// Lets a file go that has no name, is read and acknowledged to its end, and is quiet.
    pub(super) fn release_if_done(&mut self, key: FileKey, now: Now) {
        let Some(file) = self.files.get(&key) else { return };
        let Some(since) = file.life.unlisted_since() else { return };
        let linger = if file.seen.links == 0 { DELETED_LINGER } else { MOVED_LINGER };
        let quiet =
            file.pace.quiet_for(now.instant).min(now.instant.saturating_duration_since(since));
        if file.is_done() && quiet >= linger {
            self.let_go(key, now.instant, "");
        }
    }

    /// Lets the deleted files go of which everything is read and acknowledged: nobody can find them
    /// again after a stop, and nothing of them is missing.
    pub fn let_deleted_go(&mut self, now: Now) {
        let deleted = self.files.values().filter(|file| file.is_done()).map(|file| file.key);
        let deleted: Vec<FileKey> = deleted.filter(|key| self.is_lost_after_stop(*key)).collect();
        for key in deleted {
            // What was written since the last look is read first.
            self.look_at(key, now);
            if self.files.get(&key).is_some_and(Tailed::is_done) {
                self.let_go(key, now.instant, "");
            }
        }
    }

    /// A closed file is not where it was: it has another name there, or is nowhere to be seen.
    pub(super) fn lost_its_place(&mut self, key: FileKey, now: Now) {
        let Some(file) = self.files.get(&key) else { return };
        if file.is_listed() {
            // The next scan says what became of the name.
            return self.hint(now.instant);
        }
        if file.handle.is_some() || !self.locate(&[key]).is_empty() {
            return;
        }
        let Some(mut file) = self.forget(key) else { return };
        // It may be deleted, or its whole directory may be away for a while. If it comes back it
        // is continued.
        let (unread, path) = (file.unread_bytes(), file.path.clone());
        if unread > 0 {
            let detail = format!(
                "it was closed because descriptors ran short, and is not where it was; {unread} \
                 bytes are not read yet"
            );
            self.event(EventKind::Missing, &path, detail);
        } else {
            let detail = format!("read to {}", file.position.offset);
            self.event(EventKind::Released, &path, detail);
        }
        file.pace.grow_to(file.seen.size);
        life::pass(file.phase(), Fact::Released, Phase::Missing);
        let mut content = remembered(file, now.instant);
        if unread == 0 {
            self.remember(content);
            return;
        }
        content.loss = Loss::Vanished;
        self.remember(content);
        // It may have another name, or be compressed.
        self.find_copy_of(key, now);
    }

    /// Counts what was not read of closed files that did not come back. Should they come back
    /// later they are continued all the same.
    pub(super) fn give_up_vanished(&mut self, now: Instant) {
        if self.hunt.is_busy() {
            // It may lie in a compressed file that was not looked into yet.
            return;
        }
        let late = |content: &&Remembered| {
            content.loss == Loss::Vanished
                && content.seen_size > content.position.offset
                && now.saturating_duration_since(content.since) >= COPY_APPEARS_WITHIN
        };
        let late: Vec<FileKey> = self.memory.iter().filter(late).map(|c| c.key).collect();
        for key in late {
            let Some(content) = self.memory.get_mut(key) else { continue };
            let unread = content.seen_size - content.position.offset;
            content.seen_size = content.position.offset;
            let path = content.path.clone();
            self.abandon(&path, unread, "it was closed for others and is gone");
        }
    }

    /// Lets deleted files go that are too many, too old, or lie on a disk that is nearly full. Says
    /// how many there were.
    pub(super) fn bound_held_files(&mut self, now: Now) -> usize {
        let mut deleted: Vec<(Instant, FileKey)> = self
            .files
            .values()
            .filter(|file| file.seen.links == 0 && file.handle.is_some())
            .filter_map(|file| Some((file.life.unlisted_since()?, file.key)))
            .collect();
        if deleted.is_empty() {
            return 0;
        }
        deleted.sort();
        let excess = deleted.len().saturating_sub(self.descriptors_max());
        self.bound_number(&deleted, excess, now);
        for (since, key) in &deleted {
            if now.instant.saturating_duration_since(*since) >= DELETED_HELD_MAX {
                self.let_go(*key, now.instant, "it was deleted a week ago");
            }
        }
        self.relieve_disk(&deleted, now);
        deleted.len()
    }

    /// Those that are read go first.
    fn bound_number(&mut self, deleted: &[(Instant, FileKey)], excess: usize, now: Now) {
        let why = "more deleted files are held than there are descriptors";
        let read = |tailer: &Self, key| tailer.files.get(&key).is_some_and(Tailed::is_done);
        let (done, rest): (Vec<_>, Vec<_>) =
            deleted.iter().map(|(_, key)| *key).partition(|key| read(self, *key));
        for key in done.into_iter().chain(rest).take(excess) {
            self.let_go(key, now.instant, why);
        }
    }

    /// What is read goes at once. What is not read goes one file at a time, the oldest first: the
    /// space of the one before may not be counted as free yet.
    fn relieve_disk(&mut self, deleted: &[(Instant, FileKey)], now: Now) {
        let mut given_up: Vec<u64> = Vec::new();
        for (_, key) in deleted {
            let Some(file) = self.files.get(key) else { continue };
            let Some(handle) = &file.handle else { continue };
            // A file system that does not say how full it is has no bound.
            let pressure = self.options.space.pressure(handle).unwrap_or(Pressure::None);
            let grew = handle.stat().is_ok_and(|stat| stat.size != file.seen.size);
            if pressure == Pressure::None || grew {
                continue;
            }
            if file.is_done() {
                self.let_go(*key, now.instant, "its disk is nearly full");
            } else if pressure == Pressure::Critical && !given_up.contains(&file.inode.device) {
                given_up.push(file.inode.device);
                self.let_go(*key, now.instant, "it was deleted and its disk is full");
            }
        }
    }

    /// Lets a file go; what was not read of it is lost, and said to be.
    fn let_go(&mut self, key: FileKey, now: Instant, why: &str) {
        if let Some(file) = self.files.get_mut(&key)
            && let Some(Ok(stat)) = file.handle.as_ref().map(OpenFile::stat)
        {
            // What was written since the last look goes with it, and is counted.
            file.seen.size = file.seen.size.max(stat.size);
        }
        let head = self.files.get(&key).and_then(|file| file.handle.as_ref()).map(file::read_head);
        let Some(file) = self.forget(key) else { return };
        let unread = file.unread_bytes();
        if unread > 0 {
            self.abandon(&file.path, unread, why);
        }
        let why = if why.is_empty() { String::new() } else { format!("; {why}") };
        let detail = format!("read to {}{why}", file.position.offset);
        self.event(EventKind::Released, &file.path, detail);
        let offset = file.position.offset;
        // A compressed copy of it could be taken for another content that begins like it.
        let mistakable = matches!(head, Some(Ok(head)) if self.is_mistakable(key, &head, offset));
        let phase = file.phase();
        if file.seen.links == 0 && unread == 0 {
            return self.finish(phase, remembered(file, now), mistakable);
        }
        life::pass(phase, Fact::Released, Phase::Missing);
        let mut content = remembered(file, now);
        if unread > 0 {
            // It is counted. Should a compressed copy of it turn up it is continued all the same.
            content.loss = Loss::Vanished;
            content.seen_size = content.position.offset;
        }
        self.remember(content);
    }

    /// Keeps a content of which everything is acknowledged and whose file is gone for a while: a
    /// compressed copy of it is not to be taken for a generation that nobody read.
    pub(super) fn finish(&mut self, phase: Phase, mut content: Remembered, mistakable: bool) {
        if content.head.len == 0 {
            life::pass(phase, Fact::Released, Phase::Gone);
            self.changes.push(Change::Forget(content.key));
            return;
        }
        life::pass(phase, Fact::ReadToEnd, Phase::Finished);
        if !mistakable {
            content.loss = Loss::Finished;
        }
        self.changes.push(Change::Save(Checkpoint {
            file: content.key,
            inode: content.inode,
            path: content.path.to_path_buf(),
            head: content.head,
            offset: content.position.offset,
            anchor: content.position.anchor,
            life: RowLife::Finished,
            holes: content.holes.clone(),
            places: trail::before(content.trail.iter().copied(), content.position),
            cursor: None,
        }));
        // Of what is finished nothing is unread.
        drop(self.hunt.finished.insert(content));
    }

    /// Forgets finished contents after a while: by then their age tells that they are no news.
    pub(super) fn forget_finished(&mut self, now: Instant) {
        // Until the directories could be looked at, nothing else tells what in them was read.
        if self.logs.is_unsure() && self.hunt.finished.iter().count() < FINISHED_KEPT_MAX {
            return;
        }
        let old = |content: &&Remembered| {
            content.loss == Loss::Finished
                && now.saturating_duration_since(content.since) >= FINISHED_KEPT_FOR
        };
        let old: Vec<FileKey> = self.hunt.finished.iter().filter(old).map(|c| c.key).collect();
        for key in old {
            self.hunt.finished.remove(key);
            life::pass(Phase::Finished, Fact::Expired, Phase::Gone);
            self.changes.push(Change::Forget(key));
        }
    }

    /// Closes a file and takes it out of all tables.
    fn forget(&mut self, key: FileKey) -> Option<Tailed<D::File>> {
        self.close(key);
        let file = self.files.remove(&key)?;
        self.by_inode.remove(&file.inode);
        Some(file)
    }
}

fn remembered<F>(mut file: Tailed<F>, now: Instant) -> Remembered {
    let (rotated, trail) = (file.is_rotated(), file.progress.take_places());
    Remembered {
        key: file.key,
        inode: file.inode,
        path: file.path,
        head: file.head,
        position: file.position,
        trail,
        acked: file.progress.acked(),
        holes: file.gaps.holes().clone(),
        seen_size: file.pace.grown_to(),
        rotated,
        since: now,
        lost_by_nanos: file.seen.modified_nanos,
        loss: Loss::Released,
        located: false,
    }
}
