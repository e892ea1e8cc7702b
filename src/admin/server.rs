//! The port: who may connect, how many, and for how long.

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::{self, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::host;
use super::routes::respond;
use super::status::AdminState;
use crate::log_throttle::FailureLog;

/// Connections at a time. One more takes the place of the oldest that has asked for nothing yet:
/// who asks something is answered, whoever else holds connections open.
pub const CONNECTIONS_MAX: usize = 64;

/// A request's head must have arrived after this.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(5);

/// A connection ends after this, one request and its answer included, however slowly the other
/// side reads: a scraper that hangs must not keep its place.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);

/// A request's head must fit into this; hyper takes no less.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Headers in a request.
const HEADERS_MAX: usize = 64;

/// After a failed accept (no descriptor is free) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// From where the admin port may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// From anywhere that the address can be reached from: paths of log files are shown to all of
    /// them, there is no password.
    Anywhere,
    /// From this machine only.
    Loopback,
}

/// Why the admin port cannot be opened. Each reads well behind "failed to".
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The system refused.
    #[error(
        "cannot bind admin endpoint to {address}: {source}; if another kinetail is running, set a \
         different admin.address"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others than this machine could reach the address.
    #[error(
        "cannot bind admin endpoint to {address}: not a loopback address, and the endpoint has no \
         authentication; use 127.0.0.1 or set admin.allowRemote: true"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
}

/// The open port.
#[derive(Debug)]
pub struct Admin {
    listener: net::TcpListener,
    address: SocketAddr,
    reach: Reach,
    connections_max: usize,
}

impl Admin {
    /// Opens the port. Port 0 takes a free one.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub fn bind(address: SocketAddr, reach: Reach) -> Result<Self, AdminError> {
        if reach == Reach::Loopback && !host::is_loopback(address) {
            return Err(AdminError::NotLoopback { address });
        }
        let failed = |source| AdminError::Bind { address, source };
        let listener = net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, reach, connections_max: CONNECTIONS_MAX })
    }

    /// With fewer connections at a time, where descriptors are short.
    #[must_use]
    pub(crate) fn with_connections(self, connections_max: usize) -> Self {
        Self { connections_max: connections_max.clamp(1, CONNECTIONS_MAX), ..self }
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers on a thread of its own, which nothing else can keep busy, until the sender that is
    /// given back is dropped.
    ///
    /// # Errors
    /// If the system has no thread, or no descriptors for its event loop.
    pub(crate) fn serve_on_thread(
        self,
        state: AdminState,
    ) -> io::Result<oneshot::Sender<Infallible>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (keep, gone) = oneshot::channel::<Infallible>();
        std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(self.serve(state, async { drop(gone.await) }));
        })?;
        Ok(keep)
    }

    /// Answers until `shutdown` is ready; then open connections are cut.
    pub async fn serve(self, state: AdminState, shutdown: impl Future<Output = ()>) {
        let listener = match TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(name: "admin_disabled",
                    %error, "admin endpoint disabled; delivery continues");
                return;
            }
        };
        let state = Arc::new(state);
        let mut shutdown = pin!(shutdown);
        let mut connections = Connections::default();
        let mut failures = FailureLog::default();
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                () = connections.any_finished() => {}
                accepted = accept(&listener, failures.is_failing()) => {
                    match accepted {
                        Ok(stream) => {
                            failures.on_success(Instant::now());
                            connections.make_room(self.connections_max);
                            let (state, asked) = (Arc::clone(&state), Arc::default());
                            let talk = converse(stream, state, self.reach, Arc::clone(&asked));
                            connections.add(asked, talk);
                        }
                        Err(error) => {
                            if failures.on_failure("accept", Instant::now()).is_some() {
                                tracing::warn!(name: "admin_accept_failed",
                                    %error, "admin endpoint cannot accept connections");
                            }
                        }
                    }
                }
            }
        }
    }
}

async fn accept(listener: &TcpListener, failed_before: bool) -> io::Result<TcpStream> {
    if failed_before {
        sleep(ACCEPT_PAUSE).await;
    }
    listener.accept().await.map(|(stream, _)| stream)
}

/// One request and its answer. `asked` becomes true when the request's head is there.
async fn converse(stream: TcpStream, state: Arc<AdminState>, reach: Reach, asked: Arc<AtomicBool>) {
    let service = service_fn(move |request| {
        asked.store(true, Ordering::Relaxed);
        ready(Ok::<_, Infallible>(respond(&request, &state, reach, Instant::now())))
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIME_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin connection failed"),
        Err(_) => tracing::debug!("admin connection timed out"),
    }
}

/// The open connections. They are polled here, inside [`Admin::serve`]: nothing is spawned and
/// nothing outlives it.
#[derive(Default)]
pub(super) struct Connections(Vec<Connection>);

struct Connection {
    asked: Arc<AtomicBool>,
    talk: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Connections {
    /// Closes the oldest connection that has asked for nothing, or else the oldest, if there are
    /// too many for one more.
    pub(super) fn make_room(&mut self, connections_max: usize) {
        if self.0.len() < connections_max {
            return;
        }
        let idle = self.0.iter().position(|known| !known.asked.load(Ordering::Relaxed));
        self.0.remove(idle.unwrap_or(0));
    }

    /// The newest is the last.
    pub(super) fn add(
        &mut self,
        asked: Arc<AtomicBool>,
        talk: impl Future<Output = ()> + Send + 'static,
    ) {
        self.0.push(Connection { asked, talk: Box::pin(talk) });
    }

    /// Drives all of them until one is done; indefinitely if there is none.
    pub(super) async fn any_finished(&mut self) {
        poll_fn(|context| {
            let before = self.0.len();
            self.0.retain_mut(|known| known.talk.as_mut().poll(context).is_pending());
            if self.0.len() < before { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(test)]
mod tests;
