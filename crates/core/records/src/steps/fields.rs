//! `RENAMEFIELDS`, `DROPFIELDS` and `KEEPFIELDS`: which members an object has.

use super::{Context, Step, Stop};
use crate::record::{Name, Record};

/// `RENAMEFIELDS`.
#[derive(Debug, Clone)]
pub struct RenameFields {
    /// `fields`: from what to what, in order.
    pub fields: Vec<(String, Name)>,
}

impl Step for RenameFields {
    fn name(&self) -> &'static str {
        "RENAMEFIELDS"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        record.parse()?;
        for (from, to) in &self.fields {
            record.rename(from, to);
        }
        Ok(())
    }
}

/// `DROPFIELDS`.
#[derive(Debug, Clone)]
pub struct DropFields {
    /// `fields`.
    pub fields: Vec<String>,
}

impl Step for DropFields {
    fn name(&self) -> &'static str {
        "DROPFIELDS"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        record.parse()?;
        for name in &self.fields {
            record.remove(name);
        }
        Ok(())
    }
}

/// `KEEPFIELDS`.
#[derive(Debug, Clone)]
pub struct KeepFields {
    /// `fields`.
    pub fields: Vec<String>,
}

impl Step for KeepFields {
    fn name(&self) -> &'static str {
        "KEEPFIELDS"
    }

    fn apply(&mut self, record: &mut Record, _context: &Context) -> Result<(), Stop> {
        record.parse()?;
        record.retain(&self.fields);
        Ok(())
    }
}
