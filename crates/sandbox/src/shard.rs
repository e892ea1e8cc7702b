//! Shards: which one a partition key falls into, and how much each takes. Pure: time is an
//! argument.

use std::time::Instant;

use md5::{Digest as _, Md5};

use super::names::Service;

/// Records a second that one shard takes (Streams developer guide, quotas and limits).
const SHARD_RECORDS_PER_SECOND: u64 = 1_000;
/// Bytes of data and partition keys a second that one shard takes.
const SHARD_BYTES_PER_SECOND: u64 = 1024 * 1024;
/// Records a second that one delivery stream takes (Firehose developer guide, large regions).
const DELIVERY_STREAM_RECORDS_PER_SECOND: u64 = 500_000;
/// Bytes of data a second that one delivery stream takes.
const DELIVERY_STREAM_BYTES_PER_SECOND: u64 = 5 * 1024 * 1024;
const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// One open shard: a range of hash keys and what is left of its rate.
#[derive(Debug)]
pub(super) struct Shard {
    /// `shardId-` and twelve digits.
    pub(super) id: String,
    /// The first hash key of its range; the range ends where the next shard's begins.
    pub(super) first_hash_key: u128,
    records: Bucket,
    bytes: Bucket,
}

impl Shard {
    /// Takes room for one record of `bytes`, or nothing if the shard has not enough.
    pub(super) fn try_take(&mut self, bytes: usize, now: Instant) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let fits = self.records.has(1, now) && self.bytes.has(bytes, now);
        if fits {
            self.records.take(1);
            self.bytes.take(bytes);
        }
        fits
    }
}

/// The open shards of one stream, which share the hash keys evenly.
#[derive(Debug)]
pub(super) struct ShardMap {
    shards: Vec<Shard>,
    next_number: u64,
}

impl ShardMap {
    /// `count` shards (at least one), full of room.
    pub(super) fn new(service: Service, count: u32, now: Instant) -> Self {
        let mut map = Self { shards: Vec::new(), next_number: 0 };
        map.reshard(service, count, now);
        map
    }

    /// Replaces the shards by `count` new ones with new ids.
    pub(super) fn reshard(&mut self, service: Service, count: u32, now: Instant) {
        let count = u128::from(count.max(1));
        // The hash keys are 2^128, one more than the largest number there is. With one shard the
        // width does not fit, and is not needed.
        let width = ((u128::MAX - (count - 1)) / count).saturating_add(1);
        self.shards.clear();
        for place in 0..count {
            let shard = self.shard(service, place * width, now);
            self.shards.push(shard);
        }
    }

    /// Splits a shard in two, of which the second begins with this hash key. `false` if there is no
    /// such shard, or nothing would be left of it.
    pub(super) fn split(&mut self, id: &str, at: u128, now: Instant) -> bool {
        let place = self.shards.iter().position(|shard| shard.id == id);
        let Some(place) = place.filter(|place| {
            self.place_of(at) == *place
                && self.shards.get(*place).is_some_and(|shard| shard.first_hash_key < at)
        }) else {
            return false;
        };
        let first = self.shards.get(place).map_or(0, |shard| shard.first_hash_key);
        let halves = [first, at].map(|first| self.shard(Service::Kinesis, first, now));
        self.shards.splice(place..=place, halves);
        true
    }

    /// Makes one shard of two that are adjacent. `false` if they do not.
    pub(super) fn merge(&mut self, id: &str, other: &str, now: Instant) -> bool {
        let place = |id: &str| self.shards.iter().position(|shard| shard.id == id);
        let (Some(one), Some(two)) = (place(id), place(other)) else { return false };
        if one.abs_diff(two) != 1 {
            return false;
        }
        let place = one.min(two);
        let first = self.shards.get(place).map_or(0, |shard| shard.first_hash_key);
        let merged = self.shard(Service::Kinesis, first, now);
        self.shards.splice(place..=place + 1, [merged]);
        true
    }

    /// A new shard, full of room.
    fn shard(&mut self, service: Service, first_hash_key: u128, now: Instant) -> Shard {
        let (records_rate, bytes_rate) = match service {
            Service::Firehose => {
                (DELIVERY_STREAM_RECORDS_PER_SECOND, DELIVERY_STREAM_BYTES_PER_SECOND)
            }
            Service::Kinesis => (SHARD_RECORDS_PER_SECOND, SHARD_BYTES_PER_SECOND),
        };
        let id = format!("shardId-{:012}", self.next_number);
        self.next_number += 1;
        Shard {
            id,
            first_hash_key,
            records: Bucket::full(records_rate, now),
            bytes: Bucket::full(bytes_rate, now),
        }
    }

    /// The shards in the order of their ranges.
    pub(super) fn all(&self) -> &[Shard] {
        &self.shards
    }

    /// The place of the shard whose range holds `hash_key`.
    pub(super) fn place_of(&self, hash_key: u128) -> usize {
        self.shards.partition_point(|shard| shard.first_hash_key <= hash_key).saturating_sub(1)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Shard> {
        self.shards.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Shard> {
        self.shards.get_mut(place)
    }
}

/// The hash key of a partition key: its MD5 as a big-endian number.
pub(super) fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// A token bucket that holds one second's worth. It counts in billionths, so that no refill is
/// rounded away. What is more than that, as a large record, is let through by a full one, which
/// then owes the rest.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    level_nanos: i128,
    refilled_at: Instant,
}

impl Bucket {
    fn full(per_second: u64, now: Instant) -> Self {
        let level_nanos = i128::from(per_second) * NANOS_PER_SECOND;
        Self { per_second, level_nanos, refilled_at: now }
    }

    fn has(&mut self, amount: u64, now: Instant) -> bool {
        let rate = i128::from(self.per_second);
        let elapsed = now.saturating_duration_since(self.refilled_at).as_nanos();
        let refill = rate.saturating_mul(i128::try_from(elapsed).unwrap_or(i128::MAX));
        let full = rate * NANOS_PER_SECOND;
        self.level_nanos = self.level_nanos.saturating_add(refill).min(full);
        self.refilled_at = self.refilled_at.max(now);
        (i128::from(amount) * NANOS_PER_SECOND).min(full) <= self.level_nanos
    }

    fn take(&mut self, amount: u64) {
        self.level_nanos = self.level_nanos.saturating_sub(i128::from(amount) * NANOS_PER_SECOND);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn kinesis(count: u32) -> (ShardMap, Instant) {
        let now = Instant::now();
        (ShardMap::new(Service::Kinesis, count, now), now)
    }

    #[test]
    fn a_shard_takes_a_thousand_records_a_second_and_refills() {
        let (mut map, start) = kinesis(1);
        let shard = map.get_mut(0).unwrap();
        assert_eq!((0..1_200).filter(|_| shard.try_take(1, start)).count(), 1_000);
        let later = start + Duration::from_millis(10);
        assert_eq!((0..1_200).filter(|_| shard.try_take(1, later)).count(), 10);
    }

    #[test]
    fn a_shard_takes_a_mebibyte_a_second() {
        let (mut map, start) = kinesis(1);
        let shard = map.get_mut(0).unwrap();
        assert!(shard.try_take(1024 * 1024, start));
        assert!(!shard.try_take(1, start));
        assert!(shard.try_take(1024, start + Duration::from_millis(1)));
    }

    /// A large record takes ten seconds' worth, after which nothing else is taken for as long.
    #[test]
    fn a_large_record_empties_a_shard_for_ten_seconds() {
        let (mut map, start) = kinesis(1);
        let shard = map.get_mut(0).unwrap();
        let at = |millis| start + Duration::from_millis(millis);
        assert!(shard.try_take(1, at(0)));
        assert!(!shard.try_take(10 * 1024 * 1024, at(0)), "it is not full");
        assert!(shard.try_take(10 * 1024 * 1024, at(1)));
        assert!(!shard.try_take(1, at(9_000)));
        assert!(shard.try_take(1, at(9_002)));
        assert!(!shard.try_take(1024 * 1024, at(9_500)));
        assert!(shard.try_take(1024 * 1024, at(10_002)));
    }

    #[test]
    fn known_keys_hash_as_md5_says() {
        // The MD5 of the empty input is in RFC 1321.
        assert_eq!(hash_key(""), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
    }

    #[test]
    fn new_shards_get_new_ids() {
        let (mut map, now) = kinesis(2);
        map.reshard(Service::Kinesis, 2, now);
        let ids: Vec<&str> = map.all().iter().map(|shard| shard.id.as_str()).collect();
        assert_eq!(ids, ["shardId-000000000002", "shardId-000000000003"]);
    }

    #[test]
    fn shards_are_split_and_merged() {
        let (mut map, now) = kinesis(2);
        let half = map.all()[1].first_hash_key;
        assert!(!map.split("shardId-000000000000", half, now), "it is not in its range");
        assert!(!map.split("shardId-000000000000", 0, now), "nothing would be left");
        assert!(map.split("shardId-000000000000", 1 << 100, now));
        let shown = |map: &ShardMap| -> Vec<(String, u128)> {
            map.all().iter().map(|shard| (shard.id.clone(), shard.first_hash_key)).collect()
        };
        let id = |number: u64| format!("shardId-{number:012}");
        assert_eq!(shown(&map), [(id(2), 0), (id(3), 1 << 100), (id(1), half)]);
        assert!(!map.merge(&id(2), &id(1), now), "they are not neighbours");
        assert!(map.merge(&id(1), &id(3), now));
        assert_eq!(shown(&map), [(id(2), 0), (id(4), 1 << 100)]);
    }

    proptest! {
        #[test]
        fn every_hash_key_has_one_shard(count in 1_u32..300, key: u128) {
            let (map, _) = kinesis(count);
            let place = map.place_of(key);
            prop_assert!(map.get(place).unwrap().first_hash_key <= key);
            if let Some(next) = map.get(place + 1) {
                prop_assert!(key < next.first_hash_key);
            }
            prop_assert_eq!(map.place_of(u128::MAX), count as usize - 1);
        }
    }
}
