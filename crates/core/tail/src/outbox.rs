//! What a tailer hands on: events of files, and changes of checkpoint rows.

use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::event::{EventKind, FileEvent};
use crate::tailer::Tailer;
use kinetail_base::checkpoint::Change;

/// What is to be handed on.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) events: Vec<FileEvent>,
    pub(crate) changes: Vec<Change>,
    /// How often something changed of which there may be no event: a poll found it, or time passed.
    pub(crate) changes_seen: u64,
}

impl Outbox {
    /// Something happened to a file.
    pub(crate) fn event(&mut self, kind: EventKind, path: &Arc<Path>, detail: impl Into<String>) {
        let path = Arc::clone(path);
        self.events.push(FileEvent { kind, path, detail: detail.into(), bytes: 0 });
    }

    /// Bytes are lost: they were never read and cannot be.
    pub(crate) fn abandon(&mut self, path: &Arc<Path>, bytes: u64, why: &str) {
        let detail = format!("{bytes} bytes lost: {why}");
        let (kind, path) = (EventKind::Abandoned, Arc::clone(path));
        self.events.push(FileEvent { kind, path, detail, bytes });
    }
}

/// Tells of a generation that is read though it was never seen live.
pub(crate) fn tell_of_generation<D: Disk>(tailer: &mut Tailer<D>, path: &Arc<Path>, size: u64) {
    let detail =
        format!("following a file that was rotated between two scans, from offset 0 of {size}");
    tailer.out.event(EventKind::GenerationFound, path, detail);
}
