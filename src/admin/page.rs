//! The page at `/status`: JSON for a person with a shell. Field names carry their units.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::status::{FileStatus, FlowSnapshot, FlowStatus, Snapshot, display_path, most_behind};
use super::{flow_health, health};
use crate::checkpoint::store::StoreHealth;
use crate::send::DestinationHealth;
use crate::shown;
use crate::tail::problems::FileProblem;

/// Beyond this many files of one flow the least lagging are left out and counted.
const FILES_PER_FLOW_MAX: usize = 1_000;

/// What to do while checkpoints cannot be written.
const CHECKPOINTS_FIX: &str = "free space on the disk that holds the file, or repair it; until \
    then do not restart: what was acknowledged meanwhile would be sent again";

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
    lag_bytes: u64,
    lag_seconds: f64,
    /// Since when the oldest of it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_unacknowledged: Option<String>,
    records_per_second: f64,
    bytes_per_second: f64,
    totals: Totals,
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
    bytes_abandoned: u64,
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

/// Where requests go, and as whom.
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
    let problems = health::missing(snapshot);
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
        healthy: health::illnesses(snapshot).is_empty(),
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
    let is_parked = matches!(status.health, DestinationHealth::Parked { .. });
    let next = view.next_try.map(date);
    let (next_probe, next_try) = if is_parked { (next, None) } else { (None, next) };
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
        seconds_since_step: tenths(snapshot.now.saturating_duration_since(status.stepped_at)),
        restarts: status.restarts,
        in_flight_batches: status.in_flight,
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
            bytes_abandoned: status.totals.bytes_abandoned,
            retries: status.totals.retries,
        },
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
    let since = status.stepped_at.checked_sub(waits?)?;
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
mod tests {
    use crate::tail::disk::{Call, DiskError, Fault};
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::admin::status::tests::{file, snapshot};
    use crate::metrics::destination::Place;
    use crate::process::StepCount;

    fn page(snapshot: &Snapshot) -> Value {
        serde_json::from_str(&render(snapshot).unwrap()).unwrap()
    }

    #[test]
    fn the_page_says_everything_about_a_sound_process() {
        let snapshot = snapshot(vec![file(b"/v/\"a\"\n\xff", 7)]);
        assert_eq!(
            page(&snapshot),
            json!({
                "version": env!("CARGO_PKG_VERSION"),
                "pid": std::process::id(),
                "user": rustix::process::geteuid().as_raw(),
                "uptime_seconds": 90,
                "healthy": true,
                "ready": true,
                "problems": [],
                "memory": {"used_bytes": 1, "budget_bytes": 2},
                "checkpoints": {"file": "/var/lib/kinetail/db", "health": "ok"},
                "flows": [{
                    "flow": "f",
                    "destination": "Kinesis stream s",
                    "health": "ok",
                    "since": "2026-11-18T11:05:10Z",
                    "alive": true,
                    "scanned_once": true,
                    "seconds_since_step": 0.0,
                    "restarts": 0,
                    "in_flight_batches": 0,
                    "lag_bytes": 0,
                    "lag_seconds": 0.0,
                    "records_per_second": 0.0,
                    "bytes_per_second": 0.0,
                    "totals": {
                        "records_delivered": 0,
                        "bytes_delivered": 0,
                        "records_skipped": 0,
                        "records_refused": 0,
                        "bytes_abandoned": 0,
                        "retries": 0,
                    },
                    "files_total": 1,
                    "files_open": 0,
                    "problems_total": 0,
                    "problems": [],
                    "files_omitted": 0,
                    "files": [{
                        "path": "/v/\"a\"\n\u{fffd}ff",
                        "state": "open",
                        "size_bytes": 1007,
                        "read_offset": 1000,
                        "acked_offset": 1000,
                        "lag_bytes": 7,
                        "lag_seconds": 1.5,
                    }],
                }],
            })
        );
    }

    #[test]
    fn what_is_wrong_is_on_the_page_with_its_reason() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.process.checkpoints =
            StoreHealth::Failing { reason: "disk full".to_owned(), since: snapshot.now };
        let parked = DestinationHealth::Parked { reason: "no such stream".to_owned() };
        Arc::make_mut(&mut snapshot.flows[0].status).health = parked;
        snapshot.flows[0].alive = false;
        let page = page(&snapshot);
        assert_eq!(page["checkpoints"]["health"], "failing");
        assert_eq!(page["checkpoints"]["reason"], "disk full");
        assert_eq!(page["checkpoints"]["since"], "2026-11-18T11:06:40Z");
        assert!(page["checkpoints"]["fix"].as_str().unwrap().contains("free space"), "{page}");
        assert_eq!(page["flows"][0]["health"], "parked");
        assert_eq!(page["flows"][0]["reason"], "no such stream");
        assert_eq!((&page["healthy"], &page["ready"]), (&json!(false), &json!(false)));
        assert_eq!(page["problems"], json!(["flow f: its thread has ended"]));
    }

    #[test]
    fn what_is_in_the_way_of_files_is_named_and_degrades_a_flow_that_is_otherwise_well() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.now += Duration::from_mins(1);
        let since = snapshot.now.checked_sub(Duration::from_secs(20)).unwrap();
        let problem = |path: &str, fault| {
            let error = DiskError { call: Call::Open, fault };
            FileProblem::of(std::path::Path::new(path), &error.into(), since)
        };
        let status = Arc::make_mut(&mut snapshot.flows[0].status);
        status.problems = vec![problem("/v/d", Fault::NotRegular)];
        status.problems_total = 1;
        status.steps = vec![("FILTER", StepCount { skipped: 3, unparsable: 0 })];
        assert_eq!(page(&snapshot)["flows"][0]["health"], "ok", "a directory holds no lines");
        let status = Arc::make_mut(&mut snapshot.flows[0].status);
        status.problems.push(problem("/v/\x1b", Fault::Denied));
        status.problems_total = 2;
        let page_now = page(&snapshot);
        let flow = &page_now["flows"][0];
        assert_eq!(flow["health"], "degraded");
        let reason = flow["reason"].as_str().unwrap();
        assert!(reason.contains("Permission denied") && reason.contains("chmod"), "{reason}");
        assert_eq!(flow["problems_total"], 2);
        let steps = json!([{"step": 1, "name": "FILTER", "skipped": 3, "unparsable": 0}]);
        assert_eq!(flow["steps"], steps);
        let second = &flow["problems"][1];
        assert_eq!(second["reason"], "permission_denied");
        assert_eq!(second["since"], "2026-11-18T11:06:20Z");
        assert!(second["fix"].as_str().unwrap().contains("chmod"), "{second}");
        let parked = DestinationHealth::Parked { reason: "no such stream".to_owned() };
        Arc::make_mut(&mut snapshot.flows[0].status).health = parked;
        assert_eq!(page(&snapshot)["flows"][0]["health"], "parked", "the worse one is told");
    }

    #[test]
    fn a_destination_is_told_with_where_it_is_and_what_happened_there_last() {
        let mut snapshot = snapshot(Vec::new());
        let start = snapshot.now;
        let after = |seconds| start + Duration::from_secs(seconds);
        let state = Arc::clone(&snapshot.flows[0].status.destination_state);
        state.set_place(Place {
            endpoint: "https://kinesis.eu-west-1.amazonaws.com:443".to_owned(),
            region: "eu-west-1".to_owned(),
            credentials: "profile prod of /root/.aws/credentials".to_owned(),
        });
        state.on_success(start);
        state.on_request(1, after(10));
        snapshot.now = after(12);
        assert_eq!(page(&snapshot)["flows"][0]["health"], "ok", "it may still be under way");
        snapshot.now = after(20);
        let stalled = page(&snapshot);
        let flow = &stalled["flows"][0];
        assert_eq!(flow["health"], "waiting");
        let reason = "no answer from https://kinesis.eu-west-1.amazonaws.com:443 for 10 s";
        assert_eq!(flow["reason"], reason);
        assert_eq!(
            (&flow["since"], &flow["region"]),
            (&json!("2026-11-18T11:06:30Z"), &json!("eu-west-1"))
        );
        assert_eq!(flow["last_success"], "2026-11-18T11:06:20Z");
        state.on_end(1);
        state.on_record_errors("SlowDown", "slower", after(20));
        state.on_wait(1, after(25));
        let throttled = page(&snapshot);
        let flow = &throttled["flows"][0];
        assert_eq!(
            (&flow["health"], &flow["reason"]),
            (&json!("retrying"), &json!("SlowDown: slower"))
        );
        assert_eq!(flow["last_error"]["code"], "SlowDown");
        assert_eq!(flow["next_try"], "2026-11-18T11:06:45Z");
        let parked = DestinationHealth::Parked { reason: "denied".to_owned() };
        Arc::make_mut(&mut snapshot.flows[0].status).health = parked;
        state.on_health(after(20));
        let parked = page(&snapshot);
        let flow = &parked["flows"][0];
        assert_eq!(
            (&flow["next_probe"], &flow["next_try"]),
            (&json!("2026-11-18T11:06:45Z"), &Value::Null)
        );
        assert_eq!(flow["since"], "2026-11-18T11:06:40Z");
        assert_eq!(flow["credentials"], "profile prod of /root/.aws/credentials");
    }

    #[test]
    fn the_other_states_have_names_and_odd_numbers_do_no_harm() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.process.checkpoints = StoreHealth::Closed;
        let status = Arc::make_mut(&mut snapshot.flows[0].status);
        status.health = DestinationHealth::Retrying { reason: "throttled".to_owned() };
        status.lag_seconds = f64::INFINITY;
        let page = page(&snapshot);
        assert_eq!(page["checkpoints"]["health"], "closed");
        assert_eq!(page["flows"][0]["health"], "retrying");
        assert_eq!(page["flows"][0]["lag_seconds"], Value::Null);
    }
}
