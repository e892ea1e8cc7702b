//! Checkpoints: how far each file is acknowledged, kept across restarts.
//!
//! `store` owns the SQLite database on a thread of its own. A row says which file generation
//! (identity), how far (offset, always a record boundary) and the proof of what lies before the
//! offset (anchor). Nothing here reads log files or decides what to resume.
//!
//! `mirror` is the whole content in memory and the truth while the process lives; `writer` decides
//! when it is written and what a failure means; `open` decides what a file that is found there
//! is; `schema`, `details`, `cursors` and `real_paths` (each a `side_table`) have the tables;
//! `database`, `connect`, `rebuild` and `files` are the shells around SQLite and the directory;
//! `owner` gives what root makes to the service; `witness` notices that another program changed the
//! files; `lock` keeps a second agent out; `strangers` sees what lies in the way of all of them.
//! `place` says where the database is when `checkpointFile` names the Java agent's, `private_copy`
//! reads one that must not change.

pub mod edit;
pub mod error;
pub mod locate;
pub mod private_copy;
pub mod store;

mod backend;
mod connect;
mod cursors;
mod database;
mod details;
mod files;
mod lock;
mod mirror;
mod open;
mod owner;
mod real_paths;
mod rebuild;
mod schema;
mod side_table;
mod strangers;
mod witness;
mod writer;

pub use kinetail_base::checkpoint::{Change, Checkpoint, Life};
