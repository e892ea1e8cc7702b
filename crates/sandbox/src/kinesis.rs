//! Kinesis `PutRecords`: decoding and the limits that the service enforces. Pure.
//!
//! Limits: API reference of `PutRecords` and the Streams developer guide on large records, as of
//! November 2026. Any breach refuses the whole request.

use serde::Deserialize;

use super::decode::{
    IncomingRecord, PutRequest, Text, check_length, decode, decode_data, missing, record_member,
    stream_id,
};
use super::names::Service;
use super::response::ErrorResponse;
use super::shard::hash_key;
use kinetail_base::limits::{PARTITION_KEY_CHARS_MAX, REQUEST_RECORDS_MAX};

/// How large records and requests may be; streams differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KinesisLimits {
    /// Data and partition key of one record.
    pub(super) record_bytes_max: usize,
    /// Data and partition keys of one request.
    pub(super) request_bytes_max: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordsBody<'a> {
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(borrow)]
    records: Option<Vec<EntryBody<'a>>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<Text<'a>>,
    #[serde(borrow)]
    stream_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryBody<'a> {
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    explicit_hash_key: Option<Text<'a>>,
    #[serde(borrow)]
    partition_key: Option<Text<'a>>,
}

/// Reads a `PutRecords` body.
pub(super) fn decode_put_records(
    body: &[u8],
    limits: &KinesisLimits,
) -> Result<PutRequest, ErrorResponse> {
    let body: PutRecordsBody<'_> = decode(body)?;
    let stream = stream_id(
        Service::Kinesis,
        "streamName",
        body.stream_name.as_ref(),
        body.stream_arn.as_ref(),
    )?;
    let Some(entries) = body.records else { return Err(missing("records")) };
    check_length(|| "records".to_owned(), entries.len(), 1, REQUEST_RECORDS_MAX)?;
    let mut records = Vec::with_capacity(entries.len());
    let mut request_bytes = 0_usize;
    for (place, entry) in entries.iter().enumerate() {
        let record = decode_entry(place, entry)?;
        let record_bytes = record.billed_bytes();
        if record_bytes > limits.record_bytes_max {
            return Err(ErrorResponse::invalid_argument(&format!(
                "The record at index {place} is {record_bytes} bytes with its partition key, \
                 more than the stream's maximum record size of {} bytes.",
                limits.record_bytes_max
            )));
        }
        request_bytes = request_bytes.saturating_add(record_bytes);
        records.push(record);
    }
    if request_bytes > limits.request_bytes_max {
        let mebibytes = limits.request_bytes_max / (1024 * 1024);
        return Err(ErrorResponse::invalid_argument(&format!(
            "Records size exceeds {mebibytes} MB limit"
        )));
    }
    Ok(PutRequest { stream, records, dry_run: body.dry_run == Some(true) })
}

fn decode_entry(place: usize, entry: &EntryBody<'_>) -> Result<IncomingRecord, ErrorResponse> {
    let key_member = || record_member(place, "partitionKey");
    let Some(Text(partition_key)) = &entry.partition_key else {
        return Err(missing(&key_member()));
    };
    check_length(key_member, partition_key.chars().count(), 1, PARTITION_KEY_CHARS_MAX)?;
    let hash_key = match &entry.explicit_hash_key {
        Some(Text(explicit)) => parse_hash_key(place, explicit)?,
        None => hash_key(partition_key),
    };
    let data = decode_data(place, entry.data.as_ref())?;
    Ok(IncomingRecord { data, partition_key: Some(partition_key.to_string()), hash_key })
}

/// An explicit hash key is a decimal number below 2^128 without a leading zero.
fn parse_hash_key(place: usize, text: &str) -> Result<u128, ErrorResponse> {
    let digits_only = text.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    match text.parse() {
        Ok(number) if digits_only && !leading_zero => Ok(number),
        Ok(_) | Err(_) => Err(ErrorResponse::validation(&format!(
            "Value at '{}' failed to satisfy constraint: Member must satisfy regular expression \
             pattern: 0|([1-9]\\d{{0,38}})",
            record_member(place, "explicitHashKey")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const LIMITS: KinesisLimits =
        KinesisLimits { record_bytes_max: 100, request_bytes_max: 1024 * 1024 };

    fn decode(body: &Value) -> Result<PutRequest, ErrorResponse> {
        decode_put_records(body.to_string().as_bytes(), &LIMITS)
    }

    fn entry(data: &[u8], key: &str) -> Value {
        json!({ "Data": base64_simd::STANDARD.encode_to_string(data), "PartitionKey": key })
    }

    fn put(entries: &[Value]) -> Value {
        json!({ "StreamName": "s", "Records": entries })
    }

    fn code(body: &Value) -> String {
        decode(body).unwrap_err().code
    }

    #[test]
    fn members_that_are_missing_are_named() {
        let no_key = put(&[json!({ "Data": "" })]);
        assert!(decode(&no_key).unwrap_err().message.contains("'records.1.member.partitionKey'"));
        let no_data = put(&[entry(b"", "k"), json!({ "PartitionKey": "k" })]);
        assert!(decode(&no_data).unwrap_err().message.contains("'records.2.member.data'"));
        assert_eq!(code(&json!({ "StreamName": "s" })), "ValidationException");
        assert_eq!(code(&json!({ "Records": [entry(b"", "k")] })), "ValidationException");
    }

    #[test]
    fn requests_hold_one_to_five_hundred_records() {
        assert_eq!(code(&put(&[])), "ValidationException");
        let entries = vec![entry(b"x", "k"); 501];
        assert_eq!(code(&put(&entries)), "ValidationException");
        assert_eq!(decode(&put(&entries[..500])).unwrap().records.len(), 500);
    }

    #[test]
    fn the_key_counts_towards_the_size_of_a_record() {
        assert!(decode(&put(&[entry(&[b'x'; 98], "kk")])).is_ok());
        assert_eq!(code(&put(&[entry(&[b'x'; 99], "kk")])), "InvalidArgumentException");
    }

    #[test]
    fn the_keys_count_towards_the_size_of_a_request() {
        let tight = KinesisLimits { record_bytes_max: 100, request_bytes_max: 20 };
        let decode = |data: &[u8]| {
            let body = put(&[entry(data, "k"), entry(b"12345678", "k")]).to_string();
            decode_put_records(body.as_bytes(), &tight)
        };
        assert!(decode(&[b'x'; 10]).is_ok());
        assert_eq!(decode(&[b'x'; 11]).unwrap_err().code, "InvalidArgumentException");
    }

    #[test]
    fn partition_keys_have_one_to_256_characters_whatever_their_bytes() {
        let wide = KinesisLimits { record_bytes_max: 1024, ..LIMITS };
        let decode = |key: &str| {
            let body = put(&[entry(b"", key)]).to_string();
            decode_put_records(body.as_bytes(), &wide)
        };
        assert_eq!(decode("").unwrap_err().code, "ValidationException");
        assert!(decode(&"é".repeat(256)).is_ok());
        assert_eq!(decode(&"é".repeat(257)).unwrap_err().code, "ValidationException");
    }

    #[test]
    fn an_explicit_hash_key_is_a_number_below_two_to_the_128() {
        let with = |hash_key: &str| {
            let mut entry = entry(b"", "k");
            entry["ExplicitHashKey"] = json!(hash_key);
            decode(&put(&[entry]))
        };
        assert_eq!(with("0").unwrap().records[0].hash_key, 0);
        assert_eq!(with(&u128::MAX.to_string()).unwrap().records[0].hash_key, u128::MAX);
        for bad in ["", "-1", "+1", "01", "x", "340282366920938463463374607431768211456"] {
            assert_eq!(with(bad).unwrap_err().code, "ValidationException", "{bad}");
        }
    }

    #[test]
    fn a_dry_run_is_one_only_if_it_is_asked_for() {
        let mut body = put(&[entry(b"", "k")]);
        assert!(!decode(&body).unwrap().dry_run);
        body["DryRun"] = json!(null);
        assert!(!decode(&body).unwrap().dry_run);
        body["DryRun"] = json!(true);
        assert!(decode(&body).unwrap().dry_run);
    }

    #[test]
    fn broken_bodies_are_refused() {
        let limits = &LIMITS;
        for body in [&b""[..], b"{", b"[]", b"{\"StreamName\":\"s\",\"Records\":[{\"Data\":1}]}"] {
            let refused = decode_put_records(body, limits).unwrap_err();
            assert_eq!(refused.code, "SerializationException");
        }
        let bad_base64 = put(&[json!({ "Data": "a", "PartitionKey": "k" })]);
        assert_eq!(code(&bad_base64), "SerializationException");
    }

    proptest! {
        #[test]
        fn data_and_keys_arrive_as_they_are(
            data in proptest::collection::vec(any::<u8>(), 0..50),
            key in ".{1,10}",
        ) {
            let request = decode(&put(&[entry(&data, &key)])).unwrap();
            prop_assert_eq!(&request.records[0].data, &data);
            prop_assert_eq!(request.records[0].partition_key.as_deref(), Some(key.as_str()));
            prop_assert_eq!(request.records[0].hash_key, hash_key(&key));
        }
    }
}
