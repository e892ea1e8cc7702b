//! From records to batches, and from answers to what is sent next and what is checkpointed.
//!
//! `body` encodes records straight into the bytes that are sent and `pack` goes from bytes of files
//! to a batch, with `key` for partition keys and `cut` for what is too large. `delivery` decides
//! what of a batch is sent next, `circuit_breaker` whether the destination is paused, `rate` when,
//! by the `pace` of the destination and of each of its `shards` (over `bucket`) and the
//! `request_size` that its link carries, `classify` what an error means, `retry` how long to wait,
//! `in_flight_limit` how many batches at a time, by the `distance` to the endpoint, `response` what
//! became of each record, `error_response` what a rejection says, and `ledger` how far each file is
//! acknowledged. `call` has the ways in which a call ends, `dead_letter` what is kept of records
//! that cannot be delivered. Nothing here knows time, files or the network.

pub mod aggregate;
pub mod body;
mod bucket;
pub mod call;
mod cbor;
pub mod circuit_breaker;
pub mod classify;
mod cut;
pub mod dead_letter;
pub mod delivery;
pub mod distance;
pub mod error_response;
mod fill;
pub mod hash;
pub mod in_flight_limit;
pub mod key;
pub mod ledger;
mod once;
mod options;
pub mod pace;
pub mod pack;
pub mod rate;
mod request_size;
pub mod response;
pub mod retry;
mod shards;
mod sink;

pub use aggregate::{Aggregation, Format};
pub use cbor::CborError;
pub use options::{Destination, OversizeLine, PackOptions, PartitionKey, RetryConfig};

pub use sink::{COMPRESSION_LEVELS, Compression};

use body::Body;
use dead_letter::Origin;
use kinetail_base::identity::{Anchor, FileKey};

/// A number that names a batch within its flow; it grows by one with each batch.
pub type BatchId = u64;

/// The bytes `start..end` of one file generation that a batch accounts for: the records in it and
/// the lines that were skipped between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which file generation.
    pub file: FileKey,
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one; always a record boundary.
    pub end: u64,
    /// The proof of what lies just before `end`, for the checkpoint.
    pub anchor: Anchor,
}

/// A finished batch on its way to the sender. The spans stay with the flow.
#[derive(Debug)]
pub struct Submission {
    /// The flow's name for it.
    pub batch: BatchId,
    /// The encoded records.
    pub body: Body,
}

/// What became of a batch. Exactly one is sent for each [`Submission`], unless the sender is
/// stopped first.
#[derive(Debug)]
pub struct Outcome {
    /// Which batch.
    pub batch: BatchId,
    /// Records that the service took.
    pub records_delivered: usize,
    /// Bytes of data in those records.
    pub bytes_delivered: usize,
    /// Records that the service can never take, each with the reason; they are counted and
    /// named, never retried.
    pub rejected: Vec<RejectedRecord>,
    /// From the first attempt to the last answer.
    pub took: std::time::Duration,
    /// Requests that were made for it.
    pub attempts: u32,
    /// Whether any attempt met throttling, of the request or of single records.
    pub throttled: bool,
    /// Whether any request failed as a whole: throttled, broken or without an answer.
    pub pushed_back: bool,
    /// Whether any attempt ended without an answer, so that the service may hold records twice.
    pub maybe_duplicated: bool,
    /// What the destination was found to speak, if the next batches should be in it.
    pub speak: Option<body::Encoding>,
    /// The batch's memory as an empty body, if it is no longer held, for the next batch.
    pub spare: Option<Body>,
}

/// A record that the service refuses for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Of how many records of files it is made.
    pub records: usize,
    /// The service's error code.
    pub code: String,
    /// The service's words.
    pub message: String,
    /// Where those records are from, if the batch knows.
    pub origins: Vec<Origin>,
    /// Its data as it was sent; empty if the batch does not know where it is from.
    pub data: Vec<u8>,
}

/// What a sender tells its flow. The flow's inbox always has room for these: one outcome for each
/// submission that the flow allowed itself, and the newest health.
#[derive(Debug)]
pub enum SenderEvent {
    /// The destination is paused and the flow stops: this batch is not sent any more.
    GivenUp(BatchId),
    /// The destination stopped or started taking requests.
    Health(DestinationHealth),
    /// A batch is done.
    Outcome(Outcome),
}

/// How the destination of a flow is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationHealth {
    /// The last request was answered with success.
    Ok,
    /// It cannot work without operator action (no such stream, access denied, …); it is
    /// tried again every minute.
    Paused {
        /// The error code and message, free of secrets.
        reason: String,
    },
    /// It fails in a way that passes; the sender is backing off.
    Retrying {
        /// The error code and message, free of secrets.
        reason: String,
    },
}
