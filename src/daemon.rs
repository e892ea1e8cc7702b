//! The only place that spawns: puts the parts together, supervises the flows, drains with a
//! deadline.
//!
//! The daemon decides nothing about files, records or requests. It owns the threads and tasks,
//! starts a flow again after a bug in it, and sees to it that a stop delivers what was read.

mod alarm;
mod changeover;
mod clock;
pub mod descriptors;
mod difference;
mod flow_start;
mod flow_thread;
mod hung;
mod inputs;
mod launching;
mod lineage;
mod outcome;
mod reload;
mod runner;
mod sending;
mod service_manager;
mod serving;
mod starting;
mod status_lines;
mod stop;
mod surveying;
mod watchers;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

use self::flow_start::FlowStart;
use self::flow_thread::{End, FlowThread, Shared};
use self::hung::{HungFlows, HungStore};
pub use self::outcome::{DaemonError, Stopped};
pub use self::reload::Loader;
use self::reload::Reloads;
use self::service_manager::{ServiceManager, State, watchdog_interval};
pub use self::starting::Started;
use self::watchers::Watchers;
use crate::admin::history::History;
use crate::admin::orders::Asked;
use crate::admin::status::FlowFeed;
use crate::checkpoint::store::Store;
use crate::config::FlowConfig;
use crate::ec2::{self, MachineFacts, Sources};
use crate::metrics::name;
use crate::send::client::Aws;

/// A flow that had a bug is started again after this long.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// A flow that ends by a bug again soon is started again less and less soon, but as soon as this.
const RESTART_AFTER_MAX: Duration = Duration::from_mins(1);

/// A flow that had a bug is given this long to start again before it is tried once more.
const RESTART_TIME_MAX: Duration = Duration::from_secs(5);

/// A daemon whose flows run.
#[derive(Debug)]
pub struct Daemon {
    shared: Arc<Shared>,
    flows: BTreeMap<Arc<str>, FlowThread>,
    ended: mpsc::Receiver<Arc<str>>,
    tasks: JoinSet<()>,
    store: Store,
    checkpoint_file: PathBuf,
    shutdown_timeout: Duration,
    admin: Option<SocketAddr>,
    admin_connections: usize,
    /// They are served until this is dropped.
    admin_pages: Option<oneshot::Sender<Infallible>>,
    started: Instant,
    feeds: watch::Sender<Vec<FlowFeed>>,
    /// Flows that ended by a bug, and when each starts again.
    restarts: Vec<(Instant, FlowStart)>,
    reloads: Reloads,
    /// What keeps the facts about the machine fresh, and for how long they are.
    machine: Option<(ec2::Needs, AbortHandle)>,
    /// CloudWatch's client has its credentials from here, whatever a reload brings.
    _first_aws: Arc<Aws>,
    /// The socket is served until this is dropped.
    admin_socket: Option<oneshot::Sender<Infallible>>,
    history: Arc<History>,
    watchers: Watchers,
    service_manager: ServiceManager,
}

impl Daemon {
    fn publish_feeds(&self) {
        let leaving = self.reloads.leaving.values().map(|leaving| &leaving.thread);
        self.feeds
            .send_replace(self.flows.values().chain(leaving).map(FlowThread::status).collect());
    }

    /// Takes orders from now on: to read the configuration again, with `load`, and others.
    pub(crate) fn take_orders(&mut self, load: Loader, orders: mpsc::Receiver<Asked>) {
        self.reloads.listen(load, orders);
    }

    fn keep_machine_fresh(&mut self, flows: &[FlowConfig]) {
        let needs = ec2::needs(flows.iter().flat_map(|flow| &flow.converters));
        if needs == self.machine.as_ref().map(|(needs, _)| *needs) {
            return;
        }
        if let Some((_, task)) = self.machine.take() {
            task.abort();
        }
        self.machine = keep_machine_fresh(flows, &self.shared.machine, &mut self.tasks);
    }

    /// Has a flow started at this time.
    fn start_at(&mut self, at: Instant, launch: FlowStart) {
        let behind = self.restarts.partition_point(|(other, _)| *other <= at);
        self.restarts.insert(behind, (at, launch));
    }

    /// What the flows say about themselves; a new list after a flow was started again.
    #[must_use]
    pub fn feeds(&self) -> watch::Receiver<Vec<FlowFeed>> {
        self.feeds.subscribe()
    }

    /// Runs something alongside the flows until the daemon ends.
    pub(crate) fn spawn_auxiliary(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Supervises the flows until `stop` is ordered, then drains them. `stop_now` is a second
    /// order, which ends the drain.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        stop_now: impl Future<Output = ()>,
    ) -> Stopped {
        self.service_manager.tell(State::Ready);
        let mut watchdog = watchdog_interval();
        let mut next_look = clock::now().instant;
        let mut hung = HungFlows::default();
        let mut hung_store = HungStore::default();
        tokio::pin!(stop);
        let inputs = Arc::clone(&self.shared.inputs);
        let input_ends = inputs.delivered();
        tokio::pin!(input_ends);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = &mut input_ends => {
                    tracing::info!(name: "input_ended",
                        "standard input ended and is delivered; stopping");
                    break;
                }
                Some(flow) = self.ended.recv() => self.on_ended(&flow),
                () = until(self.restarts.first().map(|(at, _)| *at)) => self.start_again().await,
                event = self.reloads.next() => self.on_reload_event(event),
                _ = watchdog.tick() => self.notify_watchdog(),
                () = until(Some(next_look)) => {
                    let now = clock::now().instant;
                    self.threads().for_each(|flow| hung.look_at(flow, now));
                    hung.forget_others(self.threads());
                    hung_store.look_at(&self.shared.store, now);
                    self.look_at_leaving(now);
                    self.history.sample(&self.feeds.borrow(), now);
                    next_look = now + self.look_again_after(now);
                    continue;
                }
            }
            next_look = next_look.min(clock::now().instant + hung::LOOK_EVERY);
        }
        self.drain(stop_now).await
    }

    /// The flows that run, and those that are on their way out.
    fn threads(&self) -> impl Iterator<Item = &FlowThread> {
        self.flows.values().chain(self.reloads.leaving.values().map(|leaving| &leaving.thread))
    }

    /// When to look next for what hangs, and for what is not done in time.
    fn look_again_after(&self, now: Instant) -> Duration {
        let is_at_rest = self.reloads.is_at_rest()
            && self.shared.store.is_at_rest()
            && self.threads().all(|flow| flow.is_at_rest(now));
        if is_at_rest { hung::LOOK_AT_REST_EVERY } else { hung::LOOK_EVERY }
    }

    /// A flow's thread ended without a request: it panicked. It starts again
    /// from its checkpoints; the others never notice.
    fn on_ended(&mut self, id: &Arc<str>) {
        if self.on_left(id) {
            return;
        }
        let Some(thread) = self.flows.remove(id) else { return };
        let End { launch, panic } = thread.join(clock::now().instant);
        tracing::error!(name: "flow_panicked", flow = %id, restarts = launch.restarts,
            "flow panicked; restarting from its checkpoints: {panic}");
        metrics::counter!(name::FLOW_RESTARTS, "flow" => id.to_string()).increment(1);
        self.start_at(clock::now().instant + launch.pause(), launch);
    }

    /// Starts the flow that has waited longest; if that fails it is tried again later.
    async fn start_again(&mut self) {
        let (_, launch) = self.restarts.remove(0);
        let mut again = launch.clone();
        if launch.is_planned() {
            tracing::info!(name: "flow_starting",
                "Agent: Starting tailer for file {}", launch.config.id);
        }
        let starting = FlowThread::start(&self.shared, launch, &mut self.tasks);
        let started = tokio::time::timeout(RESTART_TIME_MAX, starting).await;
        match started.unwrap_or(Err(DaemonError::StoreHangs)) {
            Ok(thread) => {
                let id = thread.id();
                self.flows.insert(Arc::clone(&id), thread);
                self.publish_feeds();
                self.settle(&id);
            }
            Err(error) => {
                tracing::error!(name: "flow_restart_failed", flow = %again.config.id, %error,
                    "cannot restart flow; will retry");
                again.failures_in_a_row = again.failures_in_a_row.saturating_add(1);
                self.start_at(clock::now().instant + again.pause(), again);
            }
        }
    }

    /// The service manager restarts us if every flow hangs: what one of them waits for is no reason
    /// to stop the others again and again.
    fn notify_watchdog(&self) {
        if !self.restarts.is_empty()
            || !self.reloads.working.is_empty()
            || self.threads().any(FlowThread::is_alive)
        {
            self.service_manager.tell(State::Alive);
        }
    }
}

/// Finds out about the machine again and again, if any flow writes what is known about it.
fn keep_machine_fresh(
    flows: &[FlowConfig],
    machine: &MachineFacts,
    tasks: &mut JoinSet<()>,
) -> Option<(ec2::Needs, AbortHandle)> {
    let needs = ec2::needs(flows.iter().flat_map(|flow| &flow.converters))?;
    let keep = ec2::keep_fresh(Sources::from_environment(), machine.clone(), needs);
    Some((needs, tasks.spawn(keep)))
}

/// Waits until then, or indefinitely.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
