//! What an agent costs that has little to do, and what it costs who writes the log.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::{Goal, Ground, Row, mebibytes, median};
use crate::error::BenchError;
use crate::files;
use crate::subject::Subject;
use crate::throughput::float;

/// Lines a second.
const RATE: u32 = 10_000;

/// After the last record the agent writes checkpoints down, and files cool down.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// Rounds of the writer, each with and without an agent.
const WRITER_ROUNDS: u64 = 6;

/// 10,000 lines a second in one file.
pub(super) async fn rate(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let (settings, sandbox) = (ground.settings, ground.sandbox);
    let path = settings.directory.join("rate.log");
    File::create(&path).map_err(BenchError::io("make a file"))?;
    let mut agent = Subject::agent("rate", &settings.directory, &path, sandbox)?;
    write(&path, Duration::from_secs(2)).await?;
    let before = agent.cpu_exactly()?;
    let begin = Instant::now();
    let more = write(&path, Duration::from_secs(settings.row_seconds)).await?;
    let share = (agent.cpu_exactly()? - before) / begin.elapsed().as_secs_f64() * 100.0;
    let lines = u64::from(RATE) * 2 + more.lines;
    agent.deliver(lines, sandbox).await?;
    let figures = agent.finish(0.0, lines, sandbox).await?;
    let row = |what, figure, goal| Row::new("rate", what, figure, goal);
    Ok(vec![
        row("10,000 lines/s of 216 B", (share, "% of a core"), Goal::AtMost(1.0)),
        row("peak memory at that", (mebibytes(figures.peak_bytes), "MiB"), Goal::AtMost(20.0)),
    ])
}

/// Files in which nothing happens.
pub(super) async fn idle(
    name: &'static str,
    count: u64,
    ground: &Ground<'_>,
) -> Result<Vec<Row>, BenchError> {
    let (settings, sandbox) = (ground.settings, ground.sandbox);
    let folder = files::small(&settings.directory, count)?;
    let pattern = folder.join("*.log");
    let mut agent = Subject::agent(name, &settings.directory, &pattern, sandbox)?;
    let records = files::SMALL_LINES * count;
    agent.deliver(records, sandbox).await?;
    tokio::time::sleep(SETTLES_WITHIN).await;
    let before = agent.cpu_exactly()?;
    let begin = Instant::now();
    tokio::time::sleep(Duration::from_secs(settings.row_seconds)).await;
    let share = (agent.cpu_exactly()? - before) / begin.elapsed().as_secs_f64() * 100.0;
    let resident = mebibytes(agent.status_bytes("VmRSS:")?);
    agent.finish(0.0, records, sandbox).await?;
    let (what, cpu, memory) = match count {
        1 => ("one idle file", Goal::AtMost(0.02), Goal::Any),
        _ => ("10,000 idle files", Goal::AtMost(0.05), Goal::AtMost(32.0)),
    };
    Ok(vec![
        Row::new(name, what, (share, "% of a core"), cpu),
        Row::new(name, "memory at that", (resident, "MiB"), memory),
    ])
}

/// How much longer a line takes to write because an agent follows the file.
pub(super) async fn writer(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let (settings, sandbox) = (ground.settings, ground.sandbox);
    let span = Duration::from_secs((settings.row_seconds / 6).max(1));
    let (mut ratios, mut alone) = (Vec::new(), Vec::new());
    for round in 0..WRITER_ROUNDS {
        let path = settings.directory.join("writer.log");
        File::create(&path).map_err(BenchError::io("make a file"))?;
        let without = write(&path, span).await?;
        File::create(&path).map_err(BenchError::io("make a file"))?;
        let name = format!("writer-{round}");
        let mut agent = Subject::agent(&name, &settings.directory, &path, sandbox)?;
        let with = write(&path, span).await?;
        agent.deliver(with.lines, sandbox).await?;
        agent.finish(0.0, with.lines, sandbox).await?;
        alone.push(without.micros);
        ratios.push((with.micros / without.micros - 1.0) * 100.0);
    }
    let what = format!(
        "processor time of writing a line, 10,000 lines/s, {:.2} µs without an agent",
        median(&alone)
    );
    Ok(vec![Row::new("writer", &what, (median(&ratios), "% more"), Goal::AtMost(2.0))])
}

/// What was written.
struct Written {
    lines: u64,
    /// Microseconds of processor time of each line's write.
    micros: f64,
}

/// Appends lines at the rate, each with a call of its own, on a thread of its own.
async fn write(path: &Path, span: Duration) -> Result<Written, BenchError> {
    let path = path.to_owned();
    let handle = tokio::runtime::Handle::current();
    let written = tokio::task::spawn_blocking(move || handle.block_on(write_here(&path, span)));
    written.await.map_err(|error| BenchError::io("write lines")(error.into()))?
}

async fn write_here(path: &Path, span: Duration) -> Result<Written, BenchError> {
    let mut file = OpenOptions::new()
        .append(true)
        .open(path)
        .map_err(BenchError::io("open a file to append to"))?;
    let mut random = fastrand::Rng::with_seed(5);
    let line = files::line_of(files::LINE_BYTES, 0, &mut random);
    let lines = u32::try_from(span.as_secs()).unwrap_or(u32::MAX).saturating_mul(RATE);
    let (begin, mut spent) = (Instant::now(), Duration::ZERO);
    for number in 0..lines {
        let due = begin + Duration::from_secs(1) / RATE * number;
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        let before = thread_time();
        file.write_all(&line).map_err(BenchError::io("append a line"))?;
        spent += thread_time().saturating_sub(before);
    }
    Ok(Written { lines: u64::from(lines), micros: spent.as_secs_f64() * 1e6 / f64::from(lines) })
}

/// Processor time of this thread.
pub(super) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// MB/s of so many bytes in so much time.
pub(super) fn speed(bytes: u64, seconds: f64) -> f64 {
    float(bytes) / 1e6 / seconds
}
