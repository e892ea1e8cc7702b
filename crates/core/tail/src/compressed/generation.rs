//! Compressed generations that were never followed: they came, were rotated and compressed between
//! two scans, and are read from byte 0.
//!
//! Part of [`crate::tailer`]. Contents that are known come first, in the round before: what turns
//! out to be the rest of one of them is no generation of its own. Such a file gets a content with a
//! checkpoint before it is read, so a stop or a crash in the middle continues at the exact byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compressed::hunt::BYTES_A_STEP;
use crate::compressed::proof::{Point, Proof, Verdict};
use crate::compressed::state::{Archive, Job, Sure};
use crate::compressed::stream::{End, Format, Stream};
use crate::compressed::{alike, inspect};
use crate::disk::{Disk, DiskError, Stat};
use crate::file::Tailed;
use crate::holes::Holes;
use crate::identity::{FileKey, HEAD_BYTES_MAX, Head, Inode, Position};
use crate::memory::{Loss, Lost, Remembered, Whereabouts};
use crate::options::Now;
use crate::pattern::is_compressed_name;
use crate::phase::{self, Fact, Phase};
use crate::problems::FileError;
use crate::tailer::Tailer;
use crate::waiting::{self, Waiting};
use crate::{candidate, file, identify, missing, outbox, trouble};
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// Compressed files that are known to hold nothing new, at most.
const SETTLED_MAX: usize = 4096;

/// Unpacked at a time for a comparison, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Compressed files that are dealt with.
#[derive(Debug, Default)]
pub(crate) struct Generations {
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

/// A compressed file belongs to a log and is younger than what is known: it is looked into
/// after the next round.
///
/// Says whether its name still leads to it: if not, the directory has to be looked at again.
pub(crate) fn accept_archive<D: Disk>(tailer: &mut Tailer<D>, inode: Inode, path: &Path) -> bool {
    let stat = match file::stat_path(&tailer.disk, path) {
        Ok(stat) if stat.inode == inode => stat,
        Ok(_) => return false,
        Err(error) => {
            if !error.is_gone() {
                trouble::trouble(tailer, path, error);
            }
            return false;
        }
    };
    let known = inspect::is_followed(tailer, inode) || inspect::packed_at(tailer, inode).is_some();
    if !known && !tailer.hunt.generations.is_settled(&stat) {
        waiting::wait_for(tailer, inode, path, stat.size);
        tailer.hunt.begin_soon();
    }
    true
}

/// Whether a compressed generation waits that was not tried in the state that it has.
pub(super) fn next_packed<D: Disk>(tailer: &mut Tailer<D>) -> Option<(Inode, PathBuf)> {
    let mut packed: Vec<(FileKey, Inode)> = tailer
        .history
        .waiting
        .iter()
        .filter(|(_, waiting)| waiting.is_packed())
        .map(|(inode, waiting)| (waiting.key, *inode))
        .collect();
    packed.sort_unstable();
    packed.into_iter().find_map(|(_, inode)| {
        let there = waiting::is_in_place(tailer, inode);
        let waiting = tailer.history.waiting.get(&inode).filter(|_| there)?;
        let stat = file::stat_path(&tailer.disk, &waiting.path).ok()?;
        let tried = waiting.left.is_some_and(|left| left.is_same_content(&stat));
        (!tried).then(|| (inode, waiting.path.clone()))
    })
}

/// Takes the next file that is not known, once the contents that are known were looked for.
/// Says whether anything was unpacked.
pub(crate) fn next_generation<D: Disk>(tailer: &mut Tailer<D>) -> bool {
    while let Some((key, path)) = own_archive(tailer) {
        if inspect::examine(tailer, &path, Sure::Only(key)) {
            return true;
        }
    }
    while let Some((inode, path)) = next_packed(tailer) {
        // Until it changes it is tried once.
        if let Some(waiting) = tailer.history.waiting.get_mut(&inode) {
            waiting.left = file::stat_path(&tailer.disk, &path).ok();
        }
        match examine_accepted(tailer, &path) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(FileError::Disk(error)) => {
                inspect::fails_to_read(tailer, &path, Some(inode), error);
            }
            Err(error) => trouble::trouble(tailer, &path, error),
        }
    }
    false
}

/// A content that lay in a compressed file, which is there and was not tried in this state.
fn own_archive<D: Disk>(tailer: &mut Tailer<D>) -> Option<(FileKey, PathBuf)> {
    let left = &tailer.hunt.generations.left;
    let own = tailer.memory.iter().filter(|content| {
        content.path.file_name().is_some_and(is_compressed_name) && content.head.len > 0
    });
    let (key, path, stat) = own
        .filter_map(|content| archive_of(&tailer.disk, content))
        .find(|(key, _, stat)| !left.get(key).is_some_and(|seen| seen.is_like(stat)))?;
    tailer.hunt.generations.left.insert(key, stat);
    tailer.hunt.want(key);
    Some((key, path))
}

/// The compressed file in which a content lay. Links on its path may lead elsewhere by now.
fn archive_of<D: Disk>(disk: &D, content: &Remembered) -> Option<(FileKey, PathBuf, Stat)> {
    let at = |path: &Path| {
        let stat = file::stat_path(disk, path).ok()?;
        Some((content.key, path.to_path_buf(), stat))
    };
    let real = content.whereabouts.real.as_deref().and_then(at);
    real.filter(|(_, _, stat)| stat.inode == content.inode).or_else(|| at(&content.path))
}

fn examine_accepted<D: Disk>(tailer: &mut Tailer<D>, path: &Path) -> Result<bool, FileError> {
    let Some(format) = path.file_name().and_then(Format::of_name) else {
        return Err(FileError::UnknownFormat);
    };
    let (mut found, mut stream) = match inspect::open_packed(tailer, path, format) {
        Ok(opened) => opened,
        Err(error) if error.is_gone() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let known = inspect::is_followed(tailer, found.inode)
        || tailer.hunt.generations.is_settled(&found.stat);
    if known {
        waiting::stop_waiting(tailer, found.inode);
        return Ok(false);
    }
    let mut head = vec![0; HEAD_BYTES_MAX];
    let count = stream.read_full(&mut head)?;
    head.truncate(count);
    if head.is_empty() {
        match stream.end() {
            Some(End::Cut) if found.stat.size > 0 => return Err(FileError::CutShort),
            Some(End::Damaged(why)) => {
                let why = format!("the compressed file is damaged ({why}); none of it was read");
                tailer.out.abandon(&found.path, found.stat.size, &why);
            }
            Some(End::Cut | End::Complete) | None => {}
        }
        tailer.hunt.generations.settle(&found.stat);
        waiting::stop_waiting(tailer, found.inode);
        return Ok(true);
    }
    let known = tailer.memory.beginning_alike(&head).into_iter();
    let known = known.chain(tailer.hunt.finished.beginning_alike(&head));
    // What was written late to a file that was just being compressed is not in the copy.
    let points = known.flat_map(|content| {
        let late = content.trail.iter().copied().filter(|_| content.head.is_full());
        let ends = late.chain([content.position]).map(|at| Point::end(content.key, at));
        ends.chain(Point::checks(content))
    });
    let mut points: Vec<Point> = points.collect();
    points.extend(alike::rivals(tailer, &head, 0));
    found.head.clone_from(&head);
    let proof = Proof::new(stream, head, points);
    tailer.hunt.job = Some(Job::Compare(found, proof, Sure::Generation));
    Ok(true)
}

/// Whether all that a compressed file holds is known to be read, or to be read elsewhere.
fn is_known<D: Disk>(
    tailer: &Tailer<D>,
    found: &Archive<D::File>,
    verdict: &Verdict<D::File>,
) -> bool {
    let Some((key, at)) = verdict.proven.filter(|(_, at)| at.offset > 0) else { return false };
    let content = tailer.memory.get(key).or_else(|| tailer.hunt.finished.get(key));
    // What a followed file holds is read there, and no more: another one may begin with it.
    let Some(content) = content else { return verdict.stream.decoded() == at.offset };
    let (whole, much) = (verdict.stream.decoded() == at.offset, content.proves_much());
    if at == content.position {
        // What began alike and is short proves nothing, nor does text that repeats itself,
        // unless it is all.
        return whole || (much && verdict.tells);
    }
    // It was read further, for something was written late to what was just being compressed.
    whole && much && verdict.tells && is_older(tailer, found, content)
}

/// Whether a compressed file was last written to before a content was last known, as far as
/// its time tells, which is that of the original.
fn is_older<D: Disk>(tailer: &Tailer<D>, found: &Archive<D::File>, content: &Remembered) -> bool {
    let known_nanos = match tailer.options.earlier {
        Some(earlier) if content.lost.by_nanos == 0 => earlier.last_known_nanos,
        Some(_) | None => content.lost.by_nanos,
    };
    found.stat.modified_nanos <= known_nanos
}

/// The finished content that continues in a compressed file after what was read of it: then it
/// was not finished.
fn continues_in<D: Disk>(tailer: &mut Tailer<D>, verdict: &Verdict<D::File>) -> Option<FileKey> {
    let (key, at) = verdict.proven?;
    let finished = tailer.hunt.finished.get(key)?;
    let more = at == finished.position && verdict.stream.decoded() > at.offset;
    if !(more && finished.proves_much() && verdict.tells) {
        return None;
    }
    let content = tailer.hunt.finished.remove(key)?;
    phase::pass(Phase::Finished, Fact::HasMore, Phase::Missing);
    missing::remember(
        tailer,
        Remembered { lost: Lost { why: Loss::Vanished, ..content.lost }, ..content },
    );
    Some(key)
}

/// Whether what is missing may continue in this file, which the round did not come to: it got
/// another name meanwhile, or could not be read. A round tells whether another one agrees.
fn is_left_to_a_round<D: Disk>(
    tailer: &mut Tailer<D>,
    found: &Archive<D::File>,
    verdict: &Verdict<D::File>,
) -> bool {
    let missing = verdict.proven.is_some_and(|(key, _)| tailer.memory.get(key).is_some());
    // Of a short one nothing is proven unless a round shows that no other file agrees.
    let alike = || {
        let alike = tailer.memory.beginning_alike(&found.head);
        alike.iter().any(|content| tailer.hunt.wanted.contains(&content.key))
    };
    (missing || alike())
        && (!tailer.hunt.is_compared(found.inode) || tailer.hunt.seen.unread.contains(&*found.path))
        && tailer.history.waiting.get_mut(&found.inode).is_some_and(Waiting::may_wait_for_a_round)
}

/// Whether a followed file holds all that a compressed one does, however little of it is read:
/// it is just being compressed.
fn is_followed_plain<D: Disk>(
    tailer: &Tailer<D>,
    found: &Archive<D::File>,
    verdict: &Verdict<D::File>,
) -> Result<bool, DiskError> {
    let (offset, bytes) = verdict.end();
    let alike = identify::live_contents(tailer).agreeing(&found.head);
    for file in alike.iter().filter_map(|key| tailer.files.get(*key)) {
        let ends_alike = candidate::has_at(&tailer.disk, file, offset, bytes)?;
        if ends_alike && holds_beginning(&tailer.disk, found, file)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a followed file has what a compressed one unpacks to, as far as one step goes.
fn holds_beginning<D: Disk>(
    disk: &D,
    found: &Archive<D::File>,
    file: &Tailed<D::File>,
) -> Result<bool, DiskError> {
    let Some(format) = found.path.file_name().and_then(Format::of_name) else { return Ok(false) };
    let mut stream = Stream::new(format, found.handle.clone());
    let mut chunk = vec![0; CHUNK_BYTES];
    while stream.decoded() < BYTES_A_STEP as u64 {
        let offset = stream.decoded();
        let bytes = match stream.read(&mut chunk)? {
            0 => break,
            count => chunk.get(..count).unwrap_or_default(),
        };
        if !candidate::has_at(disk, file, offset, bytes)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A file that belongs to a log was compared with all that is known.
pub(crate) fn judge_generation<D: Disk>(
    tailer: &mut Tailer<D>,
    found: Archive<D::File>,
    mut verdict: Verdict<D::File>,
    now: Now,
) {
    // Of a short file the end tells whether it is what is known and no more.
    if let Err(error) = verdict.go_to_end(BYTES_A_STEP) {
        return inspect::fails_to_read(tailer, &found.path, Some(found.inode), error);
    }
    if verdict.stream.end() == Some(&End::Cut) {
        return trouble::trouble(tailer, &found.path, FileError::CutShort);
    }
    if let Some(key) = continues_in(tailer, &verdict) {
        tailer.hunt.want(key);
        let path = Arc::clone(&found.path);
        drop(found);
        inspect::examine(tailer, &path, Sure::Only(key));
        return;
    }
    let followed = match is_followed_plain(tailer, &found, &verdict) {
        Ok(followed) => followed,
        Err(error) => return inspect::fails_to_read(tailer, &found.path, Some(found.inode), error),
    };
    if followed || is_known(tailer, &found, &verdict) {
        tailer.hunt.generations.settle(&found.stat);
        waiting::stop_waiting(tailer, found.inode);
        return;
    }
    if is_left_to_a_round(tailer, &found, &verdict) {
        return tailer.hunt.postpone(found.inode);
    }
    let waiting = tailer.history.waiting.remove(&found.inode);
    let before = if waiting.is_some() { Phase::Waiting } else { Phase::Unseen };
    phase::pass(before, Fact::FoundInArchive, Phase::Missing);
    let key = waiting.map_or_else(|| tailer.files.new_key(), |waiting| waiting.key);
    let head = Head::of(&found.head);
    let path = Arc::clone(&found.path);
    outbox::tell_of_generation(tailer, &path, found.stat.size);
    let start = Position::start();
    tailer.out.changes.push(Change::Save(Checkpoint {
        file: key,
        inode: found.inode,
        path: path.to_path_buf(),
        real: found.real.as_deref().map(Path::to_path_buf),
        head,
        offset: 0,
        anchor: start.anchor,
        life: RowLife::Rotated,
        holes: Holes::NONE,
        places: Vec::new(),
        cursor: None,
    }));
    missing::remember(
        tailer,
        Remembered {
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
            lost: Lost {
                why: Loss::Vanished,
                since: now.instant,
                by_nanos: found.stat.modified_nanos,
            },
            whereabouts: Whereabouts { real: found.real.clone(), located: false },
        },
    );
    drop(found);
    tailer.hunt.want(key);
    inspect::examine(tailer, &path, Sure::Only(key));
}
