//! From bytes of a file to a batch: finds records, runs the chain, gives each its partition key,
//! cuts what is too long and appends it to the open batch. No I/O and no clock.
//!
//! The packer owns the batch under construction. It never decides whether there is room in memory
//! or a free request; its flow does.

mod joined;
mod undelivered;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::body::{Body, Encoding};
use super::cut::cut;
use super::dead_letter::{Stage, Undelivered};
use super::fill::{Filler, Put};
use super::key::KeyCounts;
use super::{BatchId, Span};
use crate::hash::ShardMap;
use crate::{OversizeLine, PackOptions};
use kinetail_base::identity::{Anchor, FileKey};
use kinetail_records::entry_line;
use kinetail_records::splitter::{Ending, Next, Splitter};
use kinetail_records::steps::{Header, UNPARSABLE};
use kinetail_records::{Chain, ConvertError, Converted, Facts, Footer, StepCount};

/// A body larger than this is not kept for the next batch, in bytes.
const SPARE_BYTES_MAX: usize = 1024 * 1024;

/// A batch under construction.
#[derive(Debug)]
pub struct OpenBatch {
    /// The encoded records.
    pub body: Body,
    /// What it accounts for, at most one span a file.
    pub spans: Vec<Span>,
    /// Records that begin in the first generation and end in the second: see
    /// [`crate::ledger::Ledger::join`].
    pub joins: Vec<(FileKey, FileKey)>,
    /// Records that are not sent but kept.
    pub letters: Vec<Undelivered>,
    /// Bytes of memory that those hold.
    letter_bytes: usize,
    /// When its first record or skipped line came.
    pub opened_at: Instant,
    /// No further record fits, or the next one did not: it is to be sent now.
    pub full: bool,
}

pub use self::joined::Before;
use self::undelivered::{too_large, unparsable};

/// Why [`Packer::take`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The batch is full: close it and call again with what is left.
    BatchFull,
    /// No further record ends in the bytes shown.
    NeedMore,
    /// The next record is longer than a record may be: see [`Packer::take_cut`].
    Overlong,
    /// The record at the end of the used bytes is the footer of its file: the complete lines that
    /// follow it now are to be skipped.
    Footer,
}

/// What became of the bytes shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// This many bytes, from the start, are accounted for.
    pub used: usize,
    /// Why it stopped.
    pub stop: Stop,
}

/// What happened to records since the counts were last taken.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Records found.
    pub read: u64,
    /// Records that the chain changed.
    pub converted: u64,
    /// Records that the chain could not read and that are sent raw, by reason.
    pub raw: Vec<(&'static str, u64)>,
    /// The newest reason for that.
    pub raw_reason: Option<String>,
    /// Records cut to the service's limit.
    pub truncated: u64,
    /// Records skipped, by reason.
    pub skipped: Vec<(&'static str, u64)>,
    /// Records that are dead letters, by reason.
    pub dead: Vec<(&'static str, u64)>,
    /// What each converter did with records, in their order; empty where none did anything.
    pub steps: Vec<StepCount>,
    /// Records sent without a line end, because their file ended so.
    pub unterminated: u64,
    /// How often something was longer than a line may be.
    pub oversize: u64,
    /// Where the newest of those begins.
    pub oversize_at: Option<(FileKey, u64)>,
    /// Records that went without the metadata of the machine, because none is known.
    pub without_metadata: u64,
    /// Partition keys that were not what their template makes.
    pub keys: KeyCounts,
    /// Lines that took too long to compare with `multiLineStartPattern` or `fileFooterPattern`
    /// and were taken not to match.
    pub not_compared: u64,
}

/// Where in a file records are taken from.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The file generation.
    pub file: FileKey,
    /// The offset of the first byte shown; a record boundary.
    pub offset: u64,
    /// Whether more may follow the bytes shown.
    pub ending: Ending,
    /// The file ended where they end when they were read.
    pub at_end: bool,
}

/// Fills batches of one flow.
#[derive(Debug)]
pub struct Packer {
    filler: Filler,
    splitter: Splitter,
    oversize: OversizeLine,
    max_line_bytes: usize,
    chain: Chain,
    footer: Option<Footer>,
    /// The beginning of a record that was too long.
    long: Vec<u8>,
    /// For each file the stretch of lines whose entries did not all fit, and where those begin that
    /// are in batches.
    emitted: BTreeMap<FileKey, (u64, BTreeSet<usize>)>,
    /// The lines of an entry.
    entry: Vec<u8>,
    open: Option<OpenBatch>,
    /// The memory of a batch that is done, for the next one.
    spare: Option<Body>,
    counts: Counts,
    next_batch: BatchId,
    /// Each line is an entry of a journal ([`entry_line`]).
    reads_entries: bool,
    /// The entry that a line holds.
    unescaped: Vec<u8>,
}

impl Packer {
    /// A packer for this flow. The seed decides the random partition keys.
    #[must_use]
    pub fn new(options: &PackOptions<'_>, seed: u64) -> Self {
        let filler = Filler::new(options, seed);
        let chain = Chain::new(options.converters);
        Self {
            // A piece that had to be cut again would lose what is cut off.
            splitter: splitter(options, filler.piece_bytes_max())
                .aggregating(options.aggregated_record_bytes)
                .framed(chain.framing()),
            emitted: BTreeMap::new(),
            entry: Vec::new(),
            filler,
            oversize: options.oversize_line,
            max_line_bytes: options.max_line_bytes,
            chain,
            footer: options.file_footer.cloned(),
            long: Vec::new(),
            open: None,
            spare: None,
            counts: Counts::default(),
            next_batch: 1,
            reads_entries: false,
            unescaped: Vec::new(),
        }
    }

    /// Each line is an entry of a journal from now on: see [`entry_line`].
    pub fn read_entries(&mut self) {
        self.reads_entries = true;
    }

    /// The maximum length of a line or a multi-line record, in bytes.
    #[must_use]
    pub fn raw_record_bytes_max(&self) -> usize {
        self.splitter.record_bytes_max()
    }

    /// The largest number of data bytes in a batch.
    #[must_use]
    pub fn batch_bytes_max(&self) -> usize {
        self.filler.batch_bytes_max()
    }

    /// The batch under construction.
    #[must_use]
    pub fn open(&self) -> Option<&OpenBatch> {
        self.open.as_ref()
    }

    /// Hands the batch under construction over, with its number.
    pub fn close(&mut self) -> Option<(BatchId, OpenBatch)> {
        self.finish_aggregates();
        let batch = self.open.take()?;
        self.filler.next_batch();
        let id = self.next_batch;
        self.next_batch += 1;
        Some((id, batch))
    }

    /// Completes the batch under construction as far as it can be before it is handed over.
    pub fn seal(&mut self) {
        if self.open.as_ref().is_some_and(|batch| batch.full) {
            self.finish_aggregates();
        }
        if let Some(batch) = &mut self.open {
            batch.body.seal();
        }
    }

    /// Puts the aggregates of the open batch into its body.
    fn finish_aggregates(&mut self) {
        if let Some(batch) = &mut self.open {
            self.filler.finish(&mut batch.body);
        }
    }

    /// The open shards of the stream, if they are known, from now on.
    pub fn set_shards(&mut self, shards: Option<Arc<ShardMap>>) {
        self.finish_aggregates();
        self.filler.set_shards(shards);
    }

    /// Whether records may be put together from now on; at first they may.
    pub fn allow_aggregates(&mut self, allowed: bool) {
        self.finish_aggregates();
        self.filler.allow_aggregates(allowed);
    }

    /// The maximum length of a record with its key, from now on (Kinesis only).
    pub fn set_record_bytes_max(&mut self, bytes: usize) {
        self.filler.set_record_bytes_max(bytes);
        self.splitter.set_piece_bytes_max(self.filler.piece_bytes_max().min(self.max_line_bytes));
    }

    /// Bytes of memory that the batch under construction holds.
    #[must_use]
    pub fn open_bytes(&self) -> usize {
        let held = |batch: &OpenBatch| batch.body.held_bytes() + batch.letter_bytes;
        self.open.as_ref().map_or(0, held) + self.filler.held_bytes()
    }

    /// Says how the next batches are written.
    pub fn speak(&mut self, encoding: Encoding) {
        if self.filler.speak(encoding) {
            self.spare = None;
        }
    }

    /// Takes the empty body of a batch that is done, so that the next batch needs no new memory.
    /// Unusually large ones are given back.
    pub fn reuse(&mut self, spare: Body) {
        let is_alike = spare.encoding() == self.filler.envelope().encoding();
        if is_alike && spare.held_bytes() <= SPARE_BYTES_MAX {
            self.spare = Some(spare);
        }
    }

    /// Gives the memory back that waits for the next batch.
    pub fn drop_spare(&mut self) {
        self.spare = None;
        self.filler.drop_spare();
    }

    /// The memory that waits for the next batch, in bytes.
    #[must_use]
    pub fn spare_bytes(&self) -> usize {
        self.spare.as_ref().map_or(0, Body::held_bytes)
    }

    /// What happened to records since the last call.
    pub fn take_counts(&mut self) -> Counts {
        self.counts.without_metadata += self.chain.take_without_metadata();
        self.counts.not_compared += self.splitter.take_limit_exceeded();
        self.counts.keys = self.filler.take_key_counts();
        let (unparsable, reason) = self.chain.take_unparsable();
        if unparsable > 0 {
            add(&mut self.counts.raw, UNPARSABLE, unparsable);
            self.counts.raw_reason = reason.or_else(|| self.counts.raw_reason.take());
        }
        self.chain.take_step_counts(&mut self.counts.steps);
        std::mem::take(&mut self.counts)
    }

    /// Says what time it is, for converters that write it.
    pub fn set_time(&mut self, unix_millis: i64) {
        self.chain.set_time(unix_millis);
    }

    /// Says which file the next records are of, for converters that write it.
    pub fn set_path(&mut self, file: FileKey, path: &str) {
        self.chain.set_path(file.0, path);
    }

    /// Which line of a file has to be found before a record that is not its first.
    #[must_use]
    pub fn header(&self, file: FileKey) -> Option<Header> {
        self.chain.header(file.0)
    }

    /// Takes the line that [`Self::header`] asks for.
    pub fn learn_header(&mut self, line: &[u8], file: FileKey) {
        self.chain.learn(line, file.0);
    }

    /// The names of the converters, in order.
    pub fn converters(&self) -> impl Iterator<Item = &'static str> {
        self.chain.names()
    }

    /// Says what is known about the machine, for converters that write it.
    pub fn set_facts(&mut self, facts: Option<Facts>) {
        self.chain.set_facts(facts);
    }

    /// Whether records of this file can be taken now; if not, [`Self::set_log`] comes first.
    #[must_use]
    pub fn knows_log(&mut self, file: FileKey) -> bool {
        self.filler.knows_log(file)
    }

    /// Says under which path the log of a file is matched, for partition keys.
    pub fn set_log(&mut self, file: FileKey, path: &str) {
        self.filler.set_log(file, path);
    }

    /// Takes as many records from `bytes` as the open batch has room for. The span that accounts
    /// for them still needs its anchor: see [`Packer::anchor`].
    pub fn take(&mut self, source: Source, bytes: &[u8], now: Instant) -> Taken {
        let mut used = 0;
        let stop = loop {
            let rest = bytes.get(used..).unwrap_or_default();
            self.chain.set_offset(source.offset + used as u64);
            match self.splitter.next(rest, source.ending) {
                Next::NeedMore => break Stop::NeedMore,
                Next::Overlong => break Stop::Overlong,
                Next::Long { len } => {
                    if !self.append_long(source, used, (rest, len as u64), now) {
                        break Stop::BatchFull;
                    }
                    used += len;
                }
                Next::Piece { len } => {
                    let at = (source.file, source.offset + used as u64);
                    if !self.append(at, rest.get(..len).unwrap_or_default(), now) {
                        break Stop::BatchFull;
                    }
                    self.count_oversize(source, used);
                    used += len;
                }
                Next::Record { len } => {
                    let Some(len) = self.splitter.joined(rest, len, source.at_end) else {
                        break Stop::NeedMore;
                    };
                    let record = rest.get(..len).unwrap_or_default();
                    if self.is_footer(record) {
                        used += len;
                        break Stop::Footer;
                    }
                    let at = (source.file, source.offset + used as u64);
                    if !self.append_entries(at, &[], record, now) {
                        break Stop::BatchFull;
                    }
                    self.counts.unterminated += u64::from(!record.ends_with(b"\n"));
                    used += len;
                }
            }
        };
        self.cover(source.file, source.offset, used, now);
        Taken { used, stop }
    }

    /// Appends the entries that some lines are, or the record that they are if entries do not take
    /// several lines. `false` if there is no room for all of them: those that are in a batch are
    /// skipped the next time. The lines begin with those `earlier`, if there are any.
    fn append_entries(
        &mut self,
        at: (FileKey, u64),
        earlier: &[Before],
        lines: &[u8],
        now: Instant,
    ) -> bool {
        let first = joined::place(earlier, at, 0);
        let Some(framing) = self.splitter.framing() else { return self.append(first, lines, now) };
        let one_line = memchr::memchr(b'\n', lines).is_none_or(|end| end + 1 == lines.len());
        if one_line {
            return self.append(first, lines, now);
        }
        let mut entries = framing.entries(lines);
        if self.splitter.joins_entries() {
            entries = vec![entries.concat()];
        }
        let before = self.emitted.remove(&at.0).filter(|(offset, _)| *offset == at.1);
        let mut done = before.map_or_else(BTreeSet::new, |(_, done)| done);
        let mut entry = std::mem::take(&mut self.entry);
        let mut has_room = true;
        for ranges in &entries {
            // Where it begins stays the same, whatever is written behind the lines meanwhile.
            let start = ranges.first().map_or(0, |range| range.start);
            if done.contains(&start) {
                continue;
            }
            entry.clear();
            for range in ranges {
                entry.extend_from_slice(lines.get(range.clone()).unwrap_or_default());
            }
            if !self.append(joined::place(earlier, at, start), &entry, now) {
                has_room = false;
                break;
            }
            done.insert(start);
        }
        self.entry = if entry.capacity() > SPARE_BYTES_MAX { Vec::new() } else { entry };
        if !has_room {
            if !done.is_empty() {
                // No batch behind this one may be acknowledged over what is in it.
                self.keep_place(at.0, at.1);
            }
            self.emitted.insert(at.0, (at.1, done));
        }
        has_room
    }

    /// Whether a record is the footer of its file, which is skipped.
    fn is_footer(&mut self, record: &[u8]) -> bool {
        let Some(footer) = &self.footer else { return false };
        let found = footer.matches(record).unwrap_or_else(|_| {
            self.counts.not_compared += 1;
            false
        });
        if found {
            self.counts.read += 1;
            self.count_skipped("footer", 1);
        }
        found
    }

    /// Takes one record of `len` bytes, more than a record may have, of which only the first are
    /// at hand; it is cut or skipped. Says whether there was room.
    pub fn take_cut(&mut self, source: Source, first: &[u8], len: u64, now: Instant) -> bool {
        self.chain.set_offset(source.offset);
        let taken = self.append_long(source, 0, (first, len), now);
        if taken {
            let covered = usize::try_from(len).unwrap_or(usize::MAX);
            self.cover(source.file, source.offset, covered, now);
        }
        taken
    }

    /// Appends the beginning of a record of `len` bytes that is longer than a record may be, or
    /// leaves it out.
    fn append_long(
        &mut self,
        source: Source,
        at: usize,
        (record, len): (&[u8], u64),
        now: Instant,
    ) -> bool {
        let place = (source.file, source.offset + at as u64);
        if self.oversize == OversizeLine::DeadLetter {
            if !self.keep_long(place, record, len, now) {
                return false;
            }
        } else if self.oversize == OversizeLine::Drop {
            self.counts.read += 1;
            self.count_skipped("oversize_line", 1);
        } else {
            let mut scratch = std::mem::take(&mut self.long);
            let truncated = self.counts.truncated;
            let limit = self.raw_record_bytes_max();
            // Without converters nothing looks at what would be cut off afterwards.
            let limit = if self.chain.is_empty() {
                limit.min(self.filler.record_bytes_max())
            } else {
                limit
            };
            let data = cut(record, limit, self.filler.terminator(), &mut scratch);
            let taken = self.append(place, data, now);
            self.long = scratch;
            if !taken {
                return false;
            }
            self.counts.truncated = truncated + 1;
        }
        self.long = Vec::new();
        self.count_oversize(source, at);
        true
    }

    fn count_oversize(&mut self, source: Source, at: usize) {
        self.counts.oversize += 1;
        self.counts.oversize_at = Some((source.file, source.offset + at as u64));
    }

    /// Accounts for bytes that are skipped, such as header lines.
    pub fn skip(&mut self, source: Source, len: usize, now: Instant) {
        self.cover(source.file, source.offset, len, now);
    }

    /// Counts records that were skipped.
    pub fn count_skipped(&mut self, reason: &'static str, count: u64) {
        add(&mut self.counts.skipped, reason, count);
    }

    /// Gives the span of `file` in the open batch the proof of its end.
    pub fn anchor(&mut self, file: FileKey, anchor: Anchor) {
        let span = self.open.as_mut().and_then(|batch| span_of(&mut batch.spans, file));
        if let Some(span) = span {
            span.anchor = anchor;
        }
    }

    /// Appends one record, or leaves it out if the chain says so. `false` if the batch has no
    /// room for it; then nothing happened.
    fn append(&mut self, at: (FileKey, u64), line: &[u8], now: Instant) -> bool {
        if !self.reads_entries {
            return self.append_record(at, line, now);
        }
        let mut scratch = std::mem::take(&mut self.unescaped);
        let taken = self.append_record(at, entry_line::read(line, &mut scratch), now);
        self.unescaped = if scratch.capacity() > SPARE_BYTES_MAX { Vec::new() } else { scratch };
        taken
    }

    fn append_record(&mut self, at: (FileKey, u64), record: &[u8], now: Instant) -> bool {
        if !self.begin(now) {
            return false;
        }
        let redacts = self.keeps_letters() && self.chain.redacts();
        let (data, converted, raw) = if self.chain.is_empty() {
            (record, false, None)
        } else {
            match self.chain.convert(record) {
                Converted::Record(data) => (data, true, None),
                Converted::Raw { record, converter, reason } => {
                    (record, false, Some((converter, reason)))
                }
                Converted::DeadLetter { record: data, whole, converter, reason } => {
                    let letter = unparsable(at, record.len(), (data, whole), (converter, reason));
                    return self.keep(letter);
                }
                Converted::Skipped { reason } => {
                    self.counts.read += 1;
                    self.count_skipped(reason, 1);
                    return true;
                }
            }
        };
        let Some(open) = &mut self.open else { return false };
        let (truncated, full) = match self.filler.put(&mut open.body, data, at) {
            Put::NoRoom => {
                open.full = true;
                return false;
            }
            Put::Taken { truncated, full } => (truncated, full),
            Put::TooLarge(limit) => {
                let kept = if redacts { (data, Stage::Record) } else { (record, Stage::Line) };
                let letter = too_large(at, kept, data.len(), limit);
                return self.keep(letter);
            }
        };
        open.full = full;
        self.counts.read += 1;
        self.counts.converted += u64::from(converted);
        self.counts.truncated += u64::from(truncated);
        if let Some((converter, reason)) = raw {
            add(&mut self.counts.raw, ConvertError::label(&reason), 1);
            self.counts.raw_reason = Some(format!("{converter}: {reason}"));
        }
        true
    }

    /// Opens a batch if none is open; `false` if it is full.
    fn begin(&mut self, now: Instant) -> bool {
        let open = self.open.get_or_insert_with(|| {
            OpenBatch::new(
                self.spare.take().unwrap_or_else(|| Body::new(self.filler.envelope())),
                now,
            )
        });
        !open.full
    }

    fn cover(&mut self, file: FileKey, start: u64, len: usize, now: Instant) {
        if len == 0 {
            return;
        }
        let end = start + len as u64;
        self.begin(now);
        let Some(open) = &mut self.open else { return };
        match span_of(&mut open.spans, file) {
            Some(span) => span.end = end,
            None => open.spans.push(Span { file, start, end, anchor: Anchor::default() }),
        }
    }
}

impl OpenBatch {
    fn new(body: Body, now: Instant) -> Self {
        Self {
            body,
            spans: Vec::new(),
            joins: Vec::new(),
            letters: Vec::new(),
            letter_bytes: 0,
            opened_at: now,
            full: false,
        }
    }
}

fn splitter(options: &PackOptions<'_>, piece_bytes_max: usize) -> Splitter {
    let start = options.multi_line_start.cloned();
    match options.oversize_line {
        OversizeLine::DeadLetter | OversizeLine::Drop | OversizeLine::Truncate => {
            Splitter::new(start, options.max_line_bytes)
        }
        OversizeLine::Split => {
            Splitter::new(start, options.max_line_bytes.min(piece_bytes_max)).in_pieces()
        }
    }
}

/// Adds to the count of a reason.
fn add(counts: &mut Vec<(&'static str, u64)>, reason: &'static str, count: u64) {
    match counts.iter_mut().find(|(known, _)| *known == reason) {
        Some((_, total)) => *total += count,
        None => counts.push((reason, count)),
    }
}

/// The newest span of a file; looked for from the back, where it nearly always is.
fn span_of(spans: &mut [Span], file: FileKey) -> Option<&mut Span> {
    spans.iter_mut().rev().find(|span| span.file == file)
}
