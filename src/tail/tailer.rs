//! All files of one flow: which there are, which have something to read, which may be let go.
//!
//! The tailer owns every [`Tailed`] and is the only one that changes them. It asks the file
//! system and takes time as an argument; it neither waits nor logs: what happened is handed on as
//! [`FileEvent`]s, what is to be written down as [`Change`]s.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::{EventKind, FileEvent};
use super::file::{self, LOOK_EVERY_MIN, Name, STAMP_SETTLES_AFTER, Stat, Tailed};
use super::identity::{FileKey, Head, Inode, Position};
use super::memory::{Loss, Memory, Remembered};
use super::pattern::FilePattern;
use super::rotation::{Known, Transition, transitions};
use super::snapshot::{Problem, Snapshot};
use super::splitter::Ending;
use super::window::{Refill, Window};
use crate::checkpoint::{Change, Checkpoint};

/// Directories are listed this often even if nothing says that they changed.
pub const FULL_SCAN_EVERY: Duration = Duration::from_secs(10);

/// A last line without a line end waits this long for the rest after its file was rotated.
pub const ROTATED_HOLD: Duration = Duration::from_secs(3);

/// A deleted file is let go when nothing was written to it for this long. It holds disk space.
pub const DELETED_LINGER: Duration = Duration::from_secs(60);

/// A file that was moved out of the pattern is let go when nothing was written for this long.
pub const MOVED_LINGER: Duration = Duration::from_secs(3600);

/// Descriptors kept free for connections, the database and the rest.
const RESERVED_DESCRIPTORS: usize = 32;

/// The moment of a step, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For everything that is measured.
    pub instant: Instant,
    /// For comparing with file stamps only: nanoseconds since 1970.
    pub wall_nanos: i128,
}

/// What a tailer needs to know from the configuration.
#[derive(Debug, Clone)]
pub struct TailOptions {
    /// Which files.
    pub pattern: FilePattern,
    /// How often to look for new names when nobody says so.
    pub scan_interval: Duration,
    /// Begin behind the last line of files found by the very first scan.
    pub start_at_end: bool,
    /// Header lines at the start of each file; they are never skipped by starting at the end.
    pub skip_header_lines: u64,
    /// How long a complete multi-line record waits for more lines; `None` for single lines.
    pub multi_line_hold: Option<Duration>,
    /// How many descriptors files may take.
    pub descriptors_max: usize,
}

/// What filling the window for a file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The file is not there any more or cannot be read now; it is looked at again later.
    Nothing,
    /// The window holds the bytes behind the file's position.
    Ready,
}

/// The files of a flow.
#[derive(Debug)]
pub struct Tailer {
    pub(super) options: TailOptions,
    pub(super) files: BTreeMap<FileKey, Tailed>,
    pub(super) by_inode: HashMap<Inode, FileKey>,
    pub(super) memory: Memory,
    pub(super) events: Vec<FileEvent>,
    pub(super) changes: Vec<Change>,
    /// Files that have something to read, in turn.
    queue: VecDeque<FileKey>,
    /// Files that are looked at more often than the sweep.
    hot: Vec<FileKey>,
    next_key: u64,
    snapshot: Option<Snapshot>,
    next_scan: Instant,
    next_full_scan: Instant,
    next_sweep: Instant,
    pub(super) first_scan_done: bool,
    troubled: HashSet<PathBuf>,
    pub(super) open_count: usize,
    scans: u64,
}

impl Tailer {
    /// A tailer that continues from what an earlier run left.
    #[must_use]
    pub fn new(options: TailOptions, rows: Vec<Checkpoint>, next_key: u64, now: Instant) -> Self {
        let mut memory = Memory::default();
        for row in rows {
            memory.insert(Remembered {
                key: row.file,
                inode: row.inode,
                path: Arc::from(row.path),
                head: row.head,
                position: Position { offset: row.offset, anchor: row.anchor },
                acked: row.offset,
                seen_size: 0,
                rotated: row.rotated,
                since: now,
                loss: Loss::Stopped,
            });
        }
        Self {
            options,
            files: BTreeMap::new(),
            by_inode: HashMap::new(),
            memory,
            events: Vec::new(),
            changes: Vec::new(),
            queue: VecDeque::new(),
            hot: Vec::new(),
            next_key,
            snapshot: None,
            next_scan: now,
            next_full_scan: now,
            next_sweep: now,
            first_scan_done: false,
            troubled: HashSet::new(),
            open_count: 0,
            scans: 0,
        }
    }

    /// Looks for names that came or went and for bytes that were written, as far as it is time.
    pub fn look(&mut self, now: Now) {
        if now.instant >= self.next_scan {
            self.scan(now);
        }
        self.look_at_hot_files(now);
        if now.instant >= self.next_sweep {
            self.sweep(now);
        }
    }

    /// Makes the next [`Tailer::look`] scan the directories: somebody says that they changed.
    pub fn hint(&mut self, now: Instant) {
        self.next_scan = now;
    }

    /// When to look next, at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Instant {
        let hot = self.hot.iter().filter_map(|key| self.files.get(key)).map(|file| file.next_look);
        hot.chain([self.next_scan, self.next_sweep]).min().unwrap_or(self.next_scan)
    }

    /// The next file that has something to read; each gets its turn.
    pub fn next_readable(&mut self) -> Option<FileKey> {
        while let Some(key) = self.queue.pop_front() {
            if let Some(file) = self.files.get_mut(&key) {
                file.queued = false;
                return Some(key);
            }
        }
        None
    }

    /// Puts a file back: it has more to read.
    pub fn requeue(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(&key)
            && !file.queued
            && file.shadow.is_none()
        {
            file.queued = true;
            self.queue.push_back(key);
        }
    }

    /// Whether any file waits to be read.
    #[must_use]
    pub fn has_readable(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The state of one file.
    #[must_use]
    pub fn file(&self, key: FileKey) -> Option<&Tailed> {
        self.files.get(&key)
    }

    /// Where a content is, or was last.
    #[must_use]
    pub fn path_of(&self, key: FileKey) -> Option<&Arc<Path>> {
        let followed = self.files.get(&key).map(|file| &file.path);
        followed.or_else(|| self.memory.get(key).map(|content| &content.path))
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &Tailed> {
        self.files.values()
    }

    /// How many files are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open_count
    }

    /// How many full scans were made.
    #[must_use]
    pub fn scans(&self) -> u64 {
        self.scans
    }

    /// Whether the directories were looked at once.
    #[must_use]
    pub fn has_scanned(&self) -> bool {
        self.first_scan_done
    }

    /// The directories that the last scan went through, to be watched.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        let snapshot = self.snapshot.as_ref();
        snapshot.map_or_else(Vec::new, |snapshot| {
            let there = snapshot.directories.iter().filter(|(_, stamp)| stamp.is_some());
            there.map(|(path, _)| path.clone()).collect()
        })
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<FileEvent> {
        std::mem::take(&mut self.events)
    }

    /// What is to be written down since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Makes the window hold what follows a file's position. A file whose content changed begins
    /// a new generation here.
    pub fn fill(&mut self, key: FileKey, window: &mut Window, now: Now) -> Fill {
        self.ensure_open(key, now);
        let Some(file) = self.files.get_mut(&key) else { return Fill::Nothing };
        let Some(handle) = &file.handle else { return Fill::Nothing };
        match window.refill(key, handle, file.position) {
            Ok(Refill::Filled) => {
                self.grow_head(key);
                Fill::Ready
            }
            Ok(Refill::Changed) => {
                window.clear();
                self.begin_new_generation(key, "other bytes stand before the offset", now);
                Fill::Nothing
            }
            Err(error) => {
                file.cool_down(now.instant);
                let path = Arc::clone(&file.path);
                self.trouble(&path, &error);
                Fill::Nothing
            }
        }
    }

    /// Notes that everything before `position` was handed on.
    pub fn advance(&mut self, key: FileKey, position: Position) {
        if let Some(file) = self.files.get_mut(&key) {
            file.position = position;
            file.tried = None;
            file.scanned_to = file.scanned_to.max(position.offset);
        }
    }

    /// Notes that no record ends before `offset`: the next search begins there.
    pub fn note_scanned(&mut self, key: FileKey, offset: u64) {
        if let Some(file) = self.files.get_mut(&key) {
            file.scanned_to = offset;
        }
    }

    /// Notes that the file holds no further record before `end`, where it ended when it was read.
    pub fn note_tried(&mut self, key: FileKey, end: u64, ending: Ending) {
        if let Some(file) = self.files.get_mut(&key) {
            file.tried = Some((end, ending));
        }
    }

    /// Whether more may follow what was seen of a file.
    #[must_use]
    pub fn ending(&self, key: FileKey, now: Instant) -> Ending {
        self.files.get(&key).map_or(Ending::Open, |file| ending_of(file, &self.options, now))
    }

    /// Notes an acknowledgement: everything before `position` is in the stream. Says what to
    /// write down.
    pub fn acknowledge(
        &mut self,
        key: FileKey,
        position: Position,
        now: Instant,
    ) -> Option<Checkpoint> {
        if let Some(file) = self.files.get_mut(&key) {
            file.acked = position.offset;
            if file.lag_bytes() == 0 {
                file.caught_up = now;
            }
            return Some(checkpoint(file, position));
        }
        let content = self.memory.get_mut(key)?;
        content.acked = position.offset;
        Some(Checkpoint {
            file: key,
            inode: content.inode,
            path: content.path.to_path_buf(),
            head: content.head,
            offset: position.offset,
            anchor: position.anchor,
            rotated: content.rotated,
        })
    }

    /// Sends what is left of files that nobody can find again: called when the flow drains.
    #[must_use]
    pub fn is_lost_after_stop(&self, key: FileKey) -> bool {
        self.files
            .get(&key)
            .is_some_and(|file| matches!(file.name, Name::Unlisted { .. }) && file.seen.links == 0)
    }

    pub(super) fn new_key(&mut self) -> FileKey {
        let key = FileKey(self.next_key);
        self.next_key += 1;
        key
    }

    pub(super) fn event(&mut self, kind: EventKind, path: &Arc<Path>, detail: impl Into<String>) {
        let path = Arc::clone(path);
        self.events.push(FileEvent { kind, path, detail: detail.into(), bytes: 0 });
    }

    /// Reports bytes that nobody will ever read.
    pub(super) fn abandon(&mut self, path: &Arc<Path>, bytes: u64, why: &str) {
        let detail = format!("{bytes} bytes were never read: {why}");
        let (kind, path) = (EventKind::Abandoned, Arc::clone(path));
        self.events.push(FileEvent { kind, path, detail, bytes });
    }

    /// Reports a problem once, until it is gone.
    pub(super) fn trouble(&mut self, path: &Path, error: &io::Error) {
        if self.troubled.insert(path.to_path_buf()) {
            self.event(EventKind::Problem, &Arc::from(path), advice(error));
        }
    }

    pub(super) fn recovered(&mut self, path: &Path) {
        if !self.troubled.is_empty() && self.troubled.remove(path) {
            self.event(EventKind::Recovered, &Arc::from(path), "");
        }
    }

    fn scan(&mut self, now: Now) {
        self.next_scan = now.instant + self.options.scan_interval;
        let current = self.snapshot.as_ref().is_some_and(Snapshot::is_current);
        if current && now.instant < self.next_full_scan {
            return;
        }
        self.next_full_scan = now.instant + FULL_SCAN_EVERY;
        self.scans += 1;
        let mut snapshot = Snapshot::take(&self.options.pattern, now.wall_nanos);
        self.report_problems(std::mem::take(&mut snapshot.problems));
        self.apply(&snapshot, now);
        self.snapshot = Some(snapshot);
        if !self.first_scan_done {
            self.first_scan_done = true;
            self.search_elsewhere(now);
        }
        self.expire_memory(now.instant);
    }

    fn report_problems(&mut self, problems: Vec<Problem>) {
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
        for problem in &problems {
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
                    self.rename(key, path, EventKind::Renamed, now.instant);
                }
                Transition::Returned { key, path } => {
                    self.rename(key, path, EventKind::Returned, now.instant);
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

    fn rename(&mut self, key: FileKey, path: Arc<Path>, kind: EventKind, now: Instant) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let old = std::mem::replace(&mut file.path, Arc::clone(&path));
        file.name = Name::Listed;
        if old != path {
            file.rotated = Some(now);
        }
        let row = checkpoint_at_ack(file);
        self.changes.extend(row.map(Change::Save));
        self.event(kind, &path, format!("was {}", old.display()));
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
        self.hot_again(key);
        self.event(kind, &path, format!("{unread} bytes seen and not yet read"));
    }

    pub(super) fn hot_again(&mut self, key: FileKey) {
        if !self.hot.contains(&key) {
            self.hot.push(key);
        }
    }

    fn look_at_hot_files(&mut self, now: Now) {
        let mut hot = std::mem::take(&mut self.hot);
        hot.retain(|key| {
            let Some(file) = self.files.get(key) else { return false };
            if now.instant >= file.next_look {
                self.look_at(*key, now);
            }
            let cold = |file: &Tailed| file.look_every >= file::LOOK_EVERY_MAX;
            self.files.get(key).is_some_and(|file| !cold(file))
        });
        // What became hot meanwhile is behind the others.
        for key in std::mem::take(&mut self.hot) {
            if !hot.contains(&key) {
                hot.push(key);
            }
        }
        self.hot = hot;
    }

    /// Looks at every file that is not hot.
    fn sweep(&mut self, now: Now) {
        self.next_sweep = now.instant + file::LOOK_EVERY_MAX;
        let hot: HashSet<FileKey> = self.hot.iter().copied().collect();
        let keys: Vec<FileKey> =
            self.files.keys().filter(|key| !hot.contains(key)).copied().collect();
        for key in keys {
            self.look_at(key, now);
        }
        self.close_idle_files();
    }

    pub(super) fn look_at(&mut self, key: FileKey, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let stat = match &file.handle {
            Some(handle) => file::stat(handle),
            None => file::stat_path(&file.path),
        };
        let stat = match stat {
            Ok(stat) if stat.inode == Some(file.inode) => stat,
            // The name leads to another file now; the next scan sorts that out.
            Ok(_) => return self.hint(now.instant),
            Err(error) => return self.look_failed(key, &error, now),
        };
        if file.lag_bytes() == 0 {
            file.caught_up = now.instant;
        }
        let changed = stat.modified_nanos != file.seen.modified_nanos
            || stat.changed_nanos != file.seen.changed_nanos
            || stat.size != file.seen.size
            || file.unsettled;
        if changed {
            self.look_closely(key, stat, now);
        } else {
            file.cool_down(now.instant);
        }
        if let Some(shadow) = self.files.get(&key).and_then(|file| file.shadow) {
            self.judge_shadow(key, shadow, now);
        }
        self.queue_if_readable(key, now.instant);
        self.release_if_done(key, now);
    }

    fn look_failed(&mut self, key: FileKey, error: &io::Error, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.cool_down(now.instant);
        if error.kind() == io::ErrorKind::NotFound {
            self.hint(now.instant);
            self.release_if_done(key, now);
            return;
        }
        let path = Arc::clone(&file.path);
        self.trouble(&path, error);
    }

    /// Something about the file changed: is it still the same content?
    fn look_closely(&mut self, key: FileKey, stat: Stat, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let grew = stat.size != file.seen.size;
        let settle = i128::try_from(STAMP_SETTLES_AFTER.as_nanos()).unwrap_or(i128::MAX);
        file.unsettled = now.wall_nanos - stat.changed_nanos < settle;
        file.seen = stat;
        if grew {
            file.last_growth = now.instant;
            file.warm_up(now.instant);
        } else if file.unsettled {
            file.next_look = now.instant + LOOK_EVERY_MIN;
        } else {
            file.cool_down(now.instant);
        }
        if stat.size < file.position.offset {
            return self.begin_new_generation(key, "it is shorter than what was read", now);
        }
        if file.look_every < file::LOOK_EVERY_MAX {
            self.hot_again(key);
        }
        if let Err(error) = self.verify(key, now)
            && let Some(file) = self.files.get(&key)
        {
            let path = Arc::clone(&file.path);
            self.trouble(&path, &error);
        }
    }

    /// Compares the head and the bytes before the position with what they were.
    fn verify(&mut self, key: FileKey, now: Now) -> io::Result<()> {
        let Some(file) = self.files.get(&key) else { return Ok(()) };
        let Some(handle) = &file.handle else { return Ok(()) };
        let same_head = file.head.agrees(&file::read_head(handle)?);
        if !same_head || !file::proves(handle, file.position)? {
            self.begin_new_generation(key, "other bytes stand where it was read", now);
        } else if let Some(file) = self.files.get_mut(&key) {
            file.grown_to = file.grown_to.max(file.seen.size);
        }
        Ok(())
    }

    fn queue_if_readable(&mut self, key: FileKey, now: Instant) {
        let Some(file) = self.files.get(&key) else { return };
        if file.unread_bytes() == 0 || file.shadow.is_some() {
            return;
        }
        let ending = ending_of(file, &self.options, now);
        if file.tried != Some((file.seen.size, ending)) {
            self.requeue(key);
        }
    }

    /// The bytes of this file are not those of its generation any more. The old content is
    /// remembered, for a copy of it may appear; the file is read from byte 0.
    fn begin_new_generation(&mut self, key: FileKey, why: &str, now: Now) {
        let Some(mut file) = self.files.remove(&key) else { return };
        let (path, inode) = (Arc::clone(&file.path), file.inode);
        let old = Remembered {
            key,
            inode,
            path: Arc::clone(&path),
            head: file.head,
            position: file.position,
            acked: file.acked,
            seen_size: file.grown_to,
            rotated: file.rotated.is_some(),
            since: now.instant,
            loss: Loss::Truncated,
        };
        self.event(
            EventKind::Truncated,
            &path,
            format!("{why}; {} bytes of the old content were read", file.position.offset),
        );
        if matches!(file.name, Name::Unlisted { .. }) && file.seen.links > 0 {
            // Outside the pattern only the content that was followed there is our business.
            self.by_inode.remove(&inode);
            self.open_count -= usize::from(file.handle.is_some());
            self.memory.insert(old);
            return self.find_copy_of(key, now);
        }
        file.key = self.new_key();
        file.head = Head::default();
        file.position = Position::start();
        file.acked = 0;
        file.grown_to = 0;
        file.scanned_to = 0;
        file.tried = None;
        file.shadow = None;
        file.queued = false;
        file.last_growth = now.instant;
        file.caught_up = now.instant;
        file.warm_up(now.instant);
        let new_key = file.key;
        self.by_inode.insert(inode, new_key);
        self.changes.push(Change::Save(checkpoint(&file, Position::start())));
        self.files.insert(new_key, file);
        self.hot_again(new_key);
        self.grow_head(new_key);
        self.memory.insert(old);
        self.find_copy_of(key, now);
        self.queue_if_readable(new_key, now.instant);
    }

    /// The head fingerprint grows with the file until it is full.
    pub(super) fn grow_head(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        if file.head.is_full() || file.seen.size <= u64::from(file.head.len) {
            return;
        }
        let Some(Ok(bytes)) = file.handle.as_ref().map(file::read_head) else { return };
        if file.head.agrees(&bytes) {
            file.head = Head::of(&bytes);
        }
    }

    fn ensure_open(&mut self, key: FileKey, now: Now) {
        let Some(file) = self.files.get(&key) else { return };
        if file.handle.is_some() {
            return;
        }
        let (path, inode) = (Arc::clone(&file.path), file.inode);
        self.make_room();
        let opened = file::open(&path).and_then(|handle| Ok((file::stat(&handle)?, handle)));
        match opened {
            Ok((stat, handle)) if stat.inode == Some(inode) => {
                self.recovered(&path);
                if let Some(file) = self.files.get_mut(&key) {
                    file.handle = Some(handle);
                    self.open_count += 1;
                }
            }
            Ok(_) => self.hint(now.instant),
            Err(error) => {
                if let Some(file) = self.files.get_mut(&key) {
                    file.cool_down(now.instant);
                }
                self.trouble(&path, &error);
            }
        }
    }

    /// Closes a file that can be opened again by its name when descriptors run short.
    pub(super) fn make_room(&mut self) {
        if self.open_count >= self.descriptors_max() {
            let idle = self
                .files
                .values()
                .filter(|file| file.handle.is_some() && file.name == Name::Listed && !file.queued)
                .max_by_key(|file| (file.unread_bytes() == 0, file.look_every));
            if let Some(key) = idle.map(|file| file.key) {
                self.close(key);
            }
        }
    }

    fn close_idle_files(&mut self) {
        while self.open_count > self.descriptors_max() {
            let before = self.open_count;
            self.make_room();
            if self.open_count == before {
                return;
            }
        }
    }

    fn descriptors_max(&self) -> usize {
        self.options.descriptors_max.saturating_sub(RESERVED_DESCRIPTORS).max(1)
    }

    fn close(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(&key)
            && file.handle.take().is_some()
        {
            self.open_count -= 1;
        }
    }

    /// Lets a file go that has no name, is read and acknowledged to its end, and is quiet.
    fn release_if_done(&mut self, key: FileKey, now: Now) {
        let Some(file) = self.files.get(&key) else { return };
        let Name::Unlisted { since } = file.name else { return };
        let gone = file.handle.is_none();
        let linger = if file.seen.links == 0 { DELETED_LINGER } else { MOVED_LINGER };
        let quiet = file.quiet_for(now.instant).min(now.instant.saturating_duration_since(since));
        let done = file.unread_bytes() == 0 && file.acked >= file.position.offset;
        if !(done && quiet >= linger) && !gone {
            return;
        }
        self.close(key);
        let Some(file) = self.files.remove(&key) else { return };
        self.by_inode.remove(&file.inode);
        if file.unread_bytes() > 0 {
            let unread = file.unread_bytes();
            self.abandon(&file.path, unread, "it could not be opened again");
        }
        self.event(EventKind::Released, &file.path, format!("read to {}", file.position.offset));
        if file.seen.links == 0 {
            self.changes.push(Change::Forget(key));
            return;
        }
        self.memory.insert(Remembered {
            key,
            inode: file.inode,
            path: file.path,
            head: file.head,
            position: file.position,
            acked: file.acked,
            seen_size: file.grown_to,
            rotated: file.rotated.is_some(),
            since: now.instant,
            loss: Loss::Released,
        });
    }
}

/// The checkpoint of a file at a position.
pub(super) fn checkpoint(file: &Tailed, position: Position) -> Checkpoint {
    Checkpoint {
        file: file.key,
        inode: file.inode,
        path: file.path.to_path_buf(),
        head: file.head,
        offset: position.offset,
        anchor: position.anchor,
        rotated: file.rotated.is_some(),
    }
}

/// The checkpoint of a file whose acknowledged position is the one it was read to. Otherwise the
/// acknowledgement that is still to come writes the new name down.
fn checkpoint_at_ack(file: &Tailed) -> Option<Checkpoint> {
    (file.acked == file.position.offset).then(|| checkpoint(file, file.position))
}

fn ending_of(file: &Tailed, options: &TailOptions, now: Instant) -> Ending {
    let quiet = file.quiet_for(now);
    let rotated = file.rotated.map(|since| quiet.min(now.saturating_duration_since(since)));
    if rotated.is_some_and(|quiet| quiet >= ROTATED_HOLD) {
        return Ending::Final;
    }
    match options.multi_line_hold {
        Some(hold) if quiet >= hold => Ending::Held,
        Some(_) | None => Ending::Open,
    }
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{error}; let the daemon's user read it (group adm, an ACL, or chmod)")
        }
        io::ErrorKind::InvalidInput => format!("skipped: {error}"),
        _ => error.to_string(),
    }
}
