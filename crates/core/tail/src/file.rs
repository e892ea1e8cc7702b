//! One file generation: what it is, where its bytes are, how far they were read.
//!
//! The struct is plain state; [`super::tailer`] owns all of them and decides. What is
//! read of a file to examine it stands at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::{Call, Disk, DiskError, Fault, Kind, OpenFile};
use crate::gaps::Gaps;
use crate::holes::Holes;
use crate::identity::{FileKey, HEAD_BYTES_MAX, Head, Inode, Position};
use crate::life::Life;
use crate::lookahead::Lookahead;
use crate::options::Now;
use crate::pace::Pace;
use crate::phase::{Fact, Phase};
use crate::progress::Progress;

pub use crate::disk::Stat;

/// A change this recent may be followed by another one with the same time stamp, so the next look
/// compares contents. Kernels stamp files with a clock that ticks every 1 to 10 ms.
pub(crate) const STAMP_SETTLES_AFTER: Duration = Duration::from_millis(50);

/// Text that repeats itself is looked for this far back, in bytes.
const REPEATS_WITHIN_BYTES: u64 = 1024 * 1024;

/// One generation that has a file.
#[derive(Debug)]
pub struct Tailed<F> {
    /// Its number within the flow.
    pub(super) key: FileKey,
    /// The file it lives in.
    pub(super) inode: Inode,
    /// The path it was last seen under.
    pub(super) path: Arc<Path>,
    /// The open file; `None` while descriptors are short.
    pub(super) handle: Option<F>,
    /// The fingerprint of its first bytes.
    pub(super) head: Head,
    /// What it is and which name leads to it.
    pub(super) life: Life,
    /// Everything before this was handed on in records or skipped.
    pub(super) position: Position,
    /// How far it is acknowledged, and its earlier places.
    pub(super) progress: Progress,
    /// Its holes.
    pub(super) gaps: Gaps,
    /// What is known of the bytes after the position.
    pub(super) ahead: Lookahead,
    /// What the last poll saw.
    pub(super) seen: Stat,
    /// When it is polled.
    pub(super) pace: Pace,
}

impl<F> Tailed<F> {
    /// Its number within the flow.
    #[must_use]
    pub fn key(&self) -> FileKey {
        self.key
    }

    /// The path it was last seen under.
    #[must_use]
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// The path that leads to it now, if it is open, has a name, and none that matches leads to it.
    #[must_use]
    pub fn name_now(&self) -> Option<PathBuf>
    where
        F: OpenFile,
    {
        let has_lost_its_name = self.phase() == Phase::Unlisted && self.seen.links > 0;
        self.handle.as_ref().filter(|_| has_lost_its_name)?.name_now().ok()
    }

    /// Everything before this was handed on in records or skipped.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Everything before this is acknowledged.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.progress.acked()
    }

    /// What the last poll saw.
    #[must_use]
    pub fn seen(&self) -> &Stat {
        &self.seen
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.life.phase()
    }

    /// Whether a name that matches leads to it.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.life.is_listed()
    }

    /// Whether it was renamed or lost its name.
    #[must_use]
    pub fn is_rotated(&self) -> bool {
        self.life.rotated().is_some()
    }

    /// Whether nothing of it is ever sent: its encoding is not supported, or it was overwritten.
    #[must_use]
    pub fn is_never_read(&self) -> bool {
        matches!(self.phase(), Phase::Ignored | Phase::Overwritten)
    }

    /// No record ends before this offset.
    #[must_use]
    pub fn scanned_to(&self) -> u64 {
        self.ahead.scanned_to()
    }

    /// Since when it has had bytes that are not acknowledged, if it has.
    #[must_use]
    pub fn lags_since(&self) -> Option<Instant> {
        (self.lag_bytes() > 0).then_some(self.pace.caught_up())
    }

    /// Since when everything of it is delivered but a last line without a newline. A moment in the
    /// middle of a write looks alike.
    #[must_use]
    pub fn half_line_since(&self) -> Option<Instant> {
        let is_all_there_is = self.ahead.tried().is_some_and(|(size, _)| size == self.seen.size)
            && self.acked() == self.position.offset
            && self.unread_bytes() > 0;
        let is_followed =
            matches!(self.phase(), Phase::New | Phase::Live | Phase::Rotated | Phase::Unlisted)
                || self.phase() == Phase::Unpacked;
        (is_all_there_is && is_followed && !self.gaps.is_waiting())
            .then_some(self.pace.last_growth())
    }

    /// Bytes that were seen and not yet read.
    #[must_use]
    pub fn unread_bytes(&self) -> u64 {
        self.seen.size.saturating_sub(self.position.offset)
    }

    /// Bytes that were seen and are not yet acknowledged.
    #[must_use]
    pub fn lag_bytes(&self) -> u64 {
        let pending = self.phase() == Phase::PendingCopy;
        if pending { 0 } else { self.seen.size.saturating_sub(self.acked()) }
    }

    /// Whether nothing is known of its bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.head.len == 0 && self.position.offset == 0
    }

    /// Whether everything that was seen of it is read and acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.unread_bytes() == 0 && self.acked() >= self.position.offset
    }

    /// Whether only a change of the file can make something of it to decide or to read.
    pub(super) fn is_settled(&self) -> bool {
        self.is_listed()
            && !matches!(self.phase(), Phase::PendingCopy | Phase::AwaitingAcks)
            && !self.pace.is_unsettled()
            && self.gaps.holes().is_empty()
    }

    /// Compares the first bytes, as they were read just now, with the fingerprint, and lets that
    /// grow. A generation of which nothing was read ends here, too: its copy may be pending.
    pub(super) fn agrees_from_start(&mut self, beginning: Option<&[u8]>) -> bool {
        let Some(bytes) = beginning else { return true };
        if !self.head.agrees(bytes) {
            return false;
        }
        self.head = Head::of(bytes);
        true
    }

    /// Whether reading need wait no longer at the gap at its position.
    pub(super) fn gap_is_over(&self, now: Now) -> bool {
        self.gaps.is_over(self.position.offset, &self.seen, now)
    }

    /// Records were taken up to a position.
    pub(super) fn advance(&mut self, position: Position) {
        self.progress.leave(self.position);
        self.position = position;
        self.ahead.advance(position.offset);
    }

    /// Nothing more of the file is read, whatever is written to it.
    pub(super) fn overwrite(&mut self, stat: Stat, fact: Fact) {
        self.life.overwrite(fact);
        self.seen = stat;
        self.position.offset = stat.size;
        self.progress.set_acked(stat.size);
        self.pace.set_grown_to(stat.size);
    }

    /// It is read from a position on, whatever it was before.
    pub(super) fn follow_from(&mut self, position: Position, now: Instant) {
        self.life.follow(Fact::Distinct);
        self.position = position;
        self.progress.set_acked(position.offset);
        self.pace.poll_sooner(now);
    }
}

impl<F: OpenFile> Tailed<F> {
    /// Its first bytes, holes as they were.
    ///
    /// # Errors
    ///
    /// Whatever reading fails with.
    pub(super) fn read_head(&self, handle: &F) -> Result<Vec<u8>, DiskError> {
        let mut head = read_head(handle)?;
        self.gaps.holes().mask(&mut head, 0);
        Ok(head)
    }

    /// Knows the file with these holes.
    pub(super) fn know_holes(&mut self, holes: Holes) {
        self.gaps.set(holes);
        if let Some(Ok(head)) = self.handle.as_ref().map(|handle| self.read_head(handle))
            && !self.gaps.holes().is_empty()
        {
            self.head = Head::of(&head);
        }
    }

    /// Polls a file at rest: nothing to read, nothing to decide, nothing that changed. Notes that
    /// and says so; of every other file it says `false` and notes nothing.
    pub(super) fn is_at_rest(&mut self, now: Instant) -> bool {
        let waits = self.is_settled();
        let Some(handle) = self.handle.as_ref().filter(|_| waits) else { return false };
        let unchanged = self.unread_bytes() == 0
            && handle.stat().is_ok_and(|stat| stat.inode == self.inode && stat.is_like(&self.seen));
        if unchanged {
            if self.lag_bytes() == 0 {
                self.pace.note_caught_up(now);
            }
            self.pace.poll_later(now);
        }
        unchanged
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
pub(crate) fn read_head<F: OpenFile>(file: &F) -> Result<Vec<u8>, DiskError> {
    read_at(file, 0, HEAD_BYTES_MAX)
}

/// Whether the bytes before a position prove anything: text that repeats itself is the same at many
/// places, and in many files.
///
/// # Errors
///
/// Whatever reading fails with.
pub(crate) fn tells_apart<F: OpenFile>(file: &F, position: Position) -> Result<bool, DiskError> {
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
    Ok(!repeats_itself(&before) && memchr::memmem::find(earlier, anchor).is_none())
}

/// Whether a text ends with one stretch of it twice, and with that alone as far as anchors reach: a
/// few equal lines, of which there are too few for an anchor to be found twice.
fn repeats_itself(text: &[u8]) -> bool {
    let anchor = super::identity::ANCHOR_BYTES_MAX;
    (1..=anchor).any(|period| {
        let end = text.len().checked_sub(anchor.max(2 * period)).and_then(|from| text.get(from..));
        end.is_some_and(|end| end.get(period..) == end.get(..end.len() - period))
    })
}

/// Whether the bytes before a position are the ones its anchor proves. What lies in holes does not
/// count.
///
/// # Errors
///
/// Whatever reading fails with.
pub(crate) fn proves<F: OpenFile>(
    file: &F,
    position: Position,
    holes: &Holes,
) -> Result<bool, DiskError> {
    let len = super::identity::Anchor::len_at(position.offset);
    let from = position.offset - len as u64;
    let mut before = read_at(file, from, len)?;
    holes.mask(&mut before, from);
    Ok(before.len() == len && super::identity::Anchor::of(&before) == position.anchor)
}

#[cfg(test)]
mod tests {
    use super::repeats_itself;

    #[test]
    fn a_few_equal_lines_repeat_themselves_and_other_lines_do_not() {
        for len in 1..=256 {
            let line = "x".repeat(len - 1) + "\n";
            let numbered: Vec<_> = (0..600 / len + 3).map(|at| format!("{at}{line}")).collect();
            let numbered = numbered.concat();
            let count = 2.max(256_usize.div_ceil(len));
            for text in [line.repeat(count), format!("first\n{}", line.repeat(count + 1))] {
                assert!(repeats_itself(text.as_bytes()), "{count} lines of {len} bytes");
            }
            assert!(len < 3 || !repeats_itself(numbered.as_bytes()), "lines of {len} bytes");
        }
        assert!(!repeats_itself(b"") && !repeats_itself(b"one\none\n"));
    }
}
