//! The state that connections and handles share, each part behind its own short lock.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use super::decision::Faults;
use super::kinesis::KinesisLimits;
use super::lock;
use super::names::{Operation, StreamId};
use super::null::CannedBodies;
use super::output;
use super::stats::{Stats, StreamStats};
use super::store::{Arrival, Store};
use super::streams::{Moment, Streams};
use super::{SandboxError, SandboxOptions};
use crate::SigningKeys;
use kinetail_base::log_throttle::FailureLog;

/// Bytes of request bodies that are held at a time, for all connections together. What a request
/// is decoded into, and the lines that it becomes, take a few times as much, one after the other.
const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What outlives one request.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) canned: CannedBodies,
    pub(super) faults: Mutex<Faults>,
    pub(super) keys: Mutex<Option<SigningKeys>>,
    pub(super) limits: KinesisLimits,
    /// Whether requests are counted and not decoded.
    pub(super) null: bool,
    pub(super) shards: u32,
    pub(super) simulate_shard_limits: bool,
    pub(super) streams: Mutex<Streams>,
    clock: fn() -> Timestamp,
    changed: watch::Sender<()>,
    request_log: Option<RequestLog>,
    /// Records that could not be stored.
    pub(super) store_failures: Mutex<FailureLog>,
    requests: AtomicU64,
    /// Bytes of request bodies that are held now.
    bodies_bytes: AtomicUsize,
    stats: Mutex<Stats>,
}

impl Shared {
    pub(super) fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        let moment = Moment { now: Instant::now(), at: (options.clock)() };
        let null = options.store == Store::Null;
        let streams = Streams::new(options.store, options.shards, &options.streams, moment)
            .map_err(|_| SandboxError::TooManyStreams)?;
        Ok(Self {
            canned: CannedBodies::new(),
            faults: Mutex::new(Faults::new(options.seed, options.faults)?),
            keys: Mutex::new(options.verify),
            limits: KinesisLimits {
                record_bytes_max: options.kinesis_record_bytes_max,
                request_bytes_max: options.kinesis_request_bytes_max,
            },
            null,
            request_log: options.request_log.map(RequestLog::open).transpose()?,
            shards: options.shards,
            simulate_shard_limits: options.simulate_shard_limits,
            streams: Mutex::new(streams),
            clock: options.clock,
            changed: watch::Sender::new(()),
            bodies_bytes: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            store_failures: Mutex::default(),
            stats: Mutex::new(Stats::default()),
        })
    }

    /// The number of the next request, from 1.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { now: Instant::now(), at: (self.clock)() }
    }

    /// Writes to the request log, if there is one.
    pub(super) fn log<'a>(&self, arrival: Arrival, line: impl FnOnce() -> LogLine<'a>) {
        if let Some(log) = &self.request_log {
            log.append(arrival, &line());
        }
    }

    pub(super) fn stats(&self) -> Stats {
        lock(&self.stats).clone()
    }

    /// Wakes up whenever something was counted.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut lock(&self.stats));
        self.changed.send_replace(());
    }

    pub(super) fn count_stream(&self, stream: &StreamId, change: impl FnOnce(&mut StreamStats)) {
        self.count(|stats| match stats.streams.get_mut(stream) {
            Some(counts) => change(counts),
            None => change(stats.streams.entry(stream.clone()).or_default()),
        });
    }
}

/// Room for the body of one request, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room<'s> {
    shared: &'s Shared,
    bytes: usize,
}

impl<'s> Room<'s> {
    pub(super) fn new(shared: &'s Shared) -> Self {
        Self { shared, bytes: 0 }
    }

    /// Takes room for more; says whether there was enough.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let held = &self.shared.bodies_bytes;
        let taken = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|held| *held <= BODIES_BYTES_MAX)
        });
        self.bytes += if taken.is_ok() { bytes } else { 0 };
        taken.is_ok()
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.shared.bodies_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What the request log says of one request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LogLine<'a> {
    pub(super) operation: Option<Operation>,
    pub(super) stream: Option<&'a StreamId>,
    /// Records that came.
    pub(super) records: usize,
    /// Records that were stored.
    pub(super) stored: u64,
    /// `ok`, an error code, or what the fault made of the answer.
    pub(super) response: &'a str,
}

/// A file with one line for each answered request, written before the answer goes out.
#[derive(Debug)]
struct RequestLog {
    path: PathBuf,
    file: Mutex<(File, FailureLog)>,
}

impl RequestLog {
    fn open(path: PathBuf) -> Result<Self, SandboxError> {
        match output::append_to(&path) {
            Ok(file) => Ok(Self { path, file: Mutex::new((file, FailureLog::default())) }),
            Err(source) => Err(SandboxError::RequestLog { path, source }),
        }
    }

    /// Appends one line. A log that cannot be written is no reason to refuse records, but it is
    /// one to complain.
    fn append(&self, arrival: Arrival, line: &LogLine<'_>) {
        let entry = json!({
            "request": arrival.request_number,
            "arrivedAt": format!("{:.3}", arrival.at),
            "operation": line.operation.map(|operation| format!("{operation:?}")),
            "stream": line.stream.map(StreamId::label),
            "records": line.records,
            "stored": line.stored,
            "response": line.response,
        });
        let line = format!("{entry}\n");
        let mut guard = lock(&self.file);
        let (file, failures) = &mut *guard;
        match file.write_all(line.as_bytes()) {
            Ok(()) => drop(failures.on_success(Instant::now())),
            Err(error) => {
                if failures.on_failure("write", Instant::now()).is_some() {
                    tracing::error!(name: "sandbox_request_log_failed",
                        file = %self.path.display(), %error,
                        "cannot write the request log");
                }
            }
        }
    }
}
