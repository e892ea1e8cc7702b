//! One connection: whose file it is, whether it is sound, and the settings that every connection
//! needs. A file that is not ours is not written to, not even to look at it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::backend::{WriteError, io, sqlite};
use super::files;
use super::mirror::Mirror;
use super::schema::{self, Maker, ReadError};
use super::strangers;

/// How long one statement waits for another process's lock. Commits wait behind it, so it is short.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Pages of the database that SQLite keeps in memory, in KiB. The copy in memory answers what is
/// asked, and what is written goes to few pages; the rest of them are the kernel's to keep.
const PAGES_KIB: i64 = 256;

/// The bytes of the header that say "SQLite 3" and which versions may write and read the file.
const HEADER_BYTES: usize = 20;

/// Opens for writing, checks which program owns the database and that it is sound, and reads it.
pub(super) fn connect(path: &Path) -> Result<(Connection, Mirror), WriteError> {
    let path = &files::resolved(path);
    check_header(path)?;
    refuse_others(path)?;
    files::make_private(path).map_err(io("make private"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut conn = Connection::open_with_flags(path, flags).map_err(sqlite("open"))?;
    conn.busy_timeout(BUSY_WAIT).map_err(sqlite("open"))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sqlite("open"))?;
    match schema::maker(&conn)? {
        Maker::Ours => {}
        maker @ (Maker::JavaAgent | Maker::Newer(_) | Maker::Other) => {
            return Err(WriteError::Foreign(maker));
        }
    }
    if conn.is_readonly("main").map_err(sqlite("open"))? {
        return Err(WriteError::ReadOnly);
    }
    tune(&conn).map_err(sqlite("open"))?;
    let mirror = schema::read(&conn)?;
    // Finds another process's lock now and not at the first commit.
    conn.transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(rusqlite::Transaction::rollback)
        .map_err(sqlite("lock"))?;
    Ok((conn, mirror))
}

/// A file whose header no SQLite would write to is damaged, whatever SQLite makes of it.
fn check_header(path: &Path) -> Result<(), WriteError> {
    let mut header = [0; HEADER_BYTES];
    let sound = match strangers::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => {
            header.starts_with(b"SQLite format 3\0")
                && (header.ends_with(&[1, 1]) || header.ends_with(&[2, 2]))
        }
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(e) => return Err(WriteError::Io { doing: "read", source: e }),
    };
    if sound {
        return Ok(());
    }
    Err(WriteError::Damaged("it is not an SQLite database".to_owned()))
}

/// Fails if a database lies there that is another program's, as far as looking can tell. What is
/// missing, or too damaged to tell, is none.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), WriteError> {
    match check_header(path) {
        Ok(()) => refuse_others(path),
        Err(_) => Ok(()),
    }
}

/// Looks whose database it is in a way that cannot change it: opened for writing, SQLite would
/// finish another program's interrupted work. A database too damaged to tell is looked at again.
fn refuse_others(path: &Path) -> Result<(), WriteError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let maker = Connection::open_with_flags(immutable_uri(path), flags)
        .map_err(ReadError::from)
        .and_then(|conn| schema::maker(&conn));
    match maker {
        Ok(maker @ (Maker::JavaAgent | Maker::Newer(_) | Maker::Other)) => {
            Err(WriteError::Foreign(maker))
        }
        Ok(Maker::Ours) | Err(_) => Ok(()),
    }
}

/// `file:<path>?immutable=1`, with the bytes that mean something in a URI escaped.
pub(super) fn immutable_uri(path: &Path) -> PathBuf {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    let mut uri = b"file:".to_vec();
    for &byte in path.as_os_str().as_bytes() {
        if matches!(byte, b'%' | b'?' | b'#') {
            uri.extend(format!("%{byte:02x}").bytes());
        } else {
            uri.push(byte);
        }
    }
    uri.extend(b"?immutable=1");
    OsString::from_vec(uri).into()
}

fn tune(conn: &Connection) -> rusqlite::Result<()> {
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    conn.pragma_update(None, "synchronous", synchronous_for(&mode))?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -PAGES_KIB)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "trusted_schema", false)
}

/// With a write-ahead log NORMAL cannot corrupt. File systems without shared memory get no such
/// log, and then only FULL is safe.
fn synchronous_for(journal_mode: &str) -> &'static str {
    if journal_mode.eq_ignore_ascii_case("wal") { "NORMAL" } else { "FULL" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_log_allows_relaxed_syncs() {
        assert_eq!(synchronous_for("wal"), "NORMAL");
        assert_eq!(synchronous_for("delete"), "FULL");
    }
}
