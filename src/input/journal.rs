//! Fills a feed from the systemd journal, through `journalctl`: a process for as long as the flow
//! runs, restarted after the last entry when it ends.
//!
//! `--merge` is there because `--follow` without it shows the current boot only, and what was
//! logged before a reboot would be passed over. The entry of a checkpoint is asked for with
//! `--cursor`, and skipped when it comes: `--after-cursor` skips whatever comes first, and
//! where that entry is gone, or not among those that are asked for, that would be another one.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::{Errno, read};

use super::child::Reader;
use super::feed::{Feed, Order};
use super::wait::wait;
use crate::config::{JournalConfig, OversizeLine};
use crate::log_throttle::{LogPacer, PacerDecision};
use crate::metrics::{FlowMetrics, name};
use crate::process::Skip;
use kinetail_records::entry_line;
use kinetail_records::journal::{Entry, Export};

/// So much is read at a time, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// `journalctl` is started again after this long, and after twice as long each time that it ends
/// soon.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// But at least this often.
const RESTART_AFTER_MAX: Duration = Duration::from_mins(1);

/// One that ran for this long is started again as if it were the first time.
const RAN_WELL_AFTER: Duration = Duration::from_mins(5);

/// The rest of an entry comes within this time, or never.
const ENTRY_TIME_MAX: Duration = Duration::from_secs(30);

/// One that is silent for this long may hang, and nothing tells: a new one takes its place.
const SILENCE_MAX: Duration = Duration::from_mins(10);

/// Where this machine says which it is.
const MACHINE_ID: &str = "/etc/machine-id";

/// Where a flow begins in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// With its oldest entry.
    Oldest,
    /// With what was logged since then, in microseconds since 1970.
    Since(u64),
    /// Behind this entry.
    Behind(Arc<str>),
}

/// What it takes to read the journal.
#[derive(Debug)]
pub struct JournalReader {
    /// The flow, for logs and metrics.
    pub flow: Arc<str>,
    /// What it counts.
    pub metrics: FlowMetrics,
    /// Which entries.
    pub config: JournalConfig,
    /// Of an entry so much is kept, in bytes.
    pub entry_bytes_max: usize,
    /// Nobody else sees that an entry was longer.
    pub counts_cut: bool,
    /// Where to begin.
    pub begin: Begin,
    /// Where they go.
    pub feed: Feed,
}

/// Why a process is started again.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it ended")]
    Closed,
    #[error("its output is not in export format")]
    NoEntries,
    #[error("incomplete entry: no more data for {} s", ENTRY_TIME_MAX.as_secs())]
    Incomplete,
    #[error("it was silent for {} s", SILENCE_MAX.as_secs())]
    Silent,
    #[error("the flow ends")]
    Left,
    #[error("{0}")]
    Failed(io::Error),
}

impl JournalReader {
    fn count(&self, name: &'static str, count: u64) {
        metrics::counter!(name, "flow" => self.flow.to_string()).increment(count);
    }

    /// Reads until the flow ends.
    pub fn run(mut self) {
        self.count(name::JOURNAL_RESTARTS, 0);
        self.count(name::JOURNAL_CURSORS_LOST, 0);
        let (mut pace, mut failures) = (LogPacer::default(), 0_u32);
        while self.feed.order() == Order::Read {
            let began = Instant::now();
            let (why, status, complaint) = self.read_once();
            match why {
                Ended::Left => return,
                Ended::Silent => continue,
                _ => {}
            }
            self.count(name::JOURNAL_RESTARTS, 1);
            let ran_well = began.elapsed() >= RAN_WELL_AFTER;
            failures = if ran_well { 0 } else { failures.saturating_add(1) };
            if pace.turn(Instant::now()) != PacerDecision::Same {
                let status = status.map(|status| status.to_string());
                tracing::warn!(name: "journal_restarted",
                    flow = %self.flow, cause = %why, status, complaint,
                    "journalctl ended and is restarted; no data lost");
            }
            let doublings = failures.saturating_sub(1).min(16);
            let pause = RESTART_AFTER.saturating_mul(1 << doublings).min(RESTART_AFTER_MAX);
            self.feed.pause(pause);
        }
    }

    /// Runs one process to its end.
    fn read_once(&mut self) -> (Ended, Option<ExitStatus>, String) {
        let arguments = self.arguments();
        let mut reader = match Reader::start(&self.config.command, &arguments) {
            Ok(reader) => reader,
            Err(error) => return (Ended::Failed(error), None, String::new()),
        };
        let why = self.read_all(&mut reader);
        let (status, complaint) = reader.end();
        (why, status.ok(), complaint)
    }

    fn read_all(&mut self, reader: &mut Reader) -> Ended {
        let mut export = Export::new(self.config.shape.clone(), self.entry_bytes_max);
        let mut room = vec![0; READ_BYTES];
        // The entry of the checkpoint is the first one, if it is still there.
        let mut expected = match &self.begin {
            Begin::Behind(cursor) => Some(Arc::clone(cursor)),
            Begin::Oldest | Begin::Since(_) => None,
        };
        loop {
            let time = if export.is_within() { ENTRY_TIME_MAX } else { SILENCE_MAX };
            let of = [Some(reader.stdout.as_fd()), reader.stderr(), Some(self.feed.called())];
            let [output, complaint, called] = match wait(of, Some(time)) {
                Ok(ready) => ready,
                Err(error) => return Ended::Failed(error.into()),
            };
            if called && self.feed.order() != Order::Read {
                return Ended::Left;
            }
            if complaint {
                reader.hear();
            }
            if !output {
                if complaint || called {
                    continue;
                }
                return if export.is_within() { Ended::Incomplete } else { Ended::Silent };
            }
            let len = match read(&reader.stdout, room.as_mut_slice()) {
                Ok(0) => return Ended::Closed,
                Ok(len) => len,
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(error) => return Ended::Failed(error.into()),
            };
            let mut bytes = room.get(..len).unwrap_or_default();
            loop {
                match export.next(&mut bytes) {
                    Ok(None) => break,
                    Ok(Some(entry)) => {
                        if !self.take(&entry, &mut expected) {
                            return Ended::Left;
                        }
                    }
                    Err(_) => return Ended::NoEntries,
                }
            }
        }
    }

    /// Hands an entry to the flow. `false` if no flow reads it any more.
    fn take(&mut self, entry: &Entry, expected: &mut Option<Arc<str>>) -> bool {
        if let Some(cursor) = expected.take() {
            if *entry.cursor == *cursor {
                return true;
            }
            self.look_for(&cursor, entry);
        }
        let (mut record, mut line) = (Vec::new(), Vec::new());
        if entry.write(&self.config.shape, &mut record) {
            entry_line::push(&mut line, &record);
        } else {
            self.metrics.records_skipped(Skip::NoMessage, 1);
        }
        if entry.cut > 0 && self.counts_cut {
            self.metrics.lines_oversize(OversizeLine::Truncate.label(), 1);
        }
        let cursor: Arc<str> = Arc::from(entry.cursor.as_str());
        self.begin = Begin::Behind(Arc::clone(&cursor));
        self.feed.push(&line, Some(cursor))
    }

    /// The first entry is another one than that of the checkpoint: either that one is not asked for
    /// any more, or it is gone, and perhaps others with it.
    fn look_for(&self, cursor: &str, first: &Entry) {
        let next = self.first_from(cursor);
        if next.as_deref() == Some(cursor) || self.feed.order() != Order::Read {
            return;
        }
        self.count(name::JOURNAL_CURSORS_LOST, 1);
        let lost_at_most = next.as_deref().and_then(|next| entries_between(cursor, next));
        tracing::error!(name: "journal_entry_lost",
            flow = %self.flow, cursor, next = %first.cursor, lost_at_most,
            "checkpointed journal entry is missing; entries after it may be lost; keep more of the \
             journal (SystemMaxUse=)");
    }

    /// The cursor of the first entry at or after this one, whatever it is about.
    fn first_from(&self, cursor: &str) -> Option<String> {
        let mut arguments = common(&self.config);
        arguments.push("--lines=1".into());
        arguments.push(format!("--cursor={cursor}").into());
        let mut reader = Reader::start(&self.config.command, &arguments).ok()?;
        let mut export = Export::new(self.config.shape.clone(), 0);
        let (mut room, mut found) = (vec![0; READ_BYTES], None);
        while found.is_none() {
            let of = [Some(reader.stdout.as_fd()), reader.stderr(), Some(self.feed.called())];
            let Ok([output, complaint, called]) = wait(of, Some(ENTRY_TIME_MAX)) else { break };
            if complaint {
                reader.hear();
            }
            if !output && complaint && !called {
                continue;
            }
            let len =
                if output { read(&reader.stdout, room.as_mut_slice()).unwrap_or(0) } else { 0 };
            if len == 0 {
                break;
            }
            let Ok(entry) = export.next(&mut room.get(..len).unwrap_or_default()) else { break };
            found = entry.map(|entry| entry.cursor);
        }
        drop(reader.end());
        found
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = common(&self.config);
        arguments.extend(["--follow".into(), "--no-tail".into()]);
        match &self.begin {
            Begin::Oldest => {}
            Begin::Since(micros) => {
                let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
                arguments.push(format!("--since=@{seconds}.{micros:06}").into());
            }
            Begin::Behind(cursor) => arguments.push(format!("--cursor={cursor}").into()),
        }
        let config = &self.config;
        arguments.extend(config.units.iter().map(|unit| format!("--unit={unit}").into()));
        let names = config.identifiers.iter();
        arguments.extend(names.map(|name| format!("--identifier={name}").into()));
        arguments.extend(config.priority.map(|level| format!("--priority={level}").into()));
        if config.directory.is_none()
            && let Some(id) = machine_id(Path::new(MACHINE_ID))
        {
            // Merged journals are those of other machines, too.
            arguments.push(format!("_MACHINE_ID={id}").into());
        }
        arguments
    }
}

/// What each call says.
fn common(config: &JournalConfig) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        vec!["--output=export".into(), "--no-pager".into(), "--merge".into()];
    if let Some(directory) = &config.directory {
        let mut argument = OsString::from("--directory=");
        argument.push(directory);
        arguments.push(argument);
    }
    arguments
}

/// The id of this machine, if it has one.
fn machine_id(path: &Path) -> Option<String> {
    let id = std::fs::read_to_string(path).ok()?.trim().to_owned();
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// How many entries the journal had between two, if both are of one sequence of numbers.
fn entries_between(first: &str, second: &str) -> Option<u64> {
    let part = |cursor: &str, name: &str| -> Option<String> {
        cursor.split(';').find_map(|part| part.strip_prefix(name).map(str::to_owned))
    };
    let number = |cursor: &str| u64::from_str_radix(&part(cursor, "i=")?, 16).ok();
    let of_one = part(first, "s=").is_some() && part(first, "s=") == part(second, "s=");
    let between = number(second)?.checked_sub(number(first)?)?.checked_sub(1)?;
    of_one.then_some(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_between_two_cursors_are_counted_where_that_can_be() {
        let cases = [
            ("s=a;i=5;b=x", "s=a;i=1f;b=x", Some(25)),
            ("s=a;i=5;b=x", "s=a;i=6;b=y", Some(0)),
            ("s=a;i=5;b=x", "s=b;i=6;b=x", None),
            ("s=a;i=5", "s=a;i=5", None),
            ("nonsense", "s=a;i=5", None),
        ];
        for (first, second, wanted) in cases {
            assert_eq!(entries_between(first, second), wanted, "{first} {second}");
        }
    }

    #[test]
    fn a_machine_without_an_id_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("machine-id");
        assert_eq!(machine_id(&path), None);
        for (text, known) in [("uninitialized\n", false), (&"0a".repeat(16), true), ("", false)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(machine_id(&path).is_some(), known, "{text:?}");
        }
    }
}
