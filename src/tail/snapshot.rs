//! One look at the directories: every regular file that matches, and what could not be seen.
//!
//! A full look lists every directory that the pattern leads through. A quick look asks only
//! whether those directories changed: their modification time says so for every name that comes
//! or goes. Full looks are repeated all the same, for file systems that do not keep it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file;
use super::identity::Inode;
use super::pattern::{Component, FilePattern, is_compressed_name};
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
    /// Some name is a symbolic link: what it leads to can change without a trace here.
    has_links: bool,
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
        let mut snapshot = Self { taken_nanos: wall_nanos, ..Self::default() };
        snapshot.walk(pattern.base_dir(), pattern.components(), 0);
        // Paths as such are compared component by component, which is slow.
        snapshot.listing.entries.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        snapshot.listing.entries.dedup();
        snapshot
    }

    /// Whether a full look would find the same names, as far as the directories can tell.
    #[must_use]
    pub fn is_current(&self) -> bool {
        // A directory or a socket that matches stays what it is; anything else may be mended.
        let lasting = |problem: &Problem| problem.error.kind() == io::ErrorKind::InvalidInput;
        !self.has_links
            && self.problems.iter().all(lasting)
            && self.directories.iter().all(|(path, seen)| {
                let settled = seen.is_none_or(|stamp| {
                    self.taken_nanos - stamp.changed_nanos > STAMP_SETTLES_NANOS
                });
                settled && stamp_of(path).ok() == *seen
            })
    }

    fn walk(&mut self, dir: &Path, components: &[Component], depth: usize) {
        let Some((component, rest)) = components.split_first() else {
            return;
        };
        if depth > DEPTH_MAX {
            return;
        }
        match component {
            Component::Literal(name) => {
                self.note_directory(dir);
                let path = dir.join(name);
                if !rest.is_empty() {
                    self.walk(&path, rest, depth + 1);
                } else if !is_compressed_name(name) {
                    let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
                    self.examine(&path, is_link);
                }
            }
            Component::Glob(_) => self.list(dir, component, rest, depth),
            Component::AnyDepth => {
                self.walk(dir, rest, depth + 1);
                self.descend(dir, components, depth);
            }
        }
    }

    fn list(&mut self, dir: &Path, component: &Component, rest: &[Component], depth: usize) {
        for (name, kind) in self.names(dir) {
            if !component.matches(&name) || (rest.is_empty() && is_compressed_name(&name)) {
                continue;
            }
            let path = dir.join(&name);
            if rest.is_empty() {
                self.examine(&path, kind.is_symlink());
            } else if path.is_dir() {
                self.walk(&path, rest, depth + 1);
            }
        }
    }

    /// Enters every directory below `dir`, but no symbolic link: links can form loops.
    fn descend(&mut self, dir: &Path, components: &[Component], depth: usize) {
        for (name, kind) in self.names(dir) {
            let path = dir.join(&name);
            if kind.is_dir() {
                self.walk(&path, components, depth + 1);
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
        listed.unwrap_or_else(|error| {
            self.fail_directory(dir, error);
            Vec::new()
        })
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
        self.listing.unreadable.push(dir.to_path_buf());
        self.problems.push(Problem { path: dir.to_path_buf(), error });
    }

    fn examine(&mut self, path: &Path, is_link: bool) {
        match file::stat_path(path) {
            Ok(stat) => {
                let Some(inode) = stat.inode else { return };
                self.has_links |= is_link;
                self.listing.entries.push(Entry { path: Arc::from(path), inode });
            }
            // A name that vanished since it was listed, or a link that leads nowhere (yet).
            Err(error) if is_missing(&error) => {
                self.has_links |= path.symlink_metadata().is_ok();
            }
            Err(error) => self.problems.push(Problem { path: path.to_path_buf(), error }),
        }
    }
}

/// `None` if the name vanished while it was looked at.
fn name_and_kind(entry: &DirEntry) -> io::Result<Option<(OsString, FileType)>> {
    match entry.file_type() {
        Ok(kind) => Ok(Some((entry.file_name(), kind))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
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
