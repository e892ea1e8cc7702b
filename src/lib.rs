//! kinetail ships log files to Amazon Kinesis Data Streams and Amazon Data Firehose.
//!
//! The promise: every complete line that was readable while the agent was up is delivered at
//! least once, a clean stop repeats nothing, and nothing is dropped without a counter and a log
//! line. `ARCHITECTURE.md` has the decisions that this hangs on.

pub mod admin;
pub mod budget;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod dead_letters;
pub mod disk;
pub mod ec2;
pub mod flow;
pub mod import;
pub mod input;
pub mod log_events;
pub mod metrics;
pub mod send;

pub use kinetail_base::{log_throttle, shown};
pub use kinetail_delivery as batch;
pub use kinetail_records as process;
pub use kinetail_sandbox as sandbox;
pub use kinetail_tail as tail;
