//! Templates of `rotatedNames`: names with places for parts of the live one.

use regex::bytes::Regex;

use super::tag::rank_of;
use super::{Rank, Reading, unpacked_name};

/// Wildcards of other languages: of the shell, of regular expressions, of strftime. Taken as they
/// are they would match nothing, without a word.
const NO_WILDCARDS: [char; 8] = ['?', '[', ']', '\\', '%', '^', '$', '|'];

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
    /// A sign that means something in other languages, and would be a part of the name here.
    #[error("'{0}' has no special meaning; the only wildcard is `*`, for any number of characters")]
    Wildcard(char),
    /// It is the name of the live file, which is not rotated.
    #[error("it is the name of the live file; rotation adds something, as in {{name}}.*")]
    LiveName,
    /// A brace is not closed.
    #[error("a '{{' is not closed")]
    Open,
    /// Braces hold something else.
    #[error("unknown part {{{0}}}; use {{name}}, {{stem}} or {{ext}}")]
    Part(String),
}

impl Template {
    /// Reads a template as a user wrote it.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        if let Some(sign) = text.chars().find(|sign| NO_WILDCARDS.contains(sign)) {
            return Err(TemplateError::Wildcard(sign));
        }
        let (directory, name) = text.rsplit_once('/').unwrap_or(("", text));
        if directory.starts_with('/') || directory.contains(['*', '{']) || text.starts_with('/') {
            return Err(TemplateError::Directory);
        }
        let long = expression(name, true)?;
        let short = expression(name, false)?;
        if matches!(name, "{name}" | "{stem}" | "{stem}{ext}") {
            return Err(TemplateError::LiveName);
        }
        Ok(Self { text: text.to_owned(), directory: directory.to_owned(), readings: [long, short] })
    }

    /// As the user wrote it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The directory, as seen from that of the live file; empty if it is the same.
    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// How a name is read as that of a rotated file.
    pub(super) fn read(&self, name: &[u8]) -> Vec<Reading> {
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
        if first == '{' {
            let part = rest.get(1..).and_then(|rest| rest.split_once('}'));
            let (part, behind) = part.ok_or(TemplateError::Open)?;
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
