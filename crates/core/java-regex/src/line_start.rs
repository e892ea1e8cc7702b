//! Patterns for lines and records: which lines begin a record, which record is the footer.

use super::error::{OverLimit, PatternError};
use super::machine::Machine;
use super::parse::Flags;
use super::pattern::{LINEAR_TEXT_BYTES_MAX, Pattern, Reach, Worker};
use super::text;

/// Of a line that may start a record, this many bytes are looked at.
const LINE_START_BYTES_MAX: usize = LINEAR_TEXT_BYTES_MAX;

/// `multiLineStartPattern`: which lines begin a record. Java's `Matcher.lookingAt`, line by line.
#[derive(Debug, Clone)]
pub struct LineStart {
    starts: Option<Pattern>,
    continues: Option<Pattern>,
    ends: Option<Pattern>,
}

/// Which of the patterns of [`LineStart::rule`] is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulePart {
    /// The one for continuation lines.
    Continues,
    /// The one for the last lines.
    Ends,
    /// The one for the first lines.
    Starts,
}

impl LineStart {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// As [`crate::compile_match_pattern`].
    pub fn compile(java: &str) -> Result<Self, PatternError> {
        let starts = Pattern::compile(java, Flags::default(), Reach::Start)?;
        Ok(Self { starts: Some(starts), continues: None, ends: None })
    }

    /// Compiles a rule of up to three patterns, each for the start of a line. A line begins a
    /// record if it matches the first, or does not match the second where that is given; and the
    /// line behind one that matches the third does.
    ///
    /// # Errors
    /// As [`crate::compile_match_pattern`], with the pattern that it is about.
    pub fn rule(
        starts: Option<&str>,
        continues: Option<&str>,
        ends: Option<&str>,
    ) -> Result<Self, (RulePart, PatternError)> {
        let compile = |java: Option<&str>, part: RulePart| {
            let compiled = java.map(|java| Pattern::compile(java, Flags::default(), Reach::Start));
            compiled.transpose().map_err(|error| (part, error))
        };
        Ok(Self {
            starts: compile(starts, RulePart::Starts)?,
            continues: compile(continues, RulePart::Continues)?,
            ends: compile(ends, RulePart::Ends)?,
        })
    }

    /// Whether a line, given with its line end, begins a record.
    ///
    /// # Errors
    /// It would take too long to find out.
    pub fn matches(&self, line: &[u8]) -> Result<bool, OverLimit> {
        if let Some(starts) = &self.starts {
            let found = looks_like(starts, line)?;
            if found || self.continues.is_none() {
                return Ok(found);
            }
        }
        self.continues.as_ref().map_or(Ok(false), |pattern| Ok(!looks_like(pattern, line)?))
    }

    /// Whether a line is the last one of its record. One on which the pattern takes too long is
    /// not.
    #[must_use]
    pub fn ends(&self, line: &[u8]) -> bool {
        self.ends.as_ref().is_some_and(|ends| looks_like(ends, line).unwrap_or(false))
    }
}

/// Whether the start of a line matches.
fn looks_like(pattern: &Pattern, line: &[u8]) -> Result<bool, OverLimit> {
    let line = line.get(..LINE_START_BYTES_MAX).unwrap_or(line);
    let mut decoded = String::new();
    let text = text::decode(line, &mut decoded);
    match pattern.engine.worker(text)? {
        Worker::Linear(regex) => Ok(regex.is_match(text)),
        Worker::Machine(program) => Machine::default().matches(program, text),
        Worker::Row(row) => Ok(row.matches(text, &mut Vec::new())),
    }
}

/// `fileFooterPattern`: which records end what is to be read of a file. Java's `Matcher.matches`
/// on the trimmed record, with the flag `m` set.
#[derive(Debug, Clone)]
pub struct Footer(Pattern);

impl Footer {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// As [`crate::compile_match_pattern`].
    pub fn compile(java: &str) -> Result<Self, PatternError> {
        let flags = Flags { multi_line: true, ..Flags::default() };
        Pattern::compile(java, flags, Reach::Whole).map(Self)
    }

    /// Whether a record is the footer.
    ///
    /// # Errors
    /// It would take too long to find out.
    pub fn matches(&self, record: &[u8]) -> Result<bool, OverLimit> {
        let mut decoded = String::new();
        let text = text::decode(record, &mut decoded);
        // Java's `trim`: everything up to U+0020 at both ends.
        self.0.matches(text.trim_matches(|char: char| char <= ' '))
    }
}
