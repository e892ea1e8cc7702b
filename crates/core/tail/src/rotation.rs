//! What changed between two looks at the directories. Pure: names and inodes in, transitions out.
//!
//! A transition says what became of a *name*. Whether the bytes behind it are those of a file
//! that is already known is for [`crate::identity`] to prove; this module never guesses from
//! sizes or times.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::identity::{FileKey, Inode};

/// A regular file that matches the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// Where it was found.
    pub path: Arc<Path>,
    /// What the path leads to, symbolic links followed.
    pub inode: Inode,
}

/// One look at everything that matches.
#[derive(Debug, Default)]
pub struct Listing {
    /// The files, in path order.
    pub entries: Vec<Entry>,
    /// Directories that could not be listed. Files below them keep their state: a file is gone
    /// only if a look that could have seen it did not.
    pub unreadable: Vec<PathBuf>,
}

impl Listing {
    /// The file that was found under this name.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<&Entry> {
        let by_name = |other: &Entry| other.path.as_os_str().cmp(path.as_os_str());
        self.entries.binary_search_by(by_name).ok().and_then(|at| self.entries.get(at))
    }

    /// Whether this file was found, under this name.
    #[must_use]
    pub fn contains(&self, entry: &Entry) -> bool {
        self.at(&entry.path).is_some_and(|found| found.inode == entry.inode)
    }
}

/// A file generation as the last look left it.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its name within the flow.
    pub key: FileKey,
    /// The file it lives in.
    pub inode: Inode,
    /// The path it was last seen under.
    pub path: Arc<Path>,
    /// Whether the last look found a name for it.
    pub listed: bool,
}

/// What a look found out about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// An inode that is not known has a name that matches.
    Appeared(Entry),
    /// A known file has another name now, and it still matches.
    Renamed {
        /// Which one.
        key: FileKey,
        /// The new name.
        path: Arc<Path>,
    },
    /// A file without a name has one again.
    Returned {
        /// Which one.
        key: FileKey,
        /// Its name.
        path: Arc<Path>,
    },
    /// A known file has no name that matches any more: moved away or deleted.
    Unlisted {
        /// Which one.
        key: FileKey,
    },
}

/// Compares what is known with what a look found. Transitions of known files come first, then
/// what appeared, each in path order, so that a file that moved is understood before the one that
/// took its place.
#[must_use]
pub fn transitions(known: &[Known], listing: &Listing) -> Vec<Transition> {
    let mut names: Vec<Name<'_>> =
        listing.entries.iter().map(|entry| (entry.inode, &entry.path)).collect();
    // Those of one file stay in path order.
    names.sort_by_key(|(inode, _)| *inode);
    let mut found = Vec::new();
    for file in known {
        found.extend(transition_of(file, names_of(file.inode, &names), listing));
    }
    let mut known_inodes: Vec<Inode> = known.iter().map(|file| file.inode).collect();
    known_inodes.sort_unstable();
    let mut appeared = BTreeSet::new();
    for entry in &listing.entries {
        // A hard link or a symbolic link is the same file under a second name.
        let is_known = known_inodes.binary_search(&entry.inode).is_ok();
        if !is_known && appeared.insert(entry.inode) {
            found.push(Transition::Appeared(entry.clone()));
        }
    }
    found
}

/// A name of a file.
type Name<'n> = (Inode, &'n Arc<Path>);

/// The names of one file among those of all, which are in the order of their inodes.
fn names_of<'s, 'n>(inode: Inode, names: &'s [Name<'n>]) -> &'s [Name<'n>] {
    let from = names.partition_point(|(other, _)| *other < inode);
    let rest = names.get(from..).unwrap_or_default();
    let count = rest.iter().take_while(|(other, _)| *other == inode).count();
    rest.get(..count).unwrap_or_default()
}

fn transition_of(file: &Known, names: &[Name<'_>], listing: &Listing) -> Option<Transition> {
    let Some((_, first)) = names.first() else {
        let unseen = listing.unreadable.iter().any(|dir| file.path.starts_with(dir));
        return (file.listed && !unseen).then_some(Transition::Unlisted { key: file.key });
    };
    let is_its = |path: &Arc<Path>| Arc::ptr_eq(path, &file.path) || *path == file.path;
    let kept = names.iter().any(|(_, path)| is_its(path));
    let path = if kept { Arc::clone(&file.path) } else { Arc::clone(first) };
    match (file.listed, kept) {
        (true, true) => None,
        (true, false) => Some(Transition::Renamed { key: file.key, path }),
        (false, _) => Some(Transition::Returned { key: file.key, path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Arc<Path> {
        Arc::from(Path::new(text))
    }

    fn inode(number: u64) -> Inode {
        Inode { device: 1, number }
    }

    fn entry(text: &str, number: u64) -> Entry {
        Entry { path: path(text), inode: inode(number) }
    }

    fn known(key: u64, text: &str, number: u64) -> Known {
        Known { key: FileKey(key), inode: inode(number), path: path(text), listed: true }
    }

    fn listing(entries: Vec<Entry>) -> Listing {
        Listing { entries, unreadable: Vec::new() }
    }

    #[test]
    fn nothing_changed_is_no_transition() {
        let files = [known(1, "/l/a", 10)];
        assert_eq!(transitions(&files, &listing(vec![entry("/l/a", 10)])), []);
    }

    #[test]
    fn rename_and_create_is_a_rename_first_and_then_a_new_file() {
        let files = [known(1, "/l/a", 10)];
        let look = listing(vec![entry("/l/a", 11), entry("/l/a.1", 10)]);
        assert_eq!(
            transitions(&files, &look),
            [
                Transition::Renamed { key: FileKey(1), path: path("/l/a.1") },
                Transition::Appeared(entry("/l/a", 11)),
            ]
        );
    }

    #[test]
    fn a_file_without_a_name_is_unlisted_once_and_may_return() {
        let mut file = known(1, "/l/a", 10);
        assert_eq!(
            transitions(&[file.clone()], &listing(vec![])),
            [Transition::Unlisted { key: FileKey(1) }]
        );
        file.listed = false;
        assert_eq!(transitions(&[file.clone()], &listing(vec![])), []);
        assert_eq!(
            transitions(&[file], &listing(vec![entry("/l/a", 10)])),
            [Transition::Returned { key: FileKey(1), path: path("/l/a") }]
        );
    }

    #[test]
    fn a_directory_that_cannot_be_listed_takes_no_file_away() {
        let files = [known(1, "/l/sub/a", 10), known(2, "/l/b", 11)];
        let look = Listing { entries: vec![], unreadable: vec![PathBuf::from("/l/sub")] };
        assert_eq!(transitions(&files, &look), [Transition::Unlisted { key: FileKey(2) }]);
    }

    #[test]
    fn two_names_of_one_file_are_one_file() {
        let look = listing(vec![entry("/l/a", 10), entry("/l/b", 10)]);
        assert_eq!(transitions(&[], &look), [Transition::Appeared(entry("/l/a", 10))]);
        assert_eq!(transitions(&[known(1, "/l/b", 10)], &look), [], "it keeps the name it had");
    }

    #[test]
    fn a_chain_of_renames_keeps_every_file() {
        let files = [known(1, "/l/a", 10), known(2, "/l/a.1", 11), known(3, "/l/a.2", 12)];
        let look = listing(vec![entry("/l/a", 13), entry("/l/a.1", 10), entry("/l/a.2", 11)]);
        assert_eq!(
            transitions(&files, &look),
            [
                Transition::Renamed { key: FileKey(1), path: path("/l/a.1") },
                Transition::Renamed { key: FileKey(2), path: path("/l/a.2") },
                Transition::Unlisted { key: FileKey(3) },
                Transition::Appeared(entry("/l/a", 13)),
            ]
        );
    }
}
