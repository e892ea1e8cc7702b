//! Files without a name: held until they are read and acknowledged, and bounded by their number,
//! by age and by free disk space.
//!
//! Part of [`crate::tailer`]. Whatever is given up with bytes that were not read is an event of its
//! own, counted and named.

use std::time::{Duration, Instant};

use crate::compressed::alike;
use crate::disk::{Disk, OpenFile};
use crate::displaced::remembered;
use crate::event::EventKind;
use crate::file::{self, Tailed};
use crate::identity::FileKey;
use crate::memory::Loss;
use crate::missing;
use crate::options::{DELETED_LINGER, MOVED_LINGER, Now};
use crate::phase::{self, Fact, Phase};
use crate::space::Pressure;
use crate::tailer::Tailer;

/// A deleted file of which something could not be delivered in this time is given up.
pub(super) const DELETED_HELD_MAX: Duration = Duration::from_hours(7 * 24);

/// Lets a file go that has no name, is read and acknowledged to its end, and is quiet.
pub(crate) fn release_if_done<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(file) = tailer.files.get(key) else { return };
    let Some(since) = file.life.unlisted_since() else { return };
    let linger = if file.seen.links == 0 { DELETED_LINGER } else { MOVED_LINGER };
    let quiet = file.pace.quiet_for(now.instant).min(now.instant.saturating_duration_since(since));
    if file.is_done() && quiet >= linger {
        release(tailer, key, now.instant, "");
    }
}

/// Lets deleted files go that are too many, too old, or lie on a disk that is nearly full. Says
/// how many there were.
pub(crate) fn bound_held_files<D: Disk>(tailer: &mut Tailer<D>, now: Now) -> usize {
    let mut deleted: Vec<(Instant, FileKey)> = tailer
        .files
        .values()
        .filter(|file| file.seen.links == 0 && file.handle.is_some())
        .filter_map(|file| Some((file.life.unlisted_since()?, file.key)))
        .collect();
    if deleted.is_empty() {
        return 0;
    }
    deleted.sort();
    let excess = deleted.len().saturating_sub(tailer.options.open_files_max());
    bound_number(tailer, &deleted, excess, now);
    for (since, key) in &deleted {
        if now.instant.saturating_duration_since(*since) >= DELETED_HELD_MAX {
            release(tailer, *key, now.instant, "deleted more than 7 days ago");
        }
    }
    relieve_disk(tailer, &deleted, now);
    deleted.len()
}

/// Those that are read go first.
fn bound_number<D: Disk>(
    tailer: &mut Tailer<D>,
    deleted: &[(Instant, FileKey)],
    excess: usize,
    now: Now,
) {
    let why = "too many deleted files held open";
    let read = |tailer: &Tailer<D>, key| tailer.files.get(key).is_some_and(Tailed::is_done);
    let (done, rest): (Vec<_>, Vec<_>) =
        deleted.iter().map(|(_, key)| *key).partition(|key| read(tailer, *key));
    for key in done.into_iter().chain(rest).take(excess) {
        release(tailer, key, now.instant, why);
    }
}

/// What is read goes at once. What is not read goes one file at a time, the oldest first: the
/// space of the one before may not be counted as free yet.
fn relieve_disk<D: Disk>(tailer: &mut Tailer<D>, deleted: &[(Instant, FileKey)], now: Now) {
    let mut given_up: Vec<u64> = Vec::new();
    for (_, key) in deleted {
        let Some(file) = tailer.files.get(*key) else { continue };
        let Some(handle) = &file.handle else { continue };
        // A file system that does not say how full it is has no bound.
        let pressure = tailer.options.space.pressure(handle).unwrap_or(Pressure::None);
        let grew = handle.stat().is_ok_and(|stat| stat.size != file.seen.size);
        if pressure == Pressure::None || grew {
            continue;
        }
        if file.is_done() {
            release(tailer, *key, now.instant, "disk space below minFreeDiskPercent");
        } else if pressure == Pressure::Critical && !given_up.contains(&file.inode.device) {
            given_up.push(file.inode.device);
            release(tailer, *key, now.instant, "disk space critically low");
        }
    }
}

/// Lets a file go; what was not read of it is lost, and said to be.
pub(crate) fn release<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Instant, why: &str) {
    if let Some(file) = tailer.files.get_mut(key)
        && let Some(Ok(stat)) = file.handle.as_ref().map(OpenFile::stat)
    {
        // What was written since the last look goes with it, and is counted.
        file.seen.size = file.seen.size.max(stat.size);
    }
    let head = tailer.files.get(key).and_then(|file| file.handle.as_ref()).map(file::read_head);
    let Some(file) = tailer.files.forget(key) else { return };
    let unread = file.unread_bytes();
    if unread > 0 {
        tailer.out.abandon(&file.path, unread, why);
    }
    let why = if why.is_empty() { String::new() } else { format!("; {why}") };
    let detail = format!("released file at offset {}{why}", file.position.offset);
    tailer.out.event(EventKind::Released, &file.path, detail);
    let offset = file.position.offset;
    // A compressed copy of it could be taken for another content that begins like it.
    let mistakable =
        matches!(head, Some(Ok(head)) if alike::is_mistakable(tailer, key, &head, offset));
    let phase = file.phase();
    if file.seen.links == 0 && unread == 0 {
        return missing::finish(tailer, phase, remembered(file, now), mistakable);
    }
    phase::pass(phase, Fact::Released, Phase::Missing);
    let mut content = remembered(file, now);
    if unread > 0 {
        // It is counted. Should a compressed copy of it turn up it is continued all the same.
        content.lost.why = Loss::Vanished;
        content.seen_size = content.position.offset;
    }
    missing::remember(tailer, content);
}
