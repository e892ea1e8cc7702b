//! Whether the Java agent's database is still in use: two agents would send each line twice.
//!
//! That agent takes no lock that lasts, so its open files are looked at, as far as the system lets
//! this process see them. Under the packaged systemd unit it sees no other user's.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::ImportError;

/// The class that the Java agent's command line names.
const JAVA_MAIN: &[u8] = b"com.amazon.kinesis.streaming.agent.Agent";

/// Fails if another process has the database open, or if a Java agent runs of which that cannot
/// be seen.
pub(super) fn refuse_users(database: &Path) -> Result<(), ImportError> {
    refuse_users_in(Path::new("/proc"), std::process::id(), database)
}

fn refuse_users_in(proc: &Path, ours: u32, database: &Path) -> Result<(), ImportError> {
    let Ok(wanted) = fs::metadata(database) else { return Ok(()) };
    let wanted = (wanted.dev(), wanted.ino());
    let Ok(entries) = fs::read_dir(proc) else { return Ok(()) };
    let mut hidden = None;
    for entry in entries.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let Some(pid) = pid.filter(|pid| *pid != ours) else { continue };
        let dir = entry.path();
        match has_open(&dir, wanted) {
            Ok(true) => {
                let name = fs::read_to_string(dir.join("comm")).unwrap_or_default();
                let name = name.trim_end().to_owned();
                return Err(ImportError::InUse { path: database.to_owned(), pid, name });
            }
            Err(_) if is_java_agent(&dir) => hidden = Some(pid),
            Ok(false) | Err(_) => {}
        }
    }
    match hidden {
        Some(pid) => Err(ImportError::MayBeInUse { path: database.to_owned(), pid }),
        None => Ok(()),
    }
}

/// Whether the process has this file open. An error if its files cannot be seen.
fn has_open(process: &Path, wanted: (u64, u64)) -> io::Result<bool> {
    let open = fs::read_dir(process.join("fd"))?;
    Ok(open
        .flatten()
        .any(|fd| fs::metadata(fd.path()).is_ok_and(|meta| (meta.dev(), meta.ino()) == wanted)))
}

fn is_java_agent(process: &Path) -> bool {
    fs::read(process.join("cmdline"))
        .is_ok_and(|line| memchr::memmem::find(&line, JAVA_MAIN).is_some())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory like /proc, with one process that has `open` open.
    fn proc_with(open: Option<&Path>, cmdline: &[u8]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        let process = proc.path().join("4711");
        fs::create_dir(&process).unwrap();
        fs::write(process.join("comm"), "java\n").unwrap();
        fs::write(process.join("cmdline"), cmdline).unwrap();
        if let Some(open) = open {
            fs::create_dir(process.join("fd")).unwrap();
            symlink(open, process.join("fd/3")).unwrap();
        }
        proc
    }

    #[test]
    fn whoever_has_the_database_open_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (database, other) = (dir.path().join("db"), dir.path().join("other"));
        fs::write(&database, "x").unwrap();
        fs::write(&other, "x").unwrap();
        let proc = proc_with(Some(&database), b"java");
        let error = refuse_users_in(proc.path(), 1, &database).unwrap_err();
        assert!(matches!(&error, ImportError::InUse { pid: 4711, name, .. } if name == "java"));
        assert!(refuse_users_in(proc.path(), 4711, &database).is_ok(), "that is this process");
        let proc = proc_with(Some(&other), JAVA_MAIN);
        assert!(refuse_users_in(proc.path(), 1, &database).is_ok(), "it has its own database");
    }

    #[test]
    fn a_java_agent_that_cannot_be_looked_into_is_a_reason_to_stop() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("db");
        fs::write(&database, "x").unwrap();
        let line = [b"java\0-cp\0x\0", JAVA_MAIN, b"\0"].concat();
        let error = refuse_users_in(proc_with(None, &line).path(), 1, &database).unwrap_err();
        assert!(matches!(error, ImportError::MayBeInUse { pid: 4711, .. }));
        assert!(refuse_users_in(proc_with(None, b"bash").path(), 1, &database).is_ok());
    }
}
