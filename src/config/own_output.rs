//! What the daemon tells of itself: the result of checking `log` and `cloudwatch`.

use std::path::PathBuf;
use std::time::Duration;

/// CloudWatch metrics, as the Java agent sends them, and a few more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudWatchConfig {
    /// `cloudwatch.emitMetrics`.
    pub emit_metrics: bool,
    /// `cloudwatch.emitExtraMetrics`: those that the Java agent does not have.
    pub emit_extra_metrics: bool,
    /// `cloudwatch.namespace`.
    pub namespace: String,
    /// `cloudwatch.metricsBufferTimeMillis`.
    pub flush_interval: Duration,
    /// `cloudwatch.metricsQueueSize`: values that may wait to be added up.
    pub queue_values_max: usize,
    /// `cloudwatch.tagInstance`: whether the dimension `Instance` tells hosts apart.
    pub tag_instance: bool,
}

/// Whether the Java agent's periodic lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusLines {
    /// Somebody set their period.
    Asked,
    /// Nobody said anything: they are.
    Default,
    /// They are not.
    Off,
}

/// What the daemon writes about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `log.level`: error, warn, info, debug or trace, or a filter such as `info,kinetail=debug`.
    pub level: String,
    /// `log.format`.
    pub format: LogFormat,
    /// `log.file`; `None` is standard error.
    pub file: Option<LogFileConfig>,
    /// `log.statusReportingPeriodSeconds`.
    pub status_period: Duration,
    /// Whether the periodic lines are written.
    pub status_lines: StatusLines,
    /// `log.emitMetrics`: a line at debug for each request.
    pub emit_metrics: bool,
    /// `log.emitInternalMetrics`: a line of JSON about everything each period.
    pub emit_internal_metrics: bool,
}

/// A log file and what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFileConfig {
    /// `log.file`.
    pub path: PathBuf,
    /// `log.maxFileSize`: a file of this many bytes is rotated and a new one begun.
    pub bytes_max: u64,
    /// `log.maxBackupIndex`: so many files that were rotated are kept.
    pub backups_max: usize,
    /// `log.maxBackupAgeDays`: and none that is older than this.
    pub backup_age_max: Duration,
    /// `log.compressBackups`: they are compressed with gzip.
    pub compress: bool,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// A line for people.
    Text,
}
