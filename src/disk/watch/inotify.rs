//! inotify, as [`Watch`](super::Watch) uses it, and where it cannot be relied upon.

use std::path::Path;

use notify::event::{EventKind, EventKindMask, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::{Notifier, Renamed, Tell, Told, WatchError};

/// Kinds of file systems (`statfs(2)`, field `f_type`; values from `linux/magic.h` and the
/// kernel's sources) that other hosts or programs write to without this kernel's knowledge.
const SHARED_FILE_SYSTEMS: &[i128] = &[
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x6b41_4653, // AFS of the kernel
    0x0bd0_0bd0, // Lustre
    0x0116_1970, // GFS2
    0x7461_636f, // OCFS2
    0x7375_7245, // Coda
];

/// Whether inotify does not see all that happens in a directory.
pub(super) fn is_shared_with_other_hosts(directory: &Path) -> bool {
    rustix::fs::statfs(directory)
        .is_ok_and(|stat| SHARED_FILE_SYSTEMS.contains(&i128::from(stat.f_type)))
}

/// inotify, through `notify`.
pub(super) struct Inotify {
    watcher: RecommendedWatcher,
}

impl Inotify {
    pub(super) fn start(tell: Tell) -> Option<Self> {
        let mask = EventKindMask::CREATE | EventKindMask::REMOVE | EventKindMask::MODIFY_NAME;
        let config = Config::default().with_event_kinds(mask);
        let handler = move |event: notify::Result<Event>| tell(&told_by(event));
        match RecommendedWatcher::new(handler, config) {
            Ok(watcher) => Some(Self { watcher }),
            Err(error) => {
                tracing::debug!(%error, "inotify does not start");
                None
            }
        }
    }
}

impl Notifier for Inotify {
    fn watch(&mut self, directory: &Path) -> Result<(), WatchError> {
        self.watcher.watch(directory, RecursiveMode::NonRecursive).map_err(|error| {
            tracing::debug!(directory = %directory.display(), %error, "cannot watch");
            match error.kind {
                ErrorKind::MaxFilesWatch => WatchError::Limit,
                _ => WatchError::Failed,
            }
        })
    }

    fn unwatch(&mut self, directory: &Path) {
        if let Err(error) = self.watcher.unwatch(directory) {
            // The kernel ends the watch of a directory that is deleted.
            tracing::debug!(directory = %directory.display(), %error, "was not watched");
        }
    }
}

fn told_by(event: notify::Result<Event>) -> Told {
    match event {
        Ok(event) if !event.need_rescan() => {
            let renamed = renamed(&event);
            Told::Names { paths: event.paths, renamed }
        }
        // An overflow, or an error while reading events.
        Ok(_) | Err(_) => Told::Overflow,
    }
}

/// Both names of a rename come in one event when the kernel reported both.
fn renamed(event: &Event) -> Option<Renamed> {
    let both = event.kind == EventKind::Modify(ModifyKind::Name(RenameMode::Both));
    match event.paths.as_slice() {
        [from, to] if both => Some(Renamed { from: from.clone(), to: to.clone() }),
        _ => None,
    }
}
