//! Generations of a log: whether something came and went between the content that was followed
//! last under a live name and the one that it leads to now. Pure.
//!
//! Names are no proof, so this only says which files are to be looked into: those that belong to
//! the log by their names and are younger than what is known. Unknown age counts as younger, for
//! repeating is better than losing; what is known by its bytes is never read twice.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::identity::{FileKey, Inode};
use super::rotated::Rank;

/// A scan may come later than it should, and file systems stamp files with a clock that lags. What
/// was born this long before everything was known may still be unknown.
const SLACK: Duration = Duration::from_secs(5);

/// What is known of the generations of one live name.
#[derive(Debug, Clone)]
pub(super) struct Log {
    /// The content that the live name led to when everything was accounted for.
    pub(super) newest: Option<FileKey>,
    /// When that was, in nanoseconds since 1970. What was born before was seen, or is older than
    /// the first start.
    pub(super) since_nanos: i128,
    /// The directory changed while it was looked at.
    pub(super) unsure: bool,
}

/// When files were born, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Horizon {
    /// Nothing that was born before the flow's first start is read.
    pub(super) first_start_nanos: i128,
    /// When the flow was last known to have looked, in an earlier run; at the first start now.
    pub(super) since_nanos: i128,
}

/// A live name, compared as its bytes: paths as such are compared component by component, which is
/// slow where there are thousands.
#[derive(Debug, PartialEq, Eq)]
struct LiveName(Arc<Path>);

impl PartialOrd for LiveName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LiveName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_os_str().cmp(other.0.as_os_str())
    }
}

impl Borrow<OsStr> for LiveName {
    fn borrow(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

/// All live names of a flow.
#[derive(Debug)]
pub(crate) struct Logs {
    logs: BTreeMap<LiveName, Log>,
    horizon: Horizon,
}

/// A file that belongs to a log and is not known, as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(super) inode: Inode,
    pub(super) path: PathBuf,
    pub(super) rank: Rank,
    pub(super) packed: bool,
    /// The log is reached by a link, which may have led to a file of another name.
    pub(super) behind_link: bool,
    /// A content that is known lay in it, and another one does now: that is young, whenever the
    /// file was born.
    pub(super) changed: bool,
    pub(super) born_nanos: Option<i128>,
    pub(super) modified_nanos: i128,
}

/// The newest known content, if its file was found among the rotated ones.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(super) rank: Rank,
    pub(super) born_nanos: Option<i128>,
    pub(super) modified_nanos: Option<i128>,
}

impl Logs {
    pub(super) fn new(horizon: Horizon) -> Self {
        Self { logs: BTreeMap::new(), horizon }
    }

    /// A log of which nothing is known.
    pub(super) fn fresh(&self) -> Log {
        Log { newest: None, since_nanos: self.horizon.since_nanos, unsure: false }
    }

    pub(super) fn get(&self, live: &Path) -> Option<&Log> {
        self.logs.get(live.as_os_str())
    }

    pub(super) fn contains(&self, live: &Path) -> bool {
        self.logs.contains_key(live.as_os_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.logs.keys().map(|live| &live.0)
    }

    /// The log of a live name; what came and went before it was first seen counts from the time
    /// when the flow was last known to look.
    pub(super) fn entry(&mut self, live: &Arc<Path>) -> &mut Log {
        let fresh = self.fresh();
        self.logs.entry(LiveName(Arc::clone(live))).or_insert(fresh)
    }

    /// The flow starts for the very first time.
    pub(super) fn begin(&mut self, nanos: i128) {
        self.horizon = Horizon { first_start_nanos: nanos, since_nanos: nanos };
    }

    /// A content goes by another number from now on.
    pub(super) fn rename(&mut self, old: FileKey, new: FileKey) {
        for log in self.logs.values_mut().filter(|log| log.newest == Some(old)) {
            log.newest = Some(new);
        }
    }

    /// Everything that was there at this time is known, under live names that are not, too.
    pub(super) fn looked(&mut self, nanos: i128) {
        self.horizon.since_nanos = nanos;
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Arc<Path>, &Log) -> bool) {
        self.logs.retain(|live, log| keep(&live.0, log));
    }

    /// Whether a look at the directories is due whatever their stamps say.
    pub(super) fn is_unsure(&self) -> bool {
        self.logs.values().any(|log| log.unsure)
    }

    /// What of the files found is younger than what is known, oldest first.
    pub(super) fn between(
        &self,
        log: &Log,
        mark: Option<&Mark>,
        found: Vec<Found>,
        now_nanos: i128,
    ) -> Vec<Found> {
        let after = self.threshold(log, mark, now_nanos);
        let grows = number_grows(&found, mark);
        let floor = self.floor(mark, now_nanos);
        let mixed = numbers_go_both_ways(&found, mark);
        let younger = |found: &Found| {
            if found.changed {
                return true;
            }
            let other = |mark: &Mark| is_of_another_series(&found.rank, &mark.rank);
            if !found.behind_link && mark.is_some_and(other) {
                return false;
            }
            let by_name = mark.and_then(|mark| found.rank.age_against(&mark.rank, grows));
            // Where the name says that it is younger than what is known its times do not count: a
            // tool may have set them.
            let named_younger = by_name == Some(Ordering::Greater) && !has_birth(found);
            if !named_younger && !is_after(found, floor) {
                return false;
            }
            match (found.packed, found.born_nanos, by_name) {
                // Nobody can set the birth of a file, and renaming keeps it.
                (false, Some(born), _) => born >= after,
                (packed, _, Some(Ordering::Less)) => {
                    mixed && !packed && found.modified_nanos >= after
                }
                (_, _, Some(_)) => true,
                (_, _, None) => found.modified_nanos >= after,
            }
        };
        let mut between: Vec<Found> = found.into_iter().filter(younger).collect();
        between.sort_by(|a, b| {
            let by_name = a.rank.age_against(&b.rank, grows);
            let times = |found: &Found| found.born_nanos.filter(|_| !found.packed);
            match (times(a), times(b)) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => by_name.unwrap_or_else(|| a.modified_nanos.cmp(&b.modified_nanos)),
            }
        });
        between
    }

    fn threshold(&self, log: &Log, mark: Option<&Mark>, now_nanos: i128) -> i128 {
        if is_past(log.since_nanos, now_nanos) {
            return log.since_nanos.saturating_sub(slack_nanos());
        }
        // The clock was set back since then; births compare with each other all the same.
        mark.and_then(|mark| mark.born_nanos).unwrap_or_else(|| self.floor(mark, now_nanos))
    }

    /// What is older was there at the flow's first start.
    fn floor(&self, mark: Option<&Mark>, now_nanos: i128) -> i128 {
        if is_past(self.horizon.first_start_nanos, now_nanos) {
            return self.horizon.first_start_nanos;
        }
        // The clock ran ahead at the first start: what is not known to be older may be younger.
        mark.and_then(|mark| mark.born_nanos).unwrap_or(i128::MIN)
    }
}

/// A file system may stamp files with a clock that lags or leads a little.
fn slack_nanos() -> i128 {
    i128::try_from(SLACK.as_nanos()).unwrap_or(i128::MAX)
}

fn is_past(nanos: i128, now_nanos: i128) -> bool {
    nanos <= now_nanos.saturating_add(slack_nanos())
}

/// Whether a file may have been written after the flow's first start. One that was born after it
/// and bears an older time is a copy that keeps the time of its original: it was restored.
fn is_after(found: &Found, floor_nanos: i128) -> bool {
    let born_after = found.born_nanos.is_none_or(|born| found.packed || born >= floor_nanos);
    born_after && found.modified_nanos >= floor_nanos
}

/// Whether a birth tells when a generation began. That of a compressed file tells when it was
/// compressed.
fn has_birth(found: &Found) -> bool {
    found.born_nanos.is_some() && !found.packed
}

/// Whether the newest known content got a name of another scheme. A small number in the middle of
/// a name (`worker-2.log`) then rather is that of another program.
fn is_of_another_series(rank: &Rank, known: &Rank) -> bool {
    matches!(rank, Rank::Counter(_)) && *known != Rank::Unknown && !rank.is_like(known)
}

/// Whether names of this log with a greater number are younger: the times of the files tell, if
/// they agree. Nothing if they do not.
fn number_grows(found: &[Found], mark: Option<&Mark>) -> Option<bool> {
    let known = mark.and_then(|mark| Some((number(&mark.rank)?, mark.born_nanos?)));
    let (up, down) = directions(found.iter(), known);
    // Behind the whole name nearly all schemes count down; one pair of times is too little to
    // believe otherwise, for a tool may compress older files last.
    let enough = if found.iter().any(|found| matches!(found.rank, Rank::Index(_))) { 2 } else { 1 };
    match (up, down) {
        (up, 0) if up >= enough => Some(true),
        (0, down) if down > 0 => Some(false),
        _ => None,
    }
}

/// Whether the times of plain files say that some numbers count up and others down: a chain of
/// which the last file gets a name of its own. Then a number says that a file may be younger, and
/// never that it is older.
fn numbers_go_both_ways(found: &[Found], mark: Option<&Mark>) -> bool {
    let time = |mark: &Mark| mark.born_nanos.or(mark.modified_nanos);
    let known = mark.and_then(|mark| Some((number(&mark.rank)?, time(mark)?)));
    let (up, down) = directions(found.iter().filter(|found| !found.packed), known);
    up > 0 && down > 0
}

pub(crate) fn number(rank: &Rank) -> Option<u32> {
    match rank {
        Rank::Index(number) | Rank::Counter(number) => Some(*number),
        Rank::Date(_) | Rank::Unknown => None,
    }
}

/// How often the next greater number has a later time, and how often an earlier one.
fn directions<'f>(
    found: impl Iterator<Item = &'f Found>,
    known: Option<(u32, i128)>,
) -> (usize, usize) {
    let files = found.filter_map(|found| {
        let born = found.born_nanos.filter(|_| !found.packed);
        Some((number(&found.rank)?, born.unwrap_or(found.modified_nanos)))
    });
    let mut numbered: Vec<(u32, i128)> = files.chain(known).collect();
    numbered.sort_unstable();
    let pairs = numbered.iter().zip(numbered.iter().skip(1)).filter(|((a, _), (b, _))| a != b);
    let (mut up, mut down) = (0, 0);
    for ((_, a), (_, b)) in pairs {
        up += usize::from(b > a);
        down += usize::from(b < a);
    }
    (up, down)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn found(name: &str, number: u32, born: Option<i128>, modified: i128) -> Found {
        let behind = name.starts_with("app.log.");
        Found {
            inode: Inode { device: 1, number: u64::from(number) },
            path: PathBuf::from(name),
            rank: if behind { Rank::Index(number) } else { Rank::Counter(number) },
            packed: name.contains(".gz"),
            behind_link: false,
            changed: false,
            born_nanos: born.map(|born| born * SECOND),
            modified_nanos: modified * SECOND,
        }
    }

    fn between(since: i128, mark: Option<&Mark>, all: Vec<Found>) -> Vec<String> {
        let horizon = Horizon { first_start_nanos: 100 * SECOND, since_nanos: since * SECOND };
        let mut logs = Logs::new(horizon);
        let log = logs.entry(&Arc::from(Path::new("/l/app.log"))).clone();
        let found = logs.between(&log, mark, all, 2_000 * SECOND);
        found.into_iter().map(|found| found.path.display().to_string()).collect()
    }

    #[test]
    fn what_was_born_since_then_is_read_oldest_first() {
        let all = vec![
            found("app.log.1", 1, Some(1_300), 1_400),
            found("app.log.2", 2, Some(1_200), 1_900),
            found("app.log.3", 3, Some(900), 1_950),
        ];
        assert_eq!(between(1_000, None, all), ["app.log.2", "app.log.1"]);
    }

    #[test]
    fn nothing_from_before_the_first_start_is_read() {
        let all = vec![found("app.log.1", 1, Some(99), 1_500), found("app.log.2.gz", 2, None, 99)];
        assert!(between(101, None, all).is_empty());
    }

    #[test]
    fn names_tell_where_births_do_not() {
        let mark = Mark { rank: Rank::Index(2), born_nanos: None, modified_nanos: None };
        let all = vec![
            // Compressed just now by a tool that does not keep times.
            found("app.log.3.gz", 3, Some(1_500), 1_500),
            found("app.log.1.gz", 1, Some(1_490), 1_490),
        ];
        assert_eq!(between(1_000, Some(&mark), all), ["app.log.1.gz"]);
    }

    #[test]
    fn where_numbers_go_both_ways_none_says_that_a_file_is_old() {
        // The last of the chain got a name of its own, and so did the one that came behind it.
        let modified_nanos = Some(1_000 * SECOND);
        let mark = Mark { rank: Rank::Index(100), born_nanos: None, modified_nanos };
        let all = vec![
            found("app.log.1", 1, None, 1_400),
            found("app.log.2", 2, None, 1_300),
            found("app.log.101", 101, None, 1_050),
            found("app.log.102", 102, None, 900),
        ];
        assert_eq!(between(1_000, Some(&mark), all).len(), 3);
    }

    #[test]
    fn an_index_may_count_up_to_the_youngest() {
        let mark =
            Mark { rank: Rank::Counter(7), born_nanos: Some(1_000 * SECOND), modified_nanos: None };
        let all = vec![
            found("app-8.log.gz", 8, None, 1_100),
            found("app-9.log.gz", 9, None, 1_200),
            found("app-6.log.gz", 6, None, 950),
        ];
        assert_eq!(between(1_050, Some(&mark), all), ["app-8.log.gz", "app-9.log.gz"]);
    }

    #[test]
    fn a_clock_that_was_set_back_loses_nothing() {
        let mark =
            Mark { rank: Rank::Index(2), born_nanos: Some(1_200 * SECOND), modified_nanos: None };
        let all = vec![
            found("app.log.1", 1, Some(1_300), 1_400),
            found("app.log.3", 3, Some(1_100), 1_200),
        ];
        assert_eq!(between(9_000, Some(&mark), all), ["app.log.1"]);
    }
}
