//! Keys of the Java agent that do nothing here are looked at all the same: what the Java agent
//! would not start with is a mistake in here, too, and is better told than passed over.
//!
//! Keys that the Java agent itself never reads are not in the table, and may hold anything.

use super::diagnostics::Findings;
use super::file::Ignored;
use super::parse::Entry;
use super::slot::Slot;

/// What the Java agent wants to find.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Boolean,
    /// A Java `int`.
    Int,
    /// A Java `long`.
    Long,
    /// Milliseconds within the range of most times in a flow.
    FlowMillis,
    /// Within the range of `aggregatedRecordSizeBytes`.
    AggregateBytes,
}

/// The types of the keys that may be ignored.
const WANTED: &[(&str, Wanted)] = &[
    ("aggregatedRecordSizeBytes", Wanted::AggregateBytes),
    ("checkpoints.connectionTimeoutSeconds", Wanted::Int),
    ("checkpoints.queryTimeoutSeconds", Wanted::Int),
    ("cloudwatch.metricsQueueSize", Wanted::Int),
    ("cloudwatch.tagInstance", Wanted::Boolean),
    ("connectionTTLMillis", Wanted::Long),
    ("connectionTimeoutMillis", Wanted::Int),
    ("log.emitInternalMetrics", Wanted::Boolean),
    ("log.emitMetrics", Wanted::Boolean),
    ("log.statusReportingPeriodSeconds", Wanted::Int),
    ("maxConnections", Wanted::Int),
    ("maxSendingThreads", Wanted::Int),
    ("maxSendingThreadsPerCore", Wanted::Int),
    ("maxTimeBetweenFileTrackerRefreshMillis", Wanted::Long),
    ("minTimeBetweenFilePollsMillis", Wanted::Long),
    ("publishQueueCapacity", Wanted::Int),
    ("sendingThreadsKeepAliveMillis", Wanted::Long),
    ("sendingThreadsMaxQueueSize", Wanted::Int),
    ("socketTimeoutMillis", Wanted::Int),
    ("useHttpGzip", Wanted::Boolean),
    ("useTcpKeepAlive", Wanted::Boolean),
    ("waitOnEmptyPublishQueueMillis", Wanted::FlowMillis),
    ("waitOnFullPublishQueueMillis", Wanted::FlowMillis),
];

/// Looks at the values of the keys of `ignored` that stand in `entries`.
pub(super) fn check(entries: &[Entry], ignored: &[Ignored], findings: &mut Findings<'_>) {
    for (name, wanted) in WANTED {
        let slot = Slot::find(name, entries);
        if !slot.is_given() || !ignored.iter().any(|(other, _)| other == name) {
            continue;
        }
        match wanted {
            Wanted::Boolean => {
                slot.boolean(findings, false);
            }
            Wanted::Int => slot.fits(findings, i64::from(i32::MIN)..=i64::from(i32::MAX)),
            Wanted::Long => slot.fits(findings, i64::MIN..=i64::MAX),
            Wanted::FlowMillis => slot.fits(findings, 1_000..=900_000),
            Wanted::AggregateBytes => slot.fits(findings, 0..=1_024_000),
        }
    }
}
