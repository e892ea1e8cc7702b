//! Where kinetail's own checkpoints are. A configuration of the Java agent may name that agent's
//! database as `checkpointFile`: that one is left as it is, and kinetail's own goes to its usual
//! place.
//!
//! Looks only, and in a way that changes nothing: no lock, no journal, no file.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::connect::{connect, immutable_uri};
use super::error::StoreError;
use super::files::{self, sidecar};
use super::lock;
use super::private_copy::{CopyError, PrivateCopy};
use super::schema::{self, Maker};
use super::strangers;

/// Where the databases are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabasePaths {
    /// kinetail's own.
    pub own: PathBuf,
    /// The Java agent's, if `checkpointFile` names it.
    pub java: Option<PathBuf>,
}

/// Says which database is whose. `configured` is what the configuration says, `usual` is where
/// kinetail's own is when it says nothing.
#[must_use]
pub fn find(configured: &Path, usual: &Path, flows: &[&str]) -> DatabasePaths {
    let own = configured.to_path_buf();
    if configured == usual {
        return DatabasePaths { own, java: None };
    }
    if is_java_agents(configured) {
        return DatabasePaths { own: usual.to_path_buf(), java: Some(own) };
    }
    // The Java agent's database lay here once, and is gone now: with a reboot, for one. The
    // positions are where they have been since.
    let missing = configured.try_exists().is_ok_and(|there| !there);
    if missing && knows_one_of(usual, flows) {
        return DatabasePaths { own: usual.to_path_buf(), java: None };
    }
    DatabasePaths { own, java: None }
}

/// Whether the Java agent made the database at `path`.
#[must_use]
pub(crate) fn is_java_agents(path: &Path) -> bool {
    open_unchanged(path).is_some_and(|conn| matches!(schema::maker(&conn), Ok(Maker::JavaAgent)))
}

/// Gives a database that root just made to the owner of its directory.
///
/// # Errors
/// The system does not let it be given.
pub fn hand_over(path: &Path) -> io::Result<()> {
    super::owner::hand_over_existing(path)
}

/// Fails if a kinetail uses the database at `path` now.
///
/// # Errors
/// [`StoreError::InUse`].
pub(crate) fn refuse_user(path: &Path) -> Result<(), StoreError> {
    lock::refuse_holder(path)
}

/// Whether a store could open at `path`, as far as looking can tell. Gives what is unsafe about its
/// directory, each with what to do. Changes nothing.
///
/// Not for a process that has the store open: to close a file, whoever opened it, releases the
/// process's locks on it, and the next reader would take the store's files for abandoned.
///
/// # Errors
/// What [`Store::open`](super::store::Store::open) would fail with because of what lies there.
pub fn examine(path: &Path) -> Result<Vec<String>, StoreError> {
    files::check_links(super::owner::directory(path))?;
    let path = files::resolved(path);
    strangers::refuse(&path)?;
    Ok(strangers::unsafe_directories(&path))
}

/// What is unsafe about the directory of the database at `path`, each with what to do. Opens none
/// of the database's files, so a process may ask this that has it open.
#[must_use]
pub(crate) fn unsafe_directories(path: &Path) -> Vec<String> {
    strangers::unsafe_directories(&files::resolved(path))
}

/// The flows that have run with kinetail's database at `path`; none if there is no database or it
/// is none of ours.
///
/// # Errors
/// [`CopyError`] if it is there and cannot be read.
pub(crate) fn known_flows(path: &Path, scratch: &[PathBuf]) -> Result<BTreeSet<String>, CopyError> {
    let copy = match PrivateCopy::of(path, scratch) {
        Ok(copy) => copy,
        Err(CopyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(BTreeSet::new());
        }
        Err(error) => return Err(error),
    };
    // A damaged one is moved aside when it is opened for good, and that is reported then.
    let mirror = connect(copy.path()).map(|(_, mirror)| mirror).unwrap_or_default();
    Ok(mirror.flows().map(|(flow, _)| flow.to_string()).collect())
}

/// Whether the database is ours and one of the flows has run with it. What is only in its log
/// cannot be seen in this way; then it counts as known.
fn knows_one_of(path: &Path, flows: &[&str]) -> bool {
    let Some(conn) = open_unchanged(path) else { return false };
    if !matches!(schema::maker(&conn), Ok(Maker::Ours)) {
        return false;
    }
    let log = std::fs::metadata(sidecar(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let known = |flow: &&str| {
        let sql = "SELECT EXISTS(SELECT 1 FROM flows WHERE flow = ?1)";
        conn.query_row(sql, [flow], |row| row.get::<_, bool>(0)).unwrap_or(false)
    };
    log || flows.iter().any(known)
}

/// Opens a database so that SQLite neither writes nor locks; `None` if that cannot be done.
fn open_unchanged(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(immutable_uri(path), flags).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::checkpoint::store::{Store, StoreOptions};

    fn java_database(path: &Path) {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch("create table FILE_CHECKPOINTS(flow text)").unwrap();
    }

    fn run_flow(path: &Path, flow: &str) -> Store {
        let (store, _) = Store::open(path, &StoreOptions::default()).unwrap();
        let (tell, told) = sync_channel(1);
        let done = Box::new(move |result| tell.send(result).unwrap());
        store.handle().commit(&flow.into(), Vec::new(), done).unwrap();
        told.recv().unwrap();
        store
    }

    #[test]
    fn the_java_agents_database_stays_and_ours_goes_to_the_usual_place() {
        let dir = tempfile::tempdir().unwrap();
        let (java, usual) = (dir.path().join("java"), dir.path().join("usual"));
        java_database(&java);
        let places = find(&java, &usual, &["f"]);
        assert_eq!(places, DatabasePaths { own: usual, java: Some(java) });
    }

    #[test]
    fn any_other_place_is_taken_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (own, usual) = (dir.path().join("own"), dir.path().join("usual"));
        let as_it_is = DatabasePaths { own: own.clone(), java: None };
        assert_eq!(find(&own, &usual, &["f"]), as_it_is, "missing");
        std::fs::write(&own, "no database").unwrap();
        assert_eq!(find(&own, &usual, &["f"]), as_it_is, "damaged");
        run_flow(&usual, "other").close().unwrap();
        std::fs::remove_file(&own).unwrap();
        assert_eq!(find(&own, &usual, &["f"]), as_it_is, "the usual one has other flows");
    }

    #[test]
    fn the_usual_place_keeps_its_positions_when_the_java_agents_database_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (java, usual) = (dir.path().join("java"), dir.path().join("usual"));
        let running = run_flow(&usual, "f");
        assert_eq!(find(&java, &usual, &["f"]).own, usual, "what is in the log counts");
        running.close().unwrap();
        assert_eq!(find(&java, &usual, &["f"]).own, usual);
    }

    #[test]
    fn the_flows_of_a_running_store_are_read_without_touching_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        assert!(known_flows(&path, &[]).unwrap().is_empty());
        assert!(refuse_user(&path).is_ok());
        let store = run_flow(&path, "f");
        assert_eq!(known_flows(&path, &[]).unwrap(), BTreeSet::from(["f".to_owned()]));
        let pid = std::process::id();
        let refused = refuse_user(&path).unwrap_err();
        assert!(matches!(refused, StoreError::InUse { pid: Some(holder), .. } if holder == pid));
        store.close().unwrap();
        assert!(refuse_user(&path).is_ok());
    }
}
