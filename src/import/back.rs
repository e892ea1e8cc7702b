//! The way back: kinetail's positions as rows of the Java agent's database, with the true size and
//! time of each file, so that the Java agent resumes at kinetail's offset and a later import judges
//! right.
//!
//! That agent resumes with the row of a flow that was written last, then with files that were
//! modified later; the other rows are history to it. So the file that was modified last gets the
//! newest row.

use std::cmp::Reverse;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, params};

use super::error::ImportError;
use super::{java, running};
use crate::checkpoint::Checkpoint;
use crate::checkpoint::locate;
use crate::checkpoint::private_copy::CopyError;

/// The Java agent's table, as that agent makes it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS FILE_CHECKPOINTS(flow text, path text, fileId text,
    lastModifiedTime bigint, size bigint, offset bigint, lastUpdated datetime,
    PRIMARY KEY(flow, path))";

const SAVE: &str = "INSERT OR REPLACE INTO FILE_CHECKPOINTS VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Between the rows of a flow, so that their order can be told.
const ROW_STEP: Duration = Duration::from_millis(1);

/// A file and how far kinetail delivered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Where it is.
    pub path: PathBuf,
    /// Everything before this byte was delivered.
    pub offset: u64,
    /// How large it is now.
    pub size: u64,
    file_id: String,
    modified_millis: i64,
}

/// The positions of a flow that can be handed back, the one where the Java agent resumes last.
#[must_use]
pub fn positions(rows: &[Checkpoint]) -> Vec<Position> {
    let mut positions: Vec<Position> = rows.iter().filter_map(position).collect();
    // Of files of the same time the smaller one is the newer to the Java agent.
    positions.sort_by_key(|at| (at.modified_millis, Reverse(at.size)));
    positions
}

/// Nothing for a file that is not where it was: the Java agent would not find it.
fn position(row: &Checkpoint) -> Option<Position> {
    let meta = fs::metadata(&row.path).ok().filter(fs::Metadata::is_file)?;
    let is_same = (meta.dev(), meta.ino()) == (row.inode.device, row.inode.number);
    let modified = meta.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    // A Java long: large inode numbers are negative.
    let number = meta.ino().cast_signed();
    (is_same && row.offset <= meta.len()).then(|| Position {
        path: row.path.clone(),
        offset: row.offset,
        size: meta.len(),
        file_id: format!("(dev={:x},ino={number})", meta.dev()),
        modified_millis: i64::try_from(modified.as_millis()).unwrap_or(i64::MAX),
    })
}

/// Whether the positions may be written there.
///
/// # Errors
/// Somebody has the database open, or it is not the Java agent's.
pub fn refuse(database: &Path, scratch: &[PathBuf]) -> Result<(), ImportError> {
    match java::read(database, scratch) {
        Ok(_) => running::refuse_users(database),
        Err(ImportError::Copy(CopyError::Read { source, .. }))
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Writes the positions of flows as if they had been written `now`, all or none of them.
///
/// # Errors
/// The database cannot be written.
pub fn write(
    database: &Path,
    flows: &[(String, Vec<Position>)],
    now: SystemTime,
) -> Result<(), ImportError> {
    let failed = |detail: String| ImportError::Write { path: database.to_owned(), detail };
    let write = || -> rusqlite::Result<()> {
        let mut conn = Connection::open(database)?;
        let transaction = conn.transaction()?;
        transaction.execute_batch(TABLE)?;
        for (flow, positions) in flows {
            for (at, age) in positions.iter().rev().zip(0_u32..) {
                let updated = java_time(now - ROW_STEP * age);
                let (size, offset) = (at.size.cast_signed(), at.offset.cast_signed());
                let path = at.path.to_string_lossy();
                let row =
                    params![flow, path, at.file_id, at.modified_millis, size, offset, updated];
                transaction.execute(SAVE, row)?;
            }
        }
        transaction.commit()
    };
    write().map_err(|error| failed(error.to_string()))?;
    locate::hand_over(database).map_err(|error| failed(error.to_string()))
}

/// `YYYY-MM-DD HH:MM:SS.mmm` in UTC.
fn java_time(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default().to_zoned(TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}
