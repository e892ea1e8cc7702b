//! Where records end: pure decisions over bytes that begin at a record boundary.
//!
//! The splitter holds no bytes. Who calls it shows it everything from the last boundary on and
//! asks again with more when it needs more, so a truncated file can never leave half a line
//! behind in here.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

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

    /// The records that are in what [`Self::next`] gives, with where in it each begins: more than
    /// one where entries of several lines are mixed.
    #[must_use]
    pub fn records<'l>(&self, lines: &'l [u8]) -> Vec<(usize, Cow<'l, [u8]>)> {
        let Some(framing) = self.framing else { return vec![(0, lines.into())] };
        let entries = if self.joins_entries() {
            framing.joined_entries(lines)
        } else {
            framing.entries(lines)
        };
        let record = |entry: Vec<Range<usize>>| {
            let start = entry.first().map_or(0, |first| first.start);
            let lines = entry.into_iter().map(|line| lines.get(line).unwrap_or_default());
            (start, lines.collect::<Vec<_>>().concat().into())
        };
        entries.into_iter().map(record).collect()
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
    pub fn take_limit_exceeded(&self) -> u64 {
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

    /// Whether each line is a record.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.is_multi_line() && self.aggregate_bytes == 0
    }

    /// The maximum length of a record, its line end included, in bytes.
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
                // The lines of the other stream come in between by accident.
                let first = memchr(b'\n', window).and_then(|at| window.get(..at));
                let differs =
                    |line: &[u8]| first.zip(framing).is_some_and(|(one, by)| by.differs(one, line));
                let is_start = |line: &[u8]| differs(line) || self.is_start(start, line);
                end_of_multi_line(&is_start, start, &unit, window, ending)
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
            // A last line that is never completed is judged as it is.
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
mod tests;
