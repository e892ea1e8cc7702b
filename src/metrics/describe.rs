//! Every metric: its name, its type, its unit, and what it means in the words that a person reads
//! alongside the graph.

use metrics::{Unit, describe_counter, describe_gauge};

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Summary,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Summary => "summary",
        }
    }
}

use Kind::{Counter, Gauge, Summary};

/// Declares the names, and the table of what they are. A metric without a unit is rendered by hand.
macro_rules! catalog {
    ($($name:ident = $text:literal, $kind:ident $($unit:ident)?: $words:literal;)+) => {
        /// The metric names, each with its unit at the end where it has one.
        pub mod name {
            $(#[doc = $words] pub const $name: &str = $text;)+
        }

        /// Every metric, once.
        const ALL: &[(&str, Kind, Option<Unit>, &str)] =
            &[$((name::$name, $kind, catalog!(@unit $($unit)?), $words)),+];
    };
    (@unit) => { None };
    (@unit $unit:ident) => { Some(Unit::$unit) };
}

catalog! {
    BYTES_READ = "kinetail_bytes_read_total", Counter Bytes: "Bytes read from files.";
    RECORDS_READ = "kinetail_records_read_total", Counter Count: "Records found in files.";
    RECORDS_CONVERTED = "kinetail_records_converted_total", Counter Count:
        "Records that a converter changed.";
    RECORDS_SKIPPED = "kinetail_records_skipped_total", Counter Count:
        "Records skipped, by reason.";
    STEP_SKIPPED = "kinetail_step_skipped_total", Counter Count:
        "Records skipped by a converter, by its position and name.";
    RECORDS_RAW_FALLBACK = "kinetail_records_raw_fallback_total", Counter Count:
        "Records sent unconverted because conversion failed, by reason.";
    RECORDS_WITHOUT_METADATA = "kinetail_records_without_metadata_total", Counter Count:
        "Records sent without instance metadata because none was available.";
    PATTERN_LIMIT_EXCEEDED = "kinetail_pattern_limit_exceeded_total", Counter Count:
        "Lines treated as non-matching because the pattern exceeded its step limit.";
    PARTITION_KEYS_REPLACED = "kinetail_partition_keys_replaced_total", Counter Count:
        "Partition keys that were not what partitionKey makes, by reason.";
    RECORDS_TRUNCATED = "kinetail_records_truncated_total", Counter Count:
        "Records truncated to the service limit.";
    RECORDS_UNTERMINATED = "kinetail_records_unterminated_total", Counter Count:
        "Final lines sent without a newline.";
    LINES_OVERSIZE = "kinetail_lines_oversize_total", Counter Count:
        "Lines longer than maxLineBytes, or pieces split from such lines, by policy.";
    RECORDS_DELIVERED = "kinetail_records_delivered_total", Counter Count:
        "Records accepted by the service.";
    BYTES_DELIVERED = "kinetail_bytes_delivered_total", Counter Bytes:
        "Bytes of data accepted by the service.";
    DEAD_LETTERS = "kinetail_dead_letters_total", Counter Count:
        "Records written to dead letters and not delivered, by reason.";
    DEAD_LETTERS_DROPPED = "kinetail_dead_letters_dropped_total", Counter Count:
        "Dead letters dropped to stay within deadLetterMaxBytes and deadLetterMaxAgeHours.";
    DEAD_LETTERS_FAILING = "kinetail_dead_letters_failing", Gauge Count:
        "1 while dead letters cannot be written; their batches are retried.";
    RELOAD_REJECTED = "kinetail_reload_rejected", Gauge Count:
        "1 while the last reload of the configuration is one that was rejected.";
    CONFIG_LOADED = "kinetail_config_loaded_timestamp_seconds", Gauge Seconds:
        "Time at which the active configuration was loaded, in seconds since 1970.";
    RECORDS_RETRIED = "kinetail_records_retried_total", Counter Count:
        "Records sent again after a failure.";
    RECORDS_MAYBE_DUPLICATED = "kinetail_records_maybe_duplicated_total", Counter Count:
        "Records possibly duplicated because the response was lost.";
    BYTES_LOST = "kinetail_bytes_lost_total", Counter Bytes:
        "Bytes lost before they could be read, by reason. Alert on any increase.";
    REQUESTS = "kinetail_requests_total", Counter Count: "Requests to the service, by outcome.";
    BATCHES_IN_FLIGHT = "kinetail_batches_in_flight", Gauge Count:
        "Batches in flight (not yet acknowledged and checkpointed).";
    IN_FLIGHT_LIMIT = "kinetail_in_flight_limit", Gauge Count:
        "Current limit on batches in flight.";
    FILES = "kinetail_files", Gauge Count: "Files that are followed.";
    FILES_DISPOSED = "kinetail_files_disposed_total", Counter Count:
        "Delivered files removed by whenDone, and attempts that failed, by outcome.";
    FILES_OPEN = "kinetail_files_open", Gauge Count: "Files that are held open.";
    FILE_TRANSITIONS = "kinetail_file_transitions_total", Counter Count:
        "What happened to files, by kind.";
    FILE_ERRORS = "kinetail_file_errors_total", Counter Count: "Errors on files, by kind.";
    FILE_PROBLEMS = "kinetail_file_problems", Gauge Count:
        "Files, directories and patterns that cannot be followed now, by reason.";
    LAG_BYTES = "kinetail_lag_bytes", Gauge Bytes: "Bytes written to files but not acknowledged.";
    LAG_SECONDS = "kinetail_lag_seconds", Gauge Seconds:
        "Seconds since the flow was last fully caught up.";
    DESTINATION_PAUSED = "kinetail_destination_paused", Gauge Count:
        "1 while delivery is paused and needs operator action.";
    WAITING_FOR_MEMORY = "kinetail_waiting_for_memory", Gauge Count:
        "1 while the flow waits for memory.";
    NOTIFY_DEGRADED = "kinetail_notify_degraded", Gauge Count:
        "1 while inotify is incomplete and new files are found by scans only.";
    SCANS = "kinetail_scans_total", Counter Count: "Full scans of the directories.";
    FLOW_RESTARTS = "kinetail_flow_restarts_total", Counter Count: "Flow restarts after a panic.";
    JOURNAL_RESTARTS = "kinetail_journal_restarts_total", Counter Count:
        "Times journalctl ended and was restarted.";
    JOURNAL_CURSORS_LOST = "kinetail_journal_cursors_lost_total", Counter Count:
        "Times the journal entry of a checkpoint was missing: data may be lost.";
    FLOW_HUNG = "kinetail_flow_hung", Gauge Count:
        "1 while the flow is blocked, for example by a disk that does not respond.";
    CHECKPOINT_COMMITS = "kinetail_checkpoint_commits_total", Counter Count:
        "Checkpoint transactions, by result.";
    CHECKPOINT_FAILING = "kinetail_checkpoint_failing", Gauge Count:
        "1 while checkpoints cannot be written (a crash would cause duplicates).";
    CHECKPOINT_REBUILDS = "kinetail_checkpoint_rebuilds_total", Counter Count:
        "Times the checkpoint database was rebuilt from memory.";
    MEMORY_USED_BYTES = "kinetail_memory_used_bytes", Gauge Bytes: "Bytes held by batches.";
    MEMORY_BUDGET_BYTES = "kinetail_memory_budget_bytes", Gauge Bytes:
        "Limit on bytes held by batches.";
    CLOUDWATCH_PUBLISHES = "kinetail_cloudwatch_publishes_total", Counter Count:
        "Requests that send metrics to CloudWatch, by result.";
    CLOUDWATCH_DROPPED = "kinetail_cloudwatch_reports_dropped_total", Counter Count:
        "Reports never delivered to CloudWatch, by reason. Log delivery is not affected.";
    LOG_LINES_LOST = "kinetail_log_lines_lost_total", Counter Count:
        "Lines of kinetail's own log that were not written, by reason.";
    BUILD_INFO = "kinetail_build_info", Gauge Count: "Always 1; the label is the running version.";
    BATCH_SECONDS = "kinetail_batch_duration_seconds", Summary:
        "Time from a batch's first attempt to its final response.";
    FILE_LAG_BYTES = "kinetail_file_lag_bytes", Gauge:
        "Bytes written to the file but not acknowledged.";
    FILE_LAG_SECONDS = "kinetail_file_lag_seconds", Gauge:
        "Time since everything in the file was acknowledged.";
    FILE_SERIES_OMITTED = "kinetail_file_series_omitted", Gauge:
        "Files without their own lag series (those with the least lag).";
    PROCESS_CPU_SECONDS = "process_cpu_seconds_total", Counter:
        "Processor time of kinetail, user and system.";
    PROCESS_RESIDENT_BYTES = "process_resident_memory_bytes", Gauge:
        "Memory of kinetail that is in RAM.";
    PROCESS_OPEN_FDS = "process_open_fds", Gauge: "File descriptors that kinetail has open.";
    PROCESS_MAX_FDS = "process_max_fds", Gauge: "File descriptors that kinetail may have open.";
    PROCESS_START_SECONDS = "process_start_time_seconds", Gauge:
        "When kinetail started, in seconds since 1970.";
}

/// Tells the current recorder about every metric.
pub(super) fn describe_all() {
    for &(name, kind, unit, text) in ALL {
        match (kind, unit) {
            (Counter, Some(unit)) => describe_counter!(name, unit, text),
            (Gauge, Some(unit)) => describe_gauge!(name, unit, text),
            _ => {}
        }
    }
}

/// The two comment lines above the series of a metric that is rendered by hand. An unknown name
/// gets none; the tests know every name.
#[must_use]
pub fn header(name: &str) -> String {
    let Some((_, kind, _, text)) = ALL.iter().find(|(known, ..)| *known == name) else {
        return String::new();
    };
    format!("# HELP {name} {text}\n# TYPE {name} {}\n", kind.word())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The rows of the page: names, most without `kinetail_`, and their types.
    fn rows() -> BTreeMap<&'static str, &'static str> {
        let mut rows = BTreeMap::new();
        for line in include_str!("../../docs/operations.md").lines() {
            let mut cells = line.split(" | ");
            let (Some(names), Some(kind)) = (cells.next(), cells.next()) else { continue };
            let kind = kind.split(',').next().unwrap_or_default();
            if [Counter, Gauge, Summary].map(Kind::word).contains(&kind) {
                rows.extend(names.split('`').skip(1).step_by(2).map(|name| (name, kind)));
            }
        }
        rows
    }

    #[test]
    fn every_metric_has_a_row_on_the_page_with_its_type_and_nothing_else_has() {
        let known = ALL
            .iter()
            .map(|(name, kind, ..)| (name.strip_prefix("kinetail_").unwrap_or(name), kind.word()));
        assert_eq!(rows(), known.collect::<BTreeMap<_, _>>());
    }

    #[test]
    fn every_name_is_there_once() {
        let names: BTreeMap<_, _> = ALL.iter().map(|(name, kind, ..)| (*name, *kind)).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(names.len() > 50, "{names:?}");
    }

    #[test]
    fn counters_and_only_counters_end_in_total() {
        for &(name, kind, ..) in ALL {
            assert_eq!(name.ends_with("_total"), kind == Counter, "{name}");
            // Those of any process are called alike everywhere.
            let ours = name.starts_with("kinetail_") || name.starts_with("process_");
            assert!(ours, "{name}");
        }
    }
}
