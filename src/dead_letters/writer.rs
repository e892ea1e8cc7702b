//! Writes the dead letters of one flow, on that flow's thread: appends, writes through to the disk,
//! and only then says so. Keeps their files within their bounds.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::directory::{Directory, Listed};
use super::error::DeadLetterError;
use super::file::peek;
use crate::batch::dead_letter::{Bounds, Kept, LetterFileName, Why, to_drop};

/// A file that has so many bytes gets no more. It is what `resend` works on at a time.
const FILE_BYTES: u64 = 1024 * 1024;

/// A lock is held for so long, so that `resend` may work on the file then. If nothing changes in
/// it, the next letters are appended all the same.
const LOCKED_FOR: Duration = Duration::from_secs(10);

/// A file that is this old gets no more, so that its letters are not much older than it.
const FILE_AGE_MAX: Duration = Duration::from_hours(1);

/// How often files that have become too old are looked for.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// So many names are tried for a new file.
const NAMES_MAX: u32 = 100;

/// The numbers in names begin again behind this one.
const NUMBER_MAX: u32 = 999_999;

/// So many log files are named when letters are dropped.
const SOURCES_MAX: usize = 5;

/// One moment, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// What time differences are taken of.
    pub instant: Instant,
    /// Since 1970.
    pub wall: Duration,
}

/// A file that was removed to stay within the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
    /// Letters in it.
    pub letters: u64,
    /// Its size.
    pub bytes: u64,
    /// The first log files that those letters are from.
    pub sources: Vec<String>,
}

/// What lies in the files of a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeptLetters {
    /// Files that are not empty.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest was begun, as far as this machine's clock reaches back.
    pub since: Option<Instant>,
}

/// Writes the letters of a flow.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    tag: String,
    bounds: Bounds,
    active: Option<Active>,
    number: u32,
    looked: Option<Instant>,
    kept: KeptLetters,
}

/// The file that is written to.
#[derive(Debug)]
struct Active {
    directory: Directory,
    name: String,
    file: File,
    bytes: u64,
    /// When it was created.
    since: Instant,
    /// Since when its lock is held, if it is.
    locked: Option<Instant>,
}

impl Writer {
    /// A writer of this flow's letters. Touches no disk.
    #[must_use]
    pub fn new(path: &Path, flow: &str, bounds: Bounds) -> Self {
        Self {
            path: path.to_owned(),
            tag: LetterFileName::tag_of(flow),
            bounds,
            active: None,
            number: 0,
            looked: None,
            kept: KeptLetters::default(),
        }
    }

    /// Where they lie.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.path
    }

    /// What lay in the directory when it was looked through last: with each append, and every
    /// minute.
    #[must_use]
    pub fn kept(&self) -> KeptLetters {
        self.kept
    }

    /// Appends lines and writes them through to the disk. If that fails none of them counts as
    /// written. Gives the files that were dropped to make room.
    ///
    /// # Errors
    /// [`DeadLetterError`], with which nothing is lost: the caller still has the lines.
    pub fn append(
        &mut self,
        lines: &[u8],
        now: Moment,
        dropped: &mut Vec<Dropped>,
    ) -> Result<(), DeadLetterError> {
        let is_old = |active: &Active| active.age(now.instant) >= FILE_AGE_MAX;
        if self.active.as_mut().is_some_and(|active| is_old(active) || !active.lock(now.instant)) {
            self.active = None;
        }
        let directory = Directory::create(&self.path)?;
        self.make_room(&directory, lines.len() as u64, now, dropped)?;
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.begin(directory, now)?,
        };
        let path = active.directory.path().join(&active.name);
        let (appended, is_sound) = active.append(lines);
        if appended.is_ok() {
            let is_first = active.bytes == lines.len() as u64;
            self.kept.files += u64::from(is_first);
            self.kept.bytes += lines.len() as u64;
            self.kept.since.get_or_insert(now.instant);
        }
        self.active = (is_sound && active.bytes < FILE_BYTES).then_some(active);
        appended.map_err(|error| DeadLetterError::io("write", &path, error))
    }

    /// Does what time asks for: closes the file that is written to, drops files that are too old.
    ///
    /// # Errors
    /// [`DeadLetterError`] if the directory cannot be read or a file not be removed.
    pub(crate) fn tend(
        &mut self,
        now: Moment,
        dropped: &mut Vec<Dropped>,
    ) -> Result<(), DeadLetterError> {
        self.unlock_if_done(now.instant)?;
        let is_due = self
            .looked
            .is_none_or(|looked| now.instant.saturating_duration_since(looked) >= LOOK_EVERY);
        if !is_due {
            return Ok(());
        }
        self.looked = Some(now.instant);
        match Directory::open(&self.path) {
            Ok(directory) => self.make_room(&directory, 0, now, dropped),
            Err(DeadLetterError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.kept = KeptLetters::default();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// When [`Self::tend`] has something to do.
    #[must_use]
    pub(crate) fn tend_at(&self, now: Instant) -> Instant {
        let unlock = self.active.as_ref().and_then(|active| Some(active.locked? + LOCKED_FOR));
        let look = self.looked.map_or(now, |looked| looked + LOOK_EVERY);
        unlock.map_or(look, |unlock| unlock.min(look))
    }

    fn unlock_if_done(&mut self, now: Instant) -> Result<(), DeadLetterError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.locked.is_some_and(|since| now.saturating_duration_since(since) >= LOCKED_FOR) {
            active.locked = None;
            let path = active.directory.path().join(&active.name);
            let unlocked = active.file.unlock();
            return unlocked.map_err(|error| DeadLetterError::io("unlock", &path, error));
        }
        Ok(())
    }

    fn begin(&mut self, directory: Directory, now: Moment) -> Result<Active, DeadLetterError> {
        let unix_millis = u64::try_from(now.wall.as_millis()).unwrap_or_default();
        for _ in 0..NAMES_MAX {
            self.number = if self.number < NUMBER_MAX { self.number + 1 } else { 0 };
            let name = LetterFileName { tag: self.tag.clone(), unix_millis, number: self.number };
            let name = name.to_string();
            match new_file(&directory, &name) {
                Ok(Some(file)) => {
                    let (since, locked) = (now.instant, Some(now.instant));
                    return Ok(Active { directory, name, file, bytes: 0, since, locked });
                }
                Ok(None) => {}
                Err(error) => {
                    return Err(DeadLetterError::io("create", &self.path.join(name), error));
                }
            }
        }
        let error = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(DeadLetterError::io("create a file in", &self.path, error))
    }

    /// Drops what is too old, and the oldest if there is no room for `more` bytes. Files that
    /// another process works on are left to it.
    fn make_room(
        &mut self,
        directory: &Directory,
        more: u64,
        now: Moment,
        dropped: &mut Vec<Dropped>,
    ) -> Result<(), DeadLetterError> {
        let files = directory.list()?;
        let own: Vec<Listed> = files.into_iter().filter(|file| file.name.tag == self.tag).collect();
        let kept: Vec<Kept> = own
            .iter()
            .map(|file| Kept { bytes: file.bytes, age: now.wall.saturating_sub(file.modified) })
            .collect();
        self.kept = kept_of(&own, now);
        for (place, why) in to_drop(&kept, more, self.bounds) {
            let Some(file) = own.get(place) else { continue };
            let Some(locked) = directory.lock(&file.name)? else { continue };
            let path = directory.path_of(&file.name);
            let (letters, sources) = contents(directory, &file.name);
            locked.remove(directory)?;
            self.kept.files = self.kept.files.saturating_sub(1);
            self.kept.bytes = self.kept.bytes.saturating_sub(file.bytes);
            dropped.push(Dropped { path, why, letters, bytes: file.bytes, sources });
        }
        Ok(())
    }
}

impl Active {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Takes its lock, if it is not held. `false` if the file is not to be used any more: another
    /// process has the lock, or changed it, or removed it or its directory.
    fn lock(&mut self, now: Instant) -> bool {
        if self.locked.is_none() {
            if self.file.try_lock().is_err() {
                return false;
            }
            self.locked = Some(now);
        }
        let named = self.directory.holds(&self.name, &self.file).unwrap_or(false);
        let bytes = self.file.metadata().map(|metadata| metadata.len());
        self.directory.is_in_place() && named && bytes.is_ok_and(|bytes| bytes == self.bytes)
    }

    /// Appends all of it, or leaves the file as it was; says whether more can be appended. If
    /// neither works a part stays, and those letters are there twice.
    fn append(&mut self, lines: &[u8]) -> (io::Result<()>, bool) {
        if let Err(error) = self.file.write_all(lines) {
            return (Err(error), self.take_back());
        }
        match self.file.sync_data() {
            Ok(()) => {
                self.bytes += lines.len() as u64;
                (Ok(()), true)
            }
            Err(error) => {
                // What the kernel could not write it may have forgotten.
                self.take_back();
                (Err(error), false)
            }
        }
    }

    /// Removes what was appended in vain; `false` if the file is not to be used any more.
    fn take_back(&self) -> bool {
        if self.bytes == 0 {
            // A full disk must not fill with empty files. One that stays is no harm.
            return self.directory.remove(&self.name).is_err();
        }
        self.file.set_len(self.bytes).is_ok()
    }
}

fn kept_of(own: &[Listed], now: Moment) -> KeptLetters {
    let filled = own.iter().filter(|file| file.bytes > 0);
    let begun = filled.clone().map(|file| Duration::from_millis(file.name.unix_millis)).min();
    KeptLetters {
        files: filled.clone().count() as u64,
        bytes: filled.map(|file| file.bytes).sum(),
        since: begun.and_then(|begun| now.instant.checked_sub(now.wall.saturating_sub(begun))),
    }
}

/// A new file with its lock; `None` if the name is in use.
fn new_file(directory: &Directory, name: &str) -> io::Result<Option<File>> {
    let file = match directory.create_file(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error),
    };
    // A process that looks at all files may have it already, and removes it while it is empty.
    if file.try_lock().is_err() || !directory.holds(name, &file)? {
        return Ok(None);
    }
    directory.sync()?;
    Ok(Some(file))
}

/// How many letters a file has, and the first log files that they are from. A file that cannot be
/// read has none: it is dropped for its size all the same.
fn contents(directory: &Directory, name: &LetterFileName) -> (u64, Vec<String>) {
    let letters = peek(directory, name).unwrap_or_default();
    let mut sources = BTreeSet::new();
    for letter in letters.lines.iter().filter_map(|line| line.letter.as_ref().ok()) {
        if sources.len() < SOURCES_MAX {
            sources.insert(String::from_utf8_lossy(&letter.file).into_owned());
        }
    }
    (letters.lines.len() as u64, sources.into_iter().collect())
}
