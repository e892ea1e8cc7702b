//! Files whose inode numbers and stamps depend on the schedule alone, on every file system.
//!
//! Some file systems give the number of a deleted file to the next one, others never do, and what
//! other programs do alongside it decides. Here the schedule decides. A number is kept from being
//! used again by keeping the file; a new file gets an old number by being that old file, emptied
//! and under its new name. A tailer that did not hold the old file open cannot tell the two ways
//! apart. One that held it open cannot see its number again before it is down; then the number
//! that was checkpointed is replaced with one that the next file can get.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::options::Options;
use crate::support::ground::{Files, Writer, nanos};
use crate::support::test_disk::TestDisk;
use crate::support::world::World;

/// The first stamp, in seconds since 1970.
const FIRST_STAMP_SECONDS: u64 = 1_700_000_000;

/// Creates, changes and removes files.
pub struct Disk {
    files: Files,
    /// What the flow sees of it: when files were born, and what time it is, as the schedule has it.
    seen: TestDisk,
    /// Where removed files lie whose numbers are free.
    attic: PathBuf,
    free: Vec<PathBuf>,
    /// Files that were deleted while the flow ran and may have held them open.
    held: Vec<Writer>,
    /// Whether births are known; some file systems keep none.
    births: bool,
    /// Whether new files get the numbers of removed ones.
    pub reuse: bool,
    /// Whether changes without a pause between them get the same stamp.
    coarse: bool,
    stamp: Duration,
    /// How many files were made.
    made: u64,
}

impl Disk {
    /// The files of a world, with a directory for those that were removed.
    pub fn new(world: &mut World, options: &Options) -> Self {
        let Options { reuse, coarse, births, .. } = *options;
        let disk = Self {
            files: world.files.clone(),
            seen: world.disk.clone(),
            attic: world.dir.sibling(),
            births,
            free: Vec::new(),
            held: Vec::new(),
            reuse,
            coarse,
            stamp: Duration::from_secs(FIRST_STAMP_SECONDS),
            made: 0,
        };
        disk.seen.script.borrow_mut().births = Some(BTreeMap::new());
        disk.tell_time();
        disk
    }

    fn tell_time(&self) {
        self.seen.script.borrow_mut().now_nanos = Some(nanos(self.stamp));
        // A change is stamped with the time that it is, however a program sets other times.
        self.files.pass_until(self.stamp);
    }

    fn is_born(&self, number: u64) {
        if self.births {
            let born = nanos(self.stamp);
            self.seen.script.borrow_mut().births.as_mut().unwrap().insert(number, born);
        }
    }

    /// Stamps of later changes are later by this much.
    pub fn pass(&mut self, time: Duration) {
        self.stamp += time;
        self.tell_time();
    }

    /// Appends to a file, which is made if it is not there.
    pub fn append(&mut self, path: &Path, bytes: &[u8]) {
        let file = self.open(path);
        self.write(&file, bytes);
    }

    /// Opens a file to append to it, whatever becomes of its name. It is made if it is not there.
    pub fn open(&mut self, path: &Path) -> Writer {
        let opened = self.files.writer(path);
        opened.unwrap_or_else(|| self.create(path))
    }

    /// Writes to an open file.
    pub fn write(&mut self, file: &Writer, bytes: &[u8]) {
        file.append(bytes);
        self.touch(file);
    }

    /// Copies a file to a new name.
    pub fn copy(&mut self, from: &Path, to: &Path) {
        let bytes = self.files.read(from).unwrap();
        self.append(to, &bytes);
    }

    /// Empties a file.
    pub fn truncate(&mut self, path: &Path) {
        let file = self.files.truncate(path);
        self.touch(&file);
    }

    /// Cuts off the end of a file.
    pub fn cut(&mut self, path: &Path, len: usize) {
        let file = self.files.writer(path).unwrap();
        file.set_len(len);
        self.touch(&file);
    }

    /// Writes over the beginning of a file.
    pub fn overwrite(&mut self, path: &Path, bytes: &[u8]) {
        let file = self.files.overwrite(path, bytes);
        self.touch(&file);
    }

    /// Writes at an offset of a file.
    pub fn write_at(&mut self, path: &Path, offset: usize, bytes: &[u8]) {
        let file = self.files.write_at(path, offset, bytes);
        self.touch(&file);
    }

    /// The same through a mapping: no time tells of it.
    pub fn write_mapped(&self, path: &Path, offset: usize, bytes: &[u8]) {
        self.files.write_mapped(path, offset, bytes);
    }

    /// Puts a file in the place of another one, as tools do that compress: it has the time of
    /// modification of that.
    pub fn pack(&mut self, plain: &Path, packed: &Path, bytes: &[u8]) {
        let modified = self.files.modified(plain);
        self.append(packed, bytes);
        self.files.set_modified(packed, modified);
        self.remove(plain);
    }

    /// Gives a file or a directory another name, which nothing has.
    pub fn rename(&mut self, from: &Path, to: &Path) {
        assert!(!self.files.is_there(to), "{} is there", to.display());
        self.files.rename(from, to);
        self.touch_directory(from);
        self.touch_directory(to);
    }

    /// Gives a file the name of another one, which is gone then.
    pub fn replace(&mut self, from: &Path, to: &Path) {
        // In one step for observers: there is no look in between.
        self.remove(to);
        self.rename(from, to);
    }

    /// Makes a symbolic link lead to `target`.
    pub fn link(&mut self, target: &Path, link: &Path) {
        if self.files.is_there(link) {
            self.files.remove_file(link);
        }
        self.files.symlink(target, link);
        self.touch_directory(link);
    }

    /// Gives a file a second name, or takes that away.
    pub fn hard_link(&mut self, path: &Path, second: &Path, there: bool) {
        if there {
            self.files.hard_link(path, second);
        } else {
            self.files.remove_file(second);
        }
        self.touch_directory(second);
    }

    /// Deletes a file. If the flow holds it open its number is not free before the flow is down.
    pub fn remove(&mut self, path: &Path) {
        if self.files.is_open(path) {
            self.held.push(self.files.writer(path).unwrap());
            self.files.remove_file(path);
        } else {
            let name = self.attic_name();
            self.files.rename(path, &name);
            self.files.set_mode(&name, 0o644);
            self.free.push(name);
        }
        self.touch_directory(path);
    }

    /// The flow is down: nothing holds deleted files any more. Their numbers are free where
    /// they are known.
    pub fn release(&mut self, world: &mut World) {
        for file in std::mem::take(&mut self.held) {
            let old = file.inode();
            if world.rows().values().any(|row| row.inode == old) {
                let name = self.attic_name();
                world.change_inode(old, self.files.create_new(&name).inode());
                self.free.push(name);
            }
        }
    }

    fn attic_name(&mut self) -> PathBuf {
        self.made += 1;
        self.attic.join(self.made.to_string())
    }

    fn create(&mut self, path: &Path) -> Writer {
        self.made += 1;
        let file = if self.reuse && !self.free.is_empty() {
            // Mostly the number that became free last.
            let last = self.free.len() - 1;
            let old = self.free.remove(if self.made.is_multiple_of(3) { 0 } else { last });
            self.files.rename(&old, path);
            let file = self.files.writer(path).unwrap();
            file.clear();
            file
        } else {
            self.files.create_new(path)
        };
        self.is_born(file.inode().number);
        self.touch_directory(path);
        file
    }

    fn touch(&mut self, file: &Writer) {
        self.tick();
        file.set_modified(self.stamp);
    }

    fn tick(&mut self) {
        if !self.coarse {
            self.stamp += Duration::from_millis(1);
            self.tell_time();
        }
    }

    /// Names came or went in the directory that this one is in.
    fn touch_directory(&mut self, path: &Path) {
        self.tick();
        self.files.set_modified(path.parent().unwrap(), self.stamp);
    }
}
