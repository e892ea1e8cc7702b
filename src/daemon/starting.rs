//! Startup: the parts are put together, one step after the other.
//!
//! Each step may wait for a disk. What it waits for is logged when it takes long, and when a stop
//! is ordered meanwhile.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::flow_start::FlowStart;
use super::flow_thread::{FlowThread, Shared};
use super::reload::{FLOWS_MAX, Reloads};
use super::service_manager::ServiceManager;
use super::watchers::{self, Watchers};
use super::{Daemon, DaemonError, Stopped, clock, descriptors, hung, keep_machine_fresh};
use crate::budget::Budget;
use crate::checkpoint::error::StoreError;
use crate::checkpoint::locate;
use crate::checkpoint::store::{OpenReport, Store, StoreOptions};
use crate::config::Config;
use crate::disk::watch::Watch;
use crate::ec2::MachineFacts;
use crate::import;
use crate::log_throttle::{FailureLine, FailureLog};
use crate::send::client::Aws;
use crate::shown::shown;
use crate::tail::space::SpaceGuard;

/// A step that takes longer than this is logged.
const SLOW_AFTER: Duration = Duration::from_secs(10);

/// How a startup that could be stopped ended.
#[derive(Debug)]
pub enum Started {
    /// The daemon runs.
    Runs(Box<Daemon>),
    /// A stop was ordered, and startup did not end in time.
    Stopped(Stopped),
}

/// What startup is waiting for, in words.
#[derive(Debug, Default)]
struct Steps(watch::Sender<String>);

impl Steps {
    fn begin(&self, what: &str) {
        self.0.send_replace(what.to_owned());
    }
}

impl Daemon {
    /// Opens the checkpoint database, builds the clients and starts all flows.
    ///
    /// # Errors
    ///
    /// [`DaemonError`]; then nothing runs.
    pub async fn start(config: Config) -> Result<Self, DaemonError> {
        Box::pin(Self::start_in_steps(config, &Steps::default())).await
    }

    /// As [`Self::start`], on a thread of its own: a disk that does not respond does not block
    /// `stop`, nor `stop_now`, which is a second order to stop.
    ///
    /// # Errors
    ///
    /// [`DaemonError`]; then nothing runs.
    pub(crate) async fn start_until(
        config: Config,
        stop: impl Future<Output = ()>,
        stop_now: impl Future<Output = ()>,
    ) -> Result<Started, DaemonError> {
        let timeout = config.shutdown_timeout;
        let steps = Steps::default();
        let (doing, runtime) = (steps.0.subscribe(), Handle::current());
        let starting = tokio::task::spawn_blocking(move || {
            runtime.block_on(Box::pin(Self::start_in_steps(config, &steps)))
        });
        let out_of_patience = async {
            stop.await;
            tokio::select! {
                () = tokio::time::sleep(timeout) => Stopped::TimedOut,
                () = stop_now => Stopped::Forced,
            }
        };
        tokio::select! {
            started = starting => match started.map_err(JoinError::try_into_panic) {
                Ok(started) => started.map(|daemon| Started::Runs(Box::new(daemon))),
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // Only where the runtime ends.
                Err(Err(_)) => Ok(Started::Stopped(Stopped::Forced)),
            },
            stopped = out_of_patience => {
                let doing = doing.borrow().clone();
                tracing::error!(
                    name: "start_interrupted",
                    "shutdown requested during startup, which is waiting for {doing}; check that \
                     its disk responds; no file was read"
                );
                Ok(Started::Stopped(stopped))
            }
            never = tell_while_slow(&doing) => match never {},
        }
    }

    async fn start_in_steps(mut config: Config, steps: &Steps) -> Result<Self, DaemonError> {
        let started = clock::now().instant;
        let reloads = Reloads::new(config.clone());
        let granted = descriptors::grant(&mut config)?;
        tracing::info!(name: "agent_starting", "Agent: Starting up...");
        steps.begin(&format!("checkpointFile, {}", shown(&config.checkpoint_file)));
        let store = open_store(&config)?;
        import::at_start(&config, &store.handle(), &|what| steps.begin(what))?;
        steps.begin("the files of the AWS configuration");
        let aws = Arc::new(Aws::load(&config.aws).await?);
        let mut tasks = JoinSet::new();
        let cloudwatch = watchers::reporter(&config.cloudwatch);
        let machine = MachineFacts::default();
        // Room for every flow, those that a reload brings included.
        let (ended_sender, ended) = mpsc::channel(config.flows.len().max(FLOWS_MAX));
        let shared = Arc::new(Shared {
            budget: Budget::new(config.memory_budget_bytes, config.flows.len()),
            store: store.handle(),
            watch: if config.notify { Watch::new() } else { Watch::off() },
            aws: Arc::clone(&aws),
            ended: ended_sender,
            cloudwatch: cloudwatch.as_ref().map(|(reporter, _)| reporter.clone()),
            log_requests: config.log.emit_metrics,
            descriptors_max: granted.files,
            space: SpaceGuard { min_free_percent: config.min_free_disk_percent },
            checkpoint_ttl: config.checkpoint_ttl,
            machine,
            inputs: Arc::default(),
            distances: Arc::default(),
        });
        let machine = keep_machine_fresh(&config.flows, &shared.machine, &mut tasks);
        let mut flows = BTreeMap::new();
        for flow in &config.flows {
            tracing::info!(name: "flow_starting", "Agent: Starting tailer for file {}", flow.id);
            steps.begin(&format!("the positions of flow {}", flow.id));
            let launch = FlowStart::first(flow.clone());
            let thread = FlowThread::start(&shared, launch, &mut tasks).await?;
            flows.insert(thread.id(), thread);
        }
        let feeds = watch::Sender::new(Vec::new());
        let watchers =
            Watchers::start(&config, &shared.aws, cloudwatch, feeds.subscribe(), started).await;
        let daemon = Self {
            shared,
            flows,
            ended,
            tasks,
            store,
            checkpoint_file: config.checkpoint_file,
            shutdown_timeout: config.shutdown_timeout,
            admin: config.admin,
            admin_connections: granted.admin,
            admin_pages: None,
            started,
            feeds,
            restarts: Vec::new(),
            reloads,
            machine,
            _first_aws: aws,
            admin_socket: None,
            history: Arc::default(),
            watchers,
            service_manager: ServiceManager::of_process(),
        };
        daemon.publish_feeds();
        let took = clock::now().instant.saturating_duration_since(started);
        tracing::info!(name: "agent_started",
            "Agent: Startup completed in {} ms.", took.as_millis());
        Ok(daemon)
    }
}

/// Logs steps that take long, less and less often.
async fn tell_while_slow(doing: &watch::Receiver<String>) -> Infallible {
    let mut doing = doing.clone();
    let mut repeats = FailureLog::default();
    loop {
        let step = doing.borrow_and_update().clone();
        let begun = clock::now().instant;
        loop {
            match tokio::time::timeout(hung::LOOK_EVERY, doing.changed()).await {
                Ok(Ok(())) => break,
                // Startup is done.
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) => {}
            }
            let now = clock::now().instant;
            let time = now.saturating_duration_since(begun);
            if time < SLOW_AFTER {
                continue;
            }
            if let Some(FailureLine::First | FailureLine::Summary { .. }) =
                repeats.on_failure(&step, now)
            {
                tracing::error!(
                    name: "start_waiting",
                    seconds = time.as_secs(),
                    "startup is waiting for {step}; check that its disk responds"
                );
            }
        }
    }
}

fn open_store(config: &Config) -> Result<Store, StoreError> {
    let flows = config.flows.iter().map(|flow| Arc::from(flow.id.as_str())).collect();
    let (store, report) = Store::open(&config.checkpoint_file, &StoreOptions { flows })?;
    report_store(&config.checkpoint_file, &report);
    for text in locate::unsafe_directories(&config.checkpoint_file) {
        tracing::warn!(name: "checkpoint_database_warning",
            path = %config.checkpoint_file.display(), "{text}");
    }
    Ok(store)
}

fn report_store(path: &Path, report: &OpenReport) {
    match report {
        OpenReport::Created => {
            tracing::info!(name: "checkpoint_database_created",
                path = %path.display(), "created checkpoint database");
        }
        OpenReport::Opened => {
            tracing::info!(name: "checkpoint_database_opened",
                path = %path.display(), "opened checkpoint database");
        }
        OpenReport::SetAside { moved_to, reason } => {
            tracing::error!(name: "checkpoint_database_corrupt",
                path = %path.display(), moved_to = %moved_to.display(),
                "checkpoint database is corrupt; moved it aside and created a new one; re-reading \
                 existing files from the beginning (duplicates possible, no data lost): {reason}");
        }
    }
}
