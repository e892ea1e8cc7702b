//! How soon a flow hears of new names: what it asks inotify for, and why that may not be enough.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::disk::watch::{Degraded, Hint, Watch};
use crate::metrics::FlowMetrics;
use crate::tail::disk::Disk;
use crate::tail::tailer::Tailer;

/// An overflow is shown this long. What it hid is found by the scan that follows at once.
const OVERFLOW_SHOWN: Duration = Duration::from_mins(1);

/// Files that cannot be armed are tried again within this, so that it does not come and go.
const SHORT_SHOWN: Duration = Duration::from_mins(2);

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
    /// Of writes nothing is notified, though it should be.
    has_no_writes: bool,
    writes_short_until: Option<Instant>,
    /// What was told last; nothing at first, so that every series is there from the start.
    told: Option<BTreeSet<Degraded>>,
}

impl NotifyStatus {
    /// Whether there was a scan since this was asked last.
    pub(super) fn has_new_scan_to_arm(&mut self, scans: u64) -> bool {
        std::mem::replace(&mut self.armed_scans, scans) != scans
    }

    /// All that is degraded now.
    fn reasons(&self) -> BTreeSet<Degraded> {
        let overflow = self.overflow_shown_until.map(|_| Degraded::Overflow);
        let short = self.writes_short_until.map(|_| Degraded::WriteLimit);
        let unavailable = self.has_no_writes.then_some(Degraded::WriteUnavailable);
        let known = self.watching.iter().copied();
        known.chain(overflow).chain(short).chain(unavailable).collect()
    }

    /// Nothing is notified of writes, though it should be.
    pub(super) fn note_no_writes(&mut self) {
        self.has_no_writes = true;
    }

    /// A quiet file is polled because no watch was left for it.
    pub(super) fn note_short_writes(&mut self, now: Instant) {
        self.writes_short_until = Some(now + SHORT_SHOWN);
    }

    /// What is shown for a while only.
    fn forget_old(&mut self, now: Instant) {
        for until in [&mut self.overflow_shown_until, &mut self.writes_short_until] {
            until.take_if(|until| now >= *until);
        }
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
        self.forget_old(now);
        let reasons = self.reasons();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_of_writes_degrade_next_to_those_of_names() {
        let mut status = NotifyStatus::default();
        assert_eq!(status.reasons(), BTreeSet::new());
        status.watching = BTreeSet::from([Degraded::WatchLimit]);
        let now = Instant::now();
        status.note_short_writes(now);
        let both = BTreeSet::from([Degraded::WatchLimit, Degraded::WriteLimit]);
        assert_eq!(status.reasons(), both);
        status.forget_old(now + SHORT_SHOWN / 2);
        assert_eq!(status.reasons(), both, "it would come and go");
        status.forget_old(now + SHORT_SHOWN);
        assert_eq!(status.reasons(), BTreeSet::from([Degraded::WatchLimit]));
        status.note_no_writes();
        assert!(status.reasons().contains(&Degraded::WriteUnavailable));
    }
}
