//! Progress of a run: one line that is redrawn on a terminal, and nothing elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::queue::Queue;
use super::terminal;
use crate::admin::status::FlowFeed;
use crate::metrics::float;
use crate::shown::counted;

/// How often the line on a terminal is redrawn.
const REDRAW_EVERY: Duration = Duration::from_millis(500);

/// The width of a terminal that does not say how wide it is.
const COLUMNS_DEFAULT: usize = 80;

/// Whether progress is redrawn in place.
pub(super) fn is_live() -> bool {
    io::stdout().is_terminal()
}

/// Shows progress on a terminal until it is dropped, or until its reader is gone.
pub(super) async fn show(feeds: watch::Receiver<Vec<FlowFeed>>, out: Queue) {
    if !is_live() {
        return;
    }
    let mut ticks = tokio::time::interval(REDRAW_EVERY);
    let mut last = Sample::default();
    let mut last_at: Option<Instant> = None;
    loop {
        let now = ticks.tick().await.into_std();
        let sample = Sample::of(&feeds.borrow());
        let elapsed = last_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let line = describe(&sample, &last, elapsed);
        if out.is_broken() {
            // Whoever watched is gone; the delivery continues.
            return;
        }
        // What a stopped terminal has not taken yet is older than what comes later.
        if !out.is_idle() {
            continue;
        }
        let line = terminal::fit(&line, terminal::columns().unwrap_or(COLUMNS_DEFAULT));
        out.push(format!("\r\x1b[K{line}").into_bytes());
        (last, last_at) = (sample, Some(now));
    }
}

/// The sums over all flows at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sample {
    records: u64,
    bytes: u64,
    retries: u64,
    lag_bytes: u64,
    files: usize,
}

impl Sample {
    fn of(flows: &[FlowFeed]) -> Self {
        let mut sum = Self::default();
        for flow in flows {
            let status = flow.borrow();
            sum.records += status.totals.records_delivered;
            sum.bytes += status.totals.bytes_delivered;
            sum.retries += status.totals.retries;
            sum.lag_bytes += status.lag_bytes;
            sum.files += status.files_total;
        }
        sum
    }
}

fn describe(sample: &Sample, last: &Sample, elapsed: Duration) -> String {
    let rate = |new: u64, old: u64| {
        let seconds = elapsed.as_secs_f64();
        if seconds > 0.0 { float(new.saturating_sub(old)) / seconds } else { 0.0 }
    };
    format!(
        "{} delivered from {} | {:.0} records/s | {:.2} MB/s | lag {} | {}",
        counted(sample.records, "record"),
        counted(sample.files, "file"),
        rate(sample.records, last.records),
        rate(sample.bytes, last.bytes) / 1e6,
        bytes(sample.lag_bytes),
        counted(sample.retries, "retry")
    )
}

/// A number of bytes for people.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => counted(count, "byte"),
        10_000..10_000_000 => format!("{:.0} kB", float(count) / 1e3),
        _ => format!("{:.0} MB", float(count) / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_rates_lag_and_retries() {
        let last = Sample { records: 100, bytes: 1_000_000, ..Sample::default() };
        let now =
            Sample { records: 300, bytes: 5_000_000, retries: 2, lag_bytes: 12_345, files: 3 };
        assert_eq!(
            describe(&now, &last, Duration::from_secs(2)),
            "300 records delivered from 3 files | 100 records/s | 2.00 MB/s | lag 12 kB | 2 retries"
        );
    }
}
