//! How long after it was written a line is accepted: in a quiet file, in a busy one, and in one of
//! many. Every line has a number, and has to arrive once.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kinetail::sandbox::{SandboxHandle, StoredRecord, StreamId};
use serde_json::json;

use super::{Goal, Ground, Row, proof, quantile};
use crate::error::BenchError;
use crate::files::{self, LINE_BYTES};
use crate::subject::Subject;
use crate::throughput::float;

/// How long a batch waits for more.
const BUFFER_MILLIS: u64 = 100;

/// What was there before is delivered, and files fall quiet.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// Which lines are written where.
struct Scene {
    name: &'static str,
    what: &'static str,
    paths: Vec<PathBuf>,
    /// Records before the first line.
    there: u64,
    lines: u64,
    every: Duration,
    /// Milliseconds that half of the lines, and 99 of 100, may take.
    goals: [Goal; 2],
}

/// A line now and then.
pub(super) async fn quiet(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let every = Duration::from_millis(500);
    let scene = Scene {
        name: "latency-quiet",
        what: "quiet file",
        paths: vec![one_file(ground, "latency-quiet.log")?],
        there: 0,
        lines: 2 * ground.settings.row_seconds,
        every,
        goals: [Goal::AtMost(105.0), Goal::AtMost(120.0)],
    };
    run(scene, ground).await
}

/// 1,000 lines a second.
pub(super) async fn busy(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let scene = Scene {
        name: "latency-1000",
        what: "1,000 lines/s",
        paths: vec![one_file(ground, "latency-1000.log")?],
        there: 0,
        lines: 500 * ground.settings.row_seconds,
        every: Duration::from_millis(1),
        goals: [Goal::Any, Goal::AtMost(130.0)],
    };
    run(scene, ground).await
}

/// A line now and then in one of 10,000 files, each time in another.
pub(super) async fn many_files(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let count = ground.settings.idle_files;
    let folder = files::small(&ground.settings.directory, count)?;
    let lines = 10 * ground.settings.row_seconds;
    // Neighbors are of no use to each other.
    let place = |number: u64| number * 7_919 % count;
    let path = |number| folder.join(format!("service-{:06}.log", place(number)));
    let scene = Scene {
        name: "latency-files",
        what: "10,000 files",
        paths: (0..lines).map(path).collect(),
        there: files::SMALL_LINES * count,
        lines,
        every: Duration::from_millis(100),
        goals: [Goal::Any, Goal::AtMost(130.0)],
    };
    run(scene, ground).await
}

fn one_file(ground: &Ground<'_>, name: &str) -> Result<PathBuf, BenchError> {
    let path = ground.settings.directory.join(name);
    File::create(&path).map_err(BenchError::io("make a file"))?;
    Ok(path)
}

async fn run(scene: Scene, ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let (sandbox, serving) = proof::keeping().await?;
    tokio::select! {
        () = serving => Err(BenchError::Answer("it ended")),
        rows = measure(scene, ground, &sandbox) => rows,
    }
}

async fn measure(
    scene: Scene,
    ground: &Ground<'_>,
    sandbox: &SandboxHandle,
) -> Result<Vec<Row>, BenchError> {
    let directory = &ground.settings.directory;
    let pattern = match scene.paths.as_slice() {
        [only] => only.clone(),
        _ => directory.join("many/*.log"),
    };
    let keys = json!({ "maxBufferAgeMillis": BUFFER_MILLIS });
    let mut agent = Subject::agent_with(scene.name, directory, &pattern, sandbox, &keys)?;
    agent.deliver(scene.there, sandbox).await?;
    tokio::time::sleep(SETTLES_WITHIN).await;
    let written = write(&scene).await?;
    let records = scene.there + scene.lines;
    agent.deliver(records, sandbox).await?;
    agent.finish(0.0, records, sandbox).await?;
    let took = latencies(&scene, &written, &sandbox.records(&StreamId::kinesis(scene.name)?))?;
    let row = |share: &str, at, goal| {
        let what = format!("written to accepted, {}, {share}", scene.what);
        Row::new(scene.name, &what, (quantile(&took, at), "ms"), goal)
    };
    Ok(vec![row("p50", 0.5, scene.goals[0]), row("p99", 0.99, scene.goals[1])])
}

/// Writes the lines at their times, and says when each was there.
async fn write(scene: &Scene) -> Result<Vec<Timestamp>, BenchError> {
    let begin = Instant::now();
    let mut random = fastrand::Rng::with_seed(4);
    let mut written = Vec::new();
    for number in 0..scene.lines {
        let due = begin + scene.every * u32::try_from(number).unwrap_or(u32::MAX);
        tokio::time::sleep_until(due.into()).await;
        let places = u64::try_from(scene.paths.len()).unwrap_or(1).max(1);
        let place = usize::try_from(number % places).unwrap_or_default();
        let Some(path) = scene.paths.get(place) else { break };
        let mut file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(BenchError::io("open a file to append to"))?;
        let line = files::line_of(LINE_BYTES, FIRST_NUMBER + number, &mut random);
        file.write_all(&line).map_err(BenchError::io("append a line"))?;
        written.push(Timestamp::now());
    }
    Ok(written)
}

/// No line that is there before has such a number.
const FIRST_NUMBER: u64 = 5_000_000_000;

/// Milliseconds from the write of each line to its arrival.
fn latencies(
    scene: &Scene,
    written: &[Timestamp],
    records: &[StoredRecord],
) -> Result<Vec<f64>, BenchError> {
    let mut arrived: HashMap<u64, Vec<Timestamp>> = HashMap::new();
    for record in records {
        if let Some(number) = number_of(&record.data).filter(|number| *number >= FIRST_NUMBER) {
            arrived.entry(number - FIRST_NUMBER).or_default().push(record.arrived_at);
        }
    }
    let (mut took, mut lost, mut extra) = (Vec::new(), 0, 0);
    for (number, written) in (0_u64..).zip(written) {
        match arrived.get(&number).map_or(&[][..], Vec::as_slice) {
            [] => lost += 1,
            [at, more @ ..] => {
                extra += more.len();
                let micros = at.duration_since(*written).as_micros().max(0);
                took.push(float(u64::try_from(micros).unwrap_or(u64::MAX)) / 1e3);
            }
        }
    }
    if lost == 0 && extra == 0 {
        return Ok(took);
    }
    Err(BenchError::NotEachOnce { row: scene.name.to_owned(), lost, extra })
}

/// The number of a line.
fn number_of(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let (_, rest) = text.split_once("id=")?;
    rest.split(' ').next()?.parse().ok()
}
