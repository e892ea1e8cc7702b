//! How far a file is acknowledged, and which of its earlier places are proven: a file whose end
//! was truncated or rewritten continues at the last of them.

use super::identity::{FileKey, Position};
use super::trail;
use kinetail_base::checkpoint::Change;

/// What is known behind the offset.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Everything before this is acknowledged.
    acked: u64,
    /// Earlier offsets of reading, oldest first.
    trail: Vec<Position>,
    /// Places close to the end of what was read, where lines end.
    marks: Vec<Position>,
    /// The offset at which they were taken.
    marked_at: u64,
    /// Its end was rewritten: its places are saved with each checkpoint.
    saves_places: bool,
    /// The row that holds its place until everything before this offset is acknowledged again.
    row_kept: Option<(FileKey, u64)>,
}

impl Progress {
    /// Of a file that is read from this offset.
    pub(crate) fn from(offset: u64) -> Self {
        Self { acked: offset, ..Self::default() }
    }

    /// Of a generation that had no file.
    pub(crate) fn resumed(acked: u64, trail: Vec<Position>) -> Self {
        Self { acked, trail, ..Self::default() }
    }

    /// Of a file whose end changed: it continues at this offset.
    pub(crate) fn shortened(offset: u64, trail: Vec<Position>) -> Self {
        let mut progress = Self { acked: offset, trail, saves_places: true, ..Self::default() };
        progress.forget_after(offset);
        progress
    }

    /// Of the file that takes the place of this one.
    pub(crate) fn of_replacement(self) -> Self {
        let Self { acked, trail, marks, .. } = self;
        Self { acked, trail, marks, ..Self::default() }
    }

    /// Everything before this is acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// Notes that everything before this is acknowledged.
    pub(crate) fn set_acked(&mut self, offset: u64) {
        self.acked = offset;
    }

    /// Keeps the position among the earlier ones; it is about to change.
    pub(crate) fn leave(&mut self, position: Position) {
        trail::leave(&mut self.trail, position);
    }

    /// The proven places.
    pub(crate) fn places(&self) -> impl Iterator<Item = Position> {
        self.trail.iter().chain(&self.marks).copied()
    }

    /// The places that were taken when the file was read to its end.
    pub(crate) fn marks(&self) -> impl Iterator<Item = Position> {
        self.marks.iter().copied()
    }

    /// The proven places before a position, in order.
    pub(crate) fn places_before(&self, position: Position) -> Vec<Position> {
        trail::before(self.places(), position)
    }

    /// The proven places, of a file that is not followed any longer.
    pub(crate) fn take_places(&mut self) -> Vec<Position> {
        self.trail.drain(..).chain(self.marks.drain(..)).collect()
    }

    /// Notes that places close to `end` are to be taken. Returns `false` if they are known.
    pub(crate) fn begin_marks(&mut self, end: u64) -> bool {
        let new = self.marked_at != end;
        self.marked_at = end;
        new
    }

    /// Keeps the places that were taken, if there are any.
    pub(crate) fn set_marks(&mut self, mut marks: Vec<Position>) {
        if !marks.is_empty() {
            marks.shrink_to_fit();
            self.marks = marks;
        }
    }

    /// Whether places were taken since the file was discovered.
    pub(crate) fn is_marked(&self) -> bool {
        self.marked_at > 0
    }

    /// Whether the places are saved with each checkpoint.
    pub(crate) fn saves_places(&self) -> bool {
        self.saves_places
    }

    /// Reading continues at an earlier offset; `until`: where it was, should it come back there.
    pub(crate) fn restart(&mut self, offset: u64, until: Option<u64>, key: FileKey) -> Vec<Change> {
        self.acked = offset;
        self.saves_places |= until.is_none();
        self.forget_after(offset);
        if let Some(until) = until {
            // Should it end before it is where it was, what was filled in is found again.
            self.row_kept = Some((key, until));
            return Vec::new();
        }
        let kept = self.row_kept.take().map_or(key, |(kept, _)| kept);
        vec![Change::Forget(kept)]
    }

    /// Whether another row holds its place.
    pub(crate) fn has_kept_row(&self) -> bool {
        self.row_kept.is_some()
    }

    /// The row that held its place, once everything before `acked` is acknowledged.
    pub(crate) fn release_kept_row(&mut self, acked: u64) -> Option<FileKey> {
        self.row_kept.take_if(|(_, until)| acked >= *until).map(|(kept, _)| kept)
    }

    /// The file holds another generation now. Says which row held its place.
    pub(crate) fn reset(&mut self) -> Option<FileKey> {
        let kept = self.row_kept.take().map(|(kept, _)| kept);
        *self = Self { saves_places: self.saves_places, ..Self::default() };
        kept
    }

    fn forget_after(&mut self, offset: u64) {
        self.trail.retain(|at| at.offset < offset);
        self.marks.retain(|at| at.offset < offset);
    }
}
