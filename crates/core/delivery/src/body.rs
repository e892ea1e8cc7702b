//! The wire body of one request, written in one pass: a record's bytes go straight into the buffer
//! that is sent, next to a table of where each record lies in it.
//!
//! It owns the shapes of `PutRecords` and `PutRecordBatch` in `json` (as their API references
//! give them) and of `PutRecords` in `cbor` (as the Java SDK writes it). In both a choice of the
//! records is a copy of their slices. It refuses to decide when a batch is full: limits are the
//! caller's.

mod cbor;
mod json;

use std::sync::Arc;

use bytes::Bytes;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::aggregate::kpl;
use crate::dead_letter::Origin;

/// A new buffer has room for this many bytes: a short batch never grows, a full one of ordinary
/// lines grows twice.
const BUFFER_BYTES_INITIAL: usize = 64 * 1024;

/// How bodies and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// `application/x-amz-cbor-1.1`, which Kinesis speaks.
    Cbor,
    /// `application/x-amz-json-1.1`, which both services speak.
    Json,
}

impl Encoding {
    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Cbor => "application/x-amz-cbor-1.1",
            Self::Json => "application/x-amz-json-1.1",
        }
    }

    /// The one that a `content-type` names.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let known = [Self::Cbor, Self::Json];
        known.into_iter().find(|known| essence.eq_ignore_ascii_case(known.content_type()))
    }

    /// What follows the last record.
    fn suffix(self) -> &'static [u8] {
        match self {
            Self::Cbor => cbor::SUFFIX,
            Self::Json => json::SUFFIX,
        }
    }

    /// What stands between two records.
    fn between(self) -> &'static [u8] {
        match self {
            Self::Cbor => b"",
            Self::Json => b",",
        }
    }

    /// What follows a record's key.
    fn record_suffix(self) -> &'static [u8] {
        match self {
            Self::Cbor => cbor::RECORD_SUFFIX,
            Self::Json => json::RECORD_SUFFIX,
        }
    }

    /// Where the random key is in a record that ends at `end`.
    fn key_range(self, end: usize) -> std::ops::Range<usize> {
        let end = end.saturating_sub(self.record_suffix().len());
        end.saturating_sub(RANDOM_KEY_DIGITS)..end
    }
}

/// What all bodies of one flow have in common: the destination's name and the shape around its
/// records. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Envelope(Arc<Shape>);

#[derive(Debug)]
struct Shape {
    encoding: Encoding,
    /// The destination's name.
    name: String,
    /// The body up to the first record.
    prefix: Vec<u8>,
    /// Whether the service knows partition keys.
    keyed: bool,
}

impl Envelope {
    /// Bodies for `PutRecords` to this stream, in JSON.
    #[must_use]
    pub fn kinesis(stream: &str) -> Self {
        Self::new(Encoding::Json, stream, true)
    }

    /// Bodies for `PutRecordBatch` to this delivery stream.
    #[must_use]
    pub fn firehose(delivery_stream: &str) -> Self {
        Self::new(Encoding::Json, delivery_stream, false)
    }

    /// The same in another encoding. Firehose has only one.
    #[must_use]
    pub fn speaking(&self, encoding: Encoding) -> Self {
        if self.0.keyed { Self::new(encoding, &self.0.name, true) } else { self.clone() }
    }

    fn new(encoding: Encoding, name: &str, keyed: bool) -> Self {
        let prefix = match encoding {
            Encoding::Cbor => cbor::prefix(name),
            Encoding::Json => json::prefix(name, keyed),
        };
        Self(Arc::new(Shape { encoding, name: name.to_owned(), prefix, keyed }))
    }

    /// How its bodies are written.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.0.encoding
    }
}

/// One record's place in the body, and what the service counts for it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u32,
    len: u32,
    /// Without the partition key.
    data_len: u32,
    /// Records of files in it.
    records: u32,
    key: KeyKind,
}

/// What may become of a record's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    /// It stays.
    Fixed,
    /// It is random, and the last but the record's suffix.
    Random,
    /// The same, and it is in the data as well: an aggregate of the Kinesis Producer Library.
    RandomOfAll,
}

impl Entry {
    fn range(self) -> std::ops::Range<usize> {
        let start = self.offset as usize;
        start..start + self.len as usize
    }
}

/// A random key has this many hexadecimal digits: 32 bits spread evenly over any number of
/// shards, and a short key is a smaller request.
const RANDOM_KEY_DIGITS: usize = 8;

/// A partition key that only spreads records over the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomKey([u8; RANDOM_KEY_DIGITS]);

impl RandomKey {
    /// Its length.
    pub const BYTES: usize = RANDOM_KEY_DIGITS;

    /// The key of a random number, in lower-case hexadecimal digits.
    #[must_use]
    pub fn of(number: u32) -> Self {
        // All digits at once, a byte each: this is done for every record.
        const ONES: u64 = 0x0101_0101_0101_0101;
        let mut digits = u64::from(number);
        for (shift, mask) in [(16, 0xFFFF_0000_FFFF), (8, 0xFF_00FF_00FF_00FF), (4, 0xF * ONES)] {
            digits = (digits | digits << shift) & mask;
        }
        let letters = ((digits + 6 * ONES) >> 4) & ONES;
        let from_zero = u64::from(b'0') * ONES;
        let from_a = letters * u64::from(b'a' - b'0' - 10);
        Self((digits + from_zero + from_a).to_be_bytes())
    }

    /// The key that a text is.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Hexadecimal digits are always valid text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The wire body of one request.
#[derive(Debug)]
pub struct Body {
    envelope: Envelope,
    /// The bytes while records can be appended; empty once `finished` has them.
    buffer: Vec<u8>,
    /// The bytes with the suffix, which requests share.
    finished: Option<Bytes>,
    /// Bytes of memory behind them.
    finished_capacity: usize,
    /// The SHA-256 of the finished bytes, once it was requested.
    sha256: Option<Arc<str>>,
    entries: Vec<Entry>,
    /// Where the records of files are from, in the order of the entries; empty if not requested.
    origins: Vec<Origin>,
    data_bytes: usize,
    key_bytes: usize,
}

impl Body {
    /// A body without records.
    #[must_use]
    pub fn new(envelope: &Envelope) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES_INITIAL);
        buffer.extend_from_slice(&envelope.0.prefix);
        Self {
            envelope: envelope.clone(),
            buffer,
            finished: None,
            finished_capacity: 0,
            sha256: None,
            entries: Vec::new(),
            origins: Vec::new(),
            data_bytes: 0,
            key_bytes: 0,
        }
    }

    /// Appends a record. Firehose has no partition keys, so there the key is ignored.
    ///
    /// The offsets are 32 bits wide: the caller's limits keep a body below 4 GiB by three orders
    /// of magnitude.
    pub fn push(&mut self, data: &[u8], partition_key: &str) {
        self.append(data, partition_key, KeyKind::Fixed);
    }

    /// The same with a key that means nothing: another one may be in its place when the record is
    /// sent again.
    pub fn push_with_random_key(&mut self, data: &[u8], key: RandomKey) {
        self.append(data, key.as_str(), KeyKind::Random);
    }

    /// The same with an aggregate of the Kinesis Producer Library whose records all have this key.
    pub fn push_aggregate_with_random_key(&mut self, data: &[u8], key: RandomKey) {
        self.append(data, key.as_str(), KeyKind::RandomOfAll);
    }

    /// The newest record is made of so many of files. Otherwise it is one.
    pub fn note_records(&mut self, records: usize) {
        if let Some(newest) = self.entries.last_mut() {
            newest.records = narrow(records);
        }
    }

    /// Of how many records of files one of the service is made.
    #[must_use]
    pub fn records_in(&self, index: usize) -> usize {
        self.entries.get(index).map_or(0, |entry| entry.records as usize)
    }

    /// Says where the records in the newest one are from.
    pub(crate) fn note_origins(&mut self, origins: impl IntoIterator<Item = Origin>) {
        self.origins.extend(origins);
    }

    /// Where the records in one of the service are from, if that was noted.
    #[must_use]
    pub fn origins_of(&self, index: usize) -> &[Origin] {
        let before = self.entries.iter().take(index);
        let start: usize = before.map(|entry| entry.records as usize).sum();
        self.origins.get(start..start + self.records_in(index)).unwrap_or_default()
    }

    /// The data of one record, as it was appended.
    #[must_use]
    pub fn record_data(&self, index: usize) -> Vec<u8> {
        let Some(entry) = self.entries.get(index) else { return Vec::new() };
        let record = self.bytes().get(entry.range()).unwrap_or_default();
        match self.encoding() {
            // What was written here can be read.
            Encoding::Cbor => cbor::record(record).unwrap_or_default().0.into_owned(),
            Encoding::Json => json::data(record),
        }
    }

    fn append(&mut self, data: &[u8], partition_key: &str, key: KeyKind) {
        let (encoding, keyed) = (self.encoding(), self.envelope.0.keyed);
        let first = self.entries.is_empty();
        let buffer = self.growing();
        if !first {
            buffer.extend_from_slice(encoding.between());
        }
        let offset = buffer.len();
        match encoding {
            Encoding::Cbor => cbor::push_record(buffer, data, partition_key),
            Encoding::Json => json::push_record(buffer, data, keyed.then_some(partition_key)),
        }
        let len = buffer.len() - offset;
        self.data_bytes += data.len();
        self.key_bytes += if keyed { partition_key.len() } else { 0 };
        self.entries.push(Entry {
            offset: narrow(offset),
            len: narrow(len),
            data_len: narrow(data.len()),
            records: 1,
            key: if keyed { key } else { KeyKind::Fixed },
        });
    }

    /// How it is written.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.envelope.encoding()
    }

    /// The same records in JSON. `None` if it is in JSON already.
    #[must_use]
    pub fn in_json(&self) -> Option<Self> {
        if self.encoding() == Encoding::Json {
            return None;
        }
        let mut json = Self::new(&self.envelope.speaking(Encoding::Json));
        for entry in &self.entries {
            let record = self.bytes().get(entry.range()).unwrap_or_default();
            // What was written here can be read.
            let (data, key) = cbor::record(record).unwrap_or_default();
            json.append(&data, &key, entry.key);
            json.note_records(entry.records as usize);
        }
        json.origins.clone_from(&self.origins);
        Some(json)
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of data and partition keys: what the service's limit on a request counts.
    #[must_use]
    pub fn counted_bytes(&self) -> usize {
        self.data_bytes + self.key_bytes
    }

    /// Bytes of data alone.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.data_bytes
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let finished = if self.finished.is_some() { self.finished_capacity } else { 0 };
        let entries = self.entries.capacity() * size_of::<Entry>();
        let origins = self.origins.capacity() * size_of::<Origin>();
        self.buffer.capacity() + finished + entries + origins
    }

    /// Bytes of data of one record, without its key; 0 if there is no such record.
    #[must_use]
    pub fn record_data_bytes(&self, index: usize) -> usize {
        self.entries.get(index).map_or(0, |entry| entry.data_len as usize)
    }

    /// The whole body, complete. The bytes are shared, not copied; calling it again costs nothing.
    pub fn finish(&mut self) -> Bytes {
        let suffix = self.encoding().suffix();
        let (buffer, capacity) = (&mut self.buffer, &mut self.finished_capacity);
        self.finished
            .get_or_insert_with(|| {
                buffer.extend_from_slice(suffix);
                *capacity = buffer.capacity();
                Bytes::from(std::mem::take(buffer))
            })
            .clone()
    }

    /// Completes the body and hashes it, for the signature. Best done where the bytes were written:
    /// they are still in that processor's cache.
    pub fn seal(&mut self) {
        if self.sha256.is_none() {
            let hash = Sha256::digest(self.finish());
            self.sha256 = Some(hex(&hash).into());
        }
    }

    /// The SHA-256 of the whole body in hexadecimal digits, if it was sealed.
    #[must_use]
    pub fn sha256(&self) -> Option<&Arc<str>> {
        self.sha256.as_ref()
    }

    /// The upper half of the hash of a record's key. The service compares all of it, which makes a
    /// difference for one key in 2^64.
    #[must_use]
    pub fn key_hash(&self, index: usize) -> u64 {
        let Some(entry) = self.entries.get(index) else { return 0 };
        let record = self.bytes().get(entry.range()).unwrap_or_default();
        match self.encoding() {
            Encoding::Cbor => key_hash(cbor::record(record).unwrap_or_default().1.as_bytes()),
            Encoding::Json => key_hash(json::key(record, entry.data_len as usize).as_bytes()),
        }
    }

    /// Whether the service knows partition keys.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.envelope.0.keyed
    }

    /// Whether a record's key only spreads it over the shards.
    #[must_use]
    pub fn has_random_key(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.key != KeyKind::Fixed)
    }

    /// The random key of a record; `None` if its key is none, or there is no such record.
    #[must_use]
    pub fn random_key(&self, index: usize) -> Option<&[u8]> {
        let entry = self.entries.get(index).filter(|entry| entry.key != KeyKind::Fixed)?;
        self.bytes().get(self.encoding().key_range(entry.range().end))
    }

    /// A complete body of only these records, in this order, by copying their slices. Indexes
    /// that do not exist are skipped.
    #[must_use]
    pub fn subset(&self, indexes: &[usize]) -> Bytes {
        self.subset_with(indexes, |_| None)
    }

    /// The same, in which records that have a random key get the one that is given for their place
    /// in the copy, if one is. Other keys stay.
    pub fn subset_with(
        &self,
        indexes: &[usize],
        new_key: impl Fn(usize) -> Option<RandomKey>,
    ) -> Bytes {
        let bytes = self.bytes();
        let chosen = || indexes.iter().filter_map(|index| self.entries.get(*index));
        let entry_bytes: usize = chosen().map(|entry| entry.len as usize + 1).sum();
        let (prefix, encoding) = (&self.envelope.0.prefix, self.encoding());
        let suffix = encoding.suffix();
        let mut subset = Vec::with_capacity(prefix.len() + entry_bytes + suffix.len());
        subset.extend_from_slice(prefix);
        for (place, entry) in chosen().enumerate() {
            if place > 0 {
                subset.extend_from_slice(encoding.between());
            }
            let record = bytes.get(entry.range()).unwrap_or_default();
            let key = new_key(place).filter(|_| entry.key != KeyKind::Fixed);
            match key {
                Some(key) if entry.key == KeyKind::RandomOfAll => {
                    push_aggregate(&mut subset, encoding, record, key);
                }
                Some(key) => {
                    subset.extend_from_slice(record);
                    let old = encoding.key_range(subset.len());
                    subset.get_mut(old).into_iter().for_each(|old| old.copy_from_slice(&key.0));
                }
                None => subset.extend_from_slice(record),
            }
        }
        subset.extend_from_slice(suffix);
        Bytes::from(subset)
    }

    fn bytes(&self) -> &[u8] {
        self.finished.as_deref().unwrap_or(&self.buffer)
    }

    /// An empty body in the same memory, or `None` if the bytes are still held. It spares
    /// the page faults of a fresh buffer.
    #[must_use]
    pub fn recycle(self) -> Option<Self> {
        let mut buffer = match self.finished {
            Some(bytes) => Vec::from(bytes.try_into_mut().ok()?),
            None => self.buffer,
        };
        buffer.truncate(self.envelope.0.prefix.len());
        let (mut entries, mut origins) = (self.entries, self.origins);
        entries.clear();
        origins.clear();
        Some(Self {
            envelope: self.envelope,
            buffer,
            finished: None,
            finished_capacity: 0,
            sha256: None,
            entries,
            origins,
            data_bytes: 0,
            key_bytes: 0,
        })
    }

    /// The buffer for appending. A finished body is opened again.
    fn growing(&mut self) -> &mut Vec<u8> {
        let suffix = self.encoding().suffix();
        if let Some(bytes) = self.finished.take() {
            self.sha256 = None;
            self.buffer = Vec::from(bytes);
            self.buffer.truncate(self.buffer.len().saturating_sub(suffix.len()));
        }
        &mut self.buffer
    }
}

/// Appends an aggregate that was written here, with another key for all of its records.
fn push_aggregate(out: &mut Vec<u8>, encoding: Encoding, record: &[u8], key: RandomKey) {
    // What was written here can be read.
    match encoding {
        Encoding::Cbor => {
            let mut data = cbor::record(record).unwrap_or_default().0.into_owned();
            kpl::rekey(&mut data, key.as_str());
            cbor::push_record(out, &data, key.as_str());
        }
        Encoding::Json => {
            let mut data = json::data(record);
            kpl::rekey(&mut data, key.as_str());
            json::push_record(out, &data, Some(key.as_str()));
        }
    }
}

/// The upper half of the hash of a partition key.
#[must_use]
pub fn key_hash(key: &[u8]) -> u64 {
    let digest: [u8; 16] = Md5::digest(key).into();
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// A length as the entry table keeps it.
fn narrow(length: usize) -> u32 {
    debug_assert!(u32::try_from(length).is_ok(), "a body is limited to a few MiB");
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Hexadecimal digits in lower case.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect()
}

#[cfg(test)]
mod tests;
