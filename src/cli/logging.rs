//! The daemon's own log: as text or as JSON, to standard error or to a file.
//!
//! To the journal each line says how urgent it is, so that `journalctl -p warning` works. Nothing
//! that goes wrong with the log stops anything.

use std::io::{self, Stderr, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{EnvFilter, fmt};

use super::log_file::LogFile;
use crate::config::{LogConfig, LogFormat};
use crate::metrics::name;

/// What other crates may say. Their warnings are about single attempts, each of which is told, and
/// counted, by who made it.
const OTHERS_LEVEL: &str = "error";

/// The log of this process, until it is dropped.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<Arc<Mutex<LogFile>>>,
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            lock(file).finish();
        }
    }
}

/// Sets the log up for this process. `live` says that a progress line is redrawn on the same
/// terminal. A second call changes nothing.
pub(super) fn init(config: &LogConfig, live: bool) -> Log {
    let directives = format!("{OTHERS_LEVEL},{}", kinetail_level(&config.level));
    let filter = EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new(OTHERS_LEVEL));
    let file = config.file.clone().map(|file| Arc::new(Mutex::new(LogFile::new(file))));
    let writer = Target { live, journal: is_journal(), file: file.clone() };
    let ansi = file.is_none() && io::IsTerminal::is_terminal(&io::stderr());
    // Telling standard error that it cannot be written to would be a panic.
    let builder = fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    let builder = builder.log_internal_errors(false);
    let set = match config.format {
        LogFormat::Json => builder.json().with_ansi(false).try_init(),
        LogFormat::Text => builder.with_ansi(ansi).try_init(),
    };
    if let Err(error) = set {
        tracing::debug!(%error, "the log was set up before");
    }
    // A panic in a flow is reported through the log like everything else.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("a bug: {panic}");
    }));
    Log { file }
}

/// A plain level is meant for this program; a filter is taken as it is.
fn kinetail_level(level: &str) -> String {
    if level.contains(['=', ',']) { level.to_owned() } else { format!("kinetail={level}") }
}

/// What is said on standard error without a log, because the program does not start: the journal
/// is told that every line of it is an error.
pub(super) fn as_error(text: &str) -> String {
    if is_journal() { prefixed(text) } else { text.to_owned() }
}

fn prefixed(text: &str) -> String {
    let prefix = priority(Level::ERROR);
    let lines: Vec<String> = text.lines().map(|line| format!("{prefix}{line}")).collect();
    lines.join("\n")
}

/// Whether standard error leads to the journal: systemd says which file that would be.
fn is_journal() -> bool {
    let Ok(expected) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| expected == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// The prefix by which the journal knows how urgent a line is (`sd-daemon(3)`).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// A panic elsewhere leaves a log that can still be written.
fn lock(file: &Mutex<LogFile>) -> std::sync::MutexGuard<'_, LogFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where log lines go.
#[derive(Debug, Clone)]
struct Target {
    live: bool,
    journal: bool,
    file: Option<Arc<Mutex<LogFile>>>,
}

/// One log line.
#[derive(Debug)]
struct Line<'a> {
    stderr: Stderr,
    target: &'a Target,
    level: Level,
}

impl<'a> MakeWriter<'a> for Target {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { stderr: io::stderr(), target: self, level: Level::INFO }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line { level: *meta.level(), ..self.make_writer() }
    }
}

impl Write for Line<'_> {
    /// Gets a whole line at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &self.target.file {
            lock(file).write_line(bytes, Instant::now(), &mut self.stderr);
            return Ok(bytes.len());
        }
        let before: &[u8] = match (self.target.journal, self.target.live) {
            (true, _) => priority(self.level).as_bytes(),
            (false, true) => b"\r\x1b[K",
            (false, false) => b"",
        };
        // In one piece: others write to the same place. Where nobody listens any more (a pipe
        // whose reader is gone) only the metrics can tell.
        if self.stderr.write_all(&[before, bytes].concat()).is_err() {
            metrics::counter!(name::LOG_LINES_LOST).increment(1);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stderr.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_kinetails_and_a_filter_is_taken_as_it_is() {
        assert_eq!(kinetail_level("debug"), "kinetail=debug");
        assert_eq!(kinetail_level("info,hyper=debug"), "info,hyper=debug");
    }

    #[test]
    fn the_journal_is_told_how_urgent_a_line_is() {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(levels.map(priority), ["<3>", "<4>", "<6>", "<7>", "<7>"]);
        assert_eq!(prefixed("one\n  two\n"), "<3>one\n<3>  two");
    }
}
