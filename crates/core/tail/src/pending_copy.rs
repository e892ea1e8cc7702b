//! Files that equal another one so far: copies that are being made, or files of their own.
//!
//! Part of [`crate::tailer`]. Nothing is read from such a file until that is decided, and in doubt
//! it is read from byte 0.

use std::sync::Arc;
use std::time::Duration;

use crate::candidate::{self, Evidence};
use crate::disk::{Disk, OpenFile, Stat};
use crate::event::EventKind;
use crate::file::{self, Tailed};
use crate::identify::{self, proven_part};
use crate::identity::{FileKey, Head, Position};
use crate::job::{Alike, Job, Then};
use crate::life::PendingCopy;
use crate::memory::HeadIndex;
use crate::options::Now;
use crate::phase::{self, Fact, Phase};
use crate::row::{checkpoint, checkpoint_at_ack};
use crate::tailer::Tailer;
use crate::whole::is_no_mere_beginning;
use crate::{descriptors, doubt, turns};
use kinetail_base::checkpoint::Change;

/// A file that equals another one waits this long, after it last grew, for the other one to be
/// truncated. Copying tools truncate at once after copying.
pub(crate) const SHADOW_HOLD: Duration = Duration::from_secs(3);

/// Of the files that begin like a new one, this many are polled again.
pub(crate) const LOOK_AGAIN_MAX: usize = 8;

/// What a file holds that was followed or known under another number.
enum Held {
    /// All that was read of a generation without a file.
    Known(FileKey),
    /// The beginning of one, up to a position.
    Beginning(Position),
    /// The same as another followed file so far.
    Followed(FileKey),
}

/// Identifies the generation of a file that was empty, or held another one, when it was seen last.
pub(crate) fn identify<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, then: Then, now: Now) {
    let is_new = |file: &Tailed<D::File>| file.phase() == Phase::New && file.seen.size > 0;
    if !tailer.files.get(key).is_some_and(is_new) {
        return proceed(tailer, key, then);
    }
    // Until it is decided nothing is read, so it is opened even if others are closed for it.
    tailer.work.push(Job::IdentifyOpen(key, then));
    descriptors::ensure_open(tailer, key, now);
}

/// The file that was found to be of this key goes its way.
fn proceed<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, then: Then) {
    match then {
        Then::Poll => {
            tailer.work.push(Job::Finish(key));
            tailer.work.push(Job::Judge(key));
        }
        Then::Queue => tailer.work.push(Job::Queue(key)),
    }
}

/// Compares the bytes of the file with the known generations.
pub(crate) fn identify_open<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, then: Then, now: Now) {
    tailer.problems.doubt.begin();
    let head = tailer.files.get(key).and_then(|file| file.handle.as_ref()).map(file::read_head);
    let head = head.and_then(|head| tailer.problems.doubt.known(head));
    // An empty one was truncated since it was polled.
    let Some(head) = head.filter(|head| !head.is_empty()) else {
        // What cannot be read is not followed, however long.
        doubt::puts_off(tailer, key, now);
        return proceed(tailer, key, then);
    };
    let live = identify::live_contents(tailer);
    let found = found_in(tailer, key, &head, &live);
    if doubt::puts_off(tailer, key, now) {
        // Nothing of it is read until the next poll compares it again.
        return proceed(tailer, key, then);
    }
    match found {
        Some(Held::Known(content)) => {
            tailer.out.changes.push(Change::Forget(key));
            hand_over(tailer, key, content, now);
            proceed(tailer, content, then);
        }
        Some(Held::Beginning(position)) => {
            follow_as_new(tailer, key, position, now);
            proceed(tailer, key, then);
        }
        Some(Held::Followed(original)) => {
            if let Some(file) = tailer.files.get_mut(key) {
                file.life.wait_as_copy(PendingCopy::of(original));
                let path = Arc::clone(&file.path);
                tailer.out.event(
                    EventKind::Shadow,
                    &path,
                    "holding new file: identical so far to another file, possibly a copy in \
                     progress",
                );
            }
            proceed(tailer, key, then);
        }
        None => {
            // The original may have been truncated while it was being compared.
            let left = live.agreeing(&head).into_iter().take(LOOK_AGAIN_MAX).collect();
            let alike = Alike { key, then, head, left, polled: None, changed: false };
            tailer.work.push(Job::IdentifyAgain(alike));
        }
    }
}

fn found_in<D: Disk>(
    tailer: &Tailer<D>,
    key: FileKey,
    head: &[u8],
    live: &HeadIndex,
) -> Option<Held> {
    let file = tailer.files.get(key)?;
    let handle = file.handle.as_ref()?;
    let Stat { size, modified_nanos, .. } = file.seen;
    let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head };
    let rather_followed = |key: &FileKey| {
        identify::equals_more(tailer, &evidence, identify::offset_of(tailer, *key), live)
    };
    let copied = identify::copied_from(tailer, &evidence).filter(|key| !rather_followed(key));
    let early = || identify::copied_early(tailer, &evidence).map(|(_, at)| Held::Beginning(at));
    let followed = || identify::equal_to(tailer, &evidence, live).map(Held::Followed);
    copied.map(Held::Known).or_else(early).or_else(followed)
}

/// Polls the files again that begin like one. If one of them holds another generation by now the
/// file is compared again. This ends: a generation that changed is not among them any longer.
pub(crate) fn identify_again<D: Disk>(tailer: &mut Tailer<D>, mut again: Alike) {
    let is_there = |key: FileKey| tailer.files.contains_key(key);
    again.changed |= again.polled.take().is_some_and(|polled| !is_there(polled));
    while let Some(next) = again.left.pop_front() {
        if is_there(next) {
            again.polled = Some(next);
            tailer.work.push(Job::IdentifyAgain(again));
            return tailer.work.push(Job::Poll(next));
        }
    }
    if again.changed {
        return tailer.work.push(Job::Identify(again.key, again.then));
    }
    if let Some(file) = tailer.files.get_mut(again.key) {
        // Its first bytes prove what it is, should it be looked for before any is acknowledged.
        file.life.follow(Fact::Distinct);
        file.head = Head::of(&again.head);
        let row = checkpoint_at_ack(file);
        tailer.out.changes.extend(row.map(Change::Save));
    }
    proceed(tailer, again.key, again.then);
}

/// Decides whether a file that equals another one is a copy of it.
pub(crate) fn judge<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let pending = tailer.files.get(key).and_then(|file| file.life.pending_copy());
    let Some(pending) = pending else { return };
    if !tailer.files.contains_key(pending.original) {
        return tailer.work.push(Job::Settle(key, pending.original));
    }
    tailer.problems.doubt.begin();
    let own = is_own_content(tailer, key, pending.original);
    if doubt::puts_off(tailer, key, now) {
        return;
    }
    if !own {
        return wait_for_truncation(tailer, key, pending, now);
    }
    // The last poll of the original may be older than the bytes that were compared, and it may
    // have been truncated or grown since.
    tailer.work.push(Job::JudgeAgain(key, pending.original));
    tailer.work.push(Job::Poll(pending.original));
}

/// The same; the original was polled again.
pub(crate) fn judge_again<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    original: FileKey,
    now: Now,
) {
    tailer.problems.doubt.begin();
    if tailer.files.get(key).is_some_and(|file| file.phase() == Phase::PendingCopy)
        && is_own_content(tailer, key, original)
        && !doubt::puts_off(tailer, key, now)
    {
        follow_as_new(tailer, key, Position::start(), now);
    }
}

/// Whether a file that began like another one is longer than that, or continues differently.
fn is_own_content<D: Disk>(tailer: &Tailer<D>, key: FileKey, original: FileKey) -> bool {
    let (Some(file), Some(parent)) = (tailer.files.get(key), tailer.files.get(original)) else {
        return false;
    };
    let Some(handle) = &file.handle else { return false };
    let Stat { size, modified_nanos, .. } = file.seen;
    // Only the end is compared, so the head is not needed.
    let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head: &[] };
    size > parent.seen.size
        || (parent.handle.is_some()
            && !tailer.problems.doubt.is_so(candidate::same_end(&tailer.disk, &evidence, parent)))
}

/// Gives the original some time to be truncated, and then the file its own life. A copy is
/// quiet once it is complete; a file that keeps growing in step with the other one is not.
fn wait_for_truncation<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    pending: PendingCopy,
    now: Now,
) {
    let parent_size = tailer.files.get(pending.original).map(|parent| parent.seen.size);
    let Some(file) = tailer.files.get_mut(key) else { return };
    let mut pending = pending;
    if pending.complete_since.is_none() && parent_size == Some(file.seen.size) {
        pending.complete_since = Some(now.instant);
        file.life.update_copy(pending);
    }
    let complete_for = pending
        .complete_since
        .map_or(Duration::ZERO, |since| now.instant.saturating_duration_since(since));
    if file.pace.quiet_for(now.instant).max(complete_for) >= SHADOW_HOLD {
        follow_as_new(tailer, key, Position::start(), now);
    }
}

/// The original is gone or was truncated: this file holds its content now, or never did.
pub(crate) fn settle<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, original: FileKey, now: Now) {
    tailer.work.push(Job::SettleOpen(key, original));
    descriptors::ensure_open(tailer, key, now);
}

/// The same; the file is open if it can be.
pub(crate) fn settle_open<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    original: FileKey,
    now: Now,
) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    // It was complete before its original was truncated, but perhaps not at the last look.
    if let Some(Ok(stat)) = file.handle.as_ref().map(OpenFile::stat) {
        file.seen = stat;
        file.pace.set_unsettled(true);
    }
    tailer.problems.doubt.begin();
    // What cannot be opened now is asked for again by the next poll: nothing of it can be read.
    let Some(file) = tailer.files.get(key).filter(|file| file.handle.is_some()) else { return };
    let position = held_of(tailer, file, original);
    if doubt::puts_off(tailer, key, now) {
        // The next poll comes here again.
        return;
    }
    match (position, tailer.memory.get(original)) {
        (Some(position), Some(content)) if position == content.position => {
            hand_over(tailer, key, original, now);
        }
        (position, _) => follow_as_new(tailer, key, position.unwrap_or_else(Position::start), now),
    }
}

/// How far a file provably holds what was read of a content that it equalled. `None` if that
/// proves nothing: a log that begins with the same few lines and continued after the other one
/// was truncated is no copy of that.
fn held_of<D: Disk>(
    tailer: &Tailer<D>,
    file: &Tailed<D::File>,
    content: FileKey,
) -> Option<Position> {
    let (content, handle) = (tailer.memory.get(content)?, file.handle.as_ref()?);
    let Stat { size, modified_nanos, .. } = file.seen;
    let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head: &[] };
    if !identify::may_be_copy(tailer, &evidence, content) {
        return None;
    }
    let whole = size >= content.position.offset
        && identify::proves_up_to(tailer, handle, content, content.position);
    if whole {
        return Some(content.position);
    }
    // What was copied before a truncation lacks little. Less of it is a log that begins alike.
    let part = proven_part(tailer, content, handle, size);
    part.filter(|at| is_no_mere_beginning(*at, content.position.offset))
}

/// The file adopts the generation that its bytes belong to.
fn hand_over<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, content: FileKey, now: Now) {
    let Some(content) = tailer.memory.remove(content) else { return };
    let Some(mut file) = tailer.files.remove(key) else { return };
    phase::pass(file.phase(), Fact::CopyOfKnown, Phase::Gone);
    file.key = content.key;
    file.life = file.life.of_known_generation(now.instant);
    file.life.follow(Fact::Found);
    file.position = content.position;
    file.progress.set_acked(content.acked);
    file.gaps.keep_only(content.holes.before(content.position.offset));
    file.head = content.head;
    file.ahead.try_again();
    file.pace.restart(file.seen.size, now.instant);
    let detail = format!(
        "resuming in a copy of a truncated file, was {}, at offset {} of {}",
        content.path.display(),
        content.position.offset,
        file.seen.size
    );
    tailer.out.event(EventKind::CopyRecognized, &Arc::clone(&file.path), detail);
    tailer.out.changes.extend(checkpoint_at_ack(&file).map(Change::Save));
    tailer.files.by_inode.insert(file.inode, content.key);
    let unread = file.unread_bytes() > 0;
    tailer.files.insert(content.key, file);
    turns::poll_soon(tailer, content.key);
    if unread {
        turns::requeue(tailer, content.key);
    }
}

/// The file is a content of its own, read from a position on.
fn follow_as_new<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, position: Position, now: Now) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.follow_from(position, now.instant);
    let path = Arc::clone(&file.path);
    let row = checkpoint(file, position);
    tailer.out.changes.push(Change::Save(row));
    let detail = format!("following new file from offset {}: not a copy", position.offset);
    tailer.out.event(EventKind::Appeared, &path, detail);
    turns::poll_soon(tailer, key);
    turns::requeue(tailer, key);
}
