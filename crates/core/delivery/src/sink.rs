//! Where finished records go: into a body, through gzip if that is asked for. Pure.

use std::io::Write as _;

use flate2::{Compression as Level, GzBuilder};

use crate::body::{Body, RandomKey};
use crate::key::Key;

/// `compression`: what is done to the data of each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// It is one gzip member (RFC 1952).
    Gzip,
    /// Nothing.
    #[default]
    None,
}

impl Compression {
    /// The largest number of bytes that `len` bytes become.
    #[must_use]
    pub fn bytes_max(self, len: usize) -> usize {
        match self {
            Self::None => len,
            // What cannot be compressed is stored, in blocks of 16 KiB or more with 5 bytes each.
            Self::Gzip => len + (len / STORED_BLOCK_BYTES + 1) * BLOCK_BYTES + FRAME_BYTES,
        }
    }

    /// The largest number of bytes that become no more than `len`.
    #[must_use]
    pub(crate) fn bytes_within(self, len: usize) -> usize {
        len - (self.bytes_max(len) - len).min(len)
    }
}

/// What `compressionLevel` may be. At level 1 the encoder never stores what it cannot compress, and
/// random bytes would become an eighth longer.
pub const COMPRESSION_LEVELS: std::ops::RangeInclusive<u32> = 2..=9;

/// Bytes of a gzip member that are neither data nor blocks: a header and a trailer.
const FRAME_BYTES: usize = 18;

/// The least data of a block that is stored, and bytes of a block that are no data.
const STORED_BLOCK_BYTES: usize = 16 * 1024;
const BLOCK_BYTES: usize = 8;

/// A body that records go into.
#[derive(Debug)]
pub(super) struct Sink<'b> {
    pub(super) body: &'b mut Body,
    pub(super) compression: Compression,
    pub(super) gzip: &'b mut Gzip,
}

impl Sink<'_> {
    pub(super) fn records(&self) -> usize {
        self.body.records()
    }

    pub(super) fn counted_bytes(&self) -> usize {
        self.body.counted_bytes()
    }

    /// Appends an aggregate of which all records have one random key. It is never compressed.
    pub(super) fn push_aggregate(&mut self, data: &[u8], key: RandomKey) {
        self.body.push_aggregate_with_random_key(data, key);
    }

    /// Appends a record.
    pub(super) fn push(&mut self, data: &[u8], key: &Key<'_>) {
        let data = match self.compression {
            Compression::None => data,
            Compression::Gzip => self.gzip.compress(data),
        };
        match key {
            Key::Random(key) => self.body.push_with_random_key(data, *key),
            key => self.body.push(data, key.as_str()),
        }
    }
}

/// What makes gzip members, and the memory of the last one.
#[derive(Debug)]
pub(super) struct Gzip {
    level: Level,
    member: Vec<u8>,
}

impl Gzip {
    pub(super) fn new(level: u32) -> Self {
        Self { level: Level::new(level), member: Vec::new() }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.member.capacity()
    }

    /// Makes one member of the data, without a time or a name, so that the same data is always the
    /// same bytes.
    fn compress(&mut self, data: &[u8]) -> &[u8] {
        self.member.clear();
        let mut encoder = GzBuilder::new().write(&mut self.member, self.level);
        // Writing to memory does not fail.
        let written = encoder.write_all(data).and_then(|()| encoder.finish().map(drop));
        debug_assert!(written.is_ok(), "memory takes everything");
        &self.member
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// For all data: it can be read back, is the same each time, and no longer than was said.
        #[test]
        fn what_is_compressed_can_be_read(
            seed in any::<u64>(),
            len in 0_usize..200_000,
            random in any::<bool>(),
            level in COMPRESSION_LEVELS,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let byte = |_| if random { rng.u8(..) } else { b'a' };
            let data: Vec<u8> = (0..len).map(byte).collect();
            let mut gzip = Gzip::new(level);
            let packed = gzip.compress(&data).to_vec();
            prop_assert_eq!(&packed, gzip.compress(&data));
            prop_assert!(packed.len() <= Compression::Gzip.bytes_max(len));
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut read).unwrap();
            prop_assert!(read == data);
        }

        #[test]
        fn what_is_within_a_limit_stays_within_it(limit in 0_usize..2_000_000) {
            let within = Compression::Gzip.bytes_within(limit);
            prop_assert!(limit < 100 || Compression::Gzip.bytes_max(within) <= limit);
            prop_assert_eq!(Compression::None.bytes_within(limit), limit);
        }
    }
}
