//! The real binary with one flow, its files and its endpoint; everything must arrive once, in
//! order, and nothing more after a restart.

use std::time::{Duration, Instant};

use fastrand::Rng;
use kinetail::sandbox::StreamId;
use serde_json::json;

use super::agent::{Agent, Home, SOON};
use super::endpoint::{Endpoint, kinesis};
use super::load::Lines;
use super::oracle::judge;
use super::wait::{pace, wait_until};
use super::world::append;

/// A file that equals another one is held back for up to three seconds: after this long without a
/// record, none comes any more.
pub const QUIET: Duration = Duration::from_secs(4);

/// What a restart would repeat comes at once.
const QUIET_AFTER_START: Duration = Duration::from_secs(1);

/// One flow, its files and its endpoint.
pub struct Shipment {
    /// What it ships to.
    pub endpoint: Endpoint,
    /// The stream there.
    pub stream: StreamId,
    /// Where its files are.
    pub home: Home,
    /// The agent, which is stopped and started again at the end.
    pub agent: Option<Agent>,
    /// What was written.
    pub lines: Lines,
    /// For everything that varies.
    pub rng: Rng,
    seed: u64,
}

impl Shipment {
    /// Starts an agent with one flow, one request at a time, which keeps the order.
    pub fn start(name_pattern: &str) -> Self {
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
    pub fn write(&mut self, name: &str, generation: &str) {
        let end = Instant::now() + Duration::from_millis(self.rng.u64(10..60));
        while Instant::now() < end {
            append(&self.home.log(name), &self.lines.some(generation, 20, &mut self.rng));
            pace(Duration::from_micros(self.rng.u64(..4_000)));
        }
    }

    /// What the agent logged.
    pub fn log(&self) -> String {
        self.agent.as_ref().map(Agent::log).unwrap_or_default()
    }

    /// Waits until a line of this generation has arrived.
    pub fn wait_for_a_line_of(&self, generation: &str, known_before: usize) {
        let prefix = format!("{generation}|");
        let arrived = || {
            self.endpoint.count(&self.stream) > known_before
                && self.endpoint.data(&self.stream)[known_before..]
                    .iter()
                    .any(|record| record.starts_with(prefix.as_bytes()))
        };
        wait_until("line of the new generation", SOON, arrived, || self.log());
    }

    /// Everything is there once and in order, now, later and after a restart.
    pub fn check(mut self) {
        self.endpoint.wait_for_all(&self.stream, &self.lines.written, SOON, || self.log());
        self.wait_for_quiet(QUIET);
        self.assert_exact();
        let agent = self.agent.take().unwrap();
        assert_eq!(agent.stop(SOON), Some(0));
        self.agent = Some(self.home.start());
        let agent = self.agent.as_ref().unwrap();
        agent.wait_for_log("opened checkpoint database", SOON);
        self.wait_for_quiet(QUIET_AFTER_START);
        self.assert_exact();
    }

    /// Waits until no record has come for this long.
    pub fn wait_for_quiet(&self, time: Duration) {
        wait_for_quiet(&self.endpoint, &self.stream, time, || self.log());
    }

    fn assert_exact(&self) {
        let verdict = judge(&self.lines.written, &self.endpoint.data(&self.stream));
        assert!(verdict.is_exact(), "seed {}: {verdict}\n{}", self.seed, self.log());
    }
}

/// Waits until no record has come to a stream for this long.
pub fn wait_for_quiet(
    endpoint: &Endpoint,
    stream: &StreamId,
    time: Duration,
    describe: impl Fn() -> String,
) {
    let mut count = endpoint.count(stream);
    let mut since = Instant::now();
    let quiet = || {
        let now = endpoint.count(stream);
        if now != count {
            (count, since) = (now, Instant::now());
        }
        since.elapsed() >= time
    };
    wait_until("end of records", SOON, quiet, describe);
}
