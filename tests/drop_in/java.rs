//! The Java agent's checkpoint database, made as that agent would have left it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};

/// The table as that agent makes it.
const TABLE: &str = "create table if not exists FILE_CHECKPOINTS(flow text, path text,
    fileId text, lastModifiedTime bigint, size bigint, offset bigint, lastUpdated datetime,
    primary key (flow, path))";

/// As that agent writes times.
const TIME: &str = "strftime('%Y-%m-%d %H:%M:%f', ?7 / 1000.0, 'unixepoch')";

/// A database of the Java agent.
pub(crate) struct JavaDatabase {
    pub(crate) path: PathBuf,
}

/// What one row says.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) path: PathBuf,
    pub(super) file_id: String,
    pub(super) modified_millis: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
    pub(super) updated_millis: u64,
}

impl Row {
    /// The row of a file that is there: written now, at this offset.
    pub(crate) fn of(path: &Path, offset: u64) -> Self {
        let meta = fs::metadata(path).unwrap();
        Self {
            path: path.to_owned(),
            file_id: format!("(dev={:x},ino={})", meta.dev(), meta.ino()),
            modified_millis: millis(meta.modified().unwrap()),
            size: meta.len(),
            offset,
            updated_millis: millis(SystemTime::now()),
        }
    }

    /// The same, written later or earlier.
    pub(super) fn updated(self, updated_millis: u64) -> Self {
        Self { updated_millis, ..self }
    }
}

impl JavaDatabase {
    /// An empty one.
    pub(crate) fn new(path: PathBuf) -> Self {
        Connection::open(&path).unwrap().execute_batch(TABLE).unwrap();
        Self { path }
    }

    /// Writes a row, as a checkpoint of this flow.
    pub(crate) fn save(&self, flow: &str, row: &Row) {
        let sql = format!(
            "INSERT OR REPLACE INTO FILE_CHECKPOINTS VALUES
            (?1, ?2, ?3, ?4, ?5, ?6, {TIME})"
        );
        let values = params![
            flow,
            row.path.to_str(),
            row.file_id,
            row.modified_millis.cast_signed(),
            row.size.cast_signed(),
            row.offset.cast_signed(),
            row.updated_millis.cast_signed(),
        ];
        Connection::open(&self.path).unwrap().execute(&sql, values).unwrap();
    }

    /// Path, file and offset of the row from which the Java agent would resume.
    pub(super) fn last(&self, flow: &str) -> (PathBuf, String, u64) {
        let sql = "SELECT path, fileId, offset FROM FILE_CHECKPOINTS WHERE flow = ?1
            ORDER BY lastUpdated DESC LIMIT 1";
        let conn = Connection::open(&self.path).unwrap();
        conn.query_row(sql, [flow], |row| {
            let path: String = row.get(0)?;
            Ok((path.into(), row.get(1)?, row.get::<_, i64>(2)?.cast_unsigned()))
        })
        .unwrap()
    }

    /// File, time, size and offset of the row of a path.
    pub(super) fn row(&self, flow: &str, path: &Path) -> (String, u64, u64, u64) {
        let sql = "SELECT fileId, lastModifiedTime, size, offset FROM FILE_CHECKPOINTS
            WHERE flow = ?1 AND path = ?2";
        let conn = Connection::open(&self.path).unwrap();
        let number = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        conn.query_row(sql, params![flow, path.to_str()], |row| {
            Ok((row.get(0)?, number(row, 1)?, number(row, 2)?, number(row, 3)?))
        })
        .unwrap()
    }

    /// Everything that shows whether it was written to, and the files next to it.
    pub(super) fn state(&self) -> (Vec<u8>, SystemTime, Vec<PathBuf>) {
        let dir = fs::read_dir(self.path.parent().unwrap()).unwrap();
        let name = self.path.file_name().unwrap().to_str().unwrap();
        let mut sidecars: Vec<_> = dir.map(|entry| entry.unwrap().path()).collect();
        sidecars.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name));
        sidecars.sort();
        let modified = fs::metadata(&self.path).unwrap().modified().unwrap();
        (fs::read(&self.path).unwrap(), modified, sidecars)
    }
}

/// Milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Sets the time of a file.
pub(super) fn set_modified(path: &Path, millis: u64) {
    let time = UNIX_EPOCH + Duration::from_millis(millis);
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Whether this file system tells when a file was made.
pub(super) fn tells_birth(path: &Path) -> bool {
    fs::metadata(path).unwrap().created().is_ok()
}
