//! Schedules in which one call to the disk fails: the first, the second, and so on. Of steps that
//! make the same calls while nothing arrives and nothing is saved only the first two count.
//!
//!     KINETAIL_ALL_FAULTS=1 cargo test schedules::failing
//!     KINETAIL_FAILING=3,417,denied cargo test schedules::failing -- --nocapture

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kinetail::tail::disk::{Call, DiskError, Fault};

use super::model::Model;
use super::operation::{Operation, generate};
use super::{Place, number, on_threads};

/// What calls fail with.
const FAULTS: [(&str, Fault); 4] = [
    ("denied", Fault::Denied),
    ("too_many_open", Fault::TooManyOpen),
    ("stale", Fault::Stale),
    ("io", Fault::Other(5)),
];

/// How many schedules there are.
const SCHEDULES: u64 = 16;

/// Operations of one: each is run as often as it makes calls.
const OPERATIONS: usize = 3;

/// `cargo test` fails this many calls of each kind in each; all of them when it is asked to.
const SAMPLED: usize = 3;

/// After so many runs it is said how many were made, where all calls are failed.
const TOLD_EVERY: usize = 1000;

/// No schedule makes a hole or a link without a target, and so short ones ask for no name of an
/// open file.
const NOT_MADE: [Call; 4] = [Call::DataFrom, Call::HoleFrom, Call::LeadsTo, Call::NameNow];

/// What one run came to.
struct Outcome {
    /// Which call failed; nothing if there were not so many.
    failed: Option<DiskError>,
    wrong: Option<String>,
    /// Which calls there were, and the numbers of those that are worth failing.
    calls: Vec<Call>,
    telling: Vec<u64>,
}

/// What can be delivered although a call fails: a file that is deleted before it could be opened
/// again is lost.
fn bears(operation: &Operation) -> bool {
    !matches!(operation, Operation::DeleteUnread { .. })
}

fn operations(seed: u64) -> Vec<Operation> {
    generate(seed, OPERATIONS).into_iter().filter(bears).collect()
}

fn run(seed: u64, call: u64, fault: &Fault) -> Outcome {
    let run = panic::catch_unwind(|| {
        let mut model = Model::new(seed, Place::Memory.ground());
        model.troubled = true;
        let disk = model.world.disk.clone();
        {
            let mut script = disk.script.borrow_mut();
            script.calls = 0;
            script.log = Some(Vec::new());
            script.fail = BTreeMap::from([(call, fault.clone())]);
        }
        for operation in operations(seed) {
            tracing::info!("{operation:?}");
            model.apply(&operation);
        }
        let wrong = model.finish().err();
        let mut script = disk.script.borrow_mut();
        let telling = if call == u64::MAX { script.telling_calls() } else { Vec::new() };
        let calls = script.log.take().unwrap();
        Outcome { failed: script.failed.first().cloned(), wrong, calls, telling }
    });
    run.unwrap_or_else(|panic| Outcome {
        failed: None,
        calls: Vec::new(),
        telling: Vec::new(),
        wrong: Some(format!("panic: {:?}", panic.downcast_ref::<String>())),
    })
}

/// Whether a run repeats lines because nothing said where a file has room that is not written yet:
/// what is written there is read again.
fn is_known(outcome: &Outcome, wrong: &str) -> bool {
    let asked = outcome.failed.as_ref().is_some_and(|failed| failed.call == Call::HoleFrom);
    asked && wrong.contains("came too often") && !wrong.contains("did not arrive")
}

/// Calls of each kind, the first one among them.
fn sample(seed: u64, calls: &[Call]) -> Vec<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chosen = BTreeSet::new();
    for kind in Call::ALL {
        let places = (1..).zip(calls).filter(|(_, call)| **call == kind).map(|(place, _)| place);
        let places: Vec<u64> = places.collect();
        chosen.extend(places.first());
        if !places.is_empty() {
            chosen.extend((1..SAMPLED).map(|_| places[random.usize(..places.len())]));
        }
    }
    chosen.into_iter().collect()
}

/// Which calls of a schedule fail, and with what: each fault in its turn, or all of them.
fn chosen(seed: u64, all: bool) -> Vec<(u64, u64, usize)> {
    let usual = run(seed, u64::MAX, &Fault::Denied);
    if all {
        let telling = usual.telling.into_iter();
        return telling
            .flat_map(|call| (0..FAULTS.len()).map(move |kind| (seed, call, kind)))
            .collect();
    }
    let calls = sample(seed, &usual.calls).into_iter().enumerate();
    let turn = |at: usize| (at + usize::try_from(seed).unwrap()) % FAULTS.len();
    calls.map(|(at, call)| (seed, call, turn(at))).collect()
}

#[test]
fn any_call_of_a_schedule_may_fail_and_nothing_is_lost() {
    if let Ok(text) = env::var("KINETAIL_FAILING") {
        return on_threads(1, |_| show(&text)).into_iter().collect();
    }
    let all = env::var_os("KINETAIL_ALL_FAULTS").is_some();
    let count = number("KINETAIL_FAILING_SCHEDULES").unwrap_or(SCHEDULES);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let chosen: Vec<(u64, u64, usize)> = on_threads(threads, |thread| {
        let seeds = (1..=count).skip(thread).step_by(threads);
        seeds.flat_map(|seed| chosen(seed, all)).collect::<Vec<_>>()
    })
    .concat();
    let found = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let failed = on_threads(threads, |_| {
        let mut kinds = BTreeSet::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((seed, call, fault)) = chosen.get(at) else { return kinds };
            if all && at.is_multiple_of(TOLD_EVERY) {
                eprintln!("{at} of {} runs", chosen.len());
            }
            let (name, fault) = &FAULTS[*fault];
            let outcome = run(*seed, *call, fault);
            kinds.extend(outcome.failed.as_ref().map(|failed| failed.call));
            if let Some(wrong) = outcome.wrong.as_ref().filter(|wrong| !is_known(&outcome, wrong)) {
                let failed = &outcome.failed;
                let text = format!("{seed},{call},{name}: {failed:?}: {wrong}");
                found.lock().unwrap().push(text);
            }
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} runs:\n{}", found.len(), found.join("\n"));
    let failed: BTreeSet<Call> = failed.into_iter().flatten().collect();
    let never: Vec<_> = Call::ALL
        .iter()
        .filter(|call| !failed.contains(call) && !NOT_MADE.contains(call))
        .collect();
    assert!(never.is_empty(), "none of these calls failed: {never:?}");
}

fn show(text: &str) {
    let parts: Vec<&str> = text.split(',').collect();
    let (_, fault) = FAULTS.iter().find(|(name, _)| *name == parts[2]).unwrap();
    let log = tracing_subscriber::fmt().with_test_writer().without_time().finish();
    let (seed, call) = (parts[0].parse().unwrap(), parts[1].parse().unwrap());
    let outcome = tracing::subscriber::with_default(log, || run(seed, call, fault));
    assert!(outcome.wrong.is_none(), "{:?}: {:?}", outcome.failed, outcome.wrong);
}
