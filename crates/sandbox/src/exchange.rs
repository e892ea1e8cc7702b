//! One request, from its head to its response: who asks, what for, what is stored, what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use super::cbor::from_json;
use super::decision::{Decision, Reply};
use super::decode::Encoding;
use super::http::{Answer, AnswerBody, BodyError, BrokenOff, CBOR, read_body};
use super::names::{Operation, Service};
use super::null::EntryScan;
use super::put::{Batch, PutJob, Received};
use super::response::ErrorResponse;
use super::shared::{LogLine, Room, Shared};
use super::signature::{Authorization, SignedRequest};
use super::store::Arrival;
use super::streams::Moment;
use super::{control, host, lock};

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
    let response = match outcome {
        Ok(response) => response,
        Err(Unanswered::Broken) => return Err(BrokenOff),
        Err(Unanswered::Refused(error)) => {
            shared.count(|stats| stats.refused_requests += 1);
            let operation = Operation::of(parts.uri.path(), header(&parts, "x-amz-target"));
            exchange.log(LogLine { operation, response: &error.code, ..LogLine::default() });
            error_response(operation, encoding_of(&parts), &error)
        }
    };
    Ok(response.into_response(number, shared.moment().at))
}

/// Why a request has no ordinary response.
enum Unanswered {
    /// The connection is over.
    Broken,
    /// It never got as far as a stream.
    Refused(ErrorResponse),
}

impl<E: Into<ErrorResponse>> From<E> for Unanswered {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

struct Exchange {
    shared: Arc<Shared>,
    number: u64,
    moment: Moment,
}

impl Exchange {
    async fn run(&self, parts: &Parts, body: Incoming) -> Result<Answer, Unanswered> {
        self.shared.count(|stats| stats.requests += 1);
        host::check(parts)?;
        let operation = Operation::of(parts.uri.path(), header(parts, "x-amz-target"));
        let early_end = |operation| lock(&self.shared.faults).drops_before_read(operation);
        if operation.is_some_and(early_end) {
            self.shared.count(|stats| stats.broken_requests += 1);
            let response = "closed before the body";
            self.log(LogLine { operation, response, ..LogLine::default() });
            return Err(Unanswered::Broken);
        }
        // The body is read even if it will be refused: a client that is still sending may never
        // see an response that comes before it is done.
        let mut room = Room::new(&self.shared);
        let received = self.receive(parts, operation, body, &mut room).await?;
        let Some(operation) = operation.filter(|_| parts.method == Method::POST) else {
            return Err(ErrorResponse::new(400, "UnknownOperationException", "").into());
        };
        let encoding = encoding_of(parts);
        match operation.puts_to() {
            Some(service) => {
                Encoding::of(header(parts, "content-type"))?;
                if encoding == Encoding::Cbor && service == Service::Firehose {
                    let message = "Firehose does not read CBOR";
                    return Err(ErrorResponse::serialization(message).into());
                }
                let received = received.in_json(encoding)?;
                let batch = Batch::decode(service, received, &self.shared.limits)?;
                self.put(operation, encoding, batch).await
            }
            None if operation == Operation::PutMetricData => {
                self.other(operation, Encoding::Json, received).await
            }
            None => self.other(operation, encoding, received.in_json(encoding)?).await,
        }
    }

    async fn receive(
        &self,
        parts: &Parts,
        operation: Option<Operation>,
        body: Incoming,
        room: &mut Room<'_>,
    ) -> Result<Received, Unanswered> {
        let authorization = Authorization::of(&parts.headers);
        let keys = lock(&self.shared.keys).clone();
        let bytes_max = self.shared.limits.request_bytes_max * 2 + BODY_OVERHEAD_BYTES;
        let is_put = operation.and_then(Operation::puts_to).is_some();
        let mut scan = EntryScan::of(encoding_of(parts));
        if self.shared.null && is_put && keys.is_none() {
            let read = read_body(body, bytes_max, |piece| scan.feed(&piece)).await;
            self.body_result(read)?;
            authorization?;
            return Ok(Received::Scanned(scan));
        }
        let mut whole = BytesMut::new();
        let mut fits = true;
        let read = read_body(body, bytes_max, |piece| {
            fits = fits && room.take(piece.len());
            if fits {
                whole.extend_from_slice(&piece);
            }
        })
        .await;
        self.body_result(read)?;
        if !fits {
            let message = "The sandbox has too many concurrent requests; try again.";
            return Err(ErrorResponse::new(503, "ServiceUnavailableException", message).into());
        }
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
                ErrorResponse::new(413, "RequestEntityTooLargeException", &message).into()
            }
        })
    }

    async fn put(
        &self,
        operation: Operation,
        encoding: Encoding,
        batch: Batch,
    ) -> Result<Answer, Unanswered> {
        self.shared.count(|stats| stats.cbor_requests += u64::from(encoding == Encoding::Cbor));
        let id = batch.stream();
        let stream = lock(&self.shared.streams).find(id, self.moment)?;
        let decision = lock(&self.shared.faults).decide_put(operation, id, batch.records());
        if batch.is_dry_run() {
            return self.dry_run((operation, encoding), decision).await;
        }
        let job = PutJob {
            shared: Arc::clone(&self.shared),
            stream,
            arrival: self.arrival(),
            limited: self.shared.simulate_shard_limits.then_some(self.moment.now),
            operation,
            batch,
            encoding,
            decision,
        };
        let done = job.run().await;
        let honest = Answer::ok(encoding.content_type(), done.body);
        self.reply((operation, encoding), done.latency, done.reply, honest).await
    }

    /// Nothing is stored; a fault that would have met the put meets this, too.
    async fn dry_run(
        &self,
        (operation, encoding): (Operation, Encoding),
        Decision { reply, latency, .. }: Decision,
    ) -> Result<Answer, Unanswered> {
        let reply = match reply {
            Reply::Honest => Reply::Error(ErrorResponse::dry_run()),
            other => other,
        };
        self.log(LogLine {
            operation: Some(operation),
            response: reply.name(),
            ..LogLine::default()
        });
        let honest = Answer::ok(encoding.content_type(), Bytes::new());
        self.reply((operation, encoding), latency, reply, honest).await
    }

    async fn other(
        &self,
        operation: Operation,
        encoding: Encoding,
        received: Received,
    ) -> Result<Answer, Unanswered> {
        let Decision { reply, latency, .. } = lock(&self.shared.faults).decide_other(operation);
        let honest = if operation == Operation::PutMetricData {
            self.shared.count(|stats| stats.metric_requests += 1);
            Answer::ok(CBOR, Bytes::from_static(EMPTY_CBOR_MAP))
        } else {
            let Received::Whole(body) = received else { return Err(Unanswered::Broken) };
            let mut streams = lock(&self.shared.streams);
            let settings = (self.shared.shards, self.shared.limits.record_bytes_max);
            let body = control::respond(operation, &body, &mut streams, settings, self.moment)?;
            drop(streams);
            self.shared.count(|stats| stats.control_requests += 1);
            let body = match encoding {
                Encoding::Cbor => from_json(&body),
                Encoding::Json => body,
            };
            Answer::ok(encoding.content_type(), Bytes::from(body))
        };
        self.log(LogLine {
            operation: Some(operation),
            response: reply.name(),
            ..LogLine::default()
        });
        self.reply((operation, encoding), latency, reply, honest).await
    }

    /// Gives `honest` or what the fault puts in its place, when it is time.
    async fn reply(
        &self,
        (operation, encoding): (Operation, Encoding),
        latency: Duration,
        reply: Reply,
        honest: Answer,
    ) -> Result<Answer, Unanswered> {
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match reply {
            Reply::Close => Err(Unanswered::Broken),
            Reply::Error(error) => Ok(error_response(Some(operation), encoding, &error)),
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
        self.shared.log(self.arrival(), || line);
    }

    fn arrival(&self) -> Arrival {
        Arrival { request_number: self.number, at: self.moment.at }
    }
}

/// A map without members, which is what `PutMetricData` responses.
const EMPTY_CBOR_MAP: &[u8] = &[0xbf, 0xff];

fn error_response(
    operation: Option<Operation>,
    encoding: Encoding,
    error: &ErrorResponse,
) -> Answer {
    let (content_type, body) = match (operation, encoding) {
        (Some(Operation::PutMetricData), _) => (CBOR, error.cbor_body()),
        (_, Encoding::Cbor) => (encoding.content_type(), error.cbor_body()),
        (_, Encoding::Json) => (encoding.content_type(), error.json_body()),
    };
    Answer {
        status: error.status,
        content_type: content_type.to_owned(),
        error_code: Some(error.code.clone()),
        body: Bytes::from(body),
        truncated: false,
    }
}

/// How the body of a request is written; what is not said, or not known, is taken for JSON.
fn encoding_of(parts: &Parts) -> Encoding {
    Encoding::of(header(parts, "content-type")).unwrap_or(Encoding::Json)
}

/// A header's text; one that is missing or not ASCII is as good as empty.
fn header<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
