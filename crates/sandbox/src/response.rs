//! The bodies of answers, as the services write them. Pure.
//!
//! The texts of errors follow the API references and what the services were seen to send; no client
//! should compare them word by word, but the codes and statuses are the services' own.

use serde_json::json;

use super::cbor::from_json;
use super::names::{ACCOUNT, Service, StreamId};

/// Firehose record ids are this much longer than the sequence number in them, so that an answer
/// weighs what the service's answers weigh.
const RECORD_ID_TAIL: &str = "SandboxSandboxSandboxSandboxSandboxSandboxSandboxSandboxSandbox\
    SandboxSandboxSandboxSandboxSandboxSandboxSandboxSandboxSandboxSandboxSandboxSandbox";

/// An answer that refuses a whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The error code, such as `ResourceNotFoundException`.
    pub code: String,
    /// The words for people.
    pub message: String,
}

impl ErrorResponse {
    /// An error answer.
    #[must_use]
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// 500 `InternalFailure`.
    #[must_use]
    pub fn internal_failure() -> Self {
        Self::new(500, "InternalFailure", INTERNAL_FAILURE_MESSAGE)
    }

    /// What a service answers when a whole request comes too soon.
    #[must_use]
    pub fn throttled(service: Service) -> Self {
        match service {
            Service::Firehose => Self::new(503, FIREHOSE_THROTTLE_CODE, FIREHOSE_THROTTLE_MESSAGE),
            Service::Kinesis => Self::new(400, KINESIS_THROTTLE_CODE, "Rate exceeded."),
        }
    }

    pub(super) fn validation(detail: &str) -> Self {
        let message = format!("1 validation error detected: {detail}");
        Self::new(400, "ValidationException", &message)
    }

    pub(super) fn invalid_argument(message: &str) -> Self {
        Self::new(400, "InvalidArgumentException", message)
    }

    /// What Kinesis answers to a dry run that would have worked.
    pub(super) fn dry_run() -> Self {
        let message = "The request would have succeeded, but the DryRun parameter was specified.";
        Self::new(400, "DryRunOperationException", message)
    }

    pub(super) fn serialization(message: &str) -> Self {
        Self::new(400, "SerializationException", message)
    }

    pub(super) fn no_such_stream(stream: &StreamId) -> Self {
        let name = stream.name();
        let message = match stream.service() {
            Service::Firehose => format!("Firehose {name} under account {ACCOUNT} not found."),
            Service::Kinesis => format!("Stream {name} under account {ACCOUNT} not found."),
        };
        Self::new(400, "ResourceNotFoundException", &message)
    }

    /// The body in the JSON protocol.
    pub(super) fn json_body(&self) -> Vec<u8> {
        json!({ "__type": self.code, "message": self.message }).to_string().into_bytes()
    }

    /// The body in the CBOR protocol that CloudWatch speaks.
    pub(super) fn cbor_body(&self) -> Vec<u8> {
        from_json(&self.json_body())
    }
}

impl Default for ErrorResponse {
    fn default() -> Self {
        Self::internal_failure()
    }
}

const KINESIS_THROTTLE_CODE: &str = "ProvisionedThroughputExceededException";
const FIREHOSE_THROTTLE_CODE: &str = "ServiceUnavailableException";
const FIREHOSE_THROTTLE_MESSAGE: &str = "Slow down.";
const INTERNAL_FAILURE_CODE: &str = "InternalFailure";
const INTERNAL_FAILURE_MESSAGE: &str = "Internal Service Failure";

/// How an answer departs from the truth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ResponseShape {
    /// The number of failed records to claim.
    pub(super) failed_count: Option<i64>,
    /// The number of entries to give.
    pub(super) entries: Option<usize>,
    /// Whether successful entries name their missing error.
    pub(super) explicit_nulls: bool,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Failed { code: String, message: String },
    Stored { sequence: SequenceNumber, shard_place: usize },
}

impl Entry {
    pub(super) fn internal_failure() -> Self {
        Self::Failed {
            code: INTERNAL_FAILURE_CODE.to_owned(),
            message: INTERNAL_FAILURE_MESSAGE.to_owned(),
        }
    }

    pub(super) fn throttled(stream: &StreamId, shard_id: &str) -> Self {
        let (code, message) = match stream.service() {
            Service::Firehose => (FIREHOSE_THROTTLE_CODE, FIREHOSE_THROTTLE_MESSAGE.to_owned()),
            Service::Kinesis => {
                let name = stream.name();
                let message = format!(
                    "Rate exceeded for shard {shard_id} in stream {name} under account {ACCOUNT}."
                );
                (KINESIS_THROTTLE_CODE, message)
            }
        };
        Self::Failed { code: code.to_owned(), message }
    }

    pub(super) fn is_throttled(&self) -> bool {
        matches!(self, Self::Failed { code, .. }
            if code == KINESIS_THROTTLE_CODE || code == FIREHOSE_THROTTLE_CODE)
    }
}

/// A number that grows with each record of a stream, also across restarts of the sandbox. As text
/// it has 56 digits, like most of the service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SequenceNumber {
    /// When the stream was made, in milliseconds since 1970.
    pub(super) epoch_millis: u64,
    /// The record's place in the stream, from 0.
    pub(super) place: u64,
}

impl std::fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "49{:014}{:040}", self.epoch_millis, self.place)
    }
}

/// The body that answers a put. `shard_ids` are those that the entries' places point at.
pub(super) fn put_body(
    service: Service,
    entries: &[Entry],
    shard_ids: &[String],
    shape: &ResponseShape,
) -> Vec<u8> {
    let failed = entries.iter().filter(|entry| matches!(entry, Entry::Failed { .. })).count();
    let failed = shape.failed_count.unwrap_or_else(|| i64::try_from(failed).unwrap_or(i64::MAX));
    let head = match service {
        Service::Firehose => {
            format!("{{\"FailedPutCount\":{failed},\"Encrypted\":false,\"RequestResponses\":[")
        }
        Service::Kinesis => {
            format!("{{\"EncryptionType\":\"NONE\",\"FailedRecordCount\":{failed},\"Records\":[")
        }
    };
    let mut body = Vec::with_capacity(head.len() + entries.len() * 128);
    body.extend_from_slice(head.as_bytes());
    let wanted = shape.entries.unwrap_or(entries.len());
    // Entries that were asked for beyond the honest ones repeat the last one.
    let padded = entries.iter().chain(std::iter::repeat_n(entries.last(), wanted).flatten());
    for (place, entry) in padded.take(wanted).enumerate() {
        if place > 0 {
            body.push(b',');
        }
        push_entry(&mut body, service, entry, shard_ids);
        if shape.explicit_nulls && matches!(entry, Entry::Stored { .. }) {
            body.pop();
            body.extend_from_slice(b",\"ErrorCode\":null,\"ErrorMessage\":null}");
        }
    }
    body.extend_from_slice(b"]}");
    body
}

fn push_entry(body: &mut Vec<u8>, service: Service, entry: &Entry, shard_ids: &[String]) {
    match (entry, service) {
        (Entry::Failed { code, message }, _) => {
            body.extend_from_slice(b"{\"ErrorCode\":");
            push_json_string(body, code);
            body.extend_from_slice(b",\"ErrorMessage\":");
            push_json_string(body, message);
            body.push(b'}');
        }
        (Entry::Stored { sequence, .. }, Service::Firehose) => {
            let text = format!("{{\"RecordId\":\"{sequence}{RECORD_ID_TAIL}\"}}");
            body.extend_from_slice(text.as_bytes());
        }
        (Entry::Stored { sequence, shard_place }, Service::Kinesis) => {
            let shard_id = shard_ids.get(*shard_place).map_or("", String::as_str);
            let text = format!("{{\"SequenceNumber\":\"{sequence}\",\"ShardId\":\"{shard_id}\"}}");
            body.extend_from_slice(text.as_bytes());
        }
    }
}

/// Appends `text` as a JSON string.
pub(super) fn push_json_string(body: &mut Vec<u8>, text: &str) {
    let written = serde_json::to_writer(body, text);
    debug_assert!(written.is_ok(), "memory can be written");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn stored(place: u64) -> Entry {
        Entry::Stored { sequence: SequenceNumber { epoch_millis: 5, place }, shard_place: 0 }
    }

    fn body(service: Service, entries: &[Entry], shape: &ResponseShape) -> Value {
        let ids = ["shardId-000000000000".to_owned()];
        serde_json::from_slice(&put_body(service, entries, &ids, shape)).unwrap()
    }

    #[test]
    fn kinesis_answers_name_shards_and_failures() {
        let stream = StreamId::kinesis("s").unwrap();
        let entries = [stored(3), Entry::throttled(&stream, "shardId-000000000000")];
        let expected = json!({
            "EncryptionType": "NONE",
            "FailedRecordCount": 1,
            "Records": [
                {
                    "SequenceNumber": format!("49{:014}{:040}", 5, 3),
                    "ShardId": "shardId-000000000000",
                },
                {
                    "ErrorCode": "ProvisionedThroughputExceededException",
                    "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream s \
                        under account 000000000000.",
                },
            ],
        });
        assert_eq!(body(Service::Kinesis, &entries, &ResponseShape::default()), expected);
    }

    #[test]
    fn firehose_answers_count_failures() {
        let stream = StreamId::firehose("s").unwrap();
        let entries = [Entry::internal_failure(), Entry::throttled(&stream, ""), stored(0)];
        let answer = body(Service::Firehose, &entries, &ResponseShape::default());
        assert_eq!(answer["FailedPutCount"], 2);
        assert_eq!(answer["RequestResponses"][0]["ErrorCode"], "InternalFailure");
        assert_eq!(answer["RequestResponses"][0]["ErrorMessage"], "Internal Service Failure");
        assert_eq!(answer["RequestResponses"][1]["ErrorCode"], "ServiceUnavailableException");
        assert_eq!(answer["RequestResponses"][1]["ErrorMessage"], "Slow down.");
        assert!(answer["RequestResponses"][2]["RecordId"].as_str().unwrap().len() > 200);
    }

    #[test]
    fn answers_can_lie_about_counts() {
        let entries = [stored(0), stored(1)];
        let lie =
            |failed_count, entries| ResponseShape { failed_count, entries, explicit_nulls: true };
        let answer = body(Service::Kinesis, &entries, &lie(Some(9), Some(3)));
        assert_eq!(answer["FailedRecordCount"], 9);
        assert_eq!(answer["Records"].as_array().unwrap().len(), 3);
        assert_eq!(answer["Records"][0].get("ErrorCode"), Some(&Value::Null));
        let answer = body(Service::Kinesis, &entries, &lie(None, Some(0)));
        assert_eq!(answer["Records"].as_array().unwrap().len(), 0);
    }

    #[test]
    fn sequence_numbers_grow_as_text() {
        let text = |epoch_millis, place| SequenceNumber { epoch_millis, place }.to_string();
        assert!(text(1, 9) < text(1, 10) && text(1, u64::MAX) < text(2, 0));
        assert_eq!(text(1_700_000_000_000, u64::MAX).len(), 56);
    }

    #[test]
    fn a_cbor_error_is_a_map_of_two_texts() {
        let answer = ErrorResponse::new(400, "Code", "No.");
        let expected = b"\xbf\x66__type\x64Code\x67message\x63No.\xff";
        assert_eq!(answer.cbor_body(), expected);
    }

    proptest! {
        #[test]
        fn json_strings_read_back(text in any::<String>()) {
            let mut body = Vec::new();
            push_json_string(&mut body, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&body).unwrap(), text);
        }
    }
}
