//! The generations of one log are read oldest first: what an older one still holds is handed on
//! before the first byte of a younger one.
//!
//! Part of [`Tailer`]. `lineage` says which generation is older; here a younger one waits
//! for it, out of the queue. The wait has bounds, so that a live file is never starved:
//!
//! * in bytes: what the older one holds at the moment when the younger one has its first bytes.
//!   What is written to a rotated file after that is read in turn with the younger one;
//! * in time: nothing is waited for that is not there. Half a line at the end of the older one is
//!   not (but with `strict`), a multi-line record is for as long as it is held back anyway, a file
//!   that cannot be read is for `UNREADABLE_PATIENCE`, a compressed one that has to be found for
//!   `SEARCH_PATIENCE`, and a file that is read all the time for `OVERTAKEN_AFTER` of reading.
//!
//! While there is no room to send nothing is read, of no file, and nobody overtakes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::file::Tailed;
use super::identity::FileKey;
use super::life::Phase;
use super::splitter::Ending;
use super::tailer::{Now, ROTATED_HOLD, Tailer};

/// Reading of an older generation for so long lets the younger one go on beside it, for a live file
/// is not to be hours behind. Time in which nothing of it is read does not count.
pub const OVERTAKEN_AFTER: Duration = Duration::from_mins(10);

/// An older generation that cannot be read, or of which it is not known yet what it is, is waited
/// for this long.
const UNREADABLE_PATIENCE: Duration = Duration::from_secs(1);

/// An older generation that is being looked for in compressed files is waited for this long.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10);

/// With `strict` an older generation that cannot be read, or has to be found, is waited for this
/// long.
pub const STRICT_PATIENCE: Duration = Duration::from_mins(1);

/// Looks at a quiet file are so far apart, and some more: what is due by time shows by then.
const LOOKS_APART: Duration = Duration::from_secs(2);

/// Between two looks at a file that is being read, at most this much counts as reading.
const READING_STEP_MAX: Duration = Duration::from_secs(1);

/// A generation and the one before it.
#[derive(Debug)]
struct Link {
    older: FileKey,
    /// Up to where the older one has to be read.
    until: Option<u64>,
    /// Where reading of it stood, and when.
    seen: Option<(u64, Instant)>,
    /// How long it has been read meanwhile.
    read_for: Duration,
    /// Since when it stands still though there is room.
    stuck_since: Option<Instant>,
}

/// Which generations wait for which.
#[derive(Debug)]
pub(super) struct Order {
    links: BTreeMap<FileKey, Link>,
    /// The generation right before each one, also when that is read.
    before: BTreeMap<FileKey, FileKey>,
    /// A record may begin in one generation and end in the next.
    pub(super) spans_generations: bool,
    /// Those that have something to read and wait.
    parked: BTreeSet<FileKey>,
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

/// What is to be done about a generation that waits.
enum Judgement {
    Wait,
    /// Nothing is left to wait for.
    Free,
    /// The older one is read; the one before that may not be.
    Behind(FileKey),
}

impl Order {
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
    fn wait_for(&mut self, key: FileKey, older: FileKey) {
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

impl<D: Disk> Tailer<D> {
    /// Records may begin in one generation and end in the next: a younger one waits until nothing
    /// more can come to the older one.
    pub fn span_generations(&mut self) {
        self.order.spans_generations = true;
    }

    /// The generation of the same log right before this one, if it is still followed.
    #[must_use]
    pub fn older_generation(&self, key: FileKey) -> Option<FileKey> {
        let older = self.order.before.get(&key).copied();
        older.filter(|older| self.files.contains_key(older))
    }

    /// The generation of the same log right behind this one, if it is followed.
    #[must_use]
    pub fn younger_generation(&self, key: FileKey) -> Option<FileKey> {
        let mut pairs = self.order.before.iter();
        let younger = pairs.find(|(_, older)| **older == key).map(|(younger, _)| *younger);
        younger.filter(|younger| self.files.contains_key(younger))
    }

    /// From now on only files are read that nobody could find after a stop: no other one is waited
    /// for.
    pub fn drain(&mut self) {
        self.order.draining = true;
    }

    /// Lets the generations go on that waited for older ones which are read by now.
    pub(super) fn keep_order(&mut self, now: Now) {
        let parked: Vec<FileKey> = self.order.parked.iter().copied().collect();
        for key in parked {
            self.judge_parked(key, now);
        }
    }

    fn judge_parked(&mut self, key: FileKey, now: Now) {
        if !self.files.contains_key(&key) {
            self.order.parked.remove(&key);
            return;
        }
        // No chain is longer than there are links.
        for _ in 0..=self.order.links.len() {
            match self.judge_link(key, now) {
                Judgement::Wait => return,
                Judgement::Behind(before) => self.order.wait_for(key, before),
                Judgement::Free => break,
            }
        }
        self.order.links.remove(&key);
        self.order.parked.remove(&key);
        self.requeue(key);
    }

    fn judge_link(&mut self, key: FileKey, now: Now) -> Judgement {
        let Some(link) = self.order.links.get(&key) else { return Judgement::Free };
        let (older, until) = (link.older, link.until);
        if self.files.contains_key(&older) && until.is_none() {
            self.look_at(older, now);
            self.fix_bound(key, older);
        }
        let until = self.order.links.get(&key).and_then(|link| link.until);
        let Some(file) = self.files.get(&older) else { return self.judge_absent(key, older, now) };
        let left_for_later = self.order.draining && !self.is_lost_after_stop(older);
        let unpacked = self.ending_of_compressed(file) == Some(Ending::Final);
        let is_read = until.is_some_and(|until| file.position.offset >= until)
            || (unpacked && file.unread_bytes() == 0);
        if is_read || left_for_later {
            return self.behind(older);
        }
        // It waits, too, and is judged for itself. A record that spans generations needs that even
        // where the older one had no turn yet.
        if self.order.is_parked(older) || (self.order.spans_generations && self.order.park(older)) {
            return Judgement::Wait;
        }
        let (queued, offset) = (file.pace.is_queued(), file.position.offset);
        let patience = if queued { None } else { Some(self.patience(file)) };
        let Some(link) = self.order.links.get_mut(&key) else { return Judgement::Free };
        let is_late = link.is_late(offset, now.instant) && !self.options.strict_order;
        let is_stuck = link.is_stuck(patience, now.instant);
        if is_late || is_stuck { Judgement::Free } else { Judgement::Wait }
    }

    /// A younger generation has its first bytes: what the older one holds now was written before.
    fn fix_bound(&mut self, key: FileKey, older: FileKey) {
        let Some(file) = self.files.get(&older) else { return };
        // How much is in a compressed file is known at its end.
        let size = if self.is_compressed(older) { u64::MAX } else { file.seen.size };
        if let Some(link) = self.order.links.get_mut(&key) {
            link.until = Some(size);
        }
    }

    fn behind(&self, older: FileKey) -> Judgement {
        let before = self.order.links.get(&older).map(|link| link.older);
        before.map_or(Judgement::Free, Judgement::Behind)
    }

    /// The older generation has no file that is followed. It may be a compressed one that is looked
    /// for, or the copy of one may just be about to be found.
    fn judge_absent(&mut self, key: FileKey, older: FileKey, now: Now) -> Judgement {
        let known = self.memory.get(older).is_some()
            || self.waiting.values().any(|waiting| waiting.key == older);
        let searching = self.hunt.is_busy() || self.waits_packed() || self.next_scan <= now.instant;
        // Compressed files are read one at a time: no other is looked for before this one is read.
        if !known || !searching || self.is_compressed(key) {
            return self.behind(older);
        }
        let patience = if self.options.strict_order { STRICT_PATIENCE } else { SEARCH_PATIENCE };
        let Some(link) = self.order.links.get_mut(&key) else { return Judgement::Free };
        if link.is_stuck(Some(patience), now.instant) {
            return self.behind(older);
        }
        Judgement::Wait
    }

    /// How long an older generation is waited for that has something to read and is not in the
    /// queue: all of its complete records are read, or it cannot be read now.
    fn patience(&self, file: &Tailed<D::File>) -> Duration {
        let strict = self.options.strict_order;
        if matches!(file.phase(), Phase::Ignored | Phase::Overwritten) {
            return Duration::ZERO;
        }
        let tried = file.ahead.tried().filter(|(size, _)| *size == file.seen.size);
        match (tried, self.options.multi_line_hold) {
            // What is left of it goes on in the younger one.
            (Some((_, Ending::Final)), _) if self.order.spans_generations => Duration::ZERO,
            (Some(_), _) if self.order.spans_generations => ROTATED_HOLD + LOOKS_APART,
            // Its last record is held back for more lines, and will be sent.
            (Some((_, Ending::Open)), Some(hold)) => hold + LOOKS_APART,
            (Some(_), _) if strict => ROTATED_HOLD + LOOKS_APART,
            (Some(_), _) => Duration::ZERO,
            (None, _) if strict => STRICT_PATIENCE,
            (None, _) => UNREADABLE_PATIENCE,
        }
    }
}

impl Link {
    /// Counts the time in which the older one is read.
    fn is_late(&mut self, offset: u64, now: Instant) -> bool {
        if let Some((before, at)) = self.seen
            && before != offset
        {
            self.read_for += now.saturating_duration_since(at).min(READING_STEP_MAX);
        }
        self.seen = Some((offset, now));
        self.read_for >= OVERTAKEN_AFTER
    }

    /// Whether the older one stands still for longer than it is waited for; `None` while it only
    /// waits for its turn.
    fn is_stuck(&mut self, patience: Option<Duration>, now: Instant) -> bool {
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
        assert!(!order.waits(a), "the oldest waits for nobody");
        assert!(order.waits(b) && order.waits(c));
    }
}
