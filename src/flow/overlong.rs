//! Records that are longer than a record may be: searched for their end, cut and sent.

use super::pump::Turn;
use super::{Flow, Outlet};
use crate::batch::pack::Source;
use crate::tail::compressed::Scanned;
use crate::tail::disk::Disk;
use crate::tail::identity::{FileKey, Position};
use crate::tail::splitter::Ending;
use crate::tail::tailer::{Fill, Now};

impl<D: Disk> Flow<D> {
    /// Searches for the end of a record that is longer than a record may be, without keeping its
    /// bytes. When it is found the beginning is read again, cut and sent.
    pub(super) fn continue_overlong(
        &mut self,
        key: FileKey,
        now: Now,
        outlet: &mut impl Outlet,
    ) -> Option<Turn> {
        let file = self.tailer.file(key)?;
        let (position, from) = (file.position(), file.scanned_to());
        let Some(scanned) = self.tailer.reader().scan_for_line_end(key, from, now) else {
            return Some(Turn::Done);
        };
        let Scanned { found, reached, at_end } = scanned;
        let ending = if at_end { self.ending(key, reached, now.instant) } else { Ending::Open };
        let last = at_end && matches!(ending, Ending::Final | Ending::Idle);
        let end = found.or_else(|| last.then_some(reached));
        let Some(end) = end else {
            self.tailer.reader().note_scanned(key, reached);
            if at_end {
                self.tailer.reader().note_tried(key, reached, ending);
            }
            return Some(if at_end { Turn::Done } else { Turn::Over });
        };
        self.take_overlong(key, (position, end), now, outlet)
    }

    fn take_overlong(
        &mut self,
        key: FileKey,
        (position, end): (Position, u64),
        now: Now,
        outlet: &mut impl Outlet,
    ) -> Option<Turn> {
        let len = usize::try_from(end - position.offset).unwrap_or(usize::MAX);
        let limit = self.packer.wanted_of_long().min(len);
        self.window.grow(limit);
        if self.tailer.reader().fill(key, &mut self.window, now) == Fill::Nothing {
            return Some(Turn::Done);
        }
        if !self.reserve(limit) {
            self.submit_early(now.instant, outlet);
            return Some(Turn::Blocked);
        }
        self.name_log(key);
        self.find_header(key, position.offset);
        let held = self.window.from(key, position.offset).unwrap_or_default();
        let first = held.get(..limit).unwrap_or(held);
        let Some(behind) = self.tailer.reader().position_at(key, end) else {
            return Some(Turn::Done);
        };
        let source =
            Source { file: key, offset: position.offset, ending: Ending::Open, at_end: false };
        let len = end - position.offset;
        if !self.packer.take_cut(source, first, len, now.instant) {
            if !self.has_free_request() {
                self.blocked_at = Some(now.instant);
                return Some(Turn::Blocked);
            }
            self.submit(now.instant, outlet);
            return None;
        }
        // The record is gone through; the bytes before its end prove the position behind it.
        self.packer.anchor(key, behind.anchor);
        self.tailer.reader().advance(key, behind);
        self.metrics.bytes_read.increment(len);
        self.totals.bytes_read += len;
        self.window.clear();
        self.window.shrink();
        None
    }
}
