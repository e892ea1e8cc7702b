//! Random histories of one log: rotations in any scheme, seen and unseen, while the flow runs,
//! lags, is stopped or killed. Its lines arrive in the order in which they were written.
//!
//!     KINETAIL_ORDERS=20000 cargo test ordering::random
//!     KINETAIL_ORDER=17 cargo test ordering::random -- --nocapture

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::generations::scheme::{Compress, SCHEMES, Scheme};
use crate::support::scene::Scene;
use crate::support::world::World;

/// How many histories `cargo test` runs.
const HISTORIES: u64 = 12;

/// Steps of one history.
const STEPS: usize = 6;

/// Gives the files that were made since the last time births that differ, however soon one was made
/// after another: those of the kernel are as coarse as the ticks of its clock.
pub fn note_births(world: &World) {
    let mut files: Vec<_> = fs::read_dir(world.path("")).unwrap().flatten().collect();
    files.sort_by_key(fs::DirEntry::path);
    let there: Vec<u64> =
        files.iter().filter_map(|entry| Some(entry.metadata().ok()?.ino())).collect();
    let mut script = world.disk.script.borrow_mut();
    let births = script.births.get_or_insert_default();
    // A number that is free may be given out again.
    births.retain(|number, _| there.contains(number));
    for number in there {
        let next = now() + i128::try_from(births.len()).unwrap();
        births.entry(number).or_insert(next);
    }
}

fn now() -> i128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i128::try_from(now.as_nanos()).unwrap()
}

#[test]
fn random_histories_arrive_in_order() {
    if let Some(seed) = number("KINETAIL_ORDER") {
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_test_writer()
            .without_time()
            .finish();
        tracing::subscriber::with_default(log, || history(seed)).unwrap();
        return;
    }
    let count = number("KINETAIL_ORDERS").unwrap_or(HISTORIES);
    let failed: Vec<String> = (1..=count).filter_map(|seed| history(seed).err()).take(5).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

struct History {
    random: fastrand::Rng,
    scheme: Scheme,
    scene: Scene,
    killed: bool,
}

fn history(seed: u64) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let scheme = SCHEMES[random.usize(..SCHEMES.len())];
    let patterns = ["app.log", "*.log", "*app*"];
    let pattern = patterns[random.usize(..patterns.len())];
    let world = World::new(pattern);
    let text = format!("seed {seed}: {scheme:?} {pattern}");
    let scene = Scene::of(world);
    let mut history = History { random, scheme, scene, killed: false };
    history.write();
    history.scene.settle();
    for _ in 0..STEPS {
        history.step();
    }
    history.scene.endpoint_down = false;
    history.scene.acks_per_step = usize::MAX;
    history.scene.settle();
    history.scene.settle();
    let verdict = history.scene.verdict();
    let complete = verdict.is_complete() && verdict.reordered.is_empty();
    let fine = complete && (history.killed || verdict.repeated.is_empty());
    if fine { Ok(()) } else { Err(format!("{text}: {verdict}")) }
}

impl History {
    fn write(&mut self) {
        let lines = match self.random.u8(..8) {
            0 => 9_000,
            1 | 2 => 600,
            _ => self.random.usize(1..30),
        };
        self.scene.write("app.log", "app", lines);
        note_births(&self.scene);
    }

    /// Nobody looks between the rotations of one step.
    fn rotate_some(&mut self) {
        for _ in 0..self.random.usize(..=3) {
            self.write();
            let dir = self.scene.path("");
            self.scheme.rotate(&self.scene.files, &dir, Compress::Never);
            self.write();
        }
    }

    fn step(&mut self) {
        match self.random.u8(..6) {
            0 | 1 => self.rotate_some(),
            2 => {
                // A stop while nothing is taken would not end.
                self.scene.endpoint_down = false;
                self.scene.acks_per_step = usize::MAX;
                self.scene.stop();
                self.rotate_some();
                self.scene.start();
            }
            3 => {
                self.killed = true;
                self.scene.crash();
                self.rotate_some();
                self.scene.start();
            }
            4 => self.scene.endpoint_down = !self.scene.endpoint_down,
            _ => self.scene.acks_per_step = self.random.usize(1..3),
        }
        self.write();
        match self.random.u8(..4) {
            0 => self.scene.hint(),
            1 => self.scene.run(Duration::from_millis(self.random.u64(..2_000))),
            2 => self.scene.run(Duration::from_millis(100)),
            _ => self.scene.settle(),
        }
    }
}
