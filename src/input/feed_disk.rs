//! A feed as the only file of a disk.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::feed::Feed;
use crate::disk::writes::{WriteWatch, Writes};
use crate::tail::disk::{Call, DirName, Disk, DiskError, Fault, Kind, OpenFile, Stat};
use crate::tail::identity::{FileKey, Inode};
use crate::tail::links::FollowLinks;
use crate::tail::space::Space;

/// What directories on such a disk have as their number.
const DIRECTORY: u64 = 0;

/// The device of everything.
const DEVICE: u64 = 0;

/// There is always room.
const SPACE_BYTES: u64 = 1 << 40;

/// A disk with one file.
#[derive(Debug, Clone)]
pub struct FeedDisk(Feed);

/// That file.
#[derive(Debug, Clone)]
pub struct FeedFile {
    feed: Feed,
    generation: u64,
}

impl FeedDisk {
    /// The disk on which this feed is a file.
    #[must_use]
    pub fn new(feed: Feed) -> Self {
        Self(feed)
    }

    fn kind(&self, path: &Path) -> Result<Kind, Fault> {
        if path == self.0.path() {
            Ok(Kind::File)
        } else if self.0.path().starts_with(path) {
            Ok(Kind::Directory)
        } else {
            Err(Fault::Gone)
        }
    }

    fn file(&self) -> FeedFile {
        FeedFile { feed: self.0.clone(), generation: self.0.lock().generation }
    }
}

fn failed(call: Call) -> impl Fn(Fault) -> DiskError {
    move |fault| DiskError { call, fault }
}

impl Disk for FeedDisk {
    type File = FeedFile;

    fn list(&self, directory: &Path) -> Result<Vec<DirName>, DiskError> {
        if self.kind(directory).map_err(failed(Call::List))? != Kind::Directory {
            return Err(failed(Call::List)(Fault::NotADirectory));
        }
        let inside = self.0.path().strip_prefix(directory).unwrap_or_else(|_| self.0.path());
        let name = inside.components().next().map(|name| name.as_os_str().to_owned());
        let name: OsString = name.unwrap_or_default();
        let kind = self.kind(&directory.join(&name)).map_err(failed(Call::List))?;
        let number = if kind == Kind::File { self.file().generation } else { DIRECTORY };
        Ok(vec![DirName { name, number, kind }])
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        match self.kind(path).map_err(failed(Call::Stat))? {
            Kind::File => self.file().stat(),
            kind => Ok(Stat {
                kind,
                inode: Inode { device: DEVICE, number: DIRECTORY },
                size: 0,
                modified_nanos: 0,
                changed_nanos: 0,
                links: 1,
                allocated: 0,
            }),
        }
    }

    fn is_link(&self, path: &Path) -> Result<bool, DiskError> {
        self.kind(path).map(|_| false).map_err(failed(Call::IsLink))
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, DiskError> {
        self.kind(path).map(|_| path.to_owned()).map_err(failed(Call::RealPath))
    }

    fn leads_to(&self, _link: &Path, _links: FollowLinks) -> Result<PathBuf, DiskError> {
        Err(failed(Call::LeadsTo)(Fault::Gone))
    }

    fn may_follow(&self, path: &Path, _links: FollowLinks) -> Result<(), DiskError> {
        self.kind(path).map(drop).map_err(failed(Call::MayFollow))
    }

    fn open(&self, path: &Path, _links: FollowLinks) -> Result<(FeedFile, Stat), DiskError> {
        if self.kind(path).map_err(failed(Call::Open))? != Kind::File {
            return Err(failed(Call::Open)(Fault::NotRegular));
        }
        let file = self.file();
        let stat = file.stat()?;
        Ok((file, stat))
    }

    fn let_stamps_settle(&self) {}
}

/// A feed says by itself when there is more.
impl WriteWatch<FeedFile> for Writes {
    fn arm(&mut self, _key: FileKey, _file: &FeedFile) -> bool {
        false
    }

    fn retain(&mut self, _keep: impl Fn(FileKey) -> bool) {}
}

impl OpenFile for FeedFile {
    fn stat(&self) -> Result<Stat, DiskError> {
        let content = self.feed.lock();
        if content.generation != self.generation {
            return Err(failed(Call::StatOpen)(Fault::Stale));
        }
        Ok(Stat {
            kind: Kind::File,
            inode: Inode { device: DEVICE, number: self.generation },
            size: content.end(),
            modified_nanos: content.modified_nanos,
            changed_nanos: content.modified_nanos,
            links: 1,
            allocated: content.end(),
        })
    }

    fn read_at(&self, offset: u64, room: &mut [u8]) -> Result<usize, DiskError> {
        let content = self.feed.lock();
        let read = Some(&content).filter(|content| content.generation == self.generation);
        read.and_then(|content| content.read_at(offset, room))
            .ok_or_else(|| failed(Call::ReadAt)(Fault::Stale))
    }

    fn hole_from(&self, _offset: u64) -> Result<Option<u64>, DiskError> {
        Ok(None)
    }

    fn data_from(&self, _offset: u64) -> Result<Option<u64>, DiskError> {
        Ok(None)
    }

    fn born(&self) -> Result<Option<i128>, DiskError> {
        Ok(None)
    }

    fn is_complete(&self) -> bool {
        let content = self.feed.lock();
        content.over || content.stuck
    }

    fn has_holes(&self) -> bool {
        false
    }

    fn space(&self) -> Result<Space, DiskError> {
        Ok(Space { available_bytes: SPACE_BYTES, total_bytes: SPACE_BYTES })
    }

    fn name_now(&self) -> Result<PathBuf, DiskError> {
        Ok(self.feed.path().to_owned())
    }
}
