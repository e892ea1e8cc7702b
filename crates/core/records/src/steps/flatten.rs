//! `FLATTEN`: the members of nested objects become members of the object itself.

use super::{Context, Step, Stop};
use crate::record::{Name, Record};

/// `FLATTEN`.
#[derive(Debug, Clone)]
pub struct Flatten {
    /// `separator`: what stands between the names of a member and of the object that it was in.
    pub separator: Name,
}

impl Step for Flatten {
    fn name(&self) -> &'static str {
        "FLATTEN"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        record.parse()?;
        Ok(record.flatten(&self.separator)?)
    }
}
