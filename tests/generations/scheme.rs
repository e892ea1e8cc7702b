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
}

pub const SCHEMES: [Scheme; 6] = [
    Scheme::Number,
    Scheme::Date,
    Scheme::Seconds,
    Scheme::Prefix,
    Scheme::BeforeExtension,
    Scheme::CountsUp,
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
        let live = dir.join("app.log");
        if compress == Compress::Delayed {
            for path in Self::plain(files, dir) {
                gzip(files, &path);
            }
        }
        if self == Self::Number {
            shift(files, dir);
        }
        let count = files_in(files, dir).len() + 1;
        let name = match self {
            Self::Number => "app.log.1".to_owned(),
            Self::Date => format!("app.log-202611{count:02}"),
            Self::Seconds => format!("app.log.{}", 1_764_400_000 + count),
            Self::Prefix => format!("202611{count:02}-app.log"),
            Self::BeforeExtension => format!("app-2026-11-{count:02}.log"),
            Self::CountsUp => format!("app-{count}.log"),
        };
        let rotated = dir.join(name);
        assert!(!files.is_there(&rotated), "{} is there", rotated.display());
        files.rename(&live, &rotated);
        if compress == Compress::Now {
            return gzip(files, &rotated);
        }
        rotated
    }

    /// Rotated files that are not compressed.
    fn plain(files: &Files, dir: &Path) -> Vec<PathBuf> {
        let rotated = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let packed = path.extension().is_some_and(|extension| extension == "gz");
            name != "app.log"
                && name.contains("app")
                && !packed
                && name.chars().any(|char| char.is_ascii_digit())
        };
        files_in(files, dir).into_iter().filter(rotated).collect()
    }
}

fn files_in(files: &Files, dir: &Path) -> Vec<PathBuf> {
    let names = files.names(dir).into_iter();
    names.map(|name| dir.join(name)).filter(|path| files.is_file(path)).collect()
}

fn shift(files: &Files, dir: &Path) {
    for number in (1..60).rev() {
        for ending in ["", ".gz"] {
            let from = dir.join(format!("app.log.{number}{ending}"));
            if files.is_file(&from) {
                files.rename(&from, &dir.join(format!("app.log.{}{ending}", number + 1)));
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
