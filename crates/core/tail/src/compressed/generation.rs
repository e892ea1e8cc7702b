//! Compressed generations that nobody followed: they came, were rotated and compressed while nobody
//! looked, and are read from byte 0.
//!
//! Part of [`Tailer`]. Contents that are known come first, in the round before: what turns out to
//! be the rest of one of them is no generation of its own. Such a file gets a content with a
//! checkpoint before it is read, so a stop or a crash in the middle continues at the exact byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::hunt::{BYTES_A_STEP, Found, Job, Sure};
use super::proof::{Proof, Verdict};
use super::stream::{End, Format};
use crate::candidate::has_at;
use crate::disk::{Disk, DiskError};
use crate::file::{self, Stat};
use crate::holes::Holes;
use crate::identity::{FileKey, HEAD_BYTES_MAX, Head, Inode, Position};
use crate::life::{self, Fact, Phase};
use crate::memory::{Loss, Remembered};
use crate::pattern::is_compressed_name;
use crate::problems::FileError;
use crate::tailer::{Now, Tailer};
use crate::waiting::Waiting;
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// Compressed files that are known to hold nothing new, at most.
const SETTLED_MAX: usize = 4096;

/// Compressed files that are dealt with.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// Whatever their names become: size and time of modification.
    settled: BTreeMap<Inode, (u64, i128)>,
    /// Contents that lie in compressed files, and the state in which those could not be read.
    left: BTreeMap<FileKey, Stat>,
}

impl Generations {
    /// What a file holds was read, or is not to be read.
    pub(super) fn settle(&mut self, stat: &Stat) {
        if self.settled.len() >= SETTLED_MAX && !self.settled.contains_key(&stat.inode) {
            self.settled.pop_first();
        }
        self.settled.insert(stat.inode, (stat.size, stat.modified_nanos));
    }

    /// The content that lies in a compressed file is looked for there again.
    pub(super) fn try_again(&mut self, key: FileKey) {
        self.left.remove(&key);
    }

    fn is_settled(&self, stat: &Stat) -> bool {
        let seen = self.settled.get(&stat.inode);
        seen == Some(&(stat.size, stat.modified_nanos))
    }
}

impl<D: Disk> Tailer<D> {
    /// A compressed file belongs to a log and is younger than what is known: it is looked into
    /// after the next round.
    ///
    /// Says whether its name still leads to it: if not, the directory has to be looked at again.
    pub(crate) fn accept_archive(&mut self, inode: Inode, path: &Path) -> bool {
        let stat = match file::stat_path(&self.disk, path) {
            Ok(stat) if stat.inode == inode => stat,
            Ok(_) => return false,
            Err(error) => {
                if !error.is_gone() {
                    self.trouble(path, error);
                }
                return false;
            }
        };
        let known = self.by_inode.contains_key(&inode) || self.packed_at(inode).is_some();
        if !known && !self.hunt.generations.is_settled(&stat) {
            self.wait_for(inode, path, stat.size);
            self.hunt.begin_soon();
        }
        true
    }

    /// Whether a compressed generation waits that was not tried in the state that it has.
    pub(super) fn next_packed(&mut self) -> Option<(Inode, PathBuf)> {
        let mut packed: Vec<(FileKey, Inode)> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.is_packed())
            .map(|(inode, waiting)| (waiting.key, *inode))
            .collect();
        packed.sort_unstable();
        packed.into_iter().find_map(|(_, inode)| {
            let there = self.is_in_place(inode);
            let waiting = self.waiting.get(&inode).filter(|_| there)?;
            let stat = file::stat_path(&self.disk, &waiting.path).ok()?;
            let tried = waiting.left.is_some_and(|left| left.is_same_content(&stat));
            (!tried).then(|| (inode, waiting.path.clone()))
        })
    }

    /// The content that lies in this compressed file, whatever its name is now.
    pub(super) fn packed_at(&self, inode: Inode) -> Option<FileKey> {
        let mut here = self.memory.at_inode(inode).into_iter();
        let packed = here.find(|content| content.path.file_name().is_some_and(is_compressed_name));
        packed.map(|content| content.key)
    }

    /// Takes the next file that nobody knows, once the contents that are known were looked for.
    /// Says whether anything was unpacked.
    pub(super) fn next_generation(&mut self) -> bool {
        while let Some((key, path)) = self.own_archive() {
            if self.examine(&path, Sure::Only(key)) {
                return true;
            }
        }
        while let Some((inode, path)) = self.next_packed() {
            // Until it changes it is tried once.
            if let Some(waiting) = self.waiting.get_mut(&inode) {
                waiting.left = file::stat_path(&self.disk, &path).ok();
            }
            match self.examine_accepted(&path) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(FileError::Disk(error)) => self.fails_to_read(&path, Some(inode), error),
                Err(error) => self.trouble(&path, error),
            }
        }
        false
    }

    /// A content that lay in a compressed file, which is there and was not tried in this state.
    fn own_archive(&mut self) -> Option<(FileKey, PathBuf)> {
        let left = &self.hunt.generations.left;
        let own = self.memory.iter().filter(|content| {
            content.path.file_name().is_some_and(is_compressed_name) && content.head.len > 0
        });
        let (key, path, stat) = own
            .filter_map(|content| Some((content, file::stat_path(&self.disk, &content.path).ok()?)))
            .find(|(content, stat)| !left.get(&content.key).is_some_and(|seen| seen.is_like(stat)))
            .map(|(content, stat)| (content.key, content.path.to_path_buf(), stat))?;
        self.hunt.generations.left.insert(key, stat);
        self.hunt.want(key);
        Some((key, path))
    }

    fn examine_accepted(&mut self, path: &Path) -> Result<bool, FileError> {
        let Some(format) = path.file_name().and_then(Format::of_name) else {
            return Err(FileError::UnknownFormat);
        };
        let (mut found, mut stream) = match self.open_packed(path, format) {
            Ok(opened) => opened,
            Err(error) if error.is_gone() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let known = self.by_inode.contains_key(&found.inode)
            || self.hunt.generations.is_settled(&found.stat);
        if known {
            self.stop_waiting(found.inode);
            return Ok(false);
        }
        let mut head = vec![0; HEAD_BYTES_MAX];
        let count = stream.read_full(&mut head)?;
        head.truncate(count);
        if head.is_empty() {
            self.hunt.generations.settle(&found.stat);
            self.stop_waiting(found.inode);
            return Ok(true);
        }
        let known = self.memory.beginning_alike(&head).into_iter();
        let known = known.chain(self.hunt.finished.beginning_alike(&head));
        // What was written late to a file that was just being compressed is not in the copy.
        let places = known.flat_map(|content| {
            let before = content.trail.iter().copied().filter(|_| content.head.is_full());
            before.chain([content.position]).map(|at| (content.key, at))
        });
        let mut contents: Vec<(FileKey, Position)> = places.collect();
        contents.extend(self.rivals(&head, 0));
        found.head.clone_from(&head);
        let proof = Proof::new(stream, head, contents);
        self.hunt.job = Some(Job::Compare(found, proof, Sure::Generation));
        Ok(true)
    }

    /// Whether all that a compressed file holds is known to be read, or to be read elsewhere.
    fn is_known(&self, found: &Found<D::File>, verdict: &Verdict<D::File>) -> bool {
        let Some((key, at)) = verdict.proven.filter(|(_, at)| at.offset > 0) else { return false };
        let content = self.memory.get(key).or_else(|| self.hunt.finished.get(key));
        let Some(content) = content else { return true };
        let (whole, much) = (verdict.stream.decoded() == at.offset, content.proves_much());
        if at == content.position {
            // What began alike and is short proves nothing, nor does text that repeats itself,
            // unless it is all.
            return whole || (much && verdict.tells);
        }
        // It was read further, for something was written late to what was just being compressed.
        whole && much && verdict.tells && self.is_older(found, content)
    }

    /// Whether a compressed file was last written to before a content was last known, as far as
    /// its time tells, which is that of the original.
    fn is_older(&self, found: &Found<D::File>, content: &Remembered) -> bool {
        let known_nanos = match self.options.earlier {
            Some(earlier) if content.lost_by_nanos == 0 => earlier.last_known_nanos,
            Some(_) | None => content.lost_by_nanos,
        };
        found.stat.modified_nanos <= known_nanos
    }

    /// The finished content that goes on in a compressed file behind what was read of it: then it
    /// was not finished.
    fn goes_on(&mut self, verdict: &Verdict<D::File>) -> Option<FileKey> {
        let (key, at) = verdict.proven?;
        let finished = self.hunt.finished.get(key)?;
        let more = at == finished.position && verdict.stream.decoded() > at.offset;
        if !(more && finished.proves_much() && verdict.tells) {
            return None;
        }
        let content = self.hunt.finished.remove(key)?;
        life::pass(Phase::Finished, Fact::HasMore, Phase::Missing);
        self.remember(Remembered { loss: Loss::Vanished, ..content });
        Some(key)
    }

    /// Whether what is missing may go on in this file, which the round did not come to: it got
    /// another name meanwhile. A round tells whether there is another one that agrees.
    fn is_left_to_a_round(&mut self, found: &Found<D::File>, verdict: &Verdict<D::File>) -> bool {
        let missing = verdict.proven.is_some_and(|(key, _)| self.memory.get(key).is_some());
        missing
            && !self.hunt.is_compared(found.inode)
            && self.waiting.get_mut(&found.inode).is_some_and(Waiting::may_wait_for_a_round)
    }

    /// Whether a followed file holds all that a compressed one does, however little of it is read:
    /// it is just being compressed.
    fn is_followed_plain(
        &self,
        found: &Found<D::File>,
        verdict: &Verdict<D::File>,
    ) -> Result<bool, DiskError> {
        let (offset, bytes) = verdict.end();
        let alike = self.live_contents().agreeing(&found.head);
        for file in alike.iter().filter_map(|key| self.files.get(key)) {
            if has_at(&self.disk, file, offset, bytes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A file that belongs to a log was compared with all that is known.
    pub(super) fn judge_generation(
        &mut self,
        found: Found<D::File>,
        mut verdict: Verdict<D::File>,
        now: Now,
    ) {
        // Of a short file the end tells whether it is what is known and no more.
        if let Err(error) = verdict.go_to_end(BYTES_A_STEP) {
            return self.fails_to_read(&found.path, Some(found.inode), error);
        }
        if verdict.stream.end() == Some(&End::Cut) {
            return self.trouble(&found.path, FileError::CutShort);
        }
        if let Some(key) = self.goes_on(&verdict) {
            self.hunt.want(key);
            let path = Arc::clone(&found.path);
            drop(found);
            self.examine(&path, Sure::Only(key));
            return;
        }
        let followed = match self.is_followed_plain(&found, &verdict) {
            Ok(followed) => followed,
            Err(error) => return self.fails_to_read(&found.path, Some(found.inode), error),
        };
        if followed || self.is_known(&found, &verdict) {
            self.hunt.generations.settle(&found.stat);
            self.stop_waiting(found.inode);
            return;
        }
        if self.is_left_to_a_round(&found, &verdict) {
            return self.hunt.postpone(found.inode);
        }
        let waiting = self.waiting.remove(&found.inode);
        let before = if waiting.is_some() { Phase::Waiting } else { Phase::Unseen };
        life::pass(before, Fact::FoundInArchive, Phase::Missing);
        let key = waiting.map_or_else(|| self.new_key(), |waiting| waiting.key);
        let head = Head::of(&found.head);
        let path = Arc::clone(&found.path);
        self.tell_of_generation(&path, found.stat.size);
        let start = Position::start();
        self.changes.push(Change::Save(Checkpoint {
            file: key,
            inode: found.inode,
            path: path.to_path_buf(),
            head,
            offset: 0,
            anchor: start.anchor,
            life: RowLife::Rotated,
            holes: Holes::NONE,
            places: Vec::new(),
            cursor: None,
        }));
        self.remember(Remembered {
            key,
            inode: found.inode,
            path: Arc::clone(&path),
            head,
            position: start,
            trail: Vec::new(),
            acked: 0,
            holes: Holes::NONE,
            seen_size: found.stat.size,
            rotated: true,
            since: now.instant,
            lost_by_nanos: found.stat.modified_nanos,
            loss: Loss::Vanished,
            located: false,
        });
        drop(found);
        self.hunt.want(key);
        self.examine(&path, Sure::Only(key));
    }
}
