//! One look at the directories: every regular file that matches, and what could not be seen.
//!
//! A full look lists every directory that the pattern leads through. A quick look asks only
//! whether something changed since then: the stamps of those directories say so for every name
//! that comes or goes, each symbolic link is asked where it leads, and what could not be seen is
//! tried again. Full looks are repeated all the same, for file systems that keep no stamps.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file;
use super::identity::Inode;
use super::links::{self, FollowLinks};
use super::pattern::{Component, FilePattern, is_compressed_name};
use super::rotated::unpacked_name;
use super::rotation::{Entry, Listing};

/// Directories deeper than this are not entered for `**`.
const DEPTH_MAX: usize = 64;

/// A directory whose stamp is younger than this at a look may change again without a new stamp.
const STAMP_SETTLES_NANOS: i128 = 2_000_000_000;

/// What a look leaves behind for the quick looks after it.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The files, and the directories that could not be listed.
    pub listing: Listing,
    /// The directories that were looked into, or that were missing (`None`).
    pub directories: BTreeMap<PathBuf, Option<Stamp>>,
    /// What matched and is not a file to read, or could not be examined.
    pub problems: Vec<Problem>,
    /// Compressed files whose names match without the ending.
    pub packed: Vec<PathBuf>,
    /// How many names were listed, matching ones and others: what a full look costs.
    pub names_listed: usize,
    /// The names that are symbolic links, and what each led to: that can change without a trace
    /// in the directories.
    links: Vec<(PathBuf, Option<Inode>)>,
    /// Which of them are followed.
    follow: FollowLinks,
    /// Wall clock at the look, in nanoseconds since 1970.
    taken_nanos: i128,
}

/// Something that matched and cannot be followed, or a directory that cannot be listed.
#[derive(Debug)]
pub struct Problem {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
    /// It is a directory that cannot be listed, and not a name that cannot be examined.
    pub(super) is_directory: bool,
    /// Which links were followed to it.
    follow: FollowLinks,
}

impl Problem {
    /// Whether the same would be found again, as far as a cheap try can tell.
    fn persists(&self) -> bool {
        if links::is_refusal(&self.error) {
            return links::check(&self.path, self.follow).is_err_and(|e| links::is_refusal(&e));
        }
        if self.error.kind() == io::ErrorKind::InvalidInput {
            // A directory or a socket that matches stays what it is: a file in its place is a
            // change of the directory.
            return true;
        }
        if is_missing(&self.error) {
            return leads_nowhere(&self.path);
        }
        if self.is_directory {
            fs::read_dir(&self.path).is_err()
        } else {
            file::stat_path(&self.path).is_err_and(|error| !is_missing(&error))
        }
    }
}

/// What tells whether a directory changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: Inode,
    modified_nanos: i128,
    changed_nanos: i128,
}

impl Snapshot {
    /// Lists everything that matches.
    #[must_use]
    pub fn take(pattern: &FilePattern, wall_nanos: i128) -> Self {
        let follow = pattern.follow_links();
        let mut snapshot = Self { taken_nanos: wall_nanos, follow, ..Self::default() };
        let base = pattern.base_dir();
        if snapshot.may_follow(base) {
            snapshot.walk(pattern, base, pattern.components(), 0);
        }
        // Paths as such are compared component by component, which is slow.
        snapshot.listing.entries.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        snapshot.listing.entries.dedup();
        snapshot
    }

    /// Whether a full look would find the same names, as far as a quick one can tell.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let same = |(path, seen): (&PathBuf, &Option<Stamp>)| {
            let settled = seen
                .is_none_or(|stamp| self.taken_nanos - stamp.changed_nanos > STAMP_SETTLES_NANOS);
            settled && stamp_of(path).ok() == *seen
        };
        self.directories.iter().all(same)
            && self.links.iter().all(|(path, led_to)| target_of(path) == *led_to)
            && self.problems.iter().all(Problem::persists)
    }

    fn walk(&mut self, pattern: &FilePattern, dir: &Path, components: &[Component], depth: usize) {
        let Some((component, rest)) = components.split_first() else {
            return;
        };
        if depth > DEPTH_MAX {
            return;
        }
        match component {
            Component::Literal(name) => {
                if !self.note_directory(dir) {
                    return;
                }
                let path = dir.join(name);
                if pattern.leaves_out(&path) {
                    return;
                }
                let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
                if rest.is_empty() {
                    if !is_compressed_name(name) {
                        self.examine(&path, is_link);
                    }
                } else if !is_link || self.may_follow(&path) {
                    self.walk(pattern, &path, rest, depth + 1);
                }
            }
            Component::Glob(_) => self.list(pattern, dir, components, depth),
            Component::AnyDepth => {
                self.walk(pattern, dir, rest, depth + 1);
                self.descend(pattern, dir, components, depth);
            }
        }
    }

    fn list(&mut self, pattern: &FilePattern, dir: &Path, components: &[Component], depth: usize) {
        let Some((component, rest)) = components.split_first() else { return };
        for (name, kind) in self.names(dir) {
            let path = dir.join(&name);
            if rest.is_empty() && is_compressed_name(&name) {
                let plain = OsStr::from_bytes(unpacked_name(name.as_bytes()).0);
                if component.matches(plain) && kind.is_file() && !pattern.leaves_out(&path) {
                    self.packed.push(path);
                }
                continue;
            }
            if !component.matches(&name) {
                continue;
            }
            if pattern.leaves_out(&path) {
                continue;
            }
            if rest.is_empty() {
                self.examine(&path, kind.is_symlink());
            } else if self.is_directory(&path, kind) {
                self.walk(pattern, &path, rest, depth + 1);
            }
        }
    }

    /// Whether a name in the middle of a path leads to a directory.
    fn is_directory(&mut self, path: &Path, kind: FileType) -> bool {
        if kind.is_dir() || kind.is_file() {
            return kind.is_dir();
        }
        if kind.is_symlink() {
            self.links.push((path.to_path_buf(), target_of(path)));
            if !self.may_follow(path) {
                return false;
            }
        }
        match fs::metadata(path) {
            Ok(metadata) => metadata.is_dir(),
            Err(error) => {
                if kind.is_symlink() && is_missing(&error) {
                    self.note_dangling(path, error);
                } else {
                    self.fail_directory(path, error);
                }
                false
            }
        }
    }

    /// A link that leads nowhere (yet): nothing below it is known, so nothing keeps its state.
    fn note_dangling(&mut self, path: &Path, error: io::Error) {
        if leads_nowhere(path) {
            self.problem(path, error, false);
        }
    }

    /// Enters every directory below `dir`, but no symbolic link: links can form loops.
    fn descend(
        &mut self,
        pattern: &FilePattern,
        dir: &Path,
        components: &[Component],
        depth: usize,
    ) {
        for (name, kind) in self.names(dir) {
            let path = dir.join(&name);
            if kind.is_dir() && !pattern.leaves_out(&path) {
                self.walk(pattern, &path, components, depth + 1);
            }
        }
    }

    /// The names in a directory and what they are; links are not followed. Most file systems list
    /// both together, so this is no call for each name.
    fn names(&mut self, dir: &Path) -> Vec<(OsString, FileType)> {
        if !self.note_directory(dir) {
            return Vec::new();
        }
        let listed: io::Result<Vec<_>> = fs::read_dir(dir).and_then(|entries| {
            let all = entries.map(|entry| entry.and_then(|entry| name_and_kind(&entry)));
            all.filter_map(Result::transpose).collect()
        });
        let listed = listed.unwrap_or_else(|error| {
            self.fail_directory(dir, error);
            Vec::new()
        });
        self.names_listed += listed.len();
        listed
    }

    /// Remembers a directory's stamp *before* it is listed, so that a change in between is seen
    /// by the next quick look. Says whether the directory is there.
    fn note_directory(&mut self, dir: &Path) -> bool {
        match stamp_of(dir) {
            Ok(stamp) => {
                self.directories.insert(dir.to_path_buf(), Some(stamp));
                true
            }
            Err(error) if is_missing(&error) => {
                self.directories.insert(dir.to_path_buf(), None);
                false
            }
            Err(error) => {
                self.fail_directory(dir, error);
                false
            }
        }
    }

    fn fail_directory(&mut self, dir: &Path, error: io::Error) {
        // A directory that vanished in between is missing, not unreadable.
        if is_missing(&error) {
            return;
        }
        self.fail(dir, error, true);
    }

    /// What lies at or below a path that cannot be seen keeps its state.
    fn fail(&mut self, path: &Path, error: io::Error, is_directory: bool) {
        self.listing.unreadable.push(path.to_path_buf());
        self.problem(path, error, is_directory);
    }

    fn problem(&mut self, path: &Path, error: io::Error, is_directory: bool) {
        let (path, follow) = (path.to_path_buf(), self.follow);
        self.problems.push(Problem { path, error, is_directory, follow });
    }

    /// Whether a link, and what stands before it on its path, is followed. If it is not, what was
    /// reached through it has lost its name. All other trouble shows itself when it is examined.
    fn may_follow(&mut self, path: &Path) -> bool {
        match links::check(path, self.follow) {
            Err(error) if links::is_refusal(&error) => {
                self.problem(path, error, false);
                false
            }
            Ok(()) | Err(_) => true,
        }
    }

    fn examine(&mut self, path: &Path, is_link: bool) {
        if is_link {
            self.links.push((path.to_path_buf(), target_of(path)));
            if !self.may_follow(path) {
                return;
            }
        }
        match file::stat_path(path) {
            Ok(stat) => {
                let Some(inode) = stat.inode else { return };
                self.listing.entries.push(Entry { path: Arc::from(path), inode });
            }
            Err(error) if is_missing(&error) && is_link => self.note_dangling(path, error),
            // A name that vanished since it was listed.
            Err(error) if is_missing(&error) => {}
            // Something else has the name now, so the file that had it has lost it.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput || is_loop(&error) => {
                self.problem(path, error, false);
            }
            Err(error) => self.fail(path, error, false),
        }
    }
}

/// What a path leads to, whatever it is; nothing if it leads nowhere.
fn target_of(path: &Path) -> Option<Inode> {
    let raw = rustix::fs::stat(path).ok()?;
    Some(Inode { device: raw.st_dev, number: raw.st_ino })
}

/// Whether a link is there and what it leads to is not.
fn leads_nowhere(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) && target_of(path).is_none()
}

/// `None` if the name vanished while it was looked at.
fn name_and_kind(entry: &DirEntry) -> io::Result<Option<(OsString, FileType)>> {
    match entry.file_type() {
        Ok(kind) => Ok(Some((entry.file_name(), kind))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Symbolic links that lead to each other, or to themselves.
fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn stamp_of(dir: &Path) -> io::Result<Stamp> {
    let raw = rustix::fs::stat(dir)?;
    Ok(Stamp {
        inode: Inode { device: raw.st_dev, number: raw.st_ino },
        modified_nanos: i128::from(raw.st_mtime) * 1_000_000_000 + i128::from(raw.st_mtime_nsec),
        changed_nanos: i128::from(raw.st_ctime) * 1_000_000_000 + i128::from(raw.st_ctime_nsec),
    })
}
