//! One look at the directories: every regular file that matches, and what could not be seen.
//!
//! A full look lists every directory that the pattern leads through. A quick look asks only
//! whether something changed since then: the stamps of those directories say so for every name
//! that comes or goes, each symbolic link is asked where it leads, and what could not be seen is
//! tried again. Full looks are repeated all the same, for file systems that keep no stamps.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{DirName, Disk, DiskError, Fault, Kind, Stat};
use crate::file;
use crate::identity::Inode;
use crate::links::FollowLinks;
use crate::pattern::{Component, FilePattern, is_compressed_name};
use crate::rotated::unpacked_name;
use crate::rotation::{Entry, Listing};

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
    /// Other files next to those that match: some may be rotated ones of logs that would.
    pub others: Vec<PathBuf>,
    /// Names without wildcards that lead to no file, in directories that are there.
    pub vacant: Vec<PathBuf>,
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
    pub error: DiskError,
    /// It is a directory that cannot be listed, and not a name that cannot be examined.
    pub(super) is_directory: bool,
    /// Which links were followed to it.
    follow: FollowLinks,
}

impl Problem {
    /// Whether the same would be found again, as far as a cheap try can tell.
    fn persists<D: Disk>(&self, disk: &D) -> bool {
        match self.error.fault {
            Fault::Refused(_) => {
                disk.may_follow(&self.path, self.follow).is_err_and(|error| error.is_refusal())
            }
            // A directory or a socket that matches stays what it is: a file in its place is a
            // change of the directory.
            Fault::NotRegular | Fault::KernelMade => true,
            Fault::Gone | Fault::NotADirectory => leads_nowhere(disk, &self.path),
            _ if self.is_directory => disk.list(&self.path).is_err(),
            _ => file::stat_path(disk, &self.path).is_err_and(|error| !error.is_missing()),
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
    pub fn take<D: Disk>(disk: &D, pattern: &FilePattern, wall_nanos: i128) -> Self {
        let follow = pattern.follow_links();
        let found = Self { taken_nanos: wall_nanos, follow, ..Self::default() };
        let mut walk = Walk { disk, pattern, found };
        let base = pattern.base_dir();
        if walk.may_follow(base) {
            walk.walk(base, pattern.components(), 0);
        }
        let mut snapshot = walk.found;
        // Paths as such are compared component by component, which is slow.
        snapshot.listing.entries.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        snapshot.listing.entries.dedup();
        snapshot
    }

    /// Names that an earlier look found, too, are kept once: whoever follows the files has them.
    pub(super) fn share_names(&mut self, earlier: &Self) {
        let mut known = earlier.listing.entries.iter().peekable();
        for entry in &mut self.listing.entries {
            let name = entry.path.as_os_str();
            while known.next_if(|known| known.path.as_os_str() < name).is_some() {}
            if let Some(same) = known.peek().filter(|known| known.path.as_os_str() == name) {
                entry.path = Arc::clone(&same.path);
            }
        }
    }

    /// Device and inode of a directory that was looked into.
    pub(super) fn inode_of(&self, directory: &Path) -> Option<Inode> {
        self.directories.get(directory).copied().flatten().map(|stamp| stamp.inode)
    }

    /// The stamp of a directory that was looked into, if it was old enough to tell of changes.
    pub(super) fn settled_stamp(&self, directory: &Path) -> Option<Stamp> {
        let stamp = self.directories.get(directory).copied().flatten();
        stamp.filter(|stamp| self.is_settled(stamp))
    }

    fn is_settled(&self, stamp: &Stamp) -> bool {
        self.taken_nanos - stamp.changed_nanos > STAMP_SETTLES_NANOS
    }

    /// Whether a full look would find the same names, as far as a quick one can tell.
    #[must_use]
    pub fn is_current<D: Disk>(&self, disk: &D) -> bool {
        let same = |(path, seen): (&PathBuf, &Option<Stamp>)| {
            let settled = seen.is_none_or(|stamp| self.is_settled(&stamp));
            settled && stamp_of(disk, path).ok() == *seen
        };
        self.directories.iter().all(same)
            && self.links.iter().all(|(path, led_to)| target_of(disk, path) == *led_to)
            && self.problems.iter().all(|problem| problem.persists(disk))
    }
}

/// A look that is under way.
struct Walk<'d, D> {
    disk: &'d D,
    pattern: &'d FilePattern,
    found: Snapshot,
}

impl<D: Disk> Walk<'_, D> {
    fn walk(&mut self, dir: &Path, components: &[Component], depth: usize) {
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
                if self.pattern.excludes(&path) {
                    return;
                }
                let is_link = self.disk.is_link(&path).unwrap_or(false);
                if rest.is_empty() {
                    if !is_compressed_name(name) {
                        let before = self.found.listing.entries.len();
                        self.examine(&path, is_link);
                        if self.found.listing.entries.len() == before {
                            self.found.vacant.push(path);
                        }
                    }
                } else if !is_link || self.may_follow(&path) {
                    self.walk(&path, rest, depth + 1);
                }
            }
            Component::Glob(_) => self.list(dir, components, depth),
            Component::AnyDepth => {
                self.walk(dir, rest, depth + 1);
                self.descend(dir, components, depth);
            }
        }
    }

    fn list(&mut self, dir: &Path, components: &[Component], depth: usize) {
        let Some((component, rest)) = components.split_first() else { return };
        for DirName { name, kind, .. } in self.names(dir) {
            let path = dir.join(&name);
            let is_packed = rest.is_empty() && is_compressed_name(&name);
            if is_packed || !component.matches(&name) {
                if rest.is_empty() && kind == Kind::File && !self.pattern.excludes(&path) {
                    let plain = OsStr::from_bytes(unpacked_name(name.as_bytes()).0);
                    if is_packed && component.matches(plain) {
                        self.found.packed.push(path.clone());
                    }
                    self.found.others.push(path);
                }
                continue;
            }
            if self.pattern.excludes(&path) {
                continue;
            }
            if rest.is_empty() {
                self.examine(&path, kind == Kind::Link);
            } else if self.is_directory(&path, kind) {
                self.walk(&path, rest, depth + 1);
            }
        }
    }

    /// Whether a name in the middle of a path leads to a directory.
    fn is_directory(&mut self, path: &Path, kind: Kind) -> bool {
        if matches!(kind, Kind::Directory | Kind::File) {
            return kind == Kind::Directory;
        }
        if kind == Kind::Link {
            self.found.links.push((path.to_path_buf(), target_of(self.disk, path)));
            if !self.may_follow(path) {
                return false;
            }
        }
        match self.disk.stat(path) {
            Ok(stat) => stat.kind == Kind::Directory,
            Err(error) => {
                if kind == Kind::Link && error.is_missing() {
                    self.note_dangling(path, error);
                } else {
                    self.fail_directory(path, error);
                }
                false
            }
        }
    }

    /// Whether `**` enters a directory that has the name of a file, which is no problem then.
    fn is_entered(&self, path: &Path, is_link: bool) -> bool {
        !is_link
            && self.pattern.enters_directories()
            && self.disk.stat(path).is_ok_and(|stat| stat.kind == Kind::Directory)
    }

    /// A link that leads nowhere (yet): nothing below it is known, so nothing keeps its state.
    fn note_dangling(&mut self, path: &Path, error: DiskError) {
        if leads_nowhere(self.disk, path) {
            self.problem(path, error, false);
        }
    }

    /// Enters every directory below `dir`, but no symbolic link: links can form loops.
    fn descend(&mut self, dir: &Path, components: &[Component], depth: usize) {
        for DirName { name, kind, .. } in self.names(dir) {
            let path = dir.join(&name);
            if kind == Kind::Directory && !self.pattern.excludes(&path) {
                self.walk(&path, components, depth + 1);
            }
        }
    }

    /// The names in a directory and what they are; links are not followed.
    fn names(&mut self, dir: &Path) -> Vec<DirName> {
        if !self.note_directory(dir) {
            return Vec::new();
        }
        let listed = self.disk.list(dir).unwrap_or_else(|error| {
            self.fail_directory(dir, error);
            Vec::new()
        });
        self.found.names_listed += listed.len();
        listed
    }

    /// Remembers a directory's stamp *before* it is listed, so that a change in between is seen
    /// by the next quick look. Says whether the directory is there.
    fn note_directory(&mut self, dir: &Path) -> bool {
        match stamp_of(self.disk, dir) {
            Ok(stamp) => {
                self.found.directories.insert(dir.to_path_buf(), Some(stamp));
                true
            }
            Err(error) if error.is_missing() => {
                self.found.directories.insert(dir.to_path_buf(), None);
                false
            }
            Err(error) => {
                self.fail_directory(dir, error);
                false
            }
        }
    }

    fn fail_directory(&mut self, dir: &Path, error: DiskError) {
        // A directory that vanished in between is missing, not unreadable.
        if error.is_missing() {
            return;
        }
        self.fail(dir, error, true);
    }

    /// What lies at or below a path that cannot be seen keeps its state.
    fn fail(&mut self, path: &Path, error: DiskError, is_directory: bool) {
        self.found.listing.unreadable.push(path.to_path_buf());
        self.problem(path, error, is_directory);
    }

    fn problem(&mut self, path: &Path, error: DiskError, is_directory: bool) {
        let (path, follow) = (path.to_path_buf(), self.found.follow);
        self.found.problems.push(Problem { path, error, is_directory, follow });
    }

    /// Whether a link, and what stands before it on its path, is followed. If it is not, what was
    /// reached through it has lost its name. All other trouble shows itself when it is examined.
    fn may_follow(&mut self, path: &Path) -> bool {
        match self.disk.may_follow(path, self.found.follow) {
            Err(error) if error.is_refusal() => {
                self.problem(path, error, false);
                false
            }
            Ok(()) | Err(_) => true,
        }
    }

    fn examine(&mut self, path: &Path, is_link: bool) {
        if is_link {
            self.found.links.push((path.to_path_buf(), target_of(self.disk, path)));
            if !self.may_follow(path) {
                return;
            }
        }
        match file::stat_path(self.disk, path) {
            Ok(stat) => {
                let entry = Entry { path: Arc::from(path), inode: stat.inode };
                self.found.listing.entries.push(entry);
            }
            Err(error) if error.is_missing() && is_link => self.note_dangling(path, error),
            // A name that vanished since it was listed.
            Err(error) if error.is_missing() => {}
            Err(_) if self.is_entered(path, is_link) => {}
            // Something else has the name now, so the file that had it has lost it.
            Err(error) if matches!(error.fault, Fault::NotRegular | Fault::Loop) => {
                self.problem(path, error, false);
            }
            Err(error) => self.fail(path, error, false),
        }
    }
}

/// What a path leads to, whatever it is; nothing if it leads nowhere.
fn target_of<D: Disk>(disk: &D, path: &Path) -> Option<Inode> {
    disk.stat(path).ok().map(|stat| stat.inode)
}

/// Whether a link is there and what it leads to is not.
fn leads_nowhere<D: Disk>(disk: &D, path: &Path) -> bool {
    disk.is_link(path).unwrap_or(false) && target_of(disk, path).is_none()
}

fn stamp_of<D: Disk>(disk: &D, directory: &Path) -> Result<Stamp, DiskError> {
    let Stat { inode, modified_nanos, changed_nanos, .. } = disk.stat(directory)?;
    Ok(Stamp { inode, modified_nanos, changed_nanos })
}
