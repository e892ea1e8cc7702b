//! A put between its body and its answer: decoded or only counted, then stored.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::cbor::{self, from_json};
use super::decision::{Decision, Reply};
use super::decode::{Encoding, PutRequest};
use super::firehose::decode_put_record_batch;
use super::kinesis::{KinesisLimits, decode_put_records};
use super::lock;
use super::names::{Operation, Service, StreamId};
use super::null::{CannedBodies, EntryScan};
use super::response::{Entry, ErrorResponse, ResponseShape, put_body};
use super::shared::{LogLine, Shared};
use super::store::{Arrival, StoreError};
use super::streams::Stream;

/// A body as far as it is needed.
pub(super) enum Received {
    /// Only looked through, for the null mode.
    Scanned(EntryScan),
    Whole(Bytes),
}

impl Received {
    /// The same, in JSON if it was in CBOR and is whole.
    pub(super) fn in_json(self, encoding: Encoding) -> Result<Self, ErrorResponse> {
        match (self, encoding) {
            (Self::Whole(body), Encoding::Cbor) => {
                Ok(Self::Whole(Bytes::from(cbor::to_json(&body)?)))
            }
            (received, _) => Ok(received),
        }
    }
}

/// What came in a put.
pub(super) enum Batch {
    /// Null mode: this many records in so many bytes of body.
    Counted {
        stream: StreamId,
        records: usize,
        body_bytes: u64,
    },
    Decoded(PutRequest),
}

impl Batch {
    /// Reads a put to `service` and checks the service's limits.
    pub(super) fn decode(
        service: Service,
        received: Received,
        limits: &KinesisLimits,
    ) -> Result<Self, ErrorResponse> {
        match (received, service) {
            (Received::Scanned(scan), _) => {
                let (stream, records) = scan.finish(service)?;
                Ok(Self::Counted { stream, records, body_bytes: scan.bytes() })
            }
            (Received::Whole(body), Service::Firehose) => {
                decode_put_record_batch(&body).map(Self::Decoded)
            }
            (Received::Whole(body), Service::Kinesis) => {
                decode_put_records(&body, limits).map(Self::Decoded)
            }
        }
    }

    pub(super) fn stream(&self) -> &StreamId {
        match self {
            Self::Counted { stream, .. } => stream,
            Self::Decoded(request) => &request.stream,
        }
    }

    pub(super) fn is_dry_run(&self) -> bool {
        matches!(self, Self::Decoded(PutRequest { dry_run: true, .. }))
    }

    pub(super) fn records(&self) -> usize {
        match self {
            Self::Counted { records, .. } => *records,
            Self::Decoded(request) => request.records.len(),
        }
    }
}

/// A put that is to be carried out.
pub(super) struct PutJob {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: Arc<Mutex<Stream>>,
    pub(super) arrival: Arrival,
    /// The time that the rates of shards go by; `None` turns them off.
    pub(super) limited: Option<Instant>,
    pub(super) operation: Operation,
    pub(super) batch: Batch,
    /// How the answer is written.
    pub(super) encoding: Encoding,
    pub(super) decision: Decision,
}

impl PutJob {
    /// Carries the put out, off the threads that serve connections: a file system may be slow.
    /// What is stored is also counted and logged, even if the client goes away meanwhile.
    pub(super) async fn run(self) -> Done {
        if matches!(self.batch, Batch::Counted { .. }) {
            return self.run_now();
        }
        match tokio::task::spawn_blocking(move || self.run_now()).await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(name: "sandbox_request_interrupted",
                    %error, "sandbox stopped while handling a request");
                Done::failed()
            }
        }
    }

    fn run_now(mut self) -> Done {
        let service = self.batch.stream().service();
        let mut committed = None;
        if self.decision.stores {
            match self.commit() {
                Ok(stored) => committed = Some(stored),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    let line = lock(&self.shared.store_failures)
                        .on_failure(&error.to_string(), Instant::now());
                    if line.is_some() {
                        tracing::error!(name: "sandbox_store_failed", %error, cause,
                            "cannot store records; responding with HTTP 500");
                    }
                    self.decision.reply = Reply::Error(ErrorResponse::internal_failure());
                }
            }
        }
        self.count(committed.as_ref());
        let Self { decision, batch, shared, encoding, .. } = self;
        let body = committed.map_or_else(Bytes::new, |committed| {
            let canned = &shared.canned;
            let asked = (service, encoding);
            committed.body(asked, batch.records(), &decision.shape, canned)
        });
        Done { body, latency: decision.latency, reply: decision.reply }
    }

    fn commit(&self) -> Result<Committed, StoreError> {
        let Decision { records: faults, shape, .. } = &self.decision;
        match &self.batch {
            Batch::Counted { records, body_bytes, .. }
                if faults.is_empty() && *shape == ResponseShape::default() =>
            {
                Ok(Committed::all(*records, *body_bytes))
            }
            Batch::Counted { records, body_bytes, .. } => {
                let mut stream = lock(&self.stream);
                let entries = stream.count(*records, faults);
                Ok(Committed::counted(entries, *body_bytes, stream.shard_ids()))
            }
            Batch::Decoded(request) => {
                let mut stream = lock(&self.stream);
                let records = &request.records;
                let entries = stream.commit(records, faults, self.arrival, self.limited)?;
                Ok(Committed::decoded(request, entries, stream.shard_ids()))
            }
        }
    }

    fn count(&self, committed: Option<&Committed>) {
        let reply = &self.decision.reply;
        self.shared.count_stream(self.batch.stream(), |stats| {
            stats.requests += 1;
            if let Some(committed) = committed {
                stats.count_commit(&committed.entries, committed.records, committed.data_bytes);
            }
            match reply {
                Reply::Honest => {}
                Reply::Error(_) => stats.failed_requests += 1,
                Reply::Close | Reply::Hang | Reply::Raw { .. } | Reply::Truncated => {
                    stats.unanswered_requests += 1;
                }
            }
        });
        self.shared.log(self.arrival, || LogLine {
            operation: Some(self.operation),
            stream: Some(self.batch.stream()),
            records: self.batch.records(),
            stored: committed.map_or(0, |committed| committed.records),
            response: reply.name(),
        });
    }
}

/// A put that was carried out, and what to say about it.
pub(super) struct Done {
    /// The honest answer, or the one that lies as it was told to.
    pub(super) body: Bytes,
    pub(super) latency: Duration,
    pub(super) reply: Reply,
}

impl Done {
    fn failed() -> Self {
        let reply = Reply::Error(ErrorResponse::internal_failure());
        Self { body: Bytes::new(), latency: Duration::ZERO, reply }
    }
}

/// What was stored of a put.
struct Committed {
    /// What became of each record; empty when all were accepted without being examined.
    entries: Vec<Entry>,
    /// Records stored.
    records: u64,
    /// Bytes of data in them.
    data_bytes: u64,
    shard_ids: Vec<String>,
}

impl Committed {
    fn decoded(request: &PutRequest, entries: Vec<Entry>, shard_ids: Vec<String>) -> Self {
        let (mut records, mut data_bytes) = (0, 0);
        for (record, entry) in request.records.iter().zip(&entries) {
            if matches!(entry, Entry::Stored { .. }) {
                records += 1;
                data_bytes += record.data.len() as u64;
            }
        }
        Self { entries, records, data_bytes, shard_ids }
    }

    /// All of `count` records, which were not examined.
    fn all(count: usize, body_bytes: u64) -> Self {
        let (entries, shard_ids) = (Vec::new(), Vec::new());
        Self { entries, records: count as u64, data_bytes: body_bytes, shard_ids }
    }

    fn counted(entries: Vec<Entry>, body_bytes: u64, shard_ids: Vec<String>) -> Self {
        let stored = entries.iter().filter(|entry| matches!(entry, Entry::Stored { .. }));
        let records = stored.count() as u64;
        let data_bytes = body_bytes * records / (entries.len() as u64).max(1);
        Self { entries, records, data_bytes, shard_ids }
    }

    /// The body of the answer to a put of `count` records.
    fn body(
        &self,
        (service, encoding): (Service, Encoding),
        count: usize,
        shape: &ResponseShape,
        canned: &CannedBodies,
    ) -> Bytes {
        if self.entries.is_empty() {
            return match encoding {
                Encoding::Cbor => canned.cbor_body(count),
                Encoding::Json => canned.body(service, count),
            };
        }
        let body = put_body(service, &self.entries, &self.shard_ids, shape);
        match encoding {
            Encoding::Cbor => Bytes::from(from_json(&body)),
            Encoding::Json => Bytes::from(body),
        }
    }
}
