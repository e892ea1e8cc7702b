//! Whether the files that kinetail writes can be written: the checkpoint database, `log.file` and
//! dead letters.
//! Looks only; what would be made is not made.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

use super::access::User;
use crate::config::{Config, Diagnostic, FlowConfig, Kind, Place, Severity, dead_letter_example};
use crate::dead_letters::{DeadLetterError, Directory};

/// What is kept in memory and empty after a reboot.
const VOLATILE: [&str; 3] = ["/run", "/var/run", "/dev/shm"];

/// Looks at both.
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
        && let Some((what, help)) = obstacle(&file.path, user)
    {
        let message = format!("cannot write log file: {what}");
        let broken = Diagnostic::new(Severity::Broken, Kind::Invalid, place.clone(), message);
        found.push(broken.helped(help));
    }
    for (flow, place) in config.flows.iter().zip(&config.places.patterns) {
        found.extend(dead_letters(flow, place, user));
    }
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
            format!("{shown} is {}, not a file", kind(metadata.file_type())),
            "name a file".to_owned(),
        )),
        Ok(_) if !may(path, Access::WRITE_OK) => Some(refused(path, "write", user)),
        Ok(_) | Err(_) => directory_obstacle(path.parent()?, user),
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

fn refused(path: &Path, what: &str, user: &User) -> (String, String) {
    (
        format!("{} cannot {what} {}", user.name(), path.display()),
        "chown it to kinetail's user, or use another file".to_owned(),
    )
}

fn may(path: &Path, access: Access) -> bool {
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

fn kind(of: FileType) -> &'static str {
    if of.is_fifo() {
        "a pipe"
    } else if of.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// The files of the checkpoint database, and `log.file` with a name that it gets when it is set
/// aside: each with what it is called and where that is said.
pub(super) fn own_files(config: &Config) -> Vec<(&'static str, PathBuf, Option<&Place>)> {
    let sidecar = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut files = Vec::new();
    for ending in ["", "-wal"] {
        let path = sidecar(&config.checkpoint_file, ending);
        files.push(("the checkpoint database", path, config.places.checkpoint_file.as_ref()));
    }
    if let Some(log) = &config.log.file {
        for ending in ["", ".1"] {
            let path = sidecar(&log.path, ending);
            files.push(("kinetail's own log", path, config.places.log_file.as_ref()));
        }
    }
    for flow in &config.flows {
        if let Some(letters) = &flow.dead_letters {
            let path = dead_letter_example(&letters.directory, &flow.id);
            files.push(("dead letters", path, None));
        }
    }
    files
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
    }
}
