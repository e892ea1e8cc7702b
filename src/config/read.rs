//! Reading a configuration from disk: the only part of this module that looks at anything.
//!
//! The main file, and alongside it every regular file of [`FLOW_DIRECTORY`], whatever its name, as
//! the Java agent does it, but in the order of their names.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::diagnostics::{Diagnostic, Kind, Report, Severity};
use super::source::Place;
use super::validate::{Environment, SourceText, load_all};
use super::{Config, Variables};
use crate::disk::regular;

/// Files in here add flows to those of the main file, wherever that one lies. The Java agent has
/// this path built in.
pub const FLOW_DIRECTORY: &str = "/etc/aws-kinesis/agent.d";

/// A configuration file has at most this many bytes.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path is a directory.
    #[error("{path}: is a directory; specify a file")]
    Directory {
        /// The path.
        path: PathBuf,
    },
    /// The file was read and is wrong.
    #[error(transparent)]
    Invalid(#[from] Report),
    /// There is no such file.
    #[error("{path}: no such file; specify another with -c")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The system does not let the file be read.
    #[error("cannot read {path}: {source}")]
    NotReadable {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("{path}: not valid UTF-8 at byte {at}; {help}",
        help = if *is_utf16 { "it is UTF-16: save it as UTF-8" } else { "save it as UTF-8" })]
    NotUtf8 {
        /// The path.
        path: PathBuf,
        /// The byte's number, from 1.
        at: usize,
        /// It begins with the mark of UTF-16.
        is_utf16: bool,
    },
    /// The file is not a configuration, going by its size.
    #[error("{path}: is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The path.
        path: PathBuf,
    },
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub(crate) fn of_process() -> Self {
        Self {
            state_directory: std::env::var_os("STATE_DIRECTORY"),
            flow_directory: Some(PathBuf::from(FLOW_DIRECTORY)),
            variables: Variables::of_process(),
            host: rustix::system::uname().nodename().to_str().ok().map(str::to_owned),
        }
    }
}

/// What was read.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What may not be as it is meant.
    pub warnings: Vec<Diagnostic>,
    /// The files alongside the main one, in the order in which they were read.
    pub flow_files: Vec<PathBuf>,
}

/// Reads and checks the file at `path` and the files of the flow directory.
///
/// # Errors
/// The file cannot be read, is not text, or is wrong; in the last case all that is wrong is told.
/// A file of the flow directory that cannot be read is a warning.
pub fn read(path: &Path, environment: &Environment) -> Result<Loaded, ReadError> {
    let text = read_text(path)?;
    let mut unreadable = Vec::new();
    let mut files = Vec::new();
    if let Some(directory) = &environment.flow_directory {
        for path in flow_files(directory, &mut unreadable) {
            match read_text(&path) {
                Ok(text) => files.push((path, text)),
                Err(error) => unreadable.push(ignoring(&path, &error.to_string())),
            }
        }
    }
    let drop_ins: Vec<SourceText<'_>> =
        files.iter().map(|(path, text)| SourceText { path, text }).collect();
    let main = SourceText { path, text: &text };
    let flow_files = files.iter().map(|(path, _)| path.clone()).collect();
    match load_all(main, &drop_ins, environment) {
        Ok((config, mut warnings)) => {
            warnings.append(&mut unreadable);
            Ok(Loaded { config, warnings, flow_files })
        }
        Err(mut report) => {
            report.diagnostics.append(&mut unreadable);
            Err(report.into())
        }
    }
}

/// The regular files right in the directory, sorted by name. No directory means none.
fn flow_files(directory: &Path, problems: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(directory).and_then(|entries| {
        let paths: Result<Vec<PathBuf>, _> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect();
        paths
    });
    let mut paths = match listed {
        Ok(paths) => paths,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Vec::new();
        }
        Err(error) => {
            problems.push(ignoring(directory, &error.to_string()));
            return Vec::new();
        }
    };
    // A link that leads nowhere is no file, as in the Java agent.
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

fn ignoring(path: &Path, what: &str) -> Diagnostic {
    let file = SourceText { path, text: "" };
    Diagnostic {
        severity: Severity::Warning,
        kind: Kind::Unreadable,
        message: super::drop_in::reason(&file, what),
        place: Place { path: path.into(), line: 1, column: 1, excerpt: None },
        related: None,
        others: 0,
        help: Some(
            "its flows will not run; make it readable for kinetail's user, or remove it".to_owned(),
        ),
    }
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => ReadError::NotFound { path: path.to_path_buf() },
        ErrorKind::IsADirectory => ReadError::Directory { path: path.to_path_buf() },
        _ => ReadError::NotReadable { path: path.to_path_buf(), source },
    };
    // One byte more, so that a file of just the limit is told from a larger one.
    let bytes = regular::read_up_to(path, FILE_BYTES_MAX + 1).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge { path: path.to_path_buf() });
    }
    if let Some(text) = utf16(&bytes) {
        return Ok(text);
    }
    String::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
        path: path.to_path_buf(),
        at: error.utf8_error().valid_up_to() + 1,
        is_utf16: matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]),
    })
}

/// The text of a file in UTF-16, as some editors write it and the Java agent reads it: with its
/// mark, or beginning with `{` without one.
fn utf16(bytes: &[u8]) -> Option<String> {
    type Order = fn([u8; 2]) -> u16;
    let (order, units): (Order, &[u8]) = match bytes {
        [0xFF, 0xFE, 0, 0, ..] => return None,
        [0xFF, 0xFE, rest @ ..] => (u16::from_le_bytes, rest),
        [0xFE, 0xFF, rest @ ..] => (u16::from_be_bytes, rest),
        [b'{', 0, ..] => (u16::from_le_bytes, bytes),
        [0, b'{', ..] => (u16::from_be_bytes, bytes),
        _ => return None,
    };
    let (pairs, []) = units.as_chunks::<2>() else { return None };
    String::from_utf16(&pairs.iter().copied().map(order).collect::<Vec<_>>()).ok()
}
