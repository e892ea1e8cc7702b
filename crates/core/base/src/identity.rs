//! What makes a file the same file: device and inode, a fingerprint of its head, and an anchor, a
//! hash of the bytes just before an offset. Pure: callers bring the bytes.
//!
//! Names do not count, they move. Inodes do not suffice, they are used again. A file is resumed
//! only if every part that is present agrees.

use sha2::{Digest, Sha256};

/// The head fingerprint covers at most this many bytes.
pub const HEAD_BYTES_MAX: usize = 1024;

/// The anchor covers at most this many bytes before its offset.
pub const ANCHOR_BYTES_MAX: usize = 256;

/// How space begins that is reserved and still to be written.
const RESERVED: &[u8] = &[0; 4];

/// Names one generation of one file within its flow. A truncated file begins a new generation.
/// Numbers grow and are never used again, so an old acknowledgement cannot hit a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u64);

/// Device and inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub number: u64,
}

/// The first 128 bits of a SHA-256: short enough to keep for every file, long enough that two
/// contents never meet by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Digest128(pub [u8; 16]);

impl Digest128 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let full = Sha256::digest(bytes);
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        Self(short)
    }
}

/// The fingerprint of the first bytes of a file. It grows with the file up to
/// [`HEAD_BYTES_MAX`]; an empty head agrees with every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Head {
    /// How many bytes it covers.
    pub len: u16,
    /// Their digest.
    pub digest: Digest128,
}

/// The proof of the bytes just before an offset: their count is `min(offset, ANCHOR_BYTES_MAX)`,
/// so it need not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Anchor(pub Digest128);

impl Head {
    /// The fingerprint of a file that begins with `bytes`; what lies behind the first
    /// [`HEAD_BYTES_MAX`] does not count, and neither do NUL bytes at the end and what comes behind
    /// the first four in a row: that is how space looks that is reserved and still to be written.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let covered = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
        let reserved = covered.windows(RESERVED.len()).position(|bytes| bytes == RESERVED);
        let covered = covered.get(..reserved.unwrap_or(covered.len())).unwrap_or(covered);
        let len = covered.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let covered = covered.get(..len).unwrap_or(covered);
        // The length is at most 1,024, so the conversion cannot fail.
        let len = u16::try_from(covered.len()).unwrap_or(u16::MAX);
        Self { len, digest: Digest128::of(covered) }
    }

    /// Whether a file that begins with `bytes` can be the file of this fingerprint. An empty
    /// fingerprint agrees with everything: it proves nothing.
    #[must_use]
    pub fn agrees(&self, bytes: &[u8]) -> bool {
        bytes
            .get(..usize::from(self.len))
            .is_some_and(|covered| self.len == 0 || Digest128::of(covered) == self.digest)
    }

    /// Whether it covers all it ever will.
    #[must_use]
    pub fn is_full(&self) -> bool {
        usize::from(self.len) == HEAD_BYTES_MAX
    }
}

impl Anchor {
    /// The anchor of an offset whose preceding bytes are the end of `before`. Bytes further back
    /// than [`ANCHOR_BYTES_MAX`] do not count, so `before` may be longer.
    #[must_use]
    pub fn of(before: &[u8]) -> Self {
        let start = before.len().saturating_sub(ANCHOR_BYTES_MAX);
        Self(Digest128::of(before.get(start..).unwrap_or(before)))
    }

    /// How many bytes before `offset` an anchor covers.
    #[must_use]
    pub fn len_at(offset: u64) -> usize {
        usize::try_from(offset).map_or(ANCHOR_BYTES_MAX, |offset| offset.min(ANCHOR_BYTES_MAX))
    }
}

/// A place in a file generation together with the proof that the file is still the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Always a record boundary.
    pub offset: u64,
    /// The bytes just before `offset`.
    pub anchor: Anchor,
}

impl Position {
    /// The start of a file; its anchor covers no bytes.
    #[must_use]
    pub fn start() -> Self {
        Self { offset: 0, anchor: Anchor::of(&[]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_agrees_with_a_longer_file_that_begins_alike() {
        let head = Head::of(b"abc");
        assert!(head.agrees(b"abc"));
        assert!(head.agrees(b"abcdef"));
        assert!(!head.agrees(b"ab"), "a shorter file is not the same file");
        assert!(!head.agrees(b"abX"));
    }

    #[test]
    fn reserved_space_is_not_part_of_a_head() {
        let head = Head::of(b"abc\0\0\0");
        assert_eq!(head, Head::of(b"abc"));
        assert!(head.agrees(b"abcdef"), "it was written to meanwhile");
        assert_eq!(Head::of(&[0; 50]), Head::of(b""));
        assert_eq!(Head::of(b"abc\0\0\0\0def"), Head::of(b"abc"), "it is filled in later");
        assert_ne!(Head::of(b"abc\0\0\0def"), Head::of(b"abc"));
    }

    #[test]
    fn an_empty_head_proves_nothing() {
        assert!(Head::of(b"").agrees(b"anything"));
    }

    #[test]
    fn a_head_covers_exactly_its_limit() {
        let mut bytes = vec![b'x'; HEAD_BYTES_MAX + 1];
        let head = Head::of(&bytes);
        assert!(head.is_full());
        bytes[HEAD_BYTES_MAX] = b'y';
        assert!(head.agrees(&bytes), "the byte behind the limit does not count");
        bytes[HEAD_BYTES_MAX - 1] = b'y';
        assert!(!head.agrees(&bytes));
    }

    #[test]
    fn an_anchor_covers_only_the_last_bytes() {
        let mut bytes = vec![b'x'; ANCHOR_BYTES_MAX + 1];
        let anchor = Anchor::of(&bytes);
        bytes[0] = b'y';
        assert_eq!(Anchor::of(&bytes), anchor);
        bytes[1] = b'y';
        assert_ne!(Anchor::of(&bytes), anchor);
        assert_eq!(Anchor::len_at(0), 0);
        assert_eq!(Anchor::len_at(10), 10);
        assert_eq!(Anchor::len_at(u64::MAX), ANCHOR_BYTES_MAX);
    }
}
