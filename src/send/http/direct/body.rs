//! The body of a response: whoever reads it drives the connection, which is kept behind its end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::Conns;
use super::conn::Conn;

/// A body that is dropped before its end closes the connection.
pub(super) struct ResponseBody {
    body: Incoming,
    /// Never locked: a body has to be shareable between threads, which a connection is not.
    conn: Mutex<Option<Conn>>,
    conns: Arc<Conns>,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, conn: Conn, conns: Arc<Conns>) -> Self {
        Self { body, conn: Mutex::new(Some(conn)), conns }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, conn, conns } = &mut *self;
        let conn = conn.get_mut().unwrap_or_else(PoisonError::into_inner);
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
