//! Removes a file that is delivered, or moves it away: only if it is still the file that was
//! delivered, and nothing was written to it since.
//!
//! Between a look and a deletion another program may put another file in the place, or append a
//! line. So the file is given a private name first; if it is another one, or longer, it gets its
//! name back. All of that happens in one open directory, whatever becomes of its path meanwhile.
//! A kill may leave the private name; by that the file is found at the next start, and removed.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::tail::done::{own_name, private_name};
use crate::tail::identity::Inode;

/// A file in the directory of delivered files may have the name already; then a number follows it,
/// up to this one.
const NUMBER_MAX: u32 = 9_999;

/// What becomes of a file that is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Disposal {
    /// It is deleted.
    Delete,
    /// It is moved into this directory.
    Move(PathBuf),
}

/// Why a file stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum DisposalError {
    /// The name leads to another file, or to a longer one.
    #[error("it changed in the meantime")]
    Changed,
    /// The directory cannot be used.
    #[error("cannot open {}: {error}", .directory.display())]
    Directory {
        /// Which one.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// All names are taken.
    #[error("{} has {NUMBER_MAX} files of this name; remove some", .0.display())]
    Full(PathBuf),
    /// The directory is on another file system.
    #[error(
        "{} is on another file system; use a directory on the file system of the logs",
        .0.display()
    )]
    OtherFileSystem(PathBuf),
    /// The file has a private name now, because its own was taken.
    #[error("its name was reused in the meantime; renamed to {}", .0.display())]
    Renamed(PathBuf),
    /// The kernel refuses.
    #[error(transparent)]
    Refused(#[from] io::Error),
}

impl From<Errno> for DisposalError {
    fn from(errno: Errno) -> Self {
        Self::Refused(errno.into())
    }
}

/// Deletes a file or moves it, if it is the one with this inode and size. Says where it is now.
///
/// # Errors
///
/// Why it stays.
pub(crate) fn dispose(
    path: &Path,
    inode: Inode,
    size: u64,
    how: &Disposal,
) -> Result<Option<PathBuf>, DisposalError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(DisposalError::Changed);
    };
    let from = Directory::open(parent)?;
    if !from.holds(name, inode, size)? {
        return Err(DisposalError::Changed);
    }
    let to = match how {
        Disposal::Delete => None,
        Disposal::Move(directory) => Some(Directory::open(directory)?),
    };
    if let Some(to) = to.as_ref().filter(|to| to.device != from.device) {
        return Err(DisposalError::OtherFileSystem(to.path.clone()));
    }
    if let Some(own) = own_name(inode, name) {
        // A kill came between, and nothing else uses this name.
        return from.remove(name, own, to.as_ref());
    }
    let private = from.hide(name, inode, size)?;
    from.remove(&private, name, to.as_ref()).or_else(|error| {
        from.put_back(&private, name)?;
        Err(error)
    })
}

/// A directory that is open.
struct Directory {
    path: PathBuf,
    fd: OwnedFd,
    device: u64,
}

impl Directory {
    /// Links are followed here: the directory of a pattern may be reached by one. Which file it
    /// is decides.
    fn open(path: &Path) -> Result<Self, DisposalError> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let failed = |errno: Errno| DisposalError::Directory {
            directory: path.to_owned(),
            error: errno.into(),
        };
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        let device = rustix::fs::fstat(&fd).map_err(failed)?.st_dev;
        Ok(Self { path: path.to_owned(), fd, device })
    }

    /// Whether a name in it is this file.
    fn holds(&self, name: &OsStr, inode: Inode, size: u64) -> Result<bool, DisposalError> {
        let stat = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        };
        let is_same = stat.st_ino == inode.number;
        Ok(is_same && u64::try_from(stat.st_size) == Ok(size))
    }

    /// Gives a file its private name, if it still is this one.
    fn hide(&self, name: &OsStr, inode: Inode, size: u64) -> Result<OsString, DisposalError> {
        let private = private_name(inode, name);
        if self.holds(&private, inode, size)? {
            // A kill came between a link and an unlink: the file has both names.
            rustix::fs::unlinkat(&self.fd, &private, AtFlags::empty())?;
        }
        match rename(&self.fd, name, &self.fd, &private) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Err(DisposalError::Changed),
            Err(errno) => return Err(errno.into()),
        }
        if self.holds(&private, inode, size)? {
            return Ok(private);
        }
        self.put_back(&private, name)?;
        Err(DisposalError::Changed)
    }

    /// A file gets its name back, unless that is taken.
    fn put_back(&self, private: &OsStr, name: &OsStr) -> Result<(), DisposalError> {
        rename(&self.fd, private, &self.fd, name)
            .map_err(|_| DisposalError::Renamed(self.path.join(private)))
    }

    /// Deletes what has a private name, or moves it. Says where it is now.
    fn remove(
        &self,
        private: &OsStr,
        own: &OsStr,
        to: Option<&Self>,
    ) -> Result<Option<PathBuf>, DisposalError> {
        let Some(to) = to else {
            rustix::fs::unlinkat(&self.fd, private, AtFlags::empty())?;
            return Ok(None);
        };
        for number in 0..=NUMBER_MAX {
            let mut new = own.to_owned();
            if number > 0 {
                new.push(format!(".{number}"));
            }
            match rename(&self.fd, private, &to.fd, &new) {
                Ok(()) => return Ok(Some(to.path.join(new))),
                Err(Errno::EXIST) => {}
                Err(Errno::XDEV) => return Err(DisposalError::OtherFileSystem(to.path.clone())),
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(DisposalError::Full(to.path.clone()))
    }
}

/// Renames a file unless the new name is taken, also on file systems that cannot do that in one
/// step.
fn rename(from: impl AsFd, name: &OsStr, to: impl AsFd, new: &OsStr) -> Result<(), Errno> {
    match rustix::fs::renameat_with(&from, name, &to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(&from, name, &to, new, AtFlags::empty())?;
            rustix::fs::unlinkat(&from, name, AtFlags::empty())
        }
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests;
