//! The Java agent's checkpoint database: one table, one row for each flow and path.
//!
//! A row says where a file was acknowledged under a path: its device and inode as text, its size
//! and time when it was listed, and the offset behind the last record. The row of a flow that was
//! written last is where that agent would resume; the others are files that it left before. (Schema
//! and meaning: `SQLiteFileCheckpointStore` of amazon-kinesis-agent 2.0.13.) Rows that are older
//! than a week are read like all others; only the Java agent deletes them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::ImportError;
use crate::checkpoint::private_copy::PrivateCopy;
use crate::disk::regular;
use crate::tail::identity::Inode;

const SELECT: &str = "SELECT flow, path, fileId, lastModifiedTime, size, offset, lastUpdated
    FROM FILE_CHECKPOINTS";

/// Every SQLite database begins so.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The path under which the file was listed.
    pub path: PathBuf,
    /// Which file; `None` if the text is none that the Java agent writes.
    pub inode: Option<Inode>,
    /// When the file was last modified as it was listed, in milliseconds since 1970.
    pub modified_millis: i64,
    /// Its size as it was listed, in bytes.
    pub size: u64,
    /// Everything before this byte was acknowledged; `None` if it is no offset.
    pub offset: Option<u64>,
    /// When the row was written, in milliseconds since 1970, as far as it can be read.
    pub updated_millis: Option<i64>,
}

/// All rows, by flow.
#[derive(Debug, Default)]
pub struct Rows {
    flows: BTreeMap<String, Vec<Row>>,
}

impl Row {
    /// When the file was last seen, as far as the row tells: rows without a time were handed back
    /// by an older kinetail, which had read everything by then.
    pub(super) fn seen_millis(&self) -> i64 {
        if self.modified_millis > 0 {
            return self.modified_millis;
        }
        self.updated_millis.unwrap_or(0)
    }
}

impl Rows {
    /// The rows of a flow, the one that was written last at the end.
    #[must_use]
    pub fn of(&self, flow: &str) -> &[Row] {
        self.flows.get(flow).map_or(&[], Vec::as_slice)
    }

    /// The ids of all flows.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        self.flows.keys().map(String::as_str)
    }
}

/// Reads the database from a private copy.
///
/// # Errors
/// See [`ImportError`].
pub fn read(path: &Path, scratch: &[PathBuf]) -> Result<Rows, ImportError> {
    let copy = PrivateCopy::of(path, scratch)?;
    let damaged = |detail: String| ImportError::Damaged { path: path.to_owned(), detail };
    let bytes = std::fs::metadata(copy.path()).map_or(0, |meta| meta.len());
    if bytes == 0 {
        // SQLite makes the file before the Java agent makes the table: nothing was written yet.
        return Ok(Rows::default());
    }
    if !begins_with_magic(copy.path()) {
        return Err(damaged("it is not an SQLite database".to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || {
        let conn = Connection::open_with_flags(copy.path(), flags)?;
        let verdict: String = conn.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if verdict != "ok" {
            return Ok(Err(verdict));
        }
        rows(&conn).map(Ok)
    };
    match read() {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(verdict)) => Err(damaged(verdict)),
        Err(error) => Err(match lacks(&error) {
            Some(detail) => ImportError::NotJava { path: path.to_owned(), detail },
            None => damaged(error.to_string()),
        }),
    }
}

/// The table or column that the database does not have: the statement itself is right.
fn lacks(error: &rusqlite::Error) -> Option<String> {
    match error {
        rusqlite::Error::SqliteFailure(error, message) if error.code == ErrorCode::Unknown => {
            message.clone()
        }
        rusqlite::Error::SqlInputError { error, msg, .. } if error.code == ErrorCode::Unknown => {
            Some(msg.clone())
        }
        _ => None,
    }
}

fn begins_with_magic(path: &Path) -> bool {
    use std::io::Read as _;

    let mut start = [0; MAGIC.len()];
    let read = regular::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == MAGIC
}

fn rows(conn: &Connection) -> rusqlite::Result<Rows> {
    let mut statement = conn.prepare(SELECT)?;
    let mut cursor = statement.query([])?;
    let mut flows: BTreeMap<String, Vec<(String, Row)>> = BTreeMap::new();
    while let Some(row) = cursor.next()? {
        let flow = String::from_utf8_lossy(bytes(row.get_ref(0)?)).into_owned();
        let updated = String::from_utf8_lossy(bytes(row.get_ref(6)?)).into_owned();
        let file_id = String::from_utf8_lossy(bytes(row.get_ref(2)?)).into_owned();
        let row = Row {
            path: OsString::from_vec(bytes(row.get_ref(1)?).to_vec()).into(),
            inode: inode(&file_id),
            modified_millis: integer(row.get_ref(3)?).unwrap_or(0),
            size: integer(row.get_ref(4)?).and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            offset: integer(row.get_ref(5)?).and_then(|offset| u64::try_from(offset).ok()),
            updated_millis: millis(&updated),
        };
        flows.entry(flow).or_default().push((updated, row));
    }
    // As the Java agent finds the last one: by the text.
    let sorted = flows.into_iter().map(|(flow, mut rows)| {
        rows.sort_by(|a, b| (&a.0, a.1.offset).cmp(&(&b.0, b.1.offset)));
        (flow, rows.into_iter().map(|(_, row)| row).collect())
    });
    Ok(Rows { flows: sorted.collect() })
}

/// Text as is; other types have none.
fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
    }
}

fn integer(value: ValueRef<'_>) -> Option<i64> {
    value.as_i64().ok()
}

/// `(dev=fe00,ino=10732236)`: the device in hexadecimal, the inode in decimal.
fn inode(text: &str) -> Option<Inode> {
    let (device, number) = text.strip_prefix("(dev=")?.strip_suffix(')')?.split_once(",ino=")?;
    Some(Inode {
        device: u64::from_str_radix(device, 16).ok()?,
        // A Java long: large inode numbers are negative.
        number: number.parse().ok().or_else(|| number.parse().ok().map(i64::cast_unsigned))?,
    })
}

/// `YYYY-MM-DD HH:MM:SS.mmm` in UTC.
fn millis(text: &str) -> Option<i64> {
    let at = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", text).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::checkpoint::private_copy::CopyError;

    const TABLE: &str = "create table if not exists FILE_CHECKPOINTS(flow text, path text,
        fileId text, lastModifiedTime bigint, size bigint, offset bigint, lastUpdated datetime,
        primary key (flow, path))";

    fn database(sql: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        (dir, path)
    }

    #[test]
    fn rows_come_in_the_order_of_their_writing() {
        let (_dir, path) = database(&format!(
            "{TABLE};
             INSERT INTO FILE_CHECKPOINTS VALUES
             ('f', '/l/b', '(dev=fe00,ino=12)', 1700000000123, 900, 800, '2026-11-20 10:00:00.500'),
             ('f', '/l/a', '(dev=fe00,ino=11)', 1600000000000, 700, 700, '2019-01-01 00:00:00.000'),
             ('g', '/l/c', 'nonsense', 'x', -1, -5, 'yesterday')"
        ));
        let rows = read(&path, &[]).unwrap();
        assert_eq!(rows.flows().collect::<Vec<_>>(), ["f", "g"]);
        let [old, last] = rows.of("f") else { panic!("{rows:?}") };
        assert_eq!(old.path, Path::new("/l/a"), "a row of any age counts");
        assert_eq!(
            *last,
            Row {
                path: "/l/b".into(),
                inode: Some(Inode { device: 0xfe00, number: 12 }),
                modified_millis: 1_700_000_000_123,
                size: 900,
                offset: Some(800),
                updated_millis: Some(1_795_168_800_500),
            }
        );
        let [odd] = rows.of("g") else { panic!("{rows:?}") };
        assert_eq!((odd.inode, odd.offset, odd.updated_millis), (None, None, None));
        assert!(rows.of("h").is_empty());
    }

    #[test]
    fn file_ids_are_read_as_java_writes_them() {
        assert_eq!(inode("(dev=1a,ino=7)"), Some(Inode { device: 26, number: 7 }));
        assert_eq!(inode("(dev=0,ino=-1)"), Some(Inode { device: 0, number: u64::MAX }));
        for text in ["", "dev=1,ino=2", "(dev=xyz,ino=2)", "(dev=1,ino=)", "(ino=2,dev=1)"] {
            assert_eq!(inode(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_database_of_the_java_agent_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints");
        let missing = read(&path, &[]).unwrap_err();
        assert!(
            matches!(&missing, ImportError::Copy(CopyError::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound),
            "{missing}"
        );
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(&path, &[]).unwrap().flows().count(), 0, "made and not yet written");
        std::fs::write(&path, "this is a text of some length").unwrap();
        assert!(matches!(read(&path, &[]), Err(ImportError::Damaged { .. })));

        let (_dir, path) = database("CREATE TABLE t(x)");
        let error = read(&path, &[]).unwrap_err();
        assert!(
            matches!(&error, ImportError::NotJava { detail, .. }
            if detail.contains("no such table")),
            "{error}"
        );
        let (_dir, path) = database("CREATE TABLE FILE_CHECKPOINTS(flow text)");
        let error = read(&path, &[]).unwrap_err();
        assert!(
            matches!(&error, ImportError::NotJava { detail, .. }
            if detail.contains("no such column")),
            "{error}"
        );
    }

    #[test]
    fn a_torn_database_is_damaged() {
        let (_dir, path) = database(&format!(
            "{TABLE}; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500)
             INSERT INTO FILE_CHECKPOINTS SELECT 'f', '/l/' || i, 'x', 1, 1, 1, 'x' FROM n"
        ));
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0xa5);
        std::fs::write(&path, &bytes).unwrap();
        let error = read(&path, &[]).unwrap_err();
        assert!(matches!(error, ImportError::Damaged { .. }), "{error}");
    }
}
