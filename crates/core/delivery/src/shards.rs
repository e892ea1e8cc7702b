//! Which shards of a stream have room, learned from answers to requests of which a part failed.
//! Pure.
//!
//! Answers name the shard of each record, taken or not, and a key belongs to the shard whose range
//! its MD5 falls into. So after a few hundred records the ranges are known well enough to give a
//! record with a random key, which one shard had no room for, a key of another. Nothing is taken
//! for granted: a range that another shard's record falls into, as after a split, is forgotten.

use md5::{Digest as _, Md5};

use super::answer::{Answer, ShardNumber};
use crate::body::RandomKey;

/// So many shards are told apart; records of further ones count as of none.
const SHARDS_MAX: usize = 256;

/// So many keys are drawn for one that is not a full shard's.
const DRAWS_MAX: u32 = 8;

/// A shard of which this much more failed than of the one with the most room is full.
const FULL_MARGIN: f64 = 0.15;

/// A shard is judged only by this many records.
const JUDGED_RECORDS_MIN: f64 = 10.0;

/// What counts of the past after a look.
const MEMORY: f64 = 0.5;

/// A shard of which less than this is remembered is forgotten.
const FORGOTTEN: f64 = 0.001;

/// The shards of one flow's stream.
#[derive(Debug, Default)]
pub struct Shards {
    known: Vec<Shard>,
    /// Records of answers that name no shards, because all records had one fate.
    unnamed: Count,
}

#[derive(Debug)]
struct Shard {
    number: ShardNumber,
    /// The least and the greatest hash of its records, of which the upper half is kept.
    range: Option<(u64, u64)>,
    /// Since the last look.
    now: Count,
    /// Now and before, the older the less.
    past: Count,
}

/// How many records were sent, and failed.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    sent: f64,
    failed: f64,
}

impl Count {
    fn add(&mut self, sent: f64, failed: f64) {
        self.sent += sent;
        self.failed += failed;
    }

    fn part(self) -> f64 {
        if self.sent > 0.0 { self.failed / self.sent } else { 0.0 }
    }

    /// How far chance takes the part off.
    fn deviation(self) -> f64 {
        let part = self.part();
        if self.sent > 0.0 { (part * (1.0 - part) / self.sent).sqrt() } else { 0.0 }
    }
}

impl Shards {
    /// Learns from an answer to a request of `sent` records. `key` gives the random key of a
    /// record by its place in the request.
    pub fn on_answer<'k>(
        &mut self,
        sent: usize,
        answer: &Answer,
        key: impl Fn(usize) -> Option<&'k [u8]>,
    ) {
        if answer.failed.is_empty() {
            self.unnamed.add(number(sent), 0.0);
            return;
        }
        let failed = answer
            .failed
            .iter()
            .filter_map(|entry| Some((entry.index, ShardNumber::find_in(&entry.message)?, 1.0)));
        let taken = answer.shards.iter().map(|(place, number)| (*place, *number, 0.0));
        for (place, number, failures) in failed.chain(taken) {
            let Some(shard) = self.shard(number) else { continue };
            shard.now.add(1.0, failures);
            shard.past.add(1.0, failures);
            if let Some(key) = key(place) {
                self.learn(number, hash(key));
            }
        }
    }

    /// Learns that a request of `sent` records was refused as a whole for being too much.
    pub fn on_throttled(&mut self, sent: usize) {
        self.unnamed.add(number(sent), number(sent));
    }

    /// Of the half of the shards that have the most room, the part of the records that failed since
    /// the last look; `None` if no shards are known. If it is much, there is no room elsewhere.
    #[must_use]
    pub fn crowded(&self) -> Option<f64> {
        let share = 1.0 / number(self.known.len());
        let mut parts: Vec<f64> = self
            .known
            .iter()
            .map(|shard| {
                let mut count = shard.now;
                count.add(self.unnamed.sent * share, self.unnamed.failed * share);
                // The least of several is less than it should be, the more so the fewer records.
                count.part() + count.deviation()
            })
            .collect();
        parts.sort_by(f64::total_cmp);
        let half = parts.get(..parts.len().div_ceil(2)).filter(|half| !half.is_empty())?;
        Some(half.iter().sum::<f64>() / number(half.len()))
    }

    /// A new look begins; what was before counts less and less.
    pub fn look_anew(&mut self) {
        self.unnamed = Count::default();
        for shard in &mut self.known {
            shard.now = Count::default();
            shard.past.sent *= MEMORY;
            shard.past.failed *= MEMORY;
        }
        // One that has not been heard of for long may not exist any more.
        self.known.retain(|shard| shard.past.sent > FORGOTTEN);
    }

    /// A random key; not of a shard that is full, if that can be helped.
    pub fn draw(&self, random: &mut fastrand::Rng) -> RandomKey {
        let mut key = RandomKey::of(random.u32(..));
        let parts = self.known.iter().map(|shard| shard.past.part());
        let least = parts.min_by(f64::total_cmp).unwrap_or_default();
        for _ in 1..DRAWS_MAX {
            if !self.is_full(hash(key.as_str().as_bytes()), least) {
                break;
            }
            key = RandomKey::of(random.u32(..));
        }
        key
    }

    fn is_full(&self, hash: u64, least: f64) -> bool {
        let of_hash =
            |shard: &&Shard| shard.range.is_some_and(|(low, high)| (low..=high).contains(&hash));
        self.known.iter().find(of_hash).is_some_and(|shard| {
            shard.past.sent >= JUDGED_RECORDS_MIN && shard.past.part() > least + FULL_MARGIN
        })
    }

    fn shard(&mut self, number: ShardNumber) -> Option<&mut Shard> {
        let place = match self.known.binary_search_by_key(&number, |shard| shard.number) {
            Ok(place) => place,
            Err(_) if self.known.len() >= SHARDS_MAX => return None,
            Err(place) => {
                let (now, past) = (Count::default(), Count::default());
                self.known.insert(place, Shard { number, range: None, now, past });
                place
            }
        };
        self.known.get_mut(place)
    }

    fn learn(&mut self, number: ShardNumber, hash: u64) {
        for shard in &mut self.known {
            let (low, high) = shard.range.unwrap_or((hash, hash));
            if shard.number == number {
                shard.range = Some((low.min(hash), high.max(hash)));
            } else if shard.range.is_some() && (low..=high).contains(&hash) {
                shard.range = None;
            }
        }
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The upper half of a key's hash. The service compares all of it, which makes a difference for
/// one key in 2^64.
fn hash(key: &[u8]) -> u64 {
    let digest: [u8; 16] = Md5::digest(key).into();
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::FailedEntry;

    /// One request of records with these keys to a stream of `count` shards, of which `full` take
    /// nothing.
    fn put(shards: &mut Shards, keys: &[RandomKey], count: u64, full: &[u64]) {
        let mut answer = Answer::default();
        for (index, key) in keys.iter().enumerate() {
            let number = place(*key, count);
            if full.contains(&number) {
                let message = format!("Rate exceeded for shard shardId-{number:012} in stream s");
                answer.failed.push(FailedEntry { index, code: "T".to_owned(), message });
            } else {
                answer.shards.push((index, ShardNumber(number)));
            }
        }
        shards.on_answer(keys.len(), &answer, |place| Some(keys[place].as_str().as_bytes()));
    }

    fn place(key: RandomKey, count: u64) -> u64 {
        let hash = u128::from(hash(key.as_str().as_bytes()));
        u64::try_from((hash * u128::from(count)) >> 64).expect("less than count")
    }

    fn keys(random: &mut fastrand::Rng, count: usize) -> Vec<RandomKey> {
        (0..count).map(|_| RandomKey::of(random.u32(..))).collect()
    }

    #[test]
    fn new_keys_avoid_a_full_shard() {
        let (mut shards, mut random) = (Shards::default(), fastrand::Rng::with_seed(1));
        put(&mut shards, &keys(&mut random, 500), 4, &[2]);
        assert_eq!(shards.crowded(), Some(0.0));
        let in_full = |shards: &Shards, random: &mut fastrand::Rng| {
            (0..1_000).filter(|_| place(shards.draw(random), 4) == 2).count()
        };
        assert!(in_full(&shards, &mut random) < 20);
        // It recovers, and is used again.
        for _ in 0..8 {
            shards.look_anew();
            put(&mut shards, &keys(&mut random, 500), 4, &[]);
        }
        assert!((200..300).contains(&in_full(&shards, &mut random)));
    }

    #[test]
    fn shards_that_are_all_full_are_all_used() {
        let (mut shards, mut random) = (Shards::default(), fastrand::Rng::with_seed(2));
        put(&mut shards, &keys(&mut random, 500), 4, &[0, 1, 2, 3]);
        assert_eq!(shards.crowded(), Some(1.0));
        let drawn = (0..1_000).map(|_| place(shards.draw(&mut random), 4));
        assert!((200..300).contains(&drawn.filter(|place| *place == 0).count()));
    }

    #[test]
    fn ranges_that_have_changed_are_learned_anew() {
        let (mut shards, mut random) = (Shards::default(), fastrand::Rng::with_seed(3));
        put(&mut shards, &keys(&mut random, 500), 2, &[0]);
        for _ in 0..12 {
            shards.look_anew();
            put(&mut shards, &keys(&mut random, 500), 8, &[7]);
        }
        let drawn = (0..1_000).map(|_| place(shards.draw(&mut random), 8));
        assert!(drawn.filter(|place| *place == 7).count() < 30);
    }

    #[test]
    fn whoever_names_no_shards_gets_any_key() {
        let (mut shards, mut random) = (Shards::default(), fastrand::Rng::with_seed(4));
        let failed =
            FailedEntry { index: 0, code: "T".to_owned(), message: "Slow down.".to_owned() };
        let answer = Answer { failed: vec![failed], ..Answer::default() };
        shards.on_answer(2, &answer, |_| None);
        assert_eq!(shards.crowded(), None);
        assert_ne!(shards.draw(&mut random), shards.draw(&mut random));
    }
}
