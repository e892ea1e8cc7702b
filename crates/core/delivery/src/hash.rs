//! Where a partition key belongs: its hash as the service computes it, and the ranges of shards.
//! Pure.

use md5::{Digest as _, Md5};
use thiserror::Error;

use crate::response::ShardNumber;

/// The hash of a partition key: its MD5 as a number.
#[must_use]
pub fn hash_key(key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(key.as_bytes()).into())
}

/// An open shard and the hashes that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardRange {
    /// The least.
    pub start: u128,
    /// The largest.
    pub end: u128,
    /// The number in the shard's id.
    pub number: ShardNumber,
}

/// The open shards of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardMap {
    /// By rising start, one behind the other from 0 to the largest hash.
    ranges: Vec<ShardRange>,
}

/// Why ranges are no map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShardMapError {
    /// A hash belongs to no shard, as while one is split and its halves are not there.
    #[error("no open shard has the hash key {0}")]
    Gap(u128),
    /// A hash belongs to several.
    #[error("several open shards have the hash key {0}")]
    Overlap(u128),
}

impl ShardMap {
    /// The map of all open shards, in any order.
    ///
    /// # Errors
    /// They are not exactly one for each hash, as may be for a moment while a stream is resharded.
    pub fn new(mut ranges: Vec<ShardRange>) -> Result<Self, ShardMapError> {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut next = Some(0);
        for range in &ranges {
            match next {
                Some(next) if range.start > next => return Err(ShardMapError::Gap(next)),
                Some(next) if range.start == next && range.end >= next => {}
                _ => return Err(ShardMapError::Overlap(range.start)),
            }
            next = range.end.checked_add(1);
        }
        match next {
            Some(next) => Err(ShardMapError::Gap(next)),
            None => Ok(Self { ranges }),
        }
    }

    /// How many shards there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// No map is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The place, in the order of their ranges, of the shard that a hash belongs to.
    #[must_use]
    pub fn place_of(&self, hash: u128) -> Option<usize> {
        self.ranges.partition_point(|range| range.start <= hash).checked_sub(1)
    }

    /// The shards, in the order of their ranges.
    #[must_use]
    pub fn ranges(&self) -> &[ShardRange] {
        &self.ranges
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(start: u128, end: u128, number: u64) -> ShardRange {
        ShardRange { start, end, number: ShardNumber(number) }
    }

    #[test]
    fn a_key_hashes_as_the_service_says() {
        // `printf a | md5sum`
        assert_eq!(hash_key("a"), 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661);
        assert_eq!(hash_key("é"), 0x66dd_cd97_cfde_abb2_f6fb_8a99_9b4b_c76f);
    }

    #[test]
    fn ranges_that_leave_something_out_or_meet_are_no_map() {
        let map = |ranges: &[ShardRange]| ShardMap::new(ranges.to_vec()).map(|map| map.len());
        assert_eq!(map(&[range(0, u128::MAX, 0)]), Ok(1));
        assert_eq!(map(&[range(10, u128::MAX, 2), range(0, 9, 1)]), Ok(2));
        assert_eq!(map(&[]), Err(ShardMapError::Gap(0)));
        assert_eq!(map(&[range(0, 9, 0)]), Err(ShardMapError::Gap(10)));
        assert_eq!(map(&[range(0, 9, 0), range(11, u128::MAX, 1)]), Err(ShardMapError::Gap(10)));
        assert_eq!(
            map(&[range(0, 10, 0), range(10, u128::MAX, 1)]),
            Err(ShardMapError::Overlap(10))
        );
        assert_eq!(map(&[range(0, u128::MAX, 0), range(5, 6, 1)]), Err(ShardMapError::Overlap(5)));
    }

    proptest! {
        /// For all cuts of the hashes: each hash is in the range of the shard that it belongs to.
        #[test]
        fn each_hash_has_its_shard(
            cuts in prop::collection::btree_set(1_u128.., 0..20),
            hashes in prop::collection::vec(any::<u128>(), 1..20),
        ) {
            let starts: Vec<u128> = std::iter::once(0).chain(cuts.iter().copied()).collect();
            let ends = cuts.iter().map(|cut| cut - 1).chain([u128::MAX]);
            let ranges = starts.iter().zip(ends).enumerate();
            let ranges = ranges.map(|(n, (start, end))| range(*start, end, n as u64));
            let mut ranges: Vec<ShardRange> = ranges.collect();
            ranges.reverse();
            let map = ShardMap::new(ranges).unwrap();
            for hash in hashes.into_iter().chain(starts.clone()).chain([u128::MAX]) {
                let found = map.ranges()[map.place_of(hash).unwrap()];
                prop_assert!((found.start..=found.end).contains(&hash));
            }
        }
    }
}
