//! The directory: opened without following a link, and judged by what was opened. Files in it are
//! reached through its descriptor only.

use std::ffi::CStr;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::error::DeadLetterError;
use crate::batch::dead_letter::LetterFileName;
use crate::disk::links;

/// Letters hold what logs hold: they are for kinetail's user only.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Write access to a directory for others than its owner.
const OTHERS_WRITE: Mode = Mode::WGRP.union(Mode::WOTH);

/// An open directory of dead letters.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    fd: OwnedFd,
}

/// A file of dead letters, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: LetterFileName,
    /// Its size.
    pub bytes: u64,
    /// When it was written to, since 1970.
    pub modified: Duration,
}

impl Directory {
    /// Opens the directory, which is created if it is missing, with those above it.
    ///
    /// # Errors
    /// [`DeadLetterError`] if it cannot be opened, or others could replace what is in it.
    pub fn create(path: &Path) -> Result<Self, DeadLetterError> {
        match Self::open(path) {
            Err(DeadLetterError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let created = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
                created
                    .map_err(|error| DeadLetterError::io("create the directory", path, error))?;
                Self::open(path)
            }
            opened => opened,
        }
    }

    /// Opens the directory.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn open(path: &Path) -> Result<Self, DeadLetterError> {
        // With a slash at its end a link would be followed.
        let path: PathBuf = path.components().collect();
        let failed = |error: io::Error| DeadLetterError::io("open the directory", &path, error);
        if let Some(above) = path.parent() {
            links::refuse_foreign(above).map_err(failed)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(fd) => fd,
            // The system says only that it is no directory.
            Err(_) if path.is_symlink() => {
                let why = "it is a symbolic link".to_owned();
                let fix = "use the directory that it leads to";
                return Err(DeadLetterError::Unsafe { path: path.clone(), why, fix });
            }
            Err(error) => return Err(failed(error.into())),
        };
        let stat = rustix::fs::fstat(&fd).map_err(|e| failed(e.into()))?;
        judge(&path, &stat)?;
        Ok(Self { path, fd })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file in it is, for people.
    #[must_use]
    pub fn path_of(&self, name: &LetterFileName) -> PathBuf {
        self.path.join(name.to_string())
    }

    /// The files of dead letters in it, those of a flow by age. Files that are another program's or
    /// another user's are not among them.
    ///
    /// # Errors
    /// [`DeadLetterError`] if it cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, DeadLetterError> {
        let failed = |error: Errno| DeadLetterError::io("list", &self.path, error);
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            found.extend(self.look(entry.file_name()));
        }
        found.sort_by(|a: &Listed, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn look(&self, name: &CStr) -> Option<Listed> {
        let parsed = LetterFileName::parse(name.to_bytes())?;
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        is_ours(&stat).then(|| Listed {
            name: parsed,
            bytes: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or_default()),
        })
    }

    /// Creates a new file, open for appending.
    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.fd, name, flags, FILE_MODE)?.into())
    }

    /// Opens a file of ours; `None` if there is none by that name.
    pub(super) fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd.into(),
            Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(is_ours(&rustix::fs::fstat(&file)?).then_some(file))
    }

    /// Whether this open file is the one of that name.
    pub(super) fn holds(&self, name: &str, file: &File) -> io::Result<bool> {
        let open = rustix::fs::fstat(file)?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (open.st_dev, open.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a file in the place of another.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Removes a file that may not be there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the names through to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// Whether the path still leads to this directory.
    pub(super) fn is_in_place(&self) -> bool {
        let (Ok(open), Ok(named)) = (
            rustix::fs::fstat(&self.fd),
            rustix::fs::statat(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW),
        ) else {
            return false;
        };
        (open.st_dev, open.st_ino) == (named.st_dev, named.st_ino)
    }
}

/// Whether a file is a regular one of kinetail's user.
fn is_ours(stat: &Stat) -> bool {
    let user = rustix::process::geteuid();
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && (user.is_root() || stat.st_uid == user.as_raw())
}

/// Refuses a directory in which others could replace files.
fn judge(path: &Path, stat: &Stat) -> Result<(), DeadLetterError> {
    let user = rustix::process::geteuid();
    let unsafe_for = |why, fix| Err(DeadLetterError::Unsafe { path: path.to_owned(), why, fix });
    if !user.is_root() && stat.st_uid != user.as_raw() && stat.st_uid != 0 {
        let why = format!("it belongs to user {}", stat.st_uid);
        return unsafe_for(why, "use a directory owned by kinetail's user");
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(OTHERS_WRITE) {
        let why = format!("others may write to it (mode {:04o})", stat.st_mode & 0o7777);
        return unsafe_for(why, "use a separate directory, or run chmod go-w on it");
    }
    Ok(())
}
