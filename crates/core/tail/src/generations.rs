//! Generations of a log: whether something came and went between the content that was followed
//! last under a live name and the one that it leads to now. Pure.
//!
//! Names are no proof, so this only says which files are to be looked into: those that belong to
//! the log by their names and are younger than what is known. Unknown age counts as younger, for
//! repeating is better than losing; what is known by its bytes is never read twice.

mod numbers;
mod series;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::identity::{FileKey, Inode};
use super::rotated::Rank;
use super::snapshot::Stamp;
use numbers::{number_grows, numbers_go_both_ways};
use series::{Series, in_order, is_of_another_series};

/// A scan may come later than it should, and file systems stamp files with a clock that lags. What
/// was born this long before everything was known may still be unknown.
const SLACK: Duration = Duration::from_secs(5);

/// Logs that are rotated and not written to are known for a while, so many of them.
const ABSENT_MAX: usize = 256;

/// Of the files that a link led to in earlier runs so many are known, the youngest ones.
const LED_MAX: usize = 8;

/// What is known of the generations of one live name.
#[derive(Debug, Clone)]
pub(super) struct Log {
    /// The content that the live name led to when everything was accounted for.
    pub(super) newest: Option<FileKey>,
    /// The youngest one that is known, where the live name led to nothing.
    pub(super) last: Option<FileKey>,
    /// What the live name led to then, through links.
    pub(super) target: Option<PathBuf>,
    /// What it led to in earlier runs, since everything was accounted for.
    pub(super) led: Vec<PathBuf>,
    /// The directory as it was then, where nothing else is to be looked at.
    pub(super) stamp: Option<Stamp>,
    /// Device and inode of the directory in which its file lay then.
    pub(super) home: Option<Inode>,
    /// When everything was accounted for, in nanoseconds since 1970. What was born before was seen,
    /// or is older than the first start.
    pub(super) since_nanos: i128,
    /// The directory changed while it was looked at.
    pub(super) unsure: bool,
}

impl Log {
    /// Everything that came and went is known.
    pub(super) fn accounted(&mut self, newest: Option<FileKey>, stamp: Option<Stamp>, nanos: i128) {
        self.last = self.newest.filter(|_| newest.is_none()).max(self.last);
        self.newest = newest;
        self.stamp = stamp;
        self.since_nanos = nanos;
        // A link that leads nowhere tells nothing of where it led.
        if newest.is_some() {
            self.led.clear();
        }
    }

    /// The live name led to this file, through links.
    pub(super) fn led_to(&mut self, file: Option<&Path>) {
        let Some(file) = file else { return };
        self.led.retain(|led| led != file);
        self.led.push(file.to_path_buf());
        if self.led.len() > LED_MAX {
            self.led.remove(0);
        }
    }

    /// The youngest content that is known.
    pub(super) fn last_known(&self) -> Option<FileKey> {
        self.newest.or(self.last)
    }
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
    /// Boxed: nodes of a map are half empty.
    by_name: BTreeMap<LiveName, Box<Log>>,
    horizon: Horizon,
    /// As of the last look at all of them: one is unsure.
    unsure: bool,
}

/// A file that belongs to a log and is not known, as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(super) inode: Inode,
    pub(super) path: PathBuf,
    pub(super) rank: Rank,
    /// Names tell the age of generations only within one of these: the live name that the file
    /// belongs to by its own.
    pub(super) series: PathBuf,
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
    /// The live name that it belongs to by its own.
    pub(super) series: PathBuf,
    /// Where it was found.
    pub(super) path: PathBuf,
    pub(super) born_nanos: Option<i128>,
    pub(super) modified_nanos: Option<i128>,
    /// When it was last renamed or written to, at the earliest: no program can set this.
    pub(super) changed_nanos: Option<i128>,
}

impl Logs {
    pub(super) fn new(horizon: Horizon) -> Self {
        Self { by_name: BTreeMap::new(), horizon, unsure: false }
    }

    /// A log of which nothing is known.
    pub(super) fn fresh(&self) -> Log {
        Log {
            newest: None,
            last: None,
            target: None,
            led: Vec::new(),
            stamp: None,
            home: None,
            since_nanos: self.horizon.since_nanos,
            unsure: false,
        }
    }

    pub(super) fn get(&self, live: &Path) -> Option<&Log> {
        self.by_name.get(live.as_os_str()).map(Box::as_ref)
    }

    pub(super) fn contains(&self, live: &Path) -> bool {
        self.by_name.contains_key(live.as_os_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.by_name.keys().map(|live| &live.0)
    }

    /// The log of a live name; what came and went before it was first seen counts from the time
    /// when the flow was last known to look.
    pub(super) fn entry(&mut self, live: &Arc<Path>) -> &mut Log {
        let fresh = self.fresh();
        self.by_name.entry(LiveName(Arc::clone(live))).or_insert_with(|| Box::new(fresh))
    }

    /// A row may say that its content is the live one long after that was deleted: where a younger
    /// one is known that was rotated, the live name led to that, or to nothing.
    pub(super) fn distrust_older_rows(&mut self) {
        for log in self.by_name.values_mut().filter(|log| log.last > log.newest) {
            log.newest = None;
        }
    }

    /// The flow starts for the very first time.
    pub(super) fn begin(&mut self, nanos: i128) {
        self.horizon = Horizon { first_start_nanos: nanos, since_nanos: nanos };
    }

    /// A content goes by another number from now on.
    pub(super) fn rename(&mut self, old: FileKey, new: FileKey) {
        for log in self.by_name.values_mut() {
            for key in [&mut log.newest, &mut log.last].into_iter().flatten() {
                *key = if *key == old { new } else { *key };
            }
        }
    }

    /// Everything that was there at this time is known, under live names that are not, too.
    pub(super) fn looked(&mut self, nanos: i128) {
        self.horizon.since_nanos = nanos;
    }

    /// Keeps those logs, and of the others the ones whose contents are known best.
    pub(super) fn retain(&mut self, keep: impl Fn(&Arc<Path>, &Log) -> bool) {
        let absent = self.by_name.iter().filter(|(live, log)| !keep(&live.0, log));
        let mut newest: Vec<Option<FileKey>> = absent.map(|(_, log)| log.last_known()).collect();
        newest.sort_unstable_by(|a, b| b.cmp(a));
        let bound = newest.get(ABSENT_MAX).copied().flatten();
        self.by_name.retain(|live, log| {
            keep(&live.0, log) || log.last_known().is_some_and(|key| Some(key) > bound)
        });
    }

    /// Whether a look at the directories is due whatever their stamps say.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// All of them were looked at.
    pub(super) fn note_unsure(&mut self) {
        self.unsure = self.by_name.values().any(|log| log.unsure);
    }

    /// What of the files found is younger than what is known, oldest first.
    pub(super) fn between(
        &self,
        log: &Log,
        mark: Option<&Mark>,
        found: Vec<Found>,
        now_nanos: i128,
    ) -> Vec<Found> {
        let mut all: BTreeMap<Series, Vec<Found>> = BTreeMap::new();
        for found in found {
            let series = Series::of(&found.series, &found.rank, &found.path);
            all.entry(series).or_default().push(found);
        }
        let mut between: Vec<(Found, Option<bool>)> = Vec::new();
        let marked = mark.map(|mark| Series::of(&mark.series, &mark.rank, &mark.path));
        for (series, found) in all {
            let named = mark.filter(|_| marked.as_ref() == Some(&series));
            between.extend(self.between_in_series(log, (mark, named), found, now_nanos));
        }
        in_order(between)
    }

    /// The same for one series, and whether its numbers grow. `named`: the mark, if it belongs to
    /// this series.
    fn between_in_series(
        &self,
        log: &Log,
        (mark, named): (Option<&Mark>, Option<&Mark>),
        found: Vec<Found>,
        now_nanos: i128,
    ) -> Vec<(Found, Option<bool>)> {
        let after = self.threshold(log, mark, now_nanos);
        // By its times and its dates nothing is older then.
        let set_back = was_set_back(log, mark, now_nanos);
        let grows = number_grows(&found, named).filter(|_| !set_back);
        let floor = self.floor(mark, now_nanos);
        let mixed = numbers_go_both_ways(&found, named);
        let younger = |found: &Found| {
            if found.changed {
                return true;
            }
            if is_of_another_series(found, mark) {
                return false;
            }
            let by_name = named.and_then(|mark| found.rank.age_against(&mark.rank, grows));
            let dated = matches!(found.rank, Rank::Date(_));
            let by_name = by_name.filter(|order| !(set_back && dated && order.is_lt()));
            // Where the name says that it is younger than what is known its times do not count: a
            // tool may have set them.
            let ahead = !is_past(self.horizon.first_start_nanos, now_nanos);
            let named_younger = by_name == Some(Ordering::Greater) && (ahead || !has_birth(found));
            if !named_younger && !is_after(found, floor) {
                return false;
            }
            match (found.packed, found.born_nanos, by_name) {
                // Where the younger one was born earlier the clock was set back.
                (false, Some(_), Some(Ordering::Greater)) => true,
                (false, Some(_), None) if set_back => true,
                // Nobody can set the birth of a file, and renaming keeps it.
                (false, Some(born), _) => born >= after,
                (packed, _, Some(Ordering::Less)) => {
                    mixed && !packed && found.modified_nanos >= after
                }
                (_, _, Some(_)) => true,
                (_, _, None) => found.modified_nanos >= after,
            }
        };
        found.into_iter().filter(younger).map(|found| (found, grows)).collect()
    }

    fn threshold(&self, log: &Log, mark: Option<&Mark>, now_nanos: i128) -> i128 {
        let renamed = renamed_after(mark);
        if is_past(log.since_nanos, now_nanos) {
            return log.since_nanos.saturating_sub(slack_nanos()).min(renamed);
        }
        // The clock was set back since then; births compare with each other all the same.
        let born = mark.and_then(|mark| mark.born_nanos);
        born.unwrap_or_else(|| self.floor(mark, now_nanos)).min(renamed)
    }

    /// What is older was there at the flow's first start.
    fn floor(&self, mark: Option<&Mark>, now_nanos: i128) -> i128 {
        if is_past(self.horizon.first_start_nanos, now_nanos) {
            return self.horizon.first_start_nanos;
        }
        // The clock ran ahead at the first start: what is not known to be older may be younger.
        let born = mark.and_then(|mark| mark.born_nanos).unwrap_or(i128::MIN);
        born.min(renamed_after(mark))
    }
}

/// A file system may stamp files with a clock that lags or leads a little.
fn slack_nanos() -> i128 {
    i128::try_from(SLACK.as_nanos()).unwrap_or(i128::MAX)
}

/// The newest known one was renamed after everything was accounted for, whatever the clock said.
fn renamed_after(mark: Option<&Mark>) -> i128 {
    let renamed = mark.and_then(|mark| mark.changed_nanos);
    renamed.map_or(i128::MAX, |nanos| nanos.saturating_sub(slack_nanos()))
}

/// Whether the clock was set back since everything was accounted for: that lies ahead, or the
/// newest known content was renamed before it, though its name was the live one then.
fn was_set_back(log: &Log, mark: Option<&Mark>, now_nanos: i128) -> bool {
    let since = log.since_nanos.saturating_sub(slack_nanos());
    !is_past(log.since_nanos, now_nanos)
        || mark.and_then(|mark| mark.changed_nanos).is_some_and(|renamed| renamed < since)
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

#[cfg(test)]
mod tests;
