//! Files that are not where they were: closed ones that cannot be opened again.

use std::time::Instant;

use crate::disk::Disk;
use crate::event::EventKind;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::memory::{Loss, Lost, Remembered, Whereabouts};
use crate::options::Now;
use crate::phase::{self, Fact, Phase};
use crate::tailer::Tailer;
use crate::{located, missing, seek};

/// A closed file is not where it was: it has another name there, or is nowhere to be seen.
pub(crate) fn lost_its_place<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Now) {
    let Some(file) = tailer.files.get(key) else { return };
    if file.is_listed() {
        // The next scan says what became of the name.
        return tailer.schedule.hint(now.instant);
    }
    if file.handle.is_some() || !located::locate(tailer, &[key]).is_empty() {
        return;
    }
    let Some(mut file) = tailer.files.forget(key) else { return };
    // It may be deleted, or its whole directory may be away for a while. If it comes back it
    // is continued.
    let (unread, path) = (file.unread_bytes(), file.path.clone());
    if unread > 0 {
        let detail = format!(
            "file closed at the descriptor limit was not found again; {unread} bytes are unread"
        );
        tailer.out.event(EventKind::Missing, &path, detail);
    } else {
        let detail = format!("released file at offset {}", file.position.offset);
        tailer.out.event(EventKind::Released, &path, detail);
    }
    file.pace.grow_to(file.seen.size);
    phase::pass(file.phase(), Fact::Released, Phase::Missing);
    let mut content = remembered(file, now.instant);
    if unread == 0 {
        missing::remember(tailer, content);
        return;
    }
    content.lost.why = Loss::Vanished;
    missing::remember(tailer, content);
    // It may have another name, or be compressed.
    seek::find_copy_of(tailer, key);
}

pub(crate) fn remembered<F>(mut file: Tailed<F>, now: Instant) -> Remembered {
    let (rotated, trail) = (file.is_rotated(), file.progress.take_places());
    let real = file.life.real().cloned();
    Remembered {
        key: file.key,
        inode: file.inode,
        path: file.path,
        head: file.head,
        position: file.position,
        trail,
        acked: file.progress.acked(),
        holes: file.gaps.holes().clone(),
        seen_size: file.pace.grown_to(),
        rotated,
        lost: Lost { why: Loss::Released, since: now, by_nanos: file.seen.modified_nanos },
        whereabouts: Whereabouts { real, located: false },
    }
}
