//! A database that must not be changed is read from a copy: SQLite finishes what a killed writer
//! left half done (a hot journal, a log) when it opens a database, and that would be a change.
//!
//! The copy lies in a directory of its own that only this user can enter, and is gone when it is
//! dropped. Nothing is ever made alongside the original.

use std::fs::{self, DirBuilder, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::files::{self, PRIVATE_FILE_MODE, sidecar};
use crate::disk::regular;

/// What belongs to a database and decides what is in it.
const SIDECARS: [&str; 2] = ["-journal", "-wal"];

/// Only the owner may enter.
const PRIVATE_DIR_MODE: u32 = 0o700;

/// A database that changed while it was copied is copied again, this often.
const ATTEMPTS_MAX: u32 = 5;

/// Directories of other runs that have the wanted name are passed over, so many at most.
const NAMES_MAX: u32 = 1_000;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Somebody writes to the database all the time.
    #[error(
        "copy {}: database is being written to constantly; stop the agent that writes to it",
        path.display()
    )]
    Changing {
        /// The database.
        path: PathBuf,
    },
    /// The original cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no place for the copy.
    #[error("copy {} to {}", path.display(), scratch.display())]
    Scratch {
        /// The database.
        path: PathBuf,
        /// The directory that was tried last.
        scratch: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A copy of a database with its journal; dropping it removes it.
#[derive(Debug)]
pub struct PrivateCopy {
    dir: PathBuf,
    database: PathBuf,
}

impl PrivateCopy {
    /// Copies the database at `path` into a new directory below the first of `scratch` that takes
    /// one.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub fn of(path: &Path, scratch: &[PathBuf]) -> Result<Self, CopyError> {
        let unreadable = |source| CopyError::Read { path: path.to_owned(), source };
        // Tells a database that is not there, or that may not be read, from a full disk.
        regular::open(path).map_err(unreadable)?;
        let copy = Self::make_directory(path, scratch)?;
        for _ in 0..ATTEMPTS_MAX {
            let before = state(path);
            copy.fill(path)?;
            if state(path) == before {
                return Ok(copy);
            }
        }
        Err(CopyError::Changing { path: path.to_owned() })
    }

    /// The copied database, which may be opened for writing.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.database
    }

    fn make_directory(path: &Path, scratch: &[PathBuf]) -> Result<Self, CopyError> {
        let fallback = std::env::temp_dir();
        let mut last = None;
        for place in scratch.iter().chain([&fallback]) {
            match new_directory(place) {
                Ok(dir) => return Ok(Self { database: dir.join("db"), dir }),
                Err(source) => last = Some((place.clone(), source)),
            }
        }
        let (scratch, source) =
            last.unwrap_or_else(|| (fallback, io::Error::from(io::ErrorKind::NotFound)));
        Err(CopyError::Scratch { path: path.to_owned(), scratch, source })
    }

    fn fill(&self, path: &Path) -> Result<(), CopyError> {
        let failed = |path: &Path, source: io::Error| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                CopyError::Scratch { path: path.to_owned(), scratch: self.dir.clone(), source }
            }
            _ => CopyError::Read { path: path.to_owned(), source },
        };
        for suffix in SIDECARS {
            let (from, to) = (sidecar(path, suffix), sidecar(&self.database, suffix));
            match copy(&from, &to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    files::remove_if_there(&to).map_err(|error| failed(&to, error))?;
                }
                Err(error) => return Err(failed(&from, error)),
            }
        }
        files::remove_if_there(&self.database).map_err(|e| failed(&self.database, e))?;
        copy(path, &self.database).map_err(|error| failed(path, error))
    }
}

/// The original may be readable only, or by everybody; the copy is this user's, to write to.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = regular::open(from)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(PRIVATE_FILE_MODE);
    io::copy(&mut source, &mut options.open(to)?).map(drop)
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::warn!(name: "checkpoint_copy_left", path = %self.dir.display(), %error,
                "cannot remove temporary copy of a checkpoint database; delete it manually");
        }
    }
}

fn new_directory(place: &Path) -> io::Result<PathBuf> {
    for number in 0..NAMES_MAX {
        let dir = place.join(format!(".kinetail-copy-{}-{number}", std::process::id()));
        match DirBuilder::new().mode(PRIVATE_DIR_MODE).create(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| dir),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "too many leftover directories from earlier runs",
    ))
}

/// What changes with every write to the database or its journal.
fn state(path: &Path) -> Vec<Option<(u64, u64, i64, i64)>> {
    let of = |meta: &Metadata| (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec());
    let all = SIDECARS.iter().map(|suffix| sidecar(path, suffix)).chain([path.to_owned()]);
    all.map(|path| fs::metadata(path).ok().as_ref().map(of)).collect()
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn the_original_and_its_directory_stay_as_they_are_and_the_copy_goes() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
        let before = (fs::read(&path).unwrap(), state(&path));
        let copy = PrivateCopy::of(&path, &[scratch.path().to_owned()]).unwrap();
        assert!(copy.path().starts_with(scratch.path()));
        Connection::open(copy.path()).unwrap().execute_batch("INSERT INTO t VALUES(1)").unwrap();
        let mode = fs::metadata(copy.path().parent().unwrap()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(copy);
        assert_eq!((fs::read(&path).unwrap(), state(&path)), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_writer_left_half_done_is_rolled_back_in_the_copy_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let conn = Connection::open(&path).unwrap();
        let filler = "INSERT INTO t SELECT 1, zeroblob(3000) FROM n";
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200)";
        conn.execute_batch(&format!("CREATE TABLE t(x, filler); {numbers} {filler}")).unwrap();
        // A cache of one page makes SQLite write into the database before the commit.
        conn.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN").unwrap();
        conn.execute("UPDATE t SET x = 2", []).unwrap();
        assert!(sidecar(&path, "-journal").try_exists().unwrap());
        let before = state(&path);
        let copy = PrivateCopy::of(&path, &[]).unwrap();
        let changed = |path: &Path| -> i64 {
            let sql = "SELECT count(*) FROM t WHERE x = 2";
            Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(changed(copy.path()), 0, "the copy has only what was committed");
        let torn = dir.path().join("torn");
        fs::copy(&path, &torn).unwrap();
        assert!(changed(&torn) > 0, "without the journal it has more");
        assert_eq!(state(&path), before);
    }

    #[test]
    fn a_database_that_is_not_there_or_no_file_is_told_from_a_lack_of_room() {
        let dir = tempfile::tempdir().unwrap();
        let missing = PrivateCopy::of(&dir.path().join("db"), &[]).unwrap_err();
        assert!(
            matches!(&missing, CopyError::Read { source, .. }
                if source.kind() == io::ErrorKind::NotFound),
            "{missing}"
        );
        let directory = PrivateCopy::of(dir.path(), &[]).unwrap_err();
        assert!(matches!(directory, CopyError::Read { .. }), "{directory}");
        let taken = dir.path().join("file");
        fs::write(&taken, "x").unwrap();
        assert!(new_directory(&taken).is_err());
        assert!(PrivateCopy::of(&taken, &[taken.join("no")]).is_ok(), "the next place is tried");
    }

    #[test]
    fn errors_say_what_to_do() {
        let changing = CopyError::Changing { path: "/x/db".into() };
        assert_eq!(
            changing.to_string(),
            "copy /x/db: database is being written to constantly; stop the agent that writes to it"
        );
        let full = CopyError::Scratch {
            path: "/x/db".into(),
            scratch: "/tmp".into(),
            source: io::Error::from(io::ErrorKind::StorageFull),
        };
        assert_eq!(full.to_string(), "copy /x/db to /tmp");
    }
}
