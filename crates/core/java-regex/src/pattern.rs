//! A compiled pattern, and which of the three engines matches it on a text.

use std::sync::Arc;

use regex::Regex;

use super::error::{OverLimit, PatternError};
use super::machine::Machine;
use super::parse::{Flags, Tree, parse};
use super::program::Program;
use super::row::Row;

/// The longest text that the `regex` crate gets for a match at the start of a text, in bytes. Its
/// slowest way to find groups was seen to take 110 ns a byte for patterns of usual size.
pub(super) const LINEAR_TEXT_BYTES_MAX: usize = 64 * 1024;

/// The same, times the [`super::node::Node::width`] of the pattern: each part of it that may be in
/// the middle of a match was seen to take up to 7.5 ns a byte, and about every other one may be.
const LINEAR_WORK_MAX: usize = 2_500_000;

/// A search for delimiters needs no groups, and is as fast as this for narrow patterns whatever
/// the text.
const NARROW: usize = 40;

/// A pattern, ready to be matched in the one way that it was compiled for.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) engine: Engine,
    pub(super) groups: usize,
}

/// Who does the work.
#[derive(Debug, Clone)]
pub(super) enum Engine {
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
    /// A look at each byte is enough.
    Row(Arc<Row>),
}

/// Who does the work on one text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Worker<'p> {
    Linear(&'p Regex),
    Machine(&'p Program),
    Row(&'p Row),
}

impl Engine {
    pub(super) fn worker(&self, text: &str) -> Result<Worker<'_>, OverLimit> {
        match self {
            Self::Row(row) => Ok(Worker::Row(row)),
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
pub(super) enum Reach {
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
/// The text is not a Java regular expression; or it has something unsupported, which is `\X`,
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
    pub(super) fn compile(java: &str, flags: Flags, reach: Reach) -> Result<Self, PatternError> {
        let tree = parse(java, flags)?;
        Self::of(tree, reach)
    }

    pub(super) fn of(mut tree: Tree, reach: Reach) -> Result<Self, PatternError> {
        if reach == Reach::Whole {
            tree.node.reach_the_end();
        }
        let groups = tree.groups;
        if reach == Reach::Whole
            && let Some(row) = Row::of(&tree.node, groups)
        {
            return Ok(Self { engine: Engine::Row(Arc::new(row)), groups });
        }
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
            Worker::Row(row) => Ok(row.matches(text, &mut Vec::new())),
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
