//! Followed files that have another name, or none that matches any longer.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::disk::{Disk, OpenFile};
use crate::event::EventKind;
use crate::file::Tailed;
use crate::identity::FileKey;
use crate::life::NewName;
use crate::real_path::real_path;
use crate::row::checkpoint_at_ack;
use crate::tailer::Tailer;
use crate::{log_path, turns, uncovered};
use kinetail_base::checkpoint::Change;

pub(crate) fn rename<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    path: &Arc<Path>,
    kind: EventKind,
    now: Instant,
) {
    let Some(old) = tailer.files.get(key).map(|file| Arc::clone(&file.path)) else { return };
    let name = match log_path::is_live_name(tailer, path, &old) {
        true => NewName::Live,
        false if old == *path => NewName::Same,
        false => NewName::Rotated,
    };
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.path = Arc::clone(path);
    let real = file.handle.as_ref().and_then(|handle| real_path(handle, path));
    file.life.set_real(real);
    file.life.rename(name, now);
    let row = checkpoint_at_ack(file);
    tailer.out.changes.extend(row.map(Change::Save));
    tailer.out.event(kind, path, format!("file has a new name; was {}", old.display()));
}

pub(crate) fn unlist<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, now: Instant) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    file.life.lose_name(now);
    file.pace.poll_sooner(now);
    let deleted = match file.handle.as_ref().map(OpenFile::stat) {
        Some(Ok(stat)) => {
            file.seen.links = stat.links;
            stat.links == 0
        }
        // A closed one without a name is looked for with the next look.
        Some(Err(_)) | None => false,
    };
    let kind = if deleted { EventKind::Deleted } else { EventKind::MovedAway };
    let (path, unread) = (Arc::clone(&file.path), file.unread_bytes());
    if deleted && file.is_empty() {
        // After a start nothing but its inode number would be left to find it by.
        tailer.out.changes.push(Change::Forget(key));
    }
    turns::poll_soon(tailer, key);
    let what = if deleted { "file deleted" } else { "file moved out of filePattern" };
    let rest = if unread == 0 {
        "fully read; keeping it open in case it grows".to_owned()
    } else {
        format!("{unread} bytes unread; reading the rest")
    };
    let detail = format!("{what}; {rest}");
    tailer.out.event(kind, &path, detail);
    if let Some(name) = tailer.files.get(key).and_then(Tailed::name_now) {
        uncovered::note_name(tailer, &path, &name);
    }
}
