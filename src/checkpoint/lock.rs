//! The instance lock: one agent a checkpoint file. The kernel releases it with the process, so a
//! killed agent leaves nothing behind that has to be cleaned up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::error::StoreError;
use super::files::{self, PRIVATE_FILE_MODE};
use super::{owner, strangers};

/// A pid has at most ten digits; anything longer in the lock file is not ours.
const PID_BYTES_MAX: u64 = 16;

/// Held as long as the store is open.
#[derive(Debug)]
pub(super) struct InstanceLock {
    /// Closing it releases the lock.
    file: File,
}

impl InstanceLock {
    /// Takes the lock alongside the checkpoint file and writes this process's id into it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if it is held, otherwise what the system said.
    pub(super) fn take(checkpoint_file: &Path) -> Result<Self, StoreError> {
        let path = files::sidecar(checkpoint_file, ".lock");
        let mut file = open(&path).map_err(|e| files::explain("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let path = checkpoint_file.to_owned();
                return Err(StoreError::InUse { path, pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::Io { doing: "lock", path, source });
            }
        }
        write_pid(&mut file).map_err(|source| StoreError::Io { doing: "write", path, source })?;
        Ok(Self { file })
    }

    /// Whether the next agent would meet this lock.
    pub(super) fn is_at(&self, checkpoint_file: &Path) -> bool {
        let here = files::inode(&files::sidecar(checkpoint_file, ".lock")).ok().flatten();
        let ours = self.file.metadata().map(|ours| (ours.dev(), ours.ino())).ok();
        here.is_some() && here == ours
    }
}

/// Fails if the lock of this checkpoint file is held. Takes no lock and creates no file.
pub(super) fn refuse_holder(checkpoint_file: &Path) -> Result<(), StoreError> {
    let Ok(mut file) = strangers::open(&files::sidecar(checkpoint_file, ".lock")) else {
        return Ok(());
    };
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        let path = checkpoint_file.to_owned();
        return Err(StoreError::InUse { path, pid: read_pid(&mut file) });
    }
    Ok(())
}

/// Opens the lock file without following a link: a link there may be a trap.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE_MODE)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    owner::hand_over(&file, path)?;
    Ok(file)
}

/// The id in the lock file, if there is one: it may be on its way when two agents start together.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_refused_with_the_pid_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let first = InstanceLock::take(&path).unwrap();
        let refused = InstanceLock::take(&path).unwrap_err();
        assert!(
            matches!(&refused, StoreError::InUse { pid, .. } if *pid == Some(std::process::id())),
            "{refused}"
        );
        drop(first);
        InstanceLock::take(&path).unwrap();
    }

    #[test]
    fn a_lock_file_that_a_killed_agent_left_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        std::fs::write(dir.path().join("db.lock"), "999999999\n").unwrap();
        let _lock = InstanceLock::take(&path).unwrap();
        let text = std::fs::read_to_string(dir.path().join("db.lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("db.lock")).unwrap();
        let refused = InstanceLock::take(&path).unwrap_err();
        assert!(matches!(refused, StoreError::Io { doing: "open", .. }), "{refused}");
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
    }
}
