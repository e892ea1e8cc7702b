//! Compressed copies of contents that are not missing.
//!
//! Part of [`Tailer`]. A file that was replaced by a longer one with the same beginning is missing,
//! and what the longer one is compressed into begins like it. If a followed file of which more was
//! read is provably what was compressed, the copy is left alone: the file itself is read. And what
//! was read to its end stays known for as long as a content is missing that begins like it.

use super::hunt::{BYTES_A_STEP, Found, Job, Sure};
use super::proof::Verdict;
use super::stream::End;
use crate::candidate::has_at;
use crate::disk::Disk;
use crate::file::Tailed;
use crate::identity::{FileKey, Position};
use crate::problems::FileError;
use crate::tailer::Tailer;

impl<D: Disk> Tailer<D> {
    /// The followed files of which more than `offset` bytes were read and that begin like this.
    pub(super) fn rivals(&self, head: &[u8], offset: u64) -> Vec<(FileKey, Position)> {
        let alike = self.live_contents().agreeing(head).into_iter();
        alike
            .filter_map(|key| self.files.get(&key))
            .map(|file| (file.key, file.position))
            .filter(|(_, position)| position.offset > offset)
            .collect()
    }

    /// Goes to the end of a compressed file that holds what was read of a followed one, and
    /// compares that, too.
    pub(super) fn step_claiming(
        &mut self,
        found: Found<D::File>,
        mut verdict: Verdict<D::File>,
    ) -> Result<(), FileError> {
        if !verdict.go_to_end(BYTES_A_STEP)? {
            self.hunt.job = Some(Job::Claim(found, verdict));
            return Ok(());
        }
        if verdict.stream.end() == Some(&End::Cut) {
            return Err(FileError::CutShort);
        }
        let Some((key, _)) = verdict.proven else { return Ok(()) };
        let (offset, bytes) = verdict.end();
        match self.files.get(&key) {
            Some(file) if has_at(&self.disk, file, offset, bytes)? => {
                self.hunt.leave(&found.path, found.stat);
            }
            Some(_) => {
                self.examine(&found.path, Sure::Unclaimed);
            }
            // It was let go meanwhile.
            None => {
                self.examine(&found.path, Sure::No);
            }
        }
        Ok(())
    }

    /// Whether something is missing, or will be after a crash, that what begins with `head` and was
    /// read up to `offset` could be mistaken for once that is forgotten.
    pub(crate) fn is_mistakable(&self, key: FileKey, head: &[u8], offset: u64) -> bool {
        // Of what was read further than this its copy is too short to be taken for it.
        let behind = |other: FileKey, at: Position| other != key && at.offset <= offset;
        let alike = self.memory.beginning_alike(head);
        let missing = alike.iter().any(|content| behind(content.key, content.position));
        let begins_alike = |file: &Tailed<D::File>| file.head.len > 0 && file.head.agrees(head);
        let mut unlisted = self.files.values().filter(|file| !file.is_listed());
        missing || unlisted.any(|file| behind(file.key, file.position) && begins_alike(file))
    }
}
