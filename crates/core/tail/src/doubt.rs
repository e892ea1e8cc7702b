//! Comparisons that failed: what they would have decided is not known, so it is not decided.
//!
//! Part of [`crate::tailer`]. A file is compared with many others before it is known what it holds.
//! If one of them cannot be read at that moment, to decide would take the file for a new one, and
//! send all of it again. So what failed is noted on the way, who decides asks for it first, and
//! the decision is put off: for a minute at most, for in doubt lines are repeated and not lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::disk::{Disk, DiskError};
use crate::event::EventKind;
use crate::identity::{FileKey, Inode};
use crate::options::Now;
use crate::tailer::Tailer;
use crate::trouble;

/// After this long it is decided without what cannot be read: to repeat is better than to lose.
const DOUBT_MAX: Duration = Duration::from_mins(1);

/// So many files are put off at a time.
const FILES_MAX: usize = 4096;

/// What failed since the last decision, and which files are put off because of that.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    failed: RefCell<Option<DiskError>>,
    files: BTreeMap<Inode, PutOff>,
}

/// A file of which it is not decided what it holds.
#[derive(Debug)]
struct PutOff {
    since: Instant,
    last: Instant,
    error: DiskError,
    given_up: bool,
}

/// What a failed comparison means for a decision.
#[derive(Debug, PartialEq, Eq)]
enum Unsure {
    /// It is put off.
    PutOff(DiskError),
    /// It was put off for long enough, or too many are, and it is made without what cannot be
    /// compared. Said once.
    GivenUp(DiskError),
}

impl Doubt {
    /// Whether something is so. What cannot be found out is noted, and not so.
    pub(crate) fn is_so(&self, found: Result<bool, DiskError>) -> bool {
        self.known(found).unwrap_or(false)
    }

    /// What was found out, if anything was; why not is noted.
    pub(crate) fn known<T>(&self, found: Result<T, DiskError>) -> Option<T> {
        found.map_err(|error| self.failed.replace(Some(error))).ok()
    }

    /// Whether it is not decided what the file holds that has this inode: then nothing is to be
    /// taken for a copy of what lay in it.
    pub(crate) fn is_put_off(&self, inode: Inode) -> bool {
        let put_off = self.files.get(&inode).filter(|file| !file.given_up);
        put_off.inspect(|file| drop(self.failed.replace(Some(file.error.clone())))).is_some()
    }

    /// The comparisons for a decision begin.
    pub(crate) fn begin(&self) {
        self.failed.take();
    }

    /// What becomes of a decision about this file: `None` if nothing failed that it depends on.
    fn about(&mut self, inode: Inode, now: Instant) -> Option<Unsure> {
        let error = self.failed.take()?;
        if self.files.len() >= FILES_MAX && !self.files.contains_key(&inode) {
            // Files that are gone make room. If all are asked for, this one is not put off: to take
            // the place of another would put both off without end.
            self.files.retain(|_, file| now.saturating_duration_since(file.last) < DOUBT_MAX);
            if self.files.len() >= FILES_MAX {
                return Some(Unsure::GivenUp(error));
            }
        }
        let fresh = || PutOff { since: now, last: now, error: error.clone(), given_up: false };
        let file = self.files.entry(inode).or_insert_with(fresh);
        if now.saturating_duration_since(file.last) >= DOUBT_MAX {
            // Nobody asked for so long that it is another doubt.
            *file = fresh();
        }
        file.last = now;
        if now.saturating_duration_since(file.since) < DOUBT_MAX {
            return Some(Unsure::PutOff(error));
        }
        let told = std::mem::replace(&mut file.given_up, true);
        (!told).then_some(Unsure::GivenUp(error))
    }

    /// It is decided what this file holds.
    pub(crate) fn decided(&mut self, inode: Inode) {
        self.files.remove(&inode);
    }
}

/// Makes sure that nothing failed on which it depends what a file holds.
///
/// # Errors
///
/// What failed: then the decision is put off. After a minute this is told, and no error any longer.
pub(crate) fn be_sure<D: Disk>(
    tailer: &mut Tailer<D>,
    inode: Inode,
    path: &Arc<Path>,
    now: Now,
) -> Result<(), DiskError> {
    match tailer.problems.doubt.about(inode, now.instant) {
        None => Ok(()),
        Some(Unsure::PutOff(error)) => Err(error),
        Some(Unsure::GivenUp(error)) => {
            let detail = format!(
                "not compared with known files, after up to {} s: {error}; continuing without \
                 (duplicates possible, no data lost)",
                DOUBT_MAX.as_secs()
            );
            tailer.out.event(EventKind::Problem, path, detail);
            Ok(())
        }
    }
}

/// Whether a decision about a followed file is put off, for a comparison failed. The next poll
/// comes back to it.
pub(crate) fn puts_off<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) -> bool {
    let Some(file) = tailer.files.get(key) else { return false };
    let (inode, path) = (file.inode, Arc::clone(&file.path));
    let Err(error) = be_sure(tailer, inode, &path, now) else {
        tailer.problems.doubt.decided(inode);
        return false;
    };
    if let Some(file) = tailer.files.get_mut(key) {
        file.pace.set_unsettled(true);
    }
    trouble::trouble_at_look(tailer, &path, error);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Call, Fault};

    const INODE: Inode = Inode { device: 1, number: 2 };
    const ERROR: DiskError = DiskError { call: Call::ReadAt, fault: Fault::Other(5) };

    fn about(doubt: &mut Doubt, now: Instant) -> Option<Unsure> {
        assert!(!doubt.is_so(Err(ERROR)));
        doubt.about(INODE, now)
    }

    #[test]
    fn what_failed_puts_off_a_decision_for_a_while_and_not_indefinitely() {
        let mut doubt = Doubt::default();
        let start = crate::testing::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(doubt.is_so(Ok(true)) && !doubt.is_so(Ok(false)));
        assert_eq!(doubt.known(Ok(3)), Some(3));
        assert_eq!(doubt.about(INODE, start), None);
        for seconds in [0, 30, 59] {
            assert_eq!(about(&mut doubt, after(seconds)), Some(Unsure::PutOff(ERROR)));
        }
        assert_eq!(doubt.about(INODE, after(59)), None, "nothing failed since then");
        assert_eq!(about(&mut doubt, after(60)), Some(Unsure::GivenUp(ERROR)));
        assert_eq!(about(&mut doubt, after(61)), None, "it is told once");
        doubt.decided(INODE);
        assert_eq!(about(&mut doubt, after(62)), Some(Unsure::PutOff(ERROR)));
        assert_eq!(about(&mut doubt, after(300)), Some(Unsure::PutOff(ERROR)), "it is a new one");
    }

    #[test]
    fn however_many_files_are_in_doubt_each_is_decided_within_a_minute() {
        let mut doubt = Doubt::default();
        let start = crate::testing::now();
        let of = |doubt: &mut Doubt, number: u64, now| {
            assert!(!doubt.is_so(Err(ERROR)));
            doubt.about(Inode { number, ..INODE }, now)
        };
        let many = FILES_MAX as u64 + 100;
        let put_off = |doubt: &mut Doubt, now| {
            let all = (0..many).map(|number| of(doubt, number, now));
            all.filter(|unsure| matches!(unsure, Some(Unsure::PutOff(_)))).count()
        };
        assert_eq!(put_off(&mut doubt, start), FILES_MAX);
        assert_eq!(put_off(&mut doubt, start + Duration::from_secs(59)), FILES_MAX);
        assert_eq!(put_off(&mut doubt, start + DOUBT_MAX), 0, "none is put off without end");
        let later = start + 3 * DOUBT_MAX;
        assert_eq!(of(&mut doubt, many, later), Some(Unsure::PutOff(ERROR)), "there is room again");
        assert_eq!(doubt.files.len(), 1);
    }

    #[test]
    fn what_failed_before_a_decision_began_is_not_its_doubt() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.known::<u8>(Err(ERROR)), None);
        doubt.begin();
        assert_eq!(doubt.about(INODE, crate::testing::now()), None);
    }

    #[test]
    fn what_a_file_holds_that_is_put_off_is_unknown_until_it_is_decided_or_given_up() {
        let mut doubt = Doubt::default();
        let now = crate::testing::now();
        assert!(!doubt.is_put_off(INODE));
        assert_eq!(about(&mut doubt, now), Some(Unsure::PutOff(ERROR)));
        assert!(doubt.is_put_off(INODE));
        assert!(doubt.about(Inode { number: 3, ..INODE }, now).is_some(), "a copy of it waits");
        assert_eq!(about(&mut doubt, now + Duration::from_secs(59)), Some(Unsure::PutOff(ERROR)));
        assert!(about(&mut doubt, now + DOUBT_MAX).is_some());
        assert!(!doubt.is_put_off(INODE));
        assert_eq!(about(&mut doubt, now + 3 * DOUBT_MAX), Some(Unsure::PutOff(ERROR)));
        doubt.decided(INODE);
        assert!(!doubt.is_put_off(INODE));
    }
}
