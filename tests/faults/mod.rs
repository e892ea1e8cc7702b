//! One test for each fault of files and their content: its name and its invariant.
//!
//! The numbers are those of the table in `docs/tailing.md`. Most tests step a whole flow on real
//! files with a clock that only the test moves; those in `live`, `logrotate` and `python` run the
//! real binary. The judge compares every record that arrived with every line that was written.

mod compressed;
mod content;
mod identity;
mod life;
mod live;
mod logrotate;
mod mounts;
mod python;
mod rotation;
mod special;
mod truncation;
mod windows;
