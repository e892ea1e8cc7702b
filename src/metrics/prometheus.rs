//! The recorder behind `/metrics`. It serves nothing itself: `admin` has the port.

use std::time::Instant;

use metrics::gauge;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::recorder::{Counting, Summaries};
use super::{describe, name, process};

/// Another recorder was installed in this process before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("install the metrics recorder: the process has one already")]
pub struct AlreadyInstalled;

/// Renders what was counted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prometheus {
    handle: PrometheusHandle,
    summaries: Summaries,
}

impl Prometheus {
    /// Makes the process-wide recorder. Handles that were made before count into the void.
    ///
    /// # Errors
    /// [`AlreadyInstalled`] the second time.
    pub fn install() -> Result<Self, AlreadyInstalled> {
        let (prometheus, recorder) = Self::detached();
        metrics::set_global_recorder(recorder).map_err(|_| AlreadyInstalled)?;
        Ok(prometheus)
    }

    /// A recorder that is not installed, for `metrics::with_local_recorder`.
    #[must_use]
    pub fn detached() -> (Self, Counting) {
        let exporter = PrometheusBuilder::new().build_recorder();
        let handle = exporter.handle();
        let (recorder, summaries) = Counting::with(exporter);
        let prometheus = Self { handle, summaries };
        metrics::with_local_recorder(&recorder, introduce);
        (prometheus, recorder)
    }

    /// Everything, in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        self.summaries.render(&mut text, Instant::now());
        process::render(&mut text);
        text
    }
}

/// Descriptions and the version, for the recorder that is current.
fn introduce() {
    describe::describe_all();
    gauge!(name::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// A label's value as it must stand between the quotes: backslash, quote and newline escaped.
#[must_use]
pub(crate) fn escape_label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::FlowMetrics;
    use crate::process::Skip;

    #[test]
    fn what_is_counted_is_rendered_with_its_meaning() {
        let (prometheus, recorder) = Prometheus::detached();
        metrics::with_local_recorder(&recorder, || {
            let flow = FlowMetrics::new("fh:s:/a\"b\\c\nd*");
            flow.records_read.increment(3);
            flow.lag_bytes.set(7.0);
            flow.batch_seconds.record(0.5);
            flow.records_skipped(Skip::Filtered, 2);
        });
        let text = prometheus.render();
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            "# HELP kinetail_records_read_total Records found in files.",
            "# TYPE kinetail_records_read_total counter",
            "kinetail_records_read_total{flow=\"fh:s:/a\\\"b\\\\c\\nd*\"} 3",
            "kinetail_lag_bytes{flow=\"fh:s:/a\\\"b\\\\c\\nd*\"} 7",
            "# TYPE kinetail_batch_duration_seconds summary",
            "# HELP kinetail_batch_duration_seconds Time from a batch's first attempt to its final \
             response.",
            "kinetail_batch_duration_seconds_sum{flow=\"fh:s:/a\\\"b\\\\c\\nd*\"} 0.5",
            "kinetail_batch_duration_seconds_count{flow=\"fh:s:/a\\\"b\\\\c\\nd*\"} 1",
            "kinetail_records_skipped_total{flow=\"fh:s:/a\\\"b\\\\c\\nd*\",reason=\"filtered\"} 2",
            &format!("kinetail_build_info{{version=\"{version}\"}} 1"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis missing in\n{text}");
        }
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    }

    #[test]
    fn series_of_alerts_are_there_before_anything_is_lost() {
        let (prometheus, recorder) = Prometheus::detached();
        metrics::with_local_recorder(&recorder, || drop(FlowMetrics::new("f")));
        let text = prometheus.render();
        for line in [
            "kinetail_bytes_lost_total{flow=\"f\",reason=\"file_gone\"} 0",
            "kinetail_records_skipped_total{flow=\"f\",reason=\"refused_by_service\"} 0",
            "kinetail_flow_restarts_total{flow=\"f\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis missing in\n{text}");
        }
    }

    #[test]
    fn a_second_recorder_is_refused() {
        // Another test of this process may have been first; then both calls are refused.
        let first = Prometheus::install();
        assert_eq!(Prometheus::install().map(drop), Err(AlreadyInstalled));
        drop(first);
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape_label("a\"b\\c\nd\té"), "a\\\"b\\\\c\\nd\té");
    }
}
