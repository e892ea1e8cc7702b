//! What lies ahead in a file beyond what is taken from it now: holes, the end of a long line or of
//! a header, bytes that cannot be read as lines at all.
//!
//! Part of [`crate::tailer`]. Nothing here moves a position; the flow does.

use std::sync::Arc;
use std::time::Instant;

use crate::compressed::follow;
use crate::compressed::unpacked::Scanned;
use crate::disk::{Disk, DiskError, OpenFile};
use crate::event::EventKind;
use crate::hole::{self, Gap};
use crate::holes::Hole;
use crate::identity::{FileKey, Position};
use crate::options::Now;
use crate::tailer::Tailer;
use crate::window::Window;
use crate::{candidate, file, trouble, work};

/// The search for the end of an overlong record reads this many bytes at a time.
const SCAN_BYTES: usize = 256 * 1024;

/// The hole in the bytes that the window holds for a file, if there is one.
pub(crate) fn gap<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, window: &Window) -> Option<Gap> {
    let file = tailer.files.get(key)?;
    let (offset, seen) = (file.position.offset, file.seen);
    let held = window.from(key, offset)?;
    let end = offset + held.len() as u64;
    // What was written since the last look may have holes that this look did not see.
    let may_be = held.first() == Some(&0) || seen.allocated < seen.size || end > seen.size;
    let nul = window.has_nul(key, offset);
    let handle = file.handle.as_ref().filter(|file| (may_be || nul) && file.has_holes())?;
    let path = Arc::clone(&file.path);
    let found = if may_be { hole::gap(handle, offset, seen.size.max(end), held) } else { Ok(None) };
    let found = found.and_then(|sparse| match sparse {
        Some(Gap::Until(_) | Gap::ToTheEnd) => Ok(sparse),
        Some(_) | None if nul => Ok(first_of(sparse, hole::reserved(handle, offset, held)?)),
        Some(_) | None => Ok(sparse),
    });
    found.map_err(|error| trouble::trouble(tailer, &path, error)).ok()?
}

/// Whether reading need wait no longer at the gap at its position, behind which data follow at
/// `data`.
pub(crate) fn has_waited_at_gap<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    data: u64,
    now: Now,
) -> bool {
    let Some(file) = tailer.files.get_mut(key) else { return true };
    let gap = Hole { start: file.position.offset, end: data };
    file.gaps.meet(gap, now.instant);
    file.gap_is_over(now)
}

/// Whether reading need wait no longer for the rest of a line that was written into reserved
/// space.
pub(crate) fn has_waited_at_half_line<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    now: Instant,
) -> bool {
    let Some(file) = tailer.files.get_mut(key) else { return true };
    file.gaps.meet_half_line(file.position.offset, now)
}

/// Reports that a hole was skipped.
pub(crate) fn note_hole<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, from: u64, to: u64) {
    let Some(file) = tailer.files.get(key).filter(|file| file.gaps.read_before().is_none()) else {
        return;
    };
    let path = Arc::clone(&file.path);
    let detail = format!(
        "skipped sparse hole of {} bytes at offset {from}; the writer should open its log with \
         O_APPEND",
        to - from
    );
    tailer.out.event(EventKind::HoleSkipped, &path, detail);
}

/// Searches for a line end behind `from`, one stretch of the file. Nothing of it is kept.
/// `None` if the file cannot be read now.
pub(crate) fn scan_for_line_end<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    from: u64,
    now: Now,
) -> Option<Scanned> {
    work::open(tailer, key, now);
    let scanned = match follow::scan_compressed(tailer, key, from) {
        Some(scanned) => scanned,
        None => scan_plain(tailer.files.get(key)?.handle.as_ref()?, from),
    };
    let path = Arc::clone(&tailer.files.get(key)?.path);
    scanned.map_err(|error| trouble::trouble(tailer, &path, error)).ok()
}

/// The position at an offset that `Reader::scan_for_line_end` went over. `None` if the file
/// cannot be read now.
pub(crate) fn position_at<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    offset: u64,
) -> Option<Position> {
    if tailer.hunt.is_reading(key) {
        let anchor = follow::anchor_in_compressed(tailer, key, offset)?;
        return Some(Position { offset, anchor });
    }
    let file = tailer.files.get(key)?;
    let position = candidate::position_at(file.handle.as_ref()?, offset, file.gaps.holes());
    let path = Arc::clone(&file.path);
    position.map_err(|error| trouble::trouble(tailer, &path, error)).ok()
}

/// Where the first `lines` lines of a file end, if so many are complete. `None` as well if the
/// file cannot be read now, or is a compressed one.
pub(crate) fn end_of_header<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    lines: u64,
) -> Option<u64> {
    let file = tailer.files.get(key)?;
    let found = candidate::end_of_lines(file.handle.as_ref()?, lines);
    let path = Arc::clone(&file.path);
    found.map_err(|error| trouble::trouble(tailer, &path, error)).ok()?
}

/// Of two gaps the one that comes first.
fn first_of(sparse: Option<Gap>, reserved: Option<Gap>) -> Option<Gap> {
    match (sparse, reserved) {
        (Some(Gap::Behind(a)), Some(Gap::Behind(b))) => Some(Gap::Behind(a.min(b))),
        (_, Some(reserved @ (Gap::Reserved(_) | Gap::ToTheEnd))) => Some(reserved),
        (sparse, reserved) => sparse.or(reserved),
    }
}

fn scan_plain<F: OpenFile>(handle: &F, from: u64) -> Result<Scanned, DiskError> {
    let chunk = file::read_at(handle, from, SCAN_BYTES)?;
    Ok(Scanned {
        found: memchr::memchr(b'\n', &chunk).map(|at| from + at as u64 + 1),
        reached: from + chunk.len() as u64,
        at_end: chunk.len() < SCAN_BYTES,
    })
}
