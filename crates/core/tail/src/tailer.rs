//! All files of one flow: which there are, which have something to read, which can be released.
//!
//! The tailer owns all state; its modules are the steps that change it, each for its part.
//! It asks the file system through [`Disk`] and takes the time as an argument; it neither waits nor
//! logs: what happened is handed on as events, what is to be saved as changes of rows.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::compressed::hunt;
use crate::compressed::state::Hunt;
use crate::control::Control;
use crate::directories::Directories;
use crate::disk::Disk;
use crate::done::{self, DoneFile};
use crate::event::FileEvent;
use crate::file::Tailed;
use crate::followed::Followed;
use crate::history::History;
use crate::identity::{FileKey, Position};
use crate::job::Work;
use crate::memory::Memory;
use crate::names::Wanted;
use crate::order::Order;
use crate::outbox::Outbox;
use crate::problems::{FileProblem, Problems};
use crate::reader::Reader;
use crate::row::{self, ending_of};
use crate::schedule::Schedule;
use crate::splitter::Ending;
use crate::turns::{self, Turns};
use crate::{lineage, log_path, missing, restore, scan, sequence, sweep, trouble, work};
use kinetail_base::checkpoint::{Change, Checkpoint};

pub use crate::options::{
    DELETED_LINGER, Earlier, Fill, MOVED_LINGER, Now, ROTATED_HOLD, TailOptions,
};

/// The files of a flow.
#[derive(Debug)]
pub struct Tailer<D: Disk> {
    /// Where the files are.
    pub(crate) disk: D,
    pub(crate) options: TailOptions,
    /// Generations that have a file.
    pub(crate) files: Followed<D::File>,
    /// Generations that have none.
    pub(crate) memory: Memory,
    /// What happened, and what is to be saved.
    pub(crate) out: Outbox,
    /// Which files are read and polled next.
    pub(crate) turns: Turns,
    /// When directories are scanned.
    pub(crate) schedule: Schedule,
    /// What the last scan found.
    pub(crate) directories: Directories,
    /// What cannot be followed now.
    pub(crate) problems: Problems,
    /// Generations that are looked for in compressed files, and the one that is read there.
    pub(crate) hunt: Hunt<D::File>,
    /// The generations of each log, and their order.
    pub(crate) history: History,
    /// What polls led to.
    pub(crate) work: Work<D::File>,
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
        let known = restore::known_from(rows, now);
        let logs = restore::logs_of(&options, &known.memory, &known.finished);
        let mut order = Order::new(next_key);
        order.arrived.extend(known.memory.iter().map(|content| content.key));
        let mut tailer = Self {
            disk,
            options,
            files: Followed::new(next_key),
            memory: known.memory,
            out: Outbox::default(),
            turns: Turns::default(),
            schedule: Schedule::new(now),
            directories: Directories::default(),
            problems: Problems::default(),
            hunt: Hunt::knowing(known.finished),
            history: History { logs, order, waiting: known.waiting, told_uncovered: false },
            work: Work::default(),
        };
        missing::tell_of_dropped(&mut tailer, known.dropped);
        tailer
    }

    /// Looks for names that came or went and for bytes that were written, as far as it is time.
    pub fn look(&mut self, now: Now) {
        self.schedule.looked_at = now.instant;
        work::finish(self, now);
        if now.instant >= self.schedule.next_scan {
            scan::scan(self, now);
        }
        sweep::poll_active_files(self, now);
        if now.instant >= self.schedule.next_sweep {
            sweep::poll_idle_files(self, now);
        }
        hunt::hunt(self, now);
        lineage::put_in_order(self);
        sequence::keep_order(self, now);
        trouble::note_no_match(self, now.instant);
    }

    /// When to look next, at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Instant {
        let next = self.schedule.next_scan.min(self.schedule.next_sweep);
        [self.turns.next_active, self.hunt.wake()].into_iter().flatten().fold(next, Instant::min)
    }

    /// The next file that has something to read; each gets its turn.
    pub fn next_readable(&mut self, now: Now) -> Option<FileKey> {
        if self.turns.queue.is_empty() {
            sequence::keep_order(self, now);
        }
        while let Some(key) = self.turns.queue.pop_front() {
            if let Some(file) = self.files.get_mut(key) {
                file.pace.set_queued(false);
                return Some(key);
            }
        }
        None
    }

    /// Puts a file back in front: its turn came and there was no room for anything of it.
    pub fn requeue_first(&mut self, key: FileKey) {
        turns::requeue_first(self, key);
    }

    /// Puts a file back: it has more to read.
    pub fn requeue(&mut self, key: FileKey) {
        turns::requeue(self, key);
    }

    /// Whether any file waits to be read.
    #[must_use]
    pub fn has_readable(&self) -> bool {
        !self.turns.queue.is_empty()
    }

    /// Reads a file, or says what was read of it.
    pub fn reader(&mut self) -> Reader<'_, D> {
        Reader { tailer: self }
    }

    /// Takes orders from outside.
    pub fn control(&mut self) -> Control<'_, D> {
        Control { tailer: self }
    }

    /// The state of one file.
    #[must_use]
    pub fn file(&self, key: FileKey) -> Option<&Tailed<D::File>> {
        self.files.get(key)
    }

    /// Where a generation is, or was last.
    #[must_use]
    pub fn path_of(&self, key: FileKey) -> Option<&Arc<Path>> {
        log_path::path_of(self, key)
    }

    /// The path under which the log of a generation is matched. It is the same before and after a
    /// rotation, as long as the rotated name is one of `rotatedNames`.
    #[must_use]
    pub fn log_path(&self, key: FileKey) -> Option<Arc<Path>> {
        log_path::log_path(self, key)
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
        self.files.open_count
    }

    /// How many full scans were made.
    #[must_use]
    pub fn scans(&self) -> u64 {
        self.schedule.scans
    }

    /// Whether the first scan begins at the end of what is in the files.
    #[must_use]
    pub fn starts_at_end(&self) -> bool {
        self.options.start_at_end
    }

    /// Whether the directories were scanned once.
    #[must_use]
    pub fn has_scanned(&self) -> bool {
        self.schedule.first_scan_done
    }

    /// What the last scan went through, to be watched.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        scan::wanted(self)
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<FileEvent> {
        std::mem::take(&mut self.out.events)
    }

    /// What is to be saved since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.out.changes)
    }

    /// Whether something that is there cannot be opened, examined or read.
    #[must_use]
    pub fn has_troubles(&self) -> bool {
        trouble::has_troubles(self)
    }

    /// What cannot be followed now, in the order of the paths.
    pub fn problems(&self) -> impl Iterator<Item = &FileProblem> {
        self.problems.iter()
    }

    /// Whether more may follow what was seen of a file.
    #[must_use]
    pub fn ending(&self, key: FileKey, now: Instant) -> Ending {
        self.files.get(key).map_or(Ending::Open, |file| {
            let compressed = self.hunt.ending(key);
            compressed.unwrap_or_else(|| ending_of(file, &self.options, now))
        })
    }

    /// The end of what is read in a hole that was filled in, before it comes to what was read.
    #[must_use]
    pub fn already_from(&self, key: FileKey) -> Option<u64> {
        self.files.get(key)?.gaps.read_before().map(|before| before.from)
    }

    /// The files of which every byte is acknowledged, and to which nothing was written for `quiet`.
    #[must_use]
    pub fn done(&self, quiet: Duration, now: Instant) -> Vec<DoneFile> {
        done::done(self, quiet, now)
    }

    /// Notes an acknowledgement: everything before `position` is in the stream. Returns what is to
    /// be saved.
    pub fn acknowledge(
        &mut self,
        key: FileKey,
        position: Position,
        now: Instant,
    ) -> Option<Checkpoint> {
        row::acknowledge(self, key, position, now)
    }

    /// Whether a file is deleted: after a stop it could not be found again.
    #[must_use]
    pub fn is_lost_after_stop(&self, key: FileKey) -> bool {
        self.files.is_lost_after_stop(key)
    }

    /// The generation of the same log right before this one, if it is still followed.
    #[must_use]
    pub fn older_generation(&self, key: FileKey) -> Option<FileKey> {
        self.history.order.older(key).filter(|older| self.files.contains_key(*older))
    }

    /// The generation of the same log right after this one, if it is followed.
    #[must_use]
    pub fn younger_generation(&self, key: FileKey) -> Option<FileKey> {
        self.history.order.younger(key).filter(|younger| self.files.contains_key(*younger))
    }
}
