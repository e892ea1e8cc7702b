//! How far journals are acknowledged: the cursor of an entry, for the row of its flow.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Checkpoint;
use super::mirror::Mirror;
use super::schema::ReadError;
use super::side_table::{SideTable, side_table};

pub(super) const TABLE: SideTable<1> = side_table!("cursors": "cursor" "TEXT");

pub(super) fn read(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    TABLE.read(conn, mirror, |checkpoint, [cursor]| {
        let cursor = std::str::from_utf8(cursor);
        let cursor = cursor.map_err(|e| ReadError::Damaged(format!("column cursor: {e}")))?;
        checkpoint.cursor = Some(cursor.into());
        Ok(())
    })
}

/// Writes that of a row, if it has one. A row that has none never had one.
pub(super) fn save(conn: &Connection, flow: &str, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let Some(cursor) = &checkpoint.cursor else { return Ok(()) };
    TABLE.save(conn, (flow, checkpoint.file), [ValueRef::Text(cursor.as_bytes())])
}
