//! The lines about progress that the Java agent writes, word for word: people and scripts search
//! for them. Pure; `watchers` has the clock and writes them.
//!
//! The texts, the levels and the way in which megabytes are rounded are that agent's. "Behind" are
//! bytes that were written and not yet read; the files that are "newer" are those of which nothing
//! was read yet. Of the keys in the JSON lines only those are there that have a meaning here: there
//! are no sender threads, and no queue of batches beside the files.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tracing::Level;

use crate::admin::status::FlowStatus;

/// From here on a flow, or the agent, that is behind is a warning: ten batches of 4 MiB.
const BEHIND_WARN_BYTES: u64 = 10 * 4 * 1024 * 1024;

/// From here on it is worth a line at info.
const BEHIND_INFO_BYTES: u64 = 5 * 4 * 1024 * 1024;

/// One line and how loud it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatusLine {
    pub(super) level: Level,
    pub(super) text: String,
}

/// The lines of one flow. `all_figures` is the flow's own `log.emitInternalMetrics`,
/// `emit_internal` the agent's.
pub(super) fn of_flow(
    status: &FlowStatus,
    all_figures: bool,
    emit_internal: bool,
) -> Vec<StatusLine> {
    let name = format!("FileTailer[{}]", status.flow);
    let totals = &status.totals;
    let mut lines = Vec::new();
    if all_figures {
        let figures = Value::Object(figures_of(status));
        lines.push(info(format!("{name}: File Tailer Status: {figures}")));
    }
    lines.push(info(format!(
        "{name}: Tailer Progress: Tailer has parsed {} records ({} bytes), transformed {} \
         records, skipped {} records, and has successfully sent {} records to destination.",
        totals.records_parsed,
        totals.bytes_read,
        totals.records_transformed,
        totals.records_skipped,
        totals.records_delivered
    )));
    let behind = (status.bytes_behind, status.files_behind);
    lines.extend(behind_line(&format!("{name}: Tailer is"), behind, emit_internal));
    lines
}

/// The lines of the agent as a whole.
pub(super) fn of_agent<'a>(
    flows: &(impl Iterator<Item = &'a FlowStatus> + Clone),
    uptime: Duration,
    emit_internal: bool,
) -> Vec<StatusLine> {
    let sum = |figure: fn(&FlowStatus) -> u64| flows.clone().map(figure).sum::<u64>();
    let parsed = sum(|flow| flow.totals.records_parsed);
    let bytes = sum(|flow| flow.totals.bytes_read);
    let sent = sum(|flow| flow.totals.records_delivered);
    let behind = (sum(|flow| flow.bytes_behind), sum(|flow| flow.files_behind));
    let mut lines = Vec::new();
    if emit_internal {
        let mut all: Map<String, Value> = flows
            .clone()
            .map(|flow| (flow.flow.to_string(), Value::Object(figures_of(flow))))
            .collect();
        all.insert(
            "Agent".to_owned(),
            json!({
                "TotalBytesBehind": behind.0,
                "TotalFilesBehind": behind.1,
                "TotalBytesConsumed": bytes,
                "TotalRecordsParsed": parsed,
                "TotalRecordsSent": sent,
                "UpTimeMillis": millis(uptime),
            }),
        );
        lines.push(info(format!("Agent: Status: {}", Value::Object(all))));
    }
    lines.push(info(format!(
        "Agent: Progress: {parsed} records parsed ({bytes} bytes), and {sent} records sent \
         successfully to destinations. Uptime: {}ms",
        millis(uptime)
    )));
    lines.extend(behind_line("Agent: Tailing is", behind, emit_internal));
    lines
}

fn info(text: String) -> StatusLine {
    StatusLine { level: Level::INFO, text }
}

fn behind_line(
    subject: &str,
    (bytes, files): (u64, u64),
    emit_internal: bool,
) -> Option<StatusLine> {
    let level = match bytes {
        BEHIND_WARN_BYTES.. => Level::WARN,
        BEHIND_INFO_BYTES.. => Level::INFO,
        _ if emit_internal => Level::INFO,
        0 => return None,
        _ => Level::DEBUG,
    };
    // Whole kilobytes first, as there; 29,281,475 bytes are 27.924805 MB and not 27.924991.
    let micro_megabytes = u128::from(bytes / 1024) * 1_000_000;
    let rounded = (micro_megabytes + 512) / 1024;
    let (whole, fraction) = (rounded / 1_000_000, rounded % 1_000_000);
    let mut text = format!("{subject} {whole}.{fraction:06} MB ({bytes} bytes) behind.");
    if files > 0 {
        let more = format!(" There are {files} file(s) newer than current file(s) being tailed.");
        text.push_str(&more);
    }
    Some(StatusLine { level, text })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The figures under the Java agent's keys.
fn figures_of(status: &FlowStatus) -> Map<String, Value> {
    let totals = &status.totals;
    let requests = &totals.requests;
    let kinesis = status.destination.starts_with("KinesisStream:");
    let (parser, sender, calls) = if kinesis {
        ("KinesisParser", "KinesisSender", "PutRecords")
    } else {
        ("FirehoseParser", "FirehoseSender", "BatchPut")
    };
    let figures = [
        ("FileTailer.FilesBehind".to_owned(), status.files_behind),
        ("FileTailer.BytesBehind".to_owned(), status.bytes_behind),
        ("FileTailer.RecordsTruncated".to_owned(), totals.records_truncated),
        ("FileTailer.ConsecutiveProcessingErrors".to_owned(), totals.errors_in_a_row),
        (format!("{parser}.TotalBytesConsumed"), totals.bytes_read),
        (format!("{parser}.TotalBytesDiscarded"), totals.bytes_lost),
        (format!("{parser}.TotalRecordsParsed"), totals.records_parsed),
        (format!("{parser}.TotalRecordsProcessed"), totals.records_transformed),
        (format!("{parser}.TotalRecordsSkipped"), totals.records_skipped),
        (format!("{parser}.TotalDataProcessingErrors"), totals.records_raw),
        ("SimplePublisher.TotalSentBuffers".to_owned(), totals.batches_done),
        (format!("{sender}.TotalRecordsAttempted"), requests.records_attempted),
        (format!("{sender}.TotalRecordsSent"), requests.records_sent),
        (format!("{sender}.TotalRecordsFailed"), requests.record_errors),
        (format!("{sender}.Total{calls}Calls"), requests.calls),
        (format!("{sender}.Total{calls}ServiceErrors"), requests.errors),
    ];
    figures.into_iter().map(|(key, figure)| (key, Value::from(figure))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::metrics::totals::{FlowTotals, RequestTotals};

    const ID: &str = "fh:d1:/tmp/app.log*";

    fn status(bytes_behind: u64, files_behind: u64) -> FlowStatus {
        let destination = "DeliveryStream:d1".to_owned();
        let mut status = FlowStatus::starting(Arc::from(ID), destination, Instant::now());
        (status.bytes_behind, status.files_behind) = (bytes_behind, files_behind);
        status.totals = FlowTotals {
            records_parsed: 3,
            bytes_read: 6,
            records_transformed: 2,
            records_skipped: 1,
            records_delivered: 2,
            requests: RequestTotals { calls: 9, ..RequestTotals::default() },
            ..FlowTotals::default()
        };
        status
    }

    fn texts(lines: Vec<StatusLine>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_flow_that_is_not_behind_has_one_line() {
        assert_eq!(
            texts(of_flow(&status(0, 0), false, false)),
            ["FileTailer[fh:d1:/tmp/app.log*]: Tailer Progress: Tailer has parsed 3 records \
                 (6 bytes), transformed 2 records, skipped 1 records, and has successfully sent 2 \
                 records to destination."]
        );
    }

    #[test]
    fn the_agent_adds_its_flows_up() {
        let flows = [status(0, 0), status(0, 0)];
        assert_eq!(
            texts(of_agent(&flows.iter(), Duration::from_millis(30_146), false)),
            ["Agent: Progress: 6 records parsed (12 bytes), and 4 records sent successfully to \
                 destinations. Uptime: 30146ms"]
        );
    }

    #[test]
    fn who_is_behind_says_so_in_megabytes_of_whole_kilobytes() {
        let behind = |bytes, files| {
            let line = of_flow(&status(bytes, files), false, true).pop();
            line.unwrap().text.split_once("]: ").unwrap().1.to_owned()
        };
        assert_eq!(behind(0, 0), "Tailer is 0.000000 MB (0 bytes) behind.");
        assert_eq!(behind(1_023, 0), "Tailer is 0.000000 MB (1023 bytes) behind.");
        assert_eq!(
            behind(29_281_475, 3),
            "Tailer is 27.924805 MB (29281475 bytes) behind. There are 3 file(s) newer than \
             current file(s) being tailed."
        );
        let flows = [status(20_000_000, 1), status(9_281_475, 1)];
        assert_eq!(
            texts(of_agent(&flows.iter(), Duration::ZERO, false)).pop().unwrap(),
            "Agent: Tailing is 27.924805 MB (29281475 bytes) behind. There are 2 file(s) newer \
             than current file(s) being tailed."
        );
    }

    #[test]
    fn how_loud_it_is_depends_on_the_amount() {
        let level = |bytes, emit| {
            let lines = of_flow(&status(bytes, 0), false, emit);
            let agent = of_agent(&[status(bytes, 0)].iter(), Duration::ZERO, emit);
            let levels = [lines.get(1), agent.last().filter(|line| line.text.contains("behind"))]
                .map(|line| line.map(|line| line.level));
            assert_eq!(levels[0], levels[1], "the flow and the agent agree");
            levels[0]
        };
        assert_eq!(level(41_943_040, false), Some(Level::WARN));
        assert_eq!(level(41_943_039, false), Some(Level::INFO));
        assert_eq!(level(20_971_520, false), Some(Level::INFO));
        assert_eq!(level(20_971_519, false), Some(Level::DEBUG));
        assert_eq!(level(1, false), Some(Level::DEBUG));
        assert_eq!(level(0, false), None);
    }

    #[test]
    fn with_internal_metrics_the_behind_lines_are_never_silent() {
        for bytes in [0, 1, 20_971_519] {
            let lines = of_flow(&status(bytes, 0), false, true);
            assert_eq!(lines[1].level, Level::INFO);
        }
        let quiet = of_agent(&[status(0, 0)].iter(), Duration::ZERO, true);
        assert_eq!(quiet.last().unwrap().text, "Agent: Tailing is 0.000000 MB (0 bytes) behind.");
    }

    #[test]
    fn all_figures_are_json_under_the_java_agents_keys() {
        let line = of_agent(&[status(7, 1)].iter(), Duration::from_millis(5), true).remove(0).text;
        let json = line.strip_prefix("Agent: Status: ").unwrap();
        let figures: Value = serde_json::from_str(json).unwrap();
        assert_eq!(
            figures["Agent"],
            json!({"TotalBytesBehind": 7, "TotalFilesBehind": 1, "TotalBytesConsumed": 6,
                "TotalRecordsParsed": 3, "TotalRecordsSent": 2, "UpTimeMillis": 5})
        );
        assert_eq!(figures[ID]["FirehoseParser.TotalRecordsSkipped"], 1);
        assert_eq!(figures[ID]["FirehoseSender.TotalBatchPutCalls"], 9);
        assert_eq!(figures[ID]["FileTailer.BytesBehind"], 7);
        let own = of_flow(&status(0, 0), true, false).remove(0).text;
        let json = own.strip_prefix("FileTailer[fh:d1:/tmp/app.log*]: File Tailer Status: ");
        let own: Value = serde_json::from_str(json.unwrap()).unwrap();
        assert_eq!(own["FileTailer.BytesBehind"], 0);
        let mut kinesis = status(0, 0);
        kinesis.destination = "KinesisStream:s".to_owned();
        let own = figures_of(&kinesis);
        assert_eq!(own["KinesisSender.TotalPutRecordsCalls"], 9);
        assert_eq!(own["KinesisParser.TotalRecordsParsed"], 3);
    }
}
