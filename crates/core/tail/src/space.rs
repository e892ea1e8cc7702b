//! How full the file system of a held file is. A deleted file keeps its space for as long as it
//! is open, so holding one must not be what fills a disk.
//!
//! Only measures and compares; `unlinked` decides which files are released.

use super::disk::{DiskError, OpenFile};

/// Below this per cent of free space deleted files that are read are released immediately, if
/// nothing else is configured.
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

/// When held files have to give their space back.
#[derive(Debug, Clone, Copy)]
pub struct SpaceGuard {
    /// Per cent of the file system; 0 turns the guard off.
    pub min_free_percent: u8,
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

impl Default for SpaceGuard {
    fn default() -> Self {
        Self { min_free_percent: MIN_FREE_PERCENT_DEFAULT }
    }
}

impl SpaceGuard {
    /// How scarce space is where this file lies.
    ///
    /// # Errors
    ///
    /// Whatever asking fails with.
    pub(crate) fn pressure<F: OpenFile>(self, file: &F) -> Result<Pressure, DiskError> {
        if self.min_free_percent == 0 {
            return Ok(Pressure::None);
        }
        let space = file.space()?;
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
}
