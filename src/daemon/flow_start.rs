//! What it takes to start a flow, the first time or again.

use std::time::Duration;

use super::{RESTART_AFTER, RESTART_AFTER_MAX};
use crate::config::FlowConfig;
use crate::flow::Flow;
use crate::metrics::totals::FlowTotals;
use crate::tail::disk::Disk;

/// What it takes to start a flow, the first time or again.
#[derive(Debug, Clone)]
pub(super) struct FlowStart {
    pub(super) config: FlowConfig,
    pub(super) restarts: u64,
    /// Restarts that followed one another soon.
    pub(super) failures_in_a_row: u32,
    /// What the flow did before it was started again.
    pub(super) totals: Option<FlowTotals>,
    /// A bug ended it, and not an order.
    pub(super) after_bug: bool,
}

impl FlowStart {
    /// The first start.
    pub(super) fn first(config: FlowConfig) -> Self {
        Self { config, restarts: 0, failures_in_a_row: 0, totals: None, after_bug: false }
    }

    /// The next start of a flow that was drained for it, or that waits to start again.
    pub(super) fn with_config(self, config: FlowConfig) -> Self {
        Self { config, ..self }
    }

    /// The flow continues its counters.
    pub(super) fn give_totals<D: Disk>(&self, flow: &mut Flow<D>) {
        match self.totals {
            Some(totals) if self.after_bug => flow.restore_totals(totals),
            Some(totals) => flow.adopt(totals),
            None => {}
        }
    }

    /// Whether it is no restart after a bug.
    pub(super) fn is_planned(&self) -> bool {
        !self.after_bug && self.failures_in_a_row == 0
    }

    /// How long to wait before the next start: a bug that strikes again and again must not fill
    /// the log and wear the disk.
    pub(super) fn pause(&self) -> Duration {
        let doublings = self.failures_in_a_row.saturating_sub(1).min(16);
        RESTART_AFTER.saturating_mul(1 << doublings).min(RESTART_AFTER_MAX)
    }
}
