//! Where rotated files of a log may lie, and which of the files there are of interest.
//!
//! Part of [`crate::tailer`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{DirName, Disk, DiskError, Fault, Kind};
use crate::identity::Inode;
use crate::left;
use crate::rotated::{Rank, RotatedNames, unpacked_name};
use crate::tailer::Tailer;
use crate::{dated, file, led_before, trouble};

/// A pattern that leads through more directories than this is looked at only where a log lies.
const NEARBY_MAX: usize = 8;

/// A directory and the live name whose rotated files lie in it.
pub(crate) struct Place {
    pub(super) directory: PathBuf,
    pub(super) live: Vec<u8>,
    /// The live name is a link: rotated files may be named like what it leads to.
    pub(super) linked: bool,
    /// The directory of the log itself, if this is one for its rotated files.
    pub(super) home: PathBuf,
    /// Files of others may lie there, too, under names like those of this log.
    pub(super) shared: bool,
}

/// A file in a place, as it was listed.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    /// What its name says about its age, if it belongs to the log.
    pub(super) rank: Option<Rank>,
    /// The live name that its name was made of, if it belongs to the log.
    pub(super) series: PathBuf,
    pub(super) packed: bool,
    /// The log is reached by a link, which may have led to a file of this name.
    pub(super) behind_link: bool,
    /// It may be a file of others.
    pub(super) shared: bool,
}

impl Listed {
    pub(super) fn new(path: PathBuf, inode: Inode) -> Self {
        let packed = path.file_name().is_some_and(|name| unpacked_name(name.as_bytes()).1);
        let series = PathBuf::new();
        Self { path, inode, rank: None, series, packed, behind_link: false, shared: false }
    }
}

/// Directories that are listed once however many logs lie in them.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    directories: BTreeMap<PathBuf, Directory>,
    /// Where directories are that were looked for.
    moved: left::Searched,
    /// Something could not be listed: it came or went meanwhile.
    pub(super) unsure: bool,
    /// Directories that are there and cannot be listed, and why.
    pub(super) unlisted: BTreeMap<PathBuf, DiskError>,
}

/// What the places of a log hold.
#[derive(Debug, Default)]
pub(super) struct PlacesLook {
    pub(super) listed: Vec<Listed>,
    /// One of them is there and cannot be listed: what lies in it is not known.
    pub(super) blocked: bool,
    /// What the live name leads to, through links.
    pub(super) target: Option<PathBuf>,
    /// The live name is a link that leads nowhere now, and where it led before is not known.
    pub(super) hidden: bool,
}

/// Where rotated files of a log may lie.
struct Places {
    list: Vec<Place>,
    /// Where a link leads to cannot be found out now.
    blocked: bool,
    hidden: bool,
}

/// The regular files of one directory.
#[derive(Debug, Default)]
struct Directory {
    files: Vec<Listed>,
    /// Which of them may have been made of which live name.
    by_live: BTreeMap<Vec<u8>, Vec<(usize, Rank)>>,
    /// Those in which a content lay that has no file.
    wanted: Vec<usize>,
    /// Those that are followed, or in which a content lay.
    known: Vec<usize>,
    /// Directories in it that are named after a time and may hold rotated files, too.
    dated: Vec<PathBuf>,
}

impl Listings {
    /// The files of a directory that belong to a log, and once those that are wanted.
    fn of_log<D: Disk>(&mut self, tailer: &Tailer<D>, place: &Place) -> Vec<Listed> {
        if !self.directories.contains_key(&place.directory) {
            let listed = self.list(tailer, &place.directory);
            self.directories.insert(place.directory.clone(), listed);
        }
        let Some(directory) = self.directories.get_mut(&place.directory) else { return Vec::new() };
        let wanted = std::mem::take(&mut directory.wanted);
        let mut found: Vec<Listed> =
            wanted.into_iter().filter_map(|at| directory.files.get(at).cloned()).collect();
        let names = &tailer.options.rotated_names;
        directory.add_named(&place.home, &place.live, None, &mut found);
        if place.linked {
            // A link leads to the newest of several dated files.
            for reading in names.readings(&place.live) {
                directory.add_named(&place.home, &reading.live, Some(&reading.rank), &mut found);
            }
            directory.add_through_links(&place.home, names, &mut found);
        }
        for listed in &mut found {
            listed.behind_link = place.linked;
            listed.shared = place.shared;
        }
        found
    }

    /// Directories below one that was listed in which rotated files may lie.
    fn dated_in(&self, directory: &Path) -> Vec<PathBuf> {
        self.directories.get(directory).map(|found| found.dated.clone()).unwrap_or_default()
    }

    fn list<D: Disk>(&mut self, tailer: &Tailer<D>, path: &Path) -> Directory {
        let mut directory = Directory::default();
        let disk = &tailer.disk;
        let (stat, names) = match disk.stat(path).and_then(|stat| Ok((stat, disk.list(path)?))) {
            Ok(listing) => listing,
            Err(error) => {
                // In a directory that is not there nothing can lie.
                if !error.is_missing() {
                    self.unlisted.insert(path.to_path_buf(), error);
                }
                return directory;
            }
        };
        directory.dated = dated::dated_among(tailer, path, &names);
        for listed in names {
            let Some(inode) = inode_of(disk, path, &listed, stat.inode) else { continue };
            let name = listed.name;
            let readings = tailer.options.rotated_names.all_readings(name.as_bytes());
            let wanted = !tailer.memory.at_inode(inode).is_empty();
            let known = wanted || tailer.files.by_inode.contains_key(&inode);
            // What was followed is read to its end whatever its name becomes.
            let excluded = tailer.options.pattern.excludes_path(&path.join(&name));
            if !known && (readings.is_empty() || excluded) {
                continue;
            }
            let at = directory.files.len();
            if wanted {
                directory.wanted.push(at);
            }
            if known {
                directory.known.push(at);
            }
            for reading in readings {
                directory.by_live.entry(reading.live).or_default().push((at, reading.rank));
            }
            directory.files.push(Listed::new(path.join(name), inode));
        }
        directory
    }
}

impl Directory {
    /// Adds the files that may have been made of a live name; only those of one kind, if given.
    fn add_named(&self, home: &Path, live: &[u8], kind: Option<&Rank>, found: &mut Vec<Listed>) {
        let series = home.join(OsStr::from_bytes(live));
        let named = self.by_live.get(live).into_iter().flatten();
        for (at, rank) in named.filter(|(_, rank)| kind.is_none_or(|kind| kind.is_like(rank))) {
            if let Some(listed) = self.files.get(*at) {
                let (rank, series) = (Some(rank.clone()), series.clone());
                found.push(Listed { rank, series, ..listed.clone() });
            }
        }
    }

    /// A link may have led to a file of another name before (`0.log` of a container that was
    /// started again): adds what may have been made of each name that is known or found here.
    fn add_through_links(&self, home: &Path, names: &RotatedNames, found: &mut Vec<Listed>) {
        let name_of =
            |listed: &Listed| listed.path.file_name().map(|name| name.as_bytes().to_vec());
        let known = self.known.iter().filter_map(|at| self.files.get(*at)).filter_map(name_of);
        let mut lives: Vec<Vec<u8>> = known.chain(found.iter().filter_map(name_of)).collect();
        let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
        while let Some(live) = lives.pop() {
            if !seen.insert(live.clone()) {
                continue;
            }
            lives.extend(names.readings(&live).into_iter().map(|reading| reading.live));
            let before = found.len();
            self.add_named(home, &live, None, found);
            lives.extend(found.iter().skip(before).filter_map(name_of));
        }
    }
}

/// The inode of a regular file, or of the one that a link leads to; nothing for what is neither.
fn inode_of<D: Disk>(disk: &D, directory: &Path, name: &DirName, near: Inode) -> Option<Inode> {
    match name.kind {
        Kind::File => Some(Inode { number: name.number, ..near }),
        // Whether it may be followed is decided when it is opened.
        Kind::Link => Some(file::stat_path(disk, &directory.join(&name.name)).ok()?.inode),
        Kind::Directory | Kind::Other => None,
    }
}

/// The regular files in the places of a log that may be generations of it, or hold a content
/// that has no file.
pub(crate) fn list_places<D: Disk>(
    tailer: &Tailer<D>,
    live: &Path,
    listings: &mut Listings,
) -> PlacesLook {
    let (mut all, mut led_to) = (Vec::new(), Vec::new());
    let Places { list: mut places, mut blocked, hidden } = places_of(tailer, live);
    let target = target_of(tailer, live, &places);
    for known in led_before::files_before(tailer, live, target.as_deref()) {
        // Where the link leads nowhere that is all that is known of it.
        let now = target.as_deref().unwrap_or(&known);
        left::add_led_to(tailer, &known, now, &mut places, &mut led_to);
    }
    left::add_moved(tailer, live, (&mut places, &mut led_to), &mut listings.moved);
    let hidden = hidden && led_to.is_empty() && places.iter().all(|place| !place.linked);
    for place in places {
        all.extend(listings.of_log(tailer, &place));
        blocked |= listings.unlisted.contains_key(&place.directory);
        for directory in listings.dated_in(&place.directory) {
            let (live, home) = (place.live.clone(), place.home.clone());
            let (linked, shared) = (place.linked, place.shared);
            let dated = Place { directory, live, linked, home, shared };
            all.extend(listings.of_log(tailer, &dated));
        }
    }
    all.extend(led_to);
    all.retain(|listed| *listed.path != *live);
    // Where links lead two paths may be one directory: the first one counts.
    let mut first: BTreeMap<(Inode, OsString), PathBuf> = BTreeMap::new();
    all.retain(|listed| {
        let name = listed.path.file_name().unwrap_or_default().to_owned();
        let first = first.entry((listed.inode, name)).or_insert_with(|| listed.path.clone());
        *first == listed.path
    });
    // Where a file is listed twice its name counts.
    all.sort_by(|a, b| {
        let named = |listed: &Listed| listed.rank.is_none();
        a.path.as_os_str().cmp(b.path.as_os_str()).then(named(a).cmp(&named(b)))
    });
    all.dedup_by(|a, b| a.path == b.path);
    PlacesLook { listed: all, blocked, target, hidden }
}

/// What a live name leads to, if it or a directory on its path is a link.
fn target_of<D: Disk>(tailer: &Tailer<D>, live: &Path, places: &[Place]) -> Option<PathBuf> {
    let linked = places.iter().find(|place| place.linked);
    let target = linked.map(|place| place.directory.join(OsStr::from_bytes(&place.live)));
    target.or_else(|| led_before::through_linked_directory(tailer, live))
}

/// Notes what a live name leads to. `unlinked`: the directory of the name before, if no link leads
/// to it; to ask that for each of thousands of names costs more than all else about them.
pub(crate) fn note_target<D: Disk>(
    tailer: &mut Tailer<D>,
    live: &Arc<Path>,
    unlinked: &mut Option<PathBuf>,
) {
    let places = places_of(tailer, live).list;
    let is_plain = !places.iter().any(|place| place.linked);
    if is_plain && unlinked.is_some() && unlinked.as_deref() == live.parent() {
        tailer.history.logs.entry(live).target = None;
        return;
    }
    let target = target_of(tailer, live, &places);
    if is_plain && target.is_none() {
        *unlinked = live.parent().map(Path::to_path_buf);
    }
    tailer.history.logs.entry(live).target = target;
}

/// Tells which directories could not be listed, and which can be again.
pub(crate) fn report_places<D: Disk>(tailer: &mut Tailer<D>, listings: &Listings) {
    for (directory, error) in &listings.unlisted {
        trouble::trouble(tailer, directory, error.clone());
    }
    if tailer.problems.is_empty() {
        return;
    }
    let listed = listings.directories.keys();
    for directory in listed.filter(|path| !listings.unlisted.contains_key(*path)) {
        trouble::can_be_listed(tailer, directory);
    }
}

/// Where rotated files of a log may lie: next to its name, next to what its name leads to, and
/// where the user says.
fn places_of<D: Disk>(tailer: &Tailer<D>, live: &Path) -> Places {
    let follow = tailer.options.pattern.follow_links();
    let target = tailer.disk.is_link(live).and_then(|is_link| {
        if !is_link {
            return Ok(None);
        }
        tailer.disk.may_follow(live, follow)?;
        tailer.disk.real_path(live).map(Some)
    });
    // A link that is not to be followed, or leads nowhere, hides nothing.
    let hides_nothing =
        |error: &DiskError| error.is_missing() || error.is_refusal() || error.fault == Fault::Loop;
    let blocked = target.as_ref().is_err_and(|error| !hides_nothing(error));
    let is_link = matches!(tailer.disk.is_link(live), Ok(true));
    let leads_nowhere = is_link && target.as_ref().is_err_and(DiskError::is_missing);
    // The log was rotated, and nothing was written since then.
    let nowhere = leads_nowhere.then(|| tailer.disk.leads_to(live, follow).ok()).flatten();
    let before = tailer.history.logs.get(live).and_then(|log| log.target.clone());
    let before = before.filter(|_| leads_nowhere);
    let target = target.ok().flatten().or(nowhere).or(before);
    let hidden = leads_nowhere && target.is_none();
    let mut places = Vec::new();
    for (path, linked) in [(Some(live.to_path_buf()), false), (target, true)] {
        let Some(path) = path else { continue };
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let live = name.as_bytes().to_vec();
        let home = directory.to_path_buf();
        for below in tailer.options.rotated_names.directories() {
            let (directory, live, home) = (directory.join(below), live.clone(), home.clone());
            places.push(Place { directory, live, linked: false, home, shared: false });
        }
        let directory = directory.to_path_buf();
        places.push(Place { directory, live, linked, home, shared: false });
    }
    let known: Vec<&Path> = places.iter().map(|place| place.directory.as_path()).collect();
    let nearby =
        tailer.directories.snapshot.iter().flat_map(|snapshot| snapshot.directories.keys());
    let nearby: Vec<PathBuf> =
        nearby.filter(|directory| !known.contains(&directory.as_path())).cloned().collect();
    if nearby.len() <= NEARBY_MAX
        && let Some((home, name)) = live.parent().zip(live.file_name())
    {
        places.extend(nearby.into_iter().map(|directory| Place {
            directory,
            live: name.as_bytes().to_vec(),
            linked: false,
            home: home.to_path_buf(),
            shared: false,
        }));
    }
    Places { list: places, blocked, hidden }
}

/// Directories next to that of a content where its rest may lie, compressed.
pub(crate) fn directories_of<D: Disk>(tailer: &Tailer<D>, path: &Path) -> Vec<PathBuf> {
    if !tailer.history.logs.contains(path) {
        // What was rotated has its real path already.
        return path.parent().map(Path::to_path_buf).into_iter().collect();
    }
    directories_of_log(tailer, path)
}

/// The directories in which rotated files of a log are looked for.
pub(crate) fn directories_of_log<D: Disk>(tailer: &Tailer<D>, live: &Path) -> Vec<PathBuf> {
    let places = places_of(tailer, live).list.into_iter();
    let with_dated = places.flat_map(|place| {
        let names = tailer.disk.list(&place.directory).unwrap_or_default();
        let dated = dated::dated_among(tailer, &place.directory, &names);
        std::iter::once(place.directory).chain(dated)
    });
    with_dated.collect()
}

/// What a live name leads to now, if it or a directory on its path is a link.
pub(crate) fn target_now<D: Disk>(tailer: &Tailer<D>, live: &Path) -> Option<PathBuf> {
    target_of(tailer, live, &places_of(tailer, live).list)
}
