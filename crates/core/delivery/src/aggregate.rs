//! Several records of a flow in one record of the service. Pure.
//!
//! Aggregates belong to the open batch: they are finished when it is handed over, so that a batch
//! is acknowledged, and a checkpoint moves, only as a whole. All that is decided here is which
//! records go together: those that one consumer looks for in one place.
//!
//! * Random keys, or keys of the data where lines are joined: any. The aggregate has a key of its
//!   own.
//! * In the format of the Kinesis Producer Library, if the shards are known: those of one shard.
//! * Else: those of one key. Where each record has its own key, none.

pub(crate) mod kpl;
mod md5_lanes;
mod open;
mod plain;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::kpl::Kpl;
use self::md5_lanes::LANES;
use self::open::{Bucket, Content, Open};
pub(crate) use self::plain::Joined;
use crate::PartitionKey;
use crate::body::RandomKey;
use crate::dead_letter::Origin;
use crate::hash::{ShardMap, hash_key};
use crate::key::{Key, KeyMaker};
use crate::sink::Sink;

/// So many aggregates are filled at a time; for one more the oldest is finished.
const OPEN_MAX: usize = 64;

/// An aggregate that was larger than this gives its memory back, in bytes.
const SPARE_BYTES_MAX: usize = 128 * 1024;

/// How records are put into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As the Kinesis Producer Library does it.
    Kpl,
    /// One behind the other, with a line end between them.
    Newline,
}

/// `aggregation`, and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregation {
    /// How.
    pub format: Format,
    /// No aggregate has more bytes than this. A record that does not fit goes alone.
    pub bytes_max: usize,
    /// Nor more records.
    pub records_max: usize,
}

/// What a batch has room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Records of the service.
    pub(super) records_max: usize,
    /// Bytes that the service counts.
    pub(super) bytes_max: usize,
    /// No two records of one key, nor of one aggregate's place, may be in it.
    pub(super) once: bool,
}

/// Fills the aggregates of a flow's open batch.
#[derive(Debug)]
pub(super) struct Aggregator {
    options: Aggregation,
    /// Whether the service knows partition keys.
    keyed: bool,
    shards: Option<Arc<ShardMap>>,
    /// The oldest first.
    open: Vec<Open>,
    /// Those that take no more records, until there are digests to be made of several at once.
    done: Vec<Open>,
    /// What the service will count for all of these, at most.
    counted: usize,
    spare: Vec<Open>,
    /// The key of the record at hand.
    key: String,
}

impl Aggregator {
    /// Nothing is open.
    pub(super) fn new(options: Aggregation, keyed: bool) -> Self {
        Self {
            options,
            keyed,
            shards: None,
            open: Vec::new(),
            done: Vec::new(),
            counted: 0,
            spare: Vec::new(),
            key: String::new(),
        }
    }

    /// The shards are these from now on. Nothing may be open.
    pub(super) fn set_shards(&mut self, shards: Option<Arc<ShardMap>>) {
        self.shards = shards;
    }

    /// Bytes of memory that they hold.
    pub(super) fn held_bytes(&self) -> usize {
        let all = self.open.iter().chain(&self.done).chain(&self.spare);
        all.map(Open::held_bytes).sum()
    }

    /// Gives the memory back that waits for the next aggregates.
    pub(super) fn drop_spare(&mut self) {
        self.spare = Vec::new();
    }

    /// Adds a record, if the batch has room for it; `false` if it has none.
    pub(super) fn push(
        &mut self,
        (data, origin): (&[u8], Option<Origin>),
        keys: &mut KeyMaker,
        sink: &mut Sink<'_>,
        room: Room,
    ) -> bool {
        let bucket = self.bucket(data, keys);
        let place = bucket.and_then(|bucket| self.find(bucket));
        let fits = place.is_some_and(|place| self.has_room(place, data));
        match (bucket, place) {
            (Some(_), Some(place)) if fits => return self.add(place, (data, origin), sink, room),
            // No two records of one key are in a batch.
            (_, Some(_)) if room.once => return false,
            // What comes behind it must not overtake it.
            (_, Some(place)) => self.finish(place, keys, sink),
            _ => {}
        }
        let key_bytes = if self.keyed { self.key.len().max(keys.bytes_of_own()) } else { 0 };
        let len = self.len_of_one(key_bytes, data.len());
        let fresh = bucket.filter(|_| len <= self.options.bytes_max);
        let used = sink.counted_bytes() + self.counted;
        let records = self.records(sink);
        let is_full = records > 0 && used + len + key_bytes > room.bytes_max;
        if is_full || records >= room.records_max {
            return false;
        }
        let Some(bucket) = fresh else {
            self.hand_over(keys, sink);
            // Random, of the data, or none at all: it was not made for the bucket.
            if self.key.is_empty() {
                sink.push(data, &keys.make(data));
            } else {
                sink.push(data, &Key::Text(&self.key));
            }
            sink.body.note_origins(origin);
            return true;
        };
        if self.open.len() >= OPEN_MAX {
            if room.once {
                return false;
            }
            self.finish(0, keys, sink);
        }
        let place = self.begin(bucket, keys);
        self.add(place, (data, origin), sink, Room { bytes_max: usize::MAX, ..room })
    }

    /// Whether no further record fits, not even one with this data, which is the smallest.
    pub(super) fn is_full(
        &self,
        smallest: &[u8],
        keys: &KeyMaker,
        sink: &Sink<'_>,
        room: Room,
    ) -> bool {
        let left = room.bytes_max.saturating_sub(sink.counted_bytes() + self.counted);
        let key_bytes = if self.keyed { keys.bytes_of_own().max(1) } else { 0 };
        let begins = self.records(sink) < room.records_max
            && self.len_of_one(key_bytes, smallest.len()) + key_bytes <= left;
        let joins = |open: &Open| {
            let len = open.content.len_with(&open.key, smallest);
            open.takes(len, &self.options) && len - open.content.len() <= left
        };
        !begins && !self.open.iter().any(joins)
    }

    /// Finishes all that is open.
    pub(super) fn finish_all(&mut self, keys: &mut KeyMaker, sink: &mut Sink<'_>) {
        while !self.open.is_empty() {
            self.finish(0, keys, sink);
        }
        self.hand_over(keys, sink);
    }

    /// Records that the batch has, or will have.
    fn records(&self, sink: &Sink<'_>) -> usize {
        sink.records() + self.done.len() + self.open.len()
    }

    /// Which records this one goes with, and its key; nothing if it goes alone.
    fn bucket(&mut self, data: &[u8], keys: &mut KeyMaker) -> Option<Bucket> {
        self.key.clear();
        let lines = self.options.format == Format::Newline;
        match keys.option() {
            _ if !self.keyed => return Some(Bucket::Any),
            PartitionKey::Random => return Some(Bucket::Any),
            PartitionKey::Deterministic if lines => {
                // The key of the whole follows from all of its data, and is made last.
                return Some(Bucket::Any);
            }
            PartitionKey::Deterministic | PartitionKey::Template(_) => {
                self.key.push_str(keys.make(data).as_str());
            }
        }
        let shards = self.shards.as_ref().filter(|_| !lines);
        match shards {
            Some(shards) => shards.place_of(hash_key(&self.key)).map(Bucket::Shard),
            None => matches!(keys.option(), PartitionKey::Template(_)).then_some(Bucket::Key),
        }
    }

    fn find(&self, bucket: Bucket) -> Option<usize> {
        self.open.iter().rposition(|open| {
            open.bucket == bucket && (bucket != Bucket::Key || open.key == self.key)
        })
    }

    fn has_room(&self, place: usize, data: &[u8]) -> bool {
        let open = self.open.get(place);
        open.is_some_and(|open| {
            open.takes(open.content.len_with(self.key_in(open), data), &self.options)
        })
    }

    /// The length of an aggregate of one record.
    fn len_of_one(&self, key_bytes: usize, data_bytes: usize) -> usize {
        match self.options.format {
            Format::Kpl => Kpl::len_of_one(key_bytes, data_bytes),
            Format::Newline => data_bytes,
        }
    }

    /// The key that a record has within an aggregate: its own, or the random one of all.
    fn key_in<'k>(&'k self, open: &'k Open) -> &'k str {
        if open.bucket == Bucket::Any { &open.key } else { &self.key }
    }

    fn begin(&mut self, bucket: Bucket, keys: &mut KeyMaker) -> usize {
        let mut open = self.spare.pop().unwrap_or_else(|| Open::new(self.options.format));
        open.bucket = bucket;
        open.key.clear();
        match bucket {
            Bucket::Any if self.keyed && keys.is_random() => {
                open.key.push_str(keys.random().as_str());
            }
            Bucket::Any => {}
            Bucket::Key | Bucket::Shard(_) => open.key.push_str(&self.key),
        }
        open.key_bytes = if self.keyed { open.key.len().max(keys.bytes_of_own()) } else { 0 };
        self.counted += open.content.len() + open.key_bytes;
        self.open.push(open);
        self.open.len() - 1
    }

    /// Adds a record to an aggregate that has room, if the batch has.
    fn add(
        &mut self,
        place: usize,
        (data, origin): (&[u8], Option<Origin>),
        sink: &Sink<'_>,
        room: Room,
    ) -> bool {
        let Self { open, key, counted, .. } = self;
        let Some(open) = open.get_mut(place) else { return false };
        let key = if open.bucket == Bucket::Any { &open.key } else { key };
        let more = open.content.len_with(key, data) - open.content.len();
        if sink.counted_bytes() + *counted + more > room.bytes_max {
            return false;
        }
        *counted += more;
        open.content.push(key, data);
        open.origins.extend(origin);
        true
    }

    /// No further record goes into this one.
    fn finish(&mut self, place: usize, keys: &mut KeyMaker, sink: &mut Sink<'_>) {
        self.done.push(self.open.remove(place));
        let waits_for = if self.options.format == Format::Kpl { LANES } else { 1 };
        if self.done.len() >= waits_for {
            self.hand_over(keys, sink);
        }
    }

    /// Puts what takes no more records into the body.
    fn hand_over(&mut self, keys: &mut KeyMaker, sink: &mut Sink<'_>) {
        let lengths = self.done.iter().map(|done| done.content.len() + done.key_bytes);
        self.counted -= lengths.sum::<usize>();
        let several = self.done.iter_mut().filter_map(|done| match &mut done.content {
            Content::Kpl(kpl) => Some(kpl).filter(|kpl| kpl.count() > 1),
            Content::Lines { .. } => None,
        });
        kpl::finish(&mut several.collect::<Vec<_>>());
        for mut done in self.done.drain(..) {
            let own = done.bucket == Bucket::Any;
            match &done.content {
                Content::Kpl(kpl) if kpl.count() == 1 && own => {
                    sink.push(kpl.newest(), &Key::Random(keys.random()));
                }
                Content::Kpl(kpl) if kpl.count() == 1 => {
                    sink.push(kpl.newest(), &Key::Text(&done.key));
                }
                Content::Kpl(kpl) => match RandomKey::of_text(&done.key).filter(|_| own) {
                    Some(key) => sink.push_aggregate(kpl.finished(), key),
                    None => sink.push(kpl.finished(), &Key::Text(&done.key)),
                },
                Content::Lines { data, .. } if own => sink.push(data, &keys.make(data)),
                Content::Lines { data, .. } => sink.push(data, &Key::Text(&done.key)),
            }
            sink.body.note_records(done.content.records());
            sink.body.note_origins(done.origins.drain(..));
            if done.held_bytes() <= SPARE_BYTES_MAX {
                done.content.clear();
                self.spare.push(done);
            }
        }
    }
}
