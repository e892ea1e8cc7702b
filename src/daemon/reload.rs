//! Going over to another configuration while everything runs: flows that did not change are not
//! touched, the others drain and start again at their positions. Also changes to checkpoints,
//! for which a flow is drained and started again in the same way.
//!
//! Nothing here waits: the configuration is read on a thread of the runtime, flows are told to
//! drain and have all the time that a stop would give them, and whoever gave the order hears of it
//! when the last flow is where it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::difference::Difference;
use super::flow_start::FlowStart;
use super::flow_thread::FlowThread;
use super::lineage::Lineage;
use super::service_manager::State;
use super::{Daemon, clock};
use crate::admin::orders::{Asked, Order, Outcome, Reply};
use crate::admin::status::ReloadReport;
use crate::checkpoint::edit::{Edit, EditError};
use crate::checkpoint::store::StoreHandle;
use crate::config::{Config, FlowConfig};
use crate::import;
use crate::metrics::name;
use crate::send::client::Aws;
use crate::tail::tailer::Now;

/// Reads the configuration, wherever it comes from. May wait for a disk.
pub type Loader = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// A configuration must have been read, and its credentials found, after this.
const PREPARE_TIME_MAX: Duration = Duration::from_secs(30);

/// Whoever gave an order hears after the time for a drain and this what is not done yet.
pub(super) const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// Flow threads that there may be at a time, those that drain included.
pub(super) const FLOWS_MAX: usize = 4_096;

/// A new configuration and what it needs.
pub(super) struct Prepared {
    pub(super) config: Config,
    /// If the AWS endpoint or identity changed.
    pub(super) aws: Option<Arc<Aws>>,
}

/// A flow on its way out.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) thread: FlowThread,
    pub(super) asked: Instant,
    /// What starts when it has ended.
    pub(super) then: Option<FlowConfig>,
    /// What is done to checkpoints between.
    pub(super) work: Option<Work>,
    /// Other flows that start then, because descriptors are short.
    pub(super) waiting: Vec<FlowStart>,
    pub(super) abandoned: bool,
    pub(super) told: bool,
    /// The credentials of its requests are looked after here.
    pub(super) _aws: Arc<Aws>,
}

/// What is done to checkpoints while a flow does not run.
#[derive(Debug)]
pub(super) enum Work {
    Edit(Box<Edit>),
    /// The positions go to a flow that starts then.
    CarryOver {
        launch: Box<FlowStart>,
        /// It had them before, and its own are from then.
        comes_back: bool,
    },
}

/// Work on checkpoints that is done.
pub(super) struct Worked {
    pub(super) flow: Arc<str>,
    pub(super) launches: Vec<FlowStart>,
    pub(super) result: Result<Vec<String>, EditError>,
}

/// An order that is being carried out.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) left: BTreeSet<Arc<str>>,
    pub(super) deadline: Instant,
    pub(super) outcome: Outcome,
    pub(super) lines: Vec<String>,
    pub(super) reply: Option<oneshot::Sender<Reply>>,
    pub(super) is_reload: bool,
}

/// What came up.
pub(super) enum Event {
    Asked(Asked),
    Prepared(Result<Box<Prepared>, String>, Option<oneshot::Sender<Reply>>),
    Worked(Box<Result<Worked, tokio::task::JoinError>>),
}

/// Orders and how far each is carried out.
pub(super) struct Reloads {
    load: Option<Loader>,
    orders: Option<mpsc::Receiver<Asked>>,
    /// The configuration that was read last.
    pub(super) current: Config,
    /// The one of the start, which is in force where a restart is needed.
    pub(super) started: Arc<Config>,
    /// At most one configuration that is being read, and who waits for that.
    preparing: JoinSet<Result<Box<Prepared>, String>>,
    asked_by: Option<oneshot::Sender<Reply>>,
    pub(super) leaving: BTreeMap<Arc<str>, Leaving>,
    pub(super) lineage: Lineage,
    pub(super) pending: Vec<Pending>,
    pub(super) working: JoinSet<Worked>,
    report: watch::Sender<Option<ReloadReport>>,
}

kinetail_base::debug_only!(Reloads { leaving });

impl Reloads {
    pub(super) fn new(current: Config) -> Self {
        Self {
            load: None,
            orders: None,
            started: Arc::new(current.clone()),
            current,
            preparing: JoinSet::new(),
            asked_by: None,
            leaving: BTreeMap::new(),
            lineage: Lineage::default(),
            pending: Vec::new(),
            working: JoinSet::new(),
            report: watch::Sender::new(None),
        }
    }

    pub(super) fn listen(&mut self, load: Loader, orders: mpsc::Receiver<Asked>) {
        metrics::gauge!(name::RELOAD_REJECTED).set(0.0);
        note_loaded(clock::now());
        self.load = Some(load);
        self.orders = Some(orders);
    }

    /// Whether no flow is on its way out or in, and no order is being carried out.
    pub(super) fn is_at_rest(&self) -> bool {
        self.leaving.is_empty() && self.pending.is_empty() && self.working.is_empty()
    }

    /// What the last reload came to.
    pub(super) fn report(&self) -> watch::Receiver<Option<ReloadReport>> {
        self.report.subscribe()
    }

    /// The next thing to do something about. One configuration is read at a time; orders wait.
    pub(super) async fn next(&mut self) -> Event {
        let Self { orders, preparing, working, asked_by, .. } = self;
        let is_idle = preparing.is_empty() && working.is_empty();
        let asked = async { orders.as_mut()?.recv().await };
        tokio::select! {
            Some(asked) = asked, if is_idle => Event::Asked(asked),
            Some(worked) = working.join_next() => Event::Worked(Box::new(worked)),
            Some(read) = preparing.join_next() => {
                let read = read.unwrap_or_else(|bug| Err(format!("a bug: {bug}")));
                Event::Prepared(read, asked_by.take())
            }
            else => pending().await,
        }
    }
}

/// Reads the new configuration and gets what it needs.
async fn prepare(
    load: Loader,
    current: Config,
    store: StoreHandle,
) -> Result<Box<Prepared>, String> {
    let work = async {
        let read = tokio::task::spawn_blocking(move || load());
        let config = read.await.map_err(|bug| format!("a bug: {bug}"))??;
        let aws = if Difference::between(&current, &config).aws {
            Some(Arc::new(Aws::load(&config.aws).await.map_err(|error| error.to_string())?))
        } else {
            None
        };
        // As at a start: flows that the Java agent ran resume where it stopped.
        let imported = {
            let config = config.clone();
            tokio::task::spawn_blocking(move || import::at_start(&config, &store, &|_| ()))
        };
        let imported = imported.await.map_err(|bug| format!("a bug: {bug}"))?;
        imported.map_err(|error| format!("cannot {error}"))?;
        Ok(Box::new(Prepared { config, aws }))
    };
    tokio::time::timeout(PREPARE_TIME_MAX, work).await.unwrap_or_else(|_| {
        let seconds = PREPARE_TIME_MAX.as_secs();
        Err(format!(
            "reload timed out after {seconds} s: check the disks of the configuration, of the logs \
             and of the Java agent's checkpoints, and the credentials source; then reload again"
        ))
    })
}

impl Daemon {
    pub(super) fn on_reload_event(&mut self, event: Event) {
        match event {
            Event::Asked(Asked { order: Order::Reload, reply }) => self.prepare_reload(reply),
            Event::Asked(Asked { order: Order::Edit(edit), reply }) => self.on_edit(edit, reply),
            Event::Prepared(Ok(prepared), reply) => self.go_over(*prepared, reply),
            Event::Prepared(Err(error), reply) => self.refuse_reload(&error, reply),
            Event::Worked(worked) => match *worked {
                Ok(worked) => self.on_worked(worked),
                Err(bug) => tracing::error!(name: "checkpoint_edit_failed",
                    %bug, "panic while changing checkpoints"),
            },
        }
    }

    fn prepare_reload(&mut self, reply: Option<oneshot::Sender<Reply>>) {
        let Some(load) = self.reloads.load.clone() else { return };
        self.service_manager.tell(State::Reloading);
        tracing::info!(name: "reload_started", "reloading the configuration");
        let current = self.reloads.current.clone();
        let store = self.shared.store.clone();
        self.reloads.preparing.spawn(prepare(load, current, store));
        self.reloads.asked_by = reply;
    }

    pub(super) fn refuse_reload(&mut self, error: &str, reply: Option<oneshot::Sender<Reply>>) {
        // What is wrong, in one line; the excerpts of the file are for the answer.
        let wrong: Vec<&str> = error.lines().filter(|line| line.contains("error: ")).collect();
        let brief = if wrong.is_empty() { error.replace('\n', " ") } else { wrong.join("; ") };
        tracing::error!(name: "reload_rejected",
            error = %brief, "reload rejected; keeping the active configuration");
        let lines = error.lines().map(str::to_owned).collect();
        self.finish(Pending {
            left: BTreeSet::new(),
            deadline: clock::now().instant,
            outcome: Outcome::Refused,
            lines,
            reply,
            is_reload: true,
        });
    }

    /// Changes checkpoints of a flow: it is drained for that and starts again.
    fn on_edit(&mut self, edit: Edit, reply: Option<oneshot::Sender<Reply>>) {
        let refuse = |reply: Option<oneshot::Sender<Reply>>, text: String| {
            // Who asked may have gone.
            reply.map(|reply| reply.send(Reply::refused(text)).is_ok())
        };
        let id: Arc<str> = Arc::from(edit.flow.as_str());
        if self.is_leaving(&id) || self.restarts.iter().any(|(_, it)| *it.config.id == *id) {
            refuse(reply, format!("flow {id} is just being started again; try again"));
            return;
        }
        let now = clock::now().instant;
        let pending = Pending {
            left: BTreeSet::from([Arc::clone(&id)]),
            deadline: now + self.shutdown_timeout + ANSWER_GRACE,
            outcome: Outcome::Done,
            lines: Vec::new(),
            reply,
            is_reload: false,
        };
        self.reloads.pending.push(pending);
        match self.flows.get(&id).map(FlowThread::config) {
            Some(config) => {
                let aws = Arc::clone(&self.shared.aws);
                self.replace(&id, Some(config), &aws, now);
                if let Some(leaving) = self.reloads.leaving.get_mut(&id) {
                    leaving.work = Some(Work::Edit(Box::new(edit)));
                }
                self.publish_feeds();
            }
            // It is not configured any more, and may still have checkpoints.
            None => self.work(id, Work::Edit(Box::new(edit)), None),
        }
    }

    /// A flow is where an order wants it.
    pub(super) fn settle(&mut self, id: &Arc<str>) {
        for pending in &mut self.reloads.pending {
            pending.left.remove(id);
        }
        self.settle_all();
    }

    pub(super) fn finish(&mut self, pending: Pending) {
        let Pending { outcome, lines, reply, is_reload, .. } = pending;
        if is_reload {
            let now = clock::now();
            let refused = outcome == Outcome::Refused;
            metrics::gauge!(name::RELOAD_REJECTED).set(f64::from(u8::from(refused)));
            if !refused {
                note_loaded(now);
            }
            let report = ReloadReport { at: now.instant, outcome, lines: lines.clone() };
            self.reloads.report.send_replace(Some(report));
            self.service_manager.tell(State::Ready);
        }
        if let Some(reply) = reply
            && reply.send(Reply { outcome, lines }).is_err()
        {
            tracing::debug!("control response discarded: the client is gone");
        }
    }
}

/// Alerts compare it with the time at which the file was changed.
fn note_loaded(now: Now) {
    const NANOS_A_SECOND: i128 = 1_000_000_000;
    let seconds = u32::try_from(now.wall_nanos / NANOS_A_SECOND).unwrap_or(u32::MAX);
    metrics::gauge!(name::CONFIG_LOADED).set(f64::from(seconds));
}
