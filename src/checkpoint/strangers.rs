//! What lies already where the store's files go, and whether it may be taken for the store's.
//!
//! The configuration may name another user's file by mistake, and whoever may write to the
//! directory may put something there on purpose. What is a link, is no regular file, belongs to
//! another user else, or holds something else is left as it is, and the store does not open.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::error::StoreError;
use super::files::{self, sidecar};
use super::owner::directory;

/// Of a file this much is looked at.
const LOOK_BYTES: u64 = 4096;

/// The first bytes of every SQLite database.
const DATABASE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Where a database has the number of the program that it belongs to.
const APPLICATION_ID_AT: usize = 68;

/// kinetail's number, as is in the file.
const APPLICATION_ID: [u8; 4] = *b"KTCP";

/// The first bytes of a write-ahead log but the last bit, which says how its checksums are made.
const LOG_MAGIC: [u8; 4] = [0x37, 0x7f, 0x06, 0x82];

/// The first bytes of a rollback journal.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// A lock file holds a process id: ten digits at most, and a line end.
const LOCK_BYTES_MAX: usize = 16;

/// What a file ought to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Database,
    Journal,
    Lock,
    Log,
    SharedMemory,
}

/// The files alongside the database and what each ought to be.
const BESIDE: [(&str, Role); 6] = [
    (".lock", Role::Lock),
    (".new", Role::Database),
    (".building", Role::Database),
    ("-wal", Role::Log),
    ("-shm", Role::SharedMemory),
    ("-journal", Role::Journal),
];

/// Opens what is there and is no link, without waiting for anybody.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Refuses whatever is in the way of the store. Changes nothing.
///
/// # Errors
/// [`StoreError::InTheWay`], [`StoreError::NotAFile`].
pub(super) fn refuse(path: &Path) -> Result<(), StoreError> {
    // A database whose beginning is destroyed has its lock alongside it, which is never taken away.
    let there = refuse_kind(path, Role::Database, !had_store(path))?;
    for (suffix, role) in BESIDE {
        // What lies alongside a database of SQLite's is SQLite's, damaged or not.
        let contents = !there || !suffix.starts_with('-');
        refuse_kind(&sidecar(path, suffix), role, contents)?;
    }
    Ok(())
}

/// Whether a kinetail wrote its process id into a lock alongside this file.
fn had_store(path: &Path) -> bool {
    let lock = sidecar(path, ".lock");
    refuse_kind(&lock, Role::Lock, true).is_ok_and(|there| there)
        && fs::metadata(&lock).is_ok_and(|found| found.len() > 0)
}

/// As [`refuse`], for one file, and for its contents if that is asked for. Says whether it is
/// there.
fn refuse_kind(path: &Path, role: Role, contents: bool) -> Result<bool, StoreError> {
    let failed = |source| files::explain("look at", path, source);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let in_the_way = |why: String| StoreError::InTheWay { path: path.to_owned(), why };
    if found.is_symlink() {
        return Err(in_the_way("is a symbolic link, and none is followed there".to_owned()));
    }
    if !found.is_file() {
        return Err(StoreError::NotAFile { path: path.to_owned() });
    }
    let heir = fs::metadata(directory(path)).map_err(failed)?.uid();
    let ours = rustix::process::geteuid().as_raw();
    if ![0, ours, heir].contains(&found.uid()) {
        return Err(in_the_way(format!("belongs to uid {}", found.uid())));
    }
    if role == Role::Lock && found.nlink() > 1 {
        return Err(in_the_way("is a hard link to another file".to_owned()));
    }
    let mut head = Vec::new();
    match open(path).and_then(|file| file.take(LOOK_BYTES).read_to_end(&mut head)) {
        Ok(_) => {}
        // Who may not read it hears of that when it is opened.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(true),
        Err(error) => return Err(failed(error)),
    }
    if contents && !is_plausible(&head, role) {
        return Err(in_the_way("contains data that is not kinetail's".to_owned()));
    }
    Ok(true)
}

/// Whether a file that begins so may be what it ought to be, torn or not. One without any content
/// is what a crash leaves behind.
fn is_plausible(head: &[u8], role: Role) -> bool {
    if head.iter().all(|byte| *byte == 0) {
        return true;
    }
    match role {
        Role::Database => {
            let mark = head.get(APPLICATION_ID_AT..APPLICATION_ID_AT + 4);
            let begins = |magic: &[u8]| head.starts_with(magic) || magic.starts_with(head);
            begins(DATABASE_MAGIC) || mark == Some(&APPLICATION_ID)
        }
        Role::Journal => head.starts_with(&JOURNAL_MAGIC),
        Role::Lock => {
            head.len() <= LOCK_BYTES_MAX
                && head.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace())
        }
        Role::Log => {
            let [first @ .., last] = LOG_MAGIC;
            head.starts_with(&first) && head.get(first.len()).is_some_and(|byte| byte & !1 == last)
        }
        // It has no mark of its own.
        Role::SharedMemory => true,
    }
}

/// Directories on the way to the store in which others may put something else in its place.
pub(super) fn unsafe_directories(path: &Path) -> Vec<String> {
    let is_root = rustix::process::geteuid().is_root();
    let heir = fs::metadata(directory(path)).map_or(0, |found| found.uid());
    let mut found = Vec::new();
    for (depth, dir) in path.ancestors().skip(1).enumerate() {
        let Ok(metadata) = fs::metadata(dir) else { continue };
        let (mode, owner) = (metadata.mode(), metadata.uid());
        let shown = crate::shown::shown(dir);
        if mode & 0o1002 == 0o0002 {
            found.push(format!(
                "any user can replace files in {shown} (mode {:04o}); run `chmod o-w {shown}`, or \
                 set its sticky bit",
                mode & 0o7777
            ));
        } else if is_root && depth > 0 && ![0, heir].contains(&owner) {
            found.push(format!(
                "uid {owner} owns {shown} and can replace the checkpoint directory; chown it to \
                 root, or change checkpointFile"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::checkpoint::store::{Store, StoreOptions};

    /// Everything in a directory: names, kinds, contents.
    fn everything(dir: &Path) -> Vec<String> {
        let mut all: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                let text = if kind.is_file() { fs::read(entry.path()).unwrap() } else { vec![] };
                format!("{:?} {kind:?} {text:?}", entry.file_name())
            })
            .collect();
        all.sort();
        all
    }

    /// Nothing is touched, and the error names the file.
    fn is_refused(dir: &Path, name: &str, why: &str) {
        let before = everything(dir);
        let error = Store::open(&dir.join("c.db"), &StoreOptions::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(why), "{name}: {text}");
        assert_eq!(everything(dir), before, "{name}");
        let examined = crate::checkpoint::locate::examine(&dir.join("c.db"));
        assert_eq!(examined.unwrap_err().to_string(), text, "check says the same");
    }

    #[test]
    fn somebodys_file_in_the_place_of_any_of_the_stores_is_refused_and_left_alone() {
        for suffix in ["", ".lock", ".new", ".building", "-wal", "-journal"] {
            let dir = tempfile::tempdir().unwrap();
            let name = format!("c.db{suffix}");
            fs::write(dir.path().join(&name), "shopping: milk, eggs\n").unwrap();
            is_refused(dir.path(), &name, "not kinetail's");
        }
    }

    #[test]
    fn a_link_or_what_is_no_file_is_refused_and_nothing_behind_it_is_touched() {
        for suffix in ["", ".lock", ".new", ".building", "-wal", "-shm", "-journal"] {
            let dir = tempfile::tempdir().unwrap();
            let victim = tempfile::NamedTempFile::new().unwrap();
            fs::write(victim.path(), "SQLite format 3\0precious").unwrap();
            let name = format!("c.db{suffix}");
            let path = dir.path().join(&name);
            symlink(victim.path(), &path).unwrap();
            is_refused(dir.path(), &name, "symbolic link");
            fs::remove_file(&path).unwrap();
            symlink("nowhere", &path).unwrap();
            is_refused(dir.path(), &name, "symbolic link");
            fs::remove_file(&path).unwrap();
            mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
            is_refused(dir.path(), &name, "not a regular file");
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            is_refused(dir.path(), &name, "not a regular file");
            assert_eq!(fs::read(victim.path()).unwrap(), b"SQLite format 3\0precious");
        }
    }

    #[test]
    fn a_file_that_another_user_put_into_a_common_directory_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        for suffix in ["", ".lock", ".new", ".building", "-wal", "-shm", "-journal"] {
            let dir = tempfile::tempdir().unwrap();
            let name = format!("c.db{suffix}");
            fs::write(dir.path().join(&name), "").unwrap();
            chown(dir.path().join(&name), Some(12_345), None).unwrap();
            is_refused(dir.path(), &name, "belongs to uid 12345");
        }
    }

    #[test]
    fn a_link_of_another_user_to_a_foreign_directory_leads_nowhere() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("private")).unwrap();
        let link = dir.path().join("state");
        symlink("private", &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12_345), None).unwrap();
        for path in [link.join("c.db"), link.join("made/c.db")] {
            let error = Store::open(&path, &StoreOptions::default()).unwrap_err();
            assert!(matches!(error, StoreError::Directory { .. }), "{error}");
            assert!(crate::checkpoint::locate::examine(&path).is_err());
        }
        assert!(everything(&dir.path().join("private")).is_empty());
        std::os::unix::fs::lchown(&link, Some(0), None).unwrap();
        Store::open(&link.join("c.db"), &StoreOptions::default()).unwrap().0.close().unwrap();
    }

    #[test]
    fn the_lock_is_never_written_through_another_name_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("victim"), "12\n").unwrap();
        fs::hard_link(dir.path().join("victim"), dir.path().join("c.db.lock")).unwrap();
        is_refused(dir.path(), "c.db.lock", "hard link");
    }

    #[test]
    fn what_the_store_leaves_behind_is_taken_for_its_own() {
        let id = u32::from_be_bytes(APPLICATION_ID);
        assert_eq!(i64::from(id), super::super::schema::APPLICATION_ID);
        let mut database = DATABASE_MAGIC.to_vec();
        assert!(is_plausible(b"", Role::Database) && is_plausible(&[0; 4096], Role::Database));
        for length in 0..=database.len() {
            assert!(is_plausible(&database[..length], Role::Database), "{length}");
        }
        // A header of which a byte is wrong still has the mark.
        database.resize(100, 7);
        database[APPLICATION_ID_AT..][..4].copy_from_slice(&APPLICATION_ID);
        database[3] ^= 1;
        assert!(is_plausible(&database, Role::Database));
        database[APPLICATION_ID_AT] ^= 1;
        assert!(!is_plausible(&database, Role::Database));
        assert!(is_plausible(b"4711\n", Role::Lock) && !is_plausible(b"4711 x\n", Role::Lock));
        assert!(is_plausible(&[0x37, 0x7f, 0x06, 0x83, 1], Role::Log));
        assert!(!is_plausible(b"SQLite format 3\0", Role::Log));
    }

    #[test]
    fn directories_in_which_others_may_replace_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        let path = state.join("c.db");
        let named = |path: &Path| {
            let all = unsafe_directories(path);
            all.iter().filter(|text| text.contains(dir.path().to_str().unwrap())).count()
        };
        assert_eq!(named(&path), 0);
        fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(named(&path), 1);
        fs::set_permissions(&state, fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(named(&path), 0);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(named(&path), 1);
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
            chown(dir.path(), Some(12_345), None).unwrap();
            assert_eq!(named(&path), 1);
        }
    }
}
