//! From bytes of a file to a batch: finds records, runs the chain, gives each its partition key,
//! cuts what is too long and appends it to the open batch. No I/O and no clock.
//!
//! The packer owns the batch under construction. It never decides whether there is room in memory
//! or a free request; its flow does.

mod batch;
mod counts;
mod entries;
mod joined;
mod overlong;
mod plain;
mod undelivered;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::body::{Body, Encoding};
use super::dead_letter::Stage;
use super::fill::{Filler, Put};
use crate::hash::ShardMap;
use crate::{BatchId, OversizeLine, PackOptions};
use kinetail_base::identity::FileKey;
use kinetail_records::entry_line;
use kinetail_records::splitter::{Ending, Next, Splitter};
use kinetail_records::steps::Header;
use kinetail_records::{Chain, Converted, Facts, Footer, RawReason, Skip};

pub use self::batch::OpenBatch;
pub use self::counts::Counts;
use self::counts::add;
pub use self::joined::Before;
use self::undelivered::{too_large, unparsable};

/// A body larger than this is not kept for the next batch, in bytes.
const SPARE_BYTES_MAX: usize = 1024 * 1024;

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

    /// Says how the next batches are written.
    pub fn speak(&mut self, encoding: Encoding) {
        if self.filler.speak(encoding) {
            self.spare = None;
        }
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
        let mut used = self.take_plain(source, bytes, now);
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

    /// Whether a record is the footer of its file, which is skipped.
    fn is_footer(&mut self, record: &[u8]) -> bool {
        let Some(footer) = &self.footer else { return false };
        let found = footer.matches(record).unwrap_or_else(|_| {
            self.counts.not_compared += 1;
            false
        });
        if found {
            self.counts.read += 1;
            self.count_skipped(Skip::Footer, 1);
        }
        found
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
            add(&mut self.counts.raw, RawReason::from(&reason), 1);
            self.counts.raw_reason = Some(format!("{converter}: {reason}"));
        }
        true
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
