//! A file whose bytes are not those of its generation any longer: that generation is missing from
//! then on, for a copy of it may appear, and the file holds a new one.

use std::sync::Arc;

use crate::disk::{Disk, OpenFile, Stat};
use crate::event::EventKind;
use crate::identity::{FileKey, Head, Position};
use crate::job::{Job, Then};
use crate::lookahead::Lookahead;
use crate::memory::{Loss, Lost, Remembered, Whereabouts};
use crate::options::Now;
use crate::phase::{self, Fact, Phase};
use crate::row::checkpoint;
use crate::tailer::Tailer;
use crate::{doubt, missing, rewritten, seek, trouble, turns};
use kinetail_base::checkpoint::Change;

/// Whether reading continues in a file whose bytes changed, is over for good, or waits until what
/// it holds can be compared.
fn is_continued<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, stat: Stat, now: Now) -> bool {
    tailer.problems.doubt.begin();
    let place = rewritten::last_proven_place(tailer, key, stat);
    let overwritten = place.is_none() && rewritten::is_overwritten(tailer, key, stat);
    if doubt::puts_off(tailer, key, now) {
        return true;
    }
    if overwritten {
        rewritten::give_up_overwritten(tailer, key, stat);
        return true;
    }
    place.is_some_and(|place| rewritten::continue_where_proven(tailer, key, place, stat, now))
}

/// The bytes of this file are not those of its generation any more. The old content is
/// remembered, for a copy of it may appear; the file is read from byte 0.
pub(crate) fn begin_new_generation<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    why: &str,
    now: Now,
) {
    let Some(file) = tailer.files.get(key) else { return };
    let stat = file.handle.as_ref().and_then(|handle| handle.stat().ok());
    let stat = stat.unwrap_or(file.seen);
    if is_continued(tailer, key, stat, now) {
        return;
    }
    let Some(mut file) = tailer.files.remove(key) else { return };
    let (path, inode) = (Arc::clone(&file.path), file.inode);
    let old = Remembered {
        key,
        inode,
        path: Arc::clone(&path),
        head: file.head,
        position: file.position,
        trail: file.progress.take_places(),
        acked: file.acked(),
        holes: file.gaps.reset(stat.size, now.instant),
        seen_size: file.pace.grown_to(),
        rotated: file.is_rotated(),
        lost: Lost { why: Loss::Truncated, since: now.instant, by_nanos: stat.modified_nanos },
        whereabouts: Whereabouts { real: file.life.real().cloned(), located: false },
    };
    tailer.out.event(
        EventKind::Truncated,
        &path,
        format!(
            "file truncated or overwritten ({why}); reading the new generation from the beginning; \
             {} bytes of the previous one were read",
            file.position.offset
        ),
    );
    phase::pass(file.phase(), Fact::Changed, Phase::Missing);
    if !file.is_listed() && file.seen.links > 0 {
        // Outside the pattern only the content that was followed there is our business.
        tailer.files.by_inode.remove(&inode);
        tailer.files.open_count -= usize::from(file.handle.is_some());
        missing::remember(tailer, old);
        return seek::find_copy_of(tailer, key);
    }
    file.key = tailer.files.new_key();
    file.seen = stat;
    file.head = Head::default();
    file.position = Position::start();
    file.ahead = Lookahead::from(0);
    tailer.out.changes.extend(file.progress.reset().map(Change::Forget));
    if file.phase() == Phase::Ignored {
        trouble::may_be_lines(tailer, &path);
    }
    file.life = file.life.of_next_generation();
    file.life.compare(Fact::NotCompared);
    file.pace.reset(now.instant);
    let new_key = file.key;
    tailer.files.by_inode.insert(inode, new_key);
    tailer.out.changes.push(Change::Save(checkpoint(&file, Position::start())));
    tailer.files.insert(new_key, file);
    tailer.history.order.arrived.push(new_key);
    turns::poll_soon(tailer, new_key);
    tailer.files.grow_head(new_key);
    missing::remember(tailer, old);
    tailer.work.push(Job::Identify(new_key, Then::Queue));
    seek::find_copy_of(tailer, key);
}
