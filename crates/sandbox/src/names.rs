//! What can be asked of the sandbox and of which stream. Pure.
//!
//! A [`StreamId`] can only be made from a name that the service itself would accept, so it is safe
//! as part of a file name.

use std::fmt;

/// Characters in a Kinesis stream name, at most (API reference of `CreateStream`).
const KINESIS_NAME_CHARS_MAX: usize = 128;
/// Characters in a delivery stream name, at most (API reference of `CreateDeliveryStream`).
const FIREHOSE_NAME_CHARS_MAX: usize = 64;
const KINESIS_TARGET: &str = "Kinesis_20131202";
const FIREHOSE_TARGET: &str = "Firehose_20150804";
const PUT_METRIC_DATA_PATH: &str = "/service/GraniteServiceVersion20100801/operation/PutMetricData";

/// The account that everything in the sandbox belongs to.
pub(super) const ACCOUNT: &str = "000000000000";
/// The region that appears in ARNs.
pub(super) const REGION: &str = "us-east-1";

/// Which of the two services a stream belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Amazon Data Firehose.
    Firehose,
    /// Amazon Kinesis Data Streams.
    Kinesis,
}

/// A stream by service and name. The name is checked: 1 to 128 (Firehose: 64) letters, digits,
/// `_`, `.` and `-`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    service: Service,
    name: String,
}

impl StreamId {
    /// The stream `name` of `service`.
    ///
    /// # Errors
    /// When the service would not accept the name.
    pub fn new(service: Service, name: &str) -> Result<Self, InvalidStreamName> {
        let chars_max = match service {
            Service::Firehose => FIREHOSE_NAME_CHARS_MAX,
            Service::Kinesis => KINESIS_NAME_CHARS_MAX,
        };
        let fits = (1..=chars_max).contains(&name.len());
        let charset_ok =
            name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if fits && charset_ok {
            Ok(Self { service, name: name.to_owned() })
        } else {
            Err(InvalidStreamName { chars_max })
        }
    }

    /// The Kinesis stream `name`.
    ///
    /// # Errors
    /// As [`StreamId::new`].
    pub fn kinesis(name: &str) -> Result<Self, InvalidStreamName> {
        Self::new(Service::Kinesis, name)
    }

    /// The delivery stream `name`.
    ///
    /// # Errors
    /// As [`StreamId::new`].
    pub fn firehose(name: &str) -> Result<Self, InvalidStreamName> {
        Self::new(Service::Firehose, name)
    }

    /// Which service it belongs to.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `kinesis-<name>` or `firehose-<name>`.
    #[must_use]
    pub fn label(&self) -> String {
        let service = match self.service {
            Service::Firehose => "firehose",
            Service::Kinesis => "kinesis",
        };
        format!("{service}-{}", self.name)
    }

    pub(super) fn arn(&self) -> String {
        let (service, kind) = match self.service {
            Service::Firehose => ("firehose", "deliverystream"),
            Service::Kinesis => ("kinesis", "stream"),
        };
        format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}/{}", self.name)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

/// A stream name that the service would not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream name has 1 to {chars_max} letters, digits, '_', '.' and '-'")]
pub struct InvalidStreamName {
    chars_max: usize,
}

/// The calls that the sandbox answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Kinesis `CreateStream`.
    CreateStream,
    /// Firehose `DescribeDeliveryStream`.
    DescribeDeliveryStream,
    /// Kinesis `DescribeStreamSummary`.
    DescribeStreamSummary,
    /// Firehose `ListDeliveryStreams`.
    ListDeliveryStreams,
    /// Kinesis `ListShards`.
    ListShards,
    /// Kinesis `ListStreams`.
    ListStreams,
    /// Kinesis `MergeShards`.
    MergeShards,
    /// CloudWatch `PutMetricData`.
    PutMetricData,
    /// Firehose `PutRecordBatch`.
    PutRecordBatch,
    /// Kinesis `PutRecords`.
    PutRecords,
    /// Kinesis `SplitShard`.
    SplitShard,
}

impl Operation {
    /// The operation that a path and an `x-amz-target` header ask for.
    pub(super) fn of(path: &str, target: &str) -> Option<Self> {
        if path == PUT_METRIC_DATA_PATH {
            return Some(Self::PutMetricData);
        }
        match target.split_once('.')? {
            (KINESIS_TARGET, "CreateStream") => Some(Self::CreateStream),
            (KINESIS_TARGET, "DescribeStreamSummary") => Some(Self::DescribeStreamSummary),
            (KINESIS_TARGET, "ListShards") => Some(Self::ListShards),
            (KINESIS_TARGET, "ListStreams") => Some(Self::ListStreams),
            (KINESIS_TARGET, "MergeShards") => Some(Self::MergeShards),
            (KINESIS_TARGET, "SplitShard") => Some(Self::SplitShard),
            (KINESIS_TARGET, "PutRecords") => Some(Self::PutRecords),
            (FIREHOSE_TARGET, "DescribeDeliveryStream") => Some(Self::DescribeDeliveryStream),
            (FIREHOSE_TARGET, "ListDeliveryStreams") => Some(Self::ListDeliveryStreams),
            (FIREHOSE_TARGET, "PutRecordBatch") => Some(Self::PutRecordBatch),
            _ => None,
        }
    }

    /// The service whose records it puts, if it does.
    pub(super) fn puts_to(self) -> Option<Service> {
        match self {
            Self::PutRecordBatch => Some(Service::Firehose),
            Self::PutRecords => Some(Service::Kinesis),
            Self::CreateStream
            | Self::DescribeDeliveryStream
            | Self::DescribeStreamSummary
            | Self::ListDeliveryStreams
            | Self::ListShards
            | Self::ListStreams
            | Self::MergeShards
            | Self::PutMetricData
            | Self::SplitShard => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_limited_as_the_services_limit_them() {
        assert!(StreamId::kinesis(&"k".repeat(128)).is_ok());
        assert!(StreamId::kinesis(&"k".repeat(129)).is_err());
        assert!(StreamId::firehose(&"f".repeat(64)).is_ok());
        assert!(StreamId::firehose(&"f".repeat(65)).is_err());
        assert!(StreamId::kinesis("").is_err());
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_directory(name in ".{0,20}") {
            if let Ok(id) = StreamId::kinesis(&name) {
                let label = id.label();
                prop_assert_eq!(std::path::Path::new(&label).components().count(), 1);
                prop_assert!(label.starts_with("kinesis-") && !label.contains(['/', '\0', '\n']));
            }
        }
    }

    #[test]
    fn targets_name_operations() {
        assert_eq!(Operation::of("/", "Kinesis_20131202.PutRecords"), Some(Operation::PutRecords));
        assert_eq!(Operation::of("/", "Firehose_20150804.PutRecords"), None);
        assert_eq!(Operation::of("/", "nonsense"), None);
        assert_eq!(Operation::of(PUT_METRIC_DATA_PATH, ""), Some(Operation::PutMetricData));
    }
}
