//! What each way of packing costs: processor time, requests, records, bytes and billed units for
//! a GB of log lines, as the table of `docs/cost.md`.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use kinetail::sandbox::{Sandbox, SandboxHandle, SandboxOptions, Store, StoredRecord, StreamId};
use serde_json::{Value, json};

use super::error::BenchError;
use super::print;
use super::settings::Settings;
use super::subject::Subject;
use super::throughput::float;

/// What a record is counted by on a provisioned stream.
const UNIT_BYTES: u64 = 25 * 1024;

/// What an aggregate of the Kinesis Producer Library begins with.
const KPL_MAGIC: &[u8] = &[0xf3, 0x89, 0x9a, 0xc2];

/// Units are counted on so much: all records of it are kept in memory.
const COUNTED_BYTES: u64 = 20_000_000;

/// The ways, by the names of the table.
fn ways() -> [(&'static str, &'static str, Value); 4] {
    let newline = || json!({ "aggregation": "newline" });
    let mut gzip = newline();
    gzip["compression"] = json!("gzip");
    [
        ("plain", "plain", json!({})),
        ("newline", "`aggregation: newline`", newline()),
        ("kpl", "`aggregation: kpl`", json!({ "aggregation": "kpl" })),
        ("newline-gzip", "`newline` and `compression: gzip`", gzip),
    ]
}

/// What a way comes to, for a GB.
#[derive(Debug, Clone, Copy)]
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
        "\ncost: a GB of log lines, from {} MB of them; records are looked at in {} MB; medians of \
         {} rounds by turns\n",
        large.1 / 1_000_000,
        small.1 / 1_000_000,
        settings.rounds
    ))?;
    let mut costs: [Vec<Cost>; 4] = Default::default();
    for round in 1..=settings.rounds {
        for ((way, _, keys), costs) in ways().iter().zip(&mut costs) {
            let name = format!("cost-{way}-{round}");
            let (seconds, requests) = ship(&name, keys, settings, &large, sandbox).await?;
            let per_gb = 1e9 / float(large.1);
            let all = (seconds * per_gb, float(requests) * per_gb);
            costs
                .push(counted(&format!("count-{way}-{round}"), keys, settings, &small, all).await?);
        }
    }
    print(
        "| To Kinesis | Processor time, s | To plain | Requests | Records | MB with keys | 25 KB \
         units |",
    )?;
    print("|---|---|---|---|---|---|---|")?;
    let plain = costs.first().map_or(0.0, |costs| median(costs, |cost| cost.cpu_seconds));
    for ((_, title, _), costs) in ways().iter().zip(&costs) {
        let cpu = median(costs, |cost| cost.cpu_seconds);
        print(&format!(
            "| {title} | {cpu:.1} | {:.2} | {} | {} | {} | {} |",
            cpu / plain,
            grouped(median(costs, |cost| cost.requests)),
            grouped(median(costs, |cost| cost.records)),
            grouped(median(costs, |cost| cost.megabytes)),
            grouped(median(costs, |cost| cost.units)),
        ))?;
    }
    Ok(())
}

fn median(costs: &[Cost], of: fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = costs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A whole number, in groups of three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Ships the file to a stream of this name. Gives the processor time and the requests.
async fn ship(
    name: &str,
    keys: &Value,
    settings: &Settings,
    (path, bytes): &(PathBuf, u64),
    sandbox: &SandboxHandle,
) -> Result<(f64, u64), BenchError> {
    let mut agent = Subject::agent_with(name, &settings.directory, path, sandbox, keys)?;
    let seconds = agent.acknowledge(*bytes).await?;
    let records = sandbox.stats().stream(&StreamId::kinesis(name)?).records;
    let figures = agent.finish(seconds, records, sandbox).await?;
    Ok((figures.cpu.total(), figures.requests))
}

/// Ships a part of it to a sandbox that keeps the records, and looks at each.
async fn counted(
    name: &str,
    keys: &Value,
    settings: &Settings,
    file: &(PathBuf, u64),
    (cpu_seconds, requests): (f64, f64),
) -> Result<Cost, BenchError> {
    let options = SandboxOptions { store: Store::Memory, ..SandboxOptions::default() };
    let sandbox = Sandbox::bind(options).await?;
    let handle = sandbox.handle();
    tokio::select! {
        () = sandbox.serve(std::future::pending()) => return Err(BenchError::Answer("it ended")),
        shipped = ship(name, keys, settings, file, &handle) => shipped?,
    };
    let records = handle.records(&StreamId::kinesis(name)?);
    let aggregates = records.iter().filter(|record| record.data.starts_with(KPL_MAGIC)).count();
    // Until the flow knows whether the consumers read aggregates, at its start, lines go alone.
    let is_alone = |record: &StoredRecord| aggregates > 0 && !record.data.starts_with(KPL_MAGIC);
    let alone: usize = records.iter().filter(|record| is_alone(record)).map(|r| r.data.len()).sum();
    let per_gb = 1e9 / float(file.1 - u64::try_from(alone).unwrap_or_default());
    let mut cost = Cost { cpu_seconds, requests, records: 0.0, megabytes: 0.0, units: 0.0 };
    for record in records.into_iter().filter(|record| !is_alone(record)) {
        let key = record.partition_key.map_or(0, |key| key.len());
        let length = u64::try_from(record.data.len() + key).unwrap_or(u64::MAX);
        cost.records += per_gb;
        cost.megabytes += float(length) * per_gb / 1e6;
        cost.units += float(length.div_ceil(UNIT_BYTES)) * per_gb;
    }
    Ok(cost)
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
