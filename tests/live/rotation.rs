//! Two hundred rotations of each kind under load: every line arrives, once, and in order within
//! its generation.
//!
//! The endpoint is healthy, so nothing may be repeated. One request at a time keeps the order;
//! with more of them neither Kinesis nor the sandbox promises any.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use fastrand::Rng;
use kinetail::sandbox::StreamId;
use serde_json::json;

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::load::Lines;
use crate::support::oracle::judge;
use crate::support::wait::{pace, wait_until};
use crate::support::world::{append, copy_truncate};

const ROTATIONS: usize = 200;

/// A file that equals another one is held back for up to three seconds: after this long without a
/// record, none comes any more.
const QUIET: Duration = Duration::from_secs(4);

/// What a restart would repeat comes at once.
const QUIET_AFTER_START: Duration = Duration::from_secs(1);

/// One flow, its files and its endpoint.
struct Scene {
    endpoint: Endpoint,
    stream: StreamId,
    home: Home,
    agent: Option<Agent>,
    lines: Lines,
    rng: Rng,
    seed: u64,
}

impl Scene {
    fn start(name_pattern: &str) -> Self {
        let endpoint = Endpoint::healthy();
        let mut home = Home::new(&endpoint.handle.url());
        let in_order = json!({ "maxInFlightRequests": 1 });
        home.flow(name_pattern, ("kinesisStream", "rotated"), &in_order);
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        Self {
            agent: Some(home.start()),
            endpoint,
            stream: kinesis("rotated"),
            home,
            lines: Lines::default(),
            rng: Rng::with_seed(seed),
            seed,
        }
    }

    /// Writes for 10 to 60 milliseconds.
    fn write(&mut self, name: &str, generation: &str) {
        let end = Instant::now() + Duration::from_millis(self.rng.u64(10..60));
        while Instant::now() < end {
            append(&self.home.log(name), &self.lines.some(generation, 20, &mut self.rng));
            pace(Duration::from_micros(self.rng.u64(..4_000)));
        }
    }

    fn log(&self) -> String {
        self.agent.as_ref().map(Agent::log).unwrap_or_default()
    }

    /// Waits until a line of this generation has arrived.
    fn wait_for_a_line_of(&self, generation: &str, known_before: usize) {
        let prefix = format!("{generation}|");
        let arrived = || {
            self.endpoint.count(&self.stream) > known_before
                && self.endpoint.data(&self.stream)[known_before..]
                    .iter()
                    .any(|record| record.starts_with(prefix.as_bytes()))
        };
        wait_until("line of the new generation", SOON, arrived, || self.log());
    }

    /// Everything is there once, now, later and after a restart.
    fn check(mut self) {
        self.endpoint.wait_for_all(&self.stream, &self.lines.written, SOON, || self.log());
        self.assert_stays_exact(QUIET);
        let agent = self.agent.take().unwrap();
        assert_eq!(agent.stop(SOON), Some(0));
        self.agent = Some(self.home.start());
        let agent = self.agent.as_ref().unwrap();
        agent.wait_for_log("opened the checkpoint database", SOON);
        self.assert_stays_exact(QUIET_AFTER_START);
    }

    fn assert_stays_exact(&self, time: Duration) {
        let mut count = self.endpoint.count(&self.stream);
        let mut since = Instant::now();
        let quiet = || {
            let now = self.endpoint.count(&self.stream);
            if now != count {
                (count, since) = (now, Instant::now());
            }
            since.elapsed() >= time
        };
        wait_until("end of records", SOON, quiet, || self.log());
        let verdict = judge(&self.lines.written, &self.endpoint.data(&self.stream));
        assert!(verdict.is_exact(), "seed {}: {verdict}\n{}", self.seed, self.log());
    }
}

#[test]
fn renamed_and_created_anew_two_hundred_times() {
    let mut scene = Scene::start("app.log*");
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        scene.write("app.log", &generation);
        let path = scene.home.log("app.log");
        let mut open = fs::File::options().append(true).open(&path).unwrap();
        fs::rename(&path, scene.home.log(&format!("app.log.{round}"))).unwrap();
        // The application goes on writing to the file that it has open.
        open.write_all(&scene.lines.some(&generation, 5, &mut scene.rng)).unwrap();
    }
    scene.check();
}

#[test]
fn new_dated_names_two_hundred_times() {
    let mut scene = Scene::start("app-*.log");
    let name = |round: usize| format!("app-20261120-{:02}{:02}.log", round / 60, round % 60);
    for round in 0..ROTATIONS {
        scene.write(&name(round), &format!("g{round}"));
        if round > 0 {
            // The last lines of the old file come after the first ones of the new.
            let late = scene.lines.some(&format!("g{}", round - 1), 5, &mut scene.rng);
            append(&scene.home.log(&name(round - 1)), &late);
        }
    }
    scene.check();
}

#[test]
fn copied_and_truncated_two_hundred_times_with_the_copies_in_the_pattern() {
    let mut scene = Scene::start("app.log*");
    for round in 0..ROTATIONS {
        scene.write("app.log", &format!("g{round}"));
        copy_truncate(&scene.home.log("app.log"), &scene.home.log(&format!("app.log.{round}")));
    }
    scene.check();
}

/// The copies are not followed by themselves, so the agent must have read the beginning of what it
/// is to find the end of in a copy.
#[test]
fn copied_and_truncated_two_hundred_times_with_the_exact_name() {
    let mut scene = Scene::start("app.log");
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        let known_before = scene.endpoint.count(&scene.stream);
        scene.write("app.log", &generation);
        scene.wait_for_a_line_of(&generation, known_before);
        // These are likely to be only in the copy when the agent looks again.
        let last = scene.lines.some(&generation, 20, &mut scene.rng);
        append(&scene.home.log("app.log"), &last);
        copy_truncate(&scene.home.log("app.log"), &scene.home.log(&format!("app.log.{round}")));
    }
    scene.check();
}

/// A file that was renamed out of the pattern before it was opened is one of the windows that
/// docs/tailing.md names, so each generation is rotated when the agent is known to have it open.
#[test]
fn renamed_and_created_anew_two_hundred_times_with_the_exact_name() {
    let mut scene = Scene::start("app.log");
    for round in 0..ROTATIONS {
        let generation = format!("g{round}");
        let known_before = scene.endpoint.count(&scene.stream);
        scene.write("app.log", &generation);
        scene.wait_for_a_line_of(&generation, known_before);
        let path = scene.home.log("app.log");
        let mut open = fs::File::options().append(true).open(&path).unwrap();
        fs::rename(&path, scene.home.log(&format!("app.log.{round}"))).unwrap();
        open.write_all(&scene.lines.some(&generation, 5, &mut scene.rng)).unwrap();
    }
    scene.check();
}
