//! A log file with limits on its size, on how many old ones are kept, and on their age.
//!
//! Old files are next to it, with the time at which they were rotated behind the name. A file
//! that cannot be written is never the end of anything: the line goes to standard error, together
//! with one that says why, and the file is tried again. Nothing here waits for long: compressing
//! has a thread of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::OFlags;

use super::log_place::{self, MODE, Place};
use crate::config::LogFileConfig;
use crate::log_throttle::{FailureLine, FailureLog};
use crate::shown::{Escaped, shown};

/// A file that could not be written is tried again after this long. Until then lines go to
/// standard error.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How often to check whether the file was moved away.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The end of the name of a file that is compressed.
const COMPRESSED: &str = ".gz";

/// A file that lines are appended to.
#[derive(Debug)]
pub(super) struct LogFile {
    config: LogFileConfig,
    open: Option<Open>,
    /// Not before then is a file that failed tried again.
    retry_at: Option<Instant>,
    failures: FailureLog,
    compressing: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    inode: (u64, u64),
    looked_at: Instant,
    /// It is a file of ours. A terminal, a pipe, a device is only written to.
    is_regular: bool,
}

impl LogFile {
    /// Nothing is opened before the first line comes.
    pub(super) fn new(config: LogFileConfig) -> Self {
        Self {
            config,
            open: None,
            retry_at: None,
            failures: FailureLog::default(),
            compressing: None,
        }
    }

    /// Appends a line, with its newline. What cannot be written goes to `instead`, and so does
    /// what there is to say about it.
    pub(super) fn write_line(&mut self, line: &[u8], now: Instant, instead: &mut impl Write) {
        if self.retry_at.is_none_or(|at| now >= at) {
            match self.try_write(line, now) {
                Ok(()) => {
                    self.retry_at = None;
                    self.say_that_it_works(now, instead);
                    return;
                }
                Err(error) => {
                    self.open = None;
                    self.retry_at = Some(now + RETRY_AFTER);
                    self.say_that_it_fails(&error, now, instead);
                }
            }
        }
        // With standard error closed, too, there is nowhere left to report it.
        instead.write_all(line).unwrap_or_default();
    }

    /// Waits for the compression of an old file that is under way.
    pub(super) fn finish(&mut self) {
        if let Some(thread) = self.compressing.take() {
            thread.join().unwrap_or_default();
        }
    }

    fn try_write(&mut self, line: &[u8], now: Instant) -> io::Result<()> {
        self.forget_if_moved(now);
        let full = self.open.as_ref().is_some_and(|open| {
            open.is_regular
                && open.bytes > 0
                && open.bytes.saturating_add(line.len() as u64) > self.config.bytes_max
        });
        if full {
            self.rotate()?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::append_to(&self.config.path, now)?,
        };
        if let Err(error) = open.file.write_all(line) {
            // A line of which a part is there is taken back, or the next one would follow on it.
            if open.is_regular {
                open.file.set_len(open.bytes).unwrap_or_default();
            }
            return Err(error);
        }
        open.bytes = open.bytes.saturating_add(line.len() as u64);
        self.open = Some(open);
        Ok(())
    }

    /// logrotate and people move log files away; the next line begins a new one.
    fn forget_if_moved(&mut self, now: Instant) {
        let Some(open) = &mut self.open else { return };
        if !open.is_regular || now.saturating_duration_since(open.looked_at) < LOOK_EVERY {
            return;
        }
        open.looked_at = now;
        if !open.is_at(&self.config.path) {
            self.open = None;
        }
    }

    /// Gives the full file another name and lets those go that are beyond the limits.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if !open.is_at(&self.config.path) {
            // Somebody was faster, and what lies there now is not ours to rename.
            return Ok(());
        }
        if self.config.backups_max == 0 {
            return fs::remove_file(&self.config.path);
        }
        let backup = self.free_name(SystemTime::now());
        fs::rename(&self.config.path, &backup)?;
        self.prune(SystemTime::now());
        let busy = self.compressing.as_ref().is_some_and(|thread| !thread.is_finished());
        if self.config.compress && !busy {
            // What is left uncompressed, because a thread cannot be had, is only larger.
            let thread = std::thread::Builder::new().name("log-gzip".to_owned());
            self.compressing = thread.spawn(move || compress(&backup)).ok();
        }
        Ok(())
    }

    /// `kinetail.log.20261120-101530`; with the next number after it if there is one of this
    /// second. Names in order are ages in order.
    fn free_name(&self, at: SystemTime) -> PathBuf {
        let stamp = jiff::Timestamp::try_from(at).unwrap_or_default();
        let mut name = self.config.path.clone().into_os_string();
        name.push(stamp.strftime(".%Y%m%d-%H%M%S").to_string());
        let numbers = self.backups().into_iter().filter_map(|backup| {
            let rest =
                backup.as_os_str().as_encoded_bytes().strip_prefix(name.as_encoded_bytes())?;
            let number = rest.strip_prefix(b".").and_then(|rest| rest.get(..5));
            let number = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            Some(number.unwrap_or(0_u32))
        });
        if let Some(last) = numbers.max() {
            name.push(format!(".{:05}", last.saturating_add(1)));
        }
        PathBuf::from(name)
    }

    /// Removes excess and expired files. Their names contain their creation time.
    fn prune(&self, now: SystemTime) {
        let mut backups = self.backups();
        backups.sort();
        let too_many = backups.len().saturating_sub(self.config.backups_max);
        for (index, backup) in backups.iter().enumerate() {
            let modified = fs::symlink_metadata(backup).and_then(|found| found.modified());
            let age = modified.ok().and_then(|at| now.duration_since(at).ok());
            if index < too_many || age.is_some_and(|age| age > self.config.backup_age_max) {
                // One that cannot be removed is tried again the next time.
                fs::remove_file(backup).unwrap_or_default();
            }
        }
    }

    fn backups(&self) -> Vec<PathBuf> {
        let (Some(directory), Some(name)) =
            (self.config.path.parent(), self.config.path.file_name())
        else {
            return Vec::new();
        };
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        let name = name.as_encoded_bytes();
        entries
            .filter_map(Result::ok)
            .filter(|entry| {
                let entry = entry.file_name();
                let stamp = entry.as_encoded_bytes().strip_prefix(name);
                stamp.is_some_and(is_stamp)
            })
            .map(|entry| entry.path())
            .collect()
    }

    fn say_that_it_fails(&mut self, error: &io::Error, now: Instant, instead: &mut impl Write) {
        let Some(line) = self.failures.on_failure("write", now) else { return };
        let again = if line == FailureLine::First { "" } else { "still " };
        let path = shown(&self.config.path);
        let text = format!(
            "kinetail: {again}cannot write log file {path}: {}; logging to stderr until it is \
             writable; delivery continues\n",
            Escaped(error)
        );
        instead.write_all(text.as_bytes()).unwrap_or_default();
    }

    fn say_that_it_works(&mut self, now: Instant, instead: &mut impl Write) {
        let Some(line) = self.failures.on_success(now) else { return };
        let path = shown(&self.config.path);
        let text = match line {
            FailureLine::Brief { outages, .. } => format!(
                "kinetail: log file {path} was unwritable for a short time, {outages} times\n"
            ),
            FailureLine::First | FailureLine::Recovered { .. } | FailureLine::Summary { .. } => {
                format!("kinetail: log file {path} is writable again\n")
            }
        };
        instead.write_all(text.as_bytes()).unwrap_or_default();
    }
}

impl Open {
    /// Opens the file, or makes it with the directory that it is in.
    fn append_to(path: &Path, now: Instant) -> io::Result<Self> {
        let Place { file, is_regular } = log_place::open(path)?;
        let found = file.metadata()?;
        let inode = (found.dev(), found.ino());
        Ok(Self { file, bytes: found.len(), inode, looked_at: now, is_regular })
    }

    /// Whether the name leads to this file, and by no link.
    fn is_at(&self, path: &Path) -> bool {
        let there = fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()));
        there.is_ok_and(|inode| inode == self.inode)
    }
}

/// `.20261120-101530`, `.20261120-101530.00001` and both with `.gz`.
fn is_stamp(text: &[u8]) -> bool {
    let text = text.strip_suffix(COMPRESSED.as_bytes()).unwrap_or(text);
    let digits = |part: &[u8], count| part.len() == count && part.iter().all(u8::is_ascii_digit);
    let mut parts = text.split(|byte| *byte == b'.');
    let first = parts.next().is_some_and(<[u8]>::is_empty);
    let stamp = parts.next().unwrap_or_default();
    let mut halves = stamp.splitn(2, |byte| *byte == b'-');
    let date = halves.next().is_some_and(|part| digits(part, 8));
    let time = halves.next().is_some_and(|part| digits(part, 6));
    let number = parts.next().is_none_or(|part| digits(part, 5));
    first && date && time && number && parts.next().is_none()
}

/// Puts a compressed file in the place of a plain one. If that fails the plain one stays.
fn compress(path: &Path) {
    let mut target = path.as_os_str().to_owned();
    target.push(COMPRESSED);
    let target = PathBuf::from(target);
    // One of that name is not ours, or is complete.
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&target);
    if made.is_ok_and(|file| try_compress(path, file).is_err()) {
        fs::remove_file(&target).unwrap_or_default();
    }
}

fn try_compress(path: &Path, file: File) -> io::Result<()> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut source = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut encoder = GzEncoder::new(file, Compression::default());
    io::copy(&mut source, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests;
