//! Takes aggregated records of the Kinesis Producer Library apart, as the Kinesis Client Library
//! does. Pure.

use md5::{Digest as _, Md5};

use super::shard::hash_key;

/// What an aggregate begins with.
const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// Bytes of the MD5 behind the message.
const DIGEST_BYTES: usize = 16;

/// A record as a consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Its partition key.
    pub partition_key: String,
    /// The hash that says on which shard it belongs.
    pub hash_key: u128,
    /// Its data.
    pub data: Vec<u8>,
}

/// The records in one record of a stream: that record itself, if it is no aggregate or a broken
/// one.
#[must_use]
pub fn user_records(partition_key: &str, data: &[u8]) -> Vec<UserRecord> {
    message(data).and_then(read).unwrap_or_else(|| {
        let partition_key = partition_key.to_owned();
        vec![UserRecord { hash_key: hash_key(&partition_key), partition_key, data: data.to_vec() }]
    })
}

/// The message of an aggregate whose checksum is right.
fn message(data: &[u8]) -> Option<&[u8]> {
    let (message, digest) = data.strip_prefix(&MAGIC)?.split_last_chunk::<DIGEST_BYTES>()?;
    (Md5::digest(message).as_slice() == digest).then_some(message)
}

fn read(message: &[u8]) -> Option<Vec<UserRecord>> {
    let (mut keys, mut hashes, mut records) = (Vec::new(), Vec::new(), Vec::new());
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(key)) => keys.push(std::str::from_utf8(key).ok()?),
            (2, Value::Bytes(hash)) => {
                hashes.push(std::str::from_utf8(hash).ok()?.parse::<u128>().ok()?);
            }
            (3, Value::Bytes(record)) => records.push(record),
            _ => {}
        }
    }
    records.into_iter().map(|record| user_record(record, &keys, &hashes)).collect()
}

fn user_record(record: &[u8], keys: &[&str], hashes: &[u128]) -> Option<UserRecord> {
    let (mut key, mut hash, mut data) = (None, None, None);
    let mut fields = Fields(record);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Number(index)) => key = Some(*keys.get(usize::try_from(index).ok()?)?),
            (2, Value::Number(index)) => hash = Some(*hashes.get(usize::try_from(index).ok()?)?),
            (3, Value::Bytes(bytes)) => data = Some(bytes),
            _ => {}
        }
    }
    let partition_key = key?.to_owned();
    let hash_key = hash.unwrap_or_else(|| hash_key(&partition_key));
    Some(UserRecord { partition_key, hash_key, data: data?.to_vec() })
}

/// The fields of a protobuf message.
struct Fields<'m>(&'m [u8]);

enum Value<'m> {
    Bytes(&'m [u8]),
    Number(u64),
}

impl<'m> Fields<'m> {
    /// The next field, by its number. The outer option is nothing where the message is broken.
    #[expect(clippy::option_option, reason = "broken is not the same as at the end")]
    fn next(&mut self) -> Option<Option<(u64, Value<'m>)>> {
        /// How a field is written: a number, or bytes with their length in front.
        const NUMBER: u64 = 0;
        const BYTES: u64 = 2;
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            NUMBER => Value::Number(self.varint()?),
            BYTES => {
                let len = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(len)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        Some(Some((tag >> 3, value)))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(message: &[u8]) -> Vec<u8> {
        [&MAGIC[..], message, Md5::digest(message).as_slice()].concat()
    }

    #[test]
    fn an_aggregate_is_taken_apart() {
        // Two keys, one explicit hash key, two records of which the second has it.
        let tables = b"\x0a\x01a\x0a\x02bc\x12\x0242".as_slice();
        let records = b"\x1a\x06\x08\x00\x1a\x02x\n\x1a\x07\x08\x01\x10\x00\x1a\x01y";
        let found = user_records("outer", &sealed(&[tables, records].concat()));
        let shown: Vec<_> = found
            .iter()
            .map(|user| (user.partition_key.as_str(), user.hash_key, user.data.as_slice()))
            .collect();
        assert_eq!(shown, [("a", hash_key("a"), b"x\n".as_slice()), ("bc", 42, b"y")]);
    }

    #[test]
    fn what_is_no_aggregate_is_one_record() {
        let mut broken = sealed(b"\x0a\x01a");
        broken[5] ^= 1;
        for data in [b"plain".as_slice(), b"", &MAGIC, &broken, &sealed(b"\x1a\x02\x08\x09")] {
            let found = user_records("k", data);
            assert_eq!((found.len(), found[0].data.as_slice()), (1, data));
        }
    }

    proptest! {
        #[test]
        fn no_message_breaks_it(message in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(user_records("k", &sealed(&message)).len() <= 60);
        }
    }
}
