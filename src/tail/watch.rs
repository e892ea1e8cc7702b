//! When to look at the directories: one inotify instance for all flows, asked only about names
//! that come and go.
//!
//! A notification is a hint, never the truth. Whatever goes wrong here (no inotify, no watches
//! left, an overflow), the scans find everything; all that is lost is time, and
//! [`Watch::is_degraded`] says so. Events for data are never asked for: they would slow the
//! application that writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{EventKind, EventKindMask, ModifyKind, RenameMode};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

/// What to call when names may have changed, with the rename if it is known to be one. Must not
/// block.
pub type Hint = Arc<dyn Fn(Option<&Renamed>) + Send + Sync>;

/// A rename within the directories that are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The old name.
    pub from: PathBuf,
    /// The new name.
    pub to: PathBuf,
}

/// One flow's interest in directories. Clones share the watcher.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("degraded", &self.is_degraded()).finish_non_exhaustive()
    }
}

struct Shared {
    /// The watcher calls back on its own thread, and flows add directories on theirs; a lock
    /// around the two tables is simpler than a third thread that owns them.
    state: Mutex<State>,
    routes: Arc<Mutex<Routes>>,
    degraded: Arc<AtomicBool>,
}

struct State {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

type Routes = BTreeMap<PathBuf, Vec<Hint>>;

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// Starts the watcher. Without inotify it is degraded from the start.
    #[must_use]
    pub fn new() -> Self {
        let routes: Arc<Mutex<Routes>> = Arc::default();
        let degraded = Arc::new(AtomicBool::new(false));
        let mask = EventKindMask::CREATE | EventKindMask::REMOVE | EventKindMask::MODIFY_NAME;
        let config = Config::default().with_event_kinds(mask);
        let handler = handler(Arc::clone(&routes), Arc::clone(&degraded));
        let watcher = RecommendedWatcher::new(handler, config);
        degraded.store(watcher.is_err(), Ordering::Relaxed);
        let state = State { watcher: watcher.ok(), watched: BTreeSet::new() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), routes, degraded }) }
    }

    /// A watch that never notifies: everything is found by scanning.
    #[must_use]
    pub fn off() -> Self {
        let state = State { watcher: None, watched: BTreeSet::new() };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                routes: Arc::default(),
                degraded: Arc::new(AtomicBool::new(true)),
            }),
        }
    }

    /// Whether some directory is not watched, or an overflow was seen: names are found by scans.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.shared.degraded.load(Ordering::Relaxed)
    }

    /// Asks for hints about names in these directories. Those that cannot be watched are left to
    /// the scans.
    pub fn add(&self, directories: &[PathBuf], hint: &Hint) {
        for directory in directories {
            let mut routes = self.shared.routes.lock().unwrap_or_else(PoisonError::into_inner);
            let hints = routes.entry(directory.clone()).or_default();
            if !hints.iter().any(|known| Arc::ptr_eq(known, hint)) {
                hints.push(Arc::clone(hint));
            }
            drop(routes);
            self.watch(directory);
        }
    }

    /// The directory may have been deleted and made again under the same name, so it is watched
    /// anew even if it was watched before; that is cheap and replaces the old watch.
    fn watch(&self, directory: &Path) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { watcher, watched } = &mut *state;
        let Some(watcher) = watcher else { return };
        if watcher.watch(directory, RecursiveMode::NonRecursive).is_ok() {
            watched.insert(directory.to_path_buf());
        } else {
            self.shared.degraded.store(true, Ordering::Relaxed);
        }
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

fn handler(
    routes: Arc<Mutex<Routes>>,
    degraded: Arc<AtomicBool>,
) -> impl FnMut(notify::Result<Event>) + Send + 'static {
    move |event| {
        let routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
        let overflow = match &event {
            Ok(event) => event.need_rescan(),
            Err(_) => true,
        };
        if overflow {
            degraded.store(true, Ordering::Relaxed);
        }
        let event = event.unwrap_or_default();
        let renamed = renamed(&event);
        let paths = event.paths;
        for (directory, hints) in routes.iter() {
            let concerned = |path: &PathBuf| path.parent() == Some(directory) || path == directory;
            if overflow || paths.iter().any(concerned) {
                for hint in hints {
                    hint(renamed.as_ref());
                }
            }
        }
    }
}
