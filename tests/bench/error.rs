//! Why a measurement is not one.

use std::io;
use std::time::Duration;

use kinetail::sandbox::{InvalidStreamName, SandboxError, WaitError};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("cannot {doing}: {source}")]
    Io { doing: &'static str, source: io::Error },
    #[error("{name} must be a whole number, and is {value:?}")]
    Setting { name: &'static str, value: String },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Stream(#[from] InvalidStreamName),
    #[error("not everything of {name} arrived: {source}; see {log}")]
    Wait { name: String, source: WaitError, log: String },
    #[error("{name} ended with {status} while it was waited for {what}; see {log}")]
    Ended { name: String, status: String, what: &'static str, log: String },
    #[error(transparent)]
    Late(Box<Late>),
    #[error("there is no part {name:?}; the parts are {parts}")]
    Part { name: String, parts: String },
    #[error("{name} ended with {status}; see {log}")]
    Failed { name: String, status: String, log: String },
    #[error("there is no row {name:?}; there are {known}")]
    Row { name: String, known: String },
    #[error("the run is void: of row {row} {lost} lines did not arrive and {extra} too often")]
    NotEachOnce { row: String, lost: usize, extra: usize },
    #[error("certificate of the bench: {0}")]
    Certificate(String),
    #[error("the run is void: {name} delivered {got} records of {want}")]
    Void { name: String, got: u64, want: u64 },
    #[error("the sandbox does not answer as expected: {0}")]
    Answer(&'static str),
    #[error("the agent did not find {name}")]
    NotFound { name: String },
    #[error("read the checkpoints: {0}")]
    Checkpoints(#[from] rusqlite::Error),
    #[error("/proc does not say {0}")]
    Proc(&'static str),
}

/// What was waited for did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {what} did not come within {limit:?} ({so_far}); see {log}; {threads}")]
pub(crate) struct Late {
    pub(crate) name: String,
    pub(crate) what: &'static str,
    pub(crate) limit: Duration,
    pub(crate) so_far: String,
    pub(crate) log: String,
    pub(crate) threads: String,
}

impl BenchError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}
