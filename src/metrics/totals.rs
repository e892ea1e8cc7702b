//! What a flow has done since the program started, in numbers that can be read back: the recorder
//! behind `/metrics` can only be added to. The status lines and CloudWatch are made from these.

use parking_lot::Mutex;

use super::cloudwatch::RequestReport;

/// Everything that one flow did, through all of its restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowTotals {
    /// Bytes read from files.
    pub bytes_read: u64,
    /// Records found in files, those that were skipped included.
    pub records_parsed: u64,
    /// Records that a converter changed.
    pub records_transformed: u64,
    /// Records that no converter could read and that were sent as they were.
    pub records_raw: u64,
    /// Records that the chain skipped; header lines are no records.
    pub records_skipped: u64,
    /// Records cut to the service's limit.
    pub records_truncated: u64,
    /// Records that the service refused for good.
    pub records_refused: u64,
    /// Records that were written to the dead letters.
    pub dead_letters: u64,
    /// Dead letters that were dropped to stay within the bounds.
    pub dead_letters_dropped: u64,
    /// Records that the service took.
    pub records_delivered: u64,
    /// Bytes of data in them.
    pub bytes_delivered: u64,
    /// Batches of which every record met its fate.
    pub batches_done: u64,
    /// Requests that were made again.
    pub retries: u64,
    /// Bytes that were gone before they could be read.
    pub bytes_lost: u64,
    /// Looks and starts in a row that failed while there was something to do; 0 when bytes flow.
    pub errors_in_a_row: u64,
    /// What its requests came to.
    pub requests: RequestTotals,
}

/// The sum of [`RequestReport`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestTotals {
    /// Requests.
    pub calls: u64,
    /// Requests without an answer, or with an error instead of one.
    pub errors: u64,
    /// Records in all of them.
    pub records_attempted: u64,
    /// Records that the service took.
    pub records_sent: u64,
    /// Records that came back with an error code.
    pub record_errors: u64,
}

impl RequestTotals {
    /// Both together: what was before a restart of the flow, and since.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            errors: self.errors + other.errors,
            records_attempted: self.records_attempted + other.records_attempted,
            records_sent: self.records_sent + other.records_sent,
            record_errors: self.record_errors + other.record_errors,
        }
    }
}

/// [`RequestTotals`] that a sender adds to and its flow reads.
#[derive(Debug, Default)]
pub struct RequestCounts(Mutex<RequestTotals>);

impl RequestCounts {
    /// Adds one request.
    pub fn add(&self, report: &RequestReport) {
        let mut totals = self.0.lock();
        totals.calls += 1;
        totals.errors += u64::from(report.service_error);
        totals.records_attempted += report.records_attempted;
        totals.records_sent += report.records_sent;
        totals.record_errors += report.record_errors;
    }

    /// What was added so far.
    #[must_use]
    pub fn totals(&self) -> RequestTotals {
        *self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_add_up_over_a_restart() {
        let counts = RequestCounts::default();
        let answered = RequestReport {
            records_attempted: 5,
            records_sent: 3,
            record_errors: 2,
            ..RequestReport::default()
        };
        let failed =
            RequestReport { records_attempted: 2, service_error: true, ..Default::default() };
        counts.add(&answered);
        counts.add(&failed);
        let both = counts.totals().plus(counts.totals());
        let expected = RequestTotals {
            calls: 4,
            errors: 2,
            records_attempted: 14,
            records_sent: 6,
            record_errors: 4,
        };
        assert_eq!(both, expected);
    }
}
