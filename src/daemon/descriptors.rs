//! Who may have how many descriptors. Connections come first: files that are closed are opened
//! again when it is their turn, and a flow without a connection delivers nothing.

use rustix::process::{Resource, getrlimit, setrlimit};
use thiserror::Error;

use crate::config::FlowConfig;

/// For everything that is there once: standard streams, the log, the database, the shared event
/// loops, inotify, the admin port, and for moments name look-ups and questions for credentials.
const PROCESS: usize = 32;

/// Connections of a flow. With `maxInFlightRequests` more it gets more, if there are enough.
const SOCKETS_A_FLOW: usize = 8;

/// A flow needs two at least: one is created again while the other is being closed.
const SOCKETS_A_FLOW_MIN: usize = 2;

/// For moments a flow has a directory and a file open alongside those that it follows.
const LOOKS_A_FLOW: usize = 2;

/// Of a flow's event loop: a poll and its double, a waker, and its end of the signals.
const LOOP_OF_FLOW: usize = 4;

/// What a flow needs at least: its loop, connections, looks, and one file.
const A_FLOW_MIN: usize = LOOP_OF_FLOW + SOCKETS_A_FLOW_MIN + LOOKS_A_FLOW + 1;

/// The part of all descriptors that connections to the admin port may take.
const ADMIN_PART: usize = 16;

/// Connections to the admin port: at least and at most.
const ADMIN_CONNECTIONS: (usize, usize) = (2, crate::admin::server::CONNECTIONS_MAX);

/// There are too few to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the limit on open files is {limit}, and {needed} are needed for this number of flows \
     ({flows}); raise it: LimitNOFILE= in the systemd unit, ulimit -n in the shell that starts \
     kinetail, --ulimit nofile= for a container"
)]
pub struct TooFewDescriptors {
    /// What the system allows.
    pub limit: usize,
    /// What is needed.
    pub needed: usize,
    /// How many flows there are.
    pub flows: usize,
}

/// Who may have how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    /// Files that each flow may hold open.
    pub(super) files: usize,
    /// Connections that each flow may have.
    pub(super) sockets: usize,
    /// Connections to the admin port.
    pub(super) admin: usize,
}

/// Whether there are enough to start. To be asked before anything else is opened.
///
/// # Errors
/// [`TooFewDescriptors`] if not.
pub fn check(flows: usize) -> Result<(), TooFewDescriptors> {
    share_out(limit_of_process(), flows, 0).map(drop)
}

/// Deals out what this process may have. No flow makes more requests at a time than it has
/// connections for.
pub(super) fn grant(flows: &mut [FlowConfig]) -> Result<Shares, TooFewDescriptors> {
    let requests = flows.iter().map(|flow| flow.max_in_flight_requests).max();
    let shares = share_out(limit_of_process(), flows.len(), requests.unwrap_or_default())?;
    for flow in flows {
        flow.max_in_flight_requests = flow.max_in_flight_requests.min(shares.sockets);
    }
    Ok(shares)
}

/// How many there may be. The soft limit is raised to the hard one first; that needs no privilege.
fn limit_of_process() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise open-file limit; fewer files will be kept open");
    }
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Deals out what there is to flows that want to make so many requests at a time.
fn share_out(limit: usize, flows: usize, requests_max: usize) -> Result<Shares, TooFewDescriptors> {
    let count = flows.max(1);
    let Some((of_flow, admin)) = share_of_flow(limit, count) else {
        let enough = |needed: &usize| share_of_flow(*needed, count).is_some();
        let needed = (limit..usize::MAX).find(enough).unwrap_or(usize::MAX);
        return Err(TooFewDescriptors { limit, needed, flows });
    };
    let of_flow = of_flow - LOOP_OF_FLOW - LOOKS_A_FLOW;
    // Half of it at most, so that a few files are open at the same time.
    let half = of_flow / 2;
    let sockets = requests_max.max(SOCKETS_A_FLOW).min(half.max(SOCKETS_A_FLOW_MIN));
    Ok(Shares { files: of_flow - sockets, sockets, admin })
}

/// What each flow may have for everything, and the admin port, if that is enough.
fn share_of_flow(limit: usize, flows: usize) -> Option<(usize, usize)> {
    let (least, most) = ADMIN_CONNECTIONS;
    let admin = (limit / ADMIN_PART).clamp(least, most);
    let of_flow = limit.checked_sub(PROCESS + admin)? / flows;
    (of_flow >= A_FLOW_MIN).then_some((of_flow, admin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_are_refused_with_the_number_that_is_enough() {
        for flows in [1, 2, 10, 100] {
            let mut limit = 0;
            while let Err(refused) = share_out(limit, flows, 8) {
                assert_eq!((refused.limit, refused.flows), (limit, flows));
                assert!(refused.needed > limit);
                assert!(share_out(refused.needed, flows, 8).is_ok(), "{refused}");
                assert!(share_out(refused.needed - 1, flows, 8).is_err(), "{refused}");
                limit += 1;
            }
            assert!(limit > PROCESS + A_FLOW_MIN * flows);
        }
    }

    #[test]
    fn what_is_dealt_out_is_there_and_connections_come_first() {
        let extra = LOOKS_A_FLOW + LOOP_OF_FLOW;
        for flows in [1, 3, 64] {
            for requests in [1, 8, 64] {
                for limit in (0..5_000).chain([usize::MAX]) {
                    let Ok(shares) = share_out(limit, flows, requests) else { continue };
                    let of_flow = shares.files.saturating_add(shares.sockets + extra);
                    let all = of_flow.saturating_mul(flows).saturating_add(shares.admin + PROCESS);
                    assert!(all <= limit, "{limit}: {shares:?}");
                    assert!(shares.files > 0 && shares.sockets >= SOCKETS_A_FLOW_MIN);
                    let wanted = requests.max(SOCKETS_A_FLOW);
                    assert!(shares.sockets == wanted || shares.files <= wanted + 1, "{shares:?}");
                }
            }
        }
        let expected = Shares { files: 14, sockets: 8, admin: 4 };
        assert_eq!(share_out(64, 1, 8), Ok(expected));
    }
}
