//! One file generation: what it is, where its bytes are, how far they were read.
//!
//! The struct is plain state; [`super::tailer`] owns all of them and decides. What is
//! read of a file to examine it stands at the end.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use super::disk::Stat;
use super::disk::{Call, Disk, DiskError, Fault, Kind, OpenFile};
use super::holes::{Hole, Holes};
use super::identity::{Digest128, FileKey, HEAD_BYTES_MAX, Head, Inode, Position};
use super::splitter::Ending;
use super::tailer::Now;
use super::trail;

/// A file that grew is looked at again after this long; each look that finds nothing doubles it.
pub const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);

/// A file is looked at this often however long it was quiet.
pub const LOOK_EVERY_MAX: Duration = Duration::from_millis(500);

/// A change this recent may be followed by another one with the same time stamp, so the next look
/// compares contents. Kernels stamp files with a clock that ticks every 1 to 10 ms.
pub const STAMP_SETTLES_AFTER: Duration = Duration::from_millis(50);

/// Where bytes that were never written stand in front of others, somebody may still write them.
/// This long they are waited for.
pub const HOLE_HOLD: Duration = Duration::from_secs(10);

/// A gap in a file that goes on growing is waited for this long: writers that write side by side
/// leave one for a moment.
pub const GAP_SETTLES_AFTER: Duration = Duration::from_secs(1);

/// Text that repeats itself is looked for this far back, in bytes.
const REPEATS_WITHIN_BYTES: u64 = 1024 * 1024;

/// Whether a name leads to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A path matches the pattern.
    Listed,
    /// None does any more: moved out of the pattern, deleted, or found outside of it.
    Unlisted {
        /// When the last name went.
        since: Instant,
    },
}

/// What lies ahead of the position and was handed on before reading went back to what was filled
/// in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Already {
    /// Where the hole ends that is read now.
    pub from: u64,
    /// Where reading stood, and the proof of that.
    pub to: Position,
    /// The holes that were known when that was proven.
    pub holes: Holes,
}

/// A file that has the same content as another one so far: perhaps a copy that is being made of
/// it before it is truncated. Nothing is read from it until that is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadow {
    /// The generation it equals.
    pub parent: FileKey,
    /// When it was first as long as that: a copy is complete then.
    pub complete_since: Option<Instant>,
}

impl Shadow {
    /// A file that equals this generation so far.
    #[must_use]
    pub fn of(parent: FileKey) -> Self {
        Self { parent, complete_since: None }
    }
}

/// One generation of one file.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that others do not imply")]
pub struct Tailed<F> {
    /// Its name within the flow.
    pub key: FileKey,
    /// The file it lives in.
    pub inode: Inode,
    /// The path it was last seen under.
    pub path: Arc<Path>,
    /// Whether that path still leads to it.
    pub name: Name,
    /// When it was renamed or lost its name: from then on its last line may never get a line
    /// end.
    pub rotated: Option<Instant>,
    /// The open file; `None` while descriptors are short.
    pub handle: Option<F>,
    /// The fingerprint of its first bytes.
    pub head: Head,
    /// Everything before this was handed on in records or skipped.
    pub position: Position,
    /// Where reading stood before, oldest first.
    pub trail: Vec<Position>,
    /// Places close behind the end of what was read, where lines end.
    pub marks: Vec<Position>,
    /// Where reading stood when they were made.
    pub marked_at: u64,
    /// What was left out of it.
    pub holes: Holes,
    /// Its holes are looked at up to there in this round.
    pub holes_looked_at: u64,
    /// It changed since its holes were all looked at.
    pub holes_due: bool,
    /// Where something was written into a hole that is not complete yet, and since when.
    pub filled: Option<(u64, Instant)>,
    /// What lies ahead and was handed on before.
    pub already: Option<Already>,
    /// The row that stands for it until everything before this offset is acknowledged again.
    pub row_kept: Option<(FileKey, u64)>,
    /// The gap that reading waits at, and since when; half a line in front of one has no end.
    pub gap_met: Option<(Hole, Instant)>,
    /// A gap was waited for in vain.
    pub gap_skipped: bool,
    /// Earlier sizes and when they were seen, the older one first.
    pub sizes: [(u64, Instant); 2],
    /// What stood behind a position when it was last looked at, though nothing told of a change.
    pub probe: Option<(u64, Digest128)>,
    /// Nothing of it is read until what is in flight is acknowledged.
    pub held: bool,
    /// Its end was written anew: its places are written down with each checkpoint.
    pub keeps_places: bool,
    /// It was written over after it was rotated; nothing more of it is read.
    pub spoiled: bool,
    /// Everything before this is acknowledged.
    pub acked: u64,
    /// What the last look saw.
    pub seen: Stat,
    /// The greatest size at which the content was still this generation's.
    pub grown_to: u64,
    /// The last change was so recent that a further one may hide behind the same stamps.
    pub unsettled: bool,
    /// When the content last changed, as far as looks can tell.
    pub last_growth: Instant,
    /// When it last was acknowledged to its end.
    pub caught_up: Instant,
    /// When to look next.
    pub next_look: Instant,
    /// How long until the look after that.
    pub look_every: Duration,
    /// No record ends in front of this offset; set while a very long line is being searched for
    /// its end.
    pub scanned_to: u64,
    /// How far a long line at the position was read that is not complete.
    pub half_line: Option<Position>,
    /// The size and ending at which reading last came to an end without a record.
    pub tried: Option<(u64, Ending)>,
    /// Set while it may be a copy of another file.
    pub shadow: Option<Shadow>,
    /// It was empty when it was first seen, so nobody knows yet whether it becomes a copy of
    /// another one.
    pub undecided: bool,
    /// It begins with the mark of an encoding that is not read; nothing of it is sent.
    pub refused: bool,
    /// It waits in the queue of files to read.
    pub queued: bool,
    /// It is in the list of files that are looked at more often than the sweep.
    pub hot: bool,
}

impl<F: OpenFile> Tailed<F> {
    /// Bytes that were seen and not yet read.
    #[must_use]
    pub fn unread_bytes(&self) -> u64 {
        self.seen.size.saturating_sub(self.position.offset)
    }

    /// Bytes that were seen and are not yet acknowledged.
    #[must_use]
    pub fn lag_bytes(&self) -> u64 {
        if self.shadow.is_some() { 0 } else { self.seen.size.saturating_sub(self.acked) }
    }

    /// Its first bytes, holes as they were.
    ///
    /// # Errors
    ///
    /// Whatever reading fails with.
    pub fn read_head(&self, handle: &F) -> Result<Vec<u8>, DiskError> {
        let mut head = read_head(handle)?;
        self.holes.mask(&mut head, 0);
        Ok(head)
    }

    /// Knows the file with these holes.
    pub fn know_holes(&mut self, holes: Holes) {
        self.holes = holes;
        self.holes_due = true;
        if let Some(Ok(head)) = self.handle.as_ref().map(|handle| self.read_head(handle))
            && !self.holes.is_empty()
        {
            self.head = Head::of(&head);
        }
    }

    /// Whether nothing is known of its bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.len == 0 && self.position.offset == 0
    }

    /// How long the content has been the same.
    #[must_use]
    pub fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_growth)
    }

    /// Compares the first bytes, as they were read just now, with the fingerprint, and lets that
    /// grow. A content of which nothing was handed on ends here, too: its copy may be waiting.
    pub fn agrees_from_start(&mut self, beginning: Option<&[u8]>) -> bool {
        let Some(bytes) = beginning else { return true };
        if !self.head.agrees(bytes) {
            return false;
        }
        self.head = Head::of(bytes);
        true
    }

    /// Whether reading need wait no longer at the gap at its position that somebody may fill: it
    /// waited in vain, here or once before; nothing was written to the file for as long; or the
    /// file grew on since what lies behind the gap was written.
    #[must_use]
    pub fn gap_is_over(&self, now: Now) -> bool {
        let hold = i128::try_from(HOLE_HOLD.as_nanos()).unwrap_or(i128::MAX);
        self.gap_met.is_some_and(|(gap, _)| {
            if gap.start != self.position.offset {
                return false;
            }
            let is_gap = gap.end != u64::MAX;
            self.waited_in_vain(now.instant)
                || (is_gap
                    && (self.gap_skipped
                        || self.already.is_some()
                        || now.wall_nanos - self.seen.modified_nanos >= hold
                        || self.grew_behind(gap.end, now.instant)))
        })
    }

    /// Whether reading waited long enough where it stands.
    #[must_use]
    pub fn waited_in_vain(&self, now: Instant) -> bool {
        self.gap_met.is_some_and(|(gap, since)| {
            gap.start == self.position.offset && now.saturating_duration_since(since) >= HOLE_HOLD
        })
    }

    fn grew_behind(&self, offset: u64, now: Instant) -> bool {
        self.sizes.iter().any(|(size, at)| {
            *size > offset
                && *size < self.seen.size
                && now.saturating_duration_since(*at) >= GAP_SETTLES_AFTER
        })
    }

    /// Keeps the size among the earlier ones.
    pub fn note_size(&mut self, now: Instant) {
        let [_, newer] = self.sizes;
        if now.saturating_duration_since(newer.1) >= GAP_SETTLES_AFTER {
            self.sizes = [newer, (self.seen.size, now)];
        }
    }

    /// Nothing that was known of places in its bytes holds any longer.
    pub fn forget_places(&mut self, now: Instant) {
        self.scanned_to = 0;
        self.half_line = None;
        self.holes_looked_at = 0;
        self.filled = None;
        self.already = None;
        self.gap_met = None;
        self.gap_skipped = false;
        self.sizes = [(self.seen.size, now); 2];
        self.marked_at = 0;
        self.probe = None;
        self.tried = None;
    }

    /// Nothing more of the file is read, whatever is written to it.
    pub fn spoil(&mut self, stat: Stat) {
        self.spoiled = true;
        self.seen = stat;
        self.position.offset = stat.size;
        self.acked = stat.size;
        self.grown_to = stat.size;
    }

    /// Keeps the position among the earlier ones; it is about to change.
    pub fn leave_trail(&mut self) {
        trail::leave(&mut self.trail, self.position);
    }

    /// Looks at a file at rest: nothing to read, nothing to decide, nothing that changed. Notes
    /// that and says so; of every other file it says `false` and notes nothing.
    pub fn is_at_rest(&mut self, now: Instant) -> bool {
        let waits = self.name == Name::Listed
            && self.shadow.is_none()
            && !self.unsettled
            && !self.held
            && self.holes.is_empty();
        let Some(handle) = self.handle.as_ref().filter(|_| waits) else { return false };
        let unchanged = self.unread_bytes() == 0
            && handle.stat().is_ok_and(|stat| stat.inode == self.inode && stat.is_like(&self.seen));
        if unchanged {
            if self.lag_bytes() == 0 {
                self.caught_up = now;
            }
            self.cool_down(now);
        }
        unchanged
    }

    /// Notes that something was found and makes the next look soon.
    pub fn warm_up(&mut self, now: Instant) {
        self.look_every = LOOK_EVERY_MIN;
        self.next_look = now + self.look_every;
    }

    /// Notes that nothing was found and makes the next look later.
    pub fn cool_down(&mut self, now: Instant) {
        self.look_every = (self.look_every * 2).min(LOOK_EVERY_MAX);
        self.next_look = now + self.look_every;
    }
}

/// Looks at the regular file that a path leads to.
///
/// # Errors
///
/// Whatever looking fails with; [`Fault::NotRegular`] if it is something else.
pub fn stat_path<D: Disk>(disk: &D, path: &Path) -> Result<Stat, DiskError> {
    let stat = disk.stat(path)?;
    if stat.kind == Kind::File {
        Ok(stat)
    } else {
        Err(DiskError { call: Call::Stat, fault: Fault::NotRegular })
    }
}

/// Reads up to `len` bytes from `offset`; fewer only where the file ends.
///
/// # Errors
///
/// Whatever reading fails with.
pub fn read_at<F: OpenFile>(file: &F, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(offset + filled as u64, room)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Reads the bytes that a head fingerprint covers.
///
/// # Errors
///
/// Whatever reading fails with.
pub fn read_head<F: OpenFile>(file: &F) -> Result<Vec<u8>, DiskError> {
    read_at(file, 0, HEAD_BYTES_MAX)
}

/// Whether the bytes before a position prove anything: text that repeats itself is the same at many
/// places, and in many files.
///
/// # Errors
///
/// Whatever reading fails with.
pub fn tells_apart<F: OpenFile>(file: &F, position: Position) -> Result<bool, DiskError> {
    let len = super::identity::Anchor::len_at(position.offset);
    if len < super::identity::ANCHOR_BYTES_MAX {
        return Ok(false);
    }
    let from = position.offset.saturating_sub(REPEATS_WITHIN_BYTES);
    let before = read_at(file, from, usize::try_from(position.offset - from).unwrap_or(0))?;
    let Some(at) = before.len().checked_sub(len) else { return Ok(false) };
    let (Some(anchor), Some(earlier)) = (before.get(at..), before.get(..before.len() - 1)) else {
        return Ok(false);
    };
    Ok(memchr::memmem::find(earlier, anchor).is_none())
}

/// Whether the bytes before a position are the ones its anchor proves. What lies in holes does not
/// count.
///
/// # Errors
///
/// Whatever reading fails with.
pub fn proves<F: OpenFile>(file: &F, position: Position, holes: &Holes) -> Result<bool, DiskError> {
    let len = super::identity::Anchor::len_at(position.offset);
    let from = position.offset - len as u64;
    let mut before = read_at(file, from, len)?;
    holes.mask(&mut before, from);
    Ok(before.len() == len && super::identity::Anchor::of(&before) == position.anchor)
}
