//! Responses of the services.

use kinetail::batch::response;
use serde_json::Value;

use super::fuzz;

const SEEDS: &[&[u8]] = &[
    br#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-0"},
        {"SequenceNumber":"2","ShardId":"shardId-000000000001"}],"EncryptionType":"NONE"}"#,
    br#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"1","ShardId":"shardId-0"},
        {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"for shard shardId-7"}
        ]}"#,
    br#"{"Encrypted":false,"FailedPutCount":0,"RequestResponses":[{"RecordId":"a"},
        {"RecordId":"b"}]}"#,
    br#"{"FailedPutCount":1,"RequestResponses":[{"ErrorCode":"ServiceUnavailableException",
        "ErrorMessage":"Slow down."},{"RecordId":"b"}]}"#,
    br#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ErrorCode":null},{}]}"#,
];

const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"\"ErrorCode\":\"InternalFailure\",",
    b"{},",
    b"\"ErrorCode\":null,",
    b"\"SequenceNumber\":\"3\"",
    b"\"RecordId\":\"c\"",
    b"\\\"",
    b"\\u0000",
    b"\"Records\":[],",
    b"\"FailedRecordCount\":0,",
    b" ",
    b"\xFF",
];

const SENT: usize = 2;

/// Whether each record was accepted, as the entries of a well-formed response say.
fn accepted(body: &[u8]) -> Option<Vec<bool>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let entries = body.get("Records").or_else(|| body.get("RequestResponses"))?.as_array()?;
    let text = |entry: &Value, key: &str| entry.get(key).is_some_and(|value| !value.is_null());
    let id = |entry: &Value| text(entry, "SequenceNumber") || text(entry, "RecordId");
    Some(entries.iter().map(|entry| id(entry) && !text(entry, "ErrorCode")).collect())
}

#[test]
fn no_record_counts_as_accepted_that_its_entry_does_not_name() {
    fuzz(SEEDS, WORDS, |body| {
        let Ok(read) = response::read(body, SENT) else { return };
        let failed: Vec<usize> = read.failed.iter().map(|entry| entry.index).collect();
        assert!(failed.is_sorted() && failed.iter().all(|index| *index < SENT), "{failed:?}");
        for (index, _) in &read.shards {
            assert!(*index < SENT && !failed.contains(index), "{read:?}");
        }
        let Some(accepted) = accepted(body).filter(|entries| entries.len() == SENT) else { return };
        for (index, accepted) in accepted.into_iter().enumerate() {
            assert_eq!(accepted, !failed.contains(&index), "record {index} of {read:?}");
        }
    });
}
