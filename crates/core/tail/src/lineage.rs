//! Which generation of a log is older: what came since the last look is put behind the content that
//! the live name led to before.
//!
//! Part of [`crate::tailer`]. Contents that were known before are older than those that were not,
//! and the content under the live name is the youngest. Among the new ones births tell, which
//! cannot be set, then names, then times of modification, then the order in which they were found.
//! Compressed files have the birth of their archive and are older than plain ones if their names do
//! not tell. What is found out is kept: within a log, numbers of contents grow with time.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, OpenFile};
use crate::file::Tailed;
use crate::history::History;
use crate::identity::FileKey;
use crate::life::PendingCopy;
use crate::rotated::{Rank, unpacked_name};
use crate::row::checkpoint;
use crate::tailer::Tailer;
use crate::{log_path, turns, waiting};
use kinetail_base::checkpoint::Change;

/// A file is taken for a rotated one of a log in another directory only among so many logs.
const LOGS_ELSEWHERE_MAX: usize = 64;

/// What tells how old a new generation is.
struct Member {
    key: FileKey,
    /// It was known before the last look.
    known: bool,
    packed: bool,
    rank: Option<Rank>,
    born_nanos: Option<i128>,
    modified_nanos: i128,
}

/// Puts what came since the last look into its place in the order of its log.
pub(crate) fn put_in_order<D: Disk>(tailer: &mut Tailer<D>) {
    let arrived = std::mem::take(&mut tailer.history.order.arrived);
    let succeeded = std::mem::take(&mut tailer.history.order.succeeded);
    if arrived.is_empty() {
        return;
    }
    let first_new =
        std::mem::replace(&mut tailer.history.order.first_new, FileKey(tailer.files.next_key));
    let owners: BTreeMap<FileKey, &Arc<Path>> =
        succeeded.iter().map(|(live, before)| (*before, live)).collect();
    let mut logs: BTreeMap<Arc<Path>, Vec<FileKey>> = BTreeMap::new();
    for key in arrived.into_iter().filter(|key| has_content(tailer, *key)) {
        let owner = || owners.get(&key).map(|live| Arc::clone(live));
        if let Some(live) = log_of(tailer, key).or_else(owner) {
            logs.entry(live).or_default().push(key);
        }
    }
    let mut unread = None;
    for (live, keys) in logs {
        let before = succeeded.get(&live).copied();
        let before = before.or_else(|| tailer.history.logs.get(&live).and_then(|log| log.newest));
        // One of which nothing is known any more (it was empty) tells nothing about age.
        let spans = tailer.history.order.spans_generations;
        let is_there =
            |before: &FileKey| !keys.contains(before) && (!spans || has_content(tailer, *before));
        let before = before.filter(is_there).or_else(|| {
            let unread = unread.get_or_insert_with(|| youngest_unread(tailer, first_new));
            unread.get(&live).copied()
        });
        chain(tailer, &live, keys, before, first_new);
    }
    let Tailer { history, files, memory, turns, .. } = tailer;
    let History { order, waiting, .. } = history;
    order.forget(|key| {
        files.contains_key(key)
            || memory.get(key).is_some()
            || waiting.values().any(|waiting| waiting.key == key)
    });
    let waits = |key: &FileKey| !order.waits(*key);
    let queued = std::mem::take(&mut turns.queue);
    let (free, wait): (Vec<FileKey>, Vec<FileKey>) = queued.into_iter().partition(waits);
    turns.queue = free.into();
    for key in wait {
        if let Some(file) = files.get_mut(key) {
            file.pace.set_queued(false);
        }
        order.park(key);
    }
}

/// The youngest known content of each log that has something to read. After a restart a log
/// that was rotated and not written to since then has no other trace of it.
fn youngest_unread<D: Disk>(
    tailer: &Tailer<D>,
    first_new: FileKey,
) -> BTreeMap<Arc<Path>, FileKey> {
    let known = tailer.files.before(first_new).filter(|(_, file)| file.unread_bytes() > 0);
    // A later one replaces an earlier one.
    known.filter_map(|(key, _)| Some((log_of(tailer, *key)?, *key))).collect()
}

/// Links the new generations of a log, the oldest first.
fn chain<D: Disk>(
    tailer: &mut Tailer<D>,
    live: &Path,
    mut keys: Vec<FileKey>,
    before: Option<FileKey>,
    first_new: FileKey,
) {
    keys.sort_unstable();
    keys.dedup();
    let now_live = live_content(tailer, live);
    let before = before.filter(|key| Some(*key) != now_live && !keys.contains(key));
    keys.retain(|key| Some(*key) != now_live);
    if keys.is_empty() && before.is_none() {
        return;
    }
    let members = keys.iter().map(|key| member(tailer, live, *key, first_new)).collect();
    let mut chain = in_order(members, before, now_live);
    number_by_age(tailer, &mut chain, first_new);
    let before = before.filter(|key| chain.contains(key));
    for pair in chain.windows(2) {
        let [older, key] = pair else { continue };
        // What was read of before has its place already.
        if Some(*key) != before || tailer.memory.get(*key).is_some() {
            tailer.history.order.link(*key, *older);
        }
    }
}

/// Gives greater numbers to new contents that were found before older ones were: after a
/// restart the numbers are what is left to tell how old they are.
fn number_by_age<D: Disk>(tailer: &mut Tailer<D>, chain: &mut [FileKey], first_new: FileKey) {
    let mut youngest = FileKey(0);
    for key in chain {
        if *key < youngest && *key >= first_new {
            *key = renumber(tailer, *key).unwrap_or(*key);
        }
        youngest = youngest.max(*key);
    }
}

/// Gives a new content of which nothing was read another number.
fn renumber<D: Disk>(tailer: &mut Tailer<D>, key: FileKey) -> Option<FileKey> {
    let is_begun = |file: &Tailed<D::File>| file.position.offset > 0 || file.acked() > 0;
    if tailer.files.get(key).is_some_and(is_begun) {
        return None;
    }
    let Some(mut file) = tailer.files.remove(key) else {
        return waiting::renumber_waiting(tailer, key);
    };
    let new = tailer.files.new_key();
    file.key = new;
    file.pace.leave_lists();
    tailer.out.changes.push(Change::Forget(key));
    if file.life.pending_copy().is_none() {
        tailer.out.changes.push(Change::Save(checkpoint(&file, file.position)));
    }
    tailer.files.by_inode.insert(file.inode, new);
    tailer.history.logs.rename(key, new);
    tailer.history.order.rename(key, new);
    let unread = file.unread_bytes() > 0;
    tailer.files.insert(new, file);
    for file in tailer.files.values_mut() {
        if let Some(pending) = file.life.pending_copy().filter(|copy| copy.original == key) {
            file.life.update_copy(PendingCopy { original: new, ..pending });
        }
    }
    turns::poll_soon(tailer, new);
    if unread {
        turns::requeue(tailer, new);
    }
    Some(new)
}

fn has_content<D: Disk>(tailer: &Tailer<D>, key: FileKey) -> bool {
    tailer.files.contains_key(key)
        || tailer.memory.get(key).is_some()
        || tailer.history.is_waiting(key)
}

/// The content under a live name, if it is followed.
fn live_content<D: Disk>(tailer: &Tailer<D>, live: &Path) -> Option<FileKey> {
    let entry = tailer.directories.snapshot.as_ref()?.listing.at(live)?;
    let key = tailer.files.by_inode.get(&entry.inode).copied()?;
    tailer.files.get(key).filter(|file| file.is_listed()).map(|file| file.key)
}

/// The live name of the log that a content belongs to, by its name.
fn log_of<D: Disk>(tailer: &Tailer<D>, key: FileKey) -> Option<Arc<Path>> {
    let path = place_of(tailer, key)?;
    let live = |path: &Path| tailer.history.logs.get(path).map(|_| Arc::from(path));
    let (directory, name) = (path.parent()?, path.file_name()?);
    let nearby = |directory: &Path| {
        let readings = tailer.options.rotated_names.readings(name.as_bytes());
        readings.iter().find_map(|reading| live(&directory.join(OsStr::from_bytes(&reading.live))))
    };
    let above = || {
        let mut below = tailer.options.rotated_names.directories().map(Path::new);
        below.find_map(|below| {
            let inside = directory.ends_with(below);
            let base = directory.ancestors().nth(below.components().count());
            base.filter(|_| inside).and_then(nearby)
        })
    };
    let dated = || {
        let up = log_path::above_dated(&tailer.options.rotated_names, directory);
        up.and_then(nearby)
    };
    // What is outside of a pattern without wildcards was found as a generation of its log.
    let exact = || {
        let exact = tailer.options.pattern.exact_path()?;
        let live_name = exact.file_name()?.as_bytes();
        tailer.options.rotated_names.reading_of(live_name, name.as_bytes())?;
        (exact.parent() == Some(directory)).then(|| live(&exact)).flatten()
    };
    // A rotated name that matches may count as a live one, too.
    let nearby = nearby(directory).or_else(above).or_else(dated).or_else(exact);
    let nearby = nearby.or_else(|| live(&path));
    nearby.or_else(|| log_elsewhere(tailer, name))
}

/// A file that lies in another directory than its log, where a link leads to: its name must
/// fit one live name only.
fn log_elsewhere<D: Disk>(tailer: &Tailer<D>, name: &OsStr) -> Option<Arc<Path>> {
    let readings = tailer.options.rotated_names.readings(name.as_bytes());
    let fits = |live: &&Arc<Path>| {
        let live = live.file_name().map(OsStr::as_bytes);
        readings.iter().any(|reading| Some(reading.live.as_slice()) == live)
    };
    if tailer.history.logs.names().nth(LOGS_ELSEWHERE_MAX).is_some() {
        return None;
    }
    let mut found = tailer.history.logs.names().filter(fits);
    let first = found.next()?;
    found.next().is_none().then(|| Arc::clone(first))
}

fn place_of<D: Disk>(tailer: &Tailer<D>, key: FileKey) -> Option<PathBuf> {
    let followed = log_path::path_of(tailer, key).map(|path| path.to_path_buf());
    followed.or_else(|| {
        let mut waiting = tailer.history.waiting.values();
        waiting.find(|waiting| waiting.key == key).map(|waiting| waiting.path.clone())
    })
}

fn member<D: Disk>(tailer: &Tailer<D>, live: &Path, key: FileKey, first_new: FileKey) -> Member {
    let path = place_of(tailer, key);
    let name = path.as_deref().and_then(Path::file_name).map(OsStr::as_bytes);
    let live = live.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let reading = name.and_then(|name| tailer.options.rotated_names.reading_of(live, name));
    let file = tailer.files.get(key);
    let handle = file.and_then(|file| file.handle.as_ref());
    Member {
        key,
        known: key < first_new,
        packed: name.is_some_and(|name| unpacked_name(name).1),
        rank: reading.map(|reading| reading.rank),
        born_nanos: handle.and_then(|handle| handle.born().ok().flatten()),
        modified_nanos: file.map_or(0, |file| file.seen.modified_nanos),
    }
}

/// All generations of a log, the oldest first: those that were known, the one that the live name
/// led to before, the new ones, and the live one.
fn in_order(members: Vec<Member>, before: Option<FileKey>, live: Option<FileKey>) -> Vec<FileKey> {
    let (known, new): (Vec<Member>, Vec<Member>) =
        members.into_iter().partition(|member| member.known);
    // Within a log the number of a content says how old it is.
    let mut known: Vec<FileKey> = known.into_iter().map(|member| member.key).collect();
    known.sort_unstable();
    let new = sorted(new).into_iter().map(|member| member.key);
    known.into_iter().chain(before).chain(new).chain(live).collect()
}

/// Oldest first. All are compared by the same evidence, or the order would depend on where one
/// begins.
fn sorted(mut members: Vec<Member>) -> Vec<Member> {
    let born = members.iter().all(|member| member.born_nanos.is_some() && !member.packed);
    let like = members.first().and_then(|member| member.rank.clone());
    let named = members.iter().all(|member| {
        let alike = member.rank.as_ref().zip(like.as_ref());
        alike.is_some_and(|(rank, like)| rank.is_like(like)) && age_by_name(member).is_some()
    });
    members.sort_by_cached_key(|member| {
        let name = if named { age_by_name(member) } else { None };
        let packed = !named && !member.packed;
        let born = if born { member.born_nanos } else { None };
        // Without births the time of the last change tells more than who was found first.
        let modified = if member.packed { 0 } else { member.modified_nanos };
        (born, packed, name, modified, member.key)
    });
    members
}

/// What a name says about age, the less the older: small numbers behind the whole name count back.
fn age_by_name(member: &Member) -> Option<Vec<u64>> {
    match member.rank.as_ref()? {
        Rank::Index(number) | Rank::Chain(number) => Some(vec![u64::MAX - u64::from(*number)]),
        Rank::Date(parts) => Some(parts.iter().map(|(_, value)| *value).collect()),
        Rank::Counter(_) | Rank::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(key: u64, name: &str, born: Option<i128>, modified: i128) -> Member {
        let names = super::super::rotated::RotatedNames::default();
        let reading = names.reading_of(b"app.log", name.as_bytes());
        Member {
            key: FileKey(key),
            known: false,
            packed: unpacked_name(name.as_bytes()).1,
            rank: reading.map(|reading| reading.rank),
            born_nanos: born,
            modified_nanos: modified,
        }
    }

    fn order(members: Vec<Member>) -> Vec<u64> {
        sorted(members).iter().map(|member| member.key.0).collect()
    }

    #[test]
    fn births_tell_before_names() {
        // log4j2 can count up behind the whole name.
        let members =
            vec![member(1, "app.log.2", Some(20), 30), member(2, "app.log.1", Some(10), 15)];
        assert_eq!(order(members), [2, 1]);
    }

    #[test]
    fn names_tell_where_births_do_not() {
        let members = vec![
            member(1, "app.log.1", None, 9),
            member(2, "app.log.3.gz", None, 50),
            member(3, "app.log.2", Some(1), 8),
        ];
        assert_eq!(order(members), [2, 3, 1]);
        let members =
            vec![member(1, "app.log-20261130", None, 0), member(2, "app.log-20261129", None, 0)];
        assert_eq!(order(members), [2, 1]);
    }

    #[test]
    fn files_of_one_tick_of_the_clock_are_told_apart_by_their_names() {
        let members = vec![
            member(1, "app.log.1", Some(5), 5),
            member(2, "app.log.3", Some(5), 5),
            member(3, "app.log.2", Some(5), 5),
        ];
        assert_eq!(order(members), [2, 3, 1]);
    }

    #[test]
    fn times_of_modification_and_the_order_of_finding_are_the_last_resort() {
        let members = vec![
            member(1, "app.log.old", None, 9),
            member(2, "app-3.log", None, 8),
            member(3, "app-2.log.gz", None, 99),
            member(4, "app-1.log", None, 8),
        ];
        assert_eq!(order(members), [3, 2, 4, 1]);
    }
}
