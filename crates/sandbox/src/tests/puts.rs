//! What works when nothing goes wrong, and the life of the sandbox itself.

use aws_sdk_cloudwatch::types::MetricDatum;
use aws_sdk_firehose::types::Record;
use tokio::sync::oneshot;

use super::*;

#[tokio::test]
async fn kinesis_records_arrive_and_are_acknowledged() {
    let world = World::new().await;
    let output = world.put(&[b"one", b"\xff\x00two"]).await.unwrap();
    assert_eq!(output.failed_record_count(), Some(0));
    let stored = world.handle.records(&stream());
    assert_eq!(stored.len(), 2);
    for (answered, stored) in output.records().iter().zip(&stored) {
        assert_eq!(answered.sequence_number(), Some(stored.sequence_number.as_str()));
        assert_eq!(answered.shard_id(), Some("shardId-000000000000"));
        assert_eq!(answered.error_code(), None);
        assert_eq!(stored.partition_key.as_deref(), Some("k"));
        assert_eq!(stored.request_number, 1);
    }
    assert_eq!(world.stored(), [b"one".to_vec(), b"\xff\x00two".to_vec()]);
    let expected = StreamStats { records: 2, bytes: 8, requests: 1, ..StreamStats::default() };
    assert_eq!(world.stats(), expected);
}

#[tokio::test]
async fn firehose_records_arrive_and_are_acknowledged() {
    let world = World::new().await;
    let record = |data: &str| Record::builder().data(Blob::new(data)).build().unwrap();
    let put = world.firehose.put_record_batch().delivery_stream_name("d");
    let output = put.records(record("a")).records(record("")).send().await.unwrap();
    assert_eq!(output.failed_put_count(), 0);
    let ids: Vec<_> = output.request_responses().iter().map(|one| one.record_id()).collect();
    assert!(ids.len() == 2 && ids[0].is_some() && ids[0] != ids[1]);
    let id = StreamId::firehose("d").unwrap();
    let stored: Vec<_> = world.handle.records(&id).into_iter().map(|one| one.data).collect();
    assert_eq!(stored, [b"a".to_vec(), b"".to_vec()]);
    assert_eq!(world.handle.stats().stream(&id).records, 2);
}

#[tokio::test]
async fn metrics_are_swallowed_and_counted_however_long() {
    let world = World::new().await;
    for metrics in [1, 600] {
        let datum = MetricDatum::builder().metric_name("RecordsSent").value(1.0).build();
        let put = world.cloudwatch.put_metric_data().namespace("test");
        put.set_metric_data(Some(vec![datum; metrics])).send().await.unwrap();
    }
    assert_eq!(world.handle.stats().metric_requests, 2);
    assert_eq!(world.handle.stats().refused_requests, 0);
}

#[tokio::test]
async fn streams_can_be_created_described_and_listed() {
    let world = World::new().await;
    let kinesis = &world.kinesis;
    kinesis.create_stream().stream_name("made").shard_count(3).send().await.unwrap();
    let again = kinesis.create_stream().stream_name("made").shard_count(3).send().await;
    assert_eq!(code(&again.unwrap_err()), "ResourceInUseException");

    let summary = kinesis.describe_stream_summary().stream_name("made").send().await.unwrap();
    let summary = summary.stream_description_summary().unwrap();
    assert_eq!((summary.stream_name(), summary.open_shard_count()), ("made", 3));
    assert_eq!(summary.stream_status().as_str(), "ACTIVE");

    let shards = kinesis.list_shards().stream_name("made").send().await.unwrap();
    let ranges: Vec<_> =
        shards.shards().iter().map(|shard| shard.hash_key_range().unwrap()).collect();
    assert_eq!(ranges.len(), 3);
    assert_eq!(ranges[0].starting_hash_key(), "0");
    assert_eq!(ranges[2].ending_hash_key(), u128::MAX.to_string());

    let listed = kinesis.list_streams().send().await.unwrap();
    assert_eq!(listed.stream_names(), ["made"]);

    let firehose = &world.firehose;
    let described = firehose.describe_delivery_stream().delivery_stream_name("d").send().await;
    let described = described.unwrap();
    let description = described.delivery_stream_description().unwrap();
    assert_eq!(description.delivery_stream_name(), "d");
    let listed = firehose.list_delivery_streams().send().await.unwrap();
    assert_eq!(listed.delivery_stream_names(), ["d"]);
    assert_eq!(world.handle.stats().control_requests, 6);
}

#[tokio::test]
async fn records_of_one_key_stay_on_one_shard() {
    let world = World::with(SandboxOptions { shards: 8, ..SandboxOptions::default() }).await;
    let entries = (0..100).map(|n| entry(b"x", &format!("key-{}", n % 20))).collect();
    let output = world.put_entries(entries).await.unwrap();
    let shard = |n: usize| output.records()[n].shard_id().unwrap();
    assert!((0..80).all(|n| shard(n) == shard(n + 20)));
    let used: std::collections::BTreeSet<_> = (0..20).map(shard).collect();
    assert!(used.len() > 3, "{used:?}");
}

#[tokio::test]
async fn unknown_operations_and_methods_are_refused() {
    let world = World::new().await;
    let deleted = world.kinesis.delete_stream().stream_name("s").send().await.unwrap_err();
    assert_eq!(code(&deleted), "UnknownOperationException");
    assert_eq!(world.handle.stats().refused_requests, 1);
}

#[tokio::test]
async fn encodings_that_cannot_be_read_are_refused() {
    for store in [Store::Memory, Store::Null] {
        let world = World::with(SandboxOptions { store, ..SandboxOptions::default() }).await;
        let body = "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"k\"}]}";
        for (content_type, status) in [
            ("application/x-amz-json-1.1", "200 OK"),
            ("application/x-amz-cbor-1.1", "400 Bad Request"),
            ("text/plain", "400 Bad Request"),
        ] {
            let headers = signed_as_anybody("Kinesis_20131202.PutRecords", content_type);
            let answer = raw(&world.handle, &headers, body).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        }
        assert_eq!(world.handle.stats().refused_requests, 2);
    }
}

#[tokio::test]
async fn answers_carry_the_headers_of_the_service() {
    fn clock() -> Timestamp {
        "2026-11-20T21:00:00Z".parse().unwrap()
    }
    let world = World::with(SandboxOptions { clock, ..SandboxOptions::default() }).await;
    let headers = signed_as_anybody("Kinesis_20131202.ListStreams", "application/x-amz-json-1.1");
    let answer = raw(&world.handle, &headers, "{}").await;
    for header in [
        "content-type: application/x-amz-json-1.1",
        "date: Fri, 20 Nov 2026 21:00:00 GMT",
        "x-amzn-requestid: 00000000-0000-4000-8000-000000000001",
        "x-amz-id-2: ",
        "content-length: 41",
    ] {
        assert!(answer.contains(header), "{header} in {answer}");
    }
}

#[tokio::test]
async fn only_loopback_addresses_are_bound() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let listen = listen.parse().unwrap();
        let refused = Sandbox::bind(SandboxOptions { listen, ..SandboxOptions::default() }).await;
        assert!(matches!(refused, Err(SandboxError::NotLoopback { .. })), "{listen}");
    }
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let taken = Sandbox::bind(SandboxOptions::default()).await.unwrap();
    let bind = |options| async move { Sandbox::bind(options).await.unwrap_err() };
    let again = SandboxOptions { listen: taken.address(), ..SandboxOptions::default() };
    assert!(matches!(bind(again).await, SandboxError::Bind { .. }));

    let file = tempfile::NamedTempFile::new().unwrap();
    let store = Store::Ndjson(file.path().join("below-a-file"));
    let output = SandboxOptions { store, ..SandboxOptions::default() };
    assert!(matches!(bind(output).await, SandboxError::Output { .. }));

    let log = Some(file.path().join("below-a-file"));
    let log = SandboxOptions { request_log: log, ..SandboxOptions::default() };
    assert!(matches!(bind(log).await, SandboxError::RequestLog { .. }));

    let faults = FaultPlan { throttle_record_ratio: 2.0, ..FaultPlan::default() };
    let faults = SandboxOptions { faults, ..SandboxOptions::default() };
    assert!(matches!(bind(faults).await, SandboxError::Faults(FaultError::Ratio)));

    let names = (0..1_001).map(|n| StreamId::kinesis(&format!("s{n}")).unwrap()).collect();
    let streams = StreamPolicy::Only(names);
    let many = SandboxOptions { streams, ..SandboxOptions::default() };
    assert!(matches!(bind(many).await, SandboxError::TooManyStreams));
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_finish() {
    let sandbox = Sandbox::bind(SandboxOptions::default()).await.unwrap();
    let handle = sandbox.handle();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    serving.spawn(sandbox.serve(async {
        stopped.await.unwrap();
    }));
    let slow = Fault::Delay(Duration::from_millis(200));
    handle.script(Scope::AnyPut, slow).unwrap();
    let client = kinesis(&handle, "secret");
    let mut putting = JoinSet::new();
    putting.spawn(client.put_records().stream_name("s").records(entry(b"x", "k")).send());
    handle.wait_until(|stats| stats.total().records == 1, PATIENCE).await.unwrap();
    stop.send(()).unwrap();
    assert!(putting.join_next().await.unwrap().unwrap().is_ok());
    serving.join_next().await.unwrap().unwrap();
    assert!(TcpStream::connect(handle.address()).await.is_err());
}

#[tokio::test]
async fn waiting_in_vain_ends_with_the_counts() {
    let world = World::new().await;
    world.put(&[b"x"]).await.unwrap();
    let waited =
        world.handle.wait_until(|stats| stats.total().records == 2, Duration::from_millis(1));
    assert!(waited.await.unwrap_err().to_string().contains("records: 1"));
}
