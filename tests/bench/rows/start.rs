//! How long it takes to begin.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::{Goal, Ground, Row, median};
use crate::error::BenchError;
use crate::files::{self, LINE_BYTES};
use crate::subject::{Subject, program, quiet};

/// Starts of which the median counts.
const STARTS: u64 = 21;

/// From the start of the process to the arrival of its first record: one full request.
pub(super) async fn first_record(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let directory = &ground.settings.directory;
    let file = files::lines_of(directory, LINE_BYTES, 1)?;
    let mut took = Vec::new();
    for number in 0..STARTS {
        let name = format!("start-{number}");
        let mut agent = Subject::agent(&name, directory, &file.path, ground.sandbox)?;
        let seconds = agent.deliver(file.records, ground.sandbox).await?;
        agent.finish(seconds, file.records, ground.sandbox).await?;
        took.push(seconds * 1e3);
    }
    let figure = (median(&took), "ms");
    Ok(vec![Row::new("start", "start to first record", figure, Goal::AtMost(50.0))])
}

/// The whole life of `kinetail check`.
pub(super) fn check(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let directory = &ground.settings.directory;
    let file = files::lines_of(directory, LINE_BYTES, 1)?;
    let path = directory.join("check.json");
    let config = json!({
        "region": "us-east-1",
        "awsAccessKeyId": "bench",
        "awsSecretAccessKey": "bench",
        "kinesis.endpoint": ground.sandbox.url(),
        "checkpointFile": directory.join("check.db"),
        "flows": [{ "filePattern": file.path, "kinesisStream": "check" }],
    });
    fs::write(&path, config.to_string()).map_err(BenchError::io("write a configuration"))?;
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let mut command = Command::new(program());
        command.arg("check").arg("--config").arg(&path);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet(&mut command);
        let begin = Instant::now();
        let status = command.status().map_err(BenchError::io("start a process"))?;
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        if !status.success() {
            let (name, log) = ("check".to_owned(), path.display().to_string());
            return Err(BenchError::Failed { name, status: status.to_string(), log });
        }
    }
    let figure = (median(&took), "ms");
    Ok(vec![Row::new("check", "`kinetail check`", figure, Goal::AtMost(10.0))])
}
