//! Which known generations a compressed file could be mistaken for.

use crate::compressed::proof::Point;
use crate::disk::Disk;
use crate::file::Tailed;
use crate::identify;
use crate::identity::{FileKey, Position};
use crate::tailer::Tailer;

/// The followed files of which more than `offset` bytes were read and that begin like this.
pub(crate) fn rivals<D: Disk>(tailer: &Tailer<D>, head: &[u8], offset: u64) -> Vec<Point> {
    let alike = identify::live_contents(tailer).agreeing(head).into_iter();
    alike
        .filter_map(|key| tailer.files.get(key))
        .map(|file| Point::end(file.key, file.position))
        .filter(|point| point.at.offset > offset)
        .collect()
}

/// Whether something is missing, or will be after a crash, that what begins with `head` and was
/// read up to `offset` could be mistaken for once that is forgotten.
pub(crate) fn is_mistakable<D: Disk>(
    tailer: &Tailer<D>,
    key: FileKey,
    head: &[u8],
    offset: u64,
) -> bool {
    // Of what was read further than this its copy is too short to be taken for it.
    let behind = |other: FileKey, at: Position| other != key && at.offset <= offset;
    let alike = tailer.memory.beginning_alike(head);
    let missing = alike.iter().any(|content| behind(content.key, content.position));
    let begins_alike = |file: &Tailed<D::File>| file.head.len > 0 && file.head.agrees(head);
    let mut unlisted = tailer.files.values().filter(|file| !file.is_listed());
    missing || unlisted.any(|file| behind(file.key, file.position) && begins_alike(file))
}
