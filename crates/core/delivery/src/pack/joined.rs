//! Records that begin in an older generation of a log and end in a younger one.

use std::time::Instant;

use super::{Packer, Source, Stop, Taken};
use crate::Span;
use kinetail_base::identity::{Anchor, FileKey};
use kinetail_records::Framing;
use kinetail_records::splitter::Next;

/// Bytes at the end of an older generation that stand in front of those of a younger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// The older generation.
    pub file: FileKey,
    /// Where they begin in it.
    pub start: u64,
    /// How many there are.
    pub len: usize,
}

/// The file and the offset of byte `at` of those parts and what follows them, from `rest` on.
pub(super) fn place(parts: &[Before], rest: (FileKey, u64), mut at: usize) -> (FileKey, u64) {
    for part in parts {
        if at < part.len {
            return (part.file, part.start + at as u64);
        }
        at -= part.len;
    }
    (rest.0, rest.1 + at as u64)
}

impl Packer {
    /// How entries of several lines are told apart, if they are.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        self.splitter.framing()
    }

    /// Takes the first record of `bytes`, which are those of `before` and then those of `source`,
    /// from its start on. [`Stop::Overlong`] says that they make no record together.
    /// [`Taken::used`] counts all of these bytes; each file needs an anchor.
    pub fn take_joined(
        &mut self,
        source: Source,
        before: &[Before],
        bytes: &[u8],
        now: Instant,
    ) -> Taken {
        let Some(first) = before.first() else { return Taken { used: 0, stop: Stop::NeedMore } };
        self.chain.set_offset(first.start);
        let len = match self.splitter.next(bytes, source.ending) {
            Next::NeedMore => return Taken { used: 0, stop: Stop::NeedMore },
            Next::Record { len } if len >= before.iter().map(|part| part.len).sum() => len,
            Next::Record { .. } | Next::Long { .. } | Next::Overlong | Next::Piece { .. } => {
                return Taken { used: 0, stop: Stop::Overlong };
            }
        };
        let record = bytes.get(..len).unwrap_or_default();
        if !self.append_entries((source.file, source.offset), before, record, now) {
            if self.emitted.get(&source.file).is_some_and(|(_, done)| !done.is_empty()) {
                for part in before {
                    self.keep_place(part.file, part.start);
                }
            }
            return Taken { used: 0, stop: Stop::BatchFull };
        }
        self.counts.unterminated += u64::from(!record.ends_with(b"\n"));
        let (mut left, mut older) = (len, None);
        let rest = Before { file: source.file, start: source.offset, len: usize::MAX };
        for part in before.iter().copied().chain([rest]) {
            let covered = part.len.min(left);
            if covered == 0 {
                break;
            }
            self.cover(part.file, part.start, covered, now);
            if let (Some(older), Some(open)) = (older, &mut self.open) {
                open.joins.push((older, part.file));
            }
            (older, left) = (Some(part.file), left - covered);
        }
        Taken { used: len, stop: Stop::NeedMore }
    }

    /// Notes in the open batch that something of a file is in it, though it is accounted for with
    /// what follows, in a later one.
    pub(super) fn keep_place(&mut self, file: FileKey, at: u64) {
        let Some(open) = &mut self.open else { return };
        if !open.spans.iter().any(|span| span.file == file) {
            open.spans.push(Span { file, start: at, end: at, anchor: Anchor::default() });
        }
    }
}
