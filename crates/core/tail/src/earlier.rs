//! What became, while the flow was stopped, of a file in which a content lay: its end was cut off
//! or rewritten, an older copy of it was put back, or it was written over to destroy it.
//!
//! Part of [`crate::tailer`].

use std::sync::Arc;

use crate::candidate::{Candidate, position_at};
use crate::destroyed::is_no_text;
use crate::disk::Disk;
use crate::event::EventKind;
use crate::holes::Holes;
use crate::identity::{FileKey, Head, Position};
use crate::life::Life;
use crate::memory::Remembered;
use crate::options::Now;
use crate::phase::Fact;
use crate::progress::Progress;
use crate::rewritten::filled_up;
use crate::row::checkpoint;
use crate::tailer::Tailer;
use crate::whole::is_no_mere_beginning;
use crate::{adopt, file, identify, log_path, trail};
use kinetail_base::checkpoint::Change;

/// What is left of what lay in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left {
    /// The beginning, up to a position.
    Beginning(FileKey, Position),
    /// Nothing: it was written over to destroy it, up to this position.
    Destroyed(FileKey, Position),
}

/// Whether a file holds the beginning of what lay in its inode, or was written over to destroy it.
/// What cannot be compared is in doubt.
pub(crate) fn what_is_left<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
) -> Option<Left> {
    let beginning = shortened(tailer, candidate).map(|(key, place)| Left::Beginning(key, place));
    beginning.or_else(|| {
        let key = destroyed(tailer, candidate)?;
        let end = position_at(&candidate.handle, candidate.stat.size, &Holes::NONE);
        Some(Left::Destroyed(key, tailer.problems.doubt.known(end)?))
    })
}

/// Follows such a file.
pub(crate) fn follow_what_is_left<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    left: Left,
    now: Now,
) {
    match left {
        Left::Beginning(key, place) => continue_shortened(tailer, candidate, key, place, now),
        Left::Destroyed(key, end) => leave_destroyed(tailer, candidate, key, end, now),
    }
}

/// The content of which a file provably holds the beginning, and up to where.
fn shortened<D: Disk>(
    tailer: &Tailer<D>,
    candidate: &Candidate<D::File>,
) -> Option<(FileKey, Position)> {
    let size = candidate.stat.size;
    let doubt = &tailer.problems.doubt;
    let here = tailer.memory.at_inode(candidate.inode).into_iter();
    let mut here = here.filter(|content| {
        content.proves_much() && content.head.agrees(&candidate.head) && !is_new(tailer, candidate)
    });
    here.find_map(|content| {
        let end = content.position;
        let mut places = trail::before(content.trail.iter().copied(), end).into_iter().rev();
        let place = places.find(|at| {
            at.offset <= size
                && is_no_mere_beginning(*at, end.offset)
                && identify::proves_up_to(tailer, &candidate.handle, content, *at)
        })?;
        let tells = doubt.is_so(file::tells_apart(&candidate.handle, place));
        tells.then_some((content.key, place))
    })
}

fn continue_shortened<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    key: FileKey,
    place: Position,
    now: Now,
) {
    let Some(content) = tailer.memory.remove(key) else { return };
    let (read, size) = (content.position.offset, candidate.stat.size);
    let kind = if size < read { EventKind::Shortened } else { EventKind::EndRewritten };
    let detail = format!(
        "{read} bytes read, size {size}; resumed at offset {}, data after it is sent again",
        place.offset
    );
    let path = Arc::clone(&candidate.path);
    let rotated = content.rotated || content.path != path;
    let life = Life::missing().with_rotated(rotated, now.instant);
    let mut file = candidate.into_file(key, life, place, now.instant);
    file.life.follow(Fact::Found);
    file.know_holes(content.holes.before(place.offset));
    file.progress = Progress::shortened(place.offset, content.trail);
    tailer.out.changes.push(Change::Save(checkpoint(&file, place)));
    tailer.out.event(kind, &path, detail);
    adopt::insert(tailer, file);
}

/// The content that was rotated, and lay in a file that has its size and no text any more.
fn destroyed<D: Disk>(tailer: &Tailer<D>, candidate: &Candidate<D::File>) -> Option<FileKey> {
    if !is_no_text(&candidate.head) {
        return None;
    }
    let size = candidate.stat.size;
    let is_it = |content: &&Remembered| {
        let read = content.position.offset;
        let has_its_size = read > 0 && (size == read || size == filled_up(read));
        has_its_size
            && (content.rotated
                || content.path != candidate.path
                || log_path::has_rotated_name(tailer, &candidate.path))
    };
    let here = tailer.memory.at_inode(candidate.inode).into_iter().find(is_it)?;
    (!is_new(tailer, candidate)).then_some(here.key)
}

fn leave_destroyed<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    key: FileKey,
    end: Position,
    now: Now,
) {
    let (stat, path) = (candidate.stat, Arc::clone(&candidate.path));
    if tailer.memory.remove(key).is_none() {
        return;
    }
    let head = Head::of(&candidate.head);
    let life = Life::missing().with_rotated(true, now.instant);
    let mut file = candidate.into_file(key, life, end, now.instant);
    file.head = head;
    file.overwrite(stat, Fact::FoundOverwritten);
    tailer.out.changes.push(Change::Save(checkpoint(&file, end)));
    let detail = "rotated file was overwritten; the new bytes are not read";
    tailer.out.event(EventKind::Overwritten, &path, detail);
    adopt::insert(tailer, file);
}

/// Whether a file was born after everything that is known of its inode.
fn is_new<D: Disk>(tailer: &Tailer<D>, candidate: &Candidate<D::File>) -> bool {
    use super::disk::OpenFile;
    let born = tailer.problems.doubt.known(candidate.handle.born()).flatten();
    let here = tailer.memory.at_inode(candidate.inode);
    here.iter().all(|content| identify::is_born_later(tailer, born, content))
}
