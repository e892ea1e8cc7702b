//! The listener and its connections. What an answer says is decided in [`super::exchange`].

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::exchange::respond;
use super::shared::Shared;
use super::{SandboxError, SandboxHandle, SandboxOptions, Store};
use kinetail_base::log_throttle::FailureLog;

/// Connections that are served at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1_024;
/// How long requests under way may take once the sandbox is told to stop.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// The pause after the kernel refuses a connection, for instance for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound sandbox that does not serve yet.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Sandbox {
    /// Checks the options and binds the address; port 0 picks a free one.
    ///
    /// # Errors
    /// [`SandboxError`] says which option or file does not work.
    pub async fn bind(options: SandboxOptions) -> Result<Self, SandboxError> {
        let listen = options.listen;
        if !listen.ip().to_canonical().is_loopback() {
            return Err(SandboxError::NotLoopback { address: listen });
        }
        if let Store::Ndjson(directory) = &options.store {
            super::output::make_directory(directory)
                .map_err(|source| SandboxError::Output { path: directory.clone(), source })?;
        }
        let shared = Arc::new(Shared::new(options)?);
        let bind_error = |source| SandboxError::Bind { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        Ok(Self { address, listener, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle to watch it and to change its faults. It outlives the serving.
    #[must_use]
    pub fn handle(&self) -> SandboxHandle {
        SandboxHandle::new(self.address, Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` completes, then gives requests under way up to one second. Dropping
    /// the future closes all connections at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, shared, .. } = self;
        let stop = CancellationToken::new();
        let mut connections = JoinSet::new();
        let mut failures = FailureLog::default();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => report(ended),
                stream = accept(&listener, &mut failures),
                    if connections.len() < CONNECTIONS_MAX =>
                {
                    connections.spawn(connection(stream, Arc::clone(&shared), stop.clone()));
                }
            }
        }
        drop(listener);
        stop.cancel();
        let drain = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if tokio::time::timeout(DRAIN_MAX, drain).await.is_err() {
            tracing::debug!("the sandbox closes connections that are still at work");
        }
    }
}

async fn accept(listener: &TcpListener, failures: &mut FailureLog) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failures.on_success(Instant::now());
                return stream;
            }
            Err(error) => {
                if failures.on_failure("accept", Instant::now()).is_some() {
                    tracing::warn!(name: "sandbox_accept_failed",
                        %error, "sandbox cannot accept connections; retrying");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request| respond(Arc::clone(&shared), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Clients that go away and faults that close are everyday events here.
    if let Err(error) = ended {
        tracing::debug!(%error, "a sandbox connection ended early");
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(name: "sandbox_connection_failed", %error, "a sandbox connection failed");
    }
}
