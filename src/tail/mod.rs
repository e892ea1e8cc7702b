//! Tailing: which files there are, what became of them, and which bytes come next.
//!
//! `pattern` says which names match, `snapshot` lists them, `rotation` says what changed between
//! two looks, `identity` tells one content from another whatever its name, `memory` keeps the
//! contents that have no file, `recognize`, `shadow` and `search` find them again. `tailer` owns
//! all files of a flow, with `scan` and `renamed` for their names and `look` for their contents.
//! `splitter` finds records in bytes, `window` holds the bytes, `watch` says when to look.
//! `identity`, `memory`, `rotation` and `splitter` are pure: no clock and no I/O.

pub(crate) mod candidate;
pub mod event;
pub mod file;
mod glob;
pub mod identity;
mod look;
pub mod memory;
pub mod pattern;
mod recognize;
mod renamed;
pub mod rotation;
mod scan;
mod search;
mod shadow;
pub mod snapshot;
pub mod splitter;
pub mod tailer;
pub mod watch;
pub mod window;
