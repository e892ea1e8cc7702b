//! The memory of a flow: what it holds, asks for and gives back.

use std::time::Instant;

use super::carry::Carried;
use super::dead_letters::DeadLetters;
use super::{Flow, Outlet};
use crate::batch::body::Body;
use crate::send::DestinationHealth;
use crate::tail::disk::Disk;

/// A batch that just began takes this much memory, in bytes.
const BATCH_START_BYTES: usize = 64 * 1024;

/// A body larger than this is not kept for a later batch, in bytes.
const SPARE_BYTES_MAX: usize = 1024 * 1024;

/// Nothing is gained by smaller batches than this, in bytes of memory.
const FULL_BATCH_BYTES_MIN: usize = 1024 * 1024;

/// With so few requests at a time batches are as large as the service takes them: of smaller ones
/// more would be in flight at a time, which keep no order.
const FEW_REQUESTS: usize = 8;

/// The data for which a batch is full: so many that the batches under way, and one that is being
/// filled, fit into `memory_bytes`. Buffers double when they grow, so a full one ends a little
/// below a power of two.
pub(super) fn batch_bytes_max(requests: usize, memory_bytes: usize, is_base64: bool) -> usize {
    if requests <= FEW_REQUESTS {
        return usize::MAX;
    }
    let fits = (memory_bytes / (requests + 2)).max(FULL_BATCH_BYTES_MIN);
    let buffer = 1 << fits.ilog2();
    if is_base64 { buffer / 16 * 11 } else { buffer / 16 * 15 }
}

impl<D: Disk> Flow<D> {
    /// Sends what is there before it is due, for only answers free memory.
    pub(super) fn submit_early(&mut self, now: Instant, outlet: &mut impl Outlet) {
        if self.packer.open().is_some() && self.has_free_request() {
            self.submit(now, outlet);
        }
    }

    /// Gives back the memory of batches that are done.
    pub(super) fn release_memory(&mut self) {
        self.account.shrink_to(self.used_bytes());
    }

    /// Keeps the memory of a batch that is done: when several are answered together, so many are
    /// filled next.
    pub(super) fn keep_spare(&mut self, spare: Body) {
        if self.packer.spare_bytes() == 0 {
            self.packer.reuse(spare);
        } else if spare.held_bytes() <= SPARE_BYTES_MAX {
            self.under_way.keep(spare);
        }
    }

    /// The next batch is filled into memory that is there, if it is.
    pub(super) fn use_spare(&mut self) {
        if self.packer.spare_bytes() == 0
            && let Some(spare) = self.under_way.take_spare()
        {
            self.packer.reuse(spare);
        }
    }

    fn used_bytes(&self) -> usize {
        let under_way = self.under_way.held_bytes();
        let carried: usize = self.carried.values().map(Carried::held_bytes).sum();
        let letters = self.dead.as_ref().map_or(0, DeadLetters::held_bytes);
        under_way + carried + letters + self.packer.spare_bytes() + self.packer.open_bytes()
    }

    /// Makes sure that the open batch may take what the window holds.
    pub(super) fn reserve(&mut self, bytes: usize) -> bool {
        let limit = self.packer.batch_bytes_max();
        // Base64 takes four bytes for three, and every record has its envelope.
        let growth = bytes.min(limit) * 3 / 2 + BATCH_START_BYTES;
        let may_borrow = self.health == DestinationHealth::Ok;
        let mut granted = self.account.grow_to(self.used_bytes() + growth, may_borrow);
        if !granted {
            // What is held for nothing must not block: a flow that holds nothing at all
            // gets one batch whatever the others hold.
            self.packer.drop_spare();
            self.under_way.drop_spare();
            self.release_memory();
            granted = self.account.grow_to(self.used_bytes() + growth, may_borrow);
        }
        if self.waiting_for_memory == granted {
            self.waiting_for_memory = !granted;
            self.metrics.waiting_for_memory.set(f64::from(u8::from(!granted)));
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBIBYTE: usize = 1024 * 1024;

    #[test]
    fn as_many_batches_as_may_be_under_way_fit_into_memory() {
        for requests in 9..=30 {
            let bytes = batch_bytes_max(requests, 32 * MEBIBYTE, false);
            let buffer = bytes.next_power_of_two();
            assert!(buffer * (requests + 1) <= 32 * MEBIBYTE, "{requests}: {buffer}");
        }
        assert_eq!(batch_bytes_max(8, 32 * MEBIBYTE, false), usize::MAX);
        assert_eq!(batch_bytes_max(9, 32 * MEBIBYTE, false), 2 * MEBIBYTE * 15 / 16);
        assert_eq!(batch_bytes_max(256, 32 * MEBIBYTE, false), MEBIBYTE * 15 / 16);
        assert_eq!(batch_bytes_max(9, 0, false), MEBIBYTE * 15 / 16);
    }

    #[test]
    fn base64_fits_into_the_same_buffer() {
        let bytes = batch_bytes_max(9, 32 * MEBIBYTE, true);
        assert!(bytes * 4 / 3 < 2 * MEBIBYTE && bytes * 8 / 5 > 2 * MEBIBYTE);
    }
}
