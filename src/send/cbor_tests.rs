//! CBOR on the whole way: to the sandbox, which decodes it independently, and to endpoints that do
//! not take it.

use kinetail_sandbox::{Fault, Sandbox, SandboxHandle, SandboxOptions, Scope, StreamId};

use super::classify::{Verdict, classify};
use super::transport::{CallError, Payload, Transport};
use super::wire::{Operation, Wire};
use super::wire_tests::{Reply, Server, aws, config};
use crate::batch::body::{Body, Encoding, Envelope};
use crate::config::{FlowAwsConfig, Wire as Speak};

async fn wire(url: &str, speak: Speak) -> Wire {
    let defaults = FlowAwsConfig::default();
    let aws = aws(&config(url)).await;
    aws.wire(Operation::PutRecords, &defaults, speak).await.expect("a region")
}

fn body(encoding: Encoding, records: &[&[u8]]) -> Payload {
    let mut body = Body::new(&Envelope::kinesis("orders").speaking(encoding));
    for data in records {
        body.push(data, "key");
    }
    body.seal();
    Payload { bytes: body.finish(), encoding, sha256: body.sha256().cloned() }
}

#[expect(clippy::disallowed_methods, reason = "the endpoint of a test is no part of the daemon")]
async fn sandbox() -> SandboxHandle {
    let sandbox = Sandbox::bind(SandboxOptions::default()).await.expect("a free port");
    let handle = sandbox.handle();
    tokio::spawn(sandbox.serve(std::future::pending()));
    handle
}

const RECORDS: [&[u8]; 3] = [b"one\n", b"\xff\x00\xbf", b""];

#[tokio::test]
async fn both_encodings_bring_the_same_records() {
    let handle = sandbox().await;
    let wire = wire(&handle.url(), Speak::Auto).await;
    assert_eq!(wire.encoding(), Encoding::Json, "no response said yet that CBOR is supported");
    let json = wire.put(body(Encoding::Json, &RECORDS), 3).await.expect("it is taken");
    assert!(json.takes_cbor && json.failed.is_empty());
    let cbor = wire.put(body(Encoding::Cbor, &RECORDS), 3).await.expect("it is taken");
    assert!(cbor.failed.is_empty());
    let stream = StreamId::kinesis("orders").expect("a name");
    let stored = handle.records(&stream);
    let data: Vec<&[u8]> = stored.iter().map(|record| record.data.as_slice()).collect();
    assert_eq!(data, [RECORDS, RECORDS].concat());
    assert!(stored.iter().all(|record| record.partition_key.as_deref() == Some("key")));
    assert_eq!(handle.stats().cbor_requests, 1);
}

#[tokio::test]
async fn failed_records_and_errors_are_told_in_cbor_too() {
    let handle = sandbox().await;
    let wire = wire(&handle.url(), Speak::Cbor).await;
    assert_eq!(wire.encoding(), Encoding::Cbor);
    handle.script(Scope::AnyPut, Fault::FailRecords(vec![1])).expect("it can");
    let answer = wire.put(body(Encoding::Cbor, &RECORDS), 3).await.expect("an answer");
    let failed: Vec<_> = answer.failed.iter().map(|one| (one.index, one.code.as_str())).collect();
    assert_eq!(failed, [(1, "InternalFailure")]);
    assert_eq!(answer.shards.len(), 2);

    let large = vec![b'x'; 1024 * 1024 + 1];
    let error = wire.put(body(Encoding::Cbor, &[&large]), 1).await.expect_err("too large");
    assert_eq!(error.code(), "InvalidArgumentException");
    assert!(error.message().contains("maximum record size"), "{error}");
    assert_eq!(classify(&error), Verdict::Poison, "the record is at fault, and no encoding");

    let broken = Payload { encoding: Encoding::Cbor, ..bytes::Bytes::from_static(b"\xbf").into() };
    let error = wire.put(broken, 1).await.expect_err("it is cut");
    assert_eq!(error.code(), "SerializationException");

    let cut = body(Encoding::Cbor, &RECORDS);
    handle.script(Scope::AnyPut, Fault::TruncateAnswer).expect("it can");
    let error = wire.put(cut, 3).await.expect_err("half an answer");
    assert!(matches!(classify(&error), Verdict::Transient { ambiguous: true, .. }), "{error}");
}

/// One call in CBOR to an endpoint that answers so.
async fn refused(speak: Speak, reply: Reply) -> CallError {
    let server = Server::start().await;
    let wire = wire(&server.url(), speak).await;
    tokio::select! {
        result = wire.put(body(Encoding::Cbor, &RECORDS), 3) => result.expect_err("refused"),
        () = server.serve(vec![reply]) => unreachable!("it serves indefinitely"),
    }
}

fn answer(status: u16, headers: &'static str, body: &str) -> Reply {
    Reply::PutResponse { status, headers, body: body.as_bytes().to_vec() }
}

const UNREAD: &str = r#"{"__type":"SerializationException","message":"no JSON"}"#;

#[tokio::test]
async fn who_does_not_take_cbor_condemns_no_record() {
    let json = "content-type: application/x-amz-json-1.1\r\n";
    for reply in [answer(400, json, UNREAD), answer(415, "", ""), answer(400, "", "<html>")] {
        let error = refused(Speak::Auto, reply.clone()).await;
        assert!(matches!(error, CallError::CborRefused { .. }), "{error:?}");
        let again = Verdict::Transient { ambiguous: false, alarm: false };
        assert_eq!(classify(&error), again);
        let error = refused(Speak::Cbor, reply).await;
        assert_eq!(error.code(), "CborRefused");
        assert!(matches!(classify(&error), Verdict::Fault { .. }), "{error:?}");
        assert!(error.message().contains("set wire to auto or json"), "{error}");
    }
    let throttled = r#"{"__type":"ThrottlingException"}"#;
    for reply in [answer(400, json, throttled), answer(503, "", "busy"), answer(413, "", "")] {
        let error = refused(Speak::Auto, reply).await;
        assert!(!matches!(error, CallError::CborRefused { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn who_refused_cbor_once_is_not_asked_again() {
    let server = Server::start().await;
    let wire = wire(&server.url(), Speak::Auto).await;
    let accepts = "accept-post: application/x-amz-json-1.1, application/x-amz-cbor-1.1\r\n";
    let taken = r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"}]}"#;
    let replies =
        vec![answer(200, accepts, taken), answer(400, "", UNREAD), answer(200, accepts, taken)];
    let puts = async {
        let first = wire.put(body(Encoding::Json, &[b"x"]), 1).await.expect("it is taken");
        assert!(first.takes_cbor);
        wire.put(body(Encoding::Cbor, &[b"x"]), 1).await.expect_err("it is refused");
        let last = wire.put(body(Encoding::Json, &[b"x"]), 1).await.expect("it is taken");
        assert!(!last.takes_cbor);
    };
    tokio::select! {
        () = puts => {}
        () = server.serve(replies) => unreachable!("it serves indefinitely"),
    }
    let requests = server.requests.into_inner().expect("no panic");
    let types: Vec<_> =
        requests.iter().map(|r| r.header("content-type").unwrap_or_default()).collect();
    let (json, cbor) = ("application/x-amz-json-1.1", "application/x-amz-cbor-1.1");
    assert_eq!(types, [json, cbor, json]);
}

#[tokio::test]
async fn on_endpoints_of_aws_it_is_cbor_from_the_start() {
    let defaults = FlowAwsConfig::default();
    let own = "https://vpce-1-abc.kinesis.eu-west-1.vpce.amazonaws.com";
    for (url, speak, encoding) in [
        (own, Speak::Auto, Encoding::Cbor),
        (own, Speak::Json, Encoding::Json),
        ("http://127.0.0.1:1", Speak::Auto, Encoding::Json),
        ("http://127.0.0.1:1", Speak::Cbor, Encoding::Cbor),
    ] {
        let aws = aws(&config(url)).await;
        let kinesis = aws.wire(Operation::PutRecords, &defaults, speak).await.expect("a region");
        assert_eq!(kinesis.encoding(), encoding, "{url} {speak:?}");
        let firehose = aws.wire(Operation::PutRecordBatch, &defaults, speak).await;
        assert_eq!(firehose.expect("a region").encoding(), Encoding::Json);
    }
}
