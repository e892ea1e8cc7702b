//! What is known of the bytes after the offset of a file, so that they are not searched twice.

use super::identity::{Digest128, Position};
use super::splitter::Ending;

/// What was found after the offset.
#[derive(Debug, Default)]
pub(crate) struct Lookahead {
    /// No record ends before this offset; set while the end of a very long line is searched.
    scanned_to: u64,
    /// So far the bytes were looked at, though no record may end there.
    examined_to: u64,
    /// How far a long line at the offset was read that is not complete.
    half_line: Option<Box<Position>>,
    /// The size and ending at which reading last came to an end without a record.
    tried: Option<(u64, Ending)>,
    /// What followed an offset at the last poll, though nothing told of a change.
    probe: Option<Box<(u64, Digest128)>>,
}

impl Lookahead {
    /// Of a file that is read from this offset.
    pub(crate) fn from(offset: u64) -> Self {
        Self { scanned_to: offset, ..Self::default() }
    }

    /// Where the search for the end of a very long line continues.
    pub(crate) fn scanned_to(&self) -> u64 {
        self.scanned_to
    }

    /// No record ends before this offset.
    pub(crate) fn set_scanned_to(&mut self, offset: u64) {
        self.scanned_to = offset;
    }

    /// Records were taken up to this offset.
    pub(crate) fn advance(&mut self, offset: u64) {
        self.tried = None;
        self.scanned_to = self.scanned_to.max(offset);
        self.half_line = None;
    }

    /// Reading continues at this offset.
    pub(crate) fn restart(&mut self, offset: u64) {
        self.tried = None;
        self.scanned_to = offset;
        self.half_line = None;
    }

    /// The size and ending at which reading last came to an end without a record.
    pub(crate) fn tried(&self) -> Option<(u64, Ending)> {
        self.tried
    }

    /// So far the bytes were looked at, though no record may end there.
    pub(crate) fn examined_to(&self) -> u64 {
        self.examined_to
    }

    /// The file ended at this size without a record.
    pub(crate) fn set_tried(&mut self, size: u64, ending: Ending) {
        self.examined_to = self.examined_to.max(size);
        self.tried = Some((size, ending));
    }

    /// There may be a record now.
    pub(crate) fn try_again(&mut self) {
        self.tried = None;
    }

    /// How far a long line was read.
    pub(crate) fn set_half_line(&mut self, to: Option<Position>) {
        self.half_line = to.map(Box::new);
    }

    /// The same, to be read further.
    pub(crate) fn take_half_line(&mut self) -> Option<Position> {
        self.half_line.take().map(|to| *to)
    }

    /// Notes what follows an offset. There may be a record where it differs from the last poll.
    pub(crate) fn note_probe(&mut self, offset: u64, seen: Digest128) {
        if self.probe.as_deref() != Some(&(offset, seen)) {
            self.probe = Some(Box::new((offset, seen)));
            self.tried = None;
        }
    }
}
