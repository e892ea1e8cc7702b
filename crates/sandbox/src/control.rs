//! The calls alongside the puts: create, describe, list. Each answers what a producer looks at, and
//! no more.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::decode::{Text, decode, stream_id};
use super::lock;
use super::names::{ACCOUNT, Operation, REGION, Service, StreamId};
use super::response::ErrorResponse;
use super::streams::{Moment, SHARDS_MAX, Stream, Streams};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ControlBody<'a> {
    #[serde(borrow)]
    delivery_stream_name: Option<Text<'a>>,
    #[serde(borrow)]
    adjacent_shard_to_merge: Option<Text<'a>>,
    #[serde(borrow)]
    new_starting_hash_key: Option<Text<'a>>,
    shard_count: Option<u32>,
    #[serde(borrow)]
    shard_to_merge: Option<Text<'a>>,
    #[serde(borrow)]
    shard_to_split: Option<Text<'a>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<Text<'a>>,
    #[serde(borrow)]
    stream_name: Option<Text<'a>>,
}

/// The body that answers `operation`, which puts nothing. `create_shards` is the number of shards
/// for a stream that is created without one; `record_bytes_max` is what a record may have.
pub(super) fn respond(
    operation: Operation,
    body: &[u8],
    streams: &mut Streams,
    (create_shards, record_bytes_max): (u32, usize),
    moment: Moment,
) -> Result<Vec<u8>, ErrorResponse> {
    let body: ControlBody<'_> = decode(body)?;
    let value = match operation {
        Operation::CreateStream => {
            let shards = body.shard_count.unwrap_or(create_shards);
            if !(1..=SHARDS_MAX).contains(&shards) {
                let message = format!("A stream has 1 to {SHARDS_MAX} shards here.");
                return Err(ErrorResponse::new(400, "LimitExceededException", &message));
            }
            streams.create(&kinesis_id(&body)?, shards, moment)?;
            return Ok(Vec::new());
        }
        Operation::DescribeDeliveryStream => {
            let name = body.delivery_stream_name.as_ref();
            let id = stream_id(Service::Firehose, "deliveryStreamName", name, None)?;
            let stream = streams.find(&id, moment)?;
            delivery_stream_description(&id, lock(&stream).created_at)
        }
        Operation::DescribeStreamSummary => {
            let stream = streams.find(&kinesis_id(&body)?, moment)?;
            stream_summary(&lock(&stream), record_bytes_max)
        }
        Operation::ListDeliveryStreams => json!({
            "DeliveryStreamNames": streams.names(Service::Firehose),
            "HasMoreDeliveryStreams": false,
        }),
        Operation::ListShards => {
            let stream = streams.find(&kinesis_id(&body)?, moment)?;
            shard_list(&lock(&stream))
        }
        Operation::ListStreams => json!({
            "HasMoreStreams": false,
            "StreamNames": streams.names(Service::Kinesis),
        }),
        Operation::MergeShards => {
            let stream = streams.find(&kinesis_id(&body)?, moment)?;
            let (one, other) =
                (text(body.shard_to_merge.as_ref()), text(body.adjacent_shard_to_merge.as_ref()));
            let merged = lock(&stream).shards.merge(one, other, moment.now);
            return resharded(merged, "not two adjacent open shards");
        }
        Operation::SplitShard => {
            let stream = streams.find(&kinesis_id(&body)?, moment)?;
            let at = text(body.new_starting_hash_key.as_ref()).parse::<u128>();
            let split =
                |at| lock(&stream).shards.split(text(body.shard_to_split.as_ref()), at, moment.now);
            return resharded(at.is_ok_and(split), "no open shard has that hash key within it");
        }
        Operation::PutMetricData | Operation::PutRecordBatch | Operation::PutRecords => json!({}),
    };
    Ok(value.to_string().into_bytes())
}

fn text<'t>(text: Option<&'t Text<'_>>) -> &'t str {
    text.map_or("", |Text(text)| text)
}

/// What answers a change of shards.
fn resharded(done: bool, why_not: &str) -> Result<Vec<u8>, ErrorResponse> {
    if done { Ok(Vec::new()) } else { Err(ErrorResponse::invalid_argument(why_not)) }
}

fn kinesis_id(body: &ControlBody<'_>) -> Result<StreamId, ErrorResponse> {
    let (name, arn) = (body.stream_name.as_ref(), body.stream_arn.as_ref());
    stream_id(Service::Kinesis, "streamName", name, arn)
}

fn stream_summary(stream: &Stream, record_bytes_max: usize) -> Value {
    let (mode, strategy) =
        if stream.is_auto { ("ON_DEMAND", "AUTO") } else { ("PROVISIONED", "USER_PARTITION_KEY") };
    json!({ "StreamDescriptionSummary": {
        "ConsumerCount": 0,
        "EncryptionType": "NONE",
        "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
        "MaxRecordSizeInKiB": record_bytes_max / 1024,
        "OpenShardCount": stream.shards.all().len(),
        "RecordDistributionStrategy": strategy,
        "RetentionPeriodHours": 24,
        "StreamARN": stream.id.arn(),
        "StreamCreationTimestamp": stream.created_at.as_second(),
        "StreamModeDetails": { "StreamMode": mode },
        "StreamName": stream.id.name(),
        "StreamStatus": "ACTIVE",
    }})
}

fn shard_list(stream: &Stream) -> Value {
    let shards = stream.shards.all();
    let last_keys =
        shards.iter().skip(1).map(|next| next.first_hash_key - 1).chain(std::iter::once(u128::MAX));
    let shards: Vec<Value> = shards
        .iter()
        .zip(last_keys)
        .map(|(shard, last_key)| {
            json!({
                "HashKeyRange": {
                    "EndingHashKey": last_key.to_string(),
                    "StartingHashKey": shard.first_hash_key.to_string(),
                },
                "SequenceNumberRange": { "StartingSequenceNumber": "0" },
                "ShardId": shard.id,
            })
        })
        .collect();
    json!({ "Shards": shards })
}

fn delivery_stream_description(id: &StreamId, created_at: Timestamp) -> Value {
    json!({ "DeliveryStreamDescription": {
        "CreateTimestamp": created_at.as_second(),
        "DeliveryStreamARN": id.arn(),
        "DeliveryStreamName": id.name(),
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "DirectPut",
        "Destinations": [{
            "DestinationId": "destinationId-000000000001",
            "S3DestinationDescription": {
                "BucketARN": "arn:aws:s3:::sandbox",
                "BufferingHints": { "IntervalInSeconds": 300, "SizeInMBs": 5 },
                "CompressionFormat": "UNCOMPRESSED",
                "EncryptionConfiguration": { "NoEncryptionConfig": "NoEncryption" },
                "RoleARN": format!("arn:aws:iam::{ACCOUNT}:role/sandbox-{REGION}"),
            },
        }],
        "HasMoreDestinations": false,
        "VersionId": "1",
    }})
}
