//! Opens files and looks at paths, as far as the symbolic links on the way are followed.
//!
//! A path that holds no link is opened in one call that refuses links. Else the path is walked
//! here, part by part, each held open while it is judged: what is judged is what is opened,
//! whoever renames what meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::tail::links::{FollowLinks, Refused};

/// So many links are followed on one path, as in the kernel (`path_resolution(7)`).
const LINKS_MAX: u8 = 40;

/// A name that leads to another file when it is opened than it did a moment before is tried so
/// often at once; the next scan tries it again.
const TRIES_MAX: u8 = 4;

/// Of `proc` (`statfs(2)`): the text of its links is not where they lead.
const PROC_SUPER_MAGIC: i128 = 0x9fa0;

/// The root's user number.
const ROOT_UID: u32 = 0;

/// Whether a path could not be opened or examined because of a link that is not followed.
#[must_use]
pub fn is_refusal(error: &io::Error) -> bool {
    refusal(error).is_some()
}

/// The link that is not followed, if that is what the error says.
pub(super) fn refusal(error: &io::Error) -> Option<&Refused> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>())
}

/// Opens a file to follow it, if the links on its path may be followed. A FIFO or a device does not
/// block the caller.
///
/// # Errors
///
/// Whatever `open` fails with; see [`is_refusal`].
pub fn open(path: &Path, links: FollowLinks) -> io::Result<File> {
    if links == FollowLinks::Always {
        return open_any(path);
    }
    match rustix::fs::openat2(CWD, path, READ, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(opened) => return Ok(opened.into()),
        Err(error) if needs_walk(error) => {}
        Err(error) => return Err(error.into()),
    }
    for _ in 0..TRIES_MAX {
        if let Some(file) = walk(path, links)?.open()? {
            return Ok(file);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "replaced while it was opened"))
}

/// Opens a file whatever links are on its path. A FIFO or a device does not block the caller.
fn open_any(path: &Path) -> io::Result<File> {
    Ok(rustix::fs::openat(CWD, path, READ, Mode::empty())?.into())
}

fn refused(refused: Refused) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, refused)
}

/// Refuses a directory of kinetail's own that another user chose: a link on the way to it may be
/// root's, or that of the owner of what it leads to. Whatever else is wrong with it shows when it
/// is made or opened.
pub(crate) fn refuse_foreign(directory: &Path) -> io::Result<()> {
    match check(directory, FollowLinks::Owner) {
        Err(error) if is_refusal(&error) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes sure that the links on a path may be followed, whatever it leads to.
///
/// # Errors
///
/// Whatever looking fails with; see [`is_refusal`].
pub fn check(path: &Path, links: FollowLinks) -> io::Result<()> {
    if links == FollowLinks::Always {
        return Ok(());
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(_) => Ok(()),
        Err(error) if needs_walk(error) => walk(path, links).map(drop),
        Err(error) => Err(error.into()),
    }
}

/// Where a link leads whose target is not there: a path without links. A link counts if root or the
/// owner of the directory made it, as if that were its target.
///
/// # Errors
///
/// Whatever looking fails with; see [`is_refusal`]. The directory must be there.
pub fn leads_to(link: &Path, links: FollowLinks) -> io::Result<PathBuf> {
    let mut passed: Vec<(PathBuf, u32)> = Vec::new();
    let mut path = link.to_path_buf();
    loop {
        let owner = match rustix::fs::lstat(&path) {
            Ok(stat) if kind(&stat) == FileType::Symlink => stat.st_uid,
            Ok(_) | Err(Errno::NOENT) => break,
            Err(error) => return Err(error.into()),
        };
        if passed.len() >= usize::from(LINKS_MAX) {
            return Err(Errno::LOOP.into());
        }
        let directory =
            path.parent().map_or_else(|| Path::new("/").to_path_buf(), Path::to_path_buf);
        let next = directory.join(std::fs::read_link(&path)?);
        passed.push((std::mem::replace(&mut path, next), owner));
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::NOENT.into());
    };
    if links == FollowLinks::Always {
        return Ok(std::fs::canonicalize(directory)?.join(name));
    }
    let directory = walk(directory, links)?;
    for (link, owner) in passed {
        let target_owner = directory.stat.st_uid;
        if links == FollowLinks::Never {
            return Err(refused(Refused::Any { link }));
        }
        if owner != ROOT_UID && owner != target_owner {
            return Err(refused(Refused::Foreign { link, owner, target_owner }));
        }
    }
    // What was judged is what is looked at, whoever leads a link elsewhere meanwhile.
    let held = format!("/proc/self/fd/{}", directory.held.as_raw_fd());
    Ok(std::fs::read_link(held)?.join(name))
}

/// How files are opened to be read.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// There is a link, or the kernel cannot say so or is not allowed to.
fn needs_walk(error: Errno) -> bool {
    matches!(error, Errno::LOOP | Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::INVAL)
}

/// What a part of a path leads to: it is no link, and held.
struct Node {
    held: OwnedFd,
    stat: rustix::fs::Stat,
    /// The directory and the name in it by which it is opened; none for a directory that is not
    /// reached by a name.
    place: Option<Place>,
}

struct Place {
    directory: OwnedFd,
    name: OsString,
    /// The name is a link of `proc`, which only the kernel can follow.
    by_kernel: bool,
}

impl Node {
    fn of(held: OwnedFd, place: Option<Place>) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&held)?;
        Ok(Self { held, stat, place })
    }

    fn directory(at: impl std::os::fd::AsFd, name: &str) -> io::Result<Self> {
        let held = rustix::fs::openat(at, name, DIRECTORY, Mode::empty())?;
        Self::of(held, None)
    }

    /// Opens what is held, to be read. `None` if its name leads elsewhere by now.
    fn open(&self) -> io::Result<Option<File>> {
        let (FileType::RegularFile, Some(place)) = (kind(&self.stat), &self.place) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        };
        let flags = if place.by_kernel { READ } else { READ | OFlags::NOFOLLOW };
        let opened = match rustix::fs::openat(&place.directory, &place.name, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::LOOP | Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = rustix::fs::fstat(&opened)?;
        let same = (stat.st_dev, stat.st_ino) == (self.stat.st_dev, self.stat.st_ino);
        Ok(same.then(|| opened.into()))
    }
}

/// A directory of a path, which is no link.
const DIRECTORY: OFlags = NAME.union(OFlags::DIRECTORY);

/// What has a name, be it a link.
const NAME: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn kind(stat: &rustix::fs::Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Follows a path to what it leads to.
fn walk(path: &Path, links: FollowLinks) -> io::Result<Node> {
    let start = Node::directory(CWD, ".")?;
    Walk { links, left: LINKS_MAX }.follow(start, Path::new(""), path)
}

struct Walk {
    links: FollowLinks,
    left: u8,
}

impl Walk {
    /// Follows `path` from a directory, which is called `at` in errors.
    fn follow(&mut self, start: Node, at: &Path, path: &Path) -> io::Result<Node> {
        let (mut node, mut at) = (start, at.to_path_buf());
        for part in path.components() {
            node = match part {
                Component::RootDir => Node::directory(CWD, "/")?,
                Component::ParentDir => Node::directory(&node.held, "..")?,
                Component::Normal(name) => self.enter(node, &at, name)?,
                Component::CurDir | Component::Prefix(_) => node,
            };
            at.push(part);
        }
        Ok(node)
    }

    fn enter(&mut self, directory: Node, at: &Path, name: &OsStr) -> io::Result<Node> {
        let held = hold(&directory.held, name)?;
        let place = |by_kernel| {
            let directory = directory.held.try_clone()?;
            Ok::<_, io::Error>(Some(Place { directory, name: name.to_owned(), by_kernel }))
        };
        let link = rustix::fs::fstat(&held)?;
        if kind(&link) != FileType::Symlink {
            return Node::of(held, place(false)?);
        }
        let shown = at.join(name);
        if self.links == FollowLinks::Never {
            return Err(refused(Refused::Any { link: shown }));
        }
        self.left = self.left.checked_sub(1).ok_or(Errno::LOOP)?;
        let target = if i128::from(rustix::fs::fstatfs(&held)?.f_type) == PROC_SUPER_MAGIC {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let led = rustix::fs::openat(&directory.held, name, flags, Mode::empty())?;
            Node::of(led, place(true)?)?
        } else {
            let text = rustix::fs::readlinkat(&held, "", Vec::new())?;
            let text = PathBuf::from(OsString::from_vec(text.into_bytes()));
            self.follow(directory, at, &text)?
        };
        let (owner, target_owner) = (link.st_uid, target.stat.st_uid);
        if owner != ROOT_UID && owner != target_owner {
            return Err(refused(Refused::Foreign { link: shown, owner, target_owner }));
        }
        Ok(target)
    }
}

/// Holds what has a name. A directory is held as one, so that it is mounted if it waits for that.
fn hold(directory: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    match rustix::fs::openat(directory, name, DIRECTORY, Mode::empty()) {
        Err(Errno::NOTDIR | Errno::LOOP) => {
            Ok(rustix::fs::openat(directory, name, NAME, Mode::empty())?)
        }
        held => Ok(held?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_without_a_target_tell_where_they_lead() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        fs::create_dir(base.join("data")).unwrap();
        symlink("data/app.log", base.join("one")).unwrap();
        symlink(base.join("one"), base.join("two")).unwrap();
        symlink("data", base.join("deep")).unwrap();
        symlink("deep/app.log", base.join("three")).unwrap();
        symlink("nowhere/app.log", base.join("four")).unwrap();
        symlink("five", base.join("five")).unwrap();
        for links in [FollowLinks::Owner, FollowLinks::Always] {
            for name in ["one", "two", "three"] {
                let led = leads_to(&base.join(name), links).unwrap();
                assert_eq!(led, base.join("data/app.log"), "{name} {links:?}");
            }
            let nowhere = leads_to(&base.join("four"), links).unwrap_err();
            assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
            assert!(leads_to(&base.join("five"), links).is_err());
        }
        let refused = leads_to(&base.join("one"), FollowLinks::Never).unwrap_err();
        assert!(is_refusal(&refused), "{refused}");
    }
}
