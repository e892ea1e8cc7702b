//! `kinetail sandbox`: a loopback Kinesis and Firehose for people without an AWS account.

use std::future::Future;
use std::io::{IsTerminal as _, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tokio::time::{Instant, MissedTickBehavior};

use super::terminal;
use crate::sandbox::{
    self, FaultPlan, InvalidStreamName, Sandbox, SandboxError, SandboxHandle, SandboxOptions,
    SigningKeys, Store, StreamId, StreamStats,
};
use crate::shown::{counted, shown};
use kinetail_base::limits::KINESIS_LARGE_REQUEST_BYTES_MAX;

/// How often a plain line says what arrived.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// How often the line on a terminal is redrawn.
const LIVE_INTERVAL: Duration = Duration::from_millis(500);
/// The keys that `--verify-signatures` asks for. They open nothing but the sandbox.
const DEMO_KEY: &str = "sandbox";

/// Run a local Kinesis, Firehose and CloudWatch on a loopback address; needs no AWS account.
///
/// Point kinesis.endpoint, firehose.endpoint and cloudwatch.endpoint of a configuration at it, or
/// any other AWS client with the environment variables that it prints. Streams are created on first
/// use. Records are written as JSON lines, one file per stream. The limits of the services apply.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SandboxArgs {
    /// A command to run instead of the server.
    #[command(subcommand)]
    pub command: Option<SandboxCommand>,

    /// Address to listen on (loopback only; port 0 picks a free port).
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4567")]
    pub listen: SocketAddr,

    /// Output directory (kinesis-STREAM.ndjson, firehose-STREAM.ndjson; existing files are appended
    /// to).
    #[arg(
        long, value_name = "DIR", default_value = "./sandbox",
        value_parser = super::configuration::directory
    )]
    pub output: PathBuf,

    /// Count records without storing them (for benchmarks).
    #[arg(long)]
    pub null: bool,

    /// Number of shards per Kinesis stream.
    #[arg(long, value_name = "COUNT", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: u32,

    /// Maximum size of a Kinesis record with its key, in bytes, up to 10485760. Above the default,
    /// the request limit is 10485760 bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1_048_576,
        value_parser = clap::value_parser!(u64).range(1024..=10_485_760))]
    pub max_record_bytes: u64,

    /// Enforce per-shard limits (1,000 records/s, 1 MiB/s) and throttle the excess.
    #[arg(long)]
    pub simulate_shard_limits: bool,

    /// Throttle a random fraction of records (0.2 = one in five).
    #[arg(long, value_name = "RATIO", default_value_t = 0.0, value_parser = ratio)]
    pub throttle: f64,

    /// Fail this fraction of requests with HTTP 500 without storing them.
    #[arg(long, value_name = "RATIO", default_value_t = 0.0, value_parser = ratio)]
    pub fail_requests: f64,

    /// Store this fraction of requests but close the connection without a response (causes
    /// duplicates).
    #[arg(long, value_name = "RATIO", default_value_t = 0.0, value_parser = ratio)]
    pub drop_responses: f64,

    /// Delay each response by this many milliseconds.
    #[arg(long, value_name = "MILLIS", default_value_t = 0)]
    pub latency_millis: u64,

    /// Seed for fault injection; the same requests then hit the same faults.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,

    /// Require valid signatures (access key and secret "sandbox", clock skew at most 5 minutes).
    #[arg(long)]
    pub verify_signatures: bool,

    /// Append one JSON line per request, with the stored records and the response.
    #[arg(long, value_name = "FILE")]
    pub request_log: Option<PathBuf>,

    /// Progress display.
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub progress: Progress,
}

/// What else there is to do with a sandbox.
#[derive(Debug, Clone, Subcommand)]
pub enum SandboxCommand {
    /// Print the records of a Kinesis stream as a consumer sees them: aggregated records of the
    /// Kinesis Producer Library are deaggregated.
    Read(ReadArgs),
}

/// Which records to print.
#[derive(Debug, Clone, Args)]
pub struct ReadArgs {
    /// The stream's name.
    pub stream: String,

    /// The directory that the sandbox writes to.
    #[arg(
        long, value_name = "DIR", default_value = "./sandbox",
        value_parser = super::configuration::directory
    )]
    pub output: PathBuf,

    /// Print JSON with the shard, the partition key and the data, one line per record.
    #[arg(long)]
    pub json: bool,
}

/// How the sandbox shows what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// Live on a terminal, plain elsewhere.
    Auto,
    /// A single line, updated in place.
    Live,
    /// A line every 5 seconds, if records arrived.
    Plain,
}

impl SandboxArgs {
    /// The options that the arguments stand for.
    #[must_use]
    pub fn options(&self) -> SandboxOptions {
        let demo_keys = || SigningKeys {
            access_key_id: DEMO_KEY.to_owned(),
            secret_access_key: DEMO_KEY.to_owned(),
        };
        let record_bytes = usize::try_from(self.max_record_bytes).unwrap_or(usize::MAX);
        let defaults = SandboxOptions::default();
        SandboxOptions {
            listen: self.listen,
            store: if self.null { Store::Null } else { Store::Ndjson(self.output.clone()) },
            shards: self.shards,
            simulate_shard_limits: self.simulate_shard_limits,
            kinesis_record_bytes_max: record_bytes,
            kinesis_request_bytes_max: if record_bytes > defaults.kinesis_record_bytes_max {
                KINESIS_LARGE_REQUEST_BYTES_MAX
            } else {
                defaults.kinesis_request_bytes_max
            },
            faults: FaultPlan {
                throttle_record_ratio: self.throttle,
                error_request_ratio: self.fail_requests,
                commit_then_drop_ratio: self.drop_responses,
                latency_millis: self.latency_millis,
                ..FaultPlan::default()
            },
            seed: self.seed,
            verify: self.verify_signatures.then(demo_keys),
            request_log: self.request_log.clone(),
            ..defaults
        }
    }
}

/// Why records were not printed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nobody can have such a stream.
    #[error(transparent)]
    Name(#[from] InvalidStreamName),
    /// They cannot be read, or the reader is gone.
    #[error(transparent)]
    Read(#[from] sandbox::ReadError),
}

/// Prints what arrived in a stream.
///
/// # Errors
/// It cannot be read, or the reader of the output is gone.
pub fn read(args: &ReadArgs, out: &mut dyn Write) -> Result<(), ReadError> {
    let stream = StreamId::kinesis(&args.stream)?;
    sandbox::print_records(&args.output, &stream, args.json, out)?;
    Ok(())
}

/// Serves until `shutdown` completes, and tells `out` where it listens and what arrives.
///
/// # Errors
/// When the sandbox cannot start, or `out` cannot be written.
pub async fn run(
    args: SandboxArgs,
    shutdown: impl Future<Output = ()>,
    out: &mut dyn Write,
) -> Result<(), SandboxError> {
    let sandbox = Sandbox::bind(args.options()).await?;
    let handle = sandbox.handle();
    let live = match args.progress {
        Progress::Auto => std::io::stdout().is_terminal(),
        Progress::Live => true,
        Progress::Plain => false,
    };
    out.write_all(greeting(&args, &handle.url()).as_bytes()).map_err(SandboxError::Print)?;
    out.flush().map_err(SandboxError::Print)?;
    let mut serving = pin!(sandbox.serve(shutdown));
    let mut progress = ProgressLine::new(handle, live);
    let mut ticks = tokio::time::interval(if live { LIVE_INTERVAL } else { PLAIN_INTERVAL });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut serving => break,
            _ = ticks.tick() => progress.show(out).map_err(SandboxError::Print)?,
        }
    }
    progress.finish(out).map_err(SandboxError::Print)
}

fn greeting(args: &SandboxArgs, url: &str) -> String {
    let keeps = if args.null {
        "counting records only; nothing is stored".to_owned()
    } else {
        format!("writing records to {}/<kinesis|firehose>-<stream>.ndjson", shown(&args.output))
    };
    let keys = if args.verify_signatures {
        "signed with these keys"
    } else {
        "any credentials are accepted"
    };
    format!(
        "sandbox listening on {url}\n\
         {keeps}\n\
         to send records here ({keys}):\n\
         \x20 export AWS_ENDPOINT_URL={url} AWS_REGION=us-east-1\n\
         \x20 export AWS_ACCESS_KEY_ID={DEMO_KEY} AWS_SECRET_ACCESS_KEY={DEMO_KEY}\n"
    )
}

/// Shows what arrived since it last did.
struct ProgressLine {
    handle: SandboxHandle,
    live: bool,
    shown: StreamStats,
    shown_at: Instant,
}

impl ProgressLine {
    fn new(handle: SandboxHandle, live: bool) -> Self {
        Self { handle, live, shown: StreamStats::default(), shown_at: Instant::now() }
    }

    fn show(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        let total = self.handle.stats().total();
        if total == self.shown && !self.live {
            return Ok(());
        }
        let now = Instant::now();
        let text = progress_text(&self.shown, &total, now.duration_since(self.shown_at));
        (self.shown, self.shown_at) = (total, now);
        if self.live {
            // Back to the first column, and clear what the longer line before left.
            let text = terminal::columns().map_or(text.as_str(), |c| terminal::fit(&text, c));
            write!(out, "\r\x1b[2K{text}")?;
        } else {
            writeln!(out, "{text}")?;
        }
        out.flush()
    }

    fn finish(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        let total = self.handle.stats().total();
        if self.live {
            write!(out, "\r\x1b[2K")?;
        }
        writeln!(out, "sandbox stopped: {}", totals_text(&total))?;
        out.flush()
    }
}

fn progress_text(before: &StreamStats, now: &StreamStats, elapsed: Duration) -> String {
    let per_second = |count: u64| {
        let millis = elapsed.as_millis().max(1);
        u64::try_from(u128::from(count) * 1_000 / millis).unwrap_or(u64::MAX)
    };
    format!(
        "{} records/s, {}/s | {}",
        per_second(now.records.saturating_sub(before.records)),
        megabytes(per_second(now.bytes.saturating_sub(before.bytes))),
        totals_text(now)
    )
}

fn totals_text(total: &StreamStats) -> String {
    format!(
        "{}, {} in {}; {} and {} rejected, {} without response",
        counted(total.records, "record"),
        megabytes(total.bytes),
        counted(total.requests, "request"),
        counted(total.throttled_records + total.failed_records, "record"),
        counted(total.failed_requests, "request"),
        total.unanswered_requests
    )
}

/// Bytes as megabytes with one decimal.
fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        Ok(_) | Err(_) => Err("expected a ratio between 0 and 1, e.g. 0.2".to_owned()),
    }
}

#[cfg(test)]
mod tests;
