//! How full the file system of a held file is. A deleted file keeps its space for as long as it
//! is open, so holding one must not be what fills a disk.
//!
//! Only measures and compares; `held` decides which files are let go.

use std::fs::File;
use std::io;

/// Below this per cent of free space deleted files that are read are let go at once, if nothing
/// else is configured.
pub const MIN_FREE_PERCENT_DEFAULT: u8 = 5;

/// Unread deleted files are given up only below this share of the configured bound.
const CRITICAL_SHARE: u64 = 5;

/// The space of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that an ordinary user may still write.
    pub available_bytes: u64,
    /// Bytes that it has in all.
    pub total_bytes: u64,
}

/// Asks for the space of the file system that a file lies on.
pub type Probe = fn(&File) -> io::Result<Space>;

/// When held files have to give their space back.
#[derive(Debug, Clone, Copy)]
pub struct DiskGuard {
    /// Per cent of the file system; 0 turns the guard off.
    pub min_free_percent: u8,
    /// Who is asked.
    pub probe: Probe,
}

/// How scarce space is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// There is enough.
    None,
    /// Below the bound: what is read need not be held.
    Low,
    /// Nearly nothing is left: applications are about to fail.
    Critical,
}

impl Default for DiskGuard {
    fn default() -> Self {
        Self { min_free_percent: MIN_FREE_PERCENT_DEFAULT, probe: space_of }
    }
}

impl DiskGuard {
    /// How scarce space is where this file lies.
    ///
    /// # Errors
    ///
    /// Whatever asking fails with.
    pub fn pressure(&self, file: &File) -> io::Result<Pressure> {
        if self.min_free_percent == 0 {
            return Ok(Pressure::None);
        }
        let space = (self.probe)(file)?;
        Ok(pressure_of(space, self.min_free_percent))
    }
}

fn pressure_of(space: Space, min_free_percent: u8) -> Pressure {
    // Per cent and fifths of them, in numbers that cannot overflow.
    let available = u128::from(space.available_bytes) * 100;
    let bound = u128::from(space.total_bytes) * u128::from(min_free_percent);
    if available >= bound {
        Pressure::None
    } else if available * u128::from(CRITICAL_SHARE) >= bound {
        Pressure::Low
    } else {
        Pressure::Critical
    }
}

/// What the kernel says.
fn space_of(file: &File) -> io::Result<Space> {
    let raw = rustix::fs::fstatvfs(file)?;
    Ok(Space {
        available_bytes: raw.f_bavail.saturating_mul(raw.f_frsize),
        total_bytes: raw.f_blocks.saturating_mul(raw.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure(available_bytes: u64, total_bytes: u64, percent: u8) -> Pressure {
        pressure_of(Space { available_bytes, total_bytes }, percent)
    }

    #[test]
    fn the_second_bound_is_a_fifth_of_the_first() {
        assert_eq!(pressure(50, 1000, 5), Pressure::None);
        assert_eq!(pressure(49, 1000, 5), Pressure::Low);
        assert_eq!(pressure(10, 1000, 5), Pressure::Low);
        assert_eq!(pressure(9, 1000, 5), Pressure::Critical);
        assert_eq!(pressure(0, 1000, 5), Pressure::Critical);
        assert_eq!(pressure(u64::MAX, u64::MAX, 100), Pressure::None);
    }

    #[test]
    fn a_file_system_without_a_size_is_never_full() {
        assert_eq!(pressure(0, 0, 50), Pressure::None);
    }

    #[test]
    fn the_kernel_is_asked_and_zero_turns_the_guard_off() {
        let file = tempfile::tempfile().unwrap();
        let space = space_of(&file).unwrap();
        assert!(space.available_bytes <= space.total_bytes);
        let fails: Probe = |_| Err(io::Error::other("nobody may ask"));
        let guard = DiskGuard { min_free_percent: 0, probe: fails };
        assert_eq!(guard.pressure(&file).unwrap(), Pressure::None);
        let guard = DiskGuard { min_free_percent: 1, probe: fails };
        assert!(guard.pressure(&file).is_err());
    }
}
