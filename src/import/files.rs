//! The log files that a flow's rows may be about, and what they show of themselves.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::evidence::Facts;
use super::java::Row;
use crate::disk::{OsDisk, OsFile};
use crate::tail::candidate::Candidate;
use crate::tail::disk::OpenFile as _;
use crate::tail::file::{self, Stat};
use crate::tail::identity::Inode;
use crate::tail::links::FollowLinks;
use crate::tail::pattern::{FilePattern, is_compressed_name};
use crate::tail::snapshot::Snapshot;

/// Of the names outside the pattern in a directory, this many are looked at.
const NAMES_MAX: usize = 65_536;

/// Subdirectories inside of each other that are looked into.
const DEPTH_MAX: usize = 8;

/// Looking for a line end reads this many bytes at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A name and the file that it leads to.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    /// Whether the pattern matches it.
    pub(super) matches: bool,
}

/// Everything in the pattern, and everything alongside it where the rows' files lay.
#[derive(Debug)]
pub(super) struct Listing {
    /// Names that match come first.
    files: Vec<Found>,
}

impl Listing {
    pub(super) fn of(pattern: &FilePattern, rows: &[Row]) -> Self {
        let entries = Snapshot::take(&OsDisk, pattern, 0).listing.entries;
        let mut files: Vec<Found> = entries
            .into_iter()
            .map(|entry| Found {
                path: entry.path.to_path_buf(),
                inode: entry.inode,
                matches: true,
            })
            .collect();
        let mut dirs: Vec<&Path> = rows.iter().filter_map(|row| row.path.parent()).collect();
        dirs.sort_unstable();
        dirs.dedup();
        let wanted: HashSet<u64> = rows.iter().filter_map(|row| Some(row.inode?.number)).collect();
        for dir in dirs {
            files.extend(files_outside(dir, pattern));
            below(dir, &wanted, &mut files);
        }
        Self { files }
    }

    /// The file that lies where a row's did. Device numbers may change with a reboot: then none of
    /// the files is on the row's device, and the same inode number in the same directory is taken,
    /// first under the same name.
    pub(super) fn at(&self, row: &Row) -> Option<&Found> {
        let inode = row.inode?;
        if let Some(found) = self.files.iter().find(|found| found.inode == inode) {
            return Some(found);
        }
        let same_number = |found: &&Found| {
            found.inode.number == inode.number && found.path.parent() == row.path.parent()
        };
        let is_there = |found: &Found| found.inode.device == inode.device;
        let same_name = self.files.iter().filter(same_number).find(|found| found.path == row.path);
        same_name.or_else(|| {
            let gone = !self.files.iter().any(is_there);
            gone.then(|| self.files.iter().find(same_number)).flatten()
        })
    }

    /// The files that the pattern matches.
    pub(super) fn matching(&self) -> impl Iterator<Item = &Found> {
        self.files.iter().filter(|found| found.matches)
    }

    /// Files whose names say that they come from the one of a row: `app.log.2`, `app.log-2026`,
    /// `app.log.1.gz` for `app.log` or `app.log.1`.
    pub(super) fn descendants_of(&self, row: &Row) -> Vec<&Found> {
        let stem = stem_of(&row.path);
        let is_one = |found: &&Found| {
            found.path.as_os_str().as_encoded_bytes().starts_with(stem)
                && found.path.parent() == row.path.parent()
        };
        self.files.iter().filter(is_one).collect()
    }
}

/// A path without the number that a rotation puts behind it.
fn stem_of(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_encoded_bytes();
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.split_at(bytes.len() - digits).0 {
        [stem @ .., b'.'] if digits > 0 => stem,
        _ => bytes,
    }
}

/// The regular files of a directory that the pattern does not match. A directory that cannot be
/// listed has none: the plan reports what it cannot find.
fn files_outside(dir: &Path, pattern: &FilePattern) -> Vec<Found> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<Found> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| !pattern.matches_path(path))
        .take(NAMES_MAX)
        .filter_map(|path| {
            let inode = file::stat_path(&OsDisk, &path).ok()?.inode;
            Some(Found { path, inode, matches: false })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Adds the files in the subdirectories of a directory that have one of these inode numbers: logs
/// that were moved away, into `old/` for one.
fn below(dir: &Path, wanted: &HashSet<u64>, files: &mut Vec<Found>) {
    let mut dirs = vec![(dir.to_owned(), 0)];
    let mut left = NAMES_MAX;
    while let Some((dir, depth)) = dirs.pop() {
        // A directory that cannot be listed has none.
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let Some(fewer) = left.checked_sub(1) else { return };
            left = fewer;
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEPTH_MAX {
                dirs.push((entry.path(), depth + 1));
            } else if kind.is_file() && depth > 0 && wanted.contains(&entry.ino()) {
                let path = entry.path();
                let Ok(Stat { inode, .. }) = file::stat_path(&OsDisk, &path) else { continue };
                if !files.iter().any(|found| found.path == path) {
                    files.push(Found { path, inode, matches: false });
                }
            }
        }
    }
}

/// A log file that was opened.
pub(super) struct Opened {
    pub(super) candidate: Candidate<OsFile>,
    modified_millis: i64,
    born_millis: Option<i64>,
}

impl Opened {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // The listing has no link that is not followed, and nothing is sent from here.
        let candidate = Candidate::open(&OsDisk, path, FollowLinks::Always)?;
        Ok(Self {
            modified_millis: millis_of(candidate.stat.modified_nanos),
            // Not every file system and kernel tells.
            born_millis: candidate.handle.born().ok().flatten().map(millis_of),
            candidate,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.candidate.stat.size
    }

    pub(super) fn born_millis(&self) -> Option<i64> {
        self.born_millis
    }

    /// What the file shows to who asks about this offset.
    pub(super) fn facts(&self, offset: u64) -> io::Result<Facts> {
        let before_offset = match offset.checked_sub(1) {
            Some(at) => file::read_at(&self.candidate.handle, at, 1)?.first().copied(),
            None => None,
        };
        Ok(Facts {
            size: self.size(),
            modified_millis: self.modified_millis,
            born_millis: self.born_millis,
            before_offset,
        })
    }

    /// The end of the line that begins at `offset`; `None` if it has none.
    pub(super) fn line_end_after(&self, offset: u64) -> io::Result<Option<u64>> {
        let mut at = offset;
        loop {
            let chunk = file::read_at(&self.candidate.handle, at, CHUNK_BYTES)?;
            if chunk.is_empty() {
                return Ok(None);
            }
            if let Some(found) = memchr::memchr(b'\n', &chunk) {
                return Ok(Some(at + found as u64 + 1));
            }
            at += chunk.len() as u64;
        }
    }
}

/// When a file was last modified, in milliseconds since 1970, as far as it can be seen.
pub(super) fn modified_millis(path: &Path) -> Option<i64> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok().map(millis)
}

/// Whether nothing but a compressed file has such a name.
pub(super) fn is_compressed(path: &Path) -> bool {
    path.file_name().is_some_and(is_compressed_name)
}

/// As Java tells times: rounded down to milliseconds.
fn millis_of(nanos: i128) -> i64 {
    i64::try_from(nanos.max(0) / 1_000_000).unwrap_or(i64::MAX)
}

/// As Java tells times: rounded down to milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &Path, inode: Option<Inode>) -> Row {
        Row {
            path: path.to_owned(),
            inode,
            modified_millis: 0,
            size: 0,
            offset: Some(0),
            updated_millis: None,
        }
    }

    #[test]
    fn the_number_of_a_rotation_is_no_part_of_the_name() {
        for (path, stem) in [
            ("/l/app.log", "/l/app.log"),
            ("/l/app.log.1", "/l/app.log"),
            ("/l/app.log.17", "/l/app.log"),
            ("/l/app-20261120", "/l/app-20261120"),
            ("/l/app1", "/l/app1"),
        ] {
            assert_eq!(stem_of(Path::new(path)), stem.as_bytes(), "{path}");
        }
    }

    #[test]
    fn a_file_is_found_by_its_inode_under_any_name_alongside_the_pattern() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["app.log", "app.log.1", "other", "app.log.2.gz"] {
            fs::write(path(name), name).unwrap();
        }
        let pattern = FilePattern::parse(path("app.log").to_str().unwrap()).unwrap();
        let moved = file::stat_path(&OsDisk, &path("app.log.1")).unwrap().inode;
        let rows = [row(&path("app.log"), Some(moved))];
        let listing = Listing::of(&pattern, &rows);
        assert_eq!(listing.at(&rows[0]).unwrap().path, path("app.log.1"));
        assert_eq!(listing.matching().count(), 1);
        let names: Vec<_> =
            listing.descendants_of(&rows[0]).iter().map(|found| found.path.clone()).collect();
        assert_eq!(names, [path("app.log"), path("app.log.1"), path("app.log.2.gz")]);

        let here = file::stat_path(&OsDisk, &path("app.log")).unwrap().inode;
        let other_device = Inode { device: here.device + 1, ..here };
        let renumbered = row(&path("app.log"), Some(other_device));
        assert_eq!(listing.at(&renumbered).unwrap().path, path("app.log"));
        let renamed_and_renumbered = listing.at(&row(&path("gone"), Some(other_device)));
        assert_eq!(renamed_and_renumbered.unwrap().path, path("app.log"));
        let elsewhere = Path::new("/elsewhere/app.log");
        assert!(listing.at(&row(elsewhere, Some(other_device))).is_none());
        let other_number = Inode { number: u64::MAX, ..here };
        assert!(listing.at(&row(&path("other"), Some(other_number))).is_none());
        assert!(listing.at(&row(&path("app.log"), None)).is_none());
    }

    #[test]
    fn a_line_end_is_found_however_far_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let long = "x".repeat(CHUNK_BYTES);
        fs::write(&path, format!("{long}y\nrest")).unwrap();
        let opened = Opened::open(&path).unwrap();
        assert_eq!(opened.line_end_after(0).unwrap(), Some(CHUNK_BYTES as u64 + 2));
        assert_eq!(opened.line_end_after(CHUNK_BYTES as u64 + 2).unwrap(), None);
        assert_eq!(opened.facts(CHUNK_BYTES as u64 + 2).unwrap().before_offset, Some(b'\n'));
        assert_eq!(opened.facts(0).unwrap().before_offset, None);
    }
}
