//! How far journals are acknowledged: the cursor of an entry, for the row of its flow.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Checkpoint;
use super::mirror::Mirror;
use super::schema::ReadError;
use super::side_table::SideTable;

pub(super) const TABLE: SideTable<1> = SideTable {
    name: "cursors",
    columns: ["cursor"],
    create: "
    CREATE TABLE IF NOT EXISTS cursors(
        flow TEXT NOT NULL,
        file INTEGER NOT NULL,
        cursor TEXT NOT NULL,
        row_digest BLOB NOT NULL,
        PRIMARY KEY(flow, file)
    ) STRICT, WITHOUT ROWID;
",
    save: "INSERT OR REPLACE INTO cursors VALUES(?1, ?2, ?3, ?4)",
    delete: "DELETE FROM cursors WHERE flow = ?1 AND file = ?2",
};

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
