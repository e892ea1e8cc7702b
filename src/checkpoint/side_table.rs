//! Tables of what only some rows have, with the key of those rows. They came later than the others;
//! an older kinetail does not know them and leaves them alone.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params, params_from_iter};

use super::Checkpoint;
use super::mirror::Mirror;
use super::schema::{ReadError, cell, has_table, put_bytes, verify};
use kinetail_base::identity::{Digest128, FileKey};

/// One of them, whose rows have N columns in addition to the key and the digest.
pub(super) struct SideTable<const N: usize> {
    pub(super) name: &'static str,
    pub(super) columns: [&'static str; N],
    /// Makes it if it is missing.
    pub(super) create: &'static str,
    /// Writes a row: the key, the columns, the digest.
    pub(super) save: &'static str,
    /// Removes the row of a key.
    pub(super) delete: &'static str,
}

/// Declares one: its name, then each column with its type.
macro_rules! side_table {
    ($name:literal: $($column:literal $type:literal),+) => {
        $crate::checkpoint::side_table::SideTable {
            name: $name,
            columns: [$($column),+],
            create: concat!(
                "CREATE TABLE IF NOT EXISTS ", $name, "(flow TEXT NOT NULL, file INTEGER NOT NULL,",
                $(" ", $column, " ", $type, " NOT NULL,",)+
                " row_digest BLOB NOT NULL, PRIMARY KEY(flow, file)) STRICT, WITHOUT ROWID;"
            ),
            save: concat!(
                "INSERT OR REPLACE INTO ", $name, "(flow, file,", $(" ", $column, ",",)+
                " row_digest) VALUES(?, ?", $(side_table!(@ $column),)+ ", ?)"
            ),
            delete: concat!("DELETE FROM ", $name, " WHERE flow = ?1 AND file = ?2"),
        }
    };
    (@ $column:literal) => { ", ?" };
}
pub(super) use side_table;

impl<const N: usize> SideTable<N> {
    /// Makes the table if it is missing.
    pub(super) fn create(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(self.create)
    }

    /// Hands the columns of each row to `restore`, with the checkpoint that they belong to. Those
    /// of checkpoints that are gone are left alone: an older kinetail removes checkpoints only.
    pub(super) fn read(
        &self,
        conn: &Connection,
        mirror: &mut Mirror,
        mut restore: impl FnMut(&mut Checkpoint, [&[u8]; N]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if !has_table(conn, self.name)? {
            return Ok(());
        }
        let mut statement = conn.prepare(&format!("SELECT * FROM {}", self.name))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let flow: Arc<str> = cell(row, "flow")?;
            let file = FileKey(cell::<i64>(row, "file")?.cast_unsigned());
            let mut values: [&[u8]; N] = [&[]; N];
            for (value, column) in values.iter_mut().zip(self.columns) {
                let bytes = row.get_ref(column)?.as_bytes();
                *value = bytes.map_err(|e| ReadError::Damaged(format!("column {column}: {e}")))?;
            }
            verify(row, digest(&flow, file, values))?;
            let known = mirror.flow_mut(&flow).and_then(|known| known.rows.get_mut(&file));
            if let Some(known) = known {
                restore(&mut known.checkpoint, values)?;
            }
        }
        Ok(())
    }

    /// Writes the columns of a row: texts and blobs.
    pub(super) fn save(
        &self,
        conn: &Connection,
        (flow, file): (&str, FileKey),
        values: [ValueRef<'_>; N],
    ) -> rusqlite::Result<()> {
        let digest = digest(flow, file, values.map(|value| value.as_bytes().unwrap_or_default()));
        let key = [ValueRef::Text(flow.as_bytes()), ValueRef::Integer(file.0.cast_signed())];
        let row = key.into_iter().chain(values).chain([ValueRef::Blob(&digest.0)]);
        conn.prepare_cached(self.save)?
            .execute(params_from_iter(row.map(ToSqlOutput::Borrowed)))?;
        Ok(())
    }

    /// Removes the row of a key.
    pub(super) fn delete(
        &self,
        conn: &Connection,
        flow: &str,
        file: FileKey,
    ) -> rusqlite::Result<()> {
        conn.prepare_cached(self.delete)?.execute(params![flow, file.0.cast_signed()])?;
        Ok(())
    }

    /// Removes all rows.
    pub(super) fn delete_all(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(&format!("DELETE FROM {};", self.name))
    }
}

fn digest<const N: usize>(flow: &str, file: FileKey, values: [&[u8]; N]) -> Digest128 {
    let mut bytes = Vec::with_capacity(256);
    put_bytes(&mut bytes, flow.as_bytes());
    bytes.extend(file.0.to_le_bytes());
    for value in values {
        put_bytes(&mut bytes, value);
    }
    Digest128::of(&bytes)
}
