//! The compressed file that is being read: from the proof that it is the right one to its end.
//!
//! Part of [`Tailer`]. For the rest of a flow it is a file like any other, without a name that
//! matches and without a handle; only looking, filling the window and the end are different.

use std::sync::Arc;

use super::hunt::Found;
use super::stream::End;
use super::unpacked::{Scanned, Unpacked};
use crate::candidate::Candidate;
use crate::disk::{Disk, DiskError, OpenFile};
use crate::event::EventKind;
use crate::file::{Stat, Tailed};
use crate::identity::{Anchor, FileKey};
use crate::life::{self, Fact, Life, Phase};
use crate::memory::Remembered;
use crate::problems::FileError;
use crate::splitter::Ending;
use crate::tailer::{Fill, Now, Tailer, checkpoint};
use crate::window::{Refill, Window};
use kinetail_base::checkpoint::Change;

/// The compressed file that is being read.
#[derive(Debug)]
pub(super) struct Reading<F> {
    key: FileKey,
    unpacked: Unpacked<F>,
    /// To see whether it is deleted.
    handle: F,
    /// As it was when it was opened.
    stat: Stat,
    /// What was remembered of its content.
    content: Remembered,
    /// The first bytes of its content.
    head: Vec<u8>,
}

/// A compressed file that is not read any more, and what it was for the rest of a flow.
type Taken<F> = (Reading<F>, Tailed<F>);

impl<F: OpenFile> Reading<F> {
    /// The size of the content; as long as it is not known, what it has at least.
    fn size_at_least(&self) -> u64 {
        let packed_left = self.stat.size.saturating_sub(self.unpacked.input_bytes());
        let more = if self.unpacked.end().is_some() { 0 } else { packed_left.max(1) };
        self.unpacked.decoded() + more
    }

    /// What is to be remembered of its content, as far as it is read now.
    fn content_of(self, file: Tailed<F>, now: Now) -> Remembered {
        Remembered {
            head: file.head,
            position: file.position,
            acked: file.acked(),
            trail: file.progress.into_trail(),
            since: now.instant,
            ..self.content
        }
    }

    fn ending(&self) -> Ending {
        match self.unpacked.end() {
            Some(End::Complete) => Ending::Final,
            Some(End::Cut | End::Damaged(_)) | None => Ending::Open,
        }
    }
}

impl<D: Disk> Tailer<D> {
    fn reading(&self, key: FileKey) -> Option<&Reading<D::File>> {
        self.hunt.reading.as_ref().filter(|reading| reading.key == key)
    }

    /// Whether this is a compressed file.
    pub(crate) fn is_compressed(&self, key: FileKey) -> bool {
        self.reading(key).is_some()
    }

    /// Goes on with a known content in a compressed file that provably holds it.
    pub(super) fn read_compressed(
        &mut self,
        found: Found<D::File>,
        unpacked: Unpacked<D::File>,
        key: FileKey,
        now: Now,
    ) {
        let handle = found.handle.clone();
        let Some(content) = self.memory.remove(key) else { return };
        self.stop_waiting(found.inode);
        let Found { path, inode, stat, head, .. } = found;
        self.recovered(&path);
        let beginning = head.clone();
        let candidate = Candidate { path, inode, handle: found.handle, stat, head };
        let mut file = candidate.into_file(key, Life::missing(), content.position, now.instant);
        file.handle = None;
        file.progress.set_acked(content.acked);
        file.life.unpack(now.instant);
        let detail = format!(
            "was {}, continued at byte {} of what was compressed",
            content.path.display(),
            content.position.offset
        );
        self.event(EventKind::CompressedCopy, &Arc::clone(&file.path), detail);
        if content.acked == content.position.offset {
            self.changes.push(Change::Save(checkpoint(&file, content.position)));
        }
        let reading = Reading { key, unpacked, handle, stat, content, head: beginning };
        file.seen.size = reading.size_at_least();
        self.hunt.reading = Some(reading);
        self.make_room();
        self.open_count += 1;
        self.by_inode.insert(inode, key);
        self.files.insert(key, file);
        self.requeue(key);
    }

    /// What [`Tailer::fill`] does for a compressed file.
    pub(crate) fn fill_compressed(&mut self, key: FileKey, window: &mut Window, now: Now) -> Fill {
        let reading = self.hunt.reading.as_mut().filter(|reading| reading.key == key);
        let (Some(reading), Some(file)) = (reading, self.files.get_mut(&key)) else {
            return Fill::Nothing;
        };
        let path = Arc::clone(&file.path);
        let inode = file.inode;
        let failed = match reading.unpacked.fill(window, key, file.position) {
            Ok(Refill::Filled) => {
                file.seen.size = reading.size_at_least();
                file.agrees_from_start(window.beginning(key));
                return Fill::Ready;
            }
            Ok(Refill::Changed) => None,
            Err(error) => Some(error),
        };
        window.clear();
        self.give_back(key, now);
        match failed {
            Some(error) => {
                // The file is as it was; the disk may read it the next time.
                self.hunt.look_again(&path);
                self.fails_to_read(&path, Some(inode), error);
            }
            None => self.trouble(&path, FileError::Changed),
        }
        Fill::Nothing
    }

    /// What [`Tailer::scan_for_line_end`] does for a compressed file.
    pub(crate) fn scan_compressed(
        &mut self,
        key: FileKey,
        from: u64,
    ) -> Option<Result<Scanned, DiskError>> {
        let reading = self.hunt.reading.as_mut().filter(|reading| reading.key == key)?;
        let scanned = reading.unpacked.scan(from);
        if let Some(file) = self.files.get_mut(&key) {
            file.seen.size = reading.size_at_least();
        }
        Some(scanned)
    }

    /// What [`Tailer::position_at`] needs for a compressed file.
    pub(crate) fn anchor_in_compressed(&self, key: FileKey, end: u64) -> Option<Anchor> {
        self.reading(key)?.unpacked.anchor_at(end)
    }

    /// Whether more may follow what was unpacked.
    pub(crate) fn ending_of_compressed(&self, file: &Tailed<D::File>) -> Option<Ending> {
        Some(self.reading(file.key)?.ending())
    }

    /// What a look is for a compressed file: goes on reading, or lets it go at its end.
    pub(crate) fn look_at_compressed(&mut self, key: FileKey, now: Now) {
        let (Some(reading), Some(file)) = (self.hunt.reading.as_ref(), self.files.get_mut(&key))
        else {
            return;
        };
        if let Ok(stat) = reading.handle.stat() {
            file.seen.links = stat.links;
        }
        file.seen.size = reading.size_at_least();
        if file.lag_bytes() == 0 {
            file.pace.note_caught_up(now.instant);
        }
        let ending = reading.ending();
        let tried = file.ahead.tried() == Some((file.seen.size, ending));
        let Some(end) = reading.unpacked.end().cloned() else { return self.requeue(key) };
        if file.unread_bytes() > 0 && !tried {
            return self.requeue(key);
        }
        match end {
            End::Complete if file.acked() < file.position.offset => {}
            End::Complete => self.finish_compressed(key, now),
            // It was whole when it was checked: somebody writes to it.
            End::Cut | End::Damaged(_) => self.give_back(key, now),
        }
    }

    /// Everything is acknowledged.
    fn finish_compressed(&mut self, key: FileKey, now: Now) {
        let Some((reading, file)) = self.take_reading(key) else { return };
        let detail = format!("read to {} of what was compressed", file.position.offset);
        self.event(EventKind::Released, &file.path, detail);
        self.hunt.leave(&file.path, reading.stat);
        self.hunt.generations.settle(&reading.stat);
        let mistakable = self.is_mistakable(key, &reading.head, file.position.offset);
        let phase = file.phase();
        self.finish(phase, reading.content_of(file, now), mistakable);
    }

    /// The content is one without a file again, until this file changes or another one turns up.
    fn give_back(&mut self, key: FileKey, now: Now) {
        let Some((reading, file)) = self.take_reading(key) else { return };
        self.hunt.leave(&file.path, reading.stat);
        life::pass(file.phase(), Fact::Changed, Phase::Missing);
        self.remember(reading.content_of(file, now));
    }

    fn take_reading(&mut self, key: FileKey) -> Option<Taken<D::File>> {
        let reading = self.hunt.reading.take_if(|reading| reading.key == key)?;
        let file = self.files.remove(&key)?;
        // An inode number may have been given to another file since this one was deleted.
        if self.by_inode.get(&file.inode) == Some(&key) {
            self.by_inode.remove(&file.inode);
        }
        self.open_count -= 1;
        Some((reading, file))
    }
}
