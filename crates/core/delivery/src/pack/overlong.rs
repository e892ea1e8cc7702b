//! Records that are longer than a record may be: cut, dropped or kept as dead letters.

use std::time::Instant;

use super::{Packer, Source};
use crate::OversizeLine;
use crate::cut::cut;
use kinetail_records::Skip;

impl Packer {
    /// Takes one record of `len` bytes, more than a record may have, of which only the first are
    /// at hand; it is truncated or skipped. Says whether there was room.
    pub fn take_cut(&mut self, source: Source, first: &[u8], len: u64, now: Instant) -> bool {
        self.chain.set_offset(source.offset);
        let taken = self.append_long(source, 0, (first, len), now);
        if taken {
            let covered = usize::try_from(len).unwrap_or(usize::MAX);
            self.cover(source.file, source.offset, covered, now);
        }
        taken
    }

    /// Appends the beginning of a record of `len` bytes that is longer than a record may be, or
    /// leaves it out.
    pub(super) fn append_long(
        &mut self,
        source: Source,
        at: usize,
        (record, len): (&[u8], u64),
        now: Instant,
    ) -> bool {
        let place = (source.file, source.offset + at as u64);
        if self.oversize == OversizeLine::DeadLetter {
            if !self.keep_long(place, record, len, now) {
                return false;
            }
        } else if self.oversize == OversizeLine::Drop {
            self.counts.read += 1;
            self.count_skipped(Skip::OversizeLine, 1);
        } else {
            let mut scratch = std::mem::take(&mut self.long);
            let truncated = self.counts.truncated;
            let limit = self.raw_record_bytes_max();
            // Without converters nothing looks at what would be cut off afterwards.
            let limit = if self.chain.is_empty() {
                limit.min(self.filler.record_bytes_max())
            } else {
                limit
            };
            let data = cut(record, limit, self.filler.terminator(), &mut scratch);
            let taken = self.append(place, data, now);
            self.long = scratch;
            if !taken {
                return false;
            }
            self.counts.truncated = truncated + 1;
        }
        self.long = Vec::new();
        self.count_oversize(source, at);
        true
    }

    pub(super) fn count_oversize(&mut self, source: Source, at: usize) {
        self.counts.oversize += 1;
        self.counts.oversize_at = Some((source.file, source.offset + at as u64));
    }
}
