//! What can be wrong with the checkpoint store, in words that say what to do about it.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

/// Why the checkpoint store cannot be opened or closed. Each reads well behind "failed to".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory of the checkpoint file is missing and cannot be made.
    #[error(
        "create checkpoint directory {}; create it manually or change checkpointFile",
        path.display()
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What lies in the place of one of the store's files is not the store's. It is left as it is.
    #[error(
        "use {}, which {why}; it was not modified: move it, or change checkpointFile",
        path.display()
    )]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// What it is, after "which".
        why: String,
    },
    /// Another running agent holds the instance lock.
    #[error(
        "lock checkpoint file {}: in use by {}; stop that process or set a different \
         checkpointFile", path.display(), holder(*pid)
    )]
    InUse {
        /// The checkpoint file.
        path: PathBuf,
        /// The other agent's process id, as it wrote it down itself.
        pid: Option<u32>,
    },
    /// The file system refused something.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is the Java Kinesis Agent's database. It is left as it is.
    #[error(
        "use {} as checkpoint file: it is the Java Kinesis Agent's database; set a different \
         checkpointFile", path.display()
    )]
    JavaAgentDatabase {
        /// The checkpoint file.
        path: PathBuf,
    },
    /// Another process, not an agent, holds SQLite's own lock.
    #[error(
        "open the checkpoint file {}: another process has locked it; find it with fuser and stop \
         it", path.display()
    )]
    Locked {
        /// The checkpoint file.
        path: PathBuf,
    },
    /// A newer kinetail made the database. It is left as it is.
    #[error(
        "read checkpoint file {}: schema {found} is newer than the supported {known}; run the \
         newer kinetail or set a different checkpointFile", path.display()
    )]
    Newer {
        /// The checkpoint file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
    /// The path names a directory, a device or the like.
    #[error("use {} as checkpoint file: it is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is some other program's database. It is left as it is.
    #[error(
        "use {} as checkpoint file: it belongs to another application; change checkpointFile",
        path.display()
    )]
    OtherApplication {
        /// The checkpoint file.
        path: PathBuf,
    },
    /// The file or its directory cannot be written.
    #[error(
        "write {}: owned by uid {owner}, but kinetail runs as uid {ours}; chown the file and its \
         directory, or change checkpointFile ({detail})",
        path.display()
    )]
    ReadOnly {
        /// The file or directory that cannot be written.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who this process is.
        ours: u32,
        /// What the system or SQLite said.
        detail: String,
    },
    /// SQLite refused something else.
    #[error("{doing} {}", path.display())]
    Sqlite {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The checkpoint file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A database that was made a moment ago is not readable, or is gone.
    #[error(
        "use newly created checkpoint file {}: {detail}; check the disk",
        path.display()
    )]
    Unusable {
        /// The checkpoint file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The store was closed while checkpoints could not be written: what was acknowledged since
    /// then is sent again after the next start.
    #[error(
        "write final checkpoints to {}: {detail}; duplicates possible after the next start",
        path.display()
    )]
    Unwritten {
        /// The checkpoint file.
        path: PathBuf,
        /// Why the last attempt failed.
        detail: String,
    },
}

/// The store's thread has ended: nothing can be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint store is closed")]
pub struct StoreClosed;

/// Names the holder of the lock for a person.
pub(crate) fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another kinetail".to_owned(), |pid| format!("another kinetail (pid {pid})"))
}

/// The error and everything below it on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut below = error.source();
    while let Some(cause) = below {
        below = cause.source();
        let cause = cause.to_string();
        // SQLite says the same with its number before it.
        if cause.ends_with(&last) {
            continue;
        }
        // Writing to a String cannot fail; the result is a formality of the trait.
        if write!(text, ": {cause}").is_err() {
            break;
        }
        last = cause;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_every_cause_once() {
        let error = StoreError::Io {
            doing: "rename",
            path: PathBuf::from("/x/db"),
            source: io::Error::other("no space left"),
        };
        assert_eq!(chain(&error), "rename /x/db: no space left");
    }

    #[test]
    fn the_holder_is_named_even_when_its_pid_is_not_known() {
        let path = PathBuf::from("/x/db");
        let known = StoreError::InUse { path: path.clone(), pid: Some(7) }.to_string();
        let unknown = StoreError::InUse { path, pid: None }.to_string();
        assert!(known.contains("in use by another kinetail (pid 7);"), "{known}");
        assert!(unknown.contains("in use by another kinetail;"), "{unknown}");
    }
}
