//! One file of dead letters, locked: read, rewritten with what is left, or removed.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};

use super::directory::Directory;
use super::error::DeadLetterError;
use crate::batch::dead_letter::{Letter, LetterError, LetterFileName, decode};

/// A file that this process alone may change.
#[derive(Debug)]
pub struct LetterFile {
    name: LetterFileName,
    /// Closing it releases the lock.
    file: File,
}

/// A line of a file, as it is stored, with its newline.
#[derive(Debug)]
pub struct Line {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub letter: Result<Letter, LetterError>,
}

/// What a file holds. Half a line at its end is not among it: its record was not acknowledged.
#[derive(Debug, Default)]
pub struct Letters {
    /// Its lines.
    pub lines: Vec<Line>,
}

impl Letters {
    /// Takes the bytes of a file apart.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        let lines = bytes.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
        let lines = lines.map(|line| Line { bytes: line.to_vec(), letter: decode(line) });
        Self { lines: lines.collect() }
    }
}

/// What a file is called before it takes the place of another.
fn new_name(name: &LetterFileName) -> String {
    format!("{name}.new")
}

/// Reads a file that may be written meanwhile. Nothing if it is gone.
///
/// # Errors
/// What the system says.
pub(super) fn peek(directory: &Directory, name: &LetterFileName) -> io::Result<Letters> {
    let Some(mut file) = directory.open_file(&name.to_string())? else {
        return Ok(Letters::default());
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Letters::of(&bytes))
}

impl Directory {
    /// What a file holds now, whoever writes to it.
    ///
    /// # Errors
    /// [`DeadLetterError`] if it cannot be read.
    pub fn read(&self, name: &LetterFileName) -> Result<Letters, DeadLetterError> {
        peek(self, name).map_err(|error| DeadLetterError::io("read", &self.path_of(name), error))
    }

    /// Takes the lock of a file; `None` if another holds it, or the file is gone.
    ///
    /// # Errors
    /// [`DeadLetterError`] if it cannot be opened.
    pub fn lock(&self, name: &LetterFileName) -> Result<Option<LetterFile>, DeadLetterError> {
        let failed = |error| DeadLetterError::io("lock", &self.path_of(name), error);
        let text = name.to_string();
        let Some(file) = self.open_file(&text).map_err(failed)? else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Whoever held it may have put another file in its place.
        let is_here = self.holds(&text, &file).map_err(failed)?;
        Ok(is_here.then(|| LetterFile { name: name.clone(), file }))
    }
}

impl LetterFile {
    /// What it holds.
    ///
    /// # Errors
    /// [`DeadLetterError`] if it cannot be read.
    pub fn read(&mut self, directory: &Directory) -> Result<Letters, DeadLetterError> {
        let mut bytes = Vec::new();
        let read = self.file.read_to_end(&mut bytes);
        let path = || directory.path_of(&self.name);
        read.map_err(|error| DeadLetterError::io("read", &path(), error))?;
        Ok(Letters::of(&bytes))
    }

    /// Leaves only these lines in it: at each moment the old file is there or the new one. Without
    /// lines it is removed.
    ///
    /// # Errors
    /// [`DeadLetterError`] if it cannot be written; then it is as it was.
    pub fn keep(self, directory: &Directory, lines: &[&[u8]]) -> Result<(), DeadLetterError> {
        let failed = |error| DeadLetterError::io("rewrite", &directory.path_of(&self.name), error);
        if lines.is_empty() {
            return self.remove(directory);
        }
        let (name, new) = (self.name.to_string(), new_name(&self.name));
        // What a process left that was killed while it wrote it.
        directory.remove(&new).map_err(failed)?;
        let replace = || {
            let mut file = directory.create_file(&new)?;
            // It stays locked under its name.
            file.try_lock()?;
            for line in lines {
                file.write_all(line)?;
            }
            let (old, made) = (self.file.metadata()?, file.metadata()?);
            if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
                fchown(&file, Some(old.uid()), Some(old.gid()))?;
            }
            file.sync_all()?;
            directory.rename(&new, &name)?;
            directory.sync()
        };
        replace().map_err(failed)
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`DeadLetterError`] if it cannot be removed.
    pub fn remove(self, directory: &Directory) -> Result<(), DeadLetterError> {
        let removed = directory
            .remove(&new_name(&self.name))
            .and_then(|()| directory.remove(&self.name.to_string()))
            .and_then(|()| directory.sync());
        let path = || directory.path_of(&self.name);
        removed.map_err(|error| DeadLetterError::io("remove", &path(), error))
    }
}
