//! The body of a response: whoever reads it drives the connection, which is kept behind its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::Conns;
use super::conn::Conn;

/// A body that is dropped before its end closes the connection.
pub(in crate::send::http) struct ResponseBody<'c> {
    body: Incoming,
    /// `None` behind its end.
    conn: Option<Conn>,
    conns: &'c Conns,
}

impl<'c> ResponseBody<'c> {
    pub(super) fn new(body: Incoming, conn: Conn, conns: &'c Conns) -> Self {
        Self { body, conn: Some(conn), conns }
    }
}

impl Body for ResponseBody<'_> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, conn, conns } = &mut *self;
        if let Some(conn) = conn {
            conn.drive(cx);
        }
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if frame.is_none()
            && let Some(conn) = conn.take()
        {
            conns.keep(conn);
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
