//! Which compressed files are looked into, and for what.
//!
//! Part of [`crate::tailer`]. A round lists the directories where contents without a file lay,
//! looks at the first bytes of each compressed file there, and proves at their exact positions
//! those that begin like one of the contents. It is cut into small steps, because a flow that
//! unpacks has live files to read, too.

use std::sync::Arc;
use std::time::Duration;

use crate::compressed::state::{Job, Sure};
use crate::compressed::{claim, generation, inspect, judge, round};
use crate::disk::Disk;
use crate::options::Now;
use crate::problems::FileError;
use crate::tailer::Tailer;
use crate::{file, missing, trouble, waiting};

/// This many bytes are unpacked for a proof before the live files have their turn.
pub(crate) const BYTES_A_STEP: usize = 1024 * 1024;

/// A flow without memory to spare asks again after this long.
const MEMORY_RETRY: Duration = Duration::from_millis(50);

/// Whether memory is needed for looking into compressed files: it is lent with
/// `Control::lend`.
#[must_use]
pub(crate) fn wants_loan<D: Disk>(tailer: &Tailer<D>) -> bool {
    let work = !tailer.hunt.round.paths.is_empty() || waiting::waits_packed(tailer);
    !tailer.hunt.round.lent && work
}

/// Makes the next look begin a round.
pub(crate) fn hunt_soon<D: Disk>(tailer: &mut Tailer<D>) {
    tailer.hunt.round.due |= !tailer.memory.is_empty();
}

/// Reports what is missing once a round is over that begins now.
pub(crate) fn report_missing_after_hunt<D: Disk>(tailer: &mut Tailer<D>) {
    tailer.hunt.round.due = true;
    tailer.hunt.round.report_missing = true;
}

/// Makes the next step of the search. While a file is being read there is none.
pub(crate) fn hunt<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    tailer.hunt.round.wake = None;
    if !tailer.hunt.round.under_way && std::mem::take(&mut tailer.hunt.round.due) {
        round::begin_round(tailer);
    }
    while tailer.hunt.round.under_way && tailer.hunt.reading.is_none() {
        tailer.hunt.round.wake = Some(now.instant);
        if let Some(job) = tailer.hunt.job.take() {
            return step_job(tailer, job, now);
        }
        if wants_loan(tailer) {
            tailer.hunt.round.wake = Some(now.instant + MEMORY_RETRY);
            return;
        }
        match tailer.hunt.round.paths.pop_front() {
            Some(path) if inspect::examine(tailer, &path, Sure::No) => return,
            Some(_) => {}
            None => end_round(tailer),
        }
    }
    tailer.hunt.round.wake = None;
}

fn step_job<D: Disk>(tailer: &mut Tailer<D>, job: Job<D::File>, now: Now) {
    let (path, stat) = match &job {
        Job::Compare(found, ..) | Job::Claim(found, ..) | Job::Check(found, ..) => {
            (Arc::clone(&found.path), found.stat)
        }
    };
    let stepped = match job {
        Job::Compare(found, proof, sure) => judge::step_comparing(tailer, found, proof, sure, now),
        Job::Claim(found, verdict) => claim::step_claiming(tailer, found, verdict),
        Job::Check(found, stream, key) => judge::step_checking(tailer, found, stream, key),
    };
    match stepped {
        Ok(()) => {}
        // The file is as it was; the disk may read it the next time.
        Err(FileError::Disk(error)) => {
            inspect::fails_to_read(tailer, &path, Some(stat.inode), error);
        }
        Err(error) => {
            trouble::trouble(tailer, &path, error);
            tailer.hunt.leave(&path, stat);
        }
    }
}

fn end_round<D: Disk>(tailer: &mut Tailer<D>) {
    while let Some((key, path)) = round::only_candidate(tailer) {
        let inode = file::stat_path(&tailer.disk, &path).ok().map(|stat| stat.inode);
        let same = inode == tailer.hunt.compared_at(&path);
        if same && inspect::examine(tailer, &path, Sure::Only(key)) {
            return;
        }
        // It has another name by now, or cannot be opened.
        tailer.hunt.compare_again(&path);
    }
    if generation::next_generation(tailer) {
        return;
    }
    tailer.hunt.round.under_way = false;
    tailer.hunt.round.lent = false;
    if std::mem::take(&mut tailer.hunt.round.report_missing) {
        missing::report_missing(tailer);
    }
}
