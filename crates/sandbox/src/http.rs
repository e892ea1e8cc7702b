//! HTTP details: reading a body within bounds, and answers that look like the service's.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;

/// What `accept-post` says: the encodings of Kinesis.
const ACCEPT_POST: &str = "application/x-amz-json-1.1, application/x-amz-cbor-1.1";

/// CloudWatch's.
pub(super) const CBOR: &str = "application/cbor";

/// Request ids begin so; the services' own are random.
const REQUEST_ID_PREFIX: &str = "00000000-0000-4000-8000-";

/// Whether a sandbox gave this request id.
#[must_use]
pub fn is_request_id(id: &str) -> bool {
    id.starts_with(REQUEST_ID_PREFIX)
}

/// A body that did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request body is incomplete")]
    Broken(#[source] hyper::Error),
    #[error("the request body is longer than {0} bytes")]
    TooLong(usize),
}

/// Hands the pieces of `body` to `take` as they come, up to `bytes_max` in all.
pub(super) async fn read_body(
    mut body: Incoming,
    bytes_max: usize,
    mut take: impl FnMut(Bytes),
) -> Result<(), BodyError> {
    let mut bytes = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(BodyError::Broken)?;
        if let Ok(piece) = frame.into_data() {
            bytes = bytes.saturating_add(piece.len());
            if bytes > bytes_max {
                return Err(BodyError::TooLong(bytes_max));
            }
            take(piece);
        }
    }
    Ok(())
}

/// One answer on its way out.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) error_code: Option<String>,
    pub(super) body: Bytes,
    /// Whether the connection is to close in the middle of the body.
    pub(super) truncated: bool,
}

impl Answer {
    pub(super) fn ok(content_type: &str, body: Bytes) -> Self {
        let content_type = content_type.to_owned();
        Self { status: 200, content_type, error_code: None, body, truncated: false }
    }

    /// The HTTP response, with the headers that the services send.
    pub(super) fn into_response(self, request_number: u64, at: Timestamp) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::new(self.body, self.truncated));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let request_id = format!("{REQUEST_ID_PREFIX}{request_number:012x}");
        // The client learns from the date how far its clock is off, so it must be our clock's.
        let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if self.content_type == CBOR {
            set(headers, HeaderName::from_static("smithy-protocol"), "rpc-v2-cbor");
        }
        if let Some(code) = &self.error_code {
            set(headers, HeaderName::from_static("x-amzn-errortype"), code);
        }
        set(headers, HeaderName::from_static("accept-post"), ACCEPT_POST);
        set(headers, CONTENT_TYPE, &self.content_type);
        set(headers, DATE, &date);
        set(headers, HeaderName::from_static("x-amz-id-2"), &request_id);
        set(headers, HeaderName::from_static("x-amzn-requestid"), &request_id);
        response
    }
}

/// Sets a header, unless the value is none: scripted faults may ask for anything.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(error) => tracing::warn!(name: "sandbox_script_invalid",
            %name, %error, "scripted response has an invalid header"),
    }
}

/// A body that may break off half-way.
#[derive(Debug)]
pub(super) struct AnswerBody {
    announced_bytes: u64,
    rest: Rest,
    truncated: bool,
}

/// What of a body is still to come.
#[derive(Debug)]
enum Rest {
    /// The data.
    All(Bytes),
    /// Nothing, but what was handed over must first get onto the wire.
    Flush,
    /// The end, good or bad.
    End,
}

impl AnswerBody {
    fn new(mut data: Bytes, truncated: bool) -> Self {
        let announced_bytes = data.len() as u64;
        if truncated {
            data.truncate(data.len() / 2);
        }
        Self { announced_bytes, rest: Rest::All(data), truncated }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match std::mem::replace(&mut self.rest, Rest::End) {
            Rest::All(data) => {
                if self.truncated {
                    self.rest = Rest::Flush;
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Rest::Flush => {
                // hyper flushes when a body has nothing to give, and not before an error.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Rest::End if self.truncated => Poll::Ready(Some(Err(BrokenOff))),
            Rest::End => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.announced_bytes == 0 || (matches!(self.rest, Rest::End) && !self.truncated)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced_bytes)
    }
}

/// The reason that closes a connection in the middle of an answer, or without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fault closes this connection")]
pub(super) struct BrokenOff;
