//! Random histories: any scheme, compressed or not, one log or two, behind links, with zero to
//! five rotations between two looks, while the flow runs, is paused, stopped or killed, while there
//! is no live file, with a clock that is set back, and without births. Rotated files may lie in
//! another directory, and the directory of the log may be moved away and made again.
//!
//!     KINETAIL_HISTORIES=20000 cargo test generations::random::random_histories_in_memory
//!     KINETAIL_FIRST_HISTORY=2001 KINETAIL_HISTORIES=8000 cargo test generations::random
//!     KINETAIL_HISTORY=17 cargo test generations::random -- --nocapture

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::time::Duration;

use kinetail::tail::rotated::RotatedNames;

use super::scheme::{Compress, SCHEMES, Scheme};
use crate::support::ground::{Files, Ground};
use crate::support::scene::Scene;
use crate::support::world::{World, let_the_clock_tick};

/// How many histories `cargo test` runs in memory.
const HISTORIES: u64 = 400;

/// How many of them it runs on a real disk.
const HISTORIES_ON_DISK: u64 = 40;

/// Steps of one history.
const STEPS: usize = 6;

/// The clock is set back by this much, at most.
const SET_BACK_MAX: Duration = Duration::from_mins(20);

#[test]
fn random_histories_in_memory_lose_repeat_and_pull_in_nothing() {
    if let Some(seed) = number("KINETAIL_HISTORY") {
        return shown(|| history(seed, Ground::in_memory())).unwrap();
    }
    let count = number("KINETAIL_HISTORIES").unwrap_or(HISTORIES);
    let first = number("KINETAIL_FIRST_HISTORY").unwrap_or(1);
    let seeds = first..first + count;
    let failed = seeds.filter_map(|seed| history(seed, Ground::in_memory()).err());
    let failed: Vec<String> = failed.take(20).collect();
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

/// Runs something with its log shown.
pub(super) fn shown<T>(run: impl FnOnce() -> T) -> T {
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_test_writer()
        .without_time()
        .finish();
    tracing::subscriber::with_default(log, run)
}

pub(super) fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// What is the same in all of a history.
#[derive(Debug)]
struct Setting {
    scheme: Scheme,
    compress: Compress,
    pattern: &'static str,
    /// The flow sees the log through a link.
    linked: bool,
    /// Logs in one directory: the name of one may begin with that of the other.
    stems: &'static [&'static str],
    births: bool,
    /// Rotated files get names in this directory, as seen from that of the log.
    elsewhere: Option<&'static str>,
    /// The directory of the log is moved away now and then, and made again.
    moves: bool,
}

impl Setting {
    fn draw(random: &mut fastrand::Rng, others: &mut fastrand::Rng) -> Self {
        let scheme = SCHEMES[random.usize(..SCHEMES.len())];
        let compress = [Compress::Never, Compress::Never, Compress::Now, Compress::Delayed];
        let compress = compress[random.usize(..compress.len())];
        let linked = random.u8(..3) == 0;
        let patterns: &[&str] = if linked {
            &["logs/app.log"]
        } else {
            &["data/app.log", "data/*.log", "data/app.log*"]
        };
        let pattern = patterns[random.usize(..patterns.len())];
        let stems: &[&[&str]] = match pattern {
            "data/*.log" => &[&["app"], &["app", "web"], &["app", "app.log.old"]],
            "data/app.log*" => &[&["app"], &["app", "app.log.old"]],
            _ => &[&["app"]],
        };
        let stems = stems[random.usize(..stems.len())];
        let births = random.u8(..4) > 0;
        let elsewhere = [None, None, None, Some("old"), Some("../old"), Some("../archive/deep")];
        let elsewhere = elsewhere[others.usize(..elsewhere.len())];
        let elsewhere = elsewhere.filter(|_| scheme != Scheme::DatedDirectory);
        // Behind a link, and of what is compressed at once, nothing tells where a directory went.
        let can_move = elsewhere.is_none() && !linked && compress == Compress::Never;
        let moves = others.u8(..3) == 0 && can_move;
        Self { scheme, compress, pattern, linked, stems, births, elsewhere, moves }
    }

    /// Rotates a log; its rotated files may lie elsewhere.
    fn rotate(&self, files: &Files, data: &Path, stem: &str) {
        let Some(elsewhere) = self.elsewhere else {
            self.scheme.rotate_log(files, data, stem, self.compress);
            return;
        };
        let mut to = data.to_path_buf();
        for part in elsewhere.split('/') {
            to = if part == ".." { to.parent().unwrap().to_path_buf() } else { to.join(part) };
            if !files.is_there(&to) {
                files.create_dir(&to);
            }
        }
        let live = data.join(format!("{stem}.log"));
        self.scheme.rotate_into(files, (&live, &to), stem, self.compress);
    }
}

struct History {
    random: fastrand::Rng,
    /// What came later than the rest is drawn from another generator, which leaves that as it was.
    others: fastrand::Rng,
    /// The directory was moved since everything was looked at, and so often in all.
    moved: bool,
    moves: usize,
    setting: Setting,
    scene: Scene,
    generation: usize,
    /// Lines may be repeated: the flow was killed, the clock set back, or an archive has neither
    /// a birth nor a live file next to it that tell whether it is known.
    repeats: bool,
    set_back: bool,
}

fn history(seed: u64, ground: Ground) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut others = fastrand::Rng::with_seed(!seed);
    let setting = Setting::draw(&mut random, &mut others);
    let text = format!("seed {seed}: {setting:?}");
    tracing::info!("{text}");
    let files = ground.files();
    for folder in ["logs", "data"] {
        files.create_dir(&ground.path().join(folder));
    }
    let data = ground.path().join("data");
    // Old generations, of which nothing is to be sent, unless the pattern covers them.
    if setting.pattern.ends_with("app.log") {
        for old in 0..random.usize(..3) {
            files.append(&data.join("app.log"), format!("old {old}\n").repeat(100).as_bytes());
            setting.rotate(&files, &data, "app");
        }
    }
    if setting.linked {
        files.symlink(&data.join("app.log"), &ground.path().join("logs/app.log"));
    }
    let_the_clock_tick();
    let scene = Scene::of(World::within(ground, setting.pattern, |config| {
        if let Some(elsewhere) = setting.elsewhere {
            let template = setting.scheme.template(elsewhere);
            config.rotated_names = RotatedNames::from_templates(&[template]).unwrap();
        }
    }));
    if !setting.births {
        scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
    }
    let repeats = !setting.births && setting.compress != Compress::Never;
    let mut history = History {
        random,
        others,
        moved: false,
        moves: 0,
        setting,
        scene,
        generation: 0,
        repeats,
        set_back: false,
    };
    for stem in history.setting.stems {
        history.write(stem);
    }
    history.scene.settle();
    // The clock is not set back to before the first start.
    history.scene.pass_for_all(SET_BACK_MAX);
    history.scene.settle();
    for _ in 0..STEPS {
        history.step();
    }
    history.scene.run(Duration::from_secs(30));
    history.scene.settle();
    let verdict = history.scene.verdict();
    let fine = if history.repeats { verdict.is_complete() } else { verdict.is_exact() };
    // Old lines would be records that were never written.
    if fine { Ok(()) } else { Err(format!("{text}: {verdict}")) }
}

impl History {
    fn write(&mut self, stem: &str) {
        let lines = if self.random.u8(..4) == 0 { 400 } else { self.random.usize(1..30) };
        let live = format!("data/{stem}.log");
        self.scene.write(&live, &format!("{stem} g{}", self.generation), lines);
    }

    /// Time passes, or none at all.
    fn wait(&mut self) {
        if self.random.u8(..3) == 0 {
            let time = Duration::from_secs(self.random.u64(1..600));
            self.scene.pass_for_all(time);
        }
    }

    /// Nobody looks between the rotations of one step.
    fn rotate_some(&mut self) {
        for _ in 0..self.random.usize(..=5) {
            let stem = self.setting.stems[self.random.usize(..self.setting.stems.len())];
            self.write(stem);
            self.wait();
            let (files, dir) = (self.scene.files.clone(), self.scene.path("data"));
            self.setting.rotate(&files, &dir, stem);
            self.generation += 1;
            // There may be no live file for a time; a link leads somewhere.
            if self.setting.linked || self.random.u8(..4) > 0 {
                self.write(stem);
            } else {
                self.repeats |= self.setting.compress != Compress::Never;
            }
        }
        if self.setting.moves && !self.moved && self.others.bool() {
            self.move_directory();
        }
    }

    /// The directory is moved away and made again.
    fn move_directory(&mut self) {
        (self.moved, self.moves) = (true, self.moves + 1);
        tracing::info!("the directory is moved away");
        self.scene.rename("data", &format!("data.{}", self.moves));
        self.scene.files.create_dir(&self.scene.path("data"));
        self.generation += 1;
        for stem in self.setting.stems {
            self.write(stem);
        }
    }

    fn is_down_for_a_while(&mut self) {
        self.wait();
        // Nobody can set the clock of a real disk.
        // Of what is compressed only the time of its last change is left.
        // Where names tell nothing, births do, which a clock that is set back makes too early.
        let possible = matches!(self.scene.files, Files::Memory(_))
            && self.setting.compress == Compress::Never
            && self.setting.elsewhere.is_none()
            && !self.setting.moves;
        if possible && !self.set_back && self.random.u8(..6) == 0 {
            let by = Duration::from_secs(self.random.u64(1..SET_BACK_MAX.as_secs()));
            self.set_back = true;
            tracing::info!("the clock is set back by {by:?}");
            self.scene.files.set_clock_back(by);
            self.repeats = true;
        }
        self.rotate_some();
        self.scene.start();
    }

    fn step(&mut self) {
        tracing::info!("step, generation {}", self.generation);
        match self.random.u8(..4) {
            // Two looks of a flow that runs, or was paused.
            0 => self.rotate_some(),
            1 => {
                self.scene.stop();
                self.is_down_for_a_while();
            }
            2 => {
                self.repeats = true;
                self.scene.crash();
                self.is_down_for_a_while();
            }
            _ => self.write(self.setting.stems[0]),
        }
        match self.random.u8(..3) {
            0 => self.scene.hint(),
            1 => self.scene.run(Duration::from_millis(self.random.u64(..2_000))),
            _ => {
                self.scene.settle();
                self.moved = false;
            }
        }
    }
}
