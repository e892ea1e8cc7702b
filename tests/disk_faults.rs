//! Every call to the disk fails once.
//!
//! A run of a small scenario makes some hundred or thousand calls. The scenario is run again and
//! again, and each time another one of them fails: the first, the second, and so on. Of steps that
//! make the same calls while nothing arrives and nothing is saved only the first two count. All
//! lines must arrive without a restart, for the fault is over then. After that the flow is killed
//! and started again, for what was acknowledged too early is lost then. None may be missing, none
//! may come twice that does not where nothing fails, and no row may say that more is acknowledged
//! than what arrived. Only a kill may repeat lines.
//!
//!     KINETAIL_FAULT=rotated,417,denied cargo test disk_faults -- --nocapture
//!     KINETAIL_ALL_FAULTS=1 cargo test disk_faults
//!     KINETAIL_ALL_FAULTS=linked,copied cargo test disk_faults

mod scenarios;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use kinetail::tail::disk::{Call, DiskError, Fault};
use kinetail::tail::tailer::ROTATED_HOLD;

use self::scenarios::{COMPRESSED_AT_ONCE, SCENARIOS, Scenario};
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::World;

/// What calls fail with.
const FAULTS: [(&str, Fault); 4] = [
    ("denied", Fault::Denied),
    ("too_many_open", Fault::TooManyOpen),
    ("stale", Fault::Stale),
    ("io", Fault::Other(5)),
];

/// `cargo test` fails one in so many; all of them when it is
/// asked to.
const SAMPLED: usize = 11;

/// After so many runs it is said how many were made, where all calls are failed.
const TOLD_EVERY: usize = 1000;

/// What one run came to.
struct Outcome {
    /// Which call failed; nothing if there were not so many.
    failed: Option<DiskError>,
    wrong: Option<String>,
    /// How many lines came twice without a restart.
    repeated: usize,
    /// The calls before the flow was killed that are worth failing.
    telling: Vec<u64>,
}

/// Runs a scenario in which one call fails, if it comes to it.
fn run(scenario: &Scenario, call: u64, fault: &Fault) -> Outcome {
    let world = World::within(Ground::in_memory(), scenario.pattern, |_| {});
    let mut scene = Scene::of(world);
    // Of what came before a flow looked for the first time nothing is promised.
    scene.step();
    {
        let mut script = scene.disk.script.borrow_mut();
        script.calls = 0;
        script.log = Some(Vec::new());
        script.fail = BTreeMap::from([(call, fault.clone())]);
    }
    (scenario.happens)(&mut scene);
    // What could not be opened is tried again within ten seconds.
    scene.run(ROTATED_HOLD + Duration::from_secs(12));
    scene.settle();
    let mut wrong = acknowledged_too_much(&scene);
    // Without a restart, too: the fault is long over.
    let verdict = scene.verdict();
    if !verdict.is_complete() {
        wrong.get_or_insert_with(|| format!("without a restart: {verdict}"));
    }
    let repeated = verdict.repeated.len();
    let (telling, failed) = {
        let script = scene.disk.script.borrow();
        let telling = if call == u64::MAX { script.telling_calls() } else { Vec::new() };
        (telling, script.failed.first().cloned())
    };
    scene.disk.script.borrow_mut().fail.clear();
    scene.crash();
    scene.start();
    scene.settle();
    let verdict = scene.verdict();
    if !verdict.is_complete() {
        wrong.get_or_insert_with(|| verdict.to_string());
    }
    Outcome { failed, wrong, repeated, telling }
}

/// A row that says that more of a file is acknowledged than what arrived of it.
fn acknowledged_too_much(scene: &Scene) -> Option<String> {
    let arrived: BTreeSet<&[u8]> = scene.world.stream.iter().map(Vec::as_slice).collect();
    let is_missing = |line: &&[u8]| line.ends_with(b"\n") && !arrived.contains(line);
    scene.rows().values().find_map(|row| {
        let bytes = scene.files.read(Path::new(&row.path))?;
        let settled = bytes.get(..usize::try_from(row.offset).ok()?)?;
        // A path may lead to another content by now; then the lines are another row's.
        let same = row.head.agrees(&bytes);
        let lost = settled.split_inclusive(|byte| *byte == b'\n').find(is_missing)?;
        same.then(|| {
            let line = String::from_utf8_lossy(lost).into_owned();
            format!(
                "{} is acknowledged to {}: {line:?} did not arrive",
                row.path.display(),
                row.offset
            )
        })
    })
}

#[test]
fn any_call_to_the_disk_may_fail_and_nothing_is_lost() {
    if let Ok(text) = env::var("KINETAIL_FAULT") {
        return show(&text);
    }
    let all = env::var("KINETAIL_ALL_FAULTS").ok();
    let named = |name: &str| {
        let all = all.as_deref().filter(|all| *all != "1");
        all.is_none_or(|all| all.split(',').any(|one| one == name))
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let chosen: Vec<usize> = (0..SCENARIOS.len()).filter(|at| named(SCENARIOS[*at].name)).collect();
    let usual = shared(threads, &chosen, |at| (*at, usual(&SCENARIOS[*at])));
    let every = if all.is_some() { 1 } else { SAMPLED };
    let calls = |(at, usual): &(usize, Usual)| {
        let (at, usual) = (*at, usual.clone());
        // Other calls of each scenario with each fault.
        let kinds = (0..FAULTS.len()).flat_map(move |kind| {
            let calls = usual.calls.clone().into_iter().skip((at + kind) % every).step_by(every);
            calls.map(move |call| Failing { at, kind, call, usual: usual.repeated })
        });
        kinds.collect::<Vec<_>>()
    };
    let failing: Vec<Failing> = usual.iter().flat_map(calls).collect();
    let done = AtomicUsize::new(0);
    let found: Vec<String> = shared(threads, &failing, |failing| {
        let done = done.fetch_add(1, Ordering::Relaxed);
        if all.is_some() && done.is_multiple_of(TOLD_EVERY) {
            eprintln!("{done} of {} runs", failing_count(&usual));
        }
        failing.check()
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(found.is_empty(), "{} runs:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_compressed_generation_that_could_not_be_examined_in_its_turn_is_read() {
    let usual = usual(&COMPRESSED_AT_ONCE);
    assert!(usual.calls.len() > 50, "{}", usual.calls.len());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let wrong = |call: &u64| run(&COMPRESSED_AT_ONCE, *call, &Fault::Denied).wrong;
    let found: Vec<String> = shared(threads, &usual.calls, wrong).into_iter().flatten().collect();
    assert!(found.is_empty(), "{found:#?}");
}

fn failing_count(usual: &[(usize, Usual)]) -> usize {
    usual.iter().map(|(_, usual)| usual.calls.len() * FAULTS.len()).sum()
}

/// Does something with each of these, on so many threads. Gives back the results in any order.
fn shared<I: Sync, T: Send>(threads: usize, items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let (next, work) = (&next, &work);
    thread::scope(|scope| {
        let start = |_| {
            scope.spawn(move || {
                let mut done = Vec::new();
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    done.push(work(item));
                }
                done
            })
        };
        let threads: Vec<_> = (0..threads).map(start).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// A scenario in which nothing fails.
#[derive(Clone)]
struct Usual {
    /// What little proves too little is sent again, whatever fails.
    repeated: usize,
    /// The calls that are worth failing.
    calls: Vec<u64>,
}

fn usual(scenario: &Scenario) -> Usual {
    let Outcome { repeated, telling, .. } = run(scenario, u64::MAX, &Fault::Denied);
    Usual { repeated, calls: telling }
}

/// A run in which one call fails.
struct Failing {
    at: usize,
    kind: usize,
    call: u64,
    /// So many lines come twice where nothing fails.
    usual: usize,
}

impl Failing {
    /// A deleted file whose handle is stale is gone: nothing can be compared with what it held, so
    /// what the file that took its place has in common with it is sent again.
    fn forgets_what_was_replaced(&self, outcome: &Outcome) -> bool {
        let is_stale = |failed: &DiskError| {
            failed.call == Call::StatOpen && matches!(failed.fault, Fault::Stale)
        };
        SCENARIOS[self.at].name == "deleted_and_replaced"
            && outcome.failed.as_ref().is_some_and(is_stale)
    }

    /// Says what is wrong.
    fn check(&self) -> Option<String> {
        let (scenario, (name, fault)) = (&SCENARIOS[self.at], &FAULTS[self.kind]);
        let outcome = run(scenario, self.call, fault);
        let repeats = outcome.repeated > self.usual && !self.forgets_what_was_replaced(&outcome);
        let repeats = repeats.then(|| format!("{} lines came twice", outcome.repeated));
        let wrong = outcome.wrong.or(repeats)?;
        let (call, failed) = (self.call, outcome.failed);
        Some(format!("{},{call},{name}: {failed:?}: {wrong}", scenario.name))
    }
}

fn show(text: &str) {
    let parts: Vec<&str> = text.split(',').collect();
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == parts[0]).unwrap();
    let (_, fault) = FAULTS.iter().find(|(name, _)| *name == parts[2]).unwrap();
    let log = tracing_subscriber::fmt().with_test_writer().without_time().finish();
    let call = parts[1].parse().unwrap();
    let outcome = tracing::subscriber::with_default(log, || run(scenario, call, fault));
    assert!(outcome.wrong.is_none(), "{:?}: {:?}", outcome.failed, outcome.wrong);
}
