//! A compressed file that is being read: the bytes between the last record that was taken and
//! where its decoder stands.
//!
//! A decoder only goes forward, and a flow goes back: to the bytes before its position, which
//! prove it, and to the beginning of a long line whose end had to be found first. What is needed
//! for that is kept here, and nothing else. It is bounded by what a window holds.

use memchr::memchr;

use super::stream::{End, Stream};
use crate::disk::{DiskError, OpenFile};
use crate::identity::{Anchor, FileKey, HEAD_BYTES_MAX, Position};
use crate::window::{Refill, Window, bytes_before};

/// The search for a line end unpacks this many bytes at a time.
const SCAN_BYTES: usize = 256 * 1024;

/// A stretch of the content.
#[derive(Debug, Default)]
struct Stretch {
    start: u64,
    bytes: Vec<u8>,
}

/// What a search for a line end found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// The offset behind the first line end.
    pub found: Option<u64>,
    /// Everything before this was searched.
    pub reached: u64,
    /// The file ends there.
    pub at_end: bool,
}

/// A compressed file that is being read.
#[derive(Debug)]
pub(crate) struct Unpacked<F> {
    stream: Stream<F>,
    /// What follows the position, and a little before it.
    held: Stretch,
    /// Where the search for the end of a long line stands; there is a gap behind `held`.
    ahead: Option<Stretch>,
}

impl Stretch {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from an offset on, if it lies in here.
    fn from(&self, offset: u64) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..)
    }

    fn forget_before(&mut self, offset: u64) {
        let over = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.drain(..over.min(self.bytes.len()));
        self.start = self.start.max(offset);
    }

    /// Unpacks as many bytes as there are, up to `count`.
    fn extend<F: OpenFile>(
        &mut self,
        stream: &mut Stream<F>,
        count: usize,
    ) -> Result<(), DiskError> {
        let from = self.bytes.len();
        self.bytes.resize(from + count, 0);
        let filled = self.bytes.get_mut(from..).map_or(Ok(0), |room| stream.read_full(room));
        self.bytes.truncate(from + *filled.as_ref().unwrap_or(&0));
        filled.map(|_| ())
    }
}

impl<F: OpenFile> Unpacked<F> {
    /// Goes on with a stream whose last bytes were `before`.
    pub(super) fn new(stream: Stream<F>, before: Vec<u8>) -> Self {
        let start = stream.decoded() - before.len() as u64;
        Self { stream, held: Stretch { start, bytes: before }, ahead: None }
    }

    /// Why nothing more will come, once that is known.
    pub(super) fn end(&self) -> Option<&End> {
        self.stream.end()
    }

    /// How far the content is unpacked.
    pub(super) fn decoded(&self) -> u64 {
        self.stream.decoded()
    }

    /// How many bytes of the compressed file were read.
    pub(super) fn input_bytes(&self) -> u64 {
        self.stream.input_bytes()
    }

    /// Makes the window hold what follows the position. Positions only grow.
    pub(super) fn fill(
        &mut self,
        window: &mut Window,
        key: FileKey,
        position: Position,
    ) -> Result<Refill, DiskError> {
        let from = position.offset - bytes_before(position.offset) as u64;
        if let Some(ahead) = self.ahead.take_if(|ahead| from >= ahead.start) {
            self.held = ahead;
        }
        self.held.forget_before(from);
        if self.ahead.is_none() && self.stream.end().is_none() {
            let room = window.room().saturating_sub(self.held.bytes.len());
            self.held.extend(&mut self.stream, room)?;
        }
        let at_end = self.stream.end().is_some() && self.ahead.is_none();
        Ok(window.load(key, (self.held.start, &self.held.bytes), position, at_end))
    }

    /// Searches for a line end behind `from` without keeping what it goes through.
    pub(super) fn scan(&mut self, from: u64) -> Result<Scanned, DiskError> {
        let latest = self.ahead.as_ref().unwrap_or(&self.held);
        let unsearched = latest.from(from).unwrap_or_default();
        if unsearched.is_empty() && self.stream.end().is_none() {
            let keep = latest.bytes.len().saturating_sub(HEAD_BYTES_MAX);
            let bytes = latest.bytes.get(keep..).unwrap_or_default().to_vec();
            let mut next = Stretch { start: latest.start + keep as u64, bytes };
            next.extend(&mut self.stream, SCAN_BYTES)?;
            self.ahead = Some(next);
        }
        let latest = self.ahead.as_ref().unwrap_or(&self.held);
        let unsearched = latest.from(from).unwrap_or_default();
        Ok(Scanned {
            found: memchr(b'\n', unsearched).map(|at| from + at as u64 + 1),
            reached: latest.end().max(from),
            at_end: self.stream.end().is_some(),
        })
    }

    /// The anchor of an offset that the last search went over.
    pub(super) fn anchor_at(&self, offset: u64) -> Option<Anchor> {
        let latest = self.ahead.as_ref().unwrap_or(&self.held);
        let len = Anchor::len_at(offset);
        let before = latest.from(offset - len as u64)?.get(..len)?;
        Some(Anchor::of(before))
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::Format;
    use super::super::stream::tests::{FORMATS, compress, stream_of};
    use super::*;
    use crate::memory_disk::MemoryFile;
    use crate::window::WINDOW_BYTES;

    const KEY: FileKey = FileKey(3);

    fn position(content: &[u8], offset: usize) -> Position {
        Position { offset: offset as u64, anchor: Anchor::of(&content[..offset]) }
    }

    fn unpacked(format: Format, content: &[u8]) -> Unpacked<MemoryFile> {
        Unpacked::new(stream_of(format, &compress(format, content)), Vec::new())
    }

    #[test]
    fn a_flow_that_takes_any_pieces_sees_every_byte_once() {
        let content: Vec<u8> =
            (0..60_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        for format in FORMATS {
            let mut unpacked = unpacked(format, &content);
            let mut window = Window::new();
            let mut random = fastrand::Rng::with_seed(7);
            let mut offset = 0;
            while offset < content.len() {
                let at = position(&content, offset);
                assert_eq!(unpacked.fill(&mut window, KEY, at).unwrap(), Refill::Filled);
                let held = window.from(KEY, at.offset).unwrap();
                assert!(!held.is_empty() && content[offset..].starts_with(held));
                let end = offset + held.len();
                assert_eq!(window.at_end(), end == content.len() && unpacked.end().is_some());
                assert!(unpacked.held.bytes.len() <= WINDOW_BYTES + HEAD_BYTES_MAX);
                offset += random.usize(1..=held.len());
            }
            let at = position(&content, offset);
            assert_eq!(unpacked.fill(&mut window, KEY, at).unwrap(), Refill::Filled);
            assert_eq!(window.from(KEY, at.offset), Some(&b""[..]));
            assert!(window.at_end() && unpacked.end() == Some(&End::Complete));
        }
    }

    #[test]
    fn bytes_before_the_position_that_differ_are_noticed() {
        let mut unpacked = unpacked(Format::Gzip, b"one\ntwo\n");
        let at = Position { offset: 4, anchor: Anchor::of(b"One\n") };
        assert_eq!(unpacked.fill(&mut Window::new(), KEY, at).unwrap(), Refill::Changed);
    }

    #[test]
    fn the_end_of_a_long_line_is_found_while_its_beginning_is_kept() {
        let long = 20 * 1024 * 1024;
        let content = [&b"first\n"[..], &vec![b'x'; long], b"\nlast\n"].concat();
        let mut unpacked = unpacked(Format::Gzip, &content);
        let mut window = Window::new();
        let at = position(&content, 6);
        unpacked.fill(&mut window, KEY, at).unwrap();
        let mut from = at.offset + window.from(KEY, at.offset).unwrap().len() as u64;
        let end = loop {
            let scanned = unpacked.scan(from).unwrap();
            let ahead = unpacked.ahead.as_ref().unwrap().bytes.len();
            assert!(ahead <= SCAN_BYTES + HEAD_BYTES_MAX);
            match scanned.found {
                Some(end) => break end,
                None => from = scanned.reached,
            }
        };
        assert_eq!(end, 6 + long as u64 + 1);
        let at_end = position(&content, 6 + long + 1);
        assert_eq!(unpacked.anchor_at(end), Some(at_end.anchor));
        // The beginning is still there, and what follows the line as well.
        unpacked.fill(&mut window, KEY, at).unwrap();
        assert!(window.from(KEY, 6).unwrap().len() >= WINDOW_BYTES - HEAD_BYTES_MAX);
        assert!(!window.at_end());
        unpacked.fill(&mut window, KEY, at_end).unwrap();
        assert_eq!(window.from(KEY, end), Some(&b"last\n"[..]));
        assert!(window.at_end());
    }
}
