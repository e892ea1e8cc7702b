//! Where records end: pure decisions over bytes that begin at a record boundary.
//!
//! The splitter holds no bytes. Who calls it shows it everything from the last boundary on and
//! asks again with more when it needs more, so a truncated file can never leave half a line
//! behind in here.

use std::cell::Cell;

use memchr::{memchr, memrchr};

use crate::{Framing, LineStart};

/// How records are told apart.
#[derive(Debug, Clone)]
pub struct Splitter {
    /// A record begins at each line on which this matches at the line's start; `None`: each line
    /// is a record.
    start: Option<LineStart>,
    /// Entries take several lines, in the way of container runtimes.
    framing: Option<Framing>,
    /// Lines join into a record of at most this many bytes; 0: each line is a record.
    aggregate_bytes: usize,
    /// Lines on which the pattern would have taken too long, since last asked.
    over_limit: Cell<u64>,
    /// What is longer than this is no record, in bytes.
    record_bytes_max: usize,
    /// What is longer is taken in pieces.
    in_pieces: bool,
}

/// Whether more bytes may still follow the ones shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The file is gone or was rotated away and is quiet: what is left is a record as it is.
    Final,
    /// Nothing came for so long that half a line is sent as it is.
    Idle,
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
    /// The next record is longer than a record may be, and it ends in the bytes shown.
    Long {
        /// Its length, its line end included.
        len: usize,
    },
    /// The next record is longer than a record may be: find its end without keeping its bytes.
    Overlong,
    /// The beginning of a record that is longer than a record may be.
    Piece {
        /// Its length.
        len: usize,
    },
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
        Self {
            start,
            framing: None,
            aggregate_bytes: 0,
            over_limit: Cell::new(0),
            record_bytes_max,
            in_pieces: false,
        }
    }

    /// The same, but what is longer than a record may be is taken in pieces.
    #[must_use]
    pub fn in_pieces(self) -> Self {
        Self { in_pieces: true, ..self }
    }

    /// The same, but lines that belong to one entry stay together.
    #[must_use]
    pub fn framed(self, framing: Option<Framing>) -> Self {
        let aggregate_bytes = if framing.is_some() { 0 } else { self.aggregate_bytes };
        Self { framing, aggregate_bytes, ..self }
    }

    /// Whether several entries are one record.
    #[must_use]
    pub fn joins_entries(&self) -> bool {
        self.framing.is_some() && self.start.is_some()
    }

    /// How entries of several lines are told apart, if they are.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// Joins whole lines into records of at most this many bytes; a line that is longer is a
    /// record of its own. Multi-line records are not joined.
    #[must_use]
    pub fn aggregating(self, bytes: usize) -> Self {
        Self { aggregate_bytes: if self.is_multi_line() { 0 } else { bytes }, ..self }
    }

    /// Pieces have at most this many bytes from now on, if there are pieces.
    pub fn set_piece_bytes_max(&mut self, bytes: usize) {
        if self.in_pieces {
            self.record_bytes_max = bytes;
        }
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
        self.start.is_some() || self.framing.is_some()
    }

    /// The greatest length of a record, its line end included, in bytes.
    #[must_use]
    pub fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    /// The record at the start of `window`.
    #[must_use]
    pub fn next(&self, window: &[u8], ending: Ending) -> Next {
        let max = self.record_bytes_max;
        let found = match (&self.start, self.framing) {
            (None, None) => memchr(b'\n', window).map(|at| at + 1),
            (None, Some(framing)) => entry(framing, window, ending, max),
            (Some(start), framing) => {
                let unit = |rest: &[u8]| match framing {
                    None => memchr(b'\n', rest).map(|at| at + 1),
                    Some(framing) => framing.stretch(rest),
                };
                end_of_multi_line(&|line| self.is_start(start, line), start, &unit, window, ending)
            }
        };
        let last = matches!(ending, Ending::Final | Ending::Idle) && !window.is_empty();
        match found.or_else(|| last.then_some(window.len())) {
            Some(len) if len <= max => Next::Record { len },
            None if window.len() <= max => Next::NeedMore,
            Some(_) | None if self.in_pieces => Next::Piece { len: piece(window, max) },
            Some(len) => Next::Long { len },
            None => Next::Overlong,
        }
    }
}

/// Where to cut a piece of at most `max` bytes off: not within a UTF-8 character, if that is what
/// the bytes are. It depends on nothing behind it, so it is the same however much is shown.
fn piece(window: &[u8], max: usize) -> usize {
    let begins = |at: &usize| window.get(*at).is_some_and(|byte| byte & 0xc0 != 0x80);
    (max.saturating_sub(3).max(1)..=max).rev().find(begins).unwrap_or(max)
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

/// The lines of one entry, or all whole lines there are where no more of it will come, or where it
/// is longer than a record may be: then the rest of it is a record of its own.
fn entry(framing: Framing, window: &[u8], ending: Ending, max: usize) -> Option<usize> {
    let found = framing.stretch(window).filter(|len| *len <= max);
    let whole = || {
        let within = window.get(..max).unwrap_or(window);
        let given_up = window.len() > max || ending == Ending::Held;
        memrchr(b'\n', within).filter(|_| given_up).map(|at| at + 1)
    };
    found.or_else(whole).or_else(|| framing.stretch(window))
}

/// A multi-line record ends before the next line that starts one. The first line belongs to the
/// record whatever it says. As long as more may come only complete lines are judged:
/// half a line may match or not match by accident.
fn end_of_multi_line(
    is_start: &impl Fn(&[u8]) -> bool,
    rule: &LineStart,
    unit: &impl Fn(&[u8]) -> Option<usize>,
    window: &[u8],
    ending: Ending,
) -> Option<usize> {
    let mut line_start = unit(window)?;
    let mut last_line = window.get(..line_start)?;
    loop {
        if rule.ends(last_line) {
            return Some(line_start);
        }
        let rest = window.get(line_start..)?;
        let Some(length) = unit(rest) else {
            // Everything up to here is complete; the next record may begin with what is missing.
            let complete = rest.is_empty();
            // A last line that nobody will complete is judged as it is.
            let last = matches!(ending, Ending::Final | Ending::Idle);
            if last && !complete && is_start(rest) {
                return Some(line_start);
            }
            return (ending == Ending::Held && complete).then_some(line_start);
        };
        let line = rest.get(..length)?;
        if is_start(line) {
            return Some(line_start);
        }
        line_start += length;
        last_line = line;
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
    fn a_long_line_whose_end_is_in_sight_is_told_from_one_whose_end_is_not() {
        let line = [&[b'a'; 16][..], b"\nb\n"].concat();
        assert_eq!(lines().next(&line, Ending::Open), Next::Long { len: 17 });
        assert_eq!(lines().next(&line[1..], Ending::Open), Next::Record { len: 16 });
        assert_eq!(lines().next(&[b'a'; 17], Ending::Final), Next::Long { len: 17 });
    }

    #[test]
    fn pieces_are_the_same_however_much_is_shown() {
        let pieces = lines().in_pieces();
        let line = "0123456789abcd\u{e9}fghij\u{1F600}klmn\n".as_bytes();
        for shown in 17..=line.len() {
            assert_eq!(pieces.next(&line[..shown], Ending::Open), Next::Piece { len: 16 });
        }
        let rest = &line[2..];
        assert_eq!(pieces.next(rest, Ending::Open), Next::Piece { len: 16 });
        let shifted = [b"-", line].concat();
        assert_eq!(pieces.next(&shifted, Ending::Open), Next::Piece { len: 15 }, "one whole");
        assert_eq!(pieces.next(&[0x80; 17], Ending::Open), Next::Piece { len: 16 }, "no text");
        assert_eq!(pieces.next(&line[16..], Ending::Open), Next::Record { len: 14 });
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
        assert_eq!(s.next(b"1 a\n2 b", Ending::Final), Next::Record { len: 4 });
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

    /// What the records of a stream are, said as plainly as possible.
    fn reference(stream: &[u8], multi_line: bool) -> Vec<Vec<u8>> {
        let mut records: Vec<Vec<u8>> = Vec::new();
        for line in stream.split_inclusive(|byte| *byte == b'\n') {
            let starts = !multi_line || line.first().is_some_and(u8::is_ascii_digit);
            match records.last_mut().filter(|_| !starts) {
                Some(record) => record.extend_from_slice(line),
                None => records.push(line.to_vec()),
            }
        }
        records
    }

    /// What the splitter makes of a stream that it sees in pieces, from each boundary on.
    fn split(splitter: &Splitter, stream: &[u8], random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
        let (mut records, mut start, mut seen) = (Vec::new(), 0, 0);
        loop {
            let ending = if seen == stream.len() { Ending::Final } else { Ending::Open };
            match splitter.next(&stream[start..seen], ending) {
                Next::NeedMore if seen == stream.len() => return records,
                Next::NeedMore | Next::Overlong => {
                    seen = (seen + random.usize(1..40)).min(stream.len());
                }
                Next::Record { len } | Next::Piece { len } | Next::Long { len } => {
                    assert!(len > 0);
                    records.push(stream[start..start + len].to_vec());
                    start += len;
                }
            }
        }
    }

    fn stream(random: &mut fastrand::Rng) -> Vec<u8> {
        let random_len = random.usize(0..120);
        let mut byte = || random.choice(b"\n\n\r\0\x1b\x8912a \xff\xfe\xc3\xa9".iter()).copied();
        (0..random_len).filter_map(|_| byte()).collect()
    }

    #[test]
    fn f30_random_streams_in_random_pieces_give_what_the_reference_gives() {
        let mut random = fastrand::Rng::with_seed(30);
        let single = Splitter::new(None, 4096);
        let multi = Splitter::new(Some(LineStart::compile("[0-9]").unwrap()), 4096);
        for _ in 0..20_000 {
            let stream = stream(&mut random);
            assert_eq!(split(&single, &stream, &mut random), reference(&stream, false));
            assert_eq!(split(&multi, &stream, &mut random), reference(&stream, true));
        }
    }

    #[test]
    fn f27_no_byte_is_changed_left_out_or_added_however_long_the_lines_are() {
        let mut random = fastrand::Rng::with_seed(27);
        for (splitter, longest) in [(lines(), usize::MAX), (lines().in_pieces(), 16)] {
            for _ in 0..20_000 {
                let stream = stream(&mut random);
                let records = split(&splitter, &stream, &mut random);
                assert_eq!(records.concat(), stream);
                assert!(records.iter().all(|record| record.len() <= longest));
            }
        }
    }
}
