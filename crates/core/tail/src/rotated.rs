//! The names that rotated files get: which log a file belongs to, and how old its name says it is.
//! Pure.
//!
//! The usual schemes of logrotate, log4j, logback, Python and date-based writers put a tag into the
//! name of the live file: behind it (`app.log.1`, `app.log-20261129`), before its extension
//! (`app-2026-11-29.log`) or before it (`20261129-app.log`), and may compress the result. A user
//! can name other schemes with `rotatedNames`.

mod common;
mod tag;
mod template;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use self::tag::{INDEX_DIGITS_MAX, rank_of};
use crate::pattern::without_compressed_ending;

pub use self::template::{Template, TemplateError};

/// What stands between a name and its tag.
const SEPARATORS: &[u8] = b".-_";

/// What a tag of digits may have in it in addition: times as in `2026-11-29T10:00:00+01:00`.
const TAG_MARKS: &[u8] = b".-_:T+Z@ ,";

/// Which names belong to rotated files.
#[derive(Debug, Clone, Default)]
pub enum RotatedNames {
    /// Those of the usual schemes.
    #[default]
    Common,
    /// None: files are looked for under the pattern only.
    Off,
    /// Those of these templates, and no others.
    Templates(Arc<[Template]>),
}

/// One way to read a name as that of a rotated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The name of the live file that it was made of.
    pub live: Vec<u8>,
    /// How old the name says it is.
    pub rank: Rank,
    /// Whether the file is compressed.
    pub packed: bool,
}

/// What a tag says about age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rank {
    /// A small number behind the whole name (`app.log.3`). In most schemes a greater one is older.
    Index(u32),
    /// A small number elsewhere (`app-3.log`): some programs count up to the youngest, some down.
    Counter(u32),
    /// A small number where the live name has a 0 (`app.3.log` of `app.0.log`), a greater one is
    /// older. Programs that run side by side are numbered in the same way.
    Chain(u32),
    /// Numbers that begin with a year, or a count of seconds: how many digits, and their value.
    Date(Vec<(usize, u64)>),
    /// Nothing.
    Unknown,
}

impl RotatedNames {
    /// Reads what a configuration says: templates, or nothing for none.
    ///
    /// # Errors
    ///
    /// The first template that cannot be used, and why.
    pub fn from_templates(templates: &[String]) -> Result<Self, (String, TemplateError)> {
        let parse = |text: &String| Template::parse(text).map_err(|error| (text.clone(), error));
        let parsed: Vec<Template> = templates.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(if parsed.is_empty() { Self::Off } else { Self::Templates(parsed.into()) })
    }

    /// Every way to read `name` as that of a rotated file, but for those that say nothing without
    /// others ([`Rank::Chain`]).
    #[must_use]
    pub fn readings(&self, name: &[u8]) -> Vec<Reading> {
        let mut readings = self.all_readings(name);
        readings.retain(|reading| !matches!(reading.rank, Rank::Chain(_)));
        readings
    }

    /// Every way to read `name` as that of a rotated file.
    #[must_use]
    pub(crate) fn all_readings(&self, name: &[u8]) -> Vec<Reading> {
        match self {
            Self::Common => common::readings(name),
            Self::Off => Vec::new(),
            Self::Templates(templates) => {
                templates.iter().flat_map(|template| template.read(name)).collect()
            }
        }
    }

    /// The same of a file in the directory of the live one, where not all templates have theirs.
    #[must_use]
    pub(crate) fn readings_nearby(&self, name: &[u8]) -> Vec<Reading> {
        let Self::Templates(templates) = self else { return self.readings(name) };
        let nearby = templates.iter().filter(|template| template.directory().is_empty());
        nearby.flat_map(|template| template.read(name)).collect()
    }

    /// How `name` is read as a rotated file of the live name.
    #[must_use]
    pub fn reading_of(&self, live: &[u8], name: &[u8]) -> Option<Reading> {
        self.all_readings(name).into_iter().find(|reading| reading.live == live)
    }

    /// Whether rotated files may lie in directories below that are named after a time.
    #[must_use]
    pub(crate) fn in_dated_directories(&self) -> bool {
        matches!(self, Self::Common)
    }

    /// Directories next to that of the live file where rotated files may lie, as seen from it.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        let templates = if let Self::Templates(templates) = self { &templates[..] } else { &[] };
        templates.iter().map(Template::directory).filter(|directory| !directory.is_empty())
    }
}

impl fmt::Display for RotatedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Common => f.write_str("common"),
            Self::Off => f.write_str("none"),
            Self::Templates(templates) => {
                let texts: Vec<&str> = templates.iter().map(Template::text).collect();
                f.write_str(&texts.join(", "))
            }
        }
    }
}

impl Rank {
    /// Whether both are of one kind, so that one scheme may have made them.
    #[must_use]
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => {
                a.iter().map(|part| part.0).eq(b.iter().map(|part| part.0))
            }
            (Self::Index(_), Self::Index(_))
            | (Self::Counter(_), Self::Counter(_))
            | (Self::Chain(_), Self::Chain(_))
            | (Self::Unknown, Self::Unknown) => true,
            _ => false,
        }
    }

    /// The same where the tag does not follow the whole name.
    fn into_counter(self) -> Self {
        if let Self::Index(number) = self { Self::Counter(number) } else { self }
    }

    /// Whether this one is older or younger, where the names tell. `grows`: whether a greater
    /// number is younger, if that is known.
    #[must_use]
    pub(crate) fn age_against(&self, other: &Self, grows: Option<bool>) -> Option<Ordering> {
        match (self, other) {
            (Self::Index(a), Self::Index(b)) if a != b => {
                Some(if grows.unwrap_or(false) { a.cmp(b) } else { b.cmp(a) })
            }
            (Self::Chain(a), Self::Chain(b)) if a != b => Some(b.cmp(a)),
            (Self::Counter(a), Self::Counter(b)) if a != b => {
                grows.map(|grows| if grows { a.cmp(b) } else { b.cmp(a) })
            }
            (Self::Date(a), Self::Date(b)) => {
                let parts = a.iter().zip(b);
                let ((digits, _), order) =
                    parts.map(|(a, b)| (*a, (a, b))).find_map(|(part, (a, b))| {
                        let same_kind = a.0 == b.0;
                        (a.1 != b.1 || !same_kind).then(|| (part, same_kind.then(|| a.1.cmp(&b.1))))
                    })?;
                // A short number behind a date counts files of that date, up or down.
                let counts = digits <= INDEX_DIGITS_MAX && a.len() > DATE_PARTS;
                order.filter(|_| !counts || a.get(..DATE_PARTS) != b.get(..DATE_PARTS))
            }
            _ => None,
        }
    }
}

/// Year, month and day.
const DATE_PARTS: usize = 3;

/// Whether editors and rsync give this name to a file that they replace.
#[must_use]
pub(crate) fn is_backup_name(name: &[u8], live: &[u8]) -> bool {
    let Some(ending) = name.strip_prefix(live) else { return false };
    let numbered = ending.strip_prefix(b".~").and_then(|rest| rest.strip_suffix(b"~"));
    matches!(ending, b"~" | b".bak" | b".orig" | b".save")
        || numbered
            .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// The name without the ending of a compressed file, and whether it had one.
#[must_use]
pub(crate) fn unpacked_name(name: &[u8]) -> (&[u8], bool) {
    match without_compressed_ending(name).filter(|base| !base.is_empty()) {
        Some(base) => (base, true),
        None => (name, false),
    }
}

/// Whether a directory is named after a time: rotated files of one month or day may lie in it.
#[must_use]
pub(crate) fn is_dated_directory(name: &[u8]) -> bool {
    matches!(rank_of(name), Some(Rank::Date(_)))
}

#[cfg(test)]
mod tests;
