//! What a flow says about what is in the way of its files: gauges, the list for `/status`, and log
//! lines at the pace of everything that repeats. That a single file cannot be followed, and that it
//! can again, is told with what else happens to files.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Flow;
use crate::log_throttle::{LogPacer, PacerDecision};
use crate::tail::disk::Disk;
use crate::tail::problems::{FileProblem, Reason};

/// The status page names so many problems of a flow; all are counted.
const PROBLEMS_SHOWN_MAX: usize = 100;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct ProblemLines {
    pace: LogPacer,
    /// Whether it was told that nothing matches.
    no_match: bool,
    /// Reasons whose gauges are set; none before the first report.
    told: Option<BTreeMap<Reason, usize>>,
}

/// Problems at one moment.
#[derive(Debug, Default)]
pub(super) struct ProblemReport {
    /// The first of them, in the order of their paths.
    pub(super) shown: Vec<FileProblem>,
    pub(super) total: usize,
}

impl<D: Disk> Flow<D> {
    /// Brings gauges and log up to date and gives what the status shows.
    pub(super) fn report_problems(&mut self, now: Instant) -> ProblemReport {
        let mut report = ProblemReport::default();
        let mut counts: BTreeMap<Reason, usize> = BTreeMap::new();
        let mut worst: Option<&FileProblem> = None;
        for problem in self.tailer.problems() {
            report.total += 1;
            *counts.entry(problem.reason).or_default() += 1;
            if report.shown.len() < PROBLEMS_SHOWN_MAX {
                report.shown.push(problem.clone());
            }
            let older = worst.is_none_or(|worst| problem.since < worst.since);
            if problem.reason.degrades() && older {
                worst = Some(problem);
            }
        }
        let worst = worst.cloned();
        self.set_problem_gauges(&counts);
        self.log_problems(&counts, worst.as_ref(), now);
        report
    }

    fn set_problem_gauges(&mut self, counts: &BTreeMap<Reason, usize>) {
        if self.problem_lines.told.as_ref() == Some(counts) {
            return;
        }
        for reason in Reason::ALL {
            let count = counts.get(&reason).copied().unwrap_or_default();
            self.metrics.file_problems(reason, count);
        }
        self.problem_lines.told = Some(counts.clone());
    }

    fn log_problems(
        &mut self,
        counts: &BTreeMap<Reason, usize>,
        oldest: Option<&FileProblem>,
        now: Instant,
    ) {
        let (flow, lines) = (&self.config.id, &mut self.problem_lines);
        let pattern = self.config.pattern.text();
        let no_match = counts.contains_key(&Reason::NoMatch);
        let before = std::mem::replace(&mut lines.no_match, no_match);
        let newly_unmatched = no_match && !before;
        if before && !no_match {
            tracing::info!(name: "files_found", %flow, %pattern, "files match filePattern again");
        }
        let Some(oldest) = oldest else { return };
        let turn = lines.pace.turn(now);
        let (what, fix) = (&oldest.what, oldest.reason.fix());
        match turn {
            PacerDecision::Next { .. } => {
                let seconds = now.saturating_duration_since(oldest.since).as_secs();
                let problems: usize = degrading(counts).map(|(_, count)| count).sum();
                let reasons: Vec<String> = degrading(counts)
                    .map(|(reason, count)| format!("{}: {count}", reason.label()))
                    .collect();
                tracing::warn!(name: "files_unreadable",
                    %flow, problems, reasons = %reasons.join(", "),
                    file = %oldest.path.display(), seconds, %what, %fix,
                    "files still cannot be followed; showing the oldest");
            }
            PacerDecision::First | PacerDecision::Same if newly_unmatched => {
                tracing::warn!(name: "files_missing",
                    %flow, %pattern, %fix, "no file is read: {what}");
            }
            PacerDecision::First | PacerDecision::Same => {}
        }
    }
}

fn degrading(counts: &BTreeMap<Reason, usize>) -> impl Iterator<Item = (Reason, usize)> {
    counts.iter().filter(|(reason, _)| reason.degrades()).map(|(reason, count)| (*reason, *count))
}
