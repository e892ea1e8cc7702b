//! Files whose inode numbers and stamps depend on the schedule alone, on every file system.
//!
//! Some file systems give the number of a deleted file to the next one, others never do, and what
//! other programs do beside it decides. Here the schedule decides. A number is kept from being
//! used again by keeping the file; a new file gets an old number by being that old file, emptied
//! and under its new name. A tailer that did not hold the old file open cannot tell the two ways
//! apart. One that held it open cannot see its number again before it is down; then the number
//! that was written down is replaced with one that the next file can get.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use kinetail::tail::dates::Dates;
use kinetail::tail::identity::Inode;

use super::options::Options;
use crate::support::world::World;

/// The first stamp, in seconds since 1970.
const FIRST_STAMP_SECONDS: u64 = 1_700_000_000;

/// When files were born, and what time it is, as the schedule has it.
#[derive(Debug)]
pub struct Calendar {
    /// Whether births are known; some file systems keep none.
    keeps_births: bool,
    times: Mutex<Times>,
}

#[derive(Debug)]
struct Times {
    now: Duration,
    births: BTreeMap<u64, Duration>,
}

impl Calendar {
    fn new(keeps_births: bool) -> Arc<Self> {
        let now = Duration::from_secs(FIRST_STAMP_SECONDS);
        let times = Mutex::new(Times { now, births: BTreeMap::new() });
        Arc::new(Self { keeps_births, times })
    }

    fn set_now(&self, now: Duration) {
        self.times.lock().unwrap().now = now;
    }

    fn is_born(&self, number: u64) {
        let mut times = self.times.lock().unwrap();
        let now = times.now;
        times.births.insert(number, now);
    }
}

impl Dates for Calendar {
    fn now_nanos(&self, _wall_nanos: i128) -> i128 {
        nanos(self.times.lock().unwrap().now)
    }

    fn born_nanos(&self, file: &File) -> Option<i128> {
        let number = file.metadata().ok()?.ino();
        let times = self.times.lock().unwrap();
        times.births.get(&number).filter(|_| self.keeps_births).map(|born| nanos(*born))
    }
}

fn nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap()
}

/// Creates, changes and removes files.
pub struct Disk {
    pub calendar: Arc<Calendar>,
    /// Where removed files lie whose numbers are free.
    attic: tempfile::TempDir,
    free: Vec<PathBuf>,
    /// Files that were deleted while the flow ran and may have held them open.
    held: Vec<File>,
    /// Whether new files get the numbers of removed ones.
    pub reuse: bool,
    /// Whether changes without a pause between them get the same stamp.
    coarse: bool,
    stamp: Duration,
    /// How many files were made.
    made: u64,
}

impl Disk {
    /// Files on the file system that `attic` is on.
    pub fn new(attic: tempfile::TempDir, options: &Options) -> Self {
        let Options { reuse, coarse, births, .. } = *options;
        Self {
            calendar: Calendar::new(births),
            attic,
            free: Vec::new(),
            held: Vec::new(),
            reuse,
            coarse,
            stamp: Duration::from_secs(FIRST_STAMP_SECONDS),
            made: 0,
        }
    }

    /// Stamps of later changes are later by this much.
    pub fn pass(&mut self, time: Duration) {
        self.stamp += time;
        self.calendar.set_now(self.stamp);
    }

    /// Appends to a file, which is made if it is not there.
    pub fn append(&mut self, path: &Path, bytes: &[u8]) {
        let mut file = self.open(path);
        self.write(&mut file, bytes);
    }

    /// Opens a file to append to it, whatever becomes of its name. It is made if it is not there.
    pub fn open(&mut self, path: &Path) -> File {
        let opened = OpenOptions::new().append(true).open(path);
        opened.unwrap_or_else(|_| self.create(path))
    }

    /// Writes to an open file.
    pub fn write(&mut self, file: &mut File, bytes: &[u8]) {
        file.write_all(bytes).unwrap();
        self.touch(file);
    }

    /// Copies a file to a new name.
    pub fn copy(&mut self, from: &Path, to: &Path) {
        let bytes = fs::read(from).unwrap();
        self.append(to, &bytes);
    }

    /// Empties a file.
    pub fn truncate(&mut self, path: &Path) {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(0).unwrap();
        self.touch(&file);
    }

    /// Gives a file or a directory another name, which nothing has.
    pub fn rename(&mut self, from: &Path, to: &Path) {
        assert!(fs::symlink_metadata(to).is_err(), "{} is there", to.display());
        fs::rename(from, to).unwrap();
        self.touch_directory(from);
        self.touch_directory(to);
    }

    /// Gives a file the name of another one, which is gone then.
    pub fn replace(&mut self, from: &Path, to: &Path) {
        // In one step for who looks: nobody does in between.
        self.remove(to);
        self.rename(from, to);
    }

    /// Makes a symbolic link lead to `target`.
    pub fn link(&mut self, target: &Path, link: &Path) {
        if fs::symlink_metadata(link).is_ok() {
            fs::remove_file(link).unwrap();
        }
        symlink(target, link).unwrap();
        self.touch_directory(link);
    }

    /// Gives a file a second name, or takes that away.
    pub fn hard_link(&mut self, path: &Path, second: &Path, there: bool) {
        let done = if there { fs::hard_link(path, second) } else { fs::remove_file(second) };
        done.unwrap();
        self.touch_directory(second);
    }

    /// Deletes a file. If the flow holds it open its number is not free before the flow is down.
    pub fn remove(&mut self, path: &Path) {
        if is_open_here(path) {
            self.held.push(File::open(path).unwrap());
            fs::remove_file(path).unwrap();
        } else {
            let name = self.attic_name();
            fs::rename(path, &name).unwrap();
            self.free.push(name);
        }
        self.touch_directory(path);
    }

    /// The flow is down: nothing holds deleted files any more. Their numbers are free where
    /// somebody knows them.
    pub fn release(&mut self, world: &mut World) {
        for file in std::mem::take(&mut self.held) {
            let old = inode(&file);
            if world.rows().values().any(|row| row.inode == old) {
                let name = self.attic_name();
                world.change_inode(old, inode(&File::create_new(&name).unwrap()));
                self.free.push(name);
            }
        }
    }

    fn attic_name(&mut self) -> PathBuf {
        self.made += 1;
        self.attic.path().join(self.made.to_string())
    }

    fn create(&mut self, path: &Path) -> File {
        self.made += 1;
        let file = if self.reuse && !self.free.is_empty() {
            // Mostly the number that became free last.
            let last = self.free.len() - 1;
            let old = self.free.remove(if self.made.is_multiple_of(3) { 0 } else { last });
            fs::rename(old, path).unwrap();
            File::create(path).unwrap()
        } else {
            File::create_new(path).unwrap()
        };
        self.calendar.is_born(file.metadata().unwrap().ino());
        self.touch_directory(path);
        file
    }

    fn touch(&mut self, file: &File) {
        if !self.coarse {
            self.stamp += Duration::from_millis(1);
            self.calendar.set_now(self.stamp);
        }
        file.set_modified(UNIX_EPOCH + self.stamp).unwrap();
    }

    /// Names came or went in the directory that this one is in.
    fn touch_directory(&mut self, path: &Path) {
        let directory = File::open(path.parent().unwrap()).unwrap();
        self.touch(&directory);
    }
}

/// Whether this process, of which the flow is a part, has the file open.
fn is_open_here(path: &Path) -> bool {
    let path = fs::canonicalize(path).unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == path)
}

fn inode(file: &File) -> Inode {
    let meta = file.metadata().unwrap();
    Inode { device: meta.dev(), number: meta.ino() }
}
