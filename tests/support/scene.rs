//! A world with a writer in it: numbered lines, the usual rotations, and the judge at the end.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use kinetail::config::FlowConfig;

use super::oracle::{Verdict, judge};
use super::world::World;

/// A flow on files with a clock that only the test moves, and every line that was written.
pub struct Scene {
    /// The flow and its files.
    pub world: World,
    /// Every line, with its line end.
    pub written: Vec<Vec<u8>>,
    number: u64,
}

impl Scene {
    /// A flow over files in a new directory whose names match `name_pattern`, started.
    pub fn new(name_pattern: &str) -> Self {
        Self::of(World::new(name_pattern))
    }

    /// The same with a changed configuration.
    pub fn with(name_pattern: &str, change: impl FnOnce(&mut FlowConfig)) -> Self {
        Self::of(World::with(name_pattern, change))
    }

    /// A writer in this world, which wrote nothing so far.
    pub fn of(world: World) -> Self {
        Self { world, written: Vec::new(), number: 0 }
    }

    /// Makes numbered lines of one generation and remembers them.
    pub fn lines(&mut self, generation: &str, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..count {
            self.number += 1;
            let line = format!("{generation}|{}|some text to fill the line\n", self.number);
            bytes.extend_from_slice(line.as_bytes());
            self.written.push(line.into_bytes());
        }
        bytes
    }

    /// Appends numbered lines of one generation to a file.
    pub fn write(&mut self, name: &str, generation: &str, count: usize) {
        let bytes = self.lines(generation, count);
        self.world.append(name, &bytes);
    }

    /// Appends these lines to a file and remembers them.
    pub fn write_text(&mut self, name: &str, text: &[u8]) {
        self.world.append(name, text);
        self.remember(text);
    }

    /// Remembers lines that were written in another way.
    pub fn remember(&mut self, text: &[u8]) {
        self.written.extend(text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }

    /// Forgets what was written and what arrived.
    pub fn forget(&mut self) {
        self.written.clear();
        self.world.stream.clear();
    }

    /// Opens a file as an application does that keeps it open.
    pub fn open(&self, name: &str) -> File {
        File::options().append(true).create(true).open(self.path(name)).unwrap()
    }

    /// Writes numbered lines through an open file, whatever its name is now.
    pub fn write_to(&mut self, mut open: &File, generation: &str, count: usize) {
        let bytes = self.lines(generation, count);
        open.write_all(&bytes).unwrap();
    }

    /// Truncates a file to nothing.
    pub fn truncate(&self, name: &str) {
        File::options().write(true).open(self.path(name)).unwrap().set_len(0).unwrap();
    }

    /// `app.log` becomes `app.log.1`, that becomes `app.log.2`, and so on; what was
    /// `app.log.<keep>` is gone. inotify tells of it.
    pub fn shift(&mut self, keep: usize) {
        self.shift_from(0, keep);
    }

    /// The same without `app.log` itself: makes room for a copy of it in `app.log.1`.
    pub fn shift_copies(&mut self, keep: usize) {
        self.shift_from(1, keep);
    }

    fn shift_from(&mut self, first: usize, keep: usize) {
        for number in (first..keep).rev() {
            let from = if number == 0 { "app.log".to_owned() } else { format!("app.log.{number}") };
            if self.path(&from).is_file() {
                let to = format!("app.log.{}", number + 1);
                self.rename(&from, &to);
                self.tell_renamed(&from, &to);
            }
        }
    }

    /// How many files of the scene this process holds open.
    pub fn open_files(&self) -> usize {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let ours = open.filter(|fd| {
            fs::read_link(fd.path()).is_ok_and(|target| target.starts_with(self.dir.path()))
        });
        ours.count()
    }

    /// What is wrong with what arrived so far.
    pub fn verdict(&self) -> Verdict {
        judge(&self.written, &self.world.stream)
    }

    /// Everything that was written has arrived, once and in order.
    pub fn check(&self) {
        let verdict = self.verdict();
        assert!(verdict.is_exact(), "{verdict}");
    }

    /// The same when nothing has happened for a while.
    pub fn settle_and_check(&mut self) {
        self.settle();
        self.check();
    }

    /// How often a kind of event was counted, which must be something.
    pub fn assert_counted(&self, kind: &str) {
        assert!(self.transitions(kind) > 0, "no {kind} was counted");
    }
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// How long the flow takes to look at a quiet file, and some more.
pub const LOOKED_AT: Duration = Duration::from_millis(700);
