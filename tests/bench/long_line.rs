//! A line of gigabytes: what memory it takes, and whether it leaves anything behind.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use kinetail::sandbox::SandboxHandle;

use super::error::BenchError;
use super::files::{self, LINE_BYTES};
use super::print;
use super::settings::Settings;
use super::subject::Subject;
use super::throughput::float;

/// What is shipped before and after the long line, to see whether it left anything behind.
const USUAL_MEGABYTES: u64 = 200;

/// What is written at a time, in bytes.
const MEGABYTE: usize = 1_000_000;

pub(crate) async fn run(settings: &Settings, sandbox: &SandboxHandle) -> Result<(), BenchError> {
    let usual = files::large(&settings.directory, USUAL_MEGABYTES.min(settings.line_megabytes))?;
    let path = settings.directory.join("long-line.log");
    File::create(&path).map_err(BenchError::io("make a file"))?;
    let mut agent = Subject::agent("long-line", &settings.directory, &path, sandbox)?;
    let speed = |seconds: f64| float(usual.bytes) / 1e6 / seconds;

    let mut records = usual.records;
    let before = speed(append(&mut agent, (&usual.path, &path), records, sandbox).await?);
    let peak_before = agent.status_bytes("VmHWM:")?;
    write_line(&path, settings.line_megabytes)?;
    records += 1;
    agent.deliver(records, sandbox).await?;
    let grown = agent.status_bytes("VmHWM:")? - peak_before;
    records += usual.records;
    let after = speed(append(&mut agent, (&usual.path, &path), records, sandbox).await?);

    agent.finish(0.0, records, sandbox).await?;
    std::fs::remove_file(&path).map_err(BenchError::io("remove a file"))?;

    print(&format!(
        "\nlong line: {} MB; memory grew by {:.1} MB; {before:.0} MB/s of {LINE_BYTES}-byte lines \
         before and {after:.0} MB/s after it",
        settings.line_megabytes,
        float(grown) / 1e6,
    ))
}

/// Appends one file to another and says how many seconds it takes until so many records arrived.
async fn append(
    agent: &mut Subject,
    (from, to): (&Path, &Path),
    records: u64,
    sandbox: &SandboxHandle,
) -> Result<f64, BenchError> {
    let mut from = File::open(from).map_err(BenchError::io("open a file"))?;
    let mut to = open_end(to)?;
    let begin = Instant::now();
    std::io::copy(&mut from, &mut to).map_err(BenchError::io("copy a file"))?;
    agent.deliver(records, sandbox).await?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Appends one line of so many megabytes.
fn write_line(path: &Path, megabytes: u64) -> Result<(), BenchError> {
    let mut out = BufWriter::with_capacity(MEGABYTE, open_end(path)?);
    let piece = vec![b'x'; MEGABYTE];
    for _ in 0..megabytes {
        out.write_all(&piece).map_err(BenchError::io("write a long line"))?;
    }
    out.write_all(b"\n").map_err(BenchError::io("write a long line"))?;
    out.flush().map_err(BenchError::io("write a long line"))
}

fn open_end(path: &Path) -> Result<File, BenchError> {
    OpenOptions::new().append(true).open(path).map_err(BenchError::io("open a file"))
}
