//! What becomes of connections, against a server that does exactly what a test tells it to.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use http_body_util::BodyExt as _;
use rustls::RootCertStore;

use super::*;
use crate::send::http::tls_of;

fn direct() -> Direct {
    Direct::new(tls_of(&Arc::new(RootCertStore::empty())).expect("a provider"))
}

fn request(url: &str) -> Request<Bytes> {
    let request = Request::post(url).header("host", "h").header("content-length", 3);
    request.body(Bytes::from_static(b"abc")).expect("a request")
}

async fn call<'c>(direct: &'c Direct, url: &str) -> Response<ResponseBody<'c>> {
    direct.call(request(url), &Carrier::default()).await.expect("a response")
}

async fn body_of(response: Response<ResponseBody<'_>>) -> Vec<u8> {
    response.into_body().collect().await.expect("a body").to_bytes().to_vec()
}

/// Takes so many connections, each of which gets so many responses before it is closed.
fn serve(listener: &TcpListener, responses: Vec<usize>) -> JoinHandle<()> {
    let listener = listener.try_clone().expect("a listener");
    std::thread::spawn(move || {
        for count in responses {
            let (mut stream, _) = listener.accept().expect("a connection");
            for _ in 0..count {
                read_request(&mut stream);
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .expect("a reader");
            }
        }
    })
}

fn read_request(stream: &mut TcpStream) {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\nabc") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a request");
        text.extend(byte);
    }
    assert!(text.starts_with(b"POST /x/ HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&text));
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/x/", listener.local_addr().expect("an address"));
    (listener, url)
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let (listener, url) = listen();
    let server = serve(&listener, vec![3]);
    let direct = direct();
    for _ in 0..3 {
        assert_eq!(body_of(call(&direct, &url).await).await, b"ok");
    }
    server.join().expect("no panic");
}

#[tokio::test]
async fn requests_at_a_time_have_a_connection_each() {
    let (listener, url) = listen();
    let server = serve(&listener, vec![1, 1]);
    let direct = direct();
    let (one, other) = tokio::join!(call(&direct, &url), call(&direct, &url));
    for response in [one, other] {
        assert_eq!(body_of(response).await, b"ok");
    }
    server.join().expect("no panic");
    assert_eq!(direct.conns.unused.lock().len(), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_nothing() {
    let (listener, url) = listen();
    let server = serve(&listener, vec![1, 1, 1]);
    let direct = direct();
    for _ in 0..3 {
        assert_eq!(body_of(call(&direct, &url).await).await, b"ok");
        // The end of a connection comes like any other news.
        poll_fn(|cx| {
            let mut unused = direct.conns.unused.lock();
            unused.retain_mut(|conn| conn.is_good(cx, Instant::now()));
            if unused.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    server.join().expect("no panic");
}

#[tokio::test]
async fn a_poisoned_connection_is_not_used_again() {
    let (listener, url) = listen();
    let server = serve(&listener, vec![1, 1]);
    let direct = direct();
    for _ in 0..2 {
        let carrier = Carrier::default();
        let response = direct.call(request(&url), &carrier).await.expect("a response");
        assert_eq!(body_of(response).await, b"ok");
        assert!(carrier.is_there());
        carrier.poison();
    }
    server.join().expect("no panic");
}

#[tokio::test]
async fn what_was_written_may_have_arrived_and_what_found_no_server_did_not() {
    let (listener, url) = listen();
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_request(&mut stream);
    });
    let direct = direct();
    let is_unsent = |error: &ConnectorError| {
        let mut next = Some(error as &(dyn std::error::Error + 'static));
        std::iter::from_fn(|| {
            let error = next?;
            next = error.source();
            Some(error)
        })
        .any(<dyn std::error::Error>::is::<NotSent>)
    };
    let carrier = Carrier::default();
    let lost = direct.call(request(&url), &carrier).await.err().expect("no response");
    assert!(!is_unsent(&lost) && carrier.is_there(), "{lost:?}");
    server.join().expect("no panic");
    // Nobody listens there now.
    let carrier = Carrier::default();
    let refused = request(&format!("http://{address}/x/"));
    let unsent = direct.call(refused, &carrier).await.err().expect("no server");
    assert!(is_unsent(&unsent) && !carrier.is_there(), "{unsent:?}");
}
