//! How far journals are acknowledged: the cursor of an entry, for the row of its flow. They
//! stand in a table of their own, which came later than the others; an older kinetail knows nothing
//! of it and leaves it alone.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::Checkpoint;
use super::mirror::Mirror;
use super::schema::{ReadError, cell, has_table, put_bytes, verify};
use kinetail_base::identity::{Digest128, FileKey};

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS cursors(
        flow TEXT NOT NULL,
        file INTEGER NOT NULL,
        cursor TEXT NOT NULL,
        row_digest BLOB NOT NULL,
        PRIMARY KEY(flow, file)
    ) STRICT, WITHOUT ROWID;
";

const SAVE: &str = "INSERT OR REPLACE INTO cursors VALUES(?1, ?2, ?3, ?4)";
const DELETE: &str = "DELETE FROM cursors WHERE flow = ?1 AND file = ?2";

/// Makes the table if it is missing.
pub(super) fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(TABLE)
}

/// Those of rows that are gone are left alone: an older kinetail lets rows go.
pub(super) fn read(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    if !has_table(conn, "cursors")? {
        return Ok(());
    }
    let mut statement = conn.prepare("SELECT * FROM cursors")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let flow: Arc<str> = cell(row, "flow")?;
        let file = FileKey(cell::<i64>(row, "file")?.cast_unsigned());
        let cursor: Arc<str> = cell(row, "cursor")?;
        verify(row, digest(&flow, file, &cursor))?;
        let known = mirror.flow_mut(&flow).and_then(|known| known.rows.get_mut(&file));
        if let Some(known) = known {
            known.checkpoint.cursor = Some(cursor);
        }
    }
    Ok(())
}

/// Writes that of a row, if it has one. A row that has none never had one.
pub(super) fn save(conn: &Connection, flow: &str, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let Some(cursor) = &checkpoint.cursor else { return Ok(()) };
    let file = checkpoint.file;
    conn.prepare_cached(SAVE)?.execute(params![
        flow,
        file.0.cast_signed(),
        cursor,
        digest(flow, file, cursor).0,
    ])?;
    Ok(())
}

/// Takes out that of a row.
pub(super) fn delete(conn: &Connection, flow: &str, file: FileKey) -> rusqlite::Result<()> {
    conn.prepare_cached(DELETE)?.execute(params![flow, file.0.cast_signed()])?;
    Ok(())
}

/// Takes out all.
pub(super) fn delete_all(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch("DELETE FROM cursors;")
}

fn digest(flow: &str, file: FileKey, cursor: &str) -> Digest128 {
    let mut bytes = Vec::with_capacity(64 + flow.len() + cursor.len());
    put_bytes(&mut bytes, flow.as_bytes());
    bytes.extend(file.0.to_le_bytes());
    put_bytes(&mut bytes, cursor.as_bytes());
    Digest128::of(&bytes)
}
