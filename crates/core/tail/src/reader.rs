//! Reading one file: bytes, offsets, holes and lines that are not complete.

use std::time::Instant;

use crate::compressed::unpacked::Scanned;
use crate::disk::{Disk, DiskError};
use crate::half::{self, Added};
use crate::hole::Gap;
use crate::identity::{FileKey, Position};
use crate::options::{Fill, Now};
use crate::splitter::Ending;
use crate::tailer::Tailer;
use crate::window::Window;
use crate::{ahead, filled, header, refill, rewritten};

/// Reads a file, or notes what was read of it.
#[derive(Debug)]
pub struct Reader<'t, D: Disk> {
    pub(crate) tailer: &'t mut Tailer<D>,
}

impl<D: Disk> Reader<'_, D> {
    /// Makes the window hold what follows a file's position. A file whose bytes changed begins a
    /// new generation here.
    #[must_use]
    pub fn fill(self, key: FileKey, window: &mut Window, now: Now) -> Fill {
        refill::fill(self.tailer, key, window, now)
    }

    /// Notes that everything before `position` was handed on.
    pub fn advance(self, key: FileKey, position: Position) {
        if let Some(file) = self.tailer.files.get_mut(key) {
            file.advance(position);
        }
    }

    /// Notes that no record ends before `offset`: the next search begins there.
    pub fn note_scanned(self, key: FileKey, offset: u64) {
        if let Some(file) = self.tailer.files.get_mut(key) {
            file.ahead.set_scanned_to(offset);
        }
    }

    /// Notes that the file holds no further record before `end`, where it ended when it was read.
    pub fn note_tried(self, key: FileKey, end: u64, ending: Ending) {
        if let Some(file) = self.tailer.files.get_mut(key) {
            file.ahead.set_tried(end, ending);
        }
    }

    /// The hole in the bytes that the window holds for a file, if there is one.
    #[must_use]
    pub fn gap(self, key: FileKey, window: &Window) -> Option<Gap> {
        ahead::gap(self.tailer, key, window)
    }

    /// Whether reading need wait no longer at the gap at its position, after which data follow at
    /// `data`.
    #[must_use]
    pub fn has_waited_at_gap(self, key: FileKey, data: u64, now: Now) -> bool {
        ahead::has_waited_at_gap(self.tailer, key, data, now)
    }

    /// Whether reading need wait no longer for the rest of a line that was written into reserved
    /// space.
    #[must_use]
    pub fn has_waited_at_half_line(self, key: FileKey, now: Instant) -> bool {
        ahead::has_waited_at_half_line(self.tailer, key, now)
    }

    /// Says that a hole was skipped.
    pub fn note_hole(self, key: FileKey, from: u64, to: u64) {
        ahead::note_hole(self.tailer, key, from, to);
    }

    /// Keeps a hole that is skipped: it may be filled later.
    pub fn keep_hole(self, key: FileKey, start: u64, end: u64) {
        filled::keep_hole(self.tailer, key, start, end);
    }

    /// Reading came to what was read before. Returns where it continues: at what is filled in next,
    /// or where it was; `None` if the file provably is another one by now.
    ///
    /// # Errors
    ///
    /// Why that cannot be found out now.
    pub fn pass_already(self, key: FileKey) -> Result<Option<u64>, DiskError> {
        filled::pass_already(self.tailer, key)
    }

    /// Searches for a newline after `from`, in one stretch of the file. Nothing of it is kept.
    /// `None` if the file cannot be read now.
    #[must_use]
    pub fn scan_for_line_end(self, key: FileKey, from: u64, now: Now) -> Option<Scanned> {
        ahead::scan_for_line_end(self.tailer, key, from, now)
    }

    /// The position at an offset that [`Reader::scan_for_line_end`] went over. `None` if the file
    /// cannot be read now.
    #[must_use]
    pub fn position_at(self, key: FileKey, offset: u64) -> Option<Position> {
        ahead::position_at(self.tailer, key, offset)
    }

    /// Where the first `lines` lines of a file end, if so many are complete. `None` as well if the
    /// file cannot be read now, or is a compressed one.
    #[must_use]
    pub fn end_of_header(self, key: FileKey, lines: u64) -> Option<u64> {
        ahead::end_of_header(self.tailer, key, lines)
    }

    /// The first line of a file, if it is complete. `None` as well if the file cannot be read now,
    /// or is a compressed one.
    #[must_use]
    pub fn first_line(self, key: FileKey) -> Option<Vec<u8>> {
        header::first_line(self.tailer, key)
    }

    /// The last line of a file that begins before `end` and with `mark`. `None` as well if it is
    /// very far away, if the file cannot be read now, or is a compressed one.
    #[must_use]
    pub fn last_line(self, key: FileKey, mark: &[u8], end: u64) -> Option<Vec<u8>> {
        header::last_line(self.tailer, key, mark, end)
    }

    /// Notes that a line begins at the file's position which does not end before `to`.
    pub fn note_half_line(self, key: FileKey, to: Position) {
        half::note_half_line(self.tailer, key, to);
    }

    /// Looks at what was added to half a line. `None` if all of the line is to be read.
    #[must_use]
    pub fn added_to_half_line(self, key: FileKey, bytes_max: usize) -> Option<Added> {
        half::added_to_half_line(self.tailer, key, bytes_max)
    }

    /// Proves places at doubling distances before the position, where lines end: should the end of
    /// the file be cut off, little of it is sent again.
    pub fn mark_places(self, key: FileKey, window: &Window) {
        rewritten::mark_places(self.tailer, key, window);
    }
}
