//! Entries of container logs, which may take several lines, and the lines of two streams may be
//! mixed; and rows of CSV with newlines in their quotes. Pure decisions over bytes that begin at
//! the start of an entry.
//!
//! A stretch of lines ends where no entry is open. As long as one is, nothing of the stretch is
//! taken, so that no checkpoint comes to lie within an entry.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::scan_json;

/// How entries are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As RFC 4180 has it, with this separator: a newline in quotes ends no row.
    Csv(u8),
    /// As containerd and CRI-O write them: `TIME STREAM P|F MESSAGE`.
    Cri,
    /// As Docker's json-file driver does: a `log` without a newline is continued.
    Docker,
}

/// The parts of a line of CRI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CriLine<'t> {
    pub(super) time: &'t [u8],
    pub(super) stream: &'t [u8],
    /// More of the entry follows.
    pub(super) partial: bool,
    pub(super) message: &'t [u8],
}

/// Reads a line with its line end; `None` if it is no such line.
pub(super) fn cri_line(line: &[u8]) -> Option<CriLine<'_>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (time, rest) = split_at_blank(line)?;
    let (stream, rest) = split_at_blank(rest)?;
    let (tags, message) = split_at_blank(rest).unwrap_or((rest, &[]));
    let is_time = time.len() >= 20 && time.get(10) == Some(&b'T') && time[0].is_ascii_digit();
    if !is_time || !matches!(stream, b"stdout" | b"stderr") {
        return None;
    }
    // More tags may come behind the first, with colons between them.
    let partial = match tags.split(|byte| *byte == b':').next() {
        Some(b"P") => true,
        Some(b"F") => false,
        _ => return None,
    };
    Some(CriLine { time, stream, partial, message })
}

fn split_at_blank(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b' ', text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The parts of a line of Docker, without quotes and with their escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DockerLine<'t> {
    pub(super) log: &'t [u8],
    pub(super) stream: &'t [u8],
    pub(super) time: &'t [u8],
}

/// Reads a line with its line end; `None` if it is no such line.
pub(super) fn docker_line(line: &[u8]) -> Option<DockerLine<'_>> {
    std::str::from_utf8(line).ok()?;
    let start = scan_json::skip_space(line, 0);
    let mut found = DockerLine { log: b"", stream: b"", time: b"" };
    let (mut has_log, mut strings) = (false, true);
    let end = scan_json::members(line, start, 0, |member| {
        let (key, value) = (scan_json::inner(member.key.of(line)), member.value.of(line));
        let slot = match key {
            b"log" => &mut found.log,
            b"stream" => &mut found.stream,
            b"time" => &mut found.time,
            _ => return,
        };
        has_log |= key == b"log";
        strings &= value.first() == Some(&b'"');
        *slot = scan_json::inner(value);
    });
    let end = scan_json::skip_space(line, end.ok()?);
    (has_log && strings && end == line.len()).then_some(found)
}

/// Whether what a string says, given with its escapes, ends with a line feed.
fn ends_with_newline(inner: &[u8]) -> bool {
    let ([before @ .., b'n'] | [before @ .., b'u', b'0', b'0', b'0', b'a' | b'A']) = inner else {
        return false;
    };
    // A backslash that is escaped itself begins no escape.
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// How long the row is that the bytes begin with, its newline included. A quote only counts at the
/// start of a column.
fn csv_row(bytes: &[u8], separator: u8) -> Option<usize> {
    let mut at = if bytes.starts_with("\u{FEFF}".as_bytes()) { "\u{FEFF}".len() } else { 0 };
    loop {
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            loop {
                at += memchr(b'"', bytes.get(at..)?)? + 1;
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
        }
        at += memchr2(separator, b'\n', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'\n') {
            return Some(at + 1);
        }
        at += 1;
    }
}

/// Which entry a line belongs to, and whether more of that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    error: bool,
    partial: bool,
}

impl Framing {
    /// Whether an entry may begin in one generation of a log and end in the next. Whoever writes a
    /// table begins a new file with a new row, or with the header.
    #[must_use]
    pub fn spans_generations(self) -> bool {
        !matches!(self, Self::Csv(_))
    }

    /// `None` for a line that is not of the format: it is an entry of its own.
    fn place(self, line: &[u8]) -> Option<Place> {
        match self {
            Self::Csv(_) => None,
            Self::Cri => {
                let line = cri_line(line)?;
                Some(Place { error: line.stream == b"stderr", partial: line.partial })
            }
            Self::Docker => {
                let line = docker_line(line)?;
                let partial = !ends_with_newline(line.log);
                Some(Place { error: line.stream == b"stderr", partial })
            }
        }
    }

    /// Whether two lines are of two streams, which have nothing to do with each other.
    #[must_use]
    pub fn differs(self, line: &[u8], other: &[u8]) -> bool {
        let stream = |line: &[u8]| self.place(line).map(|place| place.error);
        stream(line).zip(stream(other)).is_some_and(|(one, other)| one != other)
    }

    /// How long the stretch is that the bytes begin with, if it ends in them.
    #[must_use]
    pub fn stretch(self, bytes: &[u8]) -> Option<usize> {
        if let Self::Csv(separator) = self {
            return csv_row(bytes, separator);
        }
        let (mut end, mut open) = (0, [false; 2]);
        loop {
            let rest = bytes.get(end..)?;
            let length = memchr(b'\n', rest)? + 1;
            let line = rest.get(..length)?;
            end += length;
            if let Some(place) = self.place(line) {
                open[usize::from(place.error)] = place.partial;
            }
            if open == [false; 2] {
                return Some(end);
            }
        }
    }

    /// Where the stretch begins that is open at the end of the bytes, if one is and its last line
    /// is whole.
    #[must_use]
    pub fn open_tail(self, bytes: &[u8]) -> Option<usize> {
        if !self.spans_generations() {
            return None;
        }
        let mut start = 0;
        while let Some(length) = self.stretch(bytes.get(start..)?) {
            start += length;
        }
        let rest = bytes.get(start..)?;
        rest.ends_with(b"\n").then_some(start)
    }

    /// The lines of each entry of a stretch, in the order in which the entries end. What is not
    /// complete at the end of it comes last.
    #[must_use]
    pub fn entries(self, stretch: &[u8]) -> Vec<Vec<Range<usize>>> {
        if let Self::Csv(_) = self {
            return vec![vec![0..stretch.len()]];
        }
        let mut entries = Vec::new();
        let mut open: [Vec<Range<usize>>; 2] = [Vec::new(), Vec::new()];
        let mut start = 0;
        while let Some(rest) = stretch.get(start..).filter(|rest| !rest.is_empty()) {
            let length = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let line = start..start + length;
            match self.place(rest.get(..length).unwrap_or_default()) {
                None => entries.push(vec![line]),
                Some(place) => {
                    let of = &mut open[usize::from(place.error)];
                    of.push(line);
                    if !place.partial {
                        entries.push(std::mem::take(of));
                    }
                }
            }
            start += length;
        }
        entries.extend(open.into_iter().filter(|lines| !lines.is_empty()));
        entries
    }

    /// As [`Self::entries`], but those of one stream are one record, in the order in which the
    /// first entries end.
    #[must_use]
    pub fn joined_entries(self, stretch: &[u8]) -> Vec<Vec<Range<usize>>> {
        let line = |entry: &[Range<usize>]| {
            let first = entry.first().cloned().unwrap_or_default();
            stretch.get(first).unwrap_or_default()
        };
        let mut records: Vec<Vec<Range<usize>>> = Vec::new();
        for entry in self.entries(stretch) {
            let same = records.iter_mut().find(|record| !self.differs(line(record), line(&entry)));
            match same {
                Some(record) => record.extend(entry),
                None => records.push(entry),
            }
        }
        records
    }
}
