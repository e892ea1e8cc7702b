//! The services' limits, at their edges, through the SDK.

use aws_sdk_firehose::types::Record;

use super::*;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_request_holds_five_hundred_records() {
    let world = World::new().await;
    let entries = |count| vec![entry(b"x", "k"); count];
    assert_eq!(world.put_entries(entries(501)).await.unwrap_err(), "ValidationException");
    assert_eq!(world.put_entries(entries(0)).await.unwrap_err(), "ValidationException");
    assert_eq!(world.stored().len(), 0);
    assert_eq!(world.put_entries(entries(500)).await.unwrap().records().len(), 500);
}

#[tokio::test]
async fn one_record_too_large_refuses_all() {
    let world = World::new().await;
    let key = "k".repeat(24);
    let sized = |bytes: usize| vec![entry(b"small", "k"), entry(&vec![b'x'; bytes], &key)];
    let refused = world.put_entries(sized(MIB - 23)).await.unwrap_err();
    assert_eq!(refused, "InvalidArgumentException");
    assert_eq!(world.stored().len(), 0);
    assert!(world.put_entries(sized(MIB - 24)).await.is_ok());
    assert_eq!(world.stored().len(), 2);
}

#[tokio::test]
async fn a_request_holds_five_mebibytes_or_what_the_options_say() {
    let filler = vec![b'x'; MIB - 1];
    let entries = |count: usize, last: usize| {
        let mut entries = vec![entry(&filler, "k"); count];
        entries.push(entry(&vec![b'x'; last], "k"));
        entries
    };
    let world = World::new().await;
    let refused = world.put_entries(entries(4, MIB)).await.unwrap_err();
    assert_eq!(refused, "InvalidArgumentException");
    let mut over = entries(4, MIB - 1);
    over.push(entry(b"", "k"));
    assert_eq!(world.put_entries(over).await.unwrap_err(), "InvalidArgumentException");
    assert!(world.put_entries(entries(4, MIB - 1)).await.is_ok());

    let options =
        SandboxOptions { kinesis_request_bytes_max: 10 * MIB, ..SandboxOptions::default() };
    let wide = World::with(options).await;
    assert!(wide.put_entries(entries(9, MIB - 1)).await.is_ok());
}

#[tokio::test]
async fn partition_keys_have_one_to_256_characters() {
    let world = World::new().await;
    let with_key = |key: &str| vec![entry(b"x", key)];
    assert!(world.put_entries(with_key(&"ü".repeat(256))).await.is_ok());
    let refused = world.put_entries(with_key(&"k".repeat(257))).await.unwrap_err();
    assert_eq!(refused, "ValidationException");
    assert_eq!(world.put_entries(with_key("")).await.unwrap_err(), "ValidationException");
}

#[tokio::test]
async fn firehose_limits_hold() {
    let world = World::new().await;
    let put = async |sizes: &[usize]| {
        let record = |size: &usize| Record::builder().data(Blob::new(vec![b'x'; *size])).build();
        let records = sizes.iter().map(|size| record(size).unwrap()).collect();
        let put = world.firehose.put_record_batch().delivery_stream_name("d");
        let sent = put.set_records(Some(records)).send().await;
        sent.map_err(|error| code(&error)).map(|output| output.request_responses().len())
    };
    assert_eq!(put(&[1; 500]).await, Ok(500));
    assert_eq!(put(&[1; 501]).await, Err("ValidationException".to_owned()));
    assert_eq!(put(&[1_024_000]).await, Ok(1));
    assert_eq!(put(&[1_024_001]).await, Err("ValidationException".to_owned()));
    let full = 4 * MIB - 4 * 1_024_000;
    let sizes = |last| [1_024_000, 1_024_000, 1_024_000, 1_024_000, last];
    assert_eq!(put(&sizes(full)).await, Ok(5));
    assert_eq!(put(&sizes(full + 1)).await, Err("InvalidArgumentException".to_owned()));
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let options = SandboxOptions { kinesis_request_bytes_max: 1024, ..SandboxOptions::default() };
    let world = World::with(options).await;
    // A valid put, but for the 3 MiB of blanks that follow it.
    let put = "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"k\"}]}";
    let body = format!("{put}{}", " ".repeat(3 * MIB));
    let headers = signed_as_anybody("Kinesis_20131202.PutRecords", "application/x-amz-json-1.1");
    let refused = |stats: &Stats| stats.refused_requests == 1;
    tokio::select! {
        // Whether the answer is still seen by one who is sending is up to luck.
        waited = world.handle.wait_until(refused, PATIENCE) => { waited.unwrap(); }
        never = async {
            let mut stream = TcpStream::connect(world.handle.address()).await.unwrap();
            let head = format!(
                "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n{headers}\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let written = stream.write_all(body.as_bytes()).await;
            std::future::pending::<()>().await;
            written
        } => panic!("{never:?}"),
    }
    assert_eq!(world.stored().len(), 0);
}

#[tokio::test]
async fn half_a_body_stores_nothing_and_is_counted() {
    let world = World::new().await;
    let headers = signed_as_anybody("Kinesis_20131202.PutRecords", "application/x-amz-json-1.1");
    let mut stream = TcpStream::connect(world.handle.address()).await.unwrap();
    let put = "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"k\"}]}";
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n{headers}\r\n{put}",
        put.len() + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    let broken = |stats: &Stats| stats.broken_requests == 1;
    world.handle.wait_until(broken, PATIENCE).await.unwrap();
    assert_eq!(world.stored().len(), 0);
}

#[tokio::test]
async fn streams_that_were_not_named_are_not_found() {
    let streams = StreamPolicy::Only(vec![StreamId::kinesis("other").unwrap()]);
    let world = World::with(SandboxOptions { streams, ..SandboxOptions::default() }).await;
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "ResourceNotFoundException");
    world.handle.create_stream(&stream(), 1);
    assert!(world.put(&[b"x"]).await.is_ok());
    world.handle.remove_stream(&stream());
    assert_eq!(world.put(&[b"x"]).await.unwrap_err(), "ResourceNotFoundException");
    let summary = world.kinesis.describe_stream_summary().stream_name("s").send().await;
    assert_eq!(code(&summary.unwrap_err()), "ResourceNotFoundException");
}

#[tokio::test]
async fn shards_have_the_rates_of_the_service_when_asked() {
    let options = SandboxOptions { simulate_shard_limits: true, ..SandboxOptions::default() };
    let world = World::with(options).await;
    let half = vec![b'x'; MIB / 2 + MIB / 4];
    let output = world.put(&[&half, &half, b"small"]).await.unwrap();
    assert_eq!(output.failed_record_count(), Some(1));
    let refused = &output.records()[1];
    assert_eq!(refused.error_code(), Some("ProvisionedThroughputExceededException"));
    assert_eq!(
        refused.error_message(),
        Some(
            "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000."
        )
    );
    assert_eq!(world.stored().len(), 2);
    assert_eq!(world.stats().throttled_records, 1);
}

/// A page in a browser can make it ask this address under any name (DNS rebinding).
#[tokio::test]
async fn a_request_for_another_host_stores_nothing_and_says_why() {
    for store in [Store::Memory, Store::Null] {
        let world = World::with(SandboxOptions { store, ..SandboxOptions::default() }).await;
        let body = r#"{"StreamName":"s","Records":[{"Data":"eA==","PartitionKey":"k"}]}"#;
        let headers =
            signed_as_anybody("Kinesis_20131202.PutRecords", "application/x-amz-json-1.1");
        let ask = async |host: &str| {
            let mut stream = TcpStream::connect(world.handle.address()).await.unwrap();
            let length = body.len();
            let request = format!(
                "POST / HTTP/1.1\r\n{host}connection: close\r\ncontent-length: {length}\r\n\
                 {headers}\r\n{body}"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        for host in ["host: evil.example\r\n", "", "host: localhost\r\nhost: evil.example\r\n"] {
            let answer = ask(host).await;
            assert!(answer.starts_with("HTTP/1.1 421 "), "{host}: {answer}");
            assert!(answer.contains("accepts only requests for 127.0.0.1"), "{answer}");
        }
        assert_eq!(world.stats().records, 0);
        let answer = ask("host: [::1]:1\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(world.stats().records, 1);
    }
}
