//! From the data of a record to a body: its key, cutting, aggregation and compression. Pure.

use std::sync::Arc;

use kinetail_base::identity::FileKey;
use kinetail_base::limits;

use super::cut::cut;
use super::key::{KeyCounts, KeyMaker};
use super::once::Once;
use super::sink::{Gzip, Sink};
use crate::aggregate::{Aggregator, Joined, Room};
use crate::body::RandomKey;
use crate::body::{Body, Encoding, Envelope};
use crate::dead_letter::Origin;
use crate::hash::ShardMap;
use crate::{Aggregation, Compression, Destination, OversizeLine, PackOptions};

/// Fills the bodies of one flow.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that others do not imply")]
pub(super) struct Filler {
    envelope: Envelope,
    keys: KeyMaker,
    once: Option<Once>,
    /// Puts records of the open batch together.
    aggregator: Option<Aggregator>,
    /// It may: consumers find records in aggregates.
    aggregates: bool,
    /// The batch may have aggregates, whose keys were not counted.
    has_aggregates: bool,
    compression: Compression,
    gzip: Gzip,
    /// The maximum length of data, or of data and key together.
    record_bytes_max: usize,
    key_counts: bool,
    batch_records_max: usize,
    batch_bytes_max: usize,
    /// `maxBufferSizeBytes`.
    max_buffer_bytes: usize,
    terminator: Vec<u8>,
    scratch: Vec<u8>,
    /// Nothing is smaller than its line end, if nothing is converted.
    smallest_data: usize,
    /// It is noted where records are from.
    notes_origins: bool,
    /// A record that is too large is not cut.
    refuses_too_large: bool,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// The batch has no room for it, and nothing happened.
    NoRoom,
    /// It is larger than this and is not to be cut, and nothing happened.
    TooLarge(usize),
    /// It is in the batch.
    Taken {
        /// Its end was cut off.
        truncated: bool,
        /// No further record fits.
        full: bool,
    },
}

impl Filler {
    /// A filler for this flow. The seed decides random keys.
    pub(super) fn new(options: &PackOptions<'_>, seed: u64) -> Self {
        let (envelope, record_bytes_max, request_bytes_max, key_counts) = match options.destination
        {
            Destination::Kinesis { stream } => (
                Envelope::kinesis(stream),
                options.max_record_bytes,
                kinesis_request_bytes_max(options.max_record_bytes),
                true,
            ),
            Destination::Firehose { delivery_stream } => (
                Envelope::firehose(delivery_stream),
                limits::FIREHOSE_RECORD_BYTES_MAX,
                limits::FIREHOSE_REQUEST_BYTES_MAX,
                false,
            ),
        };
        let keys = KeyMaker::new(options.partition_key, seed);
        let within = options.compression.bytes_within(record_bytes_max - keys.bytes_max());
        let aggregator = options.aggregation.map(|aggregation| {
            let bytes_max = aggregation.bytes_max.min(within);
            Aggregator::new(Aggregation { bytes_max, ..aggregation }, key_counts)
        });
        Self {
            envelope,
            keys,
            once: options.one_of_a_key.then(|| Once::new(key_counts)),
            aggregator,
            aggregates: true,
            has_aggregates: false,
            compression: options.compression,
            gzip: Gzip::new(options.compression_level),
            record_bytes_max,
            key_counts,
            batch_records_max: options.max_buffer_records.clamp(1, limits::REQUEST_RECORDS_MAX),
            batch_bytes_max: options.max_buffer_bytes.min(request_bytes_max),
            max_buffer_bytes: options.max_buffer_bytes,
            terminator: options.truncated_record_terminator.to_vec(),
            scratch: Vec::new(),
            smallest_data: usize::from(options.converters.is_empty()),
            notes_origins: options.dead_letters,
            refuses_too_large: options.oversize_line == OversizeLine::DeadLetter,
        }
    }

    /// What its bodies have in common.
    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// How the next bodies are written; `true` if that is new.
    pub(super) fn speak(&mut self, encoding: Encoding) -> bool {
        let before = self.envelope.encoding();
        self.envelope = self.envelope.speaking(encoding);
        self.envelope.encoding() != before
    }

    /// The maximum length of a record's data, in bytes, whatever its key is.
    pub(super) fn piece_bytes_max(&self) -> usize {
        self.compression.bytes_within(self.record_bytes_max - self.keys.bytes_max())
    }

    /// The maximum length of data, or of data and key together, in bytes.
    pub(super) fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    pub(super) fn batch_bytes_max(&self) -> usize {
        self.batch_bytes_max
    }

    /// What overwrites the end of a record that had to be cut.
    pub(super) fn terminator(&self) -> &[u8] {
        &self.terminator
    }

    /// Gives the memory back that waits for the next aggregates.
    pub(super) fn drop_spare(&mut self) {
        if let Some(aggregator) = &mut self.aggregator {
            aggregator.drop_spare();
        }
    }

    /// Bytes of memory that open aggregates hold.
    pub(super) fn held_bytes(&self) -> usize {
        self.aggregator.as_ref().map_or(0, Aggregator::held_bytes) + self.gzip.held_bytes()
    }

    pub(super) fn knows_log(&mut self, file: FileKey) -> bool {
        self.keys.knows_log(file)
    }

    pub(super) fn set_log(&mut self, file: FileKey, path: &str) {
        self.keys.set_log(file, path);
    }

    pub(super) fn take_key_counts(&mut self) -> KeyCounts {
        self.keys.take_counts()
    }

    /// The open shards of the stream, if they are known, from now on. Nothing may be open.
    pub(super) fn set_shards(&mut self, shards: Option<Arc<ShardMap>>) {
        if let Some(aggregator) = &mut self.aggregator {
            aggregator.set_shards(shards);
        }
    }

    /// Whether records are put together from now on. Nothing may be open.
    pub(super) fn allow_aggregates(&mut self, allowed: bool) {
        self.aggregates = allowed;
    }

    /// The maximum length of a record with its key, from now on. Firehose has one of its own.
    pub(super) fn set_record_bytes_max(&mut self, bytes: usize) {
        if self.key_counts {
            self.record_bytes_max = bytes;
            self.batch_bytes_max = self.max_buffer_bytes.min(kinesis_request_bytes_max(bytes));
        }
    }

    /// A new batch begins.
    pub(super) fn next_batch(&mut self) {
        self.has_aggregates = false;
        if let Some(once) = &mut self.once {
            once.clear();
        }
    }

    /// Puts the open aggregates into their body.
    pub(super) fn finish(&mut self, body: &mut Body) {
        if let Some(aggregator) = &mut self.aggregator {
            let mut sink = Sink { body, compression: self.compression, gzip: &mut self.gzip };
            aggregator.finish_all(&mut self.keys, &mut sink);
        }
    }

    /// Puts a record into a body, which begins at this place of a file.
    pub(super) fn put(&mut self, body: &mut Body, data: &[u8], at: (FileKey, u64)) -> Put {
        if self.once.is_some() && self.has_aggregates && body.records() > 0 {
            // An aggregate is in it: its keys may come again.
            return Put::NoRoom;
        }
        let put = if self.puts_together() {
            let put = self.put_together(body, data, at);
            self.has_aggregates |= matches!(put, Put::Taken { .. });
            put
        } else {
            self.put_alone(body, data, at)
        };
        if matches!(put, Put::Taken { .. }) {
            self.keys.count();
        }
        put
    }

    /// Whether records have random keys and nothing but their data counts: then
    /// [`Self::put_plain`] may be asked, or [`Self::join_plain`] if they are put together.
    pub(super) fn is_plain(&self) -> bool {
        self.once.is_none()
            && !self.notes_origins
            && self.keys.is_random()
            && (self.puts_together() || self.compression == Compression::None)
    }

    /// Whether records are put together.
    pub(super) fn puts_together(&self) -> bool {
        self.aggregator.is_some() && self.aggregates
    }

    /// Adds lines to the open aggregate as they are, if there is one, as many as it and the batch
    /// have room for and none longer than `longest`. Says whether no further one fits, too.
    pub(super) fn join_plain(
        &mut self,
        body: &mut Body,
        lines: &[u8],
        longest: usize,
    ) -> (Joined, bool) {
        let (room, longest) = (self.room(), longest.min(self.piece_bytes_max()));
        let Some(aggregator) = &mut self.aggregator else { return (Joined::default(), false) };
        let sink = Sink { body, compression: self.compression, gzip: &mut self.gzip };
        let joined = aggregator.join(lines, longest, &sink, room);
        let smallest = b"\n".get(..self.smallest_data).unwrap_or_default();
        let full = joined.lines > 0 && aggregator.is_full(smallest, &self.keys, &sink, room);
        (joined, full)
    }

    /// Puts a record into a body as it is, with a random key, and says whether no further one fits.
    /// Nothing happens if it is too large, or if there is no room for it.
    pub(super) fn put_plain(&mut self, body: &mut Body, data: &[u8]) -> Option<bool> {
        let key_bytes = if self.key_counts { RandomKey::BYTES } else { 0 };
        let before = body.counted_bytes();
        let after = before + data.len() + key_bytes;
        let has_room = body.records() == 0 || after <= self.batch_bytes_max;
        if data.len() > self.record_bytes_max - key_bytes || !has_room {
            return None;
        }
        body.push_with_random_key(data, self.keys.random());
        let smallest = key_bytes + self.smallest_data;
        Some(body.records() >= self.batch_records_max || after + smallest > self.batch_bytes_max)
    }

    fn put_alone(&mut self, body: &mut Body, data: &[u8], at: (FileKey, u64)) -> Put {
        let compression = self.compression;
        let key = self.keys.make(data);
        let key_bytes = if self.key_counts { key.as_str().len() } else { 0 };
        let limit = compression.bytes_within(self.record_bytes_max - key_bytes);
        let truncated = data.len() > limit;
        if truncated && self.refuses_too_large {
            return Put::TooLarge(limit);
        }
        let data =
            if truncated { cut(data, limit, &self.terminator, &mut self.scratch) } else { data };
        let counted = compression.bytes_max(data.len()) + key_bytes;
        let admitted = self.once.as_ref().is_none_or(|once| once.admits(&key));
        let fits = body.counted_bytes() + counted <= self.batch_bytes_max;
        if !admitted || (body.records() > 0 && !fits) {
            return Put::NoRoom;
        }
        let alone = self.once.as_mut().is_some_and(|once| once.note(&key));
        let origin = self.notes_origins.then(|| Origin::new(at, data));
        let mut sink = Sink { body, compression, gzip: &mut self.gzip };
        sink.push(data, &key);
        sink.body.note_origins(origin);
        let used = (sink.records(), sink.counted_bytes());
        // No further record is smaller than its key and its line end.
        let smallest = self.keys.bytes_min(key_bytes) + self.smallest_data;
        let full =
            alone || used.0 >= self.batch_records_max || used.1 + smallest > self.batch_bytes_max;
        Put::Taken { truncated, full }
    }

    fn put_together(&mut self, body: &mut Body, data: &[u8], at: (FileKey, u64)) -> Put {
        let (limit, room) = (self.piece_bytes_max(), self.room());
        let truncated = data.len() > limit;
        if truncated && self.refuses_too_large {
            return Put::TooLarge(limit);
        }
        let data =
            if truncated { cut(data, limit, &self.terminator, &mut self.scratch) } else { data };
        let origin = self.notes_origins.then(|| Origin::new(at, data));
        let Some(aggregator) = &mut self.aggregator else { return Put::NoRoom };
        let mut sink = Sink { body, compression: self.compression, gzip: &mut self.gzip };
        if !aggregator.push((data, origin), &mut self.keys, &mut sink, room) {
            return Put::NoRoom;
        }
        let alone = room.once && sink.records() > 0;
        let smallest = b"\n".get(..self.smallest_data).unwrap_or_default();
        let full = alone || aggregator.is_full(smallest, &self.keys, &sink, room);
        Put::Taken { truncated, full }
    }

    /// What the batch has room for, before compression.
    fn room(&self) -> Room {
        let frames = self.compression.bytes_max(0) * self.batch_records_max;
        let bytes_max = self.compression.bytes_within(self.batch_bytes_max);
        let bytes_max = bytes_max.saturating_sub(frames);
        Room { records_max: self.batch_records_max, bytes_max, once: self.once.is_some() }
    }
}

/// What a request takes, in bytes: more than by default only for a stream that takes larger
/// records.
fn kinesis_request_bytes_max(record_bytes_max: usize) -> usize {
    if record_bytes_max > limits::KINESIS_RECORD_BYTES_MAX {
        limits::KINESIS_LARGE_REQUEST_BYTES_MAX
    } else {
        limits::KINESIS_REQUEST_BYTES_MAX
    }
}
