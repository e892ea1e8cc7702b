//! The names that rotated files get: which log a file belongs to, and how old its name says it is.
//! Pure.
//!
//! The usual schemes of logrotate, log4j, logback, Python and date-based writers put a tag into the
//! name of the live file: behind it (`app.log.1`, `app.log-20261129`), before its extension
//! (`app-2026-11-29.log`) or before it (`20261129-app.log`), and may compress the result. A user
//! can name other schemes with `rotatedNames`.

mod tag;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use regex::bytes::Regex;

use self::tag::{INDEX_DIGITS_MAX, rank_of};
use crate::pattern::without_compressed_ending;

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

/// A name with places for parts of the live one: `{name}`, or `{stem}` and `{ext}`, and `*`.
#[derive(Debug, Clone)]
pub struct Template {
    /// As the user wrote it.
    text: String,
    /// The directory, as seen from that of the live file; empty if it is the same.
    directory: String,
    /// The name, once with long and once with short parts where it can be read in two ways.
    readings: [Regex; 2],
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Every live file would be its own rotated one, or that of any other.
    #[error("it names no part of the live file; write {{name}}, or {{stem}} and {{ext}}, into it")]
    NoName,
    /// Only directories below or next to that of the live file are looked into.
    #[error("its directory must be a relative path without `*`")]
    Directory,
    /// Braces hold something else.
    #[error("unknown part {{{0}}}; use {{name}}, {{stem}} or {{ext}}")]
    Part(String),
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
            Self::Common => common_readings(name),
            Self::Off => Vec::new(),
            Self::Templates(templates) => {
                templates.iter().flat_map(|template| template.read(name)).collect()
            }
        }
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
        templates.iter().map(|t| t.directory.as_str()).filter(|directory| !directory.is_empty())
    }
}

impl fmt::Display for RotatedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Common => f.write_str("common"),
            Self::Off => f.write_str("none"),
            Self::Templates(templates) => {
                let texts: Vec<&str> = templates.iter().map(|t| t.text.as_str()).collect();
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

fn common_readings(name: &[u8]) -> Vec<Reading> {
    let (base, packed) = unpacked_name(name);
    let mut found = Vec::new();
    let mut add = |live: Vec<u8>, rank| {
        if !live.is_empty() && live != name {
            found.push(Reading { live, rank, packed });
        }
    };
    if packed {
        add(base.to_vec(), Rank::Unknown);
    }
    if let Some(live) = base.strip_suffix(b"~") {
        add(live.to_vec(), Rank::Unknown);
    }
    for (at, _) in separators(base) {
        if let (Some(live), Some(rank)) = (base.get(..at), base.get(at + 1..).and_then(rank_of)) {
            add(live.to_vec(), rank.clone());
            // `app.log.0` is written to, and becomes `app.log.1` (java.util.logging).
            if matches!(rank, Rank::Index(1..)) && base.get(at) == Some(&b'.') {
                add([live, b".0"].concat(), rank);
            }
        }
    }
    if let Some(rank) = tag::rank_of_label(base) {
        add(b"current".to_vec(), rank);
    }
    for end in 1..base.len().min(PREFIX_BYTES_MAX) {
        let (Some(tag), Some(live)) = (base.get(..end), base.get(end..)) else { break };
        if !tag.iter().all(|byte| is_tag_byte(*byte)) {
            break;
        }
        // `20261129-app.log`, and `20261129app.log`; but no half of a number.
        let trimmed = tag.strip_suffix(b"-").or_else(|| tag.strip_suffix(b"_"));
        let trimmed = trimmed.or_else(|| tag.strip_suffix(b".")).unwrap_or(tag);
        if !live.first().is_some_and(|byte| is_tag_byte(*byte) && *byte != b'.')
            && let Some(rank) = rank_of(trimmed)
        {
            add(live.to_vec(), rank.into_counter());
        }
    }
    if let Some(dot) = base.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0)
        && let (Some(stem), Some(ending)) = (base.get(..dot), base.get(dot..))
        && ending.len() > 1
    {
        for (at, _) in separators(stem) {
            if let (Some(front), Some(rank)) =
                (stem.get(..at), stem.get(at + 1..).and_then(rank_of))
            {
                if let Rank::Index(number @ 1..) = rank {
                    let zero = stem.get(..=at).unwrap_or_default();
                    add([zero, b"0", ending].concat(), Rank::Chain(number));
                }
                add([front, ending].concat(), rank.into_counter());
            }
        }
    }
    found
}

/// Whether a directory is named after a time: rotated files of one month or day may lie in it.
#[must_use]
pub(crate) fn is_dated_directory(name: &[u8]) -> bool {
    matches!(rank_of(name), Some(Rank::Date(_)))
}

/// No date or time is longer than this.
const PREFIX_BYTES_MAX: usize = 40;

fn separators(text: &[u8]) -> impl Iterator<Item = (usize, &u8)> {
    text.iter().enumerate().filter(|(at, byte)| *at > 0 && SEPARATORS.contains(byte))
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || TAG_MARKS.contains(&byte)
}

impl Template {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        let (directory, name) = text.rsplit_once('/').unwrap_or(("", text));
        if directory.starts_with('/') || directory.contains(['*', '{']) || text.starts_with('/') {
            return Err(TemplateError::Directory);
        }
        let long = expression(name, true)?;
        let short = expression(name, false)?;
        Ok(Self { text: text.to_owned(), directory: directory.to_owned(), readings: [long, short] })
    }

    fn read(&self, name: &[u8]) -> Vec<Reading> {
        let packed = unpacked_name(name).1;
        let mut found: Vec<Reading> = Vec::new();
        for captures in self.readings.iter().filter_map(|reading| reading.captures(name)) {
            let part = |part| captures.name(part).map(|found| found.as_bytes());
            let live = part("name")
                .map(<[u8]>::to_vec)
                .or_else(|| Some([part("stem")?, part("ext").unwrap_or_default()].concat()));
            let rank = part("tag").and_then(rank_of).unwrap_or(Rank::Unknown).into_counter();
            if let Some(live) = live.filter(|live| live != name) {
                found.push(Reading { live, rank, packed });
            }
        }
        found.dedup();
        found
    }
}

/// `{ext}` has its dot, so that `{stem}-*{ext}` also fits names without one.
fn expression(name: &str, long: bool) -> Result<Regex, TemplateError> {
    let lazy = if long { "" } else { "?" };
    let mut text = String::from("(?s-u)^");
    let mut rest = name;
    let (mut names, mut tags) = (0, 0);
    while let Some(first) = rest.chars().next() {
        if first == '{'
            && let Some((part, behind)) = rest.get(1..).and_then(|rest| rest.split_once('}'))
        {
            match part {
                "name" | "stem" if names == 0 => {
                    text.extend(["(?P<", part, ">.+", lazy, ")"]);
                }
                "ext" => text.push_str(r"(?P<ext>\.[^.]+)"),
                _ => return Err(TemplateError::Part(part.to_owned())),
            }
            names += usize::from(part != "ext");
            rest = behind;
            continue;
        }
        match first {
            '*' if tags == 0 => {
                tags += 1;
                text.extend(["(?P<tag>.*", lazy, ")"]);
            }
            '*' => text.push_str(".*"),
            other => text.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    text.push('$');
    if names == 0 {
        return Err(TemplateError::NoName);
    }
    // What was put together here is an expression, unless a name is not valid text.
    Regex::new(&text).map_err(|_| TemplateError::NoName)
}

#[cfg(test)]
mod tests;
