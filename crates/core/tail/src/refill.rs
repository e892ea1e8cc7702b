//! Fills the window with the bytes that follow the offset of a file, and proves those before it.

use std::sync::Arc;

use crate::compressed::follow;
use crate::disk::{Disk, Fault};
use crate::identity::FileKey;
use crate::options::{Fill, Now};
use crate::tailer::Tailer;
use crate::trouble::{self, is_utf16};
use crate::window::{Refill, Window};
use crate::{descriptors, truncated, work};

/// Makes the window hold what follows a file's position. A file whose bytes changed begins a new
/// generation here.
pub(crate) fn fill<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    window: &mut Window,
    now: Now,
) -> Fill {
    if tailer.hunt.is_reading(key) {
        return follow::fill_compressed(tailer, key, window, now);
    }
    work::open(tailer, key, now);
    let Some(file) = tailer.files.get_mut(key) else { return Fill::Nothing };
    let Some(handle) = &file.handle else { return Fill::Nothing };
    match window.refill(key, handle, (file.position, file.gaps.holes())) {
        Ok(Refill::Filled) if file.agrees_from_start(window.beginning(key)) => {
            filled_well(tailer, key, window)
        }
        Ok(Refill::Filled | Refill::Changed) => {
            window.clear();
            let why = "bytes before the offset changed";
            truncated::begin_new_generation(tailer, key, why, now);
            work::finish(tailer, now);
            Fill::Nothing
        }
        Err(error) => {
            file.pace.poll_later(now.instant);
            let path = Arc::clone(&file.path);
            let is_stale = error.fault == Fault::Stale;
            trouble::trouble(tailer, &path, error);
            if is_stale {
                descriptors::reopen_by_name(tailer, key, now);
                work::finish(tailer, now);
            }
            Fill::Nothing
        }
    }
}

fn filled_well<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, window: &mut Window) -> Fill {
    if !tailer.problems.is_empty()
        && let Some(path) = tailer.files.get(key).map(|file| Arc::clone(&file.path))
    {
        trouble::reads_again(tailer, &path);
    }
    let Some(file) = tailer.files.get(key) else { return Fill::Nothing };
    let begins = window.beginning(key).filter(|_| file.position.offset == 0);
    if tailer.options.refuse_utf16 && begins.is_some_and(is_utf16) {
        window.clear();
        trouble::refuse(tailer, key);
        return Fill::Nothing;
    }
    Fill::Ready
}
