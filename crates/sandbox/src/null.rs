//! The null mode: counts records in a body without decoding it, and answers from memory. Pure.
//!
//! Records are found by their `"Data":` members. Inside a JSON string a quote is escaped, so the
//! eight bytes cannot occur anywhere else in a well-formed put. In CBOR they are found by going
//! from head to head.

mod cbor;

use std::sync::OnceLock;

use bytes::Bytes;
use memchr::memmem;

use self::cbor::CborScan;
use super::cbor::from_json;
use super::decode::{Encoding, check_length, missing};
use super::names::{Service, StreamId};
use super::response::{Entry, ErrorResponse, ResponseShape, SequenceNumber, put_body};
use kinetail_base::limits::REQUEST_RECORDS_MAX;

const DATA_MEMBER: &[u8] = b"\"Data\":";
/// The stream's name is looked for in this much of each end of a body.
const END_BYTES: usize = 512;

/// Counts the records of a body that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct EntryScan {
    records: usize,
    bytes: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// In its place if the body is in CBOR.
    cbor: Option<CborScan>,
}

impl EntryScan {
    pub(super) fn of(encoding: Encoding) -> Self {
        let cbor = (encoding == Encoding::Cbor).then(CborScan::default);
        Self { cbor, ..Self::default() }
    }

    /// Takes the next piece of the body.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        if let Some(cbor) = &mut self.cbor {
            self.bytes += piece.len() as u64;
            return cbor.feed(piece);
        }
        // A member that lies across the border of two pieces is found in the join: one byte less
        // of it on either side, so that no member is found twice.
        let reach = DATA_MEMBER.len() - 1;
        let mut join = last(&self.tail, reach).to_vec();
        join.extend_from_slice(first(piece, reach));
        self.records += memmem::find_iter(&join, DATA_MEMBER).count();
        self.records += memmem::find_iter(piece, DATA_MEMBER).count();
        self.bytes += piece.len() as u64;
        self.head.extend_from_slice(first(piece, END_BYTES - self.head.len()));
        if piece.len() >= END_BYTES {
            self.tail.clear();
        }
        self.tail.extend_from_slice(last(piece, END_BYTES));
        let surplus = self.tail.len().saturating_sub(END_BYTES);
        self.tail.drain(..surplus);
    }

    /// Bytes of the whole body.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The stream and the number of records.
    pub(super) fn finish(&self, service: Service) -> Result<(StreamId, usize), ErrorResponse> {
        let (member, spoken) = match service {
            Service::Firehose => (&b"\"DeliveryStreamName\""[..], "deliveryStreamName"),
            Service::Kinesis => (&b"\"StreamName\""[..], "streamName"),
        };
        let (name, records) = if let Some(cbor) = &self.cbor {
            let malformed = || ErrorResponse::serialization("the body is not CBOR, or incomplete");
            cbor.finish().ok_or_else(malformed)?
        } else {
            let at_head = || text_member(&self.head, member);
            (text_member(&self.tail, member).or_else(at_head), self.records)
        };
        let Some(name) = name else { return Err(missing(spoken)) };
        let stream = StreamId::new(service, name)
            .map_err(|error| ErrorResponse::validation(&error.to_string()))?;
        check_length(|| "records".to_owned(), records, 1, REQUEST_RECORDS_MAX)?;
        Ok((stream, records))
    }
}

fn first(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(..count).unwrap_or(bytes)
}

fn last(bytes: &[u8], count: usize) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(count)..).unwrap_or_default()
}

/// The string that follows a member's name. Names that need escapes are no stream names anyway.
fn text_member<'a>(json: &'a [u8], member: &[u8]) -> Option<&'a str> {
    let at = memmem::find(json, member)?;
    let rest = json.get(at + member.len()..)?.trim_ascii_start();
    let value = rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', value)?;
    std::str::from_utf8(value.get(..end)?).ok()
}

/// Ready-made answers, one for each number of records.
#[derive(Debug)]
pub(super) struct CannedBodies {
    firehose: Vec<OnceLock<Bytes>>,
    kinesis: Vec<OnceLock<Bytes>>,
    kinesis_cbor: Vec<OnceLock<Bytes>>,
}

impl CannedBodies {
    pub(super) fn new() -> Self {
        let empty = || (0..=REQUEST_RECORDS_MAX).map(|_| OnceLock::new()).collect();
        Self { firehose: empty(), kinesis: empty(), kinesis_cbor: empty() }
    }

    /// The same in CBOR.
    pub(super) fn cbor_body(&self, records: usize) -> Bytes {
        let build = || Bytes::from(from_json(&self.body(Service::Kinesis, records)));
        let body = self.kinesis_cbor.get(records);
        body.map_or_else(build, |body| body.get_or_init(build).clone())
    }

    /// The answer to `records` records that were all taken.
    pub(super) fn body(&self, service: Service, records: usize) -> Bytes {
        let bodies = match service {
            Service::Firehose => &self.firehose,
            Service::Kinesis => &self.kinesis,
        };
        let build = || {
            let entry = |place| Entry::Stored {
                sequence: SequenceNumber { epoch_millis: 0, place },
                shard_place: 0,
            };
            let entries: Vec<Entry> = (0_u64..).take(records).map(entry).collect();
            let shard_ids = ["shardId-000000000000".to_owned()];
            Bytes::from(put_body(service, &entries, &shard_ids, &ResponseShape::default()))
        };
        bodies.get(records).map_or_else(build, |body| body.get_or_init(build).clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scan(body: &[u8], cuts: usize) -> EntryScan {
        let mut scan = EntryScan::default();
        for piece in body.chunks(cuts) {
            scan.feed(piece);
        }
        scan
    }

    proptest! {
        #[test]
        fn records_are_counted_wherever_the_body_is_cut(
            sizes in proptest::collection::vec(0_usize..300, 1..40),
            key in any::<String>(),
            cut in 1_usize..2_000,
        ) {
            // A hostile key must not pass for a record.
            let key = format!("\"Data\":{key}");
            let records: Vec<_> = sizes
                .iter()
                .map(|size| json!({ "Data": "A".repeat(*size), "PartitionKey": key }))
                .collect();
            let body = json!({ "StreamName": "logs", "Records": records }).to_string();
            let scan = scan(body.as_bytes(), cut);
            let expected = (StreamId::kinesis("logs").unwrap(), sizes.len());
            prop_assert_eq!(scan.finish(Service::Kinesis), Ok(expected));
            prop_assert_eq!(scan.bytes(), body.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn records_in_cbor_are_counted_wherever_the_body_is_cut(
            sizes in proptest::collection::vec(0_usize..300, 1..40),
            cut in 1_usize..2_000,
        ) {
            let mut body = b"\xbf\x6aStreamName\x64logs\x67Records\x9f".to_vec();
            for size in &sizes {
                body.extend_from_slice(b"\xbf\x64Data\x59");
                // Hostile data must not pass for records.
                let data = b"\x64Data\x40".repeat(*size);
                body.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
                body.extend_from_slice(&data);
                body.extend_from_slice(b"\x6cPartitionKey\x64Data\xff");
            }
            body.extend_from_slice(b"\xff\xff");
            let mut scan = EntryScan::of(Encoding::Cbor);
            body.chunks(cut).for_each(|piece| scan.feed(piece));
            let expected = (StreamId::kinesis("logs").unwrap(), sizes.len());
            prop_assert_eq!(scan.finish(Service::Kinesis), Ok(expected));
            let mut scan = EntryScan::of(Encoding::Cbor);
            scan.feed(&body[..20]);
            prop_assert!(scan.finish(Service::Kinesis).is_err());
        }
    }

    #[test]
    fn the_name_may_stand_at_either_end() {
        let padding = "A".repeat(4 * END_BYTES);
        let before =
            format!("{{\"DeliveryStreamName\": \"d\",\"Records\":[{{\"Data\":\"{padding}\"}}]}}");
        let after =
            format!("{{\"Records\":[{{\"Data\":\"{padding}\"}}],\"DeliveryStreamName\":\"d\"}}");
        for body in [before, after] {
            let (stream, records) = scan(body.as_bytes(), 100).finish(Service::Firehose).unwrap();
            assert_eq!((stream.name(), records), ("d", 1));
        }
    }

    #[test]
    fn requests_without_a_name_or_with_too_many_records_are_refused() {
        let code =
            |body: &str| scan(body.as_bytes(), 64).finish(Service::Kinesis).unwrap_err().code;
        assert_eq!(code("{\"Records\":[{\"Data\":\"\"}]}"), "ValidationException");
        assert_eq!(code("{\"StreamName\":\"a/b\",\"Data\":\"\"}"), "ValidationException");
        assert_eq!(code("{\"StreamName\":\"s\"}"), "ValidationException");
        let many = format!("{{\"StreamName\":\"s\"{}}}", ",\"Data\":\"\"".repeat(501));
        assert_eq!(code(&many), "ValidationException");
    }

    #[test]
    fn answers_are_made_once_and_have_an_entry_for_each_record() {
        let bodies = CannedBodies::new();
        let first = bodies.body(Service::Kinesis, 3);
        let value: serde_json::Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(value["Records"].as_array().unwrap().len(), 3);
        assert_eq!(bodies.body(Service::Kinesis, 3).as_ptr(), first.as_ptr());
    }
}
