//! What an agent needs when it cannot get rid of anything, and when it has many flows.

use std::path::Path;
use std::time::Duration;

use kinetail::sandbox::StreamId;
use serde_json::{Value, json};

use super::front::Front;
use super::{Goal, Ground, Row, mebibytes};
use crate::error::BenchError;
use crate::files::{self, Large};
use crate::subject::Subject;

/// Flows of one process.
const FLOWS: u64 = 50;

/// What each of them ships.
const FLOW_BYTES: u64 = 6_000_000;

/// By then as much as ever will be is read and waits.
const FILLS_WITHIN: Duration = Duration::from_secs(15);

/// An endpoint that takes connections and does not answer, for as long as `row_seconds`, and then
/// does: all that waited arrives.
pub(super) async fn dead(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let (settings, sandbox) = (ground.settings, ground.sandbox);
    let large = files::large(&settings.directory, settings.row_megabytes)?;
    let front = Front::dead(sandbox.address()).await?;
    let keys = json!({
        "kinesis.endpoint": front.url(),
        "flows": [flow("dead", &large.path)],
    });
    let streams = vec![StreamId::kinesis("dead")?];
    let mut agent = Subject::agent_of("dead", &settings.directory, &keys, streams)?;
    tokio::time::sleep(FILLS_WITHIN).await;
    let before = agent.status_bytes("VmHWM:")?;
    tokio::time::sleep(Duration::from_secs(settings.row_seconds)).await;
    let peak = agent.status_bytes("VmHWM:")?;
    front.revive();
    let seconds = agent.deliver(large.records, sandbox).await?;
    agent.finish(seconds, large.records, sandbox).await?;
    let what = format!("peak memory, the endpoint is silent for {} s", settings.row_seconds);
    let grown = mebibytes(peak) - mebibytes(before);
    Ok(vec![
        Row::new("dead", &what, (mebibytes(peak), "MiB"), Goal::AtMost(48.0)),
        Row::new("dead", "by which it grew after 15 s", (grown, "MiB"), Goal::AtMost(0.5)),
    ])
}

/// Many flows, each with a file and a stream of its own.
pub(super) async fn flows(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let (settings, sandbox) = (ground.settings, ground.sandbox);
    let file = files::lines_of(&settings.directory, files::LINE_BYTES, FLOW_BYTES)?;
    let (mut agent, records) = many_flows("flows", FLOWS, &file, ground)?;
    let seconds = agent.deliver(records, sandbox).await?;
    let resident = agent.status_bytes("VmRSS:")?;
    let figures = agent.finish(seconds, records, sandbox).await?;
    let what = format!(
        "peak memory, 50 flows at full speed; {:.1} MiB at the end of it",
        mebibytes(resident)
    );
    let peak = (mebibytes(figures.peak_bytes), "MiB");
    Ok(vec![Row::new("flows-50", &what, peak, Goal::AtMost(64.0))])
}

/// Starts an agent with so many flows, each of which ships a copy of this file. Gives how many
/// records that is.
pub(super) fn many_flows(
    name: &str,
    count: u64,
    file: &Large,
    ground: &Ground<'_>,
) -> Result<(Subject, u64), BenchError> {
    let directory = ground.settings.directory.join("files-of-flows");
    std::fs::create_dir_all(&directory).map_err(BenchError::io("make a directory"))?;
    let (mut flows, mut streams) = (Vec::new(), Vec::new());
    for number in 0..count {
        let path = directory.join(format!("{name}-{number}.log"));
        std::fs::copy(&file.path, &path).map_err(BenchError::io("copy a file"))?;
        let stream = format!("{name}-{number}");
        flows.push(flow(&stream, &path));
        streams.push(StreamId::kinesis(&stream)?);
    }
    let keys = json!({ "kinesis.endpoint": ground.sandbox.url(), "flows": flows });
    let agent = Subject::agent_of(name, &ground.settings.directory, &keys, streams)?;
    Ok((agent, count * file.records))
}

fn flow(stream: &str, path: &Path) -> Value {
    json!({ "filePattern": path, "kinesisStream": stream, "initialPosition": "START_OF_FILE" })
}
