//! The disk of a test: a real one or one in memory, with a script for what its calls come to.
//!
//! Of every call the script may say that it fails, that the world changes right before it, or that
//! calls of its kind are slow: then the flow's clock moves. Births, free space and the clock of the
//! files are the script's, too, where it says so: those of a real disk cannot be set.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use kinetail::disk::{OsDisk, OsFile};
use kinetail::tail::disk::{Call, DirName, Disk, DiskError, Fault, OpenFile, Stat};
use kinetail::tail::links::FollowLinks;
use kinetail::tail::memory_disk::{MemoryDisk, MemoryFile};
use kinetail::tail::space::Space;

/// What calls come to.
#[derive(Default)]
pub struct Script {
    /// How many calls there were.
    pub calls: u64,
    /// Which calls there were, if that is asked for.
    pub log: Option<Vec<Call>>,
    /// How many of them there were when a step of the flow began, and what had happened by then.
    pub steps: Vec<(usize, (usize, u64))>,
    /// Calls that fail, by their number; the first call is 1.
    pub fail: BTreeMap<u64, Fault>,
    /// Kinds of calls that fail, all of them.
    pub refuse: BTreeMap<Call, Fault>,
    /// Which calls failed.
    pub failed: Vec<DiskError>,
    /// What happens right before a call.
    pub before: BTreeMap<u64, Box<dyn FnOnce()>>,
    /// How long calls take.
    pub slow: BTreeMap<Call, Duration>,
    /// How long they took since the last query.
    pub took: Duration,
    /// When files were born, by their numbers, in nanoseconds since 1970.
    pub births: Option<BTreeMap<u64, i128>>,
    /// What time it is alongside the stamps of files.
    pub now_nanos: Option<i128>,
    /// How full the disk is.
    pub space: Option<Space>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("calls", &self.calls).finish_non_exhaustive()
    }
}

/// Of steps that make the same calls while nothing happens, so many are worth failing in.
const ALIKE_MAX: usize = 2;

impl Script {
    /// A step of the flow begins. `happened`: what arrived and was saved so far.
    pub fn begin_step(&mut self, happened: (usize, u64)) {
        if let Some(log) = &self.log {
            self.steps.push((log.len(), happened));
        }
    }

    /// The calls of a run that are worth failing, by their numbers: while nothing happens, the flow
    /// makes the same calls again and again, and of steps that are alike the first ones tell all.
    pub fn telling_calls(&self) -> Vec<u64> {
        let log = self.log.as_deref().unwrap_or_default();
        let ends = self.steps.iter().skip(1).map(|(at, _)| *at).chain([log.len()]);
        let mut seen: BTreeMap<((usize, u64), &[Call]), usize> = BTreeMap::new();
        let mut telling = Vec::new();
        let before = self.steps.first().map_or(log.len(), |(at, _)| *at);
        telling.extend(1..=before as u64);
        for ((start, happened), end) in self.steps.iter().zip(ends) {
            let times = seen.entry((*happened, &log[*start..end])).or_default();
            *times += 1;
            if *times <= ALIKE_MAX {
                telling.extend(*start as u64 + 1..=end as u64);
            }
        }
        telling
    }

    fn enter(script: &RefCell<Self>, call: Call) -> Result<(), DiskError> {
        let change = {
            let mut script = script.borrow_mut();
            script.calls += 1;
            script.log.iter_mut().for_each(|log| log.push(call));
            let number = script.calls;
            let takes = script.slow.get(&call).copied().unwrap_or_default();
            script.took += takes;
            script.before.remove(&number)
        };
        if let Some(change) = change {
            change();
        }
        let mut script = script.borrow_mut();
        let number = script.calls;
        match script.fail.remove(&number).or_else(|| script.refuse.get(&call).cloned()) {
            Some(fault) => {
                let error = DiskError { call, fault };
                script.failed.push(error.clone());
                Err(error)
            }
            None => Ok(()),
        }
    }
}

/// A disk with a script. Clones share both.
#[derive(Debug, Clone)]
pub struct TestDisk {
    real: Real,
    /// What its calls come to.
    pub script: Rc<RefCell<Script>>,
}

#[derive(Debug, Clone)]
enum Real {
    Os,
    Memory(MemoryDisk),
}

/// An open file of it.
#[derive(Debug, Clone)]
pub struct TestFile {
    real: RealFile,
    script: Rc<RefCell<Script>>,
}

#[derive(Debug, Clone)]
enum RealFile {
    Os(OsFile),
    Memory(MemoryFile),
}

impl TestDisk {
    /// This machine's.
    pub fn os() -> Self {
        Self { real: Real::Os, script: Rc::default() }
    }

    /// One in memory.
    pub fn memory(disk: MemoryDisk) -> Self {
        Self { real: Real::Memory(disk), script: Rc::default() }
    }

    fn enter(&self, call: Call) -> Result<(), DiskError> {
        Script::enter(&self.script, call)
    }
}

impl Disk for TestDisk {
    type File = TestFile;

    fn list(&self, directory: &Path) -> Result<Vec<DirName>, DiskError> {
        self.enter(Call::List)?;
        match &self.real {
            Real::Os => OsDisk.list(directory),
            Real::Memory(disk) => disk.list(directory),
        }
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        self.enter(Call::Stat)?;
        match &self.real {
            Real::Os => OsDisk.stat(path),
            Real::Memory(disk) => disk.stat(path),
        }
    }

    fn is_link(&self, path: &Path) -> Result<bool, DiskError> {
        self.enter(Call::IsLink)?;
        match &self.real {
            Real::Os => OsDisk.is_link(path),
            Real::Memory(disk) => disk.is_link(path),
        }
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, DiskError> {
        self.enter(Call::RealPath)?;
        match &self.real {
            Real::Os => OsDisk.real_path(path),
            Real::Memory(disk) => disk.real_path(path),
        }
    }

    fn leads_to(&self, link: &Path, links: FollowLinks) -> Result<PathBuf, DiskError> {
        self.enter(Call::LeadsTo)?;
        match &self.real {
            Real::Os => OsDisk.leads_to(link, links),
            Real::Memory(disk) => disk.leads_to(link, links),
        }
    }

    fn may_follow(&self, path: &Path, links: FollowLinks) -> Result<(), DiskError> {
        self.enter(Call::MayFollow)?;
        match &self.real {
            Real::Os => OsDisk.may_follow(path, links),
            Real::Memory(disk) => disk.may_follow(path, links),
        }
    }

    fn open(&self, path: &Path, links: FollowLinks) -> Result<(TestFile, Stat), DiskError> {
        self.enter(Call::Open)?;
        let (real, stat) = match &self.real {
            Real::Os => OsDisk.open(path, links).map(|(file, stat)| (RealFile::Os(file), stat))?,
            Real::Memory(disk) => {
                disk.open(path, links).map(|(file, stat)| (RealFile::Memory(file), stat))?
            }
        };
        Ok((TestFile { real, script: Rc::clone(&self.script) }, stat))
    }

    fn now_nanos(&self, wall_nanos: i128) -> i128 {
        let real = match &self.real {
            Real::Os => OsDisk.now_nanos(wall_nanos),
            Real::Memory(disk) => disk.now_nanos(wall_nanos),
        };
        self.script.borrow().now_nanos.unwrap_or(real)
    }

    fn let_stamps_settle(&self) {
        match &self.real {
            Real::Os => OsDisk.let_stamps_settle(),
            Real::Memory(disk) => disk.let_stamps_settle(),
        }
    }
}

impl TestFile {
    fn enter(&self, call: Call) -> Result<(), DiskError> {
        Script::enter(&self.script, call)
    }

    /// Looks at it, and the script knows nothing of it.
    pub fn stat_unseen(&self) -> Result<Stat, DiskError> {
        match &self.real {
            RealFile::Os(file) => file.stat(),
            RealFile::Memory(file) => file.stat(),
        }
    }
}

impl OpenFile for TestFile {
    fn stat(&self) -> Result<Stat, DiskError> {
        self.enter(Call::StatOpen)?;
        self.stat_unseen()
    }

    fn read_at(&self, offset: u64, room: &mut [u8]) -> Result<usize, DiskError> {
        self.enter(Call::ReadAt)?;
        match &self.real {
            RealFile::Os(file) => file.read_at(offset, room),
            RealFile::Memory(file) => file.read_at(offset, room),
        }
    }

    fn hole_from(&self, offset: u64) -> Result<Option<u64>, DiskError> {
        self.enter(Call::HoleFrom)?;
        match &self.real {
            RealFile::Os(file) => file.hole_from(offset),
            RealFile::Memory(file) => file.hole_from(offset),
        }
    }

    fn data_from(&self, offset: u64) -> Result<Option<u64>, DiskError> {
        self.enter(Call::DataFrom)?;
        match &self.real {
            RealFile::Os(file) => file.data_from(offset),
            RealFile::Memory(file) => file.data_from(offset),
        }
    }

    fn born(&self) -> Result<Option<i128>, DiskError> {
        self.enter(Call::Born)?;
        if let Some(births) = &self.script.borrow().births {
            return Ok(births.get(&self.stat_unseen()?.inode.number).copied());
        }
        match &self.real {
            RealFile::Os(file) => file.born(),
            RealFile::Memory(file) => file.born(),
        }
    }

    fn space(&self) -> Result<Space, DiskError> {
        self.enter(Call::Space)?;
        if let Some(space) = self.script.borrow().space {
            return Ok(space);
        }
        match &self.real {
            RealFile::Os(file) => file.space(),
            RealFile::Memory(file) => file.space(),
        }
    }

    fn name_now(&self) -> Result<PathBuf, DiskError> {
        self.enter(Call::NameNow)?;
        match &self.real {
            RealFile::Os(file) => file.name_now(),
            RealFile::Memory(file) => file.name_now(),
        }
    }
}
