//! Making a database, the first one or one in the place of another, so that a crash at any point
//! leaves either the old one or the new one. `files` has the steps.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::backend::{WriteError, io, sqlite};
use super::files;
use super::mirror::Mirror;
use super::schema;

/// Builds a database that holds `mirror` and puts it at `path`. With a stamp, what is there now is
/// moved aside; without one it is overwritten. Returns where it was moved.
pub(super) fn replace(
    path: &Path,
    mirror: &Mirror,
    stamp: Option<&str>,
) -> Result<Option<PathBuf>, WriteError> {
    let (building, new) = (files::sidecar(path, ".building"), files::sidecar(path, ".new"));
    files::remove_if_there(&building).map_err(io("remove the unfinished copy of"))?;
    if let Err(error) = build(&building, mirror) {
        files::remove_if_there(&building).map_err(io("remove the unfinished copy of"))?;
        return Err(error);
    }
    files::promote(&building, &new).map_err(io("write a new copy of"))?;
    let aside =
        stamp.map(|stamp| files::move_aside(path, stamp)).transpose().map_err(io("moved aside"))?;
    files::install(&new, path).map_err(io("replace"))?;
    Ok(aside)
}

/// Finishes a replacement that a crash interrupted. What lies at `path` is moved aside.
pub(super) fn finish_replacing(path: &Path, stamp: &str) -> Result<(), WriteError> {
    let new = files::sidecar(path, ".new");
    if files::inode(&new).map_err(io("look at"))?.is_none() {
        return Ok(());
    }
    tracing::warn!(name: "checkpoint_rebuild_resumed", path = %path.display(),
        "resuming interrupted rebuild of the checkpoint database");
    if files::inode(path).map_err(io("look at"))?.is_some() {
        files::move_aside(path, stamp).map_err(io("moved aside"))?;
    }
    files::install(&new, path).map_err(io("replace"))
}

/// Makes the database in one transaction; it is not read before it is complete.
fn build(path: &Path, mirror: &Mirror) -> Result<(), WriteError> {
    files::create_private(path).map_err(io("make"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let conn = Connection::open_with_flags(files::resolved(path), flags).map_err(sqlite("make"))?;
    let fill = || {
        conn.pragma_update_and_check(None, "journal_mode", "MEMORY", |_| Ok(()))?;
        let transaction = conn.unchecked_transaction()?;
        schema::create(&transaction)?;
        schema::save_everything(&transaction, mirror)?;
        transaction.commit()
    };
    fill().map_err(sqlite("make"))?;
    conn.close().map_err(|(_, source)| WriteError::Sqlite { doing: "make", source })
}

/// The time in the name of a database that was moved aside.
pub(super) fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::database::Database;
    use crate::checkpoint::database::tests::mirror_of;
    use crate::checkpoint::mirror::tests::scratch;

    #[test]
    fn an_interrupted_replacement_is_finished_at_the_next_start() {
        let dir = scratch();
        let path = dir.path().join("db");
        replace(&path, &Mirror::default(), None).unwrap();
        let (building, new) = (files::sidecar(&path, ".building"), files::sidecar(&path, ".new"));
        build(&building, &mirror_of(0..4)).unwrap();
        files::promote(&building, &new).unwrap();
        finish_replacing(&path, "T").unwrap();
        finish_replacing(&path, "T").unwrap();
        assert_eq!(Database::open(&path).unwrap().1.load("f"), mirror_of(0..4).load("f"));
        assert!(files::sidecar(&path, ".corrupt-T").try_exists().unwrap());
    }

    #[test]
    fn an_unfinished_copy_is_no_obstacle() {
        let dir = scratch();
        let path = dir.path().join("db");
        std::fs::write(files::sidecar(&path, ".building"), "half").unwrap();
        replace(&path, &Mirror::default(), None).unwrap();
        assert!(!files::sidecar(&path, ".building").try_exists().unwrap());
    }
}
