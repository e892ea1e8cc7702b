//! From files to batches: reads in turn from every file that has something, for as long as there
//! is memory and a free request.

use std::time::Instant;

use super::under_way::Submitted;
use super::{Flow, Outlet};
use crate::batch::pack::{Source, Stop, Taken};
use crate::metrics::float;
use crate::send::Submission;
use crate::tail::disk::Disk;
use crate::tail::hole::Gap;
use crate::tail::identity::{FileKey, Position};
use crate::tail::splitter::Ending;
use crate::tail::tailer::{Fill, Now};
use crate::tail::window::WINDOW_BYTES;

/// A file gives way to the next one after this many bytes: four windows, each of which ends a
/// little before it is full, where a line does.
const TURN_BYTES: u64 = (4 * WINDOW_BYTES - WINDOW_BYTES / 2) as u64;

/// Whether reading a file can continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is no room for more now; a file that got nothing keeps its place.
    Blocked,
    /// Nothing more to read for now.
    Done,
    /// A batch was handed on, and its request starts before the next one is built.
    Interrupted,
    /// More to read; other files come first.
    Over,
}

/// What was shown to the packer.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// How many bytes the window held.
    held: usize,
    /// Whether more may follow those.
    ending: Ending,
    /// Where an entry begins that continues in the younger generation; it was not shown.
    carried: Option<usize>,
    /// There is a hole behind what was shown.
    has_gap: bool,
    /// What follows was taken long ago.
    is_filled: bool,
}

impl<D: Disk> Flow<D> {
    /// Reads until nothing is left to read or there is no room.
    pub(super) fn pump(&mut self, now: Now, outlet: &mut impl Outlet) {
        // A step ends after each file had about one turn, so that messages are not kept waiting.
        let mut turns = self.tailer.file_count().max(8);
        self.has_submitted = false;
        while turns > 0 && self.can_take_more() {
            turns -= 1;
            let Some(key) = self.tailer.next_readable(now) else { break };
            if self.draining && !self.is_lost_after_stop(key) {
                continue;
            }
            let begin = self.tailer.file(key).map(|file| file.position().offset);
            let turn = self.read_turn(key, now, outlet);
            self.report_counts(key);
            match turn {
                Turn::Done => {}
                Turn::Interrupted => {
                    self.tailer.requeue_first(key);
                    break;
                }
                Turn::Over => self.tailer.requeue(key),
                Turn::Blocked => {
                    if self.tailer.file(key).map(|file| file.position().offset) == begin {
                        self.tailer.requeue_first(key);
                    } else {
                        // It had a part of its turn; the others come before the rest of it.
                        self.tailer.requeue(key);
                    }
                    break;
                }
            }
        }
    }

    /// Whether the open batch has room, or can be handed on.
    pub(super) fn can_take_more(&self) -> bool {
        let full = self.packer.open().is_some_and(|batch| batch.full);
        !full || self.has_free_request()
    }

    /// Hands the open batch on. A batch without records is acknowledged at once.
    pub(super) fn submit(&mut self, now: Instant, outlet: &mut impl Outlet) {
        let Some((id, mut batch)) = self.packer.close() else { return };
        self.use_spare();
        self.ledger.open(id, &batch.spans);
        for (older, younger) in &batch.joins {
            self.ledger.join(id, *older, *younger);
        }
        self.hold_letters(id, batch.letters, &batch.spans);
        if batch.body.records() == 0 {
            self.finish(id, Vec::new(), now);
            self.release_memory();
            return;
        }
        batch.body.seal();
        self.has_submitted = true;
        let bytes = batch.body.held_bytes();
        self.under_way.insert(id, Submitted { bytes, worked: self.worked, at: now });
        if !outlet.submit(Submission { batch: id, body: batch.body }) {
            // Without a sender nothing is acknowledged; the files are read again after a restart.
            tracing::debug!(flow = %self.config.id, "a batch came after the sender had ended");
        }
        self.metrics.batches_in_flight.set(float(self.ledger.unsettled() as u64));
    }

    fn read_turn(&mut self, key: FileKey, now: Now, outlet: &mut impl Outlet) -> Turn {
        let Some(offset) = self.tailer.file(key).map(|file| file.position().offset) else {
            return Turn::Done;
        };
        self.renew_end(key, offset, now.instant);
        let interrupted = self.interrupted.take().filter(|(file, _)| *file == key);
        let begin = interrupted.map_or(offset, |(_, begin)| begin);
        loop {
            if self.has_submitted {
                self.interrupted = Some((key, begin));
                return Turn::Interrupted;
            }
            let Some(file) = self.tailer.file(key) else { return Turn::Done };
            let offset = file.position().offset;
            if offset.saturating_sub(begin) >= TURN_BYTES {
                return Turn::Over;
            }
            if file.scanned_to() > offset {
                if let Some(turn) = self.continue_overlong(key, now, outlet) {
                    return turn;
                }
                continue;
            }
            let held = self.window.from(key, offset).is_some_and(|bytes| !bytes.is_empty());
            if !held && let Some(turn) = self.continue_half_line(key, now) {
                return turn;
            }
            if !held && self.tailer.reader().fill(key, &mut self.window, now) == Fill::Nothing {
                return Turn::Done;
            }
            if let Some(turn) = self.take(key, offset, now, outlet) {
                return turn;
            }
        }
    }

    /// A window that was kept while there was no room may end where the file ended long ago. What
    /// was completed since must not be taken for a line that is never completed.
    fn renew_end(&mut self, key: FileKey, offset: u64, now: Instant) {
        let held = self.window.from(key, offset).map_or(0, <[u8]>::len) as u64;
        let seen = self.tailer.file(key).map_or(0, |file| file.seen().size);
        let settled = self.tailer.ending(key, now) != Ending::Open;
        if self.window.at_end() && (offset + held != seen || settled) {
            self.window.clear();
        }
    }

    /// Takes what the window holds. `None` if there is more to do for this file.
    fn take(
        &mut self,
        key: FileKey,
        offset: u64,
        now: Now,
        outlet: &mut impl Outlet,
    ) -> Option<Turn> {
        let held = self.window.from(key, offset).map_or(0, <[u8]>::len);
        if !self.reserve(held) {
            self.submit_early(now.instant, outlet);
            return Some(Turn::Blocked);
        }
        let ending = self.ending_at(key, offset + held as u64, now.instant);
        let at_end = self.window.at_end();
        let source = Source { file: key, offset, ending, at_end };
        if let Some(&end) = self.footers.get(&key) {
            return self.skip_after_footer(source, end, now);
        }
        let already = self.tailer.already_from(key);
        if already.is_some_and(|from| offset >= from) {
            return self.pass_already(source, now.instant);
        }
        let gap = self.tailer.reader().gap(key, &self.window);
        match gap {
            Some(Gap::Until(data)) => return self.skip_hole(source, data, now.instant),
            Some(Gap::ToTheEnd) => return self.wait_at_hole(source, now.instant),
            Some(Gap::Reserved(data)) => return self.wait_in_reserved(source, data, now),
            Some(Gap::Behind(_)) | None => {}
        }
        if offset == 0 && self.config.skip_header_lines > 0 {
            return self.take_header(source, now);
        }
        let (mut shown, mut source) = (held, source);
        if let Some(Gap::Behind(lines)) = gap {
            // Lines in front of a hole are complete, whatever comes behind it.
            shown = lines;
            source.ending = Ending::Held;
        }
        let filled = self.end_of_filled(source, already, shown);
        if let Some(end) = filled {
            shown = end;
            source.ending = Ending::Held;
        }
        self.name_log(key);
        self.find_header(key, offset);
        if self.is_carried(key, offset, offset + held as u64) {
            return self.need_more(key, offset, ending, now.instant);
        }
        if offset == 0
            && let Some(older) = self.carried_into(key)
        {
            return self.take_joined(source, older, now, outlet);
        }
        let bytes = self.window.from(key, offset).unwrap_or_default();
        let bytes = bytes.get(..shown).unwrap_or(bytes);
        let whole = gap.is_none() && filled.is_none();
        let carried = if whole { self.carried_from(source, bytes) } else { None };
        let bytes = carried.and_then(|start| bytes.get(..start)).unwrap_or(bytes);
        let taken = self.packer.take(source, bytes, now.instant);
        self.advance(key, offset, taken.used);
        let shown =
            Shown { held, ending, carried, has_gap: gap.is_some(), is_filled: filled.is_some() };
        self.continued(source, (taken, shown), now.instant, outlet)
    }

    /// Does what a stop asks for. `None` if there is more to do for this file.
    fn continued(
        &mut self,
        source: Source,
        (taken, shown): (Taken, Shown),
        now: Instant,
        outlet: &mut impl Outlet,
    ) -> Option<Turn> {
        let (key, offset) = (source.file, source.offset);
        let behind = offset + taken.used as u64;
        match taken.stop {
            Stop::BatchFull => {
                if taken.used == 0 {
                    self.anchor_in_place(key);
                }
                self.make_room(now, outlet)
            }
            Stop::NeedMore if shown.carried == Some(taken.used) => {
                if shown.ending == Ending::Final {
                    self.carry(key, behind, None);
                }
                self.need_more(key, behind, shown.ending, now)
            }
            Stop::NeedMore if (shown.has_gap || shown.is_filled) && taken.used > 0 => None,
            Stop::NeedMore if shown.is_filled => self.pass_already(source, now),
            Stop::NeedMore => {
                if !shown.has_gap {
                    self.note_half_line(key, behind);
                }
                self.need_more(key, behind, shown.ending, now)
            }
            Stop::Footer => {
                self.meet_footer(key, behind, offset + shown.held as u64);
                None
            }
            Stop::Overlong => {
                self.tailer.reader().note_scanned(key, behind.max(offset + shown.held as u64));
                None
            }
        }
    }

    /// Hands a full batch on, if it can be. `None` if there is room then.
    pub(super) fn make_room(&mut self, now: Instant, outlet: &mut impl Outlet) -> Option<Turn> {
        if self.has_free_request() {
            self.submit(now, outlet);
            return None;
        }
        self.blocked_at = Some(now);
        // What can be done before there is room need not be done then.
        self.packer.seal();
        Some(Turn::Blocked)
    }

    /// Says which log the next records are of, if their partition keys or converters depend on it.
    pub(super) fn name_log(&mut self, key: FileKey) {
        if self.names_logs
            && self.named.replace(key) != Some(key)
            && let Some(path) = self.tailer.log_path(key)
        {
            self.packer.set_path(key, &path.to_string_lossy());
        }
        if !self.packer.knows_log(key)
            && let Some(path) = self.tailer.log_path(key)
        {
            self.packer.set_log(key, &path.to_string_lossy());
        }
    }

    /// No further record ends in the window: reads on, or waits for the file to grow.
    pub(super) fn need_more(
        &mut self,
        key: FileKey,
        offset: u64,
        ending: Ending,
        now: Instant,
    ) -> Option<Turn> {
        if self.window.at_end() {
            let left = self.window.from(key, offset).map_or(0, <[u8]>::len);
            self.tailer.reader().note_tried(key, offset + left as u64, ending);
            self.tailer.reader().mark_places(key, &self.window);
            self.window.clear();
            self.window.shrink();
            return Some(Turn::Done);
        }
        if self.is_being_filled(key, offset, ending, now) {
            return Some(Turn::Done);
        }
        if self.window.is_full(key, offset) {
            let wanted = self.window.capacity() * 2;
            let limit = self.packer.raw_record_bytes_max() + WINDOW_BYTES;
            self.window.grow(wanted.min(limit));
        }
        self.window.clear();
        None
    }

    /// Whether more may follow the bytes in the window, which end at `end`.
    fn ending_at(&self, key: FileKey, end: u64, now: Instant) -> Ending {
        if self.window.at_end() { self.ending(key, end, now) } else { Ending::Open }
    }

    /// Whether more may follow behind `end`, where the file was found to end.
    pub(super) fn ending(&self, key: FileKey, end: u64, now: Instant) -> Ending {
        if self.ends_by_draining(key) {
            return Ending::Final;
        }
        // Bytes that came after the last look were written just now: the file is not quiet. And if
        // more was seen than was found, this is not its end.
        let quiet = self.tailer.file(key).is_some_and(|file| end == file.seen().size);
        if quiet { self.tailer.ending(key, now) } else { Ending::Open }
    }

    /// Moves the file's position over `used` bytes of the window.
    pub(super) fn advance(&mut self, key: FileKey, offset: u64, used: usize) {
        if used == 0 {
            return;
        }
        let end = offset + used as u64;
        if let Some(anchor) = self.window.anchor_at(key, end) {
            self.packer.anchor(key, anchor);
            self.tailer.reader().advance(key, Position { offset: end, anchor });
            self.reporting.note_news();
            self.metrics.bytes_read.increment(used as u64);
            self.totals.bytes_read += used as u64;
        }
    }
}
