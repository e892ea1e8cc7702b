//! Reading a configuration from disk: the only part of this module that looks at anything.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Config;
use super::diagnostics::{Diagnostic, Report};
use super::validate::{Environment, load};

/// A configuration file has at most this many bytes.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path is a directory.
    #[error("{path}: is a directory; give the path of a file")]
    Directory {
        /// The path.
        path: PathBuf,
    },
    /// The file was read and is wrong.
    #[error(transparent)]
    Invalid(#[from] Report),
    /// There is no such file.
    #[error("{path}: no such file; give another path with --config")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The system does not let the file be read.
    #[error("{path}: cannot be read: {source}")]
    NotReadable {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("{path}: is not UTF-8; the first bad byte is number {at}")]
    NotUtf8 {
        /// The path.
        path: PathBuf,
        /// The byte's number, from 1.
        at: usize,
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
    pub fn of_process() -> Self {
        Self { state_directory: std::env::var_os("STATE_DIRECTORY") }
    }
}

/// Reads and checks the file at `path`. Returns the configuration and the warnings.
///
/// # Errors
/// The file cannot be read, is not text, or is wrong; in the last case all that is wrong is told.
pub fn read(
    path: &Path,
    environment: &Environment,
) -> Result<(Config, Vec<Diagnostic>), ReadError> {
    let text = read_text(path)?;
    Ok(load(&text, path, environment)?)
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => ReadError::NotFound { path: path.to_path_buf() },
        ErrorKind::IsADirectory => ReadError::Directory { path: path.to_path_buf() },
        _ => ReadError::NotReadable { path: path.to_path_buf(), source },
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more, so that a file of just the limit is told from a larger one.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge { path: path.to_path_buf() });
    }
    String::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
        path: path.to_path_buf(),
        at: error.utf8_error().valid_up_to() + 1,
    })
}
