//! How soon a flow hears of new names: what it asks inotify for, and why that may not be enough.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::disk::watch::{Degraded, Hint, Watch};
use crate::metrics::FlowMetrics;
use crate::tail::disk::Disk;
use crate::tail::tailer::Tailer;

/// An overflow is shown this long. What it hid is found by the scan that follows at once.
const OVERFLOW_SHOWN: Duration = Duration::from_mins(1);

/// What is known of a flow's hints.
#[derive(Debug, Default)]
pub(super) struct NotifyStatus {
    /// The scan that the watched directories come from.
    scans: u64,
    /// The scan after which armed files were looked through.
    armed_scans: u64,
    overflows: u64,
    overflow_shown_until: Option<Instant>,
    watching: BTreeSet<Degraded>,
    /// What is wrong with notifications of writes.
    writes: Option<Degraded>,
    /// What was told last; nothing at first, so that every series is there from the start.
    told: Option<BTreeSet<Degraded>>,
}

impl NotifyStatus {
    /// Whether there was a scan since this was asked last.
    pub(super) fn has_new_scan_to_arm(&mut self, scans: u64) -> bool {
        std::mem::replace(&mut self.armed_scans, scans) != scans
    }

    /// Notes what is wrong with notifications of writes, if anything.
    pub(super) fn note_writes(&mut self, degraded: Option<Degraded>) {
        self.writes = degraded;
    }

    /// Asks for hints about what the last scan went through, and says what is left to the scans.
    pub(super) fn update<D: Disk>(
        &mut self,
        (tailer, metrics, flow): (&Tailer<D>, &FlowMetrics, &str),
        watch: &Watch,
        hint: &Hint,
        now: Instant,
    ) {
        if tailer.scans() != self.scans {
            self.scans = tailer.scans();
            self.watching = watch.set(&tailer.wanted(), hint);
        }
        let overflows = watch.overflows();
        if overflows != self.overflows {
            self.overflows = overflows;
            self.overflow_shown_until = Some(now + OVERFLOW_SHOWN);
        }
        if self.overflow_shown_until.is_some_and(|until| now >= until) {
            self.overflow_shown_until = None;
        }
        let overflow = self.overflow_shown_until.map(|_| Degraded::Overflow);
        let reasons = self.watching.iter().copied().chain(overflow);
        let reasons: BTreeSet<Degraded> = reasons.chain(self.writes).collect();
        if self.told.as_ref() != Some(&reasons) {
            report_changes(metrics, flow, &self.told.take().unwrap_or_default(), &reasons);
            self.told = Some(reasons);
        }
    }
}

fn report_changes(
    metrics: &FlowMetrics,
    flow: &str,
    before: &BTreeSet<Degraded>,
    reasons: &BTreeSet<Degraded>,
) {
    for reason in Degraded::ALL {
        metrics.notify_degraded(reason.label(), reasons.contains(&reason));
    }
    for reason in reasons.difference(before) {
        tracing::warn!(name: "notify_degraded", %flow, reason = reason.label(),
            "inotify is incomplete; {}: {}", reason.instead(), reason.advice());
    }
    for reason in before.difference(reasons) {
        tracing::info!(name: "notify_restored", %flow, reason = reason.label(),
            "inotify restored");
    }
}
