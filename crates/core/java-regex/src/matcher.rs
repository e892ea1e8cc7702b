//! A pattern with the memory to match it: what groups hold, and one match after the other.

use regex::CaptureLocations;

use super::error::{OverLimit, PatternError};
use super::machine::{Machine, Run, STEPS_MAX};
use super::parse::{Flags, parse};
use super::pattern::{Engine, Pattern, Reach, Worker};
use super::program::Program;

/// One search counts as so many steps of the machine, whoever does it.
const STEPS_A_SEARCH: u32 = 5;

/// A pattern that is searched for in texts, one match after the other.
#[derive(Debug, Clone)]
pub struct Finder(pub(super) Pattern);

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
    /// As [`crate::compile_match_pattern`].
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
    /// The groups of a match by a row.
    slots: Vec<usize>,
    /// Whose match the last one was.
    by: By,
}

/// Who made a match.
#[derive(Debug, Clone, Copy)]
enum By {
    Linear,
    Machine,
    Row,
}

impl Matcher {
    /// A matcher of a pattern.
    #[must_use]
    pub fn new(pattern: &Pattern) -> Self {
        let locations = match &pattern.engine {
            Engine::Linear { regex, .. } => Some(regex.capture_locations()),
            Engine::Machine(_) | Engine::Row(_) => None,
        };
        let (machine, slots, by) = (Machine::default(), Vec::new(), By::Machine);
        Self { pattern: pattern.clone(), locations, machine, slots, by }
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
        self.run(text, Machine::matches)
    }

    /// Whether the text has a match somewhere, for a pattern of
    /// [`crate::compile_search_pattern`], which is never a row; then the groups of the first one
    /// can be looked at.
    ///
    /// # Errors
    /// It would take too long to find out.
    pub fn find(&mut self, text: &str) -> Result<bool, OverLimit> {
        self.run(text, |machine, program, text| {
            let mut run = Run { text, last_end: 0, steps_left: STEPS_MAX };
            Ok(machine.find_at(program, &mut run, 0)?.is_some())
        })
    }

    fn run(
        &mut self,
        text: &str,
        by_machine: impl Fn(&mut Machine, &Program, &str) -> Result<bool, OverLimit>,
    ) -> Result<bool, OverLimit> {
        match (self.pattern.engine.worker(text)?, &mut self.locations) {
            (Worker::Linear(regex), Some(locations)) => {
                self.by = By::Linear;
                Ok(regex.captures_read(locations, text).is_some())
            }
            (Worker::Machine(program), _) => {
                self.by = By::Machine;
                by_machine(&mut self.machine, program, text)
            }
            (Worker::Row(row), _) => {
                self.by = By::Row;
                Ok(row.matches(text, &mut self.slots))
            }
            (Worker::Linear(_), None) => Ok(false),
        }
    }

    /// What a group of the last match holds, as a byte range.
    #[must_use]
    pub fn group(&self, group: usize) -> Option<(usize, usize)> {
        match (self.by, &self.locations) {
            (By::Row, _) => {
                self.slots.get(2 * group).copied().zip(self.slots.get(2 * group + 1).copied())
            }
            (By::Linear, Some(locations)) => locations.get(group),
            (By::Linear, None) | (By::Machine, _) => self.machine.group(group),
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
                // What is searched for is never a row.
                Worker::Row(_) => None,
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
