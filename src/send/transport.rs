//! The seam between the sender and a service: one call.
//!
//! `kinesis` and `firehose` implement it over the AWS SDK; tests implement it with a script.

pub use kinetail_delivery::call::{CallError, CredentialFault, Payload};
use kinetail_delivery::response::PutResponse;

/// A service that takes finished bodies.
pub trait Transport: Send + Sync {
    /// Makes one request with this body, which holds `records` records, and reads the answer. It
    /// never tries twice.
    ///
    /// # Errors
    /// [`CallError`] if the request as a whole failed.
    fn put(
        &self,
        body: Payload,
        records: usize,
    ) -> impl Future<Output = Result<PutResponse, CallError>> + Send;
}
