//! Outages in every order: what is told of them, and that nothing of one is told of another.

use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "an instant can be had from a clock only")]
fn start() -> Instant {
    Instant::now()
}

fn after(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

#[test]
fn a_long_outage_is_one_line_then_summaries_ever_less_often_then_one() {
    let start = start();
    let mut repeats = FailureLog::default();
    let lines: Vec<FailureLine> = (0..36_000)
        .filter_map(|step| repeats.on_failure("CannotConnect", after(start, step * 100)))
        .collect();
    assert_eq!(lines.len(), 10, "an hour: the first, and nine summaries: {lines:?}");
    assert_eq!(lines[0], FailureLine::First);
    let FailureLine::Summary { failures, kinds, over } = &lines[1] else {
        panic!("{lines:?}");
    };
    assert_eq!((*failures, kinds.as_str()), (301, "CannotConnect: 301"));
    assert_eq!(*over, SUMMARY_INTERVAL);
    let Some(FailureLine::Summary { over, .. }) = lines.last() else { panic!("{lines:?}") };
    assert!(*over > Duration::from_mins(50), "since it began: {over:?}");
    assert!(repeats.is_failing());
    let lasted = Duration::from_hours(1);
    let kinds = "CannotConnect: 36000".to_owned();
    let recovered = FailureLine::Recovered { failures: 36_000, kinds, lasted };
    assert_eq!(repeats.on_success(after(start, 3_600_000)), Some(recovered));
    assert_eq!(repeats.on_success(after(start, 3_600_001)), None);
    assert!(!repeats.is_failing());
}

#[test]
fn what_did_not_happen_for_long_is_new_again() {
    let start = start();
    let mut repeats = FailureLog::default();
    assert_eq!(repeats.on_failure("A", start), Some(FailureLine::First));
    assert!(repeats.on_success(start).is_some());
    assert_eq!(repeats.on_failure("A", start), None);
    assert_eq!(repeats.on_success(start), None);
    let later = start + SUMMARY_INTERVAL_MAX;
    assert_eq!(repeats.on_failure("A", later), Some(FailureLine::First));
    let kinds = "A: 1".to_owned();
    let recovered =
        FailureLine::Recovered { failures: 1, kinds: kinds.clone(), lasted: Duration::ZERO };
    assert_eq!(repeats.on_success(later), Some(recovered), "an outage counts its own failures");
    let brief = FailureLine::Brief { outages: 1, failures: 1, kinds, over: Duration::ZERO };
    let last = later + SUMMARY_INTERVAL_MAX;
    assert_eq!(repeats.on_success(last), Some(brief), "what was not told yet is told in the end");
    assert_eq!(repeats.on_success(last + SUMMARY_INTERVAL_MAX), None);
}

#[test]
fn a_pace_says_when_its_window_is_over() {
    let start = start();
    let mut pace = LogPacer::default();
    assert!(pace.is_over(start));
    assert_eq!(pace.turn(start), PacerDecision::First);
    assert!(!pace.is_over(after(start, 29_999)));
    assert!(pace.is_over(after(start, 30_000)));
    assert_eq!(pace.turn(after(start, 29_999)), PacerDecision::Same);
    let next = PacerDecision::Next { over: SUMMARY_INTERVAL };
    assert_eq!(pace.turn(after(start, 30_000)), next);
    assert!(!pace.is_over(after(start, 89_999)), "the next window is twice as long");
}

#[test]
fn a_new_kind_is_named_at_once() {
    let start = start();
    let mut repeats = FailureLog::default();
    assert_eq!(repeats.on_failure("A", start), Some(FailureLine::First));
    assert_eq!(repeats.on_failure("A", start), None);
    assert_eq!(repeats.on_failure("B", start), Some(FailureLine::First));
}

#[test]
fn trouble_that_comes_and_goes_does_not_chatter() {
    let start = start();
    let mut repeats = FailureLog::default();
    let mut lines = 0;
    for step in 0..36_000 {
        let now = after(start, step * 100);
        lines += usize::from(repeats.on_failure("SlowDown", now).is_some());
        lines += usize::from(repeats.on_success(now).is_some());
    }
    assert_eq!(lines, 11, "an hour of it: the first, that it is over, and sums");
}

#[test]
fn made_up_codes_fill_neither_memory_nor_the_log() {
    let start = start();
    let mut repeats = FailureLog::default();
    let lines = (0..1000).filter_map(|n| repeats.on_failure(&format!("Code{n}"), start)).count();
    assert_eq!(lines, KINDS_MAX);
    let outage = repeats.outage.as_ref().unwrap();
    assert!(outage.counts.by_kind.len() <= KINDS_MAX + 1);
    assert!(repeats.named.len() <= KINDS_MAX + 1);
    let Some(FailureLine::Summary { failures, .. }) = repeats.on_failure("X", after(start, 30_000))
    else {
        panic!("a summary is due");
    };
    assert_eq!(failures, 1001);
}

#[test]
fn an_outage_that_is_over_is_in_no_line_about_the_next() {
    let start = start();
    let mut repeats = FailureLog::default();
    assert_eq!(repeats.on_failure("AccessDenied", start), Some(FailureLine::First));
    for second in 1..=20 {
        assert_eq!(repeats.on_failure("AccessDenied", after(start, second * 1000)), None);
    }
    let Some(FailureLine::Recovered { failures, kinds, lasted }) =
        repeats.on_success(after(start, 21_000))
    else {
        panic!("it was told");
    };
    assert_eq!((failures, kinds.as_str(), lasted.as_secs()), (21, "AccessDenied: 21", 21));
    let begin = after(start, 22_000);
    assert_eq!(
        repeats.on_failure("CannotConnect", begin),
        Some(FailureLine::First),
        "another kind"
    );
    assert_eq!(repeats.since(), Some(begin));
    let summary = (1..=30).filter_map(|second| {
        repeats.on_failure("CannotConnect", begin + Duration::from_secs(second))
    });
    let [FailureLine::Summary { failures, kinds, over }] = &summary.collect::<Vec<_>>()[..] else {
        panic!("one summary after half a minute");
    };
    assert_eq!((*failures, kinds.as_str(), over.as_secs()), (31, "CannotConnect: 31", 30));
}

#[test]
fn an_outage_soon_after_another_is_told_when_it_lasts() {
    let start = start();
    let mut repeats = FailureLog::default();
    assert_eq!(repeats.on_failure("A", start), Some(FailureLine::First));
    assert!(repeats.on_success(start).is_some());
    let begin = after(start, 1000);
    let lines: Vec<(u64, FailureLine)> = (0..60)
        .filter_map(|second| {
            let at = begin + Duration::from_secs(second);
            repeats.on_failure("A", at).map(|line| (second, line))
        })
        .collect();
    let [(30, FailureLine::Summary { failures: 31, over, .. })] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(*over, SUMMARY_INTERVAL, "since this one began");
    let end = begin + Duration::from_mins(1);
    let Some(FailureLine::Recovered { failures: 60, lasted, .. }) = repeats.on_success(end) else {
        panic!("it was told");
    };
    assert_eq!(lasted, Duration::from_mins(1));
}

/// What is known of the outages so far, found out in another way.
#[derive(Debug, Default)]
struct Model {
    outage: Option<(Instant, Vec<&'static str>, bool)>,
    /// Failures of outages that are over and had no line.
    untold: Vec<&'static str>,
    untold_outages: u64,
}

fn sum_of(kinds: &str) -> BTreeMap<String, u64> {
    let pairs = kinds.split(", ").filter_map(|kind| kind.split_once(": "));
    pairs.map(|(kind, count)| (kind.to_owned(), count.parse().unwrap())).collect()
}

fn counted(failures: &[&str]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for kind in failures {
        *counts.entry((*kind).to_owned()).or_default() += 1;
    }
    counts
}

impl Model {
    fn check_failure(&mut self, kind: &'static str, now: Instant, line: Option<&FailureLine>) {
        let (since, failures, told) = self.outage.get_or_insert((now, Vec::new(), false));
        failures.push(kind);
        let lasted = now.saturating_duration_since(*since);
        match line {
            None => assert!(lasted < SUMMARY_INTERVAL || *told, "{lasted:?} and nothing is told"),
            Some(FailureLine::First) => *told = true,
            Some(FailureLine::Summary { failures: count, kinds, over }) => {
                assert_eq!(*count, failures.len() as u64);
                assert_eq!(sum_of(kinds), counted(failures));
                assert_eq!(*over, lasted);
                *told = true;
            }
            Some(other) => panic!("at a failure: {other:?}"),
        }
    }

    fn check_success(&mut self, now: Instant, line: Option<&FailureLine>) {
        match (self.outage.take(), line) {
            (
                Some((since, failures, true)),
                Some(FailureLine::Recovered { failures: count, kinds, lasted }),
            ) => {
                assert_eq!(*count, failures.len() as u64);
                assert_eq!(sum_of(kinds), counted(&failures));
                assert_eq!(*lasted, now.saturating_duration_since(since));
                return;
            }
            (Some((_, failures, false)), _) => {
                self.untold.extend(failures);
                self.untold_outages += 1;
            }
            (None, _) => {}
            (Some((_, _, true)), other) => panic!("a told outage ends with its line: {other:?}"),
        }
        match line {
            None => {}
            Some(FailureLine::Brief { outages, failures, kinds, .. }) => {
                assert_eq!((*outages, *failures), (self.untold_outages, self.untold.len() as u64));
                assert_eq!(sum_of(kinds), counted(&self.untold));
                (self.untold, self.untold_outages) = (Vec::new(), 0);
            }
            Some(other) => panic!("at a success: {other:?}"),
        }
    }
}

proptest! {
    /// Random failures and successes: each line counts exactly the failures that it is about, a
    /// told outage ends with one line, one that lasts is told, and none is forgotten.
    #[test]
    fn each_line_is_about_one_outage_and_all_are_told(
        steps in prop::collection::vec((0_u64..5, 0_usize..6, 0_u64..60_000), 1..400),
    ) {
        const KINDS: [&str; 3] = ["AccessDenied", "CannotConnect", "SlowDown"];
        let mut now = start();
        let (mut repeats, mut model) = (FailureLog::default(), Model::default());
        for (scale, what, millis) in steps {
            // Mostly short steps, and now and then a long one.
            now += Duration::from_millis(if scale == 0 { millis } else { millis / 200 });
            if let Some(kind) = KINDS.get(what) {
                let line = repeats.on_failure(kind, now);
                model.check_failure(kind, now, line.as_ref());
            } else {
                let line = repeats.on_success(now);
                model.check_success(now, line.as_ref());
            }
            prop_assert_eq!(repeats.since(), model.outage.as_ref().map(|(since, ..)| *since));
        }
        let line = repeats.on_success(now);
        model.check_success(now, line.as_ref());
        let end = now + SUMMARY_INTERVAL_MAX;
        let line = repeats.on_success(end);
        model.check_success(end, line.as_ref());
        prop_assert!(model.untold.is_empty(), "forgotten: {:?}", model.untold);
    }
}
