//! Schedules in which one call to the disk fails: the first, the second, and so on, until one comes
//! to its end without a failure.
//!
//!     KINETAIL_ALL_FAULTS=1 cargo test schedules::failing
//!     KINETAIL_FAILING=3,417,denied cargo test schedules::failing -- --nocapture

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::panic;
use std::sync::Mutex;
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

/// No schedule makes a hole or a link without a target, and so short ones ask for no name of an
/// open file.
const NOT_MADE: [Call; 4] = [Call::DataFrom, Call::HoleFrom, Call::LeadsTo, Call::NameNow];

/// What one run came to.
struct Outcome {
    /// Which call failed; nothing if there were not so many.
    failed: Option<DiskError>,
    wrong: Option<String>,
    /// Which calls there were.
    calls: Vec<Call>,
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
        let calls = script.log.take().unwrap();
        Outcome { failed: script.failed.first().cloned(), wrong, calls }
    });
    run.unwrap_or_else(|panic| Outcome {
        failed: None,
        calls: Vec::new(),
        wrong: Some(format!("panic: {:?}", panic.downcast_ref::<String>())),
    })
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

#[test]
fn any_call_of_a_schedule_may_fail_and_nothing_is_lost() {
    if let Ok(text) = env::var("KINETAIL_FAILING") {
        return on_threads(1, |_| show(&text)).into_iter().collect();
    }
    let all = env::var_os("KINETAIL_ALL_FAULTS").is_some();
    let count = number("KINETAIL_FAILING_SCHEDULES").unwrap_or(SCHEDULES);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let found = Mutex::new(Vec::new());
    let failed = on_threads(threads, |thread| {
        let mut kinds = BTreeSet::new();
        for seed in (1..=count).skip(thread).step_by(threads) {
            let calls = run(seed, u64::MAX, &Fault::Denied).calls;
            let chosen =
                if all { (1..=calls.len() as u64).collect() } else { sample(seed, &calls) };
            for (at, call) in chosen.into_iter().enumerate() {
                // Each fault in its turn, or all of them.
                let turn = (at + usize::try_from(seed).unwrap()) % FAULTS.len();
                for (name, fault) in FAULTS.iter().skip(if all { 0 } else { turn }) {
                    let outcome = run(seed, call, fault);
                    kinds.extend(outcome.failed.as_ref().map(|failed| failed.call));
                    if let Some(wrong) = &outcome.wrong {
                        let failed = &outcome.failed;
                        let text = format!("{seed},{call},{name}: {failed:?}: {wrong}");
                        found.lock().unwrap().push(text);
                    }
                    if !all {
                        break;
                    }
                }
            }
        }
        kinds
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
