//! `kinetail run`: the daemon, on AWS or on a sandbox in the same process.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::{mpsc, watch};

use super::configuration::{self, ConfigArgs, Configuration};
use super::signals::{Signals, reached};
use super::{CliError, children, control, logging, progress, terminal};
use crate::admin::orders::{Asked, Desk};
use crate::checkpoint::error::{self, StoreError};
use crate::config::{
    AdminSocket, AwsConfig, Config, Destination, FlowAwsConfig, JavaCheckpoints, StaticKeys,
    StatusLines,
};
use crate::daemon::{Daemon, DaemonError, Loader, Started, Stopped, descriptors};
use crate::metrics::prometheus::Prometheus;
use crate::sandbox::{Sandbox, SandboxError, SandboxHandle, SandboxOptions, SigningKeys, Store};
use crate::shown::{counted, shown};

/// Threads for senders and the admin endpoint. One is enough for gigabytes a second, because flows
/// hash their batches themselves, and it never hands a request over to another one half-way.
const RUNTIME_THREADS: usize = 1;

/// The sandbox in the same process gets one more.
const RUNTIME_THREADS_WITH_SANDBOX: usize = 2;

/// Options of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Ship to a built-in sandbox instead of AWS; needs no account.
    ///
    /// Uses separate checkpoints, stored with the sandbox output; checkpointFile is not modified.
    #[arg(long)]
    sandbox: bool,
    /// Output directory for the sandbox (one NDJSON file per stream).
    #[arg(
        long, value_name = "DIR", default_value = control::SANDBOX, requires = "sandbox",
        value_parser = configuration::directory
    )]
    sandbox_output: PathBuf,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("cannot start: {0}")]
    Daemon(#[from] DaemonError),
    #[error(
        "cannot start the sandbox: {pattern} matches its own output {}, which would loop; set a \
         different directory with --sandbox-output",
        shown(path)
    )]
    Feedback { pattern: String, path: PathBuf },
    #[error("cannot start the sandbox: {0}")]
    Sandbox(#[from] SandboxError),
    #[error(
        "cannot start the sandbox: {} is in use by {}; stop that one, or set a different \
         directory with --sandbox-output",
        shown(output),
        error::holder(*pid)
    )]
    SandboxInUse { output: PathBuf, pid: Option<u32> },
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
}

/// Runs the daemon until it is told to stop.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode, CliError> {
    let inherited = children::Inherited::at_start();
    if descriptors::check(1, args.sandbox).is_err() {
        // Not even enough for the event loop. How many are needed, the configuration decides.
        prepared(configuration::load_in_time(&args.config), args)?;
    }
    let threads = if args.sandbox { RUNTIME_THREADS_WITH_SANDBOX } else { RUNTIME_THREADS };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    // Before anything else is done: a signal that comes early is an order, too.
    let signals = runtime.block_on(async { Signals::new() }).map_err(RunError::Signals)?;
    let (desk, orders) = Desk::open();
    let mut signals = signals.reloading(desk.clone());
    let Some(configuration) = runtime.block_on(load(args, &mut signals)) else {
        // It may hang where the configuration lies; there is nothing to finish.
        runtime.shutdown_background();
        return Ok(ExitCode::SUCCESS);
    };
    let configuration = prepared(configuration, args)?;
    let live = args.sandbox && progress::is_live();
    let _log = logging::init(&configuration.config.log, live).map_err(CliError::Runtime)?;
    configuration.log();
    let config = configuration.config;
    let stopped = runtime.block_on(serve(config, args, (signals, desk, orders)));
    children::end_all(&inherited);
    let stopped = stopped?;
    // What still runs has had its time.
    runtime.shutdown_background();
    Ok(match stopped {
        Stopped::Drained => {
            tracing::info!(name: "stopped",
                "stopped: all records that were read have been delivered");
            ExitCode::SUCCESS
        }
        Stopped::Paused => {
            tracing::warn!(
                name: "stopped_undelivered",
                "stopped with undelivered records: a destination is paused (see errors above); \
                 they will be sent after the next start"
            );
            ExitCode::SUCCESS
        }
        Stopped::TimedOut => {
            tracing::warn!(
                name: "stopped_timeout",
                "stopped at the shutdown timeout with undelivered records; they will be sent after \
                 the next start"
            );
            ExitCode::SUCCESS
        }
        Stopped::Forced => {
            tracing::warn!(
                name: "stopped_forced",
                "stopped immediately on a second signal; undelivered records will be sent after \
                 the next start"
            );
            ExitCode::from(1)
        }
        Stopped::Unwritten => {
            tracing::error!(
                name: "stopped_unwritten",
                "stopped: cannot write final checkpoints; duplicates possible after the next start"
            );
            ExitCode::from(1)
        }
    })
}

/// The configuration, if it could be read and there are descriptors enough for its flows.
fn prepared(
    loaded: Result<Configuration, CliError>,
    args: &RunArgs,
) -> Result<Configuration, CliError> {
    let configuration =
        loaded.inspect_err(|_| logging::speak(configuration::format_of_broken(&args.config)))?;
    logging::speak(configuration.config.log.format);
    let flows = configuration.config.flows.len();
    descriptors::check(flows, args.sandbox).map_err(|error| RunError::Daemon(error.into()))?;
    Ok(configuration)
}

/// Reads the configuration; nothing if a signal asks for a stop before that is done.
async fn load(args: &RunArgs, signals: &mut Signals) -> Option<Result<Configuration, CliError>> {
    let source = args.config.clone();
    let loading = tokio::task::spawn_blocking(move || configuration::load_in_time(&source));
    tokio::select! {
        loaded = loading => match loaded {
            Ok(loaded) => Some(loaded),
            Err(bug) => std::panic::resume_unwind(bug.into_panic()),
        },
        () = signals.next() => None,
    }
}

async fn serve(
    mut config: Config,
    args: &RunArgs,
    (signals, desk, orders): (Signals, Desk, mpsc::Receiver<Asked>),
) -> Result<Stopped, CliError> {
    let (seen, count) = watch::channel(0);
    let recorder = Prometheus::install();
    let sandbox = if args.sandbox {
        let mut out = terminal::queued_stdout().map_err(CliError::Runtime)?;
        Some((start_sandbox(&mut config, &args.sandbox_output, &mut out).await?, out))
    } else {
        None
    };
    let sockets = control::places(&config);
    let url = sandbox.as_ref().map(|(sandbox, _)| sandbox.handle().url());
    let mut counting = Box::pin(signals.count(seen));
    let stop = |signals| reached(count.clone(), signals);
    let started = tokio::select! {
        started = Daemon::start_until(config, stop(1), stop(2)) => {
            started.map_err(|error| failed_start(error, args))?
        }
        never = &mut counting => match never {},
    };
    let mut daemon = match started {
        Started::Runs(daemon) => *daemon,
        Started::Stopped(stopped) => return Ok(stopped),
    };
    daemon.take_orders(loader(args, url)?, orders);
    daemon.spawn_auxiliary(async move {
        counting.await;
    });
    if let Ok(recorder) = recorder {
        daemon.serve_admin(recorder.clone());
        if !sockets.is_empty() {
            daemon.serve_socket(sockets, recorder, desk);
        }
    }
    let Some((sandbox, mut out)) = sandbox else {
        return Ok(daemon.run(stop(1), stop(2)).await);
    };
    let handle = sandbox.handle();
    // The sandbox serves until the daemon is done, not only until it is told to stop.
    let (done, is_done) = watch::channel(0);
    daemon.spawn_auxiliary(progress::show(daemon.feeds(), out.get_ref().clone()));
    let running = async {
        let stopped = daemon.run(stop(1), stop(2)).await;
        done.send_replace(1);
        stopped
    };
    let (stopped, ()) = tokio::join!(running, sandbox.serve(reached(is_done, 1)));
    summarize(&handle, &args.sandbox_output, &mut out)?;
    terminal::finish(out)?;
    Ok(stopped)
}

/// Why it does not start, in words for who chose a sandbox: its checkpoints are with its output.
fn failed_start(error: DaemonError, args: &RunArgs) -> RunError {
    match error {
        DaemonError::Store(StoreError::InUse { pid, .. }) if args.sandbox => {
            RunError::SandboxInUse { output: args.sandbox_output.clone(), pid }
        }
        error => RunError::Daemon(error),
    }
}

/// How the configuration is read again: as at the start, and from the directory of the start.
fn loader(args: &RunArgs, sandbox: Option<String>) -> Result<Loader, CliError> {
    let source = args.config.clone();
    let output = args.sandbox_output.clone();
    let cwd = std::env::current_dir().map_err(CliError::WorkingDirectory)?;
    Ok(Arc::new(move || {
        let read = configuration::load_quietly(&source, |text| {
            tracing::warn!(name: "configuration_warning", "{text}");
        });
        let mut config = read.map_err(|error| super::in_full(&error))?.config;
        if let Some(url) = &sandbox {
            refuse_feedback(&config, &output).map_err(|error| super::in_full(&error))?;
            point_at_sandbox(&mut config, url, &cwd.join(&output));
        }
        Ok(config)
    }))
}

/// Starts the sandbox and points the configuration at it.
async fn start_sandbox(
    config: &mut Config,
    output: &Path,
    out: &mut impl Write,
) -> Result<Sandbox, CliError> {
    let key = || "sandbox".to_owned();
    let options = SandboxOptions {
        store: Store::Ndjson(output.to_path_buf()),
        verify: Some(SigningKeys { access_key_id: key(), secret_access_key: key() }),
        ..SandboxOptions::default()
    };
    refuse_feedback(config, output)?;
    let sandbox = Sandbox::bind(options).await.map_err(RunError::from)?;
    let url = sandbox.handle().url();
    let cwd = std::env::current_dir().map_err(CliError::WorkingDirectory)?;
    point_at_sandbox(config, &url, &cwd.join(output));
    writeln!(out, "sandbox listening on {url} (local only; nothing is sent to AWS)")?;
    for flow in &config.flows {
        let file = output.join(file_name(&flow.destination));
        writeln!(out, "  {} -> {}", flow.pattern.text(), shown(&file))?;
    }
    writeln!(out, "press Ctrl-C to stop; the next run resumes from here")?;
    Ok(sandbox)
}

/// Ships to the sandbox, and keeps positions where what arrives is kept.
fn point_at_sandbox(config: &mut Config, url: &str, output: &Path) {
    // It disturbs nothing, and is found from where it was started.
    if config.admin_socket == AdminSocket::Usual {
        config.admin_socket = AdminSocket::At(output.join(control::NAME));
    }
    let key = || "sandbox".to_owned();
    config.sandbox = true;
    // What the sandbox got, AWS did not: its positions are kept apart from the real ones.
    config.checkpoint_file = output.join("checkpoints.db");
    config.java_checkpoints = JavaCheckpoints::Off;
    // Who tries it out sees the progress line. Who sets the period wants the lines.
    if config.log.status_lines == StatusLines::Default {
        config.log.status_lines = StatusLines::Off;
    }
    config.aws = AwsConfig {
        region: Some("us-east-1".to_owned()),
        kinesis_endpoint: Some(url.to_owned()),
        firehose_endpoint: Some(url.to_owned()),
        cloudwatch_endpoint: Some(url.to_owned()),
        static_keys: Some(StaticKeys { access_key_id: key(), secret_access_key: key() }),
        ..AwsConfig::default()
    };
    for flow in &mut config.flows {
        flow.aws = FlowAwsConfig::default();
    }
}

/// A flow must not follow the output of the sandbox.
fn refuse_feedback(config: &Config, output: &Path) -> Result<(), CliError> {
    let cwd = std::env::current_dir().map_err(CliError::WorkingDirectory)?;
    for flow in &config.flows {
        let name = file_name(&flow.destination);
        let path = cwd.join(output).join(name);
        if let Some(other) = config.flows.iter().find(|other| other.pattern.matches_path(&path)) {
            let pattern = other.pattern.text().to_owned();
            return Err(RunError::Feedback { pattern, path }.into());
        }
    }
    Ok(())
}

fn file_name(destination: &Destination) -> String {
    match destination {
        Destination::Firehose { delivery_stream } => format!("firehose-{delivery_stream}.ndjson"),
        Destination::Kinesis { stream } => format!("kinesis-{stream}.ndjson"),
    }
}

/// What arrived, by stream.
fn summarize(sandbox: &SandboxHandle, output: &Path, out: &mut impl Write) -> Result<(), CliError> {
    let stats = sandbox.stats();
    writeln!(out, "\nrecords received, in {}:", shown(&output))?;
    for (stream, counts) in &stats.streams {
        let records = counted(counts.records, "record");
        writeln!(out, "  {stream}: {records}, {}", progress::bytes(counts.bytes))?;
    }
    Ok(())
}
