//! The shapes of `PutRecords` and `PutRecordBatch` in awsJson1.1, with the data in base64.

use std::borrow::Cow;

use base64_simd::STANDARD;

use super::key::{RANDOM_KEY_DIGITS, RandomKey};

/// Bytes of one record's JSON that are neither data nor key:
/// `,{"Data":"","PartitionKey":""}`.
const RECORD_FRAME_BYTES: usize = 30;

/// What stands before a record's data, and before its key.
const DATA: &[u8] = b"{\"Data\":\"";
const PARTITION_KEY: &[u8] = b"\",\"PartitionKey\":\"";

/// What stands between two records.
pub(super) const BETWEEN: u8 = b',';

/// What follows a record's key.
pub(super) const RECORD_SUFFIX: &[u8] = b"\"}";

/// What follows the last record.
pub(super) const SUFFIX: &[u8] = b"]}";

/// The body up to the first record.
pub(super) fn prefix(name: &str, keyed: bool) -> Vec<u8> {
    let member = if keyed { "StreamName" } else { "DeliveryStreamName" };
    let mut prefix = Vec::with_capacity(64 + name.len());
    prefix.extend_from_slice(b"{\"");
    prefix.extend_from_slice(member.as_bytes());
    prefix.extend_from_slice(b"\":\"");
    append_escaped(&mut prefix, name);
    prefix.extend_from_slice(b"\",\"Records\":[");
    prefix
}

/// Appends a record. Firehose has no keys.
pub(super) fn push_record(buffer: &mut Vec<u8>, data: &[u8], key: Option<&str>) {
    let key_bytes = key.map_or(0, str::len);
    // The encoder below reserves exactly what it needs, which would copy the body for each record;
    // this reservation grows by doubling.
    buffer.reserve(RECORD_FRAME_BYTES + STANDARD.encoded_length(data.len()) + 6 * key_bytes);
    buffer.extend_from_slice(DATA);
    STANDARD.encode_append(data, buffer);
    if let Some(key) = key {
        buffer.extend_from_slice(PARTITION_KEY);
        append_escaped(buffer, key);
    }
    buffer.extend_from_slice(RECORD_SUFFIX);
}

/// The same with a random key, which nearly all records of Kinesis have: there is nothing to escape
/// in it.
pub(super) fn push_record_with_random_key(buffer: &mut Vec<u8>, data: &[u8], key: RandomKey) {
    buffer.reserve(RECORD_FRAME_BYTES + STANDARD.encoded_length(data.len()) + RandomKey::BYTES);
    buffer.extend_from_slice(DATA);
    STANDARD.encode_append(data, buffer);
    let mut end = *b"\",\"PartitionKey\":\"________\"}";
    let digits = PARTITION_KEY.len()..PARTITION_KEY.len() + RANDOM_KEY_DIGITS;
    if let Some(place) = end.get_mut(digits) {
        place.copy_from_slice(&key.0);
    }
    buffer.extend_from_slice(&end);
}

/// The data of a record that was written here.
pub(super) fn data(record: &[u8]) -> Vec<u8> {
    let encoded = record.get(DATA.len()..).unwrap_or_default();
    let end = memchr::memchr(b'"', encoded).unwrap_or(encoded.len());
    STANDARD.decode_to_vec(encoded.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// The key of a record that was written here, with so many bytes of data.
pub(super) fn key(record: &[u8], data_len: usize) -> Cow<'_, str> {
    let start = DATA.len() + STANDARD.encoded_length(data_len) + PARTITION_KEY.len();
    let end = record.len().saturating_sub(RECORD_SUFFIX.len());
    let key = record.get(start..end).and_then(|key| std::str::from_utf8(key).ok());
    let key = key.unwrap_or_default();
    if key.contains('\\') {
        return serde_json::from_str(&format!("\"{key}\"")).unwrap_or_default();
    }
    Cow::Borrowed(key)
}

/// Appends `text` as the inside of a JSON string (RFC 8259, section 7).
fn append_escaped(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                let hex = |nibble: u8| b"0123456789abcdef".get(nibble as usize).copied();
                out.extend_from_slice(b"\\u00");
                out.extend(hex(byte >> 4));
                out.extend(hex(byte & 0x0f));
            }
            _ => out.push(byte),
        }
    }
}
