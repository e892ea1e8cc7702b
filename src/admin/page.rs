//! The page at `/status`: JSON for a person with a shell. Field names carry their units.

use std::borrow::Cow;
use std::num::NonZero;
use std::time::Duration;

use self::model::{Checkpoints, Failure, File, Flow, Memory, Page, Reload, Step, Totals};
use self::model::{Trouble, Where};
use super::status::{FileStatus, FlowSnapshot, FlowStatus, Snapshot, display_path, most_behind};
use super::{flow_health, health};
use crate::checkpoint::store::StoreHealth;
use crate::send::DestinationHealth;
use crate::shown;
use crate::tail::problems::FileProblem;

pub(crate) mod model;

/// Beyond this many files of one flow the least lagging are skipped and counted.
const FILES_PER_FLOW_MAX: usize = 1_000;

/// What to do while checkpoints cannot be written.
const CHECKPOINTS_FIX: &str = "free or repair the disk of the checkpoint database; do not restart \
                               before that: records acknowledged in the meantime would be sent \
                               again";

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
        health: health.to_owned(),
        reason: trouble.map(|(reason, _)| reason.to_owned()),
        since: trouble.map(|(_, since)| snapshot.date_of(since)),
        fix: trouble.map(|_| CHECKPOINTS_FIX.to_owned()),
    };
    let page = Page {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        user: rustix::process::geteuid().as_raw(),
        uptime_seconds: snapshot.uptime.as_secs(),
        healthy: health::liveness_problems(snapshot).is_empty(),
        ready: problems.is_empty(),
        problems,
        reload: process.reload.as_ref().map(|report| Reload {
            time: snapshot.date_of(report.at),
            outcome: report.outcome.label().to_owned(),
            lines: report.lines.clone(),
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

fn flow_of(flow: &FlowSnapshot, snapshot: &Snapshot) -> Flow {
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
        id: status.flow.to_string(),
        destination: status.destination.clone(),
        health: health.word.to_owned(),
        reason: health.reason.map(Cow::into_owned),
        fix: health.fix.map(str::to_owned),
        since: date(health.since),
        next_probe,
        next_try,
        place: status.destination_state.place().map(|place| Where {
            endpoint: place.endpoint.clone(),
            region: place.region.clone(),
            credentials: place.credentials.clone(),
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
        lag_seconds: Some(status.lag_seconds),
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
                name: (*name).to_owned(),
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

fn trouble_of(problem: &FileProblem, snapshot: &Snapshot) -> Trouble {
    Trouble {
        file: display_path(&problem.path),
        reason: problem.reason.label().to_owned(),
        what: problem.what.clone(),
        since: snapshot.date_of(problem.since),
        fix: problem.reason.fix().to_owned(),
    }
}

fn file_of(file: &FileStatus, snapshot: &Snapshot) -> File {
    File {
        path: display_path(&file.path),
        name_now: file.name_now.as_deref().map(display_path),
        device: file.inode.device,
        inode: file.inode.number,
        state: file.state.to_owned(),
        size_bytes: file.size,
        read_offset: file.read_offset,
        acked_offset: file.acked_offset,
        lag_bytes: file.lag_bytes,
        lag_seconds: Some(file.lag_seconds),
        half_line_since: file.half_line_since.map(|since| snapshot.date_of(since)),
    }
}

/// Nobody reads nanoseconds.
fn tenths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
