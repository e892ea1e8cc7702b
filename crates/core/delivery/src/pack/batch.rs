//! The batch under construction: opened by its first record, accounted for by its spans, handed
//! over, and its memory for the next one.

use std::time::Instant;

use super::{Packer, SPARE_BYTES_MAX, Source};
use crate::body::Body;
use crate::dead_letter::Undelivered;
use crate::{BatchId, Span};
use kinetail_base::identity::{Anchor, FileKey};

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
    pub(super) letter_bytes: usize,
    /// When its first record or skipped line came.
    pub opened_at: Instant,
    /// No further record fits, or the next one did not: it is to be sent now.
    pub full: bool,
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

impl Packer {
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
    pub(super) fn finish_aggregates(&mut self) {
        if let Some(batch) = &mut self.open {
            self.filler.finish(&mut batch.body);
        }
    }

    /// Bytes of memory that the batch under construction holds.
    #[must_use]
    pub fn open_bytes(&self) -> usize {
        let held = |batch: &OpenBatch| batch.body.held_bytes() + batch.letter_bytes;
        self.open.as_ref().map_or(0, held) + self.filler.held_bytes()
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

    /// Accounts for bytes that are skipped, such as header lines.
    pub fn skip(&mut self, source: Source, len: usize, now: Instant) {
        self.cover(source.file, source.offset, len, now);
    }

    /// Gives the span of `file` in the open batch the proof of its end.
    pub fn anchor(&mut self, file: FileKey, anchor: Anchor) {
        let span = self.open.as_mut().and_then(|batch| span_of(&mut batch.spans, file));
        if let Some(span) = span {
            span.anchor = anchor;
        }
    }

    /// Opens a batch if none is open; `false` if it is full.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let open = self.open.get_or_insert_with(|| {
            OpenBatch::new(
                self.spare.take().unwrap_or_else(|| Body::new(self.filler.envelope())),
                now,
            )
        });
        !open.full
    }

    pub(super) fn cover(&mut self, file: FileKey, start: u64, len: usize, now: Instant) {
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

/// The newest span of a file; looked for from the back, where it nearly always is.
fn span_of(spans: &mut [Span], file: FileKey) -> Option<&mut Span> {
    spans.iter_mut().rev().find(|span| span.file == file)
}
