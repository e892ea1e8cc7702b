//! `PARSEJSON`: takes the record for a JSON object, so that steps can use its members.
//!
//! It changes nothing: what no step touches is written as it came.

use super::{Context, Step, Stop};
use crate::record::Name;
use crate::record::Record;

/// The step.
#[derive(Debug, Clone)]
pub struct ParseJson {
    /// `field`: the member whose string holds the object; its members take the place of it.
    pub field: Option<Name>,
}

impl Step for ParseJson {
    fn name(&self) -> &'static str {
        "PARSEJSON"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        record.parse()?;
        match &self.field {
            Some(field) => Ok(record.lift(field)?),
            None => Ok(()),
        }
    }
}
