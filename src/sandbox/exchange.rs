//! One request, from its head to its answer: who asks, what for, what is stored, what goes wrong.

use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use super::answer::{AnswerShape, Entry, ErrorAnswer, put_body};
use super::decode::{Encoding, PutRequest};
use super::fault::{Decision, Reply};
use super::firehose::decode_put_record_batch;
use super::http::{Answer, AnswerBody, BodyError, BrokenOff, CBOR, JSON, read_body};
use super::kinesis::decode_put_records;
use super::names::{Operation, Service, StreamId};
use super::null::EntryScan;
use super::shared::{LogLine, Shared};
use super::signature::{Authorization, SignedRequest};
use super::store::Arrival;
use super::streams::{Moment, Stream};
use super::{control, lock};

/// Room in a body for what is neither data nor key: member names, escapes, signs.
const BODY_OVERHEAD_BYTES: usize = 1024 * 1024;

/// Answers one request, or says that the connection is to be closed.
pub(super) async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, BrokenOff> {
    let (parts, body) = request.into_parts();
    let exchange = Exchange { number: shared.next_request(), moment: shared.moment(), shared };
    let outcome = exchange.run(&parts, body).await;
    let (shared, number) = (&exchange.shared, exchange.number);
    let answer = match outcome {
        Ok(answer) => answer,
        Err(Unanswered::Broken) => return Err(BrokenOff),
        Err(Unanswered::Refused(error)) => {
            shared.count(|stats| stats.refused_requests += 1);
            let operation = Operation::of(parts.uri.path(), header(&parts, "x-amz-target"));
            exchange.log(LogLine { operation, answer: &error.code, ..LogLine::default() });
            error_answer(operation, &error)
        }
    };
    Ok(answer.into_response(number, shared.moment().at))
}

/// Why a request has no ordinary answer.
enum Unanswered {
    /// The connection is over.
    Broken,
    /// It never got as far as a stream.
    Refused(ErrorAnswer),
}

impl<E: Into<ErrorAnswer>> From<E> for Unanswered {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What came in a put.
enum Batch {
    /// Null mode: this many records in so many bytes of body.
    Counted {
        stream: StreamId,
        records: usize,
        body_bytes: u64,
    },
    Decoded(PutRequest),
}

impl Batch {
    fn stream(&self) -> &StreamId {
        match self {
            Self::Counted { stream, .. } => stream,
            Self::Decoded(request) => &request.stream,
        }
    }

    fn records(&self) -> usize {
        match self {
            Self::Counted { records, .. } => *records,
            Self::Decoded(request) => request.records.len(),
        }
    }
}

/// What was stored of a put.
struct Committed {
    /// Empty when nobody asks for them: null mode without faults.
    entries: Vec<Entry>,
    shard_ids: Vec<String>,
    records: u64,
    data_bytes: u64,
}

struct Exchange {
    shared: Arc<Shared>,
    number: u64,
    moment: Moment,
}

impl Exchange {
    async fn run(&self, parts: &Parts, body: Incoming) -> Result<Answer, Unanswered> {
        self.shared.count(|stats| stats.requests += 1);
        let operation = Operation::of(parts.uri.path(), header(parts, "x-amz-target"));
        let early_end = |operation| lock(&self.shared.faults).drops_before_read(operation);
        if operation.is_some_and(early_end) {
            self.shared.count(|stats| stats.broken_requests += 1);
            let answer = "closed before the body";
            self.log(LogLine { operation, answer, ..LogLine::default() });
            return Err(Unanswered::Broken);
        }
        // The body is read even if it will be refused: a client that is still sending may never
        // see an answer that comes before it is done.
        let received = self.receive(parts, operation, body).await?;
        let Some(operation) = operation.filter(|_| parts.method == Method::POST) else {
            return Err(ErrorAnswer::new(400, "UnknownOperationException", "").into());
        };
        match operation.puts_to() {
            Some(service) => {
                let batch = self.decode(service, parts, received)?;
                self.put(operation, batch).await
            }
            None => self.other(operation, received).await,
        }
    }

    async fn receive(
        &self,
        parts: &Parts,
        operation: Option<Operation>,
        body: Incoming,
    ) -> Result<Received, Unanswered> {
        let authorization = Authorization::of(&parts.headers);
        let keys = lock(&self.shared.keys).clone();
        let bytes_max = self.shared.limits.request_bytes_max * 2 + BODY_OVERHEAD_BYTES;
        let is_put = operation.and_then(Operation::puts_to).is_some();
        let mut scan = EntryScan::default();
        if self.shared.null && is_put && keys.is_none() {
            let read = read_body(body, bytes_max, |piece| scan.feed(&piece)).await;
            self.body_result(read)?;
            authorization?;
            return Ok(Received::Scanned(scan));
        }
        let mut whole = BytesMut::new();
        let read = read_body(body, bytes_max, |piece| whole.extend_from_slice(&piece)).await;
        self.body_result(read)?;
        let authorization = authorization?;
        if let Some(keys) = keys {
            let signed = SignedRequest {
                method: parts.method.as_str(),
                path: parts.uri.path(),
                query: parts.uri.query().unwrap_or_default(),
                headers: &parts.headers,
                body: &whole,
            };
            authorization.verify(&signed, &keys, self.moment.at)?;
        }
        if self.shared.null && is_put {
            scan.feed(&whole);
            return Ok(Received::Scanned(scan));
        }
        Ok(Received::Whole(whole.freeze()))
    }

    fn body_result(&self, result: Result<(), BodyError>) -> Result<(), Unanswered> {
        result.map_err(|error| match &error {
            BodyError::Broken(cause) => {
                tracing::debug!(%cause, "{error}");
                self.shared.count(|stats| stats.broken_requests += 1);
                Unanswered::Broken
            }
            BodyError::TooLong(_) => {
                let message = error.to_string();
                ErrorAnswer::new(413, "RequestEntityTooLargeException", &message).into()
            }
        })
    }

    fn decode(
        &self,
        service: Service,
        parts: &Parts,
        received: Received,
    ) -> Result<Batch, ErrorAnswer> {
        let encoding = Encoding::of(header(parts, "content-type"))?;
        match (received, service) {
            (Received::Scanned(scan), _) => {
                encoding.require_json()?;
                let (stream, records) = scan.finish(service)?;
                Ok(Batch::Counted { stream, records, body_bytes: scan.bytes() })
            }
            (Received::Whole(body), Service::Firehose) => {
                decode_put_record_batch(encoding, &body).map(Batch::Decoded)
            }
            (Received::Whole(body), Service::Kinesis) => {
                decode_put_records(encoding, &body, &self.shared.limits).map(Batch::Decoded)
            }
        }
    }

    async fn put(&self, operation: Operation, batch: Batch) -> Result<Answer, Unanswered> {
        let (id, count) = (batch.stream().clone(), batch.records());
        let stream = lock(&self.shared.streams).find(&id, self.moment)?;
        let mut decision = lock(&self.shared.faults).decide_put(operation, &id, count);
        let mut committed = None;
        if decision.stores {
            committed = self.commit(stream, batch, std::mem::take(&mut decision.records)).await;
            if committed.is_none() {
                decision.reply = Reply::Error(ErrorAnswer::internal_failure());
            }
        }
        self.count_put(&id, committed.as_ref(), &decision.reply);
        let stored = committed.as_ref().map_or(0, |committed| committed.records);
        self.log(LogLine {
            operation: Some(operation),
            stream: Some(&id),
            records: count,
            stored,
            answer: &reply_name(&decision.reply),
        });
        let body = match committed {
            Some(committed)
                if decision.reply == Reply::Honest || decision.reply == Reply::Truncated =>
            {
                self.put_body(id.service(), count, &committed, &decision.shape)
            }
            _ => Bytes::new(),
        };
        self.reply(operation, decision, Answer::ok(JSON, body)).await
    }

    /// Stores a batch, off the threads that serve connections: a file system may be slow. The
    /// commit is not undone when the client goes away meanwhile.
    async fn commit(
        &self,
        stream: Arc<Mutex<Stream>>,
        batch: Batch,
        faults: Vec<Option<super::fault::RecordFault>>,
    ) -> Option<Committed> {
        let request = match batch {
            Batch::Counted { records, body_bytes, .. } => {
                return Some(count_only(&stream, records, body_bytes, &faults));
            }
            Batch::Decoded(request) => request,
        };
        let arrival = Arrival { request_number: self.number, at: self.moment.at };
        let limited = self.shared.simulate_shard_limits.then_some(self.moment.now);
        let write = move || {
            let mut stream = lock(&stream);
            let entries = stream.commit(&request.records, &faults, arrival, limited)?;
            let stored = request.records.iter().zip(&entries);
            let stored = stored.filter(|(_, entry)| matches!(entry, Entry::Stored { .. }));
            let (mut records, mut data_bytes) = (0, 0);
            for (record, _) in stored {
                records += 1;
                data_bytes += record.data.len() as u64;
            }
            Ok(Committed { entries, shard_ids: stream.shard_ids(), records, data_bytes })
        };
        let result: Result<Result<_, super::store::StoreError>, _> =
            tokio::task::spawn_blocking(write).await;
        match result {
            Ok(Ok(committed)) => Some(committed),
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "the sandbox cannot store records, it answers 500");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the sandbox stopped in the middle of a request");
                None
            }
        }
    }

    fn put_body(
        &self,
        service: Service,
        count: usize,
        committed: &Committed,
        shape: &AnswerShape,
    ) -> Bytes {
        if committed.entries.is_empty() && *shape == AnswerShape::default() {
            return self.shared.canned.body(service, count);
        }
        Bytes::from(put_body(service, &committed.entries, &committed.shard_ids, shape))
    }

    fn count_put(&self, id: &StreamId, committed: Option<&Committed>, reply: &Reply) {
        self.shared.count_stream(id, |stats| {
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
    }

    async fn other(&self, operation: Operation, received: Received) -> Result<Answer, Unanswered> {
        let decision = lock(&self.shared.faults).decide_other(operation);
        let answer = &reply_name(&decision.reply);
        self.log(LogLine { operation: Some(operation), answer, ..LogLine::default() });
        let answer = if operation == Operation::PutMetricData {
            self.shared.count(|stats| stats.metric_requests += 1);
            Answer::ok(CBOR, Bytes::from_static(EMPTY_CBOR_MAP))
        } else {
            self.shared.count(|stats| stats.control_requests += 1);
            let Received::Whole(body) = received else { return Err(Unanswered::Broken) };
            let mut streams = lock(&self.shared.streams);
            let shards = self.shared.shards;
            let body = control::answer(operation, &body, &mut streams, shards, self.moment)?;
            Answer::ok(JSON, Bytes::from(body))
        };
        self.reply(operation, decision, answer).await
    }

    /// Gives `honest` or what the fault puts in its place, when it is time.
    async fn reply(
        &self,
        operation: Operation,
        decision: Decision,
        honest: Answer,
    ) -> Result<Answer, Unanswered> {
        if !decision.latency.is_zero() {
            tokio::time::sleep(decision.latency).await;
        }
        match decision.reply {
            Reply::Close => Err(Unanswered::Broken),
            Reply::Error(error) => Ok(error_answer(Some(operation), &error)),
            Reply::Hang => std::future::pending().await,
            Reply::Honest => Ok(honest),
            Reply::Raw { status, content_type, body } => {
                let body = Bytes::from(body);
                Ok(Answer { status, content_type, error_code: None, body, truncated: false })
            }
            Reply::Truncated => Ok(Answer { truncated: true, ..honest }),
        }
    }

    fn log(&self, line: LogLine<'_>) {
        if let Some(log) = &self.shared.request_log {
            log.append(self.number, self.moment.at, &line);
        }
    }
}

/// A map without members, which is what `PutMetricData` answers.
const EMPTY_CBOR_MAP: &[u8] = &[0xbf, 0xff];

/// A body as far as it is needed.
enum Received {
    Scanned(EntryScan),
    Whole(Bytes),
}

fn count_only(
    stream: &Mutex<Stream>,
    count: usize,
    body_bytes: u64,
    faults: &[Option<super::fault::RecordFault>],
) -> Committed {
    let count_wide = count as u64;
    if faults.is_empty() {
        let (entries, shard_ids) = (Vec::new(), Vec::new());
        return Committed { entries, shard_ids, records: count_wide, data_bytes: body_bytes };
    }
    let mut stream = lock(stream);
    let entries = stream.count(count, faults);
    let stored = entries.iter().filter(|entry| matches!(entry, Entry::Stored { .. })).count();
    let records = stored as u64;
    let data_bytes = body_bytes * records / count_wide.max(1);
    Committed { entries, shard_ids: stream.shard_ids(), records, data_bytes }
}

fn error_answer(operation: Option<Operation>, error: &ErrorAnswer) -> Answer {
    let (content_type, body) = match operation {
        Some(Operation::PutMetricData) => (CBOR, error.cbor_body()),
        _ => (JSON, error.json_body()),
    };
    Answer {
        status: error.status,
        content_type: content_type.to_owned(),
        error_code: Some(error.code.clone()),
        body: Bytes::from(body),
        truncated: false,
    }
}

fn reply_name(reply: &Reply) -> String {
    match reply {
        Reply::Close => "closed".to_owned(),
        Reply::Error(error) => error.code.clone(),
        Reply::Hang => "none".to_owned(),
        Reply::Honest => "ok".to_owned(),
        Reply::Raw { status, .. } => format!("raw {status}"),
        Reply::Truncated => "truncated".to_owned(),
    }
}

/// A header's text; one that is missing or not ASCII is as good as empty.
fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
