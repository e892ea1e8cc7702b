//! The files that are shipped: lines of 216 bytes, the length that published comparisons of log
//! collectors use.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::BenchError;

/// Bytes of a line, its line end included.
pub(crate) const LINE_BYTES: u64 = 216;

/// Lines of a small file.
pub(crate) const SMALL_LINES: u64 = 2;

/// Records in a request, at most.
const BATCH_RECORDS: u64 = 500;

/// Shorter lines have no time.
const SHORT_BYTES: usize = 100;

/// A file that is there and warm in the page cache.
#[derive(Debug)]
pub(crate) struct Large {
    pub(crate) path: PathBuf,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// Makes a file of about so many megabytes, or finds the one of an earlier run.
pub(crate) fn large(directory: &Path, megabytes: u64) -> Result<Large, BenchError> {
    lines_of(directory, LINE_BYTES, megabytes * 1_000_000)
}

/// The same with lines of this length.
pub(crate) fn lines_of(directory: &Path, length: u64, bytes: u64) -> Result<Large, BenchError> {
    let folder = directory.join("large");
    fs::create_dir_all(&folder).map_err(BenchError::io("make a directory"))?;
    // The last request is as full as the others, so that it is not awaited to grow old.
    let records = (bytes / length / BATCH_RECORDS).max(1) * BATCH_RECORDS;
    let bytes = records * length;
    let path = folder.join(format!("{length}x{records}.log"));
    if !fs::metadata(&path).is_ok_and(|meta| meta.len() == bytes) {
        let file = File::create(&path).map_err(BenchError::io("make the large file"))?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let mut random = fastrand::Rng::with_seed(1);
        for number in 0..records {
            let line = line_of(length, number, &mut random);
            out.write_all(&line).map_err(BenchError::io("write a line"))?;
        }
        out.flush().map_err(BenchError::io("write the large file"))?;
    }
    warm(&path)?;
    Ok(Large { path, records, bytes })
}

/// Makes so many files of [`SMALL_LINES`] lines each.
pub(crate) fn small(directory: &Path, count: u64) -> Result<PathBuf, BenchError> {
    let folder = directory.join("many");
    if fs::metadata(&folder).is_ok() {
        fs::remove_dir_all(&folder).map_err(BenchError::io("clear a directory"))?;
    }
    fs::create_dir_all(&folder).map_err(BenchError::io("make a directory"))?;
    let mut random = fastrand::Rng::with_seed(2);
    for number in 0..count {
        let first = SMALL_LINES * number;
        let lines = (first..first + SMALL_LINES).map(|number| line(number, &mut random));
        let bytes: Vec<u8> = lines.flatten().collect();
        let path = folder.join(format!("service-{number:06}.log"));
        fs::write(path, bytes).map_err(BenchError::io("write a small file"))?;
    }
    Ok(folder)
}

fn line(number: u64, random: &mut fastrand::Rng) -> Vec<u8> {
    line_of(LINE_BYTES, number, random)
}

/// One line of an application's log, with text that does not repeat.
pub(crate) fn line_of(length: u64, number: u64, random: &mut fastrand::Rng) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or_default().saturating_sub(1);
    let user = random.u32(..);
    let mut line = if length < SHORT_BYTES {
        format!("INFO id={number:010} user={user:08x} msg=").into_bytes()
    } else {
        let (minute, second, milli) = (number / 60_000 % 60, number / 1_000 % 60, number % 1_000);
        format!(
            "2026-11-20T12:{minute:02}:{second:02}.{milli:03}Z INFO request id={number:010} \
             user={user:08x} msg="
        )
        .into_bytes()
    };
    let rest = length.saturating_sub(line.len());
    line.extend(std::iter::repeat_with(|| random.alphanumeric() as u8).take(rest));
    line.push(b'\n');
    line
}

/// Reads the file once, so that the first run does not pay for the disk.
fn warm(path: &Path) -> Result<(), BenchError> {
    let mut file = File::open(path).map_err(BenchError::io("open the large file"))?;
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer).map_err(BenchError::io("read the large file"))? > 0 {}
    Ok(())
}
