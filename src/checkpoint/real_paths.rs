//! Where files lie that are reached by a symbolic link.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Checkpoint;
use super::mirror::{Extras, Mirror};
use super::schema::ReadError;
use super::side_table::{SideTable, side_table};

pub(super) const TABLE: SideTable<1> = side_table!("real_paths": "path" "BLOB");

pub(super) fn read(conn: &Connection, mirror: &mut Mirror) -> Result<(), ReadError> {
    TABLE.read(conn, mirror, |checkpoint, [path]| {
        checkpoint.real = Some(PathBuf::from(OsString::from_vec(path.to_vec())));
        Ok(())
    })
}

/// Writes that of a row, or removes what was there.
pub(super) fn save(
    conn: &Connection,
    flow: &str,
    checkpoint: &Checkpoint,
    held: Extras,
) -> rusqlite::Result<()> {
    let Some(real) = &checkpoint.real else {
        return if held.real { TABLE.delete(conn, flow, checkpoint.file) } else { Ok(()) };
    };
    let path = [ValueRef::Blob(real.as_os_str().as_bytes())];
    TABLE.save(conn, (flow, checkpoint.file), path)
}
