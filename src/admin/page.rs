//! The page at `/status`: JSON for a person with a shell. Field names carry their units.

use std::borrow::Cow;
use std::num::NonZero;
use std::time::Duration;

use serde::Serialize;

use super::status::{FileStatus, FlowSnapshot, FlowStatus, Snapshot, display_path, most_behind};
use super::{flow_health, health};
use crate::checkpoint::store::StoreHealth;
use crate::send::DestinationHealth;
use crate::shown;
use crate::tail::problems::FileProblem;

/// Beyond this many files of one flow the least lagging are skipped and counted.
const FILES_PER_FLOW_MAX: usize = 1_000;

/// What to do while checkpoints cannot be written.
const CHECKPOINTS_FIX: &str = "free or repair the disk of the checkpoint database; do not restart \
                               before that: records acknowledged in the meantime would be sent \
                               again";

#[derive(Debug, Serialize)]
struct Page<'a> {
    version: &'static str,
    pid: u32,
    user: u32,
    uptime_seconds: u64,
    healthy: bool,
    ready: bool,
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reload: Option<Reload<'a>>,
    memory: Memory,
    checkpoints: Checkpoints<'a>,
    flows: Vec<Flow<'a>>,
}

/// What the last reload of the configuration came to.
#[derive(Debug, Serialize)]
struct Reload<'a> {
    time: String,
    outcome: &'static str,
    lines: &'a [String],
}

#[derive(Debug, Serialize)]
struct Memory {
    used_bytes: u64,
    budget_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Checkpoints<'a> {
    file: String,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Flow<'a> {
    #[serde(rename = "flow")]
    id: &'a str,
    destination: &'a str,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_probe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<String>,
    #[serde(flatten)]
    place: Option<Where<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Failure>,
    alive: bool,
    /// It was told to deliver what it read and to end, because the configuration changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    draining: bool,
    /// It waits for something that does not answer, such as its disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    hung: Option<String>,
    scanned_once: bool,
    seconds_since_step: f64,
    restarts: u64,
    in_flight_batches: usize,
    /// Records that are to be written to the dead letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letters_waiting: Option<NonZero<u64>>,
    /// Bytes of dead letters on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letters_bytes: Option<NonZero<u64>>,
    lag_bytes: u64,
    lag_seconds: f64,
    /// Since when the oldest of it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_unacknowledged: Option<String>,
    records_per_second: f64,
    bytes_per_second: f64,
    totals: Totals,
    /// `rotatedNames`: which files count as rotated ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated_names: Option<String>,
    files_total: usize,
    files_open: usize,
    problems_total: usize,
    problems: Vec<FileTrouble<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
    files_omitted: usize,
    files: Vec<File>,
}

/// What a flow did since the start.
#[derive(Debug, Serialize)]
struct Totals {
    records_delivered: u64,
    bytes_delivered: u64,
    records_skipped: u64,
    records_refused: u64,
    dead_letters: u64,
    dead_letters_dropped: u64,
    bytes_lost: u64,
    retries: u64,
}

/// What a converter did with records since the flow was started.
#[derive(Debug, Serialize)]
struct Step {
    /// Its place in `dataProcessingOptions`, from 1.
    #[serde(rename = "step")]
    place: usize,
    name: &'static str,
    skipped: u64,
    unparsable: u64,
}

/// Where requests go, and with which identity.
#[derive(Debug, Serialize)]
struct Where<'a> {
    endpoint: &'a str,
    region: &'a str,
    credentials: &'a str,
}

/// The last request or record that failed.
#[derive(Debug, Serialize)]
struct Failure {
    time: String,
    code: String,
    message: String,
}

/// What is in the way of a file, a directory or a pattern.
#[derive(Debug, Serialize)]
struct FileTrouble<'a> {
    file: String,
    reason: &'static str,
    what: &'a str,
    since: String,
    fix: &'static str,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    /// The name that it has now, if that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_now: Option<String>,
    device: u64,
    inode: u64,
    state: &'static str,
    size_bytes: u64,
    read_offset: u64,
    acked_offset: u64,
    lag_bytes: u64,
    lag_seconds: f64,
    /// Since when all that is missing is the end of its last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    half_line_since: Option<String>,
}

/// The whole page, indented, with a line end.
///
/// # Errors
/// None that is known: the page holds nothing that JSON cannot.
pub(super) fn render(snapshot: &Snapshot) -> serde_json::Result<String> {
    let problems = health::readiness_problems(snapshot);
    let process = &snapshot.process;
    let (health, trouble) = match &process.checkpoints {
        StoreHealth::Closed => ("closed", None),
        StoreHealth::Failing { reason, since } => ("failing", Some((reason.as_str(), *since))),
        StoreHealth::Ok => ("ok", None),
    };
    let checkpoints = Checkpoints {
        file: display_path(&process.checkpoint_file),
        health,
        reason: trouble.map(|(reason, _)| reason),
        since: trouble.map(|(_, since)| snapshot.date_of(since)),
        fix: trouble.map(|_| CHECKPOINTS_FIX),
    };
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        user: rustix::process::geteuid().as_raw(),
        uptime_seconds: snapshot.uptime.as_secs(),
        healthy: health::liveness_problems(snapshot).is_empty(),
        ready: problems.is_empty(),
        problems,
        reload: process.reload.as_ref().map(|report| Reload {
            time: snapshot.date_of(report.at),
            outcome: report.outcome.label(),
            lines: &report.lines,
        }),
        memory: Memory {
            used_bytes: process.memory_used_bytes,
            budget_bytes: process.memory_budget_bytes,
        },
        checkpoints,
        flows: snapshot.flows.iter().map(|flow| flow_of(flow, snapshot)).collect(),
    };
    let text = serde_json::to_string_pretty(&page)? + "\n";
    Ok(shown::json(&text).into_owned())
}

fn flow_of<'a>(flow: &'a FlowSnapshot, snapshot: &Snapshot) -> Flow<'a> {
    let status = &flow.status;
    let view = status.destination_state.view();
    let health = flow_health::of(status, &view, snapshot);
    let date = |moment| snapshot.date_of(moment);
    let is_paused = matches!(status.health, DestinationHealth::Paused { .. });
    let last_step = status.pulse.last_step();
    let next = view.next_try.map(date);
    let (next_probe, next_try) = if is_paused { (next, None) } else { (None, next) };
    let problems = status.problems.iter().map(|problem| trouble_of(problem, snapshot)).collect();
    let (files, files_omitted) = most_behind(status, FILES_PER_FLOW_MAX);
    Flow {
        id: &status.flow,
        destination: &status.destination,
        health: health.word,
        reason: health.reason,
        fix: health.fix,
        since: date(health.since),
        next_probe,
        next_try,
        place: status.destination_state.place().map(|place| Where {
            endpoint: &place.endpoint,
            region: &place.region,
            credentials: &place.credentials,
        }),
        last_success: view.last_success.map(date),
        last_error: view.last_error.map(|error| Failure {
            time: date(error.at),
            code: error.code,
            message: error.message,
        }),
        alive: flow.alive,
        draining: status.draining,
        hung: flow.hung.map(|hung| hung.to_string()),
        scanned_once: status.scanned_once,
        seconds_since_step: tenths(snapshot.now.saturating_duration_since(last_step)),
        restarts: status.restarts,
        in_flight_batches: status.in_flight,
        dead_letters_waiting: NonZero::new(status.dead_letters.waiting),
        dead_letters_bytes: NonZero::new(status.dead_letters.kept.bytes),
        lag_bytes: status.lag_bytes,
        lag_seconds: status.lag_seconds,
        oldest_unacknowledged: oldest(status, snapshot),
        records_per_second: flow.rate.records_per_second,
        bytes_per_second: flow.rate.bytes_per_second,
        totals: Totals {
            records_delivered: status.totals.records_delivered,
            bytes_delivered: status.totals.bytes_delivered,
            records_skipped: status.totals.records_skipped,
            records_refused: status.totals.records_refused,
            dead_letters: status.totals.dead_letters,
            dead_letters_dropped: status.totals.dead_letters_dropped,
            bytes_lost: status.totals.bytes_lost,
            retries: status.totals.retries,
        },
        rotated_names: status.rotated_names.as_ref().map(ToString::to_string),
        files_total: status.files_total,
        files_open: status.files_open,
        problems_total: status.problems_total,
        problems,
        steps: (status.steps.iter().enumerate())
            .map(|(place, (name, count))| Step {
                place: place + 1,
                name,
                skipped: count.skipped,
                unparsable: count.unparsable,
            })
            .collect(),
        files_omitted,
        files: files.into_iter().map(|file| file_of(file, snapshot)).collect(),
    }
}

fn oldest(status: &FlowStatus, snapshot: &Snapshot) -> Option<String> {
    let waits =
        Duration::try_from_secs_f64(status.lag_seconds).ok().filter(|_| status.lag_bytes > 0);
    let since = status.reported_at.checked_sub(waits?)?;
    Some(snapshot.date_of(since))
}

fn trouble_of<'a>(problem: &'a FileProblem, snapshot: &Snapshot) -> FileTrouble<'a> {
    FileTrouble {
        file: display_path(&problem.path),
        reason: problem.reason.label(),
        what: &problem.what,
        since: snapshot.date_of(problem.since),
        fix: problem.reason.fix(),
    }
}

fn file_of(file: &FileStatus, snapshot: &Snapshot) -> File {
    File {
        path: display_path(&file.path),
        name_now: file.name_now.as_deref().map(display_path),
        device: file.inode.device,
        inode: file.inode.number,
        state: file.state,
        size_bytes: file.size,
        read_offset: file.read_offset,
        acked_offset: file.acked_offset,
        lag_bytes: file.lag_bytes,
        lag_seconds: file.lag_seconds,
        half_line_since: file.half_line_since.map(|since| snapshot.date_of(since)),
    }
}

/// Nobody reads nanoseconds.
fn tenths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
