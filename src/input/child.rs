//! The process that reads the journal: started in a group of its own, ended with all that it
//! started, and waited for, so that nothing of it is left.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

/// What it may see of the environment: its messages are in English, and it finds its libraries.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("PATH", "/usr/bin:/bin")];

/// Of a line on its standard error so much is kept, in bytes.
const COMPLAINT_BYTES_MAX: usize = 512;

/// A process whose output is read.
#[derive(Debug)]
pub(super) struct Reader {
    child: Child,
    pub(super) stdout: ChildStdout,
    /// `None` when it has closed it.
    stderr: Option<ChildStderr>,
    /// The last lines that it complained with.
    pub(super) complaint: String,
}

impl Reader {
    /// Starts it. It sees nothing of our environment, in which there may be keys.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(super) fn start(command: &Path, arguments: &[OsString]) -> io::Result<Self> {
        let mut child = Command::new(command)
            .args(arguments)
            .env_clear()
            .envs(ENVIRONMENT)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (Some(stdout), stderr) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("it has no standard output"));
        };
        Ok(Self { child, stdout, stderr, complaint: String::new() })
    }

    /// Where it complains.
    pub(super) fn stderr(&self) -> Option<BorrowedFd<'_>> {
        self.stderr.as_ref().map(AsFd::as_fd)
    }

    /// Reads what it complains about now.
    pub(super) fn hear(&mut self) {
        let Some(stderr) = &self.stderr else { return };
        let mut room = [0; COMPLAINT_BYTES_MAX];
        match rustix::io::read(stderr, &mut room) {
            Ok(0) => self.stderr = None,
            Ok(len) => {
                let heard = String::from_utf8_lossy(room.get(..len).unwrap_or_default());
                for line in heard.lines().filter(|line| !line.trim().is_empty()) {
                    tracing::debug!(line, "journalctl wrote to standard error");
                    line.clone_into(&mut self.complaint);
                }
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.stderr = None,
        }
    }

    /// Ends it and all that it started, and says how it ended: by itself, if it had. It is waited
    /// for last: until then no other process can have its number.
    pub(super) fn end(mut self) -> (io::Result<ExitStatus>, String) {
        let group = Pid::from_child(&self.child);
        if let Err(error) = kill_process_group(group, Signal::KILL) {
            tracing::trace!(%error, "nothing is left of it");
        }
        if let Some(stderr) = self.stderr.take() {
            drain(stderr, &mut self.complaint);
        }
        (self.child.wait(), self.complaint)
    }
}

/// What it still had to say; whoever could say more is dead.
fn drain(mut stderr: ChildStderr, complaint: &mut String) {
    let mut heard = Vec::new();
    let limit = COMPLAINT_BYTES_MAX as u64;
    if io::Read::read_to_end(&mut io::Read::take(&mut stderr, limit), &mut heard).is_ok() {
        let heard = String::from_utf8_lossy(&heard);
        if let Some(line) = heard.lines().rfind(|line| !line.trim().is_empty()) {
            line.clone_into(complaint);
        }
    }
}
