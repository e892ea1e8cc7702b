//! Who may have how many descriptors. Connections come first: files that are closed are opened
//! again when it is their turn, and a flow without a connection delivers nothing.

use rustix::process::{Resource, getrlimit, setrlimit};
use thiserror::Error;

use crate::config::Config;

/// For everything that is there once: standard streams, the log, the database, the shared event
/// loops, inotify, the admin port, and for moments name look-ups and questions for credentials.
const PROCESS: usize = 32;

/// Connections of a flow. With `maxInFlightRequests` more it gets more, if there are enough.
const SOCKETS_A_FLOW: usize = 8;

/// A flow needs two at least: one is created again while the other is being closed.
const SOCKETS_A_FLOW_MIN: usize = 2;

/// For moments a flow has a directory and a file open alongside those that it follows.
const LOOKS_A_FLOW: usize = 2;

/// Of a flow's event loop: a poll and its double, a waker, its end of the signals, its alarm, and
/// the inotify that reports writes to quiet files.
const LOOP_OF_FLOW: usize = 6;

/// A sandbox in this process has a file for each stream, and the other end of each connection.
const SANDBOX_FILES_A_FLOW: usize = 1;

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

/// What descriptors are needed for.
#[derive(Debug, Clone, Copy)]
struct Need {
    flows: usize,
    /// Requests that a flow wants to make at a time, at most.
    requests: usize,
    /// The sandbox is in this process.
    sandbox: bool,
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
pub fn check(flows: usize, sandbox: bool) -> Result<(), TooFewDescriptors> {
    let need = Need { flows, requests: 0, sandbox };
    need.share_out(limit_of_process()).map(drop)
}

/// Deals out what this process may have. No flow makes more requests at a time than it has
/// connections for.
pub(super) fn grant(config: &mut Config) -> Result<Shares, TooFewDescriptors> {
    let requests = config.flows.iter().map(|flow| flow.max_in_flight_requests).max();
    let need = Need {
        flows: config.flows.len(),
        requests: requests.unwrap_or_default(),
        sandbox: config.sandbox,
    };
    let shares = need.share_out(limit_of_process())?;
    for flow in &mut config.flows {
        flow.max_in_flight_requests = flow.max_in_flight_requests.min(shares.sockets);
    }
    Ok(shares)
}

/// Whether there are enough for so many flows more, for as long as these drain.
pub(super) fn has_room(config: &Config, more: usize) -> bool {
    let flows = config.flows.len().saturating_add(more);
    let need = Need { flows, requests: 0, sandbox: config.sandbox };
    need.share_out(limit_of_process()).is_ok()
}

/// How many there may be. The soft limit is raised to the hard one first; that needs no privilege.
fn limit_of_process() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(name: "descriptor_limit_low",
            %error, "cannot raise open-file limit; fewer files will be kept open");
    }
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

impl Need {
    /// Deals out what there is.
    fn share_out(self, limit: usize) -> Result<Shares, TooFewDescriptors> {
        let Some((of_flow, admin)) = self.share_of_flow(limit) else {
            let enough = |needed: &usize| self.share_of_flow(*needed).is_some();
            let needed = (limit..usize::MAX).find(enough).unwrap_or(usize::MAX);
            return Err(TooFewDescriptors { limit, needed, flows: self.flows });
        };
        let of_flow = of_flow - self.others();
        // Half of it at most, so that a few files are open at the same time.
        let half = of_flow / (2 * self.ends());
        let sockets = self.requests.max(SOCKETS_A_FLOW).min(half.max(SOCKETS_A_FLOW_MIN));
        Ok(Shares { files: of_flow - sockets * self.ends(), sockets, admin })
    }

    /// What each flow may have for everything, and the admin port, if that is enough.
    fn share_of_flow(self, limit: usize) -> Option<(usize, usize)> {
        let (least, most) = ADMIN_CONNECTIONS;
        let admin = (limit / ADMIN_PART).clamp(least, most);
        let of_flow = limit.checked_sub(PROCESS + admin)? / self.flows.max(1);
        // At least one file.
        let of_flow_min = self.others() + SOCKETS_A_FLOW_MIN * self.ends() + 1;
        (of_flow >= of_flow_min).then_some((of_flow, admin))
    }

    /// What a flow has in addition to its connections and its files.
    fn others(self) -> usize {
        LOOP_OF_FLOW + LOOKS_A_FLOW + if self.sandbox { SANDBOX_FILES_A_FLOW } else { 0 }
    }

    /// How many ends of a connection are in this process.
    fn ends(self) -> usize {
        if self.sandbox { 2 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(flows: usize, requests: usize, sandbox: bool) -> Need {
        Need { flows, requests, sandbox }
    }

    #[test]
    fn too_few_are_refused_with_the_number_that_is_enough() {
        for (flows, sandbox) in [(1, false), (2, true), (10, false), (10, true), (100, false)] {
            let need = need(flows, 8, sandbox);
            let mut limit = 0;
            while let Err(refused) = need.share_out(limit) {
                assert_eq!((refused.limit, refused.flows), (limit, flows));
                assert!(refused.needed > limit);
                assert!(need.share_out(refused.needed).is_ok(), "{refused}");
                assert!(need.share_out(refused.needed - 1).is_err(), "{refused}");
                limit += 1;
            }
            assert!(limit > PROCESS + (need.others() + SOCKETS_A_FLOW_MIN) * flows);
        }
    }

    #[test]
    fn what_is_dealt_out_is_there_and_connections_come_first() {
        for flows in [1, 3, 64] {
            for (requests, sandbox) in [(1, false), (8, true), (8, false), (64, true), (64, false)]
            {
                let need = need(flows, requests, sandbox);
                for limit in (0..5_000).chain([usize::MAX]) {
                    let Ok(shares) = need.share_out(limit) else { continue };
                    let of_flow = need.others() + shares.sockets * need.ends();
                    let of_flows = shares.files.saturating_add(of_flow).saturating_mul(flows);
                    let all = of_flows.saturating_add(shares.admin + PROCESS);
                    assert!(all <= limit, "{limit}: {shares:?}");
                    assert!(shares.files > 0 && shares.sockets >= SOCKETS_A_FLOW_MIN);
                    let wanted = requests.max(SOCKETS_A_FLOW);
                    let many = (wanted + 1) * need.ends() + need.ends();
                    assert!(shares.sockets == wanted || shares.files <= many, "{shares:?}");
                }
            }
        }
        let expected = Shares { files: 12, sockets: 8, admin: 4 };
        assert_eq!(need(1, 8, false).share_out(64), Ok(expected));
        let expected = Shares { files: 11, sockets: 4, admin: 4 };
        assert_eq!(need(1, 8, true).share_out(64), Ok(expected));
    }
}
