//! Lets the tailer know of the next write to each quiet file, so that it need not poll them.

use std::time::Instant;

use super::Flow;
use crate::disk::writes::{WriteWatch, Written};
use crate::tail::disk::Disk;
use crate::tail::tailer::Now;

/// So many files are armed after a step; each costs some microseconds.
const ARMED_PER_STEP_MAX: usize = 512;

impl<D: Disk> Flow<D> {
    /// Quiet files are offered to [`Flow::arm`] from now on.
    pub fn arm_writes(&mut self) {
        self.tailer.control().arm_writes();
    }

    /// Nothing is notified of writes, though it should be.
    pub(crate) fn note_no_writes(&mut self) {
        self.notify_status.note_no_writes();
    }

    /// Arms the files that fell quiet, and forgets those that are not followed any more. Says when
    /// the next step is due because of what was found in them meanwhile.
    pub fn arm(&mut self, watch: &mut impl WriteWatch<D::File>, now: Now) -> Option<Instant> {
        if self.notify_status.has_new_scan_to_arm(self.tailer.scans()) {
            watch.retain(|key| self.tailer.file(key).is_some());
        }
        if !self.tailer.control().has_offered() {
            return None;
        }
        for (key, file) in self.tailer.control().offered(ARMED_PER_STEP_MAX) {
            if watch.arm(key, &file) {
                self.tailer.control().armed(key, now);
            } else {
                self.tailer.control().not_armed(key, now.instant);
            }
        }
        if watch.take_short() {
            self.notify_status.note_short_writes(now.instant);
        }
        let more = self.tailer.control().has_offered();
        Some(if more { now.instant } else { self.wake_at(now.instant) })
    }

    /// Takes what was notified. The next step acts on it, and is due.
    pub fn on_file_writes(&mut self, written: &Written, now: Instant) {
        for key in &written.files {
            self.tailer.control().on_written(*key, now);
        }
        if written.is_incomplete {
            self.tailer.control().on_writes_lost(now);
        }
    }
}
