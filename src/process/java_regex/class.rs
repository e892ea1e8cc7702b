//! Character classes of a Java regular expression: what stands in brackets.

use regex::Error;

use super::Translator;
use super::escape::Escaped;

/// Brackets within brackets, at most. Nobody writes three.
const DEPTH_MAX: usize = 32;

impl Translator<'_> {
    /// Translates a class whose opening bracket was just read.
    pub(super) fn class(&mut self, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(self.error("too many classes within classes"));
        }
        self.out.push('[');
        if self.eat('^') {
            self.out.push('^');
        }
        let mut is_first = true;
        while let Some(token) = self.next() {
            match token.char {
                char if token.quoted => self.class_range(char)?,
                ']' if !is_first => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' => self.class(depth + 1)?,
                '&' if self.eat('&') => self.out.push_str("&&"),
                '\\' => self.class_escape()?,
                char => self.class_range(char)?,
            }
            is_first = false;
        }
        Err(self.error("unclosed character class"))
    }

    fn class_escape(&mut self) -> Result<(), Error> {
        match self.escaped()? {
            Escaped::Char(char) => self.class_range(char),
            Escaped::Class(class) => {
                self.out.push_str(&class);
                Ok(())
            }
            Escaped::Letter(letter) => {
                Err(self.error(&format!("unsupported escape `\\{letter}` in a character class")))
            }
        }
    }

    /// Translates a character, or the range that begins with it.
    fn class_range(&mut self, from: char) -> Result<(), Error> {
        let begins_range = self.peek(0) == Some('-') && !matches!(self.peek(1), Some('[' | ']'));
        if !begins_range {
            self.push_range(from, from);
            return Ok(());
        }
        self.at += 1;
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
                self.push_range(from, to);
                Ok(())
            }
            None => Err(self.error("malformed range of characters")),
        }
    }

    /// Writes a range, and the other case of the ASCII letters in it where case is ignored.
    fn push_range(&mut self, from: char, to: char) {
        self.push_bounds(from, to);
        if self.flags.ignore_case {
            let (low, high) = (from.max('a'), to.min('z'));
            if low <= high {
                self.push_bounds(low.to_ascii_uppercase(), high.to_ascii_uppercase());
            }
            let (low, high) = (from.max('A'), to.min('Z'));
            if low <= high {
                self.push_bounds(low.to_ascii_lowercase(), high.to_ascii_lowercase());
            }
        }
    }

    fn push_bounds(&mut self, from: char, to: char) {
        self.push_char(from);
        if from != to {
            self.out.push('-');
            self.push_char(to);
        }
    }
}
