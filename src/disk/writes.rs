//! One-shot notifications of writes to quiet files, for one flow.
//!
//! inotify tells of the first change to a file after it was armed and forgets the file then, so
//! that a busy writer pays for no event. What is armed is the open file itself, through
//! `/proc/self/fd`, whatever its name is by now. A notification is a hint: polls find what it
//! misses.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use super::os::OsFile;
use crate::tail::identity::FileKey;

/// What the kernel allows a user (inotify(7)).
const WATCHES_MAX_FILE: &str = "/proc/sys/fs/inotify/max_user_watches";

/// Without that file: the smallest default that kernels have had.
const WATCHES_MAX_UNKNOWN: usize = 8192;

/// Events of 16 bytes each that are read with one call.
const EVENT_BYTES: usize = 16 * 256;

/// File systems on which everything that is written comes through this kernel (`statfs(2)`, field
/// `f_type`; values from `linux/magic.h`). On others quiet files are polled.
const LOCAL_FILE_SYSTEMS: &[i128] = &[
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0x794c_7630, // overlayfs
    0xca45_1a4e, // bcachefs
    0x5265_4973, // ReiserFS
    0x3153_464a, // JFS
    0x3434,      // NILFS2
    0x4d44,      // FAT
    0x2011_bab0, // exFAT
];

/// What arms files of a kind.
pub trait WriteWatch<F> {
    /// Notifies the next change to a file. Says whether it does.
    fn arm(&mut self, key: FileKey, file: &F) -> bool;

    /// Whether no watch was left for a file since this was asked last.
    fn take_short(&mut self) -> bool {
        false
    }

    /// Forgets the files that are not to be kept.
    fn retain(&mut self, keep: impl Fn(FileKey) -> bool);
}

/// How many files may be armed, by all flows together: half of what the kernel allows, because
/// directories need watches more than files do.
#[derive(Debug, Clone)]
pub struct Room(Arc<AtomicUsize>);

impl Room {
    /// As much as the kernel's limit leaves.
    #[must_use]
    pub(crate) fn by_limit_of_kernel() -> Self {
        let text = fs::read_to_string(WATCHES_MAX_FILE).unwrap_or_default();
        Self::of(text.trim().parse().unwrap_or(WATCHES_MAX_UNKNOWN) / 2)
    }

    /// For so many files.
    #[must_use]
    pub fn of(files: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(files)))
    }

    fn take(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, files: usize) {
        self.0.fetch_add(files, Ordering::Relaxed);
    }
}

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// The files that something was written to.
    pub files: Vec<FileKey>,
    /// Events are lost: it may be any file.
    pub is_incomplete: bool,
}

/// The armed files of a flow.
#[derive(Debug)]
pub struct Writes {
    inotify: AsyncFd<OwnedFd>,
    armed: HashMap<i32, FileKey>,
    room: Room,
    is_short: bool,
}

impl Writes {
    /// Starts inotify. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// What the system says; mostly that `fs.inotify.max_user_instances` is reached.
    #[expect(deprecated, reason = "sound, because an owned descriptor never changes")]
    pub fn new(room: Room) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { inotify: AsyncFd::new(inotify)?, armed: HashMap::new(), room, is_short: false })
    }

    /// Waits until something was written to an armed file. Those files are not armed any more.
    pub async fn written(&mut self) -> Written {
        loop {
            let Ok(mut ready) = self.inotify.readable().await else {
                return Written { files: Vec::new(), is_incomplete: true };
            };
            ready.clear_ready();
            let written = self.read();
            if written.is_incomplete || !written.files.is_empty() {
                return written;
            }
        }
    }

    fn read(&mut self) -> Written {
        let written = self.events();
        if written.is_incomplete {
            // Which files are still armed is not known.
            self.disarm(|_| false);
        }
        written
    }

    fn disarm(&mut self, is_kept: impl Fn(FileKey) -> bool) {
        let Self { inotify, armed, room, .. } = self;
        armed.retain(|watch, key| {
            let is_kept = is_kept(*key);
            if !is_kept {
                room.give_back(1);
                if let Err(error) = inotify::remove_watch(inotify.get_ref(), *watch) {
                    // The kernel ends the watch of a file that is deleted.
                    tracing::debug!(%error, "was not watched");
                }
            }
            is_kept
        });
    }

    fn events(&mut self) -> Written {
        let mut room = [MaybeUninit::uninit(); EVENT_BYTES];
        let mut reader = inotify::Reader::new(self.inotify.get_ref().as_fd(), &mut room);
        let mut written = Written { files: Vec::new(), is_incomplete: false };
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return written,
                Err(Errno::INTR) => continue,
                Err(_) => return Written { is_incomplete: true, ..written },
            };
            written.is_incomplete |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            // The second event of a shot says that the kernel has forgotten the file.
            if let Some(key) = self.armed.remove(&event.wd()) {
                self.room.give_back(1);
                written.files.push(key);
            }
        }
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        self.room.give_back(self.armed.len());
    }
}

impl WriteWatch<OsFile> for Writes {
    fn arm(&mut self, key: FileKey, file: &OsFile) -> bool {
        let is_local = rustix::fs::fstatfs(file)
            .is_ok_and(|stat| LOCAL_FILE_SYSTEMS.contains(&i128::from(stat.f_type)));
        if !is_local {
            return false;
        }
        if !self.room.take() {
            self.is_short = true;
            return false;
        }
        // Not for reads, and not for being renamed: the directory tells of that.
        let changes = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::ONESHOT;
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        match inotify::add_watch(self.inotify.get_ref(), path, changes) {
            Ok(watch) => {
                if self.armed.insert(watch, key).is_some() {
                    self.room.give_back(1);
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "write notification unavailable; the file is polled");
                self.is_short |= error == Errno::NOSPC;
                self.room.give_back(1);
                false
            }
        }
    }

    fn take_short(&mut self) -> bool {
        std::mem::take(&mut self.is_short)
    }

    fn retain(&mut self, keep: impl Fn(FileKey) -> bool) {
        self.disarm(keep);
    }
}

#[cfg(test)]
mod tests;
