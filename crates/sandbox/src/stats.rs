//! What the sandbox counts. Pure.

use std::collections::BTreeMap;

use super::names::StreamId;
use super::response::Entry;

/// Everything counted since the start, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// For each stream that a put has reached.
    pub streams: BTreeMap<StreamId, StreamStats>,
    /// Requests of every kind.
    pub requests: u64,
    /// Requests that reached no stream: not signed, not understood, over a limit, no such stream.
    pub refused_requests: u64,
    /// Puts whose body was in CBOR.
    pub cbor_requests: u64,
    /// `PutMetricData` requests.
    pub metric_requests: u64,
    /// Requests that create, describe or list.
    pub control_requests: u64,
    /// Requests that did not arrive whole: the client went away, or a fault closed the connection.
    pub broken_requests: u64,
}

impl Stats {
    /// The counts of one stream; zeros for one that nothing has reached.
    #[must_use]
    pub fn stream(&self, stream: &StreamId) -> StreamStats {
        self.streams.get(stream).copied().unwrap_or_default()
    }

    /// The sum over all streams.
    #[must_use]
    pub fn total(&self) -> StreamStats {
        let mut total = StreamStats::default();
        for stream in self.streams.values() {
            total.records += stream.records;
            total.bytes += stream.bytes;
            total.requests += stream.requests;
            total.throttled_records += stream.throttled_records;
            total.failed_records += stream.failed_records;
            total.failed_requests += stream.failed_requests;
            total.unanswered_requests += stream.unanswered_requests;
        }
        total
    }
}

/// What was counted for one stream. The sandbox cannot tell duplicates: it counts every record
/// that it stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Records stored.
    pub records: u64,
    /// Bytes of data in them. In null mode nothing is decoded: it is the bytes of the request
    /// bodies, in the share of the records that were taken.
    pub bytes: u64,
    /// Puts that kept all limits.
    pub requests: u64,
    /// Records refused with a throttling error inside a successful answer.
    pub throttled_records: u64,
    /// Records refused with another error inside a successful answer.
    pub failed_records: u64,
    /// Requests answered with an error.
    pub failed_requests: u64,
    /// Requests that got no answer, or an unreadable one.
    pub unanswered_requests: u64,
}

impl StreamStats {
    /// Counts what was stored of one request. `entries` may be empty if none was refused.
    pub(super) fn count_commit(&mut self, entries: &[Entry], records: u64, data_bytes: u64) {
        self.records += records;
        self.bytes += data_bytes;
        for entry in entries {
            match entry {
                Entry::Stored { .. } => {}
                Entry::Failed { .. } if entry.is_throttled() => self.throttled_records += 1,
                Entry::Failed { .. } => self.failed_records += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_sums_up_every_count() {
        let of = |n| StreamStats {
            records: n,
            bytes: n,
            requests: n,
            throttled_records: n,
            failed_records: n,
            failed_requests: n,
            unanswered_requests: n,
        };
        let mut stats = Stats::default();
        stats.streams.insert(StreamId::kinesis("a").unwrap(), of(1));
        stats.streams.insert(StreamId::firehose("a").unwrap(), of(2));
        assert_eq!(stats.total(), of(3));
        assert_eq!(stats.stream(&StreamId::kinesis("a").unwrap()), of(1));
        assert_eq!(stats.stream(&StreamId::kinesis("b").unwrap()), StreamStats::default());
    }
}
