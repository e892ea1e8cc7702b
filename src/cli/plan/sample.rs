//! What a flow's files hold now, and how fast they were written.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::{FlowConfig, Input};
use crate::disk::{OsDisk, links};
use crate::metrics::float;
use crate::tail::snapshot::Snapshot;

/// So many files are looked into, the newest first.
const FILES_MAX: usize = 8;

/// So many bytes of each are packed, from its start.
const SAMPLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Less than this fills no batch, and is packed several times over.
const SAMPLE_BYTES_MIN: usize = SAMPLE_BYTES_MAX;

/// What was written in a shorter time says little about the rate.
const RATE_TIME_MIN: Duration = Duration::from_mins(1);

/// What is in a flow's files.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Their paths and the bytes that are packed.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// So many times each is there, one after the other.
    pub(super) copies: usize,
    /// How fast the files were written.
    pub(super) rate: Option<FileRate>,
}

/// How fast files were written, by their sizes and times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FileRate {
    pub(super) bytes_per_second: f64,
    /// In how much time, up to the last write.
    pub(super) over: Duration,
}

impl Sample {
    /// Reads the beginnings of the newest files, and the times of all.
    pub(super) fn of(flow: &FlowConfig) -> Self {
        if flow.input != Input::Files {
            return Self::default();
        }
        let snapshot = Snapshot::take(&OsDisk, &flow.pattern, 0);
        let mut found: Vec<(Life, PathBuf)> = Vec::new();
        for entry in &snapshot.listing.entries {
            // Why a file cannot be read is told by `check`.
            let Ok(meta) = fs::metadata(&entry.path) else { continue };
            let Ok(written) = meta.modified() else { continue };
            // A file that was put back has the times of another: it counts as written at once.
            let born = meta.created().ok().filter(|born| *born <= written).unwrap_or(written);
            found.push((Life { born, written, bytes: meta.len() }, entry.path.to_path_buf()));
        }
        found.sort_by_key(|(life, _)| std::cmp::Reverse(life.written));
        let lives: Vec<Life> = found.iter().map(|(life, _)| *life).collect();
        let mut sample = Self { rate: rate(lives), ..Self::default() };
        for (_, path) in found.iter().take(FILES_MAX) {
            let Ok(bytes) = beginning(path, flow) else { continue };
            if !bytes.is_empty() {
                sample.files.push((path.to_string_lossy().into_owned(), bytes));
            }
        }
        sample.fill_up();
        sample
    }

    /// Repeats the sample until batches can be full.
    pub(super) fn fill_up(&mut self) {
        let bytes: usize = self.files.iter().map(|(_, bytes)| bytes.len()).sum();
        self.copies = SAMPLE_BYTES_MIN.div_ceil(bytes.max(1)).max(1);
        if self.copies > 1 {
            for (_, bytes) in &mut self.files {
                *bytes = bytes.repeat(self.copies);
            }
        }
    }
}

/// The complete lines at the start of a file.
fn beginning(path: &Path, flow: &FlowConfig) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file: fs::File = links::open(path, flow.pattern.follow_links())?;
    file.take(SAMPLE_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    let end = memchr::memrchr(b'\n', &bytes).map_or(0, |newline| newline + 1);
    bytes.truncate(end);
    Ok(bytes)
}

/// From when to when a file was written, and how much.
#[derive(Debug, Clone, Copy)]
struct Life {
    born: SystemTime,
    written: SystemTime,
    bytes: u64,
}

/// How fast files were written in the life of the newest, or of as many of the newest as it takes
/// for a time that says something. Files that were written before, such as older generations of a
/// log, are not of that time.
fn rate(mut lives: Vec<Life>) -> Option<FileRate> {
    lives.sort_by_key(|life| std::cmp::Reverse((life.written, life.born)));
    let to = lives.first()?.written;
    let mut from = to;
    for life in &lives {
        if since(from, to) >= RATE_TIME_MIN {
            break;
        }
        from = from.min(life.born);
    }
    let over = since(from, to);
    if over < RATE_TIME_MIN {
        return None;
    }
    let bytes: f64 = lives.iter().map(|life| life.bytes_in(from, to)).sum();
    Some(FileRate { bytes_per_second: bytes / over.as_secs_f64(), over })
}

impl Life {
    /// How much of it was written between these times, if it was written evenly.
    fn bytes_in(&self, from: SystemTime, to: SystemTime) -> f64 {
        if self.written < from {
            return 0.0;
        }
        let all = since(self.born, self.written).as_secs_f64();
        let part = since(self.born.max(from), self.written.min(to)).as_secs_f64();
        // A copy is written at once.
        float(self.bytes) * if all > 0.0 { part / all } else { 1.0 }
    }
}

fn since(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate of files that were written from and to these seconds, with so many bytes.
    fn rate_of(files: &[(u64, u64, u64)]) -> Option<(f64, u64)> {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let life = |(born, written, bytes): &(u64, u64, u64)| Life {
            born: at(*born),
            written: at(*written),
            bytes: *bytes,
        };
        rate(files.iter().map(life).collect())
            .map(|rate| (rate.bytes_per_second, rate.over.as_secs()))
    }

    #[test]
    fn files_that_are_written_at_a_time_add_up_and_generations_of_a_log_do_not() {
        assert_eq!(rate_of(&[(0, 1_000, 5_000)]), Some((5.0, 1_000)));
        assert_eq!(rate_of(&[(0, 1_000, 5_000), (0, 1_000, 1_000)]), Some((6.0, 1_000)));
        // One generation after the other, at ten bytes a second each.
        let log = [(0, 1_000, 10_000), (1_000, 2_000, 10_000), (2_000, 3_000, 10_000)];
        assert_eq!(rate_of(&log), Some((10.0, 1_000)));
        // The newest is seconds old: the one before it counts with it.
        let log = [(0, 1_000, 10_000), (1_000, 2_000, 10_000), (2_000, 2_010, 100)];
        assert_eq!(rate_of(&log), Some((10.0, 1_010)));
        // One that is written more slowly counts with its part.
        assert_eq!(rate_of(&[(0, 2_000, 4_000), (1_000, 2_000, 5_000)]), Some((7.0, 1_000)));
        // `copytruncate`: the live file is as old as the log, and copies are written at once.
        let log = [(0, 3_000, 3_000), (1_000, 1_000, 9_000), (2_000, 2_000, 9_000)];
        assert_eq!(rate_of(&log), Some((7.0, 3_000)));
    }

    #[test]
    fn times_that_say_nothing_give_no_rate() {
        assert_eq!(rate_of(&[]), None);
        assert_eq!(rate_of(&[(0, 59, 1_000)]), None);
        assert_eq!(rate_of(&[(50, 50, 1_000_000), (10, 10, 1_000_000)]), None);
    }
}
