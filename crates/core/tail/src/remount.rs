//! Files whose file system was mounted again: the same inode numbers under another device number.
//!
//! Part of [`crate::tailer`]. Device numbers of network file systems, of overlays, of btrfs and of
//! loop devices are given out at mounting, so the same file may have another one after that, or
//! after a restart of the machine. Such a file is the same if its path, its inode number and its
//! bytes are: it is continued and not sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use crate::candidate::Candidate;
use crate::disk::{Disk, OpenFile};
use crate::doubt::{Doubt, be_sure};
use crate::event::EventKind;
use crate::holes::Holes;
use crate::identity::{FileKey, Head, Inode, Position};
use crate::options::Now;
use crate::rotation::{Entry, Listing};
use crate::row::checkpoint_at_ack;
use crate::tailer::Tailer;
use crate::{adopt, file, trouble, turns};
use kinetail_base::checkpoint::Change;

/// A name and an inode number, which stay when the device number changes.
type Place<'p> = (&'p OsStr, u64);

/// Finds followed and remembered contents in files that differ from theirs in nothing but the
/// device number.
pub(crate) fn find_remounted<D: Disk>(tailer: &mut Tailer<D>, listing: &Listing, now: Now) {
    let unknown = |entry: &&Entry| {
        !tailer.files.by_inode.contains_key(&entry.inode)
            && tailer.memory.at_inode(entry.inode).is_empty()
    };
    let unknown: Vec<&Entry> = listing.entries.iter().filter(unknown).collect();
    if unknown.is_empty() {
        return;
    }
    let mut places: BTreeMap<Place<'_>, FileKey> = BTreeMap::new();
    for content in tailer.memory.iter() {
        places.insert((content.path.as_os_str(), content.inode.number), content.key);
    }
    for file in tailer.files.values() {
        places.insert((file.path.as_os_str(), file.inode.number), file.key);
    }
    // The inode itself is unknown, so whatever is found here differs by its device.
    let found: Vec<(FileKey, Arc<Path>)> = unknown
        .into_iter()
        .filter_map(|entry| {
            let key = places.get(&(entry.path.as_os_str(), entry.inode.number))?;
            Some((*key, Arc::clone(&entry.path)))
        })
        .collect();
    if found.is_empty() {
        return;
    }
    let listed: BTreeSet<Inode> = listing.entries.iter().map(|entry| entry.inode).collect();
    for (key, path) in found {
        // What still has a name of its own did not move to another device.
        if tailer.files.get(key).is_some_and(|file| listed.contains(&file.inode)) {
            continue;
        }
        // What cannot be opened now is looked at by the scan as any other file.
        let follow = tailer.options.pattern.follow_links();
        let Ok(candidate) = Candidate::open(&tailer.disk, &path, follow) else { continue };
        let inode = candidate.inode;
        tailer.problems.doubt.begin();
        if tailer.files.contains_key(key) {
            rebind(tailer, key, candidate, now);
        } else {
            resume_remounted(tailer, key, candidate, now);
        }
        if let Err(error) = be_sure(tailer, inode, &path, now) {
            // As a file that cannot be opened it is tried again, and not taken for a new one.
            trouble::trouble(tailer, &path, error);
            tailer.directories.refused.push_back(Entry { path, inode });
        }
    }
}

fn rebind<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, candidate: Candidate<D::File>, now: Now) {
    let Some(file) = tailer.files.get_mut(key) else { return };
    let longer_before = file
        .handle
        .as_ref()
        .and_then(|handle| handle.stat().ok())
        .is_some_and(|before| before.size > candidate.stat.size);
    let (position, holes) = (file.position, file.gaps.holes());
    if longer_before || !holds(&tailer.problems.doubt, &candidate, file.head, (position, holes)) {
        return;
    }
    let before = std::mem::replace(&mut file.inode, candidate.inode);
    file.seen = candidate.stat;
    file.pace.set_unsettled(true);
    file.pace.poll_sooner(now.instant);
    let was_closed = file.handle.replace(candidate.handle).is_none();
    let detail = told(before.device, candidate.inode.device, file.position.offset);
    let row = checkpoint_at_ack(file);
    tailer.files.open_count += usize::from(was_closed);
    tailer.files.by_inode.remove(&before);
    tailer.files.by_inode.insert(candidate.inode, key);
    tailer.out.changes.extend(row.map(Change::Save));
    tailer.out.event(EventKind::Remounted, &candidate.path, detail);
    turns::poll_soon(tailer, key);
}

fn resume_remounted<D: Disk>(
    tailer: &mut Tailer<D>,
    key: FileKey,
    candidate: Candidate<D::File>,
    now: Now,
) {
    let Some(content) = tailer.memory.get(key) else { return };
    // A content of which nothing was read proves nothing.
    if content.position.offset == 0
        || !holds(
            &tailer.problems.doubt,
            &candidate,
            content.head,
            (content.position, &content.holes),
        )
    {
        return;
    }
    // Its name is the one that it had: it is not rotated by this.
    adopt::resume(tailer, candidate, key, EventKind::Remounted, now);
}

/// Whether a file has the content that was known by this head and position.
fn holds<F: OpenFile>(
    doubt: &Doubt,
    candidate: &Candidate<F>,
    head: Head,
    (position, holes): (Position, &Holes),
) -> bool {
    candidate.stat.size >= position.offset
        && head.agrees(&candidate.head)
        && doubt.is_so(file::proves(&candidate.handle, position, holes))
}

fn told(before: u64, after: u64, offset: u64) -> String {
    format!("file system remounted (device {before}, now {after}); resumed at offset {offset}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::event::EventKind;
    use super::super::file::Tailed;
    use super::super::identity::Anchor;
    use super::super::pattern::FilePattern;
    use super::super::rotated::RotatedNames;
    use super::super::space::SpaceGuard;
    use super::super::tailer::TailOptions;
    use super::*;
    use crate::memory_disk::MemoryDisk;

    /// A tailer over one directory, looked at with a clock of its own.
    struct Scene {
        disk: MemoryDisk,
        tailer: Tailer<MemoryDisk>,
        now: Now,
    }

    impl Scene {
        fn new() -> Self {
            let disk = MemoryDisk::with_directory(Path::new("/logs"));
            let pattern = FilePattern::parse("/logs/*.log").unwrap();
            let options = TailOptions {
                pattern,
                scan_interval: Duration::from_millis(100),
                start_at_end: false,
                skip_header_lines: 0,
                partial_line_hold: None,
                refuse_utf16: false,
                multi_line_hold: None,
                descriptors_max: 100,
                space: SpaceGuard::default(),
                rotated_names: RotatedNames::default(),
                strict_order: false,
                earlier: None,
            };
            // A wall clock far ahead: stamps of the test's files are old enough to be trusted.
            let now = Now { instant: crate::testing::now(), wall_nanos: i128::MAX / 2 };
            let tailer = Tailer::new(disk.clone(), options, Vec::new(), 1, now.instant);
            Self { disk, tailer, now }
        }

        fn write(&self, name: &str, bytes: &[u8]) {
            let path = Path::new("/logs").join(name);
            let file = self.disk.writer(&path).unwrap_or_else(|| self.disk.create_new(&path));
            file.set_len(0);
            file.append(bytes);
        }

        fn scan(&mut self) {
            self.now.instant += Duration::from_mins(2);
            self.tailer.control().hint(self.now.instant);
            self.tailer.look(self.now);
        }

        /// Reads the file to its end, as a flow would.
        fn read(&mut self, name: &str) {
            let bytes = self.disk.read(&Path::new("/logs").join(name)).unwrap();
            let anchor = Anchor::of(&bytes);
            let position = Position { offset: bytes.len() as u64, anchor };
            let key = self.key(name);
            self.tailer.reader().advance(key, position);
            self.tailer.acknowledge(key, position, self.now.instant);
        }

        fn key(&self, name: &str) -> FileKey {
            let path = Path::new("/logs").join(name);
            self.tailer.files().find(|file| *file.path == *path).unwrap().key
        }

        /// As if what is known had been learnt under another device number.
        fn change_device_numbers(&mut self) {
            self.tailer.files.by_inode.clear();
            let mut moved = Vec::new();
            for file in self.tailer.files.values_mut() {
                file.inode.device += 1_000;
                moved.push((file.inode, file.key));
            }
            self.tailer.files.by_inode.extend(moved);
            self.tailer.directories.snapshot = None;
        }

        fn kinds(&mut self) -> Vec<EventKind> {
            self.tailer.take_events().into_iter().map(|event| event.kind).collect()
        }
    }

    #[test]
    fn a_followed_file_under_another_device_number_is_continued() {
        let mut scene = Scene::new();
        scene.write("a.log", b"some lines\nof a file\n");
        scene.write("b.log", b"some lines\nof another\n");
        scene.scan();
        scene.read("a.log");
        scene.read("b.log");
        let (a, b) = (scene.key("a.log"), scene.key("b.log"));
        scene.kinds();
        scene.change_device_numbers();
        scene.scan();
        assert_eq!(scene.kinds(), [EventKind::Remounted, EventKind::Remounted]);
        assert_eq!((scene.key("a.log"), scene.key("b.log")), (a, b));
        assert!(scene.tailer.files().all(|file| file.unread_bytes() == 0 && file.handle.is_some()));
        assert_eq!(scene.tailer.open_count(), 2);
    }

    #[test]
    fn another_content_under_another_device_number_is_another_file() {
        let mut scene = Scene::new();
        scene.write("a.log", b"some lines\nof a file\n");
        scene.scan();
        scene.read("a.log");
        scene.kinds();
        scene.change_device_numbers();
        // The same inode, as chance would have it, with other bytes.
        scene.write("a.log", b"some other lines\nof another file\n");
        scene.scan();
        let kinds = scene.kinds();
        assert!(!kinds.contains(&EventKind::Remounted), "{kinds:?}");
        let unread = scene.tailer.files().map(Tailed::unread_bytes).max();
        assert_eq!(unread, Some(33), "it is read from byte 0");
    }
}
