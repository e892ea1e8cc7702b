//! Which generation is read after which. Pure; [`super::sequence`] decides how long one waits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::identity::FileKey;

/// Reading of an older generation for so long lets the younger one be read along with it, for a
/// live file is not to be hours behind. Time in which nothing of it is read does not count.
const OVERTAKEN_AFTER: Duration = Duration::from_mins(10);

/// Between two looks at a file that is being read, at most this much counts as reading.
const READING_STEP_MAX: Duration = Duration::from_secs(1);

/// A generation and the one before it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) older: FileKey,
    /// Up to where the older one has to be read.
    pub(crate) until: Option<u64>,
    /// Where reading of it stood, and when.
    seen: Option<(u64, Instant)>,
    /// How long it has been read meanwhile.
    read_for: Duration,
    /// Since when it makes no progress though there is room.
    stuck_since: Option<Instant>,
}

/// Which generations wait for which.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) links: BTreeMap<FileKey, Link>,
    /// The generation right before each one, also when that is read.
    before: BTreeMap<FileKey, FileKey>,
    /// A record may begin in one generation and end in the next.
    pub(super) spans_generations: bool,
    /// Those that have something to read and wait.
    pub(crate) parked: BTreeSet<FileKey>,
    /// What came since the last look, to be put in its place.
    pub(super) arrived: Vec<FileKey>,
    /// Live names that lead to other contents since the last look, and the contents before.
    pub(super) succeeded: BTreeMap<Arc<Path>, FileKey>,
    /// Live names that lead to nothing now, and the contents before.
    gone: BTreeMap<Arc<Path>, FileKey>,
    /// Contents with this number and greater ones came since the last look.
    pub(super) first_new: FileKey,
    /// Only what would be lost is read any more.
    draining: bool,
}

impl Order {
    /// From now on only what would be lost is read.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    /// The generation right before one.
    pub(crate) fn older(&self, key: FileKey) -> Option<FileKey> {
        self.before.get(&key).copied()
    }

    /// The generation right after one.
    pub(crate) fn younger(&self, key: FileKey) -> Option<FileKey> {
        let mut pairs = self.before.iter();
        pairs.find(|(_, older)| **older == key).map(|(younger, _)| *younger)
    }

    /// Whether only what would be lost is read any more.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    pub(super) fn new(next_key: u64) -> Self {
        Self {
            links: BTreeMap::new(),
            before: BTreeMap::new(),
            spans_generations: false,
            parked: BTreeSet::new(),
            arrived: Vec::new(),
            succeeded: BTreeMap::new(),
            gone: BTreeMap::new(),
            first_new: FileKey(next_key),
            draining: false,
        }
    }

    /// Whether a file waits for an older generation, or has to be judged first.
    pub(super) fn waits(&self, key: FileKey) -> bool {
        self.links.contains_key(&key)
    }

    /// Keeps a file that has something to read until its turn comes. Says whether it has to wait.
    pub(super) fn park(&mut self, key: FileKey) -> bool {
        let waits = self.waits(key);
        if waits {
            self.parked.insert(key);
        }
        waits
    }

    /// Whether a file with something to read waits.
    pub(super) fn is_parked(&self, key: FileKey) -> bool {
        self.parked.contains(&key)
    }

    /// `key` is the generation behind `older`, and read behind it.
    pub(super) fn link(&mut self, key: FileKey, older: FileKey) {
        self.before.insert(key, older);
        self.wait_for(key, older);
    }

    /// `key` is read behind `older`.
    pub(crate) fn wait_for(&mut self, key: FileKey, older: FileKey) {
        // A name that was given back could close a circle, in which each waits for the others.
        let mut at = Some(older);
        while let Some(before) = at {
            if before == key {
                return;
            }
            at = self.links.get(&before).map(|link| link.older);
        }
        let link =
            Link { older, until: None, seen: None, read_for: Duration::ZERO, stuck_since: None };
        self.links.insert(key, link);
    }

    /// A live name led to one content at the last look and to another one at this. In between it
    /// may have led to nothing: rotated, and nothing written since then.
    pub(super) fn note_live(
        &mut self,
        live: &Arc<Path>,
        before: Option<FileKey>,
        now: Option<FileKey>,
    ) {
        if before == now {
            return;
        }
        let before = before.or_else(|| self.gone.remove(live));
        match (before, now) {
            (Some(before), Some(now)) if before != now => {
                self.succeeded.insert(Arc::clone(live), before);
            }
            (Some(before), None) => {
                self.gone.insert(Arc::clone(live), before);
            }
            (Some(_) | None, _) => {}
        }
    }

    /// A content goes by another number from now on.
    pub(super) fn rename(&mut self, old: FileKey, new: FileKey) {
        for before in self.gone.values_mut().filter(|before| **before == old) {
            *before = new;
        }
        for link in self.links.values_mut().filter(|link| link.older == old) {
            (link.older, link.until) = (new, None);
        }
        for before in self.before.values_mut().filter(|before| **before == old) {
            *before = new;
        }
        if let Some(before) = self.before.remove(&old) {
            self.before.insert(new, before);
        }
        if let Some(link) = self.links.remove(&old) {
            self.links.insert(new, link);
        }
        self.parked.remove(&old);
    }

    /// Takes out the links of contents that are gone.
    pub(super) fn forget(&mut self, is_there: impl Fn(FileKey) -> bool) {
        self.gone.retain(|_, before| is_there(*before));
        self.before.retain(|key, before| is_there(*key) && is_there(*before));
        let keys: Vec<FileKey> = self.links.keys().copied().collect();
        for key in &keys {
            while let Some(older) = self.links.get(key).map(|link| link.older)
                && !is_there(older)
            {
                match self.links.get(&older).map(|link| link.older) {
                    Some(before) if before != *key => self.wait_for(*key, before),
                    Some(_) | None => break,
                }
            }
        }
        for key in keys.into_iter().filter(|key| !is_there(*key)) {
            self.links.remove(&key);
            self.parked.remove(&key);
        }
    }
}

impl Link {
    /// Counts the time in which the older one is read.
    pub(crate) fn is_late(&mut self, offset: u64, now: Instant) -> bool {
        if let Some((before, at)) = self.seen
            && before != offset
        {
            self.read_for += now.saturating_duration_since(at).min(READING_STEP_MAX);
        }
        self.seen = Some((offset, now));
        self.read_for >= OVERTAKEN_AFTER
    }

    /// Whether the older one makes no progress for longer than it is waited for; `None` while it
    /// only waits for its turn.
    pub(crate) fn is_stuck(&mut self, patience: Option<Duration>, now: Instant) -> bool {
        let Some(patience) = patience else {
            self.stuck_since = None;
            return false;
        };
        let since = *self.stuck_since.get_or_insert(now);
        now.saturating_duration_since(since) >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_circle_of_generations_is_made() {
        let mut order = Order::new(10);
        let [a, b, c] = [1, 2, 3].map(FileKey);
        order.link(b, a);
        order.link(c, b);
        order.link(a, c);
        order.link(a, a);
        assert!(!order.waits(a), "the oldest waits for no other");
        assert!(order.waits(b) && order.waits(c));
    }
}
