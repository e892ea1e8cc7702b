//! The daemon's own log: to standard error, as text or as JSON.

use std::io::{self, Stderr, Write};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogConfig, LogFormat};

/// Sets the log up for this process. `live` says that a progress line is redrawn on the same
/// terminal. A second call changes nothing.
pub(super) fn init(config: &LogConfig, live: bool) {
    // The SDK says a lot at info that is of no use to who runs this.
    let directives = format!("warn,{}", kinetail_level(&config.level));
    let filter = EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new("warn"));
    let writer = Terminal { live };
    let ansi = io::IsTerminal::is_terminal(&io::stderr());
    let builder = fmt().with_env_filter(filter).with_writer(writer).with_target(false);
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
}

/// A plain level is meant for this program; a filter is taken as it is.
fn kinetail_level(level: &str) -> String {
    if level.contains(['=', ',']) { level.to_owned() } else { format!("kinetail={level}") }
}

/// Writes log lines; clears a progress line first.
#[derive(Debug, Clone, Copy)]
struct Terminal {
    live: bool,
}

/// One log line.
#[derive(Debug)]
struct Line {
    stderr: Stderr,
    live: bool,
}

impl<'a> MakeWriter<'a> for Terminal {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { stderr: io::stderr(), live: self.live }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.live) {
            self.stderr.write_all(b"\r\x1b[K")?;
        }
        self.stderr.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stderr.flush()
    }
}
