//! One batch on its way: what to send next, and what became of each record. Pure; the sender makes
//! the calls and keeps the time.
//!
//! # A request that is refused
//! Both services refuse a whole request for one unacceptable record, so a refused part is halved
//! until single records remain that are refused alone: the suspects. Whether a suspect is at
//! fault, or the stream refuses everything, the answer does not say, and dropping a whole file
//! over a misconfigured stream would be a loss. So a suspect is condemned, which
//! is to say reported as rejected and never sent again, only on evidence:
//!
//! 1. The destination took some other record, of this batch or another, after this batch was
//!    first refused: then all suspects are condemned.
//! 2. Nothing else of the batch is left to try, and the destination took something since it was
//!    last used as an excuse: then one suspect is. This is the lone bad line in a quiet log.
//! 3. [`DOUBT_PROBES`] probes in a row were refused: then one suspect is, so that no record
//!    blocks its file indefinitely.
//!
//! Otherwise the batch is in doubt after [`SUSPECTS_MAX`] suspects, or when nothing is left to
//! try: the destination is paused, and each probe is one single record, an untried one if there
//! is any. As soon as anything is taken, the suspects get one more chance together. A destination
//! that refuses everything thus costs at most one record each ten minutes, said aloud, and one
//! bad record costs itself.

use std::collections::VecDeque;
use std::time::Duration;

use super::call::Payload;
use super::circuit_breaker::CircuitBreaker;
use super::classify::{Verdict, is_throttle};
use super::response::PutResponse;
use super::retry;
use super::{Outcome, RejectedRecord, Submission};
use crate::BatchId;
use crate::body::{Body, Encoding, RandomKey, key_hash};

/// Suspects without evidence against them after which the whole destination is in doubt.
pub const SUSPECTS_MAX: usize = 8;

/// Refused probes in a row after which one suspect is condemned.
pub const DOUBT_PROBES: u32 = 10;

/// Nobody refuses a request of so few bytes for its size.
pub const SMALL_REQUEST_BYTES: usize = 16 * 1024;

/// What to do after a call.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait as after this many failures since the last success, then continue.
    Backoff(u32),
    /// Every record is accounted for.
    Done,
    /// Pause the destination: nothing of the batch is accepted, for this reason.
    Doubt {
        /// The service's code.
        code: String,
        /// The service's words.
        message: String,
    },
    /// Go on at once.
    Now,
}

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

/// Records that are sent together.
#[derive(Debug)]
struct Part {
    /// Their places in the batch.
    indexes: Indexes,
    /// Bytes of their data.
    bytes: usize,
    /// The random keys that are others than the first; empty if none is.
    keys: Vec<Option<RandomKey>>,
    /// Hashes of the keys, once they were requested.
    hashes: Vec<u64>,
    /// Made when it is needed.
    body: Option<Payload>,
}

#[derive(Debug)]
enum Indexes {
    /// From 0 to the count.
    All(usize),
    Some(Vec<usize>),
}

impl Indexes {
    fn len(&self) -> usize {
        match self {
            Self::All(count) => *count,
            Self::Some(indexes) => indexes.len(),
        }
    }

    fn get(&self, place: usize) -> Option<usize> {
        match self {
            Self::All(count) => (place < *count).then_some(place),
            Self::Some(indexes) => indexes.get(place).copied(),
        }
    }

    fn into_vec(self) -> Vec<usize> {
        match self {
            Self::All(count) => (0..count).collect(),
            Self::Some(indexes) => indexes,
        }
    }
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
    pub fn next_size(&self) -> Option<(usize, usize)> {
        self.parts.last().map(|part| (part.indexes.len(), part.bytes))
    }

    /// The records that are next.
    pub fn next_records(&mut self) -> Vec<Record> {
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
    pub fn is_keyed(&self) -> bool {
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

    /// The service refused the records of the call.
    pub fn on_refusal(&mut self, code: &str, message: &str, circuit: &CircuitBreaker) {
        self.refused_at.get_or_insert_with(|| circuit.accepted());
        let Some(part) = self.parts.pop() else { return };
        let mut indexes = part.indexes.into_vec();
        if let [index] = indexes.as_slice() {
            let (code, message) = (code.to_owned(), message.to_owned());
            let (index, records) = (*index, self.body.records_in(*index));
            let (origins, data) = (Vec::new(), Vec::new());
            self.suspects.push_back(RejectedRecord {
                index,
                records,
                code,
                message,
                origins,
                data,
            });
            self.doubt = self.doubt.map(|probes| probes + 1);
            return;
        }
        let second = indexes.split_off(indexes.len() / 2);
        for half in [second, indexes] {
            let half = self.part(half);
            self.parts.push(half);
        }
    }

    /// Judges the suspects and says how to continue after a call.
    pub fn next(&mut self, circuit: &mut CircuitBreaker) -> Next {
        self.judge(circuit);
        if self.parts.is_empty() && self.suspects.is_empty() {
            return Next::Done;
        }
        let in_doubt =
            self.doubt.is_some() || self.suspects.len() >= SUSPECTS_MAX || self.parts.is_empty();
        match self.suspects.back() {
            Some(suspect) if in_doubt => {
                self.doubt.get_or_insert(0);
                Next::Doubt { code: suspect.code.clone(), message: suspect.message.clone() }
            }
            _ if self.failures > 0 => Next::Backoff(self.failures),
            _ => Next::Now,
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

    /// Applies the three rules of the module's head.
    fn judge(&mut self, circuit: &mut CircuitBreaker) {
        let evidence = self.refused_at.is_some_and(|count| circuit.accepted() > count);
        if evidence && self.doubt.take().is_some() {
            let suspects: Vec<usize> = self.suspects.drain(..).map(|s| s.index).collect();
            if !suspects.is_empty() {
                let suspects = self.part(suspects);
                self.parts.push(suspects);
            }
        } else if evidence {
            self.rejected.extend(self.suspects.drain(..));
        } else if self.doubt.is_some_and(|probes| probes >= DOUBT_PROBES) {
            self.doubt = Some(0);
            self.rejected.extend(self.suspects.pop_front());
        } else if self.parts.is_empty() && !self.suspects.is_empty() && circuit.take_credit() {
            self.rejected.extend(self.suspects.pop_front());
        }
    }

    /// Puts one single record next: the first of the next part, or else the oldest suspect.
    fn narrow_to_one(&mut self) {
        match self.parts.pop() {
            None => {
                if let Some(suspect) = self.suspects.pop_front() {
                    let suspect = self.part(vec![suspect.index]);
                    self.parts.push(suspect);
                }
            }
            Some(part) if part.indexes.len() > 1 => {
                let mut first = part.indexes.into_vec();
                let rest = first.split_off(1);
                for part in [rest, first] {
                    let part = self.part(part);
                    self.parts.push(part);
                }
            }
            Some(part) => self.parts.push(part),
        }
    }

    fn part(&self, indexes: Vec<usize>) -> Part {
        self.part_with(indexes, Vec::new())
    }

    fn part_with(&self, indexes: Vec<usize>, mut keys: Vec<Option<RandomKey>>) -> Part {
        if keys.iter().all(Option::is_none) {
            keys.clear();
        }
        let bytes = indexes.iter().map(|index| self.body.record_data_bytes(*index)).sum();
        Part { indexes: Indexes::Some(indexes), bytes, keys, hashes: Vec::new(), body: None }
    }
}

/// All of a body, with what is known of it.
fn whole(body: &mut Body) -> Payload {
    let encoding = body.encoding();
    Payload { bytes: body.finish(), encoding, sha256: body.sha256().cloned() }
}

/// A part of a body, with the keys that are new.
fn copy(body: &Body, part: &Part) -> Payload {
    let all: Vec<usize>;
    let indexes = match &part.indexes {
        Indexes::Some(indexes) => indexes.as_slice(),
        Indexes::All(count) => {
            all = (0..*count).collect();
            &all
        }
    };
    let bytes = body.subset_with(indexes, |place| part.keys.get(place).copied().flatten());
    Payload { encoding: body.encoding(), ..bytes.into() }
}

#[cfg(test)]
mod tests;
