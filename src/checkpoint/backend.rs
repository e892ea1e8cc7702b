//! What the writer asks of a database, how that can fail, and what each failure calls for. No I/O:
//! tests put their own database behind the trait.

use std::io;

use rusqlite::ErrorCode;

use super::mirror::Mirror;
use super::schema::{Maker, ReadError};

/// What the writer needs from a database; tests put faults in between.
pub(super) trait Backend: Send + 'static {
    /// Writes what is dirty in one transaction. When this returns `Ok` the rows survive the death
    /// of the process.
    fn write(&mut self, mirror: &Mirror) -> Result<(), WriteError>;

    /// Whether the files are as the last write left them.
    fn check(&mut self) -> Result<(), WriteError>;

    /// Gives the old connection up and makes a new one, on a database that may hold anything:
    /// the caller writes everything again.
    fn recover(&mut self, mirror: &Mirror, remedy: Remedy) -> Result<(), WriteError>;

    /// Writes what is dirty, moves the log into the database, waits for the disk and closes.
    fn finish(&mut self, mirror: &Mirror) -> Result<(), WriteError>;
}

/// What has to happen before the next attempt, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remedy {
    /// The file is as it was; a new connection suffices.
    Reopen,
    /// The disk failed: the file is rebuilt from memory.
    Replace,
    /// The content is damaged: it is kept as evidence and rebuilt.
    SetAside,
}

/// Why a transaction, or a connection, failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Somebody else changed the files while they were open.
    #[error("the database was changed from outside: {0}")]
    Changed(String),
    /// The bytes contradict themselves.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// Somebody else's database lies there.
    #[error("replaced by another application's database")]
    Foreign(Maker),
    /// The file system refused.
    #[error("cannot {doing} the database")]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    /// The file can be read but not written.
    #[error("the database is read-only")]
    ReadOnly,
    /// The file was moved or deleted while it was open.
    #[error("the database was moved or deleted")]
    Removed,
    /// SQLite refused.
    #[error("cannot {doing} the database")]
    Sqlite {
        /// What was being done, as a verb.
        doing: &'static str,
        #[source]
        source: rusqlite::Error,
    },
}

impl WriteError {
    /// SQLite's class of error, if it is one of SQLite's.
    pub(super) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite { source, .. } => source.sqlite_error_code(),
            Self::Changed(_)
            | Self::Damaged(_)
            | Self::Foreign(_)
            | Self::Io { .. }
            | Self::ReadOnly
            | Self::Removed => None,
        }
    }

    /// Whether the content is what is wrong.
    pub(super) fn is_damage(&self) -> bool {
        let corrupt = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase];
        matches!(self, Self::Damaged(_)) || self.code().is_some_and(|c| corrupt.contains(&c))
    }

    /// Whether it is not the store or the disk that failed, but the files were modified.
    pub(super) fn is_meddling(&self) -> bool {
        matches!(self, Self::Changed(_) | Self::Removed)
    }

    /// What to do before the next attempt.
    pub(super) fn remedy(&self) -> Remedy {
        if self.is_damage() {
            Remedy::SetAside
        } else if matches!(self, Self::Changed(_))
            || self.code() == Some(ErrorCode::SystemIoFailure)
        {
            Remedy::Replace
        } else {
            Remedy::Reopen
        }
    }
}

impl From<ReadError> for WriteError {
    /// The statements that read are right, so "no such column", a value of the wrong type or a
    /// missing row are the file's fault. A lock, a permission or a failing disk are not.
    fn from(error: ReadError) -> Self {
        let source = match error {
            ReadError::Damaged(why) => return Self::Damaged(why),
            ReadError::Sqlite(source) => source,
        };
        let code = match &source {
            rusqlite::Error::SqliteFailure(error, _)
            | rusqlite::Error::SqlInputError { error, .. } => error.code,
            _ => return Self::Damaged(source.to_string()),
        };
        match code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown => {
                Self::Damaged(source.to_string())
            }
            _ => Self::Sqlite { doing: "read", source },
        }
    }
}

/// Names what was being done when the file system refused.
pub(super) fn io(doing: &'static str) -> impl Fn(io::Error) -> WriteError {
    move |source| WriteError::Io { doing, source }
}

/// Names what was being done when SQLite refused.
pub(super) fn sqlite(doing: &'static str) -> impl Fn(rusqlite::Error) -> WriteError {
    move |source| WriteError::Sqlite { doing, source }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{
        SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_NOTADB,
    };

    use super::*;

    #[test]
    fn every_error_has_its_remedy() {
        let failure = |code| WriteError::Sqlite {
            doing: "write to",
            source: rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None),
        };
        assert_eq!(failure(SQLITE_FULL).remedy(), Remedy::Reopen);
        assert_eq!(failure(SQLITE_BUSY).remedy(), Remedy::Reopen);
        assert_eq!(failure(SQLITE_IOERR_FSYNC).remedy(), Remedy::Replace);
        assert_eq!(failure(SQLITE_CORRUPT).remedy(), Remedy::SetAside);
        assert_eq!(failure(SQLITE_NOTADB).remedy(), Remedy::SetAside);
        assert_eq!(WriteError::Removed.remedy(), Remedy::Reopen);
        assert_eq!(WriteError::Changed("x".to_owned()).remedy(), Remedy::Replace);
        assert_eq!(WriteError::ReadOnly.remedy(), Remedy::Reopen);
    }
}
