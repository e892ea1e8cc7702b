//! Files that equal another one so far: copies that are being made, or files of their own.
//!
//! Part of [`Tailer`]. Nothing is read from such a file until that is decided, and in doubt it is
//! read from byte 0.

use std::sync::Arc;
use std::time::Duration;

use super::candidate::{Evidence, same_end};
use super::disk::{Disk, OpenFile};
use super::event::EventKind;
use super::file::{self, Stat, Tailed};
use super::identity::{FileKey, Head, Position};
use super::life::{self, Fact, PendingCopy, Phase};
use super::recognize::proven_part;
use super::tailer::{Now, Tailer, checkpoint, checkpoint_at_ack};
use kinetail_base::checkpoint::Change;

/// A file that equals another one waits this long, after it last grew, for the other one to be
/// truncated. Copying tools truncate at once after copying.
pub(super) const SHADOW_HOLD: Duration = Duration::from_secs(3);

impl<D: Disk> Tailer<D> {
    /// Decides what a file is that was empty when it was first seen and is not any more. Says by
    /// which key it is followed from now on.
    pub(super) fn decide(&mut self, key: FileKey, now: Now) -> FileKey {
        if !self
            .files
            .get(&key)
            .is_some_and(|file| file.phase() == Phase::New && file.seen.size > 0)
        {
            return key;
        }
        // Until it is decided nothing is read, so it is opened even if others are closed for it.
        self.ensure_open(key, now);
        let Some(file) = self.files.get(&key) else { return key };
        let Some(handle) = &file.handle else { return key };
        let Ok(head) = file::read_head(handle) else { return key };
        if head.is_empty() {
            // It was truncated since it was looked at.
            return key;
        }
        let Stat { size, modified_nanos, .. } = file.seen;
        let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head: &head };
        let live = self.live_contents();
        let copied = self.copied_from(&evidence);
        let copied = copied.filter(|key| !self.equals_more(&evidence, self.offset_of(*key), &live));
        let early = self.copied_early(&evidence);
        let parent = self.equal_to(&evidence, &live);
        let unknown = copied.is_none() && early.is_none() && parent.is_none();
        if unknown && self.look_again(&head, &live, now) {
            // The original was truncated while it was being compared. This ends, because a
            // generation that changed is not among the files that begin alike any more.
            return self.decide(key, now);
        }
        let Some(file) = self.files.get_mut(&key) else { return key };
        if let Some(content) = copied {
            self.changes.push(Change::Forget(key));
            self.hand_over(key, content, now);
            return content;
        }
        if let Some((_, position)) = early {
            self.stand_alone(key, position, now);
        } else if let Some(parent) = parent {
            file.life.wait_as_copy(PendingCopy::of(parent));
            let path = Arc::clone(&file.path);
            self.event(EventKind::Shadow, &path, "equals another file so far");
        } else {
            // Its first bytes prove what it is, should it be looked for before any is acknowledged.
            file.life.follow(Fact::Distinct);
            file.head = Head::of(&head);
            let row = checkpoint_at_ack(file);
            self.changes.extend(row.map(Change::Save));
        }
        key
    }

    /// Decides whether a file that equals another one is a copy of it.
    pub(super) fn judge_shadow(&mut self, key: FileKey, pending: PendingCopy, now: Now) {
        if !self.files.contains_key(&pending.original) {
            return self.settle_shadow(key, pending.original, now);
        }
        if !self.is_own_content(key, pending.original) {
            return self.wait_for_truncation(key, pending, now);
        }
        // The last look at the original may be older than the bytes that were compared, and it
        // may have been truncated or grown since.
        self.look_at(pending.original, now);
        if self.files.get(&key).is_some_and(|file| file.phase() == Phase::PendingCopy)
            && self.is_own_content(key, pending.original)
        {
            self.stand_alone(key, Position::start(), now);
        }
    }

    /// Whether a file that began like another one is longer than that, or goes on differently.
    fn is_own_content(&self, key: FileKey, original: FileKey) -> bool {
        let (Some(file), Some(parent)) = (self.files.get(&key), self.files.get(&original)) else {
            return false;
        };
        let Some(handle) = &file.handle else { return false };
        let Stat { size, modified_nanos, .. } = file.seen;
        // Only the end is compared, so the head is not needed.
        let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head: &[] };
        size > parent.seen.size
            || (parent.handle.is_some() && !same_end(&self.disk, &evidence, parent))
    }

    /// Gives the original some time to be truncated, and then the file its own life. A copy is
    /// quiet once it is complete; a file that goes on growing in step with the other one is not.
    fn wait_for_truncation(&mut self, key: FileKey, pending: PendingCopy, now: Now) {
        let parent_size = self.files.get(&pending.original).map(|parent| parent.seen.size);
        let Some(file) = self.files.get_mut(&key) else { return };
        let mut pending = pending;
        if pending.complete_since.is_none() && parent_size == Some(file.seen.size) {
            pending.complete_since = Some(now.instant);
            file.life.update_copy(pending);
        }
        let complete_for = pending
            .complete_since
            .map_or(Duration::ZERO, |since| now.instant.saturating_duration_since(since));
        if file.pace.quiet_for(now.instant).max(complete_for) >= SHADOW_HOLD {
            self.stand_alone(key, Position::start(), now);
        }
    }

    /// The original is gone or was truncated: this file holds its content now, or never did.
    pub(super) fn settle_shadow(&mut self, key: FileKey, original: FileKey, now: Now) {
        self.ensure_open(key, now);
        let Some(file) = self.files.get_mut(&key) else { return };
        // It was complete before its original was truncated, but perhaps not at the last look.
        if let Some(Ok(stat)) = file.handle.as_ref().map(OpenFile::stat) {
            file.seen = stat;
            file.pace.set_unsettled(true);
        }
        let Some(file) = self.files.get(&key) else { return };
        let position = self.shadow_of(file, original);
        match (position, self.memory.get(original)) {
            (Some(position), Some(content)) if position == content.position => {
                self.hand_over(key, original, now);
            }
            (position, _) => self.stand_alone(key, position.unwrap_or_else(Position::start), now),
        }
    }

    /// How far a file provably holds what was read of a content that it equalled. `None` if that
    /// proves nothing: a log that begins with the same few lines and went on after the other one
    /// was truncated is no copy of that.
    fn shadow_of(&self, file: &Tailed<D::File>, content: FileKey) -> Option<Position> {
        let (content, handle) = (self.memory.get(content)?, file.handle.as_ref()?);
        let Stat { size, modified_nanos, .. } = file.seen;
        let evidence = Evidence { inode: file.inode, handle, size, modified_nanos, head: &[] };
        if !self.may_be_copy(&evidence, content) {
            return None;
        }
        let whole = size >= content.position.offset
            && file::proves(handle, content.position, &content.holes).unwrap_or(false);
        if whole { Some(content.position) } else { proven_part(content, handle, size) }
    }

    /// The file takes over the generation that its bytes belong to.
    fn hand_over(&mut self, key: FileKey, content: FileKey, now: Now) {
        let Some(content) = self.memory.remove(content) else { return };
        let Some(mut file) = self.files.remove(&key) else { return };
        life::pass(file.phase(), Fact::CopyOfKnown, Phase::Gone);
        file.key = content.key;
        file.life = file.life.of_known_generation(now.instant);
        file.life.follow(Fact::Found);
        file.position = content.position;
        file.progress.set_acked(content.acked);
        file.gaps.keep_only(content.holes.before(content.position.offset));
        file.head = content.head;
        file.ahead.try_again();
        file.pace.restart(file.seen.size, now.instant);
        let detail = format!(
            "was {}, continued at byte {} of {}",
            content.path.display(),
            content.position.offset,
            file.seen.size
        );
        self.event(EventKind::CopyRecognized, &Arc::clone(&file.path), detail);
        self.changes.extend(checkpoint_at_ack(&file).map(Change::Save));
        self.by_inode.insert(file.inode, content.key);
        let unread = file.unread_bytes() > 0;
        self.files.insert(content.key, file);
        self.hot_again(content.key);
        if unread {
            self.requeue(content.key);
        }
    }

    /// The file is a content of its own, read from a position on.
    fn stand_alone(&mut self, key: FileKey, position: Position, now: Now) {
        let Some(file) = self.files.get_mut(&key) else { return };
        file.follow_from(position, now.instant);
        let path = Arc::clone(&file.path);
        let row = checkpoint(file, position);
        self.changes.push(Change::Save(row));
        let detail = format!("a content of its own; read from byte {}", position.offset);
        self.event(EventKind::Appeared, &path, detail);
        self.hot_again(key);
        self.requeue(key);
    }
}
