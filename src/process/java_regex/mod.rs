//! Java's regular expressions in ours: the same syntax, the same matches, in linear time.
//!
//! The two languages look alike and mean different things: in Java `.` stops at five kinds of
//! line end, `\w`, `\d` and `\s` are ASCII, `\v` is a class and `(?i)` knows only ASCII letters.
//! This module rewrites a pattern token by token so that nothing keeps a second meaning, and
//! rejects what the engine cannot do. `class` is the part inside of brackets, `escape` what
//! follows a backslash.

mod class;
mod escape;

use regex::{Error, Regex};

use escape::Escaped;

/// `.` as Java has it: anything but a line terminator.
const DOT: &str = r"[^\n\r\x{85}\x{2028}\x{2029}]";
/// `.` under `(?d)`.
const DOT_UNIX_LINES: &str = r"[^\n]";
/// `.` under `(?s)`.
const DOT_ALL: &str = r"(?s:.)";
/// `\R`.
const LINE_BREAK: &str = r"(?:\r\n|[\n\x0B\f\r\x{85}\x{2028}\x{2029}])";

/// Compiles a Java regular expression so that it matches whole texts only, as Java's
/// `Matcher.matches` does. Groups have Java's numbers.
///
/// Not supported, and an error: look-around, back-references, atomic groups, possessive
/// quantifiers, `\G`, `\X`, `\N`, `\b{g}`, the flags `m`, `u`, `U` and `x`, and those of Java's
/// `\p` classes (blocks, `java...`) that Unicode does not name.
///
/// Different: `$` and `\Z` match only at the very end, where Java also accepts the place before
/// a last line terminator (a pattern notices only if it goes on to match that terminator); `\b`
/// looks at ASCII alone, as Java does since version 19; `\R` may match the `\r` of a `\r\n`.
///
/// # Errors
///
/// The text is not a Java regular expression, or uses what is not supported.
pub fn compile_match_pattern(java: &str) -> Result<Regex, Error> {
    let translation = translate(java)?;
    Regex::new(&format!(r"\A(?:{})\z", translation.pattern))
}

/// A Java regular expression in this crate's syntax.
#[derive(Debug)]
pub(super) struct Translation {
    pub(super) pattern: String,
    /// The only text that the pattern matches, where it is plain text.
    pub(super) literal: Option<String>,
}

/// Rewrites a Java regular expression. The result may still be one that does not compile.
pub(super) fn translate(java: &str) -> Result<Translation, Error> {
    let mut translator = Translator {
        java,
        tokens: tokens(java),
        at: 0,
        out: String::with_capacity(java.len() * 2),
        literal: Some(String::new()),
        flags: Flags::default(),
        outer_flags: Vec::new(),
        repeatable: false,
    };
    translator.run()?;
    Ok(Translation { pattern: translator.out, literal: translator.literal })
}

/// A character of the pattern.
#[derive(Debug, Clone, Copy)]
struct Token {
    char: char,
    /// It stood between `\Q` and `\E` and means itself.
    quoted: bool,
}

/// Takes the quoting with `\Q` and `\E` out of a pattern.
fn tokens(java: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(java.len());
    let mut quoted = false;
    let mut chars = java.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, quoted) {
            ('\\', true) if chars.next_if_eq(&'E').is_some() => quoted = false,
            ('\\', false) if chars.next_if_eq(&'Q').is_some() => quoted = true,
            ('\\', false) => {
                let escaped = [Some(char), chars.next()].into_iter().flatten();
                tokens.extend(escaped.map(|char| Token { char, quoted }));
            }
            _ => tokens.push(Token { char, quoted }),
        }
    }
    tokens
}

/// The flags that can be set within a pattern.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    dot_all: bool,
    unix_lines: bool,
}

/// Walks over a pattern and writes its translation.
#[derive(Debug)]
struct Translator<'j> {
    java: &'j str,
    tokens: Vec<Token>,
    at: usize,
    out: String,
    literal: Option<String>,
    flags: Flags,
    /// The flags outside of each open group.
    outer_flags: Vec<Flags>,
    /// Whether what was written last can be repeated by a quantifier.
    repeatable: bool,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), Error> {
        while let Some(token) = self.next() {
            match token.char {
                char if token.quoted => self.push_literal(char),
                '\\' => self.escape()?,
                '[' => {
                    self.class(0)?;
                    self.wrote_atom();
                }
                '(' => self.open_group()?,
                ')' => self.close_group()?,
                '*' | '+' | '?' | '{' => self.quantifier(token.char)?,
                '|' => {
                    self.out.push('|');
                    self.wrote_separator();
                }
                '.' => self.push_atom(self.dot()),
                '^' => self.push_atom(r"\A"),
                '$' => self.push_atom(r"\z"),
                char => self.push_literal(char),
            }
        }
        if self.outer_flags.is_empty() { Ok(()) } else { Err(self.error("unclosed group")) }
    }

    fn dot(&self) -> &'static str {
        match self.flags {
            Flags { dot_all: true, .. } => DOT_ALL,
            Flags { unix_lines: true, .. } => DOT_UNIX_LINES,
            Flags { .. } => DOT,
        }
    }

    /// What a backslash outside of brackets means.
    fn escape(&mut self) -> Result<(), Error> {
        match self.escaped()? {
            Escaped::Char(char) => self.push_literal(char),
            Escaped::Class(class) => self.push_atom(&class),
            Escaped::Letter('A') => self.push_atom(r"\A"),
            Escaped::Letter('B') => self.push_atom(r"(?-u:\B)"),
            Escaped::Letter('b') => self.push_atom(r"(?-u:\b)"),
            Escaped::Letter('R') => self.push_atom(LINE_BREAK),
            Escaped::Letter('z' | 'Z') => self.push_atom(r"\z"),
            Escaped::Letter(letter) => {
                return Err(self.error(&format!("unsupported escape `\\{letter}`")));
            }
        }
        Ok(())
    }

    fn open_group(&mut self) -> Result<(), Error> {
        let outer = self.flags;
        if !self.eat('?') {
            self.out.push('(');
        } else if self.eat('<') {
            self.group_name()?;
            self.out.push('(');
        } else if self.group_flags()? {
            self.out.push_str("(?:");
        } else {
            self.wrote_separator();
            return Ok(());
        }
        self.outer_flags.push(outer);
        self.wrote_separator();
        Ok(())
    }

    /// Skips the name of a group; fields are matched to groups by number.
    fn group_name(&mut self) -> Result<(), Error> {
        let mut length = 0;
        while let Some(token) = self.next() {
            match token.char {
                '>' if length > 0 => return Ok(()),
                char if char.is_ascii_alphanumeric() => length += 1,
                '=' | '!' if length == 0 => {
                    return Err(self.error("look-behind is not supported"));
                }
                _ => break,
            }
        }
        Err(self.error("malformed group name"))
    }

    /// Reads what follows `(?`: flags, then a colon (true) or the end of the group (false).
    fn group_flags(&mut self) -> Result<bool, Error> {
        let mut on = true;
        while let Some(token) = self.next() {
            match token.char {
                ':' => return Ok(true),
                ')' => return Ok(false),
                '-' => on = false,
                'i' => self.flags.ignore_case = on,
                's' => self.flags.dot_all = on,
                'd' => self.flags.unix_lines = on,
                'm' | 'u' | 'U' | 'x' if !on => {}
                '=' | '!' => return Err(self.error("look-ahead is not supported")),
                '>' => return Err(self.error("an atomic group is not supported")),
                flag => {
                    return Err(self.error(&format!("unsupported flag `{flag}`")));
                }
            }
        }
        Err(self.error("unclosed group"))
    }

    fn close_group(&mut self) -> Result<(), Error> {
        let Some(outer) = self.outer_flags.pop() else {
            return Err(self.error("closing parenthesis without an opening one"));
        };
        self.flags = outer;
        self.push_atom(")");
        Ok(())
    }

    fn quantifier(&mut self, first: char) -> Result<(), Error> {
        if !self.repeatable {
            return Err(self.error("quantifier with nothing to repeat"));
        }
        self.out.push(first);
        if first == '{' {
            self.counts()?;
        }
        if self.eat('+') {
            return Err(self.error("a possessive quantifier is not supported"));
        }
        if self.eat('?') {
            self.out.push('?');
        }
        self.wrote_separator();
        Ok(())
    }

    /// Copies the numbers between braces, and the closing brace.
    fn counts(&mut self) -> Result<(), Error> {
        let (mut digits, mut commas) = (0, 0);
        while let Some(Token { char, quoted: false }) = self.next() {
            self.out.push(char);
            match char {
                '0'..='9' => digits += 1,
                ',' if digits > 0 && commas == 0 => commas += 1,
                '}' if digits > 0 => return Ok(()),
                _ => break,
            }
        }
        Err(self.error("malformed repetition count"))
    }

    fn push_literal(&mut self, char: char) {
        if self.flags.ignore_case && char.is_ascii_alphabetic() {
            self.out.push('[');
            self.out.push(char.to_ascii_lowercase());
            self.out.push(char.to_ascii_uppercase());
            self.out.push(']');
            self.wrote_atom();
        } else {
            self.push_char(char);
            self.repeatable = true;
            if let Some(literal) = &mut self.literal {
                literal.push(char);
            }
        }
    }

    /// Writes a character so that it means itself, in brackets and outside.
    fn push_char(&mut self, char: char) {
        if char.is_ascii_alphanumeric() {
            self.out.push(char);
        } else {
            self.out.extend(char.escape_unicode());
        }
    }

    fn push_atom(&mut self, atom: &str) {
        self.out.push_str(atom);
        self.wrote_atom();
    }

    fn wrote_atom(&mut self) {
        self.literal = None;
        self.repeatable = true;
    }

    fn wrote_separator(&mut self) {
        self.literal = None;
        self.repeatable = false;
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).copied()?;
        self.at += 1;
        Some(token)
    }

    /// The character `ahead` of the next one, unless it is quoted.
    fn peek(&self, ahead: usize) -> Option<char> {
        let token = self.tokens.get(self.at + ahead)?;
        (!token.quoted).then_some(token.char)
    }

    /// Goes past the next character if it is this one.
    fn eat(&mut self, char: char) -> bool {
        let found = self.peek(0) == Some(char);
        self.at += usize::from(found);
        found
    }

    fn error(&self, what: &str) -> Error {
        let near: String = self.java.chars().take(self.at).collect();
        Error::Syntax(format!("{what} at the end of `{near}`"))
    }
}

#[cfg(test)]
mod tests;
