//! What hangs, flows and the store of checkpoints: named, counted and told again and again, while
//! everything else continues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flow_thread::FlowThread;
use crate::admin::pulse::Hung;
use crate::checkpoint::store::{StoreHandle, StoreHealth};
use crate::log_throttle::{FailureLine, FailureLog};
use crate::metrics::name;

/// Flows are looked at this often.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is told about the flows that hang.
#[derive(Debug, Default)]
pub(super) struct HungFlows(BTreeMap<Arc<str>, FailureLog>);

impl HungFlows {
    /// Looks at a flow.
    pub(super) fn look_at(&mut self, flow: &FlowThread, now: Instant) {
        let (id, hung) = (flow.id(), flow.hung(now));
        let gauge = metrics::gauge!(name::FLOW_HUNG, "flow" => id.to_string());
        gauge.set(f64::from(u8::from(hung.is_some())));
        let Some(hung) = hung else { return self.on_step(&id, now) };
        let repeats = self.0.entry(Arc::clone(&id)).or_default();
        match repeats.on_failure(hung.doing.label(), now) {
            Some(FailureLine::First) => tracing::error!(name: "flow_hung", flow = %id,
                "flow {hung}; other flows continue; check that its file system responds"),
            Some(FailureLine::Summary { .. }) => tracing::error!(name: "flow_hung", flow = %id,
                "flow still {hung}; other flows continue"),
            Some(FailureLine::Brief { .. } | FailureLine::Recovered { .. }) | None => {}
        }
    }

    /// Lets go of flows that are gone.
    pub(super) fn forget_others<'f>(&mut self, flows: impl Iterator<Item = &'f FlowThread>) {
        let ids: Vec<Arc<str>> = flows.map(FlowThread::id).collect();
        self.0.retain(|known, _| ids.contains(known));
    }

    fn on_step(&mut self, id: &Arc<str>, now: Instant) {
        let line = self.0.get_mut(id).and_then(|repeats| repeats.on_success(now));
        match line {
            Some(FailureLine::Recovered { lasted, .. }) => {
                tracing::info!(name: "flow_resumed",
                    flow = %id, seconds = lasted.as_secs(), "flow resumed");
            }
            Some(FailureLine::Brief { outages, over, .. }) => {
                tracing::warn!(name: "flow_resumed",
                    flow = %id, times = outages, seconds = over.as_secs(),
                    "flow resumed after waiting for its disk");
            }
            Some(FailureLine::First | FailureLine::Summary { .. }) | None => {}
        }
    }
}

/// What is told about the disk of the checkpoints.
#[derive(Debug, Default)]
pub(super) struct HungStore(FailureLog);

impl HungStore {
    /// Looks at the store.
    pub(super) fn look_at(&mut self, store: &StoreHandle, now: Instant) {
        let is_ok = store.health() == StoreHealth::Ok;
        metrics::gauge!(name::CHECKPOINT_FAILING).set(f64::from(u8::from(!is_ok)));
        let Some(since) = store.hung_since(now) else {
            if let Some(FailureLine::Recovered { .. } | FailureLine::Brief { .. }) =
                self.0.on_success(now)
            {
                tracing::info!(name: "checkpoint_disk_resumed",
                    "disk of checkpointFile responds again");
            }
            return;
        };
        let line = self.0.on_failure("disk", now);
        if let Some(FailureLine::First | FailureLine::Summary { .. }) = line {
            tracing::error!(
                name: "checkpoint_disk_hung",
                seconds = now.saturating_duration_since(since).as_secs(),
                "no response from the disk of checkpointFile; delivery continues, but a restart \
                 now would cause duplicates"
            );
        }
    }
}

/// Says what keeps a flow from stopping, if it hangs.
pub(super) fn report_at_stop(flow: &FlowThread, hung: Hung) {
    tracing::error!(name: "flow_abandoned", flow = %flow.id(),
        "flow {hung} at the shutdown timeout and was abandoned; records without a checkpoint will \
         be resent after the next start");
}
