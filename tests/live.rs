//! The real binary on real files: rotations while it ships, stops and starts, and what goes wrong.

mod checkpoints;
mod drill;
mod lifecycle;
mod mapped;
mod observability;
mod paused;
mod rotation;
mod trouble;
