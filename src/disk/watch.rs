//! When to look at the directories: one inotify instance for all flows, asked only about names
//! that come and go.
//!
//! A notification is a hint, never the truth. Whatever goes wrong here (no inotify, no watches
//! left, an overflow), the scans find everything; all that is lost is time, and [`Watch::set`]
//! says why. Events for data are never asked for: they would slow the application that writes.

mod inotify;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use self::inotify::{Inotify, is_shared_with_other_hosts};
use super::writes::Room;
use crate::tail::identity::Inode;
pub use crate::tail::names::{Renamed, Wanted};

/// What to call when names may have changed, with the rename if it is known to be one. Must not
/// block.
pub type Hint = Arc<dyn Fn(Option<&Renamed>) + Send + Sync>;

kinetail_base::labels! {
    /// Why names are found by scans only. The labels are values of the label `reason` of the metric
    /// `kinetail_notify_degraded` and are explained in `docs/tailing.md`.
    pub enum Degraded {
        /// A directory lies on a file system where others write without this kernel's knowledge.
        NetworkFileSystem = "network_file_system",
        /// The configuration says so.
        Off = "off",
        /// Events came faster than they were read, and some are lost.
        Overflow = "overflow",
        /// There is no inotify, or no instance left.
        Unavailable = "unavailable",
        /// A directory cannot be watched, for another reason than the limit.
        WatchFailed = "watch_failed",
        /// The kernel's limit on watches is reached (`fs.inotify.max_user_watches`).
        WatchLimit = "watch_limit",
        /// Of writes to some quiet files, or to all, nothing is notified: watches are short.
        WriteLimit = "write_limit",
        /// Of writes to quiet files nothing is notified: there is no instance of inotify for it.
        WriteUnavailable = "write_unavailable",
    }
}

impl Degraded {
    /// What it means and what to do, for the log.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::NetworkFileSystem => {
                "network or FUSE file system: inotify does not report writes by other hosts"
            }
            Self::Off => "notify is off in the configuration",
            Self::Overflow => "inotify queue overflowed; rescanning all directories",
            Self::Unavailable => {
                "inotify is unavailable; if the instance limit is reached, raise \
                 fs.inotify.max_user_instances"
            }
            Self::WatchFailed => "cannot watch a directory; will retry",
            Self::WatchLimit => "inotify watch limit reached; raise fs.inotify.max_user_watches",
            Self::WriteLimit => {
                "write notifications are short of watches; raise fs.inotify.max_user_watches"
            }
            Self::WriteUnavailable => {
                "write notifications unavailable; raise fs.inotify.max_user_instances"
            }
        }
    }

    /// What is done instead, for the log.
    #[must_use]
    pub fn instead(self) -> &'static str {
        match self {
            Self::WriteLimit | Self::WriteUnavailable => "polling quiet files every 0.5 to 5 s",
            Self::NetworkFileSystem
            | Self::Off
            | Self::Overflow
            | Self::Unavailable
            | Self::WatchFailed
            | Self::WatchLimit => "relying on directory scans",
        }
    }
}

/// Why one directory cannot be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// It is gone, or something else failed.
    #[error("cannot watch directory")]
    Failed,
    /// [`Degraded::WatchLimit`].
    #[error("the limit on watches is reached")]
    Limit,
}

/// Watches directories, for [`Watch`]: inotify, or what a test puts in its place.
pub trait Notifier: Send {
    /// Begins to watch a directory, and what the directory's own name leads to.
    ///
    /// # Errors
    ///
    /// [`WatchError`] if the directory is not watched.
    fn watch(&mut self, directory: &Path) -> Result<(), WatchError>;

    /// Ends that. Of no consequence if the directory is not watched any more.
    fn unwatch(&mut self, directory: &Path);
}

/// What a notifier tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Names came or went; with the rename if both names are known.
    Names {
        /// The names.
        paths: Vec<PathBuf>,
        /// What one of them became.
        renamed: Option<Renamed>,
    },
    /// Nobody knows what happened.
    Overflow,
}

/// Where a notifier tells it.
pub type Tell = Arc<dyn Fn(&Told) + Send + Sync>;

/// The interest of flows in directories. Clones share the notifier.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("missing", &self.shared.missing).finish_non_exhaustive()
    }
}

struct Shared {
    /// The notifier calls back on its own thread, and flows add directories on theirs; a lock
    /// around the two tables is simpler than a third thread that owns them.
    state: Mutex<State>,
    routes: Arc<Routes>,
    /// Why there is no notifier.
    missing: Option<Degraded>,
    /// Files of which the next write may be notified.
    writes_room: Room,
}

struct State {
    notifier: Option<Box<dyn Notifier>>,
    /// The directories that are watched, and what each was when that began.
    watched: BTreeMap<PathBuf, Inode>,
    interests: Vec<Interest>,
}

struct Interest {
    hint: WeakHint,
    names: Vec<PathBuf>,
    watched: BTreeSet<PathBuf>,
}

type WeakHint = Weak<dyn Fn(Option<&Renamed>) + Send + Sync>;

#[derive(Default)]
struct Routes {
    by_path: Mutex<BTreeMap<PathBuf, Vec<WeakHint>>>,
    /// Watched directories that something happened to themselves: they may have been deleted and
    /// created again, even with the same inode number.
    doubtful: Mutex<BTreeSet<PathBuf>>,
    overflows: AtomicU64,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// Starts inotify. Without it everything is found by scanning.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|tell| Inotify::start(tell).map(|notifier| Box::new(notifier) as _))
    }

    /// A watch over another notifier; `None` if there is none.
    #[must_use]
    pub fn with(start: impl FnOnce(Tell) -> Option<Box<dyn Notifier>>) -> Self {
        let routes: Arc<Routes> = Arc::default();
        let told = Arc::clone(&routes);
        let notifier = start(Arc::new(move |what: &Told| told.pass_on(what)));
        let missing = notifier.is_none().then_some(Degraded::Unavailable);
        Self::assemble(notifier, routes, missing)
    }

    /// A watch that never notifies: everything is found by scanning.
    #[must_use]
    pub fn off() -> Self {
        Self::assemble(None, Arc::default(), Some(Degraded::Off))
    }

    fn assemble(
        notifier: Option<Box<dyn Notifier>>,
        routes: Arc<Routes>,
        missing: Option<Degraded>,
    ) -> Self {
        let state = State { notifier, watched: BTreeMap::new(), interests: Vec::new() };
        let writes_room = Room::by_limit_of_kernel();
        let state = Mutex::new(state);
        Self { shared: Arc::new(Shared { state, routes, missing, writes_room }) }
    }

    /// The room for files of which the next write is notified; `None` if nothing is.
    #[must_use]
    pub(crate) fn writes_room(&self) -> Option<Room> {
        self.shared.missing.is_none().then(|| self.shared.writes_room.clone())
    }

    /// How often events were lost since the start.
    #[must_use]
    pub fn overflows(&self) -> u64 {
        self.shared.routes.overflows.load(Ordering::Relaxed)
    }

    /// Asks for hints about what is wanted, instead of what was wanted before. Says why some of
    /// it is left to the scans; nothing if inotify sees it all. What failed is tried again with
    /// the next call.
    pub fn set(&self, wanted: &Wanted, hint: &Hint) -> BTreeSet<Degraded> {
        if let Some(missing) = self.shared.missing {
            return BTreeSet::from([missing]);
        }
        // Looked at before the lock is taken: a disk that hangs stops its own flow only.
        let parents = wanted.paths.iter().filter_map(|path| path.parent());
        let directories = wanted.directories.iter().map(PathBuf::as_path);
        // The parent of a path is only there to tell sooner; what it lacks is no degradation.
        let all = directories.map(|dir| (dir, true)).chain(parents.map(|dir| (dir, false)));
        let all: Vec<_> = all.map(|(dir, counts)| (dir, counts, self.look_at(dir))).collect();
        let mut state = self.shared.state.lock();
        state
            .interests
            .retain(|known| known.hint.upgrade().is_some_and(|other| !Arc::ptr_eq(&other, hint)));
        // Not in the head of the loop, for that would hold the lock for as long as the loop runs.
        // The notifier waits for it while it tells something, and we for the notifier.
        let doubtful = std::mem::take(&mut *self.shared.routes.doubtful.lock());
        for directory in doubtful {
            state.unwatch(&directory);
        }
        let mut reasons = BTreeSet::new();
        let mut watched = BTreeSet::new();
        for (directory, counts, found) in all {
            match state.watch(directory, found) {
                Ok(()) => {
                    watched.insert(directory.to_path_buf());
                }
                Err(reason) if counts => {
                    reasons.insert(reason);
                }
                Err(_) => {}
            }
        }
        let names = wanted.directories.iter().chain(&wanted.paths).cloned().collect();
        state.interests.push(Interest { hint: Arc::downgrade(hint), names, watched });
        state.drop_unwanted();
        self.shared.routes.replace(&state.interests);
        reasons
    }

    /// What a directory is. Waits for its disk.
    fn look_at(&self, directory: &Path) -> Option<Found> {
        let known = self.shared.state.lock().watched.get(directory).copied();
        // What is gone by now is nothing to watch; the next scan says what became of it.
        let raw = rustix::fs::stat(directory).ok()?;
        let inode = Inode { device: raw.st_dev, number: raw.st_ino };
        // Who is watched already was asked before.
        let shared = known != Some(inode) && is_shared_with_other_hosts(directory);
        Some(Found { inode, shared })
    }
}

/// What a directory is at the moment.
#[derive(Debug, Clone, Copy)]
struct Found {
    inode: Inode,
    /// inotify does not see all that happens in it.
    shared: bool,
}

impl State {
    /// Watches a directory that is not watched yet, or that is another one now: it may have been
    /// deleted or moved away and made again under the same name.
    fn watch(&mut self, directory: &Path, found: Option<Found>) -> Result<(), Degraded> {
        let Some(Found { inode, shared }) = found else { return Ok(()) };
        if self.watched.get(directory) == Some(&inode) {
            return Ok(());
        }
        if shared {
            return Err(Degraded::NetworkFileSystem);
        }
        self.unwatch(directory);
        let Some(notifier) = &mut self.notifier else { return Err(Degraded::Unavailable) };
        notifier.watch(directory).map_err(|error| match error {
            WatchError::Failed => Degraded::WatchFailed,
            WatchError::Limit => Degraded::WatchLimit,
        })?;
        self.watched.insert(directory.to_path_buf(), inode);
        Ok(())
    }

    fn unwatch(&mut self, directory: &Path) {
        if self.watched.remove(directory).is_some()
            && let Some(notifier) = &mut self.notifier
        {
            notifier.unwatch(directory);
        }
    }

    /// Removes watches that are no longer wanted.
    fn drop_unwanted(&mut self) {
        let Self { notifier, watched, interests } = self;
        watched.retain(|directory, _| {
            let wanted = interests.iter().any(|interest| interest.watched.contains(directory));
            if let Some(notifier) = notifier.as_mut().filter(|_| !wanted) {
                notifier.unwatch(directory);
            }
            wanted
        });
    }
}

impl Routes {
    fn replace(&self, interests: &[Interest]) {
        let mut by_path: BTreeMap<PathBuf, Vec<WeakHint>> = BTreeMap::new();
        for interest in interests {
            for name in &interest.names {
                let hints = by_path.entry(name.clone()).or_default();
                if !hints.iter().any(|known| Weak::ptr_eq(known, &interest.hint)) {
                    hints.push(Weak::clone(&interest.hint));
                }
            }
        }
        *self.by_path.lock() = by_path;
    }

    fn pass_on(&self, told: &Told) {
        let by_path = self.by_path.lock();
        match told {
            Told::Overflow => {
                self.overflows.fetch_add(1, Ordering::Relaxed);
                self.doubtful.lock().extend(by_path.keys().cloned());
                for hint in by_path.values().flatten().filter_map(Weak::upgrade) {
                    hint(None);
                }
            }
            Told::Names { paths, renamed } => {
                let themselves = paths.iter().filter(|path| by_path.contains_key(*path));
                self.doubtful.lock().extend(themselves.cloned());
                let places = paths.iter().flat_map(|path| [Some(path.as_path()), path.parent()]);
                let hints = places.flatten().filter_map(|place| by_path.get(place)).flatten();
                for hint in hints.filter_map(Weak::upgrade) {
                    hint(renamed.as_ref());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
