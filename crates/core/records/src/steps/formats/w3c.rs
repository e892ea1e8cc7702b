//! W3C extended logs: IIS, and the standard logs of `CloudFront`. A `#Fields` line says what the
//! lines behind it have; it may come again in the middle of a file.

use std::collections::{BTreeMap, BTreeSet};

use super::super::parse::Fields;
use super::super::{Context, Stop, Unparsable, column_name};
use super::tokens::Found;
use crate::record::Name;
use crate::skip::Skip;

/// The fields of so many files are kept, the newest ones.
const FILES_MAX: usize = 4096;

/// A line has so many fields at most.
const FIELDS_MAX: usize = 1000;

/// What the line with the names begins with.
pub(super) const FIELDS_LINE: &str = "#Fields:";

/// Which parts are numbers.
pub(super) const NUMBERS: &[&str] = &[
    "s-port",
    "sc-status",
    "sc-substatus",
    "sc-win32-status",
    "sc-bytes",
    "cs-bytes",
    "time-taken",
    "c-port",
    "time-to-first-byte",
    "sc-content-len",
];

/// The fields of files, by their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    files: BTreeMap<u64, Vec<Name>>,
}

impl Headers {
    /// Parses a line of a file whose `#Fields` are known. Names are never guessed: a server can
    /// write other columns than those it comes with.
    pub(super) fn parse(&mut self, line: &str, context: &Context, into: &mut Fields) -> Stopped {
        let file = context.origin.file;
        if context.origin.offset == 0 {
            // The file starts over.
            self.files.remove(&file);
        }
        let line = line.strip_prefix('\u{FEFF}').unwrap_or(line);
        if line.starts_with('#') {
            self.learn(line, file);
            return Err(Stop::Skip(Skip::Comment));
        }
        let fields = self.files.get(&file).ok_or(Unparsable::NoFieldsLine)?;
        Ok(columns(line, fields, into)?)
    }

    pub(super) fn knows(&self, file: u64) -> bool {
        self.files.contains_key(&file)
    }

    /// Takes a line about the log itself.
    pub(super) fn learn(&mut self, line: &str, file: u64) {
        let Some(fields) = line.strip_prefix(FIELDS_LINE) else { return };
        if self.files.len() >= FILES_MAX {
            self.files.pop_first();
        }
        let (mut names, mut known) = (Vec::new(), BTreeSet::new());
        for (column, name) in fields.split_whitespace().take(FIELDS_MAX).enumerate() {
            let is_new = !known.contains(name);
            let name = if is_new { name.to_owned() } else { column_name(column) };
            names.push(Name::new(&name));
            known.insert(name);
        }
        self.files.insert(file, names);
    }
}

type Stopped = Result<(), Stop>;

fn columns(line: &str, fields: &[Name], into: &mut Fields) -> Found<()> {
    let separator = if line.contains('\t') { '\t' } else { ' ' };
    let values = || line.split(separator);
    if values().count() != fields.len() {
        return Err(Unparsable::Columns);
    }
    for (name, value) in fields.iter().zip(values()) {
        into.push(name, Some(value).filter(|value| *value != "-"))?;
    }
    Ok(())
}
