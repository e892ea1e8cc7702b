//! A disk that does not answer: a file system whose other side never serves a request.
//!
//! It needs `/dev/fuse` and the right to mount. Without them the caller passes with a loud message,
//! or fails if `KINETAIL_REQUIRE_FUSE=1`, as in `.ci/run` for root.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::required;

/// Everything that touches the directory waits until this is dropped.
pub struct HungDisk {
    path: PathBuf,
    /// Answers would come through this.
    _device: File,
}

impl HungDisk {
    /// `None`, after a message, where the test may not mount.
    pub fn over(path: &Path) -> Option<Self> {
        let mounted = Self::mount(path);
        if mounted.is_none() {
            required::not_tested("FUSE", "this machine does not let the test mount a hung disk");
        }
        mounted
    }

    fn mount(path: &Path) -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        let fd = device.as_raw_fd();
        let data = format!("fd={fd},rootmode=40000,user_id=0,group_id=0");
        let data = CString::new(data).unwrap();
        mount("hung", path, "fuse", MountFlags::empty(), data.as_c_str()).ok()?;
        Some(Self { path: path.to_path_buf(), _device: device })
    }
}

impl Drop for HungDisk {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.path, UnmountFlags::DETACH) {
            eprintln!("{} may still be mounted: {error}", self.path.display());
        }
    }
}
