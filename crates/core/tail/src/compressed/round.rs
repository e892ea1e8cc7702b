//! A round of the search: lists the directories where missing generations lay, and says which of
//! them are looked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compressed::state::{Hunt, Round, Seen};
use crate::compressed::stream::Format;
use crate::disk::{Disk, Fault, Kind};
use crate::identity::{FileKey, Inode};
use crate::links::FollowLinks;
use crate::memory::{Loss, Remembered};
use crate::pattern::is_compressed_name;
use crate::tailer::Tailer;
use crate::{dated, file, places, waiting};

/// Of a directory, at most this many compressed files are looked into.
const FILES_MAX: usize = 4096;

pub(crate) fn begin_round<D: Disk>(tailer: &mut Tailer<D>) {
    tailer.hunt.round.under_way = true;
    for inode in std::mem::take(&mut tailer.hunt.round.postponed) {
        waiting::try_again(tailer, inode);
    }
    let unread = &tailer.hunt.seen.unread;
    let own = tailer.memory.iter().filter(|content| unread.contains(&*content.path));
    own.for_each(|content| tailer.hunt.generations.try_again(content.key));
    // Links lead to other directories; many contents lie in few.
    let lay: BTreeSet<&Arc<Path>> = tailer.memory.iter().map(|content| &content.path).collect();
    let mut directories: BTreeSet<PathBuf> =
        lay.into_iter().flat_map(|path| places::directories_of(tailer, path)).collect();
    let real =
        tailer.memory.iter().filter_map(|content| content.whereabouts.real.as_deref()?.parent());
    for directory in real.collect::<BTreeSet<&Path>>() {
        if directories.insert(directory.to_path_buf()) {
            directories.extend(dated::dated_in(tailer, directory));
        }
    }
    let mut compressed = Vec::new();
    let mut plain = BTreeMap::new();
    // Where links lead two paths may be one directory.
    let mut listed: BTreeSet<Inode> = BTreeSet::new();
    for directory in directories {
        let Ok(stat) = tailer.disk.stat(&directory) else { continue };
        if !listed.insert(stat.inode) {
            continue;
        }
        list_packed(tailer, &directory, &mut compressed, &mut plain);
    }
    let wanted: BTreeSet<FileKey> = if compressed.is_empty() {
        BTreeSet::new()
    } else {
        let wanted = tailer.memory.iter().filter(|content| is_wanted(tailer, content, &plain));
        wanted.map(|content| content.key).collect()
    };
    if !wanted.is_subset(&tailer.hunt.seen.known_for) {
        tailer.hunt.seen.known.clear();
        tailer.hunt.seen.weak.clear();
    }
    tailer.hunt.round.paths = if wanted.is_empty() { VecDeque::new() } else { compressed.into() };
    let paths = &tailer.hunt.round.paths;
    tailer.hunt.seen.known.retain(|path, _| paths.binary_search(path).is_ok());
    let Hunt { seen: Seen { known, compared, .. }, round: Round { paths, .. }, .. } =
        &mut tailer.hunt;
    let disk = &tailer.disk;
    compared.clear();
    paths.retain(|path| {
        let Some(seen) = known.get(path) else { return true };
        let same = file::stat_path(disk, path).is_ok_and(|stat| stat.is_like(seen));
        compared.extend(same.then_some(seen.inode));
        !same
    });
    tailer.hunt.seen.known_for.clone_from(&wanted);
    tailer.hunt.wanted = wanted;
}

/// Whether a content may lie in a compressed file: something of it is known, and the file that
/// it lay in is gone.
fn is_wanted<D: Disk>(
    tailer: &Tailer<D>,
    content: &Remembered,
    plain: &BTreeMap<u64, PathBuf>,
) -> bool {
    // The file that it was found to be read in may have grown since then, and be compressed now.
    let located = content.whereabouts.located && plain.contains_key(&content.inode.number);
    if content.head.len == 0 || located {
        return false;
    }
    match content.lost.why {
        // Even what no look saw of it may be in a copy.
        Loss::Truncated | Loss::Vanished => true,
        // As long as the file is there a compressed one is only being made of it.
        Loss::Released | Loss::Stopped | Loss::Finished => {
            let path = plain.get(&content.inode.number);
            let path = path.filter(|_| !tailer.files.by_inode.contains_key(&content.inode));
            !path.is_some_and(|path| begins_like(tailer, path, content))
        }
    }
}

/// The compressed files of a directory, in order, and the inodes of the others.
fn list_packed<D: Disk>(
    tailer: &Tailer<D>,
    directory: &Path,
    compressed: &mut Vec<PathBuf>,
    plain: &mut BTreeMap<u64, PathBuf>,
) {
    let Ok(names) = tailer.disk.list(directory) else { return };
    let mut found = Vec::new();
    for listed in names.into_iter().filter(|listed| listed.kind == Kind::File) {
        let path = directory.join(&listed.name);
        if !is_compressed_name(&listed.name) {
            plain.insert(listed.number, path);
        } else if Format::of_name(&listed.name).is_some() && found.len() < FILES_MAX {
            found.push(path);
        }
    }
    compressed.append(&mut found);
    compressed.sort();
}

/// Whether a file begins like a content. In doubt it does: the next round looks again.
fn begins_like<D: Disk>(tailer: &Tailer<D>, path: &Path, content: &Remembered) -> bool {
    let opened = tailer.disk.open(path, FollowLinks::Always);
    let head = opened.and_then(|(handle, _)| file::read_head(&handle));
    match head {
        Ok(head) => content.head.agrees(&head),
        Err(error) => !error.is_gone() && error.fault != Fault::Denied,
    }
}

/// A content of which little is known, and the only file that agrees with it.
pub(crate) fn only_candidate<D: Disk>(tailer: &mut Tailer<D>) -> Option<(FileKey, PathBuf)> {
    let memory = &tailer.memory;
    tailer.hunt.seen.weak.retain(|key, _| memory.get(*key).is_some());
    let only = tailer.hunt.seen.weak.iter().find(|(_, paths)| paths.len() == 1);
    let key = only.map(|(key, _)| *key)?;
    let path = tailer.hunt.seen.weak.remove(&key)?.pop_first()?;
    Some((key, path))
}
