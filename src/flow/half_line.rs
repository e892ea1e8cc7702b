//! Half a line that grows: what was added is looked at, and all of it only when it ends.

use super::Flow;
use super::pump::Turn;
use crate::tail::disk::Disk;
use crate::tail::identity::{FileKey, Position};
use crate::tail::splitter::Ending;
use crate::tail::tailer::Now;

impl<D: Disk> Flow<D> {
    /// The window holds the beginning of a record from `offset` to the end of the file.
    pub(super) fn note_half_line(&mut self, key: FileKey, offset: u64) {
        let Some(held) = self.window.from(key, offset) else { return };
        // What is still a zero may become anything, without the file growing.
        let is_half = held.last().is_some_and(|last| *last != b'\n');
        if !self.window.at_end() || !is_half || memchr::memchr(0, held).is_some() {
            return;
        }
        let end = offset + held.len() as u64;
        if let Some(anchor) = self.window.anchor_at(key, end) {
            self.tailer.reader().note_half_line(key, Position { offset: end, anchor });
        }
    }

    /// Looks at what was added to half a line. `None` if the file is to be read from its position
    /// on: as long as more may come and no line ends, that would lead to nothing.
    pub(super) fn continue_half_line(&mut self, key: FileKey, now: Now) -> Option<Turn> {
        let begin = self.tailer.file(key).map(|file| file.position().offset)?;
        if self.footers.contains_key(&key) || (begin == 0 && self.config.skip_header_lines > 0) {
            return None;
        }
        let added =
            self.tailer.reader().added_to_half_line(key, self.packer.raw_record_bytes_max())?;
        if !added.at_end {
            return Some(Turn::Over);
        }
        let ending = self.ending(key, added.reached, now.instant);
        match ending {
            // Its last line is not complete, so a held record need not be sent either.
            Ending::Open | Ending::Held => {
                self.tailer.reader().note_tried(key, added.reached, ending);
                Some(Turn::Done)
            }
            Ending::Idle | Ending::Final => None,
        }
    }
}
