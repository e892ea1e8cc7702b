//! How a flow is, in one word, with the reason and since when: its destination first, then its
//! files. Pure.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::status::{FlowStatus, Snapshot, display_path};
use crate::dead_letters::KeptLetters;
use crate::metrics::destination::DestinationView;
use crate::send::{DestinationHealth, advice};
use crate::shown::counted;
use crate::tail::problems::FileProblem;

/// A request without an answer for this long is worth a word. Most are answered within a tenth of a
/// second.
const WAITING_AFTER: Duration = Duration::from_secs(3);

/// A writer that is in the middle of a line for this long is stuck, or wrote no end of it.
const HALF_LINE_AFTER: Duration = Duration::from_mins(1);

/// What to do about such a line.
const HALF_LINE_FIX: &str = "see what its writer waits for; if it ends no line, partialLineMillis \
    has such lines sent as they are";

/// What to do while dead letters cannot be written.
const DEAD_LETTERS_FIX: &str = "free space in deadLetterDirectory, or let kinetail's user write \
    there; batches with such records wait until then, no data lost";

/// What to do about dead letters on disk.
const KEPT_LETTERS_FIX: &str = "see kinetail dead-letters list and show; correct the cause, then \
    kinetail dead-letters resend, or purge";

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
        DestinationHealth::Paused { reason } => is("paused", Cow::Borrowed(reason), since),
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
            if let Some((reason, since)) = &status.dead_letters.failing {
                let reason = Some(Cow::Owned(format!("dead letters wait: {reason}")));
                let fix = Some(DEAD_LETTERS_FIX);
                return FlowHealth { word: "degraded", reason, fix, since: *since };
            }
            match degraded(status) {
                Some((reason, first)) => FlowHealth {
                    word: "degraded",
                    reason: Some(reason.into()),
                    fix: Some(first.reason.fix()),
                    since: first.since,
                },
                None => half_line(status, snapshot.now)
                    .or_else(|| kept_letters(status, started))
                    .unwrap_or(FlowHealth { word: "ok", reason: None, fix: None, since }),
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
    Some((format!("no response from {endpoint} for {} s", time.as_secs()), since))
}

/// Everything is delivered but a line whose end does not come.
fn half_line<'a>(status: &FlowStatus, now: Instant) -> Option<FlowHealth<'a>> {
    let files = status.files.iter();
    let waiting = files.filter_map(|file| Some((file.half_line_since?, file)));
    let (since, file) = waiting.min_by_key(|(since, _)| *since)?;
    if now.saturating_duration_since(since) < HALF_LINE_AFTER {
        return None;
    }
    let path = display_path(&file.path);
    let reason = format!("{path}: its last line has no end, so it is not sent");
    let fix = Some(HALF_LINE_FIX);
    Some(FlowHealth { word: "degraded", reason: Some(reason.into()), fix, since })
}

/// Records lie in dead letters that were neither resent nor purged.
fn kept_letters<'a>(status: &FlowStatus, started: Instant) -> Option<FlowHealth<'a>> {
    let letters = &status.dead_letters;
    let KeptLetters { files, bytes, since } = letters.kept;
    if files == 0 {
        return None;
    }
    let place = display_path(&letters.directory);
    let (files, bytes) = (counted(files, "file"), counted(bytes, "byte"));
    let reason = format!("records are not delivered: dead letters in {place}, {files}, {bytes}");
    let (reason, fix) = (Some(reason.into()), Some(KEPT_LETTERS_FIX));
    Some(FlowHealth { word: "degraded", reason, fix, since: since.unwrap_or(started) })
}

/// Why lines may be missing although the destination takes them.
fn degraded(status: &FlowStatus) -> Option<(String, &FileProblem)> {
    let worst = status.problems.iter().filter(|problem| problem.reason.degrades());
    let first = worst.clone().min_by_key(|problem| problem.since)?;
    let more = match worst.count() - 1 {
        0 => String::new(),
        more => format!(" (and {}, listed below)", counted(more, "more problem")),
    };
    let sentence = first.sentence();
    // What to do is told alongside it.
    let what = sentence.strip_suffix(&format!("; {}", first.reason.fix())).unwrap_or(&sentence);
    let reason = format!("{}: {what}{more}", display_path(&first.path));
    Some((reason, first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::status::tests::{file, snapshot};

    #[test]
    fn dead_letters_on_disk_degrade_the_flow() {
        let mut snapshot = snapshot(Vec::new());
        let status = std::sync::Arc::make_mut(&mut snapshot.flows[0].status);
        status.dead_letters.directory = "/d".into();
        status.dead_letters.kept = KeptLetters { files: 1, bytes: 7, since: Some(snapshot.now) };
        let status = std::sync::Arc::clone(&snapshot.flows[0].status);
        let view = status.destination_state.view();
        let health = of(&status, &view, &snapshot);
        assert_eq!((health.word, health.since), ("degraded", snapshot.now));
        let reason = health.reason.unwrap();
        assert!(reason.ends_with("dead letters in /d, 1 file, 7 bytes"), "{reason}");
        assert!(health.fix.unwrap().contains("dead-letters resend"));
    }

    #[test]
    fn a_writer_that_is_stuck_in_a_line_degrades_the_flow_after_a_while() {
        let mut half = file(b"/a", 9);
        let now = Instant::now();
        half.half_line_since = Some(now);
        let mut snapshot = snapshot(vec![half, file(b"/b", 0)]);
        let status = std::sync::Arc::clone(&snapshot.flows[0].status);
        let view = status.destination_state.view();
        for (seconds, word) in [(0, "ok"), (59, "ok"), (60, "degraded"), (3_600, "degraded")] {
            snapshot.now = now + Duration::from_secs(seconds);
            let health = of(&status, &view, &snapshot);
            assert_eq!(health.word, word, "after {seconds} s");
            if word == "degraded" {
                assert_eq!(health.since, now);
                assert!(health.reason.unwrap().starts_with("/a: its last line has no end"));
                assert!(health.fix.unwrap().contains("partialLineMillis"));
            }
        }
    }
}
