//! Tailing: which files there are, what became of them, and which bytes come next.
//!
//! `pattern` says which names match, `snapshot` lists them, `identity` tells one file from
//! another whatever its name, `rotation` decides what a change between two looks means,
//! `splitter` finds records in bytes, `reader` reads them, `watch` says when to look. `identity`,
//! `rotation` and `splitter` are pure: no clock and no I/O.

mod glob;
pub mod identity;
pub mod pattern;
