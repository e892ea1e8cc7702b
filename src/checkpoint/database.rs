//! The shell around SQLite: opens, writes, checkpoints the log, and puts a database that failed
//! in order again.
//!
//! SQLite's own log checkpoints are off. It runs them behind a commit and hides their errors, and
//! a failed fsync leaves pages that look clean but are not on disk: the next fsync succeeds and
//! proves nothing (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020). So
//! checkpoints are made here, where the error is seen, and after an I/O error the file is not
//! trusted but rebuilt from memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use metrics::{Counter, counter};
use rusqlite::Connection;

use super::backend::{Backend, Remedy, WriteError, io, sqlite};
use super::connect::connect;
use super::error::chain;
use super::files;
use super::lock::InstanceLock;
use super::mirror::{Dirty, Mirror};
use super::owner;
use super::rebuild::{replace, stamp};
use super::schema;
use super::witness::Witness;
use crate::metrics::name;

/// The log is copied into the database after this many rows: about 3 pages of 4 KiB each.
const ROWS_PER_LOG_CHECKPOINT: usize = 1_000;

/// A disk that damages every database must not be filled with them: a running process keeps this
/// many, later ones are overwritten.
const KEPT_MAX: u32 = 3;

/// The database in its file.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    /// `None` between a failure and the next success.
    conn: Option<Connection>,
    /// SQLite's index of the log; closed after `conn`.
    index: Option<File>,
    /// Device and inode of the file that `conn` has open.
    inode: Option<(u64, u64)>,
    /// Whether `conn` has written, and made what tables an older kinetail did not.
    is_complete: bool,
    /// What the last write left.
    witness: Witness,
    /// Keeps other agents away from the database.
    lock: Option<InstanceLock>,
    rebuilds: Counter,
    rows_in_log: usize,
    /// How many damaged databases this process has kept.
    kept: u32,
    #[cfg(test)]
    pub(super) page_limit: std::sync::Arc<std::sync::atomic::AtomicU32>,
}

impl Database {
    /// Opens the database at `path` and reads it.
    pub(super) fn open(path: &Path) -> Result<(Self, Mirror), WriteError> {
        let mut database = Self {
            path: path.to_owned(),
            conn: None,
            index: None,
            inode: None,
            is_complete: false,
            witness: Witness::default(),
            lock: None,
            rebuilds: counter!(name::CHECKPOINT_REBUILDS),
            rows_in_log: 0,
            kept: 0,
            #[cfg(test)]
            page_limit: std::sync::Arc::new(u32::MAX.into()),
        };
        let mirror = database.connect()?;
        Ok((database, mirror))
    }

    fn connect(&mut self) -> Result<Mirror, WriteError> {
        let inode = files::inode(&self.path).map_err(io("look at"))?;
        let (conn, mirror) = connect(&self.path)?;
        let index = files::reserve_index(&self.path).map_err(io("reserve the index of"))?;
        (self.conn, self.inode, self.rows_in_log) = (Some(conn), inode, 0);
        self.index = index;
        self.is_complete = false;
        self.witness = Witness::of(&self.path).map_err(io("look at"))?;
        Ok(mirror)
    }

    /// Keeps the lock as long as the database.
    pub(super) fn hold(&mut self, lock: InstanceLock) {
        self.lock = Some(lock);
    }

    /// Remembers what the files look like after a write of our own. It must have gone into the
    /// files that are there.
    fn note_written(&mut self) -> Result<(), WriteError> {
        let now = Witness::of(&self.path).map_err(io("look at"))?;
        if !now.same_files(&self.witness) {
            return Err(self.meddled_with(&now));
        }
        self.witness = now;
        Ok(())
    }

    fn meddled_with(&self, now: &Witness) -> WriteError {
        let what = now.difference(&self.witness);
        WriteError::Changed(what.unwrap_or_else(|| "its files are others".to_owned()))
    }

    /// A directory that was removed took the lock along: a second agent would find no lock.
    fn lock_again(&mut self) -> Result<(), WriteError> {
        if self.lock.as_ref().is_none_or(|lock| lock.is_at(&self.path)) {
            return Ok(());
        }
        let lock = InstanceLock::take(&self.path)
            .map_err(|error| io("lock")(std::io::Error::other(chain(&error))))?;
        self.lock = Some(lock);
        Ok(())
    }

    /// The connection, if its files are as they were left.
    fn connection(&mut self) -> Result<&mut Connection, WriteError> {
        let now = Witness::of(&self.path).map_err(io("look at"))?;
        if now != self.witness {
            return Err(self.meddled_with(&now));
        }
        let conn = self.conn.as_mut().ok_or(WriteError::Removed)?;
        #[cfg(test)]
        {
            let pages = self.page_limit.load(std::sync::atomic::Ordering::SeqCst);
            conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .map_err(sqlite("limit"))?;
        }
        Ok(conn)
    }

    /// Copies the log into the database. A reader of the database may keep it from finishing;
    /// that only leaves the rest for the next time.
    fn checkpoint_log(&mut self, mode: &'static str) -> Result<(), WriteError> {
        self.rows_in_log = 0;
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let busy = self
            .connection()?
            .query_row(&sql, [], |row| row.get::<_, bool>(0))
            .map_err(sqlite("copy the log into"))?;
        if busy {
            tracing::debug!(path = %self.path.display(), "checkpoints have a reader");
        }
        self.note_written()
    }
}

/// A transaction that is rolled back unless it is committed. The crate's own prepares its two
/// statements again each time, which is a good part of what a small one costs.
struct Transaction<'c> {
    conn: &'c Connection,
    open: bool,
}

impl<'c> Transaction<'c> {
    fn begin(conn: &'c Connection) -> rusqlite::Result<Self> {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self { conn, open: true })
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Some errors have rolled it back already.
        if self.open
            && !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::debug!(%error, "a transaction could not be rolled back");
        }
    }
}

impl Backend for Database {
    fn write(&mut self, mirror: &Mirror) -> Result<(), WriteError> {
        let is_complete = self.is_complete;
        let conn = self.connection()?;
        let mut transaction = Transaction::begin(conn).map_err(sqlite("lock"))?;
        if !is_complete {
            schema::complete(transaction.conn).map_err(sqlite("write to"))?;
        }
        let rows = write_dirty(transaction.conn, mirror).map_err(sqlite("write to"))?;
        transaction.commit().map_err(sqlite("commit to"))?;
        drop(transaction);
        self.is_complete = true;
        self.note_written()?;
        self.rows_in_log = self.rows_in_log.saturating_add(rows);
        if self.rows_in_log >= ROWS_PER_LOG_CHECKPOINT {
            self.checkpoint_log("PASSIVE")?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), WriteError> {
        self.connection()?;
        match &self.lock {
            Some(lock) if !lock.is_at(&self.path) => {
                Err(WriteError::Changed("its .lock was removed or replaced".to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn recover(&mut self, mirror: &Mirror, remedy: Remedy) -> Result<(), WriteError> {
        (self.conn, self.index) = (None, None);
        owner::make_directory(owner::directory(&self.path)).map_err(io("make the directory of"))?;
        self.lock_again()?;
        let here = files::inode(&self.path).map_err(io("look at"))?;
        let keep = match (here, remedy) {
            (None, _) => false,
            (Some(_), Remedy::Replace) if here == self.inode => false,
            (Some(_), Remedy::SetAside) if here == self.inode => true,
            (Some(_), _) => match self.connect() {
                Ok(_) => return Ok(()),
                Err(error) if error.is_damage() => true,
                Err(error) => return Err(error),
            },
        };
        let stamp = (keep && self.kept < KEPT_MAX).then(stamp);
        self.kept = self.kept.saturating_add(u32::from(stamp.is_some()));
        let aside = replace(&self.path, mirror, stamp.as_deref())?;
        self.connect()?;
        self.rebuilds.increment(1);
        let moved_to = aside.map_or_else(String::new, |aside| aside.display().to_string());
        tracing::warn!(name: "checkpoint_database_rebuilt", path = %self.path.display(), %moved_to,
            "checkpoint database rebuilt from memory; no data lost");
        Ok(())
    }

    fn finish(&mut self, mirror: &Mirror) -> Result<(), WriteError> {
        self.connection()?
            .pragma_update(None, "synchronous", "FULL")
            .map_err(sqlite("prepare to close"))?;
        if !mirror.dirty().is_empty() {
            self.write(mirror)?;
        }
        self.checkpoint_log("TRUNCATE")?;
        match self.conn.take().map(Connection::close) {
            Some(Err((_, source))) => Err(WriteError::Sqlite { doing: "close", source }),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

/// Writes what is dirty; returns how many rows that were.
fn write_dirty(conn: &Connection, mirror: &Mirror) -> rusqlite::Result<usize> {
    match mirror.dirty() {
        Dirty::Everything => {
            schema::delete_all(conn)?;
            schema::save_everything(conn, mirror)
        }
        Dirty::Only { flows, rows } => {
            for flow in flows {
                if let Some(found) = mirror.flow(flow) {
                    schema::save_flow(conn, flow, found)?;
                }
            }
            for ((flow, file), held) in rows {
                match mirror.flow(flow).and_then(|found| found.rows.get(file)) {
                    Some(row) => schema::save_row(conn, flow, row, *held)?,
                    None => schema::delete_row(conn, flow, *file)?,
                }
            }
            Ok(flows.len().saturating_add(rows.len()))
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
