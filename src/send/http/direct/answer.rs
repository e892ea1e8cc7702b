//! The body of an answer: whoever reads it drives the connection, which is kept behind its end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::Lines;
use super::line::Line;

/// A body that is dropped before its end closes the connection.
pub(super) struct Answer {
    body: Incoming,
    /// Never locked: a body has to be shareable between threads, which a connection is not.
    line: Mutex<Option<Line>>,
    lines: Arc<Lines>,
}

impl Answer {
    pub(super) fn new(body: Incoming, line: Line, lines: Arc<Lines>) -> Self {
        Self { body, line: Mutex::new(Some(line)), lines }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, line, lines } = &mut *self;
        let line = line.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = line {
            line.drive(cx);
        }
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if frame.is_none()
            && let Some(line) = line.take()
        {
            lines.keep(line);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
