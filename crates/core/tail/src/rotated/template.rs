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
    /// The whole name: most names do not fit.
    whole: Regex,
    /// What stands before the part of the live name, and behind it.
    around: [Regex; 2],
}

/// A name is read in so many ways at most: only a template with little text in it can be.
const READINGS_MAX: usize = 32;

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
        if matches!(name, "{name}" | "{stem}" | "{stem}{ext}") {
            return Err(TemplateError::LiveName);
        }
        let (before, after) = expressions(name)?;
        // What was put together here is an expression, unless a name is not valid text.
        let compile = |inner: &str| {
            Regex::new(&format!("(?s-u)^{inner}$")).map_err(|_| TemplateError::NoName)
        };
        let whole = compile(&format!("{}.+{}", unnamed(&before), unnamed(&after)))?;
        let around = [compile(&before)?, compile(&after)?];
        Ok(Self { text: text.to_owned(), directory: directory.to_owned(), whole, around })
    }

    /// As the user wrote it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The directory, as seen from that of the live file; empty if it is the same.
    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// How a name is read as that of a rotated file: in each way in which it fits, the longest live
    /// name first. A compressed file fits by its name without the ending, which says more, too.
    pub(super) fn read(&self, name: &[u8]) -> Vec<Reading> {
        let (plain, packed) = unpacked_name(name);
        let mut found: Vec<Reading> = Vec::new();
        for text in packed.then_some(plain).into_iter().chain([name]) {
            if self.whole.is_match(text) {
                self.read_each(text, packed, &mut found);
            }
        }
        found.retain(|reading| reading.live != name);
        found
    }

    fn read_each(&self, text: &[u8], packed: bool, found: &mut Vec<Reading>) {
        let [before, behind] = &self.around;
        let starts: Vec<usize> = (0..text.len())
            .filter(|at| text.get(..*at).is_some_and(|t| before.is_match(t)))
            .collect();
        for end in (1..=text.len()).rev() {
            let Some(captured) = text.get(end..).and_then(|text| behind.captures(text)) else {
                continue;
            };
            for start in starts.iter().filter(|start| **start < end) {
                let Some(named) = text.get(*start..end) else { continue };
                let ahead = text.get(..*start).and_then(|text| before.captures(text));
                let part = |part| {
                    let ahead = ahead.as_ref().and_then(|ahead| ahead.name(part));
                    ahead.or_else(|| captured.name(part)).map(|found| found.as_bytes())
                };
                let live = [named, part("ext").unwrap_or_default()].concat();
                let rank = part("tag").and_then(rank_of).unwrap_or(Rank::Unknown).into_counter();
                if found.len() < READINGS_MAX && !found.iter().any(|known| known.live == live) {
                    found.push(Reading { live, rank, packed });
                }
            }
        }
    }
}

/// What stands before the part of the live name, and behind it, as expressions. `{ext}` has its
/// dot, so that `{stem}-*{ext}` also fits names without one.
fn expressions(name: &str) -> Result<(String, String), TemplateError> {
    let (mut before, mut text) = (None, String::new());
    let mut rest = name;
    let mut tags = 0;
    while let Some(first) = rest.chars().next() {
        if first == '{' {
            let part = rest.get(1..).and_then(|rest| rest.split_once('}'));
            let (part, behind) = part.ok_or(TemplateError::Open)?;
            match part {
                "name" | "stem" if before.is_none() => before = Some(std::mem::take(&mut text)),
                "ext" => text.push_str(r"(?P<ext>\.[^.]+)"),
                _ => return Err(TemplateError::Part(part.to_owned())),
            }
            rest = behind;
            continue;
        }
        match first {
            '*' if tags == 0 => {
                tags += 1;
                text.push_str("(?P<tag>.*)");
            }
            '*' => text.push_str(".*"),
            other => text.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    before.map(|before| (before, text)).ok_or(TemplateError::NoName)
}

/// The same without names of groups, which may stand once in an expression only.
fn unnamed(expression: &str) -> String {
    expression.replace("?P<ext>", "").replace("?P<tag>", "")
}
