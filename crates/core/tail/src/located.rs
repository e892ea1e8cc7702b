//! Names of files that are known by their inode.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, OpenFile};
use crate::identity::FileKey;
use crate::pattern::is_compressed_name;
use crate::tailer::Tailer;
use crate::{file, real_path};

/// An open file that lost its matching name and has another one, which the kernel knows.
pub(crate) fn moved_away_file<D: Disk>(tailer: &Tailer<D>) -> Option<(FileKey, Arc<Path>)> {
    let moved = tailer.files.values().filter(|file| !file.is_listed());
    moved.filter(|file| file.seen.links > 0).find_map(|file| {
        let handle = file.handle.as_ref()?;
        let name = handle.name_now().ok()?;
        let same = file::stat_path(&tailer.disk, &name).ok()?.inode == file.inode;
        same.then(|| (file.key, Arc::from(name)))
    })
}

/// Looks for closed files in the directories where they had their names: they may have others
/// now. Says which were found; their paths are brought up to date.
pub(crate) fn locate<D: Disk>(tailer: &mut Tailer<D>, keys: &[FileKey]) -> Vec<FileKey> {
    let mut wanted: BTreeMap<PathBuf, BTreeMap<u64, FileKey>> = BTreeMap::new();
    for file in keys.iter().filter_map(|key| tailer.files.get(*key)) {
        let closed = file.handle.is_none();
        for dir in real_path::directories(&file.path, file.life.real().map(|real| &**real))
            .filter(|_| closed)
        {
            wanted.entry(dir.to_path_buf()).or_default().insert(file.inode.number, file.key);
        }
    }
    let mut found = Vec::new();
    for (dir, numbers) in wanted {
        // A directory that cannot be listed now is looked at again with the next look.
        let Ok(names) = tailer.disk.list(&dir) else { continue };
        for name in names {
            let Some(key) = numbers.get(&name.number) else { continue };
            if adopt_name(tailer, *key, &dir.join(&name.name)) {
                found.push(*key);
            }
        }
    }
    found
}

/// Takes a path for a file's name, if it leads to it.
fn adopt_name<D: Disk>(tailer: &mut Tailer<D>, key: FileKey, path: &Path) -> bool {
    let Some(file) = tailer.files.get_mut(key) else { return false };
    let stat = file::stat_path(&tailer.disk, path);
    // The inode number of a file that is gone may be that of a compressed one by now.
    let same = stat.is_ok_and(|stat| stat.inode == file.inode)
        && !path.file_name().is_some_and(is_compressed_name);
    if same {
        let name = path.file_name().unwrap_or_default();
        let elsewhere = file.life.real().filter(|real| real.parent() != path.parent());
        let elsewhere = elsewhere.map(|real| Arc::from(real.with_file_name(name)));
        file.life.set_real(elsewhere);
        file.path = Arc::from(path);
    }
    same
}
