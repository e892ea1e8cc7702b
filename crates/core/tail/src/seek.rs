//! Has a copy looked for of what a file held that was truncated, or is gone.

use crate::disk::Disk;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::job::Job;
use crate::tailer::Tailer;

/// A file was truncated, or is gone: has a copy of what it held looked for, among the files that
/// wait for this decision and then in its directory, whether the name matches or not.
pub(crate) fn find_copy_of<D: Disk>(tailer: &mut Tailer<D>, lost: FileKey) {
    tailer.work.push(Job::FindCopy(lost));
    let is_of = |file: &&Tailed<D::File>| {
        file.life.pending_copy().is_some_and(|copy| copy.original == lost)
    };
    let waiting: Vec<FileKey> = tailer.files.values().filter(is_of).map(|file| file.key).collect();
    for key in waiting.into_iter().rev() {
        tailer.work.push(Job::Settle(key, lost));
    }
}
