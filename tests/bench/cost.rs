//! What each way of packing costs: processor time, requests, records, bytes and billed units for
//! a GB of log lines; `docs/cost.md` has the figures.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kinetail::sandbox::{Sandbox, SandboxHandle, SandboxOptions, Store, StreamId};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::error::BenchError;
use super::print;
use super::settings::Settings;
use super::subject::Subject;
use super::throughput::float;

/// What a record is counted by on a provisioned stream.
const UNIT_BYTES: u64 = 25 * 1024;

/// Units are counted on so much: all records of it are kept in memory.
const COUNTED_BYTES: u64 = 20_000_000;

/// How often the checkpoints are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Nothing takes this long.
const DONE_WITHIN: Duration = Duration::from_mins(15);

/// The ways, by the names of the table.
fn ways() -> [(&'static str, Value); 4] {
    [
        ("plain", json!({})),
        ("newline", json!({ "aggregation": "newline" })),
        ("kpl", json!({ "aggregation": "kpl" })),
        ("newline-gzip", json!({ "aggregation": "newline", "compression": "gzip" })),
    ]
}

/// What a way came to, for a GB.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    cpu_seconds: f64,
    requests: f64,
    records: f64,
    megabytes: f64,
    units: f64,
}

pub(crate) async fn run(settings: &Settings, sandbox: &SandboxHandle) -> Result<(), BenchError> {
    let bytes = settings.cost_megabytes * 1_000_000;
    let (large, small) =
        (lines(&settings.directory, bytes)?, lines(&settings.directory, COUNTED_BYTES.min(bytes))?);
    print(&format!(
        "\ncost: a GB of log lines, from {} MB; processor time is the median of {} rounds by turns",
        large.1 / 1_000_000,
        settings.rounds
    ))?;
    let mut cpu: [Vec<f64>; 4] = Default::default();
    for round in 1..=settings.rounds {
        for ((way, keys), cpu) in ways().iter().zip(&mut cpu) {
            let name = format!("cost-{way}-{round}");
            let (seconds, _) = ship(&name, keys, settings, &large, sandbox).await?;
            cpu.push(seconds / float(large.1) * 1e9);
        }
    }
    print(&format!(
        "{:<14} {:>9} {:>9} {:>10} {:>10} {:>9} {:>11}",
        "", "CPU s/GB", "to plain", "requests", "records", "MB", "25 KB units"
    ))?;
    let mut plain = 0.0;
    for ((way, keys), cpu) in ways().iter().zip(&mut cpu) {
        cpu.sort_by(f64::total_cmp);
        let mut cost = counted(way, keys, settings, &small).await?;
        cost.cpu_seconds = cpu.get(cpu.len() / 2).copied().unwrap_or_default();
        plain = if *way == "plain" { cost.cpu_seconds } else { plain };
        print(&format!(
            "{way:<14} {:>9.2} {:>9.2} {:>10.0} {:>10.0} {:>9.0} {:>11.0}",
            cost.cpu_seconds,
            cost.cpu_seconds / plain,
            cost.requests,
            cost.records,
            cost.megabytes,
            cost.units,
        ))?;
    }
    Ok(())
}

/// Ships the file to a stream of this name. Gives the processor time and the requests.
async fn ship(
    name: &str,
    keys: &Value,
    settings: &Settings,
    (path, bytes): &(PathBuf, u64),
    sandbox: &SandboxHandle,
) -> Result<(f64, u64), BenchError> {
    let agent = Subject::agent_with(name, &settings.directory, path, sandbox, keys)?;
    let begin = Instant::now();
    while acknowledged(&agent.database()).unwrap_or(0) < *bytes {
        if begin.elapsed() > DONE_WITHIN {
            return Err(BenchError::Ended { name: name.to_owned(), log: String::new() });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let records = sandbox.stats().stream(&StreamId::kinesis(name)?).records;
    let figures = agent.finish(begin.elapsed().as_secs_f64(), records, sandbox).await?;
    Ok((figures.cpu.total(), figures.requests))
}

/// Ships a part of it to a sandbox that keeps the records, and looks at each.
async fn counted(
    way: &str,
    keys: &Value,
    settings: &Settings,
    file: &(PathBuf, u64),
) -> Result<Cost, BenchError> {
    let options = SandboxOptions { store: Store::Memory, ..SandboxOptions::default() };
    let sandbox = Sandbox::bind(options).await?;
    let handle = sandbox.handle();
    let name = format!("count-{way}");
    let (_, requests) = tokio::select! {
        () = sandbox.serve(std::future::pending()) => return Err(BenchError::Answer("it ended")),
        shipped = ship(&name, keys, settings, file, &handle) => shipped?,
    };
    let per_gb = 1e9 / float(file.1);
    let mut cost = Cost { requests: float(requests) * per_gb, ..Cost::default() };
    for record in handle.records(&StreamId::kinesis(&name)?) {
        let key = record.partition_key.map_or(0, |key| key.len());
        let length = u64::try_from(record.data.len() + key).unwrap_or(u64::MAX);
        cost.records += per_gb;
        cost.megabytes += float(length) * per_gb / 1e6;
        cost.units += float(length.div_ceil(UNIT_BYTES)) * per_gb;
    }
    Ok(cost)
}

/// How far the only file is acknowledged; nothing before there are checkpoints.
fn acknowledged(database: &Path) -> Option<u64> {
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let offset = database.query_row("SELECT max(offset) FROM checkpoints", (), |row| row.get(0));
    u64::try_from(offset.ok().and_then(|offset: Option<i64>| offset)?).ok()
}

/// Makes a file of about so many bytes, or finds the one of an earlier run.
fn lines(directory: &Path, bytes: u64) -> Result<(PathBuf, u64), BenchError> {
    let folder = directory.join("cost");
    fs::create_dir_all(&folder).map_err(BenchError::io("make a directory"))?;
    let path = folder.join(format!("{bytes}.log"));
    if let Ok(meta) = fs::metadata(&path)
        && meta.len() >= bytes
    {
        return Ok((path, meta.len()));
    }
    let file = File::create(&path).map_err(BenchError::io("make the file of log lines"))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut random = fastrand::Rng::with_seed(3);
    let (mut written, mut number) = (0, 0_u64);
    while written < bytes {
        let line = line(number, &mut random);
        out.write_all(line.as_bytes()).map_err(BenchError::io("write a line"))?;
        written += u64::try_from(line.len()).unwrap_or_default();
        number += 1;
    }
    out.flush().map_err(BenchError::io("write the file of log lines"))?;
    Ok((path, written))
}

/// One line of an access log. Its words repeat, as such words do, and its numbers do not.
fn line(number: u64, random: &mut fastrand::Rng) -> String {
    let of = |words: &[&'static str], random: &mut fastrand::Rng| {
        words.get(random.usize(..words.len())).copied().unwrap_or_default()
    };
    let method = of(&["GET", "GET", "GET", "POST", "PUT"], random);
    let path = of(&["/", "/api/v1/orders", "/api/v1/users", "/static/app.js", "/health"], random);
    let status = of(&["200", "200", "200", "304", "404", "500"], random);
    format!(
        "10.{}.{}.{} - - [29/Nov/2026:15:{:02}:{:02} +0000] \"{method} {path}?id={number} \
         HTTP/1.1\" {status} {} {:.3}\n",
        random.u8(..),
        random.u8(..),
        random.u8(..),
        number / 60_000 % 60,
        number / 1_000 % 60,
        random.u32(100..90_000),
        f64::from(random.u16(..)) / 1e5,
    )
}
