//! The real disk: each call of the seam is one system call, or few.

use std::fs::{self, DirEntry, File, FileType};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{DirEntryExt as _, FileExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, SeekFrom, StatxFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use super::links;
use crate::tail::disk::{Call, DirName, Disk, DiskError, Fault, Kind, OpenFile, Stat};
use crate::tail::identity::Inode;
use crate::tail::links::FollowLinks;
use crate::tail::space::Space;

/// Kernels stamp files with a clock that ticks every 1 to 10 ms; a truncated file has its new size
/// before its new time by far less.
const STAMP_PAUSE: Duration = Duration::from_micros(100);

/// Kinds of file systems (`statfs(2)`, field `f_type`; the values stand in `linux/magic.h`) whose
/// files the kernel makes up when they are read: they have no size, do not grow, and some block.
const KERNEL_FILE_SYSTEMS: &[i128] = &[
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x1cd1,      // devpts
    0xf97c_ff8c, // selinuxfs
];

/// Whether it is such a file system. No file can be created in one.
pub(crate) fn is_file_system_of_the_kernel(file_system: impl Into<i128>) -> bool {
    KERNEL_FILE_SYSTEMS.contains(&file_system.into())
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

/// A file of it that is open.
#[derive(Debug, Clone)]
pub struct OsFile(Arc<File>);

impl AsFd for OsFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<File> for OsFile {
    fn from(file: File) -> Self {
        Self(Arc::new(file))
    }
}

impl Disk for OsDisk {
    type File = OsFile;

    fn list(&self, directory: &Path) -> Result<Vec<DirName>, DiskError> {
        let names = fs::read_dir(directory).and_then(|entries| {
            entries
                .filter_map(|entry| entry.and_then(|entry| name_of(&entry)).transpose())
                .collect()
        });
        names.map_err(failed(Call::List))
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        let raw = rustix::fs::stat(path).map_err(failed_by(Call::Stat))?;
        Ok(stat_of(&raw))
    }

    fn is_link(&self, path: &Path) -> Result<bool, DiskError> {
        let raw = rustix::fs::lstat(path).map_err(failed_by(Call::IsLink))?;
        Ok(kind_of(&raw) == Kind::Link)
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, DiskError> {
        fs::canonicalize(path).map_err(failed(Call::RealPath))
    }

    fn leads_to(&self, link: &Path, links: FollowLinks) -> Result<PathBuf, DiskError> {
        links::leads_to(link, links).map_err(failed(Call::LeadsTo))
    }

    fn may_follow(&self, path: &Path, links: FollowLinks) -> Result<(), DiskError> {
        links::check(path, links).map_err(failed(Call::MayFollow))
    }

    fn open(&self, path: &Path, links: FollowLinks) -> Result<(OsFile, Stat), DiskError> {
        let file = OsFile::from(links::open(path, links).map_err(failed(Call::Open))?);
        let stat = file.regular(Call::Open)?;
        let system = rustix::fs::fstatfs(&file.0).map_err(failed_by(Call::Open))?.f_type;
        if is_file_system_of_the_kernel(system) {
            return Err(DiskError { call: Call::Open, fault: Fault::KernelMade });
        }
        Ok((file, stat))
    }

    /// File systems stamp files with the time of the last tick, which may be 10 ms ago. A file
    /// that is made after this call never has an earlier stamp.
    fn now_nanos(&self, _wall_nanos: i128) -> i128 {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        nanos(now.tv_sec.into(), now.tv_nsec.into())
    }

    #[expect(clippy::disallowed_methods, reason = "no event to wait for")]
    fn let_stamps_settle(&self) {
        std::thread::sleep(STAMP_PAUSE);
    }
}

impl OsFile {
    fn regular(&self, call: Call) -> Result<Stat, DiskError> {
        let stat = stat_of(&rustix::fs::fstat(&self.0).map_err(failed_by(call))?);
        if stat.kind == Kind::File {
            Ok(stat)
        } else {
            Err(DiskError { call, fault: Fault::NotRegular })
        }
    }

    fn seek(&self, from: SeekFrom, call: Call) -> Result<Option<u64>, DiskError> {
        match rustix::fs::seek(&self.0, from) {
            Ok(offset) => Ok(Some(offset)),
            // Behind the end, or not known to this file system.
            Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => Ok(None),
            Err(error) => Err(failed_by(call)(error)),
        }
    }
}

impl OpenFile for OsFile {
    fn stat(&self) -> Result<Stat, DiskError> {
        self.regular(Call::StatOpen)
    }

    fn read_at(&self, offset: u64, room: &mut [u8]) -> Result<usize, DiskError> {
        loop {
            match self.0.read_at(room, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(failed(Call::ReadAt)),
            }
        }
    }

    fn hole_from(&self, offset: u64) -> Result<Option<u64>, DiskError> {
        self.seek(SeekFrom::Hole(offset), Call::HoleFrom)
    }

    fn data_from(&self, offset: u64) -> Result<Option<u64>, DiskError> {
        self.seek(SeekFrom::Data(offset), Call::DataFrom)
    }

    fn born(&self) -> Result<Option<i128>, DiskError> {
        let found = rustix::fs::statx(&self.0, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME)
            .map_err(failed_by(Call::Born))?;
        let known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
        let born = nanos(found.stx_btime.tv_sec.into(), found.stx_btime.tv_nsec.into());
        Ok((known && born > 0).then_some(born))
    }

    fn space(&self) -> Result<Space, DiskError> {
        let raw = rustix::fs::fstatvfs(&self.0).map_err(failed_by(Call::Space))?;
        Ok(Space {
            available_bytes: raw.f_bavail.saturating_mul(raw.f_frsize),
            total_bytes: raw.f_blocks.saturating_mul(raw.f_frsize),
        })
    }

    fn name_now(&self) -> Result<PathBuf, DiskError> {
        let link = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        fs::read_link(link).map_err(failed(Call::NameNow))
    }
}

/// A name in a directory; `None` if it vanished while it was looked at.
fn name_of(entry: &DirEntry) -> io::Result<Option<DirName>> {
    // Most file systems list both together, so this is no call for each name.
    match entry.file_type() {
        Ok(kind) => Ok(Some(DirName {
            name: entry.file_name(),
            number: entry.ino(),
            kind: kind_listed(kind),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn kind_listed(kind: FileType) -> Kind {
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    }
}

fn kind_of(raw: &rustix::fs::Stat) -> Kind {
    match rustix::fs::FileType::from_raw_mode(raw.st_mode) {
        rustix::fs::FileType::RegularFile => Kind::File,
        rustix::fs::FileType::Directory => Kind::Directory,
        rustix::fs::FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

fn stat_of(raw: &rustix::fs::Stat) -> Stat {
    #[expect(clippy::useless_conversion, reason = "of 32 bits on arm64")]
    let links = raw.st_nlink.into();
    Stat {
        kind: kind_of(raw),
        inode: Inode { device: raw.st_dev, number: raw.st_ino },
        size: u64::try_from(raw.st_size).unwrap_or(0),
        modified_nanos: nanos(raw.st_mtime.into(), raw.st_mtime_nsec.into()),
        changed_nanos: nanos(raw.st_ctime.into(), raw.st_ctime_nsec.into()),
        links,
        // Blocks are counted in 512 bytes whatever the file system (inode(7)).
        allocated: u64::try_from(raw.st_blocks).unwrap_or(0) * 512,
    }
}

fn nanos(seconds: i128, nanos: i128) -> i128 {
    seconds * 1_000_000_000 + nanos
}

fn failed(call: Call) -> impl Fn(io::Error) -> DiskError {
    move |error| DiskError { call, fault: fault_of(&error) }
}

fn failed_by(call: Call) -> impl Fn(Errno) -> DiskError {
    move |error| DiskError { call, fault: fault_of(&error.into()) }
}

fn fault_of(error: &io::Error) -> Fault {
    if let Some(refused) = links::refusal(error) {
        return Fault::Refused(Box::new(refused.clone()));
    }
    let number = error.raw_os_error();
    match (error.kind(), number.map(Errno::from_raw_os_error)) {
        (_, Some(Errno::LOOP)) => Fault::Loop,
        (_, Some(Errno::STALE)) => Fault::Stale,
        (_, Some(Errno::MFILE | Errno::NFILE)) => Fault::TooManyOpen,
        (io::ErrorKind::PermissionDenied, _) => Fault::Denied,
        (io::ErrorKind::NotFound, _) => Fault::Gone,
        (io::ErrorKind::NotADirectory, _) => Fault::NotADirectory,
        (io::ErrorKind::InvalidInput, None) => Fault::NotRegular,
        (_, number) => Fault::Other(number.unwrap_or(Errno::IO).raw_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_kernel_makes_up_cannot_be_followed() {
        let made_up = OsDisk.open(Path::new("/proc/self/status"), FollowLinks::Always);
        assert_eq!(made_up.unwrap_err().fault, Fault::KernelMade);
    }

    #[test]
    fn a_fifo_is_no_file_and_does_not_block_whoever_opens_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for links in [FollowLinks::Always, FollowLinks::Owner, FollowLinks::Never] {
            assert_eq!(OsDisk.open(&path, links).unwrap_err().fault, Fault::NotRegular);
        }
        assert_eq!(OsDisk.stat(&path).unwrap().kind, Kind::Other);
    }

    #[test]
    fn no_file_has_a_stamp_from_before_it_was_made() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..2_000 {
            let before = OsDisk.now_nanos(0);
            let file = OsFile::from(File::create(dir.path().join(number.to_string())).unwrap());
            assert!(file.stat().unwrap().modified_nanos >= before);
            assert!(file.born().unwrap().is_none_or(|born| born >= before));
        }
    }

    #[test]
    fn a_file_is_born_when_it_is_made_and_renaming_keeps_that() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("a"), dir.path().join("b"));
        let file = OsFile::from(File::create(&old).unwrap());
        let Some(born) = file.born().unwrap() else {
            // A file system without births: nothing to compare.
            return;
        };
        fs::rename(&old, &new).unwrap();
        let (again, _) = OsDisk.open(&new, FollowLinks::Always).unwrap();
        assert_eq!(again.born(), Ok(Some(born)));
        assert_eq!(again.name_now(), Ok(OsDisk.real_path(&new).unwrap()));
    }

    #[test]
    fn the_space_of_a_disk_is_not_more_than_all_of_it() {
        let space = OsFile::from(tempfile::tempfile().unwrap()).space().unwrap();
        assert!(space.available_bytes <= space.total_bytes && space.total_bytes > 0);
    }

    #[test]
    fn every_fault_is_told_apart_by_what_the_kernel_says() {
        let fault = |errno: Errno| fault_of(&errno.into());
        let cases = [
            (Errno::ACCESS, Fault::Denied),
            (Errno::PERM, Fault::Denied),
            (Errno::NOENT, Fault::Gone),
            (Errno::NOTDIR, Fault::NotADirectory),
            (Errno::LOOP, Fault::Loop),
            (Errno::STALE, Fault::Stale),
            (Errno::MFILE, Fault::TooManyOpen),
            (Errno::NFILE, Fault::TooManyOpen),
            (Errno::IO, Fault::Other(5)),
        ];
        for (errno, wanted) in cases {
            assert_eq!(fault(errno), wanted);
            // The texts are the kernel's, whoever tells them.
            let told = DiskError { call: Call::Open, fault: wanted.clone() }.to_string();
            if !matches!(errno, Errno::PERM | Errno::NFILE) {
                assert_eq!(told, io::Error::from(errno).to_string());
            }
        }
    }
}
