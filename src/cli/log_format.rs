//! A line of the log as programs read it: as JSON, or as the journal takes it, each with the stable
//! name of the event (`crate::log_events`) and with the fields of the line.

use std::fmt::{self, Debug};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, format};
use tracing_subscriber::registry::LookupSpan;

use super::terminal::{self, Stream};
use crate::shown::Escaped;

/// Where journald takes entries with fields (`systemd.journal-fields(7)`).
const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// How tracing calls an event that has no name.
const UNNAMED: &str = "event ";

/// The stable name of an event; only lines for developers have none.
fn name_of(metadata: &Metadata<'_>) -> Option<&'static str> {
    Some(metadata.name()).filter(|name| !name.starts_with(UNNAMED))
}

/// The fields of a line, as JSON has them.
#[derive(Debug, Default)]
struct Fields(serde_json::Map<String, serde_json::Value>);

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    fn add(&mut self, field: &Field, value: impl Into<serde_json::Value>) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}"));
    }
}

/// One JSON object a line.
#[derive(Debug)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = serde_json::Value::Object(Fields::of(event).0);
        writeln!(writer, "{}", json(*event.metadata().level(), name_of(event.metadata()), &fields))
    }
}

/// A line in JSON, without its end.
pub(super) fn json(level: Level, event: Option<&str>, fields: &serde_json::Value) -> String {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
    let event = event.map_or_else(String::new, |event| format!("\"event\":\"{event}\","));
    format!("{{\"timestamp\":\"{time}\",\"level\":\"{level}\",{event}\"fields\":{fields}}}")
}

/// An entry for the journal: a variable a line, the last of which is the message. No value has a
/// line break in it.
#[derive(Debug)]
pub(super) struct Entry(Format<Full, ()>);

impl Entry {
    pub(super) fn new() -> Self {
        // The journal dates every entry itself.
        Self(format().without_time().with_ansi(false).with_target(false))
    }
}

impl<S, N> FormatEvent<S, N> for Entry
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        writeln!(writer, "PRIORITY={}", priority(*metadata.level()))?;
        writeln!(writer, "SYSLOG_IDENTIFIER=kinetail")?;
        if let Some(name) = name_of(metadata) {
            writeln!(writer, "KINETAIL_EVENT={name}")?;
        }
        for (name, value) in Fields::of(event).0.iter().filter(|(name, _)| *name != "message") {
            let name = name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            match value {
                serde_json::Value::String(text) => {
                    writeln!(writer, "KINETAIL_{name}={}", Escaped(text))?;
                }
                other => writeln!(writer, "KINETAIL_{name}={other}")?,
            }
        }
        let mut message = String::new();
        self.0.format_event(context, Writer::new(&mut message), event)?;
        writeln!(writer, "MESSAGE={}", Escaped(message.trim_end()))
    }
}

/// How urgent a line is, in the journal's numbers (`sd-daemon(3)`).
pub(super) fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Hands entries to the journal. Where it takes none with fields, a line on standard error has the
/// message and its urgency. The crate `tracing-journald` would send on the thread that logs, which
/// a journal that does not read would block; this one is on the thread `log`.
#[derive(Debug)]
pub(super) struct Journal {
    socket: Option<UnixDatagram>,
    path: PathBuf,
}

impl Journal {
    /// `with_fields` says that standard error leads to journald itself.
    pub(super) fn new(with_fields: bool) -> Self {
        Self::at(JOURNAL_SOCKET, with_fields)
    }

    fn at(path: impl AsRef<Path>, with_fields: bool) -> Self {
        let socket = with_fields.then(UnixDatagram::unbound).and_then(Result::ok);
        Self { socket, path: path.as_ref().to_owned() }
    }

    /// Writes one entry; waits as long as the journal does not read.
    pub(super) fn write(&mut self, entry: &[u8]) -> io::Result<()> {
        // Not connected: a journald that was restarted gets the next entry.
        let sent = self.socket.as_ref().is_some_and(|to| to.send_to(entry, &self.path).is_ok());
        if sent { Ok(()) } else { terminal::write(Stream::Stderr, &line_of(entry)) }
    }
}

/// An entry as a line for standard error.
fn line_of(entry: &[u8]) -> Vec<u8> {
    let value = |name: &[u8]| {
        let mut lines = entry.split(|byte| *byte == b'\n');
        lines.find_map(|line| line.strip_prefix(name)).unwrap_or_default()
    };
    [b"<", value(b"PRIORITY="), b">", value(b"MESSAGE="), b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn told(tell: impl FnOnce(), json: bool) -> String {
        let written = Written::default();
        let builder = tracing_subscriber::fmt().with_writer(written.clone());
        if json {
            tracing::subscriber::with_default(builder.event_format(Json).finish(), tell);
        } else {
            tracing::subscriber::with_default(builder.event_format(Entry::new()).finish(), tell);
        }
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_has_the_event_next_to_the_fields() {
        let line = told(
            || tracing::warn!(name: "a_name", flow = %"f", count = 7, ok = true, "said {}", 1),
            true,
        );
        assert!(line.starts_with("{\"timestamp\":\"20"), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["level"], &line["event"]), (&"WARN".into(), &"a_name".into()));
        let fields = serde_json::json!({"message": "said 1", "flow": "f", "count": 7, "ok": true});
        assert_eq!(line["fields"], fields);
        let line = told(|| tracing::info!("for developers"), true);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.get("event"), None);
    }

    #[test]
    fn an_entry_has_a_field_a_line_whatever_is_in_a_value() {
        let entry = told(
            || tracing::error!(name: "a_name", file = %"/a\nPRIORITY=7", r#type = 1, "it\nbroke"),
            false,
        );
        let expected = [
            "PRIORITY=3",
            "SYSLOG_IDENTIFIER=kinetail",
            "KINETAIL_EVENT=a_name",
            "KINETAIL_FILE=/a\\nPRIORITY=7",
            "KINETAIL_TYPE=1",
        ];
        let lines: Vec<&str> = entry.lines().collect();
        assert_eq!(lines.get(..5), Some(expected.as_slice()), "{entry}");
        assert!(lines[5].starts_with("MESSAGE=") && lines[5].contains("it"), "{entry}");
        assert_eq!(line_of(b"PRIORITY=4\nX=1\nMESSAGE=m\n"), b"<4>m\n");
    }

    #[test]
    fn the_journal_gets_each_entry_whole_and_one_that_was_restarted_gets_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let mut journal = Journal::at(&path, true);
        for entry in [b"MESSAGE=one\n", b"MESSAGE=two\n"] {
            let listener = UnixDatagram::bind(&path).unwrap();
            journal.write(entry).unwrap();
            let mut bytes = [0; 64];
            let count = listener.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..count], entry);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
