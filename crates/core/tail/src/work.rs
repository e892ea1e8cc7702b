//! Does the jobs that polls lead to, until none is left. The stack of jobs takes the place of calls
//! that would lead from file to file and back.

use crate::disk::Disk;
use crate::identity::FileKey;
use crate::job::Job;
use crate::options::Now;
use crate::tailer::Tailer;
use crate::{descriptors, pending_copy, poll, relocate};

/// So many jobs are done at once, at most; what is left is done first the next time. A poll leads
/// to one job for each file of a directory that is searched, and to a few others.
const JOBS_MAX: usize = 65_536;

/// Polls a file, and does what that leads to.
pub(crate) fn poll<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    tailer.work.push(Job::Poll(key));
    finish(tailer, now);
}

/// Opens a file, and does what that leads to if it is not at its place.
pub(crate) fn open<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    descriptors::ensure_open(tailer, key, now);
    finish(tailer, now);
}

/// Does the jobs that are left.
pub(crate) fn finish<D: Disk>(tailer: &mut Tailer<D>, now: Now) {
    for _ in 0..JOBS_MAX {
        let Some(job) = tailer.work.next() else { return };
        step(tailer, job, now);
    }
}

fn step<D: Disk>(tailer: &mut Tailer<D>, job: Job<D::File>, now: Now) {
    match job {
        Job::Poll(key) => poll::poll(tailer, key, now),
        Job::Verify(key) => poll::verify(tailer, key, now),
        Job::Polled(key) => poll::polled(tailer, key),
        Job::Finish(key) => poll::finish(tailer, key, now),
        Job::Queue(key) => poll::queue_if_readable(tailer, key, now),
        Job::Identify(key, then) => pending_copy::identify(tailer, key, then, now),
        Job::IdentifyOpen(key, then) => pending_copy::identify_open(tailer, key, then, now),
        Job::IdentifyAgain(alike) => pending_copy::identify_again(tailer, alike),
        Job::Judge(key) => pending_copy::judge(tailer, key, now),
        Job::JudgeAgain(key, original) => pending_copy::judge_again(tailer, key, original, now),
        Job::Settle(key, original) => pending_copy::settle(tailer, key, original, now),
        Job::SettleOpen(key, original) => pending_copy::settle_open(tailer, key, original, now),
        Job::FindCopy(lost) => relocate::find_copy(tailer, lost, now),
        Job::Search(search) => relocate::search(tailer, search),
        Job::Match(candidate, seek) => relocate::match_file(tailer, *candidate, &seek, now),
    }
}
