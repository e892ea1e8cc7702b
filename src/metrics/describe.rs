//! What each metric means, in the words that a person reads alongside the graph.

use metrics::{Unit, describe_counter, describe_gauge};

use super::name;

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

/// Every metric that goes through the recorder, once.
const RECORDED: &[(&str, Kind, Unit, &str)] = &[
    (name::BYTES_READ, Counter, Unit::Bytes, "Bytes read from files."),
    (name::RECORDS_READ, Counter, Unit::Count, "Records found in files."),
    (name::RECORDS_CONVERTED, Counter, Unit::Count, "Records that a converter changed."),
    (name::RECORDS_SKIPPED, Counter, Unit::Count, "Records skipped, by reason."),
    (
        name::STEP_SKIPPED,
        Counter,
        Unit::Count,
        "Records skipped by a converter, by its position and name.",
    ),
    (
        name::RECORDS_RAW_FALLBACK,
        Counter,
        Unit::Count,
        "Records sent unconverted because conversion failed, by reason.",
    ),
    (
        name::RECORDS_WITHOUT_METADATA,
        Counter,
        Unit::Count,
        "Records sent without instance metadata because none was available.",
    ),
    (
        name::PATTERN_LIMIT_EXCEEDED,
        Counter,
        Unit::Count,
        "Lines treated as non-matching because the pattern exceeded its step limit.",
    ),
    (
        name::PARTITION_KEYS_REPLACED,
        Counter,
        Unit::Count,
        "Partition keys that were not what partitionKey makes, by reason.",
    ),
    (name::RECORDS_TRUNCATED, Counter, Unit::Count, "Records truncated to the service limit."),
    (name::RECORDS_UNTERMINATED, Counter, Unit::Count, "Final lines sent without a newline."),
    (
        name::LINES_OVERSIZE,
        Counter,
        Unit::Count,
        "Lines longer than maxLineBytes, or pieces split from such lines, by policy.",
    ),
    (name::RECORDS_DELIVERED, Counter, Unit::Count, "Records accepted by the service."),
    (name::BYTES_DELIVERED, Counter, Unit::Bytes, "Bytes of data accepted by the service."),
    (
        name::DEAD_LETTERS,
        Counter,
        Unit::Count,
        "Records written to dead letters and not delivered, by reason.",
    ),
    (
        name::DEAD_LETTERS_DROPPED,
        Counter,
        Unit::Count,
        "Dead letters dropped to stay within deadLetterMaxBytes and deadLetterMaxAgeHours.",
    ),
    (
        name::DEAD_LETTERS_FAILING,
        Gauge,
        Unit::Count,
        "1 while dead letters cannot be written; their batches are retried.",
    ),
    (
        name::RELOAD_REJECTED,
        Gauge,
        Unit::Count,
        "1 while the last reload of the configuration is one that was rejected.",
    ),
    (
        name::CONFIG_LOADED,
        Gauge,
        Unit::Seconds,
        "Time at which the active configuration was loaded, in seconds since 1970.",
    ),
    (name::RECORDS_RETRIED, Counter, Unit::Count, "Records sent again after a failure."),
    (
        name::RECORDS_MAYBE_DUPLICATED,
        Counter,
        Unit::Count,
        "Records possibly duplicated because the response was lost.",
    ),
    (
        name::BYTES_LOST,
        Counter,
        Unit::Bytes,
        "Bytes lost before they could be read, by reason. Alert on any increase.",
    ),
    (name::REQUESTS, Counter, Unit::Count, "Requests to the service, by outcome."),
    (
        name::BATCHES_IN_FLIGHT,
        Gauge,
        Unit::Count,
        "Batches in flight (not yet acknowledged and checkpointed).",
    ),
    (name::IN_FLIGHT_LIMIT, Gauge, Unit::Count, "Current limit on batches in flight."),
    (name::FILES, Gauge, Unit::Count, "Files that are followed."),
    (
        name::FILES_DISPOSED,
        Counter,
        Unit::Count,
        "Delivered files removed by whenDone, and attempts that failed, by outcome.",
    ),
    (name::FILES_OPEN, Gauge, Unit::Count, "Files that are held open."),
    (name::FILE_TRANSITIONS, Counter, Unit::Count, "What happened to files, by kind."),
    (name::FILE_ERRORS, Counter, Unit::Count, "Errors on files, by kind."),
    (
        name::FILE_PROBLEMS,
        Gauge,
        Unit::Count,
        "Files, directories and patterns that cannot be followed now, by reason.",
    ),
    (name::LAG_BYTES, Gauge, Unit::Bytes, "Bytes written to files but not acknowledged."),
    (name::LAG_SECONDS, Gauge, Unit::Seconds, "Seconds since the flow was last fully caught up."),
    (
        name::DESTINATION_PAUSED,
        Gauge,
        Unit::Count,
        "1 while delivery is paused and needs operator action.",
    ),
    (name::WAITING_FOR_MEMORY, Gauge, Unit::Count, "1 while the flow waits for memory."),
    (
        name::NOTIFY_DEGRADED,
        Gauge,
        Unit::Count,
        "1 while inotify is incomplete and new files are found by scans only.",
    ),
    (name::SCANS, Counter, Unit::Count, "Full scans of the directories."),
    (name::FLOW_RESTARTS, Counter, Unit::Count, "Flow restarts after a panic."),
    (name::JOURNAL_RESTARTS, Counter, Unit::Count, "Times journalctl ended and was restarted."),
    (
        name::JOURNAL_CURSORS_LOST,
        Counter,
        Unit::Count,
        "Times the journal entry of a checkpoint was missing: data may be lost.",
    ),
    (
        name::FLOW_HUNG,
        Gauge,
        Unit::Count,
        "1 while the flow is blocked, for example by a disk that does not respond.",
    ),
    (name::CHECKPOINT_COMMITS, Counter, Unit::Count, "Checkpoint transactions, by result."),
    (
        name::CHECKPOINT_FAILING,
        Gauge,
        Unit::Count,
        "1 while checkpoints cannot be written (a crash would cause duplicates).",
    ),
    (
        name::CHECKPOINT_REBUILDS,
        Counter,
        Unit::Count,
        "Times the checkpoint database was rebuilt from memory.",
    ),
    (name::MEMORY_USED_BYTES, Gauge, Unit::Bytes, "Bytes held by batches."),
    (name::MEMORY_BUDGET_BYTES, Gauge, Unit::Bytes, "Limit on bytes held by batches."),
    (name::CLOUDWATCH_PUBLISHES, Counter, Unit::Count, "PutMetricData calls, by result."),
    (
        name::CLOUDWATCH_DROPPED,
        Counter,
        Unit::Count,
        "Reports never delivered to CloudWatch, by reason. Log delivery is not affected.",
    ),
    (
        name::LOG_LINES_LOST,
        Counter,
        Unit::Count,
        "Lines of kinetail's own log that were not written, by reason.",
    ),
    (name::BUILD_INFO, Gauge, Unit::Count, "Always 1; the label is the running version."),
];

/// Those that are rendered by hand when they are asked for.
const RENDERED: &[(&str, Kind, &str)] = &[
    (name::BATCH_SECONDS, Summary, "Time from a batch's first attempt to its final response."),
    (name::FILE_LAG_BYTES, Gauge, "Bytes written to the file but not acknowledged."),
    (name::FILE_LAG_SECONDS, Gauge, "Time since everything in the file was acknowledged."),
    (
        name::FILE_SERIES_OMITTED,
        Gauge,
        "Files without their own lag series (those with the least lag).",
    ),
    (name::PROCESS_CPU_SECONDS, Counter, "Processor time of kinetail, user and system."),
    (name::PROCESS_RESIDENT_BYTES, Gauge, "Memory of kinetail that is in RAM."),
    (name::PROCESS_OPEN_FDS, Gauge, "File descriptors that kinetail has open."),
    (name::PROCESS_MAX_FDS, Gauge, "File descriptors that kinetail may have open."),
    (name::PROCESS_START_SECONDS, Gauge, "When kinetail started, in seconds since 1970."),
];

/// Tells the current recorder about every metric.
pub(super) fn describe_all() {
    for &(name, kind, unit, text) in RECORDED {
        match kind {
            Counter => describe_counter!(name, unit, text),
            Gauge => describe_gauge!(name, unit, text),
            // Those are rendered by hand.
            Summary => {}
        }
    }
}

/// The two comment lines above the series of a metric that is rendered by hand. An unknown name
/// gets none; the tests know every name.
pub(super) fn header(name: &str) -> String {
    let Some((_, kind, text)) = RENDERED.iter().find(|(known, _, _)| *known == name) else {
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
        let recorded = RECORDED.iter().map(|(name, kind, ..)| (*name, *kind));
        let rendered = RENDERED.iter().map(|(name, kind, _)| (*name, *kind));
        let known = recorded
            .chain(rendered)
            .map(|(name, kind)| (name.strip_prefix("kinetail_").unwrap_or(name), kind.word()));
        assert_eq!(rows(), known.collect::<BTreeMap<_, _>>());
    }

    /// The names as they stand in the source of `name`: nothing else can list constants.
    fn all_names() -> Vec<&'static str> {
        include_str!("mod.rs")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub const "))
            .filter_map(|line| line.split('"').nth(1))
            .collect()
    }

    #[test]
    fn every_name_is_described_exactly_once() {
        let names = all_names();
        assert!(names.len() > 30, "the names were found: {names:?}");
        for name in names {
            let count = RECORDED.iter().filter(|(known, ..)| *known == name).count()
                + RENDERED.iter().filter(|(known, ..)| *known == name).count();
            assert_eq!(count, 1, "{name}");
        }
    }

    #[test]
    fn counters_and_only_counters_end_in_total() {
        let recorded = RECORDED.iter().map(|(name, kind, ..)| (*name, *kind));
        let rendered = RENDERED.iter().map(|(name, kind, _)| (*name, *kind));
        for (name, kind) in recorded.chain(rendered) {
            assert_eq!(name.ends_with("_total"), kind == Counter, "{name}");
            // Those of any process are called alike everywhere.
            let ours = name.starts_with("kinetail_") || name.starts_with("process_");
            assert!(ours, "{name}");
        }
    }
}
