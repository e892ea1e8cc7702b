//! The configuration: what a person wrote, checked, and turned into types that cannot be wrong.
//!
//! `json` and `parse` turn text into a tree that knows its places, `file` mirrors the keys,
//! `slot` reads one of them, `validate`, `network`, `flow` and `converters` turn the mirror into
//! [`Config`], `drop_in` adds the flows of other files, `ignored` looks at keys that do nothing
//! here, `diagnostics` renders every mistake at once. Nothing after [`Config`] can be invalid, and
//! nothing here touches a log file, a stream or the network. Only `read` touches the disk, and only
//! the configuration files.

mod converters;
mod diagnostics;
mod drop_in;
mod file;
mod flow;
mod ignored;
mod json;
mod network;
mod parse;
mod read;
mod scalar;
mod slot;
mod source;
mod suggest;
#[cfg(test)]
mod tests;
mod unknown;
mod validate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use regex::bytes::Regex;

pub use self::diagnostics::{Diagnostic, Kind, Report, Severity, tally};
pub use self::network::ADMIN_ADDRESS_DEFAULT;
pub use self::read::{FILE_BYTES_MAX, FLOW_DIRECTORY, Loaded, ReadError, read};
pub use self::source::Place;
pub use self::validate::{CHECKPOINT_FILE_DEFAULT, Environment, SourceText, load, load_all};
use crate::process::ConverterConfig;
use crate::tail::pattern::FilePattern;

/// The whole configuration, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// At least one flow; ids are unique.
    pub flows: Vec<FlowConfig>,
    /// The SQLite database that holds the checkpoints.
    pub checkpoint_file: PathBuf,
    /// Rows of files that are gone are kept this long.
    pub checkpoint_ttl: Duration,
    /// Where and as whom to talk to AWS.
    pub aws: AwsConfig,
    /// CloudWatch metrics.
    pub cloudwatch: CloudWatchConfig,
    /// How long a stop may take to deliver what was already read.
    pub shutdown_timeout: Duration,
    /// Where `/metrics`, `/healthz`, `/readyz` and `/status` are served; `None` turns it off.
    pub admin: Option<SocketAddr>,
    /// All bytes that batches of all flows may hold together.
    pub memory_budget_bytes: usize,
    /// What the daemon writes about itself.
    pub log: LogConfig,
}

/// One flow: a file pattern, a processing chain, a destination.
#[derive(Debug, Clone)]
pub struct FlowConfig {
    /// `kinesis:<stream>:<dir>/<name pattern>` or `fh:<stream>:<dir>/<name pattern>`, as the Java
    /// agent forms it: it is the checkpoint key, the log tag and the `flow` label.
    pub id: String,
    /// Which files.
    pub pattern: FilePattern,
    /// Where the records go.
    pub destination: Destination,
    /// Where and as whom this flow talks to AWS.
    pub aws: FlowAwsConfig,
    /// Where to begin in files that exist at the very first start.
    pub initial_position: InitialPosition,
    /// A batch closes at the latest this long after its first record.
    pub max_buffer_age: Duration,
    /// A batch closes at this many records (1 to 500).
    pub max_buffer_records: usize,
    /// A batch closes at this many bytes of data (and, for Kinesis, partition keys).
    pub max_buffer_bytes: usize,
    /// How partition keys are made (Kinesis only).
    pub partition_key: PartitionKey,
    /// A record starts at each line on which this matches at the line's start.
    pub multi_line_start: Option<Regex>,
    /// How long the last multi-line record waits for more lines.
    pub multi_line_hold: Duration,
    /// Lines to skip at the start of each file.
    pub skip_header_lines: u64,
    /// What overwrites the end of a record that had to be cut.
    pub truncated_record_terminator: Vec<u8>,
    /// The processing chain, in order; empty means bytes pass untouched.
    pub converters: Vec<ConverterConfig>,
    /// First and greatest delay between two attempts.
    pub retry: RetryConfig,
    /// How many requests may be unacknowledged at a time, at most. They start at one and open up
    /// only while the network is what holds the flow back.
    pub max_in_flight_requests: usize,
    /// The wire encoding.
    pub wire: Wire,
    /// How often the directories are looked at when nothing else says so.
    pub scan_interval: Duration,
}

/// Where a flow's records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A Data Firehose delivery stream, by name.
    Firehose {
        /// The delivery stream's name.
        delivery_stream: String,
    },
    /// A Kinesis data stream, by name.
    Kinesis {
        /// The stream's name.
        stream: String,
    },
}

impl std::fmt::Display for Destination {
    /// As the Java agent names it in CloudWatch: `KinesisStream:s` or `DeliveryStream:s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Firehose { delivery_stream } => write!(f, "DeliveryStream:{delivery_stream}"),
            Self::Kinesis { stream } => write!(f, "KinesisStream:{stream}"),
        }
    }
}

/// Where to begin in a file that exists when the flow starts for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialPosition {
    /// Behind the last complete line: only what is written from now on.
    EndOfFile,
    /// At byte 0.
    StartOfFile,
}

/// How a record's partition key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionKey {
    /// The lower-case hexadecimal MD5 of the record's data.
    Deterministic,
    /// A random decimal number, evenly spread.
    Random,
}

/// Which encoding the request bodies use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// CBOR on AWS's own Kinesis endpoints, JSON everywhere else.
    Auto,
    /// `application/x-amz-cbor-1.1` (Kinesis only).
    Cbor,
    /// `application/x-amz-json-1.1`.
    Json,
}

/// The delays between attempts: full jitter between zero and an exponentially growing bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryConfig {
    /// The bound after the first failure.
    pub initial: Duration,
    /// The bound never grows past this.
    pub max: Duration,
}

/// Endpoints, regions, roles and static keys. Everything that is `None` is left to the SDK's chain.
#[derive(Debug, Clone, Default)]
pub struct AwsConfig {
    /// For all services, unless one has its own.
    pub region: Option<String>,
    /// `kinesis.region`.
    pub kinesis_region: Option<String>,
    /// `firehose.region`.
    pub firehose_region: Option<String>,
    /// `cloudwatch.region`.
    pub cloudwatch_region: Option<String>,
    /// The first region that a flow names: somewhere to ask STS where nothing else says where.
    pub flow_region: Option<String>,
    /// `kinesis.endpoint`, as an absolute URL.
    pub kinesis_endpoint: Option<String>,
    /// `firehose.endpoint`, as an absolute URL.
    pub firehose_endpoint: Option<String>,
    /// `cloudwatch.endpoint`, as an absolute URL.
    pub cloudwatch_endpoint: Option<String>,
    /// `sts.endpoint`, as an absolute URL: where roles are assumed.
    pub sts_endpoint: Option<String>,
    /// Static keys from the configuration file; both or neither.
    pub static_keys: Option<StaticKeys>,
    /// The role that is assumed for everything that has no other.
    pub role: Option<RoleConfig>,
    /// What requests say about who makes them.
    pub user_agent: UserAgent,
}

/// Where and as whom one flow talks to AWS. What is `None` is as in [`AwsConfig`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowAwsConfig {
    /// `region` of the flow.
    pub region: Option<String>,
    /// `endpoint` of the flow, as an absolute URL.
    pub endpoint: Option<String>,
    /// The role that is assumed for this flow: its own, or that of the whole file.
    pub role: Option<RoleConfig>,
}

/// A role to assume. `Debug` does not show the external id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleConfig {
    /// `assumeRoleARN`.
    pub arn: String,
    /// `assumeRoleExternalId`.
    pub external_id: Option<String>,
}

impl std::fmt::Debug for RoleConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleConfig")
            .field("arn", &self.arn)
            .field("external_id", &self.external_id.as_ref().map(|_| "set"))
            .finish()
    }
}

/// The header with which requests say who makes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UserAgent {
    /// As the SDK writes it.
    #[default]
    Sdk,
    /// `userAgent`: this, a blank, and what the SDK writes.
    Prefixed(String),
    /// `userAgentOverride`: this alone.
    Replaced(String),
}

/// Static credentials. `Debug` does not show them.
#[derive(Clone)]
pub struct StaticKeys {
    /// `awsAccessKeyId`.
    pub access_key_id: String,
    /// `awsSecretAccessKey`.
    pub secret_access_key: String,
}

impl std::fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaticKeys(hidden)")
    }
}

/// CloudWatch metrics, as the Java agent sends them.
#[derive(Debug, Clone)]
pub struct CloudWatchConfig {
    /// `cloudwatch.emitMetrics`.
    pub emit_metrics: bool,
    /// `cloudwatch.namespace`.
    pub namespace: String,
    /// `cloudwatch.metricsBufferTimeMillis`.
    pub flush_interval: Duration,
}

/// What the daemon writes about itself, to standard error.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `log.level`: error, warn, info, debug or trace, or a filter such as `info,kinetail=debug`.
    pub level: String,
    /// `log.format`.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// A line for people.
    Text,
}
