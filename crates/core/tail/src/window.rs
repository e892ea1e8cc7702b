//! The one buffer that a flow reads into, and the proof that comes with every read.
//!
//! A window holds consecutive bytes of one file generation. Each refill starts a little before
//! the wanted offset, and the bytes there must be the ones that were there before; a file that
//! was truncated and grew past the old offset is caught by this, whatever its size and times say.
//! The window keeps no state about records.

use super::disk::{DiskError, OpenFile};
use super::holes::Holes;
use super::identity::{Anchor, FileKey, HEAD_BYTES_MAX, Position};

/// What a window holds at first, in bytes: large enough that a read costs little per byte, small
/// enough to stay in the processor's cache while its bytes are encoded, and for many flows.
pub const WINDOW_BYTES: usize = 64 * 1024;

/// A buffer over a stretch of one file generation.
#[derive(Debug)]
pub struct Window {
    bytes: Vec<u8>,
    file: Option<FileKey>,
    /// The file offset of the first byte held.
    start: u64,
    /// How many bytes are held.
    len: usize,
    /// Where the last NUL is in them.
    last_nul: Option<usize>,
    /// Whether the last refill met the end of the file.
    at_end: bool,
}

/// What a refill found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// The bytes before the position are not the ones that were there: another content.
    Changed,
    /// The window holds what follows the position, perhaps nothing.
    Filled,
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: vec![0; WINDOW_BYTES + HEAD_BYTES_MAX],
            file: None,
            start: 0,
            len: 0,
            last_nul: None,
            at_end: false,
        }
    }

    /// Forgets what it holds. To be called when a file's content changed behind our back.
    pub fn clear(&mut self) {
        self.file = None;
        self.len = 0;
    }

    /// The bytes from `offset` on, if it holds them for this file; may be empty.
    #[must_use]
    pub fn from(&self, file: FileKey, offset: u64) -> Option<&[u8]> {
        self.index_of(file, offset).and_then(|at| self.bytes.get(at..self.len))
    }

    /// Whether a NUL is in the bytes from `offset` on.
    #[must_use]
    pub(super) fn has_nul(&self, file: FileKey, offset: u64) -> bool {
        self.index_of(file, offset).is_some_and(|at| self.last_nul.is_some_and(|nul| nul >= at))
    }

    /// The anchor of an offset that lies within or right behind the bytes held.
    #[must_use]
    pub fn anchor_at(&self, file: FileKey, offset: u64) -> Option<Anchor> {
        let at = self.index_of(file, offset)?;
        let covered = Anchor::len_at(offset);
        self.bytes.get(at.checked_sub(covered)?..at).map(Anchor::of)
    }

    /// The first bytes of the file, if the window begins there. They were read together with
    /// everything else in it, so they are of the same content.
    #[must_use]
    pub fn beginning(&self, file: FileKey) -> Option<&[u8]> {
        let held = self.from(file, 0).filter(|_| self.start == 0)?;
        Some(held.get(..HEAD_BYTES_MAX).unwrap_or(held))
    }

    /// Whether the file ended where the window ends when it was last refilled.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.at_end
    }

    /// Whether no further byte fits behind `offset`.
    #[must_use]
    pub fn is_full(&self, file: FileKey, offset: u64) -> bool {
        self.from(file, offset).is_some_and(|held| held.len() >= self.capacity())
    }

    /// How many bytes behind a position fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len() - HEAD_BYTES_MAX
    }

    /// Makes room for at least `wanted` bytes behind a position.
    pub fn grow(&mut self, wanted: usize) {
        if self.capacity() < wanted {
            self.bytes.resize(wanted + HEAD_BYTES_MAX, 0);
        }
    }

    /// Gives memory beyond the usual size back. What was held is forgotten.
    pub fn shrink(&mut self) {
        if self.capacity() > WINDOW_BYTES {
            *self = Self::new();
        }
    }

    /// How many bytes it takes, with those before a position.
    #[must_use]
    pub(super) fn room(&self) -> usize {
        self.bytes.len()
    }

    /// Takes bytes that were read elsewhere: those from `start` on, as far as there is room. They
    /// are proven as a refill is. `at_end`: the content ends behind them.
    pub(super) fn load(
        &mut self,
        key: FileKey,
        (start, bytes): (u64, &[u8]),
        position: Position,
        at_end: bool,
    ) -> Refill {
        self.clear();
        let filled = bytes.len().min(self.bytes.len());
        if let (Some(room), Some(bytes)) = (self.bytes.get_mut(..filled), bytes.get(..filled)) {
            room.copy_from_slice(bytes);
        }
        self.at_end = at_end && filled == bytes.len();
        self.prove(key, (start, filled), position)
    }

    /// Reads what follows `position`, and proves by its anchor that the file is still the one the
    /// position was taken in. In holes the window holds NUL bytes, whatever was written there.
    ///
    /// # Errors
    ///
    /// Whatever reading the file fails with.
    pub fn refill<F: OpenFile>(
        &mut self,
        key: FileKey,
        file: &F,
        (position, holes): (Position, &Holes),
    ) -> Result<Refill, DiskError> {
        self.clear();
        let back = bytes_before(position.offset);
        let start = position.offset - back as u64;
        self.at_end = false;
        let mut filled = 0;
        while let Some(room) = self.bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            let wanted = room.len();
            let count = file.read_at(start + filled as u64, room)?;
            filled += count;
            // A regular file gives less than was asked for only where it ends.
            if count < wanted {
                self.at_end = true;
                break;
            }
        }
        if let Some(bytes) = self.bytes.get_mut(..filled).filter(|_| !holes.is_empty()) {
            holes.mask(bytes, start);
        }
        Ok(self.prove(key, (start, filled), position))
    }

    /// Holds what was read, if the bytes before the position are the ones that were there.
    fn prove(&mut self, key: FileKey, (start, filled): (u64, usize), at: Position) -> Refill {
        let proven = usize::try_from(at.offset - start)
            .ok()
            .and_then(|back| {
                let held = self.bytes.get(..filled)?;
                held.get(back.checked_sub(Anchor::len_at(at.offset))?..back)
            })
            .is_some_and(|before| Anchor::of(before) == at.anchor);
        if !proven {
            return Refill::Changed;
        }
        self.file = Some(key);
        self.start = start;
        self.len = filled;
        // Once for each refill, however often it is asked.
        self.last_nul = memchr::memrchr(0, self.bytes.get(..filled).unwrap_or_default());
        Refill::Filled
    }

    fn index_of(&self, file: FileKey, offset: u64) -> Option<usize> {
        if self.file != Some(file) {
            return None;
        }
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (at <= self.len).then_some(at)
    }
}

/// How many bytes before an offset are read with what follows it: at the start of a file all of
/// them, because its head is still growing, and later what the anchor covers.
pub(super) fn bytes_before(offset: u64) -> usize {
    match usize::try_from(offset) {
        Ok(offset) if offset <= HEAD_BYTES_MAX => offset,
        Ok(_) | Err(_) => Anchor::len_at(offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_disk::MemoryFile;

    const KEY: FileKey = FileKey(7);

    fn file_with(bytes: &[u8]) -> MemoryFile {
        MemoryFile::with(bytes)
    }

    #[test]
    fn it_holds_what_follows_the_position_and_its_anchor() {
        let file = file_with(b"abc\ndef\n");
        let mut window = Window::new();
        let at = Position { offset: 4, anchor: Anchor::of(b"abc\n") };
        assert_eq!(window.refill(KEY, &file, (at, &Holes::NONE)).unwrap(), Refill::Filled);
        assert_eq!(window.from(KEY, 4), Some(&b"def\n"[..]));
        assert_eq!(window.from(KEY, 8), Some(&b""[..]));
        assert_eq!(window.from(KEY, 9), None);
        assert_eq!(window.from(FileKey(8), 4), None, "another generation");
        assert_eq!(window.anchor_at(KEY, 8), Some(Anchor::of(b"abc\ndef\n")));
        assert!(window.at_end());
    }

    #[test]
    fn other_bytes_before_the_position_are_another_content() {
        let file = file_with(b"xyz\ndef\n");
        let mut window = Window::new();
        let at = Position { offset: 4, anchor: Anchor::of(b"abc\n") };
        assert_eq!(window.refill(KEY, &file, (at, &Holes::NONE)).unwrap(), Refill::Changed);
        assert_eq!(window.from(KEY, 4), None);
    }

    #[test]
    fn a_file_shorter_than_the_position_is_another_content() {
        let file = file_with(b"ab");
        let mut window = Window::new();
        let at = Position { offset: 4, anchor: Anchor::of(b"abc\n") };
        assert_eq!(window.refill(KEY, &file, (at, &Holes::NONE)).unwrap(), Refill::Changed);
    }

    #[test]
    fn anchors_are_right_far_into_a_window() {
        let bytes: Vec<u8> = (0..2000u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let file = file_with(&bytes);
        let mut window = Window::new();
        window.refill(KEY, &file, (Position::start(), &Holes::NONE)).unwrap();
        for offset in [0, 1, 255, 256, 257, 4000, bytes.len()] {
            let anchor = window.anchor_at(KEY, offset as u64).unwrap();
            assert_eq!(anchor, Anchor::of(&bytes[..offset]), "at {offset}");
        }
    }

    #[test]
    fn a_nul_counts_for_offsets_up_to_it() {
        let file = file_with(b"a\0b\0cd");
        let mut window = Window::new();
        window.refill(KEY, &file, (Position::start(), &Holes::NONE)).unwrap();
        let nuls = (0..7).map(|offset| window.has_nul(KEY, offset));
        assert_eq!(nuls.collect::<Vec<_>>(), [true, true, true, true, false, false, false]);
        assert!(!window.has_nul(FileKey(8), 0), "another generation");
        let file = file_with(b"abcd");
        window.refill(KEY, &file, (Position::start(), &Holes::NONE)).unwrap();
        assert!(!window.has_nul(KEY, 0));
    }

    #[test]
    fn it_grows_and_shrinks() {
        let file = file_with(&vec![b'a'; WINDOW_BYTES + 10]);
        let mut window = Window::new();
        window.refill(KEY, &file, (Position::start(), &Holes::NONE)).unwrap();
        assert!(window.is_full(KEY, 0));
        assert!(!window.at_end() || window.from(KEY, 0).unwrap().len() == WINDOW_BYTES + 10);
        window.grow(WINDOW_BYTES * 2);
        window.refill(KEY, &file, (Position::start(), &Holes::NONE)).unwrap();
        assert_eq!(window.from(KEY, 0).unwrap().len(), WINDOW_BYTES + 10);
        window.shrink();
        assert_eq!(window.capacity(), WINDOW_BYTES);
    }
}
