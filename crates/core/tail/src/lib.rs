//! Tailing: which files there are, what became of them, and which bytes come next.
//!
//! `pattern` says which names match, `exclude` which of them are left out, `snapshot` lists them,
//! `rotation` says what changed between two looks, `identity` tells one content from another
//! whatever its name, `memory` keeps the contents that have no file, `recognize`, `shadow` and
//! `search` find them again. `tailer` owns all files of a flow, with `scan`, `renamed` and
//! `remount` for their names, `look` for their contents, `descriptors`, `held` and `space` for what
//! stays open. `window` holds the bytes, `names` has what is to be heard of directories,
//! `problems` and `trouble` have what is in the way, `ahead` has what is not taken yet, `header`
//! what was taken long ago, and
//! `hole` finds what was never written. `compressed`
//! goes on in compressed files with contents that are known.
//!
//! All that is asked of a file system goes through `disk`; nothing here calls one, or looks at a
//! clock.

mod account;
mod ahead;
pub mod candidate;
pub mod compressed;
mod descriptors;
pub mod disk;
pub mod done;
mod earlier;
pub mod event;
mod examine;
pub mod exclude;
pub mod file;
mod filled;
pub mod gaps;
mod generations;
mod glob;
pub mod half;
mod header;
mod held;
pub mod hole;
pub mod life;
mod lineage;
pub mod links;
mod log_path;
mod look;
mod lookahead;
pub mod memory;
#[cfg(any(test, feature = "memory-disk"))]
pub mod memory_disk;
pub mod names;
pub mod order;
pub mod pace;
pub mod pattern;
mod places;
pub mod problems;
mod progress;
mod recognize;
mod remount;
mod renamed;
mod replaced;
mod rewritten;
pub mod rotated;
pub mod rotation;
mod scan;
mod search;
mod shadow;
pub mod snapshot;
pub mod space;
pub mod tailer;
mod trail;
mod trouble;
mod waiting;
pub mod window;

pub use kinetail_base::{holes, identity};
pub use kinetail_records::splitter;

/// What tests share.
#[cfg(test)]
mod testing {
    use std::time::Instant;

    /// Some moment.
    #[expect(clippy::disallowed_methods, reason = "no other moment can be made")]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }
}
