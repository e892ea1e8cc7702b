//! One connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::http::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service as _;

use super::read_ahead::{ReadAhead, Sockets};
use crate::send::client::CONNECT_TIMEOUT;
use crate::send::not_sent::NotSent;

/// What is between this host and the server may have forgotten a connection that is unused for
/// longer.
const UNUSED_MAX: Duration = Duration::from_secs(90);

type Socket = MaybeHttpsStream<ReadAhead<TokioIo<TcpStream>>>;

/// The body of a request, in one piece.
pub(super) type RequestBody = Full<Bytes>;

/// A connection, and what drives it.
pub(super) struct Conn {
    sender: SendRequest<RequestBody>,
    /// `None` when it has ended.
    driver: Option<Pin<Box<Connection<Socket, RequestBody>>>>,
    poison: Poison,
    used: Instant,
}

/// Says that a connection is not to be used again.
#[derive(Debug, Clone, Default)]
pub(in crate::send) struct Poison(Arc<AtomicBool>);

impl Poison {
    pub(in crate::send) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes a connection within [`CONNECT_TIMEOUT`].
pub(super) async fn connect(
    mut connector: HttpsConnector<Sockets>,
    target: Uri,
) -> Result<Conn, ConnectorError> {
    let connecting = async {
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(NotSent::new)?;
        let socket = connector.call(target).await.map_err(NotSent::new)?;
        http1::handshake(socket).await.map_err(NotSent::new)
    };
    let (sender, driver) = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => return Err(ConnectorError::io(error.into())),
        Err(late) => return Err(ConnectorError::timeout(NotSent::new(late).into())),
    };
    let driver = Some(Box::pin(driver));
    Ok(Conn { sender, driver, poison: Poison::default(), used: Instant::now() })
}

impl Conn {
    pub(super) fn poison(&self) -> Poison {
        self.poison.clone()
    }

    /// Sends a request, and gives the head of its response.
    ///
    /// # Errors
    /// With the request, if nothing of it was written.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        self.used = Instant::now();
        let mut response = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        poll_fn(|cx| {
            drive(driver, cx);
            response.as_mut().poll(cx)
        })
        .await
    }

    /// Reads and writes what can be read and written.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
    }

    /// Whether another request can be sent, as far as can be seen now.
    pub(super) fn is_good(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let is_unwanted = self.poison.0.load(Ordering::Relaxed);
        if is_unwanted || now.saturating_duration_since(self.used) > UNUSED_MAX {
            return false;
        }
        self.drive(cx);
        self.driver.is_some() && matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())))
    }
}

/// How a connection ended is told to whoever waits for a response.
fn drive(driver: &mut Option<Pin<Box<Connection<Socket, RequestBody>>>>, cx: &mut Context<'_>) {
    if let Some(running) = driver
        && running.as_mut().poll(cx).is_ready()
    {
        *driver = None;
    }
}
