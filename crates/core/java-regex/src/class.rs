//! Sets of characters of a Java regular expression: what stands in brackets.

use regex_syntax::hir::{Class as Set, HirKind};

use super::error::PatternError;
use super::escape::Escaped;
use super::fold;
use super::node::{Fold, Node, push_char};
use super::parse::Parser;

/// Brackets within brackets, at most. Nobody writes three.
const DEPTH_MAX: usize = 32;

impl Parser {
    /// Reads a set whose opening bracket was just read.
    pub(super) fn class(&mut self) -> Result<Node, PatternError> {
        let mut text = String::new();
        self.brackets(&mut text, 0)?;
        self.set(&text)
    }

    fn brackets(&mut self, out: &mut String, depth: usize) -> Result<(), PatternError> {
        if depth > DEPTH_MAX {
            return Err(self.error("too many sets within sets"));
        }
        out.push('[');
        // Under the flag `x` too it has to stand right behind the bracket.
        if self.peek(0) == Some('^') {
            self.at += 1;
            out.push('^');
        }
        let mut is_first = true;
        loop {
            self.skip_comments();
            let Some(token) = self.next() else { break };
            match token.char {
                char if token.quoted => self.range(char, out)?,
                ']' if !is_first => {
                    out.push(']');
                    return Ok(());
                }
                '[' => self.brackets(out, depth + 1)?,
                '&' if self.eat('&') => self.intersection(is_first, out)?,
                '\\' => match self.escaped()? {
                    Escaped::Char(char) => self.range(char, out)?,
                    Escaped::Class(class) => out.push_str(&class),
                    Escaped::Letter(letter) => {
                        let what = format!("unknown escape `\\{letter}` in a set of characters");
                        return Err(self.error(&what));
                    }
                },
                char => self.range(char, out)?,
            }
            is_first &= out.ends_with(['[', '^']);
        }
        Err(self.error("unclosed set of characters"))
    }

    /// Writes an intersection. Where one side is missing Java takes the other.
    fn intersection(&mut self, is_first: bool, out: &mut String) -> Result<(), PatternError> {
        self.skip_comments();
        let has_right = !matches!(self.peek(0), Some(']' | '&'));
        match (is_first, has_right) {
            (true, false) => return Err(self.error("an intersection of nothing")),
            (false, true) => out.push_str("&&"),
            (true, true) | (false, false) => {}
        }
        Ok(())
    }

    /// Reads the range that begins with this character, or the character alone.
    fn range(&mut self, from: char, out: &mut String) -> Result<(), PatternError> {
        self.skip_comments();
        let begins_range = self.peek(0) == Some('-') && !matches!(self.peek(1), Some('[' | ']'));
        if !begins_range {
            self.push_range(from, from, out);
            return Ok(());
        }
        self.eat('-');
        self.skip_comments();
        let to = match self.next() {
            Some(token) if token.char == '\\' && !token.quoted => match self.escaped()? {
                Escaped::Char(char) => Some(char),
                Escaped::Class(_) | Escaped::Letter(_) => None,
            },
            Some(token) => Some(token.char),
            None => None,
        };
        match to.filter(|to| *to >= from) {
            Some(to) => {
                self.push_range(from, to, out);
                Ok(())
            }
            None => Err(self.error("malformed range of characters")),
        }
    }

    /// Writes a range, and the other case of what is in it where case is ignored.
    fn push_range(&self, from: char, to: char, out: &mut String) {
        push_bounds(from, to, out);
        if self.fold() == Fold::Unicode {
            if from == to {
                fold::push_same(from, out);
            } else {
                fold::push_same_as_range(from, to, out);
            }
        } else if self.fold() == Fold::Ascii {
            let (low, high) = (from.max('a'), to.min('z'));
            if low <= high {
                push_bounds(low.to_ascii_uppercase(), high.to_ascii_uppercase(), out);
            }
            let (low, high) = (from.max('A'), to.min('Z'));
            if low <= high {
                push_bounds(low.to_ascii_lowercase(), high.to_ascii_lowercase(), out);
            }
        }
    }
}

fn push_bounds(from: char, to: char, out: &mut String) {
    push_char(out, from);
    if from != to {
        out.push('-');
        push_char(out, to);
    }
}

/// The characters of a set that is written in the syntax of the `regex` crate; nothing if there
/// is no such set.
pub(super) fn ranges_of(text: &str) -> Option<Vec<(char, char)>> {
    match regex_syntax::parse(text).ok()?.into_kind() {
        HirKind::Class(Set::Unicode(set)) => {
            Some(set.ranges().iter().map(|range| (range.start(), range.end())).collect())
        }
        HirKind::Class(Set::Bytes(set)) => {
            let range = |range: &regex_syntax::hir::ClassBytesRange| {
                (char::from(range.start()), char::from(range.end()))
            };
            Some(set.ranges().iter().map(range).collect())
        }
        // A set of one character.
        HirKind::Literal(literal) => {
            let char = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(vec![(char, char)])
        }
        _ => None,
    }
}
