//! Where files lie that are reached by a symbolic link.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Checkpoint;
use super::mirror::Mirror;
use super::schema::ReadError;
use super::side_table::SideTable;

pub(super) const TABLE: SideTable<1> = SideTable {
    name: "real_paths",
    columns: ["path"],
    create: "
    CREATE TABLE IF NOT EXISTS real_paths(
        flow TEXT NOT NULL,
        file INTEGER NOT NULL,
        path BLOB NOT NULL,
        row_digest BLOB NOT NULL,
        PRIMARY KEY(flow, file)
    ) STRICT, WITHOUT ROWID;
",
    save: "INSERT OR REPLACE INTO real_paths VALUES(?1, ?2, ?3, ?4)",
    delete: "DELETE FROM real_paths WHERE flow = ?1 AND file = ?2",
};

pub(super) fn read(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    TABLE.read(conn, mirror, |checkpoint, [path]| {
        checkpoint.real = Some(PathBuf::from(OsString::from_vec(path.to_vec())));
        Ok(())
    })
}

/// Writes that of a row, or removes what was there.
pub(super) fn save(conn: &Connection, flow: &str, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let Some(real) = &checkpoint.real else {
        return TABLE.delete(conn, flow, checkpoint.file);
    };
    let path = [ValueRef::Blob(real.as_os_str().as_bytes())];
    TABLE.save(conn, (flow, checkpoint.file), path)
}
