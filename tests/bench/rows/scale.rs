//! Whether many flows, many files or long lines slow down what is shipped altogether.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::memory::many_flows;
use super::steady::speed;
use super::{Goal, Ground, Row, median};
use crate::error::BenchError;
use crate::files::{self, LINE_BYTES};
use crate::subject::Subject;

/// Within 10 %.
const GOAL: Goal = Goal::AtLeast(0.9);

const FLOWS: u64 = 8;
const FILES: u64 = 10_000;

/// Bytes of a line that is one record, and of one that is much too long for it.
const LINES: [u64; 2] = [1_000_000, 64_000_000];

/// One flow against eight.
pub(super) async fn flows(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let directory = &ground.settings.directory;
    let bytes = ground.settings.row_megabytes * 1_000_000;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for round in 1..=ground.settings.rounds {
        for (count, speeds) in [(1, &mut one), (FLOWS, &mut many)] {
            let file = files::lines_of(directory, LINE_BYTES, bytes / count)?;
            let name = format!("scale-{count}-{round}");
            let (agent, records) = many_flows(&name, count, &file, ground)?;
            speeds.push(arrive(agent, records, file.bytes * count, ground).await?);
        }
    }
    Ok(vec![row("scale-flows", "8 flows to one", &one, &many)])
}

/// One file against 10,000, with the same lines in all.
pub(super) async fn files(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let settings = ground.settings;
    let bytes = settings.row_megabytes * 1_000_000;
    let single = files::lines_of(&settings.directory, LINE_BYTES, bytes)?;
    let folder = settings.directory.join("parts");
    let parts = split(&single.path, &folder, FILES)?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for round in 1..=settings.rounds {
        for (pattern, name, speeds) in
            [(&single.path, "one", &mut one), (&parts, "many", &mut many)]
        {
            let name = format!("scale-files-{name}-{round}");
            let agent = Subject::agent(&name, &settings.directory, pattern, ground.sandbox)?;
            speeds.push(arrive(agent, single.records, single.bytes, ground).await?);
        }
    }
    Ok(vec![row("scale-files", "10,000 files to one", &one, &many)])
}

/// Lines of 1 MB against lines of 64 MB, of which the limit of a record is sent.
pub(super) async fn lines(ground: &Ground<'_>) -> Result<Vec<Row>, BenchError> {
    let settings = ground.settings;
    let (mut usual, mut long) = (Vec::new(), Vec::new());
    let bytes = settings.row_megabytes * 1_000_000;
    for round in 1..=settings.rounds {
        for (length, speeds) in LINES.into_iter().zip([&mut usual, &mut long]) {
            let count = (bytes / length).max(1);
            let path = long_lines(&settings.directory, length, count)?;
            let name = format!("scale-lines-{length}-{round}");
            let agent = Subject::agent(&name, &settings.directory, &path, ground.sandbox)?;
            speeds.push(arrive(agent, count, count * length, ground).await?);
        }
    }
    Ok(vec![row("scale-lines", "64 MB lines to 1 MB lines", &usual, &long)])
}

async fn arrive(
    mut agent: Subject,
    records: u64,
    bytes: u64,
    ground: &Ground<'_>,
) -> Result<f64, BenchError> {
    let seconds = agent.deliver(records, ground.sandbox).await?;
    agent.finish(seconds, records, ground.sandbox).await?;
    Ok(speed(bytes, seconds))
}

fn row(name: &str, what: &str, one: &[f64], many: &[f64]) -> Row {
    let ratios: Vec<f64> = many.iter().zip(one).map(|(many, one)| many / one).collect();
    let what = format!("MB/s of {what}: {:.0} to {:.0}", median(many), median(one));
    Row::new(name, &what, (median(&ratios), "×"), GOAL)
}

/// Makes files of the lines of another, or finds those of an earlier run. Gives their pattern.
fn split(from: &Path, folder: &Path, count: u64) -> Result<PathBuf, BenchError> {
    let pattern = folder.join("part-*.log");
    let text = fs::read(from).map_err(BenchError::io("read the lines"))?;
    let line = usize::try_from(LINE_BYTES).unwrap_or_default();
    let lines = text.len() / line;
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(lines);
    if fs::metadata(folder).is_ok() {
        fs::remove_dir_all(folder).map_err(BenchError::io("clear a directory"))?;
    }
    fs::create_dir_all(folder).map_err(BenchError::io("make a directory"))?;
    for number in 0..count {
        let (begin, end) = (lines * number / count, lines * (number + 1) / count);
        let part = text.get(begin * line..end * line).unwrap_or_default();
        let path = folder.join(format!("part-{number:05}.log"));
        fs::write(path, part).map_err(BenchError::io("write a small file"))?;
    }
    Ok(pattern)
}

fn long_lines(directory: &Path, length: u64, count: u64) -> Result<PathBuf, BenchError> {
    let path = directory.join(format!("long-{length}x{count}.log"));
    if fs::metadata(&path).is_ok_and(|meta| meta.len() == length * count) {
        return Ok(path);
    }
    let file = File::create(&path).map_err(BenchError::io("make a file"))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut random = fastrand::Rng::with_seed(6);
    for number in 0..count {
        let line = files::line_of(length, number, &mut random);
        out.write_all(&line).map_err(BenchError::io("write a line"))?;
    }
    out.flush().map_err(BenchError::io("write a line"))?;
    Ok(path)
}
