//! Going over to another configuration: flows drain, end and start, and checkpoints are changed
//! between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::descriptors::Shares;
use super::difference::{Difference, restart_keys};
use super::flow_start::FlowStart;
use super::flow_thread::Shared;
use super::lineage::Lineage;
use super::reload::{ANSWER_GRACE, FLOWS_MAX, Leaving, Pending, Prepared, Work, Worked};
use super::{Daemon, clock, descriptors};
use crate::admin::orders::{Outcome, Reply};
use crate::checkpoint::edit;
use crate::checkpoint::store::StoreHandle;
use crate::config::{Config, FlowConfig};
use crate::flow::{Descriptors, Message};
use crate::send::client::Aws;
use crate::tail::space::SpaceGuard;

impl Daemon {
    /// Whether flows wait to be started by positions that others still hold: these are in no list
    /// that a change looks at.
    fn is_handing_on(&self) -> bool {
        let mut leaving = self.reloads.leaving.values();
        !self.reloads.working.is_empty()
            || leaving.any(|leaving| matches!(leaving.work, Some(Work::CarryOver { .. })))
    }

    /// Changes what differs.
    pub(super) fn go_over(&mut self, prepared: Prepared, reply: Option<oneshot::Sender<Reply>>) {
        let Prepared { config: as_read, aws } = prepared;
        if self.is_handing_on() {
            let error = "flows of an earlier order still wait for others that drain; reload again \
                         when 'kinetail status' shows no flow that drains";
            return self.refuse_reload(error, reply);
        }
        let mut config = as_read.clone();
        let granted = match descriptors::grant(&mut config) {
            Ok(granted) => granted,
            Err(error) => return self.refuse_reload(&error.to_string(), reply),
        };
        let difference = Difference::between(&self.reloads.current, &as_read);
        let restart = restart_keys(&self.reloads.started, &as_read).join(", ");
        let threads = self.threads().count() + difference.added.len();
        if threads > FLOWS_MAX.max(self.reloads.current.flows.len()) {
            let error = format!("{threads} threads of flows are needed, {FLOWS_MAX} are allowed");
            return self.refuse_reload(&error, reply);
        }
        let old_aws = Arc::clone(&self.shared.aws);
        self.deal_out(&config, granted, aws);
        let (outcome, lines) = told(&difference, &restart, &self.reloads.lineage);
        let draining = self.reloads.leaving.len() + difference.removed.len();
        let crowded = !descriptors::has_room(&config, draining);
        let left = self.change_flows(&difference, config.flows, &old_aws, crowded);
        self.reloads.current = as_read;
        self.publish_feeds();
        tracing::info!(
            name: "configuration_reloaded",
            unchanged = difference.unchanged.len(),
            changed = difference.changed.len(),
            added = difference.added.len(),
            removed = difference.removed.len(),
            "configuration reloaded"
        );
        if !restart.is_empty() {
            tracing::warn!(name: "reload_needs_restart",
                keys = restart, "some keys change only with a restart");
        }
        let deadline = clock::now().instant + self.shutdown_timeout + ANSWER_GRACE;
        let pending = Pending { left, deadline, outcome, lines, reply, is_reload: true };
        self.reloads.pending.push(pending);
        self.settle_all();
    }

    /// What flows that start from now on are made with, and what all have less or more of.
    fn deal_out(&mut self, config: &Config, granted: Shares, aws: Option<Arc<Aws>>) {
        let old = &self.shared;
        self.shared = Arc::new(Shared {
            aws: aws.unwrap_or_else(|| Arc::clone(&old.aws)),
            descriptors_max: granted.files,
            space: SpaceGuard { min_free_percent: config.min_free_disk_percent },
            checkpoint_ttl: config.checkpoint_ttl,
            ..Shared::clone(old)
        });
        self.shared.budget.share_among(config.flows.len());
        let descriptors = Descriptors { files: granted.files, requests: granted.sockets };
        for flow in self.flows.values() {
            flow.tell(Message::Descriptors(descriptors));
        }
        self.shutdown_timeout = config.shutdown_timeout;
        self.keep_machine_fresh(&config.flows);
    }

    /// Starts, ends and replaces flows. Gives those that are to be waited for. Where it is
    /// `crowded` no flow starts before another one has ended.
    fn change_flows(
        &mut self,
        difference: &Difference,
        flows: Vec<FlowConfig>,
        old_aws: &Arc<Aws>,
        crowded: bool,
    ) -> BTreeSet<Arc<str>> {
        let now = clock::now().instant;
        let waiting = self.take_waiting(difference);
        let id_of = |flow: &FlowConfig| Arc::from(flow.id.as_str());
        let mut flows: BTreeMap<Arc<str>, FlowConfig> =
            flows.into_iter().map(|flow| (id_of(&flow), flow)).collect();
        for id in &difference.changed {
            if let Some(flow) = flows.remove(id) {
                self.replace(id, Some(flow), old_aws, now);
            }
        }
        for id in &difference.removed {
            self.replace(id, None, old_aws, now);
            let heir = difference.successors.get(id).and_then(|heir| flows.remove(heir));
            if let Some(flow) = heir {
                self.hand_on(id, FlowStart::first(flow));
            }
        }
        for id in &difference.added {
            let Some(flow) = flows.remove(id) else { continue };
            self.reloads.lineage.start_alone(id);
            match self.reloads.leaving.get_mut(id) {
                Some(leaving) => leaving.then = Some(flow),
                None if crowded => self.start_after_another(FlowStart::first(flow), now),
                None => self.start_at(now, FlowStart::first(flow)),
            }
        }
        for launch in waiting {
            if crowded {
                self.start_after_another(launch, now);
            } else {
                self.start_at(now, launch);
            }
        }
        // What an earlier order has not brought to its end is a part of this one.
        let leaving = self.reloads.leaving.keys();
        leaving.chain(&difference.changed).chain(&difference.added).cloned().collect()
    }

    /// The flows that wait for descriptors and do not differ; the others are changed or removed
    /// like any flow. A flow that never ends must not keep them from that.
    fn take_waiting(&mut self, difference: &Difference) -> Vec<FlowStart> {
        let leaving = self.reloads.leaving.values_mut();
        let waiting = leaving.flat_map(|leaving| std::mem::take(&mut leaving.waiting));
        let is_same =
            |launch: &FlowStart| difference.unchanged.iter().any(|id| **id == *launch.config.id);
        waiting.filter(is_same).collect()
    }

    /// Has a flow started when one that drains has ended: the one that the fewest others wait for.
    fn start_after_another(&mut self, launch: FlowStart, now: Instant) {
        let leaving = self.reloads.leaving.values_mut();
        match leaving.min_by_key(|leaving| leaving.waiting.len()) {
            Some(leaving) => {
                tracing::info!(name: "flow_start_deferred",
                    flow = %launch.config.id, after = %leaving.thread.id(),
                    "descriptors are short; the flow starts after another one has ended");
                leaving.waiting.push(launch);
            }
            None => self.start_at(now, launch),
        }
    }

    /// Whoever waits for nothing any more hears so.
    pub(super) fn settle_all(&mut self) {
        let is_settled = |pending: &mut Pending| pending.left.is_empty();
        let settled: Vec<Pending> = self.reloads.pending.extract_if(.., is_settled).collect();
        for pending in settled {
            self.finish(pending);
        }
    }

    pub(super) fn is_leaving(&self, id: &str) -> bool {
        self.reloads.leaving.contains_key(id)
    }

    /// Has a flow drain; something else, or nothing, starts in its place.
    pub(super) fn replace(
        &mut self,
        id: &Arc<str>,
        then: Option<FlowConfig>,
        aws: &Arc<Aws>,
        now: Instant,
    ) {
        if let Some(thread) = self.flows.remove(id) {
            if then.is_some() {
                tracing::info!(name: "flow_changing",
                    flow = %id, "flow changed; draining it before it restarts");
            } else {
                tracing::info!(name: "flow_removing", flow = %id, "flow removed; draining it");
            }
            thread.tell(Message::Drain);
            let leaving = Leaving {
                thread,
                asked: now,
                then,
                work: None,
                waiting: Vec::new(),
                abandoned: false,
                told: false,
                _aws: Arc::clone(aws),
            };
            self.reloads.leaving.insert(Arc::clone(id), leaving);
        } else if let Some(leaving) = self.reloads.leaving.get_mut(id) {
            leaving.then = then;
        } else if let Some(at) = self.restarts.iter().position(|(_, it)| *it.config.id == **id) {
            // It ended by a bug, or did not start yet.
            let (at, launch) = self.restarts.remove(at);
            if let Some(flow) = then {
                self.start_at(at, launch.with_config(flow));
            }
        } else if let Some(flow) = then {
            self.start_at(now, FlowStart::first(flow));
        }
    }

    /// The positions of a flow that leaves go to another, which starts then.
    pub(super) fn hand_on(&mut self, id: &Arc<str>, launch: FlowStart) {
        let heir: Arc<str> = Arc::from(launch.config.id.as_str());
        let comes_back = self.reloads.lineage.comes_back(id, &heir);
        self.reloads.lineage.hand_on(id, &heir);
        let work = Work::CarryOver { launch: Box::new(launch), comes_back };
        match self.reloads.leaving.get_mut(id) {
            Some(leaving) => leaving.work = Some(work),
            None => self.work(Arc::clone(id), work, None),
        }
    }

    /// A flow that was told to drain has ended. Says whether it was one.
    pub(super) fn on_left(&mut self, id: &Arc<str>) -> bool {
        let Some(leaving) = self.reloads.leaving.remove(id) else { return false };
        let Leaving { thread, then, work, waiting, .. } = leaving;
        let ended = thread.join_drained();
        let now = clock::now().instant;
        for launch in waiting {
            self.start_at(now, launch);
        }
        let next = then.map(|config| ended.with_config(config));
        let is_gone = next.is_none();
        match work {
            Some(work) => self.work(Arc::clone(id), work, next),
            None => {
                if let Some(launch) = next {
                    self.start_at(now, launch);
                }
            }
        }
        if is_gone {
            tracing::info!(name: "flow_ended", flow = %id, "flow ended");
            self.settle(id);
        }
        self.publish_feeds();
        true
    }

    /// Changes checkpoints where waiting for a disk blocks nothing else.
    pub(super) fn work(&mut self, flow: Arc<str>, work: Work, next: Option<FlowStart>) {
        let store = self.shared.store.clone();
        self.reloads.working.spawn_blocking(move || do_work(&store, flow, work, next));
    }

    pub(super) fn on_worked(&mut self, worked: Worked) {
        let Worked { flow, launches, result } = worked;
        if let Err(error) = &result {
            tracing::error!(name: "checkpoint_edit_failed",
                %flow, %error, "cannot change checkpoints");
        }
        let Reply { outcome, mut lines } = Reply::of_edit(result);
        let waits = |pending: &&mut Pending| !pending.is_reload && pending.left.contains(&flow);
        if let Some(pending) = self.reloads.pending.iter_mut().find(waits) {
            pending.outcome = outcome;
            pending.lines.append(&mut lines);
        }
        let restarts = launches.iter().any(|launch| *launch.config.id == *flow);
        let now = clock::now().instant;
        for launch in launches {
            self.start_at(now, launch);
        }
        if !restarts {
            self.settle(&flow);
        }
    }

    /// Looks at what takes long.
    pub(super) fn look_at_leaving(&mut self, now: Instant) {
        let time = self.shutdown_timeout;
        for (id, leaving) in &mut self.reloads.leaving {
            if now.saturating_duration_since(leaving.asked) < time || leaving.abandoned {
                continue;
            }
            let holds_deleted = leaving.thread.status().borrow().holds_deleted;
            if !holds_deleted {
                tracing::warn!(name: "flow_drain_timeout", flow = %id,
                    "flow did not drain in time; records in flight will be resent");
                leaving.thread.abandon();
                leaving.abandoned = true;
            } else if !std::mem::replace(&mut leaving.told, true) {
                tracing::warn!(name: "flow_drain_pending", flow = %id,
                    "flow still draining: it holds deleted files that are not delivered yet");
            }
        }
        let late: Vec<Pending> =
            self.reloads.pending.extract_if(.., |pending| now >= pending.deadline).collect();
        for mut pending in late {
            for id in &pending.left {
                pending.lines.push(format!("flow {id}: not done yet; see /status"));
            }
            pending.outcome = Outcome::Partly;
            self.finish(pending);
        }
    }

    /// At a stop: what has to be done to checkpoints when the flows have ended, within a bound.
    pub(super) async fn finish_work(&mut self, time: Duration) {
        let leaving = std::mem::take(&mut self.reloads.leaving);
        for (id, leaving) in leaving {
            if let Some(work) = leaving.work {
                self.work(id, work, None);
            }
        }
        let working = &mut self.reloads.working;
        let done = async { while working.join_next().await.is_some() {} };
        if tokio::time::timeout(time, done).await.is_err() {
            tracing::error!(name: "checkpoint_edit_failed",
                "checkpoints could not be changed before the stop");
        }
    }
}

fn do_work(store: &StoreHandle, flow: Arc<str>, work: Work, next: Option<FlowStart>) -> Worked {
    let mut launches: Vec<FlowStart> = next.into_iter().collect();
    let result = match work {
        Work::Edit(order) => {
            let flow = launches.first().map(|launch| &launch.config);
            let follows = |path: &Path| flow.is_some_and(|flow| flow.pattern.matches_path(path));
            edit::edit(store, &order, &follows)
        }
        Work::CarryOver { launch, comes_back } => {
            let to: Arc<str> = Arc::from(launch.config.id.as_str());
            launches.push(*launch);
            edit::carry_over(store, &flow, &to, comes_back).map(|()| Vec::new())
        }
    };
    Worked { flow, launches, result }
}

/// What is told to whoever gave the order.
fn told(difference: &Difference, restart: &str, lineage: &Lineage) -> (Outcome, Vec<String>) {
    let mut lines = Vec::new();
    for (what, flows) in [
        ("changed", &difference.changed),
        ("added", &difference.added),
        ("removed", &difference.removed),
    ] {
        lines.extend(flows.iter().map(|id| format!("{what}: {id}")));
    }
    for (from, to) in &difference.successors {
        lines.push(if lineage.comes_back(from, to) {
            format!("{to} resumes from the checkpoints of {from}, replacing its own")
        } else {
            format!(
                "{to} resumes from its own checkpoints if it has any, else from those of {from}"
            )
        });
    }
    lines.push(format!("unchanged flows: {}", difference.unchanged.len()));
    let mut outcome = Outcome::Done;
    if !restart.is_empty() {
        lines.push(format!("changes only with a restart: {restart}"));
        outcome = Outcome::Partly;
    }
    (outcome, lines)
}
