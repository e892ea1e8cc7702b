//! The metrics. Handles are made once for each flow and cached: counting on the hot path is one
//! atomic add a batch, never a look-up a line.
//!
//! `describe` names each and says what it means, `prometheus` renders them, `process` reads what
//! the kernel knows about this process, `cloudwatch` sends the Java agent's few, `reason` has the
//! values of the label `reason`, `totals` are those that are read back, `destination` is what the
//! status page tells of one. Nothing here decides anything, and no failure here reaches the data
//! path.

pub mod cloudwatch;
pub mod destination;
pub mod prometheus;
pub mod reason;
pub mod recorder;
pub mod totals;

mod describe;
mod process;
mod summary;

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

pub use self::describe::{header, name};
use self::reason::{BytesLost, KeyReplaced};
use crate::batch::dead_letter::{Reason, Why};
use crate::process::{RawReason, Skip};
use crate::tail::problems;

/// A count as a floating point number: exact up to 2^53, far beyond what is counted here.
#[expect(clippy::cast_precision_loss, reason = "gauges, rates and what people are shown")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// The outcome of a request whose records were all taken.
const OK: &str = "ok";

/// Declares the handles, each by the name of its metric, and makes them.
macro_rules! handles {
    (counters { $($c:ident: $c_name:ident,)+ } gauges { $($g:ident: $g_name:ident,)+ }) => {
        /// The cached handles of one flow.
        #[derive(Debug, Clone)]
        pub struct FlowMetrics {
            flow: String,
            /// [`name::REQUESTS`] for the outcome that nearly all have.
            requests_ok: Counter,
            $(#[doc = concat!("[`name::", stringify!($c_name), "`].")] pub $c: Counter,)+
            $(#[doc = concat!("[`name::", stringify!($g_name), "`].")] pub $g: Gauge,)+
            /// [`name::BATCH_SECONDS`].
            pub batch_seconds: Histogram,
            /// What the flow's requests came to, for those who have to read it back.
            pub requests: Arc<totals::RequestCounts>,
            /// What the status page tells of the flow's destination.
            pub destination: Arc<destination::DestinationState>,
        }

        impl FlowMetrics {
            fn handles(flow: String) -> Self {
                Self {
                    requests_ok: counter!(
                        name::REQUESTS, "flow" => flow.clone(), "outcome" => OK
                    ),
                    $($c: counter!(name::$c_name, "flow" => flow.clone()),)+
                    $($g: gauge!(name::$g_name, "flow" => flow.clone()),)+
                    batch_seconds: histogram!(name::BATCH_SECONDS, "flow" => flow.clone()),
                    requests: Arc::default(),
                    destination: Arc::default(),
                    flow,
                }
            }
        }
    };
}

handles! {
    counters {
        bytes_read: BYTES_READ,
        records_read: RECORDS_READ,
        records_converted: RECORDS_CONVERTED,
        records_without_metadata: RECORDS_WITHOUT_METADATA,
        pattern_limit_exceeded: PATTERN_LIMIT_EXCEEDED,
        records_truncated: RECORDS_TRUNCATED,
        records_unterminated: RECORDS_UNTERMINATED,
        records_delivered: RECORDS_DELIVERED,
        bytes_delivered: BYTES_DELIVERED,
        records_retried: RECORDS_RETRIED,
        records_maybe_duplicated: RECORDS_MAYBE_DUPLICATED,
        scans: SCANS,
    }
    gauges {
        batches_in_flight: BATCHES_IN_FLIGHT,
        in_flight_limit: IN_FLIGHT_LIMIT,
        files: FILES,
        files_open: FILES_OPEN,
        lag_bytes: LAG_BYTES,
        lag_seconds: LAG_SECONDS,
        destination_paused: DESTINATION_PAUSED,
        waiting_for_memory: WAITING_FOR_MEMORY,
        dead_letters_failing: DEAD_LETTERS_FAILING,
    }
}

impl FlowMetrics {
    /// Makes the handles for the flow with this id.
    #[must_use]
    pub fn new(flow: &str) -> Self {
        let metrics = Self::handles(flow.to_owned());
        // What alerts depend on exists from the start: a series that begins with its
        // first loss has not grown, and no alert sees it.
        counter!(name::FLOW_RESTARTS, "flow" => flow.to_owned()).increment(0);
        // A flow that is started again does not know that it was paused before.
        metrics.destination_paused.set(0.0);
        metrics.bytes_lost(BytesLost::FileGone, 0);
        metrics.records_skipped(Skip::RefusedByService, 0);
        metrics.dead_letters_failing.set(0.0);
        for reason in Reason::ALL {
            metrics.dead_letters(reason, 0);
        }
        for why in Why::ALL {
            metrics.dead_letters_dropped(why, 0);
        }
        metrics
    }

    /// Counts delivered files that were removed, or could not be.
    pub(crate) fn file_disposed(&self, removed: bool) {
        let outcome = if removed { "removed" } else { "failed" };
        counter!(name::FILES_DISPOSED, "flow" => self.flow.clone(), "outcome" => outcome)
            .increment(1);
    }

    /// Adds to a counter that has reasons. Not for the hot path.
    fn add(&self, name: &'static str, reason: &'static str, count: u64) {
        counter!(name, "flow" => self.flow.clone(), "reason" => reason).increment(count);
    }

    /// Counts records that were skipped. Not for the hot path.
    pub(crate) fn records_skipped(&self, reason: Skip, count: u64) {
        self.add(name::RECORDS_SKIPPED, reason.label(), count);
    }

    /// Counts records that were written to the dead letters.
    pub fn dead_letters(&self, reason: Reason, count: u64) {
        self.add(name::DEAD_LETTERS, reason.label(), count);
    }

    /// Counts dead letters that were dropped.
    pub(crate) fn dead_letters_dropped(&self, why: Why, count: u64) {
        self.add(name::DEAD_LETTERS_DROPPED, why.label(), count);
    }

    /// Counts records that a converter skipped, with its place and its name. Not for the hot path.
    pub(crate) fn step_skipped(&self, step: &str, count: u64) {
        if count > 0 {
            counter!(name::STEP_SKIPPED, "flow" => self.flow.clone(), "step" => step.to_owned())
                .increment(count);
        }
    }

    /// Counts lines that were longer than a line may be. Not for the hot path.
    pub(crate) fn lines_oversize(&self, policy: &'static str, count: u64) {
        counter!(name::LINES_OVERSIZE, "flow" => self.flow.clone(), "policy" => policy)
            .increment(count);
    }

    /// Counts records that a converter could not read. Not for the hot path.
    pub(crate) fn records_raw_fallback(&self, reason: RawReason, count: u64) {
        self.add(name::RECORDS_RAW_FALLBACK, reason.label(), count);
    }

    /// Counts partition keys that were not what their template makes. Not for the hot path.
    pub(crate) fn partition_keys_replaced(&self, reason: KeyReplaced, count: u64) {
        self.add(name::PARTITION_KEYS_REPLACED, reason.label(), count);
    }

    /// Counts bytes that were gone before they could be read.
    pub(crate) fn bytes_lost(&self, reason: BytesLost, count: u64) {
        self.add(name::BYTES_LOST, reason.label(), count);
    }

    /// Counts a request by outcome: `ok`, `partial`, or the error code.
    pub fn request(&self, outcome: &str) {
        if outcome == OK {
            return self.requests_ok.increment(1);
        }
        counter!(name::REQUESTS, "flow" => self.flow.clone(), "outcome" => outcome.to_owned())
            .increment(1);
    }

    /// Counts what happened to a file.
    pub(crate) fn file_transition(&self, kind: &'static str) {
        counter!(name::FILE_TRANSITIONS, "flow" => self.flow.clone(), "kind" => kind).increment(1);
    }

    /// Says whether new files are found by scans only for this reason.
    pub(crate) fn notify_degraded(&self, reason: &'static str, degraded: bool) {
        gauge!(name::NOTIFY_DEGRADED, "flow" => self.flow.clone(), "reason" => reason)
            .set(f64::from(u8::from(degraded)));
    }

    /// How many files, directories or patterns cannot be followed for this reason.
    pub(crate) fn file_problems(&self, reason: problems::Reason, count: usize) {
        let reason = reason.label();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        gauge!(name::FILE_PROBLEMS, "flow" => self.flow.clone(), "reason" => reason)
            .set(f64::from(count));
    }

    /// Counts an error on a file.
    pub(crate) fn file_error(&self, kind: &'static str) {
        counter!(name::FILE_ERRORS, "flow" => self.flow.clone(), "kind" => kind).increment(1);
    }
}
