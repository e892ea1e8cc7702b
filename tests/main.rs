//! All integration tests are one program: one link step, one set of helpers.

#![expect(unreachable_pub, reason = "a test program exports nothing")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that panics fails, and what it prints is shown when it does"
)]
mod aggregation;
mod armed;
mod batches;
mod check;
mod citations;
mod command_line;
mod compare;
mod compressed;
mod conformance;
mod content;
mod credentials;
mod dead_letters;
mod disk_faults;
mod documentation;
mod drop_in;
mod emulator;
mod endpoint_faults;
mod faults;
mod files;
mod fuzz;
mod generations;
mod half_lines;
mod holes;
mod inputs;
mod kills;
mod layers;
mod live;
mod log_lines;
mod network;
mod operate;
mod ordering;
mod packages;
mod partition_keys;
mod permissions;
mod phases;
mod records;
mod rest;
mod rewritten;
mod schedules;
mod seams;
mod second_run;
mod security;
mod shard_limits;
mod support;
mod tail_shape;
mod tailing;
mod when_done;
