//! Whether the files that kinetail writes can be written: the checkpoint database, `log.file` and
//! dead letters.
//! Looks only; what would be made is not made.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, statfs};

use super::access::User;
use super::{moved, own, socket};
use crate::cli::log_place;
use crate::config::{Config, Diagnostic, FlowConfig, Kind, Place, Severity};
use crate::dead_letters::{DeadLetterError, Directory};
use crate::disk::is_file_system_of_the_kernel;
use crate::disk::regular::{is_of_the_kernel, named};

/// What is kept in memory and empty after a reboot.
const VOLATILE: [&str; 3] = ["/run", "/var/run", "/dev"];

/// Looks at all of them.
pub(super) fn look(config: &Config, user: &User) -> Vec<Diagnostic> {
    let places = &config.places;
    let mut found = Vec::new();
    let path = &config.checkpoint_file;
    // The default is the daemon's, who is another user than the person who checks.
    let given = places.checkpoint_file.as_ref();
    let severity = if given.is_some() { Severity::Broken } else { Severity::Warning };
    let place = given.unwrap_or(&places.file);
    if let Some((what, help)) = obstacle(path, user) {
        let message = format!("cannot write checkpoint database: {what}");
        found.push(Diagnostic::new(severity, Kind::Invalid, place.clone(), message).helped(help));
    } else if given.is_some() && VOLATILE.iter().any(|volatile| path.starts_with(volatile)) {
        found.push(volatile(path, place));
    }
    if let (Some(file), Some(place)) = (&config.log.file, &places.log_file)
        && let Some((what, help)) = log_obstacle(&file.path, user)
    {
        let message = format!("cannot write log file: {what}");
        let broken = Diagnostic::new(Severity::Broken, Kind::Invalid, place.clone(), message);
        found.push(broken.helped(help));
    }
    for (flow, place) in config.flows.iter().zip(&config.places.patterns) {
        found.extend(dead_letters(flow, place, user));
    }
    found.extend(socket::look(config, user));
    found.extend(moved::look(config, user));
    found.extend(own::clashes(config));
    found
}

/// What is in the way of a flow's dead letters.
fn dead_letters(flow: &FlowConfig, place: &Place, user: &User) -> Option<Diagnostic> {
    let directory = &flow.dead_letters.as_ref()?.directory;
    let (what, help) = match Directory::open(directory) {
        Ok(_) if may(directory, Access::WRITE_OK | Access::EXEC_OK) => return None,
        Ok(_) => refused(directory, "make a file in", user),
        Err(DeadLetterError::Io { source, .. }) if is_missing(&source) => {
            directory_obstacle(directory, user)?
        }
        Err(error) => (error.to_string(), "use a separate directory".to_owned()),
    };
    let message = format!("cannot write dead letters: {what}");
    let broken = Diagnostic::new(Severity::Broken, Kind::Invalid, place.clone(), message);
    Some(broken.helped(help))
}

fn volatile(path: &Path, place: &Place) -> Diagnostic {
    let message = format!("a reboot empties the directory of {}", path.display());
    Diagnostic::new(Severity::Warning, Kind::Invalid, place.clone(), message)
        .helped("set checkpointFile to a persistent location such as /var/lib/kinetail")
}

/// What is in the way of writing a file, and what to do about it.
fn obstacle(path: &Path, user: &User) -> Option<(String, String)> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Some((
            format!("{shown} is a directory"),
            "append a file name; the file is created".to_owned(),
        )),
        Ok(metadata) if !metadata.is_file() => Some((
            format!("{shown} is {}, not a file", named(metadata.file_type())),
            "name a file".to_owned(),
        )),
        Ok(_) if !may(path, Access::WRITE_OK) => Some(refused(path, "write", user)),
        Ok(_) | Err(_) => directory_obstacle(path.parent()?, user),
    }
}

/// As [`obstacle`], of the log, which may also go to a pipe or a terminal.
fn log_obstacle(path: &Path, user: &User) -> Option<(String, String)> {
    if let Err(error) = log_place::look(path)
        && error.kind() == io::ErrorKind::InvalidInput
    {
        let error = error.to_string();
        let (what, help) = error.split_once("; ").unwrap_or((error.as_str(), "use another path"));
        return Some((format!("{}: {what}", path.display()), help.to_owned()));
    }
    match fs::metadata(path) {
        // What leads to an open descriptor is another one in the daemon.
        Ok(found) if is_of_the_kernel(path) && !found.is_dir() => None,
        Ok(found) if found.file_type().is_fifo() || found.file_type().is_char_device() => {
            (!may(path, Access::WRITE_OK)).then(|| refused(path, "write", user))
        }
        Ok(_) | Err(_) => obstacle(path, user),
    }
}

/// Why a file cannot be created in a directory, which is created if missing.
fn directory_obstacle(directory: &Path, user: &User) -> Option<(String, String)> {
    for ancestor in directory.ancestors() {
        match fs::metadata(ancestor) {
            Ok(metadata) if !metadata.is_dir() => {
                return Some((
                    format!("{} is not a directory", ancestor.display()),
                    "use a path with a directory and a file name".to_owned(),
                ));
            }
            // Root may, as far as its mode tells, and no file comes of it.
            Ok(_) if is_kernels(ancestor) => {
                return Some((
                    format!("{} is a file system of the kernel", ancestor.display()),
                    "use a directory on a disk, such as /var/lib/kinetail".to_owned(),
                ));
            }
            Ok(_) if !may(ancestor, Access::WRITE_OK | Access::EXEC_OK) => {
                return Some(refused(ancestor, "make a file in", user));
            }
            Ok(_) => return None,
            Err(error) if is_missing(&error) => {}
            Err(error) => {
                let help = "use another file, or grant kinetail's user access to the directories"
                    .to_owned();
                return Some((user.explain(ancestor, &error), help));
            }
        }
    }
    None
}

/// Nothing is there, or nothing can be there.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_kernels(directory: &Path) -> bool {
    statfs(directory).is_ok_and(|found| is_file_system_of_the_kernel(found.f_type))
}

pub(super) fn refused(path: &Path, what: &str, user: &User) -> (String, String) {
    (
        format!("{} cannot {what} {}", user.name(), path.display()),
        "chown it to kinetail's user, or use another file".to_owned(),
    )
}

pub(super) fn may(path: &Path, access: Access) -> bool {
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_of_a_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "").unwrap();
        let user = User::of_process();
        let what = |path: &Path| obstacle(path, &user).map(|(what, _)| what).unwrap_or_default();
        assert_eq!(what(&at("new")), "");
        assert_eq!(what(&at("file")), "");
        assert_eq!(what(&at("a/b/c")), "");
        assert!(what(directory.path()).ends_with(" is a directory"));
        assert!(
            what(&at("file/x/y")).ends_with("file is not a directory"),
            "{}",
            what(&at("file/x"))
        );
        assert!(what(Path::new("/dev/null")).ends_with("is a device, not a file"));
        for path in ["/proc/none/c.db", "/sys/kernel/none/c.db"] {
            assert!(what(Path::new(path)).ends_with(" is a file system of the kernel"), "{path}");
        }
    }
}
