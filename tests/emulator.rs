//! The whole path against an AWS that is not ours: what is written through rotations is read back
//! byte for byte, and metrics arrive.

use std::fs;
use std::time::Duration;

use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_firehose::types::ExtendedS3DestinationConfiguration;
use aws_sdk_kinesis::types::ShardIteratorType;
use fastrand::Rng;
use serde_json::json;

use crate::support::agent::{Agent, Home, SOON};
use crate::support::emulator::Emulator;
use crate::support::load::Lines;
use crate::support::oracle::{Verdict, judge};
use crate::support::wait::{pace, wait_until};
use crate::support::world::append;

const ROTATIONS: usize = 8;
const STREAM: &str = "emulated";
const BUCKET: &str = "emulated-bucket";
const NAMESPACE: &str = "KinetailTest";

/// What reads back what the agent wrote.
struct Reader {
    emulator: Emulator,
    kinesis: aws_sdk_kinesis::Client,
    firehose: aws_sdk_firehose::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
}

#[test]
fn an_emulator_gets_every_byte_through_rotations_and_the_metrics() {
    let Some(emulator) = Emulator::start() else { return };
    let reader = Reader::new(emulator);
    reader.make_streams();
    let mut home = Home::new(&reader.emulator.url());
    home.set("cloudwatch.emitMetrics", json!(true));
    home.set("cloudwatch.namespace", json!(NAMESPACE));
    home.set("cloudwatch.metricsBufferTimeMillis", json!(500));
    // One request at a time keeps the order within a generation.
    let in_order = json!({ "maxInFlightRequests": 1 });
    home.flow("app.log*", ("kinesisStream", STREAM), &in_order);
    home.flow("app.log*", ("deliveryStream", STREAM), &in_order);
    let agent = home.start();
    let written = write_through_rotations(&home);
    let mut from_kinesis = Vec::new();
    let arrived = || {
        from_kinesis = reader.records();
        from_kinesis.len() >= written.len()
            && reader.emulator.count_objects(BUCKET) >= written.len()
    };
    wait_until("arrival of all lines", 2 * SOON, arrived, || agent.log());
    let verdict = judge(&written, &from_kinesis);
    assert!(verdict.is_exact(), "GetRecords: {verdict}\n{}", agent.log());
    // The names of the objects carry no order within a second.
    let verdict =
        Verdict { reordered: Vec::new(), ..judge(&written, &reader.emulator.objects(BUCKET)) };
    assert!(verdict.is_exact(), "S3 objects: {verdict}\n{}", agent.log());
    reader.wait_for_metrics(&agent);
    assert_eq!(agent.stop(SOON), Some(0));
    assert_eq!(reader.records().len(), written.len(), "a stop repeats nothing");
}

/// Lines as hosts really have them: CRLF, bytes that are no UTF-8, NUL, nothing at all.
fn write_through_rotations(home: &Home) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(5);
    let mut lines = Lines::default();
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        for _ in 0..10 {
            let mut bytes = lines.some(&generation, 4, &mut rng);
            for tail in [&b"crlf\r"[..], b"\xff\xfe\x80 \xc3(", b"nul \0 esc \x1b", b"\r", b" \t "]
            {
                bytes.extend(lines.ending_with(&generation, tail));
            }
            for empty in [&b"\n"[..], b"\r\n"] {
                bytes.extend(empty);
                lines.written.push(empty.to_vec());
            }
            append(&home.log("app.log"), &bytes);
            pace(Duration::from_millis(rng.u64(..8)));
        }
        fs::rename(home.log("app.log"), home.log(&format!("app.log.{round}"))).unwrap();
    }
    lines.written
}

impl Reader {
    fn new(emulator: Emulator) -> Self {
        let url = emulator.url();
        let keys = || Credentials::new("test", "test", None, None, "test");
        let region = Region::new("us-east-1");
        let kinesis = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region.clone())
            .endpoint_url(&url)
            .credentials_provider(keys());
        let firehose = aws_sdk_firehose::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region.clone())
            .endpoint_url(&url)
            .credentials_provider(keys());
        let cloudwatch = aws_sdk_cloudwatch::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region)
            .endpoint_url(&url)
            .credentials_provider(keys());
        Self {
            emulator,
            kinesis: aws_sdk_kinesis::Client::from_conf(kinesis.build()),
            firehose: aws_sdk_firehose::Client::from_conf(firehose.build()),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(cloudwatch.build()),
        }
    }

    fn make_streams(&self) {
        self.emulator.make_bucket(BUCKET);
        let destination = ExtendedS3DestinationConfiguration::builder()
            .role_arn("arn:aws:iam::000000000000:role/firehose")
            .bucket_arn(format!("arn:aws:s3:::{BUCKET}"))
            .build()
            .unwrap();
        self.emulator.runtime.block_on(async {
            self.kinesis.create_stream().stream_name(STREAM).shard_count(1).send().await.unwrap();
            let delivery = self.firehose.create_delivery_stream().delivery_stream_name(STREAM);
            let delivery = delivery.extended_s3_destination_configuration(destination);
            Box::pin(delivery.send()).await.unwrap();
        });
    }

    /// All records of the Kinesis stream's one shard, in its order.
    fn records(&self) -> Vec<Vec<u8>> {
        self.emulator.runtime.block_on(async {
            let shards = self.kinesis.list_shards().stream_name(STREAM).send().await.unwrap();
            let [shard] = shards.shards() else { panic!("one shard: {shards:?}") };
            let request = self.kinesis.get_shard_iterator().stream_name(STREAM);
            let start = request
                .shard_id(shard.shard_id())
                .shard_iterator_type(ShardIteratorType::TrimHorizon)
                .send()
                .await
                .unwrap();
            let mut next = start.shard_iterator;
            let mut data = Vec::new();
            while let Some(iterator) = next {
                let request = self.kinesis.get_records().shard_iterator(iterator);
                let page = request.send().await.unwrap();
                let end = page.records().is_empty();
                data.extend(page.records.into_iter().map(|record| record.data.into_inner()));
                next = page.next_shard_iterator.filter(|_| !end);
            }
            data
        })
    }

    fn wait_for_metrics(&self, agent: &Agent) {
        let metrics = || {
            self.emulator.runtime.block_on(async {
                let request = self.cloudwatch.list_metrics().namespace(NAMESPACE);
                let page = request.send().await.unwrap();
                let of = |metric: &aws_sdk_cloudwatch::types::Metric| {
                    let dimensions = metric.dimensions().iter();
                    let names: Vec<_> = dimensions
                        .filter_map(|d| Some((d.name()?.to_owned(), d.value()?.to_owned())))
                        .collect();
                    (metric.metric_name().unwrap_or_default().to_owned(), names)
                };
                page.metrics().iter().map(of).collect::<Vec<_>>()
            })
        };
        let wanted = ["RecordSendAttempts", "RecordsSent", "BytesSent"];
        let there = || {
            let found = metrics();
            wanted.iter().all(|name| found.iter().any(|(metric, _)| metric == name))
        };
        wait_until("metrics in CloudWatch", SOON, there, || {
            format!("{:?}\n{}", metrics(), agent.log())
        });
    }
}
