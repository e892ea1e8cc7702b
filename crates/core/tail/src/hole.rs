//! Holes: stretches of a file that were never written, and that read as NUL bytes.
//!
//! A writer that does not append continues at its old offset after its file was truncated, and
//! leaves a hole in front of what it writes. This module finds such stretches without reading
//! them. What becomes of the records around them is for the flow to decide.

use super::disk::{DiskError, OpenFile};
use super::file::read_at;
use super::holes::{Hole, Holes};
use super::splitter::last_boundary;

/// A hole ends where a block begins; what was not written of that block reads as NUL, too. No file
/// system in use has larger blocks, in bytes.
const BLOCK_BYTES_MAX: usize = 64 * 1024;

/// Where a hole lies, seen from a record boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Lines end here, and behind them, in the bytes that were read, there is a hole.
    Behind(usize),
    /// It begins at the boundary, and data follow at this offset.
    Until(u64),
    /// It begins at the boundary and reaches to the end of the file.
    ToTheEnd,
    /// NUL bytes that were written begin at the boundary, and data follow at this offset: space
    /// that a program reserved and may fill.
    Reserved(u64),
}

/// So many NUL bytes where a record would begin are space that was reserved. Fewer are bytes of a
/// record, for a record may hold any.
pub const RESERVED_BYTES_MIN: usize = 4;

/// Of reserved space this much is gone through at once, in bytes.
const RESERVED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The reserved space in or behind `held`, the bytes from `offset` on. `None` if there is none.
///
/// # Errors
///
/// Whatever reading the file fails with.
pub fn reserved<F: OpenFile>(file: &F, offset: u64, held: &[u8]) -> Result<Option<Gap>, DiskError> {
    let run = held.iter().take_while(|byte| **byte == 0).count();
    if run >= RESERVED_BYTES_MIN {
        if run < held.len() {
            return Ok(Some(Gap::Reserved(offset + run as u64)));
        }
        let end = end_of_nuls(file, offset + run as u64)?;
        return Ok(Some(end.map_or(Gap::ToTheEnd, Gap::Reserved)));
    }
    let before = memchr::memmem::find(held, b"\n\0\0\0\0");
    Ok(before.map(|at| Gap::Behind(at + 1)))
}

/// Where the NUL bytes end that a file holds from `from` on; nothing if they reach to its end.
fn end_of_nuls<F: OpenFile>(file: &F, from: u64) -> Result<Option<u64>, DiskError> {
    let mut at = from;
    while at - from < RESERVED_BYTES_MAX {
        let block = read_at(file, at, BLOCK_BYTES_MAX)?;
        if block.is_empty() {
            return Ok(None);
        }
        if let Some(first) = block.iter().position(|byte| *byte != 0) {
            return Ok(Some(at + first as u64));
        }
        at += block.len() as u64;
    }
    Ok(Some(at))
}

/// The hole in or behind `held`, the bytes from `offset` on of a file of `size` bytes. `None` if
/// there is none, or if it tears a line; then its NUL bytes are bytes of that line.
///
/// # Errors
///
/// Whatever reading the file fails with. File systems that know no holes report none.
pub fn gap<F: OpenFile>(
    file: &F,
    offset: u64,
    size: u64,
    held: &[u8],
) -> Result<Option<Gap>, DiskError> {
    let Some(start) = file.hole_from(offset)?.filter(|start| *start < size) else {
        return Ok(None);
    };
    let before = usize::try_from(start - offset).unwrap_or(usize::MAX);
    let Some(shown) = held.get(..before) else { return Ok(None) };
    if shown.iter().any(|byte| *byte != 0) {
        let lines = last_boundary(shown);
        return Ok((lines > 0).then_some(Gap::Behind(lines)));
    }
    let Some(data) = file.data_from(start)? else { return Ok(Some(Gap::ToTheEnd)) };
    let block = read_at(file, data, BLOCK_BYTES_MAX)?;
    let unwritten = block.iter().take_while(|byte| **byte == 0).count();
    Ok(Some(Gap::Until(data + unwritten as u64)))
}

/// Looking at the holes of a file takes so many steps at a time; each is a seek, or a read of
/// [`BLOCK_BYTES_MAX`].
const LOOKS_MAX: usize = 16;

/// What looking at holes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// Nothing was written to any of them.
    All,
    /// Nothing was written to those in front of this offset.
    UpTo(u64),
    /// Something was written to this one, from this offset on.
    Filled(Hole, u64),
}

/// Looks at the holes behind `from`, as far as that goes in a few steps.
///
/// # Errors
///
/// Whatever reading the file fails with.
pub(crate) fn first_filled<F: OpenFile>(
    file: &F,
    holes: &Holes,
    from: u64,
) -> Result<Looked, DiskError> {
    let mut at = from;
    for _ in 0..LOOKS_MAX {
        let Some(hole) = holes.first_behind(at) else { return Ok(Looked::All) };
        at = at.max(hole.start);
        match file.data_from(at)? {
            Some(data) if data >= hole.end => {
                at = data;
                continue;
            }
            Some(data) => at = data,
            None if file.hole_from(at)?.is_some() => return Ok(Looked::All),
            // This file system knows no holes.
            None => {}
        }
        let block = read_at(file, at, BLOCK_BYTES_MAX)?;
        if block.is_empty() {
            return Ok(Looked::All);
        }
        if let Some((hole, place)) = filled_in(&block, at, holes) {
            return Ok(Looked::Filled(hole, place));
        }
        at += block.len() as u64;
    }
    Ok(Looked::UpTo(at))
}

/// The first byte in a hole, of these that begin at an offset, that was written.
fn filled_in(block: &[u8], offset: u64, holes: &Holes) -> Option<(Hole, u64)> {
    let end = offset + block.len() as u64;
    let mut at = offset;
    while let Some(hole) = holes.first_behind(at).filter(|hole| hole.start < end) {
        at = at.max(hole.start);
        let to = hole.end.min(end);
        let within = |at: u64| usize::try_from(at - offset).unwrap_or(usize::MAX);
        let bytes = block.get(within(at)..within(to))?;
        if let Some(first) = bytes.iter().position(|byte| *byte != 0) {
            return Some((hole, at + first as u64));
        }
        at = to;
        if at == end {
            break;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_disk::MemoryFile;

    const MEBIBYTE: u64 = 1024 * 1024;

    fn file(pieces: &[(u64, &[u8])]) -> (MemoryFile, u64) {
        let file = MemoryFile::with(b"");
        for (offset, bytes) in pieces {
            file.write_at(usize::try_from(*offset).unwrap(), bytes);
        }
        let size = file.stat().unwrap().size;
        (file, size)
    }

    fn put(file: &MemoryFile, at: u64, bytes: &[u8]) {
        file.write_at(usize::try_from(at).unwrap(), bytes);
    }

    fn gap_at(file: &(MemoryFile, u64), offset: u64) -> Option<Gap> {
        let held = read_at(&file.0, offset, 256 * 1024).unwrap();
        gap(&file.0, offset, file.1, &held).unwrap()
    }

    #[test]
    fn a_hole_is_found_from_the_boundary_before_it() {
        let file = file(&[(0, b"one\ntwo\n"), (MEBIBYTE + 100, b"three\n")]);
        assert_eq!(gap_at(&file, 0), Some(Gap::Behind(8)));
        assert_eq!(gap_at(&file, 8), Some(Gap::Until(MEBIBYTE + 100)));
        assert_eq!(gap_at(&file, MEBIBYTE + 100), None);
    }

    #[test]
    fn a_hole_may_begin_the_file_or_end_it() {
        let begins = file(&[(MEBIBYTE, b"one\n")]);
        assert_eq!(gap_at(&begins, 0), Some(Gap::Until(MEBIBYTE)));
        let ends = file(&[(0, b"one\n")]);
        ends.0.set_len(usize::try_from(MEBIBYTE).unwrap());
        assert_eq!(gap_at(&(ends.0, MEBIBYTE), 4), Some(Gap::ToTheEnd));
    }

    #[test]
    fn nul_bytes_that_were_written_are_reserved_space() {
        let file = file(&[(0, &vec![0; 200_000]), (200_000, b"one\n")]);
        assert_eq!(gap_at(&file, 0), None, "no hole");
        let reserved = |offset, held: &[u8]| reserved(&file.0, offset, held).unwrap();
        assert_eq!(reserved(0, &[0; 100]), Some(Gap::Reserved(200_000)));
        assert_eq!(reserved(0, b"\0\0\0\0one\n"), Some(Gap::Reserved(4)));
        assert_eq!(reserved(0, b"\0\0\0one\n"), None, "so few are bytes of the line");
        assert_eq!(reserved(0, b"one\n\0\0\0\0"), Some(Gap::Behind(4)));
        assert_eq!(reserved(0, b"one\0\0\0\0\n"), None, "they stand within a line");
        assert_eq!(reserved(200_004, &[0; 10]), Some(Gap::ToTheEnd));
    }

    #[test]
    fn what_is_written_to_a_hole_is_found_wherever_it_stands() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..300 {
            let sparse = round % 2 == 0;
            let stretch = if sparse { 256 * 1024 } else { 700 };
            let (file, mut holes, mut at) = (MemoryFile::with(b""), Holes::default(), 0);
            let mut known = Vec::new();
            for _ in 0..40 {
                let hole = Hole { start: at + 5, end: at + 5 + random.u64(4..stretch) };
                put(&file, at, b"line\n");
                if !sparse {
                    let len = usize::try_from(hole.end - hole.start).unwrap();
                    put(&file, hole.start, &vec![0; len]);
                }
                holes.insert(hole);
                known.push(hole);
                at = hole.end;
            }
            put(&file, at, b"line\n");
            let look = || {
                let (mut from, mut steps) = (0, 0);
                loop {
                    steps += 1;
                    assert!(steps < 1_000, "it ends");
                    match first_filled(&file, &holes, from).unwrap() {
                        Looked::UpTo(offset) if offset > from => from = offset,
                        looked => return looked,
                    }
                }
            };
            assert_eq!(look(), Looked::All);
            let hole = known[random.usize(0..known.len())];
            let place = random.u64(hole.start..hole.end);
            put(&file, place, b"x");
            assert_eq!(look(), Looked::Filled(hole, place));
        }
    }

    #[test]
    fn a_hole_within_a_line_belongs_to_it() {
        let file = file(&[(0, b"one\nhalf a li"), (MEBIBYTE, b"ne\n")]);
        assert_eq!(gap_at(&file, 0), Some(Gap::Behind(4)));
        assert_eq!(gap_at(&file, 4), None);
    }
}
