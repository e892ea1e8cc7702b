//! Every metric, named once. Handles are made once for each flow and cached: counting on the hot
//! path is one atomic add a batch, never a look-up a line.
//!
//! `prometheus` renders them, `describe` says what each means, `process` reads what the kernel
//! knows about this process, `cloudwatch` sends the Java agent's few, `reason` has values of the
//! label `reason`, `totals` are those that are
//! read back, `destination` is what the status page tells of one. Nothing here decides
//! anything, and no failure here reaches the data path.

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

use self::reason::{BytesLost, KeyReplaced};
use crate::batch::dead_letter::{Reason, Why};
use crate::process::{RawReason, Skip};
use crate::tail::problems;

/// The metric names, each with its unit at the end where it has one.
pub mod name {
    /// Bytes read from files (counter; label `flow`).
    pub const BYTES_READ: &str = "kinetail_bytes_read_total";
    /// Records found in files (counter; label `flow`).
    pub const RECORDS_READ: &str = "kinetail_records_read_total";
    /// Records that a converter changed (counter; label `flow`).
    pub const RECORDS_CONVERTED: &str = "kinetail_records_converted_total";
    /// Records skipped on purpose or of need (counter; labels `flow`, `reason`).
    pub const RECORDS_SKIPPED: &str = "kinetail_records_skipped_total";
    /// Records that one converter skipped (counter; labels `flow`, `step`).
    pub const STEP_SKIPPED: &str = "kinetail_step_skipped_total";
    /// Records that a converter could not read and that were sent raw (counter; labels `flow`,
    /// `reason`).
    pub const RECORDS_RAW_FALLBACK: &str = "kinetail_records_raw_fallback_total";
    /// Records that went without the metadata of the machine (counter; label `flow`).
    pub const RECORDS_WITHOUT_METADATA: &str = "kinetail_records_without_metadata_total";
    /// Lines that took too long to compare with a pattern (counter; label `flow`).
    pub const PATTERN_LIMIT_EXCEEDED: &str = "kinetail_pattern_limit_exceeded_total";
    /// Partition keys that were not what `partitionKey` makes (counter; labels `flow`, `reason`).
    pub const PARTITION_KEYS_REPLACED: &str = "kinetail_partition_keys_replaced_total";
    /// Records cut to the service's limit (counter; label `flow`).
    pub const RECORDS_TRUNCATED: &str = "kinetail_records_truncated_total";
    /// Last lines that were sent without a line end (counter; label `flow`).
    pub const RECORDS_UNTERMINATED: &str = "kinetail_records_unterminated_total";
    /// Lines longer than `maxLineBytes`, or pieces cut off such lines (counter; labels `flow`,
    /// `policy`).
    pub const LINES_OVERSIZE: &str = "kinetail_lines_oversize_total";
    /// Records the service took (counter; label `flow`).
    pub const RECORDS_DELIVERED: &str = "kinetail_records_delivered_total";
    /// Bytes of data the service took (counter; label `flow`).
    pub const BYTES_DELIVERED: &str = "kinetail_bytes_delivered_total";
    /// Records written to the dead letters (counter; labels `flow`, `reason`).
    pub const DEAD_LETTERS: &str = "kinetail_dead_letters_total";
    /// Dead letters dropped to stay within the bounds (counter; labels `flow`,
    /// `reason`).
    pub const DEAD_LETTERS_DROPPED: &str = "kinetail_dead_letters_dropped_total";
    /// 1 while dead letters cannot be written (gauge; label `flow`).
    pub const DEAD_LETTERS_FAILING: &str = "kinetail_dead_letters_failing";
    /// 1 while the last reload of the configuration is one that was rejected (gauge).
    pub const RELOAD_REJECTED: &str = "kinetail_reload_rejected";
    /// When the active configuration was loaded, in seconds since 1970 (gauge).
    pub const CONFIG_LOADED: &str = "kinetail_config_loaded_timestamp_seconds";
    /// Records sent again after a failure (counter; label `flow`).
    pub const RECORDS_RETRIED: &str = "kinetail_records_retried_total";
    /// Records that may be in the stream twice (counter; label `flow`).
    pub const RECORDS_MAYBE_DUPLICATED: &str = "kinetail_records_maybe_duplicated_total";
    /// Bytes of files that could not be read before they were gone (counter; labels `flow`,
    /// `reason`). It must stay 0.
    pub const BYTES_LOST: &str = "kinetail_bytes_lost_total";
    /// Requests by outcome (counter; labels `flow`, `outcome`: `ok`, `partial`, or an error code).
    pub const REQUESTS: &str = "kinetail_requests_total";
    /// Seconds from a batch's first attempt to its last answer (summary; label `flow`).
    pub const BATCH_SECONDS: &str = "kinetail_batch_duration_seconds";
    /// Batches that are not yet acknowledged and checkpointed (gauge; label `flow`).
    pub const BATCHES_IN_FLIGHT: &str = "kinetail_batches_in_flight";
    /// How many batches may be in flight now (gauge; label `flow`).
    pub const IN_FLIGHT_LIMIT: &str = "kinetail_in_flight_limit";
    /// Files that are followed (gauge; label `flow`).
    pub const FILES: &str = "kinetail_files";
    /// Delivered files that `whenDone` removed, or could not remove (counter; labels `flow`,
    /// `outcome`).
    pub const FILES_DISPOSED: &str = "kinetail_files_disposed_total";
    /// Files that are held open (gauge; label `flow`).
    pub const FILES_OPEN: &str = "kinetail_files_open";
    /// What happened to files (counter; labels `flow`, `kind`).
    pub const FILE_TRANSITIONS: &str = "kinetail_file_transitions_total";
    /// Errors on files (counter; labels `flow`, `kind`).
    pub const FILE_ERRORS: &str = "kinetail_file_errors_total";
    /// Files, directories and patterns that cannot be followed (gauge; labels `flow`, `reason`).
    pub const FILE_PROBLEMS: &str = "kinetail_file_problems";
    /// Bytes written but not acknowledged (gauge; label `flow`; per file also `file`).
    pub const LAG_BYTES: &str = "kinetail_lag_bytes";
    /// Seconds since everything written was acknowledged (gauge; label `flow`).
    pub const LAG_SECONDS: &str = "kinetail_lag_seconds";
    /// The same for one file (gauge; labels `flow`, `file`).
    pub const FILE_LAG_BYTES: &str = "kinetail_file_lag_bytes";
    /// The same for one file (gauge; labels `flow`, `file`).
    pub const FILE_LAG_SECONDS: &str = "kinetail_file_lag_seconds";
    /// 1 while the destination is paused (gauge; label `flow`).
    pub const DESTINATION_PAUSED: &str = "kinetail_destination_paused";
    /// 1 while the flow waits for memory (gauge; label `flow`).
    pub const WAITING_FOR_MEMORY: &str = "kinetail_waiting_for_memory";
    /// 1 while only scans find some files (gauge; labels `flow`, `reason`).
    pub const NOTIFY_DEGRADED: &str = "kinetail_notify_degraded";
    /// Full scans of the directories (counter; label `flow`).
    pub const SCANS: &str = "kinetail_scans_total";
    /// Times a flow was started again after a bug in it (counter; label `flow`).
    pub const FLOW_RESTARTS: &str = "kinetail_flow_restarts_total";
    /// Times `journalctl` ended and was started again (counter; label `flow`).
    pub const JOURNAL_RESTARTS: &str = "kinetail_journal_restarts_total";
    /// Times the entry of a checkpoint was not in the journal any more (counter; label `flow`).
    pub const JOURNAL_CURSORS_LOST: &str = "kinetail_journal_cursors_lost_total";
    /// 1 while a flow waits for something that does not answer, such as its disk (gauge; label
    /// `flow`).
    pub const FLOW_HUNG: &str = "kinetail_flow_hung";
    /// Checkpoint transactions (counter; label `result`: `ok`, `failed`).
    pub const CHECKPOINT_COMMITS: &str = "kinetail_checkpoint_commits_total";
    /// 1 while checkpoints cannot be written (gauge).
    pub const CHECKPOINT_FAILING: &str = "kinetail_checkpoint_failing";
    /// Times the database was rewritten from memory.
    pub const CHECKPOINT_REBUILDS: &str = "kinetail_checkpoint_rebuilds_total";
    /// Bytes that batches hold (gauge).
    pub const MEMORY_USED_BYTES: &str = "kinetail_memory_used_bytes";
    /// Bytes that batches may hold (gauge).
    pub const MEMORY_BUDGET_BYTES: &str = "kinetail_memory_budget_bytes";
    /// `PutMetricData` calls (counter; label `result`).
    pub const CLOUDWATCH_PUBLISHES: &str = "kinetail_cloudwatch_publishes_total";
    /// Reports that never reached CloudWatch (counter; label `reason`).
    pub const CLOUDWATCH_DROPPED: &str = "kinetail_cloudwatch_reports_dropped_total";
    /// Lines of the daemon's own log that were dropped (counter; label `reason`).
    pub const LOG_LINES_LOST: &str = "kinetail_log_lines_lost_total";
    /// Always 1 (gauge; label `version`).
    pub const BUILD_INFO: &str = "kinetail_build_info";
    /// Files that are followed but have no lag series of their own (gauge; label `flow`).
    pub const FILE_SERIES_OMITTED: &str = "kinetail_file_series_omitted";
    /// Processor time of this process (counter).
    pub const PROCESS_CPU_SECONDS: &str = "process_cpu_seconds_total";
    /// Memory of this process that is in RAM (gauge).
    pub const PROCESS_RESIDENT_BYTES: &str = "process_resident_memory_bytes";
    /// File descriptors of this process (gauge).
    pub const PROCESS_OPEN_FDS: &str = "process_open_fds";
    /// How many it may have (gauge).
    pub const PROCESS_MAX_FDS: &str = "process_max_fds";
    /// When it started, in seconds since 1970 (gauge).
    pub const PROCESS_START_SECONDS: &str = "process_start_time_seconds";
}

/// The outcome of a request whose records were all taken.
const OK: &str = "ok";

/// The cached handles of one flow.
#[derive(Debug, Clone)]
pub struct FlowMetrics {
    flow: String,
    /// [`name::REQUESTS`] for the outcome that nearly all have.
    requests_ok: Counter,
    /// [`name::BYTES_READ`].
    pub bytes_read: Counter,
    /// [`name::RECORDS_READ`].
    pub records_read: Counter,
    /// [`name::RECORDS_CONVERTED`].
    pub records_converted: Counter,
    /// [`name::RECORDS_WITHOUT_METADATA`].
    pub records_without_metadata: Counter,
    /// [`name::PATTERN_LIMIT_EXCEEDED`].
    pub pattern_limit_exceeded: Counter,
    /// [`name::RECORDS_TRUNCATED`].
    pub records_truncated: Counter,
    /// [`name::RECORDS_UNTERMINATED`].
    pub records_unterminated: Counter,
    /// [`name::RECORDS_DELIVERED`].
    pub records_delivered: Counter,
    /// [`name::BYTES_DELIVERED`].
    pub bytes_delivered: Counter,
    /// [`name::RECORDS_RETRIED`].
    pub records_retried: Counter,
    /// [`name::RECORDS_MAYBE_DUPLICATED`].
    pub records_maybe_duplicated: Counter,
    /// [`name::BATCH_SECONDS`].
    pub batch_seconds: Histogram,
    /// [`name::BATCHES_IN_FLIGHT`].
    pub batches_in_flight: Gauge,
    /// [`name::IN_FLIGHT_LIMIT`].
    pub in_flight_limit: Gauge,
    /// [`name::FILES`].
    pub files: Gauge,
    /// [`name::FILES_OPEN`].
    pub files_open: Gauge,
    /// [`name::LAG_BYTES`].
    pub lag_bytes: Gauge,
    /// [`name::LAG_SECONDS`].
    pub lag_seconds: Gauge,
    /// [`name::DESTINATION_PAUSED`].
    pub destination_paused: Gauge,
    /// [`name::WAITING_FOR_MEMORY`].
    pub waiting_for_memory: Gauge,
    /// [`name::DEAD_LETTERS_FAILING`].
    pub dead_letters_failing: Gauge,
    /// [`name::SCANS`].
    pub scans: Counter,
    /// What the flow's requests came to, for those who have to read it back.
    pub requests: Arc<totals::RequestCounts>,
    /// What the status page tells of the flow's destination.
    pub destination: Arc<destination::DestinationState>,
}

impl FlowMetrics {
    /// Makes the handles for the flow with this id.
    #[must_use]
    pub fn new(flow: &str) -> Self {
        let c = |name: &'static str| counter!(name, "flow" => flow.to_owned());
        let g = |name: &'static str| gauge!(name, "flow" => flow.to_owned());
        let metrics = Self {
            bytes_read: c(name::BYTES_READ),
            records_read: c(name::RECORDS_READ),
            records_converted: c(name::RECORDS_CONVERTED),
            records_without_metadata: c(name::RECORDS_WITHOUT_METADATA),
            pattern_limit_exceeded: c(name::PATTERN_LIMIT_EXCEEDED),
            records_truncated: c(name::RECORDS_TRUNCATED),
            records_unterminated: c(name::RECORDS_UNTERMINATED),
            records_delivered: c(name::RECORDS_DELIVERED),
            bytes_delivered: c(name::BYTES_DELIVERED),
            records_retried: c(name::RECORDS_RETRIED),
            records_maybe_duplicated: c(name::RECORDS_MAYBE_DUPLICATED),
            batch_seconds: histogram!(name::BATCH_SECONDS, "flow" => flow.to_owned()),
            batches_in_flight: g(name::BATCHES_IN_FLIGHT),
            in_flight_limit: g(name::IN_FLIGHT_LIMIT),
            files: g(name::FILES),
            files_open: g(name::FILES_OPEN),
            lag_bytes: g(name::LAG_BYTES),
            lag_seconds: g(name::LAG_SECONDS),
            destination_paused: g(name::DESTINATION_PAUSED),
            waiting_for_memory: g(name::WAITING_FOR_MEMORY),
            dead_letters_failing: g(name::DEAD_LETTERS_FAILING),
            scans: c(name::SCANS),
            requests: Arc::default(),
            destination: Arc::default(),
            requests_ok: counter!(name::REQUESTS, "flow" => flow.to_owned(), "outcome" => OK),
            flow: flow.to_owned(),
        };
        // What alerts depend on exists from the start: a series that begins with its
        // first loss has not grown, and no alert sees it.
        c(name::FLOW_RESTARTS).increment(0);
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
