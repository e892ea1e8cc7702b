//! What says that not one byte of a request was written, in the chain of an error.

use std::error::Error;

/// There was no connection, or none of the request went over it.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect")]
pub(super) struct NotSent {
    source: Box<dyn Error + Send + Sync>,
}

impl NotSent {
    pub(super) fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}
