//! In the place of the Java agent: its checkpoints, its scenarios, its failures.

mod failures;
mod import;
mod java;
mod migrating;
mod requests;
mod scenarios;
mod scene;
mod takeover;
