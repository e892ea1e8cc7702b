//! Random histories of a log that is reached by a link: what it leads to is rotated, and the link
//! is led elsewhere, while the flow runs, is paused, stopped or killed.
//!
//!     KINETAIL_HISTORIES=2000 cargo test generations::linked
//!     KINETAIL_KIND=led_down KINETAIL_HISTORY=17 cargo test generations::linked -- --nocapture

mod kinds;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use std::{env, panic};

use self::kinds::{Action, FAILING, KINDS, Kind, Link, Setting, actions};
use super::random::{number, shown};
use crate::support::ground::{Files, Ground};
use crate::support::scene::Scene;
use crate::support::world::{World, let_the_clock_tick};

/// How many histories of each kind `cargo test` runs in memory.
const HISTORIES: u64 = 30;

/// How many of them it runs on a real disk.
const HISTORIES_ON_DISK: u64 = 4;

/// Failures that are shown of each kind.
const SHOWN_MAX: usize = 4;

#[test]
fn random_histories_of_links_in_memory_lose_and_repeat_nothing() {
    let count = number("KINETAIL_HISTORIES").unwrap_or(HISTORIES);
    let failed: Vec<String> =
        kinds().into_iter().flat_map(|kind| failures(kind, count, &Ground::in_memory)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn random_histories_of_links_on_a_disk_lose_and_repeat_nothing() {
    let count = number("KINETAIL_HISTORIES_ON_DISK").unwrap_or(HISTORIES_ON_DISK);
    let on_disk = || Ground::from(tempfile::tempdir().unwrap());
    // A history passes minutes that a disk does not: what is compressed then has the times of now,
    // and some of it is sent again.
    let kinds = kinds().into_iter().filter(|kind| !kind.packs || env::var("KINETAIL_KIND").is_ok());
    let failed: Vec<String> = kinds.flat_map(|kind| failures(kind, count, &on_disk)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The kinds to run: those that do not fail, or the one that is named.
fn kinds() -> Vec<Kind> {
    let Ok(name) = env::var("KINETAIL_KIND") else { return KINDS.to_vec() };
    let named = KINDS.iter().chain(FAILING).filter(|kind| kind.name == name || name == "all");
    named.copied().collect()
}

fn failures(kind: Kind, count: u64, ground: &dyn Fn() -> Ground) -> Vec<String> {
    if let Some(seed) = number("KINETAIL_HISTORY") {
        let (setting, script) = history(kind, seed);
        let fails = run(kind, &setting, &script, ground()).err();
        let fewest = match fails {
            Some(complaint) => fewest(kind, &setting, script, &complaint, ground).0,
            None => script,
        };
        return shown(|| run(kind, &setting, &fewest, ground())).err().into_iter().collect();
    }
    let mut failed = Vec::new();
    let mut seeds = Vec::new();
    for seed in 1..=count {
        let (setting, script) = history(kind, seed);
        if let Err(complaint) = run(kind, &setting, &script, ground()) {
            seeds.push(seed);
            if failed.len() < SHOWN_MAX {
                let (fewest, last) = fewest(kind, &setting, script, &complaint, ground);
                failed.push(format!("{} seed {seed}: {setting:?}\n{complaint}", kind.name));
                failed.push(format!("the fewest actions that fail: {fewest:?}\n{last}\n"));
            }
        }
    }
    if !seeds.is_empty() {
        failed.push(format!("{}: {} of {count} failed: {seeds:?}", kind.name, seeds.len()));
    }
    failed
}

fn history(kind: Kind, seed: u64) -> (Setting, Vec<Action>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let setting = Setting::draw(kind, &mut random);
    let script = actions(kind, setting.places.len(), &mut random);
    (setting, script)
}

/// Leaves out actions for as long as the rest still fails in the same way.
fn fewest(
    kind: Kind,
    setting: &Setting,
    mut script: Vec<Action>,
    complaint: &str,
    ground: &dyn Fn() -> Ground,
) -> (Vec<Action>, String) {
    let mut last = complaint.to_owned();
    let mut chunk = script.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < script.len() {
            let mut fewer = script.clone();
            fewer.drain(at..(at + chunk).min(fewer.len()));
            match run(kind, setting, &fewer, ground()) {
                // What is lost is not the same as what is repeated.
                Err(other) if other.starts_with("lost 0") == complaint.starts_with("lost 0") => {
                    (script, last) = (fewer, other);
                }
                _ => at += chunk,
            }
        }
        chunk /= 2;
    }
    (script, last)
}

/// Runs a history; what is wrong with it otherwise.
fn run(kind: Kind, setting: &Setting, script: &[Action], ground: Ground) -> Result<(), String> {
    // A panic is a finding like any other.
    let run = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let mut history = History::begin(setting, ground);
        for action in script {
            history.act(*action);
        }
        history.end(setting.may_repeat(kind))
    }));
    run.unwrap_or_else(|panic| Err(format!("panic: {:?}", panic.downcast_ref::<String>())))
}

struct History<'s> {
    setting: &'s Setting,
    scene: Scene,
    generation: usize,
    /// Which of the places the link leads to.
    leads_to: usize,
    led: bool,
    runs: bool,
    /// Lines whose checkpoint was lost in a kill.
    repeatable: BTreeSet<String>,
}

impl<'s> History<'s> {
    fn begin(setting: &'s Setting, ground: Ground) -> Self {
        tracing::info!("{setting:?}");
        let files = ground.files();
        for folder in ["logs", "between", "data", "one", "two", "three", "deep", "deep/er"] {
            files.create_dir(&ground.path().join(folder));
        }
        let (directory, stem) = setting.places[0];
        let directory = ground.path().join(directory);
        for old in 0..setting.old {
            let live = directory.join(format!("{stem}.log"));
            files.append(&live, format!("old {old}\n").repeat(100).as_bytes());
            setting.scheme.rotate_log(&files, &directory, stem, setting.compress);
        }
        if matches!(files, Files::Os) {
            let_the_clock_tick();
        }
        let scene = Scene::of(World::within(ground, setting.pattern, |_| {}));
        if !setting.births {
            scene.disk.script.borrow_mut().births = Some(BTreeMap::new());
        }
        let (repeatable, leads_to) = (BTreeSet::new(), 0);
        let mut history =
            Self { setting, scene, generation: 0, leads_to, led: false, runs: true, repeatable };
        history.lead_to(0);
        history.write(10);
        history.scene.settle();
        history.scene.pass_for_all(Duration::from_mins(5));
        history.scene.settle();
        history
    }

    fn end(mut self, repeats: bool) -> Result<(), String> {
        self.act(Action::Start);
        self.scene.run(Duration::from_secs(30));
        self.scene.settle();
        let mut verdict = self.scene.verdict();
        verdict.repeated.retain(|line| !repeats && !self.repeatable.contains(line));
        // Old lines would be records that were never written.
        if verdict.is_exact() { Ok(()) } else { Err(verdict.to_string()) }
    }

    fn place(&self) -> (&'static str, &'static str) {
        self.setting.places[self.leads_to]
    }

    fn live(&self) -> String {
        let (directory, stem) = self.place();
        format!("{directory}/{stem}.log")
    }

    fn act(&mut self, action: Action) {
        tracing::info!("{action:?}");
        match action {
            Action::Write(lines) => self.write(lines),
            Action::Rotate(lines) => {
                self.rotate();
                self.write(lines);
            }
            Action::Lead(by, lines) if !self.led => {
                self.led = true;
                self.generation += 1;
                self.lead_to((self.leads_to + by) % self.setting.places.len());
                self.write(lines);
            }
            Action::Pass(time) => self.scene.pass_for_all(time),
            Action::Stop if self.runs => {
                self.scene.stop();
                self.runs = false;
            }
            Action::Kill if self.runs => {
                let unwritten = self.scene.unwritten_records().iter();
                let unwritten = unwritten.map(|line| String::from_utf8_lossy(line).into_owned());
                self.repeatable.extend(unwritten);
                self.scene.crash();
                self.runs = false;
            }
            Action::Start if !self.runs => {
                self.scene.start();
                self.runs = true;
            }
            Action::Hint if self.runs => self.scene.hint(),
            Action::Run(time) if self.runs => self.scene.run(time),
            Action::Settle if self.runs => {
                self.scene.settle();
                self.led = false;
            }
            _ => {}
        }
    }

    fn write(&mut self, lines: usize) {
        if lines == 0 {
            return;
        }
        let live = self.live();
        tracing::info!("{lines} lines to {live} of g{}", self.generation);
        self.scene.write(&live, &format!("g{}", self.generation), lines);
        if matches!(self.scene.files, Files::Os) {
            let_the_clock_tick();
        }
    }

    fn rotate(&mut self) {
        let (directory, stem) = self.place();
        let (files, live) = (self.scene.files.clone(), self.scene.path(&self.live()));
        if !files.is_there(&live) {
            return;
        }
        let Setting { scheme, compress, .. } = self.setting;
        let to = scheme.rotate_log(&files, &self.scene.path(directory), stem, *compress);
        tracing::info!("rotated to {}", to.display());
        self.generation += 1;
    }

    fn lead_to(&mut self, place: usize) {
        self.leads_to = place;
        let (directory, _) = self.place();
        let live = self.live();
        tracing::info!("the link leads to {live}");
        match self.setting.link {
            Link::File => self.link(&live, "logs/app.log"),
            Link::Chain => {
                self.link(&live, &format!("between/{place}.log"));
                self.link(&format!("between/{place}.log"), "logs/app.log");
            }
            Link::Directory => self.link(directory, "logs/current"),
        }
    }

    fn link(&self, target: &str, link: &str) {
        let (target, link) = (self.scene.path(target), self.scene.path(link));
        if self.scene.files.is_there(&link) {
            self.scene.files.remove_file(&link);
        }
        self.scene.files.symlink(&target, &link);
    }
}
