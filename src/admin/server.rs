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
use crate::repeats::Repeats;

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
        "cannot listen on {address} for /metrics and /status: {source}; is another kinetail \
         running? give one of them another admin.address"
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
        "cannot listen on {address}: other machines could reach it, and it has no password; use \
         127.0.0.1 or say explicitly that this is wanted"
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
    pub fn with_connections(self, connections_max: usize) -> Self {
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
    pub fn serve_on_thread(self, state: AdminState) -> io::Result<oneshot::Sender<Infallible>> {
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
                tracing::error!(%error, "no admin pages; shipping goes on without");
                return;
            }
        };
        let state = Arc::new(state);
        let mut shutdown = pin!(shutdown);
        let mut connections = Connections::default();
        let mut failures = Repeats::default();
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
                                tracing::warn!(%error, "the admin port cannot take connections");
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
        Err(_) => tracing::debug!("an admin connection took too long"),
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

    /// Drives all of them until one is done; for ever if there is none.
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
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::watch;

    use super::*;
    use crate::admin::status::tests::{file, snapshot};
    use crate::admin::status::{FlowStatus, ProcessProbe};
    use crate::metrics::prometheus::Prometheus;

    /// Far longer than anything here takes, except the two time limits.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Keeps the flow of the state alive.
    type Publisher = watch::Sender<Arc<FlowStatus>>;

    fn state() -> (AdminState, Publisher) {
        let snapshot = snapshot(vec![file(b"/v/\"a\"\\\n\xff.log", 7)]);
        let (publish, feed) = watch::channel(Arc::clone(&snapshot.flows[0].status));
        let process: ProcessProbe = Arc::new(move || snapshot.process.clone());
        let state = AdminState {
            prometheus: Prometheus::detached().0,
            started_at: Instant::now(),
            flows: watch::channel(vec![feed]).1,
            process,
            history: Arc::default(),
        };
        (state, publish)
    }

    /// Runs the server for as long as `script` takes.
    async fn with_server<F: Future>(
        state: AdminState,
        script: impl FnOnce(SocketAddr) -> F,
    ) -> F::Output {
        let address = "127.0.0.1:0".parse().unwrap();
        let admin = Admin::bind(address, Reach::Loopback).unwrap();
        let script = script(admin.local_addr());
        tokio::select! {
            () = admin.serve(state, std::future::pending()) => panic!("the server ended"),
            result = timeout(PATIENCE, script) => result.unwrap(),
        }
    }

    /// Sends these bytes and reads until the server closes.
    async fn raw(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        split(&raw(address, &request).await)
    }

    /// Status, head and body.
    fn split(answer: &str) -> (u16, String, String) {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    #[tokio::test]
    async fn every_path_answers_get_and_head() {
        let (state, _publish) = state();
        with_server(state, |address| async move {
            for (path, content_type, part) in [
                (
                    "/metrics",
                    "text/plain; version=0.0.4; charset=utf-8",
                    "_lag_bytes{flow=\"f\",file=\"/v/\\\"a\\\"\\\\\\n\u{fffd}ff.log\"} 7",
                ),
                ("/metrics?x=1", "text/plain; version=0.0.4", "kinetail_build_info{"),
                ("/healthz", "text/plain; charset=utf-8", "ok\n"),
                ("/readyz", "text/plain; charset=utf-8", "ok\n"),
                ("/status", "application/json", "\"path\": \"/v/\\\"a\\\"\\\\\\n\u{fffd}ff.log\""),
            ] {
                let (status, head, body) = ask(address, "GET", path).await;
                assert_eq!(status, 200, "{path}");
                assert!(head.contains(&format!("content-type: {content_type}")), "{path}: {head}");
                assert!(head.contains("cache-control: no-store"), "{path}: {head}");
                assert!(body.contains(part), "{path}: {body}");
                let (status, head, body) = ask(address, "HEAD", path).await;
                assert_eq!((status, body.as_str()), (200, ""), "{path}");
                assert!(head.contains("content-length: "), "{path}: {head}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn an_unknown_path_gets_the_list() {
        let (state, _publish) = state();
        with_server(state, |address| async move {
            for path in ["/x", "/Metrics", "/metrics/", "/../etc/passwd"] {
                let (status, _, body) = ask(address, "GET", path).await;
                assert_eq!(status, 404, "{path}");
                for known in ["/metrics", "/healthz", "/readyz", "/status"] {
                    assert!(body.contains(known), "{path}: {body}");
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn other_methods_are_refused() {
        let (state, _publish) = state();
        with_server(state, |address| async move {
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
                let (status, head, _) = ask(address, method, "/status").await;
                assert_eq!(status, 405, "{method}");
                assert!(head.contains("allow: get, head"), "{method}: {head}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn other_hosts_are_refused() {
        let (state, _publish) = state();
        with_server(state, |address| async move {
            for (head, expected) in [
                ("Host: 127.0.0.1:1", 200),
                ("Host: [::1]", 200),
                ("Host: LOCALHOST", 200),
                ("Host: evil.example", 403),
                ("Host: 10.0.0.1", 403),
                ("Host: \u{e9}", 403),
                ("Host:", 403),
                ("X: y", 400),
                ("Host: localhost\r\nHost: evil.example", 400),
            ] {
                let request = format!("GET /status HTTP/1.1\r\n{head}\r\n\r\n");
                let (status, _, body) = split(&raw(address, &request).await);
                assert_eq!(status, expected, "{head}");
                assert_eq!(body.contains("flows"), expected == 200, "{head}: {body}");
            }
            let absolute = "GET http://evil.example/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
            assert_eq!(split(&raw(address, absolute).await).0, 403);
        })
        .await;
    }

    #[tokio::test]
    async fn bodies_and_endless_heads_are_refused() {
        let (state, _publish) = state();
        with_server(state, |address| async move {
            for body in
                ["Content-Length: 2\r\n\r\nhi", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
            {
                let request = format!("GET /status HTTP/1.1\r\nHost: localhost\r\n{body}");
                assert_eq!(split(&raw(address, &request).await).0, 413, "{body}");
            }
            let long = "x".repeat(HEAD_BYTES_MAX);
            let request = format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let (status, ..) = split(&raw(address, &request).await);
            assert!((400..500).contains(&status), "{status}");
            let many = "A: b\r\n".repeat(HEADERS_MAX + 1);
            let request = format!("GET /status HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
            assert_eq!(split(&raw(address, &request).await).0, 431);
        })
        .await;
    }

    #[tokio::test]
    async fn a_dead_flow_turns_the_probes_red_with_the_reason() {
        let (state, publish) = state();
        with_server(state, |address| async move {
            drop(publish);
            for path in ["/healthz", "/readyz"] {
                let (status, _, body) = ask(address, "GET", path).await;
                assert_eq!((status, body.as_str()), (503, "flow f: its thread has ended\n"));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn however_many_connections_are_silent_who_asks_is_answered_at_once() {
        let (state, _publish) = state();
        with_server(state, |address| async move {
            let mut silent = Vec::new();
            for count in [CONNECTIONS_MAX / 2 + 1, CONNECTIONS_MAX, 3 * CONNECTIONS_MAX] {
                while silent.len() < count {
                    silent.push(TcpStream::connect(address).await.unwrap());
                }
                let start = Instant::now();
                let (status, ..) = ask(address, "GET", "/healthz").await;
                assert_eq!(status, 200);
                assert!(start.elapsed() < HEADERS_TIME_MAX, "it waited for a place");
            }
            // The oldest had to go, the newest may still ask.
            let mut oldest = silent.swap_remove(0);
            assert_eq!(oldest.read(&mut [0; 1]).await.unwrap(), 0);
            let mut newest = silent.pop().unwrap();
            newest.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            newest.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
        })
        .await;
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_or_only_slowly_is_cut() {
        let (state, _publish) = state();
        with_server(state, |address| async move {
            let mut silent = TcpStream::connect(address).await.unwrap();
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(b"GET /healthz HT").await.unwrap();
            let start = Instant::now();
            let mut answer = Vec::new();
            silent.read_to_end(&mut answer).await.unwrap();
            assert!(start.elapsed() > HEADERS_TIME_MAX / 2);
            // It may be told that it was too slow.
            drop(slow.read_to_end(&mut answer).await);
            assert!(!answer.starts_with(b"HTTP/1.1 200"));
        })
        .await;
    }

    #[tokio::test]
    async fn the_server_ends_with_the_shutdown() {
        let (state, _publish) = state();
        let address = "127.0.0.1:0".parse().unwrap();
        let admin = Admin::bind(address, Reach::Loopback).unwrap();
        timeout(PATIENCE, admin.serve(state, ready(()))).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_that_others_reach_is_refused_unless_it_is_wanted() {
        let everywhere = "0.0.0.0:0".parse().unwrap();
        let error = Admin::bind(everywhere, Reach::Loopback).unwrap_err();
        assert!(matches!(error, AdminError::NotLoopback { .. }), "{error}");
        Admin::bind(everywhere, Reach::Anywhere).unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let first = Admin::bind("127.0.0.1:0".parse().unwrap(), Reach::Loopback).unwrap();
        let error = Admin::bind(first.local_addr(), Reach::Loopback).unwrap_err();
        assert!(matches!(error, AdminError::Bind { .. }), "{error}");
        assert!(error.to_string().contains(&first.local_addr().to_string()), "{error}");
    }
}
