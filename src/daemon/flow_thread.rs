//! The thread of a flow: started, supervised, joined.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::flow_start::FlowStart;
use super::inputs::Inputs;
use super::launching::{Parts, beginning, hint, spawn, start_fed, starting, unknown};
use super::runner::{FlowOutlet, Rest, Runner};
use super::sending::{events, sender_config, wire_for};
use super::surveying::Surveying;
use super::{DaemonError, clock};
use crate::admin::pulse::{ALL_HUNG_MAX, Hung};
use crate::admin::status::FlowFeed;
use crate::budget::Budget;
use crate::checkpoint::store::StoreHandle;
use crate::config::FlowConfig;
use crate::disk::OsDisk;
use crate::disk::watch::Watch;
use crate::ec2::MachineFacts;
use crate::flow::{Inbox, Mailbox, Message};
use crate::metrics::FlowMetrics;
use crate::metrics::cloudwatch::Reporter;
use crate::send::client::Aws;
use crate::send::distances::Distances;
use crate::send::sender::{self, SenderConfig};
use crate::tail::space::SpaceGuard;

/// A flow that is in the middle of a step for this long at the end of a stop hangs.
const HUNG_AT_STOP_AFTER: Duration = Duration::from_secs(1);

/// A flow that ran for this long has left its last bug behind.
const RAN_WELL_AFTER: Duration = Duration::from_mins(5);

/// What all flows use.
#[derive(Debug, Clone)]
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
    pub(super) distances: Arc<Distances>,
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
        let endpoint = metrics.destination.place().map_or("", |place| &place.endpoint);
        let distance = shared.distances.to(endpoint);
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
            distance,
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
                spawn(shared, &launch.config, Runner { flow, watch: shared.watch.clone(), rest })?
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

    /// Whether it waits for something to happen.
    pub(super) fn is_at_rest(&self, now: Instant) -> bool {
        self.status.borrow().pulse.busy(now).is_none()
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

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
