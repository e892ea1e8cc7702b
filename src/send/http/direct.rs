//! A flow's own connections to one host, without a proxy: as many as it has requests under way.
//!
//! Who waits for a response drives the connection: no other task is woken, and nothing is handed
//! over between writing a request and reading its response. A connection is used again unless it
//! ended, was unused for long, or was poisoned; whether it ended is looked at before each request.
//! What a server closes in that very moment is told apart by whether hyper had begun to write: if
//! not, the request goes over another connection, and if so, it may have arrived.

mod body;
mod conn;
mod read_ahead;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use hyper::http::{Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use parking_lot::Mutex;
use rustls::ClientConfig;

use self::body::ResponseBody;
pub(super) use self::conn::Poison;
use self::conn::{Conn, RequestBody, connect};
use self::read_ahead::Sockets;
use super::way::Carrier;
use crate::send::not_sent::NotSent;

/// The connections of one flow. Dropping it closes those that are unused.
pub(in crate::send) struct Direct {
    conns: Conns,
}

struct Conns {
    connector: HttpsConnector<Sockets>,
    unused: Mutex<Vec<Conn>>,
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct")
            .field("unused", &self.conns.unused.lock().len())
            .finish_non_exhaustive()
    }
}

impl Direct {
    pub(super) fn new(tls: Arc<ClientConfig>) -> Self {
        let mut tcp = TcpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnector::from((Sockets(tcp), tls));
        Self { conns: Conns { connector, unused: Mutex::default() } }
    }

    /// Makes a request, and gives the head of its response.
    pub(super) async fn call(
        &self,
        request: Request<Bytes>,
        carrier: &Carrier,
    ) -> Result<Response<ResponseBody<'_>>, ConnectorError> {
        self.conns.exchange(request.map(RequestBody::new), carrier).await
    }
}

impl Conns {
    async fn exchange(
        &self,
        mut request: Request<RequestBody>,
        carrier: &Carrier,
    ) -> Result<Response<ResponseBody<'_>>, ConnectorError> {
        let target = std::mem::take(request.uri_mut());
        // To the server itself goes the path alone (RFC 9112, section 3.2.1).
        *request.uri_mut() = target.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
        loop {
            let kept = self.kept().await;
            let is_kept = kept.is_some();
            let mut conn = match kept {
                Some(conn) => conn,
                None => connect(self.connector.clone(), target.clone()).await?,
            };
            carrier.set_own(conn.poison());
            match conn.send(request).await {
                Ok(response) => {
                    return Ok(response.map(|body| ResponseBody::new(body, conn, self)));
                }
                Err(mut failed) => match failed.take_message() {
                    None => return Err(ConnectorError::io(failed.into_error().into())),
                    Some(unsent) => {
                        carrier.clear();
                        if !is_kept {
                            let error = NotSent::new(failed.into_error());
                            return Err(ConnectorError::io(error.into()));
                        }
                        request = unsent;
                    }
                },
            }
        }
    }

    /// A connection that is good for another request. Those that are not are closed.
    async fn kept(&self) -> Option<Conn> {
        let now = Instant::now();
        poll_fn(|cx| {
            let mut unused = self.unused.lock();
            unused.retain_mut(|conn| conn.is_good(cx, now));
            Poll::Ready(unused.pop())
        })
        .await
    }

    /// Keeps a connection for the next request.
    fn keep(&self, conn: Conn) {
        self.unused.lock().push(conn);
    }
}

#[cfg(test)]
mod tests;
