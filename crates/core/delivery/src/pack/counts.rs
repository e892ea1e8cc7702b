//! What happened to records, counted where it happens and told now and then.

use super::Packer;
use crate::dead_letter::Reason;
use crate::key::KeyCounts;
use kinetail_base::identity::FileKey;
use kinetail_records::{RawReason, Skip, StepCount};

/// What happened to records since the counts were last taken.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Records found.
    pub read: u64,
    /// Records that the chain changed.
    pub converted: u64,
    /// Records that the chain could not read and that are sent raw, by reason.
    pub raw: Vec<(RawReason, u64)>,
    /// The newest reason for that.
    pub raw_reason: Option<String>,
    /// Records cut to the service's limit.
    pub truncated: u64,
    /// Records skipped, by reason.
    pub skipped: Vec<(Skip, u64)>,
    /// Records that are dead letters, by reason.
    pub dead: Vec<(Reason, u64)>,
    /// What each converter did with records, in their order; empty where none did anything.
    pub steps: Vec<StepCount>,
    /// Records sent without a line end, because their file ended so.
    pub unterminated: u64,
    /// How often something was longer than a line may be.
    pub oversize: u64,
    /// Where the newest of those begins.
    pub oversize_at: Option<(FileKey, u64)>,
    /// Records that went without the metadata of the machine, because none is known.
    pub without_metadata: u64,
    /// Partition keys that were not what their template makes.
    pub keys: KeyCounts,
    /// Lines that took too long to compare with `multiLineStartPattern` or `fileFooterPattern`
    /// and were taken not to match.
    pub not_compared: u64,
}

impl Packer {
    /// What happened to records since the last call.
    pub fn take_counts(&mut self) -> Counts {
        self.counts.without_metadata += self.chain.take_without_metadata();
        self.counts.not_compared += self.splitter.take_limit_exceeded();
        self.counts.keys = self.filler.take_key_counts();
        let (unparsable, reason) = self.chain.take_unparsable();
        if unparsable > 0 {
            add(&mut self.counts.raw, RawReason::Unparsable, unparsable);
            self.counts.raw_reason = reason.or_else(|| self.counts.raw_reason.take());
        }
        self.chain.take_step_counts(&mut self.counts.steps);
        std::mem::take(&mut self.counts)
    }

    /// Counts records that were skipped.
    pub fn count_skipped(&mut self, reason: Skip, count: u64) {
        add(&mut self.counts.skipped, reason, count);
    }
}

/// Adds to the count of a reason.
pub(super) fn add<R: PartialEq>(counts: &mut Vec<(R, u64)>, reason: R, count: u64) {
    match counts.iter_mut().find(|(known, _)| *known == reason) {
        Some((_, total)) => *total += count,
        None => counts.push((reason, count)),
    }
}
