//! How fast each shard of a stream takes records. Pure; time is an argument.
//!
//! Answers to requests of which a part failed name the shard of each record, taken or not, and a
//! key belongs to the shard whose range its MD5 falls into. So after a few hundred records the
//! ranges are known well enough to hold back what belongs to a full shard, and nothing else.
//! A map of the shards, where there is one, says the same exactly and at once. Nothing is taken for
//! granted: a range that another shard's record falls into, as after a split, is forgotten.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::response::ShardNumber;
use crate::hash::ShardMap;
use crate::pace::{self, Pace};

/// So many shards are told apart; records of further ones count as of none.
const SHARDS_MAX: usize = 1_024;

/// A request has this much time's worth of a shard's records at most: a shard takes a steady stream
/// better than bursts, and there are others to fill a request.
const PIECE: Duration = Duration::from_millis(100);

/// A shard that is on no map and was not heard of for this long may not exist any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// The shards of one flow's stream that were heard of.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    /// By rising number.
    known: Vec<Shard>,
    /// Ranges and places in `known`, by rising ranges.
    ranges: Vec<(u64, u64, usize)>,
    /// The ranges are those of a map.
    mapped: bool,
}

#[derive(Debug)]
struct Shard {
    number: ShardNumber,
    /// The least and the largest hash of its records, of which the upper half is kept.
    range: Option<(u64, u64)>,
    pace: Pace,
    heard_at: Instant,
}

/// What of a request is one shard's.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Portion {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    /// Records that were refused for being too much.
    pub(crate) refused: usize,
}

impl Portion {
    pub(crate) fn cost(self) -> f64 {
        pace::cost(self.records, self.bytes)
    }

    /// With another record.
    pub(crate) fn with(self, bytes: usize) -> Self {
        Self { records: self.records + 1, bytes: self.bytes + bytes, ..self }
    }
}

impl Shards {
    /// Whether a shard is known to be full.
    pub(crate) fn any_limited(&self, now: Instant) -> bool {
        self.known.iter().any(|shard| !shard.pace.is_free(now))
    }

    /// Whether one has room that is not among these.
    pub(crate) fn any_with_room(&self, reserved: &BTreeSet<usize>, now: Instant) -> bool {
        let known = self.known.iter().enumerate();
        let mut free = known.filter(|(place, _)| !reserved.contains(place));
        free.any(|(_, shard)| shard.pace.has_room(now))
    }

    /// When one has room that is not among these.
    pub(crate) fn first_ready(&self, reserved: &BTreeSet<usize>, now: Instant) -> Option<Instant> {
        let known = self.known.iter().enumerate();
        let free = known.filter(|(place, _)| !reserved.contains(place));
        free.map(|(_, shard)| shard.pace.room_at(now)).min()
    }

    /// The place of the shard that a hash belongs to.
    pub(crate) fn place_of(&self, hash: u64) -> Option<usize> {
        let next = self.ranges.partition_point(|(low, ..)| *low <= hash);
        let (_, high, place) = self.ranges.get(next.checked_sub(1)?)?;
        (hash <= *high).then_some(*place)
    }

    /// The place of a shard that an answer names.
    pub(crate) fn place(&mut self, number: ShardNumber, now: Instant) -> Option<usize> {
        let place = match self.known.binary_search_by_key(&number, |shard| shard.number) {
            Ok(place) => place,
            Err(_) if self.known.len() >= SHARDS_MAX => return None,
            Err(place) => {
                let fresh = Pace::new(PIECE, now);
                let shard = Shard { number, range: None, pace: fresh, heard_at: now };
                self.known.insert(place, shard);
                self.sort();
                place
            }
        };
        if let Some(shard) = self.known.get_mut(place) {
            shard.heard_at = now;
        }
        Some(place)
    }

    pub(crate) fn pace(&mut self, place: usize) -> Option<&mut Pace> {
        self.known.get_mut(place).map(|shard| &mut shard.pace)
    }

    /// A record with this hash is of this shard, whatever was known. A map that says otherwise is
    /// an old one.
    pub(crate) fn learn(&mut self, number: ShardNumber, hash: u64) {
        let number_at = |place: usize| self.known.get(place).map(|shard| shard.number);
        if self.place_of(hash).and_then(number_at) == Some(number) {
            return;
        }
        self.mapped = false;
        for shard in &mut self.known {
            let (low, high) = shard.range.unwrap_or((hash, hash));
            if shard.number == number {
                shard.range = Some((low.min(hash), high.max(hash)));
            } else if shard.range.is_some() && (low..=high).contains(&hash) {
                shard.range = None;
            }
        }
        // What it grew over is another's.
        let grown = self.known.iter().find(|shard| shard.number == number).and_then(|s| s.range);
        if let Some((low, high)) = grown {
            for shard in self.known.iter_mut().filter(|shard| shard.number != number) {
                let overlaps = shard.range.is_some_and(|range| range.0 <= high && low <= range.1);
                shard.range = shard.range.filter(|_| !overlaps);
            }
        }
        self.sort();
    }

    /// The open shards are these, and no others.
    pub(crate) fn set_map(&mut self, map: &ShardMap, now: Instant) {
        if map.len() > SHARDS_MAX {
            return;
        }
        let mut before = std::mem::take(&mut self.known);
        for range in map.ranges() {
            let found = before.iter().position(|shard| shard.number == range.number);
            let pace =
                found.map_or_else(|| Pace::new(PIECE, now), |at| before.swap_remove(at).pace);
            let upper = |hash: u128| u64::try_from(hash >> 64).unwrap_or(u64::MAX);
            let range_kept = Some((upper(range.start), upper(range.end)));
            let number = range.number;
            self.known.push(Shard { number, range: range_kept, pace, heard_at: now });
        }
        self.known.sort_unstable_by_key(|shard| shard.number);
        self.mapped = true;
        self.sort();
    }

    /// Forgets shards that are not heard of any more.
    pub(crate) fn forget_silent(&mut self, now: Instant) {
        let is_silent =
            |shard: &Shard| now.saturating_duration_since(shard.heard_at) > FORGOTTEN_AFTER;
        if !self.mapped && self.known.iter().any(is_silent) {
            self.known.retain(|shard| !is_silent(shard));
            self.sort();
        }
    }

    fn sort(&mut self) {
        let ranges = self.known.iter().enumerate();
        self.ranges = ranges
            .filter_map(|(place, shard)| shard.range.map(|(low, high)| (low, high, place)))
            .collect();
        self.ranges.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::hash::ShardRange;

    #[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
    fn some_time() -> Instant {
        Instant::now()
    }

    /// Shards that begin at 0 and at each of these.
    fn map(cuts: &BTreeSet<u64>) -> ShardMap {
        let starts: Vec<u128> =
            std::iter::once(0).chain(cuts.iter().map(|cut| u128::from(*cut) << 64)).collect();
        let ends = starts.iter().skip(1).map(|next| next - 1).chain([u128::MAX]);
        let ranges = starts.iter().zip(ends).enumerate().map(|(number, (start, end))| ShardRange {
            start: *start,
            end,
            number: ShardNumber(number as u64 + 7),
        });
        ShardMap::new(ranges.collect()).unwrap()
    }

    /// The shard that a hash is of.
    fn truth(map: &ShardMap, hash: u64) -> ShardNumber {
        map.ranges()[map.place_of(u128::from(hash) << 64).unwrap()].number
    }

    fn chosen(shards: &Shards, hash: u64) -> Option<ShardNumber> {
        shards.place_of(hash).map(|place| shards.known[place].number)
    }

    fn cuts() -> impl Strategy<Value = BTreeSet<u64>> {
        prop::collection::btree_set(1..=u64::MAX, 0..20)
    }

    proptest! {
        /// For all maps: each hash has the shard of the map, whatever was known before.
        #[test]
        fn shard_is_that_of_the_map(
            before in cuts(),
            cuts in cuts(),
            hashes in prop::collection::vec(any::<u64>(), 1..50),
        ) {
            let (mut shards, now) = (Shards::default(), some_time());
            shards.set_map(&map(&before), now);
            let map = map(&cuts);
            shards.set_map(&map, now);
            for hash in hashes.into_iter().chain(cuts).chain([0, u64::MAX]) {
                prop_assert_eq!(chosen(&shards, hash), Some(truth(&map, hash)));
            }
        }

        /// For all responses: without a map a hash has its own shard or none, and one that a
        /// response named has its own, whatever was known before a split.
        #[test]
        fn shard_is_learned_from_answers_and_never_another_one(
            before in cuts(),
            cuts in cuts(),
            heard_before in prop::collection::vec(any::<u64>(), 0..50),
            heard in prop::collection::vec(any::<u64>(), 1..50),
            hashes in prop::collection::vec(any::<u64>(), 1..50),
        ) {
            let (mut shards, now) = (Shards::default(), some_time());
            let (old, map) = (map(&before), map(&cuts));
            let hear = |shards: &mut Shards, hash: u64, map: &ShardMap| {
                shards.place(truth(map, hash), now);
                shards.learn(truth(map, hash), hash);
                assert_eq!(chosen(shards, hash), Some(truth(map, hash)));
            };
            for hash in &heard_before {
                hear(&mut shards, *hash, &old);
            }
            for hash in &hashes {
                let found = chosen(&shards, *hash);
                prop_assert!(found.is_none_or(|found| found == truth(&old, *hash)));
            }
            for hash in &heard {
                hear(&mut shards, *hash, &map);
            }
            // What an answer named last is known.
            let last = heard[heard.len() - 1];
            prop_assert_eq!(chosen(&shards, last), Some(truth(&map, last)));
        }
    }
}
