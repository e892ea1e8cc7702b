//! Sending: from a finished body to one outcome a batch, however often it takes.
//!
//! `sender` keeps a bounded number of requests in flight and retries indefinitely what can be
//! retried. What it decides is decided without clock and I/O: `delivery` (what of a batch to send
//! next), `circuit_breaker` (whether it is paused), `rate` (how fast, and to which shards),
//! `classify`, `advice`, `retry`, `in_flight_limit`, `response` and `ledger`. `wire` is the one way
//! to a service, made of the AWS SDK's parts by `client` (with `credentials`, `http`, `origin` and
//! `user_agent`). A sender never drops a record without saying so in the [`Outcome`].

pub mod advice;
pub mod ambient;
pub mod client;
pub mod credentials;
mod deadline;
pub mod distances;
pub mod http;
pub mod named_files;
mod not_sent;
pub(crate) mod origin;
pub mod sdk_error;
pub mod sender;
pub mod survey;
pub mod transport;
pub mod user_agent;
pub mod wire;

#[cfg(test)]
mod cbor_tests;
#[cfg(test)]
mod wire_tests;

pub use kinetail_delivery::{
    DestinationHealth, Outcome, RejectedRecord, SenderEvent, Submission, circuit_breaker, classify,
    delivery, error_response, in_flight_limit, ledger, rate, response, retry,
};
