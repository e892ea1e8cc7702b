//! A disk in memory: directories, files, links, stamps and permissions, without a kernel.
//!
//! It does what a local file system does, so that the same schedule gives the same trace on it and
//! on a real one, and it is many times as fast. Numbers of inodes are never given out again; files
//! that were deleted stay for who holds them open.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what cannot be done here is a bug of the test that asks for it"
)]

mod nodes;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::nodes::{Body, Content, Nodes, Walk, number_of, shown};
use super::disk::{Call, DirName, Disk, DiskError, Fault, Kind, OpenFile, Stat};
use super::identity::Inode;
use super::links::FollowLinks;
use super::space::Space;

/// The device number of everything.
const DEVICE: u64 = 77;

/// The first stamp, in nanoseconds since 1970.
pub const FIRST_STAMP_NANOS: i128 = 1_700_000_000_000_000_000;

/// The number of `/`.
const ROOT: u64 = 1;

/// A disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct MemoryDisk(Rc<RefCell<Nodes>>);

/// An open file.
#[derive(Debug, Clone)]
pub struct MemoryFile {
    disk: MemoryDisk,
    number: u64,
    /// Counts who holds the node open.
    _held: Rc<()>,
}

impl MemoryFile {
    /// A file without a name on a disk of its own that holds these bytes.
    #[must_use]
    pub fn with(bytes: &[u8]) -> Self {
        let path = Path::new("/file");
        let disk = MemoryDisk::with_directory(Path::new("/"));
        let file = disk.create_new(path);
        disk.remove_file(path);
        file.append(bytes);
        file
    }
}

/// What tests do to files. What cannot be done is a bug of the test, and panics.
impl MemoryDisk {
    /// A disk with an empty directory.
    #[must_use]
    pub fn with_directory(path: &Path) -> Self {
        let nodes =
            Nodes { by_number: BTreeMap::new(), next: ROOT, stamp: FIRST_STAMP_NANOS, set_back: 0 };
        let disk = Self(Rc::new(RefCell::new(nodes)));
        let root = disk.0.borrow_mut().add(Body::Directory(BTreeMap::new()), 0o755);
        assert_eq!(root, ROOT);
        let mut made: Vec<&Path> =
            path.ancestors().filter(|path| path.file_name().is_some()).collect();
        made.reverse();
        for path in made {
            disk.create_dir(path);
        }
        disk
    }

    /// Makes a directory.
    pub fn create_dir(&self, path: &Path) {
        let mut nodes = self.0.borrow_mut();
        let number = nodes.add(Body::Directory(BTreeMap::new()), 0o755);
        nodes.link(path, number);
    }

    /// Opens a file to write to it; `None` if there is none.
    #[must_use]
    pub fn writer(&self, path: &Path) -> Option<MemoryFile> {
        let number = self.0.borrow().find(path, true).ok()?;
        Some(self.held(number))
    }

    /// Makes a file, which is not there.
    #[must_use]
    pub fn create_new(&self, path: &Path) -> MemoryFile {
        assert!(!self.is_there(path), "{} is there", path.display());
        let number = {
            let mut nodes = self.0.borrow_mut();
            let number = nodes.add(Body::File(Content::default()), 0o644);
            nodes.link(path, number);
            number
        };
        self.held(number)
    }

    fn held(&self, number: u64) -> MemoryFile {
        let held = Rc::clone(&self.0.borrow().node(number).held);
        MemoryFile { disk: self.clone(), number, _held: held }
    }

    /// What a file holds; nothing if there is none.
    #[must_use]
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let nodes = self.0.borrow();
        match &nodes.node(nodes.find(path, true).ok()?).body {
            Body::File(content) => Some(content.bytes.clone()),
            Body::Directory(_) | Body::Link(_) => None,
        }
    }

    /// Gives what has a name another one. What had that is gone.
    pub fn rename(&self, from: &Path, to: &Path) {
        let mut nodes = self.0.borrow_mut();
        let number = nodes.unlink(from);
        nodes.link(to, number);
    }

    /// Makes a symbolic link.
    pub fn symlink(&self, target: &Path, link: &Path) {
        assert!(!self.is_there(link), "{} is there", link.display());
        let mut nodes = self.0.borrow_mut();
        let number = nodes.add(Body::Link(target.to_owned()), 0o777);
        nodes.link(link, number);
    }

    /// Gives a file a second name.
    pub fn hard_link(&self, path: &Path, second: &Path) {
        let mut nodes = self.0.borrow_mut();
        let number = nodes.find(path, false).unwrap();
        nodes.link(second, number);
    }

    /// Takes a name away.
    pub fn remove_file(&self, path: &Path) {
        self.0.borrow_mut().unlink(path);
    }

    /// Whether the name itself is there.
    #[must_use]
    pub fn is_there(&self, path: &Path) -> bool {
        self.0.borrow().find(path, false).is_ok()
    }

    /// What a path leads to, if to anything.
    #[must_use]
    pub fn kind(&self, path: &Path) -> Option<Kind> {
        let nodes = self.0.borrow();
        nodes.find(path, true).ok().map(|number| nodes.stat(number).kind)
    }

    /// Sets the permissions of what a path leads to.
    pub fn set_mode(&self, path: &Path, mode: u32) {
        let mut nodes = self.0.borrow_mut();
        let number = nodes.find(path, true).unwrap();
        nodes.node_mut(number).mode = mode;
        nodes.touch(number);
    }

    /// Sets the time of modification of a file or a directory.
    pub fn set_modified(&self, path: &Path, nanos: i128) {
        let number = self.0.borrow().find(path, true).unwrap();
        self.held(number).set_modified(nanos);
    }

    /// Time passed: later changes are later than this, in nanoseconds since 1970. Gives back what
    /// time it is.
    #[must_use]
    pub fn pass_until(&self, nanos: i128) -> i128 {
        let mut nodes = self.0.borrow_mut();
        nodes.stamp = nodes.stamp.max(nanos - nodes.set_back);
        nodes.stamp
    }

    /// The clock is set back by so many nanoseconds.
    pub fn set_clock_back(&self, nanos: i128) {
        let mut nodes = self.0.borrow_mut();
        nodes.stamp -= nanos;
        nodes.set_back += nanos;
    }

    /// Whether anybody holds a file open.
    #[must_use]
    pub fn is_open(&self, path: &Path) -> bool {
        let nodes = self.0.borrow();
        Rc::strong_count(&nodes.node(nodes.find(path, true).unwrap()).held) > 1
    }
}

impl MemoryFile {
    /// Appends, as who opened it to append.
    pub fn append(&self, bytes: &[u8]) {
        self.change(|content| content.write_at(content.bytes.len(), bytes));
    }

    /// Cuts the file, or makes it longer with a hole.
    pub fn set_len(&self, len: usize) {
        self.change(|content| content.set_len(len));
    }

    /// Writes at an offset, as who does not append.
    pub fn write_at(&self, offset: usize, bytes: &[u8]) {
        self.change(|content| content.write_at(offset, bytes));
    }

    /// Writes at an offset as through a mapping: no time changes.
    pub fn write_mapped(&self, offset: usize, bytes: &[u8]) {
        self.disk.0.borrow_mut().change(self.number, |content| content.write_at(offset, bytes));
    }

    fn look(&self, look: impl FnOnce(&Content) -> Option<usize>) -> Option<u64> {
        match &self.disk.0.borrow().node(self.number).body {
            Body::File(content) => look(content).map(|at| at as u64),
            Body::Directory(_) | Body::Link(_) => None,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Content)) {
        let mut nodes = self.disk.0.borrow_mut();
        nodes.change(self.number, change);
        nodes.touch_content(self.number);
    }

    /// Sets the time of modification, in nanoseconds since 1970.
    pub fn set_modified(&self, nanos: i128) {
        let mut nodes = self.disk.0.borrow_mut();
        nodes.node_mut(self.number).modified = nanos;
        nodes.touch(self.number);
    }

    /// Device and inode.
    #[must_use]
    pub fn inode(&self) -> Inode {
        Inode { device: DEVICE, number: self.number }
    }
}

fn failed(call: Call) -> impl Fn(Fault) -> DiskError {
    move |fault| DiskError { call, fault }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn list(&self, directory: &Path) -> Result<Vec<DirName>, DiskError> {
        let failed = failed(Call::List);
        let nodes = self.0.borrow();
        let node = nodes.node(nodes.find(directory, true).map_err(&failed)?);
        let Body::Directory(names) = &node.body else { return Err(failed(Fault::NotADirectory)) };
        if node.mode & 0o400 == 0 {
            return Err(failed(Fault::Denied));
        }
        let listed = |(name, number): (&OsString, &u64)| DirName {
            name: name.clone(),
            number: *number,
            kind: nodes.stat(*number).kind,
        };
        Ok(names.iter().map(listed).collect())
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        let nodes = self.0.borrow();
        let number = nodes.find(path, true).map_err(failed(Call::Stat))?;
        Ok(nodes.stat(number))
    }

    fn is_link(&self, path: &Path) -> Result<bool, DiskError> {
        let nodes = self.0.borrow();
        let number = nodes.find(path, false).map_err(failed(Call::IsLink))?;
        Ok(nodes.stat(number).kind == Kind::Link)
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, DiskError> {
        let mut how = Walk::new(true, FollowLinks::Always);
        let steps = self.0.borrow().walk(Vec::new(), path, &mut how);
        Ok(shown(&steps.map_err(failed(Call::RealPath))?))
    }

    fn leads_to(&self, link: &Path, links: FollowLinks) -> Result<PathBuf, DiskError> {
        self.0.borrow().leads_to(link, links).map_err(failed(Call::LeadsTo))
    }

    fn may_follow(&self, path: &Path, links: FollowLinks) -> Result<(), DiskError> {
        let steps = self.0.borrow().walk(Vec::new(), path, &mut Walk::new(true, links));
        steps.map(drop).map_err(failed(Call::MayFollow))
    }

    fn open(&self, path: &Path, links: FollowLinks) -> Result<(MemoryFile, Stat), DiskError> {
        let failed = failed(Call::Open);
        let steps = self.0.borrow().walk(Vec::new(), path, &mut Walk::new(true, links));
        let number = number_of(&steps.map_err(&failed)?);
        let stat = self.0.borrow().stat(number);
        if stat.kind != Kind::File {
            return Err(failed(Fault::NotRegular));
        }
        if self.0.borrow().node(number).mode & 0o400 == 0 {
            return Err(failed(Fault::Denied));
        }
        Ok((self.held(number), stat))
    }

    fn let_stamps_settle(&self) {}
}

impl OpenFile for MemoryFile {
    fn stat(&self) -> Result<Stat, DiskError> {
        Ok(self.disk.0.borrow().stat(self.number))
    }

    fn read_at(&self, offset: u64, room: &mut [u8]) -> Result<usize, DiskError> {
        let nodes = self.disk.0.borrow();
        let Body::File(content) = &nodes.node(self.number).body else { return Ok(0) };
        let bytes = &content.bytes;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = room.len().min(bytes.len() - from);
        room[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn hole_from(&self, offset: u64) -> Result<Option<u64>, DiskError> {
        Ok(self.look(|content| content.hole_from(usize::try_from(offset).ok()?)))
    }

    fn data_from(&self, offset: u64) -> Result<Option<u64>, DiskError> {
        Ok(self.look(|content| content.data_from(usize::try_from(offset).ok()?)))
    }

    fn born(&self) -> Result<Option<i128>, DiskError> {
        Ok(Some(self.disk.0.borrow().node(self.number).born))
    }

    fn space(&self) -> Result<Space, DiskError> {
        Ok(Space { available_bytes: 1 << 30, total_bytes: 1 << 31 })
    }

    fn name_now(&self) -> Result<PathBuf, DiskError> {
        let name = self.disk.0.borrow().name_of(self.number);
        name.ok_or(DiskError { call: Call::NameNow, fault: Fault::Gone })
    }
}
