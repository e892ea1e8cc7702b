//! A line that is not complete, and long: as long as no line end is added to it, what was read of
//! it is not read again.
//!
//! Part of [`crate::tailer`]. Nothing here moves a position, and what ends the line has it read in
//! the usual way, from its beginning.

use crate::disk::Disk;
use crate::file;
use crate::identity::{Anchor, FileKey, Position};
use crate::tailer::Tailer;

/// Half a line of less than this is cheap to read again, in bytes.
const HALF_LINE_BYTES_MIN: u64 = 16 * 1024;

/// So much of what was added is looked at at a time.
const ADDED_BYTES: usize = 256 * 1024;

/// What was added to half a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Nothing up to here ends the line.
    pub reached: u64,
    /// The file ends there.
    pub at_end: bool,
}

/// Notes that a line begins at the file's position which does not end before `to`.
pub(crate) fn note_half_line<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, to: Position) {
    if let Some(file) = tailer.files.get_mut(key) {
        let long = to.offset.saturating_sub(file.position.offset) >= HALF_LINE_BYTES_MIN;
        file.ahead.set_half_line(long.then_some(to));
    }
}

/// Looks at what was added to half a line. `None` if all of the line is to be read: nothing is
/// known of it, it ends or would be longer than `bytes_max`, there may be a hole in it, the
/// file cannot be read now, or other bytes stand where the line was.
pub(crate) fn added_to_half_line<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    bytes_max: usize,
) -> Option<Added> {
    let file = tailer.files.get_mut(key)?;
    let half = file.ahead.take_half_line()?;
    let handle = file.handle.as_ref()?;
    let proof_len = Anchor::len_at(half.offset);
    let from = half.offset - proof_len as u64;
    let read = file::read_at(handle, from, proof_len + ADDED_BYTES).ok()?;
    let (proof, added) = read.split_at_checked(proof_len)?;
    let reached = half.offset + added.len() as u64;
    let ends = memchr::memchr2(b'\n', 0, added).is_some();
    let too_long = reached - file.position.offset > bytes_max as u64;
    if Anchor::of(proof) != half.anchor || ends || too_long {
        return None;
    }
    let begin = file.position.offset;
    let before_len = Anchor::len_at(begin);
    let before = file::read_at(handle, begin - before_len as u64, before_len).ok()?;
    if Anchor::of(&before) != file.position.anchor {
        return None;
    }
    let last = read.get(read.len() - Anchor::len_at(reached)..)?;
    let half = Position { offset: reached, anchor: Anchor::of(last) };
    file.ahead.set_half_line(Some(half));
    Some(Added { reached, at_end: added.len() < ADDED_BYTES })
}
