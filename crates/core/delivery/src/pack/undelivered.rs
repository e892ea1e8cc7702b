//! Records that are not sent but kept as dead letters: they belong to the open batch, which is
//! acknowledged only when they are on disk.

use std::time::Instant;

use super::Packer;
use crate::OversizeLine;
use crate::dead_letter::{DATA_BYTES_MAX, Letter, Reason, Stage, Undelivered};
use kinetail_base::identity::FileKey;
use kinetail_base::limits::REQUEST_RECORDS_MAX;
use kinetail_records::steps::Unparsable;

/// A batch has so many dead letters, at most.
const LETTERS_MAX: usize = REQUEST_RECORDS_MAX;

/// Memory of a letter without its data, in bytes.
const LETTER_BYTES: usize = size_of::<Undelivered>() + 128;

impl Packer {
    /// Takes a record that was a dead letter, as [`Self::take`] would have: `false` if the open
    /// batch has no room for it.
    pub fn take_letter(&mut self, letter: &Letter, file: FileKey, now: Instant) -> bool {
        self.chain.set_offset(letter.offset);
        let at = (file, letter.offset);
        match letter.stage {
            Stage::Line => self.append(at, &letter.data, now),
            Stage::Record => {
                let chain = std::mem::take(&mut self.chain);
                let taken = self.append(at, &letter.data, now);
                self.chain = chain;
                taken
            }
        }
    }

    /// How many bytes of a line that is too long are wanted, at most.
    #[must_use]
    pub fn wanted_of_long(&self) -> usize {
        if self.oversize == OversizeLine::DeadLetter {
            self.raw_record_bytes_max().max(DATA_BYTES_MAX)
        } else {
            self.raw_record_bytes_max()
        }
    }

    /// Whether any record can become a dead letter before it is sent.
    pub(super) fn keeps_letters(&self) -> bool {
        self.oversize == OversizeLine::DeadLetter
    }

    /// Keeps a line of `len` bytes, which is too long, with as much of it as is at hand.
    pub(super) fn keep_long(
        &mut self,
        (file, offset): (FileKey, u64),
        record: &[u8],
        len: u64,
        now: Instant,
    ) -> bool {
        if !self.begin(now) {
            return false;
        }
        let shown = usize::try_from(len).unwrap_or(usize::MAX).min(DATA_BYTES_MAX);
        let record = record.get(..shown).unwrap_or(record);
        let stage = if self.chain.redacts() { Stage::Record } else { Stage::Line };
        let letter = Undelivered {
            reason: Reason::OversizeLine,
            code: String::new(),
            message: format!("the line has {len} bytes, more than maxLineBytes"),
            file,
            offset,
            len,
            stage,
            data: self.chain.redacted(record).to_vec(),
        };
        self.keep(letter)
    }

    /// Adds a letter to the open batch; `false` if that has no room for it.
    pub(super) fn keep(&mut self, letter: Undelivered) -> bool {
        let bytes_max = self.batch_bytes_max();
        let Some(open) = &mut self.open else { return false };
        let bytes = letter.data.len() + LETTER_BYTES;
        let too_many = open.letters.len() >= LETTERS_MAX
            || open.letter_bytes + open.body.counted_bytes() + bytes > bytes_max;
        if too_many && (!open.letters.is_empty() || open.body.records() > 0) {
            open.full = true;
            return false;
        }
        open.letter_bytes += bytes;
        self.counts.read += 1;
        super::add(&mut self.counts.dead, letter.reason, 1);
        open.letters.push(letter);
        true
    }
}

/// A record that a converter cannot read, `len` bytes in its file.
pub(super) fn unparsable(
    (file, offset): (FileKey, u64),
    len: usize,
    (data, whole): (&[u8], bool),
    (converter, reason): (&'static str, Unparsable),
) -> Undelivered {
    let len = if whole { len } else { data.len() };
    Undelivered {
        reason: Reason::Unparsable,
        code: converter.to_owned(),
        message: reason.to_string(),
        file,
        offset,
        len: len as u64,
        stage: if whole { Stage::Line } else { Stage::Record },
        data: data.get(..DATA_BYTES_MAX).unwrap_or(data).to_vec(),
    }
}

/// A record that has `bytes` bytes after the converters, which is too many.
pub(super) fn too_large(
    (file, offset): (FileKey, u64),
    (data, stage): (&[u8], Stage),
    bytes: usize,
    limit: usize,
) -> Undelivered {
    Undelivered {
        reason: Reason::TooLarge,
        code: String::new(),
        message: format!("the record has {bytes} bytes after the converters, more than {limit}"),
        file,
        offset,
        len: data.len() as u64,
        stage,
        data: data.get(..DATA_BYTES_MAX).unwrap_or(data).to_vec(),
    }
}
