//! What hangs, flows and the store of checkpoints: named, counted and told again and again, while
//! everything else goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flow_thread::FlowThread;
use crate::admin::pulse::Hung;
use crate::checkpoint::store::{StoreHandle, StoreHealth};
use crate::metrics::name;
use crate::repeats::{Line, Repeats};

/// Flows are looked at this often.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is told about the flows that hang.
#[derive(Debug, Default)]
pub(super) struct HungFlows(BTreeMap<Arc<str>, Repeats>);

impl HungFlows {
    /// Looks at a flow.
    pub(super) fn look_at(&mut self, flow: &FlowThread, now: Instant) {
        let (id, hung) = (flow.id(), flow.hung(now));
        let gauge = metrics::gauge!(name::FLOW_HUNG, "flow" => id.to_string());
        gauge.set(f64::from(u8::from(hung.is_some())));
        let Some(hung) = hung else { return self.on_step(&id, now) };
        let repeats = self.0.entry(Arc::clone(&id)).or_default();
        match repeats.on_failure(hung.doing.name(), now) {
            Some(Line::First) => tracing::error!(flow = %id,
                "flow {hung}; the other flows go on: does its file system answer?"),
            Some(Line::Summary { .. }) => tracing::error!(flow = %id,
                "flow still {hung}; the other flows go on"),
            Some(Line::Brief { .. } | Line::Recovered { .. }) | None => {}
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
            Some(Line::Recovered { lasted, .. }) => {
                tracing::info!(flow = %id, seconds = lasted.as_secs(), "flow goes on");
            }
            Some(Line::Brief { outages, over, .. }) => {
                tracing::warn!(flow = %id, times = outages, seconds = over.as_secs(),
                    "flow waited for its disk and goes on");
            }
            Some(Line::First | Line::Summary { .. }) | None => {}
        }
    }
}

/// What is told about the disk of the checkpoints.
#[derive(Debug, Default)]
pub(super) struct HungStore(Repeats);

impl HungStore {
    /// Looks at the store.
    pub(super) fn look_at(&mut self, store: &StoreHandle, now: Instant) {
        let is_ok = store.health() == StoreHealth::Ok;
        metrics::gauge!(name::CHECKPOINT_FAILING).set(f64::from(u8::from(!is_ok)));
        let Some(since) = store.hung_since(now) else {
            if let Some(Line::Recovered { .. } | Line::Brief { .. }) = self.0.on_success(now) {
                tracing::info!("the disk of checkpointFile answers again");
            }
            return;
        };
        let line = self.0.on_failure("disk", now);
        if let Some(Line::First | Line::Summary { .. }) = line {
            tracing::error!(
                seconds = now.saturating_duration_since(since).as_secs(),
                "the disk of checkpointFile does not answer; shipping goes on, a restart now would \
                 repeat records"
            );
        }
    }
}

/// Says what keeps a flow from stopping, if it hangs.
pub(super) fn report_at_stop(flow: &FlowThread, hung: Hung) {
    tracing::error!(flow = %flow.id(),
        "flow {hung}, and is left behind by the stop; what it read and could not write down is \
         sent again after the next start");
}
