//! Why the daemon does not start, and how it ends.

use thiserror::Error;

use super::descriptors::TooFewDescriptors;
use crate::checkpoint::error::StoreError;
use crate::import::ImportError;
use crate::send::client::ClientError;

/// Why the daemon does not start.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// A client for a service cannot be built.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There are too few descriptors.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The Java agent's positions are there and cannot be imported.
    #[error("cannot {0}")]
    Import(#[from] ImportError),
    /// The checkpoint database cannot be used.
    #[error("cannot {0}")]
    Store(#[from] StoreError),
    /// The checkpoint store does not answer.
    #[error("checkpoint store does not respond; check the disk of checkpointFile")]
    StoreHangs,
    /// A thread cannot be started.
    #[error(
        "cannot start thread for flow {flow}: {error}; raise the process limit (TasksMax= or \
         ulimit -u) and the open-file limit"
    )]
    Thread {
        /// Which flow.
        flow: String,
        /// What the system said.
        error: std::io::Error,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Everything that was read is delivered and checkpointed.
    Drained,
    /// The time to stop was over before everything was delivered; the rest is sent after the
    /// next start.
    TimedOut,
    /// A second order to stop came.
    Forced,
    /// Whatever can be delivered is; destinations are paused, and what is for them is sent after
    /// the next start.
    Paused,
    /// However much was delivered, the last checkpoints are not written: the next start repeats
    /// records.
    Unwritten,
}
