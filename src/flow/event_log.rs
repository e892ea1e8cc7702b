//! Which events on files get a log line of their own: the first few of a kind in a while; the rest
//! share one. Ten thousand files at a start are not ten thousand lines, and a file that comes and
//! goes indefinitely is not a line each time. Pure; every event is counted whether it is told or
//! not.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::log_throttle::{LogPacer, PacerDecision};
use crate::tail::event::EventKind;

/// So many events of one kind get a line of their own before the rest of a while share one.
const LINES_MAX: usize = 5;

/// One kind.
#[derive(Debug, Default)]
struct KindWindow {
    pace: LogPacer,
    /// Lines in the present window of time.
    lines: usize,
    /// Events without a line since the last one that said how many there were.
    suppressed: u64,
    /// Whether that was said in the present window.
    summed_up: bool,
}

/// The events of a flow.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    kinds: BTreeMap<&'static str, KindWindow>,
}

impl EventLog {
    /// Whether this one gets a line. Nothing that is lost goes without.
    pub(super) fn should_log(&mut self, event: EventKind, now: Instant) -> bool {
        if event == EventKind::Abandoned {
            return true;
        }
        let kind = self.kinds.entry(event.label()).or_default();
        if kind.pace.turn(now) != PacerDecision::Same {
            (kind.lines, kind.summed_up) = (0, false);
        }
        let told = kind.lines < LINES_MAX;
        if told {
            kind.lines += 1;
        } else {
            kind.suppressed += 1;
        }
        told
    }

    /// How many of each kind were held back, as far as it is time to say so: once soon after they
    /// happened, then at the end of the while.
    pub(super) fn take_suppressed(&mut self, now: Instant) -> Vec<(&'static str, u64)> {
        let due = self
            .kinds
            .iter_mut()
            .filter(|(_, kind)| kind.suppressed > 0 && (!kind.summed_up || kind.pace.is_over(now)));
        due.map(|(label, kind)| {
            kind.summed_up = true;
            (*label, std::mem::take(&mut kind.suppressed))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ten_thousand_files_at_a_start_are_six_lines() {
        let (now, mut lines) = (Instant::now(), EventLog::default());
        let told = (0..10_000).filter(|_| lines.should_log(EventKind::Appeared, now)).count();
        assert_eq!(told, LINES_MAX);
        assert_eq!(lines.take_suppressed(now), [("discovered", 9_995)]);
        assert_eq!(lines.take_suppressed(now), []);
    }

    #[test]
    fn a_file_that_comes_and_goes_for_an_hour_is_a_few_lines_and_all_are_counted() {
        let (start, mut lines) = (Instant::now(), EventLog::default());
        let (mut told, mut sums, mut suppressed) = (0, 0, 0);
        for step in 0..36_000 {
            let now = start + Duration::from_millis(step * 100);
            told += u64::from(lines.should_log(EventKind::Problem, now));
            for (_, count) in lines.take_suppressed(now) {
                (sums, suppressed) = (sums + 1, suppressed + count);
            }
        }
        let end = start + Duration::from_hours(2);
        suppressed += lines.take_suppressed(end).iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(told + suppressed, 36_000);
        assert!(told + sums <= 70, "{told} and {sums}");
    }

    #[test]
    fn a_loss_is_always_told_and_an_event_now_and_then_as_well() {
        let (start, mut lines) = (Instant::now(), EventLog::default());
        assert!((0..1_000).all(|_| lines.should_log(EventKind::Abandoned, start)));
        for minute in 0..600 {
            let now = start + Duration::from_mins(12 * minute);
            assert!(lines.should_log(EventKind::Renamed, now));
        }
    }
}
