//! Contents without a file: where they might be, and when they are given up.
//!
//! Part of [`crate::tailer`]. Only directories where a content lay are searched, and only among
//! files that do not match the pattern; the others are the scan's.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::candidate::Candidate;
use crate::disk::{Disk, Kind};
use crate::doubt::be_sure;
use crate::event::EventKind;
use crate::identity::FileKey;
use crate::job::{Job, Search, Seek};
use crate::memory::Loss;
use crate::options::{MOVED_LINGER, Now};
use crate::pattern::is_compressed_name;
use crate::tailer::Tailer;
use crate::{adopt, done, identify, replaced, trouble, uncovered};

/// A directory is searched for a lost content among at most this many files.
const SEARCH_FILES_MAX: usize = 4096;

/// Has the directory of a missing generation searched.
pub(crate) fn find_copy<D: Disk>(tailer: &mut Tailer<D>, lost: FileKey, now: Now) {
    tailer.schedule.hint(now.instant);
    let Some(content) = tailer.memory.get(lost) else { return };
    for directory in content.directories().map(Path::to_path_buf).collect::<Vec<PathBuf>>() {
        search_directory(tailer, directory, Seek::Any);
    }
}

/// Has the files of a directory that do not match shown to the missing generations. If it cannot
/// be listed, or a file in it cannot be opened, it is searched again.
pub(crate) fn search_directory<D: Disk>(tailer: &mut Tailer<D>, directory: PathBuf, seek: Seek) {
    let Ok(names) = tailer.disk.list(&directory) else {
        return search_later(tailer, directory, &seek);
    };
    let files = names.into_iter().filter(|name| name.kind == Kind::File);
    // Names that match are the scan's business.
    let outside = files
        .map(|name| directory.join(name.name))
        .filter(|path| !tailer.options.pattern.matches_path(path));
    let mut paths: Vec<PathBuf> = outside.take(SEARCH_FILES_MAX).collect();
    paths.sort();
    let search = Search { directory, paths: paths.into(), complete: true, seek };
    tailer.work.push(Job::Search(search));
}

/// Opens the next file of a directory.
pub(crate) fn search<D: Disk>(tailer: &mut Tailer<D>, mut search: Search) {
    let follow = tailer.options.pattern.follow_links();
    while let Some(path) = search.paths.pop_front() {
        if tailer.memory.is_empty() {
            return;
        }
        let candidate = match Candidate::open(&tailer.disk, &path, follow) {
            Ok(candidate) => candidate,
            Err(error) => {
                search.complete &= error.is_gone() || error.is_refusal();
                continue;
            }
        };
        let seek = search.seek.clone();
        tailer.work.push(Job::Search(search));
        // A copy from an earlier rotation may just have been written over.
        let followed = tailer.files.by_inode.get(&candidate.inode).copied();
        tailer.work.push(Job::Match(Box::new(candidate), seek));
        if let Some(followed) = followed {
            tailer.work.push(Job::Poll(followed));
        }
        return;
    }
    if !search.complete {
        search_later(tailer, search.directory, &search.seek);
    }
}

/// A directory could not be searched wholly. What lies in its place is looked for once.
fn search_later<D: Disk>(tailer: &mut Tailer<D>, directory: PathBuf, seek: &Seek) {
    let is_noted = tailer.directories.unsearched.contains(&directory);
    if !is_noted && !matches!(seek, Seek::InPlace(_)) {
        tailer.directories.unsearched.push(directory);
    }
}

/// Shows a file that is not followed to the missing generations.
pub(crate) fn match_file<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    seek: &Seek,
    now: Now,
) {
    if tailer.files.by_inode.contains_key(&candidate.inode) {
        return;
    }
    let (path, inode) = (Arc::clone(&candidate.path), candidate.inode);
    tailer.problems.doubt.begin();
    let here = identify::at_its_place(tailer, &candidate);
    let proven = identify::proven(tailer, &candidate);
    let is_after_stop = matches!(seek, Seek::AfterStop);
    let empty = is_after_stop.then(|| identify::empty_in(tailer, &candidate)).flatten();
    if let Err(error) = be_sure(tailer, inode, &path, now) {
        trouble::trouble(tailer, &path, error);
        let directory = path.parent().map(Path::to_path_buf);
        return directory.into_iter().for_each(|it| search_later(tailer, it, seek));
    }
    trouble::recovered(tailer, &path);
    tailer.problems.doubt.decided(inode);
    match seek {
        Seek::Any => take_back(tailer, candidate, proven, now),
        Seek::AfterStop => take_back_after_stop(tailer, candidate, (proven, empty), now),
        // What a symbolic link leads to may match by the name of the link.
        Seek::InPlace(listed) if listed.contains(&inode) => {}
        Seek::InPlace(_) => {
            let stayed = here.filter(|key| proven == Some(*key));
            take_back_from_place(tailer, candidate, stayed, now);
        }
    }
}

/// Follows a file outside the pattern if it is the one that a known content lay in and holds
/// more of it. If it holds no more, no other file is taken for that content any longer.
fn take_back_from_place<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    stayed: Option<FileKey>,
    now: Now,
) {
    let Some(key) = stayed else { return };
    if let Some(content) = tailer.memory.get_mut(key) {
        // The file that took the place of a backup may continue where that ends.
        if replaced::is_backup_of(&candidate.path, &content.path) {
            return;
        }
        content.whereabouts.located = true;
    }
    follow_outside(tailer, candidate, key, now);
}

/// Follows a file outside the pattern if it holds the unread rest of a known content.
fn take_back<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    proven: Option<FileKey>,
    now: Now,
) {
    if let Some(key) = proven {
        follow_outside(tailer, candidate, key, now);
    }
}

/// The same at a start, when the file may also have been written and renamed meanwhile. Of a
/// content that was empty only the inode number is left to go by, which may be another file's
/// by now. To leave it alone could lose lines, so it is taken if its name was made of the old
/// one.
fn take_back_after_stop<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    (proven, empty): (Option<FileKey>, Option<FileKey>),
    now: Now,
) {
    let found = proven.or_else(|| {
        let content = tailer.memory.get(empty?)?;
        is_named_after(&candidate.path, &content.path).then_some(content.key)
    });
    if let Some(key) = found {
        follow_outside(tailer, candidate, key, now);
    }
}

/// A generation of a log is one that is known: follows it if it holds more than was read.
pub(crate) fn take_back_known<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    key: FileKey,
    now: Now,
) {
    if let Some(content) = tailer.memory.get_mut(key)
        && content.inode == candidate.inode
    {
        content.whereabouts.located = true;
    }
    follow_outside(tailer, candidate, key, now);
}

fn follow_outside<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    key: FileKey,
    now: Now,
) {
    let Some(content) = tailer.memory.get(key) else { return };
    if content.inode == candidate.inode && !done::is_half_removed(candidate.inode, &candidate.path)
    {
        let known = Arc::clone(&content.path);
        uncovered::note_name(tailer, &known, &candidate.path);
    }
    let Some(content) = tailer.memory.get(key) else { return };
    let rest = content.position.offset < candidate.stat.size;
    // As while the flow runs, what was rotated lately may still be written to.
    let age_nanos = now.wall_nanos - candidate.stat.modified_nanos;
    let lingers = i128::try_from(MOVED_LINGER.as_nanos()).unwrap_or(i128::MAX);
    // And what was about to be removed is removed, however old it is.
    let is_due = age_nanos < lingers || done::is_half_removed(candidate.inode, &candidate.path);
    let awaited = content.inode == candidate.inode
        && content.lost.why == Loss::Stopped
        && candidate.stat.links > 0
        && is_due;
    if !rest && !awaited {
        return;
    }
    let kind = if rest { EventKind::FoundElsewhere } else { EventKind::Resumed };
    adopt::resume(tailer, candidate, key, kind, now);
    if let Some(file) = tailer.files.get_mut(key) {
        file.life.found_outside(now.instant);
    }
}

/// Whether a rotating tool may have made this name of the other one, without compressing the file:
/// it has in it what the other one begins with.
fn is_named_after(path: &Path, original: &Path) -> bool {
    let (Some(name), Some(original)) = (path.file_name(), original.file_name()) else {
        return false;
    };
    let stem = original.as_bytes().split(|byte| *byte == b'.').find(|part| !part.is_empty());
    let stem = stem.unwrap_or_else(|| original.as_bytes());
    !is_compressed_name(name) && memchr::memmem::find(name.as_bytes(), stem).is_some()
}
