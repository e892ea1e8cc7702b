//! `FILTER`: which records are sent at all. What it cannot judge is sent.

use super::{Condition, Context, Step, Stop};
use crate::record::Record;
use crate::skip::Skip;

/// The step.
#[derive(Debug, Clone)]
pub struct Filter {
    /// `include`: one of these has to be true, if there is any.
    pub include: Vec<Condition>,
    /// `exclude`: none of these may be true.
    pub exclude: Vec<Condition>,
}

impl Step for Filter {
    fn name(&self) -> &'static str {
        "FILTER"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        if self.exclude.iter_mut().any(|condition| condition.holds(record) == Some(true)) {
            return Err(Stop::Skip(Skip::Filtered));
        }
        let includes = &mut self.include;
        let kept = includes.is_empty()
            || includes.iter_mut().any(|condition| condition.holds(record) != Some(false));
        if kept { Ok(()) } else { Err(Stop::Skip(Skip::Filtered)) }
    }
}
