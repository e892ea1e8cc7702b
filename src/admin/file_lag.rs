//! The lag of each file as Prometheus series. They are rendered from the flows' snapshots, so
//! that a file which is gone leaves no series behind.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::status::{FlowSnapshot, display_path, most_behind};
use crate::metrics::header;
use crate::metrics::name;
use crate::metrics::prometheus::escape_label;

/// Series cost the scraper memory; beyond this many of one flow the least lagging are skipped
/// and counted.
const FILES_PER_FLOW_MAX: usize = 1_000;

/// Two generations of one path (the old one still being read) share their series.
type Lags = BTreeMap<(String, String), (u64, f64)>;

/// Appends the series of all flows.
pub(super) fn render(out: &mut String, flows: &[FlowSnapshot]) {
    let mut lags = Lags::new();
    let mut omitted = BTreeMap::new();
    for flow in flows {
        let id = escape_label(&flow.status.flow);
        let (files, omitted_files) = most_behind(&flow.status, FILES_PER_FLOW_MAX);
        for file in files {
            let path = escape_label(&display_path(&file.path));
            let (bytes, seconds) = lags.entry((id.clone(), path)).or_default();
            *bytes = bytes.saturating_add(file.lag_bytes);
            *seconds = seconds.max(file.lag_seconds);
        }
        omitted.insert(id, omitted_files);
    }
    let labels = |(flow, file): &(String, String)| format!("flow=\"{flow}\",file=\"{file}\"");
    series(out, name::FILE_LAG_BYTES, lags.iter().map(|(key, lag)| (labels(key), lag.0)));
    series(out, name::FILE_LAG_SECONDS, lags.iter().map(|(key, lag)| (labels(key), lag.1)));
    let omitted = omitted.iter().map(|(flow, count)| (format!("flow=\"{flow}\""), *count));
    series(out, name::FILE_SERIES_OMITTED, omitted);
}

fn series<V: std::fmt::Display>(
    out: &mut String,
    name: &str,
    values: impl Iterator<Item = (String, V)>,
) {
    let mut values = values.peekable();
    if values.peek().is_some() {
        out.push_str(&header(name));
    }
    for (labels, value) in values {
        // Writing to a String cannot fail; the result is a formality of the trait.
        if writeln!(out, "{name}{{{labels}}} {value}").is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::status::tests::{file, snapshot};

    fn rendered(files: Vec<crate::admin::status::FileStatus>) -> String {
        let mut text = String::new();
        render(&mut text, &snapshot(files).flows);
        text
    }

    #[test]
    fn odd_file_names_are_escaped() {
        let text = rendered(vec![file(b"/v/a \"b\"\\c\nd\xff.log", 7)]);
        let labels = "{flow=\"f\",file=\"/v/a \\\"b\\\"\\\\c\\nd\u{fffd}ff.log\"}";
        let expected = format!(
            "# HELP kinetail_file_lag_bytes Bytes written to the file but not acknowledged.\n\
             # TYPE kinetail_file_lag_bytes gauge\n\
             kinetail_file_lag_bytes{labels} 7\n\
             # HELP kinetail_file_lag_seconds Time since everything in the file was \
             acknowledged.\n\
             # TYPE kinetail_file_lag_seconds gauge\n\
             kinetail_file_lag_seconds{labels} 1.5\n\
             # HELP kinetail_file_series_omitted Files without their own lag series (those with \
             the least lag).\n\
             # TYPE kinetail_file_series_omitted gauge\n\
             kinetail_file_series_omitted{{flow=\"f\"}} 0\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn two_generations_of_a_path_make_one_series() {
        let text = rendered(vec![file(b"/v/a.log", 7), file(b"/v/a.log", 5)]);
        let lines: Vec<_> = text.lines().filter(|l| l.starts_with("kinetail_file_lag_b")).collect();
        assert_eq!(lines, vec!["kinetail_file_lag_bytes{flow=\"f\",file=\"/v/a.log\"} 12"]);
    }

    #[test]
    fn too_many_files_are_skipped_and_counted() {
        let files = (0..FILES_PER_FLOW_MAX as u64 + 3)
            .map(|number| file(format!("/v/{number}").as_bytes(), number))
            .collect();
        let text = rendered(files);
        let count = text.lines().filter(|l| l.starts_with("kinetail_file_lag_bytes{")).count();
        assert_eq!(count, FILES_PER_FLOW_MAX);
        assert!(text.ends_with("kinetail_file_series_omitted{flow=\"f\"} 3\n"), "{text}");
        assert!(!text.contains("\"/v/2\""), "the least behind are skipped");
    }

    #[test]
    fn no_flow_renders_nothing() {
        let mut text = String::new();
        render(&mut text, &[]);
        assert_eq!(text, "");
    }
}
