//! The thread of a flow: started, supervised, joined.

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::inputs::{Inputs, Source};
use super::runner::{ExitGuard, FlowOutlet, Reactor, Runner};
use super::sending::{events, sender_config, wire_for};
use super::surveying::Surveying;
use super::{DaemonError, RESTART_AFTER, RESTART_AFTER_MAX, clock};
use crate::admin::pulse::{ALL_HUNG_MAX, Hung};
use crate::admin::status::{FlowFeed, FlowStatus};
use crate::budget::Budget;
use crate::checkpoint::store::{FlowTimes, Loaded, StoreHandle};
use crate::config::{Destination, FlowConfig};
use crate::disk::OsDisk;
use crate::disk::watch::{Hint, Watch};
use crate::disk::writes::{WriteWatch, Writes};
use crate::ec2::{self, MachineFacts};
use crate::flow::files::{Beginning, tailer};
use crate::flow::{Feeding, Flow, FlowParts, Inbox, Mailbox, Message};
use crate::metrics::FlowMetrics;
use crate::metrics::cloudwatch::Reporter;
use crate::metrics::totals::FlowTotals;
use crate::send::client::Aws;
use crate::send::sender::{self, SenderConfig};
use crate::tail::disk::Disk;
use crate::tail::space::SpaceGuard;
use crate::tail::tailer::Earlier;

/// A flow that is in the middle of a step for this long at the end of a stop hangs.
const HUNG_AT_STOP_AFTER: Duration = Duration::from_secs(1);

/// A flow that ran for this long has left its last bug behind.
const RAN_WELL_AFTER: Duration = Duration::from_mins(5);

/// A flow with ADDEC2METADATA waits this long for the first answer about the machine, so that
/// its first records have their metadata.
const FIRST_METADATA_WAIT: Duration = Duration::from_secs(5);

/// What all flows use.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) budget: Arc<Budget>,
    pub(super) store: StoreHandle,
    pub(super) watch: Watch,
    pub(super) aws: Arc<Aws>,
    pub(super) ended: mpsc::Sender<Arc<str>>,
    /// `None` if CloudWatch metrics are off.
    pub(super) cloudwatch: Option<Reporter>,
    /// `log.emitMetrics`.
    pub(super) log_requests: bool,
    pub(super) descriptors_max: usize,
    pub(super) space: SpaceGuard,
    pub(super) checkpoint_ttl: Duration,
    pub(super) machine: MachineFacts,
    pub(super) inputs: Arc<Inputs>,
}

/// What it takes to start a flow, the first time or again.
#[derive(Debug, Clone)]
pub(super) struct FlowStart {
    pub(super) config: FlowConfig,
    pub(super) restarts: u64,
    /// Restarts that followed one another soon.
    pub(super) failures_in_a_row: u32,
    /// What the flow did before it was started again.
    totals: Option<FlowTotals>,
    /// A bug ended it, and not an order.
    after_bug: bool,
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
    fn give_totals<D: Disk>(&self, flow: &mut Flow<D>) {
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

/// How a thread ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) launch: FlowStart,
    /// What the panic said.
    pub(super) panic: String,
}

/// A flow that runs.
#[derive(Debug)]
pub(super) struct FlowThread {
    id: Arc<str>,
    launch: FlowStart,
    started: Instant,
    status: FlowFeed,
    mailbox: Mailbox,
    thread: JoinHandle<()>,
    /// Cancelled when the thread is no longer awaited: it ends as soon as it can.
    left: CancellationToken,
    /// Without a `FlowThread` nothing waits, either.
    _left_when_dropped: DropGuard,
    /// Who asks about its stream, if anybody does.
    survey: Surveying,
}

impl FlowThread {
    /// Loads the flow's checkpoints and starts its thread.
    pub(super) async fn start(
        shared: &Arc<Shared>,
        launch: FlowStart,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, DaemonError> {
        let id: Arc<str> = Arc::from(launch.config.id.as_str());
        let loaded = shared.store.load_async(&id).await.unwrap_or_else(|_| unknown());
        let (mailbox, inbox) = Inbox::new();
        let metrics = FlowMetrics::new(&id);
        // The sender takes as many batches as the flow may have in flight, so there is always room.
        let survey = Surveying::start(&shared.aws, &launch.config, tasks).await?;
        let (submissions, queue) = mpsc::channel(launch.config.max_in_flight_requests.max(1));
        let stopping = CancellationToken::new();
        let config = survey.watch(SenderConfig {
            stopping: stopping.clone(),
            ..sender_config(shared, &launch.config, metrics.clone())
        });
        let wire = wire_for(shared, &launch.config, &metrics).await?;
        let encoding = wire.encoding();
        let now = clock::now().instant;
        let starting = starting(&id, &launch.config, &metrics, now);
        // The thread gets the only sender, so that its end can be seen.
        let (status_sender, status) = watch::channel(Arc::new(starting));
        let source = shared.inputs.source(&launch.config, &loaded, &metrics)?;
        let beginning = beginning(shared, loaded);
        let outlet = FlowOutlet {
            flow: Arc::clone(&id),
            submissions,
            store: shared.store.clone(),
            checkpoint_ttl: shared.checkpoint_ttl,
            mailbox: mailbox.clone(),
            stopping,
        };
        let left = CancellationToken::new();
        let parts = Parts {
            launch: &launch,
            beginning,
            metrics,
            status: status_sender,
            encoding,
            survey: &survey,
            now,
        };
        let rest = Rest {
            inbox,
            outlet,
            hint: hint(mailbox.clone()),
            left: left.clone(),
            sending: sender::run(wire, queue, events(mailbox.clone()), config),
        };
        let thread = match source {
            None => {
                let flow = parts.flow(shared, OsDisk, None);
                spawn(shared, &launch.config, rest.runner(flow, shared.watch.clone()))?
            }
            Some(source) => start_fed(shared, parts, source, rest)?,
        };
        Ok(Self {
            id,
            launch,
            started: now,
            status,
            mailbox,
            thread,
            _left_when_dropped: left.clone().drop_guard(),
            left,
            survey,
        })
    }

    pub(super) fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    pub(super) fn status(&self) -> FlowFeed {
        self.status.clone()
    }

    /// What it runs with.
    pub(super) fn config(&self) -> FlowConfig {
        self.launch.config.clone()
    }

    pub(super) fn tell(&self, message: Message) {
        self.mailbox.send(message);
    }

    /// Whether it waits for something that does not answer.
    pub(super) fn hung(&self, now: Instant) -> Option<Hung> {
        self.status.borrow().pulse.hung(now)
    }

    /// Whether it has not ended because it hangs.
    pub(super) fn hung_at_stop(&self, now: Instant) -> Option<Hung> {
        // The thread has the only sender.
        let ended = self.status.has_changed().is_err();
        let busy = self.status.borrow().pulse.busy(now);
        busy.filter(|hung| !ended && hung.lasting >= HUNG_AT_STOP_AFTER)
    }

    /// Whether the flow made a step lately.
    pub(super) fn is_alive(&self) -> bool {
        self.hung(clock::now().instant).is_none_or(|hung| hung.lasting < ALL_HUNG_MAX)
    }

    /// Says what a stop leaves behind, if it does.
    pub(super) fn report_undelivered(&self) -> bool {
        let status = self.status.borrow();
        if status.in_flight > 0 {
            tracing::warn!(name: "batches_unacknowledged",
                flow = %self.id, batches = status.in_flight,
                "batches not acknowledged before shutdown; they will be sent after the next start");
        }
        status.in_flight > 0
    }

    /// Waits for the thread, which has ended or is about to.
    pub(super) fn join(self, now: Instant) -> End {
        self.survey.abort();
        let totals = self.status.borrow().totals;
        let panic = match self.thread.join() {
            Ok(()) => "it returned".to_owned(),
            Err(payload) => panic_text(payload.as_ref()),
        };
        let again_soon = now.saturating_duration_since(self.started) < RAN_WELL_AFTER;
        let before = if again_soon { self.launch.failures_in_a_row } else { 0 };
        let launch = FlowStart {
            restarts: self.launch.restarts + 1,
            failures_in_a_row: before.saturating_add(1),
            totals: Some(totals),
            after_bug: true,
            config: self.launch.config,
        };
        End { launch, panic }
    }

    /// As [`Self::join`], of a flow that was told to drain: what it takes to start it again.
    pub(super) fn join_drained(self) -> FlowStart {
        self.survey.abort();
        let totals = Some(self.status.borrow().totals);
        if let Err(payload) = self.thread.join() {
            let panic = panic_text(payload.as_ref());
            tracing::error!(name: "flow_drain_panicked",
                flow = %self.id, "flow panicked while draining: {panic}");
        }
        FlowStart { totals, after_bug: false, failures_in_a_row: 0, ..self.launch }
    }

    /// Leaves what is in flight to the next start: the thread ends soon.
    pub(super) fn abandon(&self) {
        self.left.cancel();
        self.survey.abort();
    }
}

/// What a flow is made of, whatever it reads.
struct Parts<'s> {
    launch: &'s FlowStart,
    beginning: Beginning,
    metrics: FlowMetrics,
    status: watch::Sender<Arc<FlowStatus>>,
    encoding: crate::batch::body::Encoding,
    survey: &'s Surveying,
    now: Instant,
}

impl Parts<'_> {
    fn flow<D: Disk>(self, shared: &Shared, disk: D, feeding: Option<Feeding>) -> Flow<D> {
        let parts = FlowParts {
            tailer: tailer(disk, &self.launch.config, self.beginning, self.now),
            config: self.launch.config.clone(),
            account: shared.budget.account(),
            metrics: self.metrics,
            status: self.status,
            seed: fastrand::u64(..),
            restarts: self.launch.restarts,
            feeding,
        };
        let mut flow = Flow::new(parts, self.now);
        flow.speak(self.encoding);
        self.launch.give_totals(&mut flow);
        self.survey.inform(&mut flow);
        flow.know_machine(machine_for(shared, &self.launch.config));
        flow
    }
}

/// What its thread runs alongside the flow.
struct Rest<S> {
    inbox: Inbox,
    outlet: FlowOutlet,
    hint: Hint,
    left: CancellationToken,
    sending: S,
}

impl<S> Rest<S> {
    fn runner<D: Disk>(self, flow: Flow<D>, watch: Watch) -> Runner<D, S> {
        let Self { inbox, outlet, hint, left, sending } = self;
        Runner { flow, inbox, outlet, watch, hint, left, sending }
    }
}

/// Starts the thread of a flow that reads no files, and the one that reads for it.
fn start_fed<S: Future<Output = ()> + Send + 'static>(
    shared: &Shared,
    parts: Parts<'_>,
    mut source: Source,
    rest: Rest<S>,
) -> Result<JoinHandle<()>, DaemonError> {
    let config = &parts.launch.config;
    let start_reader = source.take_reader();
    let flow = parts.flow(shared, source.disk, Some(source.feeding));
    // Nobody tells of changes in a directory that is none.
    let thread = spawn(shared, config, rest.runner(flow, Watch::off()))?;
    let no_thread = |error| DaemonError::Thread { flow: config.id.clone(), error };
    start_reader().map_err(no_thread)?;
    Ok(thread)
}

/// What a flow begins with where the store has ended.
fn unknown() -> Loaded {
    Loaded { known_flow: true, times: None, next_file_key: 1, rows: Vec::new() }
}

/// Starts the thread of a flow. It tells the daemon when it ends.
fn spawn<D, S>(
    shared: &Shared,
    config: &FlowConfig,
    runner: Runner<D, S>,
) -> Result<JoinHandle<()>, DaemonError>
where
    D: Disk<File: Send> + Send + 'static,
    Writes: WriteWatch<D::File>,
    S: Future<Output = ()> + Send + 'static,
{
    let no_thread = |error| DaemonError::Thread { flow: config.id.clone(), error };
    let reactor = Reactor::new().map_err(no_thread)?;
    let farewell = ExitGuard { flow: Arc::from(config.id.as_str()), ended: shared.ended.clone() };
    let machine = machine_for(shared, config);
    let body = move || {
        let _farewell = farewell;
        if let Some(machine) = machine {
            machine.wait_for_first_attempt(FIRST_METADATA_WAIT);
        }
        reactor.run(runner.run());
    };
    let thread = std::thread::Builder::new().name(thread_name(&config.destination));
    thread.spawn(body).map_err(no_thread)
}

/// What the watch notices goes to the flow's mailbox.
fn hint(mailbox: Mailbox) -> Hint {
    Arc::new(move |renamed| match renamed {
        Some(renamed) => mailbox.renamed(renamed),
        None => mailbox.hint(),
    })
}

/// What is known of the machine, if the flow's records say it.
fn machine_for(shared: &Shared, flow: &FlowConfig) -> Option<MachineFacts> {
    ec2::needs(&flow.converters).map(|_| shared.machine.clone())
}

/// What is told of a flow before it tells anything itself.
fn starting(id: &Arc<str>, flow: &FlowConfig, metrics: &FlowMetrics, now: Instant) -> FlowStatus {
    FlowStatus {
        destination_state: Arc::clone(&metrics.destination),
        rotated_names: flow.rotated_names_in_use(),
        ..FlowStatus::starting(Arc::clone(id), flow.destination.to_string(), now)
    }
}

/// What files a flow begins with, by what the store has of it.
fn beginning(shared: &Shared, loaded: Loaded) -> Beginning {
    Beginning {
        known_flow: loaded.known_flow,
        earlier: loaded.times.map(earlier),
        rows: loaded.rows,
        next_file_key: loaded.next_file_key,
        descriptors_max: shared.descriptors_max,
        space: shared.space,
    }
}

/// File systems stamp files with the time of the last tick, which may be this old.
const STAMP_LAG_MILLIS: i64 = 10;

fn earlier(times: FlowTimes) -> Earlier {
    let nanos = |millis: i64| i128::from(millis) * 1_000_000;
    Earlier {
        first_start_nanos: nanos(times.first_started_millis - STAMP_LAG_MILLIS),
        last_known_nanos: nanos(times.last_saved_millis),
    }
}

/// Threads show up in `top -H` by this name; the kernel keeps 15 bytes of it.
fn thread_name(destination: &Destination) -> String {
    match destination {
        Destination::Firehose { delivery_stream } => format!("fh:{delivery_stream}"),
        Destination::Kinesis { stream } => format!("kds:{stream}"),
    }
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
