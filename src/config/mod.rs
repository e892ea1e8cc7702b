//! The configuration: what a person wrote, checked, and turned into types that cannot be wrong.
//!
//! `json`, `json_tree` and `parse` turn text into a tree that knows its places, `file` mirrors the
//! keys, `slot` reads one of them, `validate`, `network`, `flow` and `converters` turn the mirror
//! into [`Config`], with its parts `aws` and `own_output`. `site` says where a service is,
//! `drop_in` adds the flows of other files, `input` is what is read where that is no file,
//! `ignored` looks at keys that do nothing here, `diagnostics` renders every mistake at once.
//! Nothing after [`Config`] can be invalid, and nothing here touches a log file, a stream or the
//! network. Only `read` touches the disk, and only the configuration files.

mod aggregation;
mod aws;
mod converters;
mod dead_letters;
mod destination;
pub(crate) mod diagnostics;
mod document;
mod drop_in;
mod emptied;
mod endpoint;
mod expand;
mod expression;
mod file;
mod file_pattern;
mod flow;
mod foreign;
mod ignored;
mod input;
mod json;
mod json_error;
mod json_tree;
mod multi_line;
mod network;
mod observability;
mod own_output;
mod parse;
mod partition_key;
mod path;
mod proxy;
mod read;
mod redacted;
pub(crate) mod region;
mod rotated;
mod scalar;
mod schema;
mod secret;
pub mod site;
mod slot;
mod source;
mod steps;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
pub(crate) mod unexpanded;
mod unknown;
mod validate;
mod when_done;
mod written;
mod yaml_help;

pub use kinetail_delivery::rate::Caps;
pub use kinetail_delivery::{
    Aggregation, Compression, Destination, Format, OversizeLine, PartitionKey, RetryConfig,
};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use self::aws::{AwsConfig, FlowAwsConfig, RoleConfig, StaticKeys, UserAgent};
pub use self::dead_letters::example as dead_letter_example;
pub use self::diagnostics::{Diagnostic, Kind, Report, Severity};
pub use self::expand::Variables;
pub use self::input::{Input, JournalConfig};
pub use self::network::ADMIN_ADDRESS_DEFAULT;
pub use self::own_output::{CloudWatchConfig, LogConfig, LogFileConfig, LogFormat, StatusLines};
pub(crate) use self::proxy::without_user;
pub use self::proxy::{Proxy, ProxyServer};
pub use self::read::{FILE_BYTES_MAX, FLOW_DIRECTORY, Loaded, ReadError, read};
pub use self::redacted::redacted;
pub use self::schema::schema;
pub use self::source::Place;
pub(crate) use self::validate::JAVA_CHECKPOINT_FILE_DEFAULT;
pub use self::validate::{Environment, SourceText, load};
pub use self::when_done::WhenDone;
pub use self::written::Written;
use crate::batch::dead_letter::Bounds;
use crate::process::splitter::Splitter;
use kinetail_delivery::PackOptions;

use crate::process::{Chain, ConverterConfig, Footer, LineStart};
use crate::tail::links::FollowLinks;
use crate::tail::pattern::FilePattern;
use crate::tail::rotated::RotatedNames;

/// The whole configuration, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// At least one flow; ids are unique.
    pub flows: Vec<FlowConfig>,
    /// `followLinks`: which links are followed where a flow does not say.
    pub follow_links: FollowLinks,
    /// The SQLite database that holds the checkpoints.
    pub checkpoint_file: PathBuf,
    /// Where the checkpoints go if `checkpoint_file` turns out to be the Java agent's database.
    pub checkpoint_file_default: PathBuf,
    /// Where the Java agent's checkpoints are looked for, to be imported.
    pub java_checkpoints: JavaCheckpoints,
    /// Rows of files that are gone are kept this long.
    pub checkpoint_ttl: Duration,
    /// AWS endpoint and identity.
    pub aws: AwsConfig,
    /// The other end of all connections is in this process, too.
    pub sandbox: bool,
    /// CloudWatch metrics.
    pub cloudwatch: CloudWatchConfig,
    /// How long a stop may take to deliver what was already read.
    pub shutdown_timeout: Duration,
    /// Where `/metrics`, `/healthz`, `/readyz` and `/status` are served; `None` turns it off.
    pub admin: Option<SocketAddr>,
    /// The socket that `kinetail status`, `reload` and the like talk to.
    pub admin_socket: AdminSocket,
    /// All bytes that batches of all flows may hold together.
    pub memory_budget_bytes: usize,
    /// Deleted files that are read are released at once when their file system has less than this
    /// per cent free, unread ones below a fifth of it; 0 for never.
    pub min_free_disk_percent: u8,
    /// Whether inotify is used; without it new names are found by scans only.
    pub notify: bool,
    /// What the daemon writes about itself.
    pub log: LogConfig,
    /// Where the keys stand whose values are looked at later.
    pub places: Places,
}

/// Where keys stand in the files, for what is found out about their values later. `Debug` does not
/// show the lines.
#[derive(Clone)]
pub struct Places {
    /// Of each flow, in their order: its `filePattern`.
    pub patterns: Vec<Place>,
    /// Of each flow, in their order: all that is written about it.
    pub written: Vec<Written>,
    /// `checkpointFile`, if it is given.
    pub checkpoint_file: Option<Place>,
    /// `admin.socket`, if it is given.
    pub admin_socket: Option<Place>,
    /// `log.file`, if it is given.
    pub log_file: Option<Place>,
    /// Where nothing better is known.
    pub file: Place,
}

kinetail_base::debug_only!(Places {});

/// Where the socket is that commands talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminSocket {
    /// `admin.socket`.
    At(PathBuf),
    /// Nowhere: `admin.socket: off`.
    Off,
    /// In the runtime directory.
    Usual,
}

/// Where the Java agent's checkpoints are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JavaCheckpoints {
    /// In this database and nowhere else.
    At(PathBuf),
    /// Nowhere: `javaCheckpointFile: off`.
    Off,
    /// Where that agent keeps them unless it is told otherwise.
    Usual,
}

/// One flow: a file pattern, a processing chain, a destination.
#[derive(Debug, Clone)]
pub struct FlowConfig {
    /// `kinesis:<stream>:<dir>/<name pattern>` or `fh:<stream>:<dir>/<name pattern>`, as the Java
    /// agent forms it: it is the checkpoint key, the log tag and the `flow` label.
    pub id: String,
    /// `log.emitInternalMetrics` of the flow: a line of JSON about it each period.
    pub emit_internal_metrics: bool,
    /// What it reads.
    pub input: Input,
    /// Which files; of another input, the path that stands for it.
    pub pattern: FilePattern,
    /// Which names rotated files get.
    pub rotated_names: RotatedNames,
    /// Where the records go.
    pub destination: Destination,
    /// AWS endpoint and identity of this flow.
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
    pub multi_line_start: Option<LineStart>,
    /// How long the last multi-line record waits for more lines.
    pub multi_line_hold: Duration,
    /// A last line without a line end is sent after this long without more; `None`: it waits.
    pub partial_line_hold: Option<Duration>,
    /// What files hold.
    pub encoding: Encoding,
    /// A line, or a multi-line record, longer than this is handled by `oversize_line`.
    pub max_line_bytes: usize,
    /// What becomes of a line longer than that.
    pub oversize_line: OversizeLine,
    /// Lines to skip at the start of each file.
    pub skip_header_lines: u64,
    /// A record that this matches is skipped, and with it what follows it at that moment.
    pub file_footer: Option<Footer>,
    /// Lines are joined into records of at most this many bytes (Firehose only); 0: they are not.
    pub aggregated_record_bytes: usize,
    /// Whether records are put together when all else is done with them.
    pub aggregation: Option<Aggregation>,
    /// What is done to the data of each record of the service.
    pub compression: Compression,
    /// How hard gzip tries.
    pub compression_level: u32,
    /// The maximum length of a record with its key (Kinesis only).
    pub max_record_bytes: usize,
    /// That is learned from the stream.
    pub max_record_bytes_auto: bool,
    /// What overwrites the end of a record that had to be cut.
    pub truncated_record_terminator: Vec<u8>,
    /// The processing chain, in order; empty means bytes pass untouched.
    pub converters: Vec<ConverterConfig>,
    /// First and maximum delay between two attempts.
    pub retry: RetryConfig,
    /// How many requests may be unacknowledged at a time, at most. They start at one and open up
    /// only while the network is what holds the flow back.
    pub max_in_flight_requests: usize,
    /// What is sent in a second, at most.
    pub caps: Caps,
    /// How far the order of records is kept.
    pub ordering: Ordering,
    /// The wire encoding.
    pub wire: Wire,
    /// How often the directories are looked at when nothing else says so.
    pub scan_interval: Duration,
    /// What becomes of a file that is delivered completely; `None` if it stays.
    pub when_done: Option<WhenDone>,
    /// Where records are kept that cannot be delivered; `None`: they are not.
    pub dead_letters: Option<DeadLetterConfig>,
}

/// Where the dead letters of a flow are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterConfig {
    /// `deadLetterDirectory`; absolute.
    pub directory: PathBuf,
    /// How many of them, and how long.
    pub bounds: Bounds,
}

impl FlowConfig {
    /// `rotatedNames`, unless it reads something else than files.
    #[must_use]
    pub(crate) fn rotated_names_in_use(&self) -> Option<RotatedNames> {
        (self.input == Input::Files).then(|| self.rotated_names.clone())
    }

    /// How its records are told apart.
    #[must_use]
    pub fn splitter(&self) -> Splitter {
        let framing = Chain::new(&self.converters).framing();
        Splitter::new(self.multi_line_start.clone(), self.max_line_bytes).framed(framing)
    }

    /// What its batches are made by.
    #[must_use]
    pub fn pack_options(&self) -> PackOptions<'_> {
        PackOptions {
            destination: &self.destination,
            max_buffer_records: self.max_buffer_records,
            max_buffer_bytes: self.max_buffer_bytes,
            partition_key: &self.partition_key,
            multi_line_start: self.multi_line_start.as_ref(),
            max_line_bytes: self.max_line_bytes,
            oversize_line: self.oversize_line,
            file_footer: self.file_footer.as_ref(),
            aggregated_record_bytes: self.aggregated_record_bytes,
            aggregation: self.aggregation,
            compression: self.compression,
            compression_level: self.compression_level,
            max_record_bytes: self.max_record_bytes,
            one_of_a_key: self.ordering == Ordering::Strict,
            truncated_record_terminator: &self.truncated_record_terminator,
            dead_letters: self.dead_letters.is_some(),
            converters: &self.converters,
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

/// What is assumed of the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Anything in which a line ends with the byte `\n`. Files with the mark of UTF-16 are refused.
    Auto,
    /// The same, and no file is refused.
    Raw,
}

/// How far the order of records is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// They are read in order; what fails is sent again while others continue.
    Relaxed,
    /// Of one partition key none arrives before the one in front of it.
    Strict,
}

/// Which encoding the request bodies use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// CBOR on AWS's own endpoints of Kinesis, and elsewhere when an answer says that it is taken;
    /// else JSON.
    Auto,
    /// `application/x-amz-cbor-1.1` (Kinesis only).
    Cbor,
    /// `application/x-amz-json-1.1`.
    Json,
}
