//! A loopback endpoint that speaks Kinesis and Firehose, for people without an AWS account
//! (`kinetail sandbox`, `kinetail run --sandbox`), for tests and for benches.
//!
//! It enforces the services' limits, spreads records over shards, stores what it accepts before it
//! acknowledges it, and goes wrong on demand. It also swallows CloudWatch metrics, so that a whole
//! configuration can point at it. It does not read records back, keeps no consumers and offers
//! nothing beyond loopback: it knows no access control worth the name.
//!
//! `names` says what can be asked; `kinesis`, `firehose`, `decode` and `null` read requests;
//! `fault` names what can go wrong; `decision`, `shard` and `signature` decide; `streams` and
//! `store` keep records; `output` opens its files; `response` and `control` write bodies; `host`,
//! `server`, `exchange`, `put`, `http` and `shared` are the shell around them; `stats` counts;
//! `handle` is the remote control.
//!
//! Sources: the API references of the three services as of November 2026, and what the AWS SDK for
//! Rust was seen to send.

mod aggregate;
mod cbor;
mod control;
mod decision;
mod decode;
mod exchange;
mod fault;
mod firehose;
mod handle;
mod host;
mod http;
mod kinesis;
mod names;
mod null;
mod output;
mod put;
mod read;
mod response;
mod server;
mod shard;
mod shared;
mod signature;
mod stats;
mod store;
mod streams;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

pub use aggregate::{UserRecord, user_records};
pub use fault::{Fault, FaultError, FaultPlan, Scope};
pub use handle::{SandboxHandle, WaitError};
pub use http::is_request_id;
pub use names::{InvalidStreamName, Operation, Service, StreamId};
pub use read::{ReadError, print_records};
pub use response::ErrorResponse;
pub use server::Sandbox;
pub use stats::{Stats, StreamStats};
pub use store::{Store, StoredRecord};
pub use streams::StreamPolicy;

use kinetail_base::limits::{KINESIS_RECORD_BYTES_MAX, KINESIS_REQUEST_BYTES_MAX};

/// The keys that requests must be signed with. `Debug` does not show them.
#[derive(Clone)]
pub struct SigningKeys {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

kinetail_base::debug_only!(SigningKeys {});

/// How a sandbox behaves.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where to listen. Only loopback addresses are bound.
    pub listen: SocketAddr,
    /// Where accepted records go.
    pub store: Store,
    /// Which streams exist.
    pub streams: StreamPolicy,
    /// Shards of each new Kinesis stream, at least 1.
    pub shards: u32,
    /// Whether shards (and delivery streams) take no more than the services' rates.
    pub simulate_shard_limits: bool,
    /// Data and partition key of one Kinesis record; the service's default is 1 MiB.
    pub kinesis_record_bytes_max: usize,
    /// Data and partition keys of one Kinesis request.
    pub kinesis_request_bytes_max: usize,
    /// What goes wrong from the start.
    pub faults: FaultPlan,
    /// What the generator of faults starts from: the same requests in the same order with the
    /// same seed meet the same faults.
    pub seed: u64,
    /// The keys that requests must be signed with; with `None` any well-formed signature will do.
    pub verify: Option<SigningKeys>,
    /// The time, for signatures, the `Date` header and records.
    pub clock: fn() -> Timestamp,
    /// A file that gets one JSON line for each request, before its answer goes out.
    pub request_log: Option<PathBuf>,
}

impl Default for SandboxOptions {
    /// A free port, records in memory, one shard, nothing goes wrong.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            store: Store::Memory,
            streams: StreamPolicy::AnyName,
            shards: 1,
            simulate_shard_limits: false,
            kinesis_record_bytes_max: KINESIS_RECORD_BYTES_MAX,
            kinesis_request_bytes_max: KINESIS_REQUEST_BYTES_MAX,
            faults: FaultPlan::default(),
            seed: 0,
            verify: None,
            clock: Timestamp::now,
            request_log: None,
        }
    }
}

/// Why a sandbox does not start or stops.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}; if another sandbox is running, pass a different --listen")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The faults make no sense.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// An address that other hosts could reach.
    #[error("{address} is not a loopback address; the sandbox listens on 127.0.0.1 or [::1] only")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The directory for the records cannot be made.
    #[error("cannot create output directory {}", path.display())]
    Output {
        /// The directory.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// Progress cannot be shown.
    #[error("cannot write progress")]
    Print(#[source] io::Error),
    /// The request log cannot be opened.
    #[error("cannot open the request log {}", path.display())]
    RequestLog {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// [`StreamPolicy::Only`] names more streams than a sandbox holds.
    #[error("too many streams are named")]
    TooManyStreams,
}

/// Locks, also after a panic elsewhere: every change under these locks is complete in itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
