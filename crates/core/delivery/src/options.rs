//! What makes the batches of a flow: where they go and how records become them.

use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::Aggregation;
use crate::key::template::KeyTemplate;
use crate::sink::Compression;
use kinetail_records::{ConverterConfig, Footer, LineStart};

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

kinetail_base::labels! {
    /// What becomes of a line that is longer than a line may be.
    pub enum OversizeLine {
        /// It is kept as a dead letter; so is a record that is too large behind the converters.
        DeadLetter = "deadLetter",
        /// It is skipped.
        Drop = "drop",
        /// It is sent in pieces.
        Split = "split",
        /// Its beginning is sent.
        Truncate = "truncate",
    }
}

/// How a record's partition key is made.
#[derive(Debug, Clone, PartialEq)]
pub enum PartitionKey {
    /// The lower-case hexadecimal MD5 of the record's data.
    Deterministic,
    /// A random number, evenly spread.
    Random,
    /// What a template makes of it.
    Template(Arc<KeyTemplate>),
}

/// The delays between attempts: full jitter between zero and an exponentially growing bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryConfig {
    /// The bound after the first failure.
    pub initial: Duration,
    /// The bound never grows past this.
    pub max: Duration,
}

/// What the batches of a flow are made by.
#[derive(Debug, Clone, Copy)]
pub struct PackOptions<'c> {
    /// Where the records go.
    pub destination: &'c Destination,
    /// A batch closes at this many records (1 to 500).
    pub max_buffer_records: usize,
    /// A batch closes at this many bytes of data (and, for Kinesis, partition keys).
    pub max_buffer_bytes: usize,
    /// How partition keys are made (Kinesis only).
    pub partition_key: &'c PartitionKey,
    /// A record starts at each line on which this matches at the line's start.
    pub multi_line_start: Option<&'c LineStart>,
    /// A line, or a multi-line record, longer than this is handled by `oversize_line`.
    pub max_line_bytes: usize,
    /// What becomes of a line longer than that.
    pub oversize_line: OversizeLine,
    /// A record that this matches is skipped, and with it what follows it at that moment.
    pub file_footer: Option<&'c Footer>,
    /// Lines are joined into records of at most this many bytes before anything else is done with
    /// them, as the Java agent does it (Firehose only); 0: they are not.
    pub aggregated_record_bytes: usize,
    /// Whether records are put together when all else is done with them.
    pub aggregation: Option<Aggregation>,
    /// What is done to the data of each record of the service.
    pub compression: Compression,
    /// How hard gzip tries, within [`crate::COMPRESSION_LEVELS`].
    pub compression_level: u32,
    /// The maximum length of a record with its key (Kinesis only).
    pub max_record_bytes: usize,
    /// A batch has no two records of one key, so that one that fails is not overtaken.
    pub one_of_a_key: bool,
    /// What overwrites the end of a record that had to be cut.
    pub truncated_record_terminator: &'c [u8],
    /// Each record is told with where it is from if the service refuses it, for a dead letter.
    pub dead_letters: bool,
    /// The processing chain, in order; empty means bytes pass untouched.
    pub converters: &'c [ConverterConfig],
}
