//! The partition key of a record in a body: which ones may be replaced, and where they belong.

use md5::{Digest as _, Md5};

/// What may become of a record's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// It stays.
    Fixed,
    /// It is random, and the last but the record's suffix.
    Random,
    /// The same, and it is in the data as well: an aggregate of the Kinesis Producer Library.
    RandomOfAll,
}

/// A random key has this many hexadecimal digits: 32 bits spread evenly over any number of
/// shards, and a short key is a smaller request.
pub(super) const RANDOM_KEY_DIGITS: usize = 8;

/// A partition key that only spreads records over the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomKey(pub(super) [u8; RANDOM_KEY_DIGITS]);

impl RandomKey {
    /// Its length.
    pub const BYTES: usize = RANDOM_KEY_DIGITS;

    /// The key of a random number, in lower-case hexadecimal digits.
    #[must_use]
    pub fn of(number: u32) -> Self {
        // All digits at once, a byte each: this is done for every record.
        const ONES: u64 = 0x0101_0101_0101_0101;
        let mut digits = u64::from(number);
        for (shift, mask) in [(16, 0xFFFF_0000_FFFF), (8, 0xFF_00FF_00FF_00FF), (4, 0xF * ONES)] {
            digits = (digits | digits << shift) & mask;
        }
        let letters = ((digits + 6 * ONES) >> 4) & ONES;
        let from_zero = u64::from(b'0') * ONES;
        let from_a = letters * u64::from(b'a' - b'0' - 10);
        Self((digits + from_zero + from_a).to_be_bytes())
    }

    /// The key that a text is.
    #[must_use]
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Hexadecimal digits are always valid text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The upper half of the hash of a partition key.
#[must_use]
pub(crate) fn key_hash(key: &[u8]) -> u64 {
    let digest: [u8; 16] = Md5::digest(key).into();
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}
