//! Whether the process is well and ready, with the reasons if it is not. A destination that fails
//! is neither: the process is doing all it can, and a restart would fix nothing. Nor does it fix
//! a disk that hangs: a flow that waits for it is not ready, and the process is well while any
//! other flow lives.

use super::pulse::ALL_HUNG_MAX;
use super::status::{FlowSnapshot, Snapshot};
use crate::checkpoint::store::StoreHealth;

/// Why the process should be restarted. Empty means that it is well.
pub(super) fn liveness_problems(snapshot: &Snapshot) -> Vec<String> {
    let mut reasons = Vec::new();
    for flow in &snapshot.flows {
        // One that was told to end is about to be taken out.
        if !flow.alive && !flow.status.draining {
            reasons.push(format!("flow {}: thread exited", flow.status.flow));
        }
    }
    let hangs_long = |flow: &FlowSnapshot| flow.hung.is_some_and(|h| h.lasting >= ALL_HUNG_MAX);
    if !snapshot.flows.is_empty() && snapshot.flows.iter().all(hangs_long) {
        reasons.extend(hung(snapshot));
    }
    if snapshot.process.checkpoints == StoreHealth::Closed {
        reasons.push("checkpoint store exited".to_owned());
    }
    reasons
}

/// The flows that hang.
fn hung(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let hung = |flow: &FlowSnapshot| Some(format!("flow {}: {}", flow.status.flow, flow.hung?));
    snapshot.flows.iter().filter_map(hung)
}

/// Why the process is not at work yet, or not any more. Empty means that it is.
pub(super) fn readiness_problems(snapshot: &Snapshot) -> Vec<String> {
    let mut reasons = liveness_problems(snapshot);
    for hung in hung(snapshot) {
        if !reasons.contains(&hung) {
            reasons.push(hung);
        }
    }
    if snapshot.flows.is_empty() {
        reasons.push("no flow started yet".to_owned());
    }
    for flow in snapshot.flows.iter().filter(|flow| flow.alive && !flow.status.scanned_once) {
        reasons.push(format!("flow {}: initial scan not finished", flow.status.flow));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::admin::pulse::{Doing, Hung};
    use crate::admin::status::tests::snapshot;

    #[test]
    fn a_sound_process_is_well_and_ready() {
        let snapshot = snapshot(Vec::new());
        assert!(liveness_problems(&snapshot).is_empty());
        assert!(readiness_problems(&snapshot).is_empty());
    }

    #[test]
    fn a_dead_flow_is_an_illness() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.flows[0].alive = false;
        assert_eq!(liveness_problems(&snapshot), vec!["flow f: thread exited"]);
    }

    #[test]
    fn a_flow_that_hangs_is_not_ready_and_no_illness_while_another_lives() {
        let hung =
            |seconds| Some(Hung { doing: Doing::Look, lasting: Duration::from_secs(seconds) });
        let mut snapshot = snapshot(Vec::new());
        let other = snapshot.flows[0].clone();
        snapshot.flows[0].hung = hung(59);
        assert!(liveness_problems(&snapshot).is_empty());
        assert_eq!(
            readiness_problems(&snapshot),
            vec!["flow f: waits for its disk: poll files, 59 s"]
        );
        snapshot.flows[0].hung = hung(3_600);
        snapshot.flows.push(other);
        assert!(liveness_problems(&snapshot).is_empty());
        assert_eq!(
            readiness_problems(&snapshot),
            vec!["flow f: waits for its disk: poll files, 3600 s"]
        );
        snapshot.flows.pop();
        let all = ["flow f: waits for its disk: poll files, 3600 s"];
        assert_eq!(
            (liveness_problems(&snapshot), readiness_problems(&snapshot)),
            (all.map(String::from).to_vec(), all.map(String::from).to_vec())
        );
    }

    #[test]
    fn a_store_that_has_ended_is_an_illness_and_one_that_fails_is_not() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.process.checkpoints =
            StoreHealth::Failing { reason: "full".to_owned(), since: snapshot.now };
        assert!(readiness_problems(&snapshot).is_empty());
        snapshot.process.checkpoints = StoreHealth::Closed;
        assert_eq!(liveness_problems(&snapshot), vec!["checkpoint store exited"]);
    }

    #[test]
    fn readiness_waits_for_the_first_flow_and_the_first_scan() {
        let mut snapshot = snapshot(Vec::new());
        Arc::make_mut(&mut snapshot.flows[0].status).scanned_once = false;
        assert_eq!(readiness_problems(&snapshot), vec!["flow f: initial scan not finished"]);
        assert!(liveness_problems(&snapshot).is_empty());
        snapshot.flows.clear();
        assert_eq!(readiness_problems(&snapshot), vec!["no flow started yet"]);
    }
}
