//! What becomes of a compressed file that was compared with the missing generations.

use crate::compressed::hunt::BYTES_A_STEP;
use crate::compressed::proof::{Proof, Verdict, check};
use crate::compressed::state::{Archive, Job, Sure};
use crate::compressed::stream::{End, Stream};
use crate::compressed::{alike, follow, generation, inspect};
use crate::disk::{Disk, DiskError};
use crate::event::EventKind;
use crate::identity::FileKey;
use crate::options::Now;
use crate::phase::{self, Fact, Phase};
use crate::problems::FileError;
use crate::tailer::Tailer;
use crate::{file, missing, trouble, uncovered, waiting};
use kinetail_base::checkpoint::Change;

fn judge_compressed<D: Disk>(
    tailer: &mut Tailer<D>,
    found: Archive<D::File>,
    verdict: Verdict<D::File>,
    sure: Sure,
    now: Now,
) {
    if sure == Sure::Generation {
        return generation::judge_generation(tailer, found, verdict, now);
    }
    if verdict.proven.is_some_and(|(key, _)| tailer.files.contains_key(key)) {
        tailer.hunt.job = Some(Job::Claim(found, verdict));
        return;
    }
    // What is not wanted is where it was, or was read to its end, and this is a copy of it.
    let proven = verdict.proven.filter(|(key, _)| tailer.hunt.wanted.contains(key));
    let content = proven.and_then(|(key, _)| tailer.memory.get(key));
    let Some(content) = content else {
        if verdict.stream.end() == Some(&End::Cut) {
            trouble::trouble(tailer, &found.path, FileError::CutShort);
        }
        return tailer.hunt.leave(&found.path, found.stat);
    };
    let key = content.key;
    if sure.key().is_none() && !content.proves_much() {
        // Many a log begins with the same few lines. If it is the only one, it will do.
        tailer.hunt.seen.weak.entry(key).or_default().insert(found.path.to_path_buf());
        return tailer.hunt.leave(&found.path, found.stat);
    }
    if sure != Sure::Whole(key) {
        tailer.hunt.job = Some(Job::Check(found, verdict.stream, key));
    } else if let Some(unpacked) = verdict.into_unpacked() {
        follow::read_compressed(tailer, found, unpacked, key, now);
    }
}

pub(crate) fn step_comparing<D: Disk>(
    tailer: &mut Tailer<D>,
    found: Archive<D::File>,
    proof: Proof<D::File>,
    sure: Sure,
    now: Now,
) -> Result<(), FileError> {
    match proof.step(BYTES_A_STEP)? {
        Ok(verdict) => judge_compressed(tailer, found, verdict, sure, now),
        Err(proof) => tailer.hunt.job = Some(Job::Compare(found, proof, sure)),
    }
    Ok(())
}

pub(crate) fn step_checking<D: Disk>(
    tailer: &mut Tailer<D>,
    found: Archive<D::File>,
    mut stream: Stream<D::File>,
    key: FileKey,
) -> Result<(), FileError> {
    if !check(&mut stream, BYTES_A_STEP)? {
        tailer.hunt.job = Some(Job::Check(found, stream, key));
        return Ok(());
    }
    let Some(content) = tailer.memory.get(key) else { return Ok(()) };
    let left = stream.decoded().saturating_sub(content.position.offset);
    let acked = content.acked >= content.position.offset;
    match stream.end() {
        Some(End::Cut) => return Err(FileError::CutShort),
        // What is in flight is acknowledged first; the next round comes back.
        Some(End::Damaged(_)) if !acked => {}
        Some(End::Damaged(why)) => give_up_damaged(tailer, &found, key, why),
        Some(End::Complete) | None if left == 0 && acked => forget_read(tailer, &found, key),
        Some(End::Complete) | None if has_its_name(tailer, &found)? => {
            inspect::examine(tailer, &found.path, Sure::Whole(key));
        }
        // It was renamed meanwhile: the next round looks into it by its new name.
        Some(End::Complete) | None => {
            tailer.hunt.compare_again(&found.path);
            tailer.hunt.seen.compared.remove(&found.inode);
            tailer.hunt.begin_soon();
        }
    }
    Ok(())
}

/// Whether the name of a compressed file still leads to it.
fn has_its_name<D: Disk>(tailer: &Tailer<D>, found: &Archive<D::File>) -> Result<bool, DiskError> {
    match file::stat_path(&tailer.disk, &found.path) {
        Ok(stat) => Ok(stat.inode == found.inode),
        Err(error) if error.is_gone() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The content lies in a compressed file, and nothing of it is unread.
fn forget_read<D: Disk>(tailer: &mut Tailer<D>, found: &Archive<D::File>, key: FileKey) {
    let Some(content) = tailer.memory.remove(key) else { return };
    trouble::recovered(tailer, &found.path);
    // It is no other content's, though one that was shorter may begin like it.
    tailer.hunt.leave(&found.path, found.stat);
    tailer.hunt.generations.settle(&found.stat);
    waiting::stop_waiting(tailer, found.inode);
    let detail = format!("compressed file already fully read; was {}", content.path.display());
    tailer.out.event(EventKind::CompressedCopy, &found.path, detail);
    uncovered::note_name(tailer, &content.path, &found.path);
    let kept = alike::is_mistakable(tailer, key, &found.head, content.position.offset);
    missing::finish(tailer, Phase::Missing, content, kept);
}

/// Nobody can tell which bytes of a damaged file are right, so none are sent.
fn give_up_damaged<D: Disk>(
    tailer: &mut Tailer<D>,
    found: &Archive<D::File>,
    key: FileKey,
    damage: &str,
) {
    let Some(content) = tailer.memory.remove(key) else { return };
    let seen = content.seen_size.saturating_sub(content.position.offset);
    let why = format!(
        "compressed file (was {}, {} bytes read) is corrupt, at least this much is lost: {damage}",
        content.path.display(),
        content.position.offset
    );
    tailer.out.abandon(&found.path, seen.max(found.stat.size), &why);
    phase::pass(Phase::Missing, Fact::Damaged, Phase::Gone);
    tailer.out.changes.push(Change::Forget(key));
    tailer.hunt.leave(&found.path, found.stat);
    tailer.hunt.generations.settle(&found.stat);
    waiting::stop_waiting(tailer, found.inode);
}
