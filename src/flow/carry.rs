//! Entries of container logs that begin in an older generation of a log and end in a younger one.
//!
//! What is open at the end of a generation to which nothing more can come is *carried*: its
//! position, and with it the checkpoint, stays at the start of the entry, and a copy of the bytes
//! waits for the younger generation. The first record of that begins with them. It accounts for its
//! bytes in all generations at once, so a crash before it is acknowledged leaves all of it to be
//! read again. What is carried is bounded by the length of a record for each log.

use super::pump::Turn;
use super::{Flow, Outlet};
use crate::batch::pack::{Before, Source, Stop};
use crate::tail::disk::Disk;
use crate::tail::identity::{FileKey, Position};
use crate::tail::splitter::Ending;
use crate::tail::tailer::Now;

/// What is open at the end of a generation.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Which bytes of which generations, the oldest first, and where those end.
    parts: Vec<(Before, Position)>,
    bytes: Vec<u8>,
}

impl Carried {
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

impl<D: Disk> Flow<D> {
    /// Where in the bytes of the window an entry begins that continues in the younger generation.
    pub(super) fn carried_from(&self, source: Source, bytes: &[u8]) -> Option<usize> {
        let framing = self.packer.framing()?;
        if source.ending == Ending::Open || !self.continues_in_younger(source.file) {
            return None;
        }
        let start = framing.open_tail(bytes)?;
        (bytes.len() - start <= self.packer.raw_record_bytes_max()).then_some(start)
    }

    /// Whether the younger generation is there and was not begun.
    fn continues_in_younger(&self, key: FileKey) -> bool {
        let younger = self.tailer.younger_generation(key);
        let younger = younger.and_then(|younger| self.tailer.file(younger));
        younger.is_some_and(|file| file.position().offset == 0 && !file.is_never_read())
            && self.config.skip_header_lines == 0
            && !self.uncarriable.contains(&key)
            // Nobody reads it after the stop: what there is of it is sent.
            && !(self.draining && self.tailer.is_lost_after_stop(key))
    }

    /// Keeps what the window holds from an offset to the end of a generation, behind what is
    /// carried into that already.
    pub(super) fn carry(&mut self, key: FileKey, from: u64, older: Option<FileKey>) {
        let Some(held) = self.window.from(key, from) else { return };
        let (len, end) = (held.len(), from + held.len() as u64);
        let Some(anchor) = self.window.anchor_at(key, end) else { return };
        let mut carried = older.and_then(|older| self.carried.remove(&older)).unwrap_or_default();
        carried.bytes.extend_from_slice(held);
        let before = Before { file: key, start: from, len };
        carried.parts.push((before, Position { offset: end, anchor }));
        self.carried.insert(key, carried);
    }

    /// Whether these bytes of a generation are carried. What is carried of one that has more now is
    /// forgotten.
    pub(super) fn is_carried(&mut self, key: FileKey, start: u64, end: u64) -> bool {
        let parts = self.carried.iter().flat_map(|(youngest, carried)| {
            let alone = carried.parts.len() == 1;
            carried.parts.iter().map(move |part| (*youngest, alone, part))
        });
        let mut of_file = parts.filter(|(_, _, (part, _))| part.file == key);
        let Some((youngest, alone, (part, position))) = of_file.next() else { return false };
        // As long as not all of it is shown, nothing else is known.
        if part.start == start && end <= position.offset {
            return true;
        }
        if alone {
            self.carried.remove(&youngest);
        } else {
            self.give_up_carried(youngest);
        }
        false
    }

    /// The generation whose end is carried into this one.
    pub(super) fn carried_into(&self, key: FileKey) -> Option<FileKey> {
        let older = self.tailer.older_generation(key)?;
        self.carried.contains_key(&older).then_some(older)
    }

    /// Takes the first record of a generation, which begins in `older`. `None` if there is more to
    /// do for this file.
    pub(super) fn take_joined(
        &mut self,
        mut source: Source,
        older: FileKey,
        now: Now,
        outlet: &mut impl Outlet,
    ) -> Option<Turn> {
        let carried = self.carried.get(&older)?;
        let parts = carried.parts.clone();
        let before: Vec<Before> = parts.iter().map(|(part, _)| *part).collect();
        let ending = source.ending;
        let mut bytes = carried.bytes.clone();
        let carried_bytes = bytes.len();
        bytes.extend_from_slice(self.window.from(source.file, source.offset).unwrap_or_default());
        let continues = self.carried_from(source, &bytes) == Some(0);
        if continues {
            source.ending = Ending::Open;
        }
        let taken = self.packer.take_joined(source, &before, &bytes, now.instant);
        match taken.stop {
            Stop::BatchFull => {
                for file in before.iter().map(|part| part.file).chain([source.file]) {
                    self.anchor_in_place(file);
                }
                self.make_room(now.instant, outlet)
            }
            Stop::Overlong | Stop::Footer => {
                self.give_up_carried(older);
                None
            }
            Stop::NeedMore if taken.used == 0 => {
                if continues && ending == Ending::Final {
                    self.carry(source.file, source.offset, Some(older));
                }
                self.need_more(source.file, source.offset, ending, now.instant)
            }
            Stop::NeedMore => {
                self.carried.remove(&older);
                for (part, end) in parts {
                    self.packer.anchor(part.file, end.anchor);
                    self.tailer.reader().advance(part.file, end);
                    self.metrics.bytes_read.increment(part.len as u64);
                    self.totals.bytes_read += part.len as u64;
                }
                let own = taken.used.saturating_sub(carried_bytes);
                self.advance(source.file, source.offset, own);
                None
            }
        }
    }

    /// What is in the open batch of a file is accounted for with what follows.
    pub(super) fn anchor_in_place(&mut self, key: FileKey) {
        if let Some(file) = self.tailer.file(key) {
            self.packer.anchor(key, file.position().anchor);
        }
    }

    /// Sends what is carried as it is where no younger generation will continue it.
    pub(super) fn look_after_carried(&mut self, now: Now) {
        let hopeless = |key: &FileKey| {
            let lost = self.draining && self.tailer.is_lost_after_stop(*key);
            let younger = self.tailer.younger_generation(*key);
            let younger = younger.and_then(|younger| self.tailer.file(younger));
            lost || younger.is_none_or(|file| {
                let ended = || self.tailer.ending(file.key(), now.instant) == Ending::Final;
                file.position().offset > 0
                    || file.is_never_read()
                    || (file.seen().size == 0 && ended())
            })
        };
        let hopeless: Vec<FileKey> = self.carried.keys().copied().filter(hopeless).collect();
        for key in hopeless {
            self.give_up_carried(key);
        }
    }

    /// Each generation is read to its own end.
    fn give_up_carried(&mut self, key: FileKey) {
        let Some(carried) = self.carried.remove(&key) else { return };
        let tailer = &self.tailer;
        self.uncarriable.retain(|key| tailer.file(*key).is_some());
        for (part, _) in carried.parts {
            self.uncarriable.insert(part.file);
            self.tailer.requeue(part.file);
        }
    }
}
