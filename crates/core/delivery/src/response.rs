//! What an answer to `PutRecords` or `PutRecordBatch` says about each record.
//!
//! Pure: bytes in, verdicts out. The entries are the truth and the failure counter alongside them
//! is not: it has been seen to lie, and a record that is believed delivered by mistake is lost. The
//! common answer, in which everything was taken, is recognised with a few searches and without
//! parsing.

mod cbor;
#[cfg(test)]
mod cbor_tests;
mod plain_json;

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::body::Encoding;
use crate::cbor::CborError;

/// The code that stands for a record about which the answer says neither success nor failure.
pub(crate) const CODE_NO_RESULT: &str = "NoResult";

/// One record that the service did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEntry {
    /// Its place in the request, from 0.
    pub index: usize,
    /// The service's error code.
    pub code: String,
    /// The service's words; may be empty.
    pub message: String,
}

/// A readable answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutResponse {
    /// The records that were not taken, by rising index. All others were.
    pub failed: Vec<FailedEntry>,
    /// The shards that took records, by rising index; only where a record failed, and the service
    /// names its shards.
    pub shards: Vec<(usize, ShardNumber)>,
    /// The endpoint says that it takes CBOR.
    pub takes_cbor: bool,
}

/// A shard of a Kinesis stream: the number in its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardNumber(pub u64);

/// What the id of a shard begins with.
const SHARD_PREFIX: &str = "shardId-";

impl ShardNumber {
    /// The first shard that is named in a text.
    #[must_use]
    pub fn find_in(text: &str) -> Option<Self> {
        let (_, id) = text.split_once(SHARD_PREFIX)?;
        let end = id.find(|char: char| !char.is_ascii_digit()).unwrap_or(id.len());
        id.get(..end)?.parse().ok().map(Self)
    }
}

/// An answer that says success but not to what. The service may hold the records.
#[derive(Debug, Error)]
pub enum PutResponseError {
    /// It names more or fewer records than were sent.
    #[error("response has {answered} results for {sent} records")]
    Count {
        /// Results in the answer.
        answered: usize,
        /// Records in the request.
        sent: usize,
    },
    /// It is not the JSON that the API reference promises.
    #[error("cannot parse response: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is not the same in CBOR.
    #[error("cannot parse CBOR response: {0}")]
    MalformedCbor(#[from] CborError),
}

#[derive(Deserialize)]
struct Document {
    #[serde(alias = "RequestResponses", rename = "Records")]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
    /// The sequence number (Kinesis) or record id (Firehose) of a record that was taken.
    #[serde(default, alias = "RecordId", rename = "SequenceNumber")]
    id: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    shard_id: Option<ShardId>,
}

/// Read without a copy: an answer may name five hundred.
struct ShardId(Option<ShardNumber>);

impl<'de> Deserialize<'de> for ShardId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Ok(Self(ShardNumber::find_in(&text)))
    }
}

/// Reads the body of a successful answer to a request of `sent` records, in either encoding.
///
/// # Errors
/// [`PutResponseError`] if the body does not account for exactly the records that were sent.
pub fn read_as(
    encoding: Encoding,
    body: &[u8],
    sent: usize,
) -> Result<PutResponse, PutResponseError> {
    match encoding {
        Encoding::Cbor => cbor::read(body, sent),
        Encoding::Json => read(body, sent),
    }
}

/// Reads the body of a successful answer to a request of `sent` records, of either service, in
/// JSON.
///
/// # Errors
/// [`PutResponseError`] if the body does not account for exactly the records that were sent.
pub fn read(body: &[u8], sent: usize) -> Result<PutResponse, PutResponseError> {
    let is_success = match plain_json::read(body) {
        Some(plain) => plain.entries == sent && says_all_delivered(&plain.rest, 0),
        None => says_all_delivered(body, sent),
    };
    if is_success {
        return Ok(PutResponse::default());
    }
    let document: Document = serde_json::from_slice(body)?;
    if document.entries.len() != sent {
        return Err(PutResponseError::Count { answered: document.entries.len(), sent });
    }
    let entries = document.entries;
    let failed: Vec<FailedEntry> = entries.iter().enumerate().filter_map(failure).collect();
    let is_taken = |index| failed.binary_search_by_key(&index, |entry| entry.index).is_err();
    let mut shards = Vec::new();
    if !failed.is_empty() {
        let numbers = entries.iter().map(|entry| entry.shard_id.as_ref().and_then(|id| id.0));
        let named = numbers.enumerate().filter_map(|(index, number)| Some((index, number?)));
        shards.extend(named.filter(|(index, _)| is_taken(*index)));
    }
    Ok(PutResponse { failed, shards, takes_cbor: false })
}

/// What is wrong with an entry, if anything is. An error code of `null` is success.
fn failure((index, entry): (usize, &Entry)) -> Option<FailedEntry> {
    let message = entry.error_message.clone().unwrap_or_default();
    match entry.error_code.clone() {
        Some(code) => Some(FailedEntry { index, code, message }),
        None if entry.id.is_some() => None,
        None => Some(FailedEntry { index, code: CODE_NO_RESULT.to_owned(), message }),
    }
}

// Searched for in every answer, from one end to the other.
static ERROR_CODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"ErrorCode\""));
static RECORD_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"RecordId\":\""));
static SEQUENCE_NUMBER: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("\"SequenceNumber\":\""));

/// Whether the body shows, without being parsed, that every record was taken: it is whole, no
/// entry has an error code, and there are as many ids as records were sent.
///
/// A quote inside a JSON string is always escaped, so these patterns match whole strings only,
/// unless a backslash is before them; what they cannot settle is left to the parser.
fn says_all_delivered(body: &[u8], sent: usize) -> bool {
    let body = body.trim_ascii();
    let whole = body.starts_with(b"{") && body.ends_with(b"}");
    if !whole || ERROR_CODE.find(body).is_some() {
        return false;
    }
    let id = if memmem::find(body, b"\"FailedRecordCount\":0").is_some() {
        &*SEQUENCE_NUMBER
    } else if memmem::find(body, b"\"FailedPutCount\":0").is_some() {
        &*RECORD_ID
    } else {
        return false;
    };
    let (mut ids, mut last) = (0, None);
    for position in id.find_iter(body) {
        if position.checked_sub(1).and_then(|before| body.get(before)) == Some(&b'\\') {
            return false;
        }
        (ids, last) = (ids + 1, Some(position));
    }
    // The list is closed behind its last entry, or else the answer is cut.
    ids == sent && memchr::memrchr(b']', body) > last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn codes(answer: &PutResponse) -> Vec<(usize, &str)> {
        answer.failed.iter().map(|entry| (entry.index, entry.code.as_str())).collect()
    }

    fn kinesis(entries: &Value) -> Vec<u8> {
        json!({"FailedRecordCount": 0, "Records": entries}).to_string().into_bytes()
    }

    #[test]
    fn an_escaped_quote_begins_no_id() {
        let body = br#"{"FailedPutCount":0,"RequestResponses":[{"\"RecordId":"a"}]}"#;
        assert_eq!(codes(&read(body, 1).unwrap()), [(0, CODE_NO_RESULT)]);
    }

    #[test]
    fn a_success_of_either_service_is_recognised_without_parsing() {
        let kinesis = concat!(
            r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-0"},"#,
            r#"{"SequenceNumber":"2","ShardId":"shardId-0"}],"EncryptionType":"NONE"}"#
        )
        .as_bytes();
        let firehose = concat!(
            r#"{"Encrypted":false,"FailedPutCount":0,"#,
            r#""RequestResponses":[{"RecordId":"a"},{"RecordId":"b"}]}"#
        )
        .as_bytes();
        for body in [kinesis, firehose] {
            assert!(says_all_delivered(body, 2));
            assert_eq!(read(body, 2).expect("readable"), PutResponse::default());
        }
    }

    #[test]
    fn spaces_and_explicit_nulls_are_left_to_the_parser() {
        let body = concat!(
            r#"{ "FailedRecordCount" : 0, "Records" : [ { "SequenceNumber" : "1", "#,
            r#""ShardId": "s", "ErrorCode" : null, "ErrorMessage": null } ] }"#
        )
        .as_bytes();
        assert!(!says_all_delivered(body, 1));
        assert_eq!(read(body, 1).expect("readable"), PutResponse::default());
    }

    #[test]
    fn the_entries_count_and_not_the_counter() {
        let throttled = json!({"ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream s"});
        let taken = json!({"SequenceNumber": "1", "ShardId": "s"});
        let lies_low = kinesis(&json!([taken, throttled]));
        let answer = read(&lies_low, 2).expect("readable");
        assert_eq!(codes(&answer), [(1, "ProvisionedThroughputExceededException")]);
        assert!(answer.failed[0].message.starts_with("Rate exceeded"));

        let lies_high = json!({"FailedRecordCount": 2, "Records": [taken, taken]}).to_string();
        assert_eq!(read(lies_high.as_bytes(), 2).expect("readable"), PutResponse::default());
    }

    #[test]
    fn shards_are_named_where_something_failed() {
        let taken = json!({"SequenceNumber": "1", "ShardId": "shardId-000000000012"});
        let message = "Rate exceeded for shard shardId-000000000003 in stream s under account 1.";
        let failed = json!({"ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": message});
        let odd = json!({"SequenceNumber": "1", "ShardId": "s"});
        let answer = read(&kinesis(&json!([taken, failed, odd, taken])), 4).expect("readable");
        assert_eq!(answer.shards, [(0, ShardNumber(12)), (3, ShardNumber(12))]);
        let message = &answer.failed[0].message;
        assert_eq!(ShardNumber::find_in(message), Some(ShardNumber(3)));
        assert_eq!(ShardNumber::find_in("shardId-"), None);
        assert_eq!(ShardNumber::find_in("Rate exceeded."), None);
    }

    #[test]
    fn an_entry_that_says_nothing_is_not_taken() {
        let body = kinesis(&json!([{}, {"SequenceNumber": "1"}]));
        assert_eq!(codes(&read(&body, 2).expect("readable")), [(0, CODE_NO_RESULT)]);
        let nulls = kinesis(&json!([{"SequenceNumber": null, "ErrorCode": null}]));
        assert_eq!(codes(&read(&nulls, 1).expect("readable")), [(0, CODE_NO_RESULT)]);
    }

    #[test]
    fn an_answer_for_another_number_of_records_is_refused() {
        let body = kinesis(&json!([{"SequenceNumber": "1", "ShardId": "s"}]));
        for sent in [0, 2] {
            let error = read(&body, sent).expect_err("the count is wrong");
            assert!(matches!(error, PutResponseError::Count { answered: 1, .. }), "{error}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        let bodies: [&[u8]; 7] = [
            b"",
            b"{}",
            b"null",
            b"<html>Service Unavailable</html>",
            br#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1""#,
            br#"{"FailedRecordCount":0,"Records":null}"#,
            &[0xff, 0xfe, 0x00],
        ];
        for body in bodies {
            let error = read(body, 1).expect_err("it is garbage");
            assert!(matches!(error, PutResponseError::Malformed(_)), "{error}");
        }
    }

    #[test]
    fn text_in_a_message_cannot_pass_for_a_result() {
        let body = kinesis(&json!([
            {"ErrorMessage": "\"SequenceNumber\":\"1\"", "SequenceNumber": null},
        ]));
        assert_eq!(codes(&read(&body, 1).expect("readable")), [(0, CODE_NO_RESULT)]);
    }

    proptest! {
        /// For all outcomes of records, in either service's shape, exactly the failures are read;
        /// and every proper prefix of the answer is refused.
        #[test]
        fn exactly_the_failed_entries_are_read(
            taken in prop::collection::vec(any::<bool>(), 1..50),
            firehose in any::<bool>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let entries: Vec<Value> = taken.iter().map(|taken| match (taken, firehose) {
                (true, false) => json!({"SequenceNumber": "1", "ShardId": "s"}),
                (true, true) => json!({"RecordId": "1"}),
                (false, _) => json!({"ErrorCode": "InternalFailure", "ErrorMessage": "m"}),
            }).collect();
            let failures = taken.iter().filter(|taken| !**taken).count();
            let body = if firehose {
                json!({"FailedPutCount": failures, "RequestResponses": entries})
            } else {
                json!({"FailedRecordCount": failures, "Records": entries})
            }.to_string();
            let answer = read(body.as_bytes(), taken.len()).expect("readable");
            let expected: Vec<usize> =
                (0..taken.len()).filter(|index| !taken[*index]).collect();
            let failed: Vec<usize> = answer.failed.iter().map(|entry| entry.index).collect();
            prop_assert_eq!(failed, expected);
            let cut = cut.index(body.len());
            prop_assert!(read(&body.as_bytes()[..cut], taken.len()).is_err());
        }
    }
}
