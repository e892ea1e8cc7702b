//! The usual ways to rotate, with any number of generations and without a look in between.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

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
    /// `app-7.log`, the greatest is the youngest, as log4j2 counts.
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
    pub fn rotate(self, dir: &Path, compress: Compress) -> PathBuf {
        let live = dir.join("app.log");
        if compress == Compress::Delayed {
            for path in Self::plain(dir) {
                gzip(&path);
            }
        }
        if self == Self::Number {
            shift(dir);
        }
        let count = files(dir).len() + 1;
        let name = match self {
            Self::Number => "app.log.1".to_owned(),
            Self::Date => format!("app.log-202611{count:02}"),
            Self::Seconds => format!("app.log.{}", 1_764_400_000 + count),
            Self::Prefix => format!("202611{count:02}-app.log"),
            Self::BeforeExtension => format!("app-2026-11-{count:02}.log"),
            Self::CountsUp => format!("app-{count}.log"),
        };
        let rotated = dir.join(name);
        assert!(!rotated.try_exists().unwrap(), "{} is there", rotated.display());
        fs::rename(&live, &rotated).unwrap();
        if compress == Compress::Now {
            return gzip(&rotated);
        }
        rotated
    }

    /// Rotated files that are not compressed.
    fn plain(dir: &Path) -> Vec<PathBuf> {
        let rotated = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let packed = path.extension().is_some_and(|extension| extension == "gz");
            name != "app.log"
                && name.contains("app")
                && !packed
                && name.chars().any(|char| char.is_ascii_digit())
        };
        files(dir).into_iter().filter(rotated).collect()
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

fn shift(dir: &Path) {
    for number in (1..60).rev() {
        for ending in ["", ".gz"] {
            let from = dir.join(format!("app.log.{number}{ending}"));
            if from.is_file() {
                fs::rename(from, dir.join(format!("app.log.{}{ending}", number + 1))).unwrap();
            }
        }
    }
}

/// Compresses a file as gzip does, which keeps the time of modification. Gives back its new path.
pub fn gzip(path: &Path) -> PathBuf {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    let mut name = path.to_path_buf().into_os_string();
    name.push(".gz");
    let packed = PathBuf::from(name);
    let mut file = File::create_new(&packed).unwrap();
    file.write_all(&encoder.finish().unwrap()).unwrap();
    file.set_modified(modified).unwrap();
    fs::remove_file(path).unwrap();
    packed
}
