//! Where everything is counted: counters and gauges by the exporter for Prometheus, summaries here.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::PrometheusRecorder;
use parking_lot::Mutex;

use super::describe;
use super::prometheus::escape_label;
use super::summary::{QUANTILES, Summary};

/// Counts what the macros of `metrics` say.
#[derive(Debug)]
pub struct Counting {
    exporter: PrometheusRecorder,
    summaries: Summaries,
}

/// All summaries: by name, and by the text of their labels. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Summaries(Arc<Mutex<BTreeMap<String, ByLabels>>>);

type ByLabels = BTreeMap<String, Arc<Summary>>;

impl Counting {
    /// Counts with this exporter.
    pub(super) fn with(exporter: PrometheusRecorder) -> (Self, Summaries) {
        let summaries = Summaries::default();
        (Self { exporter, summaries: summaries.clone() }, summaries)
    }
}

impl Recorder for Counting {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.exporter.describe_counter(key, unit, text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.exporter.describe_gauge(key, unit, text);
    }

    /// `describe` has the text.
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.exporter.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.exporter.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let label =
            |label: &metrics::Label| format!("{}=\"{}\"", label.key(), escape_label(label.value()));
        let labels: Vec<String> = key.labels().map(label).collect();
        let mut all = self.summaries.0.lock();
        let of_name = all.entry(key.name().to_owned()).or_default();
        Histogram::from_arc(Arc::clone(of_name.entry(labels.join(",")).or_default()))
    }
}

impl Summaries {
    /// Appends them in Prometheus' text format.
    pub(super) fn render(&self, out: &mut String, now: Instant) {
        for (name, of_name) in &*self.0.lock() {
            out.push_str(&describe::header(name));
            for (labels, summary) in of_name {
                // Writing to a String cannot fail.
                if write_one(out, name, labels, summary, now).is_err() {
                    tracing::debug!(name, "a summary could not be rendered");
                }
            }
            out.push('\n');
        }
    }
}

fn write_one(
    out: &mut String,
    name: &str,
    labels: &str,
    summary: &Summary,
    now: Instant,
) -> fmt::Result {
    let summed = summary.summed(now);
    let more = if labels.is_empty() { String::new() } else { format!("{labels},") };
    for (quantile, value) in QUANTILES.iter().zip(summed.quantiles) {
        writeln!(out, "{name}{{{more}quantile=\"{quantile}\"}} {value}")?;
    }
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(out, "{name}_sum{labels} {}", summed.sum)?;
    writeln!(out, "{name}_count{labels} {}", summed.count)
}
