//! The shape of `PutRecords` in CBOR, with the data as it is. Maps and arrays have no lengths and
//! end with a break, as the Java SDK writes them: a record can be appended, and a choice of records
//! copied, without anything before it changing.

use std::borrow::Cow;

use crate::cbor::{
    ARRAY_BEGIN, BREAK, CborError, HEAD_BYTES_MAX, MAP_BEGIN, Reader, push_bytes_head, push_text,
};

use super::key::{RANDOM_KEY_DIGITS, RandomKey};

/// The beginning of a record: a map, and `Data` as a text.
const DATA: &[u8] = b"\xbf\x64Data";

/// `PartitionKey`, as a text.
const PARTITION_KEY: &[u8] = b"\x6cPartitionKey";

/// Bytes of one record that are neither data nor key, at most.
const RECORD_FRAME_BYTES: usize = 1 + DATA.len() + PARTITION_KEY.len() + 2 * HEAD_BYTES_MAX;

/// What follows a record's key.
pub(super) const RECORD_SUFFIX: &[u8] = &[BREAK];

/// What follows the last record.
pub(super) const SUFFIX: &[u8] = &[BREAK, BREAK];

/// The body up to the first record.
pub(super) fn prefix(stream: &str) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(32 + stream.len());
    prefix.push(MAP_BEGIN);
    push_text(&mut prefix, "StreamName");
    push_text(&mut prefix, stream);
    push_text(&mut prefix, "Records");
    prefix.push(ARRAY_BEGIN);
    prefix
}

/// Appends a record.
pub(super) fn push_record(buffer: &mut Vec<u8>, data: &[u8], key: &[u8]) {
    buffer.reserve(RECORD_FRAME_BYTES + data.len() + key.len());
    buffer.extend_from_slice(DATA);
    push_bytes_head(buffer, data.len());
    buffer.extend_from_slice(data);
    buffer.extend_from_slice(PARTITION_KEY);
    push_text(buffer, key);
    buffer.push(BREAK);
}

/// The same with a random key, which nearly all records have: the lengths of what is around the
/// data are known, so that each piece is a copy of so many bytes.
pub(super) fn push_record_with_random_key(buffer: &mut Vec<u8>, data: &[u8], key: RandomKey) {
    // The head of bytes that are as many as fit into a byte, or into two.
    match (u8::try_from(data.len()), u16::try_from(data.len())) {
        (Ok(len @ 24..), _) => {
            buffer.extend_from_slice(&[0xbf, 0x64, b'D', b'a', b't', b'a', 0x58, len]);
        }
        (Err(_), Ok(len)) => {
            let [high, low] = len.to_be_bytes();
            buffer.extend_from_slice(&[0xbf, 0x64, b'D', b'a', b't', b'a', 0x59, high, low]);
        }
        _ => {
            buffer.extend_from_slice(DATA);
            push_bytes_head(buffer, data.len());
        }
    }
    buffer.extend_from_slice(data);
    let mut end = *b"\x6cPartitionKey\x68________\xff";
    if let Some(place) = end.get_mut(14..14 + RANDOM_KEY_DIGITS) {
        place.copy_from_slice(&key.0);
    }
    buffer.extend_from_slice(&end);
}

/// Data and key of a record.
pub(super) fn record(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, Cow<'_, str>), CborError> {
    let (mut data, mut key) = Default::default();
    Reader::new(bytes).map::<CborError>(|reader, member| {
        match member {
            "Data" => data = reader.bytes()?,
            "PartitionKey" => key = reader.text()?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok((data, key))
}
