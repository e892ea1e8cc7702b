//! Requests of all kinds, and connections that ask for nothing.

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
        for body in ["Content-Length: 2\r\n\r\nhi", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
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
            assert_eq!((status, body.as_str()), (503, "flow f: thread exited\n"));
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
