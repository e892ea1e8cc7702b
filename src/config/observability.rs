//! What the daemon says about itself: the `log.*` and `cloudwatch.*` keys.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostics::{Findings, Kind};
use super::file::TopLevelFile;
use super::slot::Slot;
use super::suggest::nearest;
use super::{CloudWatchConfig, LogConfig, LogFileConfig, LogFormat, StatusLines};

/// The longest time between two sends or two status lines: a day.
const MILLIS_MAX: u64 = 24 * 60 * 60 * 1000;
const STATUS_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Characters in a CloudWatch namespace (`PutMetricData` in the API reference).
const NAMESPACE_CHARS_MAX: usize = 255;

/// Values that may wait for CloudWatch. The Java agent has no bound on the number.
const QUEUE_VALUES_MAX: u64 = 2_147_483_647;

/// A log file may be as small and as large as this, in bytes.
const LOG_FILE_BYTES_MIN: u64 = 64 * 1024;
const LOG_FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024 * 1024;
const LOG_FILE_BYTES_DEFAULT: u64 = 10 * 1024 * 1024;

const LOG_BACKUPS_MAX: u64 = 1_000;
const LOG_BACKUPS_DEFAULT: u64 = 5;

/// The Java agent deletes its old logs after seven days.
const LOG_BACKUP_DAYS_DEFAULT: u64 = 7;
const LOG_BACKUP_DAYS_MAX: u64 = 36_500;

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

const LOG_LEVEL_DEFAULT: &str = "info";

/// Stands for a list or a map.
const NO_LEVEL: &str = "?";

/// Levels of log4j that have another name here.
const LOG4J_LEVELS: &[(&str, &str)] = &[("ALL", "trace"), ("FATAL", "error")];

const LOG_LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

pub(super) fn cloudwatch(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> CloudWatchConfig {
    let slot = file.cloudwatch_namespace;
    let namespace = slot.text_not_empty(findings).unwrap_or("AWSKinesisAgent");
    let legal = namespace.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if namespace.len() > NAMESPACE_CHARS_MAX || namespace.starts_with("AWS/") || !legal {
        let message = format!("'{}': invalid namespace {}", slot.name(), slot.quoted(findings));
        slot.hopeless(findings, Kind::Invalid, message).help(format!(
            "expected 1 to {NAMESPACE_CHARS_MAX} ASCII characters that do not begin with AWS/; \
             until then CloudWatch rejects the metrics"
        ));
    }
    CloudWatchConfig {
        emit_metrics: file.cloudwatch_emit_metrics.late().boolean(findings, true),
        emit_extra_metrics: file.cloudwatch_emit_extra_metrics.boolean(findings, true),
        namespace: namespace.to_owned(),
        flush_interval: file.cloudwatch_metrics_buffer_time_millis.late().nearest_millis(
            findings,
            1..=MILLIS_MAX,
            30_000,
        ),
        queue_values_max: file.cloudwatch_metrics_queue_size.late().count(
            findings,
            1..=QUEUE_VALUES_MAX,
            10_000,
        ),
        tag_instance: file.cloudwatch_tag_instance.late().boolean(findings, false),
    }
}

pub(super) fn log(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> LogConfig {
    LogConfig {
        level: log_level(file, findings),
        format: file.log_format.choice(findings, LOG_FORMATS, LogFormat::Text),
        file: log_file(file, findings),
        status_lines: if file.log_status_reporting_period_seconds.is_given() {
            StatusLines::Asked
        } else {
            StatusLines::Default
        },
        status_period: Duration::from_secs(
            file.log_status_reporting_period_seconds.late().integer(
                findings,
                1..=STATUS_SECONDS_MAX,
                30,
            ),
        ),
        emit_metrics: file.log_emit_metrics.late().boolean(findings, false),
        emit_internal_metrics: file.log_emit_internal_metrics.late().boolean(findings, false),
    }
}

/// The keys alongside `log.file` are checked whether there is a file or not.
fn log_file(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> Option<LogFileConfig> {
    let days = file.log_max_backup_age_days.integer(
        findings,
        1..=LOG_BACKUP_DAYS_MAX,
        LOG_BACKUP_DAYS_DEFAULT,
    );
    let limits = LogFileConfig {
        path: PathBuf::new(),
        bytes_max: log_file_bytes(file.log_max_file_size, findings),
        backups_max: file.log_max_backup_index.late().count(
            findings,
            0..=LOG_BACKUPS_MAX,
            LOG_BACKUPS_DEFAULT,
        ),
        backup_age_max: Duration::from_secs(days.saturating_mul(SECONDS_A_DAY)),
        compress: file.log_compress_backups.boolean(findings, false),
    };
    let slot = file.log_file;
    if slot.is_not_text() && slot.is_java(findings) {
        return nowhere(slot, "must be a string", findings);
    }
    let path = slot.text_not_empty(findings)?;
    slot.refuse_odd_path(path, findings);
    if path.ends_with('/') {
        return nowhere(slot, "is a directory", findings);
    }
    Some(LogFileConfig { path: PathBuf::from(path), ..limits })
}

/// The Java agent takes no notice of `log.file`, so whatever it is does not stop the start.
fn nowhere(slot: Slot<'_>, why: &str, findings: &mut Findings<'_>) -> Option<LogFileConfig> {
    let message = format!("'{}' {} {why}", slot.name(), slot.quoted(findings));
    slot.tolerated(findings, Kind::Invalid, message)
        .help("append a file name, e.g. kinetail.log; logging to stderr until then");
    None
}

/// A number of bytes, or one with KB, MB or GB behind it, as log4j takes it: 1 KB is 1024 bytes.
fn log_file_bytes(slot: Slot<'_>, findings: &mut Findings<'_>) -> u64 {
    let range = LOG_FILE_BYTES_MIN..=LOG_FILE_BYTES_MAX;
    let with_unit = slot.scalar_text().and_then(bytes_with_unit);
    match with_unit {
        Some(bytes) if range.contains(&bytes) => bytes,
        Some(bytes) => {
            let message = format!(
                "'{}': {bytes} is out of range ({LOG_FILE_BYTES_MIN} to {LOG_FILE_BYTES_MAX})",
                slot.name()
            );
            slot.tolerated(findings, Kind::OutOfRange, message)
                .help(format!("omit the key to use the default ({LOG_FILE_BYTES_DEFAULT})"));
            LOG_FILE_BYTES_DEFAULT
        }
        None => slot.late().integer(findings, range, LOG_FILE_BYTES_DEFAULT),
    }
}

fn bytes_with_unit(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let (number, unit) = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)]
        .into_iter()
        .find_map(|(suffix, unit)| Some((upper.strip_suffix(suffix)?, unit)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// A level, or a filter of levels for parts of the program. Levels become lower case.
fn log_level(file: &TopLevelFile<'_>, findings: &mut Findings<'_>) -> String {
    let slot = file.log_level;
    let text = if slot.is_not_text() && slot.is_java(findings) {
        NO_LEVEL
    } else {
        slot.text_not_empty(findings).unwrap_or(LOG_LEVEL_DEFAULT)
    };
    let directives: Option<Vec<String>> = text
        .split(',')
        .map(|directive| {
            let directive = directive.trim();
            let (target, level) = match directive.rsplit_once('=') {
                Some((target, level)) => (Some(target), level),
                None => (None, directive),
            };
            let level = level.to_ascii_lowercase();
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
            if !LOG_LEVELS.contains(&level.as_str()) {
                return None;
            }
            match target {
                Some(target) if target.is_empty() || !target.chars().all(legal) => None,
                Some(target) => Some(format!("{target}={level}")),
                None => Some(level),
            }
        })
        .collect();
    if let Some(directives) = directives {
        return directives.join(",");
    }
    let message = format!("'{}': invalid log level {}", slot.name(), slot.quoted(findings));
    let meant = LOG4J_LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let near = meant.map(|(_, level)| *level);
    let help = match near.or_else(|| nearest(text, LOG_LEVELS.iter().copied())) {
        Some(level) => format!("did you mean {level}?"),
        None => format!("write one of {}, or info,kinetail=debug", LOG_LEVELS.join(", ")),
    };
    // The Java agent takes no notice of the key, and logs at this level.
    let until = format!("; until then it is {LOG_LEVEL_DEFAULT}, as in the Java agent");
    let until = if slot.is_java(findings) { until } else { String::new() };
    slot.tolerated(findings, Kind::Invalid, message).help(format!("{help}{until}"));
    LOG_LEVEL_DEFAULT.to_owned()
}

#[cfg(test)]
mod tests {
    use super::bytes_with_unit;

    #[test]
    fn sizes_are_written_as_log4j_takes_them() {
        for (text, bytes) in [
            ("10MB", Some(10 << 20)),
            (" 64 kb ", Some(64 << 10)),
            ("2GB", Some(2 << 30)),
            ("10485760", None),
            ("10M", None),
            ("-1MB", None),
            ("99999999999999999999KB", None),
            ("", None),
        ] {
            assert_eq!(bytes_with_unit(text), bytes, "{text}");
        }
    }
}
