//! Chooses the records of one request: those whose shards have room.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::{DRAWS_MAX, Rate};
use crate::body::{RandomKey, key_hash};
use crate::delivery::{Choice, Record};
use crate::shards::Portion;

/// After so many records in a row for which no key was found none are drawn for one request.
const DRAWS_IN_VAIN_MAX: u32 = 3;

/// Chooses the records of one request.
pub(super) struct Choosing<'r> {
    pub(super) rate: &'r mut Rate,
    /// Shards that older batches wait for.
    pub(super) reserved: BTreeSet<usize>,
    pub(super) rng: &'r mut fastrand::Rng,
    pub(super) now: Instant,
    /// Records in a row for which no key was found.
    pub(super) in_vain: u32,
    /// What was chosen so far, by shard; `None` for those of no known shard.
    pub(super) portions: BTreeMap<Option<usize>, Portion>,
}

impl Choosing<'_> {
    /// Whether a record goes along, or else the shard that it waits for.
    pub(super) fn choose(&mut self, record: Record) -> Result<Choice, Option<usize>> {
        let place = self.rate.shards.place_of(record.hash);
        if self.take(place, record.bytes) {
            return Ok(Choice::Send);
        }
        let draws = record.movable && self.in_vain < DRAWS_IN_VAIN_MAX && self.has_room();
        for _ in 0..if draws { DRAWS_MAX } else { 0 } {
            let key = RandomKey::of(self.rng.u32(..));
            let place = self.rate.shards.place_of(key_hash(key.as_str().as_bytes()));
            // Where the shard is not known there need be no room.
            if place.is_some() && self.take(place, record.bytes) {
                self.in_vain = 0;
                return Ok(Choice::SendWith(key));
            }
        }
        self.in_vain += u32::from(draws);
        Err(place)
    }

    /// Whether a shard may have room.
    fn has_room(&self) -> bool {
        self.rate.shards.any_with_room(&self.reserved, self.now)
    }

    /// Takes room in a shard, if it has some.
    fn take(&mut self, place: Option<usize>, bytes: usize) -> bool {
        let portion = self.portions.get(&place).copied().unwrap_or_default();
        let with = portion.with(bytes);
        let has_room = match place {
            None => true,
            Some(at) if self.reserved.contains(&at) => false,
            Some(at) => {
                let shard = self.rate.shards.pace(at);
                shard.is_none_or(|shard| shard.admits((portion.cost(), with.cost()), self.now))
            }
        };
        if has_room {
            self.portions.insert(place, with);
        }
        has_room
    }
}
