//! What `FILTER` and `SAMPLE` ask of a record: a pattern in its text, or how a member compares.

use std::cmp::Ordering;

use kinetail_java_regex::{Matcher, Pattern};

use crate::record::Record;
use crate::scan_json;

/// A question about a record. Every part of it has to be true.
#[derive(Debug, Clone)]
pub struct Condition {
    /// `field`: the member that is looked at; without one it is the whole text.
    pub field: Option<String>,
    /// What it has to be like.
    pub tests: Vec<Test>,
}

/// What a value has to be like.
#[derive(Debug, Clone)]
pub enum Test {
    /// `equals` and `in`: it is one of these.
    In(Vec<String>),
    /// `exists`: the member is there, or not.
    Exists(bool),
    /// `pattern`: it matches somewhere.
    Pattern(Box<Matcher>),
    /// `above`, `atLeast`, `below`, `atMost`: how it compares with a number.
    Number(Bound, Number),
    /// `severityAtLeast`.
    Severity(Severity),
}

impl Test {
    /// A test by a pattern of [`kinetail_java_regex::compile_search_pattern`].
    #[must_use]
    pub fn pattern(pattern: &Pattern) -> Self {
        Self::Pattern(Box::new(Matcher::new(pattern)))
    }
}

/// How a number has to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Greater.
    Above,
    /// Greater or equal.
    AtLeast,
    /// Less.
    Below,
    /// Less or equal.
    AtMost,
}

/// A number: exact as long as it is a whole one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// With a fraction, an exponent, or too many digits.
    Float(f64),
    /// A whole one.
    Whole(i128),
}

impl Number {
    /// Reads what JSON takes for a number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if scan_json::number_length(text.as_bytes()) != Some(text.len()) {
            return None;
        }
        text.parse().map(Self::Whole).or_else(|_| text.parse().map(Self::Float)).ok()
    }

    #[expect(clippy::cast_precision_loss, reason = "compared with a value that is not an integer")]
    fn compare(self, other: Self) -> Option<Ordering> {
        let float = |number: Self| match number {
            Self::Float(number) => number,
            Self::Whole(number) => number as f64,
        };
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Some(one.cmp(&other)),
            (one, other) => float(one).partial_cmp(&float(other)),
        }
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `trace`.
    Trace,
    /// `debug`.
    Debug,
    /// `info`, `notice`.
    Info,
    /// `warn`, `warning`.
    Warn,
    /// `error`.
    Error,
    /// `fatal`, `critical`, and what is above it.
    Fatal,
}

impl Severity {
    /// Reads a word, a number of syslog (0 to 7) or of pino and bunyan (10 to 60).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const WORDS: &[(Severity, &[&str])] = &[
            (Severity::Trace, &["trace", "verbose", "finest", "finer", "trc", "t"]),
            (Severity::Debug, &["debug", "fine", "dbg", "d", "config"]),
            (Severity::Info, &["info", "information", "informational", "notice", "inf", "i"]),
            (Severity::Warn, &["warn", "warning", "wrn", "w"]),
            (Severity::Error, &["error", "err", "severe", "e", "failure"]),
            (
                Severity::Fatal,
                &["fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "f", "ftl"],
            ),
        ];
        let text = text.trim();
        if let Ok(number) = text.parse::<u32>() {
            return Some(match number {
                0..=2 | 60.. => Self::Fatal,
                3 | 50..=59 => Self::Error,
                4 | 40..=49 => Self::Warn,
                5 | 6 | 30..=39 => Self::Info,
                7 | 20..=29 => Self::Debug,
                8..=19 => Self::Trace,
            });
        }
        let known = WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| word.eq_ignore_ascii_case(text)));
        known.map(|(severity, _)| *severity)
    }
}

impl Condition {
    /// Whether it is true; `None` if that cannot be said: the record is no object, or the pattern
    /// would take too long.
    pub(super) fn holds(&mut self, record: &mut Record) -> Option<bool> {
        let Some(field) = &self.field else {
            let text = record.line();
            return all(&mut self.tests, |test| test.holds_for_text(text));
        };
        if record.parse().is_err() {
            return None;
        }
        let value = record.get(field);
        all(&mut self.tests, |test| test.holds(value))
    }
}

/// Whether all are true: what is false decides, whatever cannot be said.
fn all(tests: &mut [Test], mut holds: impl FnMut(&mut Test) -> Option<bool>) -> Option<bool> {
    let mut known = true;
    for test in tests {
        match holds(test) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = false,
        }
    }
    known.then_some(true)
}

impl Test {
    fn holds(&mut self, value: Option<&[u8]>) -> Option<bool> {
        let Some(value) = value else {
            return Some(matches!(self, Self::Exists(false)));
        };
        let mut decoded = Vec::new();
        let is_string = value.first() == Some(&b'"');
        let text = if is_string {
            let inner = scan_json::inner(value);
            if memchr::memchr(b'\\', inner).is_none() {
                std::str::from_utf8(inner)
            } else {
                scan_json::decode(inner, &mut decoded);
                std::str::from_utf8(&decoded)
            }
        } else {
            std::str::from_utf8(value)
        };
        self.holds_for_text(text.unwrap_or_default())
    }

    fn holds_for_text(&mut self, text: &str) -> Option<bool> {
        Some(match self {
            Self::In(values) => values.iter().any(|value| {
                value == text
                    || Number::parse(value)
                        .zip(Number::parse(text))
                        .is_some_and(|(one, other)| one.compare(other) == Some(Ordering::Equal))
            }),
            Self::Exists(wanted) => *wanted,
            Self::Pattern(matcher) => {
                let mut found = false;
                let searched = matcher.find_each(text, |_| {
                    found = true;
                    true
                });
                searched.ok()?;
                found
            }
            Self::Number(bound, limit) => {
                let order = Number::parse(text.trim()).and_then(|number| number.compare(*limit));
                match (bound, order) {
                    (_, None) => false,
                    (Bound::Above, Some(order)) => order == Ordering::Greater,
                    (Bound::AtLeast, Some(order)) => order != Ordering::Less,
                    (Bound::Below, Some(order)) => order == Ordering::Less,
                    (Bound::AtMost, Some(order)) => order != Ordering::Greater,
                }
            }
            // Unknown severities might be the worst, and are not judged: it is sent.
            Self::Severity(least) => Severity::parse(text)? >= *least,
        })
    }
}
