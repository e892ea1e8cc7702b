//! All files of one flow: which there are, which have something to read, which may be let go.
//!
//! The tailer owns every [`Tailed`] and is the only one that changes them. It asks the file
//! system and takes time as an argument; it neither waits nor logs: what happened is handed on as
//! [`FileEvent`]s, what is to be written down as [`Change`]s.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ahead::is_utf16;
use super::candidate::position_at;
use super::compressed::Hunt;
use super::descriptors::Closable;
use super::disk::{Disk, Fault, OpenFile};
use super::event::{EventKind, FileEvent};
use super::file::{self, Tailed};
use super::generations::{Horizon, Logs};
use super::identity::{FileKey, Head, Inode, Position};
use super::life::{self, Fact, Phase};
use super::memory::{Loss, Memory, Remembered};
use super::names::{Renamed, Wanted};
use super::order::Order;
use super::pattern::FilePattern;
use super::problems::Problems;
use super::rotated::RotatedNames;
use super::rotation::Entry;
use super::snapshot::Snapshot;
use super::space::SpaceGuard;
use super::splitter::Ending;
use super::trail;
use super::trouble::Unmatched;
use super::waiting::Waiting;
use super::window::{Refill, Window};
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// A last line without a line end waits this long for the rest after its file was rotated.
pub const ROTATED_HOLD: Duration = Duration::from_secs(3);

/// A deleted file is let go when nothing was written to it for this long. It holds disk space.
pub const DELETED_LINGER: Duration = Duration::from_mins(1);

/// A file that was moved out of the pattern is let go when nothing was written for this long.
pub const MOVED_LINGER: Duration = Duration::from_hours(1);

/// A row is saved this often though nothing of it changed, so that a crash leaves little doubt
/// about what was seen.
const SAVE_TIME_EVERY: Duration = Duration::from_mins(1);

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
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the configuration")]
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
    /// A last line without a line end is sent after this long; `None`: it waits.
    pub partial_line_hold: Option<Duration>,
    /// Whether files that begin with the mark of UTF-16 are left out.
    pub refuse_utf16: bool,
    /// How many descriptors files may take.
    pub descriptors_max: usize,
    /// When held files have to give their disk space back.
    pub space: SpaceGuard,
    /// Which names rotated files get.
    pub rotated_names: RotatedNames,
    /// Whether a younger generation of a log waits for an older one however long that takes.
    pub strict_order: bool,
    /// When the flow ran before; `None` at its very first start.
    pub earlier: Option<Earlier>,
    /// Whether NUL bytes where a record would begin are space that somebody reserved. In a stream
    /// they are bytes of a record.
    pub has_holes: bool,
}

/// Times of earlier runs, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// The flow's very first start. What is older was left alone then, and is so for good.
    pub first_start_nanos: i128,
    /// When a checkpoint was written last: by then the flow had looked at its files.
    pub last_known_nanos: i128,
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
pub struct Tailer<D: Disk> {
    /// Where the files are.
    pub(super) disk: D,
    pub(super) options: TailOptions,
    pub(super) files: BTreeMap<FileKey, Tailed<D::File>>,
    pub(super) by_inode: BTreeMap<Inode, FileKey>,
    pub(super) memory: Memory,
    pub(super) events: Vec<FileEvent>,
    pub(super) changes: Vec<Change>,
    /// Files that have something to read, in turn.
    pub(super) queue: VecDeque<FileKey>,
    /// Files that are looked at more often than the sweep.
    pub(super) hot: Vec<FileKey>,
    /// When the first of them is due; `None` if there are none.
    pub(super) next_hot_look: Option<Instant>,
    pub(super) next_key: u64,
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) next_scan: Instant,
    /// However many hints come: listing a large directory is not cheap.
    pub(super) no_scan_before: Instant,
    pub(super) next_full_scan: Instant,
    pub(super) next_sweep: Instant,
    pub(super) first_scan_done: bool,
    /// What is in the way now.
    pub(super) problems: Problems,
    /// Since when no file matches.
    pub(super) unmatched: Option<Unmatched>,
    /// When the flow looked last.
    pub(super) looked_at: Instant,
    /// Files that match and could not be opened; they are tried in turn.
    pub(super) refused: VecDeque<Entry>,
    /// Directories where contents lay and that are not there, or could not be searched wholly.
    pub(super) unsearched: Vec<PathBuf>,
    pub(super) open_count: usize,
    /// Files that may be closed to make room for others, the best one last.
    pub(super) closable: Vec<Closable>,
    pub(super) scans: u64,
    /// Renames that were heard of lately, in order.
    pub(super) renames: VecDeque<(Instant, Renamed)>,
    /// Contents that are looked for in compressed files, and the one that is read there.
    pub(super) hunt: Hunt<D::File>,
    /// What is known of the generations of each live name.
    pub(super) logs: Logs,
    /// Which generations are read behind which.
    pub(super) order: Order,
    /// Generations that are found and not read yet.
    pub(super) waiting: BTreeMap<Inode, Waiting>,
    /// Scans in a row that something changed under.
    pub(super) unsure_scans: u8,
    /// When a row is saved for its time alone.
    pub(super) next_save: Instant,
}

impl<D: Disk> Tailer<D> {
    /// A tailer that continues from what an earlier run left.
    #[must_use]
    pub fn new(
        disk: D,
        options: TailOptions,
        rows: Vec<Checkpoint>,
        next_key: u64,
        now: Instant,
    ) -> Self {
        let (mut memory, mut hunt) = (Memory::default(), Hunt::default());
        let (mut waiting, mut dropped) = (BTreeMap::new(), Vec::new());
        for row in rows {
            if row.life == RowLife::Found {
                life::pass(Phase::Unseen, Fact::CheckpointedWaiting, Phase::Waiting);
                waiting.insert(row.inode, Waiting::of(&row));
                continue;
            }
            let finished = note_checkpointed(&row);
            let known = if finished { &mut hunt.finished } else { &mut memory };
            dropped.extend(known.insert(Remembered {
                key: row.file,
                inode: row.inode,
                path: Arc::from(row.path),
                head: row.head,
                position: Position { offset: row.offset, anchor: row.anchor },
                acked: row.offset,
                holes: row.holes,
                seen_size: 0,
                rotated: row.life != RowLife::Live,
                trail: row.places,
                since: now,
                lost_by_nanos: 0,
                loss: if finished { Loss::Finished } else { Loss::Stopped },
                located: false,
            }));
        }
        let mut logs = Logs::new(horizon(&options));
        for content in memory.iter().filter(|content| !content.rotated) {
            let log = logs.entry(&content.path);
            log.newest = log.newest.max(Some(content.key));
        }
        let mut order = Order::new(next_key);
        order.arrived.extend(memory.iter().map(|content| content.key));
        let mut tailer = Self {
            disk,
            options,
            files: BTreeMap::new(),
            by_inode: BTreeMap::new(),
            memory,
            events: Vec::new(),
            changes: Vec::new(),
            queue: VecDeque::new(),
            hot: Vec::new(),
            next_hot_look: None,
            next_key,
            snapshot: None,
            next_scan: now,
            no_scan_before: now,
            next_full_scan: now,
            next_sweep: now,
            first_scan_done: false,
            problems: Problems::default(),
            unmatched: None,
            looked_at: now,
            refused: VecDeque::new(),
            unsearched: Vec::new(),
            open_count: 0,
            closable: Vec::new(),
            scans: 0,
            renames: VecDeque::new(),
            hunt,
            logs,
            order,
            waiting,
            unsure_scans: 0,
            next_save: now + SAVE_TIME_EVERY,
        };
        tailer.tell_of_dropped(dropped);
        tailer
    }

    /// Saves a row again, for its time: by then the flow had looked at its files. What was rotated
    /// after that may not be known.
    pub fn save_time(&mut self, now: Instant) {
        self.next_save = now + SAVE_TIME_EVERY;
        let row = self.files.values().find(|file| file.is_listed());
        self.changes.extend(row.and_then(checkpoint_at_ack).map(Change::Save));
    }

    /// Saves the proven places of what was read since the start: should a file be cut, or an older
    /// copy be put back, while nobody looks, little of it is sent again. Called before a stop.
    pub fn save_places(&mut self) {
        let live = self.files.values().filter(|file| !file.is_rotated());
        let rows = live.filter(|file| file.progress.is_marked()).filter_map(checkpoint_at_ack);
        let rows: Vec<Checkpoint> = rows.map(|row| self.with_places(row)).collect();
        self.changes.extend(rows.into_iter().map(Change::Save));
    }

    /// The same for one row.
    fn with_places(&self, mut row: Checkpoint) -> Checkpoint {
        if let Some(file) = self.files.get(&row.file) {
            let position = Position { offset: row.offset, anchor: row.anchor };
            row.places = file.progress.places_before(position);
        }
        row
    }

    /// Looks for names that came or went and for bytes that were written, as far as it is time.
    pub fn look(&mut self, now: Now) {
        self.looked_at = now.instant;
        if now.instant >= self.next_scan {
            self.scan(now);
        }
        self.look_at_hot_files(now);
        if now.instant >= self.next_sweep {
            self.sweep(now);
        }
        self.hunt(now);
        self.put_in_order();
        self.keep_order(now);
        self.note_no_match(now.instant);
    }

    /// Makes a [`Tailer::look`] soon scan the directories: somebody says that they changed.
    pub fn hint(&mut self, now: Instant) {
        self.next_scan = self.next_scan.min(now.max(self.no_scan_before));
    }

    /// When to look next, at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Instant {
        let next = self.next_scan.min(self.next_sweep);
        [self.next_hot_look, self.hunt.wake()].into_iter().flatten().fold(next, Instant::min)
    }

    /// The next file that has something to read; each gets its turn.
    pub fn next_readable(&mut self, now: Now) -> Option<FileKey> {
        if self.queue.is_empty() {
            self.keep_order(now);
        }
        while let Some(key) = self.queue.pop_front() {
            if let Some(file) = self.files.get_mut(&key) {
                file.pace.set_queued(false);
                return Some(key);
            }
        }
        None
    }

    /// Puts a file back in front: its turn came and there was no room for anything of it.
    pub fn requeue_first(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(&key)
            && !file.pace.is_queued()
            && file.phase() != Phase::PendingCopy
            && !self.order.park(key)
        {
            file.pace.set_queued(true);
            self.queue.push_front(key);
        }
    }

    /// Puts a file back: it has more to read.
    pub fn requeue(&mut self, key: FileKey) {
        if let Some(file) = self.files.get_mut(&key)
            && !file.pace.is_queued()
            && file.life.is_read()
            && !self.order.park(key)
        {
            file.pace.set_queued(true);
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
    pub fn file(&self, key: FileKey) -> Option<&Tailed<D::File>> {
        self.files.get(&key)
    }

    /// Where a content is, or was last.
    #[must_use]
    pub fn path_of(&self, key: FileKey) -> Option<&Arc<Path>> {
        let followed = self.files.get(&key).map(|file| &file.path);
        followed.or_else(|| self.memory.get(key).map(|content| &content.path))
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &Tailed<D::File>> {
        self.files.values()
    }

    /// How many files are followed.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.files.len()
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

    /// Whether the first scan begins behind what is in the files.
    #[must_use]
    pub fn starts_at_end(&self) -> bool {
        self.options.start_at_end
    }

    /// Whether the directories were looked at once.
    #[must_use]
    pub fn has_scanned(&self) -> bool {
        self.first_scan_done
    }

    /// What the last scan went through, to be watched.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        let Some(snapshot) = &self.snapshot else { return Wanted::default() };
        let there = snapshot.directories.iter().filter(|(_, stamp)| stamp.is_some());
        let base = self.options.pattern.base_dir();
        // A link in the path of the base directory may lead elsewhere one day.
        let is_link = |path: &&Path| self.disk.is_link(path).unwrap_or(false);
        let links = base.ancestors().skip(1).filter(is_link);
        Wanted {
            directories: there.map(|(path, _)| path.clone()).collect(),
            paths: std::iter::once(base).chain(links).map(Path::to_path_buf).collect(),
        }
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
        if self.is_compressed(key) {
            return self.fill_compressed(key, window, now);
        }
        self.ensure_open(key, now);
        let Some(file) = self.files.get_mut(&key) else { return Fill::Nothing };
        let Some(handle) = &file.handle else { return Fill::Nothing };
        match window.refill(key, handle, (file.position, file.gaps.holes())) {
            Ok(Refill::Filled) if file.agrees_from_start(window.beginning(key)) => {
                if !self.problems.is_empty() {
                    let path = Arc::clone(&file.path);
                    self.reads_again(&path);
                }
                let Some(file) = self.files.get(&key) else { return Fill::Nothing };
                let begins = window.beginning(key).filter(|_| file.position.offset == 0);
                if self.options.refuse_utf16 && begins.is_some_and(is_utf16) {
                    window.clear();
                    self.refuse(key);
                    return Fill::Nothing;
                }
                Fill::Ready
            }
            Ok(Refill::Filled | Refill::Changed) => {
                window.clear();
                self.begin_new_generation(key, "other bytes stand before the offset", now);
                Fill::Nothing
            }
            Err(error) => {
                file.pace.poll_later(now.instant);
                let path = Arc::clone(&file.path);
                let is_stale = error.fault == Fault::Stale;
                self.trouble(&path, error);
                if is_stale {
                    self.reopen_by_name(key, now);
                }
                Fill::Nothing
            }
        }
    }

    /// Notes that everything before `position` was handed on.
    pub fn advance(&mut self, key: FileKey, position: Position) {
        if let Some(file) = self.files.get_mut(&key) {
            file.advance(position);
        }
    }

    /// Notes that no record ends before `offset`: the next search begins there.
    pub fn note_scanned(&mut self, key: FileKey, offset: u64) {
        if let Some(file) = self.files.get_mut(&key) {
            file.ahead.set_scanned_to(offset);
        }
    }

    /// Notes that the file holds no further record before `end`, where it ended when it was read.
    pub fn note_tried(&mut self, key: FileKey, end: u64, ending: Ending) {
        if let Some(file) = self.files.get_mut(&key) {
            file.ahead.set_tried(end, ending);
        }
    }

    /// Whether more may follow what was seen of a file.
    #[must_use]
    pub fn ending(&self, key: FileKey, now: Instant) -> Ending {
        self.files.get(&key).map_or(Ending::Open, |file| {
            let compressed = self.ending_of_compressed(file);
            compressed.unwrap_or_else(|| ending_of(file, &self.options, now))
        })
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
            file.progress.set_acked(position.offset);
            if file.lag_bytes() == 0 {
                file.pace.note_caught_up(now);
            }
            let kept = file.progress.release_kept_row(position.offset);
            let row = (!file.progress.has_kept_row()).then(|| checkpoint(file, position));
            self.changes.extend(kept.map(Change::Forget));
            if file.phase() == Phase::AwaitingAcks {
                file.pace.poll_sooner(now);
                self.hot_again(key);
            }
            // Soon nobody looks.
            let draining = self.order.is_draining();
            return row.map(|row| if draining { self.with_places(row) } else { row });
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
            life: RowLife::of_rotated(content.rotated),
            holes: content.holes.before(position.offset),
            places: trail::before(content.trail.iter().copied(), position),
            cursor: None,
        })
    }

    /// Sends what is left of files that nobody can find again: called when the flow drains.
    #[must_use]
    pub fn is_lost_after_stop(&self, key: FileKey) -> bool {
        self.files.get(&key).is_some_and(|file| !file.is_listed() && file.seen.links == 0)
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

    pub(super) fn hot_again(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let next = file.pace.next();
        self.next_hot_look = Some(self.next_hot_look.map_or(next, |due| due.min(next)));
        if !file.pace.set_active(true) {
            self.hot.push(key);
        }
    }

    /// A pause that grows with the number of files, so that what is done to each of them takes the
    /// same share of the processor however many there are.
    pub(super) fn paced(&self, per_file: Duration, min: Duration, max: Duration) -> Duration {
        let files = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        per_file.saturating_mul(files).clamp(min, max)
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
}

/// A generation is known from an earlier run. Says whether it was read to its end.
fn note_checkpointed(row: &Checkpoint) -> bool {
    let finished = row.life == RowLife::Finished;
    if finished {
        life::pass(Phase::Unseen, Fact::CheckpointedFinished, Phase::Finished);
    } else {
        life::pass(Phase::Unseen, Fact::Checkpointed, Phase::Missing);
    }
    finished
}

/// What is older than this flow.
fn horizon(options: &TailOptions) -> Horizon {
    let earlier = options.earlier.map(|earlier| Horizon {
        first_start_nanos: earlier.first_start_nanos,
        since_nanos: earlier.last_known_nanos,
    });
    // The first scan of a first start sets both.
    earlier.unwrap_or(Horizon { first_start_nanos: i128::MAX, since_nanos: i128::MAX })
}

/// The checkpoint of a file at a position.
pub(super) fn checkpoint<F>(file: &Tailed<F>, position: Position) -> Checkpoint {
    Checkpoint {
        file: file.key,
        inode: file.inode,
        path: file.path.to_path_buf(),
        head: file.head,
        offset: position.offset,
        anchor: position.anchor,
        life: RowLife::of_rotated(file.is_rotated()),
        holes: file.gaps.holes().before(position.offset),
        places: if file.is_rotated() || file.progress.saves_places() {
            file.progress.places_before(position)
        } else {
            Vec::new()
        },
        cursor: None,
    }
}

/// The checkpoint of a file as far as it is acknowledged: what is known of its place is not to wait
/// for the next acknowledgement. `None` if the bytes before that cannot be read.
pub(super) fn checkpoint_at_ack<F: OpenFile>(file: &Tailed<F>) -> Option<Checkpoint> {
    if file.progress.has_kept_row() {
        return None;
    }
    if file.acked() == file.position.offset {
        return Some(checkpoint(file, file.position));
    }
    let acked = position_at(file.handle.as_ref()?, file.acked(), file.gaps.holes()).ok()?;
    Some(checkpoint(file, acked))
}

pub(super) fn ending_of<F: OpenFile>(
    file: &Tailed<F>,
    options: &TailOptions,
    now: Instant,
) -> Ending {
    if file.handle.as_ref().is_some_and(OpenFile::is_complete) {
        return Ending::Final;
    }
    let quiet = file.pace.quiet_for(now);
    let rotated = file.life.rotated().map(|since| quiet.min(now.saturating_duration_since(since)));
    if rotated.is_some_and(|quiet| quiet >= ROTATED_HOLD) {
        return Ending::Final;
    }
    if options.partial_line_hold.is_some_and(|hold| quiet >= hold) {
        return Ending::Idle;
    }
    match options.multi_line_hold {
        Some(hold) if quiet >= hold => Ending::Held,
        Some(_) | None => Ending::Open,
    }
}
