//! Random histories: any scheme, compressed or not, behind links, with zero to five rotations
//! between two looks, while the flow runs, is paused, stopped or killed.
//!
//!     KINETAIL_HISTORIES=20000 cargo test generations::random::random_histories_in_memory
//!     KINETAIL_HISTORY=17 cargo test generations::random -- --nocapture

use std::env;
use std::time::Duration;

use super::scheme::{Compress, SCHEMES, Scheme};
use crate::support::ground::Ground;
use crate::support::scene::Scene;
use crate::support::world::{World, let_the_clock_tick};

/// How many histories `cargo test` runs in memory.
const HISTORIES: u64 = 400;

/// How many of them it runs on a real disk.
const HISTORIES_ON_DISK: u64 = 40;

/// Steps of one history.
const STEPS: usize = 6;

#[test]
fn random_histories_in_memory_lose_repeat_and_pull_in_nothing() {
    if let Some(seed) = number("KINETAIL_HISTORY") {
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_test_writer()
            .without_time()
            .finish();
        tracing::subscriber::with_default(log, || history(seed, Ground::in_memory())).unwrap();
        return;
    }
    let count = number("KINETAIL_HISTORIES").unwrap_or(HISTORIES);
    let failed = (1..=count).filter_map(|seed| history(seed, Ground::in_memory()).err());
    let failed: Vec<String> = failed.take(5).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn random_histories_on_a_disk_lose_repeat_and_pull_in_nothing() {
    let count = number("KINETAIL_HISTORIES_ON_DISK").unwrap_or(HISTORIES_ON_DISK);
    // What time it is alongside the stamps of files depends on the machine here, so what a kill
    // repeats may be something else than in memory.
    for seed in 1..=count {
        history(seed, tempfile::tempdir().unwrap().into()).unwrap();
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

struct History {
    random: fastrand::Rng,
    scheme: Scheme,
    compress: Compress,
    /// Where the files are; the flow may see them through a link from elsewhere.
    folder: &'static str,
    scene: Scene,
    generation: usize,
    killed: bool,
}

fn history(seed: u64, ground: Ground) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let scheme = SCHEMES[random.usize(..SCHEMES.len())];
    let compress = [Compress::Never, Compress::Never, Compress::Now, Compress::Delayed];
    let compress = compress[random.usize(..compress.len())];
    let linked = random.u8(..3) == 0;
    let patterns: &[&str] =
        if linked { &["logs/app.log"] } else { &["data/app.log", "data/*.log", "data/app.log*"] };
    let pattern = patterns[random.usize(..patterns.len())];
    let files = ground.files();
    for folder in ["logs", "data"] {
        files.create_dir(&ground.path().join(folder));
    }
    let data = ground.path().join("data");
    // Old generations, of which nothing is to be sent, unless the pattern covers them.
    if pattern.ends_with("app.log") {
        for old in 0..random.usize(..3) {
            files.append(&data.join("app.log"), format!("old {old}\n").repeat(100).as_bytes());
            scheme.rotate(&files, &data, compress);
        }
    }
    if linked {
        files.symlink(&data.join("app.log"), &ground.path().join("logs/app.log"));
    }
    let_the_clock_tick();
    let scene = Scene::of(World::within(ground, pattern, |_| {}));
    let folder = "data";
    let mut history =
        History { random, scheme, compress, folder, scene, generation: 0, killed: false };
    let text = format!("seed {seed}: {scheme:?} {compress:?} {pattern}");
    tracing::info!("{text}");
    history.write();
    history.scene.settle();
    for _ in 0..STEPS {
        history.step();
    }
    history.scene.run(Duration::from_secs(30));
    history.scene.settle();
    let verdict = history.scene.verdict();
    let fine = if history.killed { verdict.is_complete() } else { verdict.is_exact() };
    // Old lines would be records that were never written.
    if fine { Ok(()) } else { Err(format!("{text}: {verdict}")) }
}

impl History {
    fn live(&self) -> String {
        format!("{}/app.log", self.folder)
    }

    fn write(&mut self) {
        let lines = if self.random.u8(..4) == 0 { 400 } else { self.random.usize(1..30) };
        let (live, generation) = (self.live(), format!("g{}", self.generation));
        self.scene.write(&live, &generation, lines);
    }

    /// Nobody looks between the rotations of one step.
    fn rotate_some(&mut self) {
        for _ in 0..self.random.usize(..=5) {
            self.write();
            let compress = self.compress;
            self.scheme.rotate(&self.scene.files, &self.scene.path(self.folder), compress);
            self.generation += 1;
            self.write();
        }
    }

    fn step(&mut self) {
        tracing::info!("step, generation {}", self.generation);
        match self.random.u8(..4) {
            // Two looks of a flow that runs, or was paused.
            0 => self.rotate_some(),
            1 => {
                self.scene.stop();
                self.rotate_some();
                self.scene.start();
            }
            2 => {
                self.killed = true;
                self.scene.crash();
                self.rotate_some();
                self.scene.start();
            }
            _ => self.write(),
        }
        match self.random.u8(..3) {
            0 => self.scene.hint(),
            1 => self.scene.run(Duration::from_millis(self.random.u64(..2_000))),
            _ => self.scene.settle(),
        }
    }
}
