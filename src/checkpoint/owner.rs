//! Ownership of the store's files. Where root makes one in a directory of another user, as `sudo
//! kinetail import` does, it becomes the directory's owner's: the service could not open it later.
//!
//! Only a file of root's own is given away, and only through a descriptor: whoever owns the
//! directory could put another file, or another name of one, in its place meanwhile.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use rustix::fs::OFlags;

/// The mode of directories that the store makes.
const PRIVATE_DIR_MODE: u32 = 0o700;

/// Gives a file or directory that root just made, or made once, to the owner and group of the
/// directory that `path` lies in.
pub(super) fn hand_over(file: &File, path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (ours, heir) = (file.metadata()?, fs::metadata(directory(path))?);
    if is_for(&ours, &heir) {
        return fchown(file, Some(heir.uid()), Some(heir.gid()));
    }
    Ok(())
}

/// The same for a file that may be there.
pub(super) fn hand_over_existing(path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    match opened {
        Ok(file) => hand_over(&file, path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Makes a directory and those above it that are missing. Each belongs to the owner of the one
/// that it lies in.
pub(super) fn make_directory(dir: &Path) -> io::Result<()> {
    let is_missing = |place: &&Path| match fs::metadata(place) {
        Ok(_) => false,
        Err(e) => e.kind() == io::ErrorKind::NotFound && !place.as_os_str().is_empty(),
    };
    let missing: Vec<&Path> = dir.ancestors().take_while(is_missing).collect();
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let flags = flags.bits().cast_signed();
    for place in missing.into_iter().rev() {
        DirBuilder::new().recursive(true).mode(PRIVATE_DIR_MODE).create(place)?;
        hand_over(&OpenOptions::new().read(true).custom_flags(flags).open(place)?, place)?;
    }
    // Says what is wrong with a place that is there and is none.
    DirBuilder::new().recursive(true).create(dir)
}

/// A second name of a file may be one that root's own programs rely on.
fn is_for(ours: &Metadata, heir: &Metadata) -> bool {
    let only_name = ours.is_dir() || (ours.is_file() && ours.nlink() == 1);
    let same = (ours.uid(), ours.gid()) == (heir.uid(), heir.gid());
    ours.uid() == 0 && only_name && !same
}

/// The directory that `path` lies in.
pub(super) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::chown;
    use std::path::PathBuf;

    use super::*;
    use crate::checkpoint::store::{Store, StoreOptions};

    /// A service's user and group; the numbers need no entry in a user database.
    const SERVICE: (u32, u32) = (4_711, 4_712);

    /// A directory of the service's, or `None`, said aloud, if this is not root.
    fn service_directory() -> Option<tempfile::TempDir> {
        let dir = tempfile::tempdir().unwrap();
        match chown(dir.path(), Some(SERVICE.0), Some(SERVICE.1)) {
            Ok(()) => Some(dir),
            Err(error) => {
                io::Write::write_all(
                    &mut io::stderr(),
                    format!("skipped: only root gives files away ({error})\n").as_bytes(),
                )
                .unwrap();
                None
            }
        }
    }

    /// Name, owner and mode of everything in a directory.
    fn owners(dir: &Path) -> BTreeMap<PathBuf, ((u32, u32), u32)> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let owner = (metadata.uid(), metadata.gid());
            (PathBuf::from(entry.file_name()), (owner, metadata.mode() & 0o777))
        });
        entries.collect()
    }

    fn open(path: &Path) -> Store {
        Store::open(path, &StoreOptions::default()).unwrap().0
    }

    #[test]
    fn root_leaves_nothing_that_the_service_cannot_open() {
        let Some(dir) = service_directory() else { return };
        let path = dir.path().join("c.db");
        let store = open(&path);
        let running = owners(dir.path());
        store.close().unwrap();
        fs::write(&path, "SQLite format 3\0damaged").unwrap();
        open(&path).close().unwrap();
        let names: Vec<_> = running.keys().map(|name| name.display().to_string()).collect();
        assert_eq!(names, ["c.db", "c.db-shm", "c.db-wal", "c.db.lock"]);
        for (name, found) in running.into_iter().chain(owners(dir.path())) {
            assert_eq!(found, (SERVICE, 0o600), "{}", name.display());
        }
    }

    #[test]
    fn directories_that_root_makes_are_the_services_too() {
        let Some(dir) = service_directory() else { return };
        open(&dir.path().join("a/b/c.db")).close().unwrap();
        assert_eq!(owners(dir.path())[Path::new("a")], (SERVICE, 0o700));
        assert_eq!(owners(&dir.path().join("a"))[Path::new("b")], (SERVICE, 0o700));
        assert_eq!(owners(&dir.path().join("a/b"))[Path::new("c.db")], (SERVICE, 0o600));
    }

    #[test]
    fn what_root_left_behind_once_is_handed_over_too() {
        let Some(dir) = service_directory() else { return };
        let path = dir.path().join("c.db");
        open(&path).close().unwrap();
        for name in owners(dir.path()).into_keys() {
            chown(dir.path().join(name), Some(0), Some(0)).unwrap();
        }
        open(&path).close().unwrap();
        for (name, (owner, _)) in owners(dir.path()) {
            assert_eq!(owner, SERVICE, "{}", name.display());
        }
    }

    #[test]
    fn a_second_name_of_roots_file_is_no_way_to_get_it() {
        let Some(dir) = service_directory() else { return };
        let elsewhere = tempfile::tempdir_in(dir.path().parent().unwrap()).unwrap();
        let (precious, trap) = (elsewhere.path().join("precious"), dir.path().join("c.db.lock"));
        fs::write(&precious, "x").unwrap();
        fs::hard_link(&precious, &trap).unwrap();
        hand_over_existing(&trap).unwrap();
        assert_eq!(fs::metadata(&precious).unwrap().uid(), 0);
        fs::remove_file(&trap).unwrap();
        std::os::unix::fs::symlink(&precious, &trap).unwrap();
        assert!(hand_over_existing(&trap).is_err());
        assert_eq!(fs::metadata(&precious).unwrap().uid(), 0);
    }
}
