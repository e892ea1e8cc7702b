//! The format of aggregated records that the Kinesis Producer Library writes and the Kinesis Client
//! Library reads (`aggregation-format.md` of the former). Pure.
//!
//! Four bytes, a protobuf message, and the MD5 of that message:
//!
//! ```proto
//! message AggregatedRecord {
//!   repeated string partition_key_table     = 1;
//!   repeated string explicit_hash_key_table = 2;
//!   repeated Record records                 = 3;
//! }
//! message Record {
//!   required uint64 partition_key_index     = 1;
//!   optional uint64 explicit_hash_key_index = 2;
//!   required bytes  data                    = 3;
//! }
//! ```
//!
//! It is written by hand: two messages, of which each line goes through one, and the size has to be
//! known before a record is added.
//!
//! # Where its records belong
//! The client library drops a record whose hash key is not in the range of the shard on which it
//! found the aggregate. An aggregate is sent with its first key, so its records with that key are
//! always where they belong. All others say that their explicit hash key is the hash of that first
//! key: they belong wherever the aggregate is, also if their shard was split since the map was made
//! that brought them together.

use md5::{Digest as _, Md5};

use super::md5_lanes::{self, DIGEST_BYTES, LANES};
use crate::hash::hash_key;

/// What an aggregate begins with.
pub(super) const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// Bytes around the message.
const FRAME_BYTES: usize = MAGIC.len() + DIGEST_BYTES;

/// Tags of fields: the number, and that a length or a number follows.
const TAG_KEY: u8 = 0x0a;
const TAG_HASH_KEY: u8 = 0x12;
const TAG_RECORD: u8 = 0x1a;
const TAG_KEY_INDEX: u8 = 0x08;
const TAG_HASH_KEY_INDEX: u8 = 0x10;
const TAG_DATA: u8 = 0x1a;

/// An aggregate under construction.
#[derive(Debug, Default)]
pub(crate) struct Kpl {
    keys: Vec<String>,
    /// The magic, the first key, and the records, encoded: nearly always this is all of it.
    bytes: Vec<u8>,
    /// Where the records begin in it.
    records_at: usize,
    /// The other keys, encoded.
    other_keys: Vec<u8>,
    /// Where the data of the newest record begins.
    newest_at: usize,
    count: usize,
    /// The place of the newest record's key in the table, where the next one's nearly always is.
    newest_key: usize,
    /// The hash of the first key, in decimal digits.
    hash: String,
}

impl Kpl {
    /// How many records it has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The newest record's data.
    pub(super) fn newest(&self) -> &[u8] {
        self.bytes.get(self.newest_at..).unwrap_or_default()
    }

    /// Its length when it is finished, in bytes.
    pub(super) fn len(&self) -> usize {
        self.len_of(0, self.keys.len())
    }

    /// Its length if this record were added.
    pub(super) fn len_with(&self, key: &str, data: &[u8]) -> usize {
        let place = self.place_of(key);
        let (table, keys) = match place {
            Some(_) => (0, self.keys.len()),
            None => (field_len(key.len()), self.keys.len() + 1),
        };
        let record = record_len(place.unwrap_or(self.keys.len()), data.len());
        self.len_of(table + field_len(record), keys)
    }

    /// By how much data of this length, with the first key, makes it longer.
    pub(super) fn more_with(data: usize) -> usize {
        field_len(record_len(0, data))
    }

    /// The length of an aggregate of one record.
    pub(super) fn len_of_one(key: usize, data: usize) -> usize {
        FRAME_BYTES + field_len(key) + field_len(record_len(0, data))
    }

    /// Its length with so many more bytes and so many keys.
    fn len_of(&self, more: usize, keys: usize) -> usize {
        let begun = self.bytes.len().max(MAGIC.len()) + self.other_keys.len();
        let hash = if keys > 1 { field_len(self.hash.len()) } else { 0 };
        begun + more + hash + DIGEST_BYTES
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, key: &str, data: &[u8]) {
        let place = self.place_of(key).unwrap_or_else(|| self.add_key(key));
        self.newest_key = place;
        self.push_with(place, data);
    }

    /// Adds a record with the first key; there is one.
    pub(super) fn push_with_first_key(&mut self, data: &[u8]) {
        self.push_with(0, data);
    }

    /// Adds a key. Gives its place.
    fn add_key(&mut self, key: &str) -> usize {
        self.keys.push(key.to_owned());
        let is_first = self.keys.len() == 1;
        if is_first {
            self.hash = hash_key(key).to_string();
            self.bytes.extend_from_slice(&MAGIC);
        }
        let table = if is_first { &mut self.bytes } else { &mut self.other_keys };
        table.push(TAG_KEY);
        push_varint(table, key.len());
        table.extend_from_slice(key.as_bytes());
        if is_first {
            self.records_at = self.bytes.len();
        }
        self.keys.len() - 1
    }

    fn push_with(&mut self, place: usize, data: &[u8]) {
        let out = &mut self.bytes;
        out.push(TAG_RECORD);
        push_varint(out, record_len(place, data.len()));
        out.push(TAG_KEY_INDEX);
        push_varint(out, place);
        if place > 0 {
            out.extend_from_slice(&[TAG_HASH_KEY_INDEX, 0]);
        }
        out.push(TAG_DATA);
        push_varint(out, data.len());
        self.newest_at = out.len();
        out.extend_from_slice(data);
        self.count += 1;
    }

    /// Completes what the digest is of. No record can be added then.
    fn complete(&mut self) {
        if self.keys.len() > 1 {
            let mut between = std::mem::take(&mut self.other_keys);
            between.push(TAG_HASH_KEY);
            push_varint(&mut between, self.hash.len());
            between.extend_from_slice(self.hash.as_bytes());
            self.bytes.splice(self.records_at..self.records_at, between);
        }
    }

    /// What the digest is of.
    fn message(&self) -> &[u8] {
        self.bytes.get(MAGIC.len()..).unwrap_or_default()
    }

    /// The whole of it, once it is finished.
    pub(crate) fn finished(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes it empty, and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.bytes.clear();
        self.other_keys.clear();
        (self.records_at, self.newest_at, self.newest_key, self.count) = (0, 0, 0, 0);
    }

    /// Bytes of memory that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.other_keys.capacity()
    }

    fn place_of(&self, key: &str) -> Option<usize> {
        if self.keys.get(self.newest_key).is_some_and(|newest| newest == key) {
            return Some(self.newest_key);
        }
        self.keys.iter().position(|known| known == key)
    }
}

/// Finishes aggregates, several digests at a time.
pub(crate) fn finish(aggregates: &mut [&mut Kpl]) {
    for some in aggregates.chunks_mut(LANES) {
        let mut messages: [&[u8]; LANES] = [&[]; LANES];
        for (message, kpl) in messages.iter_mut().zip(some.iter_mut()) {
            kpl.complete();
            *message = kpl.message();
        }
        let digests = md5_lanes::digests(&messages);
        for (kpl, digest) in some.iter_mut().zip(&digests) {
            kpl.bytes.extend_from_slice(digest);
        }
    }
}

/// Gives the only key of an aggregate another value of the same length.
pub(crate) fn rekey(aggregate: &mut [u8], key: &str) {
    // Magic, the tag of a key, and its length in one byte.
    let start = MAGIC.len() + 2;
    if let Some(old) = aggregate.get_mut(start..start + key.len()) {
        old.copy_from_slice(key.as_bytes());
    }
    let end = aggregate.len().saturating_sub(DIGEST_BYTES);
    let digest = Md5::digest(aggregate.get(MAGIC.len()..end).unwrap_or_default());
    aggregate.get_mut(end..).into_iter().for_each(|old| old.copy_from_slice(&digest));
}

/// The data of the records in an aggregate that was written here; `None` if it is none.
pub(crate) fn records(aggregate: &[u8]) -> Option<Vec<&[u8]>> {
    let message = aggregate.strip_prefix(&MAGIC)?;
    let (mut rest, digest) = message.split_at_checked(message.len().checked_sub(DIGEST_BYTES)?)?;
    if Md5::digest(rest).as_slice() != digest {
        return None;
    }
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (tag, value, behind) = field(rest)?;
        if tag == TAG_RECORD {
            records.push(data_of(value)?);
        }
        rest = behind;
    }
    Some(records)
}

/// The data in a record's message.
fn data_of(mut message: &[u8]) -> Option<&[u8]> {
    while let Some((tag, rest)) = message.split_first() {
        if *tag == TAG_DATA {
            return field(message).map(|(_, data, _)| data);
        }
        message = read_varint(rest)?.1;
    }
    None
}

/// The tag and the bytes of a field that has a length, and what follows.
fn field(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (len, rest) = read_varint(rest)?;
    let (value, behind) = rest.split_at_checked(len)?;
    Some((*tag, value, behind))
}

fn read_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (place, byte) in bytes.iter().enumerate() {
        let shift = u32::try_from(7 * place).ok()?;
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(place + 1..)?));
        }
    }
    None
}

/// Bytes of a record's message.
fn record_len(key: usize, data: usize) -> usize {
    1 + varint_len(key) + if key > 0 { 2 } else { 0 } + field_len(data)
}

/// Bytes of a field that has a length, with its tag.
fn field_len(len: usize) -> usize {
    1 + varint_len(len) + len
}

fn varint_len(number: usize) -> usize {
    number.checked_ilog2().map_or(1, |bits| bits as usize / 7 + 1)
}

fn push_varint(out: &mut Vec<u8>, mut number: usize) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}
