//! What follows the footer of a file when the footer is read.
//!
//! `fileFooterPattern` says that a file is over. The Java agent then drops whatever is in its read
//! buffer, which is more or less, as it happens. Here it is exactly the complete lines that the
//! file had when its footer was read. What is written later is read as ever, and so is a line
//! that was not complete yet: it is being written now. Where the file ended is not checkpointed:
//! if the process dies in between, what was not skipped yet is sent.

use memchr::{memchr_iter, memrchr};

use super::Flow;
use super::pump::Turn;
use crate::batch::pack::Source;
use crate::config::Destination;
use crate::process::Skip;
use crate::tail::disk::Disk;
use crate::tail::identity::FileKey;
use crate::tail::tailer::Now;

impl<D: Disk> Flow<D> {
    /// The footer ends at `offset`, and the bytes that were read end at `read_to`.
    pub(super) fn meet_footer(&mut self, key: FileKey, offset: u64, read_to: u64) {
        let Some(file) = self.tailer.file(key) else { return };
        let end = file.seen().size.max(read_to);
        tracing::info!(name: "footer_matched",
            flow = %self.config.id, file = %file.path().display(), offset,
            "fileFooterPattern matched; {} bytes follow it", end - offset);
        // Files that are gone need no entry any more.
        self.footers.retain(|key, _| self.tailer.file(*key).is_some());
        if end > offset {
            self.footers.insert(key, end);
        }
    }

    /// Leaves out the complete lines in front of `end`.
    pub(super) fn skip_after_footer(&mut self, source: Source, end: u64, now: Now) -> Option<Turn> {
        let (key, offset) = (source.file, source.offset);
        let held = self.window.from(key, offset).unwrap_or_default();
        let room = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let behind = held.get(..room).unwrap_or(held);
        let complete = memrchr(b'\n', behind).map_or(0, |at| at + 1);
        let lines = memchr_iter(b'\n', behind).count() as u64;
        let reaches_end = room <= held.len() || source.at_end;
        if complete > 0 {
            self.packer.skip(source, complete, now.instant);
            self.packer.count_skipped(Skip::AfterFooter, lines);
            self.advance(key, offset, complete);
            let Some(file) = self.tailer.file(key) else { return Some(Turn::Done) };
            // In the Java agent's words.
            let parser = match self.config.destination {
                Destination::Firehose { .. } => "FirehoseParser",
                Destination::Kinesis { .. } => "KinesisParser",
            };
            tracing::warn!(
                name: "footer_discarded",
                "{parser}[{}]: Discarded {complete} bytes from {} at offset {offset}. Reason: End \
                 of file reached, file footer pattern matched",
                self.config.id,
                file.path().display(),
            );
        }
        if reaches_end {
            self.footers.remove(&key);
            return None;
        }
        if complete == 0 {
            // One line fills the window and continues after it.
            return self.need_more(key, offset, source.ending, now.instant);
        }
        None
    }
}
