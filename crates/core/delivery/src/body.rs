//! The wire body of one request, written in one pass: a record's bytes are base64-encoded straight
//! into the buffer that goes on the wire, next to a table of where each record lies in it.
//!
//! It owns the JSON shapes of `PutRecords` and `PutRecordBatch` (`application/x-amz-json-1.1`, as
//! their API references give them). It refuses to decide when a batch is full: limits are the
//! caller's. It is written as an encoding among others, so that CBOR is a second arm and no
//! second type.

use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// A new buffer has room for this many bytes: a short batch never grows, a full one of ordinary
/// lines grows twice.
const BUFFER_BYTES_INITIAL: usize = 64 * 1024;

/// Bytes of one record's JSON that are neither data nor key:
/// `,{"Data":"","PartitionKey":""}`.
const RECORD_FRAME_BYTES: usize = 30;

/// What stands behind a record's key.
const RECORD_SUFFIX: &[u8] = b"\"}";

/// What stands behind the last record.
const JSON_SUFFIX: &[u8] = b"]}";

/// What all bodies of one flow have in common: the destination's name and the shape around its
/// records. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Envelope(Arc<Shape>);

#[derive(Debug)]
struct Shape {
    encoding: Encoding,
    /// The body up to the first record.
    prefix: Vec<u8>,
    /// Whether the service knows partition keys.
    keyed: bool,
}

/// How records are written. CBOR for Kinesis will stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
}

impl Envelope {
    /// Bodies for `PutRecords` to this stream.
    #[must_use]
    pub fn kinesis(stream: &str) -> Self {
        Self::json("StreamName", stream, true)
    }

    /// Bodies for `PutRecordBatch` to this delivery stream.
    #[must_use]
    pub fn firehose(delivery_stream: &str) -> Self {
        Self::json("DeliveryStreamName", delivery_stream, false)
    }

    fn json(name_member: &str, name: &str, keyed: bool) -> Self {
        let mut prefix = Vec::with_capacity(64 + name.len());
        prefix.extend_from_slice(b"{\"");
        prefix.extend_from_slice(name_member.as_bytes());
        prefix.extend_from_slice(b"\":\"");
        append_json_escaped(&mut prefix, name);
        prefix.extend_from_slice(b"\",\"Records\":[");
        Self(Arc::new(Shape { encoding: Encoding::Json, prefix, keyed }))
    }

    /// The media type of the bodies.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.0.encoding {
            Encoding::Json => "application/x-amz-json-1.1",
        }
    }
}

/// One record's place in the body, and what the service counts for it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u32,
    len: u32,
    /// Without the partition key.
    data_len: u32,
    /// The random key is the last but these two bytes: `"}`.
    random_key: bool,
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
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut rest = number;
        let mut key = [0; RANDOM_KEY_DIGITS];
        for place in key.iter_mut().rev() {
            *place = DIGITS.get((rest & 15) as usize).copied().unwrap_or(b'0');
            rest >>= 4;
        }
        Self(key)
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
    /// The SHA-256 of the finished bytes, once somebody asked for it.
    sha256: Option<Arc<str>>,
    entries: Vec<Entry>,
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
            data_bytes: 0,
            key_bytes: 0,
        }
    }

    /// Appends a record. Firehose has no partition keys, so there the key is ignored.
    ///
    /// The offsets are 32 bits wide: the caller's limits keep a body below 4 GiB by three orders
    /// of magnitude.
    pub fn push(&mut self, data: &[u8], partition_key: &str) {
        self.append(data, partition_key, false);
    }

    /// The same with a key that means nothing: another one may be in its place when the record is
    /// sent again.
    pub fn push_with_random_key(&mut self, data: &[u8], key: RandomKey) {
        self.append(data, key.as_str(), true);
    }

    fn append(&mut self, data: &[u8], partition_key: &str, random_key: bool) {
        let keyed = self.envelope.0.keyed;
        let first = self.entries.is_empty();
        let buffer = self.growing();
        // The encoder below reserves exactly what it needs, which would copy the body for each
        // record; this reservation grows by doubling.
        buffer.reserve(
            RECORD_FRAME_BYTES + STANDARD.encoded_length(data.len()) + 6 * partition_key.len(),
        );
        if !first {
            buffer.push(b',');
        }
        let offset = buffer.len();
        buffer.extend_from_slice(b"{\"Data\":\"");
        STANDARD.encode_append(data, buffer);
        if keyed {
            buffer.extend_from_slice(b"\",\"PartitionKey\":\"");
            append_json_escaped(buffer, partition_key);
        }
        buffer.extend_from_slice(RECORD_SUFFIX);
        let len = buffer.len() - offset;
        self.data_bytes += data.len();
        self.key_bytes += if keyed { partition_key.len() } else { 0 };
        self.entries.push(Entry {
            offset: narrow(offset),
            len: narrow(len),
            data_len: narrow(data.len()),
            random_key: random_key && keyed,
        });
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
        self.buffer.capacity() + finished + self.entries.capacity() * size_of::<Entry>()
    }

    /// Bytes of data of one record, without its key; 0 if there is no such record.
    #[must_use]
    pub fn record_data_bytes(&self, index: usize) -> usize {
        self.entries.get(index).map_or(0, |entry| entry.data_len as usize)
    }

    /// The whole body, complete. The bytes are shared, not copied; calling it again costs nothing.
    pub fn finish(&mut self) -> Bytes {
        let (buffer, capacity) = (&mut self.buffer, &mut self.finished_capacity);
        self.finished
            .get_or_insert_with(|| {
                buffer.extend_from_slice(JSON_SUFFIX);
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

    /// The random key of a record; `None` if its key is none, or there is no such record.
    #[must_use]
    pub fn random_key(&self, index: usize) -> Option<&[u8]> {
        let entry = self.entries.get(index).filter(|entry| entry.random_key)?;
        self.bytes().get(key_range(entry.range().end))
    }

    /// A complete body of only these records, in this order, by copying their slices. Indexes
    /// that do not exist are left out.
    #[must_use]
    pub fn subset(&self, indexes: &[usize]) -> Bytes {
        self.subset_with(indexes, |_| None)
    }

    /// The same, in which records that have a random key get the one that is given for them, if one
    /// is. Other keys stay.
    pub fn subset_with(
        &self,
        indexes: &[usize],
        mut new_key: impl FnMut(usize) -> Option<RandomKey>,
    ) -> Bytes {
        let bytes = self.bytes();
        let chosen =
            || indexes.iter().filter_map(|index| Some((*index, self.entries.get(*index)?)));
        let entry_bytes: usize = chosen().map(|(_, entry)| entry.len as usize + 1).sum();
        let prefix = &self.envelope.0.prefix;
        let mut subset = Vec::with_capacity(prefix.len() + entry_bytes + JSON_SUFFIX.len());
        subset.extend_from_slice(prefix);
        for (place, (index, entry)) in chosen().enumerate() {
            if place > 0 {
                subset.push(b',');
            }
            subset.extend_from_slice(bytes.get(entry.range()).unwrap_or_default());
            if entry.random_key
                && let Some(key) = new_key(index)
            {
                let old = key_range(subset.len());
                subset.get_mut(old).into_iter().for_each(|old| old.copy_from_slice(&key.0));
            }
        }
        subset.extend_from_slice(JSON_SUFFIX);
        Bytes::from(subset)
    }

    fn bytes(&self) -> &[u8] {
        self.finished.as_deref().unwrap_or(&self.buffer)
    }

    /// An empty body in the same memory, or `None` if somebody still holds the bytes. It spares
    /// the page faults of a fresh buffer.
    #[must_use]
    pub fn recycle(self) -> Option<Self> {
        let mut buffer = match self.finished {
            Some(bytes) => Vec::from(bytes.try_into_mut().ok()?),
            None => self.buffer,
        };
        buffer.truncate(self.envelope.0.prefix.len());
        let mut entries = self.entries;
        entries.clear();
        Some(Self {
            envelope: self.envelope,
            buffer,
            finished: None,
            finished_capacity: 0,
            sha256: None,
            entries,
            data_bytes: 0,
            key_bytes: 0,
        })
    }

    /// The buffer for appending. A finished body is opened again.
    fn growing(&mut self) -> &mut Vec<u8> {
        if let Some(bytes) = self.finished.take() {
            self.sha256 = None;
            self.buffer = Vec::from(bytes);
            self.buffer.truncate(self.buffer.len().saturating_sub(JSON_SUFFIX.len()));
        }
        &mut self.buffer
    }
}

/// Where the random key is in a record's JSON that ends at `end`.
fn key_range(end: usize) -> std::ops::Range<usize> {
    let end = end.saturating_sub(RECORD_SUFFIX.len());
    end.saturating_sub(RANDOM_KEY_DIGITS)..end
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

/// Appends `text` as the inside of a JSON string (RFC 8259, section 7).
fn append_json_escaped(out: &mut Vec<u8>, text: &str) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn parsed(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).expect("the body is JSON")
    }

    fn encoded(data: &[u8]) -> String {
        STANDARD.encode_to_string(data)
    }

    #[test]
    fn a_kinesis_body_is_put_records_json() {
        let mut body = Body::new(&Envelope::kinesis("orders"));
        body.push(b"hello\n", "k1");
        body.push(b"", "k2");
        assert_eq!(
            &body.finish()[..],
            concat!(
                r#"{"StreamName":"orders","Records":[{"Data":"aGVsbG8K","PartitionKey":"k1"},"#,
                r#"{"Data":"","PartitionKey":"k2"}]}"#
            )
            .as_bytes()
        );
        assert_eq!(body.records(), 2);
        assert_eq!((body.data_bytes(), body.counted_bytes()), (6, 6 + 2 + 2));
        assert_eq!((body.record_data_bytes(0), body.record_data_bytes(1)), (6, 0));
        assert_eq!(body.record_data_bytes(2), 0);
    }

    #[test]
    fn a_firehose_body_has_no_keys_and_does_not_count_them() {
        let mut body = Body::new(&Envelope::firehose("to-s3"));
        body.push(b"hello\n", "ignored");
        assert_eq!(
            &body.finish()[..],
            br#"{"DeliveryStreamName":"to-s3","Records":[{"Data":"aGVsbG8K"}]}"#
        );
        assert_eq!((body.data_bytes(), body.counted_bytes()), (6, 6));
    }

    #[test]
    fn keys_and_names_are_escaped() {
        let mut body = Body::new(&Envelope::kinesis("a\"b\\c"));
        body.push(b"x", "q\"\\\u{1}\u{1f}\n\u{7f}é");
        let value = parsed(&body.finish());
        assert_eq!(value["StreamName"], json!("a\"b\\c"));
        assert_eq!(value["Records"][0]["PartitionKey"], json!("q\"\\\u{1}\u{1f}\n\u{7f}é"));
    }

    #[test]
    fn random_keys_and_no_others_are_new_in_a_copy() {
        let mut body = Body::new(&Envelope::kinesis("s"));
        body.push(b"a", "0123abcd");
        body.push_with_random_key(b"b", RandomKey::of(0x0123_abcd));
        body.push_with_random_key(b"c", RandomKey::of(u32::MAX));
        assert_eq!(body.random_key(0), None);
        assert_eq!(body.random_key(1), Some(&b"0123abcd"[..]));
        let first = body.finish();
        assert_eq!(body.random_key(2), Some(&b"ffffffff"[..]));
        let keys = |bytes: &[u8]| {
            let records = parsed(bytes)["Records"].as_array().cloned().unwrap_or_default();
            records.iter().map(|r| r["PartitionKey"].to_string()).collect::<Vec<_>>().join(" ")
        };
        let all = [0, 1, 2];
        assert_eq!(
            keys(&body.subset_with(&all, |i| (i == 1).then(|| RandomKey::of(7)))),
            r#""0123abcd" "00000007" "ffffffff""#
        );
        assert_eq!(
            keys(&body.subset_with(&[2, 0], |_| Some(RandomKey::of(8)))),
            r#""00000008" "0123abcd""#
        );
        assert_eq!(body.subset(&all), first);
        assert_eq!(body.finish(), first, "what was sent first stays as it is");

        let mut firehose = Body::new(&Envelope::firehose("s"));
        firehose.push_with_random_key(b"b", RandomKey::of(1));
        assert_eq!(firehose.subset_with(&[0], |_| Some(RandomKey::of(8))), firehose.finish());
    }

    #[test]
    fn finishing_twice_shares_the_bytes() {
        let mut body = Body::new(&Envelope::kinesis("s"));
        body.push(b"x", "k");
        let (first, second) = (body.finish(), body.finish());
        assert_eq!(first.as_ptr(), second.as_ptr());
    }

    #[test]
    fn a_finished_body_can_be_continued() {
        let mut body = Body::new(&Envelope::kinesis("s"));
        body.push(b"x", "k");
        let held = body.finish();
        body.push(b"y", "k");
        let value = parsed(&body.finish());
        assert_eq!(value["Records"].as_array().map(Vec::len), Some(2));
        assert_eq!(parsed(&held)["Records"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_seal_holds_until_a_record_is_added() {
        let mut body = Body::new(&Envelope::kinesis("s"));
        body.push(b"x", "k");
        assert_eq!(body.sha256(), None);
        let hash = |bytes: &[u8]| Some(Arc::from(hex(&Sha256::digest(bytes))));
        body.seal();
        assert_eq!(body.sha256().cloned(), hash(&body.finish()));
        body.push(b"y", "k");
        assert_eq!(body.sha256(), None);
        body.seal();
        assert_eq!(body.sha256().cloned(), hash(&body.finish()));
        assert_eq!(body.recycle().and_then(|body| body.sha256().cloned()), None);
    }

    #[test]
    fn a_body_is_recycled_only_when_nobody_holds_its_bytes() {
        let mut body = Body::new(&Envelope::kinesis("s"));
        body.push(&vec![7; 100_000], "k");
        let held = body.finish();
        assert!(body.recycle().is_none());

        let mut body = Body::new(&Envelope::kinesis("s"));
        body.push(&vec![7; 100_000], "k");
        drop(held);
        drop(body.finish());
        let mut again = body.recycle().expect("nobody holds it");
        assert!(again.held_bytes() > 130_000, "the memory is kept");
        assert_eq!((again.records(), again.counted_bytes()), (0, 0));
        again.push(b"x", "k");
        assert_eq!(parsed(&again.finish())["Records"][0]["Data"], json!(encoded(b"x")));
    }

    #[test]
    fn memory_in_use_is_at_least_the_wire_size() {
        let mut body = Body::new(&Envelope::kinesis("s"));
        assert!(body.held_bytes() >= BUFFER_BYTES_INITIAL);
        for _ in 0..500 {
            body.push(&[0; 216], "0123456789");
        }
        let held = body.held_bytes();
        let wire = body.finish().len();
        assert!(held >= wire && held <= 4 * wire, "{held} for {wire}");
    }

    proptest! {
        /// For all records and keys: the body decodes to them, and any choice of them decodes to
        /// that choice.
        #[test]
        fn every_body_and_subset_decodes_to_its_records(
            records in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..200), ".{1,20}"),
                1..40,
            ),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            keyed in any::<bool>(),
        ) {
            let envelope =
                if keyed { Envelope::kinesis("s") } else { Envelope::firehose("s") };
            let mut body = Body::new(&envelope);
            for (data, key) in &records {
                body.push(data, key);
            }
            let expect = |index: usize| {
                let (data, key) = &records[index];
                if keyed {
                    json!({"Data": encoded(data), "PartitionKey": key})
                } else {
                    json!({"Data": encoded(data)})
                }
            };
            let picks: Vec<usize> = picks.iter().map(|pick| pick.index(records.len())).collect();
            let subset = parsed(&body.subset(&picks));
            let expected: Value = picks.iter().map(|index| expect(*index)).collect();
            prop_assert_eq!(&subset["Records"], &expected);
            let whole = parsed(&body.finish());
            let expected: Value = (0..records.len()).map(expect).collect();
            prop_assert_eq!(&whole["Records"], &expected);
            prop_assert_eq!(parsed(&body.subset(&picks)), subset);
        }
    }
}
