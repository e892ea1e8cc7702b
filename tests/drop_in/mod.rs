//! In the place of the Java agent: its checkpoints, its scenarios, its failures. `map.txt` says
//! which test shows which scenario.

mod failures;
mod import;
pub(crate) mod java;
mod map;
mod migrating;
mod requests;
mod rotations;
mod scenarios;
mod scene;
mod takeover;
