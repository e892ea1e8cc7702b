//! The seam: everything that tailing asks a file system.
//!
//! All calls are synchronous, because each flow has a thread of its own. The one disk that ships is
//! `OsDisk`; tests have one in memory, whose calls fail, whose files change between two calls and
//! whose clock moves when the test says so. What is decided from the answers is decided elsewhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::identity::Inode;
use super::links::{FollowLinks, Refused};
use super::space::Space;

/// A file system, as tailing sees it.
pub trait Disk: fmt::Debug {
    /// An open file.
    type File: OpenFile;

    /// The names in a directory, in any order. Names that vanish meanwhile may be missing.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed to its end.
    fn list(&self, directory: &Path) -> Result<Vec<DirName>, DiskError>;

    /// Looks at what a path leads to, whatever it is. Links are followed.
    ///
    /// # Errors
    ///
    /// Why it cannot be seen.
    fn stat(&self, path: &Path) -> Result<Stat, DiskError>;

    /// Whether a name is a symbolic link. The name itself is not followed, and is there if this is
    /// no error.
    ///
    /// # Errors
    ///
    /// Why it cannot be seen.
    fn is_link(&self, path: &Path) -> Result<bool, DiskError>;

    /// A path without links that leads to the same.
    ///
    /// # Errors
    ///
    /// Why it cannot be found out.
    fn real_path(&self, path: &Path) -> Result<PathBuf, DiskError>;

    /// Where a link leads whose target is not there: a path without links, in a directory that is
    /// there. It must be allowed to follow the link as if that directory were its target.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`], or why it cannot be found out.
    fn leads_to(&self, link: &Path, links: FollowLinks) -> Result<PathBuf, DiskError>;

    /// Makes sure that the links on a path may be followed, whatever it leads to.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`], or why it cannot be seen.
    fn may_follow(&self, path: &Path, links: FollowLinks) -> Result<(), DiskError>;

    /// Opens a regular file, if the links on its path may be followed, and looks at it. What else
    /// has the name does not block the caller.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened or followed.
    fn open(&self, path: &Path, links: FollowLinks) -> Result<(Self::File, Stat), DiskError>;

    /// What time it is by the clock of the times of files, in nanoseconds since 1970, where the
    /// flow's wall clock says `wall_nanos`.
    fn now_nanos(&self, wall_nanos: i128) -> i128 {
        wall_nanos
    }

    /// Lets a moment pass, in which a file that just got its new size gets its new times.
    fn let_stamps_settle(&self);
}

/// An open file. A clone is the same open file.
pub trait OpenFile: Clone + fmt::Debug {
    /// Looks at it.
    ///
    /// # Errors
    ///
    /// Why it cannot be seen.
    fn stat(&self) -> Result<Stat, DiskError>;

    /// Reads into `room` from an offset on. Says how many bytes: fewer than there is room for only
    /// where the file ends.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn read_at(&self, offset: u64, room: &mut [u8]) -> Result<usize, DiskError>;

    /// Where the first hole at or behind an offset begins; the end of the file counts as one.
    /// `None` behind that, and where nothing is known of holes.
    ///
    /// # Errors
    ///
    /// Why it cannot be found out.
    fn hole_from(&self, offset: u64) -> Result<Option<u64>, DiskError>;

    /// Where the first data at or behind an offset begin; `None` if there are none, and where
    /// nothing is known of holes.
    ///
    /// # Errors
    ///
    /// Why it cannot be found out.
    fn data_from(&self, offset: u64) -> Result<Option<u64>, DiskError>;

    /// When it was made, in nanoseconds since 1970; `None` where the file system keeps no such
    /// time.
    ///
    /// # Errors
    ///
    /// Why it cannot be found out.
    fn born(&self) -> Result<Option<i128>, DiskError>;

    /// Whether nothing will ever be written behind what is there: a stream that has ended.
    fn is_complete(&self) -> bool {
        false
    }

    /// Whether NUL bytes where a record would begin may be a hole, or space that was reserved. In a
    /// stream they are bytes of a record.
    fn has_holes(&self) -> bool {
        true
    }

    /// How full the file system is that it lies on.
    ///
    /// # Errors
    ///
    /// Why it cannot be found out.
    fn space(&self) -> Result<Space, DiskError>;

    /// The path that leads to it now, as far as the kernel knows.
    ///
    /// # Errors
    ///
    /// Why it cannot be found out.
    fn name_now(&self) -> Result<PathBuf, DiskError>;
}

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that is not followed.
    Link,
    /// A FIFO, a socket, a device.
    Other,
}

/// A name in a directory. Links are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirName {
    /// The name.
    pub name: OsString,
    /// The inode number that the directory has for it.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
}

/// What a look at a file saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Device and inode.
    pub inode: Inode,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970 of the last change of content.
    pub modified_nanos: i128,
    /// Nanoseconds since 1970 of the last change of content or attributes; cannot be set back.
    pub changed_nanos: i128,
    /// Names in any directory; 0 means deleted.
    pub links: u64,
    /// Bytes that take space on the disk; less than the size if there are holes.
    pub allocated: u64,
}

impl Stat {
    /// Whether size and time of modification are the same: renaming changes neither.
    #[must_use]
    pub(crate) fn is_same_content(&self, other: &Self) -> bool {
        self.size == other.size && self.modified_nanos == other.modified_nanos
    }

    /// Whether size and times are the same: as far as they can tell nothing was written.
    #[must_use]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.size == other.size
            && self.modified_nanos == other.modified_nanos
            && self.changed_nanos == other.changed_nanos
    }
}

/// The calls of the seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`OpenFile::born`].
    Born,
    /// [`OpenFile::data_from`].
    DataFrom,
    /// [`OpenFile::hole_from`].
    HoleFrom,
    /// [`Disk::is_link`].
    IsLink,
    /// [`Disk::leads_to`].
    LeadsTo,
    /// [`Disk::list`].
    List,
    /// [`Disk::may_follow`].
    MayFollow,
    /// [`OpenFile::name_now`].
    NameNow,
    /// [`Disk::open`].
    Open,
    /// [`OpenFile::read_at`].
    ReadAt,
    /// [`Disk::real_path`].
    RealPath,
    /// [`OpenFile::space`].
    Space,
    /// [`Disk::stat`].
    Stat,
    /// [`OpenFile::stat`].
    StatOpen,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Born,
        Self::DataFrom,
        Self::HoleFrom,
        Self::IsLink,
        Self::LeadsTo,
        Self::List,
        Self::MayFollow,
        Self::NameNow,
        Self::Open,
        Self::ReadAt,
        Self::RealPath,
        Self::Space,
        Self::Stat,
        Self::StatOpen,
    ];
}

/// What became of a call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskError {
    /// Which call it was.
    pub call: Call,
    /// Why it failed.
    pub fault: Fault,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Who asks may not do that.
    Denied,
    /// There is no such name.
    Gone,
    /// The kernel makes the file up when it is read.
    KernelMade,
    /// Symbolic links that lead to each other, or too many of them.
    Loop,
    /// Something on the path is no directory.
    NotADirectory,
    /// It is no regular file.
    NotRegular,
    /// A link on the path is not followed.
    Refused(Box<Refused>),
    /// The file is gone behind its descriptor, as happens on NFS.
    Stale,
    /// No file descriptor is free.
    TooManyOpen,
    /// Something else, by its number (errno(3)).
    Other(i32),
}

impl DiskError {
    /// Whether the name is not there, or what has to be a directory above it is none.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.fault, Fault::Gone | Fault::NotADirectory)
    }

    /// Whether the name is not there.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.fault == Fault::Gone
    }

    /// Whether a link on the path is not followed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self.fault, Fault::Refused(_))
    }
}

/// The number of a fault (errno(3)); the same on every architecture that kinetail is built for.
fn number_of(fault: &Fault) -> i32 {
    match fault {
        Fault::Gone => 2,
        Fault::Denied => 13,
        Fault::NotADirectory => 20,
        Fault::KernelMade | Fault::NotRegular | Fault::Refused(_) => 22,
        Fault::TooManyOpen => 24,
        Fault::Loop => 40,
        Fault::Stale => 116,
        Fault::Other(number) => *number,
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Fault::KernelMade => f.write_str("virtual file (procfs, sysfs)"),
            Fault::NotRegular => f.write_str("not a regular file"),
            Fault::Refused(refused) => refused.fmt(f),
            fault => io::Error::from_raw_os_error(number_of(fault)).fmt(f),
        }
    }
}

impl std::error::Error for DiskError {}

impl From<DiskError> for io::Error {
    fn from(error: DiskError) -> Self {
        match error.fault {
            Fault::KernelMade | Fault::NotRegular => {
                Self::new(io::ErrorKind::InvalidInput, error.to_string())
            }
            Fault::Refused(refused) => Self::new(io::ErrorKind::InvalidInput, *refused),
            fault => Self::from_raw_os_error(number_of(&fault)),
        }
    }
}
