//! Generations without a file: which are known, and when they are given up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::Disk;
use crate::event::EventKind;
use crate::generations::Log;
use crate::identity::{FileKey, Head};
use crate::memory::{Loss, Lost, Remembered};
use crate::phase::{self, Fact, Phase};
use crate::tailer::Tailer;
use crate::{absent, trail, waiting};
use kinetail_base::checkpoint::{Change, Checkpoint, Life as RowLife};

/// Bytes that were never read of a truncated file are given up when no copy appeared by then.
pub(super) const COPY_APPEARS_WITHIN: Duration = Duration::from_mins(1);

/// A finished content is known for this long; longer than the doubt about when files were born.
const FINISHED_KEPT_FOR: Duration = Duration::from_mins(2);

/// Where directories cannot be looked at, finished contents are known for longer, up to this many.
const FINISHED_KEPT_MAX: usize = 4096;

/// Remembers a content that has no file.
pub(crate) fn remember<D: Disk>(tailer: &mut Tailer<D>, content: Remembered) {
    let dropped = tailer.memory.insert(content);
    tell_of_dropped(tailer, dropped);
}

/// There are so many contents without a file that one is not looked for any more. What is not
/// read of it is named.
pub(crate) fn tell_of_dropped<D: Disk>(
    tailer: &mut Tailer<D>,
    dropped: impl IntoIterator<Item = Remembered>,
) {
    let why = "too many missing files; no longer searching for this one";
    for content in dropped {
        phase::pass(Phase::Missing, Fact::Expired, Phase::Gone);
        let offset = content.position.offset;
        let unread = content.seen_size.saturating_sub(offset);
        if unread > 0 {
            tailer.out.abandon(&content.path, unread, why);
        } else if content.lost.why == Loss::Stopped {
            let detail = format!("{why}; data after offset {offset} was not read");
            tailer.out.event(EventKind::Missing, &content.path, detail);
        }
    }
}

/// Says which contents of an earlier run are nowhere to be found: what was written to them
/// behind their offsets while the flow was stopped can never be read.
pub(crate) fn report_missing<D: Disk>(tailer: &mut Tailer<D>) {
    let missing: Vec<(Arc<Path>, u64, usize)> = tailer
        .memory
        .iter()
        .filter(|content| content.lost.why == Loss::Stopped && !content.whereabouts.located)
        .map(|content| {
            let Remembered { key, path, position, .. } = content;
            (Arc::clone(path), position.offset, tailer.hunt.ambiguous(*key))
        })
        .collect();
    for (path, offset, ambiguous) in missing {
        let hint = match ambiguous {
            0 => String::new(),
            files => format!(
                "; {files} compressed files match its short fingerprint; not resumed from any"
            ),
        };
        let detail =
            format!("checkpointed file not found; data after offset {offset} was not read{hint}");
        tailer.out.event(EventKind::Missing, &path, detail);
    }
    forget_missing_empty(tailer);
}

/// What was empty and is not found at once is never looked for again: by its inode number
/// another file would be taken for it.
fn forget_missing_empty<D: Disk>(tailer: &mut Tailer<D>) {
    let empty = tailer.memory.iter().filter(|content| content.is_empty());
    for key in empty.map(|content| content.key).collect::<Vec<_>>() {
        tailer.memory.remove(key);
        phase::pass(Phase::Missing, Fact::Expired, Phase::Gone);
        tailer.out.changes.push(Change::Forget(key));
    }
}

/// Gives up truncated contents of which no copy appeared.
pub(crate) fn expire_memory<D: Disk>(tailer: &mut Tailer<D>, now: Instant) {
    if tailer.hunt.is_busy() {
        // It may lie in a compressed file that was not looked into yet.
        return;
    }
    let expired: Vec<FileKey> = tailer
        .memory
        .iter()
        .filter(|content| is_expired(content, now))
        .map(|content| content.key)
        .collect();
    for key in expired {
        let Some(content) = tailer.memory.remove(key) else { continue };
        let unread = content.seen_size.saturating_sub(content.position.offset);
        if unread > 0 {
            tailer.out.abandon(
                &content.path,
                unread,
                "truncated before it was fully read, and no copy was found",
            );
        }
        if content.is_empty() {
            phase::pass(Phase::Missing, Fact::Expired, Phase::Gone);
            tailer.out.changes.push(Change::Forget(key));
            continue;
        }
        phase::pass(Phase::Missing, Fact::ReadToEnd, Phase::Finished);
        let lost = Lost { why: Loss::Finished, since: now, ..content.lost };
        keep_as_trace(tailer, Remembered { lost, ..content });
    }
}

/// Keeps of a finished content that there was one: no other file is taken for it any more.
fn keep_as_trace<D: Disk>(tailer: &mut Tailer<D>, content: Remembered) {
    let trace = Remembered { head: Head::default(), trail: Vec::new(), ..content };
    tailer.out.changes.push(Change::Save(finished_row(&trace)));
    drop(tailer.hunt.finished.insert(trace));
}

fn is_expired(content: &Remembered, now: Instant) -> bool {
    content.lost.why == Loss::Truncated
        && content.acked >= content.position.offset
        && now.saturating_duration_since(content.lost.since) >= COPY_APPEARS_WITHIN
}

/// Counts what was not read of closed files that did not come back. Should they come back
/// later they are continued all the same.
pub(crate) fn give_up_vanished<D: Disk>(tailer: &mut Tailer<D>, now: Instant) {
    if tailer.hunt.is_busy() {
        // It may lie in a compressed file that was not looked into yet.
        return;
    }
    let late = |content: &&Remembered| {
        content.lost.why == Loss::Vanished
            && content.seen_size > content.position.offset
            && now.saturating_duration_since(content.lost.since) >= COPY_APPEARS_WITHIN
    };
    let late: Vec<FileKey> = tailer.memory.iter().filter(late).map(|c| c.key).collect();
    for key in late {
        let Some(content) = tailer.memory.get_mut(key) else { continue };
        let unread = content.seen_size - content.position.offset;
        content.seen_size = content.position.offset;
        let path = content.path.clone();
        tailer.out.abandon(&path, unread, "closed at the descriptor limit and not found again");
    }
}

/// Keeps a content of which everything is acknowledged and whose file is gone for a while: a
/// compressed copy of it is not to be taken for a generation that was not read.
pub(crate) fn finish<D: Disk>(
    tailer: &mut Tailer<D>,
    phase: Phase,
    mut content: Remembered,
    mistakable: bool,
) {
    if content.head.len == 0 {
        phase::pass(phase, Fact::Released, Phase::Gone);
        tailer.out.changes.push(Change::Forget(content.key));
        return;
    }
    phase::pass(phase, Fact::ReadToEnd, Phase::Finished);
    if !mistakable {
        content.lost.why = Loss::Finished;
    }
    tailer.out.changes.push(Change::Save(finished_row(&content)));
    // Of what is finished nothing is unread.
    drop(tailer.hunt.finished.insert(content));
}

/// The row of a content of which everything is acknowledged, and whose file is gone.
pub(crate) fn finished_row(content: &Remembered) -> Checkpoint {
    Checkpoint {
        file: content.key,
        inode: content.inode,
        path: content.path.to_path_buf(),
        real: content.whereabouts.real.as_deref().map(Path::to_path_buf),
        head: content.head,
        offset: content.position.offset,
        anchor: content.position.anchor,
        life: RowLife::Finished,
        holes: content.holes.clone(),
        places: trail::before(content.trail.iter().copied(), content.position),
        cursor: None,
    }
}

/// The finished contents of which nothing younger of their log is known. They tell that there is
/// such a log, and where it lies if it is reached by a link; and that what is older by its name or
/// its time is known.
fn youngest_of_logs<D: Disk>(tailer: &Tailer<D>) -> BTreeSet<FileKey> {
    let logs = &tailer.history.logs;
    let mut youngest: BTreeMap<PathBuf, FileKey> = BTreeMap::new();
    // A later one replaces an earlier one.
    for content in tailer.hunt.finished.iter() {
        let live = absent::log_of_rotated(&tailer.options, &content.path);
        if let Some(live) = live.filter(|live| logs.contains(live)) {
            youngest.insert(live, content.key);
        }
    }
    let is_filled = |key: FileKey| {
        tailer.files.get(key).is_some_and(|file| !file.is_empty())
            // What was truncated is known for a minute only.
            || tailer.memory.get(key).is_some_and(|content| {
                !content.is_empty() && content.lost.why != Loss::Truncated
            })
    };
    youngest.retain(|live, key| {
        let last = logs.get(live).and_then(Log::last_known);
        let tells_of_log = tailer.options.pattern.exact_path().is_none()
            || tailer.hunt.finished.get(*key).is_some_and(|it| it.whereabouts.real.is_some());
        !last.is_some_and(|last| last > *key && is_filled(last))
            && (tells_of_log || has_older(tailer, live, *key))
    });
    youngest.into_values().collect()
}

/// Whether an older content is known that lay in the directory of a log, and would be its youngest.
fn has_older<D: Disk>(tailer: &Tailer<D>, live: &Path, key: FileKey) -> bool {
    let followed = tailer.files.before(key).map(|(_, file)| &file.path);
    let missing = tailer.memory.iter().filter(|content| content.key < key);
    let mut older = followed.chain(missing.map(|content| &content.path));
    older.any(|path| path.parent() == live.parent())
}

/// Forgets finished contents after a while: by then their age tells that they are no news.
pub(crate) fn forget_finished<D: Disk>(tailer: &mut Tailer<D>, now: Instant) {
    // Until the directories and the compressed files in them could be looked at, nothing else tells
    // what in them was read.
    let needed =
        tailer.history.logs.is_unsure() || tailer.hunt.is_busy() || waiting::waits_packed(tailer);
    if needed && tailer.hunt.finished.len() < FINISHED_KEPT_MAX {
        return;
    }
    let old = |content: &&Remembered| {
        content.lost.why == Loss::Finished
            && now.saturating_duration_since(content.lost.since) >= FINISHED_KEPT_FOR
    };
    let old: Vec<FileKey> = tailer.hunt.finished.iter().filter(old).map(|c| c.key).collect();
    if old.is_empty() {
        return;
    }
    let youngest = youngest_of_logs(tailer);
    let (kept, old): (Vec<FileKey>, Vec<FileKey>) =
        old.into_iter().partition(|key| youngest.contains(key));
    for key in kept {
        if tailer.hunt.finished.get(key).is_some_and(|content| content.head.len > 0)
            && let Some(content) = tailer.hunt.finished.remove(key)
        {
            keep_as_trace(tailer, content);
        }
    }
    for key in old {
        tailer.hunt.finished.remove(key);
        phase::pass(Phase::Finished, Fact::Expired, Phase::Gone);
        tailer.out.changes.push(Change::Forget(key));
    }
}
