//! When a tailer scans directories and polls idle files.

use std::time::{Duration, Instant};

/// A row is saved this often though nothing of it changed, so that a crash leaves little doubt
/// about what was seen.
pub(crate) const SAVE_TIME_EVERY: Duration = Duration::from_mins(1);

/// What is due when.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) next_scan: Instant,
    /// However many notifications come: listing a large directory is not cheap.
    pub(crate) no_scan_before: Instant,
    pub(crate) next_full_scan: Instant,
    pub(crate) next_sweep: Instant,
    /// When a row is saved for its time alone.
    pub(crate) next_save: Instant,
    /// When the flow polled last.
    pub(crate) looked_at: Instant,
    pub(crate) first_scan_done: bool,
    /// Full scans.
    pub(crate) scans: u64,
    /// Scans in a row during which something changed.
    pub(crate) unsure_scans: u8,
}

impl Schedule {
    /// All but the save is due at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            next_scan: now,
            no_scan_before: now,
            next_full_scan: now,
            next_sweep: now,
            next_save: now + SAVE_TIME_EVERY,
            looked_at: now,
            first_scan_done: false,
            scans: 0,
            unsure_scans: 0,
        }
    }

    /// Makes the next scan come soon: directories changed.
    pub(crate) fn hint(&mut self, now: Instant) {
        self.next_scan = self.next_scan.min(now.max(self.no_scan_before));
    }

    /// Quiet files are polled by this time, at the latest.
    pub(crate) fn sweep_by(&mut self, at: Instant) {
        self.next_sweep = self.next_sweep.min(at);
    }
}
