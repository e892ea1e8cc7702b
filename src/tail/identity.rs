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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
