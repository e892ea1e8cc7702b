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
use crate::shown::shown;
use kinetail_base::limits::KINESIS_LARGE_REQUEST_BYTES_MAX;

/// How often a plain line says what arrived.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// How often the line on a terminal is drawn anew.
const LIVE_INTERVAL: Duration = Duration::from_millis(500);
/// The keys that `--verify-signatures` asks for. They open nothing but the sandbox.
const DEMO_KEY: &str = "sandbox";

/// Serve Kinesis, Firehose and CloudWatch on a loopback address, with no AWS account.
///
/// Point kinesis.endpoint, firehose.endpoint and cloudwatch.endpoint of a configuration at it, or
/// any other AWS client with the environment that it prints. Streams spring up when they are first
/// used. What arrives is written as one JSON line a record, one file a stream. The service's limits
/// hold.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SandboxArgs {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<SandboxCommand>,

    /// Where to listen; loopback addresses only. Port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4567")]
    pub listen: SocketAddr,

    /// The directory for the records: kinesis-STREAM.ndjson and firehose-STREAM.ndjson. Files that
    /// exist are appended to.
    #[arg(
        long, value_name = "DIR", default_value = "./sandbox",
        value_parser = super::configuration::directory
    )]
    pub output: PathBuf,

    /// Count records and keep none: for measuring how fast a sender is.
    #[arg(long)]
    pub null: bool,

    /// How many shards a Kinesis stream has.
    #[arg(long, value_name = "COUNT", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: u32,

    /// Bytes of the largest Kinesis record with its key: streams may be set to up to 10485760.
    /// Above the default a request takes 10485760.
    #[arg(long, value_name = "BYTES", default_value_t = 1_048_576,
        value_parser = clap::value_parser!(u64).range(1024..=10_485_760))]
    pub max_record_bytes: u64,

    /// Let shards take 1,000 records/s and 1 MiB/s, as the service does, and throttle the rest.
    #[arg(long)]
    pub simulate_shard_limits: bool,

    /// Throttle this share of the records, at random: 0.2 refuses every fifth.
    #[arg(long, value_name = "RATIO", default_value_t = 0.0, value_parser = ratio)]
    pub throttle: f64,

    /// Answer this share of the requests with status 500, an internal failure, and store
    /// nothing.
    #[arg(long, value_name = "RATIO", default_value_t = 0.0, value_parser = ratio)]
    pub fail_requests: f64,

    /// Store this share of the requests, but close the connection without an answer. A sender
    /// cannot know that they arrived, so expect duplicates.
    #[arg(long, value_name = "RATIO", default_value_t = 0.0, value_parser = ratio)]
    pub drop_answers: f64,

    /// Wait this long before each answer.
    #[arg(long, value_name = "MILLIS", default_value_t = 0)]
    pub latency_millis: u64,

    /// Start the random faults here: the same requests meet the same faults again.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,

    /// Refuse requests that are not signed with the access key id and secret "sandbox", and clocks
    /// that are more than five minutes off.
    #[arg(long)]
    pub verify_signatures: bool,

    /// Append one JSON line for each request, with what was stored and what was answered.
    #[arg(long, value_name = "FILE")]
    pub request_log: Option<PathBuf>,

    /// How to show what arrives. Auto is a live line on a terminal and plain lines elsewhere.
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub progress: Progress,
}

/// What else there is to do with a sandbox.
#[derive(Debug, Clone, Subcommand)]
pub enum SandboxCommand {
    /// Print the records that arrived in a Kinesis stream, as a consumer sees them: aggregated
    /// records of the Kinesis Producer Library are taken apart.
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

    /// Print JSON with the shard, the partition key and the data, one line a record.
    #[arg(long)]
    pub json: bool,
}

/// How the sandbox shows what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// Live on a terminal, plain elsewhere.
    Auto,
    /// One line that is drawn over and over.
    Live,
    /// A line every 5 seconds in which something arrived.
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
                commit_then_drop_ratio: self.drop_answers,
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
    /// They cannot be read, or nobody takes them.
    #[error(transparent)]
    Read(#[from] sandbox::ReadError),
}

/// Prints what arrived in a stream.
///
/// # Errors
/// It cannot be read, or nobody takes what is printed.
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
        "records are counted and not kept".to_owned()
    } else {
        format!("records go to {}/<kinesis|firehose>-<stream>.ndjson", shown(&args.output))
    };
    let keys = if args.verify_signatures { "signed with these keys" } else { "any keys will do" };
    format!(
        "sandbox listening on {url}\n\
         {keeps}\n\
         to send here ({keys}):\n\
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
        "{} records, {} in {} requests; refused {} records and {} requests, {} unanswered",
        total.records,
        megabytes(total.bytes),
        total.requests,
        total.throttled_records + total.failed_records,
        total.failed_requests,
        total.unanswered_requests
    )
}

/// Bytes as megabytes with one digit behind the point.
fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        Ok(_) | Err(_) => Err("a ratio is a number from 0 to 1, such as 0.2".to_owned()),
    }
}

#[cfg(test)]
mod tests;
