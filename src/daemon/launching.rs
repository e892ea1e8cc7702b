//! A flow is put together and its thread started.

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::DaemonError;
use super::flow_start::FlowStart;
use super::flow_thread::Shared;
use super::inputs::Source;
use super::runner::{ExitGuard, Reactor, Rest, Runner};
use super::surveying::Surveying;
use crate::admin::status::FlowStatus;
use crate::batch::body::Encoding;
use crate::checkpoint::store::{FlowTimes, Loaded};
use crate::config::{Destination, FlowConfig};
use crate::disk::watch::{Hint, Watch};
use crate::disk::writes::{WriteWatch, Writes};
use crate::ec2::{self, MachineFacts};
use crate::flow::files::{Beginning, tailer};
use crate::flow::{Feeding, Flow, FlowParts, Mailbox};
use crate::metrics::FlowMetrics;
use crate::send::distances::SharedDistance;
use crate::tail::disk::Disk;
use crate::tail::tailer::Earlier;

/// A flow with ADDEC2METADATA waits this long for the first answer about the machine, so that
/// its first records have their metadata.
const FIRST_METADATA_WAIT: Duration = Duration::from_secs(5);

/// What a flow is made of, whatever it reads.
pub(super) struct Parts<'s> {
    pub(super) launch: &'s FlowStart,
    pub(super) beginning: Beginning,
    pub(super) metrics: FlowMetrics,
    pub(super) status: watch::Sender<Arc<FlowStatus>>,
    pub(super) encoding: Encoding,
    pub(super) distance: SharedDistance,
    pub(super) survey: &'s Surveying,
    pub(super) now: Instant,
}

impl Parts<'_> {
    pub(super) fn flow<D: Disk>(
        self,
        shared: &Shared,
        disk: D,
        feeding: Option<Feeding>,
    ) -> Flow<D> {
        let parts = FlowParts {
            tailer: tailer(disk, &self.launch.config, self.beginning, self.now),
            config: self.launch.config.clone(),
            account: shared.budget.account(),
            metrics: self.metrics,
            status: self.status,
            seed: fastrand::u64(..),
            restarts: self.launch.restarts,
            feeding,
            distance: self.distance,
        };
        let mut flow = Flow::new(parts, self.now);
        flow.speak(self.encoding);
        self.launch.give_totals(&mut flow);
        self.survey.inform(&mut flow);
        flow.know_machine(machine_for(shared, &self.launch.config));
        flow
    }
}

/// Starts the thread of a flow that reads no files, and the one that reads for it.
pub(super) fn start_fed<S: Future<Output = ()> + Send + 'static>(
    shared: &Shared,
    parts: Parts<'_>,
    mut source: Source,
    rest: Rest<S>,
) -> Result<JoinHandle<()>, DaemonError> {
    let config = &parts.launch.config;
    let start_reader = source.take_reader();
    let flow = parts.flow(shared, source.disk, Some(source.feeding));
    // Nobody tells of changes in a directory that is none.
    let thread = spawn(shared, config, Runner { flow, watch: Watch::off(), rest })?;
    let no_thread = |error| DaemonError::Thread { flow: config.id.clone(), error };
    start_reader().map_err(no_thread)?;
    Ok(thread)
}

/// What a flow begins with where the store has ended.
pub(super) fn unknown() -> Loaded {
    Loaded { known_flow: true, times: None, next_file_key: 1, rows: Vec::new() }
}

/// Starts the thread of a flow. It tells the daemon when it ends.
pub(super) fn spawn<D, S>(
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
    // Not on the thread's stack, on which it would lie several times while it is handed down.
    let running = Box::pin(runner.run());
    let body = move || {
        let _farewell = farewell;
        if let Some(machine) = machine {
            machine.wait_for_first_attempt(FIRST_METADATA_WAIT);
        }
        reactor.run(running);
    };
    let thread = std::thread::Builder::new().name(thread_name(&config.destination));
    thread.spawn(body).map_err(no_thread)
}

/// What the watch notices goes to the flow's mailbox.
pub(super) fn hint(mailbox: Mailbox) -> Hint {
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
pub(super) fn starting(
    id: &Arc<str>,
    flow: &FlowConfig,
    metrics: &FlowMetrics,
    now: Instant,
) -> FlowStatus {
    FlowStatus {
        destination_state: Arc::clone(&metrics.destination),
        rotated_names: flow.rotated_names_in_use(),
        ..FlowStatus::starting(Arc::clone(id), flow.destination.to_string(), now)
    }
}

/// What files a flow begins with, by what the store has of it.
pub(super) fn beginning(shared: &Shared, loaded: Loaded) -> Beginning {
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
