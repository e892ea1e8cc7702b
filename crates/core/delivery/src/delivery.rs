//! One batch on its way: what to send next, and what became of each record. Pure; the sender makes
//! the calls and keeps the time.
//!
//! What becomes of a request that is refused is decided in `refusal`.

mod part;
mod refusal;

use std::collections::VecDeque;
use std::time::Duration;

use self::part::{Indexes, Part, copy, whole};
pub use self::refusal::{DOUBT_PROBES, Next, SUSPECTS_MAX};
use super::call::Payload;
use super::classify::{Verdict, is_throttle};
use super::response::PutResponse;
use super::retry;
use super::{Outcome, RejectedRecord, Submission};
use crate::BatchId;
use crate::body::{Body, Encoding, RandomKey, key_hash};

/// Nobody refuses a request of so few bytes for its size.
pub(crate) const SMALL_REQUEST_BYTES: usize = 16 * 1024;

/// One call to make.
#[derive(Debug, Clone)]
pub struct Request {
    /// The complete body.
    pub body: Payload,
    /// How many records are in it.
    pub records: usize,
    /// Bytes of data in them.
    pub bytes: usize,
    /// Whether these records were sent before.
    pub again: bool,
}

/// A record that is next, as far as it matters for when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The upper half of the hash of its key.
    pub hash: u64,
    /// Bytes of its data.
    pub bytes: usize,
    /// Its key only spreads records over the shards.
    pub movable: bool,
}

/// Whether a record is sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is, as it is.
    Send,
    /// It is, with another random key.
    SendWith(RandomKey),
    /// Later.
    Wait,
}

/// What an answered request did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that the service took.
    pub delivered: usize,
    /// Bytes of data in them.
    pub bytes: usize,
    /// Records that it did not take.
    pub failed: usize,
}

/// A batch until every record of it is delivered or rejected.
#[derive(Debug)]
pub struct Delivery {
    batch: BatchId,
    body: Body,
    /// What is still to be sent; the last one is next.
    parts: Vec<Part>,
    /// Records that were refused alone, the oldest first.
    suspects: VecDeque<RejectedRecord>,
    rejected: Vec<RejectedRecord>,
    /// The circuit's count of acceptances when the batch was first refused.
    refused_at: Option<u64>,
    /// Refused probes since the destination came into doubt, while it is.
    doubt: Option<u32>,
    delivered: Progress,
    attempts: u32,
    /// Failures since the last success, for the backoff.
    failures: u32,
    throttled: bool,
    pushed_back: bool,
    /// Records that the service may hold without having said so, by their places; empty as long as
    /// there are none.
    doubtful: Vec<bool>,
    /// What the destination was found to speak, if it is not what it is spoken to in.
    speak: Option<Encoding>,
}

impl Delivery {
    /// Nothing of the batch is sent yet.
    #[must_use]
    pub fn new(submission: Submission) -> Self {
        let Submission { batch, mut body } = submission;
        let payload = whole(&mut body);
        let indexes = Indexes::All(body.records());
        let bytes = body.data_bytes();
        let whole =
            Part { indexes, bytes, keys: Vec::new(), hashes: Vec::new(), body: Some(payload) };
        Self {
            batch,
            parts: if body.records() == 0 { Vec::new() } else { vec![whole] },
            body,
            suspects: VecDeque::new(),
            rejected: Vec::new(),
            refused_at: None,
            doubt: None,
            delivered: Progress::default(),
            attempts: 0,
            failures: 0,
            throttled: false,
            pushed_back: false,
            doubtful: Vec::new(),
            speak: None,
        }
    }

    /// Which batch it is.
    #[must_use]
    pub fn batch(&self) -> BatchId {
        self.batch
    }

    /// Whether nothing is left to send.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.parts.is_empty() && self.suspects.is_empty()
    }

    /// The call to make now, or `None` if there is nothing left. It stays the same until the
    /// outcome is reported.
    pub fn request(&mut self) -> Option<Request> {
        if self.doubt.is_some() {
            self.narrow_to_one();
        }
        let Self { parts, body, attempts, .. } = self;
        let part = parts.last_mut()?;
        let payload = match (part.body.take(), &part.indexes) {
            (Some(payload), _) => payload,
            (None, Indexes::All(_)) if part.keys.is_empty() => whole(body),
            (None, _) => copy(body, part),
        };
        part.body = Some(payload.clone());
        let (records, bytes) = (part.indexes.len(), part.bytes);
        Some(Request { body: payload, records, bytes, again: *attempts > 0 })
    }

    /// Makes the next call one of at most this many records; the others come after it.
    pub fn limit(&mut self, records_max: usize) {
        let records = self.parts.last().map_or(0, |part| part.indexes.len());
        if records > records_max.max(1) {
            let choice =
                |place| if place < records_max.max(1) { Choice::Send } else { Choice::Wait };
            self.choose(&(0..records).map(choice).collect::<Vec<_>>());
        }
    }

    /// Makes the next call one of the records that are chosen, by their places in it; the others
    /// come after it.
    pub fn choose(&mut self, choices: &[Choice]) {
        if choices.iter().all(|choice| *choice == Choice::Send) {
            return;
        }
        let Some(part) = self.parts.pop() else { return };
        let keys = part.keys;
        let (mut sent, mut rest) = (Vec::new(), Vec::new());
        for (place, index) in part.indexes.into_vec().into_iter().enumerate() {
            let key = keys.get(place).copied().flatten();
            match choices.get(place) {
                Some(Choice::Send) => sent.push((index, key)),
                Some(Choice::SendWith(key)) => sent.push((index, Some(*key))),
                Some(Choice::Wait) | None => rest.push((index, key)),
            }
        }
        for records in [rest, sent] {
            if !records.is_empty() {
                let (indexes, keys) = records.into_iter().unzip();
                let part = self.part_with(indexes, keys);
                self.parts.push(part);
            }
        }
    }

    /// How many records are next, and bytes of data in them.
    #[must_use]
    pub(crate) fn next_size(&self) -> Option<(usize, usize)> {
        self.parts.last().map(|part| (part.indexes.len(), part.bytes))
    }

    /// The records that are next.
    pub(crate) fn next_records(&mut self) -> Vec<Record> {
        let Self { parts, body, .. } = self;
        let Some(part) = parts.last_mut() else { return Vec::new() };
        let index = |place| part.indexes.get(place).unwrap_or_default();
        if part.hashes.is_empty() {
            let key = |place: usize| part.keys.get(place).copied().flatten();
            let hash = |place| match key(place) {
                Some(key) => key_hash(key.as_str().as_bytes()),
                None => body.key_hash(index(place)),
            };
            part.hashes = (0..part.indexes.len()).map(hash).collect();
        }
        let record = |(place, hash): (usize, &u64)| Record {
            hash: *hash,
            bytes: body.record_data_bytes(index(place)),
            movable: body.has_random_key(index(place)),
        };
        part.hashes.iter().enumerate().map(record).collect()
    }

    /// Whether the service knows partition keys.
    #[must_use]
    pub(crate) fn is_keyed(&self) -> bool {
        self.body.is_keyed()
    }

    /// The call is about to be made.
    pub fn on_attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }

    /// The service answered for each record. One with a random key that was throttled gets another
    /// key: its shard is full, and the next one may have room.
    pub fn on_answer(
        &mut self,
        answer: &PutResponse,
        mut new_key: impl FnMut() -> RandomKey,
    ) -> Progress {
        let Some(part) = self.parts.pop() else { return Progress::default() };
        let size = |place| part.indexes.get(place).map_or(0, |i| self.body.record_data_bytes(i));
        let failed_bytes: usize = answer.failed.iter().map(|entry| size(entry.index)).sum();
        let failed: Vec<usize> =
            answer.failed.iter().filter_map(|entry| part.indexes.get(entry.index)).collect();
        let progress = Progress {
            delivered: part.indexes.len() - failed.len(),
            bytes: part.bytes - failed_bytes,
            failed: failed.len(),
        };
        if answer.takes_cbor && self.body.encoding() == Encoding::Json {
            self.speak = Some(Encoding::Cbor);
        }
        self.delivered.delivered += progress.delivered;
        self.delivered.bytes += progress.bytes;
        self.failures = retry::failures(self.failures, progress.delivered, progress.failed);
        if !failed.is_empty() {
            let throttled: Vec<usize> = answer
                .failed
                .iter()
                .filter(|entry| is_throttle(&entry.code))
                .filter_map(|entry| part.indexes.get(entry.index))
                .collect();
            self.throttled |= !throttled.is_empty();
            let is_throttled = |index: &usize| throttled.binary_search(index).is_ok();
            let moves = |index: &usize| is_throttled(index) && self.body.has_random_key(*index);
            // The same records failing again, with the same keys, need no new copy of their bytes.
            let unchanged = failed.len() == part.indexes.len();
            self.parts.push(if unchanged && !throttled.iter().any(moves) {
                part
            } else {
                let places = answer.failed.iter().map(|entry| entry.index);
                let kept = |place: usize| part.keys.get(place).copied().flatten();
                let keys = places.zip(&failed);
                let keys = keys
                    .map(|(place, index)| if moves(index) { Some(new_key()) } else { kept(place) });
                let keys = keys.collect();
                self.part_with(failed, keys)
            });
        }
        progress
    }

    /// Whether the request is so small that a rejection for its size cannot be meant.
    #[must_use]
    pub fn is_small(&self) -> bool {
        let body = self.parts.last().and_then(|part| part.body.as_ref());
        body.is_some_and(|body| body.bytes.len() < SMALL_REQUEST_BYTES)
    }

    /// The call failed as a whole, through no fault of the records. Returns how many of its records
    /// the service may hold all the same and were not known to be such: one that is sent again and
    /// again without an answer counts once.
    pub fn on_failure(&mut self, verdict: Verdict) -> usize {
        self.failures = self.failures.saturating_add(1);
        self.pushed_back = true;
        self.throttled |= verdict == Verdict::Throttled;
        let Some(part) = self.parts.last() else { return 0 };
        if !matches!(verdict, Verdict::Transient { ambiguous: true, .. }) {
            return 0;
        }
        self.doubtful.resize(self.body.records(), false);
        let mut new = 0;
        for index in (0..part.indexes.len()).filter_map(|place| part.indexes.get(place)) {
            if let Some(doubtful) = self.doubtful.get_mut(index) {
                new += usize::from(!std::mem::replace(doubtful, true));
            }
        }
        new
    }

    /// The endpoint does not take CBOR: the rest is sent in JSON.
    pub fn speak_json(&mut self) {
        self.speak = Some(Encoding::Json);
        let Some(json) = self.body.in_json() else { return };
        self.body = json;
        for part in &mut self.parts {
            part.body = None;
        }
    }

    /// The account of the batch. Call it when [`Self::next`] says [`Next::Done`].
    #[must_use]
    pub fn into_outcome(mut self, took: Duration) -> Outcome {
        self.rejected.sort_by_key(|record| record.index);
        for record in &mut self.rejected {
            record.origins = self.body.origins_of(record.index).to_vec();
            if !record.origins.is_empty() {
                record.data = self.body.record_data(record.index);
            }
        }
        Outcome {
            batch: self.batch,
            records_delivered: self.delivered.delivered,
            bytes_delivered: self.delivered.bytes,
            rejected: self.rejected,
            took,
            attempts: self.attempts,
            throttled: self.throttled,
            pushed_back: self.pushed_back,
            maybe_duplicated: !self.doubtful.is_empty(),
            speak: self.speak,
            spare: self.body.recycle(),
        }
    }
}

#[cfg(test)]
mod tests;
