//! Something that writes logs and rotates them, and remembers every line.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::world::append;

/// `KINETAIL_SEED` repeats the choices of a run; the machine's timing stays its own.
pub fn seed() -> u64 {
    std::env::var("KINETAIL_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap())
}

/// Makes numbered lines of a generation, as the judge wants them, and remembers them.
#[derive(Default)]
pub struct Lines {
    /// Every line, with its line end.
    pub written: Vec<Vec<u8>>,
    number: u64,
}

impl Lines {
    /// Up to `count_max` lines of varying length, at least one.
    pub fn some(&mut self, generation: &str, count_max: usize, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..rng.usize(1..=count_max) {
            bytes.extend(self.one(generation, rng.usize(20..200)));
        }
        bytes
    }

    /// One line with `fill` bytes behind its number.
    pub fn one(&mut self, generation: &str, fill: usize) -> Vec<u8> {
        self.ending_with(generation, "x".repeat(fill).as_bytes())
    }

    /// One line with these bytes behind its number.
    pub fn ending_with(&mut self, generation: &str, tail: &[u8]) -> Vec<u8> {
        self.number += 1;
        let mut line = format!("{generation}|{}|", self.number).into_bytes();
        line.extend(tail);
        line.push(b'\n');
        self.written.push(line.clone());
        line
    }
}

/// Files that are written to and rotated by renaming until told to stop.
pub struct RotatingLoad {
    stop: SyncSender<()>,
    thread: JoinHandle<Vec<Vec<u8>>>,
}

/// What a rotating load writes to.
pub struct LoadOptions {
    /// The directory.
    pub dir: PathBuf,
    /// What the names of the files begin with; `<stem>-<file>.log` is written to,
    /// `<stem>-<file>.log.<generation>` is what it is renamed to.
    pub stem: String,
    /// How many files. A single one is called `<stem>.log`.
    pub files: usize,
    /// What becomes of a file that is full.
    pub rotation: Rotation,
    /// One of so many writes is followed by a rotation.
    pub writes_per_rotation: usize,
    /// For everything that varies.
    pub seed: u64,
}

/// What becomes of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// They are renamed.
    Renamed,
    /// They are renamed and compressed then.
    Compressed,
    /// They are renamed, and only so many of the newest stay.
    Kept(usize),
}

impl RotatingLoad {
    /// Starts to write.
    pub fn start(options: LoadOptions) -> Self {
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::spawn(move || write(&options, &stopped));
        Self { stop, thread }
    }

    /// Stops after the current write and gives every line that was written.
    pub fn stop(self) -> Vec<Vec<u8>> {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap()
    }
}

fn write(options: &LoadOptions, stopped: &Receiver<()>) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(options.seed);
    let mut lines = Lines::default();
    let mut generations = vec![0; options.files];
    while stopped.recv_timeout(Duration::from_millis(rng.u64(1..10)))
        == Err(RecvTimeoutError::Timeout)
    {
        let file = rng.usize(..options.files);
        let path = options.live(file);
        let generation = format!("{}{file}.{}", options.stem, generations[file]);
        append(&path, &lines.some(&generation, 40, &mut rng));
        if rng.bool() {
            // Half a line now, the rest with the next write system call.
            let line = lines.one(&generation, 80);
            let (first, rest) = line.split_at(rng.usize(1..line.len()));
            append(&path, first);
            append(&path, rest);
        }
        if rng.usize(..options.writes_per_rotation) == 0 {
            let mut open = File::options().append(true).open(&path).unwrap();
            let rotated = options.rotated(file, generations[file]);
            fs::rename(&path, &rotated).unwrap();
            // The application notices only later that its file was renamed.
            open.write_all(&lines.some(&generation, 3, &mut rng)).unwrap();
            options.rotation.then(&rotated, |number| {
                Some(options.rotated(file, generations[file].checked_sub(number)?))
            });
            generations[file] += 1;
        }
    }
    lines.written
}

impl LoadOptions {
    fn live(&self, file: usize) -> PathBuf {
        let number = if self.files == 1 { String::new() } else { format!("-{file}") };
        self.dir.join(format!("{}{number}.log", self.stem))
    }

    fn rotated(&self, file: usize, generation: usize) -> PathBuf {
        let mut name = self.live(file).into_os_string();
        name.push(format!(".{generation}"));
        name.into()
    }
}

impl Rotation {
    /// What else is done when a file was renamed. `older` is the name of an earlier one.
    fn then(self, rotated: &Path, older: impl Fn(usize) -> Option<PathBuf>) {
        match self {
            Self::Renamed => {}
            Self::Compressed => {
                let mut name = rotated.as_os_str().to_owned();
                name.push(".gz");
                let packed = File::create(name).unwrap();
                let mut packed = GzEncoder::new(packed, Compression::fast());
                io::copy(&mut File::open(rotated).unwrap(), &mut packed).unwrap();
                packed.finish().unwrap();
                fs::remove_file(rotated).unwrap();
            }
            Self::Kept(count) => {
                if let Some(oldest) = older(count) {
                    fs::remove_file(oldest).unwrap();
                }
            }
        }
    }
}
