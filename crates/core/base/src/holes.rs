//! Holes: stretches of a file that were skipped because they were unwritten when reading came
//! there. Pure: callers bring the bytes.
//!
//! They are known for two reasons: what is written there later is still to be read, and whatever
//! is written there changes nothing of what was read around them. So a proof of bytes takes holes
//! for the NUL bytes that they were.

/// So many holes of a file are known, at most.
pub(crate) const HOLES_MAX: usize = 1024;

/// A stretch that was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Its first byte.
    pub start: u64,
    /// Behind its last byte.
    pub end: u64,
}

/// The holes of a file, in order. No two of them meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holes(Vec<Hole>);

impl Holes {
    /// A file without holes.
    pub const NONE: Self = Self(Vec::new());

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Hole> {
        self.0.iter().copied()
    }

    /// The first one that ends behind an offset.
    #[must_use]
    pub fn first_behind(&self, offset: u64) -> Option<Hole> {
        self.0.get(self.index_behind(offset)).copied()
    }

    /// Adds one. Gives back the first one if there are too many: it is known no longer.
    pub fn insert(&mut self, hole: Hole) -> Option<Hole> {
        if hole.start >= hole.end {
            return None;
        }
        let from = self.0.partition_point(|other| other.end < hole.start);
        let to = self.0.partition_point(|other| other.start <= hole.end);
        let met = self.0.get(from..to).unwrap_or_default();
        let start = met.first().map_or(hole.start, |first| first.start.min(hole.start));
        let end = met.last().map_or(hole.end, |last| last.end.max(hole.end));
        self.0.splice(from..to.max(from), [Hole { start, end }]);
        (self.0.len() > HOLES_MAX).then(|| self.0.remove(0))
    }

    /// What lies in this stretch is no hole any longer.
    pub fn take_out(&mut self, stretch: Hole) {
        let mut left = Vec::with_capacity(self.0.len() + 1);
        for hole in self.0.drain(..) {
            let before = Hole { start: hole.start, end: hole.end.min(stretch.start) };
            let behind = Hole { start: hole.start.max(stretch.end), end: hole.end };
            left.extend([before, behind].into_iter().filter(|part| part.start < part.end));
        }
        left.dedup();
        self.0 = left;
    }

    /// The holes in front of an offset.
    #[must_use]
    pub fn before(&self, offset: u64) -> Self {
        if self.0.last().is_none_or(|last| last.end <= offset) {
            return self.clone();
        }
        let mut before = self.clone();
        before.take_out(Hole { start: offset, end: u64::MAX });
        before
    }

    /// Makes NUL bytes of what lies in holes, in bytes that begin at an offset.
    pub fn mask(&self, bytes: &mut [u8], offset: u64) {
        let end = offset + bytes.len() as u64;
        let first = self.index_behind(offset);
        for hole in self.0.get(first..).unwrap_or_default() {
            if hole.start >= end {
                return;
            }
            let within = |at: u64| usize::try_from(at.clamp(offset, end) - offset).unwrap_or(0);
            if let Some(part) = bytes.get_mut(within(hole.start)..within(hole.end)) {
                part.fill(0);
            }
        }
    }

    /// As few bytes, encoded: the distance to each hole and its length, seven bits a
    /// byte.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (mut out, mut at) = (Vec::with_capacity(self.0.len() * 4), 0);
        for hole in &self.0 {
            put(&mut out, hole.start - at);
            put(&mut out, hole.end - hole.start);
            at = hole.end;
        }
        out
    }

    /// What was encoded. `None` if these bytes stand for no holes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (mut left, mut at, mut holes) = (bytes, 0_u64, Self::default());
        while !left.is_empty() {
            let start = at.checked_add(take(&mut left)?)?;
            let end = start.checked_add(take(&mut left)?)?;
            if start >= end || (start == at && at > 0) || holes.0.len() == HOLES_MAX {
                return None;
            }
            holes.0.push(Hole { start, end });
            at = end;
        }
        Some(holes)
    }

    fn index_behind(&self, offset: u64) -> usize {
        self.0.partition_point(|hole| hole.end <= offset)
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn take(left: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = left.split_first()?;
        *left = rest;
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(shift).filter(|value| value >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(ranges: &[(u64, u64)]) -> Holes {
        let mut holes = Holes::default();
        for (start, end) in ranges {
            assert_eq!(holes.insert(Hole { start: *start, end: *end }), None);
        }
        holes
    }

    fn ranges(holes: &Holes) -> Vec<(u64, u64)> {
        holes.iter().map(|hole| (hole.start, hole.end)).collect()
    }

    #[test]
    fn holes_that_meet_are_one() {
        let all = holes(&[(10, 20), (40, 50), (20, 30), (35, 40), (5, 5)]);
        assert_eq!(ranges(&all), [(10, 30), (35, 50)]);
        assert_eq!(ranges(&holes(&[(10, 20), (30, 40), (0, 100)])), [(0, 100)]);
        assert_eq!(ranges(&holes(&[(10, 20), (12, 15)])), [(10, 20)]);
    }

    #[test]
    fn what_is_filled_leaves_the_rest() {
        let mut all = holes(&[(10, 20), (30, 40)]);
        all.take_out(Hole { start: 15, end: 20 });
        assert_eq!(ranges(&all), [(10, 15), (30, 40)]);
        all.take_out(Hole { start: 33, end: 35 });
        assert_eq!(ranges(&all), [(10, 15), (30, 33), (35, 40)]);
        assert_eq!(ranges(&all.before(32)), [(10, 15), (30, 32)]);
        assert_eq!(all.before(40), all);
        assert_eq!(all.first_behind(15), Some(Hole { start: 30, end: 33 }));
        assert_eq!(all.first_behind(14), Some(Hole { start: 10, end: 15 }));
        assert_eq!(all.first_behind(40), None);
    }

    #[test]
    fn bytes_in_holes_are_nul() {
        let all = holes(&[(2, 4), (6, 8), (12, 20)]);
        let mut bytes = *b"0123456789abcd";
        all.mask(&mut bytes, 0);
        assert_eq!(&bytes, b"01\0\x0045\0\089ab\0\0");
        let mut bytes = *b"3456";
        all.mask(&mut bytes, 3);
        assert_eq!(&bytes, b"\x0045\0");
        let mut bytes = *b"89ab";
        all.mask(&mut bytes, 8);
        assert_eq!(&bytes, b"89ab");
    }

    #[test]
    fn there_is_a_limit_and_what_is_forgotten_is_told() {
        let mut all = Holes::default();
        for at in 0..HOLES_MAX as u64 {
            assert_eq!(all.insert(Hole { start: at * 10, end: at * 10 + 5 }), None);
        }
        let forgotten = all.insert(Hole { start: 1_000_000, end: 1_000_001 });
        assert_eq!(forgotten, Some(Hole { start: 0, end: 5 }));
        assert_eq!(all.iter().count(), HOLES_MAX);
    }

    #[test]
    fn what_is_encoded_is_read_again() {
        for all in [
            Holes::NONE,
            holes(&[(0, 1)]),
            holes(&[(5, 300), (301, 1 << 40), (u64::MAX - 1, u64::MAX)]),
        ] {
            assert_eq!(Holes::decode(&all.encode()), Some(all));
        }
        for wrong in [&[1][..], &[1, 0], &[0x80], &[0xff; 11], &[5, 1, 0, 1]] {
            assert_eq!(Holes::decode(wrong), None, "{wrong:?}");
        }
    }
}
