//! Where accepted records go: a file for each stream, memory, or nowhere.
//!
//! The promise of the file: all records of a request are handed to the kernel in one write before
//! the request is answered, so an acknowledged record is there even if the process is killed
//! right after. It is not synced to the disk. A write that fails is undone and reported, never
//! acknowledged.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use super::decode::IncomingRecord;
use super::names::StreamId;
use super::output;
use super::response::{SequenceNumber, push_json_string};

/// Bytes that the memory store takes for all streams.
pub(super) const MEMORY_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// How much is read at a time in search of the last line's end.
const REPAIR_BLOCK_BYTES: usize = 64 * 1024;
/// Room for lines that a file keeps from one request to the next.
const LINES_KEPT_BYTES: usize = 64 * 1024;
/// What a record takes in memory in addition to its data and its partition key.
const STORED_RECORD_BYTES: usize = 256;

/// Where the sandbox keeps the records that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// In memory, for tests: [`super::SandboxHandle::records`].
    Memory,
    /// `<directory>/<kinesis|firehose>-<stream>.ndjson`, one line a record.
    Ndjson(PathBuf),
    /// Nowhere: counted, not decoded, answered at once. For benches.
    Null,
}

/// A record in the memory store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The stream that took it.
    pub stream: StreamId,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Its partition key (Kinesis only).
    pub partition_key: Option<String>,
    /// The shard that took it.
    pub shard_id: String,
    /// Its sequence number; greater than that of every record stored before it.
    pub sequence_number: String,
    /// The request that it came with, counted from 1.
    pub request_number: u64,
    /// When the request came.
    pub arrived_at: Timestamp,
}

/// A store that does not take records.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("in-memory store is limited to {MEMORY_BYTES_MAX} bytes; use file output")]
    MemoryFull,
    #[error("cannot open {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot write to {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The part of a request that all of its records share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) request_number: u64,
    pub(super) at: Timestamp,
}

/// One record on its way into the store.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    pub(super) record: &'a IncomingRecord,
    pub(super) sequence: SequenceNumber,
    pub(super) shard_id: &'a str,
}

/// The store of one stream.
#[derive(Debug)]
pub(super) enum Sink {
    Memory { records: Vec<StoredRecord>, room: Arc<AtomicUsize> },
    Ndjson(NdjsonFile),
    Null,
}

impl Sink {
    /// `room` is what all memory stores together may still take.
    pub(super) fn new(store: &Store, stream: &StreamId, room: &Arc<AtomicUsize>) -> Self {
        match store {
            Store::Memory => Self::Memory { records: Vec::new(), room: Arc::clone(room) },
            Store::Ndjson(directory) => {
                let path = directory.join(format!("{}.ndjson", stream.label()));
                Self::Ndjson(NdjsonFile::new(path))
            }
            Store::Null => Self::Null,
        }
    }

    /// Takes all records or none.
    pub(super) fn append(
        &mut self,
        stream: &StreamId,
        arrival: Arrival,
        accepted: &[Accepted<'_>],
    ) -> Result<(), StoreError> {
        match self {
            Self::Memory { records, room } => {
                let more: usize = accepted.iter().map(|one| memory_of(one.record)).sum();
                let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                    room.checked_sub(more)
                });
                taken.map_err(|_| StoreError::MemoryFull)?;
                records.extend(accepted.iter().map(|one| stored_record(stream, arrival, one)));
                Ok(())
            }
            Self::Ndjson(file) => file.append(arrival, accepted),
            Self::Null => Ok(()),
        }
    }

    /// What the memory store holds; nothing for the others.
    pub(super) fn records(&self) -> &[StoredRecord] {
        match self {
            Self::Memory { records, .. } => records,
            Self::Ndjson(_) | Self::Null => &[],
        }
    }
}

fn memory_of(record: &IncomingRecord) -> usize {
    let key = record.partition_key.as_ref().map_or(0, String::len);
    record.data.len() + key + STORED_RECORD_BYTES
}

fn stored_record(stream: &StreamId, arrival: Arrival, accepted: &Accepted<'_>) -> StoredRecord {
    StoredRecord {
        stream: stream.clone(),
        data: accepted.record.data.clone(),
        partition_key: accepted.record.partition_key.clone(),
        shard_id: accepted.shard_id.to_owned(),
        sequence_number: accepted.sequence.to_string(),
        request_number: arrival.request_number,
        arrived_at: arrival.at,
    }
}

/// A file of lines that is opened when the first record comes.
#[derive(Debug)]
pub(super) struct NdjsonFile {
    path: PathBuf,
    open: Option<OpenFile>,
    lines: Vec<u8>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    len: u64,
}

impl NdjsonFile {
    fn new(path: PathBuf) -> Self {
        Self { path, open: None, lines: Vec::new() }
    }

    fn append(&mut self, arrival: Arrival, accepted: &[Accepted<'_>]) -> Result<(), StoreError> {
        if accepted.is_empty() {
            return Ok(());
        }
        self.lines.clear();
        for one in accepted {
            push_line(&mut self.lines, arrival, one);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => open_repaired(&self.path)
                .map_err(|source| StoreError::Open { path: self.path.clone(), source })?,
        };
        let written = open.file.write_all(&self.lines);
        let bytes = self.lines.len() as u64;
        // A thousand streams would keep a thousand times the largest request.
        self.lines.clear();
        self.lines.shrink_to(LINES_KEPT_BYTES);
        match written {
            Ok(()) => {
                open.len += bytes;
                self.open = Some(open);
                Ok(())
            }
            Err(source) => {
                // Part of the lines may be there. If they cannot be taken back now, the file stays
                // closed, and the next opening cuts off the line that broke.
                if open.file.set_len(open.len).is_ok() {
                    self.open = Some(open);
                }
                Err(StoreError::Write { path: self.path.clone(), source })
            }
        }
    }
}

/// Opens `path` for appending. A last line without its end comes from a process that died while
/// it wrote; it was never acknowledged, and it would spoil the next line, so it goes.
fn open_repaired(path: &Path) -> io::Result<OpenFile> {
    let file = output::append_to(path)?;
    let found = file.metadata()?.len();
    let len = end_of_last_line(&file, found)?;
    if len < found {
        file.set_len(len)?;
        tracing::warn!(
            name: "sandbox_line_truncated",
            file = %path.display(),
            bytes = found - len,
            "truncated incomplete last line"
        );
    }
    Ok(OpenFile { file, len })
}

fn end_of_last_line(file: &File, len: u64) -> io::Result<u64> {
    let mut block = vec![0; REPAIR_BLOCK_BYTES];
    let mut end = len;
    while end > 0 {
        let start = end.saturating_sub(REPAIR_BLOCK_BYTES as u64);
        let wanted = usize::try_from(end - start).unwrap_or(REPAIR_BLOCK_BYTES);
        let Some(block) = block.get_mut(..wanted) else { break };
        file.read_exact_at(block, start)?;
        if let Some(at) = memchr::memrchr(b'\n', block) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn push_line(lines: &mut Vec<u8>, arrival: Arrival, accepted: &Accepted<'_>) {
    let Accepted { record, sequence, shard_id } = accepted;
    lines.extend_from_slice(format!("{{\"sequenceNumber\":\"{sequence}\",").as_bytes());
    if let Some(partition_key) = &record.partition_key {
        lines.extend_from_slice(format!("\"shardId\":\"{shard_id}\",\"partitionKey\":").as_bytes());
        push_json_string(lines, partition_key);
        lines.push(b',');
    }
    lines.extend_from_slice(format!("\"arrivedAt\":\"{:.3}\",", arrival.at).as_bytes());
    if let Ok(text) = std::str::from_utf8(&record.data) {
        lines.extend_from_slice(b"\"data\":");
        push_json_string(lines, text);
    } else {
        lines.extend_from_slice(b"\"dataBase64\":\"");
        base64_simd::STANDARD.encode_append(&record.data, lines);
        lines.push(b'"');
    }
    lines.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests;
