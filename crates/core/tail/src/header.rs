//! Lines of a file before the place where it is read, which say what the others hold: the names of
//! columns. After a restart they are found again here.
//!
//! Part of [`crate::tailer`]. Nothing here moves a position.

use std::sync::Arc;

use crate::disk::{Disk, DiskError, OpenFile};
use crate::identity::FileKey;
use crate::tailer::Tailer;
use crate::{file, trouble};

/// A longer line is not taken for a header, in bytes.
const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// So much is looked through at a time, in bytes.
const SEARCH_BYTES: usize = 256 * 1024;

/// So much of a file is looked through, at most, in bytes.
const SEARCHED_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The first line of a file, if it is complete. `None` as well if the file cannot be read now,
/// or is a compressed one.
pub(crate) fn first_line<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) -> Option<Vec<u8>> {
    header(tailer, key, |handle| line_at(handle, 0))
}

/// The last line of a file that begins before `end` and with `mark`. `None` as well if it is
/// very far away, if the file cannot be read now, or is a compressed one.
pub(crate) fn last_line<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    mark: &[u8],
    end: u64,
) -> Option<Vec<u8>> {
    header(tailer, key, |handle| last_line_of(handle, mark, end))
}

fn header<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    find: impl FnOnce(&D::File) -> Result<Option<Vec<u8>>, DiskError>,
) -> Option<Vec<u8>> {
    let file = tailer.files.get(key)?;
    let found = find(file.handle.as_ref()?);
    let path = Arc::clone(&file.path);
    found.map_err(|error| trouble::trouble(tailer, &path, error)).ok()?
}

/// The line at an offset, without its line end.
fn line_at<F: OpenFile>(handle: &F, offset: u64) -> Result<Option<Vec<u8>>, DiskError> {
    let mut line = file::read_at(handle, offset, HEADER_BYTES_MAX)?;
    let Some(end) = memchr::memchr(b'\n', &line) else { return Ok(None) };
    line.truncate(end);
    Ok(Some(line))
}

/// Looks from the end to the beginning, for the newest one counts and is likely to be near.
fn last_line_of<F: OpenFile>(
    handle: &F,
    mark: &[u8],
    end: u64,
) -> Result<Option<Vec<u8>>, DiskError> {
    // A line begins behind a line end, which may lie in the stretch before.
    let mark = [b"\n", mark].concat();
    let oldest = end.saturating_sub(SEARCHED_BYTES_MAX);
    let mut until = end;
    while until > oldest {
        let from = until.saturating_sub(SEARCH_BYTES as u64).max(oldest);
        let length = usize::try_from(until - from).unwrap_or(SEARCH_BYTES);
        // A mark that begins before `until` may end behind it.
        let stretch = file::read_at(handle, from, length + mark.len() - 1)?;
        if let Some(at) = memchr::memmem::rfind(&stretch, &mark) {
            let start = from + at as u64 + 1;
            if start < end {
                return line_at(handle, start);
            }
        }
        if from == 0 && stretch.starts_with(mark.get(1..).unwrap_or_default()) {
            return line_at(handle, 0);
        }
        until = from;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_disk::MemoryFile;

    /// What is found in a file, for each place of reading.
    fn found(content: &[u8], end: u64) -> Option<String> {
        let handle = MemoryFile::with(content);
        let line = last_line_of(&handle, b"#Fields:", end).unwrap();
        line.map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn the_newest_line_before_the_place_is_found() {
        let text = b"#Fields: a\n1\n#Fields: b\n2\nx #Fields: no\n3\n#Fields: c\n4\n";
        let at = |part: &[u8]| memchr::memmem::find(text, part).unwrap() as u64;
        assert_eq!(found(text, at(b"1\n")).as_deref(), Some("#Fields: a"));
        assert_eq!(found(text, at(b"#Fields: b")).as_deref(), Some("#Fields: a"));
        assert_eq!(found(text, at(b"3\n")).as_deref(), Some("#Fields: b"));
        assert_eq!(found(text, at(b"4\n")).as_deref(), Some("#Fields: c"));
        assert_eq!(found(b"1\n2\n", 2), None);
    }

    #[test]
    fn a_mark_that_lies_across_two_stretches_is_found() {
        for shift in 0..12 {
            let mut text = vec![b'.'; 2 * SEARCH_BYTES - shift];
            text.extend_from_slice(b"\n#Fields: far\n");
            let end = text.len() as u64 + SEARCH_BYTES as u64;
            text.resize(text.len() + SEARCH_BYTES + 10, b'.');
            assert_eq!(found(&text, end).as_deref(), Some("#Fields: far"), "{shift}");
        }
    }
}
