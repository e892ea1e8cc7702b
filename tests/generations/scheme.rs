//! The usual ways to rotate, with any number of generations and without a look in between.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::ground::Files;

/// How rotated files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `app.log.1` is the youngest.
    Number,
    /// `app.log-20261129`, one for each day.
    Date,
    /// `app.log.1764400000`.
    Seconds,
    /// `20261129-app.log`.
    Prefix,
    /// `app-2026-11-29.log`.
    BeforeExtension,
    /// `app-7.log`, the largest is the youngest, as log4j2 counts.
    CountsUp,
    /// `app-29-11-2026.log`: the day says nothing of age.
    DayFirst,
    /// `2026-11/app-29.log`.
    DatedDirectory,
}

pub const SCHEMES: [Scheme; 8] = [
    Scheme::Number,
    Scheme::Date,
    Scheme::Seconds,
    Scheme::Prefix,
    Scheme::BeforeExtension,
    Scheme::CountsUp,
    Scheme::DayFirst,
    Scheme::DatedDirectory,
];

/// When rotated files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compress {
    Never,
    /// At once.
    Now,
    /// At the next rotation.
    Delayed,
}

impl Scheme {
    /// Gives `app.log` in a directory its next rotated name; there is no `app.log` then.
    pub fn rotate(self, files: &Files, dir: &Path, compress: Compress) -> PathBuf {
        self.rotate_log(files, dir, "app", compress)
    }

    /// The same with a log of another name.
    pub fn rotate_log(self, files: &Files, dir: &Path, stem: &str, compress: Compress) -> PathBuf {
        let live = dir.join(format!("{stem}.log"));
        let month = dir.join("2026-11");
        if self == Self::DatedDirectory && !files.is_there(&month) {
            files.create_dir(&month);
        }
        let to = if self == Self::DatedDirectory { &*month } else { dir };
        self.rotate_into(files, (&live, to), stem, compress)
    }

    /// The same into a directory.
    pub fn rotate_into(
        self,
        files: &Files,
        (live, to): (&Path, &Path),
        stem: &str,
        compress: Compress,
    ) -> PathBuf {
        if compress == Compress::Delayed {
            for path in Self::plain(files, to) {
                gzip(files, &path);
            }
        }
        if self == Self::Number {
            shift(files, to, stem);
        }
        let count = files_in(files, to).len() + 1;
        let name = match self {
            Self::Number => format!("{stem}.log.1"),
            Self::Date => format!("{stem}.log-202611{count:02}"),
            Self::Seconds => format!("{stem}.log.{}", 1_764_400_000 + count),
            Self::Prefix => format!("202611{count:02}-{stem}.log"),
            Self::BeforeExtension => format!("{stem}-2026-11-{count:02}.log"),
            Self::CountsUp | Self::DatedDirectory => format!("{stem}-{count}.log"),
            Self::DayFirst => format!("{stem}-{count:02}-11-2026.log"),
        };
        let rotated = to.join(name);
        assert!(!files.is_there(&rotated), "{} is there", rotated.display());
        files.rename(live, &rotated);
        if compress == Compress::Now {
            return gzip(files, &rotated);
        }
        rotated
    }

    /// The template of its names, in a directory.
    pub fn template(self, directory: &str) -> String {
        let name = match self {
            Self::Number | Self::Seconds => "{name}.*",
            Self::Date => "{name}-*",
            Self::Prefix => "*-{name}",
            Self::BeforeExtension | Self::CountsUp | Self::DayFirst | Self::DatedDirectory => {
                "{stem}-*{ext}"
            }
        };
        format!("{directory}/{name}")
    }

    /// Rotated files that are not compressed.
    fn plain(files: &Files, dir: &Path) -> Vec<PathBuf> {
        let rotated = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let packed = path.extension().is_some_and(|extension| extension == "gz");
            // `0.log` is the live name of a container.
            let live = name.len() == "0.log".len();
            !packed && !live && name.chars().any(|char| char.is_ascii_digit())
        };
        files_in(files, dir).into_iter().filter(rotated).collect()
    }
}

fn files_in(files: &Files, dir: &Path) -> Vec<PathBuf> {
    let names = files.names(dir).into_iter();
    names.map(|name| dir.join(name)).filter(|path| files.is_file(path)).collect()
}

fn shift(files: &Files, dir: &Path, stem: &str) {
    for number in (1..60).rev() {
        for ending in ["", ".gz"] {
            let from = dir.join(format!("{stem}.log.{number}{ending}"));
            if files.is_file(&from) {
                files.rename(&from, &dir.join(format!("{stem}.log.{}{ending}", number + 1)));
            }
        }
    }
}

/// Compresses a file as gzip does, which keeps the time of modification. Gives back its new path.
pub fn gzip(files: &Files, path: &Path) -> PathBuf {
    let modified = files.modified(path);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&files.read(path).unwrap()).unwrap();
    let mut name = path.to_path_buf().into_os_string();
    name.push(".gz");
    let packed = PathBuf::from(name);
    let file = files.create_new(&packed);
    file.append(&encoder.finish().unwrap());
    file.set_modified(modified);
    files.remove_file(path);
    packed
}
