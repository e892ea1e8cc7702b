//! A server that does exactly what a test tells it to.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a connection's request.
#[derive(Clone)]
pub(in crate::send) enum Reply {
    PutResponse {
        status: u16,
        headers: &'static str,
        body: Vec<u8>,
    },
    /// Announces the body's length and more, sends the body, and closes.
    Cut {
        body: Vec<u8>,
    },
    /// Announces the body's length, and sends a byte of it now and then for as long as the client
    /// listens.
    Trickle {
        body: Vec<u8>,
    },
    Close,
}

/// Between two bytes of a body that trickles.
const TRICKLE_PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(in crate::send) struct Request {
    pub(super) head: String,
    pub(in crate::send) body: Vec<u8>,
}

impl Request {
    pub(in crate::send) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(in crate::send) struct Server {
    listener: TcpListener,
    pub(in crate::send) requests: Mutex<Vec<Request>>,
}

impl Server {
    pub(in crate::send) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener, requests: Mutex::default() }
    }

    pub(in crate::send) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("it is bound"))
    }

    /// Answers one request on each connection.
    pub(in crate::send) async fn serve(&self, replies: Vec<Reply>) {
        for reply in replies {
            let (mut socket, _) = self.listener.accept().await.expect("a connection");
            let request = read_request(&mut socket).await;
            self.requests.lock().expect("no panic").push(request);
            let (status, headers, body, announced) = match &reply {
                Reply::PutResponse { status, headers, body } => {
                    (*status, *headers, body, body.len())
                }
                Reply::Cut { body } => (200, "", body, body.len() + 1000),
                Reply::Trickle { body } => (200, "", body, body.len()),
                Reply::Close => continue,
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {announced}\r\n\
                 x-amzn-requestid: r-1\r\n{headers}\r\n"
            );
            // The client may hang up in the middle of an answer that is too long.
            if socket.write_all(head.as_bytes()).await.is_err() {
                continue;
            }
            if let Reply::Trickle { body } = &reply {
                trickle(&mut socket, body).await;
            } else {
                socket.write_all(body).await.unwrap_or_default();
            }
        }
        std::future::pending::<()>().await;
    }
}

/// Until all is sent or the client hangs up.
async fn trickle(socket: &mut TcpStream, body: &[u8]) {
    for byte in body {
        if socket.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(TRICKLE_PAUSE).await;
    }
}

pub(super) async fn read_request(socket: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let head_end = loop {
        assert!(socket.read_buf(&mut bytes).await.expect("a request") > 0, "hung up early");
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut request = Request { head, body: bytes.split_off(head_end + 4) };
    let length: usize =
        request.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
    while request.body.len() < length {
        assert!(socket.read_buf(&mut request.body).await.expect("a body") > 0, "hung up early");
    }
    request
}

/// An answer to one record that was taken.
pub(super) const ONE_TAKEN: &str =
    r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"}]}"#;

pub(super) fn ok(body: &str) -> Reply {
    Reply::PutResponse { status: 200, headers: "", body: body.as_bytes().to_vec() }
}

pub(super) fn error(status: u16, headers: &'static str, body: &str) -> Reply {
    Reply::PutResponse { status, headers, body: body.as_bytes().to_vec() }
}

/// Answers on a connection for as long as the client keeps it, and counts connections.
pub(super) async fn serve_kept(listener: &TcpListener, replies: &[(u16, &str)]) -> usize {
    let (mut connections, mut rest) = (0, replies.iter());
    while !rest.as_slice().is_empty() {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        connections += 1;
        let mut first = [0];
        while !rest.as_slice().is_empty() && socket.peek(&mut first).await.is_ok_and(|n| n > 0) {
            let Some((status, body)) = rest.next() else { break };
            read_request(&mut socket).await;
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
            socket.write_all(head.as_bytes()).await.expect("a listener");
        }
    }
    connections
}
