//! Inputs other than files: the systemd journal and standard input.
//!
//! A flow reads files, so such an input is a file to it: a [`feed`] holds what came and is not
//! acknowledged yet, and `feed_disk` shows it as the only file of a disk. It grows at its end, and
//! what is acknowledged vanishes from its beginning; its offsets count the bytes that came since
//! the flow started. Everything that a flow does with files it does with these bytes: records,
//! batches, retries, the ledger. `journal` fills a feed from `journalctl`, with `child` for the
//! process, `standard` from standard input; each on a thread of its own, which waits while the feed
//! is full.

pub mod feed;
pub mod journal;
pub mod standard;

mod child;
mod feed_disk;
mod wait;

pub use feed_disk::{FeedDisk, FeedFile};
