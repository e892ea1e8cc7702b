//! Whether the socket for commands can be made where `admin.socket` says. Without it kinetail
//! ships, and no command reaches it.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::fs::Access;

use super::access::User;
use super::state::{may, refused};
use crate::config::{AdminSocket, Config, Diagnostic, Kind, Severity};
use crate::disk::regular::named;

/// Looks at it, and makes nothing.
pub(super) fn look(config: &Config, user: &User) -> Option<Diagnostic> {
    let AdminSocket::At(path) = &config.admin_socket else { return None };
    let (severity, what, help) = obstacle(path, user)?;
    let place = config.places.admin_socket.as_ref().unwrap_or(&config.places.file);
    let message = format!("cannot bind admin socket: {what}");
    Some(Diagnostic::new(severity, Kind::Invalid, place.clone(), message).helped(help))
}

/// What is in the way. systemd may create the directory for the service, so a user who cannot
/// write there is only warned.
fn obstacle(path: &Path, user: &User) -> Option<(Severity, String, String)> {
    let broken = |what, help: &str| Some((Severity::Broken, what, help.to_owned()));
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => return None,
        Ok(found) => {
            let what = format!("{} is {}, and stays", path.display(), named(found.file_type()));
            return broken(what, "move it, or use another path");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let what = format!("a part of {} is not a directory", path.display());
            return broken(what, "use a path with a directory and a file name");
        }
        Err(error) => {
            let help = "use another path, or let kinetail's user in".to_owned();
            return Some((Severity::Warning, user.explain(path, &error), help));
        }
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    // As when it is bound: only the last directory is made.
    let holder =
        if matches!(directory.try_exists(), Ok(true)) { directory } else { directory.parent()? };
    if !matches!(holder.try_exists(), Ok(true)) {
        let what = format!("the directory {} does not exist", holder.display());
        return broken(what, "create it, or use another path; only the last directory is created");
    }
    if may(holder, Access::WRITE_OK | Access::EXEC_OK) {
        return None;
    }
    let (what, help) = refused(holder, "make a socket in", user);
    Some((Severity::Warning, what, help))
}
