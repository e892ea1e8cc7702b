//! The files of the store in their directory: private, replaced as a whole, never deleted when
//! they may be evidence. Knows nothing of what is in them.
//!
//! A database is never made in place. It is built as `<path>.building`, named `<path>.new` when it
//! is complete and on disk, and then takes the place of `<path>`. Whoever finds a `.new` finishes
//! that last step, so a crash at any point leaves either the old database or the new one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FallocateFlags, OFlags, RenameFlags, fallocate, renameat_with};
use rustix::io::Errno;

use super::error::StoreError;
use super::owner::{self, directory};
use super::strangers;
use crate::disk::links;

/// Checkpoints name files and show sizes: they are for the agent's user only.
pub(super) const PRIVATE_FILE_MODE: u32 = 0o600;

/// The bits of a mode that say who may do what.
const PERMISSION_BITS: u32 = 0o777;

/// What of a mode is the owner's.
const OWNER_BITS: u32 = 0o700;

/// So many corrupt databases of one second are told apart; more is a loop somewhere.
const SET_ASIDE_NAMES_MAX: u32 = 100;

/// What SQLite keeps alongside a database. They go first: a log that is left behind would be played
/// into the next database.
const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// SQLite's index of its log is mapped in parts of this many bytes, one for some 4,000 pages. The
/// log is copied into the database long before it has more.
const INDEX_BYTES: u64 = 32 * 1024;

/// `path` with `suffix` at the end of its name.
pub(super) fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes the directory if it is missing and resolves the links to it, so that one file has one lock
/// however it is named.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let Some(name) = path.file_name() else {
        return Err(StoreError::NotAFile { path: path.to_owned() });
    };
    let dir = directory(path);
    check_links(dir)?;
    owner::make_directory(dir)
        .map_err(|source| StoreError::Directory { path: dir.to_owned(), source })?;
    fs::canonicalize(dir)
        .map(|dir| dir.join(name))
        .map_err(|source| StoreError::Directory { path: dir.to_owned(), source })
}

/// A link on the way to the directory may be root's, or that of the owner of what it leads to: else
/// another user chooses where checkpoints are written.
pub(super) fn check_links(dir: &Path) -> Result<(), StoreError> {
    links::refuse_foreign(dir)
        .map_err(|source| StoreError::Directory { path: dir.to_owned(), source })
}

/// `path` with the links resolved that lead to its directory, for SQLite, which is told to follow
/// none.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let Some(name) = path.file_name() else { return path.to_owned() };
    fs::canonicalize(directory(path)).map_or_else(|_| path.to_owned(), |dir| dir.join(name))
}

/// Turns a refusal of the file system into an error that says who would have to do what.
pub(super) fn explain(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            read_only(path, &source.to_string())
        }
        _ => StoreError::Io { doing, path: path.to_owned(), source },
    }
}

/// `path`, or its directory when `path` is missing, cannot be written.
pub(super) fn read_only(path: &Path, detail: &str) -> StoreError {
    let ours = rustix::process::geteuid().as_raw();
    let (path, owner) = if let Ok(metadata) = fs::metadata(path) {
        (path, metadata.uid())
    } else {
        let dir = directory(path);
        (dir, fs::metadata(dir).map_or(ours, |metadata| metadata.uid()))
    };
    StoreError::ReadOnly { path: path.to_owned(), owner, ours, detail: detail.to_owned() }
}

/// Makes a new empty file that only its owner can read, whatever the umask says.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let file =
        OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(PRIVATE_FILE_MODE))?;
    owner::hand_over(&file, path)
}

/// Has the file system provide all of SQLite's index of its log, which is mapped. SQLite writes one
/// byte to each 4 KiB; where blocks are smaller the rest are holes, and to write into one of those
/// through the mapping ends the process once the disk is full.
///
/// The file is to stay open as long as SQLite has it open: to close it would give up the locks that
/// the process has on it.
pub(super) fn reserve_index(path: &Path) -> io::Result<Option<File>> {
    let file = match OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(sidecar(path, "-shm"))
    {
        Ok(file) => file,
        // Where there is no shared memory there is no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = file.metadata()?.len().max(INDEX_BYTES);
    match fallocate(&file, FallocateFlags::empty(), 0, len) {
        // Such a file system cannot promise it.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(Some(file)),
        Err(error) => Err(error.into()),
    }
}

/// Takes others' rights to an existing database away, and gives it and what belongs to it to those
/// who shall open it. A file of another user stays unchanged.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    for suffix in SIDECARS.into_iter().chain([""]) {
        owner::hand_over_existing(&sidecar(path, suffix))?;
    }
    let file = strangers::open(path)?;
    let metadata = file.metadata()?;
    let mode = metadata.mode() & PERMISSION_BITS;
    let owners = mode & OWNER_BITS;
    if mode == owners || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(owners))
}

/// Device and inode of what is at `path` now; `None` if nothing is.
pub(super) fn inode(path: &Path) -> io::Result<Option<(u64, u64)>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Writes a finished database through to the disk and names it the complete replacement.
pub(super) fn promote(building: &Path, new: &Path) -> io::Result<()> {
    strangers::open(building)?.sync_all()?;
    fs::rename(building, new)?;
    sync_directory(new)
}

/// Moves a database and what belongs to it to `<path>.corrupt-<stamp>`. Returns the new name.
pub(super) fn move_aside(path: &Path, stamp: &str) -> io::Result<PathBuf> {
    let aside = free_name(path, stamp)?;
    for suffix in SIDECARS {
        match rename_to_free(&sidecar(path, suffix), &sidecar(&aside, suffix)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    rename_to_free(path, &aside)?;
    for suffix in SIDECARS.into_iter().chain([""]) {
        owner::hand_over_existing(&sidecar(&aside, suffix))?;
    }
    Ok(aside)
}

/// Renames to a name that nothing has, or fails.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

/// Puts the complete replacement in its place. What was there before is overwritten.
pub(super) fn install(new: &Path, path: &Path) -> io::Result<()> {
    for suffix in SIDECARS {
        remove_if_there(&sidecar(path, suffix))?;
    }
    fs::rename(new, path)?;
    sync_directory(path)
}

/// A name that no file has yet.
fn free_name(path: &Path, stamp: &str) -> io::Result<PathBuf> {
    for attempt in 1..=SET_ASIDE_NAMES_MAX {
        let tail = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let name = sidecar(path, &format!(".corrupt-{stamp}{tail}"));
        if fs::symlink_metadata(&name).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            return Ok(name);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "cannot find a free name for the corrupt database",
    ))
}

/// A rename is on disk only when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn missing_directories_are_made_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/db");
        let resolved = prepare(&path).unwrap();
        assert!(resolved.ends_with("a/b/db"));
        assert_eq!(mode(&root.path().join("a")), 0o700);
        assert_eq!(mode(&root.path().join("a/b")), 0o700);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        let error = prepare(&root.path().join("file/dir/db")).unwrap_err();
        assert!(matches!(&error, StoreError::Directory { path, .. } if path.ends_with("dir")));
        assert!(matches!(prepare(Path::new("/")).unwrap_err(), StoreError::NotAFile { .. }));
    }

    #[test]
    fn two_names_of_one_directory_resolve_to_the_same_path() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.path().join("link")).unwrap();
        let name = |dir: &str| prepare(&root.path().join(dir).join("db")).unwrap();
        assert_eq!(name("link"), name("real"));
    }

    #[test]
    fn moving_aside_takes_the_log_along_and_never_overwrites_an_older_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("db");
        for round in ["one", "two"] {
            fs::write(&path, round).unwrap();
            fs::write(sidecar(&path, "-wal"), round).unwrap();
            move_aside(&path, "T").unwrap();
        }
        let read = |name: &str| fs::read_to_string(root.path().join(name)).unwrap();
        assert_eq!((read("db.corrupt-T"), read("db.corrupt-T-wal")), ("one".into(), "one".into()));
        assert_eq!(
            (read("db.corrupt-T-2"), read("db.corrupt-T-2-wal")),
            ("two".into(), "two".into())
        );
        assert!(inode(&path).unwrap().is_none());
    }

    #[test]
    fn an_open_file_of_ours_becomes_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("db");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        make_private(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_denied_permission_names_the_owner() {
        let root = tempfile::tempdir().unwrap();
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = explain("open", &root.path().join("db"), denied);
        let ours = rustix::process::geteuid().as_raw();
        assert!(
            matches!(&error, StoreError::ReadOnly { owner, .. } if *owner == ours),
            "the directory's owner: {error}"
        );
    }
}
