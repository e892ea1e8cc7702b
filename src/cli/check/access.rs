//! Why a file cannot be read, and what to do about it: the first thing on its path that does not
//! let this user through, with its owner, group and mode.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::shown::shown;

/// Who looks.
#[derive(Debug, Clone)]
pub(in crate::cli) struct User {
    uid: u32,
    users: Names,
    groups: Names,
}

/// The text of `/etc/passwd` or `/etc/group`.
#[derive(Debug, Clone)]
struct Names(String);

impl Names {
    fn read(path: &str) -> Self {
        // Without names there are still numbers.
        Self(fs::read_to_string(path).unwrap_or_default())
    }

    /// The name of a number; the number if it has none.
    fn of(&self, id: u32) -> String {
        let mut lines = self.0.lines().map(|line| line.split(':'));
        let name = lines.find_map(|mut fields| {
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
        });
        name.unwrap_or_else(|| id.to_string())
    }
}

impl User {
    /// The user of this process.
    pub(in crate::cli) fn of_process() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self { uid, users: Names::read("/etc/passwd"), groups: Names::read("/etc/group") }
    }

    /// The name.
    pub(in crate::cli) fn name(&self) -> String {
        self.users.of(self.uid)
    }

    /// Why this cannot be read, in a sentence, and what to do about it.
    pub(in crate::cli) fn explain(&self, path: &Path, error: &io::Error) -> String {
        if error.kind() != io::ErrorKind::PermissionDenied {
            return error.to_string();
        }
        match obstacle(path) {
            Some(obstacle) => self.advise(&obstacle),
            None => format!("{error}, as {}", self.name()),
        }
    }

    /// The name of another user.
    pub(in crate::cli) fn name_of(&self, uid: u32) -> String {
        self.users.of(uid)
    }

    /// Whose a file is, and who may do what with it.
    pub(in crate::cli) fn owner_of(&self, meta: &Metadata) -> String {
        let (user, group) = (self.users.of(meta.uid()), self.groups.of(meta.gid()));
        format!("of {user}:{group}, mode {:04o}", meta.mode() & 0o7777)
    }

    fn advise(&self, obstacle: &Obstacle) -> String {
        let Obstacle { path, is_directory, owner, group, mode } = obstacle;
        let (me, path) = (self.name(), shown(&path));
        let (kind, bit, needed) =
            if *is_directory { ("directory", 0o010, "x") } else { ("file", 0o040, "r") };
        let owners = format!("{}:{}", self.users.of(*owner), self.groups.of(*group));
        let what = format!(
            "permission denied: user {me} cannot {} {path} ({kind}, {owners}, mode {mode:04o})",
            if *is_directory { "enter" } else { "read" }
        );
        let acl = format!("setfacl -m u:{me}:{needed} {path}");
        if mode & bit != 0 && *group != 0 {
            let group = self.groups.of(*group);
            return format!("{what}; run `usermod -aG {group} {me}` and restart, or `{acl}`");
        }
        format!("{what}; {acl}")
    }
}

/// What denies access.
#[derive(Debug)]
struct Obstacle {
    path: PathBuf,
    is_directory: bool,
    owner: u32,
    group: u32,
    mode: u32,
}

impl Obstacle {
    fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_path_buf(),
            is_directory: metadata.is_dir(),
            owner: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
        }
    }
}

/// The first part of the path that is in the way: content of a directory that cannot be entered
/// cannot be examined.
fn obstacle(path: &Path) -> Option<Obstacle> {
    let mut parts: Vec<&Path> = path.ancestors().filter(|part| part.is_absolute()).collect();
    parts.reverse();
    let mut before: Option<(&Path, Metadata)> = None;
    for part in parts {
        match fs::metadata(part) {
            Ok(metadata) => before = Some((part, metadata)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            Err(_) => return None,
        }
    }
    before.map(|(part, metadata)| Obstacle::new(part, &metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        User {
            uid: 998,
            users: Names("root:x:0:0::/root:/bin/sh\nkinetail:x:998:997::/:/bin/false\n".into()),
            groups: Names("root:x:0:\nadm:x:4:\n".into()),
        }
    }

    fn obstacle(is_directory: bool, group: u32, mode: u32) -> Obstacle {
        Obstacle { path: "/var/log/a".into(), is_directory, owner: 0, group, mode }
    }

    #[test]
    fn a_group_that_may_is_the_way_in_else_an_acl() {
        for (obstacle, text) in [
            (
                obstacle(false, 4, 0o640),
                "permission denied: user kinetail cannot read /var/log/a (file, root:adm, mode \
                 0640); run `usermod -aG adm kinetail` and restart, or `setfacl -m u:kinetail:r \
                 /var/log/a`",
            ),
            (
                obstacle(false, 0, 0o640),
                "permission denied: user kinetail cannot read /var/log/a (file, root:root, mode \
                 0640); setfacl -m u:kinetail:r /var/log/a",
            ),
            (
                obstacle(true, 4, 0o700),
                "permission denied: user kinetail cannot enter /var/log/a (directory, root:adm, \
                 mode 0700); setfacl -m u:kinetail:x /var/log/a",
            ),
            (
                obstacle(true, 12, 0o750),
                "permission denied: user kinetail cannot enter /var/log/a (directory, root:12, \
                 mode 0750); run `usermod -aG 12 kinetail` and restart, or `setfacl -m \
                 u:kinetail:x /var/log/a`",
            ),
        ] {
            assert_eq!(user().advise(&obstacle), text);
        }
    }

    #[test]
    fn the_obstacle_is_the_last_part_that_can_be_examined() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.log");
        fs::write(&file, "x").unwrap();
        let found = super::obstacle(&file).unwrap();
        assert_eq!(found.path, file);
        assert!(!found.is_directory);
        assert!(super::obstacle(&directory.path().join("no")).is_none());
    }

    #[test]
    fn other_failures_speak_for_themselves() {
        let error = io::Error::from(io::ErrorKind::InvalidInput);
        assert_eq!(user().explain(Path::new("/x"), &error), error.to_string());
    }
}
