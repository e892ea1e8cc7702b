//! Sending: from a finished body to one outcome a batch, however often it takes.
//!
//! `sender` keeps a bounded number of requests in flight and retries for ever what can be
//! retried. What it decides is decided without clock and I/O: `delivery` (what of a batch to send
//! next), `gate` (whether the destination is parked), `pace` (how fast), `shards` (which of them
//! have room), `classify`, `advice`, `retry`, `window`, `answer` and `ledger`. `kinesis` and
//! `firehose` are the shells around the AWS SDK, with `protocol`, `express`, `sdk_error` and
//! `client` (with `credentials`, `http`, `origin` and `user_agent`) beneath. A sender never drops a
//! record without saying so in the [`Outcome`].

pub mod advice;
pub mod ambient;
pub mod answer;
pub mod classify;
pub mod client;
pub mod credentials;
pub mod delivery;
pub mod express;
pub mod firehose;
pub mod gate;
pub mod http;
pub mod kinesis;
pub mod ledger;
pub(crate) mod origin;
pub mod pace;
pub mod protocol;
pub mod retry;
pub mod sdk_error;
pub mod sender;
pub mod shards;
pub mod transport;
pub mod user_agent;
pub mod window;

#[cfg(test)]
mod wire_tests;

use crate::batch::BatchId;
use crate::batch::body::Body;

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
    /// The batch's memory as an empty body, if nobody holds it any more, for the next batch.
    pub spare: Option<Body>,
}

/// A record that the service refuses for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The service's error code.
    pub code: String,
    /// The service's words.
    pub message: String,
}

/// What a sender tells its flow. The flow's inbox always has room for these: one outcome for each
/// submission that the flow allowed itself, and the newest health.
#[derive(Debug)]
pub enum SenderEvent {
    /// The destination is parked and the flow stops: this batch is not sent any more.
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
    /// It cannot work until somebody mends something (no such stream, access denied, …); it is
    /// tried again every minute.
    Parked {
        /// The error code and message, free of secrets.
        reason: String,
    },
    /// It fails in a way that passes; the sender is backing off.
    Retrying {
        /// The error code and message, free of secrets.
        reason: String,
    },
}
