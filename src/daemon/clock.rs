//! The only clock: everything else takes time as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::tail::tailer::Now;

/// This moment. A wall clock before 1970 counts as 1970; it is only compared with file stamps.
pub(super) fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        instant: Instant::now(),
        wall_nanos: i128::try_from(wall.as_nanos()).unwrap_or(i128::MAX),
    }
}
