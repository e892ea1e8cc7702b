//! The state of the search for generations in compressed files.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::compressed::generation::Generations;
use crate::compressed::proof::{Proof, Verdict};
use crate::compressed::stream::{End, Stream};
use crate::compressed::unpacked::Unpacked;
use crate::disk::{OpenFile, Stat};
use crate::file::Tailed;
use crate::identity::{FileKey, Inode};
use crate::memory::{Lost, Memory, Remembered};
use crate::options::Now;
use crate::splitter::Ending;

/// The search for generations in compressed files.
#[derive(Debug)]
pub(crate) struct Hunt<F> {
    pub(super) round: Round,
    pub(super) seen: Seen,
    pub(super) job: Option<Job<F>>,
    /// What was read to its end and is deleted or compressed, but begins like something that is
    /// missing: no compressed file of it is to be taken for that.
    pub(crate) finished: Memory,
    /// Files that hold what was not followed.
    pub(super) generations: Generations,
    /// The generations that are looked for.
    pub(super) wanted: BTreeSet<FileKey>,
    /// The file that is being read.
    pub(super) reading: Option<Reading<F>>,
}

/// One round of the search.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that others do not imply")]
pub(crate) struct Round {
    /// Something changed: a round is to be made.
    pub(super) due: bool,
    pub(super) under_way: bool,
    /// What is still to be looked into in this round.
    pub(super) paths: VecDeque<PathBuf>,
    /// Generations that are to be judged after the next round.
    pub(super) postponed: Vec<Inode>,
    /// There is memory for all this.
    pub(super) lent: bool,
    /// What is still missing after this round is to be reported.
    pub(super) report_missing: bool,
    /// When the next step is due.
    pub(super) wake: Option<Instant>,
}

/// What earlier rounds found.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Files that hold nothing of what is wanted, as they were when that was found out.
    pub(super) known: BTreeMap<PathBuf, Stat>,
    /// What was looked for when those were looked into.
    pub(super) known_for: BTreeSet<FileKey>,
    /// What was compared with the wanted generations in this round.
    pub(super) compared: BTreeSet<Inode>,
    /// Files that could not be read: they are tried again by the next round.
    pub(super) unread: BTreeSet<PathBuf>,
    /// Files that agree with all that is known of a generation, where that is little.
    pub(super) weak: BTreeMap<FileKey, BTreeSet<PathBuf>>,
}

/// What is being done with a file, step by step.
#[derive(Debug)]
pub(crate) enum Job<F> {
    /// It begins like some contents and is compared with them.
    Compare(Archive<F>, Proof<F>, Sure),
    /// It holds what was read of a followed file, and is compared with that to its end.
    Claim(Archive<F>, Verdict<F>),
    /// It holds this content, up to this offset at least, and is unpacked to its end: what is
    /// damaged must not be sent, and what is half-written may be.
    Check(Archive<F>, Stream<F>, FileKey),
}

/// What is known of a file before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sure {
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

/// An open compressed file.
#[derive(Debug)]
pub(crate) struct Archive<F> {
    pub(super) path: Arc<Path>,
    /// Where it lies, if links are on that path.
    pub(super) real: Option<Arc<Path>>,
    pub(super) inode: Inode,
    /// The same open file that the stream reads.
    pub(super) handle: F,
    pub(super) stat: Stat,
    pub(super) head: Vec<u8>,
}

impl Sure {
    pub(super) fn key(self) -> Option<FileKey> {
        match self {
            Self::No | Self::Unclaimed | Self::Generation => None,
            Self::Only(key) | Self::Whole(key) => Some(key),
        }
    }
}

impl<F> Hunt<F> {
    /// A search that knows these finished generations.
    pub(crate) fn knowing(finished: Memory) -> Self {
        Self {
            round: Round::default(),
            seen: Seen::default(),
            job: None,
            finished,
            generations: Generations::default(),
            wanted: BTreeSet::new(),
            reading: None,
        }
    }

    /// Whether this is a compressed file.
    pub(crate) fn is_reading(&self, key: FileKey) -> bool {
        self.reading(key).is_some()
    }

    pub(super) fn reading(&self, key: FileKey) -> Option<&Reading<F>> {
        self.reading.as_ref().filter(|reading| reading.key == key)
    }

    /// How many compressed files agree with a generation of which too little is known to tell which
    /// of them it is in.
    pub(crate) fn ambiguous(&self, key: FileKey) -> usize {
        self.seen.weak.get(&key).map_or(0, BTreeSet::len)
    }

    /// Says whether there is memory for looking into compressed files.
    pub(crate) fn lend(&mut self, lent: bool) {
        self.round.lent = lent;
    }

    /// Whether the memory is still needed that was lent.
    pub(crate) fn has_loan(&self) -> bool {
        self.round.lent
    }
}

impl<F: OpenFile> Hunt<F> {
    /// Whether more may follow what was unpacked, of a compressed file.
    pub(crate) fn ending(&self, key: FileKey) -> Option<Ending> {
        Some(self.reading(key)?.ending())
    }
}

impl<F> Hunt<F> {
    /// Whether contents may still turn up.
    pub(crate) fn is_busy(&self) -> bool {
        self.round.due || self.round.under_way
    }

    /// When the next step is due.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.round.wake
    }

    /// Makes the next look begin a round.
    pub(crate) fn begin_soon(&mut self) {
        self.round.due = true;
    }

    /// Looks for this content, too.
    pub(super) fn want(&mut self, key: FileKey) {
        self.wanted.insert(key);
    }

    /// Whether a file was compared with what is missing, since it was listed last.
    pub(super) fn is_compared(&self, inode: Inode) -> bool {
        self.seen.compared.contains(&inode)
    }

    /// Judges a generation after another round.
    pub(super) fn postpone(&mut self, inode: Inode) {
        self.round.postponed.push(inode);
        self.round.due = true;
    }

    /// What lay under a name when it was compared.
    pub(super) fn compared_at(&self, path: &Path) -> Option<Inode> {
        self.seen.known.get(path).map(|stat| stat.inode)
    }

    /// What lies under a name was not compared to the end.
    pub(super) fn compare_again(&mut self, path: &Path) {
        if let Some(stat) = self.seen.known.remove(path) {
            self.seen.compared.remove(&stat.inode);
        }
    }

    /// The next round looks into a file, whether it changed or not.
    pub(super) fn look_again(&mut self, path: &Path) {
        self.seen.known.remove(path);
    }

    /// Leaves a file alone until it changes.
    pub(super) fn leave(&mut self, path: &Path, stat: Stat) {
        self.seen.known.insert(path.to_path_buf(), stat);
    }
}

/// The compressed file that is being read.
#[derive(Debug)]
pub(crate) struct Reading<F> {
    pub(super) key: FileKey,
    pub(super) unpacked: Unpacked<F>,
    /// To see whether it is deleted.
    pub(super) handle: F,
    /// As it was when it was opened.
    pub(super) stat: Stat,
    /// What was remembered of its content.
    pub(super) content: Remembered,
    /// The first bytes of its content.
    pub(super) head: Vec<u8>,
}

impl<F: OpenFile> Reading<F> {
    /// The size of the content; as long as it is not known, what it has at least.
    pub(super) fn size_at_least(&self) -> u64 {
        let packed_left = self.stat.size.saturating_sub(self.unpacked.input_bytes());
        let more = if self.unpacked.end().is_some() { 0 } else { packed_left.max(1) };
        self.unpacked.decoded() + more
    }

    /// What is to be remembered of its content, as far as it is read now.
    pub(super) fn content_of(self, mut file: Tailed<F>, now: Now) -> Remembered {
        Remembered {
            head: file.head,
            position: file.position,
            acked: file.acked(),
            trail: file.progress.take_places(),
            lost: Lost { since: now.instant, ..self.content.lost },
            ..self.content
        }
    }

    pub(super) fn ending(&self) -> Ending {
        match self.unpacked.end() {
            Some(End::Complete) => Ending::Final,
            Some(End::Cut | End::Damaged(_)) | None => Ending::Open,
        }
    }
}
