//! Every call to the disk fails once.
//!
//! A run of a small scenario makes some hundred or thousand calls. The scenario is run again and
//! again, and each time the next of them fails: the first, the second, and so on, until a run comes
//! to its end without a failure. All lines must arrive without a restart, for the fault is over
//! then. After that the flow is killed and started again, for what was acknowledged too early is
//! lost then. None may be missing, none may come twice that does not where nothing fails, and no
//! row may say that more is acknowledged than what arrived. Only a kill may repeat lines.
//!
//!     KINETAIL_FAULT=rotated,417,denied cargo test disk_faults -- --nocapture
//!     KINETAIL_ALL_FAULTS=1 cargo test disk_faults
//!     KINETAIL_ALL_FAULTS=linked,copied cargo test disk_faults

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::time::Duration;

use kinetail::tail::disk::{DiskError, Fault};
use kinetail::tail::tailer::ROTATED_HOLD;

use crate::generations::scheme::{Compress, Scheme, gzip};
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

/// Of calls in a row that are alike, `cargo test` fails one in so many; all of them when it is
/// asked to.
const SAMPLED: u64 = 11;

/// A scenario: what it is called, which names are followed, and what happens.
struct Scenario {
    name: &'static str,
    pattern: &'static str,
    happens: fn(&mut Scene),
}

const SCENARIOS: [Scenario; 12] = [
    Scenario { name: "rotated", pattern: "app.log", happens: rotated },
    Scenario { name: "rotated_in_the_pattern", pattern: "app.log*", happens: rotated },
    Scenario { name: "rotated_unseen", pattern: "app.log", happens: rotated_unseen },
    Scenario { name: "rotated_while_stopped", pattern: "*.log", happens: rotated_while_stopped },
    Scenario { name: "copied_and_truncated", pattern: "app.log*", happens: copied },
    Scenario { name: "compressed", pattern: "app.log", happens: compressed },
    Scenario { name: "linked", pattern: "logs/app.log", happens: linked },
    Scenario { name: "copied_elsewhere", pattern: "app.log", happens: copied },
    Scenario { name: "archived_series", pattern: "app-*.log", happens: archived_series },
    Scenario { name: "found_elsewhere", pattern: "app.log", happens: found_elsewhere },
    Scenario { name: "compressed_unseen", pattern: "app.log", happens: compressed_unseen },
    Scenario { name: "deleted_and_replaced", pattern: "**/app.log", happens: replaced },
];

/// Where a read fails while a copy is compared that is made at this moment, or a compressed file of
/// which little is known, all that was read of it is sent again: so many lines.
const REPEATED: [(&str, usize); 2] = [("copied_and_truncated", 40), ("compressed_unseen", 4)];

/// A look, and what follows it.
const SOON: Duration = Duration::from_millis(700);

fn rotate(scene: &Scene, compress: Compress) {
    Scheme::Number.rotate(&scene.files, &scene.path(""), compress);
}

fn rotated(scene: &mut Scene) {
    scene.write("app.log", "a", 5);
    scene.run(SOON);
    scene.write("app.log", "a", 3);
    rotate(scene, Compress::Never);
    scene.write("app.log", "b", 5);
    scene.run(SOON);
    scene.write("app.log.1", "a", 1);
    scene.run(SOON);
}

fn rotated_unseen(scene: &mut Scene) {
    scene.write("app.log", "a", 5);
    scene.run(SOON);
    for generation in ["b", "c"] {
        rotate(scene, Compress::Never);
        scene.write("app.log", generation, 5);
    }
    scene.hint();
    scene.run(SOON);
}

fn rotated_while_stopped(scene: &mut Scene) {
    scene.write("app.log", "a", 5);
    scene.run(SOON);
    scene.stop();
    scene.write("app.log", "a", 2);
    for generation in ["b", "c"] {
        rotate(scene, Compress::Never);
        scene.write("app.log", generation, 30);
    }
    scene.start();
    scene.run(SOON);
}

fn copied(scene: &mut Scene) {
    scene.write("app.log", "a", 40);
    scene.run(SOON);
    scene.write("app.log", "a", 3);
    let bytes = scene.files.read(&scene.path("app.log")).unwrap();
    scene.files.append(&scene.path("app.log.1"), &bytes);
    drop(scene.files.truncate(&scene.path("app.log")));
    scene.write("app.log", "b", 3);
    scene.run(SOON);
}

fn compressed(scene: &mut Scene) {
    scene.write("app.log", "a", 300);
    scene.run(SOON);
    scene.stop();
    scene.write("app.log", "a", 100);
    rotate(scene, Compress::Now);
    scene.write("app.log", "b", 300);
    rotate(scene, Compress::Delayed);
    scene.write("app.log", "c", 5);
    gzip(&scene.files, &scene.path("app.log.1"));
    scene.start();
    scene.run(SOON);
}

/// A file of a series that came and was compressed between two scans.
fn archived_series(scene: &mut Scene) {
    scene.write("app-1.log", "one", 30);
    scene.run(SOON);
    scene.stop();
    scene.write("app-2.log", "two", 60);
    gzip(&scene.files, &scene.path("app-2.log"));
    scene.write("app-3.log", "three", 5);
    scene.start();
    scene.run(SOON);
}

/// The rest of a content lies under a name that matches nothing.
fn found_elsewhere(scene: &mut Scene) {
    scene.write("app.log", "a", 40);
    scene.run(SOON);
    scene.stop();
    scene.write("app.log", "a", 10);
    scene.files.rename(&scene.path("app.log"), &scene.path("saved-by-hand"));
    scene.write("app.log", "b", 5);
    scene.start();
    scene.run(SOON);
}

/// Several generations are compressed between two looks; one of them is known a little.
fn compressed_unseen(scene: &mut Scene) {
    scene.write("app.log", "a", 4);
    scene.run(SOON);
    scene.crash();
    scene.write("app.log", "a", 20);
    for generation in ["b", "c"] {
        rotate(scene, Compress::Now);
        scene.write("app.log", generation, 40);
    }
    scene.start();
    scene.run(SOON);
    rotate(scene, Compress::Now);
    scene.write("app.log", "d", 5);
    scene.hint();
    scene.run(SOON);
}

fn linked(scene: &mut Scene) {
    let files = scene.files.clone();
    files.create_dir(&scene.path("data"));
    files.create_dir(&scene.path("logs"));
    let link = scene.path("logs/app.log");
    for day in 1..4 {
        let dated = format!("data/app-2026-11-2{day}.log");
        scene.write(&dated, &format!("day{day}"), 5);
        if files.is_there(&link) {
            files.remove_file(&link);
        }
        files.symlink(&scene.path(&dated), &link);
        scene.run(SOON);
    }
}

fn replaced(scene: &mut Scene) {
    let files = scene.files.clone();
    files.create_dir(&scene.path("sub"));
    scene.write("sub/app.log", "a", 40);
    scene.run(SOON);
    files.remove_file(&scene.path("sub/app.log"));
    scene.write("sub/app.log", "b", 4);
    scene.run(SOON);
    let all = files.read(&scene.path("sub/app.log")).unwrap();
    files.append(&scene.path("sub/new"), &all);
    scene.write("sub/new", "b", 4);
    files.rename(&scene.path("sub/new"), &scene.path("sub/app.log"));
    scene.run(SOON);
}

/// What one run came to.
struct Outcome {
    /// Which call failed; nothing if there were not so many.
    failed: Option<DiskError>,
    wrong: Option<String>,
    /// How many lines came twice without a restart.
    repeated: usize,
    /// How many calls there were before the flow was killed.
    calls: u64,
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
    let (calls, failed) = {
        let script = scene.disk.script.borrow();
        (script.calls, script.failed.first().cloned())
    };
    scene.disk.script.borrow_mut().fail.clear();
    scene.crash();
    scene.start();
    scene.settle();
    let verdict = scene.verdict();
    if !verdict.is_complete() {
        wrong.get_or_insert_with(|| verdict.to_string());
    }
    Outcome { failed, wrong, repeated, calls }
}

/// A row that says that more of a file is acknowledged than what arrived of it.
fn acknowledged_too_much(scene: &Scene) -> Option<String> {
    let arrived: std::collections::BTreeSet<&[u8]> =
        scene.world.stream.iter().map(Vec::as_slice).collect();
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
    let every = if all.is_some() { 1 } else { SAMPLED };
    let named = |name: &str| {
        let all = all.as_deref().filter(|all| *all != "1");
        all.is_none_or(|all| all.split(',').any(|one| one == name))
    };
    let mut found = Vec::new();
    for (at, scenario) in SCENARIOS.iter().enumerate().filter(|(_, one)| named(one.name)) {
        // What little proves too little is sent again, whatever fails.
        let usual = run(scenario, u64::MAX, &Fault::Denied).repeated;
        for (kind, (name, fault)) in FAULTS.iter().enumerate() {
            // Other calls of each scenario with each fault.
            let mut call = 1 + (at + kind) as u64 % every;
            loop {
                let outcome = run(scenario, call, fault);
                let known = REPEATED.contains(&(scenario.name, outcome.repeated));
                let repeats = outcome.repeated > usual && !known;
                let repeats = repeats.then(|| format!("{} lines came twice", outcome.repeated));
                if let Some(wrong) = outcome.wrong.clone().or(repeats) {
                    let failed = &outcome.failed;
                    found.push(format!("{},{call},{name}: {failed:?}: {wrong}", scenario.name));
                }
                if outcome.failed.is_none() {
                    assert!(call > outcome.calls, "all calls failed once");
                    break;
                }
                call += every;
            }
        }
    }
    assert!(found.is_empty(), "{} runs:\n{}", found.len(), found.join("\n"));
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
