//! What an earlier run left in its checkpoints.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::absent;
use crate::generations::{Horizon, Log, Logs};
use crate::identity::{Inode, Position};
use crate::log_path::above_dated;
use crate::memory::{Loss, Lost, Memory, Remembered, Whereabouts};
use crate::options::TailOptions;
use crate::phase::{self, Fact, Phase};
use crate::waiting::Waiting;
use kinetail_base::checkpoint::{Checkpoint, Life as RowLife};

/// The generations of an earlier run.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Those that may still have a file.
    pub(crate) memory: Memory,
    /// Those that were read to their end, and deleted.
    pub(crate) finished: Memory,
    /// Those that could not be read yet.
    pub(crate) waiting: BTreeMap<Inode, Waiting>,
    /// Those that are too many.
    pub(crate) dropped: Vec<Remembered>,
}

/// The generations that have rows.
pub(crate) fn known_from(rows: Vec<Checkpoint>, now: Instant) -> Known {
    let mut known = Known::default();
    for row in rows {
        match row.life {
            RowLife::Found => {
                phase::pass(Phase::Unseen, Fact::CheckpointedWaiting, Phase::Waiting);
                known.waiting.insert(row.inode, Waiting::of(&row));
            }
            RowLife::Finished => {
                phase::pass(Phase::Unseen, Fact::CheckpointedFinished, Phase::Finished);
                known.dropped.extend(known.finished.insert(remembered(row, Loss::Finished, now)));
            }
            RowLife::Live | RowLife::Rotated => {
                phase::pass(Phase::Unseen, Fact::Checkpointed, Phase::Missing);
                known.dropped.extend(known.memory.insert(remembered(row, Loss::Stopped, now)));
            }
        }
    }
    known
}

fn remembered(row: Checkpoint, loss: Loss, now: Instant) -> Remembered {
    Remembered {
        key: row.file,
        inode: row.inode,
        path: Arc::from(row.path),
        head: row.head,
        position: Position { offset: row.offset, anchor: row.anchor },
        acked: row.offset,
        holes: row.holes,
        seen_size: 0,
        rotated: row.life != RowLife::Live,
        trail: row.places,
        lost: Lost { why: loss, since: now, by_nanos: 0 },
        whereabouts: Whereabouts { real: row.real.map(Arc::from), located: false },
    }
}

/// The logs whose newest generation is known.
pub(crate) fn logs_of(options: &TailOptions, memory: &Memory, finished: &Memory) -> Logs {
    let mut logs = Logs::new(horizon(options));
    let mut known: Vec<&Remembered> = memory.iter().chain(finished.iter()).collect();
    // Of the places where a link led the last ones are kept.
    known.sort_unstable_by_key(|content| content.key);
    let mut unclear = Vec::new();
    for content in known {
        if !content.rotated {
            let log = logs.entry(&content.path);
            log.newest = log.newest.max(Some(content.key));
            log.led_to(content.whereabouts.real.as_deref());
        } else if let Some(live) = absent::log_of_rotated(options, &content.path) {
            note_rotated(options, logs.entry(&Arc::from(live)), content);
        } else if options.pattern.matches_path(&content.path) {
            unclear.push(content);
        }
    }
    for content in unclear {
        // A live name may look like a rotated one of another log; if there is none, it is its own.
        if !absent::is_of_known_log(options, &logs, &content.path) {
            note_rotated(options, logs.entry(&content.path), content);
        }
    }
    logs.distrust_older_rows();
    logs
}

/// A log that is rotated and not written to has no other trace than a rotated content.
fn note_rotated(options: &TailOptions, log: &mut Log, content: &Remembered) {
    log.last = log.last.max(Some(content.key));
    // No link leads into a directory that is named after a time, and few places are kept.
    let real = content.whereabouts.real.as_deref();
    let is_moved = |real: &&Path| {
        let directory = real.parent();
        directory.and_then(|it| above_dated(&options.rotated_names, it)).is_some()
    };
    log.led_to(real.filter(|real| !is_moved(real)));
}

/// What is older than this flow.
fn horizon(options: &TailOptions) -> Horizon {
    let earlier = options.earlier.map(|earlier| Horizon {
        first_start_nanos: earlier.first_start_nanos,
        since_nanos: earlier.last_known_nanos,
    });
    // The first scan of a first start sets both.
    earlier.unwrap_or(Horizon { first_start_nanos: i128::MAX, since_nanos: i128::MAX })
}
