//! Firehose `PutRecordBatch`: decoding and the limits that the service enforces. Pure.
//!
//! Limits: API reference of `PutRecordBatch` and the quota page of Amazon Data Firehose, as of
//! November 2026. Any breach refuses the whole request.

use serde::Deserialize;

use super::decode::{
    IncomingRecord, PutRequest, Text, check_length, decode, decode_data, missing, record_member,
    stream_id,
};
use super::names::Service;
use super::response::ErrorResponse;
use kinetail_base::limits::{
    FIREHOSE_RECORD_BYTES_MAX, FIREHOSE_REQUEST_BYTES_MAX, REQUEST_RECORDS_MAX,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordBatchBody<'a> {
    #[serde(borrow)]
    delivery_stream_name: Option<Text<'a>>,
    #[serde(borrow)]
    records: Option<Vec<RecordBody<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordBody<'a> {
    #[serde(borrow)]
    data: Option<Text<'a>>,
}

/// Reads a `PutRecordBatch` body.
pub(super) fn decode_put_record_batch(body: &[u8]) -> Result<PutRequest, ErrorResponse> {
    let body: PutRecordBatchBody<'_> = decode(body)?;
    let name = body.delivery_stream_name.as_ref();
    let stream = stream_id(Service::Firehose, "deliveryStreamName", name, None)?;
    let Some(entries) = body.records else { return Err(missing("records")) };
    check_length(|| "records".to_owned(), entries.len(), 1, REQUEST_RECORDS_MAX)?;
    let mut records = Vec::with_capacity(entries.len());
    let mut request_bytes = 0_usize;
    for (place, entry) in entries.iter().enumerate() {
        let data = decode_data(place, entry.data.as_ref())?;
        let member = || record_member(place, "data");
        check_length(member, data.len(), 0, FIREHOSE_RECORD_BYTES_MAX)?;
        request_bytes = request_bytes.saturating_add(data.len());
        records.push(IncomingRecord { data, ..IncomingRecord::default() });
    }
    if request_bytes > FIREHOSE_REQUEST_BYTES_MAX {
        return Err(ErrorResponse::invalid_argument("Records size exceeds 4 MB limit"));
    }
    Ok(PutRequest { stream, records, dry_run: false })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn decode(body: &Value) -> Result<PutRequest, ErrorResponse> {
        decode_put_record_batch(body.to_string().as_bytes())
    }

    fn put(sizes: &[usize]) -> Value {
        let data = |size: &usize| base64_simd::STANDARD.encode_to_string(vec![b'x'; *size]);
        let entry = |size: &usize| json!({ "Data": data(size) });
        json!({ "DeliveryStreamName": "s", "Records": sizes.iter().map(entry).collect::<Vec<_>>() })
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let code = |sizes: &[usize]| decode(&put(sizes)).unwrap_err().code;
        assert_eq!(code(&[]), "ValidationException");
        assert_eq!(code(&[1; 501]), "ValidationException");
        assert!(decode(&put(&[1; 500])).is_ok());
        assert!(decode(&put(&[1_024_000])).is_ok());
        assert_eq!(code(&[1_024_001]), "ValidationException");
        let rest = 4 * 1024 * 1024 - 4 * 1_024_000;
        assert!(decode(&put(&[1_024_000, 1_024_000, 1_024_000, 1_024_000, rest])).is_ok());
        let over = [1_024_000, 1_024_000, 1_024_000, 1_024_000, rest + 1];
        assert_eq!(code(&over), "InvalidArgumentException");
    }

    #[test]
    fn members_that_are_missing_are_named() {
        let message = |body| decode(&body).unwrap_err().message;
        assert!(message(json!({ "Records": [] })).contains("'deliveryStreamName'"));
        assert!(message(json!({ "DeliveryStreamName": "s" })).contains("'records'"));
        let no_data = json!({ "DeliveryStreamName": "s", "Records": [{}] });
        assert!(message(no_data).contains("'records.1.member.data'"));
    }
}
