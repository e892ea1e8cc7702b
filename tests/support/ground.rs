//! Where a test's files are, and what is done to them: on a real disk or on one in memory.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use kinetail::tail::disk::{Disk, Kind};
use kinetail::tail::identity::Inode;
use kinetail::tail::memory_disk::{FIRST_STAMP_NANOS, MemoryDisk, MemoryFile};

use super::test_disk::TestDisk;

/// The directory of a memory disk in which a test's files are.
const MEMORY_DIRECTORY: &str = "/memory/world";

/// A disk and a directory on it, which vanishes with this.
#[derive(Debug)]
pub struct Ground {
    kind: GroundKind,
    files: Files,
    /// A second directory, if there is one.
    sibling: Option<tempfile::TempDir>,
}

#[derive(Debug)]
enum GroundKind {
    Os(tempfile::TempDir),
    Memory(PathBuf),
}

/// The files of a disk, as those see them who write to them.
#[derive(Debug, Clone)]
pub enum Files {
    Os,
    Memory(MemoryDisk),
}

/// A file that is open to be written to, whatever becomes of its name.
#[derive(Debug)]
pub enum Writer {
    Os(File),
    Memory(MemoryFile),
}

impl From<tempfile::TempDir> for Ground {
    fn from(directory: tempfile::TempDir) -> Self {
        Self { kind: GroundKind::Os(directory), files: Files::Os, sibling: None }
    }
}

impl Ground {
    /// A directory in memory.
    pub fn in_memory() -> Self {
        let path = PathBuf::from(MEMORY_DIRECTORY);
        let files = Files::Memory(MemoryDisk::with_directory(&path));
        Self { kind: GroundKind::Memory(path), files, sibling: None }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        match &self.kind {
            GroundKind::Os(directory) => directory.path(),
            GroundKind::Memory(path) => path,
        }
    }

    /// Makes a second directory alongside this one.
    pub fn sibling(&mut self) -> PathBuf {
        let parent = self.path().parent().unwrap().to_owned();
        match self.kind {
            GroundKind::Os(_) => {
                let sibling = self.sibling.insert(tempfile::tempdir_in(parent).unwrap());
                sibling.path().to_owned()
            }
            GroundKind::Memory(_) => {
                let sibling = parent.join("sibling");
                self.files.create_dir(&sibling);
                sibling
            }
        }
    }

    /// The files on this disk.
    pub fn files(&self) -> Files {
        self.files.clone()
    }

    /// The disk as a flow sees it.
    pub fn disk(&self) -> TestDisk {
        match &self.files {
            Files::Os => TestDisk::os(),
            Files::Memory(disk) => TestDisk::memory(disk.clone()),
        }
    }
}

impl Files {
    /// What time it is for who writes files, where the machine's clock does not say so: `passed`
    /// after the first file was made.
    pub fn clock(&self, passed: Duration) -> Option<i128> {
        match self {
            Self::Os => None,
            Self::Memory(disk) => Some(disk.pass_until(FIRST_STAMP_NANOS + nanos(passed))),
        }
    }

    /// Changes of files are later than this from now on, since 1970, where a test can say so.
    pub fn pass_until(&self, stamp: Duration) {
        if let Self::Memory(disk) = self {
            assert!(disk.pass_until(nanos(stamp)) >= nanos(stamp), "it was set back");
        }
    }

    /// Sets the clock back that stamps files, which no test can do to the machine's.
    pub fn set_clock_back(&self, by: Duration) {
        match self {
            Self::Os => panic!("the machine's clock is not the test's"),
            Self::Memory(disk) => disk.set_clock_back(nanos(by)),
        }
    }

    pub fn create_dir(&self, path: &Path) {
        match self {
            Self::Os => fs::create_dir(path).unwrap(),
            Self::Memory(disk) => disk.create_dir(path),
        }
    }

    /// Opens a file to append to it; `None` if there is none.
    pub fn writer(&self, path: &Path) -> Option<Writer> {
        match self {
            Self::Os => OpenOptions::new().append(true).open(path).ok().map(Writer::Os),
            Self::Memory(disk) => disk.writer(path).map(Writer::Memory),
        }
    }

    /// Makes a file, which is not there.
    pub fn create_new(&self, path: &Path) -> Writer {
        match self {
            Self::Os => Writer::Os(File::create_new(path).unwrap()),
            Self::Memory(disk) => Writer::Memory(disk.create_new(path)),
        }
    }

    /// Appends to a file, which is made if it is not there.
    pub fn append(&self, path: &Path, bytes: &[u8]) {
        let file = self.writer(path).unwrap_or_else(|| self.create_new(path));
        file.append(bytes);
    }

    /// What a file holds; nothing if there is none.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        match self {
            Self::Os => fs::read(path).ok(),
            Self::Memory(disk) => disk.read(path),
        }
    }

    /// Empties a file.
    pub fn truncate(&self, path: &Path) -> Writer {
        match self {
            Self::Os => {
                let file = OpenOptions::new().write(true).open(path).unwrap();
                file.set_len(0).unwrap();
                Writer::Os(file)
            }
            Self::Memory(disk) => {
                let file = disk.writer(path).unwrap();
                file.set_len(0);
                Writer::Memory(file)
            }
        }
    }

    /// Writes over the beginning of a file, which keeps the rest.
    pub fn overwrite(&self, path: &Path, bytes: &[u8]) -> Writer {
        self.write_at(path, 0, bytes)
    }

    /// Writes at an offset of a file, whatever its length is.
    pub fn write_at(&self, path: &Path, offset: usize, bytes: &[u8]) -> Writer {
        match self {
            Self::Os => {
                let file = OpenOptions::new().write(true).open(path).unwrap();
                file.write_all_at(bytes, offset as u64).unwrap();
                Writer::Os(file)
            }
            Self::Memory(disk) => {
                let file = disk.writer(path).unwrap();
                file.write_at(offset, bytes);
                Writer::Memory(file)
            }
        }
    }

    /// Writes at an offset of a file as through a mapping: neither its length nor its time of
    /// modification changes.
    pub fn write_mapped(&self, path: &Path, offset: usize, bytes: &[u8]) {
        match self {
            Self::Os => {
                let modified = self.modified(path);
                self.write_at(path, offset, bytes).set_modified(modified);
            }
            Self::Memory(disk) => disk.writer(path).unwrap().write_mapped(offset, bytes),
        }
    }

    pub fn rename(&self, from: &Path, to: &Path) {
        match self {
            Self::Os => fs::rename(from, to).unwrap(),
            Self::Memory(disk) => disk.rename(from, to),
        }
    }

    pub fn symlink(&self, target: &Path, link: &Path) {
        match self {
            Self::Os => symlink(target, link).unwrap(),
            Self::Memory(disk) => disk.symlink(target, link),
        }
    }

    pub fn hard_link(&self, path: &Path, second: &Path) {
        match self {
            Self::Os => fs::hard_link(path, second).unwrap(),
            Self::Memory(disk) => disk.hard_link(path, second),
        }
    }

    pub fn remove_file(&self, path: &Path) {
        match self {
            Self::Os => fs::remove_file(path).unwrap(),
            Self::Memory(disk) => disk.remove_file(path),
        }
    }

    /// Whether the name itself is there.
    pub fn is_there(&self, path: &Path) -> bool {
        match self {
            Self::Os => fs::symlink_metadata(path).is_ok(),
            Self::Memory(disk) => disk.is_there(path),
        }
    }

    /// Whether a path leads to a regular file.
    pub fn is_file(&self, path: &Path) -> bool {
        match self {
            Self::Os => path.is_file(),
            Self::Memory(disk) => disk.kind(path) == Some(Kind::File),
        }
    }

    /// Whether a path leads to a directory.
    pub fn is_dir(&self, path: &Path) -> bool {
        match self {
            Self::Os => path.is_dir(),
            Self::Memory(disk) => disk.kind(path) == Some(Kind::Directory),
        }
    }

    /// Where a path leads; `None` if nowhere.
    pub fn real_path(&self, path: &Path) -> Option<PathBuf> {
        match self {
            Self::Os => fs::canonicalize(path).ok(),
            Self::Memory(disk) => disk.real_path(path).ok(),
        }
    }

    /// The names in a directory, in order.
    pub fn names(&self, directory: &Path) -> Vec<OsString> {
        let mut names: Vec<OsString> = match self {
            Self::Os => {
                fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
            }
            Self::Memory(disk) => {
                disk.list(directory).unwrap().into_iter().map(|listed| listed.name).collect()
            }
        };
        names.sort();
        names
    }

    pub fn set_mode(&self, path: &Path, mode: u32) {
        match self {
            Self::Os => fs::set_permissions(path, Permissions::from_mode(mode)).unwrap(),
            Self::Memory(disk) => disk.set_mode(path, mode),
        }
    }

    /// When a file was modified, since 1970.
    pub fn modified(&self, path: &Path) -> Duration {
        match self {
            Self::Os => {
                let modified = fs::metadata(path).unwrap().modified().unwrap();
                modified.duration_since(UNIX_EPOCH).unwrap()
            }
            Self::Memory(disk) => {
                let nanos = disk.stat(path).unwrap().modified_nanos;
                Duration::from_nanos(u64::try_from(nanos).unwrap())
            }
        }
    }

    /// Sets when a file or a directory was modified, since 1970.
    pub fn set_modified(&self, path: &Path, stamp: Duration) {
        match self {
            Self::Os => File::open(path).unwrap().set_modified(UNIX_EPOCH + stamp).unwrap(),
            Self::Memory(disk) => disk.set_modified(path, nanos(stamp)),
        }
    }

    /// Whether this process, of which the flow is a part, has a file open.
    pub fn is_open(&self, path: &Path) -> bool {
        match self {
            Self::Os => {
                let path = fs::canonicalize(path).unwrap();
                let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
                let mut targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
                targets.any(|target| target == path)
            }
            Self::Memory(disk) => disk.is_open(path),
        }
    }
}

impl Writer {
    pub fn append(&self, bytes: &[u8]) {
        match self {
            Self::Os(file) => (&mut &*file).write_all(bytes).unwrap(),
            Self::Memory(file) => file.append(bytes),
        }
    }

    /// Empties the file.
    pub fn clear(&self) {
        self.set_len(0);
    }

    /// Cuts the file off behind so many bytes.
    pub fn set_len(&self, len: usize) {
        match self {
            Self::Os(file) => file.set_len(len as u64).unwrap(),
            Self::Memory(file) => file.set_len(len),
        }
    }

    /// Sets when the file was modified, since 1970.
    pub fn set_modified(&self, stamp: Duration) {
        match self {
            Self::Os(file) => file.set_modified(UNIX_EPOCH + stamp).unwrap(),
            Self::Memory(file) => file.set_modified(nanos(stamp)),
        }
    }

    pub fn inode(&self) -> Inode {
        match self {
            Self::Os(file) => {
                let meta = file.metadata().unwrap();
                Inode { device: meta.dev(), number: meta.ino() }
            }
            Self::Memory(file) => file.inode(),
        }
    }
}

/// Nanoseconds since 1970.
pub fn nanos(since: Duration) -> i128 {
    i128::try_from(since.as_nanos()).unwrap()
}
