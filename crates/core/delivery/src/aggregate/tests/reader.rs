//! Reads an aggregate as the Kinesis Client Library does it.

use md5::{Digest as _, Md5};

use super::super::kpl::MAGIC;
use crate::hash::hash_key;

/// A record of the service.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) data: Vec<u8>,
}

/// A record as a consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) key: String,
    /// Where it belongs.
    pub(super) hash: u128,
    pub(super) data: Vec<u8>,
}

struct Reader<'r>(&'r [u8]);

impl<'r> Reader<'r> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("a byte");
        self.0 = rest;
        *first
    }

    fn varint(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    fn bytes(&mut self) -> &'r [u8] {
        let len = usize::try_from(self.varint()).expect("a length");
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("text")
    }
}

/// What is in a record of the service; itself, if it is no aggregate.
pub(super) fn users(sent: &Sent) -> Vec<User> {
    let plain = || {
        let Sent { key, data } = sent.clone();
        vec![User { hash: hash_key(&key), key, data }]
    };
    let Some(body) = sent.data.strip_prefix(&MAGIC) else { return plain() };
    let Some((message, digest)) = body.split_last_chunk::<16>() else { return plain() };
    if Md5::digest(message)[..] != digest[..] {
        return plain();
    }
    let (mut keys, mut hashes, mut found) = (Vec::new(), Vec::new(), Vec::new());
    let mut reader = Reader(message);
    while !reader.0.is_empty() {
        match reader.varint() {
            0x0a => keys.push(reader.text()),
            0x12 => hashes.push(reader.text().parse::<u128>().expect("a hash")),
            0x1a => {
                let mut record = Reader(reader.bytes());
                let (mut key, mut hash, mut data) = (None, None, None);
                while !record.0.is_empty() {
                    match record.varint() {
                        0x08 => key = Some(keys[usize::try_from(record.varint()).unwrap()].clone()),
                        0x10 => hash = Some(hashes[usize::try_from(record.varint()).unwrap()]),
                        0x1a => data = Some(record.bytes().to_vec()),
                        tag => panic!("tag {tag}"),
                    }
                }
                let key = key.expect("a key is required");
                let hash = hash.unwrap_or_else(|| hash_key(&key));
                found.push(User { key, hash, data: data.expect("data is required") });
            }
            tag => panic!("tag {tag}"),
        }
    }
    found
}
