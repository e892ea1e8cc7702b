//! The files that the sandbox writes: regular ones of its own user, reached by no link.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Records may hold secrets of the host's logs: they are for the owner only.
const FILE_MODE: u32 = 0o600;

/// The same for the directory of their files.
const DIRECTORY_MODE: u32 = 0o700;

/// Makes a directory and its parents. One that exists stays as it is, unless its name is a link
/// that neither root nor this user made.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    if let Ok(found) = fs::symlink_metadata(directory)
        && found.is_symlink()
        && ![0, own_uid()].contains(&found.uid())
    {
        return Err(foreign("it is a symbolic link of another user"));
    }
    fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)
}

/// Opens a file to append to it, made if it is not there. What is there has to be a regular file
/// with one name that this user owns: in a directory of another user that user may have put a link,
/// a FIFO, or a second name of another file there.
pub(super) fn append_to(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .custom_flags(flags)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
                foreign("it is a symbolic link, and none is followed")
            }
            _ => error,
        })?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(foreign("it is not a regular file"));
    }
    if found.uid() != own_uid() {
        return Err(foreign("another user owns it"));
    }
    if found.nlink() != 1 {
        return Err(foreign("it is a hard link"));
    }
    Ok(file)
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn foreign(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{what}; remove it"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        append_to(&path).unwrap();
        append_to(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, FILE_MODE);
    }

    #[test]
    fn links_fifos_sockets_and_directories_are_refused_at_once_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("victim"), "x").unwrap();
        symlink("victim", at("link")).unwrap();
        symlink("new", at("dangling")).unwrap();
        fs::hard_link(at("victim"), at("hard")).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        fs::create_dir(at("dir")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for name in ["link", "dangling", "hard", "fifo", "dir", "socket"] {
            assert!(append_to(&at(name)).is_err(), "{name}");
        }
        assert!(!at("new").try_exists().unwrap());
        assert_eq!(fs::read(at("victim")).unwrap(), b"x");
        assert!(append_to(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn what_another_user_put_there_is_refused() {
        if own_uid() != 0 {
            // Only root can give files away.
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "").unwrap();
        chown(at("file"), Some(12_345), None).unwrap();
        assert!(append_to(&at("file")).is_err());
        fs::create_dir(at("elsewhere")).unwrap();
        symlink("elsewhere", at("link")).unwrap();
        assert!(make_directory(&at("link")).is_ok(), "root's own");
        lchown(at("link"), Some(12_345), None).unwrap();
        assert!(make_directory(&at("link")).is_err());
    }
}
