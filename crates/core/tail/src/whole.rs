//! Whether a file holds all of a content, and not its ends alone: a report may begin and end alike
//! each time, be as long, and differ by one word in its middle.
//!
//! Of a short content every byte lies before one of its places or in its first bytes; of a longer
//! one places are further apart. They are taken when a file is read to its end.

use crate::disk::{DiskError, OpenFile};
use crate::file;
use crate::holes::Holes;
use crate::identity::{ANCHOR_BYTES_MAX, FileKey, HEAD_BYTES_MAX, Position};
use crate::window::Window;

/// A content of up to so many bytes is known by all of them.
const WHOLE_BYTES_MAX: u64 = 9 * 1024;

/// No program begins its log with so many equal bytes each time.
pub(crate) const BEGINNING_BYTES_MAX: u64 = 64 * 1024;

/// Of a shorter one this share may be cut off: one in so many bytes.
const CUT_SHARE: u64 = 8;

/// Whether all that lies before a position is known by places, and not by its first bytes alone.
pub(crate) fn is_short(position: Position) -> bool {
    (HEAD_BYTES_MAX as u64 + 1..=WHOLE_BYTES_MAX).contains(&position.offset)
}

/// Whether a file has what a content has before each of these places that is in front of `end`.
/// What was filled in meanwhile is not what was there when a place was taken: with holes they
/// prove nothing.
///
/// # Errors
///
/// Whatever reading fails with.
pub(crate) fn agrees<F: OpenFile>(
    handle: &F,
    places: impl IntoIterator<Item = Position>,
    end: Position,
    holes: &Holes,
) -> Result<bool, DiskError> {
    if !holes.is_empty() {
        return Ok(true);
    }
    for place in places {
        let tells = place.offset > HEAD_BYTES_MAX as u64 && place.offset < end.offset;
        if tells && !file::proves(handle, place, holes)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The places of a short content that was read up to `end`, so close together that every byte
/// between its first bytes and the last of them lies before one. `known`: those that were taken
/// earlier. Nothing if it is longer.
pub(crate) fn places_of(
    key: FileKey,
    end: u64,
    known: impl Iterator<Item = Position>,
    window: &Window,
) -> Vec<Position> {
    if end > WHOLE_BYTES_MAX {
        return Vec::new();
    }
    let head = HEAD_BYTES_MAX as u64;
    let mut places: Vec<Position> = known.filter(|at| at.offset > head).collect();
    let mut at = places.iter().map(|place| place.offset).max().unwrap_or(head);
    while let Some(line_end) = next_line_end(key, at, window).filter(|next| *next < end) {
        at = line_end;
        places.extend(window.anchor_at(key, at).map(|anchor| Position { offset: at, anchor }));
    }
    places
}

/// The last line end within the reach of one anchor behind `from`, or the next one.
fn next_line_end(key: FileKey, from: u64, window: &Window) -> Option<u64> {
    let held = window.from(key, from)?;
    let near = held.get(..ANCHOR_BYTES_MAX).unwrap_or(held);
    let line = memchr::memrchr(b'\n', near).or_else(|| memchr::memchr(b'\n', held))?;
    Some(from + line as u64 + 1)
}

/// Whether a place in a file of which so much was read tells that its end was cut off or
/// rewritten, or is missing in a copy. A log that starts over may begin with the same lines.
pub(crate) fn is_no_mere_beginning(place: Position, read: u64) -> bool {
    place.offset > 0
        && (place.offset >= BEGINNING_BYTES_MAX || place.offset >= read - read / CUT_SHARE)
}
