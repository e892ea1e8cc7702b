//! One large file, shipped in one of several ways, next to the bare loops.

use std::path::Path;

use kinetail::sandbox::{FaultPlan, SandboxHandle, StreamId};
use serde_json::{Value, json};

use super::front::Front;
use super::{Goal, Ground, Row, mebibytes, median, proof};
use crate::error::BenchError;
use crate::files::{self, Large};
use crate::subject::{Figures, Subject};
use crate::throughput::float;

/// What is proved is proved with so much.
const PROOF_BYTES: u64 = 10_000_000;

/// A row, and how its flow ships.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) name: &'static str,
    what: &'static str,
    line_bytes: u64,
    pub(super) service: Service,
    is_encrypted: bool,
    answers_after_millis: u64,
    /// More keys of the flow.
    keys: Value,
    goal: GoalOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Firehose,
    Kinesis,
}

/// What of it is to be how much.
#[derive(Debug, Clone, Copy)]
enum GoalOf {
    /// Processor time, to the bare loop's in JSON.
    Cpu(Goal),
    /// The same, to the loop's in CBOR as well, and speed and memory.
    Everything,
    /// MB/s.
    Speed(Goal),
}

impl Way {
    /// The way of the row of this name, if it is one of these.
    pub(super) fn of(name: &'static str) -> Option<Self> {
        let cpu = |most| GoalOf::Cpu(Goal::AtMost(most));
        let fast = GoalOf::Speed(Goal::AtLeast(300.0));
        let (what, keys, goal) = match name {
            "raw-cbor" => ("216-byte lines, CBOR", json!({}), GoalOf::Everything),
            "raw-json" => ("216-byte lines, JSON", json!({}), cpu(1.2)),
            "tls" => ("216-byte lines, CBOR over TLS", json!({}), cpu(1.3)),
            "firehose" => ("216-byte lines to Firehose", json!({}), GoalOf::Cpu(Goal::Any)),
            "firehose-newline" => ("Firehose, `aggregation: newline`", newline(), cpu(1.0)),
            "newline" => ("Kinesis, `aggregation: newline`", newline(), GoalOf::Cpu(Goal::Any)),
            "kpl" => ("Kinesis, `aggregation: kpl`", json!({ "aggregation": "kpl" }), cpu(1.6)),
            "lines-1024" => ("1,024-byte lines, CBOR", json!({}), cpu(0.9)),
            "lines-60" => ("60-byte lines, CBOR", json!({}), cpu(2.5)),
            "delay-5" => ("answers after 5 ms, 64 in flight", many(64), fast),
            "delay-50" => ("answers after 50 ms, 256 in flight", many(256), fast),
            "delay-50-newline" => {
                ("answers after 50 ms, 64 in flight, `aggregation: newline`", packed(), fast)
            }
            _ => return None,
        };
        let line_bytes = match name {
            "lines-1024" => 1024,
            "lines-60" => 60,
            _ => files::LINE_BYTES,
        };
        let is_firehose = name.starts_with("firehose");
        let service = if is_firehose { Service::Firehose } else { Service::Kinesis };
        let is_encrypted = name == "tls";
        let answers_after_millis = match name {
            "delay-5" => 5,
            "delay-50" | "delay-50-newline" => 50,
            _ => 0,
        };
        let mut keys = keys;
        if service == Service::Kinesis {
            keys["wire"] = json!(if name == "raw-json" { "json" } else { "cbor" });
        }
        Some(Self {
            name,
            what,
            line_bytes,
            service,
            is_encrypted,
            answers_after_millis,
            keys,
            goal,
        })
    }

    /// Whether a record is not a line.
    fn is_packed(&self) -> bool {
        self.keys.get("aggregation").is_some()
    }

    pub(super) fn stream(&self, name: &str) -> Result<StreamId, BenchError> {
        Ok(match self.service {
            Service::Firehose => StreamId::firehose(name)?,
            Service::Kinesis => StreamId::kinesis(name)?,
        })
    }

    /// Starts an agent that ships this file so.
    pub(super) fn start(
        &self,
        name: &str,
        file: &Path,
        sandbox: &SandboxHandle,
        (directory, front): (&Path, Option<&Front>),
    ) -> Result<Subject, BenchError> {
        let mut flow = self.keys.clone();
        flow["filePattern"] = json!(file);
        flow["initialPosition"] = json!("START_OF_FILE");
        let (key, endpoint) = match self.service {
            Service::Firehose => ("deliveryStream", "firehose.endpoint"),
            Service::Kinesis => ("kinesisStream", "kinesis.endpoint"),
        };
        flow[key] = json!(name);
        let mut keys = json!({ "flows": [flow] });
        keys[endpoint] = json!(front.map_or_else(|| sandbox.url(), Front::url));
        if let Some(front) = front {
            let path = directory.join("authority.pem");
            front.write_authority(&path)?;
            keys["caFile"] = json!(path);
        }
        Subject::agent_of(name, directory, &keys, vec![self.stream(name)?])
    }

    async fn front(&self, sandbox: &SandboxHandle) -> Result<Option<Front>, BenchError> {
        if !self.is_encrypted {
            return Ok(None);
        }
        Front::encrypted(sandbox.address()).await.map(Some)
    }
}

fn newline() -> Value {
    json!({ "aggregation": "newline" })
}

fn many(requests: u64) -> Value {
    json!({ "maxInFlightRequests": requests })
}

/// The last batch is not full, and its age would be most of what is measured.
fn packed() -> Value {
    json!({ "maxInFlightRequests": 64, "aggregation": "newline", "maxBufferAgeMillis": 100 })
}

/// Proves the way, then runs it and the loops by turns.
pub(super) async fn run(way: &Way, ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let directory = &ground.settings.directory;
    prove(way, ground).await?;
    let megabytes = ground.settings.row_megabytes;
    let large = files::lines_of(directory, way.line_bytes, megabytes * 1_000_000)?;
    let (mut agent, mut json, mut cbor) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ground.settings.rounds {
        let name = format!("bare-{}-{round}", way.name);
        let sandbox = ground.sandbox;
        json.push(bare(&name, "json", &large, (directory, sandbox)).await?);
        if matches!(way.goal, GoalOf::Everything) {
            let name = format!("{name}-cbor");
            cbor.push(bare(&name, "cbor", &large, (directory, sandbox)).await?);
        }
        let name = format!("row-{}-{round}", way.name);
        agent.push(ship(&name, way, &large, ground).await?);
    }
    Ok(rows(way, &large, &agent, (&json, &cbor)))
}

async fn prove(way: &Way, ground: &Ground<'_>) -> Result<(), BenchError> {
    let directory = &ground.settings.directory;
    let few = files::lines_of(directory, way.line_bytes, PROOF_BYTES)?;
    let (kept, serving) = proof::keeping().await?;
    let front = way.front(&kept).await?;
    let name = format!("proof-{}", way.name);
    let proved = async {
        let mut agent = way.start(&name, &few.path, &kept, (directory, front.as_ref()))?;
        agent.acknowledge(few.bytes).await?;
        let records = agent.counts(&kept.stats()).records;
        agent.finish(0.0, records, &kept).await?;
        proof::each_line_once(way.name, &few.path, &kept.records(&way.stream(&name)?))
    };
    tokio::select! {
        () = serving => Err(BenchError::Answer("it ended")),
        proved = proved => proved,
    }
}

async fn bare(
    name: &str,
    encoding: &str,
    large: &Large,
    (directory, sandbox): (&Path, &SandboxHandle),
) -> Result<Figures, BenchError> {
    let mut bare = Subject::bare_in(encoding, name, directory, &large.path, sandbox)?;
    let seconds = bare.deliver(large.records, sandbox).await?;
    bare.finish(seconds, large.records, sandbox).await
}

async fn ship(
    name: &str,
    way: &Way,
    large: &Large,
    ground: &Ground<'_>,
) -> Result<Figures, BenchError> {
    let sandbox = ground.sandbox;
    let front = way.front(sandbox).await?;
    let latency_millis = way.answers_after_millis;
    let plan = FaultPlan { latency_millis, ..FaultPlan::default() };
    sandbox
        .set_stream_faults(way.stream(name)?, plan)
        .map_err(|_| BenchError::Answer("it takes no delay"))?;
    let at = (ground.settings.directory.as_path(), front.as_ref());
    let mut agent = way.start(name, &large.path, sandbox, at)?;
    if way.is_packed() {
        let seconds = agent.acknowledge(large.bytes).await?;
        let records = agent.counts(&sandbox.stats()).records;
        return agent.finish(seconds, records, sandbox).await;
    }
    let seconds = agent.deliver(large.records, sandbox).await?;
    agent.finish(seconds, large.records, sandbox).await
}

fn rows(
    way: &Way,
    large: &Large,
    agent: &[Figures],
    (json, cbor): (&[Figures], &[Figures]),
) -> Vec<Row> {
    let ratio = |of: &[Figures], to: &[Figures], figure: fn(&Figures) -> f64| {
        let ratios = of.iter().zip(to).map(|(of, to)| figure(of) / figure(to));
        median(&ratios.collect::<Vec<_>>())
    };
    let cpu = |run: &Figures| run.cpu.total();
    let of = |figure: fn(&Figures) -> f64| median(&agent.iter().map(figure).collect::<Vec<_>>());
    let speed = float(large.bytes) / 1e6 / of(|run| run.seconds);
    let seconds = of(|run| run.cpu.total()) / float(large.bytes) * 1e9;
    let what = format!("{}; {seconds:.2} CPU s/GB, {speed:.0} MB/s", way.what);
    let row = |what: &str, figure, goal| Row::new(way.name, what, figure, goal);
    let to_json = (ratio(agent, json, cpu), "× JSON loop");
    match way.goal {
        GoalOf::Cpu(goal) => vec![row(&what, to_json, goal)],
        GoalOf::Speed(goal) => vec![row(way.what, (speed, "MB/s"), goal)],
        GoalOf::Everything => vec![
            row(&what, to_json, Goal::AtMost(0.85)),
            row("CPU", (ratio(agent, cbor, cpu), "× CBOR loop"), Goal::AtMost(1.3)),
            row(
                "speed on a fast endpoint",
                (ratio(json, agent, |run| run.seconds), "× JSON loop's MB/s"),
                Goal::AtLeast(0.9),
            ),
            row(
                "peak memory at full speed",
                (mebibytes(agent.iter().map(|run| run.peak_bytes).max().unwrap_or(0)), "MiB"),
                Goal::AtMost(32.0),
            ),
        ],
    }
}
