//! What flows read other than files, and the threads that read it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::DaemonError;
use crate::checkpoint::store::Loaded;
use crate::config::{FlowConfig, InitialPosition, Input, JournalConfig, OversizeLine};
use crate::flow::Feeding;
use crate::input::FeedDisk;
use crate::input::feed::{Feed, Kind, Order};
use crate::input::journal::{Begin, JournalReader};
use crate::input::standard;
use crate::metrics::FlowMetrics;
use crate::metrics::reason::BytesLost;

/// The flow's very first start may have been this long before it was checkpointed.
const FIRST_START_SLACK: Duration = Duration::from_secs(5);

/// A little more than a line may have is kept of an entry, so that it is seen to be too long.
const MORE_BYTES: usize = 64;

/// Of an entry that is sent in pieces so much is kept, in bytes.
const PIECES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is there once in a process.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    stdin: Mutex<Option<(Arc<str>, Feed)>>,
    /// Cancelled when standard input ended and everything of it arrived.
    delivered: CancellationToken,
}

/// What a flow reads if that is no files.
pub(super) struct Source {
    pub(super) disk: FeedDisk,
    pub(super) feeding: Feeding,
    /// Who fills it, if no thread does yet.
    reader: Option<Reader>,
}

enum Reader {
    Journal(Box<JournalReader>),
    Stdin { feed: Feed, line_bytes_max: Option<usize> },
}

impl Inputs {
    /// What a flow reads; nothing if that is files.
    pub(super) fn source(
        &self,
        config: &FlowConfig,
        loaded: &Loaded,
        metrics: &FlowMetrics,
    ) -> Result<Option<Source>, DaemonError> {
        let no_feed = |error| DaemonError::Thread { flow: config.id.clone(), error };
        let Some(path) = config.input.path() else { return Ok(None) };
        let row = loaded.rows.iter().filter(|row| row.cursor.is_some()).max_by_key(|row| row.file);
        let cursor = row.and_then(|row| row.cursor.clone());
        let (feed, reader) = match &config.input {
            Input::Files => return Ok(None),
            Input::Journal(journal) => {
                let token = CancellationToken::new();
                let feed = Feed::new(path, Kind::Kept, config.max_line_bytes, token);
                let feed = feed.map_err(no_feed)?;
                let begin = begin(config, loaded, cursor.clone());
                let reader = journal_reader(config, journal, metrics, (begin, feed.clone()));
                (feed, Some(Reader::Journal(Box::new(reader))))
            }
            Input::Stdin => self.stdin(config).map_err(no_feed)?,
        };
        let old_rows = loaded.rows.iter().map(|row| row.file).collect();
        let feeding = Feeding { feed: feed.attach(), cursor, old_rows };
        Ok(Some(Source { disk: FeedDisk::new(feed), feeding, reader }))
    }

    /// One thread fills this feed as long as the process lives, whichever flow reads it.
    fn stdin(&self, config: &FlowConfig) -> std::io::Result<(Feed, Option<Reader>)> {
        let mut stdin = self.stdin.lock();
        let id: Arc<str> = Arc::from(config.id.as_str());
        if let Some((reads, feed)) = stdin.as_mut() {
            *reads = id;
            return Ok((feed.clone(), None));
        }
        let path = config.pattern.text();
        let path = std::path::Path::new(&path);
        let token = self.delivered.clone();
        let feed = Feed::new(path, Kind::Volatile, config.max_line_bytes, token)?;
        *stdin = Some((id, feed.clone()));
        let in_pieces = config.oversize_line == OversizeLine::Split;
        let line_bytes_max = (!in_pieces).then_some(config.max_line_bytes);
        tracing::warn!(name: "input_started", flow = %config.id,
            "reading standard input; a crash or kill loses lines that were read and not delivered");
        Ok((feed.clone(), Some(Reader::Stdin { feed, line_bytes_max })))
    }

    /// Standard input is read no further than to what it holds now.
    pub(super) fn finish(&self) {
        let stdin = self.stdin.lock();
        if let Some((_, feed)) = stdin.as_ref() {
            feed.give_order(Order::Finish);
        }
    }

    /// Counts and names what was read of standard input and not delivered.
    pub(super) fn report_lost(&self) {
        let stdin = self.stdin.lock();
        let Some((flow, feed)) = stdin.as_ref() else { return };
        let bytes = feed.unacknowledged();
        if bytes > 0 {
            FlowMetrics::new(flow).bytes_lost(BytesLost::StdinStopped, bytes);
            tracing::error!(name: "input_undelivered", flow = %flow, bytes,
                "lines of standard input were not delivered before shutdown; data lost");
        }
    }

    /// Returns when standard input ended and everything of it arrived.
    pub(super) async fn delivered(&self) {
        self.delivered.cancelled().await;
    }
}

impl Source {
    /// Starts who fills it.
    pub(super) fn take_reader(&mut self) -> impl FnOnce() -> std::io::Result<()> + use<> {
        let reader = self.reader.take();
        move || {
            let (name, body): (_, Box<dyn FnOnce() + Send>) = match reader {
                None => return Ok(()),
                Some(Reader::Journal(reader)) => ("journal", Box::new(move || reader.run())),
                Some(Reader::Stdin { feed, line_bytes_max }) => {
                    ("stdin", Box::new(move || standard::run(&feed, line_bytes_max)))
                }
            };
            // It ends when its feed is told so; no thread waits for it.
            std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
        }
    }
}

fn journal_reader(
    config: &FlowConfig,
    journal: &JournalConfig,
    metrics: &FlowMetrics,
    (begin, feed): (Begin, Feed),
) -> JournalReader {
    let flow: Arc<str> = Arc::from(config.id.as_str());
    let from = match &begin {
        Begin::Behind(_) => "checkpoint",
        Begin::Oldest => "oldest entry",
        Begin::Since(_) => "now",
    };
    tracing::info!(name: "journal_started", flow = %flow, from, "following the journal");
    let in_pieces = config.oversize_line == OversizeLine::Split;
    let entry_bytes_max =
        if in_pieces { PIECES_BYTES_MAX } else { config.max_line_bytes + MORE_BYTES };
    JournalReader {
        flow,
        metrics: metrics.clone(),
        config: journal.clone(),
        entry_bytes_max,
        counts_cut: in_pieces,
        begin,
        feed,
    }
}

/// A flow that has no cursor yet begins where it began at its very first start: of that nothing
/// was acknowledged.
fn begin(config: &FlowConfig, loaded: &Loaded, cursor: Option<Arc<str>>) -> Begin {
    if let Some(cursor) = cursor {
        return Begin::Behind(cursor);
    }
    let first = loaded.times.map(|times| times.first_started_millis);
    match (config.initial_position, loaded.known_flow, first) {
        (InitialPosition::StartOfFile, _, _) | (_, true, None) => Begin::Oldest,
        (InitialPosition::EndOfFile, true, Some(millis)) => {
            let first = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
            Begin::Since(micros(first.saturating_sub(FIRST_START_SLACK)))
        }
        (InitialPosition::EndOfFile, false, _) => {
            Begin::Since(micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
