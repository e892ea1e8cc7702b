//! Opens a compressed file and finds out from its first bytes what to compare it with.

use std::path::Path;
use std::sync::Arc;

use crate::compressed::alike;
use crate::compressed::proof::{Point, Proof};
use crate::compressed::state::{Archive, Job, Sure};
use crate::compressed::stream::{Format, Stream};
use crate::disk::{Disk, DiskError};
use crate::identity::{FileKey, HEAD_BYTES_MAX, Inode};
use crate::memory::Remembered;
use crate::pattern::is_compressed_name;
use crate::real_path::real_path;
use crate::tailer::Tailer;
use crate::{file, trouble, waiting};

/// A compressed file and the bytes that come out of it.
type Opened<F> = (Archive<F>, Stream<F>);

/// Looks at the first bytes of a file. Says whether anything was unpacked.
pub(super) fn examine<D: Disk>(tailer: &mut Tailer<D>, path: &Path, sure: Sure) -> bool {
    let format = path.file_name().and_then(Format::of_name);
    let Some(format) = format else { return false };
    let (mut found, mut stream) = match open_packed(tailer, path, format) {
        Ok(opened) => opened,
        Err(error) => {
            if !error.is_gone() {
                fails_to_read(tailer, path, None, error);
            }
            return false;
        }
    };
    if is_followed(tailer, found.inode) {
        return false;
    }
    tailer.hunt.seen.compared.insert(found.inode);
    let sure = match packed_at(tailer, found.inode) {
        Some(key) if sure == Sure::No => Sure::Only(key),
        Some(_) | None => sure,
    };
    let mut head = vec![0; HEAD_BYTES_MAX];
    match stream.read_full(&mut head) {
        Ok(count) => head.truncate(count),
        Err(error) => {
            fails_to_read(tailer, path, Some(found.inode), error);
            return true;
        }
    }
    reads_well(tailer, path);
    let alike = tailer.memory.beginning_alike(&head).into_iter();
    let alike: Vec<&Remembered> =
        alike.filter(|content| sure.key().is_none_or(|key| key == content.key)).collect();
    let wanted = alike.iter().filter(|content| tailer.hunt.wanted.contains(&content.key));
    let Some(least) = wanted.map(|content| content.position.offset).min() else {
        tailer.hunt.leave(path, found.stat);
        return true;
    };
    let ends = alike.iter().map(|content| Point::end(content.key, content.position));
    let mut points: Vec<Point> = ends.collect();
    points.extend(alike.iter().copied().flat_map(Point::checks));
    if sure.key().is_none() {
        let finished = tailer.hunt.finished.beginning_alike(&head);
        points.extend(finished.iter().map(|content| Point::end(content.key, content.position)));
        points.extend(finished.into_iter().flat_map(Point::checks));
    }
    if sure == Sure::No {
        points.extend(alike::rivals(tailer, &head, least));
    }
    found.head.clone_from(&head);
    let proof = Proof::new(stream, head, points);
    tailer.hunt.job = Some(Job::Compare(found, proof, sure));
    true
}

pub(super) fn open_packed<D: Disk>(
    tailer: &Tailer<D>,
    path: &Path,
    format: Format,
) -> Result<Opened<D::File>, DiskError> {
    let (handle, stat) = tailer.disk.open(path, tailer.options.pattern.follow_links())?;
    let inode = stat.inode;
    let stream = Stream::new(format, handle.clone());
    let real = real_path(&handle, path);
    Ok((Archive { path: Arc::from(path), real, inode, handle, stat, head: Vec::new() }, stream))
}

/// A compressed file cannot be read now. It is tried again.
pub(super) fn fails_to_read<D: Disk>(
    tailer: &mut Tailer<D>,
    path: &Path,
    inode: Option<Inode>,
    error: DiskError,
) {
    trouble::trouble(tailer, path, error);
    tailer.hunt.seen.unread.insert(path.to_path_buf());
    tailer.hunt.look_again(path);
    if let Some(inode) = inode {
        tailer.hunt.seen.compared.remove(&inode);
        waiting::try_later(tailer, inode);
    }
}

/// A compressed file can be read that could not.
pub(super) fn reads_well<D: Disk>(tailer: &mut Tailer<D>, path: &Path) {
    if tailer.hunt.seen.unread.remove(path) {
        trouble::recovered(tailer, path);
    }
}

/// Whether a compressed file is one that is followed. The inode number of a file that was closed
/// for others and is gone may be that of a compressed one by now.
pub(crate) fn is_followed<D: Disk>(tailer: &Tailer<D>, inode: Inode) -> bool {
    let Some(key) = tailer.files.by_inode.get(&inode) else { return false };
    let Some(file) = tailer.files.get(*key) else { return false };
    let is_there = || match file::stat_path(&tailer.disk, &file.path) {
        Ok(stat) => stat.inode == inode,
        Err(error) => !error.is_gone(),
    };
    file.handle.is_some() || tailer.hunt.is_reading(*key) || is_there()
}

/// The content that lies in this compressed file, whatever its name is now.
pub(super) fn packed_at<D: Disk>(tailer: &Tailer<D>, inode: Inode) -> Option<FileKey> {
    let mut here = tailer.memory.at_inode(inode).into_iter();
    let packed = here.find(|content| content.path.file_name().is_some_and(is_compressed_name));
    packed.map(|content| content.key)
}
