//! The daemon's own log: as text or as JSON, to standard error or to a file.
//!
//! The journal gets each line with its fields and with how urgent it is, so that
//! `journalctl -p warning` works, and not with when it is, which the journal knows. Nothing
//! that goes wrong with the log stops anything: whoever logs puts a line into a queue, and only the
//! thread `log` ever waits for what takes the lines.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Instant;

use tracing::field::Field;
use tracing::{Level, Metadata};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{self, FormatFields, Writer};
use tracing_subscriber::{EnvFilter, fmt};

use super::log_file::LogFile;
use super::log_format::{self, Entry, Journal};
use super::queue::{LAST_LINES_TIME_MAX, Queue, Sink};
use super::terminal::{self, Stream};
use crate::config::{LogConfig, LogFormat};
use crate::metrics::name;
use crate::metrics::reason::LineLost;
use crate::shown::{self, Escaping};

/// What other crates may say. Their warnings are about single attempts, each of which is told, and
/// counted, by source.
const OTHERS_LEVEL: &str = "error";

/// The log of this process, until it is dropped.
#[derive(Debug)]
pub(super) struct Log {
    queue: Queue,
}

impl Drop for Log {
    fn drop(&mut self) {
        // Who takes no lines now must not keep the process from ending.
        self.queue.finish(LAST_LINES_TIME_MAX);
    }
}

/// Sets the log up for this process. `live` says that a progress line is redrawn on the same
/// terminal. A second call changes nothing.
///
/// # Errors
/// If there is no thread for it.
pub(super) fn init(config: &LogConfig, live: bool) -> io::Result<Log> {
    let directives = format!("{OTHERS_LEVEL},{}", kinetail_level(&config.level));
    let filter = EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new(OTHERS_LEVEL));
    let file = config.file.clone().map(LogFile::new);
    let json = config.format == LogFormat::Json;
    let is_entry = file.is_none() && !json && is_journal();
    let dress = if file.is_some() || is_entry {
        Dress::Plain
    } else if is_journal() {
        Dress::Priority
    } else if live {
        Dress::OverProgress
    } else {
        Dress::Plain
    };
    let ansi = file.is_none() && io::IsTerminal::is_terminal(&io::stderr());
    let journal = is_entry.then(|| Journal::new(is_socket()));
    let sink = LogSink { file, journal, stderr: StandardError };
    let queue = Queue::start("log", sink, count_loss)?;
    let writer = Target { dress, json, queue: queue.clone() };
    // Telling standard error that it cannot be written to would be a panic.
    let builder = fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    let builder = builder.log_internal_errors(false);
    let set = match config.format {
        LogFormat::Json => builder.with_ansi(false).event_format(log_format::Json).try_init(),
        LogFormat::Text if is_entry => {
            let builder = builder.with_ansi(false).event_format(Entry::new());
            builder.fmt_fields(escaping_fields()).try_init()
        }
        LogFormat::Text => builder.with_ansi(ansi).fmt_fields(escaping_fields()).try_init(),
    };
    if let Err(error) = set {
        tracing::debug!(%error, "the log was set up before");
    }
    // A panic in a flow is reported through the log like everything else.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(name: "panic", "panic: {panic}");
    }));
    Ok(Log { queue })
}

/// The fields of a line of text: whatever a name or a response contains, it stays in its line.
fn escaping_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    format::debug_fn(|to: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        if field.name() == "message" {
            return write!(Escaping::of(to), "{value:?}");
        }
        let name = field.name().trim_start_matches("r#");
        if to.has_ansi_escapes() {
            // Italic and dim, as the formatter writes them that this stands in for.
            write!(to, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?;
        } else {
            write!(to, "{name}=")?;
        }
        write!(Escaping::of(to), "{value:?}")
    })
    .delimited(" ")
}

/// How a failure is told that ends the program: as the log would be, as soon as the configuration
/// has said how that is.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// From now on failures are told in this format. Only the first call counts.
pub(super) fn speak(format: LogFormat) {
    FORMAT.get_or_init(|| format);
}

/// The event of a failure that ends the program.
const START_FAILED: &str = "start_failed";

/// A failure as a line of the log in JSON.
fn as_json(text: &str) -> String {
    let fields = serde_json::json!({ "message": text.trim_end() });
    log_format::json(Level::ERROR, Some(START_FAILED), &fields)
}

/// A plain level is meant for this program; a filter is taken as it is.
fn kinetail_level(level: &str) -> String {
    if level.contains(['=', ',']) { level.to_owned() } else { format!("kinetail={level}") }
}

/// What is said on standard error without a log, because the program does not start: the journal
/// is told that every line of it is an error.
pub(super) fn as_error(text: &str) -> String {
    let text = match FORMAT.get() {
        Some(LogFormat::Json) => as_json(text),
        Some(LogFormat::Text) | None => text.to_owned(),
    };
    if is_journal() { prefixed(&text) } else { text }
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

/// Whether standard error is a socket, as that of a service is which leads to journald.
fn is_socket() -> bool {
    let socket = rustix::fs::FileType::Socket;
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == socket)
}

/// The prefix by which the journal knows how urgent a line is (`sd-daemon(3)`).
fn priority(level: Level) -> String {
    format!("<{}>", log_format::priority(level))
}

/// Counts a line that is dropped.
fn count_loss(why: LineLost) {
    metrics::counter!(name::LOG_LINES_LOST, "reason" => why.label()).increment(1);
}

/// What stands before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dress {
    /// What takes the progress line away.
    OverProgress,
    Plain,
    /// How urgent it is, for the journal.
    Priority,
}

/// Where log lines go.
#[derive(Debug, Clone)]
struct Target {
    dress: Dress,
    /// Lines are JSON, in which the characters that terminals obey may stand as they are.
    json: bool,
    queue: Queue,
}

/// One log line.
#[derive(Debug)]
struct Line<'a> {
    target: &'a Target,
    level: Level,
}

impl<'a> MakeWriter<'a> for Target {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { target: self, level: Level::INFO }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line { level: *meta.level(), ..self.make_writer() }
    }
}

thread_local! {
    /// On the log's own thread: a line that is caught instead of put into the queue.
    static CAUGHT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

impl Write for Line<'_> {
    /// Gets a whole line at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let before = match self.target.dress {
            Dress::OverProgress => "\r\x1b[K".to_owned(),
            Dress::Plain => String::new(),
            Dress::Priority => priority(self.level),
        };
        // In one piece: others write to the same place.
        let line = if self.target.json {
            [before.as_bytes(), shown::json(&String::from_utf8_lossy(bytes)).as_bytes()].concat()
        } else {
            [before.as_bytes(), bytes].concat()
        };
        let line = CAUGHT.with_borrow_mut(|caught| match caught {
            Some(caught) => {
                caught.extend_from_slice(&line);
                None
            }
            None => Some(line),
        });
        if let Some(line) = line {
            self.target.queue.push(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes lines on the log's thread.
#[derive(Debug)]
struct LogSink {
    file: Option<LogFile>,
    journal: Option<Journal>,
    stderr: StandardError,
}

impl Sink for LogSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_line(line, Instant::now(), &mut self.stderr);
            return Ok(());
        }
        match &mut self.journal {
            Some(journal) => journal.write(line),
            None => terminal::write(Stream::Stderr, line),
        }
    }

    fn write_gap(&mut self, lines: u64) -> io::Result<()> {
        CAUGHT.set(Some(Vec::new()));
        tracing::error!(name: "log_lines_dropped",
            lines, "log lines dropped: stderr was not read in time");
        match CAUGHT.take() {
            Some(line) if !line.is_empty() => self.write(&line),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) {
        if let Some(file) = &mut self.file {
            file.finish();
        }
    }
}

/// Standard error in the place of a log file that cannot be written.
#[derive(Debug)]
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Without a reader (a pipe whose reader is gone) only the metrics can tell.
        terminal::write(Stream::Stderr, bytes)
            .inspect_err(|_| count_loss(LineLost::WriteFailed))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
    fn a_failure_in_json_is_one_line_like_those_of_the_log() {
        let line = as_json("agent.json:1:2: error: \"x\"\n  help\n");
        assert_eq!(line.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["level"], &line["event"]), (&"ERROR".into(), &START_FAILED.into()));
        assert_eq!(line["fields"]["message"], "agent.json:1:2: error: \"x\"\n  help");
    }

    #[test]
    fn the_journal_is_told_how_urgent_a_line_is() {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(levels.map(priority), ["<3>", "<4>", "<6>", "<7>", "<7>"]);
        assert_eq!(prefixed("one\n  two\n"), "<3>one\n<3>  two");
    }
}
