//! Bytes of a file that are skipped or waited for: holes, reserved space, and what was taken
//! before.

use std::time::Instant;

use super::Flow;
use super::pump::Turn;
use crate::batch::pack::Source;
use crate::tail::disk::Disk;
use crate::tail::hole::RESERVED_BYTES_MIN;
use crate::tail::identity::{FileKey, Position};
use crate::tail::splitter::Ending;
use crate::tail::tailer::Now;

impl<D: Disk> Flow<D> {
    /// A hole reaches to the end of the file: it may still be written, unless it is rotated.
    pub(super) fn wait_at_hole(&mut self, source: Source, now: Instant) -> Option<Turn> {
        let size = self.tailer.file(source.file)?.seen().size;
        let ending = self.ending(source.file, size, now);
        if ending == Ending::Final || self.tailer.already_from(source.file).is_some() {
            return self.skip_hole(source, size, now);
        }
        self.tailer.reader().note_tried(source.file, size, ending);
        self.window.clear();
        Some(Turn::Done)
    }

    /// Reserved space precedes other bytes: it is waited for, but not for
    /// long.
    pub(super) fn wait_in_reserved(&mut self, source: Source, data: u64, now: Now) -> Option<Turn> {
        let size = self.tailer.file(source.file)?.seen().size;
        let ending = self.ending(source.file, size, now.instant);
        if self.tailer.reader().has_waited_at_gap(source.file, data, now) || ending == Ending::Final
        {
            return self.skip_hole(source, data, now.instant);
        }
        self.tailer.reader().note_tried(source.file, size, ending);
        self.window.clear();
        Some(Turn::Done)
    }

    /// Leaves out what was never written.
    pub(super) fn skip_hole(&mut self, source: Source, to: u64, now: Instant) -> Option<Turn> {
        let to = self.tailer.already_from(source.file).map_or(to, |from| to.min(from));
        self.tailer.reader().keep_hole(source.file, source.offset, to);
        let turn = self.skip_to(source, to, now);
        if turn.is_none() {
            self.tailer.reader().note_hole(source.file, source.offset, to);
        }
        turn
    }

    /// Where what was filled in ends, if what lies behind it is among these bytes. A line that goes
    /// on there belongs to it.
    pub(super) fn end_of_filled(
        &self,
        source: Source,
        from: Option<u64>,
        shown: usize,
    ) -> Option<usize> {
        let len = usize::try_from(from? - source.offset).ok().filter(|len| *len < shown)?;
        let bytes = self.window.from(source.file, source.offset)?.get(..shown)?;
        let (filled, behind) = bytes.split_at_checked(len)?;
        if filled.last().is_none_or(|byte| matches!(byte, b'\n' | 0)) {
            return Some(len);
        }
        memchr::memchr(b'\n', behind).map(|at| len + at + 1)
    }

    /// Behind what was filled in lies what was handed on before.
    pub(super) fn pass_already(&mut self, source: Source, now: Instant) -> Option<Turn> {
        // The next poll tells whether it can be found out then.
        let Ok(to) = self.tailer.reader().pass_already(source.file) else {
            return Some(Turn::Done);
        };
        let to = to.filter(|to| *to > source.offset);
        let turn = to.and_then(|to| self.skip_to(source, to, now));
        // What the window shows of holes is what they were.
        self.window.clear();
        turn
    }

    /// Accounts for everything up to an offset that the window need not hold. `None` if that is
    /// done, and there is more to do for this file.
    pub(super) fn skip_to(&mut self, source: Source, to: u64, now: Instant) -> Option<Turn> {
        let behind = match self.window.anchor_at(source.file, to) {
            Some(anchor) => Position { offset: to, anchor },
            None => match self.tailer.reader().position_at(source.file, to) {
                Some(position) => position,
                None => return Some(Turn::Done),
            },
        };
        let len = usize::try_from(to - source.offset).unwrap_or(usize::MAX);
        self.packer.skip(source, len, now);
        self.packer.anchor(source.file, behind.anchor);
        self.tailer.reader().advance(source.file, behind);
        None
    }

    /// Whether half a line stands in front of space that was reserved: the rest of it is waited
    /// for, but not for long.
    pub(super) fn is_being_filled(
        &mut self,
        key: FileKey,
        offset: u64,
        ending: Ending,
        now: Instant,
    ) -> bool {
        let held = self.window.from(key, offset).unwrap_or_default();
        let padded = held.len() > RESERVED_BYTES_MIN
            && held.iter().rev().take(RESERVED_BYTES_MIN).all(|byte| *byte == 0);
        if !padded || ending == Ending::Final {
            return false;
        }
        let Some(size) = self.tailer.file(key).map(|file| file.seen().size) else { return false };
        if self.tailer.reader().has_waited_at_half_line(key, now) {
            return false;
        }
        self.tailer.reader().note_tried(key, size, ending);
        self.window.clear();
        true
    }
}
