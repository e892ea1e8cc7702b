//! The whole way from a [`Body`] over a [`Wire`] to a socket and back, against a server that
//! does exactly what a test tells it to and nothing that an emulator would smooth over.

mod credentials;
mod failures;
mod server;
mod signature;

use tokio::net::TcpListener;

use self::server::{ONE_TAKEN, Request, error, ok, serve_kept};
pub(super) use self::server::{Reply, Server};
use self::signature::{sign, signature};
use super::client::Aws;
use super::response::PutResponse;
use super::transport::{CallError, Payload, Transport};
use super::wire::{Operation, Wire};
use crate::batch::body::{Body, Envelope};
use crate::config::{AwsConfig, FlowAwsConfig, StaticKeys, UserAgent, Wire as Speak};

/// Names that must never show up in an error.
const SECRET: &str = "wJalrXUtnFEMI-test-secret";

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
async fn a_wrong_clock_is_corrected_by_the_date_of_a_response() {
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
        let signed = sign(&request.head, &request.body, &date(request), SECRET);
        assert_eq!(signed, signature(&authorization));
    }
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
