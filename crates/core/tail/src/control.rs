//! Orders from outside: notifications, limits, memory, and the stop.

use std::time::{Duration, Instant};

use crate::compressed::hunt;
use crate::disk::Disk;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::names::Renamed;
use crate::options::Now;
use crate::tailer::Tailer;
use crate::{armed, done, pace, renamed, row, unlinked, work};

/// Takes orders.
#[derive(Debug)]
pub struct Control<'t, D: Disk> {
    pub(crate) tailer: &'t mut Tailer<D>,
}

impl<D: Disk> Control<'_, D> {
    /// Makes a [`Tailer::look`] soon scan the directories: they changed.
    pub fn hint(self, now: Instant) {
        self.tailer.schedule.hint(now);
    }

    /// Notes a rename; the next look, which is due immediately, follows the file if it is not
    /// followed.
    pub fn on_renamed(self, renamed: Renamed, now: Instant) {
        renamed::note(self.tailer, renamed, now);
    }

    /// Lines may wait for each other this long after they are read.
    pub fn read_for_batches(self, age_max: Duration) {
        self.tailer.turns.steady_every = pace::steady_every(age_max);
    }

    /// How often something changed of which there may be no event: a poll found it, or time passed.
    #[must_use]
    pub fn changes_seen(self) -> u64 {
        self.tailer.out.changes_seen
    }

    /// From now on quiet files are offered by [`Control::offered`].
    pub fn arm_writes(self) {
        self.tailer.turns.arms = true;
    }

    /// Up to `max` quiet files of which the next write should be notified. Each is answered with
    /// [`Control::armed`] or [`Control::not_armed`].
    #[must_use]
    pub fn offered(self, max: usize) -> Vec<(FileKey, D::File)> {
        armed::take(self.tailer, max)
    }

    /// Whether files wait to be taken with [`Control::offered`].
    #[must_use]
    pub fn has_offered(self) -> bool {
        armed::has_offered(self.tailer)
    }

    /// The next write to a file is notified, with [`Control::on_written`].
    pub fn armed(self, key: FileKey, now: Now) {
        armed::armed(self.tailer, key, now);
    }

    /// The next write to a file is not notified.
    pub fn not_armed(self, key: FileKey, now: Instant) {
        armed::not_armed(self.tailer, key, now);
    }

    /// Something was written to a file. The next look polls it, and is due.
    pub fn on_written(self, key: FileKey, now: Instant) {
        armed::written(self.tailer, key, now);
    }

    /// Notifications of writes were lost. The next look polls every armed file, and is due.
    pub fn on_writes_lost(self, now: Instant) {
        armed::lost(self.tailer, now);
    }

    /// From now on so many files may be open.
    pub fn set_descriptors_max(self, max: usize) {
        self.tailer.options.descriptors_max = max;
        let now = self.tailer.schedule.looked_at;
        self.tailer.schedule.sweep_by(now);
    }

    /// Files that are delivered are removed from now on: it is well if none is left.
    pub fn expect_removals(self) {
        self.tailer.directories.loses_files = true;
    }

    /// Records may begin in one generation and end in the next: a younger one waits until nothing
    /// more can come to the older one.
    pub fn span_generations(self) {
        self.tailer.history.order.spans_generations = true;
    }

    /// Saves a row again, for its time: by then the flow had looked at its files. What was rotated
    /// after that may not be known.
    pub fn save_time(self, now: Instant) {
        row::save_time(self.tailer, now);
    }

    /// Saves the proven places of what was read since the start: should a file be cut, or an older
    /// copy be put back, while the flow is stopped, little of it is sent again.
    pub fn save_places(self) {
        row::save_places(self.tailer);
    }

    /// Saves the checkpoint of a file again, so that it is known to be durable.
    pub fn save_row(self, key: FileKey) {
        done::save_row(self.tailer, key);
    }

    /// From now on only files are read that could not be found after a stop: no other one is
    /// waited for.
    pub fn drain(self) {
        self.tailer.history.order.drain();
    }

    /// Releases the deleted files of which everything is read and acknowledged: after a stop they
    /// could not be found again, and nothing of them is missing.
    pub fn let_deleted_go(self, now: Now) {
        let Self { tailer } = self;
        let done = tailer.files.values().filter(|file| file.is_done()).map(|file| file.key);
        let deleted: Vec<FileKey> =
            done.filter(|key| tailer.files.is_lost_after_stop(*key)).collect();
        for key in deleted {
            // What was written since the last poll is read first.
            work::poll(tailer, key, now);
            if tailer.files.get(key).is_some_and(Tailed::is_done) {
                unlinked::release(tailer, key, now.instant, "");
            }
        }
    }

    /// Whether memory is needed for looking into compressed files: it is lent with
    /// [`Control::lend`].
    #[must_use]
    pub fn wants_loan(self) -> bool {
        hunt::wants_loan(self.tailer)
    }

    /// Says whether there is memory for looking into compressed files.
    pub fn lend(self, lent: bool) {
        self.tailer.hunt.lend(lent);
    }

    /// Whether the memory is still needed that was lent.
    #[must_use]
    pub fn has_loan(self) -> bool {
        self.tailer.hunt.has_loan()
    }
}
