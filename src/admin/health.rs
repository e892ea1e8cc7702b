//! Whether the process is well and ready, with the reasons if it is not. A destination that fails
//! is neither: the process is doing all it can, and a restart would mend nothing.

use std::time::Duration;

use super::status::Snapshot;
use crate::checkpoint::store::StoreHealth;

/// A flow's loop goes round several times a second; one that has not for this long hangs.
const STEP_AGE_MAX: Duration = Duration::from_mins(1);

/// Why the process should be restarted. Empty means that it is well.
pub(super) fn illnesses(snapshot: &Snapshot) -> Vec<String> {
    let mut reasons = Vec::new();
    for flow in &snapshot.flows {
        let id = &flow.status.flow;
        let age = snapshot.now.saturating_duration_since(flow.status.stepped_at);
        if !flow.alive {
            reasons.push(format!("flow {id}: its thread has ended"));
        } else if age > STEP_AGE_MAX {
            reasons.push(format!("flow {id}: no step for {} s", age.as_secs()));
        }
    }
    if snapshot.process.checkpoints == StoreHealth::Closed {
        reasons.push("the checkpoint store has ended".to_owned());
    }
    reasons
}

/// Why the process is not at work yet, or not any more. Empty means that it is.
pub(super) fn missing(snapshot: &Snapshot) -> Vec<String> {
    let mut reasons = illnesses(snapshot);
    if snapshot.flows.is_empty() {
        reasons.push("no flow has been started yet".to_owned());
    }
    for flow in snapshot.flows.iter().filter(|flow| flow.alive && !flow.status.scanned_once) {
        reasons.push(format!("flow {}: its first scan is not done", flow.status.flow));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admin::status::tests::snapshot;

    #[test]
    fn a_sound_process_is_well_and_ready() {
        let snapshot = snapshot(Vec::new());
        assert!(illnesses(&snapshot).is_empty());
        assert!(missing(&snapshot).is_empty());
    }

    #[test]
    fn a_dead_flow_is_an_illness() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.flows[0].alive = false;
        assert_eq!(illnesses(&snapshot), vec!["flow f: its thread has ended"]);
    }

    #[test]
    fn a_hanging_flow_is_an_illness_after_a_minute() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.now += STEP_AGE_MAX;
        assert!(illnesses(&snapshot).is_empty());
        snapshot.now += Duration::from_secs(1);
        assert_eq!(illnesses(&snapshot), vec!["flow f: no step for 61 s"]);
    }

    #[test]
    fn a_store_that_has_ended_is_an_illness_and_one_that_fails_is_not() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.process.checkpoints =
            StoreHealth::Failing { reason: "full".to_owned(), since: snapshot.now };
        assert!(missing(&snapshot).is_empty());
        snapshot.process.checkpoints = StoreHealth::Closed;
        assert_eq!(illnesses(&snapshot), vec!["the checkpoint store has ended"]);
    }

    #[test]
    fn readiness_waits_for_the_first_flow_and_the_first_scan() {
        let mut snapshot = snapshot(Vec::new());
        Arc::make_mut(&mut snapshot.flows[0].status).scanned_once = false;
        assert_eq!(missing(&snapshot), vec!["flow f: its first scan is not done"]);
        assert!(illnesses(&snapshot).is_empty());
        snapshot.flows.clear();
        assert_eq!(missing(&snapshot), vec!["no flow has been started yet"]);
    }
}
