//! A file that was opened and looked at and is not followed yet, and what its bytes prove.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::file::{self, LOOK_EVERY_MIN, Name, Stat, Tailed};
use super::identity::{Anchor, FileKey, Head, Inode, Position};
use super::links::{self, FollowLinks};
use super::splitter::last_boundary;

/// Searching backwards for the last line end reads this many bytes at a time.
const BACKWARD_CHUNK_BYTES: u64 = 64 * 1024;

/// What a file shows of itself.
pub(super) struct Evidence<'f> {
    pub(super) inode: Inode,
    pub(super) handle: &'f File,
    pub(super) size: u64,
    pub(super) modified_nanos: i128,
    pub(super) head: &'f [u8],
}

/// A file that was opened and looked at, and is not followed yet.
pub(crate) struct Candidate {
    pub(crate) path: Arc<Path>,
    pub(crate) inode: Inode,
    pub(crate) handle: File,
    pub(crate) stat: Stat,
    pub(crate) head: Vec<u8>,
}

/// Whether the last bytes of the candidate are the ones that the other file has there.
pub(super) fn same_end(candidate: &Evidence<'_>, parent: &Tailed) -> bool {
    let len = Anchor::len_at(candidate.size);
    let from = candidate.size - len as u64;
    file::read_at(candidate.handle, from, len).is_ok_and(|bytes| has_at(parent, from, &bytes))
}

/// Whether a followed file has these bytes at an offset.
pub(super) fn has_at(followed: &Tailed, offset: u64, bytes: &[u8]) -> bool {
    let theirs = match &followed.handle {
        Some(handle) => file::read_at(handle, offset, bytes.len()),
        // It was closed for others; for one read more it may be open.
        None => open_again(followed).and_then(|handle| file::read_at(&handle, offset, bytes.len())),
    };
    theirs.is_ok_and(|theirs| theirs == bytes)
}

/// Opens a followed file by its name, if that still leads to it.
fn open_again(file: &Tailed) -> io::Result<File> {
    let handle = file::open(&file.path)?;
    match file::stat(&handle)?.inode {
        Some(inode) if inode == file.inode => Ok(handle),
        Some(_) | None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Where the lines begin that will be written from now on: behind the last line end, and behind
/// the header.
pub(crate) fn end_position(candidate: &Candidate, header_lines: u64) -> io::Result<Position> {
    let mut end = candidate.stat.size;
    let mut boundary = 0;
    while end > 0 {
        let start = end.saturating_sub(BACKWARD_CHUNK_BYTES);
        let len = usize::try_from(end - start).unwrap_or(0);
        let chunk = file::read_at(&candidate.handle, start, len)?;
        let at = last_boundary(&chunk);
        if at > 0 {
            boundary = start + at as u64;
            break;
        }
        end = start;
    }
    if header_lines > 0 && !has_lines(&candidate.handle, header_lines)? {
        return Ok(Position::start());
    }
    position_at(&candidate.handle, boundary)
}

/// The position at an offset of a file, with the anchor of what stands before it.
pub(crate) fn position_at(handle: &File, offset: u64) -> io::Result<Position> {
    let len = Anchor::len_at(offset);
    let before = file::read_at(handle, offset - len as u64, len)?;
    Ok(Position { offset, anchor: Anchor::of(&before) })
}

/// Whether the file has at least this many complete lines.
pub(super) fn has_lines(handle: &File, wanted: u64) -> io::Result<bool> {
    end_of_lines(handle, wanted).map(|end| end.is_some())
}

/// Where the first `wanted` lines end, if so many are complete.
pub(super) fn end_of_lines(handle: &File, wanted: u64) -> io::Result<Option<u64>> {
    let mut left = wanted;
    let mut offset = 0;
    loop {
        let chunk = file::read_at(handle, offset, 64 * 1024)?;
        if chunk.is_empty() {
            return Ok(None);
        }
        for at in memchr::memchr_iter(b'\n', &chunk) {
            left = left.saturating_sub(1);
            if left == 0 {
                return Ok(Some(offset + at as u64 + 1));
            }
        }
        offset += chunk.len() as u64;
    }
}

impl Candidate {
    pub(crate) fn open(path: &Path, follow: FollowLinks) -> io::Result<Self> {
        let handle = links::open(path, follow)?;
        let stat = file::stat(&handle)?;
        file::check_kind(&handle)?;
        let head = file::read_head(&handle)?;
        let inode = stat
            .inode
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has no inode number"))?;
        Ok(Self { path: Arc::from(path), inode, handle, stat, head })
    }

    pub(super) fn evidence(&self) -> Evidence<'_> {
        let Self { inode, handle, stat, head, .. } = self;
        let Stat { size, modified_nanos, .. } = *stat;
        Evidence { inode: *inode, handle, size, modified_nanos, head }
    }

    pub(super) fn into_file(self, key: FileKey, position: Position, now: Instant) -> Tailed {
        Tailed {
            key,
            inode: self.inode,
            path: self.path,
            name: Name::Listed,
            rotated: None,
            handle: Some(self.handle),
            head: Head::of(&self.head),
            position,
            trail: Vec::new(),
            marks: Vec::new(),
            marked_at: 0,
            holes: Vec::new(),
            hole_met: None,
            probe: None,
            spoiled: false,
            acked: position.offset,
            seen: self.stat,
            grown_to: self.stat.size,
            unsettled: true,
            last_growth: now,
            caught_up: now,
            next_look: now + LOOK_EVERY_MIN,
            look_every: LOOK_EVERY_MIN,
            scanned_to: position.offset,
            half_line: None,
            tried: None,
            shadow: None,
            undecided: false,
            refused: false,
            queued: false,
            hot: false,
        }
    }
}
