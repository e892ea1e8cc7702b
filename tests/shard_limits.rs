//! The real binary against shards that take a thousand records a second each, in real time. What is
//! counted is what arrives and what was sent for it; how fast that goes is shown in virtual time,
//! in the tests of `crates/core/delivery`.

use fastrand::Rng;
use kinetail::sandbox::{SandboxOptions, StreamStats};
use serde_json::json;

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::oracle::judge;
use crate::support::wait::wait_until;
use crate::support::world::append;

/// Records that a shard takes at the start: a second's worth.
const BURST: usize = 1_000;

/// What a flow is given, in seconds of what its shards take.
const SECONDS: usize = 12;

/// At most so many records are sent for each that is taken.
const AMPLIFICATION_MAX: f64 = 1.2;

/// Which records have one key.
#[derive(Clone, Copy)]
enum Keys {
    /// None: each has a random key.
    Random,
    /// Those of one of many users.
    Even,
    /// The same, but two records in five are of one user.
    Skewed,
}

/// One flow and its stream.
struct Case {
    stream: &'static str,
    shards: u32,
    keys: Keys,
    lines: Vec<Vec<u8>>,
}

impl Case {
    fn new(stream: &'static str, shards: u32, keys: Keys) -> Self {
        let mut random = Rng::with_seed(u64::from(shards));
        // The hot key's shard sets the pace: it has two fifths and its part of the rest.
        let per_second = match keys {
            Keys::Random | Keys::Even => f64::from(shards) * 1_000.0,
            Keys::Skewed => 1_000.0 / (0.4 + 0.6 / f64::from(shards)),
        };
        let line = |number: usize| {
            let user = match keys {
                Keys::Skewed if random.u8(..5) < 2 => 0,
                Keys::Random | Keys::Even | Keys::Skewed => random.u32(1..10_000),
            };
            format!("{stream}|{number}|user={user:05}\n").into_bytes()
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "thousands of records"
        )]
        let count = BURST * shards as usize + (per_second as usize) * SECONDS;
        Self { stream, shards, keys, lines: (0..count).map(line).collect() }
    }

    fn log(&self) -> String {
        format!("{}.log", self.stream)
    }

    fn configure(&self, home: &mut Home) {
        let keys = match self.keys {
            Keys::Random => json!({}),
            Keys::Even | Keys::Skewed => json!({
                "partitionKey": "{match.1}",
                "partitionKeyPattern": "user=([0-9]+)",
            }),
        };
        home.flow(&self.log(), ("kinesisStream", self.stream), &keys);
    }

    fn stats(&self, endpoint: &Endpoint) -> StreamStats {
        endpoint.handle.stats().stream(&kinesis(self.stream))
    }

    /// Waits until as many records have arrived as there are lines, or this part of them.
    fn wait(&self, endpoint: &Endpoint, part: usize, agent: &Agent) {
        let arrived = || endpoint.count(&kinesis(self.stream)) >= self.lines.len() / part;
        let told = || format!("{:?}\n{}", self.stats(endpoint), agent.log());
        wait_until(&format!("records of {}", self.stream), 2 * SOON, arrived, told);
    }

    /// Each line is there once, and hardly more was sent.
    fn judge(&self, endpoint: &Endpoint) {
        let verdict = judge(&self.lines, &endpoint.data(&kinesis(self.stream)));
        let (lost, repeated) = (verdict.lost.len(), verdict.repeated.len());
        assert_eq!(
            (lost, repeated, verdict.foreign.len()),
            (0, 0, 0),
            "{}: {verdict}",
            self.stream
        );
        let stats = self.stats(endpoint);
        let number = |count: u64| f64::from(u32::try_from(count).unwrap());
        let amplification = number(stats.records + stats.throttled_records) / number(stats.records);
        println!("{}: {amplification:.3} sent for each taken, {stats:?}", self.stream);
        assert!(amplification <= AMPLIFICATION_MAX, "{}: {amplification:.3}", self.stream);
    }
}

#[test]
fn what_shards_take_is_sent_once_and_hardly_more() {
    let options = SandboxOptions { simulate_shard_limits: true, ..SandboxOptions::default() };
    let endpoint = Endpoint::start(options);
    let mut home = Home::new(&endpoint.handle.url());
    let mut cases = vec![
        Case::new("one", 1, Keys::Random),
        Case::new("one-even", 1, Keys::Even),
        Case::new("four", 4, Keys::Random),
        Case::new("four-even", 4, Keys::Even),
        Case::new("four-skewed", 4, Keys::Skewed),
        Case::new("split", 2, Keys::Even),
    ];
    for case in &cases {
        endpoint.handle.create_stream(&kinesis(case.stream), case.shards);
        append(&home.log(&case.log()), &case.lines.concat());
        case.configure(&mut home);
    }
    let agent = home.start();
    let split = cases.pop().unwrap();
    split.wait(&endpoint, 3, &agent);
    let quarter = 1 << 126;
    let stream = kinesis(split.stream);
    assert!(endpoint.handle.split_shard(&stream, "shardId-000000000000", quarter));
    cases.push(split);
    for case in &cases {
        case.wait(&endpoint, 1, &agent);
    }
    let log = agent.log();
    assert_eq!(agent.stop(SOON), Some(0), "{log}");
    for case in &cases {
        case.judge(&endpoint);
    }
    assert!(endpoint.handle.stats().total().throttled_records > 0, "nothing was held up");
}
