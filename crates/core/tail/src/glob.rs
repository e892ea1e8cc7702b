//! Matching one file name against one glob, as the Java agent's `glob:` patterns do.
//!
//! Names are bytes: a name need not be UTF-8. `?` and a bracket expression take one character, or
//! one byte where the bytes are not UTF-8. A leading dot is nothing special. The time is bounded
//! by pattern length times name length, whatever the pattern. Nothing here knows directories.
//!
//! The syntax is that of `java.nio.file.FileSystem.getPathMatcher`, which is documented there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Why a component of a pattern is not a glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// `[z-a]`.
    #[error("invalid range {from}-{to}: start is after end")]
    BackwardRange {
        /// The first character.
        from: char,
        /// The last character.
        to: char,
    },
    /// `{a/b}`: a group that crosses directories.
    #[error("a {{...}} group cannot contain '/'; define one flow per directory")]
    BraceWithSlash,
    /// `[]` or `[!]`.
    #[error("a [...] expression needs at least one character")]
    EmptyClass,
    /// `{a,{b,c}}`.
    #[error("{{...}} groups cannot be nested")]
    NestedBraces,
    /// A backslash at the end.
    #[error("trailing backslash")]
    NothingToEscape,
    /// `[a-b-c]`: a range that begins nowhere.
    #[error("a range in [...] needs a character on its left; put a plain '-' first or last")]
    RangeWithoutStart,
    /// `{` without `}`.
    #[error("unclosed '{{'; write '\\{{' to match a literal brace")]
    UnclosedBrace,
    /// `[` without `]`.
    #[error("unclosed '['; write '\\[' to match a literal bracket")]
    UnclosedBracket,
}

/// A matcher for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameMatcher {
    program: Program,
}

impl NameMatcher {
    /// Whether the whole name matches.
    #[must_use]
    pub fn matches(&self, name: &OsStr) -> bool {
        let name = name.as_bytes();
        match &self.program {
            Program::Around { prefix, suffix } => {
                name.len() >= prefix.len() + suffix.len()
                    && name.starts_with(prefix)
                    && name.ends_with(suffix)
            }
            Program::General(tokens) => {
                let units = units(name);
                let mut from = vec![false; units.len() + 1];
                if let Some(first) = from.first_mut() {
                    *first = true;
                }
                reach(tokens, &units, from).last().copied().unwrap_or(false)
            }
        }
    }
}

/// A parsed component.
pub(super) enum Parsed {
    /// Only one name matches.
    Literal(String),
    Matcher(NameMatcher),
}

/// Parses one component; it holds no `/`.
pub(super) fn parse(component: &str) -> Result<Parsed, GlobError> {
    let mut parser = Parser { rest: component.chars() };
    let tokens = parser.sequence(Context::Top)?;
    if let Some(text) = literal(&tokens) {
        return Ok(Parsed::Literal(text));
    }
    let program = match around(&tokens) {
        Some((prefix, suffix)) => {
            Program::Around { prefix: prefix.into_bytes(), suffix: suffix.into_bytes() }
        }
        None => Program::General(tokens),
    };
    Ok(Parsed::Matcher(NameMatcher { program }))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Program {
    /// One `*` between literals, as nearly every pattern is: no allocation for a name.
    Around {
        prefix: Vec<u8>,
        suffix: Vec<u8>,
    },
    General(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// `?`.
    AnyOne,
    /// `*`.
    AnyRun,
    /// `[a-z]` and `[!a-z]`, with inclusive ranges.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    Literal(char),
    /// `{a,b}`.
    OneOf(Vec<Vec<Self>>),
}

fn literal(tokens: &[Token]) -> Option<String> {
    tokens
        .iter()
        .map(|token| match token {
            Token::Literal(c) => Some(*c),
            Token::AnyOne | Token::AnyRun | Token::Class { .. } | Token::OneOf(_) => None,
        })
        .collect()
}

fn around(tokens: &[Token]) -> Option<(String, String)> {
    let star = tokens.iter().position(|token| *token == Token::AnyRun)?;
    let (prefix, suffix) = tokens.split_at_checked(star)?;
    Some((literal(prefix)?, literal(suffix.get(1..)?)?))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Group,
    Top,
}

struct Parser<'a> {
    rest: std::str::Chars<'a>,
}

impl Parser<'_> {
    /// Reads to the end, or in a group to the `,` or `}` that ends the alternative.
    fn sequence(&mut self, context: Context) -> Result<Vec<Token>, GlobError> {
        let mut tokens = Vec::new();
        loop {
            if context == Context::Group && matches!(self.peek(), Some(',' | '}') | None) {
                return Ok(tokens);
            }
            let Some(c) = self.rest.next() else {
                return Ok(tokens);
            };
            match c {
                '*' if tokens.last() == Some(&Token::AnyRun) => {}
                '*' => tokens.push(Token::AnyRun),
                '?' => tokens.push(Token::AnyOne),
                '[' => tokens.push(self.class()?),
                '{' if context == Context::Group => return Err(GlobError::NestedBraces),
                '{' => tokens.push(self.group()?),
                '\\' => {
                    let escaped = self.rest.next().ok_or(GlobError::NothingToEscape)?;
                    tokens.push(Token::Literal(escaped));
                }
                c => tokens.push(Token::Literal(c)),
            }
        }
    }

    fn group(&mut self) -> Result<Token, GlobError> {
        let mut alternatives = Vec::new();
        loop {
            alternatives.push(self.sequence(Context::Group)?);
            match self.rest.next() {
                Some('}') => return Ok(Token::OneOf(alternatives)),
                Some(_) => {}
                None => return Err(GlobError::UnclosedBrace),
            }
        }
    }

    /// Inside brackets `*`, `?` and `\` stand for themselves, as Java has it.
    fn class(&mut self) -> Result<Token, GlobError> {
        let negated = self.peek() == Some('!');
        if negated {
            self.rest.next();
        }
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut start = None;
        let mut first = true;
        loop {
            let c = self.rest.next().ok_or(GlobError::UnclosedBracket)?;
            match c {
                ']' if ranges.is_empty() => return Err(GlobError::EmptyClass),
                ']' => return Ok(Token::Class { negated, ranges }),
                '-' if !first && self.peek() != Some(']') => {
                    let from = start.take().ok_or(GlobError::RangeWithoutStart)?;
                    let to = self.rest.next().ok_or(GlobError::UnclosedBracket)?;
                    if to < from {
                        return Err(GlobError::BackwardRange { from, to });
                    }
                    ranges.push((from, to));
                }
                c => {
                    ranges.push((c, c));
                    start = if first && c == '-' { None } else { Some(c) };
                }
            }
            first = false;
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }
}

/// A character, or a byte that is not part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Char(char),
    Stray,
}

fn units(name: &[u8]) -> Vec<Unit> {
    let mut units = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        units.extend(chunk.valid().chars().map(Unit::Char));
        units.extend(chunk.invalid().iter().map(|_| Unit::Stray));
    }
    units
}

/// The places that can be reached by `tokens` from the places in `from`. Place `i` lies before
/// unit `i`; following all of them at once keeps the time bounded.
fn reach(tokens: &[Token], units: &[Unit], from: Vec<bool>) -> Vec<bool> {
    let mut at = from;
    for token in tokens {
        at = match token {
            Token::AnyOne => step(units, &at, |_| true),
            Token::AnyRun => {
                let mut seen = false;
                at.iter()
                    .map(|here| {
                        seen |= here;
                        seen
                    })
                    .collect()
            }
            Token::Class { negated, ranges } => step(units, &at, |unit| match unit {
                Unit::Char(c) => {
                    ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
                }
                Unit::Stray => *negated,
            }),
            Token::Literal(literal) => step(units, &at, |unit| unit == Unit::Char(*literal)),
            Token::OneOf(alternatives) => {
                let mut union = vec![false; at.len()];
                for alternative in alternatives {
                    let reached = reach(alternative, units, at.clone());
                    for (here, also) in union.iter_mut().zip(reached) {
                        *here |= also;
                    }
                }
                union
            }
        };
    }
    at
}

fn step(units: &[Unit], at: &[bool], takes: impl Fn(Unit) -> bool) -> Vec<bool> {
    std::iter::once(false)
        .chain(units.iter().zip(at).map(|(unit, here)| *here && takes(*unit)))
        .collect()
}

#[cfg(test)]
mod tests;
