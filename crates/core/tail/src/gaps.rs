//! The holes of a file: what is known of them, which were filled in, and how long reading waits at
//! one.

use std::time::{Duration, Instant};

use super::disk::Stat;
use super::holes::{Hole, Holes};
use super::identity::Position;
use super::tailer::Now;

/// Where bytes that were never written precede others, the program may still write them. Reading
/// waits this long.
pub(crate) const HOLE_HOLD: Duration = Duration::from_secs(10);

/// Reading waits this long at a gap in a file that keeps growing: programs that write in parallel
/// leave one for a moment.
pub(crate) const GAP_SETTLES_AFTER: Duration = Duration::from_secs(1);

/// What follows the offset and was read before reading returned to what was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadBefore {
    /// Where the hole ends that is read now.
    pub(crate) from: u64,
    /// The offset of reading before that, and its anchor.
    pub(crate) to: Position,
    /// The holes that were known when that anchor was taken.
    pub(crate) holes: Holes,
}

/// The holes of one file.
#[derive(Debug)]
pub(crate) struct Gaps {
    /// What was skipped.
    holes: Holes,
    /// They are examined up to there in this round.
    examined_to: u64,
    /// The file changed since all of them were examined.
    due: bool,
    /// Where something was written into a hole that is not complete yet, and since when.
    filled: Option<(u64, Instant)>,
    /// What follows and was read before.
    read_before: Option<Box<ReadBefore>>,
    /// The gap that reading waits at, and since when; half a line before one has no end.
    met: Option<Box<(Hole, Instant)>>,
    /// A gap was waited for in vain.
    skipped: bool,
    /// Earlier sizes and when they were seen, the older one first.
    sizes: [(u64, Instant); 2],
}

impl Gaps {
    /// Whether every byte was read where it lies: no hole, and nothing to return to.
    pub(crate) fn are_none(&self) -> bool {
        self.holes.is_empty() && self.filled.is_none() && self.read_before.is_none()
    }

    /// Of a file of this size.
    pub(crate) fn new(size: u64, now: Instant) -> Self {
        Self {
            holes: Holes::NONE,
            examined_to: 0,
            due: false,
            filled: None,
            read_before: None,
            met: None,
            skipped: false,
            sizes: [(size, now); 2],
        }
    }

    /// What was skipped.
    pub(crate) fn holes(&self) -> &Holes {
        &self.holes
    }

    /// The file has these holes; they are examined with the next poll.
    pub(crate) fn set(&mut self, holes: Holes) {
        self.holes = holes;
        self.due = true;
    }

    /// The file has no holes any longer, or only these.
    pub(crate) fn keep_only(&mut self, holes: Holes) {
        self.holes = holes;
    }

    /// Keeps a hole that is skipped. Gives back the one that is forgotten for it.
    pub(crate) fn insert(&mut self, hole: Hole) -> Option<Hole> {
        self.holes.insert(hole)
    }

    /// The file changed: its holes are to be examined.
    pub(crate) fn note_change(&mut self) {
        self.due = true;
    }

    /// Whether holes are still to be examined.
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// Up to where holes are examined in this round.
    pub(crate) fn examined_to(&self) -> u64 {
        self.examined_to
    }

    /// Holes are examined up to there.
    pub(crate) fn examine_from(&mut self, offset: u64) {
        self.examined_to = offset;
    }

    /// All holes are examined and none is filled in.
    pub(crate) fn end_round(&mut self) {
        self.examined_to = 0;
        self.due = false;
        self.filled = None;
    }

    /// Since when a hole is filled in up to `end`, and no further.
    pub(crate) fn filled_since(&mut self, end: u64, now: Instant) -> Instant {
        match self.filled {
            Some((known, since)) if known == end => since,
            Some(_) | None => {
                self.filled = Some((end, now));
                now
            }
        }
    }

    /// Whether reading waits at a gap, or for what is being filled in.
    pub(crate) fn is_waiting(&self) -> bool {
        self.met.is_some() || self.filled.is_some()
    }

    /// What follows and was read before.
    pub(crate) fn read_before(&self) -> Option<&ReadBefore> {
        self.read_before.as_deref()
    }

    /// The same; it is reached.
    pub(crate) fn take_read_before(&mut self) -> Option<ReadBefore> {
        self.read_before.take().map(|before| *before)
    }

    /// Reading continues in another hole that was filled in, before it comes to what was read.
    pub(crate) fn continue_in(&mut self, hole: Hole, at: u64, before: ReadBefore) {
        self.holes.take_out(Hole { start: at, end: hole.end });
        self.read_before = Some(Box::new(ReadBefore { from: hole.end, ..before }));
    }

    /// Reading continues at an earlier offset, in a hole that was filled in or where the file
    /// changed.
    pub(crate) fn restart(&mut self, offset: u64, before: Option<ReadBefore>) {
        match &before {
            Some(before) => self.holes.take_out(Hole { start: offset, end: before.from }),
            None => self.holes = self.holes.before(offset),
        }
        self.read_before = before.map(Box::new);
        self.filled = None;
        self.met = None;
    }

    /// The file holds another generation now. Gives back the holes of the one before.
    pub(crate) fn reset(&mut self, size: u64, now: Instant) -> Holes {
        let fresh = Self { due: self.due, ..Self::new(size, now) };
        std::mem::replace(self, fresh).holes
    }

    /// Reading comes to a gap at `gap.start`, after which data follow at `gap.end`.
    pub(crate) fn meet(&mut self, gap: Hole, now: Instant) {
        match self.met.as_deref_mut() {
            Some((met, _)) if met.start == gap.start && met.end != u64::MAX => met.end = gap.end,
            Some(_) | None => self.met = Some(Box::new((gap, now))),
        }
        self.skipped |= self.read_before.is_none() && self.has_waited(gap.start, now);
    }

    /// Reading comes to half a line in reserved space. Says whether it waited long enough.
    pub(crate) fn meet_half_line(&mut self, start: u64, now: Instant) -> bool {
        if self.met.as_deref().is_none_or(|(met, _)| met.start != start || met.end != u64::MAX) {
            self.met = Some(Box::new((Hole { start, end: u64::MAX }, now)));
        }
        self.has_waited(start, now)
    }

    /// Whether reading need wait no longer at the gap at its offset that the program may fill: it
    /// waited in vain, here or once before; nothing was written to the file for as long; or the
    /// file grew since what follows the gap was written.
    pub(crate) fn is_over(&self, offset: u64, seen: &Stat, now: Now) -> bool {
        let hold = i128::try_from(HOLE_HOLD.as_nanos()).unwrap_or(i128::MAX);
        self.met.as_deref().is_some_and(|(gap, _)| {
            if gap.start != offset {
                return false;
            }
            let is_gap = gap.end != u64::MAX;
            self.has_waited(offset, now.instant)
                || (is_gap
                    && (self.skipped
                        || self.read_before.is_some()
                        || now.wall_nanos - seen.modified_nanos >= hold
                        || self.grew_after(gap.end, seen.size, now.instant)))
        })
    }

    fn has_waited(&self, offset: u64, now: Instant) -> bool {
        self.met.as_deref().is_some_and(|(gap, since)| {
            gap.start == offset && now.saturating_duration_since(*since) >= HOLE_HOLD
        })
    }

    fn grew_after(&self, offset: u64, size: u64, now: Instant) -> bool {
        self.sizes.iter().any(|(earlier, at)| {
            *earlier > offset
                && *earlier < size
                && now.saturating_duration_since(*at) >= GAP_SETTLES_AFTER
        })
    }

    /// Keeps the size among the earlier ones.
    pub(crate) fn note_size(&mut self, size: u64, now: Instant) {
        let [_, newer] = self.sizes;
        if now.saturating_duration_since(newer.1) >= GAP_SETTLES_AFTER {
            self.sizes = [newer, (size, now)];
        }
    }
}
