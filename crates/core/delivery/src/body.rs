//! The wire body of one request, written in one pass: a record's bytes go straight into the buffer
//! that is sent, next to a table of where each record lies in it.
//!
//! It owns the shapes of `PutRecords` and `PutRecordBatch` in `json` (as their API references
//! give them) and of `PutRecords` in `cbor` (as the Java SDK writes it). In both a choice of the
//! records is a copy of their slices. It refuses to decide when a batch is full: limits are the
//! caller's.

mod cbor;
mod envelope;
mod json;
mod key;
mod subset;

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use self::key::KeyKind;
use crate::dead_letter::Origin;

pub use self::envelope::{Encoding, Envelope};
pub use self::key::RandomKey;
pub(crate) use self::key::key_hash;

/// A new buffer has room for this many bytes: a short batch never grows, a full one of ordinary
/// lines grows twice.
const BUFFER_BYTES_INITIAL: usize = 64 * 1024;

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

impl Entry {
    fn range(self) -> std::ops::Range<usize> {
        let start = self.offset as usize;
        start..start + self.len as usize
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
        self.append(data, partition_key.as_bytes(), KeyKind::Fixed);
    }

    /// The same with a key that means nothing: another one may be in its place when the record is
    /// sent again.
    pub fn push_with_random_key(&mut self, data: &[u8], key: RandomKey) {
        if !self.envelope.0.keyed {
            return self.append(data, &key.0, KeyKind::Random);
        }
        let encoding = self.encoding();
        let offset = self.begin_record(encoding);
        match encoding {
            Encoding::Cbor => cbor::push_record_with_random_key(&mut self.buffer, data, key),
            Encoding::Json => json::push_record_with_random_key(&mut self.buffer, data, key),
        }
        self.note_record(offset, data.len(), RandomKey::BYTES, KeyKind::Random);
    }

    /// The same with an aggregate of the Kinesis Producer Library whose records all have this key.
    pub(crate) fn push_aggregate_with_random_key(&mut self, data: &[u8], key: RandomKey) {
        self.append(data, &key.0, KeyKind::RandomOfAll);
    }

    /// The newest record is made of so many of files. Otherwise it is one.
    pub(crate) fn note_records(&mut self, records: usize) {
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

    /// The key is text; it is not validated again for each record.
    fn append(&mut self, data: &[u8], partition_key: &[u8], key: KeyKind) {
        let (encoding, keyed) = (self.encoding(), self.envelope.0.keyed);
        let offset = self.begin_record(encoding);
        match encoding {
            Encoding::Cbor => cbor::push_record(&mut self.buffer, data, partition_key),
            Encoding::Json => {
                let text = || std::str::from_utf8(partition_key).unwrap_or_default();
                json::push_record(&mut self.buffer, data, keyed.then(text));
            }
        }
        let key_bytes = if keyed { partition_key.len() } else { 0 };
        let key = if keyed { key } else { KeyKind::Fixed };
        self.note_record(offset, data.len(), key_bytes, key);
    }

    /// Writes what stands between two records, if there is one before. Says where the next begins.
    #[inline]
    fn begin_record(&mut self, encoding: Encoding) -> usize {
        if self.finished.is_some() {
            self.open_again();
        }
        if encoding == Encoding::Json && !self.entries.is_empty() {
            self.buffer.push(json::BETWEEN);
        }
        self.buffer.len()
    }

    /// Notes the record that was written from `offset` on.
    fn note_record(&mut self, offset: usize, data_len: usize, key_bytes: usize, key: KeyKind) {
        self.data_bytes += data_len;
        self.key_bytes += key_bytes;
        self.entries.push(Entry {
            offset: narrow(offset),
            len: narrow(self.buffer.len() - offset),
            data_len: narrow(data_len),
            records: 1,
            key,
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
            json.append(&data, key.as_bytes(), entry.key);
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
    pub(crate) fn key_hash(&self, index: usize) -> u64 {
        let Some(entry) = self.entries.get(index) else { return 0 };
        let record = self.bytes().get(entry.range()).unwrap_or_default();
        match self.encoding() {
            Encoding::Cbor => key_hash(cbor::record(record).unwrap_or_default().1.as_bytes()),
            Encoding::Json => key_hash(json::key(record, entry.data_len as usize).as_bytes()),
        }
    }

    /// Whether the service knows partition keys.
    #[must_use]
    pub(crate) fn is_keyed(&self) -> bool {
        self.envelope.0.keyed
    }

    /// Whether a record's key only spreads it over the shards.
    #[must_use]
    pub(crate) fn has_random_key(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.key != KeyKind::Fixed)
    }

    /// The random key of a record; `None` if its key is none, or there is no such record.
    #[cfg(test)]
    pub(crate) fn random_key(&self, index: usize) -> Option<&[u8]> {
        let entry = self.entries.get(index).filter(|entry| entry.key != KeyKind::Fixed)?;
        self.bytes().get(self.encoding().key_range(entry.range().end))
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

    /// Makes a finished body one to which records can be appended.
    #[cold]
    fn open_again(&mut self) {
        let suffix = self.encoding().suffix();
        if let Some(bytes) = self.finished.take() {
            self.sha256 = None;
            self.buffer = Vec::from(bytes);
            self.buffer.truncate(self.buffer.len().saturating_sub(suffix.len()));
        }
    }
}

/// A length as the entry table keeps it.
fn narrow(length: usize) -> u32 {
    debug_assert!(u32::try_from(length).is_ok(), "a body is limited to a few MiB");
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Hexadecimal digits in lower case.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        digits.push(digit(byte >> 4));
        digits.push(digit(byte & 0x0F));
    }
    digits
}

#[cfg(test)]
mod tests;
