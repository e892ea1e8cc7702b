//! Opening: what lies at the path, whether it is ours and sound, and what to do if it is not.
//!
//! A damaged database is moved away and a new one takes its place, in which the configured flows
//! count as known: they read existing files from the start, which repeats records and loses none.
//! That goes for an empty file too: this store never leaves one behind, a failing disk does.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::backend::WriteError;
use super::connect;
use super::database::Database;
use super::error::{StoreError, chain};
use super::files;
use super::mirror::Mirror;
use super::rebuild::{finish_replacing, replace, stamp};
use super::schema::{Maker, SCHEMA_VERSION};
use super::store::{OpenReport, StoreOptions};

/// Opens the database at `path`, or makes one.
///
/// # Errors
/// See [`StoreError`]; damage is none.
pub(super) fn open_or_make(
    path: &Path,
    options: &StoreOptions,
    now_millis: i64,
) -> Result<(Database, Mirror, OpenReport), StoreError> {
    let typed = |error| explain(path, error);
    let stamp = stamp();
    finish_replacing(path, &stamp).map_err(typed)?;
    match std::fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            replace(path, &Mirror::default(), None).map_err(typed)?;
            let (database, mirror) = Database::open(path).map_err(typed)?;
            return Ok((database, mirror, OpenReport::Created));
        }
        Err(source) => return Err(files::explain("look at", path, source)),
        Ok(metadata) if !metadata.is_file() => {
            return Err(StoreError::NotAFile { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    let reason = match Database::open(path) {
        Ok((database, mirror)) => return Ok((database, mirror, OpenReport::Opened)),
        Err(error) if error.is_damage() => chain(&error),
        Err(error) => return Err(typed(error)),
    };
    let mut known = Mirror::default();
    for flow in &options.flows {
        known.apply(flow, Vec::new(), now_millis);
    }
    let moved_to = replace(path, &known, Some(&stamp)).map_err(typed)?;
    let moved_to = moved_to.unwrap_or_else(|| path.to_owned());
    let (database, mirror) = Database::open(path).map_err(typed)?;
    Ok((database, mirror, OpenReport::SetAside { moved_to, reason }))
}

/// Fails if another program's database lies there. Changes nothing, and makes nothing alongside it.
///
/// # Errors
/// [`StoreError::JavaAgentDatabase`], [`StoreError::Newer`], [`StoreError::OtherApplication`].
pub(super) fn refuse_others(path: &Path) -> Result<(), StoreError> {
    connect::refuse_foreign(path).map_err(|error| explain(path, error))
}

/// Puts a failure to open into words that say what to do.
fn explain(path: &Path, error: WriteError) -> StoreError {
    let code = error.code();
    let owned = || path.to_owned();
    match error {
        WriteError::Changed(_) | WriteError::Damaged(_) | WriteError::Removed => {
            StoreError::Unusable { path: owned(), detail: chain(&error) }
        }
        WriteError::Foreign(Maker::JavaAgent) => StoreError::JavaAgentDatabase { path: owned() },
        WriteError::Foreign(Maker::Newer(found)) => {
            StoreError::Newer { path: owned(), found, known: SCHEMA_VERSION }
        }
        WriteError::Foreign(Maker::Other | Maker::Ours) => {
            StoreError::OtherApplication { path: owned() }
        }
        WriteError::Io { doing, source } => files::explain(doing, path, source),
        WriteError::ReadOnly => {
            files::read_only(unwritable(path).unwrap_or(path), "SQLite can only read it")
        }
        WriteError::Sqlite { doing, source } => match code {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Locked { path: owned() }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                files::read_only(unwritable(path).unwrap_or(path), &source.to_string())
            }
            Some(ErrorCode::CannotOpen) => match unwritable(path) {
                Some(place) => files::read_only(place, &source.to_string()),
                None => StoreError::Sqlite { doing, path: owned(), source },
            },
            _ => StoreError::Sqlite { doing, path: owned(), source },
        },
    }
}

/// The file, or its directory where SQLite keeps its log, if this process may not write there.
fn unwritable(path: &Path) -> Option<&Path> {
    let may_write = |place: &Path| accessat(CWD, place, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    [Some(path), path.parent()].into_iter().flatten().find(|place| !may_write(place))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use rusqlite::Connection;
    use rusqlite::ffi::{SQLITE_IOERR, SQLITE_READONLY};

    use super::*;
    use crate::checkpoint::Change;
    use crate::checkpoint::database::tests::mirror_of;
    use crate::checkpoint::mirror::tests::{checkpoint, scratch};

    /// F39 allows two seconds for a start; a busy machine gets the benefit of the doubt.
    const START_MAX: Duration = Duration::from_secs(2);

    fn options() -> StoreOptions {
        StoreOptions { flows: vec!["f".into(), "other".into()] }
    }

    fn open(path: &Path) -> Result<(Mirror, OpenReport), StoreError> {
        open_or_make(path, &options(), 5).map(|(_, mirror, report)| (mirror, report))
    }

    /// A closed database with some rows, as bytes.
    fn sound_bytes() -> Vec<u8> {
        let dir = scratch();
        let path = dir.path().join("db");
        replace(&path, &mirror_of(0..40), None).unwrap();
        drop(Database::open(&path).unwrap());
        fs::read(&path).unwrap()
    }

    /// Opens these bytes: either every row is intact or the file was moved aside unchanged.
    fn opens_or_is_moved_aside(bytes: &[u8], what: &str) -> OpenReport {
        let dir = scratch();
        let path = dir.path().join("db");
        fs::write(&path, bytes).unwrap();
        let start = Instant::now();
        let (mirror, report) = open(&path).unwrap_or_else(|e| panic!("{what}: {}", chain(&e)));
        assert!(start.elapsed() < START_MAX, "{what}: took {:?}", start.elapsed());
        let loaded = mirror.load("f");
        match &report {
            OpenReport::Created => panic!("{what}: not a first start"),
            OpenReport::Opened => assert_eq!(loaded, mirror_of(0..40).load("f"), "{what}"),
            OpenReport::SetAside { moved_to, reason } => {
                assert!(!reason.is_empty());
                assert!(moved_to.to_string_lossy().contains("db.corrupt-2"), "{moved_to:?}");
                assert!(loaded.known_flow && loaded.rows.is_empty(), "{what}: read from the start");
                let kept = fs::read(moved_to).unwrap();
                assert_eq!(kept.len(), bytes.len(), "{what}: the evidence is kept");
            }
        }
        let (_, again) = open(&path).unwrap();
        assert_eq!(again, OpenReport::Opened, "{what}: the next start is an ordinary one");
        report
    }

    #[test]
    fn a_flipped_byte_in_the_header_loses_nothing() {
        let sound = sound_bytes();
        let mut move_aside = 0;
        for at in 0..100 {
            for mask in [0xff, 0x01] {
                let mut bytes = sound.clone();
                bytes[at] ^= mask;
                let report = opens_or_is_moved_aside(&bytes, &format!("header byte {at} ^ {mask}"));
                move_aside += u32::from(matches!(report, OpenReport::SetAside { .. }));
            }
        }
        assert!(move_aside > 50, "only {move_aside} were noticed");
    }

    #[test]
    fn random_flips_lose_nothing() {
        let sound = sound_bytes();
        let mut random = fastrand::Rng::with_seed(39);
        for round in 0..200 {
            let mut bytes = sound.clone();
            let (at, mask) = (random.usize(..bytes.len()), random.u8(1..));
            bytes[at] ^= mask;
            opens_or_is_moved_aside(&bytes, &format!("round {round}: byte {at} ^ {mask}"));
        }
    }

    #[test]
    fn a_truncated_database_is_moved_aside() {
        let sound = sound_bytes();
        let step = sound.len() / 60;
        for len in (0..sound.len()).step_by(step).chain([1, 15, 16, 99, 100, 511, 512, 4096]) {
            let report = opens_or_is_moved_aside(&sound[..len], &format!("{len} bytes"));
            assert!(matches!(report, OpenReport::SetAside { .. }), "{len} bytes");
        }
    }

    #[test]
    fn a_damaged_log_takes_back_commits_but_invents_none() {
        let dir = scratch();
        let path = dir.path().join("db");
        let (mut database, mut mirror, _) = open_or_make(&path, &options(), 1).unwrap();
        for offset in 0..30 {
            use crate::checkpoint::backend::Backend;
            mirror.apply(&"f".into(), vec![Change::Save(checkpoint(1, offset))], 1);
            database.write(&mirror).unwrap();
            mirror.mark_clean();
        }
        let (main, log) = (fs::read(&path).unwrap(), files::sidecar(&path, "-wal"));
        let log = fs::read(log).unwrap();
        let mut random = fastrand::Rng::with_seed(41);
        for _ in 0..100 {
            let at = random.usize(..log.len());
            let dir = scratch();
            let copy = dir.path().join("db");
            let mut bad = log.clone();
            bad[at] ^= 0x40;
            fs::write(&copy, &main).unwrap();
            fs::write(files::sidecar(&copy, "-wal"), bad).unwrap();
            let rows = open(&copy).unwrap().0.load("f").rows;
            assert!(rows.iter().all(|row| *row == checkpoint(1, row.offset)), "byte {at}");
        }
    }

    #[test]
    fn a_missing_file_is_a_first_start_and_an_opened_one_is_not() {
        let dir = scratch();
        let path = dir.path().join("db");
        let (mirror, report) = open(&path).unwrap();
        assert_eq!(report, OpenReport::Created);
        assert!(!mirror.load("f").known_flow);
        assert_eq!(open(&path).unwrap().1, OpenReport::Opened);
    }

    #[test]
    fn a_directory_in_its_place_is_refused() {
        let dir = scratch();
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::NotAFile { .. }), "{error}");
    }

    fn refused_and_untouched(path: &Path) -> StoreError {
        let before = fs::read(path).unwrap();
        let dir = path.parent().unwrap();
        let names = || {
            let mut names: Vec<PathBuf> =
                fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            names
        };
        let names_before = names();
        let error = open(path).unwrap_err();
        assert_eq!(fs::read(path).unwrap(), before, "not a byte changed");
        assert_eq!(names(), names_before, "nothing was put alongside it");
        error
    }

    #[test]
    fn the_java_agents_database_is_refused_and_left_as_it_is() {
        let dir = scratch();
        let path = dir.path().join("checkpoints");
        Connection::open(&path)
            .unwrap()
            .execute_batch(
                "create table if not exists FILE_CHECKPOINTS(flow text, path text, fileId text, \
                 lastModifiedTime bigint, size bigint, offset bigint, lastUpdated datetime, \
                 primary key (flow, path))",
            )
            .unwrap();
        let error = refused_and_untouched(&path);
        assert!(matches!(error, StoreError::JavaAgentDatabase { .. }), "{error}");
    }

    #[test]
    fn another_programs_database_is_refused_and_left_as_it_is_with_its_log() {
        let dir = scratch();
        let path = dir.path().join("db");
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1)")
            .unwrap();
        let error = refused_and_untouched(&path);
        assert!(matches!(error, StoreError::OtherApplication { .. }), "{error}");
    }

    #[test]
    fn what_another_program_left_when_it_was_killed_is_not_tidied_up() {
        let dir = scratch();
        let (live, path) = (dir.path().join("live"), dir.path().join("left/db"));
        let other = Connection::open(&live).unwrap();
        other
            .execute_batch("CREATE TABLE t(x); PRAGMA journal_mode = WAL; INSERT INTO t VALUES(1)")
            .unwrap();
        fs::create_dir(dir.path().join("left")).unwrap();
        fs::copy(&live, &path).unwrap();
        fs::copy(files::sidecar(&live, "-wal"), files::sidecar(&path, "-wal")).unwrap();
        let error = refused_and_untouched(&path);
        assert!(matches!(error, StoreError::OtherApplication { .. }), "{error}");
    }

    #[test]
    fn a_newer_version_is_refused_and_left_as_it_is() {
        let dir = scratch();
        let path = dir.path().join("db");
        replace(&path, &mirror_of(0..1), None).unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch("UPDATE kinetail_store SET schema_version = 2; PRAGMA user_version = 2")
            .unwrap();
        let error = refused_and_untouched(&path);
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
    }

    #[test]
    fn a_database_locked_by_another_process_is_refused() {
        let dir = scratch();
        let path = dir.path().join("db");
        drop(open(&path).unwrap());
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(open(&path).unwrap().1, OpenReport::Opened);
    }

    #[test]
    fn errors_of_sqlite_say_what_to_do() {
        let path = Path::new("/nonexistent/db");
        let failure = |code| WriteError::Sqlite {
            doing: "open",
            source: rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None),
        };
        let read_only = explain(path, failure(SQLITE_READONLY));
        assert!(matches!(read_only, StoreError::ReadOnly { .. }), "{read_only}");
        let other = explain(path, failure(SQLITE_IOERR));
        assert!(matches!(other, StoreError::Sqlite { doing: "open", .. }), "{other}");
        let unusable = explain(path, WriteError::Damaged("odd".to_owned()));
        assert!(matches!(unusable, StoreError::Unusable { .. }), "{unusable}");
        let read_only = explain(path, WriteError::ReadOnly);
        assert!(matches!(read_only, StoreError::ReadOnly { .. }), "{read_only}");
    }
}
