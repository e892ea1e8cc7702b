//! The streams that exist, and the order in which each takes records.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::Timestamp;

use super::decision::RecordFault;
use super::decode::IncomingRecord;
use super::lock;
use super::names::{ACCOUNT, Service, StreamId};
use super::response::{Entry, ErrorResponse, SequenceNumber};
use super::shard::ShardMap;
use super::store::{Accepted, Arrival, MEMORY_BYTES_MAX, Sink, Store, StoreError, StoredRecord};

/// Streams that may exist at a time.
const STREAMS_MAX: usize = 1_000;
/// Shards of all streams together, as AWS allows an account in its large regions (Streams developer
/// guide, quotas and limits).
const SHARDS_TOTAL_MAX: usize = 20_000;
/// Shards of one stream, at most.
pub(super) const SHARDS_MAX: u32 = 10_000;

/// The golden part of 2^128, odd: multiples of it lie evenly.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// Which streams exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamPolicy {
    /// Each name that is used for the first time makes a stream.
    AnyName,
    /// Only these; any other is not found.
    Only(Vec<StreamId>),
}

/// When a stream is made or used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// For rates.
    pub(super) now: Instant,
    /// For people.
    pub(super) at: Timestamp,
}

/// All streams.
#[derive(Debug)]
pub(super) struct Streams {
    store: Store,
    shards: u32,
    springs_up: bool,
    slots: BTreeMap<StreamId, Slot>,
    /// Bytes that memory stores may still take.
    memory: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Slot {
    stream: Arc<Mutex<Stream>>,
    deleted: bool,
}

impl Streams {
    /// The streams that `policy` names, each with `shards` shards.
    pub(super) fn new(
        store: Store,
        shards: u32,
        policy: &StreamPolicy,
        moment: Moment,
    ) -> Result<Self, ErrorResponse> {
        let springs_up = matches!(policy, StreamPolicy::AnyName);
        let memory = Arc::new(AtomicUsize::new(MEMORY_BYTES_MAX));
        let mut streams = Self { store, shards, springs_up, slots: BTreeMap::new(), memory };
        if let StreamPolicy::Only(names) = policy {
            for id in names {
                streams.insert(id, shards, moment)?;
            }
        }
        Ok(streams)
    }

    /// The stream `id`, made if it may be.
    pub(super) fn find(
        &mut self,
        id: &StreamId,
        moment: Moment,
    ) -> Result<Arc<Mutex<Stream>>, ErrorResponse> {
        match self.slots.get(id) {
            Some(slot) if !slot.deleted => Ok(Arc::clone(&slot.stream)),
            None if self.springs_up => self.insert(id, self.shards, moment),
            Some(_) | None => Err(ErrorResponse::no_such_stream(id)),
        }
    }

    /// Makes the stream `id`. One that was removed comes back with new shards and the records
    /// that it had.
    pub(super) fn create(
        &mut self,
        id: &StreamId,
        shards: u32,
        moment: Moment,
    ) -> Result<(), ErrorResponse> {
        let room = self.shards_left(Some(id));
        match self.slots.get_mut(id) {
            Some(slot) if slot.deleted => {
                let shards = shard_count(id.service(), shards);
                check_room(shards, room)?;
                slot.deleted = false;
                lock(&slot.stream).shards.reshard(id.service(), shards, moment.now);
                Ok(())
            }
            Some(_) => Err(ErrorResponse::new(
                400,
                "ResourceInUseException",
                &format!("Stream {} under account {ACCOUNT} already exists.", id.name()),
            )),
            None => self.insert(id, shards, moment).map(|_| ()),
        }
    }

    /// Makes the stream `id` not found until it is created again.
    pub(super) fn remove(&mut self, id: &StreamId) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.deleted = true;
        }
    }

    /// What the memory store holds for `id` from this number on, in the order of arrival.
    pub(super) fn records(&self, id: &StreamId, from: usize) -> Vec<StoredRecord> {
        let stream = self.slots.get(id).map(|slot| &slot.stream);
        stream.map_or_else(Vec::new, |stream| {
            lock(stream).sink.records().get(from..).unwrap_or_default().to_vec()
        })
    }

    /// The names of the streams of one service, in order.
    pub(super) fn names(&self, service: Service) -> Vec<String> {
        let existing = self.slots.iter().filter(|(_, slot)| !slot.deleted);
        let of_service = existing.filter(|(id, _)| id.service() == service);
        of_service.map(|(id, _)| id.name().to_owned()).collect()
    }

    /// How many shards may be made, those of `excluded` skipped. Removed streams keep theirs.
    fn shards_left(&self, excluded: Option<&StreamId>) -> usize {
        let others = self.slots.iter().filter(|(id, _)| Some(*id) != excluded);
        let taken: usize = others.map(|(_, slot)| lock(&slot.stream).shards.all().len()).sum();
        SHARDS_TOTAL_MAX.saturating_sub(taken)
    }

    fn insert(
        &mut self,
        id: &StreamId,
        shards: u32,
        moment: Moment,
    ) -> Result<Arc<Mutex<Stream>>, ErrorResponse> {
        if self.slots.len() >= STREAMS_MAX {
            let message = format!("This sandbox supports {STREAMS_MAX} streams at most.");
            return Err(ErrorResponse::new(400, "LimitExceededException", &message));
        }
        let shards = shard_count(id.service(), shards);
        check_room(shards, self.shards_left(None))?;
        let stream = Arc::new(Mutex::new(Stream {
            id: id.clone(),
            shards: ShardMap::new(id.service(), shards, moment.now),
            created_at: moment.at,
            is_auto: false,
            next_place: 0,
            sink: Sink::new(&self.store, id, &self.memory),
        }));
        self.slots.insert(id.clone(), Slot { stream: Arc::clone(&stream), deleted: false });
        Ok(stream)
    }
}

fn check_room(shards: u32, room: usize) -> Result<(), ErrorResponse> {
    if usize::try_from(shards).is_ok_and(|shards| shards <= room) {
        return Ok(());
    }
    let message = format!(
        "This sandbox holds {SHARDS_TOTAL_MAX} shards at most, of all streams together; {room} are \
         left, and {shards} were requested."
    );
    Err(ErrorResponse::new(400, "LimitExceededException", &message))
}

/// A delivery stream has no shards: its one place carries the rate of the whole.
fn shard_count(service: Service, wanted: u32) -> u32 {
    match service {
        Service::Firehose => 1,
        Service::Kinesis => wanted.clamp(1, SHARDS_MAX),
    }
}

/// One stream: its shards, its sequence, its records.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) shards: ShardMap,
    pub(super) created_at: Timestamp,
    /// It distributes records itself (`RecordDistributionStrategy`).
    pub(super) is_auto: bool,
    next_place: u64,
    sink: Sink,
}

impl Stream {
    /// Stores the records that nothing speaks against, all in one write, and says of each what
    /// became of it. `faults` has one entry a record or is empty; `limited` turns the rates of the
    /// shards on.
    ///
    /// # Errors
    /// When the store takes none of them.
    pub(super) fn commit(
        &mut self,
        records: &[IncomingRecord],
        faults: &[Option<RecordFault>],
        arrival: Arrival,
        limited: Option<Instant>,
    ) -> Result<Vec<Entry>, StoreError> {
        let judged = records.iter().enumerate().map(|(at, record)| {
            self.judge(record.hash_key, record.billed_bytes(), faults.get(at), limited)
        });
        let entries: Vec<Entry> = judged.collect();
        let accepted: Vec<Accepted<'_>> = records
            .iter()
            .zip(&entries)
            .filter_map(|(record, entry)| match entry {
                Entry::Failed { .. } => None,
                Entry::Stored { sequence, shard_place } => Some(Accepted {
                    record,
                    sequence: *sequence,
                    shard_id: self.shards.get(*shard_place).map_or("", |shard| &shard.id),
                }),
            })
            .collect();
        self.sink.append(&self.id, arrival, &accepted)?;
        Ok(entries)
    }

    /// As [`Stream::commit`] for `count` records that were not examined.
    pub(super) fn count(&mut self, count: usize, faults: &[Option<RecordFault>]) -> Vec<Entry> {
        (0..count).map(|at| self.judge(0, 0, faults.get(at), None)).collect()
    }

    /// The ids of the open shards, in the order of their places.
    pub(super) fn shard_ids(&self) -> Vec<String> {
        self.shards.all().iter().map(|shard| shard.id.clone()).collect()
    }

    fn judge(
        &mut self,
        hash_key: u128,
        bytes: usize,
        fault: Option<&Option<RecordFault>>,
        limited: Option<Instant>,
    ) -> Entry {
        // Whoever distributes records itself does not look at keys.
        let spread = u128::from(self.next_place).wrapping_mul(SPREAD);
        let hash_key = if self.is_auto { spread } else { hash_key };
        let shard_place = self.shards.place_of(hash_key);
        match fault {
            Some(Some(RecordFault::Custom { code, message })) => {
                return Entry::Failed { code: code.clone(), message: message.clone() };
            }
            Some(Some(RecordFault::Failed)) => return Entry::internal_failure(),
            Some(Some(RecordFault::Throttled)) => return self.throttled(shard_place),
            Some(None) | None => {}
        }
        let has_room = match (limited, self.shards.get_mut(shard_place)) {
            (Some(now), Some(shard)) => shard.try_take(bytes, now),
            _ => true,
        };
        if !has_room {
            return self.throttled(shard_place);
        }
        let epoch_millis = u64::try_from(self.created_at.as_millisecond()).unwrap_or(0);
        let sequence = SequenceNumber { epoch_millis, place: self.next_place };
        self.next_place += 1;
        Entry::Stored { sequence, shard_place }
    }

    fn throttled(&self, shard_place: usize) -> Entry {
        let shard_id = self.shards.get(shard_place).map_or("", |shard| &shard.id);
        Entry::throttled(&self.id, shard_id)
    }
}

#[cfg(test)]
mod tests;
