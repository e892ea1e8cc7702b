//! Where records end: pure decisions over bytes that begin at a record boundary.
//!
//! The splitter holds no bytes. Who calls it shows it everything from the last boundary on and
//! asks again with more when it needs more, so a truncated file can never leave half a line
//! behind in here.

use std::cell::Cell;

use memchr::{memchr, memrchr};

use crate::process::LineStart;

/// How records are told apart.
#[derive(Debug, Clone)]
pub struct Splitter {
    /// A record begins at each line on which this matches at the line's start; `None`: each line
    /// is a record.
    start: Option<LineStart>,
    /// Lines join into a record of at most this many bytes; 0: each line is a record.
    aggregate_bytes: usize,
    /// Lines on which the pattern would have taken too long, since last asked.
    over_limit: Cell<u64>,
    /// A record is cut here, in bytes.
    record_bytes_max: usize,
}

/// Whether more bytes may still follow the ones shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The file is gone or was rotated away and is quiet: what is left is a record as it is.
    Final,
    /// Nothing came for the hold time: a complete multi-line record need not wait any longer.
    Held,
    /// More may come at any moment.
    Open,
}

/// What comes next. All lengths are in bytes, counted from the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// No record ends in the bytes shown.
    NeedMore,
    /// No record ends within the greatest length of a record: find the end of this one without
    /// keeping its bytes, then cut it.
    Overlong,
    /// The next record.
    Record {
        /// Its length, its line end included.
        len: usize,
    },
}

impl Splitter {
    /// A splitter that takes lines, or multi-line records if `start` is given.
    #[must_use]
    pub fn new(start: Option<LineStart>, record_bytes_max: usize) -> Self {
        Self { start, aggregate_bytes: 0, over_limit: Cell::new(0), record_bytes_max }
    }

    /// Joins whole lines into records of at most this many bytes; a line that is longer is a
    /// record of its own. Multi-line records are not joined.
    #[must_use]
    pub fn aggregating(self, bytes: usize) -> Self {
        Self { aggregate_bytes: if self.start.is_none() { bytes } else { 0 }, ..self }
    }

    /// How many lines, since the last call, were taken for the middle of a record because the
    /// pattern would have taken too long on them.
    pub fn take_over_limit(&self) -> u64 {
        self.over_limit.take()
    }

    /// How many bytes the record at the start of `window` has if lines are joined, given the
    /// length of its first line. `None` if more lines may fit and more bytes are to be read.
    #[must_use]
    pub fn joined(&self, window: &[u8], first: usize, at_end: bool) -> Option<usize> {
        let mut len = first;
        while len < self.aggregate_bytes {
            let rest = window.get(len..).unwrap_or_default();
            let room = rest.get(..self.aggregate_bytes - len).unwrap_or(rest);
            match memchr(b'\n', room) {
                Some(newline) => len += newline + 1,
                None if room.len() == rest.len() && !at_end => return None,
                None => break,
            }
        }
        Some(len)
    }

    /// Whether records span lines.
    #[must_use]
    pub fn is_multi_line(&self) -> bool {
        self.start.is_some()
    }

    /// The greatest length of a record before it is cut, in bytes.
    #[must_use]
    pub fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    /// The record at the start of `window`.
    #[must_use]
    pub fn next(&self, window: &[u8], ending: Ending) -> Next {
        let found = match &self.start {
            None => memchr(b'\n', window).map(|at| at + 1),
            Some(start) => end_of_multi_line(&|line| self.is_start(start, line), window, ending),
        };
        match found {
            Some(len) => Next::Record { len },
            None if ending == Ending::Final && !window.is_empty() => {
                Next::Record { len: window.len() }
            }
            None if window.len() > self.record_bytes_max => Next::Overlong,
            None => Next::NeedMore,
        }
    }
}

impl Splitter {
    /// A line that takes too long to judge is none that starts a record: it stays with the others.
    fn is_start(&self, start: &LineStart, line: &[u8]) -> bool {
        start.matches(line).unwrap_or_else(|_| {
            self.over_limit.set(self.over_limit.get() + 1);
            false
        })
    }
}

/// A multi-line record ends before the next line that starts one. The first line belongs to the
/// record whatever it says. Only complete lines are judged: half a line may match or not match
/// by accident.
fn end_of_multi_line(
    is_start: &impl Fn(&[u8]) -> bool,
    window: &[u8],
    ending: Ending,
) -> Option<usize> {
    let mut line_start = memchr(b'\n', window)? + 1;
    loop {
        let rest = window.get(line_start..)?;
        let Some(newline) = memchr(b'\n', rest) else {
            // Everything up to here is complete; the next record may begin with what is missing.
            let complete = rest.is_empty();
            return (ending == Ending::Held && complete).then_some(line_start);
        };
        let line = rest.get(..=newline)?;
        if is_start(line) {
            return Some(line_start);
        }
        line_start += newline + 1;
    }
}

/// The last boundary in `bytes`: behind the last line end, or 0.
#[must_use]
pub fn last_boundary(bytes: &[u8]) -> usize {
    memrchr(b'\n', bytes).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Splitter {
        Splitter::new(None, 16)
    }

    fn starts_with_digit() -> Splitter {
        Splitter::new(Some(LineStart::compile(r"\d").unwrap()), 64)
    }

    #[test]
    fn a_line_ends_behind_its_newline() {
        assert_eq!(lines().next(b"ab\ncd\n", Ending::Open), Next::Record { len: 3 });
        assert_eq!(lines().next(b"\n", Ending::Open), Next::Record { len: 1 });
        assert_eq!(lines().next(b"a\r\n", Ending::Open), Next::Record { len: 3 });
    }

    #[test]
    fn half_a_line_waits_until_the_file_is_final() {
        assert_eq!(lines().next(b"ab", Ending::Open), Next::NeedMore);
        assert_eq!(lines().next(b"ab", Ending::Held), Next::NeedMore);
        assert_eq!(lines().next(b"ab", Ending::Final), Next::Record { len: 2 });
        assert_eq!(lines().next(b"", Ending::Final), Next::NeedMore);
    }

    #[test]
    fn a_line_longer_than_a_record_is_overlong() {
        assert_eq!(lines().next(&[b'a'; 16], Ending::Open), Next::NeedMore);
        assert_eq!(lines().next(&[b'a'; 17], Ending::Open), Next::Overlong);
    }

    #[test]
    fn a_multi_line_record_ends_before_the_next_start() {
        let s = starts_with_digit();
        assert_eq!(s.next(b"1 a\n  b\n2 c\n", Ending::Open), Next::Record { len: 8 });
        assert_eq!(s.next(b"junk\n1 a\n", Ending::Open), Next::Record { len: 5 });
    }

    #[test]
    fn the_last_multi_line_record_waits_for_the_hold_time() {
        let s = starts_with_digit();
        assert_eq!(s.next(b"1 a\n  b\n", Ending::Open), Next::NeedMore);
        assert_eq!(s.next(b"1 a\n  b\n", Ending::Held), Next::Record { len: 8 });
        assert_eq!(s.next(b"1 a\n  b", Ending::Held), Next::NeedMore, "the line is not complete");
        assert_eq!(s.next(b"1 a\n  b", Ending::Final), Next::Record { len: 7 });
    }

    #[test]
    fn half_a_line_is_no_start() {
        let s = starts_with_digit();
        assert_eq!(s.next(b"1 a\n2 b", Ending::Open), Next::NeedMore);
        assert_eq!(s.next(b"1 a\n2 b\n", Ending::Open), Next::Record { len: 4 });
    }

    #[test]
    fn lines_are_joined_while_they_fit() {
        let s = lines().aggregating(10);
        let mut rest: &[u8] = b"AAAA\nBBBB\nCCCC\nDDDDDDDDDDDD\nE\npart";
        for want in ["AAAA\nBBBB\n", "CCCC\n", "DDDDDDDDDDDD\n", "E\n"] {
            let first = memchr(b'\n', rest).unwrap() + 1;
            let len = s.joined(rest, first, true).unwrap();
            assert_eq!(rest.get(..len), Some(want.as_bytes()));
            rest = rest.get(len..).unwrap();
        }
    }

    #[test]
    fn joining_reads_on_only_where_more_could_fit() {
        let s = lines().aggregating(10);
        assert_eq!(s.joined(b"AAAA\nBB", 5, false), None);
        assert_eq!(s.joined(b"AAAA\nBB", 5, true), Some(5));
        assert_eq!(s.joined(b"AAAA\nBBBBBB", 5, false), Some(5), "the next line cannot fit");
        assert_eq!(s.joined(b"AAAA\nBBBB\n", 5, false), Some(10), "it is full");
        assert_eq!(lines().joined(b"AAAA\nBBBB\n", 5, false), Some(5), "nothing is joined");
    }

    #[test]
    fn a_line_that_takes_too_long_to_judge_stays_with_the_others() {
        let start = LineStart::compile(r"(?:a*)*(?=b)c").unwrap();
        let s = Splitter::new(Some(start), 1024);
        let lines = [b"x\n".as_slice(), &[b'a'; 40], b"\n", b"y\n"].concat();
        assert_eq!(s.next(&lines, Ending::Open), Next::NeedMore);
        assert_eq!((s.take_over_limit(), s.take_over_limit()), (1, 0));
    }

    #[test]
    fn the_last_boundary_is_behind_the_last_newline() {
        assert_eq!(last_boundary(b"a\nb\nc"), 4);
        assert_eq!(last_boundary(b"abc"), 0);
        assert_eq!(last_boundary(b""), 0);
    }
}
