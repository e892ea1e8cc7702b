//! Begins to follow a file as the generation that it was found to hold.

use std::path::Path;
use std::sync::Arc;

use crate::candidate::{Candidate, end_position};
use crate::disk::Disk;
use crate::event::EventKind;
use crate::file::Tailed;
use crate::identity::{FileKey, Head, Position};
use crate::life::{Life, PendingCopy};
use crate::options::Now;
use crate::phase::{self, Fact, Phase};
use crate::progress::Progress;
use crate::row::{checkpoint, checkpoint_at_ack};
use crate::tailer::Tailer;
use crate::trouble::{self, is_utf16};
use crate::{descriptors, identify, log_path, outbox, turns};
use kinetail_base::checkpoint::Change;

/// How a file that is not followed came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// Under a name that matches.
    Listed,
    /// By a rename that was told of.
    Renamed,
    /// As a generation of a log that came and went between two looks.
    Between,
}

/// Goes on in this file where the content with this key was left.
pub(crate) fn resume<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    key: FileKey,
    kind: EventKind,
    now: Now,
) {
    let Some(content) = tailer.memory.remove(key) else { return };
    let (offset, size) = (content.position.offset, candidate.stat.size);
    let detail = if content.path == candidate.path {
        format!("resumed file at offset {offset} of {size}")
    } else {
        format!("resumed renamed file at offset {offset} of {size}; was {}", content.path.display())
    };
    let renamed = content.path != candidate.path;
    let moved = renamed || content.inode != candidate.inode;
    let placed = log_path::is_live_name(tailer, &candidate.path, &content.path);
    let rotated = !placed && (renamed || content.rotated);
    let life = Life::missing().with_rotated(rotated, now.instant);
    let mut file = candidate.into_file(key, life, content.position, now.instant);
    file.progress = Progress::resumed(content.acked, content.trail.clone());
    file.know_holes(content.holes.before(content.position.offset));
    if content.is_empty() && size == 0 {
        file.life.compare(Fact::FoundEmpty);
    } else {
        file.life.follow(Fact::Found);
    }
    // The more of its first bytes are saved, the surer it is found the next time.
    let more =
        moved || file.head != content.head || file.life.real() != content.whereabouts.real.as_ref();
    if more {
        tailer.out.changes.extend(checkpoint_at_ack(&file).map(Change::Save));
    }
    tailer.out.event(kind, &Arc::clone(&file.path), detail);
    insert(tailer, file);
}

/// Begins a content that was never seen.
pub(crate) fn begin<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    pending: Option<PendingCopy>,
    came: Came,
    now: Now,
) {
    let key = tailer.files.new_key();
    let at_end = tailer.options.start_at_end && !tailer.schedule.first_scan_done;
    let refused = tailer.options.refuse_utf16 && at_end && is_utf16(&candidate.head);
    let position = if at_end {
        match end_position(&candidate, tailer.options.skip_header_lines) {
            Ok(position) => position,
            Err(error) => return trouble::trouble(tailer, &candidate.path, error),
        }
    } else {
        Position::start()
    };
    let mut file = candidate.into_file(key, Life::unseen(), position, now.instant);
    file.head = Head::default();
    match pending.filter(|_| !at_end) {
        Some(pending) => file.life.wait_as_copy(pending),
        None if !at_end && file.seen.size == 0 => file.life.compare(Fact::NotCompared),
        None => file.life.follow(Fact::Distinct),
    }
    let original = file.life.pending_copy().and_then(|copy| tailer.files.get(copy.original));
    let detail = match original {
        Some(parent) => format!(
            "holding new file: identical so far to {}, possibly a copy in progress",
            parent.path.display()
        ),
        None => format!("following new file from offset {} of {}", position.offset, file.seen.size),
    };
    let (path, size) = (Arc::clone(&file.path), file.seen.size);
    if file.phase() == Phase::PendingCopy {
        tailer.out.event(EventKind::Shadow, &path, detail);
    } else if came == Came::Between {
        outbox::tell_of_generation(tailer, &path, size);
    } else {
        tailer.out.event(EventKind::Appeared, &path, detail);
    }
    insert(tailer, file);
    if refused {
        trouble::refuse(tailer, key);
    }
    tailer.files.grow_head(key);
    if let Some(file) = tailer.files.get(key)
        && file.phase() != Phase::PendingCopy
    {
        let row = checkpoint(file, position);
        tailer.out.changes.push(Change::Save(row));
    }
}

/// Follows a new content from a position on; what lies before it was read elsewhere.
pub(crate) fn begin_behind<D: Disk>(
    tailer: &mut Tailer<D>,
    candidate: Candidate<D::File>,
    original: &Path,
    position: Position,
    now: Now,
) {
    let key = tailer.files.new_key();
    let mut file = candidate.into_file(key, Life::unseen(), position, now.instant);
    file.life.follow(Fact::Distinct);
    let detail = format!(
        "resuming in a copy of a followed file: its first {} bytes were read as {}",
        position.offset,
        original.display()
    );
    tailer.out.event(EventKind::CopyRecognized, &Arc::clone(&file.path), detail);
    tailer.out.changes.push(Change::Save(checkpoint(&file, position)));
    insert(tailer, file);
}

pub(crate) fn insert<D: Disk>(tailer: &mut Tailer<D>, file: Tailed<D::File>) {
    let key = file.key;
    while let Some(empty) = identify::empty_at(tailer, file.inode) {
        // Another content lies where it lay.
        tailer.memory.remove(empty);
        phase::pass(Phase::Missing, Fact::Resolved, Phase::Gone);
        tailer.out.changes.push(Change::Forget(empty));
    }
    descriptors::make_room(tailer);
    tailer.files.open_count += 1;
    tailer.files.by_inode.insert(file.inode, key);
    tailer.files.insert(key, file);
    tailer.history.order.arrived.push(key);
    turns::poll_soon(tailer, key);
    if tailer.files.get(key).is_some_and(|file| file.unread_bytes() > 0) {
        turns::requeue(tailer, key);
    }
}

/// Names what became of the content that lay in this inode, which is read from byte 0 now.
pub(crate) fn tell_what_lay_here<D: Disk>(tailer: &mut Tailer<D>, candidate: &Candidate<D::File>) {
    let Some(before) = tailer.memory.at_inode(candidate.inode).first().copied() else { return };
    let read = before.position.offset;
    // As after a power cut: what was written last never reached the disk.
    let shrunk =
        candidate.stat.size < read && before.head.len > 0 && before.head.agrees(&candidate.head);
    let (kind, detail) = if shrunk {
        let size = candidate.stat.size;
        (
            EventKind::Shrunk,
            format!(
                "file shrank while kinetail was stopped ({read} bytes read, size {size}); \
                 re-reading it from the beginning (duplicates possible, no data lost)"
            ),
        )
    } else {
        (
            EventKind::InodeReused,
            format!(
                "inode reused by a different file, was {}; reading it from the beginning",
                before.path.display()
            ),
        )
    };
    tailer.out.event(kind, &candidate.path, detail);
}
