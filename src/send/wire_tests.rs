//! The whole way from a [`Body`] over a [`Wire`] to a socket and back, against a server that
//! does exactly what a test tells it to and nothing that an emulator would smooth over.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::classify::{Verdict, classify};
use super::client::Aws;
use super::response::PutResponse;
use super::transport::{CallError, CredentialFault, Payload, Transport};
use super::wire::{ANSWER_BYTES_MAX, Operation, Wire};
use crate::batch::body::{Body, Envelope};
use crate::config::{AwsConfig, FlowAwsConfig, StaticKeys, UserAgent, Wire as Speak};

/// Names that must never show up in an error.
const SECRET: &str = "wJalrXUtnFEMI-test-secret";

/// What the server does with a connection's request.
#[derive(Clone)]
pub(super) enum Reply {
    PutResponse {
        status: u16,
        headers: &'static str,
        body: Vec<u8>,
    },
    /// Announces the body's length and more, sends the body, and closes.
    Cut {
        body: Vec<u8>,
    },
    Close,
}

#[derive(Default)]
pub(super) struct Request {
    head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(super) struct Server {
    listener: TcpListener,
    pub(super) requests: Mutex<Vec<Request>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener, requests: Mutex::default() }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("it is bound"))
    }

    /// Answers one request on each connection.
    pub(super) async fn serve(&self, replies: Vec<Reply>) {
        for reply in replies {
            let (mut socket, _) = self.listener.accept().await.expect("a connection");
            let request = read_request(&mut socket).await;
            self.requests.lock().expect("no panic").push(request);
            let (status, headers, body, announced) = match &reply {
                Reply::PutResponse { status, headers, body } => {
                    (*status, *headers, body, body.len())
                }
                Reply::Cut { body } => (200, "", body, body.len() + 1000),
                Reply::Close => continue,
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {announced}\r\n\
                 x-amzn-requestid: r-1\r\n{headers}\r\n"
            );
            // The client may hang up in the middle of an answer that is too long.
            if socket.write_all(head.as_bytes()).await.is_ok() {
                socket.write_all(body).await.unwrap_or_default();
            }
        }
        std::future::pending::<()>().await;
    }
}

async fn read_request(socket: &mut TcpStream) -> Request {
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

pub(super) fn config(url: &str) -> AwsConfig {
    AwsConfig {
        kinesis_endpoint: Some(url.to_owned()),
        firehose_endpoint: Some(url.to_owned()),
        kinesis_region: Some("eu-west-1".to_owned()),
        static_keys: Some(StaticKeys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SECRET.to_owned(),
        }),
        ..AwsConfig::default()
    }
}

pub(super) async fn aws(config: &AwsConfig) -> Aws {
    Aws::load(config).await.expect("no certificates are asked for")
}

async fn wire(config: &AwsConfig) -> Wire {
    let defaults = FlowAwsConfig::default();
    aws(config).await.wire(Operation::PutRecords, &defaults, Speak::Auto).await.expect("a region")
}

fn kinesis_body(records: usize) -> Body {
    let mut body = Body::new(&Envelope::kinesis("orders"));
    (0..records).for_each(|number| body.push(format!("line {number}\n").as_bytes(), "key"));
    body
}

/// One call to Kinesis against this reply, as the first and as the second of its wire, which must
/// make the same of it. The request of the second, and what the wire made of it.
async fn call(records: usize, reply: Reply) -> (Request, Result<PutResponse, CallError>) {
    let (_, mut first) = calls(records, vec![reply.clone()]).await;
    let (mut requests, mut second) = calls(records, vec![ok(ONE_TAKEN), reply]).await;
    let (first, second) = (first.remove(0), second.remove(1));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    if let Err(error) = &second {
        assert!(!format!("{error} {error:?}").contains(SECRET));
    }
    assert_eq!(requests.len(), 2);
    (requests.remove(1), second)
}

/// One call after the other over one transport, each against its reply. The first is of one
/// record if there are more.
async fn calls(
    records: usize,
    replies: Vec<Reply>,
) -> (Vec<Request>, Vec<Result<PutResponse, CallError>>) {
    let server = Server::start().await;
    let transport = wire(&config(&server.url())).await;
    let count = replies.len();
    let puts = async {
        let mut results = Vec::new();
        for number in 1..=count {
            let records = if number < count { 1 } else { records };
            // Hashed beforehand or not, it must come to the same.
            let mut body = kinesis_body(records);
            let body = if number % 2 == 0 { sealed(&mut body) } else { body.finish().into() };
            results.push(transport.put(body, records).await);
        }
        results
    };
    let results = tokio::select! {
        results = puts => results,
        () = server.serve(replies) => unreachable!("it serves indefinitely"),
    };
    (server.requests.into_inner().expect("no panic"), results)
}

fn sealed(body: &mut Body) -> Payload {
    body.seal();
    Payload { bytes: body.finish(), encoding: body.encoding(), sha256: body.sha256().cloned() }
}

/// An answer to one record that was taken.
const ONE_TAKEN: &str =
    r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"}]}"#;

fn ok(body: &str) -> Reply {
    Reply::PutResponse { status: 200, headers: "", body: body.as_bytes().to_vec() }
}

fn error(status: u16, headers: &'static str, body: &str) -> Reply {
    Reply::PutResponse { status, headers, body: body.as_bytes().to_vec() }
}

#[tokio::test]
async fn kinesis_gets_exactly_the_finished_body_signed() {
    let reply = concat!(
        r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"},"#,
        r#"{"SequenceNumber":"2","ShardId":"s"}]}"#
    );
    let (request, result) = call(2, ok(reply)).await;
    assert_eq!(result.expect("delivered"), PutResponse::default());
    assert!(request.head.starts_with("POST / HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(request.header("x-amz-target"), Some("Kinesis_20131202.PutRecords"));
    let body = kinesis_body(2).finish();
    assert_eq!(request.body, body);
    assert_eq!(request.header("content-length"), Some(body.len().to_string().as_str()));
    let authorization = request.header("authorization").expect("it is signed");
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
            && authorization.contains("/eu-west-1/kinesis/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn the_signature_covers_our_bytes() {
    use hmac::sign;
    let (requests, _) = calls(2, vec![ok(ONE_TAKEN), ok(ONE_TAKEN)]).await;
    for request in &requests {
        let authorization = request.header("authorization").expect("it is signed").to_owned();
        let date = request.header("x-amz-date").expect("a date");
        assert_eq!(sign(&request.head, &request.body, date, SECRET), signature(&authorization));
        assert_ne!(sign(&request.head, b"{}", date, SECRET), signature(&authorization));
    }
}

/// The headers, without those that belong to one call or have to do with its body.
fn common_headers(request: &Request) -> Vec<String> {
    let own = ["amz-sdk-", "authorization", "content-length", "x-amz-date"];
    let lines = request.head.lines().map(str::to_ascii_lowercase);
    let mut lines: Vec<String> =
        lines.filter(|line| !own.iter().any(|name| line.starts_with(name))).collect();
    lines.sort();
    lines
}

fn signed_headers(request: &Request) -> &str {
    let authorization = request.header("authorization").expect("it is signed");
    let signed = authorization.split("SignedHeaders=").nth(1).expect("signed headers");
    signed.split(',').next().expect("signed headers")
}

#[tokio::test]
async fn the_headers_are_those_of_the_sdk() {
    use aws_sdk_kinesis::primitives::Blob;
    use aws_sdk_kinesis::types::PutRecordsRequestEntry;

    let server = Server::start().await;
    let aws = aws(&config(&server.url())).await;
    let defaults = FlowAwsConfig::default();
    let puts = async {
        let client = aws.kinesis(&defaults).await.expect("a region");
        let record = PutRecordsRequestEntry::builder().data(Blob::new("line 0\n"));
        let record = record.partition_key("key").build().expect("it has all");
        let put = client.put_records().stream_name("orders").records(record).send();
        put.await.expect("it is taken");
        let client = aws.firehose(&defaults).await;
        let put = client.put_record_batch().delivery_stream_name("orders");
        put.set_records(Some(Vec::new())).send().await.expect("it is taken");
        for operation in [Operation::PutRecords, Operation::PutRecordBatch] {
            let wire = aws.wire(operation, &defaults, Speak::Auto).await.expect("a region");
            wire.call(kinesis_body(1).finish().into()).await.expect("it is taken");
        }
    };
    let batch = r#"{"FailedPutCount":0,"RequestResponses":[]}"#;
    let replies = vec![ok(ONE_TAKEN), ok(batch), ok(ONE_TAKEN), ok(batch)];
    tokio::select! {
        () = puts => {}
        () = server.serve(replies) => unreachable!("it serves indefinitely"),
    }
    let requests = server.requests.into_inner().expect("no panic");
    let [kinesis, firehose, our_kinesis, our_firehose] = requests.as_slice() else {
        panic!("four requests")
    };
    for (sdk, ours) in [(kinesis, our_kinesis), (firehose, our_firehose)] {
        assert!(sdk.header("amz-sdk-invocation-id").is_some());
        assert_eq!(common_headers(sdk), common_headers(ours));
        assert_eq!(signed_headers(sdk), signed_headers(ours));
    }
    // Member for member, too, where the SDK sends the same record.
    let json = |request: &Request| -> serde_json::Value {
        serde_json::from_slice(&request.body).expect("it is JSON")
    };
    assert_eq!(json(kinesis), json(our_kinesis));
}

#[tokio::test]
async fn the_user_agent_is_as_configured() {
    let server = Server::start().await;
    let prefixed = UserAgent::Prefixed("mine/1".to_owned());
    let replaced = UserAgent::Replaced("all mine".to_owned());
    let puts = async {
        for user_agent in [prefixed, replaced] {
            let transport = wire(&AwsConfig { user_agent, ..config(&server.url()) }).await;
            let put = transport.put(kinesis_body(1).finish().into(), 1).await;
            put.expect("it is taken");
        }
    };
    tokio::select! {
        () = puts => {}
        () = server.serve(vec![ok(ONE_TAKEN); 2]) => unreachable!("it serves indefinitely"),
    }
    let requests = server.requests.into_inner().expect("no panic");
    let [prefixed, replaced] = requests.as_slice() else { panic!("two requests") };
    let agent = prefixed.header("user-agent").expect("there is one");
    assert!(agent.starts_with("mine/1 aws-sdk-rust/"), "{agent}");
    assert_eq!(replaced.header("user-agent"), Some("all mine"));
    assert!(replaced.header("x-amz-user-agent").is_some_and(|sdk| sdk.starts_with("aws-sdk-rust")));
}

#[tokio::test]
async fn a_call_after_a_failure_is_like_any_other() {
    let taken = || ok(ONE_TAKEN);
    let replies = vec![taken(), error(500, "", ""), taken(), taken(), Reply::Close, taken()];
    let (requests, results) = calls(1, replies).await;
    for request in &requests {
        assert_eq!(common_headers(request), common_headers(&requests[0]));
        assert_eq!(request.body, requests[0].body);
    }
    let well: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(well, [true, false, true, true, false, true]);
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_date_of_an_answer() {
    let date = "date: Thu, 29 Nov 2035 12:30:00 GMT\r\n";
    let skewed = r#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#;
    let replies = vec![error(403, date, skewed), ok(ONE_TAKEN), ok(ONE_TAKEN)];
    let (requests, results) = calls(1, replies).await;
    assert_eq!(results[0].as_ref().expect_err("skewed").code(), "InvalidSignatureException");
    assert!(results[1].is_ok() && results[2].is_ok());
    let date = |request: &Request| request.header("x-amz-date").expect("a date").to_owned();
    let there = "20351129T12";
    assert!(!date(&requests[0]).starts_with(there));
    for request in &requests[1..] {
        assert!(date(request).starts_with(there), "{}", date(request));
        let authorization = request.header("authorization").expect("it is signed").to_owned();
        let signed = hmac::sign(&request.head, &request.body, &date(request), SECRET);
        assert_eq!(signed, signature(&authorization));
    }
}

/// Answers on a connection for as long as the client keeps it, and counts connections.
async fn serve_kept(listener: &TcpListener, replies: &[(u16, &str)]) -> usize {
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

#[tokio::test]
async fn a_connection_is_kept_until_a_server_fails_on_it() {
    let throttled = r#"{"__type":"ThrottlingException"}"#;
    for (middle, connections) in [((200, ONE_TAKEN), 1), ((400, throttled), 1), ((503, ""), 2)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let transport = wire(&config(&url)).await;
        let replies = [(200, ONE_TAKEN), middle, (200, ONE_TAKEN)];
        let puts = async {
            for (status, _) in replies {
                let put = transport.put(kinesis_body(1).finish().into(), 1).await;
                assert_eq!(put.is_ok(), status == 200, "{put:?}");
            }
        };
        let ((), counted) = tokio::join!(puts, serve_kept(&listener, &replies));
        assert_eq!(counted, connections, "{middle:?}");
    }
}

fn signature(authorization: &str) -> &str {
    authorization.rsplit("Signature=").next().expect("a signature")
}

/// Signature version 4 by hand, from AWS's description of it.
mod hmac {
    use sha2::{Digest, Sha256};

    fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut padded = [0_u8; 64];
        padded[..key.len()].copy_from_slice(key);
        let pad = |with: u8| padded.map(|byte| byte ^ with);
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    pub(super) fn sign(head: &str, body: &[u8], date: &str, secret: &str) -> String {
        let find = |name: &str| {
            let line = head.lines().find(|line| {
                line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name))
            });
            line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
        };
        let authorization = find("authorization");
        let signed = authorization
            .split("SignedHeaders=")
            .nth(1)
            .and_then(|rest| rest.split(',').next())
            .expect("signed headers");
        let headers: Vec<String> =
            signed.split(';').map(|name| format!("{name}:{}\n", find(name))).collect();
        let headers = headers.concat();
        let canonical = format!("POST\n/\n\n{headers}\n{signed}\n{}", hex(&Sha256::digest(body)));
        let day = date.get(..8).expect("a date");
        let scope = format!("{day}/eu-west-1/kinesis/aws4_request");
        let hash = hex(&Sha256::digest(canonical.as_bytes()));
        let message = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
        let key = ["eu-west-1", "kinesis", "aws4_request"]
            .iter()
            .fold(hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes()), |key, part| {
                hmac(&key, part.as_bytes())
            });
        hex(&hmac(&key, message.as_bytes()))
    }
}

#[tokio::test]
async fn firehose_gets_its_own_operation_and_its_answer_is_read() {
    let server = Server::start().await;
    let aws = aws(&config(&server.url())).await;
    let mut body = Body::new(&Envelope::firehose("to-s3"));
    body.push(b"a\n", "");
    body.push(b"b\n", "");
    let reply = concat!(
        r#"{"FailedPutCount":1,"RequestResponses":[{"RecordId":"1"},"#,
        r#"{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}]}"#
    );
    let defaults = FlowAwsConfig::default();
    let transport =
        aws.wire(Operation::PutRecordBatch, &defaults, Speak::Auto).await.expect("a region");
    let answer = tokio::select! {
        result = transport.put(body.finish().into(), 2) => result.expect("an answer"),
        () = server.serve(vec![ok(reply)]) => unreachable!("it serves indefinitely"),
    };
    assert_eq!(answer.failed.len(), 1);
    assert_eq!((answer.failed[0].index, answer.failed[0].message.as_str()), (1, "Slow down."));
    let request = server.requests.lock().expect("no panic").pop().expect("one request");
    assert_eq!(request.header("x-amz-target"), Some("Firehose_20150804.PutRecordBatch"));
    assert_eq!(request.body, body.finish());
    let authorization = request.header("authorization").expect("it is signed");
    assert!(authorization.contains("/us-east-1/firehose/"), "{authorization}");
}

#[tokio::test]
async fn partial_failures_name_their_records() {
    let reply = concat!(
        r#"{"FailedRecordCount":0,"Records":[{"ErrorCode":"InternalFailure","#,
        r#""ErrorMessage":"Internal Service Failure"},"#,
        r#"{"SequenceNumber":"2","ShardId":"s","ErrorCode":null}]}"#
    );
    let (_, result) = call(2, ok(reply)).await;
    let failed = result.expect("an answer").failed;
    assert_eq!((failed.len(), failed[0].index, failed[0].code.as_str()), (1, 0, "InternalFailure"));
}

#[tokio::test]
async fn error_answers_keep_code_words_and_wish() {
    let throttled = concat!(
        r#"{"__type":"com.amazonaws.kinesis#ProvisionedThroughputExceededException","#,
        r#""message":"Rate exceeded"}"#
    );
    let (_, result) = call(1, error(400, "x-amz-retry-after: 1500\r\n", throttled)).await;
    let failure = result.expect_err("throttled");
    assert_eq!(failure.code(), "ProvisionedThroughputExceededException");
    assert_eq!(failure.message(), "Rate exceeded");
    assert_eq!(failure.retry_after(), Some(Duration::from_millis(1500)));

    let date = "date: Sun, 29 Nov 2026 12:00:00 GMT\r\n\
                retry-after: Sun, 29 Nov 2026 12:00:07 GMT\r\n";
    for (status, wish) in [(429, "Retry-After: 7\r\n"), (503, date)] {
        let (_, result) = call(1, error(status, wish, "busy")).await;
        let failure = result.expect_err("busy");
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)), "{wish}");
    }

    let unknown = r#"{"__type":"BrandNewException","Message":"hm"}"#;
    let (_, result) = call(1, error(400, "", unknown)).await;
    let failure = result.expect_err("unknown");
    assert_eq!((failure.code(), failure.message().as_str()), ("BrandNewException", "hm"));
}

#[tokio::test]
async fn an_unreadable_error_is_known_by_its_status() {
    for (status, body) in [(503, "<html>busy</html>"), (500, ""), (502, "{\"oops")] {
        let (_, result) = call(1, error(status, "", body)).await;
        let failure = result.expect_err("an error");
        assert_eq!(failure.code(), format!("Http{status}"), "{failure}");
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_believed_is_ambiguous() {
    let whole = r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"}]}"#;
    let mut long = whole.as_bytes().to_vec();
    long.resize(ANSWER_BYTES_MAX + 1, b' ');
    let replies = [
        ok(""),
        ok("{}"),
        ok("<html></html>"),
        ok(r#"{"FailedRecordCount":0,"Records":[]}"#),
        ok(r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1"},{"SequenceNumber":"2"}]}"#),
        Reply::PutResponse { status: 200, headers: "", body: long },
        Reply::Cut { body: whole.as_bytes().to_vec() },
        Reply::Close,
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        let (_, result) = call(1, reply).await;
        let failure = result.expect_err("not believed");
        let verdict = classify(&failure);
        assert!(
            matches!(verdict, Verdict::Transient { ambiguous: true, .. }),
            "reply {number}: {verdict:?} {failure}"
        );
    }
}

#[tokio::test]
async fn a_body_can_be_used_again_after_its_call() {
    let server = Server::start().await;
    let transport = wire(&config(&server.url())).await;
    let answer = || ok(r#"{"FailedRecordCount":0,"Records":[]}"#);
    let puts = async {
        for way in ["first", "second"] {
            let mut body = kinesis_body(500);
            let result = transport.put(sealed(&mut body), 0).await;
            assert!(result.is_ok(), "{result:?}");
            assert!(body.recycle().is_some(), "{way}: the SDK and the connection released it");
        }
    };
    tokio::select! {
        () = puts => {}
        () = server.serve(vec![answer(), answer()]) => unreachable!("it serves indefinitely"),
    };
}

#[tokio::test]
async fn a_refused_connection_is_not_ambiguous() {
    let server = Server::start().await;
    let transport = wire(&config(&server.url())).await;
    drop(server);
    let result = transport.put(kinesis_body(1).finish().into(), 1).await;
    let failure = result.expect_err("no listener");
    assert!(matches!(failure, CallError::NotSent { .. }), "{failure:?}");
    assert!(failure.message().contains("refused"), "{failure}");
}

#[tokio::test]
async fn missing_credentials_are_told_apart() {
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};

    #[derive(Debug)]
    struct Failing(fn() -> CredentialsError);
    impl ProvideCredentials for Failing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err((self.0)()))
        }
    }
    let cases: [(fn() -> CredentialsError, CredentialFault); 3] = [
        (|| CredentialsError::not_loaded("nothing"), CredentialFault::Missing),
        (|| CredentialsError::invalid_configuration("a loop"), CredentialFault::Invalid),
        (|| CredentialsError::provider_error("HTTP 503"), CredentialFault::Unavailable),
    ];
    for (make, expected) in cases {
        let transport = wire(&config("http://127.0.0.1:1")).await.with_provider(Failing(make));
        let failure = transport.put(kinesis_body(1).finish().into(), 1).await.expect_err("no keys");
        assert!(
            matches!(&failure, CallError::Credentials { fault, .. } if *fault == expected),
            "{failure:?}"
        );
    }
}

/// Gives keys that are as good as over once, and then hangs.
#[derive(Debug, Default)]
struct HangsAfter {
    answers: std::sync::atomic::AtomicUsize,
}

impl aws_credential_types::provider::ProvideCredentials for HangsAfter {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        use aws_credential_types::Credentials;
        use aws_credential_types::provider::future::ProvideCredentials;
        let left = self.answers.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        if left == 0 {
            return ProvideCredentials::new(std::future::pending());
        }
        let soon = std::time::SystemTime::now() + Duration::from_secs(1);
        ProvideCredentials::ready(Ok(Credentials::new("AKID", SECRET, None, Some(soon), "test")))
    }
}

#[tokio::test]
async fn nothing_is_ambiguous_while_credentials_are_waited_for() {
    for answers in [0, 1] {
        let server = Server::start().await;
        let provider = HangsAfter { answers: answers.into() };
        let transport = wire(&config(&server.url())).await.with_provider(provider);
        let hanging = async {
            if answers > 0 {
                let taken = transport.put(kinesis_body(1).finish().into(), 1).await;
                assert!(taken.is_ok(), "{taken:?}");
                transport.forget_keys();
            }
            tokio::time::pause();
            transport.put(kinesis_body(1).finish().into(), 1).await
        };
        let result = tokio::select! {
            result = hanging => result,
            () = server.serve(vec![ok(ONE_TAKEN)]) => unreachable!("it serves indefinitely"),
        };
        tokio::time::resume();
        let failure = result.expect_err("no keys");
        let verdict = classify(&failure);
        assert!(matches!(verdict, Verdict::Fault { .. }), "{verdict:?} {failure:?}");
    }
}
