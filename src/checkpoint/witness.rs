//! What the store left on disk, so that it notices if another process changes it.
//!
//! SQLite would continue to write to a file that cannot be found again, and would not look at pages
//! that it has in memory. But no other program has any business with these files: between two
//! commits their inodes, sizes and times stay as they are. To look costs three calls, and shows a
//! file that was removed, replaced, truncated or written to, whatever was written.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::files;

/// The database, its log and its index, by what their names end in.
const FILES: [(&str, Kind); 3] =
    [("", Kind::Written), ("-wal", Kind::Written), ("-shm", Kind::Mapped)];

/// How a file is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// By calls: size and time show it.
    Written,
    /// Through memory, by readers too: only which file it is means something.
    Mapped,
}

/// What the store's files looked like after its last write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Witness([Option<Seen>; FILES.len()]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: (u64, u64),
    /// Size in bytes, and seconds and nanoseconds of the last change.
    state: Option<(u64, i64, i64)>,
}

impl Witness {
    /// Looks at the files of the database at `path`.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut seen = [None; FILES.len()];
        for (place, (suffix, kind)) in seen.iter_mut().zip(FILES) {
            *place = look(&files::sidecar(path, suffix), kind)?;
        }
        Ok(Self(seen))
    }

    /// Whether these are the same files, changed or not.
    pub(super) fn same_files(&self, other: &Self) -> bool {
        let inodes = |witness: &Self| witness.0.map(|seen| seen.map(|seen| seen.inode));
        inodes(self) == inodes(other)
    }

    /// What happened to the files since `before`, in words.
    pub(super) fn difference(&self, before: &Self) -> Option<String> {
        let pairs = FILES.iter().zip(before.0.iter().zip(&self.0));
        for ((suffix, _), (before, now)) in pairs {
            let what = match (before, now) {
                (Some(_), None) => "removed",
                (Some(before), Some(now)) if before.inode != now.inode => "replaced",
                (Some(before), Some(now)) if before.state != now.state => "changed",
                (None, Some(_)) => "created",
                (Some(_), Some(_)) | (None, None) => continue,
            };
            let file =
                if suffix.is_empty() { "the file".to_owned() } else { format!("its {suffix}") };
            return Some(format!("{file} was {what}"));
        }
        None
    }
}

fn look(path: &Path, kind: Kind) -> io::Result<Option<Seen>> {
    match fs::symlink_metadata(path) {
        Ok(found) => {
            let state = (found.size(), found.mtime(), found.mtime_nsec());
            let inode = (found.dev(), found.ino());
            Ok(Some(Seen { inode, state: (kind == Kind::Written).then_some(state) }))
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}
