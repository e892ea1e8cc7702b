//! Files that are named by an option, a key or a variable, and are to be read: what they are is
//! looked at before they are opened. The open of a FIFO waits for a writer, a device may never end.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{OFlags, makedev};

/// `/dev/null` (`null(4)`): an empty file, in many places.
const NULL_DEVICE: (u32, u32) = (1, 3);

/// Opens a regular file, or what is read like one: `/dev/null`, and a pipe that the shell or the
/// parent process opened (`/dev/stdin`, `/dev/fd/63`).
///
/// # Errors
/// What the system says; [`io::ErrorKind::IsADirectory`] for a directory and
/// [`io::ErrorKind::InvalidInput`] for anything else that cannot be read to its end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let found = look(path)?;
    let flags = OFlags::NOCTTY | if found.is_file() { OFlags::NONBLOCK } else { OFlags::empty() };
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    // Something else may have got the name between the two.
    if found.is_file() && !file.metadata()?.is_file() {
        return Err(refused(file.metadata()?.file_type()));
    }
    Ok(file)
}

/// As [`open`], and reads all of it.
///
/// # Errors
/// As [`open`].
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_up_to(path, u64::MAX)
}

/// As [`open`], and reads so much of it, at most.
///
/// # Errors
/// As [`open`].
pub(crate) fn read_up_to(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(open(path)?, bytes_max), &mut bytes)?;
    Ok(bytes)
}

/// Whether it could be opened here, without opening it.
///
/// # Errors
/// As [`open`].
pub(crate) fn look(path: &Path) -> io::Result<Metadata> {
    let found = fs::metadata(path)?;
    let kind = found.file_type();
    let is_null = kind.is_char_device() && found.rdev() == makedev(NULL_DEVICE.0, NULL_DEVICE.1);
    if kind.is_file() || is_null || (kind.is_fifo() && is_of_the_kernel(path)) {
        return Ok(found);
    }
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Err(refused(kind))
}

/// In `/dev` and `/proc` only root creates names, and what they lead to is not renamed.
pub(crate) fn is_of_the_kernel(path: &Path) -> bool {
    let directory = path.parent().and_then(|directory| fs::canonicalize(directory).ok());
    let is_in = |root| directory.as_ref().is_some_and(|directory| directory.starts_with(root));
    (is_in("/dev") && !is_in("/dev/shm")) || is_in("/proc")
}

/// What something is, for people.
pub(crate) fn named(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

fn refused(kind: FileType) -> io::Error {
    let why = format!("it is {}, not a regular file", named(kind));
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, Mode, mknodat};

    use super::*;

    #[test]
    fn only_what_can_be_read_to_its_end_is_opened_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        mknodat(CWD, at("fifo"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("fifo", at("link-to-fifo")).unwrap();
        assert_eq!(read(&at("file")).unwrap(), b"x");
        assert_eq!(read(&at("link")).unwrap(), b"x");
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        assert!(!read(Path::new("/proc/self/status")).unwrap().is_empty());
        for (path, what) in [
            (at("fifo"), "it is a FIFO, not a regular file"),
            (at("link-to-fifo"), "it is a FIFO, not a regular file"),
            (at("socket"), "it is a socket, not a regular file"),
            ("/dev/zero".into(), "it is a device, not a regular file"),
        ] {
            assert_eq!(open(&path).unwrap_err().to_string(), what, "{}", path.display());
        }
        let directory = open(dir.path()).unwrap_err();
        assert_eq!(directory.kind(), io::ErrorKind::IsADirectory);
        assert_eq!(open(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_pipe_that_a_parent_opened_is_read() {
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"flows").unwrap();
        drop(writer);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read(Path::new(&path)).unwrap(), b"flows");
    }
}
