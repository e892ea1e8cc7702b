//! `PARSECSV`: columns by RFC 4180, with names of their own or from the first line of each file.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Fields, Header, Stop, TextParser, Unparsable, column_name};
use crate::frame::Framing;
use crate::record::Name;
use crate::skip::Skip;

/// The header lines of so many files are kept, the newest ones.
const HEADERS_MAX: usize = 4096;

/// A header line has so many columns at most.
const COLUMNS_MAX: usize = 2_000;

/// The parser.
#[derive(Debug, Clone)]
pub struct ParseCsv {
    separator: u8,
    /// `names`, in the order of the columns.
    names: Vec<Name>,
    /// `header`: the first line of each file has the names.
    header: bool,
    /// `newlines`: columns in quotes may have newlines in them.
    newlines: bool,
    /// The names in the files whose first lines were seen.
    seen: BTreeMap<u64, Vec<Name>>,
    unquoted: String,
}

impl ParseCsv {
    /// A parser of columns with this ASCII character between them. With `header` the names are
    /// those of the first line of a file, or `names` in a file whose first line is not known.
    #[must_use]
    pub fn new(separator: u8, names: &[String], header: bool) -> Self {
        Self {
            separator,
            names: names.iter().map(|name| Name::new(name)).collect(),
            header,
            newlines: false,
            seen: BTreeMap::new(),
            unquoted: String::new(),
        }
    }

    /// The same, but newlines in quotes end no row. It has to be the first step.
    #[must_use]
    pub fn with_newlines(self, newlines: bool) -> Self {
        Self { newlines, ..self }
    }

    fn columns(&mut self, text: &str, each: Each<'_>) -> Result<(), Unparsable> {
        let mut at = 0;
        for column in 0.. {
            let rest = text.get(at..).unwrap_or_default();
            let end = match rest.strip_prefix('"') {
                None => {
                    let end = memchr::memchr(self.separator, rest.as_bytes());
                    let end = end.unwrap_or(rest.len());
                    each(column, rest.get(..end).unwrap_or_default())?;
                    at + end
                }
                Some(quoted) => {
                    let length = self.unquote(quoted).ok_or(Unparsable::Quote { at })?;
                    each(column, &self.unquoted)?;
                    at + 1 + length
                }
            };
            match text.as_bytes().get(end) {
                None => break,
                Some(byte) if *byte == self.separator => at = end + 1,
                Some(_) => return Err(Unparsable::Quote { at: end }),
            }
        }
        Ok(())
    }

    /// Reads a column up to its closing quote; gives the length, with that.
    fn unquote(&mut self, text: &str) -> Option<usize> {
        self.unquoted.clear();
        let mut at = 0;
        loop {
            let rest = text.get(at..)?;
            let quote = memchr::memchr(b'"', rest.as_bytes())?;
            self.unquoted.push_str(rest.get(..quote)?);
            at += quote + 1;
            if text.as_bytes().get(at) != Some(&b'"') {
                return Some(at);
            }
            self.unquoted.push('"');
            at += 1;
        }
    }

    /// Takes the first line of a file.
    fn take_header(&mut self, text: &str, file: u64) -> Result<(), Unparsable> {
        let (mut names, mut known) = (Vec::new(), BTreeSet::new());
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        self.columns(text, &mut |column, name| {
            let name = name.trim();
            let is_new = !name.is_empty() && !known.contains(name);
            let name = if is_new { name.to_owned() } else { column_name(column) };
            names.push(Name::new(&name));
            known.insert(name);
            if names.len() > COLUMNS_MAX { Err(Unparsable::TooMany) } else { Ok(()) }
        })?;
        if self.seen.len() >= HEADERS_MAX {
            self.seen.pop_first();
        }
        self.seen.insert(file, names);
        Ok(())
    }
}

/// Is called with the number and the text of a column.
type Each<'e> = &'e mut dyn FnMut(usize, &str) -> Result<(), Unparsable>;

impl TextParser for ParseCsv {
    fn name(&self) -> &'static str {
        "PARSECSV"
    }

    fn parse(&mut self, text: &str, context: &Context, into: &mut Fields) -> Result<(), Stop> {
        let origin = &context.origin;
        if self.header && origin.offset == 0 {
            self.take_header(text, origin.file)?;
            return Err(Stop::Skip(Skip::Header));
        }
        if text.is_empty() {
            return Err(Unparsable::NoMatch.into());
        }
        let names = match self.seen.get_mut(&origin.file).filter(|_| self.header) {
            Some(names) => std::mem::take(names),
            None if self.names.is_empty() => return Err(Unparsable::NoHeader.into()),
            None => std::mem::take(&mut self.names),
        };
        let result = self.columns(text, &mut |column, value| match names.get(column) {
            Some(name) => into.push(name, Some(value)),
            None => into.push_named(&column_name(column), Some(value)),
        });
        let result = result.and_then(|()| {
            let missing = names.get(into.len()..).unwrap_or_default();
            missing.iter().try_for_each(|name| into.push(name, None))
        });
        match self.seen.get_mut(&origin.file).filter(|_| self.header) {
            Some(kept) => *kept = names,
            None => self.names = names,
        }
        Ok(result?)
    }

    fn framing(&self) -> Option<Framing> {
        self.newlines.then_some(Framing::Csv(self.separator))
    }

    fn header(&self, file: u64) -> Option<Header> {
        (self.header && !self.seen.contains_key(&file)).then_some(Header::First)
    }

    fn learn(&mut self, line: &str, file: u64) {
        // What cannot be read leaves the names unknown.
        self.take_header(line, file).ok();
    }
}
