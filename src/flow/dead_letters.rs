//! What a flow does with records that cannot be delivered and are kept: their batch is acknowledged
//! when they are on disk, so that a crash may repeat one and never loses one.
//!
//! The flow's own thread writes them. While they cannot be written their batches wait like those
//! of a destination that takes nothing, and the flow tries again with growing pauses.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

use super::Flow;
use crate::admin::pulse::Doing;
use crate::admin::status::DeadLetterStatus;
use crate::batch::dead_letter::{Origin, Place, Reason, Stage, Undelivered, encode, split};
use crate::batch::{BatchId, Span};
use crate::config::{Compression, FlowConfig};
use crate::dead_letters::{Dropped, Moment, Writer};
use crate::log_throttle::{FailureLine, FailureLog};
use crate::send::RejectedRecord;
use crate::tail::disk::Disk;
use crate::tail::identity::FileKey;
use crate::tail::tailer::Now;

/// The pause after the first failure to write.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// No pause is longer.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// Memory of a letter without its data, in bytes.
const LETTER_BYTES: usize = 256;

/// Where a file lies: its path and that of its log.
type Paths = (Vec<u8>, Vec<u8>);

/// Records of a batch that are to be kept.
#[derive(Debug, Default)]
struct Held {
    letters: Vec<Undelivered>,
    places: BTreeMap<FileKey, Paths>,
}

/// Letters of a batch, of which all else is done.
#[derive(Debug)]
struct Waiting {
    batch: BatchId,
    /// Not encoded yet.
    held: Held,
    /// As they are written.
    lines: Vec<u8>,
    /// Why each is one, and the file that it is from.
    what: Vec<(Reason, FileKey)>,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.held.bytes() + self.lines.capacity()
    }

    /// Makes lines of the letters, once; their data is not needed after that.
    fn encode(&mut self, flow: &str, now: Moment) {
        if self.what.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.lines = held.encoded(flow, now);
            self.what = held.letters.iter().map(|letter| (letter.reason, letter.file)).collect();
        }
    }
}

/// The dead letters of one flow.
#[derive(Debug)]
pub(super) struct DeadLetters {
    writer: Writer,
    flow: String,
    compression: Compression,
    /// Of batches that are not done.
    open: BTreeMap<BatchId, Held>,
    /// Of batches that wait for nothing else, in order.
    waiting: VecDeque<Waiting>,
    /// Failures since the last success, and when to try again.
    failures: u32,
    next_try: Option<Instant>,
    failing: Option<(String, Instant)>,
    repeats: FailureLog,
}

/// What became of letters.
#[derive(Debug, Default)]
struct Done {
    batches: Vec<BatchId>,
    /// The letters of each reason and the files that they are from.
    written: Vec<(Reason, FileKey)>,
    dropped: Vec<Dropped>,
    told: Vec<(FailureLine, String)>,
}

impl DeadLetters {
    /// Those of this flow, if it keeps any.
    pub(super) fn of(config: &FlowConfig) -> Option<Self> {
        let letters = config.dead_letters.as_ref()?;
        Some(Self {
            writer: Writer::new(&letters.directory, &config.id, letters.bounds),
            flow: config.id.clone(),
            compression: config.compression,
            open: BTreeMap::new(),
            waiting: VecDeque::new(),
            failures: 0,
            next_try: None,
            failing: None,
            repeats: FailureLog::default(),
        })
    }

    /// Bytes of memory that letters hold.
    pub(super) fn held_bytes(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(Waiting::bytes).sum();
        self.open.values().map(Held::bytes).sum::<usize>() + waiting
    }

    /// A batch is not sent any more: its records are read again after the next start.
    pub(super) fn forget(&mut self, batch: BatchId) {
        self.open.remove(&batch);
    }

    /// A batch is done but for its letters. `false` if it has none.
    fn close(&mut self, batch: BatchId, rejected: Vec<RejectedRecord>) -> bool {
        let mut held = self.open.remove(&batch).unwrap_or_default();
        for record in rejected {
            held.letters.extend(refused(record, self.compression));
        }
        if held.letters.is_empty() {
            return false;
        }
        self.waiting.push_back(Waiting { batch, held, lines: Vec::new(), what: Vec::new() });
        true
    }

    /// How many letters wait to be written, and why they do, if that is known.
    pub(super) fn status(&self) -> DeadLetterStatus {
        DeadLetterStatus {
            waiting: (self.waiting.iter())
                .map(|waiting| (waiting.held.letters.len() + waiting.what.len()) as u64)
                .sum(),
            failing: self.failing.clone(),
            kept: self.writer.kept(),
            directory: self.writer.directory().to_owned(),
        }
    }

    /// When there is something to do.
    pub(super) fn wake_at(&self, now: Instant) -> Instant {
        let write = (!self.waiting.is_empty()).then(|| self.next_try.unwrap_or(now));
        let tend = self.writer.tend_at(now).max(self.next_try.unwrap_or(now));
        write.map_or(tend, |write| write.min(tend))
    }

    /// They cannot be written.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    fn is_due(&self, now: Instant) -> bool {
        self.next_try.is_none_or(|at| now >= at)
    }

    /// Writes what waits, as far as that works.
    fn write(&mut self, now: Moment) -> Done {
        let mut done = Done::default();
        while self.is_due(now.instant)
            && let Some(mut waiting) = self.waiting.pop_front()
        {
            waiting.encode(&self.flow, now);
            match self.writer.append(&waiting.lines, now, &mut done.dropped) {
                Ok(()) => {
                    self.on_success(now.instant, &mut done);
                    done.written.append(&mut waiting.what);
                    done.batches.push(waiting.batch);
                }
                Err(error) => {
                    self.waiting.push_front(waiting);
                    self.on_failure(&error.to_string(), now.instant, &mut done);
                }
            }
        }
        if self.is_due(now.instant) && now.instant >= self.writer.tend_at(now.instant) {
            match self.writer.tend(now, &mut done.dropped) {
                Ok(()) => self.on_success(now.instant, &mut done),
                Err(error) => self.on_failure(&error.to_string(), now.instant, &mut done),
            }
        }
        done
    }

    fn on_success(&mut self, now: Instant, done: &mut Done) {
        (self.failures, self.next_try, self.failing) = (0, None, None);
        done.told.extend(self.repeats.on_success(now).map(|line| (line, String::new())));
    }

    fn on_failure(&mut self, error: &str, now: Instant, done: &mut Done) {
        let pause = RETRY_FIRST.saturating_mul(1 << self.failures.min(16)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.next_try = Some(now + pause);
        let since = self.failing.take().map_or(now, |(_, since)| since);
        self.failing = Some((error.to_owned(), since));
        let line = self.repeats.on_failure("write", now);
        done.told.extend(line.map(|line| (line, error.to_owned())));
    }
}

impl Held {
    fn bytes(&self) -> usize {
        self.letters.iter().map(|letter| letter.data.len() + LETTER_BYTES).sum()
    }

    fn encoded(&self, flow: &str, now: Moment) -> Vec<u8> {
        let time = time_of(now.wall);
        let mut lines = Vec::new();
        for letter in &self.letters {
            let unknown = (Vec::new(), Vec::new());
            let (file, log) = self.places.get(&letter.file).unwrap_or(&unknown);
            encode(letter, Place { file, log }, (&time, flow), &mut lines);
        }
        lines
    }
}

/// RFC 3339, to the millisecond.
fn time_of(wall: Duration) -> String {
    let millis = i64::try_from(wall.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The letters of a record that the service refused: one for each of the flow's records in it.
fn refused(record: RejectedRecord, compression: Compression) -> Vec<Undelivered> {
    let RejectedRecord { code, message, origins, data, .. } = record;
    let parts = split(data, compression, &origins);
    let letter = |(origin, data): (&Origin, Vec<u8>)| Undelivered {
        reason: Reason::Refused,
        code: code.clone(),
        message: message.clone(),
        file: origin.file,
        offset: origin.offset,
        len: data.len() as u64,
        stage: Stage::Record,
        data,
    };
    origins.iter().zip(parts).map(letter).collect()
}

impl<D: Disk> Flow<D> {
    /// Notes what of a batch is to be kept, and where its files lie.
    pub(super) fn hold_letters(
        &mut self,
        batch: BatchId,
        letters: Vec<Undelivered>,
        spans: &[Span],
    ) {
        if self.dead.is_none() {
            debug_assert!(letters.is_empty(), "without a directory none is kept");
            return;
        }
        let bytes = |path: &std::path::Path| path.as_os_str().as_bytes().to_vec();
        let place = |span: &Span| {
            let path = bytes(self.tailer.path_of(span.file)?);
            let log = self.tailer.log_path(span.file).map(|log| bytes(&log));
            Some((span.file, (path.clone(), log.unwrap_or(path))))
        };
        let places = spans.iter().filter_map(place).collect();
        if let Some(dead) = &mut self.dead {
            dead.open.insert(batch, Held { letters, places });
        }
    }

    /// A batch is delivered, but for what the service refused: it is acknowledged, at once or when
    /// its letters are on disk.
    pub(super) fn finish(&mut self, batch: BatchId, rejected: Vec<RejectedRecord>, now: Instant) {
        let waits = self.dead.as_mut().is_some_and(|dead| dead.close(batch, rejected));
        if !waits {
            self.acknowledge(batch, now);
        }
    }

    /// Writes the dead letters that wait, and acknowledges their batches.
    pub(super) fn write_letters(&mut self, now: Now) {
        let Some(dead) = &mut self.dead else { return };
        if now.instant < dead.wake_at(now.instant) {
            return;
        }
        self.pulse.continue_with(Doing::DeadLetters);
        let wall = u64::try_from(now.wall_nanos).map_or(Duration::ZERO, Duration::from_nanos);
        let done = dead.write(Moment { instant: now.instant, wall });
        self.metrics.dead_letters_failing.set(f64::from(u8::from(dead.failing.is_some())));
        self.tell_of_letters(&done);
        for batch in done.batches {
            self.acknowledge(batch, now.instant);
        }
        self.release_memory();
    }

    fn tell_of_letters(&mut self, done: &Done) {
        let flow = &self.config.id;
        for (line, error) in &done.told {
            if matches!(line, FailureLine::Recovered { .. }) {
                tracing::info!(name: "dead_letters_recovered",
                    %flow, "dead letter writes recovered");
            } else {
                tracing::warn!(name: "dead_letters_failing", %flow, %error,
                    "cannot write dead letters; their batches are retried, no data lost");
            }
        }
        for (reason, file) in &done.written {
            self.metrics.dead_letters(*reason, 1);
            let path = self.tailer.path_of(*file).map(|path| &**path);
            self.record_issues.add_dead(*reason, path);
        }
        self.totals.dead_letters += done.written.len() as u64;
        for dropped in &done.dropped {
            let Dropped { path, why, letters, bytes, sources } = dropped;
            self.metrics.dead_letters_dropped(*why, *letters);
            self.totals.dead_letters_dropped += letters;
            tracing::warn!(name: "dead_letters_dropped", %flow, file = %path.display(),
                reason = why.label(), letters, bytes, sources = %sources.join(", "),
                "dropped dead letters to stay within deadLetterMaxBytes and \
                 deadLetterMaxAgeHours; data lost");
        }
    }
}
