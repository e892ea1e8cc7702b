//! Signatures and clocks, with requests that the SDK signed.

use jiff::{SignedDuration, Timestamp};

use super::*;

fn verifying(clock: fn() -> Timestamp) -> SandboxOptions {
    let verify = Some(agreed("secret"));
    SandboxOptions { verify, clock, ..SandboxOptions::default() }
}

fn agreed(secret: &str) -> SigningKeys {
    SigningKeys { access_key_id: "AKID".to_owned(), secret_access_key: secret.to_owned() }
}

fn in_twenty_minutes() -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(20)
}

#[tokio::test]
async fn all_three_clients_are_believed() {
    let world = World::with(verifying(Timestamp::now)).await;
    assert!(world.put(&[b"x"]).await.is_ok());
    let described = world.firehose.describe_delivery_stream().delivery_stream_name("d");
    assert!(described.send().await.is_ok());
    assert!(world.cloudwatch.put_metric_data().namespace("n").send().await.is_ok());
}

#[tokio::test]
async fn a_wrong_secret_is_refused_until_the_keys_agree() {
    let world = World::with(verifying(Timestamp::now)).await;
    world.handle.set_keys(Some(agreed("rotated")));
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "InvalidSignatureException");
    let put = world.cloudwatch.put_metric_data().namespace("n").send().await;
    assert_eq!(code(&put.unwrap_err()), "InvalidSignatureException");
    assert_eq!(world.stored().len(), 0);
    world.handle.set_keys(None);
    assert!(world.put(&[b"x"]).await.is_ok());
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let world = World::with(verifying(Timestamp::now)).await;
    let other = SigningKeys { access_key_id: "OTHER".to_owned(), ..agreed("secret") };
    world.handle.set_keys(Some(other));
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "UnrecognizedClientException");
}

#[tokio::test]
async fn a_clock_that_is_off_is_refused_and_the_date_header_fixes_it() {
    let world = World::with(verifying(in_twenty_minutes)).await;
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "InvalidSignatureException");
    let retrying = kinesis_with(&world.handle, "secret", RetryConfig::standard());
    let put = retrying.put_records().stream_name("s").records(entry(b"x", "k"));
    assert!(put.send().await.is_ok());
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused_even_without_keys() {
    for store in [Store::Memory, Store::Null] {
        let world = World::with(SandboxOptions { store, ..SandboxOptions::default() }).await;
        let headers = "x-amz-target: Kinesis_20131202.PutRecords\r\n\
            content-type: application/x-amz-json-1.1\r\n";
        let put = "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"k\"}]}";
        let answer = raw(&world.handle, headers, put).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        let body = "{\"__type\":\"MissingAuthenticationTokenException\",\
            \"message\":\"Missing Authentication Token\"}";
        assert!(answer.ends_with(body), "{answer}");
        let error_type = "x-amzn-errortype: MissingAuthenticationTokenException\r\n";
        assert!(answer.contains(error_type), "{answer}");
        assert_eq!(world.stats().records, 0);
    }
}
