//! Whether a compressed file holds one of some contents, and where that continues.
//!
//! The content is unpacked once, up to the last position in question; at each position the bytes
//! before it are compared with its anchor. This can be a lot of bytes, so it is done in steps.

use super::stream::Stream;
use super::unpacked::Unpacked;
use crate::disk::{DiskError, OpenFile};
use crate::identity::{ANCHOR_BYTES_MAX, Anchor, FileKey, HEAD_BYTES_MAX, Position};
use crate::memory::Remembered;
use crate::window::bytes_before;

/// Unpacked at a time, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A compressed file that is being compared with contents that begin alike.
#[derive(Debug)]
pub(crate) struct Proof<F> {
    stream: Stream<F>,
    /// What is still to be compared, the next one last.
    open: Vec<Point>,
    /// The furthest position that agreed.
    proven: Option<(FileKey, Position)>,
    /// Whether the bytes before that are unlike those further back.
    tells: bool,
    /// What was unpacked last; enough to continue at a position before it.
    tail: Vec<u8>,
}

/// A position of a content, at which a compressed file is compared with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(super) key: FileKey,
    pub(super) at: Position,
    /// Whether the content may continue here. Elsewhere its bytes only must agree, or it does not
    /// continue further on either.
    pub(super) may_continue: bool,
}

impl Point {
    /// Where a content may continue.
    pub(super) fn end(key: FileKey, at: Position) -> Self {
        Self { key, at, may_continue: true }
    }

    /// The places of a content that must agree. What was filled in meanwhile is not what was there
    /// when they were taken.
    pub(super) fn checks(content: &Remembered) -> impl Iterator<Item = Self> {
        let (key, end) = (content.key, content.position.offset);
        let places = content.trail.iter().filter(|_| content.holes.is_empty());
        let within = places.filter(move |at| at.offset > 0 && at.offset < end);
        within.map(move |at| Self { key, at: *at, may_continue: false })
    }
}

/// What comparing came to.
#[derive(Debug)]
pub(crate) struct Verdict<F> {
    /// The content that it holds, if any, and where that continues.
    pub(super) proven: Option<(FileKey, Position)>,
    /// Whether the bytes before that are unlike those further back: text that repeats itself is
    /// the same in many files.
    pub(super) tells: bool,
    /// The stream, as far as it was needed.
    pub(super) stream: Stream<F>,
    tail: Vec<u8>,
}

impl<F: OpenFile> Proof<F> {
    /// Compares at these points. `head` is what came out of the stream until now.
    pub(super) fn new(stream: Stream<F>, head: Vec<u8>, mut points: Vec<Point>) -> Self {
        points.sort_by_key(|point| std::cmp::Reverse((point.at.offset, point.key)));
        let mut proof = Self { stream, open: points, proven: None, tells: false, tail: head };
        let known = proof.stream.decoded();
        while let Some(point) = proof.open.pop_if(|point| point.at.offset <= known) {
            let before = usize::try_from(point.at.offset).ok();
            let before = before.and_then(|len| proof.tail.get(..len)).map(<[u8]>::to_vec);
            proof.compare(point, before.as_deref());
        }
        proof
    }

    /// Compares the bytes before a point. Where they differ, so does what lies behind it.
    fn compare(&mut self, point: Point, before: Option<&[u8]>) {
        let Some(before) = before.filter(|before| Anchor::of(before) == point.at.anchor) else {
            return self.open.retain(|other| other.key != point.key);
        };
        if point.may_continue {
            self.tells = is_told_apart(before);
            self.proven = Some((point.key, point.at));
        }
    }

    /// Unpacks up to `budget_bytes`, and says so once everything is compared.
    pub(super) fn step(
        mut self,
        budget_bytes: usize,
    ) -> Result<Result<Verdict<F>, Self>, DiskError> {
        let mut left = budget_bytes;
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Some(point) = self.open.last().copied() {
            let ahead = point.at.offset - self.stream.decoded();
            let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
            if ahead == 0 {
                self.open.pop();
                let tail = std::mem::take(&mut self.tail);
                self.compare(point, Some(&tail));
                self.tail = tail;
                continue;
            }
            if left == 0 {
                return Ok(Err(self));
            }
            let room = chunk.get_mut(..ahead.min(left).min(CHUNK_BYTES)).unwrap_or_default();
            let count = self.stream.read(room)?;
            if count == 0 {
                break;
            }
            left -= count;
            self.remember(chunk.get(..count).unwrap_or_default());
        }
        let Self { stream, proven, tells, tail, .. } = self;
        Ok(Ok(Verdict { proven, tells, stream, tail }))
    }

    fn remember(&mut self, bytes: &[u8]) {
        remember(&mut self.tail, bytes);
    }
}

/// Whether the last bytes do not stand further in front, too.
fn is_told_apart(before: &[u8]) -> bool {
    let Some(at) = before.len().checked_sub(ANCHOR_BYTES_MAX) else { return false };
    let (anchor, earlier) = (before.get(at..), before.get(..before.len() - 1));
    let found = anchor.zip(earlier).map(|(anchor, all)| memchr::memmem::find(all, anchor));
    found.is_some_and(|found| found.is_none())
}

fn remember(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(bytes);
    let over = tail.len().saturating_sub(HEAD_BYTES_MAX);
    tail.drain(..over);
}

impl<F: OpenFile> Verdict<F> {
    /// The file, ready to be read from the position; nothing if it was unpacked further.
    pub(super) fn into_unpacked(self) -> Option<Unpacked<F>> {
        let (_, position) = self.proven?;
        let start = self.stream.decoded() - self.tail.len() as u64;
        let needed = position.offset - bytes_before(position.offset) as u64;
        (start <= needed).then(|| Unpacked::new(self.stream, self.tail))
    }

    /// Unpacks up to `budget_bytes` more; `true` once the stream ended, for whatever reason.
    pub(super) fn go_to_end(&mut self, budget_bytes: usize) -> Result<bool, DiskError> {
        unpack(&mut self.stream, budget_bytes, |bytes| remember(&mut self.tail, bytes))
    }

    /// The last bytes that were unpacked, enough for an anchor, and the offset they begin at.
    pub(super) fn end(&self) -> (u64, &[u8]) {
        let size = self.stream.decoded();
        let len = bytes_before(size).min(self.tail.len());
        (size - len as u64, self.tail.get(self.tail.len() - len..).unwrap_or_default())
    }
}

/// Goes through up to `budget_bytes` of a stream; `true` once it ended, for whatever reason.
pub(crate) fn check<F: OpenFile>(
    stream: &mut Stream<F>,
    budget_bytes: usize,
) -> Result<bool, DiskError> {
    unpack(stream, budget_bytes, |_| {})
}

fn unpack<F: OpenFile>(
    stream: &mut Stream<F>,
    budget_bytes: usize,
    mut take: impl FnMut(&[u8]),
) -> Result<bool, DiskError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut left = budget_bytes;
    while left > 0 {
        match stream.read(&mut chunk)? {
            0 => return Ok(true),
            count => {
                take(chunk.get(..count).unwrap_or_default());
                left = left.saturating_sub(count);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::stream::tests::{compress, stream_of};
    use super::super::stream::{End, Format};
    use super::*;
    use crate::memory_disk::MemoryFile;

    fn content() -> Vec<u8> {
        (0..40_000_u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect()
    }

    fn at(content: &[u8], offset: usize) -> Position {
        Position { offset: offset as u64, anchor: Anchor::of(&content[..offset]) }
    }

    /// The verdict, and in how many steps it was reached.
    fn judge(content: &[u8], contents: &[(u64, Position)]) -> (Verdict<MemoryFile>, usize) {
        let mut stream = stream_of(Format::Gzip, &compress(Format::Gzip, content));
        let mut head = vec![0; HEAD_BYTES_MAX];
        let count = stream.read_full(&mut head).unwrap();
        head.truncate(count);
        let points = contents.iter().map(|(key, at)| Point::end(FileKey(*key), *at)).collect();
        let mut proof = Proof::new(stream, head, points);
        for steps in 1.. {
            match proof.step(100_000).unwrap() {
                Ok(verdict) => return (verdict, steps),
                Err(unfinished) => proof = unfinished,
            }
        }
        unreachable!("it ends");
    }

    #[test]
    fn the_right_bytes_before_a_position_prove_it() {
        let content = content();
        for offset in [0, 7, 500, 1023, 1024, 1025, 65_536, 300_007, content.len()] {
            let (verdict, steps) = judge(&content, &[(1, at(&content, offset))]);
            assert_eq!(verdict.proven, Some((FileKey(1), at(&content, offset))), "{offset}");
            assert!(steps >= offset / 100_000, "{offset} in {steps} steps");
            assert!(verdict.into_unpacked().is_some(), "{offset}");
        }
    }

    #[test]
    fn other_bytes_or_too_few_prove_nothing() {
        let content = content();
        let other = Position { anchor: Anchor::of(b"else"), ..at(&content, 9_999) };
        assert!(judge(&content, &[(1, other)]).0.proven.is_none());
        let longer = Position { offset: content.len() as u64 + 1, ..other };
        let (verdict, _) = judge(&content, &[(1, longer)]);
        assert!(verdict.proven.is_none() && verdict.stream.end() == Some(&End::Complete));
    }

    #[test]
    fn of_several_contents_the_furthest_that_agrees_is_the_one() {
        let content = content();
        let wrong = Position { anchor: Anchor::of(b"else"), ..at(&content, 350_000) };
        let contents =
            [(1, at(&content, 100)), (2, at(&content, 200_000)), (3, at(&content, 90)), (4, wrong)];
        let (verdict, _) = judge(&content, &contents);
        assert_eq!(verdict.proven.map(|(key, _)| key), Some(FileKey(2)));
        assert!(verdict.into_unpacked().is_none(), "it was unpacked further");
    }
}
