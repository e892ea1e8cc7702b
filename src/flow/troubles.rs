//! Records that were sent raw, cut or left out: counted at once, logged now and then.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::pack::Counts;

/// At most one log line of a kind in this time.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// What happened since the last line.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    raw: u64,
    raw_reason: Option<String>,
    truncated: u64,
    skipped: Vec<(&'static str, u64)>,
    oversize: u64,
    policy: &'static str,
    /// Where the newest of those begins.
    oversize_at: Option<(Arc<Path>, u64)>,
    next_line: Option<Instant>,
}

impl Troubles {
    /// Adds what happened in one step.
    pub(super) fn add(&mut self, counts: &Counts) {
        self.raw += counts.raw;
        self.truncated += counts.truncated;
        if counts.raw_reason.is_some() {
            self.raw_reason.clone_from(&counts.raw_reason);
        }
        for (reason, count) in &counts.skipped {
            match self.skipped.iter_mut().find(|(known, _)| known == reason) {
                Some((_, total)) => *total += count,
                None => self.skipped.push((reason, *count)),
            }
        }
    }

    /// Adds what was longer than a line may be, and where the newest of it begins.
    pub(super) fn add_oversize(
        &mut self,
        count: u64,
        policy: &'static str,
        at: Option<(Arc<Path>, u64)>,
    ) {
        self.oversize += count;
        self.policy = policy;
        self.oversize_at = at;
    }

    /// Says what happened since the last line; for the end of a flow.
    pub(super) fn log_rest(&mut self, flow: &str, now: Instant) {
        self.next_line = None;
        self.log(flow, now);
    }

    /// Says what happened, if anything did and the last line is long enough ago.
    pub(super) fn log(&mut self, flow: &str, now: Instant) {
        let quiet =
            self.raw == 0 && self.truncated == 0 && self.oversize == 0 && self.skipped.is_empty();
        if quiet || self.next_line.is_some_and(|at| now < at) {
            return;
        }
        let Self { raw, raw_reason, truncated, skipped, oversize, policy, oversize_at, .. } =
            std::mem::take(self);
        self.next_line = Some(now + LINE_EVERY);
        if let Some((file, offset)) = oversize_at {
            let file = file.display();
            tracing::warn!(%flow, %file, offset, policy, lines = oversize,
                "longer than maxLineBytes; file and offset are those of the newest");
        }
        if raw > 0 {
            let reason = raw_reason.unwrap_or_default();
            tracing::warn!(
                %flow,
                records = raw,
                "sent as they were, because a converter could not \
                read them; the newest reason: {reason}"
            );
        }
        if truncated > 0 {
            tracing::warn!(%flow, records = truncated,
                "cut to maxLineBytes or to the service's greatest record size");
        }
        for (reason, records) in skipped {
            tracing::info!(%flow, records, reason, "left out");
        }
    }
}
