//! Java's regular expressions: `matchPattern`, `delimiter`, `multiLineStartPattern` and
//! `fileFooterPattern`.
//!
//! The language looks like that of the `regex` crate and means different things: in Java `.`
//! stops at five kinds of line end, `\w`, `\d` and `\s` are ASCII, `\v` is a class, `$` also
//! matches before a last line end and `(?i)` knows only ASCII letters. `parse` reads a pattern
//! into a tree that says what it means in Java. Where the `regex` crate has something for every
//! part of the tree it does the work, in time that is linear in the text. Look-around,
//! back-references, possessive quantifiers, atomic groups and the ends of lines within a text
//! need the backtracking `machine`.
//!
//! Two things look regular and are not the same there: `\b`, which is ASCII for the crate and goes
//! by Unicode in Java up to 18, and what a group holds after a round of a loop that matched
//! nothing. The machine does the former where a text is not ASCII, and the latter always.
//!
//! No pattern runs for more than some 10 ms on a text: the machine counts its steps and gives up
//! ([`OverLimit`]), and the `regex` crate gets no text longer than it can do in that time. Longer
//! texts go to the machine.

mod class;
mod error;
mod escape;
mod fold;
mod group;
mod machine;
mod node;
mod parse;
mod possible;
mod program;
mod property;
#[cfg(test)]
mod tests;
pub mod text;

use std::sync::Arc;

use regex::{CaptureLocations, Regex};

pub use self::error::{OverLimit, PatternError};
use self::machine::{Machine, Run, STEPS_MAX};
use self::parse::{Flags, Tree, parse};
pub use self::possible::{Impossible, impossible, matches_nothing};
use self::program::Program;

/// The longest text that the `regex` crate gets for a match at the start of a text, in bytes. Its
/// slowest way to find groups was seen to take 110 ns a byte for patterns of usual size.
const LINEAR_TEXT_BYTES_MAX: usize = 64 * 1024;

/// The same, times the [`node::Node::width`] of the pattern: each part of it that may be in the
/// middle of a match was seen to take up to 7.5 ns a byte, and about every other one may be.
const LINEAR_WORK_MAX: usize = 2_500_000;

/// A search for delimiters needs no groups, and is as fast as this for narrow patterns whatever
/// the text.
const NARROW: usize = 40;

/// Of a line that may start a record, this many bytes are looked at.
const LINE_START_BYTES_MAX: usize = LINEAR_TEXT_BYTES_MAX;

/// One search counts as so many steps of the machine, whoever does it.
const STEPS_A_SEARCH: u32 = 5;

/// A pattern, ready to be matched in the one way that it was compiled for.
#[derive(Debug, Clone)]
pub struct Pattern {
    engine: Engine,
    groups: usize,
}

/// Who does the work.
#[derive(Debug, Clone)]
enum Engine {
    /// The linear engine, and the machine for the texts that are not for it.
    Linear {
        regex: Regex,
        /// What it matches it matches in ASCII texts only.
        ascii_only: bool,
        /// It takes too long on texts that are longer than this.
        text_bytes_max: usize,
        /// Nothing where the pattern is too large for the machine.
        program: Option<Arc<Program>>,
    },
    Machine(Arc<Program>),
}

/// Who does the work on one text.
#[derive(Debug, Clone, Copy)]
enum Worker<'p> {
    Linear(&'p Regex),
    Machine(&'p Program),
}

impl Engine {
    fn worker(&self, text: &str) -> Result<Worker<'_>, OverLimit> {
        match self {
            Self::Linear { regex, ascii_only, text_bytes_max, .. }
                if text.len() <= *text_bytes_max && (!ascii_only || text.is_ascii()) =>
            {
                Ok(Worker::Linear(regex))
            }
            Self::Linear { program: None, .. } => Err(OverLimit),
            Self::Linear { program: Some(program), .. } | Self::Machine(program) => {
                Ok(Worker::Machine(program))
            }
        }
    }
}

/// Which texts a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Anywhere in a text (`Matcher.find`).
    Part,
    /// At the start of a text (`Matcher.lookingAt`).
    Start,
    /// Whole texts (`Matcher.matches`).
    Whole,
}

/// Compiles a pattern that matches whole texts, as Java's `Matcher.matches` does. Groups have
/// Java's numbers.
///
/// # Errors
///
/// The text is not a Java regular expression; or it has what nobody here can do, which is `\X`,
/// `\N{...}`, `\b{g}`, half of a surrogate pair, and `\p{...}` with a name that is not known; or
/// it is too large.
pub fn compile_match_pattern(java: &str) -> Result<Pattern, PatternError> {
    Pattern::compile(java, Flags::default(), Reach::Whole)
}

/// Compiles a pattern that is searched for in a text, as Java's `Matcher.find` does.
///
/// # Errors
///
/// As [`compile_match_pattern`].
pub fn compile_search_pattern(java: &str) -> Result<Pattern, PatternError> {
    Pattern::compile(java, Flags::default(), Reach::Part)
}

impl Pattern {
    fn compile(java: &str, flags: Flags, reach: Reach) -> Result<Self, PatternError> {
        let tree = parse(java, flags)?;
        Self::of(tree, reach)
    }

    fn of(mut tree: Tree, reach: Reach) -> Result<Self, PatternError> {
        if reach == Reach::Whole {
            tree.node.reach_the_end();
        }
        let groups = tree.groups;
        let far = reach == Reach::Part && tree.node.may_search_far_ahead();
        let program = Program::new(&tree, reach == Reach::Whole).map(Arc::new);
        let engine = if tree.node.is_regular() && !far {
            let mut text = String::new();
            tree.node.write(&mut text);
            let text = match reach {
                Reach::Part => text,
                Reach::Start => format!(r"\A(?:{text})"),
                Reach::Whole => format!(r"\A(?:{text})\z"),
            };
            let width = tree.node.width();
            let longest = LINEAR_WORK_MAX / width.max(1);
            Engine::Linear {
                regex: Regex::new(&text)
                    .map_err(|error| PatternError::TooLarge { what: last_line(&error) })?,
                ascii_only: tree.node.is_regular_in_ascii_only(),
                text_bytes_max: match reach {
                    Reach::Part if width <= NARROW => usize::MAX,
                    Reach::Part => longest,
                    Reach::Start | Reach::Whole => longest.min(LINEAR_TEXT_BYTES_MAX),
                },
                program: program.ok(),
            }
        } else {
            Engine::Machine(program?)
        };
        Ok(Self { engine, groups })
    }

    /// How many groups capture.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether a whole text matches. To learn what the groups matched, keep a `Matcher`.
    ///
    /// # Errors
    /// It would take too long.
    pub fn matches(&self, text: &str) -> Result<bool, OverLimit> {
        match self.engine.worker(text)? {
            Worker::Linear(regex) => Ok(regex.is_match(text)),
            Worker::Machine(program) => Machine::default().matches(program, text),
        }
    }
}

/// A pattern for whole texts whose groups have names.
#[derive(Debug, Clone)]
pub struct NamedPattern {
    pattern: Pattern,
    names: Vec<(String, usize)>,
}

impl NamedPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// As [`compile_match_pattern`].
    pub fn compile(java: &str) -> Result<Self, PatternError> {
        let tree = parse(java, Flags::default())?;
        let names = tree.names.clone();
        Ok(Self { pattern: Pattern::of(tree, Reach::Whole)?, names })
    }

    /// The pattern.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The names, and which groups have them.
    #[must_use]
    pub fn names(&self) -> &[(String, usize)] {
        &self.names
    }
}

/// What a compiler error of the `regex` crate says at its end, where the reason is.
fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().next_back().unwrap_or_default().trim().to_owned()
}

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
    /// The one for the lines that go on.
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
    /// As [`compile_match_pattern`].
    pub fn compile(java: &str) -> Result<Self, PatternError> {
        let starts = Pattern::compile(java, Flags::default(), Reach::Start)?;
        Ok(Self { starts: Some(starts), continues: None, ends: None })
    }

    /// Compiles a rule of up to three patterns, each for the start of a line. A line begins a
    /// record if it matches the first, or does not match the second where that is given; and the
    /// line behind one that matches the third does.
    ///
    /// # Errors
    /// As [`compile_match_pattern`], with the pattern that it is about.
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
    /// As [`compile_match_pattern`].
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

/// A pattern that is searched for in texts, one match after the other.
#[derive(Debug, Clone)]
pub struct Finder(Pattern);

/// What a text between two columns is: plain text where that is all that it can be.
#[derive(Debug)]
pub enum Separator {
    /// A pattern.
    Finder(Finder),
    /// Plain text.
    Literal(String),
}

impl Finder {
    /// Compiles a pattern, unless it is plain text.
    ///
    /// # Errors
    /// As [`compile_match_pattern`].
    pub fn compile(java: &str) -> Result<Separator, PatternError> {
        let tree = parse(java, Flags::default())?;
        match tree.node.literal() {
            Some(literal) => Ok(Separator::Literal(literal)),
            None => Pattern::of(tree, Reach::Part).map(Self).map(Separator::Finder),
        }
    }
}

/// A pattern with the memory that it takes to match it, used again from text to text.
#[derive(Debug, Clone)]
pub struct Matcher {
    pattern: Pattern,
    /// The groups of a match by the linear engine; nothing where only the machine works.
    locations: Option<CaptureLocations>,
    machine: Machine,
    /// The last match was the machine's.
    by_machine: bool,
}

impl Matcher {
    /// A matcher of a pattern.
    #[must_use]
    pub fn new(pattern: &Pattern) -> Self {
        let locations = match &pattern.engine {
            Engine::Linear { regex, .. } => Some(regex.capture_locations()),
            Engine::Machine(_) => None,
        };
        Self { pattern: pattern.clone(), locations, machine: Machine::default(), by_machine: false }
    }

    /// A matcher that searches for a delimiter.
    #[must_use]
    pub fn searching(finder: &Finder) -> Self {
        Self::new(&finder.0)
    }

    /// Whether the text matches; then the groups can be looked at.
    ///
    /// # Errors
    /// It would take too long to find out.
    pub fn matches(&mut self, text: &str) -> Result<bool, OverLimit> {
        match (self.pattern.engine.worker(text)?, &mut self.locations) {
            (Worker::Linear(regex), Some(locations)) => {
                self.by_machine = false;
                Ok(regex.captures_read(locations, text).is_some())
            }
            (Worker::Machine(program), _) => {
                self.by_machine = true;
                self.machine.matches(program, text)
            }
            (Worker::Linear(_), None) => Ok(false),
        }
    }

    /// Whether the text has a match somewhere, for a pattern of [`compile_search_pattern`]; then
    /// the groups of the first one can be looked at.
    ///
    /// # Errors
    /// It would take too long to find out.
    pub fn find(&mut self, text: &str) -> Result<bool, OverLimit> {
        match (self.pattern.engine.worker(text)?, &mut self.locations) {
            (Worker::Linear(regex), Some(locations)) => {
                self.by_machine = false;
                Ok(regex.captures_read(locations, text).is_some())
            }
            (Worker::Machine(program), _) => {
                self.by_machine = true;
                let mut run = Run { text, last_end: 0, steps_left: STEPS_MAX };
                Ok(self.machine.find_at(program, &mut run, 0)?.is_some())
            }
            (Worker::Linear(_), None) => Ok(false),
        }
    }

    /// What a group of the last match holds, as a byte range.
    #[must_use]
    pub fn group(&self, group: usize) -> Option<(usize, usize)> {
        match &self.locations {
            Some(locations) if !self.by_machine => locations.get(group),
            _ => self.machine.group(group),
        }
    }

    /// Calls `each` with the matches in the order and number in which Java's `Matcher.find` gives
    /// them, until it says that it has enough. Unlike Rust's `find_iter`, it may find a match of
    /// no width right behind another match.
    ///
    /// # Errors
    /// It would take too long to find them.
    pub fn find_each(
        &mut self,
        text: &str,
        mut each: impl FnMut(std::ops::Range<usize>) -> bool,
    ) -> Result<(), OverLimit> {
        let (mut from, mut last_end) = (0, 0);
        let mut run = Run { text, last_end, steps_left: STEPS_MAX };
        let worker = self.pattern.engine.worker(text)?;
        while from <= text.len() {
            run.take(STEPS_A_SEARCH)?;
            run.last_end = last_end;
            let found = match worker {
                Worker::Linear(regex) => regex.find_at(text, from).map(|found| found.range()),
                Worker::Machine(program) => self.machine.find_at(program, &mut run, from)?,
            };
            let Some(found) = found else { return Ok(()) };
            last_end = found.end;
            from = match found.is_empty() {
                true if found.end < text.len() => text.ceil_char_boundary(found.end + 1),
                true => text.len() + 1,
                false => found.end,
            };
            if each(found) {
                return Ok(());
            }
        }
        Ok(())
    }
}
