//! What a call that did not end well is taken for.

use std::time::Duration;

use super::server::{ONE_TAKEN, Reply, Server, error, ok};
use super::{call, calls, config, kinesis_body, wire};
use crate::send::classify::{Verdict, classify};
use crate::send::transport::{CallError, Transport as _};
use crate::send::wire::ANSWER_BYTES_MAX;

#[tokio::test]
async fn partial_failures_name_their_records() {
    let reply = concat!(
        r#"{"FailedRecordCount":0,"Records":[{"ErrorCode":"InternalFailure","#,
        r#""ErrorMessage":"Internal Service Failure"},"#,
        r#"{"SequenceNumber":"2","ShardId":"s","ErrorCode":null}]}"#
    );
    let (_, result) = call(2, ok(reply)).await;
    let failed = result.expect("a response").failed;
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
async fn a_refused_connection_is_not_ambiguous() {
    let server = Server::start().await;
    let transport = wire(&config(&server.url())).await;
    drop(server);
    let result = transport.put(kinesis_body(1).finish().into(), 1).await;
    let failure = result.expect_err("no listener");
    assert!(matches!(failure, CallError::NotSent { .. }), "{failure:?}");
    assert!(failure.message().contains("refused"), "{failure}");
}

/// The deadline is that of the whole call, and not of the next byte.
#[tokio::test]
async fn f55_a_response_that_trickles_in_ends_at_the_deadline() {
    let reply = Reply::Trickle { body: ONE_TAKEN.as_bytes().to_vec() };
    let (_, mut results) = calls(1, vec![reply]).await;
    let failure = results.remove(0).expect_err("not in time");
    assert!(matches!(failure, CallError::Deadline(_)), "{failure:?}");
    assert!(matches!(classify(&failure), Verdict::Transient { ambiguous: true, .. }));
}
