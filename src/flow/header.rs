//! Lines at the start of a file that are no records: skipped, or kept because they say what its
//! columns are called. Those are found again where reading begins behind them: after a restart, or
//! where they were not seen.

use std::time::Instant;

use super::Flow;
use super::pump::Turn;
use crate::batch::pack::Source;
use crate::process::Skip;
use crate::process::steps::Header;
use crate::tail::disk::Disk;
use crate::tail::identity::FileKey;
use crate::tail::splitter::Ending;
use crate::tail::tailer::Now;

/// It is remembered of so many files that they have no such line.
const HEADERLESS_FILES_MAX: usize = 4096;

impl<D: Disk> Flow<D> {
    /// Looks for the line that the chain needs before it takes records of a file from `offset` on.
    pub(super) fn find_header(&mut self, key: FileKey, offset: u64) {
        if offset == 0 || self.headerless.contains(&key) {
            return;
        }
        let Some(wanted) = self.packer.header(key) else { return };
        let found = match wanted {
            Header::First => self.tailer.reader().first_line(key),
            Header::Last(mark) => self.tailer.reader().last_line(key, mark.as_bytes(), offset),
        };
        if let Some(line) = found {
            self.packer.learn_header(&line, key);
        }
        if self.packer.header(key).is_some() {
            if self.headerless.len() >= HEADERLESS_FILES_MAX {
                self.headerless.clear();
            }
            self.headerless.insert(key);
        }
    }

    /// Header lines are skipped as a whole: until the last of them is complete nothing is taken.
    pub(super) fn take_header(&mut self, source: Source, now: Now) -> Option<Turn> {
        let key = source.file;
        let lines = self.config.skip_header_lines;
        let bytes = self.window.from(key, 0).unwrap_or_default();
        let last = usize::try_from(lines).unwrap_or(usize::MAX).saturating_sub(1);
        let in_window = memchr::memchr_iter(b'\n', bytes).nth(last).map(|at| at as u64 + 1);
        // A compressed file cannot be searched ahead: there a header ends with the window.
        let compressed = self.tailer.file(key).is_some_and(|file| !file.is_open());
        let whole = source.ending == Ending::Final || compressed;
        let whole = whole.then_some(bytes.len() as u64);
        let end = in_window.or(whole).or_else(|| self.tailer.reader().end_of_header(key, lines));
        let Some(end) = end else {
            let size = self.tailer.file(key)?.seen().size;
            let ending = self.ending(key, size, now.instant);
            if ending == Ending::Final {
                return self.leave_header(source, size, now.instant);
            }
            self.tailer.reader().note_tried(key, size, ending);
            self.window.clear();
            return Some(Turn::Done);
        };
        self.leave_header(source, end, now.instant)
    }

    fn leave_header(&mut self, source: Source, end: u64, now: Instant) -> Option<Turn> {
        let turn = self.skip_to(source, end, now);
        if turn.is_none() {
            self.packer.count_skipped(Skip::Header, self.config.skip_header_lines);
            self.metrics.bytes_read.increment(end - source.offset);
            self.totals.bytes_read += end - source.offset;
        }
        turn
    }
}
