//! When files were born, and what time it is beside those times.

use std::fs::File;
use std::sync::Arc;

use rustix::fs::{AtFlags, StatxFlags};

/// Tells when files were born. Tests bring their own: nobody can set the birth of a real file.
pub trait Dates: std::fmt::Debug + Send + Sync {
    /// The time that births and modifications compare with, in nanoseconds since 1970.
    fn now_nanos(&self, wall_nanos: i128) -> i128 {
        wall_nanos
    }

    /// When a file was made, in nanoseconds since 1970; `None` where the file system keeps no
    /// such time (statx(2), `STATX_BTIME`).
    fn born_nanos(&self, file: &File) -> Option<i128>;
}

/// The kernel's own dates.
#[derive(Debug)]
struct Kernel;

impl Dates for Kernel {
    fn born_nanos(&self, file: &File) -> Option<i128> {
        let found = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
        let known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
        let born = found.stx_btime;
        let nanos = i128::from(born.tv_sec) * 1_000_000_000 + i128::from(born.tv_nsec);
        (known && nanos > 0).then_some(nanos)
    }
}

/// The dates of this machine.
#[must_use]
pub fn kernel() -> Arc<dyn Dates> {
    Arc::new(Kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_born_when_it_is_made_and_renaming_keeps_that() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("a"), dir.path().join("b"));
        let file = File::create(&old).unwrap();
        let Some(born) = kernel().born_nanos(&file) else {
            // A file system without births: nothing to compare.
            return;
        };
        std::fs::rename(&old, &new).unwrap();
        assert_eq!(kernel().born_nanos(&File::open(&new).unwrap()), Some(born));
    }
}
