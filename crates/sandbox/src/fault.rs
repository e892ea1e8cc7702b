//! What can be made to go wrong: shares of requests and records, and single scripted faults. Only
//! the vocabulary; [`super::decision`] draws from it.

use std::time::Duration;

use super::names::{Operation, StreamId};
use super::response::ErrorResponse;

/// Scripted faults that may wait at a time.
pub(crate) const SCRIPT_MAX: usize = 10_000;

/// Which share of requests and records goes wrong. Ratios are between 0 and 1; those of requests
/// exclude each other and together make at most 1, and so do those of records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultPlan {
    /// Records refused with a throttling error inside a successful answer.
    pub throttle_record_ratio: f64,
    /// Records refused with `InternalFailure` inside a successful answer.
    pub fail_record_ratio: f64,
    /// Requests refused as a whole with the service's throttling error.
    pub whole_request_throttle_ratio: f64,
    /// Requests refused with [`FaultPlan::error_request`]; nothing is stored.
    pub error_request_ratio: f64,
    /// What [`FaultPlan::error_request_ratio`] answers.
    pub error_request: ErrorResponse,
    /// Requests that store nothing and whose connection closes without an answer.
    pub drop_connection_before_answer_ratio: f64,
    /// Requests that are stored and whose connection closes without an answer.
    pub commit_then_drop_ratio: f64,
    /// Requests that are stored and answered 500 `InternalFailure`.
    pub commit_then_500_ratio: f64,
    /// Requests that are stored and answered with status 200 and JSON that breaks off.
    pub malformed_answer_ratio: f64,
    /// How long every answer takes at least.
    pub latency_millis: u64,
}

impl FaultPlan {
    pub(super) fn request_ratios(&self) -> [f64; 6] {
        [
            self.whole_request_throttle_ratio,
            self.error_request_ratio,
            self.drop_connection_before_answer_ratio,
            self.commit_then_drop_ratio,
            self.commit_then_500_ratio,
            self.malformed_answer_ratio,
        ]
    }

    /// Whether the ratios make sense.
    ///
    /// # Errors
    /// When one is outside 0 to 1, or those of requests or of records make more than 1 together.
    pub fn check(&self) -> Result<(), FaultError> {
        let of_records = [self.throttle_record_ratio, self.fail_record_ratio];
        for ratios in [&of_records[..], &self.request_ratios()[..]] {
            let each_ok = ratios.iter().all(|ratio| (0.0..=1.0).contains(ratio));
            // Sums such as 0.7 + 0.2 + 0.1 miss 1 by a rounding error.
            if !each_ok || ratios.iter().sum::<f64>() > 1.0 + 1e-9 {
                return Err(FaultError::Ratio);
            }
        }
        Ok(())
    }
}

/// A fault that happens once, to the next request that its [`Scope`] covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Store, then close the connection without an answer.
    CommitThenDrop,
    /// Store, then never answer.
    CommitThenHang,
    /// Store, then answer with an error.
    CommitThenRespond(ErrorResponse),
    /// Store, but only answer after this long.
    Delay(Duration),
    /// Read the request, store nothing, close the connection without an answer.
    DropBeforeAnswer,
    /// Close the connection while the body is still on its way. A scope that names a stream
    /// cannot be checked before the body is read; it makes this a [`Fault::DropBeforeAnswer`].
    DropBeforeRead,
    /// Successful entries carry `"ErrorCode":null` and `"ErrorMessage":null`.
    ExplicitNulls,
    /// These records (places from 0) fail with `InternalFailure`; the others are stored.
    FailRecords(Vec<usize>),
    /// Store, then answer status 200 with this body.
    GarbageAnswer(Vec<u8>),
    /// Read the request, store nothing, never answer.
    Hang,
    /// Store, but claim that this many records failed.
    LyingFailedCount(i64),
    /// Store nothing and answer with this status, content type and body, like a proxy in between.
    RawAnswer {
        /// The HTTP status.
        status: u16,
        /// The `content-type` header.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// These records fail with any code and message; the others are stored.
    RecordErrors(Vec<(usize, String, String)>),
    /// Store nothing and answer with an error.
    Respond(ErrorResponse),
    /// All records are throttled but these, which are stored.
    ThrottleAllBut(Vec<usize>),
    /// These records are throttled; the others are stored.
    ThrottleRecords(Vec<usize>),
    /// Store, then send the head of the answer and half of its body, and close.
    TruncateAnswer,
    /// Store, but answer with this many entries, whatever the request had.
    WrongEntryCount(usize),
}

/// Which requests a scripted fault waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The next `PutRecords` or `PutRecordBatch` on any stream.
    AnyPut,
    /// The next request for this operation.
    Operation(Operation),
    /// The next put on this stream.
    Stream(StreamId),
}

/// A fault that cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// A ratio that is none, or ratios that make more than a whole.
    #[error("fault ratios must be between 0 and 1 and add up to at most 1")]
    Ratio,
    /// Nobody takes the scripted faults.
    #[error("scripted fault queue is full ({SCRIPT_MAX})")]
    ScriptFull,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_that_make_no_sense_are_refused() {
        let plans = [
            FaultPlan { throttle_record_ratio: 1.1, ..FaultPlan::default() },
            FaultPlan { error_request_ratio: -0.1, ..FaultPlan::default() },
            FaultPlan { fail_record_ratio: f64::NAN, ..FaultPlan::default() },
            FaultPlan {
                commit_then_drop_ratio: 0.6,
                commit_then_500_ratio: 0.6,
                ..FaultPlan::default()
            },
        ];
        for plan in plans {
            assert_eq!(plan.check(), Err(FaultError::Ratio), "{plan:?}");
        }
        let full = FaultPlan {
            error_request_ratio: 0.7,
            commit_then_drop_ratio: 0.2,
            malformed_answer_ratio: 0.1,
            ..FaultPlan::default()
        };
        assert_eq!(full.check(), Ok(()));
    }
}
