//! The backtracking machine: runs a program on a text and counts every step.
//!
//! It tries what Java tries, in the same order, so that look-around, back-references and
//! possessive quantifiers mean the same. It keeps its choices on a stack of its own and gives up
//! when the steps that it was allowed are used up, whatever the pattern.

use std::ops::Range;
use std::sync::LazyLock;

use super::error::OverLimit;
use super::node::{Assertion, Fold};
use super::program::{Instruction, Program};

/// Steps for one text. A step takes some nanoseconds (up to nine on the machine that it was
/// measured on), so this is well below 10 ms.
pub(super) const STEPS_MAX: u32 = 500_000;

/// A stack larger than this is given back, in entries.
const IDLE_ENTRIES_MAX: usize = 16 * 1024;

/// What `\b` asks of the characters alongside it under the flag `U`.
static WORD: LazyLock<Vec<(char, char)>> = LazyLock::new(|| named(r"\w"));
/// What it asks without that flag: `Character.isLetterOrDigit`, and marks on such a character.
static LETTERS_AND_DIGITS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| named(r"[\p{L}\p{Nd}]"));
static MARKS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| named(r"\p{Mn}"));

/// A set that is known to exist.
fn named(set: &str) -> Vec<(char, char)> {
    super::class::ranges_of(set).unwrap_or_default()
}

/// What it takes to begin at a place, alongside the slots.
const STEPS_A_START: u32 = 2;

/// As many slots as this are made ready in the time of a step.
const SLOTS_A_STEP: usize = 16;

/// A slot that was not saved.
const UNSET: usize = usize::MAX;

/// What may continue if the path that was taken fails.
#[derive(Debug, Clone, Copy)]
enum Entry {
    /// Another way.
    Choice { instruction: usize, at: usize },
    /// What a slot held before.
    Slot { slot: usize, value: usize },
}

/// The memory of the machine, used again from text to text.
#[derive(Debug, Clone, Default)]
pub(super) struct Machine {
    slots: Vec<usize>,
    stack: Vec<Entry>,
}

/// A text and the limits of the work on it.
#[derive(Debug)]
pub(super) struct Run<'t> {
    pub(super) text: &'t str,
    /// Where the match before this one ended, for `\G`.
    pub(super) last_end: usize,
    pub(super) steps_left: u32,
}

impl Machine {
    /// Whether the program matches at the start of a text.
    pub(super) fn matches(&mut self, program: &Program, text: &str) -> Result<bool, OverLimit> {
        let mut run = Run { text, last_end: 0, steps_left: STEPS_MAX };
        self.matches_at(program, &mut run, 0)
    }

    /// Whether the program matches at this place.
    pub(super) fn matches_at(
        &mut self,
        program: &Program,
        run: &mut Run<'_>,
        at: usize,
    ) -> Result<bool, OverLimit> {
        // To begin takes its time, too.
        let slots = program.slots / SLOTS_A_STEP;
        run.take(u32::try_from(slots).unwrap_or(u32::MAX).saturating_add(STEPS_A_START))?;
        self.stack.clear();
        self.stack.shrink_to(IDLE_ENTRIES_MAX);
        self.slots.clear();
        self.slots.resize(program.slots, UNSET);
        let end = self.run(program, run, (0, at), None)?;
        Ok(end.is_some())
    }

    /// The first match that begins at a place or behind it, as a byte range.
    pub(super) fn find_at(
        &mut self,
        program: &Program,
        run: &mut Run<'_>,
        from: usize,
    ) -> Result<Option<Range<usize>>, OverLimit> {
        let text = run.text;
        for at in (from..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            if self.matches_at(program, run, at)? {
                return Ok(self.group(0).map(|(start, end)| start..end));
            }
        }
        Ok(None)
    }

    /// What a group matched, as a byte range; group 0 is the whole match.
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let (&start, &end) = (self.slots.get(2 * group)?, self.slots.get(2 * group + 1)?);
        (start != UNSET && end != UNSET).then_some((start, end))
    }

    /// Runs from an instruction to the next [`Instruction::Match`]. A look-behind has to end at
    /// its `target`. Afterwards the choices are still on the stack.
    fn run(
        &mut self,
        program: &Program,
        run: &mut Run<'_>,
        (mut instruction, mut at): (usize, usize),
        target: Option<usize>,
    ) -> Result<Option<usize>, OverLimit> {
        let base = self.stack.len();
        loop {
            run.take(1)?;
            let Some(&step) = program.code.get(instruction) else { return Ok(None) };
            let next = match step {
                Instruction::Match if target.is_none_or(|target| target == at) => {
                    return Ok(Some(at));
                }
                Instruction::Match => None,
                Instruction::Jump(to) => Some((to, at)),
                Instruction::Split { first, second } => {
                    self.stack.push(Entry::Choice { instruction: second, at });
                    Some((first, at))
                }
                Instruction::Save(slot) => {
                    self.save(slot, at);
                    Some((instruction + 1, at))
                }
                Instruction::NextRound { slot, head, over } => {
                    let stood_still = self.slots.get(slot) == Some(&at);
                    Some((if stood_still { over } else { head }, at))
                }
                Instruction::Atomic { end } => {
                    let base = self.stack.len();
                    let matched = self.run(program, run, (instruction + 1, at), None)?;
                    self.make_final(base);
                    matched.map(|at| (end, at))
                }
                Instruction::Look { end, .. } => {
                    self.look(program, run, instruction, at)?.then_some((end, at))
                }
                Instruction::Assert(assertion) => {
                    run.holds(assertion, at)?.then_some((instruction + 1, at))
                }
                Instruction::BackReference { group, fold } => {
                    self.repeated(run, group, fold, at)?.map(|at| (instruction + 1, at))
                }
                Instruction::Char(char) => run
                    .after(at)
                    .filter(|next| *next == char)
                    .map(|next| (instruction + 1, at + next.len_utf8())),
                Instruction::Set(set) => run
                    .after(at)
                    .filter(|next| program.sets.get(set).is_some_and(|set| holds(set, *next)))
                    .map(|next| (instruction + 1, at + next.len_utf8())),
            };
            let Some(next) = next.or_else(|| self.go_back(base)) else { return Ok(None) };
            (instruction, at) = next;
        }
    }

    /// Looks ahead or behind.
    fn look(
        &mut self,
        program: &Program,
        run: &mut Run<'_>,
        instruction: usize,
        at: usize,
    ) -> Result<bool, OverLimit> {
        let Some(&Instruction::Look { behind, negative, lengths, .. }) =
            program.code.get(instruction)
        else {
            return Ok(false);
        };
        let base = self.stack.len();
        let mut found = false;
        if behind {
            let mut start = Some(at);
            let (min, max) = lengths;
            for length in 0..=max {
                run.take(1)?;
                let Some(from) = start else { break };
                let start_at = (instruction + 1, from);
                if length >= min && self.run(program, run, start_at, Some(at))?.is_some() {
                    found = true;
                    break;
                }
                start = run.before(from).map(|char| from - char.len_utf8());
            }
        } else {
            found = self.run(program, run, (instruction + 1, at), None)?.is_some();
        }
        if found && !negative {
            self.make_final(base);
        } else {
            while self.stack.len() > base {
                self.undo();
            }
        }
        Ok(found != negative)
    }

    /// The place behind the text of a group, if that text stands here again.
    fn repeated(
        &self,
        run: &mut Run<'_>,
        group: usize,
        fold: Fold,
        at: usize,
    ) -> Result<Option<usize>, OverLimit> {
        let Some((start, end)) = self.group(group) else { return Ok(None) };
        let (Some(text), Some(rest)) = (run.text.get(start..end), run.text.get(at..)) else {
            return Ok(None);
        };
        run.take(u32::try_from(text.len()).unwrap_or(u32::MAX))?;
        let mut rest = rest.chars();
        for wanted in text.chars() {
            let same = |found: char| match fold {
                Fold::None => found == wanted,
                Fold::Ascii => found.eq_ignore_ascii_case(&wanted),
                Fold::Unicode => super::fold::is_same(found, wanted),
            };
            if !rest.next().is_some_and(same) {
                return Ok(None);
            }
        }
        Ok(Some(run.text.len() - rest.as_str().len()))
    }

    fn save(&mut self, slot: usize, at: usize) {
        if let Some(value) = self.slots.get_mut(slot) {
            self.stack.push(Entry::Slot { slot, value: *value });
            *value = at;
        }
    }

    /// The newest choice above `base`.
    fn go_back(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.stack.len() > base {
            if let Some(choice) = self.undo() {
                return Some(choice);
            }
        }
        None
    }

    fn undo(&mut self) -> Option<(usize, usize)> {
        match self.stack.pop()? {
            Entry::Choice { instruction, at } => Some((instruction, at)),
            Entry::Slot { slot, value } => {
                if let Some(held) = self.slots.get_mut(slot) {
                    *held = value;
                }
                None
            }
        }
    }

    /// Takes the choices above `base` away; what slots held before is still known.
    fn make_final(&mut self, base: usize) {
        let mut kept = base;
        for index in base..self.stack.len() {
            if let Some(&entry @ Entry::Slot { .. }) = self.stack.get(index) {
                if let Some(place) = self.stack.get_mut(kept) {
                    *place = entry;
                }
                kept += 1;
            }
        }
        self.stack.truncate(kept);
    }
}

impl Run<'_> {
    pub(super) fn take(&mut self, steps: u32) -> Result<(), OverLimit> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(OverLimit)?;
        Ok(())
    }

    /// The character behind a place.
    fn after(&self, at: usize) -> Option<char> {
        let bytes = self.text.as_bytes();
        match bytes.get(at) {
            Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
            _ => self.text.get(at..)?.chars().next(),
        }
    }

    /// The character before a place.
    fn before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }

    fn holds(&mut self, assertion: Assertion, at: usize) -> Result<bool, OverLimit> {
        Ok(match assertion {
            Assertion::SearchStart => at == self.last_end,
            Assertion::TextEnd => at == self.text.len(),
            Assertion::TextStart => at == 0,
            Assertion::WordBoundary { negative, unicode } => {
                let (left, right) = (self.before(at), self.after(at));
                let right_end = at + right.map_or(0, char::len_utf8);
                let left = self.is_of_word(left, at, unicode)?;
                (left != self.is_of_word(right, right_end, unicode)?) != negative
            }
            Assertion::FinalEnd { unix } => {
                self.is_before_terminator(at, unix) && self.is_last_terminator(at)
                    || at == self.text.len()
            }
            Assertion::LineEnd { unix } => {
                self.is_before_terminator(at, unix) || at == self.text.len()
            }
            Assertion::LineStart { unix } => self.is_line_start(at, unix),
        })
    }

    /// Whether a character that ends at `end` is a part of a word for `\b`: a letter, a digit, an
    /// underscore, or a mark on a letter or digit.
    fn is_of_word(
        &mut self,
        char: Option<char>,
        end: usize,
        unicode: bool,
    ) -> Result<bool, OverLimit> {
        let Some(char) = char else { return Ok(false) };
        if char.is_ascii() {
            return Ok(char == '_' || char.is_ascii_alphanumeric());
        }
        self.take(1)?;
        if unicode {
            return Ok(holds(&WORD, char));
        }
        if !holds(&MARKS, char) {
            return Ok(holds(&LETTERS_AND_DIGITS, char));
        }
        for base in self.text.get(..end).unwrap_or_default().chars().rev() {
            self.take(1)?;
            if !holds(&MARKS, base) {
                return Ok(holds(&LETTERS_AND_DIGITS, base));
            }
        }
        Ok(false)
    }

    /// Whether a line terminator begins here. Between `\r` and `\n` none does.
    fn is_before_terminator(&self, at: usize, unix: bool) -> bool {
        match self.after(at) {
            Some('\n') => unix || self.before(at) != Some('\r'),
            Some(char) => !unix && is_terminator(char),
            None => false,
        }
    }

    /// Whether what is left is one line terminator.
    fn is_last_terminator(&self, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        rest == "\r\n" || rest.chars().nth(1).is_none()
    }

    fn is_line_start(&self, at: usize, unix: bool) -> bool {
        let begins = match self.before(at) {
            None | Some('\n') => true,
            Some('\r') => !unix && self.after(at) != Some('\n'),
            Some(char) => !unix && is_terminator(char),
        };
        begins && at < self.text.len()
    }
}

pub(super) fn is_terminator(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn holds(set: &[(char, char)], char: char) -> bool {
    set.binary_search_by(|(low, high)| {
        if *high < char {
            std::cmp::Ordering::Less
        } else if *low > char {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Equal
        }
    })
    .is_ok()
}
