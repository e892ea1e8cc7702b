//! The tables, how a row becomes a [`Checkpoint`] and back, and whose database a file is.
//!
//! SQLite does not notice a flipped bit inside a row, so each row carries a digest of itself: a
//! wrong offset could lose lines, a wrong flow name could hide a row.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::mirror::{Extras, FlowRows, Mirror, Row};
use super::{Checkpoint, Life, cursors, details, real_paths};
use kinetail_base::holes::Holes;
use kinetail_base::identity::{Anchor, Digest128, FileKey, Head, Inode};

/// "KTCP", in the header of every database of ours.
pub(super) const APPLICATION_ID: i64 = 0x4b54_4350;

/// Grows with every change that an older kinetail could not read.
pub(super) const SCHEMA_VERSION: i64 = 1;

/// The version stands in the header and in a table: where they disagree, the header is damaged
/// and not the work of a newer version.
const TABLES: &str = "
    CREATE TABLE kinetail_store(schema_version INTEGER NOT NULL) STRICT;
    CREATE TABLE flows(
        flow TEXT NOT NULL PRIMARY KEY,
        next_file_key INTEGER NOT NULL,
        first_started_at INTEGER NOT NULL,
        row_digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE checkpoints(
        flow TEXT NOT NULL,
        file INTEGER NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        path BLOB NOT NULL,
        head_len INTEGER NOT NULL,
        head_digest BLOB NOT NULL,
        offset INTEGER NOT NULL,
        anchor BLOB NOT NULL,
        rotated INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        row_digest BLOB NOT NULL,
        PRIMARY KEY(flow, file)
    ) STRICT, WITHOUT ROWID;
";

const SAVE_FLOW: &str = "INSERT OR REPLACE INTO flows VALUES(?1, ?2, ?3, ?4)";
const SAVE_ROW: &str =
    "INSERT OR REPLACE INTO checkpoints VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const DELETE_ROW: &str = "DELETE FROM checkpoints WHERE flow = ?1 AND file = ?2";

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// The Java Kinesis Agent.
    JavaAgent,
    /// A newer kinetail, with this schema version.
    Newer(i64),
    /// Some other program.
    Other,
    /// This program.
    Ours,
}

/// Why the content cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The bytes contradict themselves.
    #[error("{0}")]
    Damaged(String),
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Makes the tables in an empty database.
pub(super) fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(TABLES)?;
    complete(conn)?;
    conn.execute("INSERT INTO kinetail_store VALUES(?1)", [SCHEMA_VERSION])?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", SCHEMA_VERSION)
}

/// Makes the tables that came later, if an older kinetail made the others.
pub(super) fn complete(conn: &Connection) -> rusqlite::Result<()> {
    details::TABLE.create(conn)?;
    cursors::TABLE.create(conn)?;
    real_paths::TABLE.create(conn)
}

/// Says whose database it is, without writing to it.
pub(super) fn maker(conn: &Connection) -> Result<Maker, ReadError> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application_id, user_version) = (pragma("application_id")?, pragma("user_version")?);
    if application_id != APPLICATION_ID && !has_table(conn, "kinetail_store")? {
        let java = has_table(conn, "FILE_CHECKPOINTS")?;
        return Ok(if java { Maker::JavaAgent } else { Maker::Other });
    }
    let version: Option<i64> = conn
        .query_row("SELECT schema_version FROM kinetail_store", [], |row| row.get(0))
        .optional()?;
    match version {
        Some(version) if application_id == APPLICATION_ID && version == user_version => {
            match version {
                SCHEMA_VERSION => Ok(Maker::Ours),
                newer if newer > SCHEMA_VERSION => Ok(Maker::Newer(newer)),
                _ => Err(ReadError::Damaged(format!("unknown schema version {version}"))),
            }
        }
        _ => Err(ReadError::Damaged("header and tables do not match".to_owned())),
    }
}

pub(super) fn has_table(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT EXISTS(SELECT 1 FROM sqlite_schema
         WHERE type = 'table' AND lower(name) = lower(?1))",
        [name],
        |row| row.get(0),
    )
}

/// Reads everything, and believes nothing that it has not checked.
pub(super) fn read(conn: &Connection) -> Result<Mirror, ReadError> {
    let verdict: String = conn.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict != "ok" {
        return Err(ReadError::Damaged(verdict));
    }
    let mut mirror = Mirror::default();
    read_flows(conn, &mut mirror)?;
    read_rows(conn, &mut mirror)?;
    details::read(conn, &mut mirror)?;
    cursors::read(conn, &mut mirror)?;
    real_paths::read(conn, &mut mirror)?;
    Ok(mirror)
}

fn read_flows(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    let mut statement = conn.prepare("SELECT * FROM flows")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let flow: Arc<str> = cell(row, "flow")?;
        let found = FlowRows {
            next_file_key: cell::<i64>(row, "next_file_key")?.cast_unsigned(),
            first_started_millis: cell(row, "first_started_at")?,
            rows: std::collections::BTreeMap::new(),
        };
        verify(row, flow_digest(&flow, &found))?;
        mirror.restore(flow, found);
    }
    Ok(())
}

fn read_rows(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    let mut statement = conn.prepare("SELECT * FROM checkpoints")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let flow: Arc<str> = cell(row, "flow")?;
        let found = read_row(row)?;
        verify(row, row_digest(&flow, &found))?;
        let Some(known) = mirror.flow_mut(&flow) else {
            return Err(ReadError::Damaged(format!("row references unknown flow {flow:?}")));
        };
        known.rows.insert(found.checkpoint.file, Box::new(found));
    }
    Ok(())
}

fn read_row(row: &SqlRow<'_>) -> Result<Row, ReadError> {
    let number = |name| cell::<i64>(row, name).map(i64::cast_unsigned);
    let head_len = u16::try_from(number("head_len")?)
        .map_err(|_| ReadError::Damaged("fingerprint length out of range".to_owned()))?;
    let path = OsString::from_vec(cell::<Vec<u8>>(row, "path")?);
    Ok(Row {
        checkpoint: Checkpoint {
            file: FileKey(number("file")?),
            inode: Inode { device: number("device")?, number: number("inode")? },
            path: PathBuf::from(path),
            real: None,
            head: Head { len: head_len, digest: Digest128(cell(row, "head_digest")?) },
            offset: number("offset")?,
            anchor: Anchor(Digest128(cell(row, "anchor")?)),
            life: Life::of_number(cell(row, "rotated")?)
                .ok_or_else(|| ReadError::Damaged("a row of no known kind".to_owned()))?,
            holes: Holes::NONE,
            places: Vec::new(),
            cursor: None,
        },
        updated_millis: cell(row, "updated_at")?,
    })
}

/// A value of the wrong type is damage, not a mistake of ours.
pub(super) fn cell<T: rusqlite::types::FromSql>(
    row: &SqlRow<'_>,
    name: &str,
) -> Result<T, ReadError> {
    row.get(name).map_err(|e| ReadError::Damaged(format!("column {name}: {e}")))
}

pub(super) fn verify(row: &SqlRow<'_>, expected: Digest128) -> Result<(), ReadError> {
    if cell::<[u8; 16]>(row, "row_digest")? == expected.0 {
        return Ok(());
    }
    Err(ReadError::Damaged("row digest mismatch".to_owned()))
}

pub(super) fn save_flow(conn: &Connection, flow: &str, rows: &FlowRows) -> rusqlite::Result<()> {
    conn.prepare_cached(SAVE_FLOW)?.execute(params![
        flow,
        rows.next_file_key.cast_signed(),
        rows.first_started_millis,
        flow_digest(flow, rows).0,
    ])?;
    Ok(())
}

/// Writes a row; `held` is what the database holds alongside it.
pub(super) fn save_row(
    conn: &Connection,
    flow: &str,
    row: &Row,
    held: Extras,
) -> rusqlite::Result<()> {
    let checkpoint = &row.checkpoint;
    conn.prepare_cached(SAVE_ROW)?.execute(params![
        flow,
        checkpoint.file.0.cast_signed(),
        checkpoint.inode.device.cast_signed(),
        checkpoint.inode.number.cast_signed(),
        checkpoint.path.as_os_str().as_bytes(),
        i64::from(checkpoint.head.len),
        checkpoint.head.digest.0,
        checkpoint.offset.cast_signed(),
        checkpoint.anchor.0.0,
        checkpoint.life.number(),
        row.updated_millis,
        row_digest(flow, row).0,
    ])?;
    details::save(conn, flow, checkpoint, held)?;
    cursors::save(conn, flow, checkpoint)?;
    real_paths::save(conn, flow, checkpoint, held)
}

pub(super) fn delete_row(conn: &Connection, flow: &str, file: FileKey) -> rusqlite::Result<()> {
    conn.prepare_cached(DELETE_ROW)?.execute(params![flow, file.0.cast_signed()])?;
    details::TABLE.delete(conn, flow, file)?;
    cursors::TABLE.delete(conn, flow, file)?;
    real_paths::TABLE.delete(conn, flow, file)
}

/// Takes every row out, before all are written again.
pub(super) fn delete_all(conn: &Connection) -> rusqlite::Result<()> {
    details::TABLE.delete_all(conn)?;
    cursors::TABLE.delete_all(conn)?;
    real_paths::TABLE.delete_all(conn)?;
    conn.execute_batch("DELETE FROM checkpoints; DELETE FROM flows;")
}

/// Writes every row into empty tables; returns how many.
pub(super) fn save_everything(conn: &Connection, mirror: &Mirror) -> rusqlite::Result<usize> {
    let mut count = 0_usize;
    for (flow, found) in mirror.flows() {
        save_flow(conn, flow, found)?;
        for row in found.rows.values() {
            save_row(conn, flow, row, Extras::default())?;
        }
        count = count.saturating_add(found.rows.len()).saturating_add(1);
    }
    Ok(count)
}

fn flow_digest(flow: &str, rows: &FlowRows) -> Digest128 {
    let mut bytes = Vec::with_capacity(64);
    put_bytes(&mut bytes, flow.as_bytes());
    bytes.extend(rows.next_file_key.to_le_bytes());
    bytes.extend(rows.first_started_millis.to_le_bytes());
    Digest128::of(&bytes)
}

fn row_digest(flow: &str, row: &Row) -> Digest128 {
    let checkpoint = &row.checkpoint;
    let mut bytes = Vec::with_capacity(256);
    put_bytes(&mut bytes, flow.as_bytes());
    put_bytes(&mut bytes, checkpoint.path.as_os_str().as_bytes());
    for number in [
        checkpoint.file.0,
        checkpoint.inode.device,
        checkpoint.inode.number,
        u64::from(checkpoint.head.len),
        checkpoint.offset,
        u64::from(checkpoint.life.number()),
        row.updated_millis.cast_unsigned(),
    ] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(checkpoint.head.digest.0);
    bytes.extend(checkpoint.anchor.0.0);
    Digest128::of(&bytes)
}

/// Length first, so that no two lists of fields run into the same bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests;
