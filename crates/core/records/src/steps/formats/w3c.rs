//! W3C extended logs: IIS, and the standard logs of `CloudFront`. A `#Fields` line says what the
//! lines behind it have; it may come again in the middle of a file.

use std::collections::VecDeque;

use super::super::parse::Fields;
use super::super::{Context, Stop, Unparsable};
use super::tokens::Found;
use crate::record::Name;

/// A record is skipped because it is a line about the log itself.
pub const COMMENT: &str = "comment";

/// The fields of so many files are kept, the newest ones.
const FILES_MAX: usize = 4096;

/// A line has so many fields at most.
const FIELDS_MAX: usize = 1000;

/// What IIS writes unless it is told otherwise.
const IIS: &str = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip \
                   cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken";

/// "Standard log file fields" in the `CloudFront` developer guide.
const CLOUD_FRONT: &str = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem \
    sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type \
    x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol \
    ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields \
    c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len \
    sc-range-start sc-range-end";

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
    files: VecDeque<(u64, Vec<Name>)>,
}

impl Headers {
    pub(super) fn w3c(&mut self, line: &str, context: &Context, into: &mut Fields) -> Stopped {
        self.parse(line, context, IIS, into)
    }

    pub(super) fn cloud_front(
        &mut self,
        line: &str,
        context: &Context,
        into: &mut Fields,
    ) -> Stopped {
        self.parse(line, context, CLOUD_FRONT, into)
    }

    fn parse(
        &mut self,
        line: &str,
        context: &Context,
        default: &str,
        into: &mut Fields,
    ) -> Stopped {
        let file = context.origin.file;
        let line = line.strip_prefix('\u{FEFF}').unwrap_or(line);
        if let Some(comment) = line.strip_prefix('#') {
            if let Some(fields) = comment.strip_prefix("Fields:") {
                self.learn(file, fields);
            }
            return Err(Stop::Skip(COMMENT));
        }
        if !self.files.iter().any(|(known, _)| *known == file) {
            // Reading began in the middle of the file.
            self.learn(file, default);
        }
        let known = self.files.iter().rev().find(|(known, _)| *known == file);
        let fields = known.map(|(_, fields)| fields.as_slice()).unwrap_or_default();
        Ok(columns(line, fields, into)?)
    }

    fn learn(&mut self, file: u64, fields: &str) {
        self.files.retain(|(known, _)| *known != file);
        if self.files.len() >= FILES_MAX {
            self.files.pop_front();
        }
        let fields = fields.split_whitespace().take(FIELDS_MAX).map(Name::new).collect();
        self.files.push_back((file, fields));
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
