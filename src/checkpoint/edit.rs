//! Checkpoints that a person changes: a position that is set or forgotten, and positions that one
//! flow gets from another. The flow must not run meanwhile.
//!
//! A position that is set comes with the proof of the bytes before it, like any other, and begins
//! a line. Waits for the disk of the file and of the database.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use kinetail_base::holes::Holes;
use kinetail_base::identity::{ANCHOR_BYTES_MAX, Anchor, FileKey, HEAD_BYTES_MAX, Head, Inode};
use serde::{Deserialize, Serialize};

use super::store::{CommitResult, Loaded, StoreHandle};
use super::{Change, Checkpoint, Life};
use crate::shown::counted;

/// The store may take this long to write a change.
const COMMIT_TIME_MAX: Duration = Duration::from_secs(10);

/// The start of a line is looked for this far back, in bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// And in steps of this many.
const STEP_BYTES: u64 = 64 * 1024;

/// A change to the checkpoints of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The flow's id.
    pub flow: String,
    /// The file; nothing for all of the flow's.
    pub file: Option<PathBuf>,
    /// What becomes of its position.
    pub to: To,
}

/// Where a file is read from after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// From behind its last complete line.
    End,
    /// As a file that nothing is known about: from its start.
    Forget,
    /// From this byte, which is the first of a line.
    Offset(u64),
}

/// Why checkpoints are not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file cannot be looked at.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A position in something that is no plain file of lines.
    #[error("{} is not a regular file; only regular files have checkpoints", .0.display())]
    NotRegular(PathBuf),
    /// It would be in the middle of a record.
    #[error("byte {offset} is not the first of a line: {}", match start {
        Some(start) => format!("the line that it is in begins at byte {start}"),
        None => "no line begins near it".to_owned(),
    })]
    InsideALine {
        /// What was asked for.
        offset: u64,
        /// Where the line begins, if that is known.
        start: Option<u64>,
    },
    /// It would be behind the file.
    #[error("offset {offset} is past the end of the file ({size} bytes)")]
    BehindTheEnd {
        /// What was asked for.
        offset: u64,
        /// The file's size.
        size: u64,
    },
    /// The flow has no such row.
    #[error("no checkpoint of {}; 'kinetail checkpoints list' shows all", .0.display())]
    NoRow(PathBuf),
    /// The flow never ran.
    #[error("flow {0} never ran, so it has no checkpoints")]
    NeverRan(String),
    /// A position without a file.
    #[error("specify the file whose checkpoint to set")]
    NoFile,
    /// A position for a file that the flow would not read.
    #[error(
        "flow {flow} does not follow {}, so a checkpoint would have no effect; run `kinetail \
         explain` with the file", path.display()
    )]
    NotFollowed {
        /// The flow's id.
        flow: String,
        /// The file.
        path: PathBuf,
    },
    /// The store takes nothing: it has ended.
    #[error("checkpoint store exited; nothing was changed")]
    Store,
    /// The store has the change and does not answer.
    #[error(
        "no response from the checkpoint store within {} s; the change is applied when the disk of \
         checkpointFile responds; verify with `kinetail checkpoints list`",
        COMMIT_TIME_MAX.as_secs()
    )]
    Late,
}

impl EditError {
    /// Whether it is certain that nothing was changed, and never will be.
    #[must_use]
    pub(crate) fn changed_nothing(&self) -> bool {
        !matches!(self, Self::Late)
    }
}

/// Changes checkpoints, and says what was done. `follows` knows which names the flow reads.
///
/// # Errors
/// [`EditError`]; then nothing was changed, but with [`EditError::Late`].
pub fn edit(
    store: &StoreHandle,
    edit: &Edit,
    follows: &dyn Fn(&Path) -> bool,
) -> Result<Vec<String>, EditError> {
    let flow: Arc<str> = Arc::from(edit.flow.as_str());
    let loaded = store.load(&flow).map_err(|_| EditError::Store)?;
    if !loaded.known_flow {
        return Err(EditError::NeverRan(edit.flow.clone()));
    }
    let (changes, line) = match (&edit.file, edit.to) {
        (None, To::Forget) => {
            let changes: Vec<Change> =
                loaded.rows.iter().map(|row| Change::Forget(row.file)).collect();
            let count = counted(changes.len(), "checkpoint");
            (changes, format!("forgot {count}; the files are read from their start"))
        }
        (None, _) => return Err(EditError::NoFile),
        (Some(path), To::Forget) => {
            let rows = loaded.rows.iter().filter(|row| is_at(row, path));
            let changes: Vec<Change> = rows.map(|row| Change::Forget(row.file)).collect();
            if changes.is_empty() {
                return Err(EditError::NoRow(path.clone()));
            }
            let shown = path.display();
            (changes, format!("forgot the checkpoint of {shown}; it is read from its start"))
        }
        (Some(path), to) => {
            let position = set(&loaded, path, to)?;
            // A file that was renamed out of the pattern has a row.
            if position.rows == 0 && !follows(path) {
                return Err(EditError::NotFollowed { flow: edit.flow.clone(), path: path.clone() });
            }
            (position.changes, position.line)
        }
    };
    commit(store, &flow, changes)?;
    Ok(vec![line])
}

/// Gives a flow the positions of another, whose files it follows from now on. Nothing happens if
/// the other never ran, or if it has positions of its own; but where it `comes_back` those are from
/// before the other had them.
///
/// # Errors
/// [`EditError::Store`] and [`EditError::Late`].
pub(crate) fn carry_over(
    store: &StoreHandle,
    from: &Arc<str>,
    to: &Arc<str>,
    comes_back: bool,
) -> Result<(), EditError> {
    let load = |flow| store.load(flow).map_err(|_| EditError::Store);
    let (old, new) = (load(from)?, load(to)?);
    if !old.known_flow || !(new.rows.is_empty() || comes_back) {
        return Ok(());
    }
    let is_kept = |key| old.rows.iter().any(|row| row.file == key);
    let stale = new.rows.iter().map(|row| row.file).filter(|key| !is_kept(*key));
    let mut changes: Vec<Change> = stale.map(Change::Forget).collect();
    changes.extend(old.rows.into_iter().map(Change::Save));
    commit(store, to, changes)
}

fn commit(store: &StoreHandle, flow: &Arc<str>, changes: Vec<Change>) -> Result<(), EditError> {
    let (tell, told) = mpsc::sync_channel(1);
    let done = Box::new(move |result: CommitResult| {
        // Who asked may have given up.
        tell.try_send(result).unwrap_or_default();
    });
    store.commit(flow, changes, done).map_err(|_| EditError::Store)?;
    // What is deferred is in the store's memory, and flows are loaded from there.
    wait(&told, COMMIT_TIME_MAX)
}

fn wait(told: &mpsc::Receiver<CommitResult>, time: Duration) -> Result<(), EditError> {
    match told.recv_timeout(time) {
        Ok(_) => Ok(()),
        Err(RecvTimeoutError::Timeout) => Err(EditError::Late),
        Err(RecvTimeoutError::Disconnected) => Err(EditError::Store),
    }
}

fn is_at(row: &Checkpoint, path: &Path) -> bool {
    let same = |path: PathBuf| row.path == path;
    row.path == path || path.canonicalize().is_ok_and(same)
}

/// A position that can be set.
struct Position {
    changes: Vec<Change>,
    line: String,
    /// How many there were of this file.
    rows: usize,
}

fn set(loaded: &Loaded, path: &Path, to: To) -> Result<Position, EditError> {
    let failed = |source| EditError::File { path: path.to_path_buf(), source };
    // A pipe must not be waited for.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(EditError::NotRegular(path.to_path_buf()));
    }
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    let size = meta.len();
    let offset = match to {
        To::Offset(offset) if offset > size => {
            return Err(EditError::BehindTheEnd { offset, size });
        }
        To::Offset(offset) => {
            let start = line_start(&file, offset).map_err(failed)?;
            if start != Some(offset) {
                return Err(EditError::InsideALine { offset, start });
            }
            offset
        }
        To::End | To::Forget => line_start(&file, size)
            .map_err(failed)?
            .ok_or(EditError::InsideALine { offset: size, start: None })?,
    };
    let inode = Inode { device: meta.dev(), number: meta.ino() };
    let head = read(&file, 0, size.min(HEAD_BYTES_MAX as u64)).map_err(failed)?;
    let anchored = Anchor::len_at(offset) as u64;
    debug_assert!(anchored <= ANCHOR_BYTES_MAX as u64, "an anchor is short");
    let before = read(&file, offset - anchored, anchored).map_err(failed)?;
    let old = |row: &&Checkpoint| row.inode == inode || is_at(row, path) && row.life == Life::Live;
    let replaced: Vec<&Checkpoint> = loaded.rows.iter().filter(old).collect();
    let rotated = replaced.iter().any(|row| row.inode == inode && row.life == Life::Rotated);
    let place = replaced.iter().find(|row| is_at(row, path)).map(|row| row.path.clone());
    let row = Checkpoint {
        file: FileKey(loaded.next_file_key.max(1)),
        inode,
        path: place.unwrap_or_else(|| path.to_path_buf()),
        real: path.canonicalize().ok().filter(|real| real != path),
        head: Head::of(&head),
        offset,
        anchor: Anchor::of(&before),
        life: Life::of_rotated(rotated),
        holes: Holes::NONE,
        places: Vec::new(),
        cursor: None,
    };
    let mut changes: Vec<Change> = replaced.iter().map(|row| Change::Forget(row.file)).collect();
    changes.push(Change::Save(row));
    let line = format!("{} is read from byte {offset} of {size}", path.display());
    Ok(Position { changes, line, rows: replaced.len() })
}

/// Where the line begins that this byte is in, or that begins with it.
fn line_start(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut end = offset;
    let stop = offset.saturating_sub(LINE_BYTES_MAX);
    while end > stop {
        let start = end.saturating_sub(STEP_BYTES).max(stop);
        let bytes = read(file, start, end - start)?;
        if let Some(at) = memchr::memrchr(b'\n', &bytes) {
            return Ok(Some(start + at as u64 + 1));
        }
        end = start;
    }
    Ok((end == 0).then_some(0))
}

fn read(file: &File, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or_default()];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests;
