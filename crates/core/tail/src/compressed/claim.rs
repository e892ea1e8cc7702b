//! Compressed copies of contents that are not missing.
//!
//! Part of [`crate::tailer`]. A file that was replaced by a longer one with the same beginning is
//! missing, and what the longer one is compressed into begins like it. If a followed file of which
//! more was read is provably what was compressed, the copy is left alone: the file itself is read.
//! And what was read to its end stays known for as long as a content is missing that begins like
//! it.

use crate::candidate;
use crate::compressed::hunt::BYTES_A_STEP;
use crate::compressed::inspect;
use crate::compressed::proof::Verdict;
use crate::compressed::state::{Archive, Job, Sure};
use crate::compressed::stream::End;
use crate::disk::Disk;
use crate::problems::FileError;
use crate::tailer::Tailer;

/// Goes to the end of a compressed file that holds what was read of a followed one, and
/// compares that, too.
pub(crate) fn step_claiming<D: Disk>(
    tailer: &mut Tailer<D>,
    found: Archive<D::File>,
    mut verdict: Verdict<D::File>,
) -> Result<(), FileError> {
    if !verdict.go_to_end(BYTES_A_STEP)? {
        tailer.hunt.job = Some(Job::Claim(found, verdict));
        return Ok(());
    }
    if verdict.stream.end() == Some(&End::Cut) {
        return Err(FileError::CutShort);
    }
    let Some((key, _)) = verdict.proven else { return Ok(()) };
    let (offset, bytes) = verdict.end();
    match tailer.files.get(key) {
        Some(file) if candidate::has_at(&tailer.disk, file, offset, bytes)? => {
            tailer.hunt.leave(&found.path, found.stat);
        }
        Some(_) => {
            inspect::examine(tailer, &found.path, Sure::Unclaimed);
        }
        // It was released meanwhile.
        None => {
            inspect::examine(tailer, &found.path, Sure::No);
        }
    }
    Ok(())
}
