//! Groups of a Java regular expression, of every kind, and references to them.

use super::error::PatternError;
use super::node::Node;
use super::parse::{Flags, Parser};

/// Groups within groups, at most.
const DEPTH_MAX: usize = 100;

impl Parser {
    /// What follows an opening parenthesis.
    pub(super) fn group(&mut self) -> Result<Option<Node>, PatternError> {
        let outer = self.flags;
        if !self.eat('?') {
            return self.capture(None, outer).map(Some);
        }
        let opening = self.at;
        let Some(kind) = self.next() else { return Err(self.error("unclosed group")) };
        match kind.char {
            '=' => self.look(false, false, outer).map(Some),
            '!' => self.look(false, true, outer).map(Some),
            '>' => Ok(Some(Node::Atomic(Box::new(self.rest_of_group(outer)?)))),
            '<' if self.eat('=') => self.look(true, false, outer).map(Some),
            '<' if self.eat('!') => self.look(true, true, outer).map(Some),
            '<' => {
                let Some(first) = self.next().filter(|token| token.char.is_ascii_alphabetic())
                else {
                    return Err(self.error("the name of a group begins with a letter"));
                };
                let name = self.group_name(&first.char.to_string())?;
                if self.names.contains_key(&name) {
                    return Err(self.error(&format!("duplicate group name `{name}`")));
                }
                self.capture(Some(name), outer).map(Some)
            }
            _ => {
                self.at = opening;
                if self.group_flags()? { self.rest_of_group(outer).map(Some) } else { Ok(None) }
            }
        }
    }

    fn capture(&mut self, name: Option<String>, outer: Flags) -> Result<Node, PatternError> {
        self.groups += 1;
        let index = self.groups;
        if let Some(name) = name {
            self.names.insert(name, index);
        }
        Ok(Node::Group { index, node: Box::new(self.rest_of_group(outer)?) })
    }

    fn look(&mut self, behind: bool, negative: bool, outer: Flags) -> Result<Node, PatternError> {
        let node = Box::new(self.rest_of_group(outer)?);
        let lengths = match node.lengths() {
            (min, Some(max)) => (min, max),
            (_, None) if behind => {
                return Err(self.error("look-behind without a maximum length"));
            }
            (min, None) => (min, usize::MAX),
        };
        Ok(Node::Look { behind, negative, lengths, node })
    }

    /// The inside of a group and its closing parenthesis; flags end with it.
    fn rest_of_group(&mut self, outer: Flags) -> Result<Node, PatternError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("too many groups within groups"));
        }
        let node = self.alternatives()?;
        if !self.eat(')') {
            return Err(self.error("unclosed group"));
        }
        self.depth -= 1;
        self.flags = outer;
        Ok(node)
    }

    fn group_name(&mut self, start: &str) -> Result<String, PatternError> {
        let mut name = start.to_owned();
        while let Some(token) = self.next() {
            match token.char {
                '>' if !name.is_empty() => return Ok(name),
                char if char.is_ascii_alphanumeric() => name.push(char),
                _ => break,
            }
        }
        Err(self.error("malformed name of a group"))
    }

    /// Reads what follows `(?`: flags, then a colon (true) or the end of the group (false).
    fn group_flags(&mut self) -> Result<bool, PatternError> {
        let mut on = true;
        while let Some(token) = self.next() {
            match token.char {
                ':' => return Ok(true),
                ')' => return Ok(false),
                '-' => on = false,
                'd' => self.flags.unix_lines = on,
                'i' => self.flags.ignore_case = on,
                'm' => self.flags.multi_line = on,
                's' => self.flags.dot_all = on,
                'u' => self.flags.unicode_case = on,
                'U' => {
                    self.flags.unicode_classes = on;
                    self.flags.unicode_case = on;
                }
                'x' => self.flags.comments = on,
                flag => return Err(self.error(&format!("unknown flag `{flag}`"))),
            }
        }
        Err(self.error("unclosed group"))
    }

    /// `\N`, with as many more digits as still name a group that was opened.
    pub(super) fn numbered_reference(&mut self, digit: char) -> Node {
        let mut group = digit.to_digit(10).unwrap_or_default() as usize;
        while let Some(digit) = self.peek(0).and_then(|char| char.to_digit(10)) {
            let longer = group * 10 + digit as usize;
            if longer > self.groups {
                break;
            }
            group = longer;
            self.at += 1;
        }
        Node::BackReference { group, fold: self.fold() }
    }

    pub(super) fn named_reference(&mut self) -> Result<Node, PatternError> {
        if !self.eat('<') {
            return Err(self.error("`\\k` without the name of a group"));
        }
        let name = self.group_name("")?;
        match self.names.get(&name) {
            Some(&group) => Ok(Node::BackReference { group, fold: self.fold() }),
            None => Err(self.error(&format!("no group named `{name}`"))),
        }
    }
}
