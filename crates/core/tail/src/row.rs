//! The checkpoint row of a file, and whether more may follow its last line.

use std::path::Path;
use std::time::Instant;

use crate::candidate::position_at;
use crate::disk::{Disk, OpenFile};
use crate::file::Tailed;
use crate::followed::Followed;
use crate::identity::{FileKey, Position};
use crate::memory::Remembered;
use crate::options::{ROTATED_HOLD, TailOptions};
use crate::phase::Phase;
use crate::schedule::SAVE_TIME_EVERY;
use crate::splitter::Ending;
use crate::tailer::Tailer;
use crate::{missing, trail, turns, whole};
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// The checkpoint of a file at a position.
pub(crate) fn checkpoint<F>(file: &Tailed<F>, position: Position) -> Checkpoint {
    Checkpoint {
        file: file.key,
        inode: file.inode,
        path: file.path.to_path_buf(),
        real: file.life.real().map(|real| real.to_path_buf()),
        head: file.head,
        offset: position.offset,
        anchor: position.anchor,
        life: RowLife::of_rotated(file.is_rotated()),
        holes: file.gaps.holes().before(position.offset),
        places: saved_places(file, position),
        cursor: None,
    }
}

/// The places that a row has: those by which all of a short content is known, and those of a file
/// that is likely to be cut or copied.
fn saved_places<F>(file: &Tailed<F>, position: Position) -> Vec<Position> {
    if file.is_rotated() || file.progress.saves_places() || whole::is_short(position) {
        return file.progress.places_before(position);
    }
    Vec::new()
}

/// The checkpoint of a file as far as it is acknowledged: what is known of its place is not to wait
/// for the next acknowledgement. `None` if the bytes before that cannot be read.
pub(crate) fn checkpoint_at_ack<F: OpenFile>(file: &Tailed<F>) -> Option<Checkpoint> {
    if file.progress.has_kept_row() {
        return None;
    }
    if file.acked() == file.position.offset {
        return Some(checkpoint(file, file.position));
    }
    let acked = position_at(file.handle.as_ref()?, file.acked(), file.gaps.holes()).ok()?;
    Some(checkpoint(file, acked))
}

/// Whether more may follow what was seen of a file.
pub(crate) fn ending_of<F: OpenFile>(
    file: &Tailed<F>,
    options: &TailOptions,
    now: Instant,
) -> Ending {
    if file.handle.as_ref().is_some_and(OpenFile::is_complete) {
        return Ending::Final;
    }
    let quiet = file.pace.quiet_for(now);
    let rotated = file.life.rotated().map(|since| quiet.min(now.saturating_duration_since(since)));
    if rotated.is_some_and(|quiet| quiet >= ROTATED_HOLD) {
        return Ending::Final;
    }
    if options.partial_line_hold.is_some_and(|hold| quiet >= hold) {
        return Ending::Idle;
    }
    match options.multi_line_hold {
        Some(hold) if quiet >= hold => Ending::Held,
        Some(_) | None => Ending::Open,
    }
}

/// Saves a row again, for its time: by then the flow had looked at its files. What was rotated
/// after that may not be known.
pub(crate) fn save_time<D: Disk>(tailer: &mut Tailer<D>, now: Instant) {
    tailer.schedule.next_save = now + SAVE_TIME_EVERY;
    let listed = tailer.files.values().find(|file| file.is_listed());
    // Where a log was rotated and not written to since then only its rotated files are followed.
    let is_rotated = |file: &&Tailed<D::File>| {
        matches!(file.phase(), Phase::Rotated | Phase::Unlisted)
            && file.seen.links > 0
            && !file.is_empty()
    };
    let rotated = || tailer.files.values().find(is_rotated);
    let row = listed.or_else(rotated).and_then(checkpoint_at_ack);
    let row = row.or_else(|| tailer.hunt.finished.iter().last().map(missing::finished_row));
    tailer.out.changes.extend(row.map(Change::Save));
}

/// Notes that a file was found where rotated ones lie, also in its row: one that says that it is
/// live would tell of a log with its name.
pub(crate) fn save_found_outside<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Instant) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.life.found_outside(now);
    if file.phase() != Phase::PendingCopy {
        tailer.out.changes.extend(checkpoint_at_ack(file).map(Change::Save));
    }
}

/// Saves the proven places of what was read since the start: should a file be cut, or an older
/// copy be put back, while the flow is stopped, little of it is sent again.
pub(crate) fn save_places<D: Disk>(tailer: &mut Tailer<D>) {
    let live = tailer.files.values().filter(|file| !file.is_rotated());
    let rows = live.filter(|file| file.progress.is_marked()).filter_map(checkpoint_at_ack);
    let rows: Vec<Checkpoint> = rows.map(|row| with_places(&tailer.files, row)).collect();
    tailer.out.changes.extend(rows.into_iter().map(Change::Save));
}

/// The same for one row.
fn with_places<F>(files: &Followed<F>, mut row: Checkpoint) -> Checkpoint {
    if let Some(file) = files.get(row.file) {
        let position = Position { offset: row.offset, anchor: row.anchor };
        row.places = file.progress.places_before(position);
    }
    row
}

/// Notes an acknowledgement. Returns what is to be saved.
pub(crate) fn acknowledge<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    position: Position,
    now: Instant,
) -> Option<Checkpoint> {
    let Some(file) = tailer.files.get_mut(key) else {
        let content = tailer.memory.get_mut(key)?;
        return Some(acknowledge_missing(content, position));
    };
    file.progress.set_acked(position.offset);
    if file.lag_bytes() == 0 {
        file.pace.note_caught_up(now);
    }
    // Only what is acknowledged is released, and one compressed file is read at a time.
    let is_unpacked = tailer.hunt.is_reading(key);
    let kept = file.progress.release_kept_row(position.offset);
    let row = (!file.progress.has_kept_row()).then(|| checkpoint(file, position));
    tailer.out.changes.extend(kept.map(Change::Forget));
    if file.phase() == Phase::AwaitingAcks || is_unpacked {
        file.pace.poll_sooner(now);
        turns::poll_soon(tailer, key);
    }
    // Soon the flow does not look any longer.
    let draining = tailer.history.order.is_draining();
    row.map(|row| if draining { with_places(&tailer.files, row) } else { row })
}

fn acknowledge_missing(content: &mut Remembered, position: Position) -> Checkpoint {
    content.acked = position.offset;
    Checkpoint {
        file: content.key,
        inode: content.inode,
        path: content.path.to_path_buf(),
        real: content.whereabouts.real.as_deref().map(Path::to_path_buf),
        head: content.head,
        offset: position.offset,
        anchor: position.anchor,
        life: RowLife::of_rotated(content.rotated),
        holes: content.holes.before(position.offset),
        places: trail::before(content.trail.iter().copied(), position),
        cursor: None,
    }
}
