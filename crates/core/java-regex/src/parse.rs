//! From the text of a Java regular expression to its tree.
//!
//! `group` reads what stands in parentheses, `class` what stands in brackets, `escape` what follows
//! a backslash and `property` the names of sets of characters.

use std::collections::BTreeMap;

use super::error::PatternError;
use super::escape::Escaped;
use super::machine::is_terminator;
use super::node::{Assertion, Class, Fold, Greed, Node};

/// A repetition count that a person would write.
const COUNT_MAX: u32 = 10_000;

/// `.` as Java has it: anything but a line terminator.
const DOT: &str = r"[^\n\r\x{85}\x{2028}\x{2029}]";
/// `.` under `(?d)`.
const DOT_UNIX_LINES: &str = r"[^\n]";
/// `.` under `(?s)`.
const DOT_ALL: &str = r"[\x{0}-\x{10FFFF}]";
/// A single line terminator of `\R`.
const LINE_BREAK: &str = r"[\n\x0B\f\r\x{85}\x{2028}\x{2029}]";

/// A pattern as a tree.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) node: Node,
    /// How many groups capture.
    pub(super) groups: usize,
    /// The groups that have names.
    pub(super) names: Vec<(String, usize)>,
}

/// The flags that can be set within a pattern.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in Java")]
pub(super) struct Flags {
    /// `x`
    pub(super) comments: bool,
    /// `s`
    pub(super) dot_all: bool,
    /// `i`
    pub(super) ignore_case: bool,
    /// `m`
    pub(super) multi_line: bool,
    /// `u`
    pub(super) unicode_case: bool,
    /// `U`
    pub(super) unicode_classes: bool,
    /// `d`
    pub(super) unix_lines: bool,
}

/// Reads a pattern.
///
/// # Errors
/// It is not a Java regular expression, or it has something unsupported.
pub(super) fn parse(java: &str, flags: Flags) -> Result<Tree, PatternError> {
    let mut parser =
        Parser { tokens: tokens(java), at: 0, flags, depth: 0, groups: 0, names: BTreeMap::new() };
    let node = parser.alternatives()?;
    if parser.at < parser.tokens.len() {
        parser.at += 1;
        return Err(parser.error("unmatched closing parenthesis"));
    }
    let mut names: Vec<(String, usize)> = parser.names.into_iter().collect();
    names.sort_by_key(|(_, group)| *group);
    Ok(Tree { node, groups: parser.groups, names })
}

/// A character of the pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) char: char,
    /// It stood between `\Q` and `\E` and means itself.
    pub(super) quoted: bool,
    /// Its place in the pattern, in characters from 0.
    place: usize,
}

/// Takes the quoting with `\Q` and `\E` out of a pattern.
fn tokens(java: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(java.len());
    let mut quoted = false;
    let mut chars = java.chars().enumerate().peekable();
    while let Some((place, char)) = chars.next() {
        let mut follows = |wanted: char| chars.next_if(|(_, next)| *next == wanted).is_some();
        match (char, quoted) {
            ('\\', true) if follows('E') => quoted = false,
            ('\\', false) if follows('Q') => quoted = true,
            ('\\', false) => {
                let escaped = [Some((place, char)), chars.next()].into_iter().flatten();
                tokens.extend(escaped.map(|(place, char)| Token { char, quoted, place }));
            }
            _ => tokens.push(Token { char, quoted, place }),
        }
    }
    tokens
}

/// Walks over a pattern.
#[derive(Debug)]
pub(super) struct Parser {
    tokens: Vec<Token>,
    pub(super) at: usize,
    pub(super) flags: Flags,
    /// How many groups are open.
    pub(super) depth: usize,
    /// How many groups that capture were opened.
    pub(super) groups: usize,
    pub(super) names: BTreeMap<String, usize>,
}

impl Parser {
    /// Everything up to the end of the group.
    pub(super) fn alternatives(&mut self) -> Result<Node, PatternError> {
        let mut alternatives = Vec::new();
        loop {
            let concat = self.concat()?;
            if !self.eat('|') {
                if alternatives.is_empty() {
                    return Ok(concat);
                }
                alternatives.push(concat);
                return Ok(Node::Alternatives(alternatives));
            }
            alternatives.push(concat);
        }
    }

    fn concat(&mut self) -> Result<Node, PatternError> {
        let mut nodes = Vec::new();
        loop {
            self.skip_comments();
            let Some(token) = self.tokens.get(self.at).copied() else { break };
            if !token.quoted && matches!(token.char, '|' | ')') {
                break;
            }
            self.at += 1;
            if let Some(atom) = self.atom(token)? {
                nodes.push(self.quantified(atom)?);
            }
        }
        match nodes.len() {
            1 => Ok(nodes.remove(0)),
            _ => Ok(Node::Concat(nodes)),
        }
    }

    /// What begins with this token; nothing, if it only set flags.
    fn atom(&mut self, token: Token) -> Result<Option<Node>, PatternError> {
        let (unix, multi_line) = (self.flags.unix_lines, self.flags.multi_line);
        let node = match token.char {
            char if token.quoted => self.literal(char)?,
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => return self.group(),
            '*' | '+' | '?' | '{' => {
                return Err(self.error(&format!("nothing to repeat before `{}`", token.char)));
            }
            '.' => self.set(match self.flags {
                Flags { dot_all: true, .. } => DOT_ALL,
                Flags { unix_lines: true, .. } => DOT_UNIX_LINES,
                Flags { .. } => DOT,
            })?,
            '^' if multi_line => Node::Assertion(Assertion::LineStart { unix }),
            '^' => Node::Assertion(Assertion::TextStart),
            '$' if multi_line => Node::Assertion(Assertion::LineEnd { unix }),
            '$' => Node::Assertion(Assertion::FinalEnd { unix }),
            char => self.literal(char)?,
        };
        Ok(Some(node))
    }

    /// What a backslash outside of brackets means.
    fn escape(&mut self) -> Result<Node, PatternError> {
        let (unix, unicode) = (self.flags.unix_lines, self.flags.unicode_classes);
        match self.escaped()? {
            Escaped::Char(char) => self.literal(char),
            Escaped::Class(class) => self.set(&class),
            Escaped::Letter(letter) => {
                let assertion = match letter {
                    'A' => Assertion::TextStart,
                    'B' => Assertion::WordBoundary { negative: true, unicode },
                    'G' => Assertion::SearchStart,
                    'Z' => Assertion::FinalEnd { unix },
                    'b' if self.peek(0) == Some('{') => {
                        return Err(self.unsupported("a boundary of another kind `\\b{`"));
                    }
                    'b' => Assertion::WordBoundary { negative: false, unicode },
                    'z' => Assertion::TextEnd,
                    'R' => return self.line_break(),
                    'k' => return self.named_reference(),
                    '1'..='9' => return Ok(self.numbered_reference(letter)),
                    'X' => return Err(self.unsupported("a grapheme cluster `\\X`")),
                    'N' => return Err(self.unsupported("a character by its name `\\N`")),
                    letter => {
                        return Err(self.error(&format!("unknown escape `\\{letter}`")));
                    }
                };
                Ok(Node::Assertion(assertion))
            }
        }
    }

    fn line_break(&mut self) -> Result<Node, PatternError> {
        let both = Node::Concat(vec![Node::Literal('\r'), Node::Literal('\n')]);
        let either = Node::Alternatives(vec![both, self.set(LINE_BREAK)?]);
        self.skip_comments();
        // Java gives nothing back of a line break that repeats.
        let repeats = matches!(self.peek(0), Some('*' | '+' | '?' | '{'));
        Ok(if repeats { Node::Atomic(Box::new(either)) } else { either })
    }

    pub(super) fn fold(&self) -> Fold {
        match self.flags {
            Flags { ignore_case: true, unicode_case: true, .. } => Fold::Unicode,
            Flags { ignore_case: true, .. } => Fold::Ascii,
            Flags { .. } => Fold::None,
        }
    }

    /// The atom with the quantifiers that follow it.
    fn quantified(&mut self, atom: Node) -> Result<Node, PatternError> {
        self.skip_comments();
        let (min, max) = match self.peek(0) {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.at += 1;
                let counts = self.counts()?;
                return Ok(self.repeat(atom, counts));
            }
            _ => return Ok(atom),
        };
        self.at += 1;
        Ok(self.repeat(atom, (min, max)))
    }

    fn repeat(&mut self, atom: Node, (min, max): (u32, Option<u32>)) -> Node {
        let greed = if self.eat('+') {
            Greed::Possessive
        } else if self.eat('?') {
            Greed::Lazy
        } else {
            Greed::Greedy
        };
        let (atom, max) = match (atom, greed) {
            // Java takes back what such a group holds when it matched nothing.
            (atom @ Node::Group { .. }, Greed::Greedy)
                if min == 0 && max != Some(1) && atom.is_always_empty() =>
            {
                (atom, Some(0))
            }
            (atom, _) => (atom, max),
        };
        Node::Repeat { node: Box::new(atom), min, max, greed }
    }

    /// The numbers between braces, and the closing brace.
    fn counts(&mut self) -> Result<(u32, Option<u32>), PatternError> {
        let min = self.count()?;
        let max = if self.eat(',') {
            if self.peek(0) == Some('}') { None } else { Some(self.count()?) }
        } else {
            Some(min)
        };
        if !self.eat('}') {
            return Err(self.error("malformed repetition count"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.error("repetition count with the greater number first"));
        }
        Ok((min, max))
    }

    fn count(&mut self) -> Result<u32, PatternError> {
        let mut count = None;
        while let Some(digit) = self.digit(10) {
            count = Some(count.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit));
        }
        match count {
            None => Err(self.error("malformed repetition count")),
            Some(count) if count > COUNT_MAX => {
                Err(PatternError::TooLarge { what: format!("{count} repetitions") })
            }
            Some(count) => Ok(count),
        }
    }

    /// A character that means itself, or one of its two cases.
    fn literal(&mut self, char: char) -> Result<Node, PatternError> {
        match self.fold() {
            Fold::Ascii if char.is_ascii_alphabetic() => {
                let (lower, upper) = (char.to_ascii_lowercase(), char.to_ascii_uppercase());
                self.set(&format!("[{lower}{upper}]"))
            }
            Fold::Unicode => {
                let mut text = "[".to_owned();
                super::fold::push_same(char, &mut text);
                text.push(']');
                self.set(&text)
            }
            Fold::Ascii | Fold::None => Ok(Node::Literal(char)),
        }
    }

    /// A set of characters in the syntax of the `regex` crate.
    pub(super) fn set(&self, text: &str) -> Result<Node, PatternError> {
        let ranges = super::class::ranges_of(text)
            .ok_or_else(|| self.error(&format!("unknown set of characters `{text}`")))?;
        Ok(Node::Class(Class { text: text.to_owned(), ranges }))
    }

    /// Goes past white space and comments where the flag `x` says that they are none.
    pub(super) fn skip_comments(&mut self) {
        while self.flags.comments
            && let Some(char) = self.peek(0)
            && (matches!(char, ' ' | '\t'..='\r') || char == '#')
        {
            self.at += 1;
            let unix = self.flags.unix_lines;
            let ends = |char: char| char == '\n' || !unix && is_terminator(char);
            if char == '#' {
                while self.peek(0).is_some_and(|char| !ends(char)) {
                    self.at += 1;
                }
            }
        }
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).copied()?;
        self.at += 1;
        Some(token)
    }

    /// The character `ahead` of the next one, unless it is quoted.
    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        let token = self.tokens.get(self.at + ahead)?;
        (!token.quoted).then_some(token.char)
    }

    /// Goes past the next character if it is this one, and past comments before it.
    pub(super) fn eat(&mut self, char: char) -> bool {
        self.skip_comments();
        let found = self.peek(0) == Some(char);
        self.at += usize::from(found);
        found
    }

    /// The value of the next character, if it is a digit; goes past it.
    pub(super) fn digit(&mut self, radix: u32) -> Option<u32> {
        self.skip_comments();
        let digit = self.peek(0)?.to_digit(radix)?;
        self.at += 1;
        Some(digit)
    }

    pub(super) fn error(&self, what: &str) -> PatternError {
        PatternError::Syntax { what: what.to_owned(), position: self.position() }
    }

    pub(super) fn unsupported(&self, construct: &str) -> PatternError {
        PatternError::Unsupported { construct: construct.to_owned(), position: self.position() }
    }

    /// The place of the character that was read last, from 1.
    fn position(&self) -> usize {
        let last = self.at.min(self.tokens.len()).checked_sub(1);
        last.and_then(|last| self.tokens.get(last)).map_or(1, |token| token.place + 1)
    }
}
