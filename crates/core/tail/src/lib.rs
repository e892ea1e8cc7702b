//! Tailing: which files there are, what became of them, and which bytes come next.
//!
//! [`tailer::Tailer`] owns the state of a flow's files, each part of it in a type of its own. The
//! other modules are steps that change it: `scan` and what it calls for names, `poll` and what it
//! leads to for bytes, `account` for the generations of logs, `compressed` for archives. What a
//! poll leads to are jobs, which `work` does one after the other: no step calls another one in a
//! circle. [`phase`] is the life of a file, as docs/tailing.md shows it.
//!
//! All that is asked of a file system goes through [`disk`]; nothing here calls one, or looks at a
//! clock.

mod absent;
mod account;
mod adopt;
mod ahead;
mod armed;
pub mod candidate;
pub mod compressed;
pub mod control;
mod dated;
mod descriptors;
mod destroyed;
mod directories;
mod discover;
pub mod disk;
mod displaced;
pub mod done;
mod doubt;
mod earlier;
pub mod event;
mod examine;
pub mod exclude;
pub mod file;
mod filled;
mod followed;
pub mod gaps;
mod generations;
mod glob;
pub mod half;
mod header;
mod history;
pub mod hole;
mod identify;
mod job;
mod led_before;
mod left;
pub mod life;
mod lineage;
pub mod links;
mod located;
mod log_path;
mod lookahead;
pub mod memory;
#[cfg(any(test, feature = "memory-disk"))]
pub mod memory_disk;
mod missing;
pub mod names;
mod options;
mod order;
mod outbox;
pub mod pace;
pub mod pattern;
mod pending_copy;
pub mod phase;
mod places;
mod poll;
pub mod problems;
mod progress;
pub mod reader;
mod real_path;
mod refill;
mod relocate;
mod remount;
mod renamed;
mod renaming;
mod replaced;
mod restore;
mod rewritten;
pub mod rotated;
pub mod rotation;
mod row;
mod scan;
mod schedule;
mod search_again;
mod seek;
mod sequence;
pub mod snapshot;
pub mod space;
mod sweep;
pub mod tailer;
mod trail;
mod trouble;
mod truncated;
mod turns;
mod uncovered;
mod unlinked;
mod waiting;
mod waiting_tries;
mod whole;
pub mod window;
mod work;

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
