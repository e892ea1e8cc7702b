//! A file that was opened and looked at and is not followed yet, and what its bytes prove.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::disk::{Call, Disk, DiskError, Fault, OpenFile, Stat};
use crate::file::{self, Tailed};
use crate::gaps::Gaps;
use crate::holes::Holes;
use crate::identity::{Anchor, FileKey, Head, Inode, Position};
use crate::life::Life;
use crate::links::FollowLinks;
use crate::lookahead::Lookahead;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::real_path::real_path;
use crate::splitter::last_boundary;

/// Searching backwards for the last line end reads this many bytes at a time.
const BACKWARD_CHUNK_BYTES: u64 = 64 * 1024;

/// What a file shows of itself.
pub(crate) struct Evidence<'f, F> {
    pub(super) inode: Inode,
    pub(super) handle: &'f F,
    pub(super) size: u64,
    pub(super) modified_nanos: i128,
    pub(super) head: &'f [u8],
}

/// A file that was opened and looked at, and is not followed yet.
#[derive(Debug)]
pub struct Candidate<F> {
    /// The path that led to it.
    pub path: Arc<Path>,
    /// Where it lies, if links were on that path.
    pub real: Option<Arc<Path>>,
    /// Its device and inode.
    pub inode: Inode,
    /// It is open.
    pub handle: F,
    /// What a look at it saw.
    pub stat: Stat,
    /// Its first bytes.
    pub head: Vec<u8>,
}

/// Whether the last bytes of the candidate are the ones that the other file has there.
///
/// # Errors
///
/// Why one of them cannot be read now.
pub(crate) fn same_end<D: Disk>(
    disk: &D,
    candidate: &Evidence<'_, D::File>,
    parent: &Tailed<D::File>,
) -> Result<bool, DiskError> {
    let len = Anchor::len_at(candidate.size);
    let from = candidate.size - len as u64;
    let bytes = file::read_at(candidate.handle, from, len)?;
    has_at(disk, parent, from, &bytes)
}

/// Whether a followed file has these bytes at an offset.
///
/// # Errors
///
/// Why it cannot be read now.
pub(crate) fn has_at<D: Disk>(
    disk: &D,
    followed: &Tailed<D::File>,
    offset: u64,
    bytes: &[u8],
) -> Result<bool, DiskError> {
    let theirs = match &followed.handle {
        Some(handle) => file::read_at(handle, offset, bytes.len()),
        // It was closed for others; for one read more it may be open.
        None => open_again(disk, followed)
            .and_then(|handle| file::read_at(&handle, offset, bytes.len())),
    };
    match theirs {
        Ok(theirs) => Ok(theirs == bytes),
        Err(error) if error.is_gone() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a followed file by its name, if that still leads to it.
fn open_again<D: Disk>(disk: &D, file: &Tailed<D::File>) -> Result<D::File, DiskError> {
    let (handle, stat) = disk.open(&file.path, FollowLinks::Always)?;
    if stat.inode == file.inode {
        Ok(handle)
    } else {
        Err(DiskError { call: Call::Open, fault: Fault::Gone })
    }
}

/// Where the lines begin that will be written from now on: behind the last line end, and behind
/// the header.
///
/// # Errors
///
/// Whatever reading fails with.
pub fn end_position<F: OpenFile>(
    candidate: &Candidate<F>,
    header_lines: u64,
) -> Result<Position, DiskError> {
    let boundary = last_newline(&candidate.handle, candidate.stat.size)?;
    if header_lines > 0 && !has_lines(&candidate.handle, header_lines)? {
        return Ok(Position::start());
    }
    position_at(&candidate.handle, boundary, &Holes::NONE)
}

/// Where the last complete line ends in front of an offset.
///
/// # Errors
///
/// Whatever reading fails with.
pub(crate) fn last_newline<F: OpenFile>(handle: &F, offset: u64) -> Result<u64, DiskError> {
    let mut end = offset;
    while end > 0 {
        let start = end.saturating_sub(BACKWARD_CHUNK_BYTES);
        let len = usize::try_from(end - start).unwrap_or(0);
        let at = last_boundary(&file::read_at(handle, start, len)?);
        if at > 0 {
            return Ok(start + at as u64);
        }
        end = start;
    }
    Ok(0)
}

/// The position at an offset of a file, with the anchor of what stands before it, without holes.
///
/// # Errors
///
/// Whatever reading fails with.
pub fn position_at<F: OpenFile>(
    handle: &F,
    offset: u64,
    holes: &Holes,
) -> Result<Position, DiskError> {
    let len = Anchor::len_at(offset);
    let from = offset - len as u64;
    let mut before = file::read_at(handle, from, len)?;
    holes.mask(&mut before, from);
    Ok(Position { offset, anchor: Anchor::of(&before) })
}

/// Whether the file has at least this many complete lines.
fn has_lines<F: OpenFile>(handle: &F, wanted: u64) -> Result<bool, DiskError> {
    end_of_lines(handle, wanted).map(|end| end.is_some())
}

/// Where the first `wanted` lines end, if so many are complete.
pub(crate) fn end_of_lines<F: OpenFile>(handle: &F, wanted: u64) -> Result<Option<u64>, DiskError> {
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

impl<F: OpenFile> Candidate<F> {
    /// Opens a file and looks at it.
    ///
    /// # Errors
    ///
    /// Whatever opening or reading fails with.
    pub fn open<D: Disk<File = F>>(
        disk: &D,
        path: &Path,
        follow: FollowLinks,
    ) -> Result<Self, DiskError> {
        let (handle, stat) = disk.open(path, follow)?;
        let head = file::read_head(&handle)?;
        let real = real_path(&handle, path);
        Ok(Self { path: Arc::from(path), real, inode: stat.inode, handle, stat, head })
    }

    pub(super) fn evidence(&self) -> Evidence<'_, F> {
        let Self { inode, handle, stat, head, .. } = self;
        let Stat { size, modified_nanos, .. } = *stat;
        Evidence { inode: *inode, handle, size, modified_nanos, head }
    }

    /// The file is followed as this generation, from a position on.
    pub(super) fn into_file(
        self,
        key: FileKey,
        life: Life,
        position: Position,
        now: Instant,
    ) -> Tailed<F> {
        Tailed {
            key,
            inode: self.inode,
            path: self.path,
            handle: Some(self.handle),
            head: Head::of(&self.head),
            life: life.lying_at(self.real),
            position,
            progress: Progress::from(position.offset),
            gaps: Gaps::new(self.stat.size, now),
            ahead: Lookahead::from(position.offset),
            seen: self.stat,
            pace: Pace::new(self.stat.size, now),
        }
    }
}
