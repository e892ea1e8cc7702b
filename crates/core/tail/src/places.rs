//! Where rotated files of a log may lie, and which of the files there are of interest.
//!
//! Part of [`Tailer`].

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Kind};
use super::identity::Inode;
use super::rotated::{Rank, unpacked_name};
use super::tailer::Tailer;

/// A pattern that leads through more directories than this is looked at only where a log lies.
const BESIDE_MAX: usize = 8;

/// A directory and the live name whose rotated files lie in it.
struct Place {
    directory: PathBuf,
    live: Vec<u8>,
    /// The live name is a link: rotated files may be named like what it leads to.
    linked: bool,
}

/// A file in a place, as it was listed.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    /// What its name says about its age, if it belongs to the log.
    pub(super) rank: Option<Rank>,
    pub(super) packed: bool,
}

/// Directories that are listed once however many logs lie in them.
#[derive(Debug, Default)]
pub(super) struct Listings {
    directories: BTreeMap<PathBuf, Directory>,
    /// Something could not be listed: it came or went meanwhile.
    pub(super) unsure: bool,
}

/// The regular files of one directory.
#[derive(Debug, Default)]
struct Directory {
    files: Vec<Listed>,
    /// Which of them may have been made of which live name.
    by_live: BTreeMap<Vec<u8>, Vec<(usize, Rank)>>,
    /// Those in which a content lay that has no file.
    wanted: Vec<usize>,
}

impl Listings {
    /// The files of a directory that belong to a log, and once those that are wanted.
    fn of_log<D: Disk>(&mut self, tailer: &Tailer<D>, place: &Place) -> Vec<Listed> {
        if !self.directories.contains_key(&place.directory) {
            let listed = Self::list(tailer, &place.directory);
            self.directories.insert(place.directory.clone(), listed);
        }
        let Some(directory) = self.directories.get_mut(&place.directory) else { return Vec::new() };
        let wanted = std::mem::take(&mut directory.wanted);
        let mut found: Vec<Listed> =
            wanted.into_iter().filter_map(|at| directory.files.get(at).cloned()).collect();
        let mut add = |live: &[u8], like: Option<&Rank>| {
            let named = directory.by_live.get(live).into_iter().flatten();
            for (at, rank) in named.filter(|(_, rank)| like.is_none_or(|like| like.is_like(rank))) {
                if let Some(listed) = directory.files.get(*at) {
                    found.push(Listed { rank: Some(rank.clone()), ..listed.clone() });
                }
            }
        };
        add(&place.live, None);
        if place.linked {
            // A link leads to the newest of several dated files.
            for reading in tailer.options.rotated_names.readings(&place.live) {
                add(&reading.live, Some(&reading.rank));
            }
        }
        found
    }

    fn list<D: Disk>(tailer: &Tailer<D>, path: &Path) -> Directory {
        let mut directory = Directory::default();
        let Ok(stat) = tailer.disk.stat(path) else { return directory };
        let Ok(names) = tailer.disk.list(path) else { return directory };
        // A file that a link leads to has its own directory.
        for listed in names.into_iter().filter(|listed| listed.kind == Kind::File) {
            let inode = Inode { number: listed.number, ..stat.inode };
            let name = listed.name;
            let readings = tailer.options.rotated_names.readings(name.as_bytes());
            let wanted = !tailer.memory.at_inode(inode).is_empty();
            if readings.is_empty() && !wanted {
                continue;
            }
            let at = directory.files.len();
            if wanted {
                directory.wanted.push(at);
            }
            for reading in readings {
                directory.by_live.entry(reading.live).or_default().push((at, reading.rank));
            }
            let packed = unpacked_name(name.as_bytes()).1;
            directory.files.push(Listed { path: path.join(name), inode, rank: None, packed });
        }
        directory
    }
}

impl<D: Disk> Tailer<D> {
    /// The regular files in the places of a log that may be generations of it, or hold a content
    /// that has no file.
    pub(super) fn list_places(&self, live: &Path, listings: &mut Listings) -> Vec<Listed> {
        let mut all: Vec<Listed> = Vec::new();
        for place in self.places_of(live) {
            all.extend(listings.of_log(self, &place));
        }
        all.retain(|listed| *listed.path != *live);
        // Where a file is listed twice its name counts.
        all.sort_by(|a, b| {
            let named = |listed: &Listed| listed.rank.is_none();
            a.path.as_os_str().cmp(b.path.as_os_str()).then(named(a).cmp(&named(b)))
        });
        all.dedup_by(|a, b| a.path == b.path);
        all
    }

    /// Where rotated files of a log may lie: beside its name, beside what its name leads to, and
    /// where the user says.
    fn places_of(&self, live: &Path) -> Vec<Place> {
        let is_link = self.disk.is_link(live).unwrap_or(false);
        let follow = self.options.pattern.follow_links();
        let followed = is_link && self.disk.may_follow(live, follow).is_ok();
        let target = followed.then(|| self.disk.real_path(live).ok()).flatten();
        let mut places = Vec::new();
        for (path, linked) in [(Some(live.to_path_buf()), false), (target, true)] {
            let Some(path) = path else { continue };
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let live = name.as_bytes().to_vec();
            for below in self.options.rotated_names.directories() {
                let directory = directory.join(below);
                places.push(Place { directory, live: live.clone(), linked: false });
            }
            places.push(Place { directory: directory.to_path_buf(), live, linked });
        }
        let known: Vec<&Path> = places.iter().map(|place| place.directory.as_path()).collect();
        let beside = self.snapshot.iter().flat_map(|snapshot| snapshot.directories.keys());
        let beside: Vec<PathBuf> =
            beside.filter(|directory| !known.contains(&directory.as_path())).cloned().collect();
        if beside.len() <= BESIDE_MAX
            && let Some(name) = live.file_name()
        {
            places.extend(beside.into_iter().map(|directory| Place {
                directory,
                live: name.as_bytes().to_vec(),
                linked: false,
            }));
        }
        places
    }

    /// Directories beside that of a content where its rest may lie, compressed.
    pub(super) fn directories_of(&self, path: &Path) -> Vec<PathBuf> {
        if !self.logs.contains(path) {
            // What was rotated has its real path already.
            return path.parent().map(Path::to_path_buf).into_iter().collect();
        }
        self.places_of(path).into_iter().map(|place| place.directory).collect()
    }
}
