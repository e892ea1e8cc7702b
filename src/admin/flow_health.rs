//! How a flow is, in one word, with the reason and since when: its destination first, then its
//! files. Pure.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::status::{FlowStatus, Snapshot, display_path};
use crate::metrics::destination::DestinationView;
use crate::send::{DestinationHealth, advice};
use crate::tail::problems::FileProblem;

/// A request without an answer for this long is worth a word. Most are answered within a tenth of a
/// second.
const WAITING_AFTER: Duration = Duration::from_secs(3);

/// The health of a flow at one moment.
#[derive(Debug)]
pub(super) struct FlowHealth<'a> {
    pub(super) word: &'static str,
    pub(super) reason: Option<Cow<'a, str>>,
    /// What a person does about it.
    pub(super) fix: Option<&'static str>,
    pub(super) since: Instant,
}

/// The worst that is known about a flow.
pub(super) fn of<'a>(
    status: &'a FlowStatus,
    view: &DestinationView,
    snapshot: &Snapshot,
) -> FlowHealth<'a> {
    // What has been so from the start began with the program.
    let started = snapshot.now.checked_sub(snapshot.uptime).unwrap_or(snapshot.now);
    let since = view.since.unwrap_or(started);
    let is = |word, reason: Cow<'a, str>, since| {
        let fix = Some(advice::fix(reason.split(':').next().unwrap_or_default()));
        FlowHealth { word, reason: Some(reason), fix, since }
    };
    match &status.health {
        DestinationHealth::Parked { reason } => is("parked", Cow::Borrowed(reason), since),
        DestinationHealth::Retrying { reason } => is("retrying", Cow::Borrowed(reason), since),
        DestinationHealth::Ok => {
            if let Some((reason, since)) = waiting(status, view, snapshot.now) {
                let fix = Some(advice::fix("Deadline"));
                return FlowHealth { word: "waiting", reason: Some(reason.into()), fix, since };
            }
            if let (Some(since), Some(error)) = (view.records_fail_since, &view.last_error) {
                let reason = format!("{}: {}", error.code, error.message);
                return is("retrying", Cow::Owned(reason), since);
            }
            match degraded(status) {
                Some((reason, first)) => FlowHealth {
                    word: "degraded",
                    reason: Some(reason.into()),
                    fix: Some(first.reason.fix()),
                    since: first.since,
                },
                None => FlowHealth { word: "ok", reason: None, fix: None, since },
            }
        }
    }
}

/// The other side takes a request and does not answer.
fn waiting(status: &FlowStatus, view: &DestinationView, now: Instant) -> Option<(String, Instant)> {
    let since = view.waiting_since?;
    let time = now.saturating_duration_since(since);
    if time < WAITING_AFTER {
        return None;
    }
    let place = status.destination_state.place();
    let endpoint = place.map_or("the service", |place| place.endpoint.as_str());
    Some((format!("no answer from {endpoint} for {} s", time.as_secs()), since))
}

/// Why lines may be missing although the destination takes them.
fn degraded(status: &FlowStatus) -> Option<(String, &FileProblem)> {
    let worst = status.problems.iter().filter(|problem| problem.reason.degrades());
    let first = worst.clone().min_by_key(|problem| problem.since)?;
    let more = match worst.count() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more, see problems)"),
    };
    let reason = format!("{}: {}{more}", display_path(&first.path), first.sentence());
    Some((reason, first))
}
