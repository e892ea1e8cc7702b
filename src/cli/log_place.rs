//! Where the log may be written: a file of our own that no link leads to, or what is no file.
//!
//! Whoever may write to the directory may put something in the place of the file: a link to have
//! another file written to and renamed, a file of their own to read what is logged.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::disk::links;
use crate::disk::regular::is_of_the_kernel;

/// What kinetail logs names files and streams: the owner and the group may read it.
pub(super) const MODE: u32 = 0o640;

/// The mode of a directory that is created for it.
const DIRECTORY_MODE: u32 = 0o750;

/// What was opened.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) file: File,
    /// It is a file of ours. A terminal, a pipe, a device is only written to.
    pub(super) is_regular: bool,
}

/// Opens the file, or makes it with the directory that it is in.
pub(super) fn open(path: &Path) -> io::Result<Place> {
    if let Some(directory) = path.parent() {
        links::refuse_foreign(directory)?;
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    }
    let follows = may_be_followed(path)?;
    let flags = if follows { OFlags::NOCTTY } else { OFlags::NOCTTY | OFlags::NOFOLLOW };
    let file = OpenOptions::new()
        .append(true)
        .create(!follows)
        .mode(MODE)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let found = file.metadata()?;
    let is_regular = found.is_file() && !is_of_the_kernel(path);
    if is_regular {
        refuse_foreign(&found, path, follows)?;
    }
    Ok(Place { file, is_regular })
}

/// Whether it could be opened now, without opening or making anything.
///
/// # Errors
/// Why not, as far as links and owners tell: as for [`open`].
pub(super) fn look(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        links::refuse_foreign(directory)?;
    }
    let follows = may_be_followed(path)?;
    match fs::metadata(path) {
        Ok(found) if found.is_file() && !is_of_the_kernel(path) => {
            refuse_foreign(&found, path, follows)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether the name is a link that may be followed: one of root or of this user that leads to what
/// is not a regular file, such as `/dev/stdout`. A link to a file may be a trap.
fn may_be_followed(path: &Path) -> io::Result<bool> {
    let link = match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => found,
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let target = match fs::metadata(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(refused("is a symbolic link to nothing, and none to a file is followed"));
        }
        Err(error) => return Err(error),
    };
    if is_of_the_kernel(path) || (is_own(&link) && !target.is_file() && !target.is_dir()) {
        return Ok(true);
    }
    Err(refused("is a symbolic link, which is not followed; use the path of the file itself"))
}

/// In a directory of another user, that user may have put a file there, to read the log, or a
/// second name of a file of ours, to have the log written into it.
fn refuse_foreign(found: &Metadata, path: &Path, follows: bool) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let heir = fs::metadata(directory.unwrap_or_else(|| Path::new(".")))?.uid();
    if follows || found.nlink() > 1 {
        return Err(refused("is a hard link to another file; remove it"));
    }
    if !is_own(found) && found.uid() != heir {
        return Err(refused("belongs to another user; remove it"));
    }
    Ok(())
}

fn is_own(found: &Metadata) -> bool {
    [0, rustix::process::geteuid().as_raw()].contains(&found.uid())
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it {why}"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::cli::log_file::LogFile;
    use crate::config::LogFileConfig;

    /// Writes lines until a file of ours would be rotated, and gives what was said instead.
    fn fill(path: &Path) -> String {
        let mut log = LogFile::new(LogFileConfig {
            path: path.to_owned(),
            bytes_max: 10,
            backups_max: 2,
            backup_age_max: Duration::from_hours(24),
            compress: false,
        });
        let mut stderr = Vec::new();
        for _ in 0..3 {
            log.write_line(b"a long line\n", Instant::now(), &mut stderr);
        }
        String::from_utf8(stderr).unwrap()
    }

    #[test]
    fn a_link_or_a_second_name_of_a_file_is_not_written_to() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("victim"), "precious\n").unwrap();
        symlink("victim", at("link")).unwrap();
        symlink("new", at("dangling")).unwrap();
        symlink(".", at("directory")).unwrap();
        fs::hard_link(at("victim"), at("second")).unwrap();
        for name in ["link", "dangling", "directory", "second"] {
            let told = fill(&at(name));
            assert!(told.contains("cannot write log file"), "{name}: {told}");
            assert!(fs::symlink_metadata(at(name)).is_ok(), "{name} is where it was");
        }
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "precious\n");
        assert!(!at("new").try_exists().unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5, "nothing was renamed");
    }

    #[test]
    fn what_is_no_file_is_written_to_and_never_rotated() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("fifo", &link).unwrap();
        // Open for both: neither side waits for the other.
        let mut reader = File::options().read(true).write(true).open(&fifo).unwrap();
        assert_eq!(fill(&fifo) + &fill(&link), "");
        let mut text = vec![0; 6 * b"a long line\n".len()];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(text, b"a long line\n".repeat(6));
        assert_eq!(fill(Path::new("/dev/null")), "");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing was renamed");
    }

    #[test]
    fn a_file_that_another_user_put_there_is_refused_and_so_is_their_link() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::chown(&file, Some(12_345), None).unwrap();
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12_345), None).unwrap();
        let (private, directory) = (dir.path().join("private"), dir.path().join("directory"));
        fs::create_dir(&private).unwrap();
        std::os::unix::fs::symlink("private", &directory).unwrap();
        std::os::unix::fs::lchown(&directory, Some(12_345), None).unwrap();
        for path in [&file, &link, &directory.join("k.log")] {
            assert!(fill(path).contains("cannot write log file"), "{}", path.display());
        }
        assert_eq!(fs::read(&file).unwrap(), b"");
        assert_eq!(fs::read_dir(&private).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_is_made_for_it_is_closed_to_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        fill(&dir.path().join("logs/k.log"));
        let mode = fs::metadata(dir.path().join("logs")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !DIRECTORY_MODE, 0, "{mode:o}");
    }
}
