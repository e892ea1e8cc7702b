//! Which compressed files are looked into, and for what.
//!
//! Part of [`Tailer`]. A round lists the directories where contents without a file lay, looks at
//! the first bytes of each compressed file there, and proves at their exact positions those that
//! begin like one of the contents. It is cut into small steps, because a flow that unpacks has
//! live files to read, too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::follow::Reading;
use super::generation::Generations;
use super::proof::{Proof, Verdict, check};
use super::stream::{End, Format, Stream};
use crate::disk::{Disk, DiskError, Fault, Kind};
use crate::event::EventKind;
use crate::file::{self, Stat};
use crate::identity::{FileKey, HEAD_BYTES_MAX, Inode, Position};
use crate::life::{self, Fact, Phase};
use crate::links::FollowLinks;
use crate::memory::{Loss, Memory, Remembered};
use crate::pattern::is_compressed_name;
use crate::problems::FileError;
use crate::tailer::{Now, Tailer};
use kinetail_base::checkpoint::Change;

/// This many bytes are unpacked for a proof before the live files have their turn.
pub(super) const BYTES_A_STEP: usize = 1024 * 1024;

/// Of a directory, at most this many compressed files are looked into.
const FILES_MAX: usize = 4096;

/// A flow without memory to spare asks again after this long.
const MEMORY_RETRY: Duration = Duration::from_millis(50);

/// The search for contents in compressed files.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that others do not imply")]
pub(crate) struct Hunt<F> {
    /// Something changed: a round is to be made.
    due: bool,
    in_round: bool,
    /// What is still to be looked into in this round.
    paths: VecDeque<PathBuf>,
    pub(super) job: Option<Job<F>>,
    /// Files that hold nothing of what is wanted, as they were when that was found out.
    known: BTreeMap<PathBuf, Stat>,
    /// What was read to its end and is deleted or compressed, but begins like something that is
    /// missing: no compressed file of it is to be taken for that.
    pub(crate) finished: Memory,
    /// Files that hold what nobody followed.
    pub(super) generations: Generations,
    /// What was looked for when those were looked into.
    known_for: BTreeSet<FileKey>,
    /// The contents that are looked for.
    wanted: BTreeSet<FileKey>,
    /// What was compared with them in this round.
    compared: BTreeSet<Inode>,
    /// Generations that are to be judged after the next round.
    postponed: Vec<Inode>,
    /// Files that could not be read: they are tried again by the next round.
    unread: BTreeSet<PathBuf>,
    /// Files that agree with all that is known of a content, where that is little.
    weak: BTreeMap<FileKey, BTreeSet<PathBuf>>,
    /// The file that is being read.
    pub(super) reading: Option<Reading<F>>,
    /// There is memory for all this.
    lent: bool,
    /// What is still missing after this round is to be reported.
    report_missing: bool,
    /// When the next step is due.
    wake: Option<Instant>,
}

/// What is being done with a file, step by step.
#[derive(Debug)]
pub(super) enum Job<F> {
    /// It begins like some contents and is compared with them.
    Compare(Found<F>, Proof<F>, Sure),
    /// It holds what was read of a followed file, and is compared with that to its end.
    Claim(Found<F>, Verdict<F>),
    /// It holds this content, up to this offset at least, and is unpacked to its end: what is
    /// damaged must not be sent, and what is half-written may be.
    Check(Found<F>, Stream<F>, FileKey),
}

/// What is known of a file before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// Nothing.
    No,
    /// It is no copy of a followed file.
    Unclaimed,
    /// If it agrees with this content, there is no other file that does.
    Only(FileKey),
    /// It holds this content and is whole.
    Whole(FileKey),
    /// It belongs to a log, and is younger than what is known of that.
    Generation,
}

impl Sure {
    fn key(self) -> Option<FileKey> {
        match self {
            Self::No | Self::Unclaimed | Self::Generation => None,
            Self::Only(key) | Self::Whole(key) => Some(key),
        }
    }
}

/// An open compressed file.
#[derive(Debug)]
pub(super) struct Found<F> {
    pub(super) path: Arc<Path>,
    pub(super) inode: Inode,
    /// The same open file that the stream reads.
    pub(super) handle: F,
    pub(super) stat: Stat,
    pub(super) head: Vec<u8>,
}

/// A compressed file and the bytes that come out of it.
type Opened<F> = (Found<F>, Stream<F>);

impl<F> Default for Hunt<F> {
    fn default() -> Self {
        Self {
            due: false,
            in_round: false,
            paths: VecDeque::new(),
            job: None,
            known: BTreeMap::new(),
            finished: Memory::default(),
            generations: Generations::default(),
            known_for: BTreeSet::new(),
            wanted: BTreeSet::new(),
            compared: BTreeSet::new(),
            postponed: Vec::new(),
            unread: BTreeSet::new(),
            weak: BTreeMap::new(),
            reading: None,
            lent: false,
            report_missing: false,
            wake: None,
        }
    }
}

impl<F> Hunt<F> {
    /// Whether contents may still turn up.
    pub(crate) fn is_busy(&self) -> bool {
        self.due || self.in_round
    }

    /// When the next step is due.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// Makes the next look begin a round.
    pub(crate) fn begin_soon(&mut self) {
        self.due = true;
    }

    /// Looks for this content, too.
    pub(super) fn want(&mut self, key: FileKey) {
        self.wanted.insert(key);
    }

    /// Whether a file was compared with what is missing, since it was listed last.
    pub(super) fn is_compared(&self, inode: Inode) -> bool {
        self.compared.contains(&inode)
    }

    /// Judges a generation after another round.
    pub(super) fn postpone(&mut self, inode: Inode) {
        self.postponed.push(inode);
        self.due = true;
    }

    /// The next round looks into a file, whether it changed or not.
    pub(super) fn look_again(&mut self, path: &Path) {
        self.known.remove(path);
    }

    /// Leaves a file alone until it changes.
    pub(super) fn leave(&mut self, path: &Path, stat: Stat) {
        self.known.insert(path.to_path_buf(), stat);
    }
}

impl<D: Disk> Tailer<D> {
    /// Whether memory is needed for looking into compressed files: it is lent with
    /// [`Tailer::lend`].
    #[must_use]
    pub fn wants_loan(&self) -> bool {
        let work = !self.hunt.paths.is_empty() || self.waits_packed();
        !self.hunt.lent && work
    }

    /// Says whether there is memory for looking into compressed files.
    pub fn lend(&mut self, lent: bool) {
        self.hunt.lent = lent;
    }

    /// Whether the memory is still needed that was lent.
    #[must_use]
    pub fn has_loan(&self) -> bool {
        self.hunt.lent
    }

    /// Makes the next look begin a round.
    pub(crate) fn hunt_soon(&mut self) {
        self.hunt.due |= !self.memory.is_empty();
    }

    /// Reports what is missing once a round is over that begins now.
    pub(crate) fn report_missing_after_hunt(&mut self) {
        self.hunt.due = true;
        self.hunt.report_missing = true;
    }

    /// Makes the next step of the search. While a file is being read there is none.
    pub(crate) fn hunt(&mut self, now: Now) {
        self.hunt.wake = None;
        if !self.hunt.in_round && std::mem::take(&mut self.hunt.due) {
            self.begin_round();
        }
        while self.hunt.in_round && self.hunt.reading.is_none() {
            self.hunt.wake = Some(now.instant);
            if let Some(job) = self.hunt.job.take() {
                return self.step_job(job, now);
            }
            if self.wants_loan() {
                self.hunt.wake = Some(now.instant + MEMORY_RETRY);
                return;
            }
            match self.hunt.paths.pop_front() {
                Some(path) if self.examine(&path, Sure::No) => return,
                Some(_) => {}
                None => self.end_round(),
            }
        }
        self.hunt.wake = None;
    }

    fn begin_round(&mut self) {
        self.hunt.in_round = true;
        for inode in std::mem::take(&mut self.hunt.postponed) {
            self.try_again(inode);
        }
        let unread = &self.hunt.unread;
        let own = self.memory.iter().filter(|content| unread.contains(&*content.path));
        own.for_each(|content| self.hunt.generations.try_again(content.key));
        // Links lead to other directories; many contents lie in few.
        let lay: BTreeSet<&Arc<Path>> = self.memory.iter().map(|content| &content.path).collect();
        let directories: BTreeSet<PathBuf> =
            lay.into_iter().flat_map(|path| self.directories_of(path)).collect();
        let mut compressed = Vec::new();
        let mut plain = BTreeMap::new();
        for directory in directories {
            self.list_packed(&directory, &mut compressed, &mut plain);
        }
        let wanted: BTreeSet<FileKey> = if compressed.is_empty() {
            BTreeSet::new()
        } else {
            let wanted = self.memory.iter().filter(|content| self.is_wanted(content, &plain));
            wanted.map(|content| content.key).collect()
        };
        if !wanted.is_subset(&self.hunt.known_for) {
            self.hunt.known.clear();
            self.hunt.weak.clear();
        }
        self.hunt.paths = if wanted.is_empty() { VecDeque::new() } else { compressed.into() };
        let paths = &self.hunt.paths;
        self.hunt.known.retain(|path, _| paths.binary_search(path).is_ok());
        let Self { hunt: Hunt { known, paths, compared, .. }, disk, .. } = self;
        compared.clear();
        paths.retain(|path| {
            let Some(seen) = known.get(path) else { return true };
            let same = file::stat_path(disk, path).is_ok_and(|stat| stat.is_like(seen));
            compared.extend(same.then_some(seen.inode));
            !same
        });
        self.hunt.known_for.clone_from(&wanted);
        self.hunt.wanted = wanted;
    }

    /// Whether a content may lie in a compressed file: something of it is known, and the file that
    /// it lay in is gone.
    fn is_wanted(&self, content: &Remembered, plain: &BTreeMap<u64, PathBuf>) -> bool {
        if content.head.len == 0 || content.located {
            return false;
        }
        match content.loss {
            // Even what no look saw of it may be in a copy.
            Loss::Truncated | Loss::Vanished => true,
            // As long as the file is there a compressed one is only being made of it.
            Loss::Released | Loss::Stopped | Loss::Finished => {
                let path = plain.get(&content.inode.number);
                let path = path.filter(|_| !self.by_inode.contains_key(&content.inode));
                !path.is_some_and(|path| self.begins_like(path, content))
            }
        }
    }

    /// Looks at the first bytes of a file. Says whether anything was unpacked.
    pub(super) fn examine(&mut self, path: &Path, sure: Sure) -> bool {
        let format = path.file_name().and_then(Format::of_name);
        let Some(format) = format else { return false };
        let (mut found, mut stream) = match self.open_packed(path, format) {
            Ok(opened) => opened,
            Err(error) => {
                if !error.is_gone() {
                    self.fails_to_read(path, None, error);
                }
                return false;
            }
        };
        if self.by_inode.contains_key(&found.inode) {
            return false;
        }
        self.hunt.compared.insert(found.inode);
        let sure = match self.packed_at(found.inode) {
            Some(key) if sure == Sure::No => Sure::Only(key),
            Some(_) | None => sure,
        };
        let mut head = vec![0; HEAD_BYTES_MAX];
        match stream.read_full(&mut head) {
            Ok(count) => head.truncate(count),
            Err(error) => {
                self.fails_to_read(path, Some(found.inode), error);
                return true;
            }
        }
        self.reads_well(path);
        let mut contents: Vec<(FileKey, Position)> = self
            .memory
            .beginning_alike(&head)
            .into_iter()
            .filter(|content| sure.key().is_none_or(|key| key == content.key))
            .map(|content| (content.key, content.position))
            .collect();
        let wanted = contents.iter().filter(|(key, _)| self.hunt.wanted.contains(key));
        let Some(least) = wanted.map(|(_, position)| position.offset).min() else {
            self.hunt.leave(path, found.stat);
            return true;
        };
        if sure.key().is_none() {
            let finished = self.hunt.finished.beginning_alike(&head).into_iter();
            contents.extend(finished.map(|content| (content.key, content.position)));
        }
        if sure == Sure::No {
            contents.extend(self.rivals(&head, least));
        }
        found.head.clone_from(&head);
        let proof = Proof::new(stream, head, contents);
        self.hunt.job = Some(Job::Compare(found, proof, sure));
        true
    }

    fn step_job(&mut self, job: Job<D::File>, now: Now) {
        let (path, stat) = match &job {
            Job::Compare(found, ..) | Job::Claim(found, ..) | Job::Check(found, ..) => {
                (Arc::clone(&found.path), found.stat)
            }
        };
        let stepped = match job {
            Job::Compare(found, proof, sure) => self.step_comparing(found, proof, sure, now),
            Job::Claim(found, verdict) => self.step_claiming(found, verdict),
            Job::Check(found, stream, key) => self.step_checking(found, stream, key),
        };
        match stepped {
            Ok(()) => {}
            // The file is as it was; the disk may read it the next time.
            Err(FileError::Disk(error)) => self.fails_to_read(&path, Some(stat.inode), error),
            Err(error) => {
                self.trouble(&path, error);
                self.hunt.leave(&path, stat);
            }
        }
    }

    /// A compressed file cannot be read now. It is tried again.
    pub(super) fn fails_to_read(&mut self, path: &Path, inode: Option<Inode>, error: DiskError) {
        self.trouble(path, error);
        self.hunt.unread.insert(path.to_path_buf());
        if let Some(inode) = inode {
            self.try_later(inode);
        }
    }

    /// A compressed file can be read that could not.
    pub(super) fn reads_well(&mut self, path: &Path) {
        if self.hunt.unread.remove(path) {
            self.recovered(path);
        }
    }

    fn step_comparing(
        &mut self,
        found: Found<D::File>,
        proof: Proof<D::File>,
        sure: Sure,
        now: Now,
    ) -> Result<(), FileError> {
        match proof.step(BYTES_A_STEP)? {
            Ok(verdict) => self.judge_compressed(found, verdict, sure, now),
            Err(proof) => self.hunt.job = Some(Job::Compare(found, proof, sure)),
        }
        Ok(())
    }

    fn judge_compressed(
        &mut self,
        found: Found<D::File>,
        verdict: Verdict<D::File>,
        sure: Sure,
        now: Now,
    ) {
        if sure == Sure::Generation {
            return self.judge_generation(found, verdict, now);
        }
        if verdict.proven.is_some_and(|(key, _)| self.files.contains_key(&key)) {
            self.hunt.job = Some(Job::Claim(found, verdict));
            return;
        }
        // What is not wanted is where it was, or was read to its end, and this is a copy of it.
        let proven = verdict.proven.filter(|(key, _)| self.hunt.wanted.contains(key));
        let content = proven.and_then(|(key, _)| self.memory.get(key));
        let Some(content) = content else {
            if verdict.stream.end() == Some(&End::Cut) {
                self.trouble(&found.path, FileError::CutShort);
            }
            return self.hunt.leave(&found.path, found.stat);
        };
        let key = content.key;
        if sure.key().is_none() && !content.proves_much() {
            // Many a log begins with the same few lines. If it is the only one, it will do.
            self.hunt.weak.entry(key).or_default().insert(found.path.to_path_buf());
            return self.hunt.leave(&found.path, found.stat);
        }
        if sure != Sure::Whole(key) {
            self.hunt.job = Some(Job::Check(found, verdict.stream, key));
        } else if let Some(unpacked) = verdict.into_unpacked() {
            self.read_compressed(found, unpacked, key, now);
        }
    }

    fn step_checking(
        &mut self,
        found: Found<D::File>,
        mut stream: Stream<D::File>,
        key: FileKey,
    ) -> Result<(), FileError> {
        if !check(&mut stream, BYTES_A_STEP)? {
            self.hunt.job = Some(Job::Check(found, stream, key));
            return Ok(());
        }
        let Some(content) = self.memory.get(key) else { return Ok(()) };
        let left = stream.decoded().saturating_sub(content.position.offset);
        let acked = content.acked >= content.position.offset;
        match stream.end() {
            Some(End::Cut) => return Err(FileError::CutShort),
            // What is in flight is acknowledged first; the next round comes back.
            Some(End::Damaged(_)) if !acked => {}
            Some(End::Damaged(why)) => self.give_up_damaged(&found, key, why),
            Some(End::Complete) | None if left == 0 && acked => self.forget_read(&found, key),
            Some(End::Complete) | None => {
                self.examine(&found.path, Sure::Whole(key));
            }
        }
        Ok(())
    }

    /// The content lies in a compressed file, and nothing of it is unread.
    fn forget_read(&mut self, found: &Found<D::File>, key: FileKey) {
        let Some(content) = self.memory.remove(key) else { return };
        self.recovered(&found.path);
        // It is no other content's, though one that was shorter may begin like it.
        self.hunt.leave(&found.path, found.stat);
        self.hunt.generations.settle(&found.stat);
        self.stop_waiting(found.inode);
        let detail = format!("was {}; nothing of it is unread", content.path.display());
        self.event(EventKind::CompressedCopy, &found.path, detail);
        let kept = self.is_mistakable(key, &found.head, content.position.offset);
        self.finish(Phase::Missing, content, kept);
    }

    /// Nobody can tell which bytes of a damaged file are right, so none are sent.
    fn give_up_damaged(&mut self, found: &Found<D::File>, key: FileKey, damage: &str) {
        let Some(content) = self.memory.remove(key) else { return };
        let seen = content.seen_size.saturating_sub(content.position.offset);
        let why = format!(
            "at least so many; it is what was {}, of which {} bytes were read, and it is damaged: \
             {damage}",
            content.path.display(),
            content.position.offset
        );
        self.abandon(&found.path, seen.max(found.stat.size), &why);
        life::pass(Phase::Missing, Fact::Damaged, Phase::Gone);
        self.changes.push(Change::Forget(key));
        self.hunt.leave(&found.path, found.stat);
        self.hunt.generations.settle(&found.stat);
        self.stop_waiting(found.inode);
    }

    fn end_round(&mut self) {
        while let Some((key, path)) = self.only_candidate() {
            if self.examine(&path, Sure::Only(key)) {
                return;
            }
        }
        if self.next_generation() {
            return;
        }
        self.hunt.in_round = false;
        self.hunt.lent = false;
        if std::mem::take(&mut self.hunt.report_missing) {
            self.report_missing();
        }
    }

    /// A content of which little is known, and the only file that agrees with it.
    fn only_candidate(&mut self) -> Option<(FileKey, PathBuf)> {
        let memory = &self.memory;
        self.hunt.weak.retain(|key, _| memory.get(*key).is_some());
        let only = self.hunt.weak.iter().find(|(_, paths)| paths.len() == 1);
        let key = only.map(|(key, _)| *key)?;
        let path = self.hunt.weak.remove(&key)?.pop_first()?;
        Some((key, path))
    }

    /// How many compressed files agree with a content of which too little is known to tell which
    /// of them it is in.
    pub(crate) fn ambiguous(&self, key: FileKey) -> usize {
        self.hunt.weak.get(&key).map_or(0, BTreeSet::len)
    }

    /// The compressed files of a directory, in order, and the inodes of the others.
    fn list_packed(
        &self,
        directory: &Path,
        compressed: &mut Vec<PathBuf>,
        plain: &mut BTreeMap<u64, PathBuf>,
    ) {
        let Ok(names) = self.disk.list(directory) else { return };
        let mut found = Vec::new();
        for listed in names.into_iter().filter(|listed| listed.kind == Kind::File) {
            let path = directory.join(&listed.name);
            if !is_compressed_name(&listed.name) {
                plain.insert(listed.number, path);
            } else if Format::of_name(&listed.name).is_some() && found.len() < FILES_MAX {
                found.push(path);
            }
        }
        compressed.append(&mut found);
        compressed.sort();
    }

    pub(super) fn open_packed(
        &self,
        path: &Path,
        format: Format,
    ) -> Result<Opened<D::File>, DiskError> {
        let (handle, stat) = self.disk.open(path, self.options.pattern.follow_links())?;
        let inode = stat.inode;
        let stream = Stream::new(format, handle.clone());
        Ok((Found { path: Arc::from(path), inode, handle, stat, head: Vec::new() }, stream))
    }

    /// Whether a file begins like a content. In doubt it does: the next round looks again.
    fn begins_like(&self, path: &Path, content: &Remembered) -> bool {
        let opened = self.disk.open(path, FollowLinks::Always);
        let head = opened.and_then(|(handle, _)| file::read_head(&handle));
        match head {
            Ok(head) => content.head.agrees(&head),
            Err(error) => !error.is_gone() && error.fault != Fault::Denied,
        }
    }
}
